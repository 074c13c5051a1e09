//! Solutions of stiff laws, with their sensitivities, by an implicit method.
//!
//! Backward differentiation formulas of order 1 to 5 with variable steps (Shampine & Reichelt, *The MATLAB ODE
//! Suite*, 1997), from `diffsol`: they damp what is infinitely fast, and unlike the L-stable Runge–Kutta pairs of
//! order 2 and 3 of the same library reach the accuracy of the last fit in hundreds of steps instead of thousands.
//! The sensitivities are solved for with the same matrix, step by step; as in [`crate::fit::flow`], which hands over
//! where its own explicit method would not arrive, the states' error alone chooses the steps.

use std::cell::RefCell;

use diffsol::{
    NalgebraLU, NalgebraMat, NalgebraVec, OdeBuilder, OdeEquations, OdeSolverMethod,
    OdeSolverStopReason, VectorCommon,
};

use nsode_generator::integrate::stiff_product;

use crate::fit::flow::Run;
use crate::fit::law::Law;

/// Shortest step, as a share of the time that is left: with a shorter one the explicit method gives up, too.
const SHORTEST: f64 = 1e-12;

/// Attempts at one step that fail the test of the error, at most: a pole or an edge is ahead.
const ATTEMPTS: usize = 15;

/// Samples without which nothing is said about stiffness.
const FEWEST_SAMPLES: usize = 8;

/// Where a run begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// Normalised time.
    pub t: f64,
    /// A first step, of which no more than the sign and the size is believed.
    pub step: f64,
    /// The `D` states, normalised.
    pub states: &'a [f64],
    /// Their derivatives by initial states and constants, `D × (D + P)`, row-major; empty where none are asked for.
    pub sensitivities: &'a [f64],
}

/// How accurate a run is to be, and what ends it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Relative tolerance of the states' error a step.
    pub relative: f64,
    /// Absolute tolerance.
    pub absolute: f64,
    /// Largest |u|.
    pub limit: f64,
    /// Most steps.
    pub steps: usize,
}

/// A law with constants, evaluated once where the solver asks several times: column by column.
struct Known<'a> {
    law: &'a Law,
    constants: &'a [f64],
    value_scratch: Vec<f64>,
    full_scratch: Vec<f64>,
    /// Time and states of `out`; empty at first.
    place: Vec<f64>,
    out: Vec<f64>,
}

impl<'a> Known<'a> {
    fn new(law: &'a Law, constants: &'a [f64]) -> Known<'a> {
        Known {
            law,
            constants,
            value_scratch: law.value().scratch(),
            full_scratch: law.full().scratch(),
            place: Vec::new(),
            out: vec![0.0; law.full().outputs()],
        }
    }

    fn value(&mut self, t: f64, u: &[f64], out: &mut [f64]) {
        let law = self.law.value();
        law.eval(t, u, self.constants, &mut self.value_scratch, out);
    }

    /// The Jacobian by states, row-major, and the derivative of its own equation by each constant.
    fn derivatives(&mut self, t: f64, u: &[f64]) -> (&[f64], &[f64]) {
        let d = self.law.dimension();
        if self.place.first() != Some(&t) || self.place.get(1..) != Some(u) {
            self.place.clear();
            self.place.push(t);
            self.place.extend_from_slice(u);
            let law = self.law.full();
            law.eval(t, u, self.constants, &mut self.full_scratch, &mut self.out);
        }
        let (_, rest) = self.out.split_at(d);
        rest.split_at(d * d)
    }
}

/// `rows × v`, of a matrix that is row-major.
fn times(rows: &[f64], v: &[f64], out: &mut [f64]) {
    for (out, row) in out.iter_mut().zip(rows.chunks(v.len().max(1))) {
        *out = row.iter().zip(v).map(|(a, b)| a * b).sum();
    }
}

