//! The fits of a guess from several starts, and the best of them.

use std::time::Instant;

use super::{Guess, free, no_particular, start};
use crate::fit::parametrised::{Fitted, Parametrised};
use crate::fit::refine::levels;
use crate::fit::setting::Setting;
use crate::series::problem::{NOISY, Problem};

/// Pulls towards the data where the fit fails without, in inverse spans of time.
const PULLS: [f64; 7] = [100.0, 40.0, 16.0, 6.0, 2.5, 1.0, 0.0];
const NONE: [f64; 1] = [0.0];

/// Starts that are fitted to the data.
const STARTS: usize = 4;

/// Residuals up to this share of the data's own spread, in every state: the solution follows the data.
const FOLLOWS: f64 = 0.3;

/// A fit by logarithms must leave less than this share of what the best one leaves: it does not end at 0, nor at a bound.
const CLEARLY: f64 = 0.99;

/// Solutions computed in one fit, at most, with their sensitivities counted once.
const EVALUATIONS: usize = 400;

/// What all fits of a guess share.
pub(super) struct Attempts<'a> {
    problem: &'a Problem,
    /// What becomes of each constant.
    pub settings: Vec<Setting>,
    /// The law, with these settings.
    pub model: Parametrised,
    /// Constants to start from.
    starts: Vec<Vec<f64>>,
    /// Initial states to start from: the smoothed curves'.
    initial: Vec<Vec<f64>>,
    deadline: Instant,
}

impl<'a> Attempts<'a> {
    /// For one guess; `None` where it has no solution to fit.
    pub fn new(guess: &Guess, problem: &'a Problem, deadline: Instant) -> Option<Attempts<'a>> {
        let mut unknown = guess.constants.clone();
        // Numbers that another constant can stand for stay as they are.
        let general: Vec<f64> = (unknown.iter().enumerate())
            .map(|(k, c)| c.start.unwrap_or(no_particular(k)))
            .collect();
        for k in free::redundant(problem, &guess.rhs, &guess.constants, &general) {
            if let Some(constant) = unknown.get_mut(k)
                && let Some(start) = constant.start
            {
                constant.setting = Setting::Fixed(start);
            }
        }
        let settings: Vec<Setting> = unknown.iter().map(|c| c.setting).collect();
        let model = Parametrised::new(problem, &guess.rhs, settings.clone())?.until(deadline);
        let curves = problem.curves().iter();
        Some(Attempts {
            starts: start::starts(problem, &model, &unknown, STARTS),
            initial: curves.map(|curve| curve.at(0).to_vec()).collect(),
            problem,
            settings,
            model,
            deadline,
        })
    }

    /// The best fit, to the last digit where the data are clean.
    pub fn best(&mut self) -> Option<Fitted> {
        let mut best = self.direct(None, &NONE);
        if !best.as_ref().is_some_and(|fit| self.follows(fit)) {
            best = self.direct(best, &PULLS);
        }
        // Most constants of a law that somebody wrote down are positive. The last digits need time, too.
        let now = Instant::now();
        let half = now + self.deadline.saturating_duration_since(now) / 2;
        let exact = vec![NOISY; self.problem.dimension()];
        for (levels, strengths) in [(exact, &NONE[..]), (levels(self.problem), &PULLS)] {
            if best
                .as_ref()
                .is_some_and(|fit| self.is_within(fit, &levels))
            {
                break;
            }
            best = self.by_logarithms(best, strengths, half);
        }
        Some(self.finished(best?))
    }

    /// The better one of `best` and the fits from all starts.
    fn direct(&self, best: Option<Fitted>, strengths: &[f64]) -> Option<Fitted> {
        let each = (self.starts.iter()).take_while(|_| !self.model.is_late());
        let found =
            each.filter_map(|start| self.fit(&self.model, (start, &self.initial), strengths));
        best.into_iter().chain(found).reduce(|best, fit| {
            match fit.leftover.order < best.leftover.order {
                true => fit,
                false => best,
            }
        })
    }

    /// The same of fits whose constants without bounds, and initial states, are positive.
    fn by_logarithms(
        &self,
        mut best: Option<Fitted>,
        strengths: &[f64],
        deadline: Instant,
    ) -> Option<Fitted> {
        let model = self.model.clone().until(deadline);
        let above = start::above_zero(self.problem, &self.initial);
        for start in self.starts.iter().take_while(|_| !model.is_late()) {
            let each = start.iter().zip(&self.settings);
            let sizes: Vec<f64> = each
                .map(|(value, setting)| match *setting == Setting::FREE {
                    true => value.abs(),
                    false => *value,
                })
                .collect();
            let straight = model.clone().by_logarithms(&sizes, &above);
            let found = self.fit(&straight, (&sizes, &above), strengths);
            best = match (best, found) {
                (Some(best), Some(found))
                    if found.leftover.order > CLEARLY * best.leftover.order =>
                {
                    Some(best)
                }
                (best, found) => found.or(best),
            };
        }
        best
    }

    /// A fit of the law in this form; repeated in the usual form until its weights hold.
    fn fit(
        &self,
        form: &Parametrised,
        start: (&[f64], &[Vec<f64>]),
        strengths: &[f64],
    ) -> Option<Fitted> {
        let deviations = form.deviations_for(self.problem, start);
        let fit = form.fit(self.problem, &deviations, start, strengths, EVALUATIONS)?;
        let again = |fit: &Fitted, own: &[f64]| self.again(&self.model, fit, own);
        let steady = (self.problem).until_steady(fit, &deviations, |fit| &fit.leftover, again);
        Some(steady)
    }

    /// The fit from where `fit` ended, with these weights.
    fn again(&self, model: &Parametrised, fit: &Fitted, deviations: &[f64]) -> Option<Fitted> {
        let start = (fit.constants.as_slice(), fit.initial.as_slice());
        model.fit(self.problem, deviations, start, &NONE, EVALUATIONS)
    }

    fn follows(&self, fit: &Fitted) -> bool {
        let spread = self.problem.spread();
        let levels: Vec<f64> = spread.iter().map(|spread| FOLLOWS * spread).collect();
        self.is_within(fit, &levels)
    }

    /// Whether it leaves no more than this of any state.
    fn is_within(&self, fit: &Fitted, levels: &[f64]) -> bool {
        let found = fit.deviations(self.problem).into_iter();
        let mut each = found.zip(levels);
        each.all(|(found, level)| found <= *level)
    }

    /// The last steps, as the search does them with its best: each state's own residuals decide its weight, and of clean data
    /// the last digits tell.
    fn finished(&mut self, mut fit: Fitted) -> Fitted {
        let problem = self.problem;
        let weighed = problem.is_weighed_by_residuals();
        if weighed {
            let own = problem.last_deviations(&fit.leftover.sse);
            fit = self.again(&self.model, &fit, &own).unwrap_or(fit);
        }
        if fit.deviations(problem).iter().any(|d| *d <= NOISY) {
            let own = match weighed {
                true => problem.last_deviations(&fit.leftover.sse),
                false => problem.first_deviations(),
            };
            self.model = self.model.clone().precise();
            fit = self.again(&self.model, &fit, &own).unwrap_or(fit);
        }
        fit
    }
}
