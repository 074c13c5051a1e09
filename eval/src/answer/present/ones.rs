//! Ones and signs that need not be written, in a law whose constants have been rounded.

use nsode_parser::{Binary, Expr, Unary};

use super::terms::negated;

/// `expr` without factors, divisors and exponents of 1, with `-x` for `-1*x`, and with `a + 2*x` for `a - (-2*x)`: the
/// same function.
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
        (Binary::Add, ..) => match positive(&b) {
            Some(b) => a - b,
            None => a + b,
        },
        (Binary::Sub, ..) => match positive(&b) {
            Some(b) => a + b,
            None => a - b,
        },
        _ => Expr::binary(op, a, b),
    }
}

/// The negative of what begins with a minus.
fn positive(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Number(value) if *value < 0.0 => Some(Expr::Number(-value)),
        Expr::Unary(Unary::Neg, a) => Some(a.as_ref().clone()),
        Expr::Binary(op @ (Binary::Mul | Binary::Div), a, b) => {
            Some(Expr::binary(*op, positive(a)?, b.as_ref().clone()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::Names;
    use nsode_parser::infix::parse_expr;
    use nsode_parser::print::infix;

    #[test]
    fn what_need_not_be_written() {
        let names = Names::default_for(1);
        for (law, expected) in [
            ("1*y - -2*y^2", "y + 2*y^2"),
            ("3*y + -2*y/4", "3*y - 2*y/4"),
            ("y - (-y)", "y + y"),
            ("-1*y^1 + 2", "-y + 2"),
            ("y - 2*-3", "y - 2*(-3)"),
        ] {
            let tree = parse_expr(law, &names).unwrap();
            assert_eq!(infix(&without_ones(&tree), &names), expected);
        }
    }
}
