//! Numbers for people: as many digits as their standard error leaves.

/// Significant digits of a number whose error is unknown.
const UNKNOWN: i32 = 4;

/// Most significant digits that are ever shown.
const MOST: i32 = 8;

/// A standard error of so many times its value says that the data leave it open.
const OPEN: f64 = 1e4;

/// `value` rounded to the first digit of its standard error; to four significant digits if that is unknown
/// or zero. Never to less than two digits, which a constant that the data hardly determine keeps.
pub fn rounded(value: f64, stderr: Option<f64>) -> f64 {
    to_place(value, place(value, stderr))
}

/// The power of ten of the last digit that [`rounded`] keeps.
pub(crate) fn place(value: f64, stderr: Option<f64>) -> i32 {
    let place = match usable(stderr) {
        Some(error) => exponent(error),
        None => exponent(value) - UNKNOWN + 1,
    };
    clamped(value, place)
}

/// The power of ten of the last digit that is ever shown of a value.
pub(crate) fn finest(value: f64) -> i32 {
    exponent(value) - MOST + 1
}

/// `0.5470 ± 0.0040`: value and standard error to two digits of the latter; the value to four digits and
/// `± ?` if it is unknown.
pub fn with_error(value: f64, stderr: Option<f64>) -> String {
    if !value.is_finite() {
        return format!("{value}");
    }
    let (place, error) = match usable(stderr) {
        // In one unit, either would be a row of zeros.
        Some(error) if value != 0.0 && error > OPEN * value.abs() => {
            return format!("{} ± {}", significant(value, 2), significant(error, 2));
        }
        Some(error) => (clamped(value, exponent(error) - 1), Some(error)),
        None => (clamped(value, exponent(value) - UNKNOWN + 1), None),
    };
    let size = exponent(value.abs().max(error.unwrap_or(0.0)));
    if (-4..7).contains(&size) {
        let decimals = usize::try_from(-place).unwrap_or(0);
        let value = to_place(value, place);
        match (error, stderr) {
            (Some(error), _) => {
                format!("{value:.decimals$} ± {:.decimals$}", at_least(error, place))
            }
            (None, Some(0.0)) => format!("{value:.decimals$}"),
            (None, _) => format!("{value:.decimals$} ± ?"),
        }
    } else {
        let unit = 10f64.powi(size);
        let decimals = usize::try_from(size - place).unwrap_or(0);
        let value = to_place(value, place) / unit;
        match (error, stderr) {
            (Some(error), _) => {
                let error = at_least(error, place) / unit;
                format!("({value:.decimals$} ± {error:.decimals$})e{size}")
            }
            (None, Some(0.0)) => format!("{value:.decimals$}e{size}"),
            (None, _) => format!("{value:.decimals$}e{size} ± ?"),
        }
    }
}

/// `value` to `digits` significant digits, as the shortest text.
pub fn significant(value: f64, digits: i32) -> String {
    nsode_parser::print::number(to_place(value, exponent(value) - digits + 1))
}

/// A place on an axis whose neighbours are `step` away, to a hundredth of that: times keep as many digits as tell them
/// apart, whatever they are counted from. Six significant digits at least.
pub fn place_on_axis(value: f64, step: f64) -> String {
    let coarse = exponent(value) - 5;
    let place = match usable(Some(step)) {
        Some(step) => coarse.min(exponent(step) - 2),
        None => coarse,
    };
    let value = to_place(value, place);
    match (-5..15).contains(&exponent(value)) {
        true => {
            let decimals = usize::try_from(-place).unwrap_or(0);
            let text = format!("{value:.decimals$}");
            match decimals {
                0 => text,
                _ => text.trim_end_matches('0').trim_end_matches('.').to_string(),
            }
        }
        false => nsode_parser::print::number(value),
    }
}

/// An error that says something.
fn usable(stderr: Option<f64>) -> Option<f64> {
    stderr.filter(|e| e.is_finite() && *e > 0.0)
}

/// The power of ten of the first digit of `value`; 0 for 0.
fn exponent(value: f64) -> i32 {
    match value.abs() {
        size if size > 0.0 && size.is_finite() => {
            // Through text, so that 0.001 has −3 in spite of rounding.
            let text = format!("{size:e}");
            text.rsplit('e')
                .next()
                .and_then(|e| e.parse().ok())
                .unwrap_or(0)
        }
        _ => 0,
    }
}

/// `place`, kept to 2 to [`MOST`] significant digits of `value`.
fn clamped(value: f64, place: i32) -> i32 {
    match value == 0.0 {
        true => place,
        false => place.clamp(finest(value), exponent(value) - 1),
    }
}

/// `value` to the digit of 10^`place`: the double nearest to that decimal number.
pub(crate) fn to_place(value: f64, place: i32) -> f64 {
    let digits = exponent(value) - place;
    let text = match usize::try_from(digits) {
        Ok(digits) => format!("{value:.digits$e}"),
        Err(_) => return if value == 0.0 { value } else { 0.0 * value },
    };
    text.parse().unwrap_or(value)
}

/// `error` to two digits, but at least 10^`place`.
fn at_least(error: f64, place: i32) -> f64 {
    to_place(error, exponent(error) - 1).max(10f64.powi(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_by_the_error() {
        for (value, stderr, expected) in [
            (0.547_031, Some(0.004), 0.547),
            (663.022, Some(1.7), 663.0),
            (663.022, Some(17.0), 660.0),
            (-0.02771, Some(0.0007), -0.0277),
            (0.5, Some(3.0), 0.5),
            (1.23456789, None, 1.235),
            (1.0, Some(0.0), 1.0),
            (0.0, Some(0.1), 0.0),
            (9.9996e-9, Some(1e-12), 1.0e-8),
            (1.23456789e12, Some(1.0), 1.2345679e12),
        ] {
            assert_eq!(rounded(value, stderr), expected, "{value} ± {stderr:?}");
        }
    }

    #[test]
    fn values_with_their_errors() {
        for (value, stderr, expected) in [
            (0.547_031, Some(0.004), "0.5470 ± 0.0040"),
            (663.022, Some(1.68), "663.0 ± 1.7"),
            (663.022, Some(168.0), "660 ± 170"),
            (663.022, Some(1680.0), "660 ± 1700"),
            (-0.02771, None, "-0.02771 ± ?"),
            (2.0, Some(0.0), "2.000"),
            (0.0, Some(0.012), "0.000 ± 0.012"),
            (5.4703e-9, Some(4.1e-11), "(5.470 ± 0.041)e-9"),
            (5.4703e12, Some(4.1e10), "(5.470 ± 0.041)e12"),
            (f64::NAN, None, "NaN"),
        ] {
            assert_eq!(with_error(value, stderr), expected, "{value} ± {stderr:?}");
        }
    }

    #[test]
    fn significant_digits() {
        assert_eq!(significant(0.99987654, 4), "0.9999");
        assert_eq!(significant(-812.345, 4), "-812.3");
        assert_eq!(significant(0.0, 3), "0");
    }

    #[test]
    fn times_are_told_apart() {
        for (time, step, expected) in [
            (2_460_123.512_345, 0.25, "2460123.512"),
            (1.753e9 + 60.0, 60.0, "1753000060"),
            (0.123_456_789, 0.5, "0.123457"),
            (12.0, 0.0, "12"),
            (12.0, f64::NAN, "12"),
        ] {
            assert_eq!(place_on_axis(time, step), expected);
        }
    }
}