/// Integrates from `start` to the last of `grid`, all of it later than `start`, and shows states and, where the start
/// has any, sensitivities at each of its times, as [`crate::fit::flow::Flow::run`] does.
pub(crate) fn follow(
    law: &Law,
    constants: &[f64],
    start: Start,
    grid: &[f64],
    bounds: Bounds,
    row: impl FnMut(usize, &[f64], &[f64]),
) -> Run {
    let d = law.dimension();
    let columns = d + law.constants();
    let stuck = Run::Stuck { t: start.t };
    let Some(&end) = grid.last() else {
        return Run::Complete;
    };
    let known = RefCell::new(Known::new(law, constants));
    // What the library calls parameters are the columns of the sensitivities; their values are the closures' own.
    let built = OdeBuilder::<NalgebraMat<f64>>::new()
        .t0(start.t)
        .h0(start.step)
        .rtol(bounds.relative)
        .atol(vec![bounds.absolute; d])
        .p(vec![0.0; columns])
        .turn_off_sensitivities_error_control()
        .rhs_sens_implicit(
            |u, _, t, out| known.borrow_mut().value(t, u, out),
            |u, _, t, v, out| times(known.borrow_mut().derivatives(t, u).0, v, out),
            |u, _, t, v, out| {
                out.fill(0.0);
                let mut known = known.borrow_mut();
                let slopes = known.derivatives(t, u).1.iter();
                let each = slopes.zip(law.owners()).zip(v.iter().skip(d));
                for ((slope, owner), v) in each {
                    if let Some(out) = out.get_mut(*owner) {
                        *out += slope * v;
                    }
                }
            },
        )
        .init_sens(
            |_, _, out| out.copy_from_slice(start.states),
            |_, _, v, out| times(start.sensitivities, v, out),
            d,
        )
        .build();
    let Ok(mut problem) = built else {
        return stuck;
    };
    problem.ode_options.min_timestep = SHORTEST * (end - start.t);
    problem.ode_options.max_error_test_failures = ATTEMPTS;
    // Counted over the whole run.
    problem.ode_options.max_nonlinear_solver_failures = bounds.steps;
    let shape = (d, columns);
    if start.sensitivities.is_empty() {
        let solver = problem.bdf::<NalgebraLU<f64>>();
        solver.map_or(stuck, |solver| advance(solver, shape, grid, bounds, row))
    } else {
        let solver = problem.bdf_sens::<NalgebraLU<f64>>();
        solver.map_or(stuck, |solver| advance(solver, shape, grid, bounds, row))
    }
}

/// Takes steps to the end of `grid`; `shape` is `(D, D + P)`.
fn advance<'a, Equations, Solver>(
    mut solver: Solver,
    shape: (usize, usize),
    grid: &[f64],
    bounds: Bounds,
    mut row: impl FnMut(usize, &[f64], &[f64]),
) -> Run
where
    Equations: OdeEquations<T = f64, V = NalgebraVec<f64>> + 'a,
    Solver: OdeSolverMethod<'a, Equations>,
{
    let (d, columns) = shape;
    let mut states = solver.state().y.clone();
    let mut sensitivities = solver.state().s.clone();
    let sensitive = !sensitivities.inner().is_empty();
    let mut rows = vec![0.0; if sensitive { d * columns } else { 0 }];
    let mut index = 0;
    let end = grid.last().copied().unwrap_or(f64::NAN);
    if solver.set_stop_time(end).is_err() {
        return Run::Stuck {
            t: solver.state().t,
        };
    }
    for _ in 0..bounds.steps {
        let outcome = solver.step();
        let t = solver.state().t;
        let Ok(reason) = outcome else {
            return Run::Stuck { t };
        };
        // The stop is met but for rounding.
        let last = reason == OdeSolverStopReason::TstopReached;
        while let Some(&at) = grid.get(index).filter(|at| last || **at <= t) {
            let mut read = solver.interpolate_inplace(at.min(t), &mut states).is_ok();
            if sensitive {
                read &= solver
                    .interpolate_sens_inplace(at.min(t), &mut sensitivities)
                    .is_ok();
                let found = sensitivities.inner();
                for (k, to) in rows.iter_mut().enumerate() {
                    *to = found[(k / columns, k % columns)];
                }
            }
            if !read {
                return Run::Stuck { t };
            }
            row(index, states.inner().as_slice(), &rows);
            index += 1;
        }
        let beyond = |u: &f64| u.is_nan() || u.abs() > bounds.limit;
        if solver.state().y.inner().iter().any(beyond) {
            return Run::Diverged { t };
        }
        if index >= grid.len() {
            return Run::Complete;
        }
    }
    Run::TooLong {
        t: solver.state().t,
    }
}

/// What samples of step length times rate say of an explicit run, the later ones more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stiffness {
    mean: f64,
    samples: usize,
}

impl Stiffness {
    /// Takes a sample.
    pub(crate) fn add(&mut self, product: f64) {
        if product.is_finite() {
            self.samples += 1;
            self.mean += (product - self.mean) / self.samples.min(FEWEST_SAMPLES) as f64;
        }
    }

    /// Whether stability limits the steps.
    pub(crate) fn found(&self, tolerance: f64) -> bool {
        self.samples >= FEWEST_SAMPLES && self.mean > stiff_product(tolerance)
    }
}
