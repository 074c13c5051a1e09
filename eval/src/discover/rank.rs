//! Which of the refined laws to believe: evidence of the fit, together with the prior of [`crate::discover::prior`].
//!
//! Evidence is the BIC approximation of the marginal likelihood with residuals of unknown scale a state, the scale
//! floored at the integrator's accuracy; they are Gaussian, or as the problem's loss says. docs/ranking.md says what
//! was measured.

use nsode_parser::{Skeleton, Token};

use crate::series::problem::{NOISY, Problem};

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

/// Bayesian information criterion of a fit in normalised units: `deviance` (minus twice the log-likelihood, one a
/// state, [`crate::series::problem::Leftover`]) with the relative variances `v` of the cells, `Σ ln v`, and `k·ln n` for `k`
/// fitted numbers.
pub fn bic(problem: &Problem, deviance: &[f64], parameters: usize) -> f64 {
    let weights = (0..problem.normalised().len()).flat_map(|number| problem.weights(number));
    let logs: f64 = weights.filter(|w| **w > 0.0).map(|w| -2.0 * w.ln()).sum();
    let mut total = logs + parameters as f64 * (problem.observed() as f64).ln();
    for state in deviance {
        total += state;
    }
    total
}

/// What `constants` cost beyond the `½·ln n` each of the criterion, in nats. That is the logarithm of how much narrower
/// than the constant's own size the data make it, up to the noise; clean data make it narrower still, by as much as the
/// residuals, `sums` of squares a state, are below those of noise. Without it a law with a term that is nearly 0 passes for
/// as good as the one without. Exponents are none of them ([`scales`]).
pub fn sharpness(problem: &Problem, sums: &[f64], constants: usize) -> f64 {
    let floors = problem.floors().into_iter().map(f64::sqrt);
    let found = problem.deviations(sums).into_iter().zip(floors);
    let each = found.map(|(found, floor)| (NOISY / found.max(floor)).ln().max(0.0));
    constants as f64 * each.sum::<f64>() / problem.dimension() as f64
}

/// Constants of a skeleton that are no exponents: these are often whole or half numbers, whose size is no surprise.
pub fn scales(skeleton: &Skeleton) -> usize {
    let exponents = skeleton.tokens().iter().filter(|t| **t == Token::Power);
    skeleton.slots().saturating_sub(exponents.count())
}

/// What the logarithms of weights are multiplied by where the best law leaves over noise of this standard deviation. The
/// evidence takes residuals for independent and the prior for the truth, and is too sure of both. The powers at which the
/// probabilities of laws that were drawn and observed by the generator come out best, in logarithmic score, are 0.72, 0.71
/// and 0.63 at noises of 0.01, 0.02 and 0.05, and 1 where there is none. For published laws they are higher
/// (docs/ranking.md).
pub fn temper(deviation: f64) -> f64 {
    let share = (deviation / NOISY).ln() / (LOUD / NOISY).ln();
    1.0 - (1.0 - TEMPER) * share.clamp(0.0, 1.0)
}

/// Normalised probabilities from log-weights.
pub fn softmax(weights: &[f64]) -> Vec<f64> {
    let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = weights.iter().map(|w| (w - top).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|r| r / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_generator::Trajectory;

    #[test]
    fn only_clean_constants_are_sharp() {
        let times: Vec<f64> = (0..50).map(|i| 0.1 * f64::from(i)).collect();
        let values = times.iter().map(|t| (-t).exp()).collect();
        let path = Trajectory::new(1, times, values).unwrap();
        let problem = Problem::new(vec![path]).unwrap();
        let cells = problem.observed() as f64;
        let at = |deviation: f64| sharpness(&problem, &[cells * deviation * deviation], 3);
        assert_eq!(at(0.05), 0.0);
        assert_eq!(at(NOISY), 0.0);
        assert!((at(1e-5) - 3.0 * 100f64.ln()).abs() < 1e-9);
        // No sharper than solutions are computed.
        assert_eq!(at(0.0), at(1e-12));
    }
}
