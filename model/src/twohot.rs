//! Constants as distributions over two neighbouring bins.
//!
//! Owns the bins, the way from a number to its two bins and back, and the reading of a number from a
//! predicted distribution. Which token ids the bins have is the business of [`crate::vocabulary`].
//!
//! Normalised constants spread over decades around zero, so the bin centres are evenly spaced in
//! `asinh(v / scale)`: linear near zero, logarithmic far from it, and symmetric. With `n = 2h + 1` bins the
//! centre of bin `h + k` is `scale · sinh(k · step)`, `step = asinh(limit / scale) / h`: zero is a centre and
//! so are `±limit`. A number between two centres is written as the two of them, with weights that
//! interpolate linearly in asinh space, which is exact: nothing is rounded.

/// Why a number has no bins, or a set of bins does not exist.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TwoHotError {
    /// NaN or infinite.
    #[error("the constant {value} is not a finite number")]
    NotFinite {
        /// The number given.
        value: f64,
    },
    /// Farther from zero than the outermost bins.
    #[error("the constant {value} is outside of [-{limit}, {limit}]")]
    BeyondLimit {
        /// The number given.
        value: f64,
        /// The centre of the last bin.
        limit: f64,
    },
    /// Parameters that no set of bins has.
    #[error(
        "there are no {count} bins of scale {scale} up to {limit}: \
         the count must be odd, 3 to {MAX_BINS}, and 0 < scale < limit"
    )]
    NoSuchBins {
        /// Number of bins asked for.
        count: usize,
        /// Scale asked for.
        scale: f64,
        /// Limit asked for.
        limit: f64,
    },
}

/// Largest number of bins; keeps every vocabulary id within `u16`.
pub const MAX_BINS: usize = 65_001;

/// A number as weights on two neighbouring bins: `1 − upper` on `low`, `upper` on `low + 1`.
///
/// `low + 1` is always a bin as well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TwoHot {
    /// The lower of the two bins.
    pub low: usize,
    /// The weight of bin `low + 1`, in [0, 1].
    pub upper: f64,
}

/// Bin centres, evenly spaced in asinh space, symmetric around zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bins {
    half: usize,
    scale: f64,
    limit: f64,
    step: f64,
}

impl Bins {
    /// `count` bins (odd) with centres from `-limit` to `limit`; spacing is linear below `scale`,
    /// logarithmic above it.
    ///
    /// # Errors
    /// [`TwoHotError::NoSuchBins`] unless `count` is odd, 3 to [`MAX_BINS`], and `0 < scale < limit`, finite.
    pub fn new(count: usize, scale: f64, limit: f64) -> Result<Bins, TwoHotError> {
        let ordered = scale > 0.0 && scale < limit && limit.is_finite();
        let half = count / 2;
        let step = (limit / scale).asinh() / half as f64;
        if count.is_multiple_of(2)
            || !(3..=MAX_BINS).contains(&count)
            || !ordered
            || !step.is_finite()
        {
            return Err(TwoHotError::NoSuchBins {
                count,
                scale,
                limit,
            });
        }
        Ok(Bins {
            half,
            scale,
            limit,
            step,
        })
    }

    /// Number of bins, odd.
    pub fn count(&self) -> usize {
        2 * self.half + 1
    }

    /// Where the spacing turns from linear to logarithmic.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Centre of the last bin; the first one's is its negative.
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// The two bins of a number and their weights.
    ///
    /// # Errors
    /// [`TwoHotError::NotFinite`], or [`TwoHotError::BeyondLimit`]: a number is never clipped silently.
    pub fn encode(&self, value: f64) -> Result<TwoHot, TwoHotError> {
        if !value.is_finite() {
            return Err(TwoHotError::NotFinite { value });
        }
        if value.abs() > self.limit {
            return Err(TwoHotError::BeyondLimit {
                value,
                limit: self.limit,
            });
        }
        let half = self.half as f64;
        let place = ((value / self.scale).asinh() / self.step).clamp(-half, half);
        // The last bin is written as the upper one of its pair, so that `low + 1` exists.
        let floor = place.floor().min(half - 1.0);
        Ok(TwoHot {
            low: (floor + half) as usize,
            upper: place - floor,
        })
    }

