//! Systems put together from equations that were proposed apart.
//!
//! Nobody who proposes a system is often right about all of its equations at once, but each of them is often in some
//! proposal. Along the smoothed curves an equation can be judged without the others, by the integral form
//! ([`crate::integral`]): so every equation that is in any proposal is fitted once, and the best ones of each state are
//! combined.

use std::collections::HashMap;
use std::time::Instant;

use nsode_parser::{Expr, Skeleton, Token};
use rayon::prelude::*;

use crate::combine::{TRUSTS, Trust, combine};
use crate::integral::Integral;
use crate::law::Equation;
use crate::prior::description;
use crate::problem::{FLOOR, Problem};
use crate::proposer::Seed;

/// Systems made, at most.
const MOST: usize = 64;

/// How many times as many are looked at, of which some are not admitted.
const WIDE: usize = 4;

/// Equations of a state that are combined, at most: those that are best by one of the ways to trust residuals.
const BEST: usize = 24;

/// How many times more than the best of its state an equation may leave over, as a root mean square, in a system that may
/// hold; the smoothed curves tell no less than so much apart.
const FAR: f64 = 10.0;
const BLUNT: f64 = 5e-3;

/// An equation as it was proposed, its slots counted from 0.
struct Proposed {
    state: usize,
    rhs: Expr,
    slots: usize,
    constants: Option<Vec<f64>>,
    tokens: Vec<Token>,
}

/// An equation, fitted to the smoothed curves.
struct Judged {
    state: usize,
    tokens: Vec<Token>,
    constants: Vec<f64>,
    /// Mean squared residual.
    misfit: f64,
    /// What its constants and its length cost.
    price: f64,
    /// Observed cells of its state.
    cells: f64,
}

impl Judged {
    /// BIC with description length, as sparse regression has it.
    fn score(&self, trust: Trust) -> f64 {
        trust.weight(self.misfit, self.cells) + self.price
    }
}

/// The different equations of each state that were proposed, fitted to the smoothed curves.
pub(super) struct Equations {
    states: Vec<Vec<Judged>>,
    /// Whether the time was over before all were fitted.
    pub late: bool,
}

impl Equations {
    /// Those of `seeds`, as many as can be fitted until `deadline`.
    pub fn new<'a>(
        problem: &Problem,
        seeds: impl Iterator<Item = &'a Seed>,
        deadline: Instant,
    ) -> Equations {
        let proposed = equations(problem.dimension(), seeds);
        let each = proposed.par_iter();
        let judged = each.map(|one| (Instant::now() < deadline).then(|| judge(problem, one)));
        let judged: Vec<Option<Option<Judged>>> = judged.collect();
        let late = judged.iter().any(Option::is_none);
        let mut states: Vec<Vec<Judged>> = Vec::new();
        states.resize_with(problem.dimension(), Vec::new);
        for one in judged.into_iter().flatten().flatten() {
            if let Some(own) = states.get_mut(one.state) {
                own.push(one);
            }
        }
        Equations { states, late }
    }

    /// Systems of the best ones, best first, of those that are admitted.
    pub fn systems(&self, admitted: impl Fn(&Skeleton) -> bool) -> Vec<Seed> {
        let lists = TRUSTS.map(|trust| {
            let mut best = self.best(trust);
            best.retain(|seed| admitted(&seed.skeleton));
            best
        });
        let mut systems: Vec<Seed> = Vec::new();
        for rank in 0..MOST {
            for seed in lists.iter().filter_map(|list| list.get(rank)) {
                if systems.len() < MOST && systems.iter().all(|s| s.skeleton != seed.skeleton) {
                    systems.push(seed.clone());
                }
            }
        }
        systems
    }

    /// The best systems, as far as residuals are trusted.
    fn best(&self, trust: Trust) -> Vec<Seed> {
        let sorted = |own: &Vec<Judged>| -> Vec<(f64, usize)> {
            let each = own.iter().enumerate();
            let mut scored: Vec<(f64, usize)> =
                each.map(|(i, one)| (one.score(trust), i)).collect();
            scored.sort_by(|a, b| a.0.total_cmp(&b.0));
            scored.truncate(BEST);
            scored
        };
        let best: Vec<Vec<(f64, usize)>> = self.states.iter().map(sorted).collect();
        let scores: Vec<Vec<f64>> = best
            .iter()
            .map(|own| own.iter().map(|(score, _)| *score).collect())
            .collect();
        let system = |choice: Vec<usize>| {
            let each = choice.into_iter().zip(&best).zip(&self.states);
            let parts: Option<Vec<&Judged>> =
                each.map(|((i, own), all)| all.get(own.get(i)?.1)).collect();
            joined(&parts?)
        };
        let choices = combine(&scores, WIDE * MOST).into_iter();
        choices.filter_map(system).collect()
    }

    /// Whether a system may explain the data: none of its equations leaves far more over along the smoothed curves than
    /// another one of its state. Nothing is said against what could not be fitted.
    pub fn may_hold(&self, system: &Skeleton) -> bool {
        system.equations().zip(&self.states).all(|(tokens, own)| {
            let least = own
                .iter()
                .map(|one| one.misfit)
                .fold(f64::INFINITY, f64::min);
            let found = own.iter().find(|one| one.tokens == tokens);
            found.is_none_or(|one| one.misfit < FAR * FAR * least.max(BLUNT * BLUNT))
        })
    }
}

