//! A second opinion, in noise: what the network thinks of the laws that were fitted.
//!
//! Evidence and prior approximate the probability of a law given the data, and so does the network, which learned it
//! from examples: two estimates of one number, each with errors of its own. They are pooled as logarithms, so that
//! neither counts the data twice. On clean data the evidence decides by thousands of nats, and nobody is asked.

use nsode_parser::Skeleton;

use crate::problem::Problem;
use crate::proposer::Proposer;
use crate::refine::Refined;

/// Weights of the network's logarithm and of the tempered one of evidence and prior. docs/ranking.md has others.
const SECOND: f64 = 0.5;
const FIRST: f64 = 1.0;

/// Laws that are asked about, at most: the others have hardly any probability.
const ASKED: usize = 100;

/// Least logarithm that counts, below the highest: a network is never so sure with reason.
const LEAST: f64 = -12.0;

/// Pools tempered log-weights, best first, with the opinion of the first proposer that has one; best first again.
pub(super) fn pool(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    ranked: &mut [(f64, &Refined)],
) {
    let asked: Vec<&Skeleton> = ranked
        .iter()
        .take(ASKED)
        .map(|(_, law)| &law.skeleton)
        .collect();
    let opinion = proposers
        .iter()
        .find_map(|one| one.opinion(problem, &asked));
    let Some(opinion) = opinion else { return };
    let highest = opinion.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !highest.is_finite() {
        return;
    }
    for (number, (weight, _)) in ranked.iter_mut().enumerate() {
        let second = opinion
            .get(number)
            .map_or(LEAST, |own| (own - highest).max(LEAST));
        *weight = FIRST * *weight + SECOND * second;
    }
    // stable, so that equal ones stay in their order
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
}
