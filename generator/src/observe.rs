//! What a measurement makes of a solution: fewer points, gaps, missing cells, noise.
//!
//! [`Observer`] has fixed numbers, as an experiment or a test condition; [`Observer::draw`] draws them
//! from the ranges of a configuration, as training does for every use of a sample. Where the law is known,
//! points may lie between those of the stored grid, by cubic Hermite interpolation with the law's own slopes:
//! its error is `h⁴/384·max|y⁗|`, far below the noise that matters.

use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use nsode_parser::CanonicalSystem;
use nsode_parser::tape::Tape;

use crate::Trajectory;
use crate::config::Observation;
use crate::random::{below, chance, log_uniform, uniform};

/// Fewest points that an observation leaves (or all, if there are fewer).
pub const FEWEST_POINTS: usize = 5;

/// How a solution is observed. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observer {
    /// Multiplicative noise σ: a cell `y` becomes `y·(1 + σ·ε)`, `ε` standard normal.
    pub noise: f64,
    /// Additive noise, as a share of the state's `max|y|` over the observed cells.
    pub additive: f64,
    /// Number of points to begin with; `None` for all.
    pub points: Option<usize>,
    /// Whether those points are spread evenly over the given ones, first and last among them; otherwise
    /// they are a random subset.
    pub even: bool,
    /// Share of points that are dropped at random, each by itself.
    pub drop: f64,
    /// Gaps: shares of the span of time in which all points are missing. Their places are random.
    pub gaps: Vec<f64>,
    /// Share of cells that are missing by themselves; a point without any cell is dropped.
    pub missing: f64,
}

impl Observer {
    /// An observer with numbers from the ranges of a configuration.
    pub fn draw(config: &Observation, rng: &mut impl Rng) -> Observer {
        let mut observer = Observer {
            points: Some(count(rng, config.points)),
            even: chance(rng, config.regular),
            ..Observer::default()
        };
        if !chance(rng, config.clean) {
            observer.noise = log_uniform(rng, config.noise);
            if chance(rng, config.additive_share) {
                observer.additive = log_uniform(rng, config.additive);
            }
        }
        if chance(rng, config.drop_share) {
            observer.drop = uniform(rng, [0.0, config.drop]);
        }
        if chance(rng, config.gap_share) && config.gaps > 0 {
            let count = 1 + below(rng, config.gaps);
            observer.gaps = (0..count)
                .map(|_| uniform(rng, [0.0, config.gap]))
                .collect();
        }
        if chance(rng, config.missing_share) {
            observer.missing = uniform(rng, [0.0, config.missing]);
        }
        observer
    }

    /// What is observed of `path`. Times stay strictly increasing and at least [`FEWEST_POINTS`] points
    /// stay, if there were as many. Numbers out of their range count as the nearest one in it; noise that
    /// is not finite leaves a cell missing.
    pub fn observe(&self, path: &Trajectory, rng: &mut impl Rng) -> Trajectory {
        let dimension = path.dimension();
        let kept = self.choose(path, rng);
        let times: Vec<f64> = kept
            .iter()
            .filter_map(|&i| path.times().get(i).copied())
            .collect();
        let mut states: Vec<f64> = kept.iter().flat_map(|&i| path.state(i)).copied().collect();
        if dimension > 1 && self.missing > 0.0 {
            self.blank(dimension, &mut states, rng);
        }
        self.disturb(dimension, &mut states, rng);
        // The times are a subset of valid ones and the states were made finite.
        Trajectory::new(dimension, times, states).unwrap_or_else(|_| path.clone())
    }

