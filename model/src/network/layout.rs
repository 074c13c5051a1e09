//! Which parameters a network of a given shape has: names, shapes, how each starts. The order in which
//! they are declared decides what a seed starts them from, and where they are in a run's saved state.

use crate::config::ModelConfig;
use crate::inputs;
use crate::parameters::{Id, Layout, Role};
use crate::parametrisation::{Scale, base};

/// Parameters of a block's feed-forward part.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedForward {
    pub(super) norm: Id,
    pub(super) up: Id,
    pub(super) down: Id,
    /// Factor of what is added to the residual stream.
    pub(super) branch: f64,
}

/// Parameters of a self-attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct SelfAttention {
    pub(super) norm: Id,
    /// Query, key, value, one matrix.
    pub(super) qkv: Id,
    pub(super) out: Id,
    /// Factor of what is added to the residual stream.
    pub(super) branch: f64,
}

/// Parameters of an attention to the encoder's output.
#[derive(Clone, Copy, Debug)]
pub(super) struct CrossAttention {
    pub(super) norm: Id,
    pub(super) query: Id,
    /// Key, value, one matrix.
    pub(super) kv: Id,
    pub(super) out: Id,
    /// Factor of what is added to the residual stream.
    pub(super) branch: f64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct EncoderBlock {
    pub(super) attention: SelfAttention,
    pub(super) feed_forward: FeedForward,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct DecoderBlock {
    pub(super) attention: SelfAttention,
    pub(super) cross: CrossAttention,
    pub(super) feed_forward: FeedForward,
}

/// Handles of all parameters.
#[derive(Clone, Debug)]
pub(super) struct Handles {
    pub(super) features: Id,
    pub(super) features_bias: Id,
    pub(super) encoder: Vec<EncoderBlock>,
    pub(super) encoder_norm: Id,
    pub(super) tokens: Id,
    pub(super) positions: Id,
    pub(super) decoder: Vec<DecoderBlock>,
    pub(super) decoder_norm: Id,
    pub(super) head: Id,
}

/// The parameters of a network of this shape, and their handles.
pub(super) fn layout(config: &ModelConfig, vocabulary: usize) -> (Layout, Handles) {
    let mut layout = Layout::default();
    let d = config.d_model as i64;
    let hidden = d * config.feed_forward as i64;
    let width = inputs::width(config) as i64;
    let by = |fan_in: i64| 1.0 / (fan_in as f64).sqrt();
    let (base, scale) = (base(config), Scale::of(config));
    // what is added to the residual stream starts smaller, the more often the base network adds; that
    // this one adds more often is a factor of the branch
    let residual = |layers: usize, parts: usize| 1.0 / ((layers * parts) as f64).sqrt();

    let attention = |layout: &mut Layout, at: &str, shrink: f64, branch: f64| SelfAttention {
        branch,
        norm: layout.declare(&format!("{at}.self.norm"), &[d], Role::Gain, 0.0),
        qkv: layout.declare(&format!("{at}.self.qkv"), &[3 * d, d], Role::Matrix, by(d)),
        out: layout.declare(
            &format!("{at}.self.out"),
            &[d, d],
            Role::Matrix,
            by(d) * shrink,
        ),
    };
    let feed_forward = |layout: &mut Layout, at: &str, shrink: f64, branch: f64| FeedForward {
        branch,
        norm: layout.declare(&format!("{at}.ff.norm"), &[d], Role::Gain, 0.0),
        up: layout.declare(&format!("{at}.ff.up"), &[hidden, d], Role::Matrix, by(d)),
        down: layout.declare(
            &format!("{at}.ff.down"),
            &[d, hidden],
            Role::Matrix,
            by(hidden) * shrink,
        ),
    };

    let features = layout.declare("input.weight", &[d, width], Role::Features, by(width));
    let features_bias = layout.declare("input.bias", &[d], Role::Bias, 0.0);
    let shrink = residual(base.encoder_layers, 2);
    let encoder = (0..config.encoder_layers)
        .map(|i| {
            let at = format!("encoder.{i}");
            EncoderBlock {
                attention: attention(&mut layout, &at, shrink, scale.encoder_branch()),
                feed_forward: feed_forward(&mut layout, &at, shrink, scale.encoder_branch()),
            }
        })
        .collect();
    let encoder_norm = layout.declare("encoder.norm", &[d], Role::Gain, 0.0);

    let tokens = layout.declare(
        "decoder.tokens",
        &[vocabulary as i64, d],
        Role::Embedding,
        0.1,
    );
    let positions = layout.declare(
        "decoder.positions",
        &[positions(config), d],
        Role::Embedding,
        0.1,
    );
    let shrink = residual(base.decoder_layers, 3);
    let decoder = (0..config.decoder_layers)
        .map(|i| {
            let at = format!("decoder.{i}");
            DecoderBlock {
                attention: attention(&mut layout, &at, shrink, scale.decoder_branch()),
                cross: CrossAttention {
                    branch: scale.decoder_branch(),
                    norm: layout.declare(&format!("{at}.cross.norm"), &[d], Role::Gain, 0.0),
                    query: layout.declare(
                        &format!("{at}.cross.query"),
                        &[d, d],
                        Role::Matrix,
                        by(d),
                    ),
                    kv: layout.declare(&format!("{at}.cross.kv"), &[2 * d, d], Role::Matrix, by(d)),
                    out: layout.declare(
                        &format!("{at}.cross.out"),
                        &[d, d],
                        Role::Matrix,
                        by(d) * shrink,
                    ),
                },
                feed_forward: feed_forward(&mut layout, &at, shrink, scale.decoder_branch()),
            }
        })
        .collect();
    let decoder_norm = layout.declare("decoder.norm", &[d], Role::Gain, 0.0);
    let head = layout.declare(
        "decoder.head",
        &[vocabulary as i64, d],
        Role::Head,
        0.1 * by(d) / scale.width().sqrt(),
    );
    layout.place();
    (
        layout,
        Handles {
            features,
            features_bias,
            encoder,
            encoder_norm,
            tokens,
            positions,
            decoder,
            decoder_norm,
            head,
        },
    )
}

/// Positions that the decoder knows: `BOS`, the skeleton's tokens, the constants.
fn positions(config: &ModelConfig) -> i64 {
    1 + 2 * config.max_tokens as i64
}