/// The different equations of all seeds, with the constants of the first that has some.
fn equations<'a>(dimension: usize, seeds: impl Iterator<Item = &'a Seed>) -> Vec<Proposed> {
    let mut places: HashMap<(usize, Vec<Token>), usize> = HashMap::new();
    let mut all: Vec<Proposed> = Vec::new();
    for seed in seeds.filter(|s| s.skeleton.dimension() == dimension) {
        let template = seed.skeleton.template();
        let mut first = 0;
        for (state, (tokens, rhs)) in seed.skeleton.equations().zip(template.rhs()).enumerate() {
            let slots = parameters(rhs);
            let own = || {
                let constants = seed.constants.as_ref()?;
                Some(constants.get(first..first + slots)?.to_vec())
            };
            let key = (state, tokens.to_vec());
            match places.get(&key).and_then(|place| all.get_mut(*place)) {
                Some(known) => known.constants = known.constants.take().or_else(own),
                None => {
                    places.insert(key, all.len());
                    all.push(Proposed {
                        state,
                        rhs: rhs.substitute(&|e| match e {
                            Expr::Parameter(k) => Some(Expr::Parameter(k - first)),
                            _ => None,
                        }),
                        slots,
                        constants: own(),
                        tokens: tokens.to_vec(),
                    });
                }
            }
            first += slots;
        }
    }
    all
}

/// How many constants an equation of a template has: each is in one place.
fn parameters(rhs: &Expr) -> usize {
    let mut count = 0;
    rhs.visit(&mut |e| count += usize::from(matches!(e, Expr::Parameter(_))));
    count
}

/// Fits an equation to the smoothed curves.
fn judge(problem: &Problem, one: &Proposed) -> Option<Judged> {
    let equation = Equation::new(&one.rhs, one.slots);
    let mut integral = Integral::of(problem, &equation, one.state);
    let found = integral.search(one.slots, one.constants.as_deref(), 1);
    let found = found.into_iter().next()?;
    let (cells, weights) = problem.weighed(one.state);
    let (cells, observed) = (cells as f64, problem.observed() as f64);
    Some(Judged {
        state: one.state,
        tokens: one.tokens.clone(),
        misfit: found.sse.max(FLOOR * FLOOR * weights) / cells,
        price: one.slots as f64 * observed.ln() + 2.0 * description(&one.tokens),
        constants: found.constants,
        cells,
    })
}

/// The system of these equations.
fn joined(parts: &[&Judged]) -> Option<Seed> {
    let tokens: Vec<Token> = parts
        .iter()
        .flat_map(|p| p.tokens.iter().copied())
        .collect();
    let constants = parts.iter().flat_map(|p| p.constants.iter().copied());
    Some(Seed::new(
        Skeleton::parse(parts.len(), &tokens).ok()?,
        Some(constants.collect()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Sample;
    use nsode_parser::infix::parse_expr;
    use nsode_parser::{CanonicalSystem, Names, System};
    use std::time::Duration;

    fn seed(law: &str) -> Seed {
        let names = Names::default_for(2);
        let rhs = law.split(';').map(|text| parse_expr(text, &names).unwrap());
        let system = CanonicalSystem::new(&System::new(rhs.collect()).unwrap()).unwrap();
        let (skeleton, _) = system.parts().unwrap();
        Seed::new(skeleton, None)
    }

    fn problem() -> Problem {
        let sample = Sample {
            law: "x1 - 0.5*x1*x2; 0.3*x1*x2 - 0.8*x2",
            states: &["x1", "x2"],
            initial: &[&[2.0, 1.0]],
            times: (0.0, 12.0, 80),
            noise: 0.01,
        };
        Problem::new(sample.make().0.trajectories).unwrap()
    }

    #[test]
    fn each_equation_may_be_from_another_system() {
        let seeds = [
            seed("x1 - x1*x2; x1 - x2^2"),
            seed("x2 - x1^2; x2 - x1*x2"),
            seed("1 - x1; x1*x2"),
        ];
        let equations = Equations::new(
            &problem(),
            seeds.iter(),
            Instant::now() + Duration::from_secs(60),
        );
        let systems = equations.systems(|_| true);
        assert_eq!(systems.len(), 9);
        let first = &systems[0];
        assert_eq!(first.skeleton, seed("x1 - x1*x2; x2 - x1*x2").skeleton);
        assert_eq!(first.constants.as_ref().map(Vec::len), Some(4));
        assert!(equations.may_hold(&first.skeleton));
        assert!(seeds.iter().all(|seed| !equations.may_hold(&seed.skeleton)));
    }
}
