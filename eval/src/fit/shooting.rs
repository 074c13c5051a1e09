//! Least squares of a law's solutions against the observed cells, over constants and initial states.
//!
//! One solution a trajectory from its initial state (single shooting); Levenberg–Marquardt is MINPACK's, from
//! the crate of that name. A solution that diverges or leaves its domain gives residuals so large that the
//! step is refused and shortened. A robust loss is the same least squares of transformed residuals
//! ([`crate::series::loss::Loss::transform`]). Where that finds no way, the fit is repeated with the solutions pulled
//! towards the smoothed curves ([`crate::fit::flow::Nudge`]), the pull relaxed in stages to nothing (synchronisation of model
//! and data; Abarbanel 2013): what multiple shooting does, without its extra unknowns.

use std::cell::RefCell;
use std::time::Instant;

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};

use crate::fit::condensed::Blocks;
use crate::fit::exact::Exact;
use crate::fit::floors::floors;
use crate::fit::flow::{Flow, Run};
use crate::fit::law::Law;
use crate::fit::residuals::Solutions;
use crate::fit::signs::Signs;
use crate::fit::sizes;
use crate::series::problem::{Leftover, Problem, RESOLUTION};

/// Residual of every cell of a solution that failed, in normalised units.
const FAILED: f64 = 1e3;

/// Root mean square residuals, as a share of the standard deviation of a state's values, beyond which a solution that is
/// pulled towards the data is given up.
const FAR: f64 = 0.3;

/// What a solution is good for at best, save for the last digits.
const FINEST: f64 = 1e-7;

/// The same where noise is doubtful or a jump may come at the wrong time.
const FINER: f64 = 1e-5;

/// Steps of less than this share of the parameters are rounding.
const SMALLEST: f64 = 1e-12;

/// Evidence that a fit may leave for another round: laws that differ by so little are as good as each other.
const NATS: f64 = 1e-3;

/// A rate that ends at so small a share of its start has vanished.
const VANISHED: f64 = 1e-4;

/// Solutions computed at one strength of the pull, at most: these fits need not be finished.
const PULLED_EVALUATIONS: usize = 16;

/// Fitted constants and initial states, normalised units, with the fit's figures.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Constants in slot order.
    pub constants: Vec<f64>,
    /// Initial states, one a trajectory.
    pub initial: Vec<Vec<f64>>,
    /// Residuals' derivatives by constants, then initial states; weighted as in the fit, in fewer rows (`condensed`).
    pub jacobian: DMatrix<f64>,
    /// What the fit leaves over.
    pub leftover: Leftover,
}

impl Fit {
    /// Root mean square of each state's weighted residuals.
    pub fn deviations(&self, problem: &Problem) -> Vec<f64> {
        problem.deviations(&self.leftover.sse)
    }
}

/// The least squares about one point: normal equations of all that is fitted, constants first.
#[derive(Clone, Debug)]
pub struct Normal {
    /// `JᵀJ` of the weighted residuals' Jacobian `J`.
    pub gram: DMatrix<f64>,
    /// `Jᵀr` of the residuals `r`.
    pub gradient: DVector<f64>,
    /// `rᵀr`.
    pub square: f64,
}

/// Fits laws by shooting.
pub struct Shooter<'a> {
    problem: &'a Problem,
    law: &'a Law,
    flow: RefCell<Flow<'a>>,
    deviations: Vec<f64>,
    blocks: Blocks,
    /// Whether the constants' sizes have a say.
    sized: bool,
    /// What is exact of the constants, and not fitted.
    exact: Exact,
    /// When a fit is given up.
    deadline: Option<Instant>,
    /// Whether solutions are followed on that leave the data although they are pulled to them.
    insists: bool,
}

#[derive(Clone)]
struct Target<'a, 'b> {
    shooter: &'a Shooter<'b>,
    /// Of the constants whose logarithms are fitted.
    signs: Signs,
    strength: f64,
    parameters: DVector<f64>,
}

