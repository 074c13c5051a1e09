//! Least squares in fewer rows: residuals of one trajectory depend on the constants and on its own initial state alone.
//!
//! An orthogonal transformation of the rows of a trajectory changes neither the sum of squares nor the normal equations. One
//! turns its residuals into their norm and zeros, and its part of the Jacobian into a projection on the residuals and a
//! triangle. So the solver's own decomposition is of as many rows as there are unknowns a trajectory, not as there are cells:
//! of a thousand points of three states in sixteen pieces that is one row for seventeen.

use std::ops::Range;

use nalgebra::{DMatrix, DVector};

/// Where the rows of each trajectory are, and which columns they depend on.
#[derive(Clone, Debug)]
pub(crate) struct Blocks {
    /// Constants, the first columns, which all rows depend on.
    constants: usize,
    /// Columns that belong to one trajectory each, after the constants.
    states: usize,
    rows: Vec<Range<usize>>,
}

impl Blocks {
    /// Blocks of these numbers of rows, one after the other.
    pub fn new(constants: usize, states: usize, rows: impl Iterator<Item = usize>) -> Blocks {
        let place = |first: &mut usize, rows| {
            let begin = *first;
            *first += rows;
            Some(begin..*first)
        };
        Blocks {
            constants,
            states,
            rows: rows.scan(0, place).collect(),
        }
    }

    /// Rows of a block that is condensed.
    fn height(&self) -> usize {
        1 + self.constants + self.states
    }

    /// Rows of all of them.
    pub fn condensed_rows(&self) -> usize {
        self.rows.len() * self.height()
    }

    /// The residuals, condensed: the norm of each block, and zeros.
    pub fn residuals(&self, all: &DVector<f64>) -> DVector<f64> {
        let mut condensed = DVector::zeros(self.condensed_rows());
        for (number, rows) in self.rows.iter().enumerate() {
            condensed[number * self.height()] = all.rows_range(rows.clone()).norm();
        }
        condensed
    }

    /// The Jacobian of these residuals, condensed likewise.
    pub fn jacobian(&self, residuals: &DVector<f64>, all: &DMatrix<f64>) -> DMatrix<f64> {
        let (p, d) = (self.constants, self.states);
        let mut condensed = DMatrix::zeros(self.condensed_rows(), all.ncols());
        for (number, rows) in self.rows.iter().enumerate() {
            let (top, own) = (number * self.height(), p + number * d);
            let height = rows.len().max(p + d);
            let mut block = DMatrix::zeros(height, p + d);
            let mut part = block.rows_mut(0, rows.len());
            part.columns_mut(0, p)
                .copy_from(&all.view((rows.start, 0), (rows.len(), p)));
            part.columns_mut(p, d)
                .copy_from(&all.view((rows.start, own), (rows.len(), d)));
            let direction = residuals.rows_range(rows.clone());
            let norm = direction.norm();
            let mut place = |row: usize, values: &DMatrix<f64>| {
                let height = values.nrows();
                condensed
                    .view_mut((row, 0), (height, p))
                    .copy_from(&values.columns(0, p));
                condensed
                    .view_mut((row, own), (height, d))
                    .copy_from(&values.columns(p, d));
            };
            if norm > 0.0 {
                let direction = direction / norm;
                let along = DMatrix::from_row_slice(1, p + d, part.tr_mul(&direction).as_slice());
                part -= &direction * &along;
                place(top, &along);
            }
            place(top + 1, &block.qr().r());
        }
        condensed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn normal_equations_stay_as_they_are(
            numbers in prop::collection::vec(-9.0..9.0f64, 31 * 8),
            rows in prop::collection::vec(0usize..12, 3),
        ) {
            let (p, d) = (2, 1);
            let total: usize = rows.iter().sum();
            let blocks = Blocks::new(p, d, rows.iter().copied());
            let mut numbers = numbers.into_iter().cycle();
            let mut next = || numbers.next().unwrap_or(0.0);
            let residuals = DVector::from_fn(total, |_, _| next());
            let mut jacobian = DMatrix::zeros(total, p + 3 * d);
            let mut row = 0;
            for (number, rows) in rows.iter().enumerate() {
                for _ in 0..*rows {
                    jacobian[(row, 0)] = next();
                    jacobian[(row, 1)] = next();
                    jacobian[(row, p + number)] = next();
                    row += 1;
                }
            }
            let (short, condensed) = (blocks.residuals(&residuals), blocks.jacobian(&residuals, &jacobian));
            prop_assert_eq!(condensed.nrows(), short.len());
            let close = |a: DMatrix<f64>, b: DMatrix<f64>| (a - b).abs().max() < 1e-9 * 1e4;
            prop_assert!((short.norm() - residuals.norm()).abs() < 1e-9);
            prop_assert!(close(jacobian.tr_mul(&jacobian), condensed.tr_mul(&condensed)));
            let gradient = |j: &DMatrix<f64>, r: &DVector<f64>| DMatrix::from_column_slice(j.ncols(), 1, j.tr_mul(r).as_slice());
            prop_assert!(close(gradient(&jacobian, &residuals), gradient(&condensed, &short)));
        }
    }
}
