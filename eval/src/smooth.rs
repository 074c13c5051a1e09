//! A smoother for one state over one or several trajectories: what the data say before any law is assumed.
//!
//! The prior is a once or twice integrated Wiener process, whose posterior mean is the cubic or quintic
//! smoothing spline (Wahba 1978). It is computed by a Kalman filter and the Bryson–Frazier smoother, in time linear in the
//! number of points, at irregular times, and between and without observations. The order (quintic splines
//! are more accurate on smooth series, cubic ones follow sharp peaks) and the ratio of roughness to noise
//! maximise the marginal likelihood (with the first three innovations, which
//! belong to the diffuse start, left out). Inner states are (u, h·u′, h²·u″) with h the mean spacing, which
//! keeps the covariances well scaled.

type Vector = [f64; 3];
type Matrix = [[f64; 3]; 3];

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

/// The first observed value and slope, in units of `spacing`.
fn start(observed: &Observed, order: Order, spacing: f64, ratio: f64) -> (Vector, Matrix) {
    let mut seen = observed
        .times
        .iter()
        .zip(observed.values)
        .filter(|(_, v)| !v.is_nan());
    let mean = match (seen.next(), seen.next()) {
        (Some((t0, y0)), Some((t1, y1))) => {
            let slope = (y1 - y0) / (t1 - t0);
            let before = observed.times.first().map_or(0.0, |t| t - t0);
            [y0 + slope * before, slope * spacing, 0.0]
        }
        (Some((_, y0)), None) => [*y0, 0.0, 0.0],
        _ => [0.0; 3],
    };
    let wide = 1e6 + 1e4 * ratio;
    let mut covariance = [[0.0; 3]; 3];
    for (i, row) in covariance.iter_mut().enumerate() {
        row[i] = if i == 2 && order == Order::Cubic {
            0.0
        } else {
            wide
        };
    }
    (mean, covariance)
}

/// `A` and `Q` of a step of `d` mean spacings. The cubic prior is the quintic one whose second derivative
/// stays 0, with the process driving the slope.
fn transition(d: f64, order: Order, ratio: f64) -> (Matrix, Matrix) {
    let a = [[1.0, d, d * d / 2.0], [0.0, 1.0, d], [0.0, 0.0, 1.0]];
    let (d2, d3) = (d * d, d * d * d);
    let q = match order {
        Order::Cubic => [
            [d3 / 3.0, d2 / 2.0, 0.0],
            [d2 / 2.0, d, 0.0],
            [0.0, 0.0, 0.0],
        ],
        Order::Quintic => [
            [d2 * d3 / 20.0, d2 * d2 / 8.0, d3 / 6.0],
            [d2 * d2 / 8.0, d3 / 3.0, d2 / 2.0],
            [d3 / 6.0, d2 / 2.0, d],
        ],
    };
    (a, q.map(|row| row.map(|v| v * ratio)))
}

fn times(a: &Matrix, b: &Matrix) -> Matrix {
    let mut out = [[0.0; 3]; 3];
    for (row, arow) in out.iter_mut().zip(a) {
        for (j, cell) in row.iter_mut().enumerate() {
            *cell = arow.iter().zip(b).map(|(x, brow)| x * brow[j]).sum();
        }
    }
    out
}

fn transposed(a: &Matrix) -> Matrix {
    let mut out = [[0.0; 3]; 3];
    for (i, row) in a.iter().enumerate() {
        for (j, v) in row.iter().enumerate() {
            out[j][i] = *v;
        }
    }
    out
}

fn apply(a: &Matrix, x: &Vector) -> Vector {
    a.map(|row| row.iter().zip(x).map(|(p, q)| p * q).sum())
}

/// One filter step's memory, for the way back.
struct Memory {
    a: Matrix,
    mean: Vector,
    covariance: Matrix,
    /// Innovation, its variance and the gain, where there was an observation.
    update: Option<(f64, f64, Vector)>,
}

/// Runs the filter and shows each innovation with its number and variance.
fn filter(
    observed: &Observed,
    order: Order,
    ratio: f64,
    spacing: f64,
    mut innovation: impl FnMut(usize, f64, f64),
) {
    let mut count = 0;
    forward(observed, order, ratio, spacing, |memory| {
        if let Some((v, s, _)) = memory.update {
            innovation(count, v, s);
            count += 1;
        }
    });
}

fn forward(
    observed: &Observed,
    order: Order,
    ratio: f64,
    spacing: f64,
    mut keep: impl FnMut(Memory),
) {
    let (mut mean, mut covariance) = start(observed, order, spacing, ratio);
    let mut before: Option<f64> = None;
    for ((&t, &y), &shape) in observed
        .times
        .iter()
        .zip(observed.values)
        .zip(observed.shape)
    {
        let d = before.map_or(0.0, |b| (t - b) / spacing);
        before = Some(t);
        let (a, q) = transition(d, order, ratio);
        mean = apply(&a, &mean);
        covariance = times(&times(&a, &covariance), &transposed(&a));
        for (row, qrow) in covariance.iter_mut().zip(&q) {
            for (cell, v) in row.iter_mut().zip(qrow) {
                *cell += v;
            }
        }
        let mut memory = Memory {
            a,
            mean,
            covariance,
            update: None,
        };
        if !y.is_nan() {
            let variance = covariance[0][0] + shape;
            let gain = covariance.map(|row| row[0] / variance);
            let v = y - mean[0];
            for (m, k) in mean.iter_mut().zip(&gain) {
                *m += k * v;
            }
            // Joseph's form keeps the covariance symmetric and positive under rounding.
            let mut c = [[0.0; 3]; 3];
            for (i, row) in c.iter_mut().enumerate() {
                row[i] = 1.0;
                row[0] -= gain[i];
            }
            covariance = times(&times(&c, &covariance), &transposed(&c));
            for (row, ki) in covariance.iter_mut().zip(&gain) {
                for (cell, kj) in row.iter_mut().zip(&gain) {
                    *cell += shape * ki * kj;
                }
            }
            memory.update = Some((v, variance, gain));
        }
        keep(memory);
    }
}

/// The smoothed value and slope at every time.
fn backward(observed: &Observed, roughness: &Roughness) -> Vec<(f64, f64)> {
    let mut memories = Vec::with_capacity(observed.times.len());
    forward(
        observed,
        roughness.order,
        roughness.ratio,
        roughness.spacing,
        |m| {
            memories.push(m);
        },
    );
    let mut adjoint: Vector = [0.0; 3];
    let mut out = vec![(f64::NAN, f64::NAN); memories.len()];
    for (place, memory) in out.iter_mut().zip(&memories).rev() {
        let (mut mean, mut covariance) = (memory.mean, memory.covariance);
        let after = adjoint;
        if let Some((v, s, gain)) = memory.update {
            // Smooth from the filtered moments: far less cancellation than from the predicted ones.
            for (m, k) in mean.iter_mut().zip(&gain) {
                *m += k * v;
            }
            let row = covariance[0];
            for (out, k) in covariance.iter_mut().zip(&gain) {
                for (cell, r) in out.iter_mut().zip(&row) {
                    *cell -= k * r;
                }
            }
            let through: f64 = gain.iter().zip(&adjoint).map(|(k, l)| k * l).sum();
            adjoint[0] -= v / s + through;
        }
        let correction = apply(&covariance, &after);
        *place = (
            mean[0] - correction[0],
            (mean[1] - correction[1]) / roughness.spacing,
        );
        adjoint = apply(&transposed(&memory.a), &adjoint);
    }
    out
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