impl<'a> Shooter<'a> {
    /// A shooter for one law on one problem.
    pub fn new(problem: &'a Problem, law: &'a Law) -> Shooter<'a> {
        let mut flow = Flow::new(law);
        flow.floors = floors(problem, law);
        flow.near_zero = problem.bearable_near_zero();
        let most = problem
            .noise()
            .iter()
            .map(|n| n.deviation)
            .fold(0.0, f64::max);
        let least = problem
            .noise()
            .iter()
            .map(|n| n.deviation)
            .fold(f64::INFINITY, f64::min);
        // A thousandth of the noise is accurate enough; the last digits are for `precise`. Fits of one state are quick, and
        // a jump of theirs comes at the wrong time if it is computed roughly.
        let roughest = if problem.dimension() > 1 { 1e-4 } else { FINER };
        flow.set_tolerance((1e-3 * least.max(0.3 * most)).clamp(FINEST, roughest));
        let paths = 0..problem.normalised().len();
        let cells = paths.map(|path| problem.weights(path).iter().filter(|w| **w > 0.0).count());
        Shooter {
            problem,
            law,
            blocks: Blocks::new(law.constants(), problem.dimension(), cells),
            flow: RefCell::new(flow),
            deviations: problem.first_deviations(),
            sized: false,
            exact: Exact::default(),
            deadline: None,
            insists: false,
        }
    }

    /// The same, for the most probable constants rather than the most likely ones: their sizes have a say
    /// ([`sizes`]). That asks for [`Shooter::weigh`] with the noise itself.
    #[must_use]
    pub fn sized(mut self) -> Shooter<'a> {
        self.sized = true;
        self
    }

    /// Gives up fits that are not done by then.
    #[must_use]
    pub fn until(mut self, deadline: Option<Instant>) -> Shooter<'a> {
        self.deadline = deadline;
        self
    }

    fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// From now on these constants are exact, wherever a fit starts.
    pub fn hold(&mut self, exact: Exact) {
        self.exact = exact;
    }

    /// From now on follows a solution on that leaves the data although it is pulled to them: where points are few, it is
    /// pulled to curves that are wrong.
    pub fn insist(&mut self) {
        self.insists = true;
    }

    /// The same, for the last digits: solutions good to [`RESOLUTION`], which take several times as long.
    #[must_use]
    pub fn precise(self) -> Shooter<'a> {
        let mut flow = self.flow.borrow_mut();
        flow.set_tolerance(1e-2 * RESOLUTION);
        flow.max_steps *= 4;
        drop(flow);
        self
    }

    /// Weighs the states' residuals by these standard deviations from now on.
    pub fn weigh(&mut self, deviations: Vec<f64>) {
        if deviations.len() == self.deviations.len() {
            self.deviations = deviations;
        }
    }

    /// The standard deviations that weigh the states' residuals.
    pub fn deviations(&self) -> &[f64] {
        &self.deviations
    }

    /// Numbers that are fitted: constants and initial states.
    pub fn parameters(&self) -> usize {
        self.law.constants() + self.problem.dimension() * self.problem.normalised().len()
    }

    /// Initial states of the smoothed curves.
    pub fn smoothed_initial(&self) -> Vec<Vec<f64>> {
        self.problem
            .curves()
            .iter()
            .map(|c| c.at(0).to_vec())
            .collect()
    }

    /// What all residuals cost at a start; infinite where a solution fails.
    pub fn cost(&self, constants: &[f64], initial: &[Vec<f64>]) -> f64 {
        let target = self.target(constants, initial, 0.0);
        match target.evaluate(false) {
            Some((mut residuals, _)) => {
                self.problem.loss().transform(&mut residuals, None);
                residuals.norm_squared()
            }
            None => f64::INFINITY,
        }
    }

    /// Weighs for a fit from a start by a robust loss, as [`Problem::start_deviations`] says.
    pub fn weigh_for(&mut self, constants: &[f64], initial: &[Vec<f64>]) {
        if !self.problem.finds_scale() {
            return;
        }
        let residuals = self.target(constants, initial, 0.0).evaluate(false);
        let start = residuals.and_then(|(r, _)| self.problem.leftover(&r, &self.deviations));
        self.deviations = self.problem.start_deviations(start.as_ref());
    }

    fn target<'s>(
        &'s self,
        constants: &[f64],
        initial: &[Vec<f64>],
        strength: f64,
    ) -> Target<'s, 'a> {
        let parameters = constants.iter().chain(initial.iter().flatten()).copied();
        let mut target = Target {
            shooter: self,
            signs: Signs::default(),
            strength,
            parameters: DVector::from_iterator(self.parameters(), parameters),
        };
        target.keep_exact();
        target
    }

    /// Fits from a start. `strengths` is the sequence of pulls; the last one should be 0.
    /// `None` where the start has no solution, there are more parameters than cells, the time is over, or the solution
    /// leaves the data although it is pulled to them, and nobody insists: without the pull it seldom comes back. `evaluations` caps
    /// the solutions computed without a pull, in each of two fits where the first one is by logarithms and fails.
    pub fn fit(
        &self,
        constants: &[f64],
        initial: &[Vec<f64>],
        strengths: &[f64],
        evaluations: usize,
    ) -> Option<Fit> {
        let count: usize = initial.iter().map(Vec::len).sum();
        if constants.len() + count != self.parameters()
            || self.problem.observed() <= self.parameters()
        {
            return None;
        }
        let target = self.target(constants, initial, 0.0);
        let signs = self.signs(constants);
        if signs.count() == 0 {
            return self.fitted(target, strengths, evaluations);
        }
        let straight = Target {
            signs,
            ..target.clone()
        };
        let found = self.fitted(straight, strengths, evaluations);
        // A rate of the wrong sign vanishes instead of changing it; and beside a pull there are enough other fits.
        let vanished = |fit: &Fit| {
            let mut each = fit.constants.iter().zip(constants);
            each.any(|(end, start)| end.abs() < VANISHED * start.abs())
        };
        let alone = strengths.iter().all(|strength| *strength == 0.0);
        if found.as_ref().is_some_and(|fit| !vanished(fit)) || !alone || self.is_late() {
            return found;
        }
        let plain = self.fitted(target, strengths, evaluations).into_iter();
        plain
            .chain(found)
            .reduce(|a, b| match b.leftover.order < a.leftover.order {
                true => b,
                false => a,
            })
    }

    fn fitted<'t>(
        &'t self,
        mut target: Target<'t, 'a>,
        strengths: &[f64],
        evaluations: usize,
    ) -> Option<Fit> {
        for strength in strengths {
            target.strength = *strength;
            target.evaluate(false)?;
            let (tolerance, evaluations) = if *strength > 0.0 {
                (1e-2, PULLED_EVALUATIONS)
            } else {
                (self.tolerance(), evaluations)
            };
            target = self.minimize(target, tolerance, evaluations);
            let rough = *strength == 0.0 && tolerance > FINEST;
            if rough && self.is_below_noise(&target.evaluate(false)?.0)? {
                let finer = self.flow.borrow().relative.min(FINER);
                self.flow.borrow_mut().set_tolerance(finer);
                target = self.minimize(target, FINEST, evaluations);
            }
            if self.is_late() {
                return None;
            }
            let gives_up = !self.insists && *strength > 0.0;
            if gives_up && self.is_far(&target.evaluate(false)?.0)? {
                return None;
            }
        }
        self.finish(&target)
    }

    /// The signs of rates that go with an activation energy, 0 for all other constants. Their logarithms are fitted: along
    /// what a rate and its energy do to each other the sum of squares is a valley, which is straight then.
    fn signs(&self, constants: &[f64]) -> Signs {
        let rates: Vec<usize> = (self.law.equations().iter())
            .flat_map(|equation| equation.rates.iter().copied())
            .collect();
        let each = constants.iter().enumerate();
        Signs::of(each.map(|(slot, value)| if rates.contains(&slot) { *value } else { 0.0 }))
    }

    fn minimize<'t>(
        &'t self,
        target: Target<'t, 'a>,
        tolerance: f64,
        evaluations: usize,
    ) -> Target<'t, 'a> {
        let solver = LevenbergMarquardt::new()
            .with_ftol(tolerance)
            .with_xtol(tolerance.min(self.step().max(SMALLEST)))
            .with_gtol(1e-9)
            .with_stepbound(10.0)
            .with_patience((evaluations / (self.parameters() + 1)).max(1));
        let mut target = solver.minimize(target).0;
        let initial = target.parameters.iter_mut().skip(self.law.constants());
        self.flow.borrow().raise(initial);
        target
    }

    /// Whether less than half of the noise is left: where data bend sharply, smoothed curves miss them, and clean data
    /// pass for noisy.
    fn is_below_noise(&self, residuals: &DVector<f64>) -> Option<bool> {
        let left = self.problem.leftover(residuals, &self.deviations)?;
        let found = self.problem.deviations(&left.sse).into_iter();
        let mut each = found.zip(self.problem.noise());
        Some(each.all(|(found, noise)| found < 0.5 * noise.deviation))
    }

    /// The share of the sum of squares at which a fit has converged: with noise, what is worth [`NATS`] in the
    /// evidence, but no less than solutions are good for.
    fn tolerance(&self) -> f64 {
        self.step().max(FINEST)
    }

    /// The same without that floor: a step of so small a share of the parameters is none.
    fn step(&self) -> f64 {
        let worth = 2.0 * NATS / self.problem.observed() as f64;
        worth.min(self.flow.borrow().relative)
    }

    /// The normal equations at a point; `None` where a solution fails.
    pub fn normal(&self, constants: &[f64], initial: &[Vec<f64>]) -> Option<Normal> {
        let target = self.target(constants, initial, 0.0);
        let jacobian = target.jacobian()?;
        let residuals = target.residuals()?;
        Some(Normal {
            gram: jacobian.tr_mul(&jacobian),
            gradient: jacobian.tr_mul(&residuals),
            square: residuals.norm_squared(),
        })
    }

    /// Whether a solution is so far from the data, in some state, that it is of no use.
    fn is_far(&self, residuals: &DVector<f64>) -> Option<bool> {
        let left = self.problem.leftover(residuals, &self.deviations)?;
        let found = self.problem.deviations(&left.sse).into_iter();
        let mut each = found.zip(self.problem.spread());
        Some(each.any(|(found, spread)| found > FAR * spread))
    }

    fn finish(&self, target: &Target) -> Option<Fit> {
        let (residuals, jacobian) = target.evaluate(true)?;
        let (constants, initial) = target.parameters.as_slice().split_at(self.law.constants());
        let d = self.problem.dimension();
        let leftover = self.problem.leftover(&residuals, &self.deviations)?;
        Some(Fit {
            constants: constants.to_vec(),
            initial: initial.chunks(d).map(<[f64]>::to_vec).collect(),
            jacobian: self.blocks.jacobian(&residuals, &jacobian),
            leftover,
        })
    }

    /// The solution at `times` of trajectory `number`'s start; `None` where it fails.
    pub fn solve(&self, constants: &[f64], initial: &[f64], times: &[f64]) -> Option<Vec<f64>> {
        let mut states = Vec::with_capacity(times.len() * initial.len());
        let run = self
            .flow
            .borrow_mut()
            .run(constants, initial, times, None, false, |_, u, _| {
                states.extend_from_slice(u);
            });
        (run == Run::Complete).then_some(states)
    }
}

