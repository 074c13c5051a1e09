//! How finely values were written down. Rounding is an error that data show by themselves: values have so many
//! decimals, or so many significant digits.

/// Digits from which a value counts as not rounded.
const FULL: i32 = 12;

/// Significant digits and the decimal exponent of a value, in the shortest text that stands for it.
fn digits(value: f64) -> Option<(i32, i32)> {
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e')?;
    let digits = mantissa.chars().filter(char::is_ascii_digit).count();
    Some((i32::try_from(digits).ok()?, exponent.parse().ok()?))
}

/// The step to which each of `values` of one state was rounded: that of the finest decimals in the column, or of the
/// most significant digits, whichever is coarser for the value. 0 for values that were not rounded, and for NaN.
pub(super) fn steps(values: &[f64]) -> Vec<f64> {
    let seen = values.iter().filter(|y| y.is_finite() && **y != 0.0);
    let all: Vec<(i32, i32)> = seen.filter_map(|y| digits(*y)).collect();
    let significant = all.iter().map(|(digits, _)| *digits).max().unwrap_or(FULL);
    let finest = all.iter().map(|(digits, exponent)| exponent - digits + 1);
    let decimals = finest.min().unwrap_or(0);
    let step = |y: &f64| {
        let own = match digits(*y) {
            Some((_, exponent)) if *y != 0.0 => exponent - significant + 1,
            _ => decimals,
        };
        10f64.powi(own.max(decimals))
    };
    match significant >= FULL {
        true => vec![0.0; values.len()],
        false => values
            .iter()
            .map(|y| if y.is_finite() { step(y) } else { 0.0 })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn decimals_and_significant_digits_are_told_apart() {
        let near = |found: Vec<f64>, expected: &[f64]| {
            assert_eq!(found.len(), expected.len());
            for (a, b) in found.iter().zip(expected) {
                assert!((a - b).abs() <= 1e-12 * b, "{found:?} {expected:?}");
            }
        };
        near(steps(&[9.73, 0.02, 151.13, 0.0]), &[0.01; 4]);
        near(steps(&[9.73, 0.0214, 151.0]), &[0.01, 1e-4, 1.0]);
        near(steps(&[18.0, 20.0, 4100.0]), &[1.0, 1.0, 100.0]);
        near(steps(&[1.0 / 3.0, 2.5, f64::NAN]), &[0.0; 3]);
    }
}
