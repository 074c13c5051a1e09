//! The fits of a search: refined in batches, the best one kept of each skeleton, ranked by their weights.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use nsode_parser::Skeleton;
use rayon::prelude::*;

use super::origins::Origins;
use crate::filter::Filter;
use crate::prior::log_prior;
use crate::problem::Problem;
use crate::proposer::Seed;
use crate::rank::{UNDETERMINED, log_evidence};
use crate::refine::{Refined, refine};

/// Candidates refined between looks at the clock. Fixed, so that results do not depend on the number of
/// threads.
const BATCH: usize = 16;

/// What was fitted so far, and how the fits are weighed.
pub(super) struct Search {
    deadline: Instant,
    /// Which laws may be fitted.
    filter: Filter,
    /// Observed cells.
    cells: usize,
    /// The share of them that counts as independent.
    pub share: f64,
    /// The best fit of each skeleton.
    pub done: HashMap<Skeleton, Refined>,
    /// Skeletons whose fit was tried, with success or without.
    pub attempted: HashSet<Skeleton>,
    /// Whether the deadline came before the end.
    pub late: bool,
}

impl Search {
    /// A search that has not begun.
    pub fn new(problem: &Problem, deadline: Instant, filter: Filter) -> Search {
        Search {
            deadline,
            filter,
            cells: problem.observed(),
            share: 1.0,
            done: HashMap::new(),
            attempted: HashSet::new(),
            late: false,
        }
    }

    /// Fits the seeds, as many as the time allows. A fit that turns out to be a simpler law has the
    /// origin of its seed.
    pub fn refine_all(&mut self, problem: &Problem, seeds: &[Seed], origins: &mut Origins) {
        let admitted = seeds.iter().filter(|s| self.filter.admits(&s.skeleton));
        let admitted: Vec<&Seed> = admitted.collect();
        for batch in admitted.chunks(BATCH) {
            if Instant::now() >= self.deadline {
                self.late = true;
                return;
            }
            let deadline = self.deadline;
            let found: Vec<Option<Option<Refined>>> = batch
                .par_iter()
                .map(|seed| {
                    let time_left = Instant::now() < deadline;
                    time_left.then(|| refine(problem, &seed.skeleton, seed.constants.as_deref()))
                })
                .collect();
            self.late |= found.iter().any(Option::is_none);
            self.attempted
                .extend(batch.iter().map(|seed| seed.skeleton.clone()));
            for (seed, refined) in batch.iter().zip(found) {
                let Some(refined) = refined.flatten() else {
                    continue;
                };
                if let Some(sources) = origins.get(&seed.skeleton).cloned() {
                    origins.entry(refined.skeleton.clone()).or_insert(sources);
                }
                self.keep(refined);
            }
        }
    }

    fn keep(&mut self, refined: Refined) {
        if !self
            .filter
            .admits_fitted(&refined.skeleton, &refined.constants)
        {
            return;
        }
        match self.done.get(&refined.skeleton) {
            Some(other) if other.bic <= refined.bic => {}
            _ => {
                self.done.insert(refined.skeleton.clone(), refined);
            }
        }
    }

    /// Logarithm of a fit's posterior weight.
    pub fn weight(&self, refined: &Refined) -> f64 {
        let vague = refined.errors.iter().filter(|e| e.is_none()).count() as f64;
        let prior = log_prior(&refined.skeleton) - UNDETERMINED * vague;
        prior + log_evidence(refined.bic, refined.parameters, self.cells, self.share)
    }

    /// Fits with their log-weights, best first.
    pub fn ranked(&self) -> Vec<(f64, &Refined)> {
        let mut ranked: Vec<(f64, &Refined)> = self
            .done
            .values()
            .map(|refined| (self.weight(refined), refined))
            .filter(|(weight, _)| weight.is_finite())
            .collect();
        ranked.sort_by(|a, b| {
            b.0.total_cmp(&a.0)
                .then_with(|| a.1.skeleton.cmp(&b.1.skeleton))
        });
        ranked
    }
}
