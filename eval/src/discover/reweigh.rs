//! The second round of weights: what the residuals of laws say of the noise.

use super::misfit::residuals;
use super::search::Search;
use crate::discover::without::Part;
use crate::fit::proposal::Proposal;
use crate::fit::refine::Refined;
use crate::series::problem::{Noise, Problem, deviance, noise};

/// Best laws that are fitted again when the weights change: of one state, and of several.
const REPEATED: usize = 24;
const REPEATED_OF_SYSTEMS: usize = 64;

impl Search {
    /// Second round of weights: the noise's additive share, from the residuals of the law that would be best if each law had the
    /// noise that its own residuals show. Where it changes, the best fits are repeated with the new weights and the others dropped.
    ///
    /// The law that is best by the first weights may be none but a flexible curve: where noise goes with the value and that over
    /// decades, these count small values as if they were exact. Of systems it is that law all the same, and the noise keeps an additive
    /// part: their fits do not bear weights that differ by orders of magnitude. (Of 144 hard cases of `systems` they lost two that generalised,
    /// one of them with the true law first before, though linear chains over decades were found with them and are not without.)
    pub fn reweigh(&mut self, problem: &Problem) -> Problem {
        if problem.knows_noise() || self.without.contains(&Part::Weights) {
            return problem.clone();
        }
        let ranked = self.ranked();
        let most = match problem.dimension() {
            1 => REPEATED,
            _ => REPEATED_OF_SYSTEMS,
        };
        let judged = match ranked.first() {
            _ if problem.dimension() > 1 => 1,
            Some((_, best)) if best.is_exact(problem) => 1,
            _ => most,
        };
        let mut own: Vec<(f64, &Refined, Vec<Noise>)> = ranked
            .iter()
            .take(judged)
            .filter_map(|(weight, fit)| {
                let (noise, nats) = own_noise(problem, fit)?;
                Some((weight + nats, *fit, noise))
            })
            .collect();
        own.sort_by(|a, b| b.0.total_cmp(&a.0));
        let Some((_, _, noise)) = own.first() else {
            return problem.clone();
        };
        let noise = noise.clone();
        let others = ranked.iter().map(|(_, fit)| *fit).skip(judged);
        let proposals: Vec<Proposal> = (own.iter().map(|(_, fit, _)| *fit))
            .chain(others)
            .take(most)
            .map(Proposal::again)
            .collect();
        if is_same(problem, &noise) {
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

    /// The problem with the noise that the residuals of a guess show, where the search has no law of its own, and it is another one.
    pub fn reweighed_by(&self, problem: &Problem, guess: &Refined) -> Option<Problem> {
        let given = problem.knows_noise() || self.without.contains(&Part::Weights);
        if given || !self.done.is_empty() {
            return None;
        }
        let (noise, _) = own_noise(problem, guess)?;
        (!is_same(problem, &noise)).then(|| problem.with_noise(noise))
    }
}

/// Whether the noise is about that of the problem.
fn is_same(problem: &Problem, noise: &[Noise]) -> bool {
    let mut each = noise.iter().zip(problem.noise());
    each.all(|(a, b)| (a.additive / b.additive).ln().abs() < 0.7)
}

/// How many times as large the squares of residuals may be when a fit's law is solved again: beside a pole, solutions depend on
/// the steps that are taken, and a single value that is far off would make any noise that grows with it more likely.
const REPEATABLE: f64 = 2.0;

/// The noise of each state that a fit's residuals show, and how many nats more likely it makes them than the problem's.
fn own_noise(problem: &Problem, fit: &Refined) -> Option<(Vec<Noise>, f64)> {
    let residuals = residuals(problem, fit)?;
    let (mut nats, mut repeats) = (0.0, true);
    let each = problem.noise().iter().enumerate();
    let noise = each.map(|(state, known)| {
        let all = residuals.iter().skip(state).step_by(problem.dimension());
        let all: Vec<(f64, f64)> = all.flatten().copied().collect();
        let square: f64 = all.iter().map(|(u, r)| r * r / known.shape(*u)).sum();
        let fitted = fit.sse.get(state).copied().unwrap_or(f64::INFINITY);
        repeats &=
            known.spans_decades() || problem.loss().is_robust() || square < REPEATABLE * fitted;
        let own = noise(&all, problem.loss(), problem.least_additive(state));
        let cost = |share| deviance(&all, problem.loss(), share);
        nats += 0.5 * (cost(known.additive) - cost(own.additive)).max(0.0);
        own
    });
    let noise = noise.collect();
    repeats.then_some((noise, nats))
}