    /// As [`Observer::observe`] for a solution of `system`, but the points to begin with need not be some of
    /// those of `path`: as many times as wanted, evenly spread or random, within its span.
    pub fn observe_solution(
        &self,
        path: &Trajectory,
        system: &CanonicalSystem,
        rng: &mut impl Rng,
    ) -> Trajectory {
        let Some(points) = self.points else {
            return self.observe(path, rng);
        };
        let (Some(&first), Some(&last)) = (path.times().first(), path.times().last()) else {
            return self.observe(path, rng);
        };
        let points = points.max(FEWEST_POINTS);
        let times = if self.even {
            crate::sampler::grid(first, last, points)
        } else {
            let mut times: Vec<f64> = (0..points).map(|_| uniform(rng, [first, last])).collect();
            times.sort_by(f64::total_cmp);
            times.dedup();
            times
        };
        match interpolate(path, system, times) {
            Some(path) => Observer {
                points: None,
                ..self.clone()
            }
            .observe(&path, rng),
            // Slopes that are no numbers: the edge of a domain.
            None => self.observe(path, rng),
        }
    }

    /// The positions of the points that stay, in order.
    fn choose(&self, path: &Trajectory, rng: &mut impl Rng) -> Vec<usize> {
        let n = path.len();
        let fewest = FEWEST_POINTS.min(n);
        let points = self.points.unwrap_or(n).clamp(fewest, n);
        let start: Vec<usize> = if points == n {
            (0..n).collect()
        } else if self.even && points > 1 {
            let step = (n - 1) as f64 / (points - 1) as f64;
            (0..points)
                .map(|i| (i as f64 * step).round() as usize)
                .collect()
        } else {
            subset(n, points, rng)
        };
        let mut kept = start.clone();
        if let (Some(first), Some(last)) = (path.times().first(), path.times().last()) {
            let span = last - first;
            for gap in &self.gaps {
                let length = gap.clamp(0.0, 1.0) * span;
                let from = first + rng.random::<f64>() * (span - length);
                kept.retain(|&i| {
                    let t = path.times().get(i).copied().unwrap_or(from);
                    t < from || t > from + length
                });
            }
        }
        if self.drop > 0.0 {
            kept.retain(|_| !chance(rng, self.drop));
        }
        if kept.len() < fewest {
            // Refill from what was dropped.
            let mut rest: Vec<usize> = start.into_iter().filter(|i| !kept.contains(i)).collect();
            while kept.len() < fewest && !rest.is_empty() {
                kept.push(rest.swap_remove(below(rng, rest.len())));
            }
            kept.sort_unstable();
        }
        kept
    }

    /// Makes cells missing, but leaves every row one that it had and every column [`FEWEST_POINTS`].
    fn blank(&self, dimension: usize, states: &mut [f64], rng: &mut impl Rng) {
        let observed = |column: usize, states: &[f64]| {
            let cells = states.iter().skip(column).step_by(dimension);
            cells.filter(|v| !v.is_nan()).count()
        };
        let mut left: Vec<usize> = (0..dimension).map(|d| observed(d, states)).collect();
        for row in states.chunks_exact_mut(dimension) {
            let mut in_row = row.iter().filter(|v| !v.is_nan()).count();
            for (cell, left) in row.iter_mut().zip(&mut left) {
                let blank = chance(rng, self.missing);
                if blank && !cell.is_nan() && in_row > 1 && *left > FEWEST_POINTS {
                    *cell = f64::NAN;
                    in_row -= 1;
                    *left -= 1;
                }
            }
        }
    }

    fn disturb(&self, dimension: usize, states: &mut [f64], rng: &mut impl Rng) {
        let mut sizes = vec![0.0_f64; dimension];
        if self.additive > 0.0 {
            for row in states.chunks_exact(dimension) {
                for (size, value) in sizes.iter_mut().zip(row) {
                    *size = size.max(value.abs());
                }
            }
        }
        if !(self.noise > 0.0 || self.additive > 0.0) {
            return;
        }
        for row in states.chunks_exact_mut(dimension) {
            for (cell, size) in row.iter_mut().zip(&sizes) {
                if cell.is_nan() {
                    continue;
                }
                let relative: f64 = rng.sample(StandardNormal);
                let absolute: f64 = rng.sample(StandardNormal);
                let disturbed = *cell * (1.0 + self.noise.max(0.0) * relative)
                    + self.additive.max(0.0) * size * absolute;
                *cell = if disturbed.is_finite() {
                    disturbed
                } else {
                    f64::NAN
                };
            }
        }
    }
}

