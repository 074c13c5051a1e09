//! Values that may be gross errors, found before any law is known.
//!
//! A fit by a robust loss sees every value and bounds what each can do. What comes before it does not: the unit of a
//! state is its largest value, the smoothed curve follows a spike, regression and the network take both for the
//! truth. So all of these are given the data without the values that are suspected here, and only these.
//!
//! First each value is compared with a line through its neighbours that half of them may spoil (repeated medians; A.
//! Siegel, Biometrika 69, 1982), then with the smoothed curve of what is left, until nothing changes.

use nsode_generator::Trajectory;
use nsode_parser::Scaling;

use super::FEWEST_CELLS;
use super::curve::{Curve, plain};
use super::noise::Noise;
use crate::series::loss::median;

/// Neighbours on either side that a value is compared with.
const NEIGHBOURS: usize = 4;

/// Values are suspected at first that are so many scatters of their neighbours off.
const FIRST: f64 = 8.0;

/// Values are suspected that are so many standard deviations of the noise off the curve,
const OFF: f64 = 6.0;

/// and by this share of the largest value: what is nearer does no harm, and may be the curve's own error.
const HARMFUL: f64 = 0.02;

/// Largest share of a state's values that is suspected: of more, none is.
const MOST: f64 = 0.34;

/// Rounds of smoothing, at most.
const ROUNDS: usize = 5;

/// One flag a cell, one list a trajectory, row-major.
pub(super) type Flags = Vec<Vec<bool>>;

/// `paths` without the cells that are flagged.
pub(super) fn without(paths: &[Trajectory], flags: &Flags) -> Vec<Trajectory> {
    let each = paths.iter().zip(flags).map(|(path, flags)| {
        let cells = path.states().iter().zip(flags);
        let states = cells.map(|(y, out)| if *out { f64::NAN } else { *y });
        let left = Trajectory::new(path.dimension(), path.times().to_vec(), states.collect());
        left.unwrap_or_else(|_| path.clone())
    });
    each.collect()
}

/// Largest observed magnitude of each state; 0 where there is none.
pub(super) fn largest(paths: &[Trajectory], dimension: usize) -> Vec<f64> {
    let mut all = vec![0.0f64; dimension];
    for path in paths {
        for (state, largest) in all.iter_mut().enumerate() {
            for y in path.column(state).filter(|y| !y.is_nan()) {
                *largest = largest.max(y.abs());
            }
        }
    }
    all
}

/// The suspected cells of trajectories in the data's units.
pub(super) fn suspects(paths: &[Trajectory], dimension: usize) -> Flags {
    let first = bounded(paths, dimension, beside_neighbours(paths, dimension));
    let units = largest(&without(paths, &first), dimension);
    if units.contains(&0.0) {
        return first;
    }
    // Times as they are: the smoother has its own unit of them.
    let scaling = Scaling {
        origin: 0.0,
        time: 1.0,
        states: units,
    };
    let normalised: Result<Vec<Trajectory>, _> =
        paths.iter().map(|path| path.normalised(&scaling)).collect();
    let Ok(normalised) = normalised else {
        return first;
    };
    let mut flags = first;
    for _ in 0..ROUNDS {
        let (curves, noise) = plain(&without(&normalised, &flags), dimension);
        let next = bounded(
            paths,
            dimension,
            beside_curves(&normalised, &curves, &noise),
        );
        if next == flags {
            break;
        }
        flags = next;
    }
    flags
}

/// Cells that are far from the line through their neighbours.
fn beside_neighbours(paths: &[Trajectory], dimension: usize) -> Flags {
    let mut flags: Flags = paths
        .iter()
        .map(|p| vec![false; p.states().len()])
        .collect();
    for state in 0..dimension {
        // Where the cell is, how far it is off, and by how much its neighbours scatter.
        let mut all: Vec<(usize, usize, f64, f64)> = Vec::new();
        for (number, path) in paths.iter().enumerate() {
            let seen: Vec<(usize, f64, f64)> = path
                .times()
                .iter()
                .zip(path.column(state))
                .enumerate()
                .filter(|(_, (_, y))| !y.is_nan())
                .map(|(row, (t, y))| (row, *t, y))
                .collect();
            let window = (2 * NEIGHBOURS + 1).min(seen.len());
            for (i, (row, t, y)) in seen.iter().enumerate() {
                let start = i.saturating_sub(NEIGHBOURS).min(seen.len() - window);
                let near = seen.iter().enumerate().skip(start).take(window);
                let near: Vec<(f64, f64)> = near
                    .filter(|(j, _)| *j != i)
                    .map(|(_, (_, there, y))| (there - t, *y))
                    .collect();
                if let Some((level, scatter)) = line(&near) {
                    all.push((number, row * dimension + state, (y - level).abs(), scatter));
                }
            }
        }
        let usual = 1.5 * median(all.iter().map(|(_, _, off, _)| *off).collect());
        for (number, cell, off, scatter) in all {
            let flag = flags.get_mut(number).and_then(|list| list.get_mut(cell));
            if let Some(flag) = flag {
                *flag = off > FIRST * scatter.max(usual);
            }
        }
    }
    flags
}

