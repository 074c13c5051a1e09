//! The network: a pre-norm encoder–decoder transformer (Vaswani et al., 2017), from observed points to a
//! law's tokens.
//!
//! The encoder's tokens carry their times as features and no positions: it is a function of a set. The
//! decoder's positions are learned; a constant's position is its slot's number, whatever the length of
//! the skeleton before it. One softmax spans the whole vocabulary; a constant is read and predicted as
//! two weights on neighbouring bins.
//!
//! Residual stream, softmax and loss are in 32 bits, matrix products in the parameters' number type, and what norms
//! read and give is so in training, else in 32 bits; their sums are in 32 bits always.
//! Training spends much of its time on passes over memory, so there what can be folded into the matrices is
//! (see `folded`).
//!
//! Here: the encoder, and the parts that training and decoding share. Attention itself is in
//! [`attention`], the parameters' shapes in `layout`, the loss in [`loss`], step-by-step decoding in [`cache`], the count of operations in [`cost`],
//! how a small one becomes a larger one in [`growth`].

pub(crate) mod attention;
pub(crate) mod cache;
pub(crate) mod cost;
pub(crate) mod growth;
mod layout;
pub(crate) mod loss;
#[cfg(test)]
mod tests;

use tch::{Device, Kind, Tensor};

use self::attention::{Attention, Seen};
use self::layout::{CrossAttention, FeedForward, Handles, SelfAttention, layout};
use crate::Error;
use crate::config::{ModelConfig, Valid};
use crate::device;
use crate::inputs::EncoderBatch;
use crate::parameters::{Id, Layout, Parameters};
use crate::parametrisation::Scale;

/// Added to the variance in a layer norm.
const NORM_EPSILON: f64 = 1e-5;

/// The encoder's output.
pub(crate) struct Memory {
    /// A layer of the decoder an entry: keys and values, `[memories, heads, tokens, d_model/heads]`.
    cross: Vec<(Tensor, Tensor)>,
    /// 0 or −∞, `[memories, 1, 1, tokens]`; none where every token is one.
    mask: Option<Tensor>,
    /// Number of memories.
    memories: i64,
}

/// The transformer with its weights.
pub(crate) struct Network {
    config: Valid<ModelConfig>,
    vocabulary: usize,
    scale: Scale,
    parameters: Parameters,
    handles: Handles,
    attention: Attention,
    /// Whether norms' gains and branches' factors multiply the matrices instead of the activations, of which there is
    /// more, and norms read the residual stream rounded to the products' number type, as they round what they give. The
    /// same function but for rounding: less work for a batch, more for a few rows.
    folded: bool,
}

impl Network {
    /// The names, shapes and places of the parameters of such a network.
    pub(crate) fn layout(config: &ModelConfig, vocabulary: usize) -> Layout {
        layout(config, vocabulary).0
    }

    /// A network with the weights `values`, flat as [`Network::layout`] says.
    pub(crate) fn new(
        config: Valid<ModelConfig>,
        vocabulary: usize,
        values: &[f32],
        device: Device,
        kind: Kind,
        trainable: bool,
    ) -> Result<Network, Error> {
        let (layout, handles) = layout(&config, vocabulary);
        let parameters = Parameters::new(layout, values, device, kind, trainable)?;
        Ok(Network {
            scale: Scale::of(&config),
            config,
            vocabulary,
            parameters,
            handles,
            attention: Attention::on(device),
            folded: trainable,
        })
    }

    /// The same network, computing attention that way.
    pub(crate) fn attending(self, attention: Attention) -> Network {
        Network { attention, ..self }
    }

