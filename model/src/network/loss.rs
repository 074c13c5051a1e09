//! What the network is trained to lower: cross-entropy of the skeleton's tokens, and of the constants
//! against their two bins, each place predicted from the true places before it.

use tch::{Device, Kind, Tensor};

use super::attention::Seen;
use super::cache::positions_of;
use super::{Memory, Network};
use crate::device;

/// Target sequences of a batch, on the host. Rows are padded at their end; what is to be predicted is
/// listed apart, so that padding costs no logits.
pub(crate) struct TargetBatch {
    /// What the decoder is fed, `[rows, places]`, 64-bit ids.
    pub(crate) ids: Tensor,
    /// Weight of the next higher id, `[rows, places]`, 32 bits.
    pub(crate) upper: Tensor,
    /// Place of each prediction in the flattened `[rows · places]`; skeleton tokens first, then constants.
    pub(crate) places: Tensor,
    /// What is to be predicted there: the id, and the weight of the next higher one.
    pub(crate) target: Tensor,
    /// See `target`.
    pub(crate) target_upper: Tensor,
    /// How many of the predictions are skeleton tokens.
    pub(crate) skeleton_tokens: i64,
}

/// Cross-entropies of a batch.
pub(crate) struct Losses {
    /// Summed over skeleton tokens and over constants: two numbers, on the device, without gradient.
    pub(crate) sums: Tensor,
    /// Tokens and constants of the batch.
    pub(crate) counts: [i64; 2],
}

impl TargetBatch {
    /// The batch on another device.
    fn on(&self, device: Device) -> TargetBatch {
        TargetBatch {
            ids: device::send(&self.ids, device),
            upper: device::send(&self.upper, device),
            places: device::send(&self.places, device),
            target: device::send(&self.target, device),
            target_upper: device::send(&self.target_upper, device),
            skeleton_tokens: self.skeleton_tokens,
        }
    }

    /// Tokens and constants that are to be predicted.
    pub(crate) fn counts(&self) -> [i64; 2] {
        let all = self.target.size()[0];
        [self.skeleton_tokens, all - self.skeleton_tokens]
    }
}

impl Network {
    /// The decoder's residual stream after its last block at all places: `[rows, places, d_model]`.
    pub(crate) fn decode(&self, memory: &Memory, ids: &Tensor, upper: &Tensor) -> Tensor {
        let (positions, _) = positions_of(ids, None, self.config.max_tokens as i64);
        let mut x = self.embed(ids, upper, &positions);
        for (block, cross) in self.handles.decoder.iter().zip(&memory.cross) {
            x = self.self_attention(x, &block.attention, |q, k, v| {
                self.attend(q, k, v, Seen::Before)
            });
            x = self.cross_attention(x, &block.cross, cross, memory);
            x = self.feed_forward(x, &block.feed_forward);
        }
        x
    }

    /// Logits of the listed predictions, `[predictions, vocabulary]`.
    pub(crate) fn predictions(&self, memory: &Memory, batch: &TargetBatch) -> Tensor {
        let hidden = self.decode(memory, &batch.ids, &batch.upper);
        let chosen = hidden
            .view([-1, self.config.d_model as i64])
            .index_select(0, &batch.places);
        self.logits(&chosen)
    }

    /// What training lowers, nats a skeleton token, of which a constant counts `constants_weight` times
    /// as much; and what it is made of. `tokens` are the skeleton tokens of the whole step, of which the
    /// batch may be a part: the step's loss is then the sum over its parts.
    pub(crate) fn loss(
        &self,
        memory: &Memory,
        batch: &TargetBatch,
        constants_weight: f64,
        tokens: i64,
    ) -> (Tensor, Losses) {
        let batch = batch.on(self.device());
        let logits = self.predictions(memory, &batch);
        let counts = batch.counts();
        let [skeleton, constants] = sums(&cross_entropy(&logits, &batch), counts);
        let total = (&skeleton + &constants * constants_weight) / tokens.max(1);
        let sums = Tensor::stack(&[skeleton, constants], 0).detach();
        (total, Losses { sums, counts })
    }

    /// Losses, and for each row whether every skeleton token is the most likely one given those before
    /// it, which is to say that greedy decoding finds the skeleton.
    pub(crate) fn evaluate(&self, memory: &Memory, batch: &TargetBatch) -> (Losses, Tensor) {
        let batch = batch.on(self.device());
        let logits = self.predictions(memory, &batch);
        let counts = batch.counts();
        let size = batch.ids.size();
        let skeleton = |t: &Tensor| t.narrow(0, 0, counts[0]);
        let wrong = skeleton(&logits)
            .argmax(-1, false)
            .not_equal_tensor(&skeleton(&batch.target))
            .to_kind(Kind::Float);
        let row = skeleton(&batch.places).divide_scalar_mode(size[1], "floor");
        let right = Tensor::zeros([size[0]], (Kind::Float, self.device()))
            .index_add(0, &row, &wrong)
            .eq(0.0);
        let sums = sums(&cross_entropy(&logits, &batch), counts);
        let sums = Tensor::stack(&sums, 0).detach();
        (Losses { sums, counts }, right)
    }
}

/// Sums over the first `counts[0]` numbers and over the `counts[1]` after them.
fn sums(entropies: &Tensor, [tokens, constants]: [i64; 2]) -> [Tensor; 2] {
    [
        entropies.narrow(0, 0, tokens).sum(Kind::Float),
        entropies.narrow(0, tokens, constants).sum(Kind::Float),
    ]
}

/// `−(1−w)·log p[id] − w·log p[id+1]`, one number a prediction.
fn cross_entropy(logits: &Tensor, batch: &TargetBatch) -> Tensor {
    let log_p = logits.log_softmax(-1, Kind::Float);
    let last = logits.size()[1] - 1;
    let pair = Tensor::stack(&[&batch.target, &(&batch.target + 1).clamp_max(last)], 1);
    let log_p = log_p.gather(1, &pair, false);
    let upper = &batch.target_upper;
    let mean: Tensor = log_p.select(1, 0) * (1.0 - upper) + log_p.select(1, 1) * upper;
    -mean
}
