//! Systems put together from equations that were proposed apart.
//!
//! Nobody who proposes a system is often right about all of its equations at once, but each of them is often in some
//! proposal. Along the smoothed curves an equation can be judged without the others, by the integral form
//! ([`crate::integral`]): so every equation that is in any proposal is fitted once, and the best ones of each state are
//! combined.

use std::collections::HashMap;

use nsode_parser::{Expr, Skeleton, Token};
use rayon::prelude::*;

use crate::combine::{TOLERANCES, combine};
use crate::integral::Integral;
use crate::law::Equation;
use crate::prior::description;
use crate::problem::{FLOOR, Problem};
use crate::proposer::Seed;

/// Systems made, at most.
const MOST: usize = 64;

/// Equations of a state that are combined, at most: those that are best by one of the tolerances.
const BEST: usize = 24;

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
    /// BIC with description length, as sparse regression has it; residuals below `tolerance` count as that.
    fn score(&self, tolerance: f64) -> f64 {
        self.cells * self.misfit.max(tolerance * tolerance).ln() + self.price
    }
}

/// Systems of the best equations of `seeds`, best first; none of one state.
pub(super) fn recombined<'a>(
    problem: &Problem,
    seeds: impl Iterator<Item = &'a Seed>,
) -> Vec<Seed> {
    let dimension = problem.dimension();
    if dimension < 2 {
        return Vec::new();
    }
    let proposed = equations(dimension, seeds);
    let judged = proposed.par_iter().filter_map(|one| judge(problem, one));
    let mut states: Vec<Vec<Judged>> = (0..dimension).map(|_| Vec::new()).collect();
    for one in judged.collect::<Vec<_>>() {
        if let Some(own) = states.get_mut(one.state) {
            own.push(one);
        }
    }
    let lists = TOLERANCES.map(|tolerance| {
        let best: Vec<Vec<(f64, &Judged)>> =
            states.iter().map(|own| best(own, tolerance)).collect();
        let scores: Vec<Vec<f64>> = best
            .iter()
            .map(|own| own.iter().map(|(score, _)| *score).collect())
            .collect();
        let choices = combine(&scores, MOST);
        let system = |choice: Vec<usize>| {
            let parts = best.iter().zip(choice);
            let parts: Option<Vec<&Judged>> =
                parts.map(|(own, i)| Some(own.get(i)?.1)).collect();
            joined(dimension, &parts?)
        };
        choices.into_iter().filter_map(system).collect::<Vec<Seed>>()
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

/// The best equations of a state by a tolerance, with their scores.
fn best(own: &[Judged], tolerance: f64) -> Vec<(f64, &Judged)> {
    let mut scored: Vec<(f64, &Judged)> = own.iter().map(|j| (j.score(tolerance), j)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    scored.truncate(BEST);
    scored
}

/// The system of these equations.
fn joined(dimension: usize, parts: &[&Judged]) -> Option<Seed> {
    let tokens: Vec<Token> = parts.iter().flat_map(|p| p.tokens.iter().copied()).collect();
    Some(Seed {
        skeleton: Skeleton::parse(dimension, &tokens).ok()?,
        constants: Some(parts.iter().flat_map(|p| p.constants.iter().copied()).collect()),
    })
}
