//! The network: a pre-norm encoder–decoder transformer (Vaswani et al., 2017), from observed points to a
//! law's tokens.
//!
//! The encoder's tokens carry their times as features and no positions: it is a function of a set. The
//! decoder's positions are learned; a constant's position is its slot's number, whatever the length of
//! the skeleton before it. One softmax spans the whole vocabulary; a constant is read and predicted as
//! two weights on neighbouring bins.
//!
//! Attention is written out (product, softmax in 32 bits, product): on CPUs the fused kernel's backward
//! pass in 16 bits takes several times as long. Residual stream, norms, softmax and loss are in 32 bits;
//! matrix products in the parameters' number type.
//!
//! Here: the encoder, and the parts that training and decoding share. The parameters' shapes are in
//! `layout`, the loss in [`loss`], step-by-step decoding in [`cache`], the count of operations in [`cost`],
//! how a small one becomes a larger one in [`growth`].

pub(crate) mod cache;
pub(crate) mod cost;
pub(crate) mod growth;
mod layout;
pub(crate) mod loss;
#[cfg(test)]
mod tests;

use tch::{Device, Kind, Tensor};

use self::layout::{CrossAttention, FeedForward, Handles, SelfAttention, layout};
use crate::Error;
use crate::config::{ModelConfig, Valid};
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
        })
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
        let mask = batch
            .mask
            .as_ref()
            .map(|mask| mask.to_device(self.device()).unsqueeze(1).unsqueeze(1));
        let x = self.encoded(batch, mask.as_ref());
        let h = &self.handles;
        let memory = self.norm(&x, h.encoder_norm);
        let cross = h
            .decoder
            .iter()
            .map(|block| {
                let kv = self.split(&memory, block.cross.kv, 2);
                let [k, v] = take(kv);
                (k, v)
            })
            .collect();
        Memory {
            cross,
            mask,
            memories: x.size()[0],
        }
    }

    /// The encoder's residual stream after its last block, `[memories, tokens, d_model]`; `mask` as in
    /// [`Memory`].
    pub(crate) fn encoded(&self, batch: &EncoderBatch, mask: Option<&Tensor>) -> Tensor {
        let h = &self.handles;
        let features = batch.features.to_device(self.device());
        let mut x = features.linear(self.get(h.features), Some(self.get(h.features_bias)));
        for block in &h.encoder {
            x = self.self_attention(x, &block.attention, |q, k, v| self.attend(q, k, v, mask));
            x = self.feed_forward(x, &block.feed_forward);
        }
        x
    }

    fn get(&self, id: Id) -> &Tensor {
        self.parameters.get(id)
    }

    /// Layer norm without bias, in 32 bits, handed to the matrix products.
    fn norm(&self, x: &Tensor, gain: Id) -> Tensor {
        let d = [self.config.d_model as i64];
        x.layer_norm(d, Some(self.get(gain)), None, NORM_EPSILON, false)
            .to_kind(self.kind())
    }

    /// `x·Wᵀ` cut in `parts`, each `[rows, heads, tokens, d/heads]` and contiguous.
    fn split(&self, x: &Tensor, weight: Id, parts: i64) -> Vec<Tensor> {
        let size = x.size();
        x.linear(self.get(weight), None::<&Tensor>)
            .view([size[0], size[1], parts, self.heads(), self.head_width()])
            .permute([2, 0, 3, 1, 4])
            .contiguous()
            .unbind(0)
    }

    /// Residual self-attention; `attend` does the attention itself, so that a cache can step in.
    fn self_attention(
        &self,
        x: Tensor,
        part: &SelfAttention,
        attend: impl FnOnce(&Tensor, Tensor, Tensor) -> Tensor,
    ) -> Tensor {
        let [q, k, v] = take(self.split(&self.norm(&x, part.norm), part.qkv, 3));
        let mixed = attend(&q, k, v);
        branch(
            &x,
            mixed.linear(self.get(part.out), None::<&Tensor>),
            part.branch,
        )
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
            .norm(&x, part.norm)
            .linear(self.get(part.query), None::<&Tensor>)
            .view([
                memories,
                rows / memories * tokens,
                self.heads(),
                self.head_width(),
            ])
            .transpose(1, 2)
            .contiguous();
        let mixed = self
            .attend(
                &queries,
                keys.shallow_clone(),
                values.shallow_clone(),
                memory.mask.as_ref(),
            )
            .view([rows, tokens, d]);
        branch(
            &x,
            mixed.linear(self.get(part.out), None::<&Tensor>),
            part.branch,
        )
    }

    /// `softmax(s·q·kᵀ + mask)·v`, s as [`Scale`] says: `[rows, heads, queries, width]` → `[rows, queries, d_model]`.
    fn attend(&self, q: &Tensor, k: Tensor, v: Tensor, mask: Option<&Tensor>) -> Tensor {
        let size = q.size();
        let mut scores = (q * self.scale.attention()).matmul(&k.transpose(-2, -1));
        if let Some(mask) = mask {
            scores = scores.to_kind(Kind::Float) + mask;
        }
        scores
            .softmax(-1, Kind::Float)
            .to_kind(self.kind())
            .matmul(&v)
            .transpose(1, 2)
            .reshape([size[0], size[2], self.config.d_model as i64])
    }

    /// Residual feed-forward part, GELU between its matrices.
    fn feed_forward(&self, x: Tensor, part: &FeedForward) -> Tensor {
        let hidden = self
            .norm(&x, part.norm)
            .linear(self.get(part.up), None::<&Tensor>)
            .gelu("none");
        branch(
            &x,
            hidden.linear(self.get(part.down), None::<&Tensor>),
            part.branch,
        )
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
        self.norm(x, self.handles.decoder_norm)
            .linear(self.get(self.handles.head), None::<&Tensor>)
            .to_kind(Kind::Float)
    }
}

/// `x + factor·added`.
fn branch(x: &Tensor, added: Tensor, factor: f64) -> Tensor {
    if factor == 1.0 {
        x + added
    } else {
        x + added * factor
    }
}

/// The `N` parts of a split; a split into `N` has `N` parts.
fn take<const N: usize>(parts: Vec<Tensor>) -> [Tensor; N] {
    match parts.try_into() {
        Ok(parts) => parts,
        Err(_) => unreachable!("a tensor is unbound along an axis of another length"),
    }
}

/// 0 where a query may see a key, −∞ where the key comes later: `[queries, keys]`, the queries being the
/// last of the keys.
fn causal(queries: i64, keys: i64, device: Device) -> Tensor {
    Tensor::full([queries, keys], f64::NEG_INFINITY, (Kind::Float, device)).triu(1 + keys - queries)
}
