//! The fit of a guess in its own form, and its translation into a fit of its shape.

use std::time::Instant;

use nalgebra::DMatrix;

use super::attempts::Attempts;
use super::{Form, Guess, Known, free};
use crate::fit::constant::Constant;
use crate::fit::criterion::{bic, scales, sharpness};
use crate::fit::exact::Exact;
use crate::fit::oddities::Oddities;
use crate::fit::parametrised::{Fitted, Parametrised, Spread};
use crate::fit::refine::Refined;
use crate::fit::setting::Setting;
use crate::series::explained::r2;
use crate::series::problem::{Problem, RESOLUTION};

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
        let mut attempts = Attempts::new(self, problem, deadline)?;
        let fitted = attempts.best()?;
        let Attempts {
            settings, model, ..
        } = attempts;
        let fitted = self.positive(fitted, &settings, model.free());
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

    /// The same law with constants of its own above 0 where their signs make no difference, as that of `h` in `h^2 + N^2`.
    pub(super) fn positive(
        &self,
        mut fitted: Fitted,
        settings: &[Setting],
        free: &[usize],
    ) -> Fitted {
        let law = |constants: &[f64]| self.with(constants).ok()?.parts().ok();
        for (k, setting) in settings.iter().enumerate() {
            let mut mirrored = fitted.constants.clone();
            match mirrored.get_mut(k) {
                Some(value) if *value < 0.0 && *setting == Setting::FREE => *value = -*value,
                _ => continue,
            }
            if law(&mirrored).is_some_and(|other| law(&fitted.constants) == Some(other)) {
                fitted.constants = mirrored;
                if let Some(column) = free.iter().position(|slot| *slot == k) {
                    fitted.jacobian.column_mut(column).neg_mut();
                }
            }
        }
        fitted
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
            oddities: Oddities::of(problem, law.rhs()),
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
