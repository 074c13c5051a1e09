//! Counts of numbers in bins, on a linear scale or on one that is logarithmic on both sides of 0.

use serde::{Deserialize, Serialize};

/// A scale, and how many bins it is cut into: of equal width in the scale's own coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// From `low` to `high`.
    Linear {
        /// Left end.
        low: f64,
        /// Right end.
        high: f64,
    },
    /// From `-high` to `high`, even in asinh(x / `unit`): linear near 0, logarithmic far from it.
    Asinh {
        /// Where linear turns into logarithmic.
        unit: f64,
        /// Right end; the left one is its negative.
        high: f64,
    },
}

impl Axis {
    /// A value in the scale's own coordinate, 0 at the left end and 1 at the right one.
    pub fn place(self, value: f64) -> f64 {
        match self {
            Axis::Linear { low, high } => (value - low) / (high - low),
            Axis::Asinh { unit, high } => {
                let end = (high / unit).asinh();
                ((value / unit).asinh() + end) / (2.0 * end)
            }
        }
    }

    /// The inverse of [`Axis::place`].
    pub fn value(self, place: f64) -> f64 {
        match self {
            Axis::Linear { low, high } => low + place * (high - low),
            Axis::Asinh { unit, high } => {
                let end = (high / unit).asinh();
                unit * (end * (2.0 * place - 1.0)).sinh()
            }
        }
    }
}

/// How many numbers fell into each bin. Numbers beyond the ends count in the outermost bins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The scale.
    pub axis: Axis,
    /// Counts, from left to right.
    pub counts: Vec<u64>,
}

impl Histogram {
    /// Nothing counted yet.
    pub fn new(axis: Axis, bins: usize) -> Histogram {
        Histogram {
            axis,
            counts: vec![0; bins.max(1)],
        }
    }

    /// Counts a number; NaN is passed over.
    pub fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let bins = self.counts.len();
        let bin = (self.axis.place(value) * bins as f64) as usize;
        if let Some(count) = self.counts.get_mut(bin.min(bins.saturating_sub(1))) {
            *count += 1;
        }
    }

    /// Adds the counts of another histogram; `false`, and nothing is added, if its bins are others.
    pub fn merge(&mut self, other: &Histogram) -> bool {
        let same = self.axis == other.axis && self.counts.len() == other.counts.len();
        if same {
            for (count, more) in self.counts.iter_mut().zip(&other.counts) {
                *count = count.saturating_add(*more);
            }
        }
        same
    }

    /// How many numbers were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The left ends of all bins, and the right end of the last one.
    pub fn edges(&self) -> Vec<f64> {
        let bins = self.counts.len();
        let edge = |i| self.axis.value(i as f64 / bins as f64);
        (0..=bins).map(edge).collect()
    }

    /// The number below which a share `share` of all lies, interpolated within its bin; `None` if nothing
    /// was counted.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let mut left = share.clamp(0.0, 1.0) * total as f64;
        let bins = self.counts.len() as f64;
        for (bin, &count) in self.counts.iter().enumerate() {
            if count > 0 && left <= count as f64 {
                let place = (bin as f64 + left / count as f64) / bins;
                return Some(self.axis.value(place));
            }
            left -= count as f64;
        }
        Some(self.axis.value(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCALES: [Axis; 2] = [
        Axis::Linear {
            low: -1.0,
            high: 3.0,
        },
        Axis::Asinh {
            unit: 0.02,
            high: 300.0,
        },
    ];

    #[test]
    fn numbers_beyond_the_ends_and_nan() {
        for axis in SCALES {
            let mut histogram = Histogram::new(axis, 4);
            assert_eq!(histogram.quantile(0.5), None);
            for value in [f64::NEG_INFINITY, -1e9, 1e9, f64::INFINITY, f64::NAN] {
                histogram.add(value);
            }
            assert_eq!(histogram.counts, [2, 0, 0, 2]);
        }
        let mut histogram = Histogram::new(SCALES[0], 4);
        assert!(!histogram.merge(&Histogram::new(SCALES[1], 4)));
        assert!(!histogram.merge(&Histogram::new(SCALES[0], 5)));
    }

    proptest! {
        #[test]
        fn a_number_is_between_the_edges_of_its_bin(value in -0.99..2.99f64, bins in 1usize..50) {
            for axis in SCALES {
                let mut histogram = Histogram::new(axis, bins);
                histogram.add(value);
                let bin = histogram.counts.iter().position(|&c| c == 1).unwrap();
                let edges = histogram.edges();
                prop_assert!(edges[bin] - 1e-9 <= value && value <= edges[bin + 1] + 1e-9);
                prop_assert!((axis.value(axis.place(value)) - value).abs() < 1e-9);
                let median = histogram.quantile(0.5).unwrap();
                prop_assert!(edges[bin] <= median && median <= edges[bin + 1]);
            }
        }

        #[test]
        fn quantiles_are_those_of_the_numbers(
            values in prop::collection::vec(-0.99..2.99f64, 1..200),
            share in 0.0..1.0f64,
        ) {
            let mut histogram = Histogram::new(SCALES[0], 400);
            let mut parts = [histogram.clone(), histogram.clone()];
            for (i, &value) in values.iter().enumerate() {
                histogram.add(value);
                parts[i % 2].add(value);
            }
            let quantile = histogram.quantile(share).unwrap();
            let below = values.iter().filter(|&&v| v < quantile - 0.011).count() as f64;
            let above = values.iter().filter(|&&v| v > quantile + 0.011).count() as f64;
            let n = values.len() as f64;
            prop_assert!(below <= share * n + 1e-9 && above <= (1.0 - share) * n + 1e-9);
            let [mut sum, other] = parts;
            prop_assert!(sum.merge(&other) && sum == histogram);
        }
    }
}
