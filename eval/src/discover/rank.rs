//! Which of the refined laws to believe: evidence of the fit, together with the prior of [`crate::propose::prior`].
//!
//! Evidence is the BIC approximation of the marginal likelihood with residuals of unknown scale a state, the scale
//! floored at the integrator's accuracy; they are Gaussian, or as the problem's loss says. docs/ranking.md says what
//! was measured.

use crate::series::problem::NOISY;

/// Nats that a constant costs which the data do not determine: it stands for redundancy.
pub const UNDETERMINED: f64 = 3.0;

/// What the logarithms of weights are multiplied by where the noise is [`LOUD`] or more.
const TEMPER: f64 = 0.65;

/// Noise, as a standard deviation at `|u| = 1`, from which weights are tempered in full; below [`NOISY`] they are not at all.
const LOUD: f64 = 0.02;

/// Logarithm of the evidence: −BIC/2, with the term `k·(k + 1)/(n − k − 1)` of Hurvich and Tsai (Biometrika 76,
/// 1989), which keeps short series from paying for constants with a variance that these have made small.
pub fn log_evidence(bic: f64, parameters: usize, cells: usize) -> f64 {
    let (k, n) = (parameters as f64, cells as f64);
    -0.5 * bic - k * (k + 1.0) / (n - k - 1.0).max(1.0)
}

/// What the logarithms of weights are multiplied by where the best law leaves over noise of this standard deviation. The
/// evidence takes residuals for independent and the prior for the truth, and is too sure of both. The powers at which the
/// probabilities of laws that were drawn and observed by the generator come out best, in logarithmic score, are 0.72, 0.71
/// and 0.63 at noises of 0.01, 0.02 and 0.05, and 1 where there is none. For published laws they are higher
/// (docs/ranking.md).
pub fn temper(deviation: f64) -> f64 {
    1.0 - (1.0 - TEMPER) * loudness(deviation)
}

/// How loud noise of this standard deviation is, from 0 at 0.1 % of the largest value to 1 at 2 %.
pub fn loudness(deviation: f64) -> f64 {
    let share = (deviation / NOISY).ln() / (LOUD / NOISY).ln();
    share.clamp(0.0, 1.0)
}

/// Normalised probabilities from log-weights.
pub fn softmax(weights: &[f64]) -> Vec<f64> {
    let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = weights.iter().map(|w| (w - top).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|r| r / sum).collect()
}
