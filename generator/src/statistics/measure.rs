//! What is measured of one sample for the statistics, as long as its exact solution is at hand.

use crate::{Sample, Trajectory};

/// Numbers that the row of a sample does not hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measure {
    /// Constants after normalisation.
    pub constants: Vec<f64>,
    /// Share of the time after which half of the path is done.
    pub half_done: f64,
    /// Share of the time after which 95 % of the path is done.
    pub nearly_done: f64,
    /// (max − min) / max|y| of each state.
    pub ranges: Vec<f64>,
}

impl Measure {
    /// Measures a sample.
    pub fn of(sample: &Sample) -> Measure {
        let path = &sample.trajectory;
        let unit = path.scaling().ok();
        let unit = unit.and_then(|scaling| sample.system.rescaled(&scaling).ok());
        let constants = unit.and_then(|system| system.parts().ok());
        let (ranges, [half_done, nearly_done]) = course(path, [0.5, 0.95]);
        Measure {
            constants: constants.map_or_else(Vec::new, |(_, constants)| constants),
            half_done,
            nearly_done,
            ranges,
        }
    }
}

/// The relative ranges of the states, and the shares of time after which given shares of the path are
/// done; NaN where there is no path.
fn course<const N: usize>(path: &Trajectory, shares: [f64; N]) -> (Vec<f64>, [f64; N]) {
    let steps = path.len().saturating_sub(1);
    let mut lengths = vec![0.0; steps];
    let mut ranges = Vec::with_capacity(path.dimension());
    for d in 0..path.dimension() {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in path.column(d) {
            (low, high) = (low.min(value), high.max(value));
        }
        let range = high - low;
        ranges.push(range / low.abs().max(high.abs()));
        if range > 0.0 {
            for ((a, b), length) in path.column(d).zip(path.column(d).skip(1)).zip(&mut lengths) {
                *length += (b - a).abs() / range;
            }
        }
    }
    let whole: f64 = lengths.iter().sum();
    let mut done = 0.0;
    let mut times = [f64::NAN; N];
    for (step, length) in lengths.iter().enumerate() {
        let before = done;
        done += length;
        for (time, share) in times.iter_mut().zip(shares) {
            if time.is_nan() && done >= share * whole && *length > 0.0 {
                let within = (share * whole - before) / length;
                *time = (step as f64 + within) / steps as f64;
            }
        }
    }
    (ranges, times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(dimension: usize, states: &[f64]) -> Trajectory {
        let points = states.len() / dimension;
        let times = (0..points).map(|i| i as f64).collect();
        Trajectory::new(dimension, times, states.to_vec()).unwrap()
    }

    #[test]
    fn courses() {
        let even: Vec<f64> = (0..101).map(f64::from).collect();
        let (ranges, [half, most]) = course(&path(1, &even), [0.5, 0.95]);
        assert_eq!(ranges, [1.0]);
        assert!((half - 0.5).abs() < 1e-12 && (most - 0.95).abs() < 1e-12);
        // all of it in the first of four steps, and a second state that does nothing
        let (ranges, [half]) = course(
            &path(2, &[-1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]),
            [0.5],
        );
        assert_eq!((ranges, half), (vec![2.0, 0.0], 0.125));
        // there and back counts twice
        let (_, [half]) = course(&path(1, &[0.0, 1.0, 0.0]), [0.75]);
        assert_eq!(half, 0.75);
        assert!(course(&path(1, &[1.0, 1.0]), [0.5]).1[0].is_nan());
    }
}
