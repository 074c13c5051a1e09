//! Probabilities of the laws that were fitted, and of none of them.

use super::EXPLAINED;
use super::misfit::{lead, residuals, weighted};
use crate::discover::rank::{softmax, temper};
use crate::fit::refine::Refined;
use crate::series::problem::Problem;

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
        let left = problem.deviations(&best.sse).into_iter();
        let temper = temper(left.fold(0.0, f64::max));
        let mut weights: Vec<f64> = ranked.iter().map(|(w, _)| temper * (w - top)).collect();
        // What an exact law leaves over are errors of the integration and of rounding, which have a pattern of their own.
        let exact = best.resolved(problem);
        let open = residuals(problem, best).map(|all| {
            let each = weighted(problem, &all)
                .into_iter()
                .zip(exact.iter().cycle());
            each.filter(|(_, exact)| !**exact)
                .map(|(list, _)| list)
                .collect::<Vec<_>>()
        });
        let doubt = match open {
            _ if best.r2 < EXPLAINED => MOST_DOUBT,
            Some(open) if !open.is_empty() => (temper * lead(&open)).min(MOST_DOUBT),
            _ => f64::NEG_INFINITY,
        };
        weights.push(doubt);
        let mut laws = softmax(&weights);
        let none = laws.pop().unwrap_or(0.0);
        Belief { laws, none }
    }
}
