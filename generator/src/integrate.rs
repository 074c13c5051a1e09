//! Solving an initial value problem on the caller's own time grid, with typed outcomes.
//!
//! The method is the Dormand–Prince pair of order 5(4) of `ode_solvers` (Hairer, Nørsett & Wanner,
//! *Solving Ordinary Differential Equations I*, II.4 and II.6). What is added here: the grid is read
//! off the solver's piecewise interpolant at exactly the times asked for (its own equidistant output
//! adds up rounding errors); the first step is chosen in the units of the problem; a cap on `|y|`; and
//! the difference between a pole, the edge of a function's domain and a vanishing step. Integration runs
//! in the time since the first point, so that a large origin costs no precision.

use std::cell::RefCell;

use nalgebra::allocator::Allocator;
use nalgebra::{DVector, DefaultAllocator, Dim, OVector, SVector};
use nsode_parser::tape::Tape;
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{Dopri5, OutputType, System};

use crate::Trajectory;
use crate::config::IntegratorConfig;
use crate::interpolant::{Interpolant, Step};

/// What became of an initial value problem. Times are in the caller's units.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Integration {
    /// Solved at every time of the grid.
    Complete(Trajectory),
    /// A state left the cap on its magnitude.
    Diverged {
        /// Where the step that left it ended.
        t: f64,
    },
    /// A right-hand side was NaN or infinite and no shorter step avoided it: the edge of a logarithm's
    /// or root's domain, or a pole. Also, at the first time, arguments that do not fit each other
    /// (numbers of outputs, states and times; times that do not increase; numbers that are not finite).
    OutOfDomain {
        /// The last time that was reached.
        t: f64,
    },
    /// The error control asked for steps below the resolution of the time.
    StepSizeUnderflow {
        /// The last time that was reached.
        t: f64,
    },
    /// Steps are limited by stability, not accuracy: an explicit method is the wrong one. Found by the
    /// solver's own test on the way, or when the allowed number of steps was not enough.
    Stiff {
        /// The last time that was reached.
        t: f64,
    },
    /// The allowed number of steps did not reach the end.
    TooManySteps {
        /// The last time that was reached.
        t: f64,
    },
}

impl Integration {
    /// The solution, if there is one.
    pub fn complete(self) -> Option<Trajectory> {
        match self {
            Integration::Complete(path) => Some(path),
            _ => None,
        }
    }
}

/// Where [`Integrator::explore`] ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// At the longest time.
    Reached,
    /// Where the caller stopped it.
    Stopped {
        /// The time of the last step.
        t: f64,
    },
    /// Before, for the reason given; never [`Integration::Complete`].
    Failed(Integration),
}

/// Calls generic code with the state as a vector of static dimension where that is small.
macro_rules! by_dimension {
    ($initial:expr, $y:ident => $body:expr) => {
        match $initial {
            [a] => {
                let $y = SVector::<f64, 1>::new(*a);
                $body
            }
            [a, b] => {
                let $y = SVector::<f64, 2>::new(*a, *b);
                $body
            }
            [a, b, c] => {
                let $y = SVector::<f64, 3>::new(*a, *b, *c);
                $body
            }
            [a, b, c, d] => {
                let $y = SVector::<f64, 4>::new(*a, *b, *c, *d);
                $body
            }
            _ => {
                let $y = DVector::from_column_slice($initial);
                $body
            }
        }
    };
}

impl Integration {
    /// The same outcome, at `last` at the latest: an origin and a time since then, rounded, can add up to a
    /// little more.
    fn until(self, last: f64) -> Integration {
        match self {
            Integration::Diverged { t } => Integration::Diverged { t: t.min(last) },
            Integration::OutOfDomain { t } => Integration::OutOfDomain { t: t.min(last) },
            Integration::StepSizeUnderflow { t } => {
                Integration::StepSizeUnderflow { t: t.min(last) }
            }
            Integration::Stiff { t } => Integration::Stiff { t: t.min(last) },
            Integration::TooManySteps { t } => Integration::TooManySteps { t: t.min(last) },
            complete => complete,
        }
    }
}

