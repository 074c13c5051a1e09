//! What may become of a constant: fitted, within bounds or without, or fixed.
//!
//! Bounds are kept by fitting an unbounded number in the constant's place (the transformations of F. James and
//! M. Roos, *MINUIT*, Computer Physics Communications 10, 1975): between two bounds `a + (b − a)·sin² φ`, above one
//! `a − 1 + √(φ² + 1)`, below one `b + 1 − √(φ² + 1)`; written so that a small distance from a bound keeps its digits.

/// How far a start at a bound is moved inside, as a share of the range, or of the only bound.
const INSIDE: f64 = 0.01;

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

    /// Whether it is fitted within bounds, or beyond one.
    pub(crate) fn is_bounded(self) -> bool {
        matches!(self, Setting::Free { .. }) && self != Setting::FREE
    }

    /// The value at the inner, unbounded number, and its slope there.
    pub(crate) fn outward(self, inner: f64) -> (f64, f64) {
        match self {
            Setting::Fixed(value) => (value, 0.0),
            Setting::Free { low, high } => match (low.is_finite(), high.is_finite()) {
                (false, false) => (inner, 1.0),
                (true, true) => {
                    let (sine, cosine) = inner.sin_cos();
                    let value = match sine.abs() < cosine.abs() {
                        true => low + (high - low) * sine * sine,
                        false => high - (high - low) * cosine * cosine,
                    };
                    (value, 2.0 * (high - low) * sine * cosine)
                }
                (true, false) => {
                    let root = (inner * inner + 1.0).sqrt();
                    (low + inner * inner / (root + 1.0), inner / root)
                }
                (false, true) => {
                    let root = (inner * inner + 1.0).sqrt();
                    (high - inner * inner / (root + 1.0), -inner / root)
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
                let inside = INSIDE * (high - low);
                let value = match (value <= low, value >= high) {
                    (true, _) => low + inside,
                    (_, true) => high - inside,
                    _ => value,
                };
                (value - low).sqrt().atan2((high - value).sqrt())
            }
            (true, false) => above(value - low, low),
            (false, true) => above(high - value, high),
        }
    }

    /// How wide the bounds are apart; infinite where one is missing.
    pub(crate) fn range(self) -> f64 {
        match self {
            Setting::Fixed(_) => 0.0,
            Setting::Free { low, high } => high - low,
        }
    }

    /// How far a value is from the nearest bound, and that bound; infinite where there is none.
    pub(crate) fn nearest(self, value: f64) -> (f64, f64) {
        let Setting::Free { low, high } = self else {
            return (f64::INFINITY, f64::INFINITY);
        };
        match value - low < high - value {
            true => (value - low, low),
            false => (high - value, high),
        }
    }
}

/// The inner number of a value so far from its only bound; where it is at it or beyond, of one a little inside.
fn above(gap: f64, bound: f64) -> f64 {
    let gap = match gap > 0.0 {
        true => gap,
        false => INSIDE * if bound == 0.0 { 1.0 } else { bound.abs() },
    };
    (gap * (gap + 2.0)).sqrt()
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
