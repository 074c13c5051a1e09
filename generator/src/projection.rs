//! Least squares residuals of small sets of columns, by modified Gram–Schmidt.
//!
//! With `A = QR`, the residual of column `j` after projection on all the others is the inverse of the
//! Euclidean norm of row `j` of `R⁻¹` (since `(AᵀA)⁻¹ = R⁻¹R⁻ᵀ`, whose diagonal holds the inverse squares).

/// An orthonormal basis of some columns, and the triangle that turns it back into them.
#[derive(Clone, Debug)]
pub struct Projection {
    /// Orthonormal columns; zero where a column added nothing.
    basis: Vec<Vec<f64>>,
    /// `triangle[j][i]`, `i ≤ j`: how much of basis column `i` is in column `j`.
    triangle: Vec<Vec<f64>>,
}

/// The scalar product, by partial sums that do not wait for each other.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const LANES: usize = 8;
    let (a, rest_a) = a.as_chunks::<LANES>();
    let (b, rest_b) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x * y;
        }
    }
    let rest: f64 = rest_a.iter().zip(rest_b).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

/// The Euclidean norm.
pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

impl Projection {
    /// Orthonormalises columns of one length.
    pub fn of(columns: &[impl AsRef<[f64]>]) -> Projection {
        let mut basis: Vec<Vec<f64>> = Vec::with_capacity(columns.len());
        let mut triangle = Vec::with_capacity(columns.len());
        for column in columns {
            let column = column.as_ref();
            let mut left = column.to_vec();
            let mut row = Vec::with_capacity(basis.len() + 1);
            for q in &basis {
                let part = dot(q, &left);
                subtract(&mut left, part, q);
                row.push(part);
            }
            let size = norm(&left);
            // Below this only rounding is left.
            if size > 1e-13 * norm(column) {
                left.iter_mut().for_each(|v| *v /= size);
                row.push(size);
            } else {
                left.fill(0.0);
                row.push(0.0);
            }
            basis.push(left);
            triangle.push(row);
        }
        Projection { basis, triangle }
    }

    /// The norm of what is left of `column` after projection on all columns.
    pub fn residual(&self, column: &[f64]) -> f64 {
        let mut left = column.to_vec();
        for q in &self.basis {
            let part = dot(q, &left);
            subtract(&mut left, part, q);
        }
        norm(&left)
    }

    /// The smallest residual of any of the columns on all the others; 0 if they are dependent.
    pub fn smallest_residual(&self) -> f64 {
        let n = self.triangle.len();
        if self.triangle.iter().any(|row| row.last() == Some(&0.0)) {
            return 0.0;
        }
        // Row sums of squares of R⁻¹, column by column: column `j` of R⁻¹ solves R x = e_j.
        let mut squares = vec![0.0; n];
        for j in 0..n {
            let mut x = vec![0.0; j + 1];
            x[j] = 1.0 / self.triangle[j][j];
            for i in (0..j).rev() {
                let sum: f64 = (i + 1..=j).map(|k| self.triangle[k][i] * x[k]).sum();
                x[i] = -sum / self.triangle[i][i];
            }
            for (square, x) in squares.iter_mut().zip(&x) {
                *square += x * x;
            }
        }
        let largest = squares.into_iter().fold(0.0, f64::max);
        if largest > 0.0 {
            1.0 / largest.sqrt()
        } else {
            f64::INFINITY
        }
    }
}

fn subtract(left: &mut [f64], part: f64, q: &[f64]) {
    for (v, q) in left.iter_mut().zip(q) {
        *v -= part * q;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn smallest_residual_is_that_of_leaving_each_out(
            values in prop::collection::vec(-1.0..1.0f64, 12 * 4),
        ) {
            let columns: Vec<Vec<f64>> = values.chunks(12).map(<[f64]>::to_vec).collect();
            let expected = (0..4)
                .map(|j| {
                    let others: Vec<_> = (0..4).filter(|k| *k != j).map(|k| columns[k].clone()).collect();
                    Projection::of(&others).residual(&columns[j])
                })
                .fold(f64::INFINITY, f64::min);
            let found = Projection::of(&columns).smallest_residual();
            prop_assert!((found - expected).abs() < 1e-9 * (1.0 + expected), "{found} {expected}");
        }
    }

    #[test]
    fn dependent_columns_have_no_residual() {
        let columns = vec![vec![1.0, 2.0, 3.0], vec![2.0, 4.0, 6.0]];
        assert_eq!(Projection::of(&columns).smallest_residual(), 0.0);
        assert_eq!(
            Projection::of(&[[0.0; 0]; 0]).smallest_residual(),
            f64::INFINITY
        );
    }
}
