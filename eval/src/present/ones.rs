//! Ones that need not be written, in a law whose constants have been rounded.

use nsode_parser::{Binary, Expr, Unary};

use super::terms::negated;

/// `expr` without factors, divisors and exponents of 1, and with `-x` for `-1*x`: the same function.
pub(super) fn without_ones(expr: &Expr) -> Expr {
    let (op, a, b) = match expr {
        Expr::Binary(op, a, b) => (*op, without_ones(a), without_ones(b)),
        Expr::Unary(Unary::Neg, a) => return negated(without_ones(a)),
        Expr::Unary(function, a) => return Expr::unary(*function, without_ones(a)),
        leaf => return leaf.clone(),
    };
    match (op, &a, &b) {
        (Binary::Mul, Expr::Number(1.0), _) => b,
        (Binary::Mul | Binary::Div | Binary::Pow, _, Expr::Number(1.0)) => a,
        (Binary::Mul, Expr::Number(-1.0), _) => negated(b),
        (Binary::Mul | Binary::Div, _, Expr::Number(-1.0)) => negated(a),
        (Binary::Pow, Expr::Number(1.0), _) => a,
        _ => Expr::binary(op, a, b),
    }
}
