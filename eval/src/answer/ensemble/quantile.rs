//! Quantiles of weighted numbers.

/// The quantiles `shares` (ascending or not) of `(value, weight)`; numbers that are NaN are left out, infinite
/// ones count. NaN where nothing is left.
pub(super) fn quantiles<const N: usize>(
    values: &mut Vec<(f64, f64)>,
    shares: [f64; N],
) -> [f64; N] {
    values.retain(|(value, weight)| !value.is_nan() && *weight > 0.0);
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    shares.map(|share| {
        let mut below = 0.0;
        let mut before: Option<(f64, f64)> = None;
        for (value, weight) in values.iter() {
            // Each number stands in the middle of its weight; between two, the line.
            let here = (below + weight / 2.0) / total;
            if here >= share {
                return match before {
                    Some((place, left)) if value.is_finite() && left.is_finite() => {
                        left + (value - left) * (share - place) / (here - place)
                    }
                    _ => *value,
                };
            }
            before = Some((here, *value));
            below += weight;
        }
        before.map_or(f64::NAN, |(_, value)| value)
    })
}

#[cfg(test)]
mod tests {
    use super::quantiles;

    #[test]
    fn weighted_quantiles() {
        let mut equal: Vec<(f64, f64)> = (0..101).map(|i| (f64::from(100 - i), 1.0)).collect();
        let [low, middle, high] = quantiles(&mut equal, [0.05, 0.5, 0.95]);
        assert!((low - 4.55).abs() < 0.01 && middle == 50.0 && (high - 95.45).abs() < 0.01);
        let mut heavy = vec![(1.0, 1.0), (2.0, 98.0), (3.0, 1.0), (f64::NAN, 50.0)];
        assert!((quantiles(&mut heavy, [0.5])[0] - 2.0).abs() < 1e-9);
        let mut infinite = vec![(1.0, 1.0), (f64::INFINITY, 1.0)];
        assert_eq!(quantiles(&mut infinite, [0.1, 0.9]), [1.0, f64::INFINITY]);
        assert!(quantiles(&mut vec![(f64::NAN, 1.0)], [0.5])[0].is_nan());
    }
}
