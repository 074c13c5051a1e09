//! The inverse of the normal equations of a fit: what the data leave open of the numbers that were fitted.

use nalgebra::DMatrix;

/// Singular values of the scaled Jacobian below this share of the largest one are rounding: derivatives are as good
/// as the solutions that they come from.
const SINGULAR: f64 = 1e-8;

/// A number that has at least this part in a direction that the data do not see is not determined.
const PART: f64 = 1e-2;

/// `(JᵀJ)⁻¹` without the directions that the data do not see.
#[derive(Clone, Debug)]
pub struct Inverse {
    /// In the units of the Jacobian's columns; zero for columns that were held.
    pub matrix: DMatrix<f64>,
    /// Whether the data leave each number undetermined.
    pub unknown: Vec<bool>,
    /// Directions that the data determine.
    pub rank: usize,
}

impl Inverse {
    /// That of `jacobian`, one column a fitted number. Columns that are `held` count as fixed, and as known;
    /// those beyond the list's end are free.
    pub fn new(mut jacobian: DMatrix<f64>, held: &[bool]) -> Inverse {
        let held = |i: usize| held.get(i) == Some(&true);
        // Columns of unit length, so that the units of the numbers decide nothing.
        let mut units = Vec::with_capacity(jacobian.ncols());
        for (i, mut column) in jacobian.column_iter_mut().enumerate() {
            let norm = if held(i) { 0.0 } else { column.norm() };
            match norm > 0.0 && norm.is_finite() {
                true => {
                    column *= norm.recip();
                    units.push(norm.recip());
                }
                // Not by a product: what is not finite would stay so, and the decomposition of it would not end.
                false => {
                    column.fill(0.0);
                    units.push(0.0);
                }
            }
        }
        let n = units.len();
        // By a decomposition of the Jacobian itself: its product with itself would lose half of the digits.
        let rows = jacobian.nrows().max(n);
        let svd = jacobian
            .resize_vertically(rows, 0.0)
            .qr()
            .r()
            .svd(false, true);
        let vectors = svd.v_t.unwrap_or_else(|| DMatrix::identity(n, n));
        let top = svd.singular_values.iter().copied().fold(0.0, f64::max);
        let mut inverse = DMatrix::zeros(n, n);
        let mut unknown: Vec<bool> = units.iter().map(|unit| *unit == 0.0).collect();
        let mut rank = 0;
        for (value, vector) in svd.singular_values.iter().zip(vectors.row_iter()) {
            if *value > SINGULAR * top {
                inverse += vector.transpose() * vector / (value * value);
                rank += 1;
            } else {
                for (flag, part) in unknown.iter_mut().zip(vector.iter()) {
                    *flag |= part.abs() > PART;
                }
            }
        }
        for (i, flag) in unknown.iter_mut().enumerate() {
            *flag &= !held(i);
        }
        let matrix = DMatrix::from_fn(n, n, |i, j| inverse[(i, j)] * units[i] * units[j]);
        Inverse {
            matrix,
            unknown,
            rank,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_unknown_and_what_is_held_is_not() {
        // The second and third number do the same, the fourth nothing, the fifth is held.
        let rows = [
            [1.0, 2e6, 4e6, 0.0, 1.0],
            [0.0, 1e6, 2e6, 0.0, 2.0],
            [3.0, -1e6, -2e6, 0.0, 3.0],
        ];
        let jacobian = DMatrix::from_fn(3, 5, |i, j| rows[i][j]);
        let inverse = Inverse::new(jacobian, &[false, false, false, false, true]);
        assert_eq!(inverse.unknown, [false, true, true, true, false]);
        assert_eq!(inverse.rank, 2);
        assert_eq!(inverse.matrix[(4, 4)], 0.0);
        let broken = DMatrix::from_row_slice(2, 2, &[f64::NAN, 0.0, 1e200, 1.0]);
        assert_eq!(Inverse::new(broken, &[]).unknown, [true, false]);
        let free = DMatrix::from_row_slice(2, 2, &[2.0, 1.0, 0.0, 4.0]);
        let product = free.tr_mul(&free) * Inverse::new(free, &[]).matrix;
        assert!((product - DMatrix::identity(2, 2)).norm() < 1e-12);
    }
}
