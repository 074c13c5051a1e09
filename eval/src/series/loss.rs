//! What a residual costs: its square, or less where it is so large that it is no noise.
//!
//! A loss is minus twice the logarithm of a density of the residuals, so that one choice decides the fit, the weight
//! of a law against others, and the weights of draws. Residuals are in standard deviations of the bulk of the
//! noise: of normal noise without outliers, all three losses find the same scale. Huber's loss and its scale are those
//! of P. J. Huber (Ann. Math. Statist. 35, 1964; the scale is his second proposal); the use of Student's distribution is
//! that of Lange, Little and Taylor (JASA 84, 1989).

use std::f64::consts::{LN_2, PI};
use std::fmt;
use std::str::FromStr;

use nalgebra::{DMatrix, DVector};

/// Where Huber's loss goes over from squares to absolute values: of normal noise it costs 5 % of the efficiency.
const HUBER: f64 = 1.345;

/// Logarithm of the density of Huber's distribution at 0.
const HUBER_PEAK: f64 = -0.978_598_194_571_836_8;

/// The mean square of [`Loss::psi`] of Huber's loss for normal noise.
const HUBER_SQUARE: f64 = 0.7101645482690486;

/// Degrees of freedom of Student's distribution. Scales break down beyond a share of outliers of `1/(ν + 1)`.
const FREEDOM: f64 = 4.0;

/// The scale of Student's distribution that normal noise of standard deviation 1 makes most likely.
const STUDENT_SCALE: f64 = 0.831_003_497_793_777_5;

/// Logarithm of the density of Student's distribution at 0 where its scale is 1.
const STUDENT_PEAK: f64 = -0.980_829_253_011_725_7;

/// The median absolute value of normal noise, inverse.
const MEDIAN: f64 = 1.482_602_218_505_602;

/// Rounds in which a most likely scale is found, and the relative change that ends them.
const ROUNDS: usize = 200;
const SETTLED: f64 = 1e-9;

/// What a residual costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// Its square: noise is normal.
    #[default]
    Squares,
    /// Its square up to 1.345 standard deviations, from there on in proportion to its size.
    Huber,
    /// By the logarithm of Student's distribution with 4 degrees of freedom: beyond two standard deviations, the
    /// larger a residual is, the less it says.
    Student,
}

/// A name that is no loss.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no loss: there are squares, huber and student")]
pub struct UnknownLoss(pub String);

impl FromStr for Loss {
    type Err = UnknownLoss;

    fn from_str(text: &str) -> Result<Loss, UnknownLoss> {
        let known = Loss::ALL
            .into_iter()
            .find(|loss| loss.name() == text.trim());
        known.ok_or_else(|| UnknownLoss(text.trim().to_string()))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Loss {
    /// All of them.
    pub const ALL: [Loss; 3] = [Loss::Squares, Loss::Huber, Loss::Student];

    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            Loss::Squares => "squares",
            Loss::Huber => "huber",
            Loss::Student => "student",
        }
    }

    /// Whether outliers have less say than by their squares.
    pub fn is_robust(self) -> bool {
        self != Loss::Squares
    }

    /// What a residual of `r` standard deviations costs, 0 for none.
    pub fn rho(self, r: f64) -> f64 {
        match self {
            Loss::Squares => r * r,
            Loss::Huber if r.abs() <= HUBER => r * r,
            Loss::Huber => HUBER * (2.0 * r.abs() - HUBER),
            Loss::Student => (FREEDOM + 1.0) * (r * r / student()).ln_1p(),
        }
    }

    /// Half the derivative of [`Loss::rho`]: the pull of a residual.
    pub fn psi(self, r: f64) -> f64 {
        match self {
            Loss::Squares => r,
            Loss::Huber => r.clamp(-HUBER, HUBER),
            Loss::Student => (FREEDOM + 1.0) * r / (student() + r * r),
        }
    }

