//! A law in the data's units whose constants are to be fitted as they are written: some free, some within bounds,
//! some fixed, one perhaps in several places and equations.
//!
//! [`crate::refine`] fits skeletons, in which every constant stands once and is free; that is faster and what a
//! search needs. What is here serves a person's own form, and the joint uncertainty of any fit, constants and
//! initial states together. Solutions and sensitivities are [`crate::flow`]'s, Levenberg–Marquardt is
//! MINPACK's; bounds are kept by [`crate::setting`].

use std::cell::RefCell;
use std::time::Instant;

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};
use nsode_parser::{Expr, System};

use crate::covariance::Inverse;
use crate::flow::{Flow, Nudge, Run};
use crate::law::Law;
use crate::problem::{Leftover, Problem, RESOLUTION};
use crate::setting::Setting;
use crate::shooting::LARGEST;

/// Residual of every cell of a solution that failed, in normalised units.
const FAILED: f64 = 1e3;

/// A constant is at a bound if it is nearer to it than this share of its standard error, all else being fixed.
const AT_BOUND: f64 = 0.05;

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
    /// Whether solutions are computed to the last digits.
    is_precise: bool,
    /// When a fit is given up.
    deadline: Option<Instant>,
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
        Some(Parametrised {
            law,
            owners,
            settings,
            free,
            is_precise: false,
            deadline: None,
        })
    }

    /// The same, for the last digits of clean data: solutions good to [`RESOLUTION`], which take several times as long.
    #[must_use]
    pub fn precise(mut self) -> Parametrised {
        self.is_precise = true;
        self
    }

    /// The same, with fits that end by then, wherever they are.
    #[must_use]
    pub fn until(mut self, deadline: Instant) -> Parametrised {
        self.deadline = Some(deadline);
        self
    }

    /// Whether the time for fits is over.
    pub fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// An integrator as accurate as the noise asks for.
    fn flow(&self, problem: &Problem) -> Flow<'_> {
        let mut flow = Flow::new(&self.law);
        if self.is_precise {
            flow.set_tolerance(1e-2 * RESOLUTION);
            flow.max_steps *= 4;
        } else {
            let deviations = problem.noise().iter().map(|n| n.deviation);
            let least = deviations.fold(f64::INFINITY, f64::min);
            flow.set_tolerance((1e-3 * least).clamp(1e-7, 1e-5));
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

    /// The constant of each slot of the law.
    pub(crate) fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// All constants at inner numbers, one a free constant; with the slopes of the free ones.
    pub(crate) fn constants(&self, inner: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let fixed = |setting: &Setting| match setting {
            Setting::Fixed(value) => *value,
            Setting::Free { .. } => f64::NAN,
        };
        let mut constants: Vec<f64> = self.settings.iter().map(fixed).collect();
        let mut slopes = Vec::with_capacity(self.free.len());
        for (k, inner) in self.free.iter().zip(inner) {
            let setting = self.settings.get(*k).copied().unwrap_or(Setting::FREE);
            let (value, slope) = setting.outward(*inner);
            if let Some(place) = constants.get_mut(*k) {
                *place = value;
            }
            slopes.push(slope);
        }
        (constants, slopes)
    }

    /// Inner numbers of constants.
    pub(crate) fn inner(&self, constants: &[f64]) -> Vec<f64> {
        let each = self.free.iter().map(|k| {
            let setting = self.settings.get(*k).copied().unwrap_or(Setting::FREE);
            setting.inward(constants.get(*k).copied().unwrap_or(f64::NAN))
        });
        each.collect()
    }

    /// Fits constants and initial states from a start, `strengths` being the pulls towards the smoothed curves,
    /// the last one 0. `deviations` weigh the states' residuals. `None` where no solution is found.
    pub fn fit(
        &self,
        problem: &Problem,
        deviations: &[f64],
        start: (&[f64], &[Vec<f64>]),
        strengths: &[f64],
        evaluations: usize,
    ) -> Option<Fitted> {
        let mut target = self.target(problem, deviations, start);
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
        }
        target.finish()
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

    /// The fit at constants and initial states as they are.
    pub fn at(
        &self,
        problem: &Problem,
        deviations: &[f64],
        constants: &[f64],
        initial: &[Vec<f64>],
    ) -> Option<Fitted> {
        self.target(problem, deviations, (constants, initial))
            .finish()
    }

    fn target<'a>(
        &'a self,
        problem: &'a Problem,
        deviations: &'a [f64],
        (constants, initial): (&[f64], &[Vec<f64>]),
    ) -> Target<'a> {
        let inner = self.inner(constants);
        let numbers = inner.iter().chain(initial.iter().flatten()).copied();
        Target {
            model: self,
            problem,
            deviations,
            flow: RefCell::new(self.flow(problem)),
            strength: 0.0,
            parameters: DVector::from_vec(numbers.collect()),
        }
    }

    /// The normalised solution at `times`, normalised, from `initial` at the first of them; `None` where it fails.
    pub fn solve(&self, constants: &[f64], initial: &[f64], times: &[f64]) -> Option<Vec<f64>> {
        let mut flow = Flow::new(&self.law);
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
        setting.gap(*value) * column.norm() < AT_BOUND
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

struct Target<'a> {
    model: &'a Parametrised,
    problem: &'a Problem,
    deviations: &'a [f64],
    flow: RefCell<Flow<'a>>,
    strength: f64,
    parameters: DVector<f64>,
}