/// Tolerances and limits of an integration.
#[derive(Clone, Debug, PartialEq)]
pub struct Integrator {
    /// Error allowed a step, relative to `|y|`.
    pub relative_tolerance: f64,
    /// Error allowed a step, in the units of the states. Relative tolerance is meaningless near zero,
    /// so this should be small beside the states' magnitude, not zero.
    pub absolute_tolerance: f64,
    /// Largest `|y|` of any state before the solution counts as diverged.
    pub max_abs: f64,
    /// Largest number of steps, rejected ones included.
    pub max_steps: u32,
    /// Stiffness is looked for every so many accepted steps.
    pub stiffness_check: u32,
}

impl From<&IntegratorConfig> for Integrator {
    /// The integrator that solutions are stored with.
    fn from(config: &IntegratorConfig) -> Integrator {
        Integrator {
            relative_tolerance: config.relative,
            absolute_tolerance: config.absolute,
            max_abs: 1e6,
            max_steps: config.max_steps,
            stiffness_check: 200,
        }
    }
}

impl Default for Integrator {
    /// Tolerances `1e-9` and `1e-12`, cap `1e9`, 20,000 steps: for states of order one.
    fn default() -> Integrator {
        Integrator {
            relative_tolerance: 1e-9,
            absolute_tolerance: 1e-12,
            max_abs: 1e9,
            max_steps: 20_000,
            stiffness_check: 1000,
        }
    }
}

/// Steps whose length times the largest eigenvalue stays beyond this are limited by stability, at this relative tolerance. The
/// boundary of a method of order 5 on the negative axis is 3.3; where accuracy limits the steps, the product is about four
/// times the fifth root of the tolerance (as for `y'' = -y`). The solver's own test takes 3.25, which steps that swing about
/// the boundary, or whose error estimate feels the stiff part, never reach 15 times in a row.
pub fn stiff_product(relative_tolerance: f64) -> f64 {
    (12.0 * relative_tolerance.powf(0.2)).min(2.0)
}

impl Integrator {
    /// Solves `dy/dt = system(t, y, parameters)`, `y(times[0]) = initial`, at `times`.
    ///
    /// `system` has `D` outputs, `initial` `D` values, `times` strictly increase. The state at
    /// `times[0]` is `initial`, bit for bit. Never panics.
    pub fn integrate(
        &self,
        system: &Tape,
        parameters: &[f64],
        initial: &[f64],
        times: &[f64],
    ) -> Integration {
        let Some(&origin) = times.first() else {
            return Integration::OutOfDomain { t: f64::NAN };
        };
        let fits = system.outputs() == initial.len()
            && !initial.is_empty()
            && times.iter().all(|t| (t - origin).is_finite())
            && times.windows(2).all(|pair| pair[0] < pair[1])
            && initial.iter().all(|y| y.is_finite());
        if !fits {
            return Integration::OutOfDomain { t: origin };
        }
        if initial.iter().any(|y| y.abs() > self.max_abs) {
            return Integration::Diverged { t: origin };
        }
        let parts = Parts {
            system,
            parameters,
            origin,
            max_abs: self.max_abs,
        };
        by_dimension!(initial, y => self.on_grid(&Problem::new(parts, y, None), times))
    }

    /// Follows a solution from time 0 to `longest`, and calls `on_step` with time, states and slopes at
    /// the start and after every step, until it returns `true`. For finding out what a solution does;
    /// returns how it ended and the solution up to there.
    pub fn explore(
        &self,
        system: &Tape,
        parameters: &[f64],
        initial: &[f64],
        longest: f64,
        on_step: OnStep<'_>,
    ) -> (Ending, Interpolant) {
        let fits = system.outputs() == initial.len()
            && !initial.is_empty()
            && longest > 0.0
            && longest.is_finite()
            && initial.iter().all(|y| y.is_finite());
        if !fits {
            let ending = Ending::Failed(Integration::OutOfDomain { t: 0.0 });
            return (ending, Interpolant::default());
        }
        let parts = Parts {
            system,
            parameters,
            origin: 0.0,
            max_abs: self.max_abs,
        };
        by_dimension!(initial, y => {
            let problem = Problem::new(parts, y, Some(on_step));
            let ending = self.run(&problem, longest);
            (ending, problem.work.into_inner().course)
        })
    }

