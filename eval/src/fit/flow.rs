//! Solutions of a law at the observed times, with their sensitivities to constants and initial state.
//!
//! Explicit Runge–Kutta of order 5(4) with the coefficients and dense output of Dormand and Prince (Hairer,
//! Nørsett, Wanner, *Solving ODEs I*, II.4–II.6). The sensitivities `S = ∂u/∂(u₀, c)` obey
//! `S' = (∂f/∂u)·S + ∂f/∂(u₀, c)` and ride on the steps of the states, whose error alone chooses the steps: a
//! run with and one without sensitivities give the same states. Written out here rather than taken from a
//! library because a fit integrates thousands of times: nothing is allocated between steps, and a state that
//! leaves the neighbourhood of the data ends the run at once. Where stability limits the steps and they would not
//! suffice, `stiff` goes on.

use nsode_generator::interpolant::DENSE;

use crate::fit::law::Law;
use crate::fit::stiff::{self, Bounds, Start, Stiffness};
use crate::series::problem::Curve;

/// Every so many steps it is seen whether the law is stiff.
const SAMPLED: usize = 20;

/// Logarithm of the error below which the step before counts as this good.
const SMOOTH: f64 = -9.210_340_371_976_184;

/// Steps of the implicit method for one that the explicit method may take: they cost more, and what needs so many is
/// not stiff.
const IMPLICIT_SHARE: usize = 2;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Run {
    /// All times were reached.
    Complete,
    /// A state left ±[`Flow::limit`] at this time.
    Diverged {
        /// Normalised time.
        t: f64,
    },
    /// The right-hand side had no value, or the step fell below what the time resolves.
    Stuck {
        /// Normalised time.
        t: f64,
    },
    /// More than [`Flow::max_steps`] steps, or half as many implicit ones.
    TooLong {
        /// Normalised time.
        t: f64,
    },
}

/// A pull towards observed curves, `f(u) + strength·(s(t) − u)`: with it a poor law follows the data well
/// enough to be improved.
#[derive(Clone, Copy, Debug)]
pub struct Nudge<'a> {
    /// The curve `s`.
    pub curve: &'a Curve,
    /// Inverse relaxation time, in normalised units; 0 for none.
    pub strength: f64,
}

/// An integrator for one law, with its working memory.
#[derive(Debug)]
pub struct Flow<'a> {
    law: &'a Law,
    /// Relative tolerance of the states' error a step.
    pub relative: f64,
    /// Absolute tolerance.
    pub absolute: f64,
    /// What [`Flow::set_tolerance`] sets the absolute tolerance to at most.
    pub near_zero: f64,
    /// Largest |u| before a run counts as diverged; data have 1.
    pub limit: f64,
    /// Most steps a run; of the implicit method, half as many.
    pub max_steps: usize,
    /// The lowest initial value of each state: where one is lower, the run begins there, and does not depend on it.
    pub floors: Vec<f64>,
    value_scratch: Vec<f64>,
    full_scratch: Vec<f64>,
    out: Vec<f64>,
    target: Vec<f64>,
    stages: [Vec<f64>; 7],
    now: Vec<f64>,
    next: Vec<f64>,
    trial: Vec<f64>,
    coefficients: [Vec<f64>; 4],
}

