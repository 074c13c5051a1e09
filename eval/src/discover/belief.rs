//! Probabilities of the laws that were fitted, and of none of them.

use super::EXPLAINED;
use super::misfit::{lead, residuals, weighted};
use crate::discover::rank::{loudness, softmax, temper};
use crate::fit::refine::Refined;
use crate::series::problem::Problem;

/// Nats by which "none of these" may lead the best law by a pattern, at most: a probability of nine tenths. What was found is
/// sometimes right all the same, as where data do not come from a law of this kind at all.
const MOST_DOUBT: f64 = 2.2;

/// Log-odds that a law of [`FEW`] constants which leaves nothing over is another one's approximation, what each further constant
/// adds to them, and how many do, at most. Fitted to clean data of laws that the generator draws (docs/ranking.md).
const FLEXIBLE: f64 = -4.2;
const SUPPLE: f64 = 1.6;
const MANY: f64 = 4.0;

/// Constants that a law is hardly doubted for: of one state, and of each equation of a system, whose states are witnesses to one
/// another.
const FEW: f64 = 2.0;
const FEW_OF_SYSTEMS: f64 = 3.0;

/// The noise, as a standard deviation at `|u| = 1`, that [`Options::hidden`](super::Options::hidden) speaks of, and how the log-odds
/// of what it hides go with its logarithm. Fitted to noisy data of laws that the generator draws.
const SPOKEN_OF: f64 = 0.05;
const HIDING: f64 = 0.31;

/// Why none of the laws may be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// The best one explains less than half of the variance.
    Unexplained,
    /// What the best one leaves over has a pattern.
    Pattern,
    /// The best one has so many constants that it follows whatever is smooth.
    Flexible,
    /// Noise hides parts of laws, as was said beforehand.
    Hidden,
}

/// Probabilities, which add up to 1 with that of none.
pub(super) struct Belief {
    /// One for each law, in the order in which they came.
    pub laws: Vec<f64>,
    /// That none of them is right.
    pub none: f64,
    /// Why mostly; nothing where there is no doubt.
    pub doubt: Option<Doubt>,
}

impl Belief {
    /// From the laws and their log-weights, best first, if the law is among them.
    pub fn new(problem: &Problem, ranked: &[(f64, &Refined)]) -> Belief {
        let Some((top, best)) = ranked.first() else {
            return Belief {
                laws: Vec::new(),
                none: 1.0,
                doubt: Some(Doubt::Unexplained),
            };
        };
        let temper = temper(left_over(problem, best));
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
        let (doubt, nats) = match open {
            _ if best.r2 < EXPLAINED => (Doubt::Unexplained, MOST_DOUBT),
            Some(open) if !open.is_empty() => {
                (Doubt::Pattern, (temper * lead(&open)).min(MOST_DOUBT))
            }
            _ => (Doubt::Pattern, f64::NEG_INFINITY),
        };
        weights.push(nats);
        let mut laws = softmax(&weights);
        let none = laws.pop().unwrap_or(0.0);
        let doubt = (none > 0.0).then_some(doubt);
        Belief { laws, none, doubt }
    }

    /// The same if the law may be one that nobody proposes: `hidden` is the probability that noise hides a part of it
    /// ([`Options::hidden`](super::Options::hidden)).
    pub fn with_unlisted(self, problem: &Problem, best: Option<&Refined>, hidden: f64) -> Belief {
        let Some(best) = best else {
            return self;
        };
        let deviation = left_over(problem, best);
        let odds = (hidden / (1.0 - hidden)).ln();
        let hidden = logistic(odds + HIDING * (deviation.max(f64::MIN_POSITIVE) / SPOKEN_OF).ln());
        let few = match problem.dimension() {
            1 => FEW,
            _ => FEW_OF_SYSTEMS,
        };
        let initial = best.initial.len() * problem.dimension();
        let fitted = best.parameters.saturating_sub(initial) as f64;
        let constants = fitted / problem.dimension() as f64;
        let flexible = FLEXIBLE + SUPPLE * (constants - few).clamp(0.0, MANY);
        let flexible = (1.0 - loudness(deviation)) * logistic(flexible);
        let listed = (1.0 - hidden) * (1.0 - flexible);
        let each = [
            (self.none, self.doubt),
            (hidden, Some(Doubt::Hidden)),
            (flexible, Some(Doubt::Flexible)),
        ];
        let doubts = each
            .into_iter()
            .filter(|(probability, _)| *probability > 0.0);
        let most = doubts.max_by(|a, b| a.0.total_cmp(&b.0));
        Belief {
            laws: self.laws.iter().map(|p| p * listed).collect(),
            none: 1.0 - listed * (1.0 - self.none),
            doubt: most.and_then(|(_, doubt)| doubt),
        }
    }
}

/// The largest standard deviation of what a law leaves over, at `|u| = 1`.
fn left_over(problem: &Problem, best: &Refined) -> f64 {
    problem
        .deviations(&best.sse)
        .into_iter()
        .fold(0.0, f64::max)
}

fn logistic(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::proposal::Proposal;
    use crate::fit::refine::{Effort, refine};
    use crate::samples::{Sample, canonical};
    use nsode_parser::Names;

    /// What is believed of `law` as the only one that was fitted to a logistic curve.
    fn belief(law: &str, noise: f64, hidden: f64) -> Belief {
        let sample = Sample {
            law: "0.8*y - 0.1*y^2",
            states: &["y"],
            initial: &[&[0.5]],
            times: (0.0, 10.0, 100),
            noise,
        };
        let problem = sample.problem();
        let (skeleton, _) = canonical(law, &Names::default_for(1)).parts().unwrap();
        let proposal = Proposal::new(skeleton, None);
        let refined = refine(&problem, &proposal, Effort::Whole, None).unwrap();
        let belief = Belief::new(&problem, &[(0.0, &refined)]);
        let belief = belief.with_unlisted(&problem, Some(&refined), hidden);
        let sum: f64 = belief.laws.iter().sum();
        assert!((sum + belief.none - 1.0).abs() < 1e-12);
        belief
    }

    #[test]
    fn of_clean_data_a_law_of_many_constants_is_doubted() {
        let few = belief("y - y^2", 0.0, 0.0);
        assert!(few.none < 0.03, "{}", few.none);
        let many = belief("2 + y - y^2 + 3*y^3 + sin(4*y) + exp(5*y)", 0.0, 0.0);
        assert!(many.none > 0.8, "{}", many.none);
        // What noise hides, clean data do not.
        assert!(belief("y - y^2", 0.0, 0.64).none < 0.1);
    }

    #[test]
    fn noise_hides_as_much_as_the_user_says() {
        assert!(belief("y - y^2", 0.05, 0.0).none < 0.05);
        for (noise, hidden, least, most) in [(0.05, 0.64, 0.55, 0.7), (0.01, 0.64, 0.4, 0.55)] {
            let said = belief("y - y^2", noise, hidden);
            assert!((least..most).contains(&said.none), "{}", said.none);
            assert_eq!(said.doubt, Some(Doubt::Hidden));
        }
    }
}