    /// Solves over `span`, and leaves the solution in the problem.
    fn run<D: Dim>(&self, problem: &Problem<'_, D>, span: f64) -> Ending
    where
        DefaultAllocator: Allocator<D>,
        OVector<f64, D>: std::ops::Mul<f64, Output = OVector<f64, D>>,
    {
        let initial = problem.work.borrow().state.clone();
        let mut slope = initial.clone();
        problem.system(0.0, &initial, &mut slope);
        if problem.work.borrow().last_bad.is_some() {
            return Ending::Failed(Integration::OutOfDomain {
                t: problem.origin(),
            });
        }
        if problem.work.borrow_mut().watch(0.0, &initial, &slope) {
            return Ending::Stopped {
                t: problem.origin(),
            };
        }
        let step = self.first_step(problem, &initial, &slope, span);
        problem.work.borrow_mut().stage = 0;
        let mut solver = Dopri5::from_param(
            problem,
            0.0,
            span,
            span,
            initial,
            self.relative_tolerance,
            self.absolute_tolerance,
            0.9,  // safety factor,
            0.04, // β of the step size controller,
            0.2,  // smallest and
            10.0, // largest factor between two steps: the values of Hairer's DOPRI5
            span,
            step,
            self.max_steps,
            self.stiffness_check.max(1),
            OutputType::Sparse,
        );
        let outcome = solver.integrate();
        let work = problem.work.borrow();
        match (work.diverged, work.stopped, outcome) {
            (Some(t), _, _) => Ending::Failed(Integration::Diverged {
                t: problem.origin() + t,
            }),
            (_, Some(t), _) => Ending::Stopped {
                t: problem.origin() + t,
            },
            (_, _, Ok(_)) => Ending::Reached,
            (_, _, Err(error)) => {
                let stiff = work.stiffness > stiff_product(self.relative_tolerance);
                Ending::Failed(work.failure(error, problem.origin(), stiff))
            }
        }
    }

    fn on_grid<D: Dim>(&self, problem: &Problem<'_, D>, times: &[f64]) -> Integration
    where
        DefaultAllocator: Allocator<D>,
        OVector<f64, D>: std::ops::Mul<f64, Output = OVector<f64, D>>,
    {
        let origin = problem.origin();
        let initial = problem.work.borrow().state.clone();
        let dimension = initial.len();
        let states = match times {
            [_, .., last] => {
                if let Ending::Failed(reason) = self.run(problem, last - origin) {
                    return reason.until(*last);
                }
                let course = &problem.work.borrow().course;
                let mut states = course.states(times.iter().map(|t| t - origin));
                for (state, exact) in states.iter_mut().zip(initial.iter()) {
                    *state = *exact;
                }
                states
            }
            _ => {
                let mut slope = initial.clone();
                problem.system(0.0, &initial, &mut slope);
                if problem.work.borrow().last_bad.is_some() {
                    return Integration::OutOfDomain { t: origin };
                }
                initial.as_slice().to_vec()
            }
        };
        if let Some(bad) = states.iter().position(|y| !y.is_finite()) {
            let t = times.get(bad / dimension).copied().unwrap_or(origin);
            return Integration::OutOfDomain { t };
        }
        match Trajectory::new(dimension, times.to_vec(), states) {
            Ok(path) => Integration::Complete(path),
            Err(_) => Integration::OutOfDomain { t: origin },
        }
    }

    /// A first step from the sizes of the first two derivatives (Hairer, Nørsett & Wanner I, II.4), kept
    /// within the span and finite whatever the second slope is. The library's own choice takes an
    /// absolute `1e-6` where a state starts at zero, whatever the unit of time.
    fn first_step<D: Dim>(
        &self,
        problem: &Problem<'_, D>,
        initial: &OVector<f64, D>,
        slope: &OVector<f64, D>,
        span: f64,
    ) -> f64
    where
        DefaultAllocator: Allocator<D>,
        OVector<f64, D>: std::ops::Mul<f64, Output = OVector<f64, D>>,
    {
        let norm = |value: &dyn Fn(usize) -> f64| {
            (0..initial.len())
                .map(|i| {
                    let scale =
                        self.absolute_tolerance + self.relative_tolerance * initial[i].abs();
                    (value(i) / scale).powi(2)
                })
                .sum::<f64>()
                .sqrt()
        };
        let size = norm(&|i| initial[i]);
        let speed = norm(&|i| slope[i]);
        let smallest = 1e-6 * span;
        let trial = if size < 1e-5 || speed < 1e-5 || !(size / speed).is_finite() {
            smallest
        } else {
            (0.01 * size / speed).min(span)
        };
        let ahead = initial + slope.clone() * trial;
        let mut next = slope.clone();
        problem.system(trial, &ahead, &mut next);
        let bend = norm(&|i| next[i] - slope[i]) / trial;
        if !bend.is_finite() {
            return trial.min(smallest);
        }
        let by_error = if speed.max(bend) <= 1e-15 {
            smallest.max(1e-3 * trial)
        } else {
            (0.01 / speed.max(bend)).powf(0.2)
        };
        (100.0 * trial).min(by_error).min(span)
    }
}

/// What an initial value problem consists of, but for its initial state.
#[derive(Clone, Copy)]
struct Parts<'a> {
    system: &'a Tape,
    parameters: &'a [f64],
    origin: f64,
    max_abs: f64,
}

/// A system as the solver sees it, in the time since the origin. Keeps what the solver does not give away:
/// the stages of the last step, for the interpolant, and what went wrong, since the solver says no more
/// than that its step vanished.
struct Problem<'a, D: Dim>
where
    DefaultAllocator: Allocator<D>,
{
    parts: Parts<'a>,
    work: RefCell<Work<'a, D>>,
}

/// What changes while a problem is solved.
struct Work<'a, D: Dim>
where
    DefaultAllocator: Allocator<D>,
{
    scratch: Vec<f64>,
    /// Time and state after the last accepted step.
    time: f64,
    state: OVector<f64, D>,
    /// Slopes of the present step. The solver asks for the first one once; later it is the last one of
    /// the step before. Then come six an attempt.
    stages: [OVector<f64, D>; 7],
    /// The stage that is asked for next.
    stage: usize,
    /// The state of which the sixth stage is the slope.
    sixth: OVector<f64, D>,
    /// Step length times the largest eigenvalue, as the last two stages show it, on average over some
    /// of the last steps.
    stiffness: f64,
    course: Interpolant,
    evaluations: u64,
    /// The last evaluation that was not finite.
    last_bad: Option<u64>,
    /// The time of the first accepted state beyond the cap.
    diverged: Option<f64>,
    /// Called after every accepted step, until it says `true`, at the time kept in `stopped`.
    on_step: Option<OnStep<'a>>,
    stopped: Option<f64>,
}

/// What [`Integrator::explore`] calls with time, states and slopes; `true` stops it.
pub type OnStep<'a> = &'a mut dyn FnMut(f64, &[f64], &[f64]) -> bool;

impl<'a, D: Dim> Problem<'a, D>
where
    DefaultAllocator: Allocator<D>,
{
    fn new(
        parts: Parts<'a>,
        initial: OVector<f64, D>,
        on_step: Option<OnStep<'a>>,
    ) -> Problem<'a, D> {
        let (rows, columns) = initial.shape_generic();
        let zero = OVector::zeros_generic(rows, columns);
        let mut scratch = parts.system.scratch();
        parts.system.set_parameters(parts.parameters, &mut scratch);
        let work = Work {
            scratch,
            time: 0.0,
            stages: std::array::from_fn(|_| zero.clone()),
            stage: 0,
            sixth: zero,
            stiffness: 0.0,
            course: Interpolant::new(initial.len()),
            state: initial,
            evaluations: 0,
            last_bad: None,
            diverged: None,
            on_step,
            stopped: None,
        };
        Problem {
            parts,
            work: RefCell::new(work),
        }
    }

