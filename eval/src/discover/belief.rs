//! Probabilities of the laws that were fitted, and of none of them.

use super::misfit::{lead, residuals, weighted};
use crate::problem::Problem;
use crate::rank::{TEMPER, softmax};
use crate::refine::Refined;

/// Nats by which "none of these" may lead the best law, at most: a probability of nine tenths. What was found is
/// sometimes right all the same, as where data do not come from a law of this kind at all.
const MOST_DOUBT: f64 = 2.2;

/// Probabilities, which add up to 1 with that of none.
pub(super) struct Belief {
    /// One for each law, in the order in which they came.
    pub laws: Vec<f64>,
    /// That none of them is right.
    pub none: f64,
}

impl Belief {
    /// From the laws and their log-weights, best first.
    pub fn new(problem: &Problem, ranked: &[(f64, &Refined)]) -> Belief {
        let Some((top, best)) = ranked.first() else {
            return Belief {
                laws: Vec::new(),
                none: 1.0,
            };
        };
        let temper = if best.is_noisy(problem) { TEMPER } else { 1.0 };
        let mut weights: Vec<f64> = ranked.iter().map(|(w, _)| temper * (w - top)).collect();
        // What an exact law leaves over are errors of the integration, which always have a pattern.
        let pattern = match best.is_exact(problem) {
            true => None,
            false => residuals(problem, best).map(|all| lead(&weighted(problem, &all))),
        };
        weights.push(pattern.map_or(f64::NEG_INFINITY, |nats| (temper * nats).min(MOST_DOUBT)));
        let mut laws = softmax(&weights);
        let none = laws.pop().unwrap_or(0.0);
        Belief { laws, none }
    }
}
