//! What a fit is compared by: the information criterion, and what the constants of clean data cost beyond it.

use nsode_parser::{Skeleton, Token};

use crate::series::problem::{NOISY, Problem};

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