    /// The derivative of [`Loss::psi`].
    pub fn curvature(self, r: f64) -> f64 {
        match self {
            Loss::Squares => 1.0,
            Loss::Huber => f64::from(u8::from(r.abs() <= HUBER)),
            Loss::Student => {
                let sum = student() + r * r;
                (FREEDOM + 1.0) * (student() - r * r) / (sum * sum)
            }
        }
    }

    /// The share of its pull under squares that a residual has left: 1 for small ones, 1 always for squares.
    pub fn weight(self, r: f64) -> f64 {
        match self {
            Loss::Squares => 1.0,
            Loss::Huber => HUBER / r.abs().max(HUBER),
            Loss::Student => student() / (student() + r * r),
        }
    }

    /// Logarithm of the density at `r` standard deviations of the bulk, per standard deviation.
    pub fn log_density(self, r: f64) -> f64 {
        let peak = match self {
            Loss::Squares => -0.5 * (LN_2 + PI.ln()),
            Loss::Huber => HUBER_PEAK,
            Loss::Student => STUDENT_PEAK - STUDENT_SCALE.ln(),
        };
        peak - 0.5 * self.rho(r)
    }

    /// Replaces residuals by signed square roots of what they cost, and multiplies the rows of `jacobian` by the slopes
    /// of that: least squares of what comes out is the fit by this loss.
    pub fn transform(self, residuals: &mut DVector<f64>, jacobian: Option<&mut DMatrix<f64>>) {
        if !self.is_robust() {
            return;
        }
        if let Some(jacobian) = jacobian {
            for (mut row, r) in jacobian.row_iter_mut().zip(residuals.iter()) {
                row *= self.root(*r).1;
            }
        }
        residuals.apply(|r| *r = self.root(*r).0);
    }

    /// The signed square root of what `r` costs, and its slope.
    fn root(self, r: f64) -> (f64, f64) {
        let root = self.rho(r).sqrt();
        // At 0 both are 0, and so near it that the square underflows; rho is a multiple of the square there.
        match root > 1e-150 {
            true => (root.copysign(r), (self.psi(r) / root).abs()),
            false => {
                let slope = self.curvature(0.0).sqrt();
                (slope * r, slope)
            }
        }
    }

    /// The standard deviation of the bulk of `residuals`, 0 where there are none. It is their root mean square, and for
    /// Student's loss the scale at which its density makes them most likely. The most likely scale of Huber's density
    /// goes with the size of outliers; for his loss it is the one at which the pulls have the mean square that they
    /// have in normal noise.
    pub fn scale(self, residuals: &[f64]) -> f64 {
        if self == Loss::Squares {
            return rms(residuals);
        }
        let n = residuals.len().max(1) as f64;
        let start = MEDIAN * median(residuals.iter().map(|r| r.abs()).collect());
        let mut scale = match start > 0.0 {
            true => start,
            false => rms(residuals),
        };
        let peak = self.curvature(0.0);
        for _ in 0..ROUNDS {
            if scale == 0.0 {
                break;
            }
            let each = residuals.iter();
            let mean = match self {
                Loss::Huber => {
                    each.map(|r| self.psi(r / scale).powi(2)).sum::<f64>() / (n * HUBER_SQUARE)
                }
                // The algorithm EM: a mean square with the weights of the round before.
                _ => {
                    each.map(|r| peak * self.weight(r / scale) * (r / scale).powi(2))
                        .sum::<f64>()
                        / n
                }
            };
            scale *= mean.sqrt();
            if (mean - 1.0).abs() < SETTLED {
                break;
            }
        }
        scale
    }

    /// Minus twice the log-likelihood of `residuals` at their scale, or at the smallest scale `least` where that is
    /// larger; up to a constant a residual, which is such that squares have `n·ln(scale²)`. Huber's loss has just
    /// that, with its own scale (a robust criterion of J. Machado's kind, Econometric Theory 9, 1993): his density
    /// is most likely at a scale that is not the bulk's, and beside it, laws could hardly be told apart.
    pub fn deviance(self, residuals: &[f64], least: f64) -> f64 {
        let scale = self.scale(residuals).max(least);
        match self {
            Loss::Student => self.deviance_at(residuals, scale),
            _ => 2.0 * residuals.len() as f64 * scale.ln(),
        }
    }

