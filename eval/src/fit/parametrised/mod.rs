//! A law in the data's units whose constants are to be fitted as they are written: some free, some within bounds,
//! some fixed, one perhaps in several places and equations.
//!
//! [`crate::fit::refine`] fits skeletons, in which every constant stands once and is free; that is faster and what a
//! search needs. What is here serves a person's own form, and the joint uncertainty of any fit, constants and
//! initial states together. Solutions and sensitivities are [`crate::fit::flow`]'s, Levenberg–Marquardt is
//! MINPACK's; bounds are kept by [`crate::fit::setting`].

mod target;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::time::Instant;

use levenberg_marquardt::LevenbergMarquardt;
use nalgebra::{DMatrix, DVector};
use nsode_parser::{Expr, System};

use crate::fit::covariance::Inverse;
use crate::fit::floors::floors;
use crate::fit::flow::{Flow, Run};
use crate::fit::law::Law;
use crate::fit::setting::Setting;
use crate::fit::signs::Signs;
use crate::series::problem::{Leftover, Problem, RESOLUTION};
use target::Target;

/// A constant is at a bound if it is nearer to it than this share of its standard error, all else being fixed.
const AT_BOUND: f64 = 0.05;

/// It is at a bound, too, if it is nearer to it than this share of itself, whatever its error: fits only creep there.
const TOUCHES: f64 = 1e-4;

/// And, beside an only bound, than so many standard errors.
const CLOSE: f64 = 3.0;

/// A constant that is farther from both of its bounds than this share of their distance is at neither.
const ASIDE: f64 = 0.01;

/// A constant so many times the bound away from it, or so far from a bound of 0, went to infinity and is not at the bound.
const AWAY: f64 = 1e6;

/// A law whose constants are to be fitted, compiled for one problem.
#[derive(Clone, Debug)]
pub struct Parametrised {
    /// In normalised units, one slot for each constant in each equation.
    law: Law,
    /// The constant of each slot.
    owners: Vec<usize>,
    settings: Vec<Setting>,
    /// The constants that are fitted, ascending.
    free: Vec<usize>,
    /// The lowest initial value of each state ([`floors`]).
    floors: Vec<f64>,
    /// Error of a step: a thousandth of the noise.
    tolerance: f64,
    /// The largest absolute one.
    near_zero: f64,
    /// Whether solutions are computed to the last digits.
    is_precise: bool,
    /// When a fit is given up.
    deadline: Option<Instant>,
    /// Which free constants, and which initial states, are fitted by their logarithms.
    signs: [Signs; 2],
}

/// Constants and initial states of a fit.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// All constants, in the data's units.
    pub constants: Vec<f64>,
    /// Initial states, normalised, one a trajectory.
    pub initial: Vec<Vec<f64>>,
    /// What the fit leaves over.
    pub leftover: Leftover,
    /// Derivatives of the weighted residuals by the free constants, then the initial states.
    pub jacobian: DMatrix<f64>,
}

impl Fitted {
    /// Root mean square of each state's weighted residuals.
    pub fn deviations(&self, problem: &Problem) -> Vec<f64> {
        problem.deviations(&self.leftover.sse)
    }
}

/// What a fit leaves open.
#[derive(Clone, Debug)]
pub struct Spread {
    /// Covariance of all constants, then the normalised initial states; zero for what is fixed.
    pub covariance: DMatrix<f64>,
    /// Whether the data determine each constant.
    pub determined: Vec<bool>,
    /// Numbers that the data determine, initial states among them.
    pub rank: usize,
}

