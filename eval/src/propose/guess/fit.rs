//! The fit of a guess in its own form, and its translation into a fit of its shape.

use std::time::Instant;

use nalgebra::DMatrix;

use super::{Form, Guess, Known, free, no_particular, start};
use crate::discover::Constant;
use crate::discover::rank::{bic, scales, sharpness};
use crate::discover::{angles, poles};
use crate::fit::exact::Exact;
use crate::fit::parametrised::{Fitted, Parametrised, Spread};
use crate::fit::refine::{Refined, levels};
use crate::fit::setting::Setting;
use crate::series::explained::r2;
use crate::series::problem::{NOISY, Problem, RESOLUTION};

/// Pulls towards the data where the fit fails without, in inverse spans of time.
const PULLS: [f64; 7] = [100.0, 40.0, 16.0, 6.0, 2.5, 1.0, 0.0];

/// Starts that are fitted to the data.
const STARTS: usize = 4;

/// A fit by logarithms must leave less than this share of what the best one leaves: it does not end at 0, nor at a bound.
const CLEARLY: f64 = 0.99;

/// Solutions computed in one fit, at most, with their sensitivities counted once.
const EVALUATIONS: usize = 400;

/// A guess that was fitted.
#[derive(Clone, Debug)]
pub struct Guessed {
    /// The fit of its shape, in normalised units.
    pub refined: Refined,
    /// Its own form.
    pub form: Form,
    /// Whether its constants can become whatever those of its shape can, or are within bounds that do not matter.
    pub free: bool,
}

impl Guess {
    /// Fits the guess to `problem`; `None` where no constants are found with which its solutions span the data.
    /// No more fits are begun or ended after the deadline.
    pub fn fit(&self, problem: &Problem, deadline: Instant) -> Option<Guessed> {
        let (settings, model, fitted) = self.best(problem, deadline)?;
        let variance = variance(problem, &fitted);
        let (open, directions) = free::open(problem, &self.rhs, &model, &fitted.constants);
        let mut spread = model.spread(&fitted, variance);
        let states: usize = fitted.initial.iter().map(Vec::len).sum();
        spread.rank = spread.rank.min(states + directions);
        let refined = self.translated(problem, &model, &fitted, &spread)?;
        let all = self.constants.len();
        let covariance = spread.covariance.view((0, 0), (all, all)).into_owned();
        let constants = self
            .constants
            .iter()
            .zip(&settings)
            .enumerate()
            .map(|(k, (unknown, setting))| {
                let value = fitted.constants.get(k).copied().unwrap_or(f64::NAN);
                let fixed = matches!(setting, Setting::Fixed(_));
                let at_bound = model.is_at_bound(&fitted, k);
                let determined = spread.determined.get(k) == Some(&true) && !open.contains(&k);
                let known = determined && !at_bound;
                let stderr = match fixed {
                    true => Some(0.0),
                    false => known.then(|| spread.covariance[(k, k)].max(0.0).sqrt()),
                };
                Known {
                    name: unknown.name.clone(),
                    constant: Constant { value, stderr },
                    fixed,
                    at_bound,
                }
            })
            .collect::<Vec<_>>();
        let within = !constants.iter().any(|known| known.at_bound);
        Some(Guessed {
            refined,
            form: Form {
                rhs: self.rhs.clone(),
                constants,
                covariance,
                settings,
            },
            free: self.is_free() && within,
        })
    }

