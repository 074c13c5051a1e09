//! What a training step costs, counted and not measured: multiplications and additions of its matrix
//! products, from which the share of the machine's peak (MFU, Chowdhery et al., 2022) follows.

use crate::config::ModelConfig;
use crate::inputs;

/// Floating-point operations of one forward pass over `rows` samples of `tokens` encoder tokens and
/// `places` decoder places, with logits at `predictions` places.
pub(crate) fn forward(
    config: &ModelConfig,
    vocabulary: usize,
    rows: f64,
    tokens: f64,
    places: f64,
    predictions: f64,
) -> f64 {
    let d = config.d_model as f64;
    let dense = |inputs: f64, outputs: f64| 2.0 * inputs * outputs; // a token
    let attention = |queries: f64, keys: f64| 4.0 * d * queries * keys; // scores and mixture, a row
    let feed_forward = 2.0 * dense(d, d * config.feed_forward as f64);
    let encoder = tokens * (4.0 * dense(d, d) + feed_forward) + attention(tokens, tokens);
    let decoder = places * (4.0 * dense(d, d) + 2.0 * dense(d, d) + feed_forward)
        + tokens * 2.0 * dense(d, d)
        + attention(places, places)
        + attention(places, tokens);
    let input = tokens * dense(inputs::width(config) as f64, d);
    rows * (input + config.encoder_layers as f64 * encoder + config.decoder_layers as f64 * decoder)
        + predictions * dense(d, vocabulary as f64)
}

/// Operations of a training step in units of its forward pass: the backward pass has two products for
/// each one forward.
pub(crate) const STEP: f64 = 3.0;
