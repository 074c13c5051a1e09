//! A fixed number of tokens a trajectory: anchors, evenly spaced in time, each with local quadratic fits.
//!
//! At an anchor, for each state and each of several numbers of nearest observed points, a least-squares
//! parabola `c₀ + c₁x + c₂x²`, `x = (τ − anchor)/h`, `h` the distance of the farthest of these points. It
//! gives the value `c₀`, slope `c₁/h`, curvature `2c₂/h²`, the root mean square of the residuals (noise,
//! or structure finer than the window) and `h` itself. Slopes and curvatures spread over decades, so they
//! enter through asinh; residuals and widths through the logarithm. Every feature is of order one.
//!
//! A token: τ and its Fourier features; for each state a flag that is 1 where it was observed at all, the
//! five numbers for each width, and Fourier features of the narrowest fit's value.

use nsode_generator::Trajectory;

use super::fourier;

/// Numbers that a fit gives.
const FIT: usize = 5;
/// Residuals and widths below this count as this.
const FLOOR: f64 = 1e-6;
/// Times the number of points, added to the normal equations: decides where points are too few.
const RIDGE: f64 = 1e-7;

/// Numbers a token.
pub(super) fn width(max_dimension: usize, fits: usize, frequencies: usize) -> usize {
    1 + 2 * frequencies + max_dimension * state_width(fits, frequencies)
}

fn state_width(fits: usize, frequencies: usize) -> usize {
    1 + FIT * fits + 2 * frequencies
}

/// Appends `count` tokens.
pub(super) fn features(
    trajectory: &Trajectory,
    max_dimension: usize,
    count: usize,
    neighbours: &[usize],
    frequencies: usize,
    out: &mut Vec<f32>,
) {
    let columns: Vec<(Vec<f64>, Vec<f64>)> = (0..trajectory.dimension())
        .map(|state| observed(trajectory, state))
        .collect();
    let times = trajectory.times();
    let first = times.first().copied().unwrap_or(0.0);
    let last = times.last().copied().unwrap_or(first);
    for k in 0..count {
        let anchor = first + (last - first) * k as f64 / (count.max(2) - 1) as f64;
        out.push((2.0 * anchor - 1.0) as f32);
        fourier(anchor, frequencies, out);
        for state in 0..max_dimension {
            match columns.get(state) {
                Some((times, values)) if !times.is_empty() => {
                    out.push(1.0);
                    let mut narrowest = None;
                    for &points in neighbours {
                        let fit = fit(times, values, anchor, points);
                        narrowest.get_or_insert(fit.value);
                        out.extend(fit.features());
                    }
                    // half the argument: −1 and 1 differ
                    fourier(0.5 * narrowest.unwrap_or(0.0), frequencies, out);
                }
                _ => out.extend(std::iter::repeat_n(
                    0.0,
                    state_width(neighbours.len(), frequencies),
                )),
            }
        }
    }
}

/// Times and values of a state's observed cells.
fn observed(trajectory: &Trajectory, state: usize) -> (Vec<f64>, Vec<f64>) {
    trajectory
        .times()
        .iter()
        .zip(trajectory.column(state))
        .filter(|(_, value)| value.is_finite())
        .map(|(&time, value)| (time, value))
        .unzip()
}

/// A local parabola.
#[derive(Clone, Copy, Debug)]
struct Fit {
    value: f64,
    slope: f64,
    curvature: f64,
    residual: f64,
    width: f64,
}

impl Fit {
    fn features(&self) -> [f32; FIT] {
        [
            self.value.clamp(-4.0, 4.0) as f32,
            self.slope.asinh() as f32,
            (self.curvature.asinh() * 0.4) as f32,
            (self.residual.max(FLOOR).ln() * 0.25 + 1.5) as f32,
            (self.width.max(FLOOR).ln() + 2.0) as f32,
        ]
    }
}

