//! Which of the refined laws to believe: evidence of the fit, prior of the skeleton, posterior of both.
//!
//! Evidence is the BIC approximation of the marginal likelihood with Gaussian residuals of unknown variance a
//! state, the variance floored at the integrator's accuracy. The prior is the same for every proposer: a
//! description length of the tokens, mixed half and half with the probability that a proposer gave, where one
//! did (a mixture of two distributions is a distribution, so posteriors stay comparable).

use nsode_parser::{Skeleton, Token};

use crate::problem::{FLOOR, Problem};

/// Nats a token of a skeleton costs on average under the description length.
fn cost(token: Token) -> f64 {
    match token {
        Token::One | Token::X1 | Token::X2 | Token::X3 | Token::X4 => 1.0,
        Token::Add2 | Token::Add3 | Token::Mul | Token::Square => 1.3,
        Token::Add4 | Token::Add5 | Token::Add6 | Token::Cube | Token::Inverse => 1.7,
        Token::Exp | Token::Sin | Token::Cos | Token::Log | Token::Sqrt => 2.3,
        Token::X5 | Token::X6 | Token::X7 | Token::X8 | Token::Power => 2.5,
        _ => 3.0,
    }
}

/// Logarithm of the prior probability of a skeleton by its description length.
pub fn description_prior(skeleton: &Skeleton) -> f64 {
    -skeleton.tokens().iter().map(|t| cost(*t)).sum::<f64>()
}

/// The prior of ranking: the description length, mixed with a proposer's own log-probability.
pub fn log_prior(skeleton: &Skeleton, proposed: Option<f64>) -> f64 {
    let half = 0.5f64.ln();
    let described = half + description_prior(skeleton);
    match proposed.filter(|p| p.is_finite()) {
        Some(p) => {
            let p = half + p;
            let top = p.max(described);
            top + ((p - top).exp() + (described - top).exp()).ln()
        }
        None => described,
    }
}

/// Bayesian information criterion of a fit in normalised units: `Σ n_i·ln(max(SSE_i/n_i, floor)) + Σ ln v +
/// k·ln n` over the states, with the relative variances `v` of the cells and `k` fitted numbers.
pub fn bic(problem: &Problem, sse: &[f64], parameters: usize) -> f64 {
    let d = problem.dimension();
    let mut inverse = vec![0.0; d];
    let mut logs = 0.0;
    for number in 0..problem.normalised().len() {
        for (cell, w) in problem.weights(number).iter().enumerate() {
            if *w > 0.0 {
                logs -= 2.0 * w.ln();
                if let Some(sum) = inverse.get_mut(cell % d) {
                    *sum += w * w;
                }
            }
        }
    }
    let mut total = logs + parameters as f64 * (problem.observed() as f64).ln();
    for ((sse, inverse), n) in sse.iter().zip(&inverse).zip(problem.cells()) {
        let n = *n as f64;
        total += n * (sse / n).max(FLOOR * FLOOR * inverse / n).ln();
    }
    total
}

/// Normalised probabilities from log-weights.
pub fn softmax(weights: &[f64]) -> Vec<f64> {
    let top = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let raw: Vec<f64> = weights.iter().map(|w| (w - top).exp()).collect();
    let sum: f64 = raw.iter().sum();
    raw.iter().map(|r| r / sum).collect()
}
