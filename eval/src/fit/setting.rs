//! What may become of a constant: fitted, within bounds or without, or fixed.
//!
//! Bounds are kept by fitting an unbounded number in the constant's place (the transformations of F. James and
//! M. Roos, *MINUIT*, Computer Physics Communications 10, 1975): between two bounds
//! `a + (b − a)·(sin φ + 1)/2`, above one `a − 1 + √(φ² + 1)`, below one `b + 1 − √(φ² + 1)`.

/// What may become of a constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting {
    /// It is fitted, between these bounds; infinite where there is none.
    Free {
        /// Lower bound.
        low: f64,
        /// Upper bound, above the lower one.
        high: f64,
    },
    /// It has this value.
    Fixed(f64),
}

impl Setting {
    /// Fitted without bounds.
    pub const FREE: Setting = Setting::Free {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    /// The value at the inner, unbounded number, and its slope there.
    pub(crate) fn outward(self, inner: f64) -> (f64, f64) {
        match self {
            Setting::Fixed(value) => (value, 0.0),
            Setting::Free { low, high } => match (low.is_finite(), high.is_finite()) {
                (false, false) => (inner, 1.0),
                (true, true) => {
                    let half = (high - low) / 2.0;
                    (low + half * (inner.sin() + 1.0), half * inner.cos())
                }
                (true, false) => {
                    let root = (inner * inner + 1.0).sqrt();
                    (low - 1.0 + root, inner / root)
                }
                (false, true) => {
                    let root = (inner * inner + 1.0).sqrt();
                    (high + 1.0 - root, -inner / root)
                }
            },
        }
    }

    /// The inner number of a value; a value at or beyond a bound is moved a little inside, since the slope at
    /// the bound is 0.
    pub(crate) fn inward(self, value: f64) -> f64 {
        let Setting::Free { low, high } = self else {
            return 0.0;
        };
        match (low.is_finite(), high.is_finite()) {
            (false, false) => value,
            (true, true) => {
                let share = ((value - low) / (high - low)).clamp(0.01, 0.99);
                (2.0 * share - 1.0).asin()
            }
            (true, false) => above(value - low, low),
            (false, true) => above(high - value, high),
        }
    }

    /// How far a value is from the nearest bound.
    pub(crate) fn gap(self, value: f64) -> f64 {
        match self {
            Setting::Fixed(_) => f64::INFINITY,
            Setting::Free { low, high } => (value - low).min(high - value),
        }
    }
}

/// The inner number of a value so far from its only bound, a little inside at least.
fn above(gap: f64, bound: f64) -> f64 {
    let gap = gap.max(1e-3 * bound.abs().max(1e-3));
    ((gap + 1.0).powi(2) - 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bounds_hold_and_are_undone(inner in -50.0..50.0f64, low in -10.0..10.0f64, wide in 0.1..10.0f64) {
            let high = low + wide;
            let none = f64::INFINITY;
            for (low, high) in [(low, high), (low, none), (-none, high), (-none, none)] {
                let setting = Setting::Free { low, high };
                let (value, slope) = setting.outward(inner);
                prop_assert!(value >= low - 1e-9 && value <= high + 1e-9);
                let step = 1e-6;
                let around = setting.outward(inner + step).0 - setting.outward(inner - step).0;
                prop_assert!((around / (2.0 * step) - slope).abs() < 1e-4 * (1.0 + slope.abs()));
                // Not at the bounds themselves, where a start is moved inside.
                let inside = (value - low) > 0.05 * wide && (high - value) > 0.05 * wide;
                if inside {
                    let back = setting.outward(setting.inward(value)).0;
                    prop_assert!((back - value).abs() < 1e-6 * (1.0 + value.abs()), "{value} {back}");
                }
            }
        }
    }
}
