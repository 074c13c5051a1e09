//! The least squares of one fit: residuals and their derivatives by inner numbers of the constants and initial states.

use std::cell::RefCell;

use levenberg_marquardt::LeastSquaresProblem;
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};

use super::{Fitted, Parametrised};
use crate::fit::flow::Flow;
use crate::fit::residuals::Solutions;
use crate::series::problem::Problem;

/// Residual of every cell of a solution that failed, in normalised units.
const FAILED: f64 = 1e3;

/// A point in a fit.
pub(super) struct Target<'a> {
    pub(super) model: &'a Parametrised,
    pub(super) problem: &'a Problem,
    pub(super) deviations: &'a [f64],
    pub(super) flow: RefCell<Flow<'a>>,
    pub(super) strength: f64,
    /// Whether the numbers are inner ones, which keep within bounds or are logarithms, or constants and initial states themselves.
    pub(super) transformed: bool,
    pub(super) parameters: DVector<f64>,
}

impl Target<'_> {
    /// All constants, and the slopes of the free ones by their inner numbers.
    fn constants(&self) -> (Vec<f64>, Vec<f64>) {
        let inner = self.parameters.as_slice().iter();
        let inner: Vec<f64> = inner.take(self.model.free.len()).copied().collect();
        self.model.constants(&inner, self.transformed)
    }

    /// Initial states, one run's after the other, and their slopes by their inner numbers.
    fn initial(&self) -> (Vec<f64>, Vec<f64>) {
        let [_, signs] = self.model.signs(self.transformed);
        let inner = self
            .parameters
            .iter()
            .skip(self.model.free.len())
            .enumerate();
        inner
            .map(|(place, inner)| signs.outward(place, *inner))
            .unzip()
    }

    /// Weighted residuals and, where asked for, their Jacobian; `None` where a solution fails.
    pub(super) fn evaluate(&self, sensitive: bool) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let model = self.model;
        let (d, m) = (self.problem.dimension(), model.free.len());
        let (constants, slopes) = self.constants();
        let (initial, bends) = self.initial();
        // Where each slot's column goes, and what it is multiplied by.
        let columns: Vec<(usize, f64)> = model
            .owners
            .iter()
            .filter_map(|owner| {
                let place = model.free.iter().position(|k| k == owner)?;
                Some((place, *slopes.get(place)?))
            })
            .collect();
        let solutions = Solutions {
            problem: self.problem,
            constants: &model.slots(&constants),
            initial: &initial,
            deviations: self.deviations,
            strength: self.strength,
        };
        let width = if sensitive { self.parameters.len() } else { 0 };
        let mut flow = self.flow.borrow_mut();
        solutions.residuals(&mut flow, width, |cell, jacobian| {
            for (slope, (place, by_inner)) in cell.by_constant.iter().zip(&columns) {
                jacobian[(cell.row, *place)] += cell.weight * slope * by_inner;
            }
            for (j, slope) in cell.by_initial.iter().enumerate() {
                let place = cell.trajectory * d + j;
                let bend = bends.get(place).copied().unwrap_or(1.0);
                jacobian[(cell.row, m + place)] = cell.weight * slope * bend;
            }
        })
    }

    /// The fit, its Jacobian by the constants themselves instead of the inner numbers.
    pub(super) fn finish(&self) -> Option<Fitted> {
        let (residuals, mut jacobian) = self.evaluate(true)?;
        let d = self.problem.dimension();
        let (constants, slopes) = self.constants();
        let (initial, bends) = self.initial();
        let slopes = slopes.iter().chain(&bends);
        for (mut column, slope) in jacobian.column_iter_mut().zip(slopes) {
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
