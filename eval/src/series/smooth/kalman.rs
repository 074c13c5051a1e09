//! A Kalman filter and the Bryson–Frazier smoother, in time linear in the number of points, at irregular
//! times, and between and without observations.
//!
//! Inner states are (u, h·u′, h²·u″) with h the mean spacing, which keeps the covariances well scaled.

use super::{Observed, Order, Roughness};

type Vector = [f64; 3];
type Matrix = [[f64; 3]; 3];

/// Mean and covariance of value, slope and curvature at the first observed time, in units of `spacing`.
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
pub(super) fn filter(
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

/// Runs the filter, and hands over what the way back needs, one time after the other.
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
pub(super) fn backward(observed: &Observed, roughness: &Roughness) -> Vec<(f64, f64)> {
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