    /// Minus twice the log-likelihood of `residuals` at a known scale, up to the same constant.
    pub fn deviance_at(self, residuals: &[f64], scale: f64) -> f64 {
        let normal = LN_2 + PI.ln() + 1.0;
        let each = residuals.iter();
        let logs: f64 = each.map(|r| self.log_density(r / scale)).sum();
        let n = residuals.len() as f64;
        2.0 * n * scale.ln() - 2.0 * logs - n * normal
    }

    /// `n` times the variance that stands, in a fit's covariance, for that of normal noise: `E ψ² / (E ψ′)²` (Huber,
    /// *Robust Statistics*, 1981, section 7.6), from residuals in standard deviations. The sum of squares, for squares.
    pub fn spread(self, residuals: &DVector<f64>) -> f64 {
        if !self.is_robust() {
            return residuals.norm_squared();
        }
        let n = residuals.len().max(1) as f64;
        let pulls: f64 = residuals.iter().map(|r| self.psi(*r).powi(2)).sum();
        let bends = residuals.iter().map(|r| self.curvature(*r)).sum::<f64>() / n;
        // Where hardly any residual is small, as of a law that is far off, the ratio means nothing.
        pulls / bends.max(0.1 * self.curvature(0.0)).powi(2)
    }
}

/// The square of Student's scale times its degrees of freedom.
const fn student() -> f64 {
    FREEDOM * STUDENT_SCALE * STUDENT_SCALE
}

fn rms(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().map(|r| r * r).sum();
    (sum / values.len().max(1) as f64).sqrt()
}

