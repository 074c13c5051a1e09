//! How many digits the constants of a law need together.
//!
//! Each constant alone needs the digits that its standard error leaves. But constants that only a fit as a whole
//! determines lean on one another: `450*tanh(0.0024*y) - 0.62*y` may follow the data, each constant open by a tenth,
//! and be far off with each of them rounded by a hundredth. So digits are added until the rounded law is as good as
//! the fitted one.

use nalgebra::{DMatrix, DVector};

use crate::answer::figures;
use crate::fit::constant::Constant;

/// What rounding may add to the sum of squares, in units of the residuals' variance: half a nat of evidence.
const COST: f64 = 1.0;

/// Eigenvalues of the correlations below this are rounding: directions that the covariance does not have, since the data
/// do not see them, or no constant was free to go there.
const SINGULAR: f64 = 1e-13;

/// The constants' values, rounded for people.
pub(super) fn rounded(constants: &[Constant], covariance: Option<&DMatrix<f64>>) -> Vec<f64> {
    let exact = DVector::from_iterator(constants.len(), constants.iter().map(|c| c.value));
    let mut places: Vec<i32> = (constants.iter())
        .map(|c| match c.stderr {
            // The user's own number.
            Some(0.0) => figures::finest(c.value),
            stderr => figures::place(c.value, stderr),
        })
        .collect();
    let precision = covariance.and_then(|c| precision(c, constants.len()));
    loop {
        let each = exact.iter().zip(&places);
        let values = each.map(|(value, place)| figures::to_place(*value, *place));
        let values = DVector::from_iterator(constants.len(), values);
        let moved = &values - &exact;
        let worst = precision.as_ref().and_then(|precision| {
            let costly = moved.dot(&(precision * &moved)) > COST;
            let cost = |j: &usize| moved[*j].powi(2) * precision[(*j, *j)];
            (0..constants.len())
                .filter(|j| costly && places[*j] > figures::finest(exact[*j]))
                .max_by(|i, j| cost(i).total_cmp(&cost(j)))
        });
        match worst {
            Some(j) => places[j] -= 1,
            None => return values.as_slice().to_vec(),
        }
    }
}

/// The inverse of a covariance of `n` constants, zero along the directions that it does not have. `None` where that is
/// not finite.
fn precision(covariance: &DMatrix<f64>, n: usize) -> Option<DMatrix<f64>> {
    let finite = covariance.iter().all(|v| v.is_finite());
    if n == 0 || covariance.shape() != (n, n) || !finite {
        return None;
    }
    let units = covariance.diagonal().map(|v| match v.sqrt() {
        error if error > 0.0 => error.recip(),
        _ => 0.0,
    });
    let correlations = DMatrix::from_fn(n, n, |i, j| covariance[(i, j)] * units[i] * units[j]);
    let eigen = correlations.symmetric_eigen();
    let mut inverse = DMatrix::zeros(n, n);
    for (value, vector) in eigen
        .eigenvalues
        .iter()
        .zip(eigen.eigenvectors.column_iter())
    {
        if *value > SINGULAR {
            inverse += vector * vector.transpose() / *value;
        }
    }
    let inverse = DMatrix::from_fn(n, n, |i, j| inverse[(i, j)] * units[i] * units[j]);
    inverse.iter().all(|v| v.is_finite()).then_some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants(values: &[(f64, f64)]) -> Vec<Constant> {
        let each = values.iter();
        each.map(|&(value, stderr)| Constant {
            value,
            stderr: Some(stderr),
        })
        .collect()
    }

    #[test]
    fn independent_constants_are_rounded_each_by_its_error() {
        let all = constants(&[(0.547_031, 0.004), (663.022, 17.0)]);
        let covariance = DMatrix::from_diagonal(&DVector::from(vec![0.004f64.powi(2), 289.0]));
        assert_eq!(rounded(&all, Some(&covariance)), [0.547, 660.0]);
        assert_eq!(rounded(&all, None), [0.547, 660.0]);
    }

    #[test]
    fn constants_that_lean_on_one_another_keep_more_digits() {
        // Their difference is known a thousand times better than each of them.
        let all = constants(&[(451.637, 40.0), (449.284, 40.0)]);
        let (own, between) = (1600.0, 1600.0 * (1.0 - 0.5e-6));
        let covariance = DMatrix::from_row_slice(2, 2, &[own, between, between, own]);
        let found = rounded(&all, Some(&covariance));
        assert!((found[0] - found[1] - 2.353).abs() < 0.05, "{found:?}");
    }

    #[test]
    fn what_the_data_do_not_see_needs_no_digits() {
        let all = constants(&[(451.637, 40.0), (449.284, 40.0)]);
        let covariance = DMatrix::from_element(2, 2, 1600.0);
        let found = rounded(&all, Some(&covariance));
        assert_eq!(found, [450.0, 450.0]);
        let nothing = DMatrix::from_element(2, 2, f64::NAN);
        assert_eq!(rounded(&all, Some(&nothing)), [450.0, 450.0]);
    }
}