/// Log-uniform among the counts of a range.
fn count(rng: &mut impl Rng, [fewest, most]: [usize; 2]) -> usize {
    let drawn = log_uniform(rng, [fewest as f64, (most + 1) as f64]);
    (drawn as usize).clamp(fewest, most)
}

/// A solution of `system` at other times within its span; `None` where a slope is no number.
pub fn interpolate(
    path: &Trajectory,
    system: &CanonicalSystem,
    times: Vec<f64>,
) -> Option<Trajectory> {
    let dimension = path.dimension();
    let tape = Tape::compile(system.to_system().rhs());
    let mut scratch = tape.scratch();
    let mut slopes = vec![0.0; path.len() * dimension];
    for (i, row) in slopes.chunks_exact_mut(dimension).enumerate() {
        let t = path.times().get(i).copied()?;
        tape.eval(t, path.state(i), &[], &mut scratch, row);
        if row.iter().any(|v| !v.is_finite()) {
            return None;
        }
    }
    let knots = path.times();
    let mut states = Vec::with_capacity(times.len() * dimension);
    for &t in &times {
        let right = knots.partition_point(|&k| k < t);
        let right = right.clamp(1, knots.len().checked_sub(1)?);
        let (a, b) = (*knots.get(right - 1)?, *knots.get(right)?);
        let (h, s) = (b - a, (t - a) / (b - a));
        let slope = |i: usize| {
            slopes
                .get(i * dimension..(i + 1) * dimension)
                .unwrap_or(&[])
        };
        let ends = path.state(right - 1).iter().zip(path.state(right));
        let ends = ends.zip(slope(right - 1).iter().zip(slope(right)));
        for ((y0, y1), (f0, f1)) in ends {
            let r = 1.0 - s;
            let value = r * r * ((1.0 + 2.0 * s) * y0 + s * h * f0)
                + s * s * ((1.0 + 2.0 * r) * y1 - r * h * f1);
            states.push(value);
        }
    }
    Trajectory::new(dimension, times, states).ok()
}

