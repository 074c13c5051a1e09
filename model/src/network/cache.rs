//! Decoding step by step: keys and values of the places before are kept, so that a step costs one place.
//!
//! Rows are hypotheses; those of one memory lie together and share its keys. `PAD` is invisible to
//! everything after it in its row and takes no position, so that sequences of different lengths can share
//! a batch.

use tch::{Kind, Tensor};

use super::attention::{Seen, causal};
use super::{Memory, Network};
use crate::vocabulary::{FIRST_BIN, PAD};

/// Places that a cache grows by.
const GROWTH: i64 = 16;

/// The state of rows that are being decoded.
pub(crate) struct Cache {
    /// Keys and values a layer, `[rows, heads, capacity, width]`, of which `used` places are filled.
    layers: Vec<(Tensor, Tensor)>,
    used: i64,
    /// 0 for a place that later ones may see, −∞ for padding: `[rows, used]`.
    visible: Tensor,
    /// Skeleton places (with `BOS`) and constants so far: `[rows, 2]`.
    counts: Tensor,
    memory: Memory,
}

impl Cache {
    /// Rows that are being decoded.
    pub(crate) fn rows(&self) -> i64 {
        self.counts.size()[0]
    }
}

/// Positions of the places of `ids` (`[rows, places]`), given the counts of those before (`[rows, 2]`),
/// and the counts after them. `BOS` and skeleton tokens have 0, 1, …; constants `max_tokens + 1` and on.
pub(super) fn positions_of(
    ids: &Tensor,
    before: Option<&Tensor>,
    max_tokens: i64,
) -> (Tensor, Tensor) {
    let constant = ids.ge(i64::from(FIRST_BIN));
    let skeleton = ids.not_equal(i64::from(PAD)).logical_xor(&constant);
    let count = |what: &Tensor, column: i64| {
        let count = what.cumsum(1, Kind::Int64);
        match before {
            Some(before) => count + before.narrow(1, column, 1),
            None => count,
        }
    };
    let (tokens, constants) = (count(&skeleton, 0), count(&constant, 1));
    let after = Tensor::cat(
        &[
            tokens.narrow(1, ids.size()[1] - 1, 1),
            constants.narrow(1, ids.size()[1] - 1, 1),
        ],
        1,
    );
    let position = (tokens - 1).clamp(0, max_tokens).where_self(
        &constant.logical_not(),
        &(constants + max_tokens).clamp(0, 2 * max_tokens),
    );
    (position, after)
}

impl Network {
    /// Begins to decode: `rows_per_memory` empty rows for each memory.
    pub(crate) fn start(&self, memory: &Memory, rows_per_memory: i64) -> Cache {
        let rows = memory.memories * rows_per_memory;
        let device = self.device();
        let empty = || {
            let size = [rows, self.heads(), GROWTH, self.head_width()];
            Tensor::zeros(size, (self.kind(), device))
        };
        Cache {
            layers: memory.cross.iter().map(|_| (empty(), empty())).collect(),
            used: 0,
            visible: Tensor::zeros([rows, 0], (Kind::Float, device)),
            counts: Tensor::zeros([rows, 2], (Kind::Int64, device)),
            memory: memory.share(),
        }
    }

    /// Feeds `[rows, places]` more ids (64-bit), each with the weight of the next higher id (32 bits).
    /// Returns the logits after the last place, `[rows, vocabulary]`, 32 bits.
    pub(crate) fn step(&self, cache: &mut Cache, ids: &Tensor, upper: &Tensor) -> Tensor {
        let max_tokens = self.config.max_tokens as i64;
        let (positions, counts) = positions_of(ids, Some(&cache.counts), max_tokens);
        cache.counts = counts;
        let places = ids.size()[1];
        let (from, to) = (cache.used, cache.used + places);
        cache.used = to;
        let padding = Tensor::zeros(ids.size().as_slice(), (Kind::Float, self.device()))
            .masked_fill(&ids.eq(i64::from(PAD)), f64::NEG_INFINITY);
        cache.visible = Tensor::cat(&[&cache.visible, &padding], 1);
        let mask = cache.visible.unsqueeze(1) + causal(places, to, self.device());
        let mask = mask.unsqueeze(1);

        let mut x = self.embed(ids, upper, &positions);
        let blocks = self.handles.decoder.iter().zip(&cache.memory.cross);
        for ((block, cross), (keys, values)) in blocks.zip(&mut cache.layers) {
            x = self.self_attention(x, &block.attention, |q, k, v| {
                for (kept, new) in [(&mut *keys, k), (&mut *values, v)] {
                    make_room(kept, to);
                    kept.narrow(2, from, places).copy_(&new);
                }
                let (k, v) = (keys.narrow(2, 0, to), values.narrow(2, 0, to));
                self.attend(q, k, v, Seen::Masked(&mask))
            });
            x = self.cross_attention(x, &block.cross, cross, &cache.memory);
            x = self.feed_forward(x, &block.feed_forward);
        }
        self.logits(&x.select(1, places - 1))
    }

    /// Lets new row `i` continue old row `rows[i]` (64-bit indices). Any number of rows, as long as
    /// those of one memory lie together and each memory has as many.
    pub(crate) fn reorder(&self, cache: &mut Cache, rows: &Tensor) {
        let rows = rows.to_device(self.device());
        let (used, total) = (cache.used, rows.size()[0]);
        for (keys, values) in &mut cache.layers {
            for kept in [keys, values] {
                let filled = kept.narrow(2, 0, used).index_select(0, &rows);
                let size = [total, self.heads(), used + GROWTH, self.head_width()];
                *kept = Tensor::zeros(size, (self.kind(), self.device()));
                kept.narrow(2, 0, used).copy_(&filled);
            }
        }
        cache.visible = cache.visible.index_select(0, &rows);
        cache.counts = cache.counts.index_select(0, &rows);
    }
}

/// Grows the third axis to at least `places`.
fn make_room(kept: &mut Tensor, places: i64) {
    let mut size = kept.size();
    if size[2] >= places {
        return;
    }
    size[2] = places + GROWTH - size[2];
    *kept = Tensor::cat(
        &[&*kept, &kept.new_zeros(size, (kept.kind(), kept.device()))],
        2,
    );
}

impl Memory {
    /// The same memory once more; nothing is copied.
    fn share(&self) -> Memory {
        Memory {
            cross: self
                .cross
                .iter()
                .map(|(k, v)| (k.shallow_clone(), v.shallow_clone()))
                .collect(),
            mask: self.mask.as_ref().map(Tensor::shallow_clone),
            memories: self.memories,
        }
    }
}
