//! A smoother for one state over one or several trajectories: what the data say before any law is assumed.
//!
//! The prior is a once or twice integrated Wiener process, whose posterior mean is the cubic or quintic
//! smoothing spline (Wahba 1978). Quintic splines are more accurate on smooth series, cubic ones follow sharp
//! peaks. The order, and the ratio of roughness to noise, maximise the marginal likelihood (the first three
//! innovations, which belong to the diffuse start, left out). `kalman` does the sums.

mod kalman;

use kalman::{backward, filter};

/// Observations of one state along one trajectory; NaN = not observed.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Times, strictly increasing.
    pub times: &'a [f64],
    /// Values, one a time.
    pub values: &'a [f64],
    /// Relative noise variances, one a time; 1 where the noise is that of `variance`.
    pub shape: &'a [f64],
}

/// How often the Wiener process of the prior is integrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Once: cubic splines.
    Cubic,
    /// Twice: quintic splines.
    Quintic,
}

/// How rough the curve is, and how noisy the observations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roughness {
    /// The order of the process.
    pub order: Order,
    /// Intensity of the Wiener process, in units of the noise variance and of the mean spacing.
    pub ratio: f64,
    /// Variance of the noise where the shape is 1.
    pub variance: f64,
    /// Mean spacing of the observations.
    pub spacing: f64,
    /// Minus twice the log-likelihood, but for a constant a value.
    pub deviance: f64,
}

/// The most likely roughness, the same for all `series`.
pub fn roughness(series: &[Observed]) -> Roughness {
    let (quintic, cubic) = (
        most_likely(series, Order::Quintic),
        most_likely(series, Order::Cubic),
    );
    if cubic.0 < quintic.0 {
        cubic.1
    } else {
        quintic.1
    }
}

/// Twice the negative log-likelihood at its minimum, and the roughness there.
fn most_likely(series: &[Observed], order: Order) -> (f64, Roughness) {
    let spacing = mean_spacing(series);
    let score = |log_ratio: f64| {
        let ratio = log_ratio.exp();
        let (mut sum, mut log_det, mut count) = (0.0, 0.0, 0.0);
        for one in series {
            filter(one, order, ratio, spacing, |index, innovation, variance| {
                if index >= 3 {
                    sum += innovation * innovation / variance;
                    log_det += variance.ln();
                    count += 1.0;
                }
            });
        }
        if count == 0.0 {
            return (0.0, f64::NAN);
        }
        let variance: f64 = (sum / count).max(1e-24);
        (count * variance.ln() + log_det, variance)
    };
    // A coarse scan, as the likelihood may have several maxima, then a golden-section search.
    let best = (0..=32)
        .map(|i| -22.0 + 1.5 * f64::from(i))
        .map(|x| (score(x).0, x))
        .fold((f64::INFINITY, 0.0), |a, b| if b.0 < a.0 { b } else { a })
        .1;
    let (mut low, mut high) = (best - 1.5, best + 1.5);
    let golden = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..10 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if score(a).0 < score(b).0 {
            high = b;
        } else {
            low = a;
        }
    }
    let log_ratio = (low + high) / 2.0;
    let (cost, variance) = score(log_ratio);
    let roughness = Roughness {
        order,
        ratio: log_ratio.exp(),
        variance,
        spacing,
        deviance: cost,
    };
    (cost, roughness)
}

/// The smoothed value and slope at each of `times`, which contain the times of `observed`.
pub fn smooth(observed: &Observed, roughness: &Roughness, times: &[f64]) -> Vec<(f64, f64)> {
    let mut at = 0;
    let (mut values, mut shape) = (Vec::new(), Vec::new());
    for &t in times {
        let hit = observed.times.get(at) == Some(&t);
        let cell = |from: &[f64]| from.get(at).copied().unwrap_or(f64::NAN);
        values.push(if hit { cell(observed.values) } else { f64::NAN });
        shape.push(if hit { cell(observed.shape) } else { 1.0 });
        at += usize::from(hit);
    }
    let all = Observed {
        times,
        values: &values,
        shape: &shape,
    };
    backward(&all, roughness)
}

/// Mean spacing of the observed cells of all series.
fn mean_spacing(series: &[Observed]) -> f64 {
    let (mut span, mut gaps) = (0.0, 0.0);
    for one in series {
        let seen: Vec<f64> = one
            .times
            .iter()
            .zip(one.values)
            .filter(|(_, v)| !v.is_nan())
            .map(|(t, _)| *t)
            .collect();
        if let (Some(first), Some(last)) = (seen.first(), seen.last()) {
            span += last - first;
            gaps += seen.len() as f64 - 1.0;
        }
    }
    if gaps > 0.0 && span > 0.0 {
        span / gaps
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(n: usize) -> Vec<f64> {
        (0..n).map(|i| i as f64 / (n - 1) as f64).collect()
    }

    #[test]
    fn clean_curves_are_interpolated_with_their_slopes() {
        let times = grid(60);
        let values: Vec<f64> = times.iter().map(|t| (5.0 * t).sin()).collect();
        let shape = vec![1.0; 60];
        let observed = Observed {
            times: &times,
            values: &values,
            shape: &shape,
        };
        let rough = roughness(&[observed]);
        assert!(rough.variance.sqrt() < 1e-5, "{rough:?}");
        let fine = grid(119);
        for (t, (u, slope)) in fine.iter().zip(smooth(&observed, &rough, &fine)) {
            assert!((u - (5.0 * t).sin()).abs() < 5e-5, "{t} {u}");
            assert!((slope - 5.0 * (5.0 * t).cos()).abs() < 2e-2, "{t} {slope}");
        }
    }

    #[test]
    fn the_level_of_noise_is_found() {
        let n = 300;
        let times = grid(n);
        let mut state = 7u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut values = Vec::new();
        for t in &times {
            let noise: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            values.push((5.0 * t).sin() + 0.05 * noise);
        }
        values[17] = f64::NAN;
        let shape = vec![1.0; n];
        let observed = Observed {
            times: &times,
            values: &values,
            shape: &shape,
        };
        let rough = roughness(&[observed]);
        let sd = rough.variance.sqrt();
        assert!((0.04..0.06).contains(&sd), "{sd}");
        let curve = smooth(&observed, &rough, &times);
        let error: f64 = times
            .iter()
            .zip(&curve)
            .map(|(t, (u, _))| (u - (5.0 * t).sin()).powi(2))
            .sum::<f64>()
            / n as f64;
        assert!(error.sqrt() < 0.02, "{}", error.sqrt());
    }
}
