//! The second round of weights: what the residuals of the best law say of the noise.

use super::misfit::residuals;
use super::search::Search;
use crate::discover::without::Part;
use crate::propose::proposer::Proposal;
use crate::series::problem::{Noise, Problem, noise};

/// Best laws that are fitted again when the weights change: of one state, and of several.
const REPEATED: usize = 24;
const REPEATED_OF_SYSTEMS: usize = 64;

impl Search {
    /// Second round of weights: the noise's additive share, from the residuals of the best law. Where it changes,
    /// the best fits are repeated with the new weights and the others dropped.
    pub fn reweigh(&mut self, problem: &Problem) -> Problem {
        if problem.knows_noise() || self.without.contains(&Part::Weights) {
            return problem.clone();
        }
        let ranked = self.ranked();
        let residuals = ranked
            .first()
            .and_then(|(_, best)| residuals(problem, best));
        let Some(residuals) = residuals else {
            return problem.clone();
        };
        let of_state = |state| residuals.iter().skip(state).step_by(problem.dimension());
        let noise: Vec<Noise> = (0..problem.dimension())
            .map(|state| {
                let all: Vec<(f64, f64)> = of_state(state).flatten().copied().collect();
                noise(&all, problem.loss(), problem.least_additive(state))
            })
            .collect();
        let most = match problem.dimension() {
            1 => REPEATED,
            _ => REPEATED_OF_SYSTEMS,
        };
        let proposals: Vec<Proposal> = ranked
            .into_iter()
            .take(most)
            .map(|(_, refined)| Proposal::again(refined))
            .collect();
        let same = noise
            .iter()
            .zip(problem.noise())
            .all(|(a, b)| (a.additive / b.additive).ln().abs() < 0.7);
        if same {
            return problem.clone();
        }
        let reweighed = problem.with_noise(noise);
        let before = std::mem::take(&mut self.done);
        let was_late = std::mem::take(&mut self.late);
        self.refine_all(&reweighed, &proposals);
        let cut_short = self.late;
        self.late |= was_late;
        // A round that was cut short, or that lost the best law, would give its share to its rivals.
        let best_kept = proposals
            .first()
            .is_some_and(|best| self.done.contains_key(&best.skeleton));
        if cut_short || !best_kept {
            self.done = before;
            return problem.clone();
        }
        reweighed
    }
}
