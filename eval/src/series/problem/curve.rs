//! Smoothed curves of the trajectories, and the noise that is left beside them.

use std::ops::Range;

use nsode_generator::Trajectory;

use super::noise::{Least, Noise, additive_share};
use super::tail::noise_of_tail;
use crate::series::loss::Loss;
use crate::series::smooth::{Observed, roughness, smooth};

/// About half the fewest nodes of a curve, and of all together that are to be accurate to more digits than splines of the data.
const NODES: usize = 60;
const FINE_NODES: usize = 450;

/// The smoothed curve of one trajectory, on a grid that contains its times.
#[derive(Clone, Debug)]
pub struct Curve {
    dimension: usize,
    /// Nodes an interval between observations; even.
    pub per_interval: usize,
    /// Times of the nodes.
    pub times: Vec<f64>,
    /// Values, row-major `nodes × D`.
    pub values: Vec<f64>,
    /// Slopes, row-major `nodes × D`.
    pub slopes: Vec<f64>,
}

impl Curve {
    /// A curve without values, with so many nodes an interval.
    fn blank(path: &Trajectory, dimension: usize, per_interval: usize) -> Curve {
        let mut times = Vec::with_capacity(path.len() * per_interval);
        for pair in path.times().windows(2) {
            if let [a, b] = pair {
                times.push(*a);
                for i in 1..per_interval {
                    times.push(a + (b - a) * i as f64 / per_interval as f64);
                }
            }
        }
        times.extend(path.times().last());
        Curve {
            dimension,
            per_interval,
            values: vec![f64::NAN; times.len() * dimension],
            slopes: vec![f64::NAN; times.len() * dimension],
            times,
        }
    }

    /// The states at a node; empty beyond the last one.
    pub fn at(&self, node: usize) -> &[f64] {
        self.values
            .get(node * self.dimension..(node + 1) * self.dimension)
            .unwrap_or(&[])
    }

    /// The values of a state's curve where `values` were observed, one a row, with what these have beside it.
    pub(super) fn beside(&self, state: usize, values: &[f64]) -> impl Iterator<Item = (f64, f64)> {
        let seen = values.iter().enumerate().filter(|(_, y)| !y.is_nan());
        seen.filter_map(move |(row, y)| {
            let u = *self.at(row * self.per_interval).get(state)?;
            Some((u, y - u))
        })
    }

    /// Sets value and slope of a state at a node.
    pub(super) fn set(&mut self, node: usize, state: usize, (value, slope): (f64, f64)) {
        let cell = node * self.dimension + state;
        if let (Some(u), Some(rate)) = (self.values.get_mut(cell), self.slopes.get_mut(cell)) {
            (*u, *rate) = (value, slope);
        }
    }

    /// The part between two observed rows of the trajectory, these included.
    pub(super) fn between(&self, first: usize, last: usize) -> Curve {
        let nodes = first * self.per_interval..last * self.per_interval + 1;
        let cells = nodes.start * self.dimension..nodes.end * self.dimension;
        let part = |all: &[f64], range: Range<usize>| all.get(range).unwrap_or(&[]).to_vec();
        Curve {
            dimension: self.dimension,
            per_interval: self.per_interval,
            times: part(&self.times, nodes),
            values: part(&self.values, cells.clone()),
            slopes: part(&self.slopes, cells),
        }
    }

    /// Writes the states at time `t` to `out`: cubic Hermite between nodes, constant beyond the ends.
    pub fn interpolate(&self, t: f64, out: &mut [f64]) {
        let (Some(&first), Some(&last)) = (self.times.first(), self.times.last()) else {
            return;
        };
        let t = t.clamp(first, last);
        let right = self
            .times
            .partition_point(|&node| node < t)
            .clamp(1, self.times.len().max(2) - 1);
        let (Some(&ta), Some(&tb)) = (self.times.get(right - 1), self.times.get(right)) else {
            return;
        };
        let h = tb - ta;
        let x = (t - ta) / h;
        let (a, b) = (right - 1, right);
        let cell = |from: &[f64], node: usize, d: usize| {
            from.get(node * self.dimension + d)
                .copied()
                .unwrap_or(f64::NAN)
        };
        for (d, o) in out.iter_mut().enumerate() {
            let (p, q) = (cell(&self.values, a, d), cell(&self.values, b, d));
            let (m, n) = (cell(&self.slopes, a, d) * h, cell(&self.slopes, b, d) * h);
            let y = 1.0 - x;
            *o =
                y * y * (1.0 + 2.0 * x) * p + x * x * (1.0 + 2.0 * y) * q + x * y * (y * m - x * n);
        }
    }
}

/// Smooths every state of every trajectory; noise and roughness are shared between trajectories. `rounding` has the variance of the
/// rounding of each cell, one list a trajectory.
pub(super) fn curves(
    paths: &[Trajectory],
    dimension: usize,
    rounding: &[Vec<f64>],
) -> (Vec<Curve>, Vec<Noise>) {
    let (mut curves, mut noise) = plain(paths, dimension);
    for (state, noise) in noise.iter_mut().enumerate() {
        if let Some(own) = noise_of_tail(paths, state, rounding, noise.deviation, &mut curves) {
            *noise = own;
        }
    }
    keep_signs(&mut curves, paths, dimension);
    (curves, noise)
}

