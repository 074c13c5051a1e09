//! Exact derivatives of expression trees, by a state, a parameter or time.
//!
//! The rules are the textbook's. Results are folded lightly while they are built (`0*a`, `1*a`, `a + 0`,
//! `a^1`, numbers with numbers), so that a derivative stays about as long as the function; deeper
//! simplification is the business of [`crate::canonical`]. Folding `0*a` to `0` means that a derivative can
//! be finite where the function is not; a function's domain is the function's to say.

use crate::expr::{Binary, Expr, Unary, power};

/// What a derivative is taken by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variable {
    /// The `i`-th state, counted from 0.
    State(usize),
    /// The `k`-th parameter, counted from 0.
    Parameter(usize),
    /// The independent variable, where it occurs explicitly.
    Time,
}

/// The partial derivative of `expr` by `by`, exact and lightly folded.
///
/// A power whose exponent does not contain `by` is differentiated by the power rule, so no logarithm of the
/// base appears: `d(y^3)/dy` is fine for negative `y`. `|a|` has the derivative `a/|a|`, which is NaN at 0.
pub fn derivative(expr: &Expr, by: Variable) -> Expr {
    match expr {
        Expr::Number(_) => number(0.0),
        Expr::Parameter(k) => number(f64::from(by == Variable::Parameter(*k))),
        Expr::State(i) => number(f64::from(by == Variable::State(*i))),
        Expr::Time => number(f64::from(by == Variable::Time)),
        Expr::Unary(function, a) => {
            let inner = derivative(a, by);
            if is(&inner, 0.0) {
                return number(0.0);
            }
            chain(*function, expr, a, inner)
        }
        Expr::Binary(op, a, b) => {
            let (da, db) = (derivative(a, by), derivative(b, by));
            match op {
                Binary::Add => add(da, db),
                Binary::Sub => sub(da, db),
                Binary::Mul => add(mul(da, (**b).clone()), mul((**a).clone(), db)),
                // (a/b)' = (a' - (a/b) b') / b keeps the quotient as a common subexpression.
                Binary::Div => div(sub(da, mul(expr.clone(), db)), (**b).clone()),
                Binary::Pow => power_rule(expr, a, b, da, db),
            }
        }
    }
}

/// `f(a)'` for `whole = f(a)` and `inner = a'`, which is not the number 0.
fn chain(function: Unary, whole: &Expr, a: &Expr, inner: Expr) -> Expr {
    let whole = || whole.clone();
    let of = |f: Unary| Expr::unary(f, a.clone());
    let square = |e: Expr| Expr::pow(e, number(2.0));
    match function {
        Unary::Neg => neg(inner),
        Unary::Sin => mul(of(Unary::Cos), inner),
        Unary::Cos => neg(mul(of(Unary::Sin), inner)),
        Unary::Tan => mul(add(number(1.0), square(whole())), inner),
        Unary::Tanh => mul(sub(number(1.0), square(whole())), inner),
        Unary::Exp => mul(whole(), inner),
        Unary::Log => div(inner, a.clone()),
        Unary::Sqrt => div(inner, mul(number(2.0), whole())),
        Unary::Abs => mul(div(a.clone(), whole()), inner),
    }
}

/// `(a^b)'` for `whole = a^b`.
fn power_rule(whole: &Expr, a: &Expr, b: &Expr, da: Expr, db: Expr) -> Expr {
    match (is(&da, 0.0), is(&db, 0.0)) {
        (true, true) => number(0.0),
        (false, true) => {
            let lower = pow(a.clone(), sub(b.clone(), number(1.0)));
            mul(mul(b.clone(), lower), da)
        }
        (true, false) => mul(mul(whole.clone(), log(a)), db),
        (false, false) => mul(
            whole.clone(),
            add(mul(db, log(a)), div(mul(b.clone(), da), a.clone())),
        ),
    }
}

fn number(value: f64) -> Expr {
    Expr::Number(value)
}

fn is(expr: &Expr, value: f64) -> bool {
    matches!(expr, Expr::Number(v) if *v == value)
}

fn log(a: &Expr) -> Expr {
    Expr::unary(Unary::Log, a.clone())
}

fn neg(a: Expr) -> Expr {
    match a {
        Expr::Number(v) => number(0.0 - v),
        Expr::Unary(Unary::Neg, inner) => *inner,
        other => -other,
    }
}

fn add(a: Expr, b: Expr) -> Expr {
    match (a, b) {
        (Expr::Number(x), Expr::Number(y)) => number(x + y),
        (a, b) if is(&a, 0.0) => b,
        (a, b) if is(&b, 0.0) => a,
        (a, Expr::Unary(Unary::Neg, b)) => a - *b,
        (a, b) => a + b,
    }
}

fn sub(a: Expr, b: Expr) -> Expr {
    match (a, b) {
        (Expr::Number(x), Expr::Number(y)) => number(x - y),
        (a, b) if is(&b, 0.0) => a,
        (a, b) if is(&a, 0.0) => neg(b),
        (a, Expr::Unary(Unary::Neg, b)) => a + *b,
        (a, b) => a - b,
    }
}

fn mul(a: Expr, b: Expr) -> Expr {
    match (a, b) {
        (Expr::Number(x), Expr::Number(y)) => number(x * y),
        (a, b) if is(&a, 0.0) || is(&b, 0.0) => number(0.0),
        (a, b) if is(&a, 1.0) => b,
        (a, b) if is(&b, 1.0) => a,
        (a, b) if is(&a, -1.0) => neg(b),
        (a, b) if is(&b, -1.0) => neg(a),
        (a, b) => a * b,
    }
}

fn div(a: Expr, b: Expr) -> Expr {
    match (a, b) {
        (Expr::Number(x), Expr::Number(y)) if y != 0.0 => number(x / y),
        (a, _) if is(&a, 0.0) => number(0.0),
        (a, b) if is(&b, 1.0) => a,
        (a, b) => a / b,
    }
}

fn pow(a: Expr, b: Expr) -> Expr {
    match (a, b) {
        (Expr::Number(x), Expr::Number(y)) => number(power(x, y)),
        (_, b) if is(&b, 0.0) => number(1.0),
        (a, b) if is(&b, 1.0) => a,
        (a, b) => a.pow(b),
    }
}
