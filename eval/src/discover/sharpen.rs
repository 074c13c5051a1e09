//! Smoothed curves that go by a law.
//!
//! Of clean data the smoothed curves are the least accurate part: a spline between the points misses a solution by far more than
//! the points do, and the right equations can't be told from others that leave over no more than that. But a law need not
//! be right to follow the data to five digits, and what these have beside its solution is small. So where the best law
//! follows the data closely and is not exact, only that is smoothed and added to the solution, along which equations
//! are then judged again.

use nsode_parser::tape::Tape;

use super::misfit::{lead, residuals, weighted};
use super::search::Search;
use crate::fit::law::Law;
use crate::fit::refine::Refined;
use crate::fit::shooting::Shooter;
use crate::series::problem::{FLOOR, NOISY, Problem, RESOLUTION};

/// Which share of what a law leaves over the new curves are taken to be wrong by.
const SHARE: f64 = 0.03;

/// A law is followed again that leaves less than this share of what the one before it left.
const BETTER: f64 = 0.5;

/// Whether the smoothed curves find so little noise that it may be their own.
pub(super) fn is_worth_it(problem: &Problem) -> bool {
    problem.noise().iter().all(|noise| noise.deviation < NOISY)
}

impl Search {
    /// `problem` with curves along the best law that was fitted, and what that law leaves over; `None` where the law is exact or
    /// not near enough, or leaves no pattern, or no less than half of `before`.
    pub fn sharpened(&self, problem: &Problem, before: f64) -> Option<(Problem, f64)> {
        let left = |fit: &Refined| {
            let each = problem.deviations(&fit.sse).into_iter();
            each.fold(0.0, f64::max)
        };
        let fits = self.done.values().map(|fit| (left(fit), fit));
        let (left, best) = fits.min_by(|a, b| {
            a.0.total_cmp(&b.0)
                .then_with(|| a.1.skeleton.cmp(&b.1.skeleton))
        })?;
        if self.late || left > NOISY.min(BETTER * before) || self.is_exact(problem) {
            return None;
        }
        if lead(&weighted(problem, &residuals(problem, best)?)) < 0.0 {
            return None;
        }
        let accuracy = (SHARE * left).clamp(RESOLUTION, FLOOR);
        Some((along(problem, best, accuracy)?, left))
    }
}

/// `problem` with curves along a law that was fitted to it.
fn along(problem: &Problem, fit: &Refined, accuracy: f64) -> Option<Problem> {
    let law = Law::new(&fit.skeleton.template(), fit.constants.len())?;
    let shooter = Shooter::new(problem, &law).precise();
    problem.along(accuracy, |number, times| {
        let states = shooter.solve(&fit.constants, fit.initial.get(number)?, times)?;
        let slopes = slopes(law.value(), times, &states, &fit.constants);
        Some((states, slopes))
    })
}

/// The slopes of a law at states.
fn slopes(law: &Tape, times: &[f64], states: &[f64], constants: &[f64]) -> Vec<f64> {
    let d = states.len() / times.len().max(1);
    let mut scratch = law.scratch();
    let mut slopes = vec![0.0; states.len()];
    let rows = states.chunks(d.max(1)).zip(slopes.chunks_mut(d.max(1)));
    for (t, (state, slope)) in times.iter().zip(rows) {
        law.eval(*t, state, constants, &mut scratch, slope);
    }
    slopes
}