    /// The best of the fits from several starts.
    fn best(
        &self,
        problem: &Problem,
        deadline: Instant,
    ) -> Option<(Vec<Setting>, Parametrised, Fitted)> {
        let mut settings: Vec<Setting> = self.constants.iter().map(|c| c.setting).collect();
        // Numbers that another constant can stand for stay as they are.
        let general: Vec<f64> = (self.constants.iter().enumerate())
            .map(|(k, c)| c.start.unwrap_or(no_particular(k)))
            .collect();
        for k in free::redundant(problem, &self.rhs, &self.constants, &general) {
            let start = self.constants.get(k).and_then(|c| c.start);
            if let (Some(setting), Some(start)) = (settings.get_mut(k), start) {
                *setting = Setting::Fixed(start);
            }
        }
        let mut model = Parametrised::new(problem, &self.rhs, settings.clone())?.until(deadline);
        let mut unknown = self.constants.clone();
        for (constant, setting) in unknown.iter_mut().zip(&settings) {
            constant.setting = *setting;
        }
        let initial: Vec<Vec<f64>> = problem.curves().iter().map(|c| c.at(0).to_vec()).collect();
        let starts = start::starts(problem, &model, &unknown, STARTS);
        let fit = |form: &Parametrised, start: (&[f64], &[Vec<f64>]), strengths: &[f64]| {
            let deviations = form.deviations_for(problem, start);
            let fit = form.fit(problem, &deviations, start, strengths, EVALUATIONS);
            let again = |fit: &Fitted, own: &[f64]| {
                let start = (fit.constants.as_slice(), fit.initial.as_slice());
                model.fit(problem, own, start, &[0.0], EVALUATIONS)
            };
            Some(problem.until_steady(fit?, &deviations, |fit| &fit.leftover, again))
        };
        let better = |best: Fitted, fit: Fitted| match fit.leftover.order < best.leftover.order {
            true => fit,
            false => best,
        };
        let fits = |best: Option<Fitted>, strengths: &[f64]| {
            let each = starts.iter().take_while(|_| !model.is_late());
            let found = each.filter_map(|start| fit(&model, (start, &initial), strengths));
            best.into_iter().chain(found).reduce(better)
        };
        let mut best = fits(None, &[0.0]);
        let spread = problem.spread();
        let follows = |fit: &Fitted| {
            let each = fit.deviations(problem).into_iter().zip(&spread);
            each.into_iter().all(|(found, spread)| found < 0.3 * spread)
        };
        if !best.as_ref().is_some_and(follows) {
            best = fits(best, &PULLS);
        }
        // Most constants of a law that somebody wrote down are positive. The last digits need time, too.
        let now = Instant::now();
        let half = model
            .clone()
            .until(now + deadline.saturating_duration_since(now) / 2);
        let above = start::above_zero(problem, &initial);
        let settled = |best: &Option<Fitted>, levels: &[f64]| {
            let found = best.as_ref().map(|fit| fit.deviations(problem));
            found.is_some_and(|found| {
                found
                    .iter()
                    .zip(levels)
                    .all(|(found, level)| found <= level)
            })
        };
        let exact = vec![NOISY; problem.dimension()];
        for (levels, strengths) in [(exact, &[0.0][..]), (levels(problem), &PULLS)] {
            if settled(&best, &levels) {
                break;
            }
            for start in starts.iter().take_while(|_| !half.is_late()) {
                let each = start.iter().zip(&settings);
                let sizes: Vec<f64> = each
                    .map(|(value, setting)| match *setting == Setting::FREE {
                        true => value.abs(),
                        false => *value,
                    })
                    .collect();
                let straight = half.clone().by_logarithms(&sizes, &above);
                let found = fit(&straight, (&sizes, &above), strengths);
                best = match (best, found) {
                    (Some(best), Some(found))
                        if found.leftover.order > CLEARLY * best.leftover.order =>
                    {
                        Some(best)
                    }
                    (best, found) => found.or(best),
                };
            }
        }
        let mut fit = best?;
        if problem.is_weighed_by_residuals() {
            // Each state's own residuals decide its weight, as in every other fit.
            let own = problem.last_deviations(&fit.leftover.sse);
            let start = (fit.constants.as_slice(), fit.initial.as_slice());
            fit = model
                .fit(problem, &own, start, &[0.0], EVALUATIONS)
                .unwrap_or(fit);
        }
        if fit.deviations(problem).iter().any(|d| *d <= NOISY) {
            // As the search does with its best: of clean data the last digits tell.
            let own = match problem.is_weighed_by_residuals() {
                true => problem.last_deviations(&fit.leftover.sse),
                false => problem.first_deviations(),
            };
            let start = (fit.constants.as_slice(), fit.initial.as_slice());
            model = model.precise();
            fit = model
                .fit(problem, &own, start, &[0.0], EVALUATIONS)
                .unwrap_or(fit);
        }
        Some((settings, model, fit))
    }

    /// The fit as one of the shape, by canonical form, units and the chain rule.
    fn translated(
        &self,
        problem: &Problem,
        model: &Parametrised,
        fitted: &Fitted,
        spread: &Spread,
    ) -> Option<Refined> {
        let at = |constants: &[f64]| {
            let system = self.with(constants).ok()?;
            let system = system.rescaled(problem.scaling()).ok()?;
            let (skeleton, values) = system.parts().ok()?;
            Some((system, skeleton, values))
        };
        let (system, skeleton, values) = at(&fitted.constants)?;
        let all = fitted.constants.len();
        let mut jacobian = DMatrix::zeros(values.len(), all);
        for &k in model.free() {
            let value = *fitted.constants.get(k)?;
            let error = spread.covariance[(k, k)].max(0.0).sqrt();
            let step =
                (1e-4 * error).clamp(1e-9 * value.abs(), 1e-5 * value.abs().max(1e-3 * error));
            let moved = |step: f64| {
                let mut constants = fitted.constants.clone();
                *constants.get_mut(k)? += step;
                let (_, shape, values) = at(&constants)?;
                (shape == skeleton).then_some(values)
            };
            if let (true, Some(up), Some(down)) = (step > 0.0, moved(step), moved(-step)) {
                for (i, (up, down)) in up.iter().zip(&down).enumerate() {
                    jacobian[(i, k)] = (up - down) / (2.0 * step);
                }
            }
        }
        let block = spread.covariance.view((0, 0), (all, all));
        let covariance = &jacobian * block * jacobian.transpose();
        let errors: Vec<Option<f64>> = (0..values.len())
            .map(|i| Some(covariance[(i, i)].max(0.0).sqrt()).filter(|e| e.is_finite()))
            .collect();
        let finite = covariance.iter().all(|v| v.is_finite());
        let states: usize = fitted.initial.iter().map(Vec::len).sum();
        let free = spread.rank.saturating_sub(states).min(scales(&skeleton));
        let law = system.to_system();
        Some(Refined {
            poles: poles::cost(problem, law.rhs()),
            frequencies: angles::cost(problem, law.rhs()),
            system,
            skeleton,
            constants: values,
            initial: fitted.initial.clone(),
            covariance: finite.then_some(covariance),
            errors,
            r2: r2(
                problem,
                &fitted.leftover.sse,
                &fitted.initial,
                |u, times| model.solve(&fitted.constants, u, times),
            )?,
            bic: bic(problem, &fitted.leftover.deviance, spread.rank),
            sharpness: sharpness(problem, &fitted.leftover.sse, free),
            sse: fitted.leftover.sse.clone(),
            exact: Exact::default(),
            parameters: spread.rank,
        })
    }
}

/// Variance of the weighted residuals, floored at the integrator's accuracy.
pub(crate) fn variance(problem: &Problem, fitted: &Fitted) -> f64 {
    let variance = problem.residual_variance(&fitted.leftover, fitted.jacobian.ncols());
    if problem.knows_noise() {
        return variance;
    }
    let deviations = problem.first_deviations();
    let least = deviations.into_iter().fold(f64::INFINITY, f64::min);
    variance.max((RESOLUTION / least).powi(2))
}