const C: [f64; 7] = [0.0, 0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
const A: [&[f64]; 7] = [
    &[],
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
    ],
    &[
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
    ],
    &[
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];
const ERROR: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// Sums of the stages, with these weights: one pass a stage, which runs over many numbers at once.
fn combine(weights: &[f64], stages: &[Vec<f64>; 7], sums: &mut [f64]) {
    sums.fill(0.0);
    for (weight, stage) in weights.iter().zip(stages) {
        for (sum, k) in sums.iter_mut().zip(stage) {
            *sum += weight * k;
        }
    }
}

impl<'a> Flow<'a> {
    /// An integrator with tolerances that suit normalised data.
    pub fn new(law: &'a Law) -> Flow<'a> {
        let d = law.dimension();
        let size = d * (1 + d + law.constants());
        let zeros = || vec![0.0; size];
        Flow {
            law,
            relative: 1e-6,
            absolute: 1e-7,
            near_zero: f64::INFINITY,
            limit: 20.0,
            max_steps: 2000,
            floors: vec![f64::NEG_INFINITY; d],
            value_scratch: law.value().scratch(),
            full_scratch: law.full().scratch(),
            out: vec![0.0; law.full().outputs()],
            target: vec![0.0; d],
            stages: std::array::from_fn(|_| zeros()),
            now: zeros(),
            next: zeros(),
            trial: zeros(),
            coefficients: std::array::from_fn(|_| zeros()),
        }
    }

    /// Sets both tolerances of the states' error a step: a tenth of the relative one is absolute, as data have size 1, or less
    /// where small values count as much as large ones.
    pub fn set_tolerance(&mut self, relative: f64) {
        self.relative = relative;
        self.absolute = (0.1 * relative).min(self.near_zero);
    }

    /// Sets initial states, one run's after the other, that are below their floors to these, from where they may rise again.
    pub fn raise<'s>(&self, initial: impl Iterator<Item = &'s mut f64>) {
        for (value, floor) in initial.zip(self.floors.iter().cycle()) {
            *value = value.max(*floor);
        }
    }

    /// Numbers a row of sensitivities has: `D` by initial states, then `P` by constants.
    pub fn columns(&self) -> usize {
        self.law.dimension() + self.law.constants()
    }

    /// Integrates from `initial` at the first of `times`, and shows the states at each of `times` and, with
    /// `sensitive`, their sensitivities (row-major, `D × (D + P)`), as `row(index, states, sensitivities)`. Runs with a
    /// pull are explicit to their end.
    pub fn run(
        &mut self,
        constants: &[f64],
        initial: &[f64],
        times: &[f64],
        nudge: Option<Nudge>,
        sensitive: bool,
        mut row: impl FnMut(usize, &[f64], &[f64]),
    ) -> Run {
        let d = self.law.dimension();
        let columns = self.columns();
        let size = if sensitive { d * (1 + columns) } else { d };
        let (Some(&start), Some(&end)) = (times.first(), times.last()) else {
            return Run::Complete;
        };
        self.now.fill(0.0);
        for i in 0..d {
            let value = initial.get(i).copied().unwrap_or(f64::NAN);
            let below = value < self.floors[i];
            self.now[i] = if below { self.floors[i] } else { value };
            self.now[d + i * columns + i] = if below { 0.0 } else { 1.0 };
        }
        row(0, &self.now[..d], &self.now[d..size]);
        let mut index = 1;
        let mut t = start;
        self.slope(constants, t, nudge, size, 0, false);
        if !self.stages[0][..size].iter().all(|v| v.is_finite()) {
            return Run::Stuck { t };
        }
        let scale = |u: f64, flow: &Flow| flow.absolute + flow.relative * u.abs();
        // First step: a twentieth of the time in which the states change by their size, and of all of it.
        let ratio = (0..d)
            .map(|i| self.stages[0][i].abs() / (self.now[i].abs() + 0.01))
            .fold(0.0, f64::max);
        let span = end - start;
        let mut h = (0.05 / (ratio + 1e-3)).min(0.05 * span);
        let mut before = SMOOTH;
        let mut stiffness = Stiffness::default();
        for taken in 0..self.max_steps {
            if index >= times.len() {
                return Run::Complete;
            }
            let last = t + h * 1.000001 >= end;
            if last {
                h = end - t;
            }
            if h.is_nan() || h <= 1e-12 * span {
                return Run::Stuck { t };
            }
            for stage in 1..7 {
                combine(A[stage], &self.stages, &mut self.trial[..size]);
                for (trial, now) in self.trial.iter_mut().zip(&self.now[..size]) {
                    *trial = now + h * *trial;
                }
                if stage == 6 {
                    self.next[..size].copy_from_slice(&self.trial[..size]);
                }
                self.slope(constants, t + C[stage] * h, nudge, size, stage, true);
            }
            let mut error = 0.0;
            for i in 0..d {
                let mut e = 0.0;
                for (c, k) in ERROR.iter().zip(&self.stages) {
                    e += c * k[i];
                }
                let size = scale(self.now[i].abs().max(self.next[i].abs()), self);
                error += (h * e / size).powi(2);
            }
            let error = (error / d as f64).sqrt();
            let finite = self.next[..size].iter().all(|v| v.is_finite())
                && self.stages[6][..size].iter().all(|v| v.is_finite());
            if !error.is_finite() || !finite {
                h *= 0.2;
                continue;
            }
            if error > 1.0 {
                h *= (0.9 * error.powf(-0.2)).max(0.2);
                continue;
            }
            let reached = if last { end } else { t + h };
            if index < times.len() && times[index] <= reached {
                self.prepare_dense(h, size);
                while let Some(&at) = times.get(index).filter(|at| **at <= reached) {
                    let x = if at == reached { 1.0 } else { (at - t) / h };
                    let y = 1.0 - x;
                    let [c1, c2, c3, c4] = &self.coefficients;
                    for i in 0..size {
                        self.trial[i] =
                            self.now[i] + x * (c1[i] + y * (c2[i] + x * (c3[i] + y * c4[i])));
                    }
                    row(index, &self.trial[..d], &self.trial[d..size]);
                    index += 1;
                }
            }
            if taken % SAMPLED == 0 {
                stiffness.add(self.product(h));
            }
            t = reached;
            std::mem::swap(&mut self.now, &mut self.next);
            self.stages.swap(0, 6);
            if self.now[..d].iter().any(|u| u.abs() > self.limit) {
                return Run::Diverged { t };
            }
            // Hairer's PI controller.
            let error = error.max(1e-10);
            let log = error.ln();
            h *= (0.9 * (0.04 * before - 0.17 * log).exp()).clamp(0.2, 8.0);
            before = log.max(SMOOTH);
            let left = (self.max_steps - taken) as f64;
            let sampled = taken % SAMPLED == 0 && nudge.is_none();
            if sampled && end - t > left * h && stiffness.found(self.relative) {
                break;
            }
        }
        if index >= times.len() {
            Run::Complete
        } else if nudge.is_none() && stiffness.found(self.relative) {
            let start = Start {
                t,
                step: h,
                states: &self.now[..d],
                sensitivities: &self.now[d..size],
            };
            let bounds = Bounds {
                relative: self.relative,
                absolute: self.absolute,
                limit: self.limit,
                steps: self.max_steps / IMPLICIT_SHARE,
            };
            let rest = &times[index..];
            stiff::follow(self.law, constants, start, rest, bounds, |i, u, s| {
                row(index + i, u, s);
            })
        } else {
            Run::TooLong { t }
        }
    }

    /// The length of the step just taken times the largest rate at which neighbours of the solution part or meet, from
    /// the last two stages, which belong to the same time (Hairer & Wanner, *Solving ODEs II*, IV.2).
    fn product(&self, h: f64) -> f64 {
        let (mut slopes, mut states) = (0.0, 0.0);
        for i in 0..self.law.dimension() {
            let mut sum = 0.0;
            for (a, k) in A[5].iter().zip(&self.stages) {
                sum += a * k[i];
            }
            slopes += (self.stages[6][i] - self.stages[5][i]).powi(2);
            states += (self.next[i] - self.now[i] - h * sum).powi(2);
        }
        h * (slopes / states).sqrt()
    }

    fn prepare_dense(&mut self, h: f64, size: usize) {
        let [c1, c2, c3, c4] = &mut self.coefficients;
        combine(&DENSE, &self.stages, &mut c4[..size]);
        for i in 0..size {
            let difference = self.next[i] - self.now[i];
            let bend = h * self.stages[0][i] - difference;
            c1[i] = difference;
            c2[i] = bend;
            c3[i] = difference - h * self.stages[6][i] - bend;
            c4[i] *= h;
        }
    }

    /// The right-hand side of states and sensitivities into `stages[stage]`, at `now` or `trial`.
    fn slope(
        &mut self,
        constants: &[f64],
        t: f64,
        nudge: Option<Nudge>,
        size: usize,
        stage: usize,
        trial: bool,
    ) {
        let d = self.law.dimension();
        let columns = d + self.law.constants();
        let at = if trial { &self.trial } else { &self.now };
        let k = &mut self.stages[stage];
        let strength = nudge.map_or(0.0, |n| n.strength);
        if size == d {
            self.law
                .value()
                .eval(t, &at[..d], constants, &mut self.value_scratch, &mut k[..d]);
        } else {
            self.law.full().eval(
                t,
                &at[..d],
                constants,
                &mut self.full_scratch,
                &mut self.out,
            );
            let (f, rest) = self.out.split_at(d);
            let (jacobian, by_constant) = rest.split_at(d * d);
            k[..d].copy_from_slice(f);
            k[d..size].fill(0.0);
            for i in 0..d {
                let row = &mut k[d + i * columns..d + (i + 1) * columns];
                for j in 0..d {
                    let mut slope = jacobian[i * d + j];
                    if i == j {
                        slope -= strength;
                    }
                    if slope != 0.0 {
                        let from = &at[d + j * columns..d + (j + 1) * columns];
                        for (out, s) in row.iter_mut().zip(from) {
                            *out += slope * s;
                        }
                    }
                }
            }
            for ((owner, slope), c) in self.law.owners().iter().zip(by_constant).zip(0..) {
                k[d + owner * columns + d + c] += slope;
            }
        }
        if strength > 0.0
            && let Some(nudge) = nudge
        {
            nudge.curve.interpolate(t, &mut self.target);
            for i in 0..d {
                k[i] += strength * (self.target[i] - at[i]);
            }
        }
    }
}