    /// The shape.
    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Number of ids that the head gives logits for.
    pub(crate) fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The weights.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The weights, for the optimizer.
    pub(crate) fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.parameters
    }

    /// The device that the weights are on.
    pub(crate) fn device(&self) -> Device {
        self.parameters.device()
    }

    fn kind(&self) -> Kind {
        self.parameters.kind()
    }

    fn heads(&self) -> i64 {
        self.config.heads as i64
    }

    fn head_width(&self) -> i64 {
        (self.config.d_model / self.config.heads) as i64
    }

    /// Reads observations: `[memories, tokens, features]` → [`Memory`].
    pub(crate) fn encode(&self, batch: &EncoderBatch) -> Memory {
        let (x, mask) = self.encoded(batch);
        let h = &self.handles;
        let memory = self.norm(&x, h.encoder_norm);
        let cross = h
            .decoder
            .iter()
            .map(|block| {
                let [k, v] = take(self.split(&memory, h.encoder_norm, block.cross.kv, 2));
                (k, v)
            })
            .collect();
        Memory {
            cross,
            mask,
            memories: x.size()[0],
        }
    }

    /// The encoder's residual stream after its last block, `[memories, tokens, d_model]`, and the mask as in
    /// [`Memory`].
    pub(crate) fn encoded(&self, batch: &EncoderBatch) -> (Tensor, Option<Tensor>) {
        let mask = batch
            .mask
            .as_ref()
            .map(|mask| device::send(mask, self.device()).unsqueeze(1).unsqueeze(1));
        let h = &self.handles;
        let features = device::send(&batch.features, self.device());
        let mut x = features.linear(self.get(h.features), Some(self.get(h.features_bias)));
        for block in &h.encoder {
            x = self.self_attention(x, &block.attention, |q, k, v| {
                self.attend(q, k, v, Seen::by(mask.as_ref()))
            });
            x = self.feed_forward(x, &block.feed_forward);
        }
        (x, mask)
    }

    fn get(&self, id: Id) -> &Tensor {
        self.parameters.get(id)
    }

    /// Layer norm without bias, handed to the matrices that read it, see [`Network::read`].
    fn norm(&self, x: &Tensor, gain: Id) -> Tensor {
        let d = [self.config.d_model as i64];
        if self.folded {
            let none = None::<&Tensor>;
            x.to_kind(self.kind())
                .layer_norm(d, none, none, NORM_EPSILON, false)
        } else {
            x.layer_norm(d, Some(self.get(gain)), None, NORM_EPSILON, false)
                .to_kind(self.kind())
        }
    }

    /// What [`Network::norm`] gave, times the matrix.
    fn read(&self, x: &Tensor, gain: Id, weight: Id) -> Tensor {
        let none = None::<&Tensor>;
        if self.folded {
            let weight = self.get(weight) * self.get(gain);
            x.linear(&weight.to_kind(self.kind()), none)
        } else {
            x.linear(self.get(weight), none)
        }
    }

    /// `x + factor·added·Wᵀ`.
    fn branch(&self, x: &Tensor, added: &Tensor, weight: Id, factor: f64) -> Tensor {
        let none = None::<&Tensor>;
        let weight = self.get(weight);
        if factor == 1.0 {
            x + added.linear(weight, none)
        } else if self.folded {
            x + added.linear(&(weight * factor), none)
        } else {
            x + added.linear(weight, none) * factor
        }
    }

    /// [`Network::read`] cut in `parts`, each `[rows, heads, tokens, d/heads]`; contiguous where attention is written
    /// out, whose products would copy it otherwise.
    fn split(&self, x: &Tensor, gain: Id, weight: Id, parts: i64) -> Vec<Tensor> {
        let size = x.size();
        let split = self.read(x, gain, weight).view([
            size[0],
            size[1],
            parts,
            self.heads(),
            self.head_width(),
        ]);
        match self.attention {
            Attention::WrittenOut => split.permute([2, 0, 3, 1, 4]).contiguous().unbind(0),
            Attention::Fused | Attention::Efficient => {
                let parts = split.unbind(2).into_iter();
                parts.map(|part| part.transpose(1, 2)).collect()
            }
        }
    }

    /// Residual self-attention; `attend` does the attention itself, so that a cache can step in.
    fn self_attention(
        &self,
        x: Tensor,
        part: &SelfAttention,
        attend: impl FnOnce(&Tensor, Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let [q, k, v] = take(self.split(&self.norm(&x, part.norm), part.norm, part.qkv, 3));
        let mixed = attend(&q, k, v);
        self.branch(&x, &mixed, part.out, part.branch)
    }

    /// Residual attention to the encoder's output. `x` has as many rows as there are memories, or a
    /// multiple of it, grouped by memory.
    fn cross_attention(
        &self,
        x: Tensor,
        part: &CrossAttention,
        (keys, values): &(Tensor, Tensor),
        memory: &Memory,
    ) -> Tensor {
        let size = x.size();
        let (rows, tokens, d) = (size[0], size[1], size[2]);
        let memories = memory.memories;
        // the rows of one memory are more queries to the same keys
        let queries = self
            .read(&self.norm(&x, part.norm), part.norm, part.query)
            .view([
                memories,
                rows / memories * tokens,
                self.heads(),
                self.head_width(),
            ])
            .transpose(1, 2);
        let queries = match self.attention {
            Attention::WrittenOut => queries.contiguous(),
            Attention::Fused | Attention::Efficient => queries,
        };
        let mixed = self
            .attend(
                &queries,
                keys.shallow_clone(),
                values.shallow_clone(),
                Seen::by(memory.mask.as_ref()),
            )
            .reshape([rows, tokens, d]);
        self.branch(&x, &mixed, part.out, part.branch)
    }

    /// [`Attention`] with its factor as [`Scale`] says: `[rows, heads, queries, width]` → `[rows, queries, d_model]`.
    fn attend(&self, q: &Tensor, k: Tensor, v: Tensor, seen: Seen) -> Tensor {
        let size = q.size();
        let mixed = match self
            .attention
            .attend(q, &k, &v, seen, self.scale.attention())
        {
            Ok(mixed) => mixed,
            // as tch's own operations do
            Err(error) => panic!("attention: {error}"),
        };
        mixed
            .transpose(1, 2)
            .reshape([size[0], size[2], self.config.d_model as i64])
    }

    /// Residual feed-forward part, GELU between its matrices.
    fn feed_forward(&self, x: Tensor, part: &FeedForward) -> Tensor {
        let hidden = self
            .read(&self.norm(&x, part.norm), part.norm, part.up)
            .gelu("none");
        self.branch(&x, &hidden, part.down, part.branch)
    }

    /// What the decoder is fed at each place: token, interpolated with its upper neighbour, and position.
    /// All arguments `[rows, places]`; the result `[rows, places, d_model]`, 32 bits.
    fn embed(&self, ids: &Tensor, upper: &Tensor, positions: &Tensor) -> Tensor {
        let table = self.get(self.handles.tokens);
        let last = self.vocabulary as i64 - 1;
        let look = |ids: &Tensor| Tensor::embedding(table, ids, -1, false, false);
        let pair = look(&Tensor::stack(&[ids, &(ids + 1).clamp_max(last)], 0));
        let upper = upper.unsqueeze(-1);
        let tokens = pair.select(0, 0) * (1.0 - &upper) + pair.select(0, 1) * upper;
        let place = self.get(self.handles.positions);
        tokens + Tensor::embedding(place, positions, -1, false, false)
    }

    /// The head's logits, 32 bits.
    fn logits(&self, x: &Tensor) -> Tensor {
        let norm = self.handles.decoder_norm;
        self.read(&self.norm(x, norm), norm, self.handles.head)
            .to_kind(Kind::Float)
    }
}

/// The `N` parts of a split; a split into `N` has `N` parts.
fn take<const N: usize>(parts: Vec<Tensor>) -> [Tensor; N] {
    match parts.try_into() {
        Ok(parts) => parts,
        Err(_) => unreachable!("a tensor is unbound along an axis of another length"),
    }
}