    fn origin(&self) -> f64 {
        self.parts.origin
    }
}

impl<D: Dim> Work<'_, D>
where
    DefaultAllocator: Allocator<D>,
{
    /// Whether the caller wants to stop here.
    fn watch(&mut self, s: f64, y: &OVector<f64, D>, dy: &OVector<f64, D>) -> bool {
        let stop = match &mut self.on_step {
            Some(on_step) => on_step(s, y.as_slice(), dy.as_slice()),
            None => false,
        };
        if stop {
            self.stopped = Some(s);
        }
        stop
    }

    fn evaluate(
        &mut self,
        parts: &Parts<'_>,
        s: f64,
        y: &OVector<f64, D>,
        dy: &mut OVector<f64, D>,
    ) {
        let t = parts.origin + s;
        parts
            .system
            .eval_at(t, y.as_slice(), &mut self.scratch, dy.as_mut_slice());
        self.evaluations += 1;
        if !dy.iter().all(|v| v.is_finite()) {
            self.last_bad = Some(self.evaluations);
        }
        if self.stage == 5 {
            self.sixth.copy_from(y);
        }
        if let Some(stage) = self.stages.get_mut(self.stage) {
            stage.copy_from(dy);
        }
        self.stage = self.stage % 6 + 1;
    }

    /// Takes in the step that ends at time `s` with states `y` and slopes `dy`.
    fn accept(&mut self, s: f64, y: &OVector<f64, D>) {
        let length = s - self.time;
        let [.., sixth, last] = &self.stages;
        let change = (last - sixth).norm() / (y - &self.sixth).norm();
        if change.is_finite() {
            self.stiffness += (length * change - self.stiffness) / 32.0;
        }
        self.course.push(&Step {
            start: self.time,
            length,
            from: self.state.as_slice(),
            to: y.as_slice(),
            stages: self.stages.each_ref().map(|stage| stage.as_slice()),
        });
        self.time = s;
        self.state.copy_from(y);
        self.stages.swap(0, 6);
    }

    /// What the solver's error means here.
    fn failure(&self, error: IntegrationError, origin: f64, stiff: bool) -> Integration {
        match error {
            IntegrationError::MaxNumStepReached { x, .. } if stiff => {
                Integration::Stiff { t: origin + x }
            }
            IntegrationError::MaxNumStepReached { x, .. } => {
                Integration::TooManySteps { t: origin + x }
            }
            IntegrationError::StiffnessDetected { x } => Integration::Stiff { t: origin + x },
            IntegrationError::StepSizeUnderflow { x } => {
                let t = origin + x;
                // The last attempt made six evaluations.
                let recent = |bad: u64| bad + 6 > self.evaluations;
                if self.last_bad.is_some_and(recent) {
                    Integration::OutOfDomain { t }
                } else {
                    Integration::StepSizeUnderflow { t }
                }
            }
        }
    }
}

impl<D: Dim> System<f64, OVector<f64, D>> for &Problem<'_, D>
where
    DefaultAllocator: Allocator<D>,
{
    fn system(&self, s: f64, y: &OVector<f64, D>, dy: &mut OVector<f64, D>) {
        match self.work.try_borrow_mut() {
            Ok(mut work) => work.evaluate(&self.parts, s, y, dy),
            Err(_) => dy.fill(f64::NAN),
        }
    }

    fn solout(&mut self, s: f64, y: &OVector<f64, D>, dy: &OVector<f64, D>) -> bool {
        let Ok(mut work) = self.work.try_borrow_mut() else {
            return true;
        };
        work.accept(s, y);
        let beyond = y.iter().any(|v| v.abs() > self.parts.max_abs);
        if beyond {
            work.diverged = Some(s);
        }
        beyond || work.watch(s, y, dy)
    }
}
