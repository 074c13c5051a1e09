//! The second round of weights: what the residuals of the best law say of the noise.

use super::origins::Origins;
use super::search::Search;
use crate::law::Law;
use crate::problem::{Noise, Problem, additive_share};
use crate::proposer::Seed;
use crate::rank::independence;
use crate::refine::Refined;
use crate::shooting::Shooter;

/// Residuals' standard deviation from which a series counts as noisy, in normalised units.
const NOISY: f64 = 1e-3;

/// Best laws that are fitted again when the weights change.
const REPEATED: usize = 24;

impl Search {
    /// Second round of weights: the noise's additive share, and the independence of the residuals, from those
    /// of the best law. Where the share changes, the best fits are repeated with the new weights and the
    /// others dropped.
    pub fn reweigh(&mut self, problem: &Problem, origins: &mut Origins) -> Problem {
        if problem.knows_noise() {
            return problem.clone();
        }
        let ranked = self.ranked();
        let residuals = ranked
            .first()
            .and_then(|(_, best)| residuals(problem, best));
        let Some(residuals) = residuals else {
            return problem.clone();
        };
        let noise: Vec<Noise> = residuals.iter().map(|list| noise(list)).collect();
        let seeds: Vec<Seed> = ranked
            .into_iter()
            .take(REPEATED)
            .map(|(_, refined)| Seed {
                skeleton: refined.skeleton.clone(),
                constants: Some(refined.constants.clone()),
            })
            .collect();
        // Clean series leave residuals of the integrator, which are never independent.
        if noise.iter().all(|n| n.deviation > NOISY) {
            let series: Vec<Vec<f64>> = residuals
                .iter()
                .zip(&noise)
                .map(|(list, n)| list.iter().map(|(u, r)| r / n.shape(*u).sqrt()).collect())
                .collect();
            self.share = independence(&series);
        }
        let same = noise
            .iter()
            .zip(problem.noise())
            .all(|(a, b)| (a.additive / b.additive).ln().abs() < 0.7);
        if same {
            return problem.clone();
        }
        let reweighed = problem.with_noise(noise);
        let before = std::mem::take(&mut self.done);
        self.refine_all(&reweighed, &seeds, origins);
        // A round that was cut short, or that lost the best law, would give its share to its rivals.
        let best_kept = seeds
            .first()
            .is_some_and(|best| self.done.contains_key(&best.skeleton));
        if self.late || !best_kept {
            self.done = before;
            return problem.clone();
        }
        reweighed
    }
}

/// Values and residuals of a fit, one list a state, in order of time within each trajectory.
fn residuals(problem: &Problem, refined: &Refined) -> Option<Vec<Vec<(f64, f64)>>> {
    let d = problem.dimension();
    let law = Law::new(&refined.skeleton.template(), refined.constants.len())?;
    let shooter = Shooter::new(problem, &law);
    let mut residuals: Vec<Vec<(f64, f64)>> = vec![Vec::new(); d];
    for (path, initial) in problem.normalised().iter().zip(&refined.initial) {
        let states = shooter.solve(&refined.constants, initial, path.times())?;
        for (cell, (y, u)) in path.states().iter().zip(states).enumerate() {
            if !y.is_nan() {
                residuals.get_mut(cell % d)?.push((u, y - u));
            }
        }
    }
    Some(residuals)
}

/// The noise that residuals show.
fn noise(residuals: &[(f64, f64)]) -> Noise {
    let mut noise = Noise {
        deviation: 0.0,
        additive: additive_share(residuals),
    };
    let sum: f64 = residuals.iter().map(|(u, r)| r * r / noise.shape(*u)).sum();
    noise.deviation = (sum / residuals.len().max(1) as f64).sqrt();
    noise
}