impl Target<'_, '_> {
    /// Weighted residuals and, where asked for, their Jacobian; `None` where a solution fails.
    fn evaluate(&self, sensitive: bool) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let shooter = self.shooter;
        let (d, p) = (shooter.problem.dimension(), shooter.law.constants());
        let (constants, initial) = self.parameters.as_slice().split_at(p);
        let solutions = Solutions {
            problem: shooter.problem,
            constants,
            initial,
            deviations: &shooter.deviations,
            strength: self.strength,
        };
        let width = if sensitive { self.parameters.len() } else { 0 };
        let mut flow = shooter.flow.borrow_mut();
        solutions.residuals(&mut flow, width, |cell, jacobian| {
            for (k, slope) in cell.by_constant.iter().enumerate() {
                jacobian[(cell.row, k)] = cell.weight * slope;
            }
            for (j, slope) in cell.by_initial.iter().enumerate() {
                jacobian[(cell.row, p + cell.trajectory * d + j)] = cell.weight * slope;
            }
        })
    }

    /// Sets the constants that are exact.
    fn keep_exact(&mut self) {
        let exact = &self.shooter.exact;
        for (slot, value) in &exact.held {
            self.parameters[*slot] = *value;
        }
        for tie in &exact.tied {
            self.parameters[tie.slot] = tie.factor * self.parameters[tie.to];
        }
    }

    /// Rows beyond the cells': one for each constant whose size has a say.
    fn sizes(&self) -> usize {
        match self.shooter.sized {
            true => self.shooter.law.constants(),
            false => 0,
        }
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Target<'_, '_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, x: &DVector<f64>) {
        self.parameters.copy_from(x);
        for (place, value) in self.parameters.iter_mut().enumerate() {
            *value = self.signs.outward(place, *value).0;
        }
        self.keep_exact();
    }

    fn params(&self) -> DVector<f64> {
        let mut inner = self.parameters.clone();
        for (place, value) in inner.iter_mut().enumerate() {
            *value = self.signs.inward(place, *value);
        }
        inner
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        if self.shooter.is_late() {
            return None;
        }
        let failed = || {
            let worst = self
                .shooter
                .deviations
                .iter()
                .copied()
                .fold(f64::INFINITY, f64::min);
            // As large as if every cell had failed.
            let rows = self.shooter.blocks.condensed_rows() + self.sizes();
            let cells = self.shooter.problem.observed();
            DVector::repeat(rows, FAILED / worst * (cells as f64 / rows as f64).sqrt())
        };
        Some(self.evaluate(false).map_or_else(failed, |(mut r, _)| {
            self.shooter.problem.loss().transform(&mut r, None);
            let r = self.shooter.blocks.residuals(&r);
            let cells = r.len();
            let mut r = r.resize_vertically(cells + self.sizes(), 0.0);
            for (k, constant) in self.parameters.iter().enumerate().take(self.sizes()) {
                r[cells + k] = sizes::place(*constant).0;
            }
            r
        }))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let (mut residuals, mut jacobian) = self.evaluate(true)?;
        let loss = self.shooter.problem.loss();
        loss.transform(&mut residuals, Some(&mut jacobian));
        let jacobian = self.shooter.blocks.jacobian(&residuals, &jacobian);
        let cells = jacobian.nrows();
        let mut jacobian = jacobian.resize_vertically(cells + self.sizes(), 0.0);
        for (k, constant) in self.parameters.iter().enumerate().take(self.sizes()) {
            jacobian[(cells + k, k)] = sizes::place(*constant).1;
        }
        for tie in &self.shooter.exact.tied {
            let column = jacobian.column(tie.slot) * tie.factor;
            jacobian.column_mut(tie.slot).fill(0.0);
            let mut other = jacobian.column_mut(tie.to);
            other += column;
        }
        for (slot, _) in &self.shooter.exact.held {
            jacobian.column_mut(*slot).fill(0.0);
        }
        for (place, value) in self.parameters.iter().enumerate() {
            let slope = self.signs.slope(place, *value);
            if slope != 1.0 {
                jacobian.column_mut(place).scale_mut(slope);
            }
        }
        Some(jacobian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::exact::Tie;
    use crate::samples::{Sample, canonical};

    /// Derivatives by what is fitted, logarithms of rates and tied constants among it, against differences of the residuals.
    #[test]
    fn derivatives_are_those_of_the_residuals() {
        let law = "0.9 - x - 25*exp(-4/y)*x; 2 - y + 20*exp(-4/y)*x";
        let sample = Sample {
            law,
            states: &["x", "y"],
            initial: &[&[0.5, 1.5]],
            times: (0.0, 2.0, 25),
            noise: 0.02,
        };
        let names = sample.make().0.names;
        let problem = sample.problem();
        let (skeleton, _) = canonical(law, &names).parts().unwrap();
        let law = Law::new(&skeleton.template(), skeleton.slots()).unwrap();
        let rates: Vec<usize> = law
            .equations()
            .iter()
            .flat_map(|e| e.rates.clone())
            .collect();
        assert_eq!(rates.len(), 2, "{:?}", skeleton.text(&names));
        let mut shooter = Shooter::new(&problem, &law).precise();
        shooter.hold(Exact {
            tied: vec![Tie {
                slot: rates[1],
                to: rates[0],
                factor: -1.3,
                open: 0.0,
            }],
            ..Exact::default()
        });
        let (_, constants) = canonical(
            "1 - 1.1*x - 9*exp(-3.5/y)*x; 2.1 - y + 8*exp(-3.6/y)*x",
            &names,
        )
        .parts()
        .unwrap();
        let mut target = shooter.target(&constants, &shooter.smoothed_initial(), 0.0);
        target.signs = shooter.signs(&constants);
        assert_eq!(target.signs.count(), 2);
        let here = target.params();
        target.set_params(&here);
        // Rows are condensed, so that it is the slope of the sum of squares that can be compared.
        let gradient = target
            .jacobian()
            .unwrap()
            .tr_mul(&target.residuals().unwrap());
        for place in (0..here.len()).filter(|place| *place != rates[1]) {
            let step = 1e-5 * (1.0 + here[place].abs());
            let mut at = |step: f64| {
                let mut there = here.clone();
                there[place] += step;
                target.set_params(&there);
                0.5 * target.residuals().unwrap().norm_squared()
            };
            let slope = (at(step) - at(-step)) / (2.0 * step);
            let off = (slope - gradient[place]).abs();
            assert!(
                off < 1e-3 * slope.abs().max(1.0),
                "{place}: {slope}, {}",
                gradient[place]
            );
        }
    }
}