impl Parametrised {
    /// The law `rhs`, in the data's units, whose [`Expr::Parameter`] `k` is as `settings[k]` says. `None` where
    /// a parameter has no setting, or there are not as many equations as states.
    pub fn new(problem: &Problem, rhs: &[Expr], settings: Vec<Setting>) -> Option<Parametrised> {
        let scaling = problem.scaling();
        if rhs.len() != problem.dimension() {
            return None;
        }
        let mut owners: Vec<usize> = Vec::new();
        let mut normalised = Vec::new();
        for (expr, unit) in rhs.iter().zip(&scaling.states) {
            let first = owners.len();
            let mut missing = false;
            expr.visit(&mut |leaf| {
                if let Expr::Parameter(k) = leaf {
                    match settings.get(*k) {
                        None => missing = true,
                        Some(Setting::Fixed(_)) => {}
                        Some(Setting::Free { .. }) => {
                            if !owners.iter().skip(first).any(|owner| owner == k) {
                                owners.push(*k);
                            }
                        }
                    }
                }
            });
            if missing {
                return None;
            }
            let here = owners.get(first..)?;
            let number = Expr::Number;
            let inner = expr.substitute(&|leaf| match leaf {
                Expr::Parameter(k) => match settings.get(*k)? {
                    Setting::Fixed(value) => Some(number(*value)),
                    Setting::Free { .. } => {
                        let slot = here.iter().position(|owner| owner == k)?;
                        Some(Expr::Parameter(first + slot))
                    }
                },
                Expr::State(i) => Some(number(*scaling.states.get(*i)?) * Expr::State(*i)),
                Expr::Time => Some(number(scaling.origin) + number(scaling.time) * Expr::Time),
                _ => None,
            });
            normalised.push(number(scaling.time / unit) * inner);
        }
        let system = System::new(normalised).ok()?;
        let law = Law::new(&system, owners.len())?;
        let mut free: Vec<usize> = owners.clone();
        free.sort_unstable();
        free.dedup();
        let deviations = problem.noise().iter().map(|n| n.deviation);
        let least = deviations.fold(f64::INFINITY, f64::min);
        Some(Parametrised {
            floors: floors(problem, &law),
            tolerance: (1e-3 * least).clamp(1e-7, 1e-5),
            near_zero: problem.bearable_near_zero(),
            law,
            owners,
            settings,
            free,
            is_precise: false,
            deadline: None,
            signs: [Signs::default(), Signs::default()],
        })
    }

    /// The same, for the last digits of clean data: solutions good to [`RESOLUTION`], which take several times as long.
    #[must_use]
    pub fn precise(mut self) -> Parametrised {
        self.is_precise = true;
        self
    }

