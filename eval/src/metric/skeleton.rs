//! Whether two laws have the same shape.
//!
//! The headline is strict: equal skeletons of the canonical forms. It is a decision about algebra with no
//! tolerance, and it can be wrong in one direction only: what it does not know to be equal, it calls different.
//! [`spans`] asks the wider question, numerically: with other values for its constants, and no more of them than
//! the true law has, is the law found the true one? That also accepts forms that are equal by identities which
//! the canonical form does not know (`sin(y)*cos(y)` and `sin(2*y)/2`), and it is reported beside the other.

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};
use nsode_parser::Skeleton;

use crate::fit::law::Law;

/// Largest difference, as a share of the largest slope, at which two laws count as one function.
pub const SAME: f64 = 1e-6;

/// Residual at a point where the law has no value, as a share of the largest slope.
const OUTSIDE: f64 = 1e6;

/// Whether some constants make `skeleton` the function that has the slopes `slopes` (row-major, one row a
/// point, `D` each) at the points `(t, y)`. The search starts at `constants`.
pub fn spans(
    skeleton: &Skeleton,
    constants: &[f64],
    points: &[(f64, Vec<f64>)],
    slopes: &[f64],
) -> bool {
    let d = skeleton.dimension();
    let Some(law) = Law::new(&skeleton.template(), skeleton.slots()) else {
        return false;
    };
    let mut scales = vec![0.0_f64; d];
    for row in slopes.chunks_exact(d) {
        for (scale, slope) in scales.iter_mut().zip(row) {
            *scale = scale.max(slope.abs());
        }
    }
    for scale in &mut scales {
        *scale = if *scale > 0.0 { *scale } else { 1.0 };
    }
    if constants.len() != law.constants() || points.len() * d < law.constants() {
        return false;
    }
    let fit = Fit {
        law: &law,
        points,
        slopes,
        scales: &scales,
        constants: DVector::from_column_slice(constants),
    };
    if fit.worst() <= SAME {
        return true;
    }
    let (fit, _) = LevenbergMarquardt::new().with_patience(200).minimize(fit);
    fit.worst() <= SAME
}

/// Least squares of slopes, each in units of its equation's largest.
struct Fit<'a> {
    law: &'a Law,
    points: &'a [(f64, Vec<f64>)],
    slopes: &'a [f64],
    scales: &'a [f64],
    constants: DVector<f64>,
}

impl Fit<'_> {
    /// Residuals and, row-major, their derivatives by the constants.
    fn evaluate(&self) -> (Vec<f64>, Vec<f64>) {
        let (d, p) = (self.law.dimension(), self.law.constants());
        let tape = self.law.full();
        let mut scratch = tape.scratch();
        let mut out = vec![0.0; tape.outputs()];
        let mut residuals = Vec::with_capacity(self.slopes.len());
        let mut jacobian = Vec::with_capacity(self.slopes.len() * p);
        for ((t, y), truth) in self.points.iter().zip(self.slopes.chunks_exact(d)) {
            tape.eval(*t, y, self.constants.as_slice(), &mut scratch, &mut out);
            let by_constant = out.get(d + d * d..).unwrap_or(&[]);
            for (i, ((value, truth), scale)) in out.iter().zip(truth).zip(self.scales).enumerate() {
                residuals.push((value - truth) / scale);
                let owned = by_constant.iter().zip(self.law.owners());
                jacobian.extend(owned.map(|(slope, owner)| match *owner == i {
                    true => slope / scale,
                    false => 0.0,
                }));
            }
        }
        (residuals, jacobian)
    }

    /// The largest residual; infinite where one is not a number.
    fn worst(&self) -> f64 {
        let (residuals, _) = self.evaluate();
        residuals
            .iter()
            .fold(0.0, |worst: f64, r| match r.is_nan() {
                true => f64::INFINITY,
                false => worst.max(r.abs()),
            })
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Fit<'_> {
    type ParameterStorage = Owned<f64, Dyn>;
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;

    fn set_params(&mut self, x: &DVector<f64>) {
        self.constants.copy_from(x);
    }

    fn params(&self) -> DVector<f64> {
        self.constants.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let (residuals, _) = self.evaluate();
        // A step out of the law's domain is a bad one, not the end of the search.
        let each = residuals.into_iter();
        let each = each.map(|r| if r.is_finite() { r } else { OUTSIDE });
        Some(DVector::from_iterator(self.slopes.len(), each))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let (residuals, jacobian) = self.evaluate();
        let finite = jacobian.iter().all(|r| r.is_finite());
        let shape = (residuals.len(), self.law.constants());
        finite.then(|| DMatrix::from_row_slice(shape.0, shape.1, &jacobian))
    }
}