/// The value at 0 of the line through points by repeated medians, and how far they scatter around it, in standard
/// deviations; `None` for fewer than [`NEIGHBOURS`].
fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    if points.len() < NEIGHBOURS {
        return None;
    }
    let slopes = points.iter().enumerate().map(|(i, (x, y))| {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        median(others.map(|(_, (u, v))| (v - y) / (u - x)).collect())
    });
    let slope = median(slopes.collect());
    let level = median(points.iter().map(|(x, y)| y - slope * x).collect());
    let off = points.iter().map(|(x, y)| (y - level - slope * x).abs());
    Some((level, 1.5 * median(off.collect())))
}

/// Cells that are far from the smoothed curves, in normalised units.
fn beside_curves(paths: &[Trajectory], curves: &[Curve], noise: &[Noise]) -> Flags {
    let each = paths.iter().zip(curves).map(|(path, curve)| {
        let mut flags = Vec::with_capacity(path.states().len());
        for row in 0..path.len() {
            let smooth = curve.at(row * curve.per_interval);
            for ((y, u), noise) in path.state(row).iter().zip(smooth).zip(noise) {
                let usual = OFF * noise.deviation * noise.shape(*u).sqrt();
                // NaN is no number of standard deviations.
                flags.push((y - u).abs() > usual.max(HARMFUL));
            }
        }
        flags
    });
    each.collect()
}

/// The flags without those of states of which too many cells would be gone.
fn bounded(paths: &[Trajectory], dimension: usize, mut flags: Flags) -> Flags {
    for state in 0..dimension {
        let (mut seen, mut out) = (0, 0);
        for (path, flags) in paths.iter().zip(&flags) {
            let flags = flags.iter().skip(state).step_by(dimension);
            for (_, flag) in path.column(state).zip(flags).filter(|(y, _)| !y.is_nan()) {
                seen += 1;
                out += usize::from(*flag);
            }
        }
        if out as f64 > MOST * f64::from(u32::try_from(seen).unwrap_or(u32::MAX))
            || seen < FEWEST_CELLS + out
        {
            for flag in flags
                .iter_mut()
                .flat_map(|list| list.iter_mut().skip(state).step_by(dimension))
            {
                *flag = false;
            }
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which rows of one series are suspected.
    fn rows(times: Vec<f64>, values: Vec<f64>) -> Vec<usize> {
        let path = Trajectory::new(1, times, values).unwrap();
        let flags = suspects(&[path], 1);
        let each = flags.first().unwrap().iter().enumerate();
        each.filter(|(_, out)| **out).map(|(row, _)| row).collect()
    }

    /// A number between −1 and 1 for each row, the same in every run.
    fn jitter(row: usize) -> f64 {
        ((row as f64 + 1.0) * 12.9898).sin() * 43758.5453 % 1.0
    }

    fn grid(n: usize) -> Vec<f64> {
        (0..n).map(|i| i as f64 / (n - 1) as f64).collect()
    }

    #[test]
    fn spikes_are_suspected_and_curves_are_not() {
        type Curve = (&'static str, fn(f64) -> f64);
        let curves: [Curve; 5] = [
            ("decay", |t| 30.0 * (-4.0 * t).exp()),
            ("logistic", |t| 1.0 / (1.0 + (6.0 - 12.0 * t).exp())),
            ("wave", |t| (9.0 * t).sin()),
            ("offset", |t| 1000.0 + (5.0 * t).cos()),
            ("pulse", |t| (-80.0 * (t - 0.4).powi(2)).exp()),
        ];
        for (name, curve) in curves {
            for noise in [0.0, 0.02] {
                let times = grid(80);
                let clean: Vec<f64> = times.iter().map(|t| curve(*t)).collect();
                let low = clean.iter().copied().fold(f64::INFINITY, f64::min);
                let high = clean.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let range = high - low;
                let noisy = clean.iter().enumerate();
                let mut values: Vec<f64> = noisy
                    .map(|(row, y)| y + noise * range * jitter(row))
                    .collect();
                assert_eq!(
                    rows(times.clone(), values.clone()),
                    [0; 0],
                    "{name} {noise}"
                );
                if name == "offset" {
                    // Beside a level a thousand times as large, only far larger ones do harm.
                    continue;
                }
                let spoilt = [11, 30, 31, 58];
                for (row, size) in spoilt.iter().zip([0.4, 3.0, -2.0, 50.0]) {
                    values[*row] += size * range;
                }
                assert_eq!(rows(times, values), spoilt, "{name} {noise}");
            }
        }
    }

    #[test]
    fn few_values_and_constant_ones_are_not_suspected() {
        assert_eq!(rows(grid(5), vec![1.0, 1.0, 9.0, 1.0, 1.0]), [0; 0]);
        assert_eq!(rows(grid(12), vec![1.0; 12]), [0; 0]);
        let half: Vec<f64> = (0..20).map(|i| f64::from(u8::from(i % 2 == 0))).collect();
        assert_eq!(rows(grid(20), half), [0; 0]);
        let mut gaps = vec![f64::NAN; 20];
        gaps[3] = 1.0;
        assert_eq!(rows(grid(20), gaps), [0; 0]);
    }
}