    /// The number that two weighted bins stand for; the inverse of [`Bins::encode`]. A `low` beyond the
    /// last pair counts as the last pair, a weight outside of [0, 1] as the nearer end.
    pub fn decode(&self, pair: TwoHot) -> f64 {
        let low = pair.low.min(2 * self.half - 1) as f64;
        let place = low - self.half as f64 + pair.upper.clamp(0.0, 1.0);
        // At the ends rounding must not leave the interval that `encode` accepts.
        (self.scale * (place * self.step).sinh()).clamp(-self.limit, self.limit)
    }

    /// Reads a number from predicted scores of all bins (logits or log-probabilities; a common offset
    /// does not matter): the winning bin and the better one of its neighbours, renormalised. `None` if a
    /// score is NaN, none is finite, or their number is not [`Bins::count`].
    ///
    /// The mean over all bins would be pulled by every far bin that has a little mass; these two are what
    /// the training target looks like.
    pub fn read(&self, scores: &[f32]) -> Option<TwoHot> {
        if scores.len() != self.count() || scores.iter().any(|s| s.is_nan()) {
            return None;
        }
        let (best, &top) = scores
            .iter()
            .enumerate()
            .reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        if !top.is_finite() {
            return None;
        }
        let below = best.checked_sub(1).map(|i| scores[i]);
        let above = scores.get(best + 1).copied();
        let rising = match (below, above) {
            (Some(b), Some(a)) => a >= b,
            (_, above) => above.is_some(),
        };
        let neighbour = if rising { above? } else { below? };
        let share = 1.0 / (1.0 + (f64::from(top) - f64::from(neighbour)).exp());
        Some(if rising {
            TwoHot {
                low: best,
                upper: share,
            }
        } else {
            TwoHot {
                low: best - 1,
                upper: 1.0 - share,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bins() -> Bins {
        Bins::new(401, 0.02, 300.0).expect("valid")
    }

    /// Any valid set of bins, and a number inside its limits, its magnitude spread over decades.
    fn bins_and_value() -> impl Strategy<Value = (Bins, f64)> {
        (1usize..800, -4.0..0.0f64, 0.1..4.0f64).prop_flat_map(|(half, scale, limit)| {
            let bins =
                Bins::new(2 * half + 1, 10f64.powf(scale), 10f64.powf(limit)).expect("valid");
            let (limit, low) = (bins.limit(), bins.scale() * 1e-4);
            let magnitude = (low.ln()..limit.ln()).prop_map(f64::exp);
            let value = prop_oneof![
                8 => (magnitude, any::<bool>()).prop_map(|(m, n)| if n { -m } else { m }),
                1 => Just(0.0),
                1 => any::<bool>().prop_map(move |n| if n { -limit } else { limit }),
            ];
            value.prop_map(move |v| (bins, v))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn decoding_inverts_encoding((bins, value) in bins_and_value()) {
            let pair = bins.encode(value).expect("inside the limits");
            prop_assert!(pair.low + 1 < bins.count());
            prop_assert!((0.0..=1.0).contains(&pair.upper));
            let error = (bins.decode(pair) - value).abs();
            prop_assert!(error <= 1e-12 * value.abs().max(bins.scale()), "{value} {pair:?} {error:e}");
        }

        #[test]
        fn weights_interpolate_linearly_in_asinh_space((bins, value) in bins_and_value()) {
            let pair = bins.encode(value).expect("inside the limits");
            let centre = |low, upper| (bins.decode(TwoHot { low, upper }) / bins.scale()).asinh();
            let mixed = (1.0 - pair.upper) * centre(pair.low, 0.0) + pair.upper * centre(pair.low, 1.0);
            prop_assert!((mixed - (value / bins.scale()).asinh()).abs() < 1e-11);
        }

        #[test]
        fn encoding_is_odd((bins, value) in bins_and_value()) {
            let (a, b) = (bins.encode(value).expect("inside"), bins.encode(-value).expect("inside"));
            let mirrored = (bins.count() - 1) as f64 - (b.low as f64 + b.upper);
            prop_assert!((a.low as f64 + a.upper - mirrored).abs() < 1e-9);
        }

        #[test]
        fn reading_a_sharp_prediction_gives_its_target((bins, value) in bins_and_value()) {
            let pair = bins.encode(value).expect("inside");
            // A background that is far below both bins of the target.
            let mut scores = vec![-80.0f32; bins.count()];
            scores[pair.low] = (1.0 - pair.upper).ln().max(-60.0) as f32;
            scores[pair.low + 1] = pair.upper.ln().max(-60.0) as f32;
            let read = bins.read(&scores).expect("finite");
            let (want, got) = (pair.low as f64 + pair.upper, read.low as f64 + read.upper);
            prop_assert!((want - got).abs() < 1e-5, "{pair:?} {read:?}");
        }
    }

    #[test]
    fn zero_and_both_limits_are_centres() {
        let bins = bins();
        let zero = bins.encode(0.0).expect("0");
        assert_eq!((zero.low, zero.upper), (200, 0.0));
        assert_eq!(bins.decode(zero), 0.0);
        let low = bins.encode(-300.0).expect("-limit");
        assert_eq!(low.low, 0);
        assert!(low.upper < 1e-12);
        let high = bins.encode(300.0).expect("limit");
        assert_eq!(high.low, 399);
        assert!(high.upper > 1.0 - 1e-12);
    }

    #[test]
    fn numbers_without_bins_are_errors() {
        let bins = bins();
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(
                bins.encode(value),
                Err(TwoHotError::NotFinite { .. })
            ));
        }
        for value in [300.000001, -1e300] {
            assert_eq!(
                bins.encode(value),
                Err(TwoHotError::BeyondLimit {
                    value,
                    limit: 300.0
                })
            );
        }
    }

    #[test]
    fn impossible_bins_are_errors() {
        for (count, scale, limit) in [
            (400, 0.02, 300.0),
            (1, 0.02, 300.0),
            (MAX_BINS + 2, 0.02, 300.0),
            (401, 0.0, 300.0),
            (401, f64::NAN, 300.0),
            (401, 2.0, 1.0),
            (401, 0.02, f64::INFINITY),
            (401, 5e-324, 1e308),
        ] {
            assert!(
                Bins::new(count, scale, limit).is_err(),
                "{count} {scale} {limit}"
            );
        }
    }

    #[test]
    fn the_better_neighbour_is_used_and_the_rest_is_not() {
        let bins = Bins::new(7, 0.02, 300.0).expect("valid");
        let mut scores = [0.1f32, 0.05, 0.2, 0.3, 0.1, 0.0, 0.25].map(f32::ln);
        let read = bins.read(&scores).expect("finite");
        assert_eq!(read.low, 2);
        assert!((read.upper - 0.6).abs() < 1e-6);
        // The winner at either end has one neighbour.
        scores[6] = 0.9f32.ln();
        scores[5] = 0.1f32.ln();
        let read = bins.read(&scores).expect("finite");
        assert_eq!(read.low, 5);
        assert!((read.upper - 0.9).abs() < 1e-6);
        scores[0] = 0.96f32.ln();
        scores[1] = 0.04f32.ln();
        let read = bins.read(&scores).expect("finite");
        assert_eq!(read.low, 0);
        assert!((read.upper - 0.04).abs() < 1e-6);
    }

    #[test]
    fn unusable_scores_are_none() {
        let bins = Bins::new(3, 0.02, 300.0).expect("valid");
        assert_eq!(bins.read(&[0.0, f32::NAN, 0.0]), None);
        assert_eq!(bins.read(&[f32::NEG_INFINITY; 3]), None);
        assert_eq!(bins.read(&[0.0, f32::INFINITY, 0.0]), None);
        assert_eq!(bins.read(&[0.0; 2]), None);
    }
}
