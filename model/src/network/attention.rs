//! Attention itself, `softmax(s·q·kᵀ + mask)·v`, by whichever of several ways is the fastest where it runs.
//!
//! On CPUs it is written out: product, softmax in 32 bits, product. The fused kernel's backward pass in 16 bits
//! takes several times as long there. That is a rule and not timed, so that a run that goes on after a pause gives
//! the same numbers. On GPUs, where no run repeats bit by bit, the ways are timed when training begins: which one
//! suits sequences as short as these depends on the card and its libraries.

use std::time::Instant;

use tch::{Device, Kind, TchError, Tensor};

use crate::config::{Inputs, ModelConfig};
use crate::inputs;

/// A way of computing attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    /// Product, softmax in 32 bits, product.
    WrittenOut,
    /// The kernel that libtorch takes by itself.
    Fused,
    /// The kernel of Rabe & Staats (2021), of small tiles; only on GPUs. With a mask: as [`Attention::Fused`].
    Efficient,
}

/// Which keys a query may see.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    /// Every one.
    All,
    /// Those at its own place and before it.
    Before,
    /// Those where this, added to the scores, is 0 and not −∞; `[rows or 1, 1, queries or 1, keys]`, 32 bits.
    Masked(&'a Tensor),
}

impl<'a> Seen<'a> {
    /// Everything, unless there is a mask.
    pub(super) fn by(mask: Option<&'a Tensor>) -> Seen<'a> {
        mask.map_or(Seen::All, Seen::Masked)
    }
}

impl Attention {
    /// What a network uses that is not told anything else.
    pub(super) fn on(device: Device) -> Attention {
        match device {
            Device::Cpu => Attention::WrittenOut,
            _ => Attention::Fused,
        }
    }

    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Attention::WrittenOut => "written out",
            Attention::Fused => "fused",
            Attention::Efficient => "memory-efficient",
        }
    }

    /// The fastest way for the encoder of such a network in training on `rows` samples at once.
    ///
    /// # Errors
    /// Those of libtorch, if no way works.
    pub(crate) fn fastest(
        config: &ModelConfig,
        rows: usize,
        device: Device,
        kind: Kind,
    ) -> Result<Attention, TchError> {
        if device == Device::Cpu {
            return Ok(Attention::WrittenOut);
        }
        let width = (config.d_model / config.heads) as i64;
        let tokens = inputs::tokens(config) as i64;
        let size = [rows as i64, tokens, 3, config.heads as i64, width];
        // points are as many as there are, so that their attention has a mask, which the efficient kernel is not given
        let ways: &[Attention] = match config.inputs {
            Inputs::Anchors { .. } => &[
                Attention::Fused,
                Attention::Efficient,
                Attention::WrittenOut,
            ],
            Inputs::Ieee754 { .. } => &[Attention::Fused, Attention::WrittenOut],
        };
        let mut best = None;
        let mut failure = None;
        for &way in ways {
            // a card or a shape may not suit a kernel
            match way.seconds(&size, device, kind) {
                Ok(time) if best.is_none_or(|(least, _)| time < least) => best = Some((time, way)),
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        match (best, failure) {
            (Some((_, way)), _) => Ok(way),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(Attention::WrittenOut),
        }
    }

    /// Seconds of a forward and a backward pass, queries, keys and values being cut from one tensor of this size.
    fn seconds(self, size: &[i64], device: Device, kind: Kind) -> Result<f64, TchError> {
        // the first two for what is made ready only once
        const PASSES: usize = 7;
        let mut best = f64::INFINITY;
        for pass in 0..PASSES {
            let all = Tensor::f_randn(size, (kind, device))?.f_set_requires_grad(true)?;
            let _ = all.f_sum(Kind::Float)?.f_double_value(&[])?;
            let start = Instant::now();
            let parts = all.f_unbind(2)?;
            let [q, k, v] = [0, 1, 2].map(|i| parts[i].transpose(1, 2));
            let mixed = self.attend(&q, &k, &v, Seen::All, 0.2)?;
            let gradients =
                Tensor::f_run_backward(&[mixed.f_sum(Kind::Float)?], &[&all], false, false)?;
            // reading a number waits for the device
            let _ = gradients[0].f_flatten(0, -1)?.f_double_value(&[0])?;
            if pass >= 2 {
                best = best.min(start.elapsed().as_secs_f64());
            }
        }
        Ok(best)
    }

    /// Of queries, keys and values `[rows, heads, places, width]`: `[rows, heads, queries, width]`.
    ///
    /// # Errors
    /// Those of libtorch, as for what a kernel does not take.
    pub(super) fn attend(
        self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        seen: Seen,
        scale: f64,
    ) -> Result<Tensor, TchError> {
        let causal = matches!(seen, Seen::Before);
        match (self, seen) {
            (Attention::WrittenOut, _) => written_out(q, k, v, seen, scale),
            (Attention::Efficient, Seen::All | Seen::Before) => {
                let none = None::<&Tensor>;
                // the sums of exponentials are what its backward pass needs
                let all = Tensor::f_internal_scaled_dot_product_efficient_attention(
                    q, k, v, none, true, 0.0, causal, scale,
                )?;
                Ok(all.0)
            }
            (Attention::Efficient, Seen::Masked(_)) | (Attention::Fused, _) => {
                let mask = match seen {
                    Seen::Masked(mask) => Some(mask.f_to_kind(q.kind())?),
                    Seen::All | Seen::Before => None,
                };
                let mask = mask.as_ref();
                Tensor::f_scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale, false)
            }
        }
    }
}

fn written_out(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    seen: Seen,
    scale: f64,
) -> Result<Tensor, TchError> {
    let mut scores = q.f_mul_scalar(scale)?.f_matmul(&k.f_transpose(-2, -1)?)?;
    let mask = match seen {
        Seen::All => None,
        Seen::Before => Some(causal(q.size()[2], k.size()[2], q.device())),
        Seen::Masked(mask) => Some(mask.shallow_clone()),
    };
    if let Some(mask) = mask {
        scores = scores.f_to_kind(Kind::Float)?.f_add(&mask)?;
    }
    let shares = scores.f_softmax(-1, Kind::Float)?.f_to_kind(q.kind())?;
    shares.f_matmul(v)
}

/// 0 where a query may see a key, −∞ where the key comes later: `[queries, keys]`, the queries being the
/// last of the keys.
pub(super) fn causal(queries: i64, keys: i64, device: Device) -> Tensor {
    Tensor::full([queries, keys], f64::NEG_INFINITY, (Kind::Float, device)).triu(1 + keys - queries)
}