    /// The same, giving up fits that are not done by then.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Parametrised {
        self.deadline = Some(deadline);
        self
    }

    /// The same, but constants without bounds and initial states keep the signs that they have here, and the logarithms of
    /// their sizes are fitted. The valley along which `k` and `E` of `k*exp(-E/T)` go together is straight then, and a state
    /// that grows over decades depends evenly on where it began.
    #[must_use]
    pub fn by_logarithms(mut self, constants: &[f64], initial: &[Vec<f64>]) -> Parametrised {
        let each = self.free.iter().map(|k| match self.settings.get(*k) {
            Some(setting) if *setting == Setting::FREE => constants.get(*k).copied(),
            _ => None,
        });
        let each = each.map(Option::unwrap_or_default);
        self.signs = [
            Signs::of(each),
            Signs::of(initial.iter().flatten().copied()),
        ];
        self
    }

    /// Whether the time for fits is over.
    pub fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// An integrator as accurate as the noise asks for.
    pub(crate) fn flow(&self) -> Flow<'_> {
        let mut flow = Flow::new(&self.law);
        flow.floors.clone_from(&self.floors);
        flow.near_zero = self.near_zero;
        match self.is_precise {
            true => {
                flow.set_tolerance(1e-2 * RESOLUTION);
                flow.max_steps *= 4;
            }
            false => flow.set_tolerance(self.tolerance),
        }
        flow
    }

    /// The constants that are fitted, ascending.
    pub fn free(&self) -> &[usize] {
        &self.free
    }

    /// Slots of the compiled law for these constants.
    pub(crate) fn slots(&self, constants: &[f64]) -> Vec<f64> {
        let value = |k: &usize| constants.get(*k).copied().unwrap_or(f64::NAN);
        self.owners.iter().map(value).collect()
    }

    /// The compiled law, in normalised units.
    pub(crate) fn law(&self) -> &Law {
        &self.law
    }

    /// The lowest initial value of each state, normalised; −∞ where there is none.
    pub(crate) fn floors(&self) -> &[f64] {
        &self.floors
    }

    /// The constant of each slot of the law.
    pub(crate) fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// All constants at inner numbers, one a free constant, or at the free constants themselves if these are not
    /// `transformed`; with the slopes of the free ones.
    pub(crate) fn constants(&self, inner: &[f64], transformed: bool) -> (Vec<f64>, Vec<f64>) {
        let fixed = |setting: &Setting| match setting {
            Setting::Fixed(value) => *value,
            Setting::Free { .. } => f64::NAN,
        };
        let mut constants: Vec<f64> = self.settings.iter().map(fixed).collect();
        let mut slopes = Vec::with_capacity(self.free.len());
        let [signs, _] = self.signs(transformed);
        for (place, (k, inner)) in self.free.iter().zip(inner).enumerate() {
            let (value, slope) = signs.outward(place, *inner);
            let (value, bend) = self.transform(*k, transformed).outward(value);
            let slope = slope * bend;
            if let Some(place) = constants.get_mut(*k) {
                *place = value;
            }
            slopes.push(slope);
        }
        (constants, slopes)
    }

    /// Inner numbers of the free ones of `constants`; those themselves if they are not `transformed`.
    pub(crate) fn inner(&self, constants: &[f64], transformed: bool) -> Vec<f64> {
        let [signs, _] = self.signs(transformed);
        let each = self.free.iter().enumerate().map(|(place, k)| {
            let value = constants.get(*k).copied().unwrap_or(f64::NAN);
            let inner = self.transform(*k, transformed).inward(value);
            signs.inward(place, inner)
        });
        each.collect()
    }

    /// The signs of free constants and initial states whose numbers are logarithms.
    fn signs(&self, transformed: bool) -> [&Signs; 2] {
        match transformed {
            true => self.signs.each_ref(),
            false => [Signs::NONE; 2],
        }
    }

    /// How free constant `k` and its number go together.
    fn transform(&self, k: usize, transformed: bool) -> Setting {
        let setting = self.settings.get(k).filter(|_| transformed);
        setting.copied().unwrap_or(Setting::FREE)
    }

    /// Fits constants and initial states from a start, `strengths` being the pulls towards the smoothed curves,
    /// the last one 0. `deviations` weigh the states' residuals. `None` where no solution is found, or not in time.
    pub fn fit(
        &self,
        problem: &Problem,
        deviations: &[f64],
        start: (&[f64], &[Vec<f64>]),
        strengths: &[f64],
        evaluations: usize,
    ) -> Option<Fitted> {
        let mut target = self.target(problem, deviations, start, true);
        let parameters = &target.parameters;
        if problem.observed() <= parameters.len() || !parameters.iter().all(|v| v.is_finite()) {
            return None;
        }
        for strength in strengths {
            target.strength = *strength;
            target.evaluate(false)?;
            let tolerance = match *strength > 0.0 {
                true => 1e-2,
                false if self.is_precise => 1e-12,
                false => 1e-8,
            };
            let patience = evaluations / (target.parameters.len() + 1);
            let solver = LevenbergMarquardt::new()
                .with_ftol(tolerance)
                .with_xtol(tolerance)
                .with_gtol(1e-10)
                .with_stepbound(10.0)
                .with_patience(patience.max(2));
            target = solver.minimize(target).0;
            self.raise(&mut target.parameters.as_mut_slice()[self.free.len()..]);
            // It may have ended at a step that was not tried.
            if self.is_late() {
                return None;
            }
        }
        target.finish()
    }

    /// Raises the inner numbers of initial states to those of their floors.
    fn raise(&self, inner: &mut [f64]) {
        let [_, signs] = &self.signs;
        let floors = self.floors.iter().cycle();
        for (place, (value, floor)) in inner.iter_mut().zip(floors).enumerate() {
            if floor.is_finite() {
                *value = value.max(signs.inward(place, *floor));
            }
        }
    }

    /// Standard deviations that weigh the states' residuals in a fit from a start; by a robust loss, as
    /// [`Problem::start_deviations`] says.
    pub fn deviations_for(
        &self,
        problem: &Problem,
        (constants, initial): (&[f64], &[Vec<f64>]),
    ) -> Vec<f64> {
        let first = problem.first_deviations();
        if !problem.finds_scale() {
            return first;
        }
        let start = self.at(problem, &first, constants, initial);
        problem.start_deviations(start.as_ref().map(|fitted| &fitted.leftover))
    }

    /// The fit at constants and initial states as they are, at a bound too.
    pub fn at(
        &self,
        problem: &Problem,
        deviations: &[f64],
        constants: &[f64],
        initial: &[Vec<f64>],
    ) -> Option<Fitted> {
        self.target(problem, deviations, (constants, initial), false)
            .finish()
    }

    fn target<'a>(
        &'a self,
        problem: &'a Problem,
        deviations: &'a [f64],
        (constants, initial): (&[f64], &[Vec<f64>]),
        transformed: bool,
    ) -> Target<'a> {
        let inner = self.inner(constants, transformed);
        let [_, signs] = self.signs(transformed);
        let initial = initial.iter().flatten().enumerate();
        let initial = initial.map(|(place, u)| signs.inward(place, *u));
        let numbers = inner.iter().copied().chain(initial);
        Target {
            model: self,
            problem,
            deviations,
            flow: RefCell::new(self.flow()),
            strength: 0.0,
            transformed,
            parameters: DVector::from_vec(numbers.collect()),
        }
    }

    /// The normalised solution at `times`, normalised, from `initial` at the first of them; `None` where it fails.
    pub fn solve(&self, constants: &[f64], initial: &[f64], times: &[f64]) -> Option<Vec<f64>> {
        let mut flow = self.flow();
        let mut states = Vec::with_capacity(times.len() * initial.len());
        let slots = self.slots(constants);
        let run = flow.run(&slots, initial, times, None, false, |_, u, _| {
            states.extend_from_slice(u);
        });
        (run == Run::Complete).then_some(states)
    }

    /// Whether the fit left constant `k` at a bound.
    pub fn is_at_bound(&self, fitted: &Fitted, k: usize) -> bool {
        let place = self.free.iter().position(|free| *free == k);
        let column = place.and_then(|place| fitted.jacobian.column_iter().nth(place));
        let (Some(setting), Some(value), Some(column)) =
            (self.settings.get(k), fitted.constants.get(k), column)
        else {
            return false;
        };
        let (gap, bound) = setting.nearest(*value);
        let range = setting.range();
        // Beside a bound that may be far from 0, a small share of it need not be near.
        let near = range.is_finite() || gap * column.norm() < CLOSE;
        let touches = near && gap < TOUCHES * bound.abs().max(value.abs()).min(range);
        // What the data do not see is not at a bound for that.
        let aside = gap > ASIDE * setting.range();
        let creeps = gap < AWAY * bound.abs().max(1.0) && gap * column.norm() < AT_BOUND;
        touches || (creeps && !aside)
    }

    /// What the fit leaves open: the inverse of `JᵀJ` times `variance`, directions that the data do not see left
    /// out. Constants at a bound count as fixed.
    pub fn spread(&self, fitted: &Fitted, variance: f64) -> Spread {
        let all = self.settings.len();
        let states: usize = fitted.initial.iter().map(Vec::len).sum();
        let at_bound = |k: &usize| self.is_at_bound(fitted, *k);
        let mut places: Vec<usize> = self.free.clone();
        places.extend(all..all + states);
        let held: Vec<bool> = self.free.iter().map(at_bound).collect();
        let inverse = Inverse::new(fitted.jacobian.clone(), &held);
        let mut covariance = DMatrix::zeros(all + states, all + states);
        for (i, a) in places.iter().enumerate() {
            for (j, b) in places.iter().enumerate() {
                covariance[(*a, *b)] = variance * inverse.matrix[(i, j)];
            }
        }
        let mut determined = vec![true; all];
        for (k, unknown) in self.free.iter().zip(&inverse.unknown) {
            if let Some(flag) = determined.get_mut(*k) {
                *flag = !unknown;
            }
        }
        Spread {
            covariance,
            determined,
            rank: inverse.rank,
        }
    }
}