/// The median; 0 of nothing.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match (values.get(half), values.len() % 2) {
        (Some(upper), 1) => *upper,
        (Some(upper), _) => (values.get(half - 1).unwrap_or(upper) + upper) / 2.0,
        (None, _) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Quantiles of the standard normal distribution at `n` even levels: noise without chance.
    fn normal(n: usize) -> Vec<f64> {
        let cumulative = |x: f64| {
            let steps = 400;
            let h = (x + 9.0) / f64::from(steps);
            let density = |z: f64| (-z * z / 2.0).exp() / (2.0 * PI).sqrt();
            (0..steps)
                .map(|i| h * density(-9.0 + (f64::from(i) + 0.5) * h))
                .sum::<f64>()
        };
        let quantile = |p: f64| {
            let (mut low, mut high) = (-8.0, 8.0);
            for _ in 0..50 {
                let middle = (low + high) / 2.0;
                match cumulative(middle) < p {
                    true => low = middle,
                    false => high = middle,
                }
            }
            low
        };
        (0..n)
            .map(|i| quantile((i as f64 + 0.5) / n as f64))
            .collect()
    }

    #[test]
    fn densities_have_mass_one() {
        for loss in Loss::ALL {
            let h = 1e-2;
            let mass: f64 = (-4_000_000..4_000_000)
                .map(|i| h * loss.log_density(h * (f64::from(i) + 0.5)).exp())
                .sum();
            assert!((mass - 1.0).abs() < 1e-5, "{loss}: {mass}");
        }
    }

    #[test]
    fn normal_noise_has_its_own_scale_and_a_tenth_of_outliers_hardly_changes_it() {
        let noise: Vec<f64> = normal(400).iter().map(|r| 0.02 * r).collect();
        for loss in Loss::ALL {
            let scale = loss.scale(&noise);
            assert!((scale / 0.02 - 1.0).abs() < 0.02, "{loss}: {scale}");
        }
        let mut spoilt = noise.clone();
        for cell in spoilt.iter_mut().step_by(10) {
            *cell = 3.0;
        }
        assert!(Loss::Squares.scale(&spoilt) > 0.9);
        for loss in [Loss::Huber, Loss::Student] {
            let scale = loss.scale(&spoilt);
            assert!((1.0..1.6).contains(&(scale / 0.02)), "{loss}: {scale}");
        }
    }

    #[test]
    fn nothing_and_zeros_have_scale_zero() {
        for loss in Loss::ALL {
            assert_eq!(loss.scale(&[]), 0.0);
            assert_eq!(loss.scale(&[0.0; 9]), 0.0);
            assert!(loss.deviance(&[0.0; 9], 1e-8).is_finite());
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for loss in Loss::ALL {
            assert_eq!(loss.to_string().parse(), Ok(loss));
        }
        assert_eq!("l1".parse::<Loss>(), Err(UnknownLoss("l1".to_string())));
    }

    proptest! {
        #[test]
        fn slopes_are_those_of_the_functions(r in -60.0..60.0f64) {
            let step = 1e-5 * (1.0 + r.abs());
            for loss in Loss::ALL {
                let slope = |f: &dyn Fn(f64) -> f64| (f(r + step) - f(r - step)) / (2.0 * step);
                let near = |found: f64, expected: f64| (found - expected).abs() < 1e-5 * (1.0 + expected.abs());
                prop_assert!(near(slope(&|r| 0.5 * loss.rho(r)), loss.psi(r)), "{loss}");
                // Not where Huber's bends.
                if loss != Loss::Huber || (r.abs() - HUBER).abs() > 2.0 * step {
                    prop_assert!(near(slope(&|r| loss.psi(r)), loss.curvature(r)), "{loss}");
                }
                prop_assert!(near(loss.curvature(0.0) * loss.weight(r) * r, loss.psi(r)), "{loss}");
            }
        }

        #[test]
        fn what_is_transformed_has_the_cost_as_its_square_and_the_slope(r in -60.0..60.0f64) {
            for loss in Loss::ALL {
                let apply = |r: f64| {
                    let (mut residuals, mut jacobian) = (DVector::from_element(1, r), DMatrix::from_element(1, 1, 1.0));
                    loss.transform(&mut residuals, Some(&mut jacobian));
                    (residuals[0], jacobian[(0, 0)])
                };
                let (root, slope) = apply(r);
                prop_assert!((root * root - loss.rho(r)).abs() < 1e-9 * (1.0 + root * root));
                let step = 1e-5 * (1.0 + r.abs());
                let around = (apply(r + step).0 - apply(r - step).0) / (2.0 * step);
                prop_assert!((around - slope).abs() < 1e-4, "{loss}: {around} {slope}");
            }
        }

        #[test]
        fn no_scale_is_more_likely_than_the_most_likely(
            residuals in prop::collection::vec(-5.0..5.0f64, 5..40),
            factor in 0.5..2.0f64,
        ) {
            for loss in [Loss::Squares, Loss::Student] {
                let scale = loss.scale(&residuals);
                let (best, other) = (loss.deviance(&residuals, 0.0), loss.deviance_at(&residuals, factor * scale));
                prop_assert!(best <= other + 1e-6, "{loss}: {best} {other}");
            }
        }

        #[test]
        fn scales_go_with_the_unit_and_outliers_are_bounded(
            residuals in prop::collection::vec(-5.0..5.0f64, 20..40),
            unit in 1e-6..1e6f64,
            far in 1e3..1e9f64,
        ) {
            for loss in Loss::ALL {
                let scale = loss.scale(&residuals);
                let other = loss.scale(&residuals.iter().map(|r| unit * r).collect::<Vec<_>>());
                prop_assert!((other / (unit * scale) - 1.0).abs() < 1e-6, "{loss}");
                // However far one value of twenty or more is.
                let spoilt = |far: f64| {
                    let mut all = residuals.clone();
                    all[0] = far;
                    loss.scale(&all)
                };
                if loss.is_robust() {
                    prop_assert!(spoilt(far) < 1.001 * spoilt(1e9), "{loss}");
                    prop_assert!(spoilt(far) > 0.99 * spoilt(500.0), "{loss}");
                }
            }
        }
    }
}
