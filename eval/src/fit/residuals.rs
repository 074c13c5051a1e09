//! Residuals of a law's solutions beside the observed cells: the loop that all fits share.

use nalgebra::{DMatrix, DVector};

use crate::fit::flow::{Flow, Nudge, Run};
use crate::series::problem::Problem;

/// Residuals and derivatives beyond this size say nothing, and their squares would overflow.
const LARGEST: f64 = 1e100;

/// A solution of a law on each trajectory of a problem.
pub(super) struct Solutions<'a> {
    pub problem: &'a Problem,
    /// In slot order.
    pub constants: &'a [f64],
    /// Initial states, one trajectory's after the other.
    pub initial: &'a [f64],
    /// Standard deviations that weigh the states' residuals.
    pub deviations: &'a [f64],
    /// How strongly the solutions are pulled towards the smoothed curves, in inverse spans of time; 0 for not at all.
    pub strength: f64,
}

/// Where the derivatives of one cell go.
pub(super) struct Cell<'a> {
    /// The row of the Jacobian.
    pub row: usize,
    /// The trajectory, from 0.
    pub trajectory: usize,
    /// What the derivatives of the state are multiplied by.
    pub weight: f64,
    /// Derivatives of the state by its trajectory's initial states.
    pub by_initial: &'a [f64],
    /// Derivatives of the state by the constants.
    pub by_constant: &'a [f64],
}

impl Solutions<'_> {
    /// Weighted residuals of the observed cells, in their order, and the Jacobian of `columns` columns that `place` fills row by
    /// row; without columns there are no derivatives. `None` where a solution fails.
    pub fn residuals(
        &self,
        flow: &mut Flow,
        columns: usize,
        place: impl Fn(&Cell, &mut DMatrix<f64>),
    ) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let problem = self.problem;
        let (d, p) = (problem.dimension(), self.constants.len());
        let observed = problem.observed();
        let sensitive = columns > 0;
        let mut residuals = DVector::zeros(observed);
        let mut jacobian = DMatrix::zeros(if sensitive { observed } else { 0 }, columns);
        let mut next = 0;
        let paths = problem.normalised().iter().zip(self.initial.chunks(d));
        for (number, (path, start)) in paths.enumerate() {
            let weights = problem.weights(number);
            let curve = problem.curves().get(number);
            let nudge = curve.filter(|_| self.strength > 0.0).map(|curve| Nudge {
                curve,
                strength: self.strength,
            });
            let run = flow.run(
                self.constants,
                start,
                path.times(),
                nudge,
                sensitive,
                |row, u, s| {
                    for (i, (y, value)) in path.state(row).iter().zip(u).enumerate() {
                        let weight = weights.get(row * d + i).copied().unwrap_or(0.0);
                        if weight > 0.0 {
                            let (r, slope) = problem.residual(i, weight, *value, *y);
                            let deviation = self.deviations.get(i).copied().unwrap_or(1.0);
                            residuals[next] = r / deviation;
                            if sensitive {
                                let own = s.get(i * (d + p)..(i + 1) * (d + p)).unwrap_or(&[]);
                                let (by_initial, by_constant) = own.split_at(d.min(own.len()));
                                let cell = Cell {
                                    row: next,
                                    trajectory: number,
                                    weight: slope / deviation,
                                    by_initial,
                                    by_constant,
                                };
                                place(&cell, &mut jacobian);
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
        let sound = numbers.all(|v| v.abs() < LARGEST);
        sound.then_some((residuals, jacobian))
    }
}
