//! What is to be explained: observed trajectories in normalised units, their smoothed curves and noise.
//!
//! All trajectories share one [`Scaling`]: time in units of the longest span, each state in units of its
//! largest observed magnitude. Laws are sought in these units and restored at the end. The noise has an
//! additive and a multiplicative part, `σ²·(κ + (1 − κ)·u²)` a state; κ and σ come from the smoother's
//! residuals, so every law is weighed by the same weights.

use nsode_generator::Trajectory;
use nsode_parser::Scaling;

use crate::error::Error;
use crate::smooth::{Observed, roughness, smooth};

/// The accuracy, in normalised units, below which residuals say nothing: that of the integration.
pub const FLOOR: f64 = 2e-5;

/// Fewest observed values a state.
pub const FEWEST_CELLS: usize = 5;

/// The noise of one state, in normalised units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Standard deviation at `|u| = 1`.
    pub deviation: f64,
    /// Additive share κ of the variance at `|u| = 1`; 1 for purely additive noise.
    pub additive: f64,
}

impl Noise {
    /// Variance at `u` relative to that at `|u| = 1`.
    pub fn shape(&self, u: f64) -> f64 {
        self.additive + (1.0 - self.additive) * u * u
    }
}

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
    /// The states at a node; empty beyond the last one.
    pub fn at(&self, node: usize) -> &[f64] {
        self.values
            .get(node * self.dimension..(node + 1) * self.dimension)
            .unwrap_or(&[])
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

/// Observed trajectories in normalised units, with what the smoother says of them.
#[derive(Clone, Debug)]
pub struct Problem {
    dimension: usize,
    scaling: Scaling,
    physical: Vec<Trajectory>,
    normalised: Vec<Trajectory>,
    curves: Vec<Curve>,
    noise: Vec<Noise>,
    /// `1/√shape` a cell, 0 where missing; one list a trajectory, row-major.
    weights: Vec<Vec<f64>>,
    cells: Vec<usize>,
}

impl Problem {
    /// A problem from trajectories of one system; missing cells are NaN.
    ///
    /// # Errors
    /// [`Error`] for no trajectory, different dimensions, no time span, or a state with fewer than
    /// [`FEWEST_CELLS`] observed values or without scale.
    pub fn new(trajectories: Vec<Trajectory>) -> Result<Problem, Error> {
        let dimension = trajectories.first().ok_or(Error::NoTrajectory)?.dimension();
        for (index, path) in trajectories.iter().enumerate() {
            if path.dimension() != dimension {
                return Err(Error::Dimension {
                    index,
                    found: path.dimension(),
                    expected: dimension,
                });
            }
        }
        let trajectories: Vec<Trajectory> = trajectories
            .into_iter()
            .filter(|path| path.len() > 1)
            .collect();
        let mut cells = vec![0; dimension];
        let mut states = vec![0.0f64; dimension];
        let (mut span, mut origin) = (0.0f64, f64::INFINITY);
        for path in &trajectories {
            for (d, (count, scale)) in cells.iter_mut().zip(&mut states).enumerate() {
                for y in path.column(d).filter(|y| !y.is_nan()) {
                    *count += 1;
                    *scale = scale.max(y.abs());
                }
            }
            if let (Some(first), Some(last)) = (path.times().first(), path.times().last()) {
                span = span.max(last - first);
                origin = origin.min(*first);
            }
        }
        for (state, (&found, &scale)) in cells.iter().zip(&states).enumerate() {
            if found < FEWEST_CELLS {
                return Err(Error::TooFewCells {
                    state,
                    found,
                    needed: FEWEST_CELLS,
                });
            }
            if scale == 0.0 {
                return Err(Error::NoScale { state });
            }
        }
        if !(span > 0.0 && span.is_finite()) {
            return Err(Error::NoSpan);
        }
        let scaling = Scaling {
            origin,
            time: span,
            states,
        };
        let normalised = trajectories
            .iter()
            .map(|path| path.normalised(&scaling))
            .collect::<Result<Vec<_>, _>>()?;
        let (curves, noise) = curves(&normalised, dimension);
        let mut problem = Problem {
            dimension,
            scaling,
            physical: trajectories,
            normalised,
            curves,
            noise,
            weights: Vec::new(),
            cells,
        };
        problem.weigh();
        Ok(problem)
    }

    fn weigh(&mut self) {
        self.weights = self
            .normalised
            .iter()
            .zip(&self.curves)
            .map(|(path, curve)| {
                let mut weights = Vec::with_capacity(path.states().len());
                for row in 0..path.len() {
                    let smooth = curve.at(row * curve.per_interval);
                    for ((y, u), noise) in path.state(row).iter().zip(smooth).zip(&self.noise) {
                        weights.push(if y.is_nan() {
                            0.0
                        } else {
                            noise.shape(*u).sqrt().recip()
                        });
                    }
                }
                weights
            })
            .collect();
    }

    /// The same problem with another noise model, one [`Noise`] a state.
    pub fn with_noise(&self, noise: Vec<Noise>) -> Problem {
        let mut problem = self.clone();
        if noise.len() == self.dimension {
            problem.noise = noise;
            problem.weigh();
        }
        problem
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The units in which everything below is normalised.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The trajectories as given, except those of a single point.
    pub fn physical(&self) -> &[Trajectory] {
        &self.physical
    }

    /// The trajectories in normalised units.
    pub fn normalised(&self) -> &[Trajectory] {
        &self.normalised
    }

    /// The smoothed curves, normalised units, one a trajectory.
    pub fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// The noise of each state.
    pub fn noise(&self) -> &[Noise] {
        &self.noise
    }

    /// Weights of a trajectory's cells, row-major: inverse relative standard deviations, 0 where missing.
    pub fn weights(&self, trajectory: usize) -> &[f64] {
        self.weights.get(trajectory).map_or(&[], Vec::as_slice)
    }

    /// Standard deviation of each state's observed values, in the fit's weights.
    pub fn spread(&self) -> Vec<f64> {
        let d = self.dimension;
        (0..d)
            .map(|state| {
                let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
                for (path, weights) in self.normalised.iter().zip(&self.weights) {
                    for (y, w) in path
                        .column(state)
                        .zip(weights.iter().skip(state).step_by(d))
                    {
                        if *w > 0.0 {
                            let w = w * w;
                            sum += w;
                            let step = y - mean;
                            mean += w * step / sum;
                            square += w * step * (y - mean);
                        }
                    }
                }
                let cells = self.cells.get(state).copied().unwrap_or(1).max(1);
                (square / cells as f64).sqrt()
            })
            .collect()
    }

    /// Observed cells of each state.
    pub fn cells(&self) -> &[usize] {
        &self.cells
    }

    /// Observed cells, `n` of the information criterion.
    pub fn observed(&self) -> usize {
        self.cells.iter().sum()
    }
}

/// Smooths every state of every trajectory; noise and roughness are shared between trajectories.
fn curves(paths: &[Trajectory], dimension: usize) -> (Vec<Curve>, Vec<Noise>) {
    let mut curves: Vec<Curve> = paths
        .iter()
        .map(|path| {
            let intervals = path.len().saturating_sub(1).max(1);
            // Simpson's rule needs midpoints; sparse series get more nodes.
            let per_interval = 2 * 60usize.div_ceil(intervals).clamp(1, 16);
            let mut times = Vec::with_capacity(intervals * per_interval + 1);
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
                    let cell = node * dimension + d;
                    if let (Some(value), Some(rate)) =
                        (curve.values.get_mut(cell), curve.slopes.get_mut(cell))
                    {
                        (*value, *rate) = (u, slope);
                    }
                }
                for (row, y) in one.values.iter().enumerate() {
                    let u = curve.at(row * curve.per_interval).get(d).copied();
                    if let (Some(u), false) = (u, y.is_nan()) {
                        residuals.push((u, y - u));
                    }
                }
            }
            if round == 0 {
                // A smoother misses sharp peaks, which looks like multiplicative noise: a little is granted
                // here, the rest when a law's residuals are known.
                let next = additive_share(&residuals).max(0.1);
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

/// The additive share κ that makes `(u, residual)` most likely; 1 unless the evidence for less is clear.
pub(crate) fn additive_share(residuals: &[(f64, f64)]) -> f64 {
    let n = residuals.len() as f64;
    let cost = |additive: f64| {
        let noise = Noise {
            deviation: 1.0,
            additive,
        };
        let (mut sum, mut logs) = (0.0, 0.0);
        for (u, r) in residuals {
            let v = noise.shape(*u);
            sum += r * r / v;
            logs += v.ln();
        }
        n * (sum / n).max(FLOOR * FLOOR).ln() + logs
    };
    let additive = cost(1.0);
    let mean_square = residuals.iter().map(|(_, r)| r * r).sum::<f64>() / n;
    if residuals.is_empty() || mean_square < 25.0 * FLOOR * FLOOR {
        return 1.0;
    }
    [0.3, 0.1, 0.03, 0.01, 0.003, 0.001]
        .into_iter()
        .map(|share| (cost(share), share))
        .filter(|(c, _)| *c < additive - 4.0)
        .fold((f64::INFINITY, 1.0), |a, b| if b.0 < a.0 { b } else { a })
        .1
}
