//! Numbers in decimal: the shortest text that reads back as the same bits, and rounding for tables.

use crate::expr::Expr;

/// From this size down to [`SMALLEST_PLAIN`] numbers are written without an exponent.
const LARGEST_PLAIN: f64 = 1e7;

/// See [`LARGEST_PLAIN`].
const SMALLEST_PLAIN: f64 = 1e-4;

/// The shortest decimal text that reads back as exactly `value`: `2`, `0.79`, `-0`, `1e300`, `1.5e-7`.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() || size == 0.0 || (SMALLEST_PLAIN..LARGEST_PLAIN).contains(&size) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// The same tree with every number rounded to `digits` significant digits (at least one), for display.
pub fn rounded(expr: &Expr, digits: usize) -> Expr {
    expr.substitute(&|leaf| match leaf {
        Expr::Number(value) => Some(Expr::Number(significant(*value, digits))),
        _ => None,
    })
}

/// `value` to `digits` significant digits; unchanged where that is not a finite number.
fn significant(value: f64, digits: usize) -> f64 {
    // Seventeen digits tell any two numbers apart.
    let decimals = digits.clamp(1, 17) - 1;
    match format!("{value:.decimals$e}").parse::<f64>() {
        Ok(rounded) if rounded.is_finite() => rounded,
        _ => value,
    }
}
