//! Which of the refined laws to believe: evidence of the fit, prior of the skeleton, posterior of both.
//!
//! Evidence is the BIC approximation of the marginal likelihood with Gaussian residuals of unknown variance a
//! state, the variance floored at the integrator's accuracy. The prior is the same for every proposer: a
//! description length of the tokens, mixed half and half with the probability that a proposer gave, where one
//! did (a mixture of two distributions is a distribution, so posteriors stay comparable).

use nsode_parser::{Skeleton, Token};

use crate::problem::{FLOOR, Problem};

/// Nats a token costs below `parent`: about what its frequency among written-down laws suggests. Products of
/// two states are as common as squares, higher mixed powers are not; sines of a state are rare.
fn cost(token: Token, parent: Option<Token>) -> f64 {
    match token {
        Token::One | Token::Time | Token::X1 | Token::X2 | Token::X3 | Token::X4 => 1.0,
        Token::Square | Token::Cube if parent == Some(Token::Mul) => 3.0,
        Token::Add2 | Token::Add3 | Token::Mul | Token::Square => 1.2,
        Token::Add4 | Token::Add5 | Token::Add6 | Token::Cube => 1.7,
        Token::Inverse if parent == Some(Token::Mul) => 2.5,
        Token::Inverse | Token::Exp | Token::Log | Token::Sqrt => 3.5,
        Token::Tanh | Token::Power => 5.0,
        _ => 6.0,
    }
}

/// Logarithm of the prior probability of a skeleton by its description length.
pub fn description_prior(skeleton: &Skeleton) -> f64 {
    let mut open: Vec<(Token, usize)> = Vec::new();
    let mut sum = 0.0;
    for &token in skeleton.tokens() {
        sum += cost(token, open.last().map(|(parent, _)| *parent));
        if let Some((_, left)) = open.last_mut() {
            *left -= 1;
        }
        while open.last().is_some_and(|(_, left)| *left == 0) {
            open.pop();
        }
        if token.arity() > 0 {
            open.push((token, token.arity()));
        }
    }
    -sum
}

/// The share of independent information in the residuals of the best law, from their correlation between
/// neighbours in time: `(1 − ρ)/(1 + ρ)`, not below 0.3. Residuals that drift together are no separate
/// witnesses, and evidence that counts them so is overconfident.
pub fn independence(residuals: &[Vec<f64>]) -> f64 {
    let (mut cross, mut square) = (0.0, 0.0);
    for series in residuals {
        for pair in series.windows(2) {
            if let [a, b] = pair {
                cross += a * b;
                square += (a * a + b * b) / 2.0;
            }
        }
    }
    if square <= 0.0 {
        return 1.0;
    }
    let rho = (cross / square).clamp(0.0, 0.99);
    ((1.0 - rho) / (1.0 + rho)).max(0.3)
}

/// Nats that a constant costs which the data do not determine: it stands for redundancy.
pub const UNDETERMINED: f64 = 3.0;

/// Logarithm of the evidence: −BIC/2 with the number of cells `n` reduced to `share·n`.
pub fn log_evidence(bic: f64, parameters: usize, cells: usize, share: f64) -> f64 {
    let (k, n) = (parameters as f64, cells as f64);
    -0.5 * (share * (bic - k * n.ln()) + k * (share * n).max(2.0).ln())
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