/// The same as if noise were additive, or at most a little of it in proportion to the value.
pub(super) fn plain(paths: &[Trajectory], dimension: usize) -> (Vec<Curve>, Vec<Noise>) {
    let (mut curves, noise) = smoothed(paths, dimension, NODES);
    keep_signs(&mut curves, paths, dimension);
    (curves, noise)
}

/// Curves that go by solutions of a law: these, and what the observations have beside them, smoothed. `solve` gives the
/// states and slopes of a trajectory at times.
pub(super) fn along(
    paths: &[Trajectory],
    dimension: usize,
    solve: impl Fn(usize, &[f64]) -> Option<(Vec<f64>, Vec<f64>)>,
) -> Option<Vec<Curve>> {
    let each = paths.iter().enumerate();
    let beside = each.map(|(number, path)| {
        let (states, _) = solve(number, path.times())?;
        let left = path.states().iter().zip(states).map(|(y, u)| y - u);
        Trajectory::new(dimension, path.times().to_vec(), left.collect()).ok()
    });
    let nodes = NODES.max(FINE_NODES / paths.len().max(1));
    let (mut curves, _) = smoothed(&beside.collect::<Option<Vec<_>>>()?, dimension, nodes);
    for (number, curve) in curves.iter_mut().enumerate() {
        let (states, slopes) = solve(number, &curve.times)?;
        let add = |to: &mut Vec<f64>, from: Vec<f64>| {
            to.iter_mut().zip(from).for_each(|(sum, part)| *sum += part);
        };
        add(&mut curve.values, states);
        add(&mut curve.slopes, slopes);
    }
    keep_signs(&mut curves, paths, dimension);
    Some(curves)
}

/// Intervals between the rows of a trajectory.
fn intervals(path: &Trajectory) -> usize {
    path.len().saturating_sub(1).max(1)
}

/// Smooths every state of every trajectory, with about twice `nodes` nodes a trajectory or more, but at most 32 an interval.
fn smoothed(paths: &[Trajectory], dimension: usize, nodes: usize) -> (Vec<Curve>, Vec<Noise>) {
    let mut curves: Vec<Curve> = paths
        .iter()
        .map(|path| {
            // Simpson's rule needs midpoints; sparse series get more nodes.
            Curve::blank(
                path,
                dimension,
                2 * nodes.div_ceil(intervals(path)).clamp(1, 16),
            )
        })
        .collect();
    let mut noises = Vec::new();
    for d in 0..dimension {
        let columns: Vec<Vec<f64>> = paths.iter().map(|path| path.column(d).collect()).collect();
        let mut noise = Noise {
            deviation: 0.0,
            additive: 1.0,
        };
        for round in 0..2 {
            let shapes: Vec<Vec<f64>> = paths
                .iter()
                .zip(&curves)
                .map(|(path, curve)| {
                    (0..path.len())
                        .map(|row| match curve.at(row * curve.per_interval).get(d) {
                            Some(u) if u.is_finite() => noise.shape(*u),
                            _ => 1.0,
                        })
                        .collect()
                })
                .collect();
            let observed: Vec<Observed> = paths
                .iter()
                .zip(&columns)
                .zip(&shapes)
                .map(|((path, values), shape)| Observed {
                    times: path.times(),
                    values,
                    shape,
                })
                .collect();
            let rough = roughness(&observed);
            noise.deviation = rough.variance.sqrt();
            let mut residuals = Vec::new();
            for (one, curve) in observed.iter().zip(&mut curves) {
                let smoothed = smooth(one, &rough, &curve.times);
                for (node, (u, slope)) in smoothed.into_iter().enumerate() {
                    curve.set(node, d, (u, slope));
                }
                residuals.extend(curve.beside(d, one.values));
            }
            if round == 0 {
                // A smoother misses sharp peaks, which looks like multiplicative noise: a little is granted
                // here, the rest when a law's residuals are known. Where the loss is a robust one, what is far
                // off was left out before.
                let next = additive_share(&residuals, Loss::Squares, Least::USUAL).max(0.1);
                if next == noise.additive {
                    break;
                }
                noise.additive = next;
            }
        }
        noises.push(noise);
    }
    (curves, noises)
}

/// Keeps the curves of a state on the side of 0 on which all observed values are.
fn keep_signs(curves: &mut [Curve], paths: &[Trajectory], dimension: usize) {
    for state in 0..dimension {
        let columns: Vec<Vec<f64>> = paths.iter().map(|p| p.column(state).collect()).collect();
        let Some(least) = least(&columns) else {
            continue;
        };
        for curve in curves.iter_mut() {
            let values = curve.values.iter_mut().skip(state).step_by(dimension);
            values.for_each(|u| *u = least.signum() * (least.signum() * *u).max(least.abs()));
        }
    }
}

/// Half of the smallest magnitude, where all observed values have one sign: beyond it is no place for a curve. One that
/// leaves out a steep start may run through 0, where a law with a logarithm or a root has no solution to begin with.
fn least(columns: &[Vec<f64>]) -> Option<f64> {
    let values = || columns.iter().flatten().filter(|y| !y.is_nan());
    let sign = values().next()?.signum();
    let least = values().map(|y| sign * y).fold(f64::INFINITY, f64::min);
    (least > 0.0).then_some(0.5 * sign * least)
}
