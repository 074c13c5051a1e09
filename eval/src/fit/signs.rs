//! Numbers that are fitted by the logarithms of their sizes, and keep their signs.

/// The signs of some numbers in a row; 0 for those that are fitted as they are, as are those beyond the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signs(Vec<f64>);

impl Signs {
    /// No number is fitted by its logarithm.
    pub(crate) const NONE: &'static Signs = &Signs(Vec::new());

    /// Those of `values`, where a 0 stands for a number that is fitted as it is.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Signs {
        let sign = |value: f64| if value == 0.0 { 0.0 } else { value.signum() };
        Signs(values.into_iter().map(sign).collect())
    }

    /// How many numbers are fitted by their logarithms.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().filter(|sign| **sign != 0.0).count()
    }

    /// The value of inner number `place`, and its slope there.
    pub(crate) fn outward(&self, place: usize, inner: f64) -> (f64, f64) {
        let value = match self.0.get(place) {
            Some(sign) if *sign != 0.0 => sign * inner.exp(),
            _ => inner,
        };
        (value, self.slope(place, value))
    }

    /// The slope there, at a value.
    pub(crate) fn slope(&self, place: usize, value: f64) -> f64 {
        match self.0.get(place) {
            Some(sign) if *sign != 0.0 => value,
            _ => 1.0,
        }
    }

    /// The inner number of a value; what has become 0 is as small as numbers are.
    pub(crate) fn inward(&self, place: usize, value: f64) -> f64 {
        match self.0.get(place) {
            Some(sign) if *sign != 0.0 && value == 0.0 => f64::MIN_POSITIVE.ln(),
            Some(sign) if *sign != 0.0 => value.abs().ln(),
            _ => value,
        }
    }
}
