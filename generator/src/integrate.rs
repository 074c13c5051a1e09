//! Solving an initial value problem on the caller's own time grid, with typed outcomes.
//!
//! The method is the Dormand–Prince pair of order 5(4) of `ode_solvers` (Hairer, Nørsett & Wanner,
//! *Solving Ordinary Differential Equations I*, II.4 and II.6). What is added here: the grid is read
//! off the solver's piecewise interpolant at exactly the times asked for (its own equidistant output
//! adds up rounding errors); the first step is chosen in the units of the problem; a cap on `|y|`; and
//! the difference between a pole, the edge of a function's domain and a vanishing step. Integration runs
//! in the time since the first point, so that a large origin costs no precision.

use std::cell::{Cell, RefCell};

use nalgebra::allocator::Allocator;
use nalgebra::{DVector, DefaultAllocator, Dim, OVector, SVector};
use nsode_parser::tape::Tape;
use ode_solvers::continuous_output_model::ContinuousOutputModel;
use ode_solvers::dop_shared::IntegrationError;
use ode_solvers::{Dopri5, OutputType, System};

use crate::Trajectory;

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
    /// Steps are limited by stability, not accuracy: an explicit method is the wrong one.
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
        let problem = Problem::new(system, parameters, origin, self.max_abs, None);
        by_dimension!(initial, y => self.on_grid(&problem, y, times))
    }

    /// Follows a solution from time 0 to `longest`, and calls `on_step` with time, states and slopes at
    /// the start and after every step, until it returns `true`. For finding out what a solution does.
    pub fn explore(
        &self,
        system: &Tape,
        parameters: &[f64],
        initial: &[f64],
        longest: f64,
        on_step: OnStep<'_>,
    ) -> Ending {
        let fits = system.outputs() == initial.len()
            && !initial.is_empty()
            && longest > 0.0
            && longest.is_finite()
            && initial.iter().all(|y| y.is_finite());
        if !fits {
            return Ending::Failed(Integration::OutOfDomain { t: 0.0 });
        }
        let problem = Problem::new(system, parameters, 0.0, self.max_abs, Some(on_step));
        by_dimension!(initial, y => self.by_steps(&problem, y, longest))
    }

    fn by_steps<D: Dim>(&self, problem: &Problem<'_>, initial: OVector<f64, D>, span: f64) -> Ending
    where
        DefaultAllocator: Allocator<D>,
        OVector<f64, D>: std::ops::Mul<f64, Output = OVector<f64, D>>,
    {
        let (rows, columns) = initial.shape_generic();
        let mut slope = OVector::zeros_generic(rows, columns);
        problem.evaluate(0.0, &initial, &mut slope);
        if problem.last_bad.get().is_some() {
            return Ending::Failed(Integration::OutOfDomain { t: 0.0 });
        }
        if problem.watch(0.0, initial.as_slice(), slope.as_slice()) {
            return Ending::Stopped { t: 0.0 };
        }
        let step = self.first_step(problem, &initial, &slope, span);
        let outcome = self
            .solver(problem, initial, span, step, OutputType::Sparse)
            .integrate();
        match (problem.diverged.get(), problem.stopped.get(), outcome) {
            (Some(t), _, _) => Ending::Failed(Integration::Diverged { t }),
            (_, Some(t), _) => Ending::Stopped { t },
            (_, _, Ok(_)) => Ending::Reached,
            (_, _, Err(error)) => Ending::Failed(problem.failure(error)),
        }
    }

    fn solver<'p, 'a, D: Dim>(
        &self,
        problem: &'p Problem<'a>,
        initial: OVector<f64, D>,
        span: f64,
        step: f64,
        output: OutputType,
    ) -> Dopri5<f64, OVector<f64, D>, &'p Problem<'a>>
    where
        DefaultAllocator: Allocator<D>,
        OVector<f64, D>: std::ops::Mul<f64, Output = OVector<f64, D>>,
    {
        Dopri5::from_param(
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
            output,
        )
    }

    fn on_grid<D: Dim>(
        &self,
        problem: &Problem<'_>,
        initial: OVector<f64, D>,
        times: &[f64],
    ) -> Integration
    where
        DefaultAllocator: Allocator<D>,
        OVector<f64, D>: std::ops::Mul<f64, Output = OVector<f64, D>>,
    {
        let origin = problem.origin;
        let dimension = initial.len();
        let span = times.last().map_or(0.0, |last| last - origin);
        let (rows, columns) = initial.shape_generic();
        let mut slope = OVector::zeros_generic(rows, columns);
        problem.evaluate(0.0, &initial, &mut slope);
        if problem.last_bad.get().is_some() {
            return Integration::OutOfDomain { t: origin };
        }

        let mut states = Vec::with_capacity(times.len() * dimension);
        states.extend_from_slice(initial.as_slice());
        if times.len() > 1 {
            let step = self.first_step(problem, &initial, &slope, span);
            let mut solver = self.solver(problem, initial, span, step, OutputType::Continuous);
            let mut interpolant = ContinuousOutputModel::new();
            let outcome = solver.integrate_with_continuous_output_model(&mut interpolant);
            if let Some(t) = problem.diverged.get() {
                return Integration::Diverged { t: origin + t };
            }
            if let Err(error) = outcome {
                return problem.failure(error);
            }
            // The last step may end a rounding error before the last time.
            let (_, end) = interpolant.bounds();
            for &t in &times[1..] {
                match interpolant.evaluate((t - origin).min(end)) {
                    Some(y) => states.extend_from_slice(y.as_slice()),
                    None => return Integration::StepSizeUnderflow { t },
                }
            }
        }
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
        problem: &Problem<'_>,
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
        problem.evaluate(trial, &ahead, &mut next);
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

/// A system as the solver sees it, in the time since the origin. Notes what went wrong, since the solver
/// says no more than that its step vanished.
struct Problem<'a> {
    tape: &'a Tape,
    parameters: &'a [f64],
    origin: f64,
    max_abs: f64,
    scratch: RefCell<Vec<f64>>,
    evaluations: Cell<u64>,
    /// The last evaluation that was not finite.
    last_bad: Cell<Option<u64>>,
    /// The time of the first accepted state beyond the cap.
    diverged: Cell<Option<f64>>,
    /// Called after every accepted step, until it says `true`, at the time kept in `stopped`.
    on_step: Option<RefCell<OnStep<'a>>>,
    stopped: Cell<Option<f64>>,
}

/// What [`Integrator::explore`] calls with time, states and slopes; `true` stops it.
pub type OnStep<'a> = &'a mut dyn FnMut(f64, &[f64], &[f64]) -> bool;

impl<'a> Problem<'a> {
    fn new(
        tape: &'a Tape,
        parameters: &'a [f64],
        origin: f64,
        max_abs: f64,
        on_step: Option<OnStep<'a>>,
    ) -> Problem<'a> {
        Problem {
            tape,
            parameters,
            origin,
            max_abs,
            scratch: RefCell::new(tape.scratch()),
            evaluations: Cell::new(0),
            last_bad: Cell::new(None),
            diverged: Cell::new(None),
            on_step: on_step.map(RefCell::new),
            stopped: Cell::new(None),
        }
    }

    /// Whether the caller wants to stop here.
    fn watch(&self, s: f64, y: &[f64], dy: &[f64]) -> bool {
        let stop = match &self.on_step {
            Some(cell) => cell.try_borrow_mut().is_ok_and(|mut f| f(s, y, dy)),
            None => false,
        };
        if stop {
            self.stopped.set(Some(s));
        }
        stop
    }

    fn evaluate<D: Dim>(&self, s: f64, y: &OVector<f64, D>, dy: &mut OVector<f64, D>)
    where
        DefaultAllocator: Allocator<D>,
    {
        let out = dy.as_mut_slice();
        match self.scratch.try_borrow_mut() {
            Ok(mut scratch) => self.tape.eval(
                self.origin + s,
                y.as_slice(),
                self.parameters,
                &mut scratch,
                out,
            ),
            Err(_) => out.fill(f64::NAN),
        }
        let count = self.evaluations.get() + 1;
        self.evaluations.set(count);
        if !out.iter().all(|v| v.is_finite()) {
            self.last_bad.set(Some(count));
        }
    }

    /// What the solver's error means here.
    fn failure(&self, error: IntegrationError) -> Integration {
        match error {
            IntegrationError::MaxNumStepReached { x, .. } => {
                Integration::TooManySteps { t: self.origin + x }
            }
            IntegrationError::StiffnessDetected { x } => Integration::Stiff { t: self.origin + x },
            IntegrationError::StepSizeUnderflow { x } => {
                let t = self.origin + x;
                // The last attempt made six evaluations.
                let recent = |bad: u64| bad + 6 > self.evaluations.get();
                if self.last_bad.get().is_some_and(recent) {
                    Integration::OutOfDomain { t }
                } else {
                    Integration::StepSizeUnderflow { t }
                }
            }
        }
    }
}

impl<D: Dim> System<f64, OVector<f64, D>> for &Problem<'_>
where
    DefaultAllocator: Allocator<D>,
{
    fn system(&self, s: f64, y: &OVector<f64, D>, dy: &mut OVector<f64, D>) {
        self.evaluate(s, y, dy);
    }

    fn solout(&mut self, s: f64, y: &OVector<f64, D>, dy: &OVector<f64, D>) -> bool {
        let beyond = y.iter().any(|v| v.abs() > self.max_abs);
        if beyond {
            self.diverged.set(Some(s));
        }
        beyond || self.watch(s, y.as_slice(), dy.as_slice())
    }
}