/// Least squares over the `count` points nearest to `anchor` (all, if there are fewer). `times` ascend.
fn fit(times: &[f64], values: &[f64], anchor: f64, count: usize) -> Fit {
    let window = nearest(times, anchor, count);
    let (times, values) = (&times[window.clone()], &values[window]);
    let width = times
        .iter()
        .map(|t| (t - anchor).abs())
        .fold(FLOOR, f64::max);
    let n = times.len() as f64;
    let (mut s1, mut s2, mut s3, mut s4) = (0.0, 0.0, 0.0, 0.0);
    let (mut t0, mut t1, mut t2) = (0.0, 0.0, 0.0);
    for (time, y) in times.iter().zip(values) {
        let x = (time - anchor) / width;
        let xx = x * x;
        s1 += x;
        s2 += xx;
        s3 += xx * x;
        s4 += xx * xx;
        t0 += y;
        t1 += x * y;
        t2 += xx * y;
    }
    // Cholesky of [n s1 s2; s1 s2 s3; s2 s3 s4] with a little on its diagonal
    let ridge = RIDGE * n;
    let root = |v: f64| v.max(ridge).sqrt();
    let l00 = root(n);
    let (l10, l20) = (s1 / l00, s2 / l00);
    let l11 = root(s2 + ridge - l10 * l10);
    let l21 = (s3 - l20 * l10) / l11;
    let l22 = root(s4 + ridge - l20 * l20 - l21 * l21);
    let z0 = t0 / l00;
    let z1 = (t1 - l10 * z0) / l11;
    let z2 = (t2 - l20 * z0 - l21 * z1) / l22;
    let c2 = z2 / l22;
    let c1 = (z1 - l21 * c2) / l11;
    let c0 = (z0 - l10 * c1 - l20 * c2) / l00;
    let squares: f64 = times
        .iter()
        .zip(values)
        .map(|(time, y)| {
            let x = (time - anchor) / width;
            (y - (c0 + x * (c1 + x * c2))).powi(2)
        })
        .sum();
    Fit {
        value: c0,
        slope: c1 / width,
        curvature: 2.0 * c2 / (width * width),
        residual: (squares / (n - 3.0).max(1.0)).sqrt(),
        width,
    }
}

/// The `count` indices whose times are nearest to `anchor`.
fn nearest(times: &[f64], anchor: f64, count: usize) -> std::ops::Range<usize> {
    let count = count.min(times.len());
    let mut low = times.partition_point(|&t| t < anchor);
    let mut high = low;
    while high - low < count {
        let left = low.checked_sub(1).map(|i| anchor - times[i]);
        let right = times.get(high).map(|t| t - anchor);
        match (left, right) {
            (Some(l), Some(r)) if l <= r => low -= 1,
            (Some(_), None) => low -= 1,
            (_, Some(_)) => high += 1,
            (None, None) => break,
        }
    }
    low..high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(n: usize) -> Vec<f64> {
        (0..n).map(|i| i as f64 / (n - 1) as f64).collect()
    }

    proptest! {
        #[test]
        fn nearest_agrees_with_sorting(
            steps in prop::collection::vec(0.01..1.0f64, 1..50), anchor in -1.0..30.0f64, count in 1usize..60,
        ) {
            let times: Vec<f64> = steps.iter().scan(0.0, |t, s| { *t += s; Some(*t) }).collect();
            let window = nearest(&times, anchor, count);
            prop_assert_eq!(window.len(), count.min(times.len()));
            let mut distances: Vec<f64> = times.iter().map(|t| (t - anchor).abs()).collect();
            distances.sort_by(f64::total_cmp);
            let farthest = times[window].iter().map(|t| (t - anchor).abs()).fold(0.0, f64::max);
            prop_assert_eq!(farthest, distances[count.min(times.len()) - 1]);
        }

        #[test]
        fn a_parabola_is_found(c in prop::array::uniform3(-2.0..2.0f64), anchor in 0.0..1.0f64, count in 5usize..40) {
            let times = grid(60);
            let values: Vec<f64> = times.iter().map(|t| c[0] + c[1] * t + c[2] * t * t).collect();
            let fit = fit(&times, &values, anchor, count);
            prop_assert!((fit.value - (c[0] + c[1] * anchor + c[2] * anchor * anchor)).abs() < 1e-4);
            prop_assert!((fit.slope - (c[1] + 2.0 * c[2] * anchor)).abs() < 1e-2);
            prop_assert!(fit.residual < 1e-4);
        }

        #[test]
        fn always_finite(
            n in 1usize..20, seed in 0u64..1000, missing in 0.0..1.0f64, count in 2usize..9,
        ) {
            let values: Vec<f64> = (0..2 * n as u64)
                .map(|i| {
                    let h = (i + 31 * seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
                    let v = h as f64 / (1u64 << 53) as f64;
                    if v < missing { f64::NAN } else { 2.0 * v - 1.0 }
                })
                .collect();
            let times = if n == 1 { vec![0.0] } else { grid(n) };
            let path = Trajectory::new(2, times, values).unwrap();
            let mut out = Vec::new();
            features(&path, 3, count, &[3, 7, 15], 4, &mut out);
            prop_assert_eq!(out.len(), count * width(3, 3, 4));
            prop_assert!(out.iter().all(|v| v.is_finite() && v.abs() < 60.0));
        }
    }

    #[test]
    fn an_absent_state_is_zero() {
        let path = Trajectory::new(1, grid(30), grid(30)).unwrap();
        let mut out = Vec::new();
        features(&path, 2, 4, &[5], 2, &mut out);
        let (all, state) = (width(2, 1, 2), state_width(1, 2));
        for token in out.chunks(all) {
            assert_eq!(token[all - 2 * state], 1.0);
            assert!(token[all - state..].iter().all(|&v| v == 0.0));
        }
    }
}