impl Target<'_> {
    /// Weighted residuals and, where asked for, their Jacobian; `None` where a solution fails.
    fn evaluate(&self, sensitive: bool) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let model = self.model;
        let problem = self.problem;
        let (d, p, m) = (problem.dimension(), model.owners.len(), model.free.len());
        let observed = problem.observed();
        let width = if sensitive { self.parameters.len() } else { 0 };
        let mut residuals = DVector::zeros(observed);
        let mut jacobian = DMatrix::zeros(if sensitive { observed } else { 0 }, width);
        let (inner, initial) = self.parameters.as_slice().split_at(m);
        let (constants, slopes) = model.constants(inner);
        let slots = model.slots(&constants);
        // Where each slot's column goes, and what it is multiplied by.
        let columns: Vec<(usize, f64)> = model
            .owners
            .iter()
            .filter_map(|owner| {
                let place = model.free.iter().position(|k| k == owner)?;
                Some((place, *slopes.get(place)?))
            })
            .collect();
        let mut flow = self.flow.borrow_mut();
        let mut next = 0;
        for (number, (path, start)) in problem
            .normalised()
            .iter()
            .zip(initial.chunks(d))
            .enumerate()
        {
            let weights = problem.weights(number);
            let curve = problem.curves().get(number);
            let nudge = curve.filter(|_| self.strength > 0.0).map(|curve| Nudge {
                curve,
                strength: self.strength,
            });
            let run = flow.run(
                &slots,
                start,
                path.times(),
                nudge,
                sensitive,
                |row, u, s| {
                    for (i, (y, value)) in path.state(row).iter().zip(u).enumerate() {
                        let w = weights.get(row * d + i).copied().unwrap_or(0.0);
                        if w > 0.0 {
                            let w = w / self.deviations.get(i).copied().unwrap_or(1.0);
                            residuals[next] = w * (value - y);
                            if sensitive {
                                let from = s.get(i * (d + p)..(i + 1) * (d + p)).unwrap_or(&[]);
                                let (states, by_slot) = from.split_at(d.min(from.len()));
                                for (j, s) in states.iter().enumerate() {
                                    jacobian[(next, m + number * d + j)] = w * s;
                                }
                                for (s, (place, slope)) in by_slot.iter().zip(&columns) {
                                    jacobian[(next, *place)] += w * s * slope;
                                }
                            }
                            next += 1;
                        }
                    }
                },
            );
            if run != Run::Complete {
                return None;
            }
        }
        let mut numbers = residuals.iter().chain(jacobian.iter());
        numbers
            .all(|v| v.abs() < LARGEST)
            .then_some((residuals, jacobian))
    }

    /// The fit, its Jacobian by the constants themselves instead of the inner numbers.
    fn finish(&self) -> Option<Fitted> {
        let (residuals, mut jacobian) = self.evaluate(true)?;
        let d = self.problem.dimension();
        let (inner, initial) = self.parameters.as_slice().split_at(self.model.free.len());
        let (constants, slopes) = self.model.constants(inner);
        for (mut column, slope) in jacobian.column_iter_mut().zip(&slopes) {
            if *slope != 0.0 {
                column /= *slope;
            }
        }
        let leftover = self.problem.leftover(&residuals, self.deviations)?;
        Some(Fitted {
            constants,
            initial: initial.chunks(d).map(<[f64]>::to_vec).collect(),
            leftover,
            jacobian,
        })
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Target<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, x: &DVector<f64>) {
        self.parameters.copy_from(x);
    }

    fn params(&self) -> DVector<f64> {
        self.parameters.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        if self.model.is_late() {
            return None;
        }
        let worst = self
            .deviations
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min);
        let failed = || DVector::repeat(self.problem.observed(), FAILED / worst);
        Some(self.evaluate(false).map_or_else(failed, |(mut r, _)| {
            self.problem.loss().transform(&mut r, None);
            r
        }))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let (mut residuals, mut jacobian) = self.evaluate(true)?;
        let loss = self.problem.loss();
        loss.transform(&mut residuals, Some(&mut jacobian));
        Some(jacobian)
    }
}