/// `count` of the numbers below `n`, in order, every subset equally likely.
fn subset(n: usize, count: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut chosen = Vec::with_capacity(count);
    let mut needed = count;
    for i in 0..n {
        // Selection sampling: each number is taken with the share that is still needed.
        if below(rng, n - i) < needed {
            chosen.push(i);
            needed -= 1;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn path(n: usize, dimension: usize) -> Trajectory {
        let times = (0..n).map(|i| i as f64 * 0.5).collect();
        let states = (0..n * dimension).map(|i| 2.0 + (i as f64).sin()).collect();
        Trajectory::new(dimension, times, states).unwrap()
    }

    #[test]
    fn the_default_changes_nothing() {
        let path = path(20, 2);
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        assert_eq!(Observer::default().observe(&path, &mut rng), path);
    }

    #[test]
    fn noise_has_the_size_it_says() {
        let path =
            Trajectory::new(1, (0..20_000).map(f64::from).collect(), vec![4.0; 20_000]).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(13);
        for (noise, additive, expected) in [(0.05, 0.0, 0.2), (0.0, 0.1, 0.4), (0.03, 0.04, 0.2)] {
            let observer = Observer {
                noise,
                additive,
                ..Observer::default()
            };
            let seen = observer.observe(&path, &mut rng);
            let variance = seen.column(0).map(|y| (y - 4.0).powi(2)).sum::<f64>() / 20_000.0;
            assert!(
                (variance.sqrt() / expected - 1.0).abs() < 0.03,
                "{noise} {additive}: {variance}"
            );
        }
    }

    #[test]
    fn dropping_keeps_the_share_it_says() {
        let path = path(10_000, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(14);
        let observer = Observer {
            drop: 0.3,
            ..Observer::default()
        };
        let left = observer.observe(&path, &mut rng).len() as i32;
        assert!((left - 7000).abs() < 230, "{left}");
    }

    #[test]
    fn a_gap_leaves_no_point_in_it() {
        let path = path(1000, 1);
        let mut rng = ChaCha8Rng::seed_from_u64(15);
        let observer = Observer {
            gaps: vec![0.25],
            ..Observer::default()
        };
        let seen = observer.observe(&path, &mut rng);
        let widest = seen
            .times()
            .windows(2)
            .map(|w| w[1] - w[0])
            .fold(0.0, f64::max);
        let at_edge =
            seen.times()[0] - path.times()[0] + path.times()[999] - seen.times()[seen.len() - 1];
        assert!(
            (widest.max(at_edge) / 499.5 - 0.25).abs() < 0.01,
            "{widest} {at_edge}"
        );
    }

    #[test]
    fn even_points_are_even() {
        let mut rng = ChaCha8Rng::seed_from_u64(16);
        let observer = Observer {
            points: Some(11),
            even: true,
            ..Observer::default()
        };
        let seen = observer.observe(&path(101, 1), &mut rng);
        let expected: Vec<f64> = (0..11).map(|i| f64::from(i) * 5.0).collect();
        assert_eq!(seen.times(), expected);
    }

    #[test]
    fn points_between_are_those_of_the_solution() {
        // y' = y·(1 − y) from 0.05.
        let exact = |t: f64| 1.0 / (1.0 + 19.0 * (-t).exp());
        let (system, _) = nsode_parser::infix::parse_system("y - y^2", None).unwrap();
        let system = CanonicalSystem::new(&system).unwrap();
        let times = crate::sampler::grid(0.0, 8.0, 256);
        let states = times.iter().map(|&t| exact(t)).collect();
        let path = Trajectory::new(1, times, states).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(17);
        for even in [false, true] {
            let observer = Observer {
                points: Some(500),
                even,
                ..Observer::default()
            };
            let seen = observer.observe_solution(&path, &system, &mut rng);
            assert_eq!(seen.len(), 500);
            for (t, y) in seen.times().iter().zip(seen.column(0)) {
                // h⁴/384·max|y⁗| is 3e-10.
                assert!((y - exact(*t)).abs() < 1e-9, "{t} {y}");
            }
            let step = |w: &[f64]| w[1] - w[0];
            let steps: Vec<f64> = seen.times().windows(2).map(step).collect();
            let equal = steps.iter().all(|s| (s - 8.0 / 499.0).abs() < 1e-12);
            assert_eq!(equal, even);
        }
    }

    proptest! {
        #[test]
        fn enough_points_in_order_whatever_the_numbers(
            n in 1..60usize,
            dimension in 1..4usize,
            seed in 0..1000u64,
            noise in 0.0..2.0f64,
            drop in 0.0..1.5f64,
            missing in 0.0..1.0f64,
            gaps in prop::collection::vec(0.0..1.5f64, 0..4),
            points in 0..80usize,
        ) {
            let path = path(n, dimension);
            let observer = Observer {
                noise, additive: noise, points: Some(points), even: seed % 2 == 0, drop, gaps, missing,
            };
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let seen = observer.observe(&path, &mut rng);
            prop_assert!(seen.len() >= FEWEST_POINTS.min(n) && seen.len() <= n);
            prop_assert!(seen.times().iter().all(|t| path.times().contains(t)));
            for d in 0..dimension {
                prop_assert!(seen.column(d).filter(|v| !v.is_nan()).count() >= FEWEST_POINTS.min(n));
            }
        }

        #[test]
        fn drawn_observers_are_in_range(seed in 0..2000u64) {
            let config = Observation::default();
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let observer = Observer::draw(&config, &mut rng);
            let points = observer.points.unwrap();
            prop_assert!((config.points[0]..=config.points[1]).contains(&points));
            prop_assert!(observer.noise == 0.0 || (config.noise[0]..=config.noise[1]).contains(&observer.noise));
            prop_assert!(observer.drop <= config.drop);
            prop_assert!(observer.gaps.len() <= config.gaps);
        }
    }
}
