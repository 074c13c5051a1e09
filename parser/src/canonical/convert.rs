//! From expression trees to canonical sums and back.

use super::{Atom, CanonicalError, Factor, Function, Sum, Term};
use crate::expr::{Binary, Expr, Unary};
use crate::scaling::Scaling;

type Result<T> = std::result::Result<T, CanonicalError>;

impl Sum {
    /// The canonical form of an expression.
    ///
    /// # Errors
    /// [`CanonicalError`] where a constant part is not finite, a parameter has no value, or the form
    /// grows too large.
    pub fn from_expr(expr: &Expr) -> Result<Sum> {
        match expr {
            Expr::Number(value) => Sum::number(*value),
            Expr::Parameter(k) => Err(CanonicalError::Parameter(*k)),
            Expr::Time => Ok(Sum::atom(Atom::Time)),
            Expr::State(i) => Ok(Sum::atom(Atom::State(*i))),
            Expr::Unary(Unary::Neg, argument) => Sum::from_expr(argument)?.times(-1.0),
            Expr::Unary(Unary::Sqrt, argument) => power_of(argument, 0.5),
            Expr::Unary(function, argument) => {
                let argument = Sum::from_expr(argument)?;
                FUNCTIONS
                    .iter()
                    .find(|(unary, _)| unary == function)
                    .map_or(Ok(argument.clone()), |(_, function)| {
                        argument.call(*function)
                    })
            }
            Expr::Binary(Binary::Add, left, right) => {
                Sum::from_expr(left)?.plus(&Sum::from_expr(right)?)
            }
            Expr::Binary(Binary::Sub, left, right) => {
                Sum::from_expr(left)?.plus(&Sum::from_expr(right)?.times(-1.0)?)
            }
            Expr::Binary(Binary::Mul, left, right) => {
                Sum::from_expr(left)?.multiplied(&Sum::from_expr(right)?)
            }
            Expr::Binary(Binary::Div, left, right) => {
                Sum::from_expr(left)?.multiplied(&power_of(right, -1.0)?)
            }
            Expr::Binary(Binary::Pow, base, exponent) => {
                let exponent = Sum::from_expr(exponent)?;
                match exponent.as_number() {
                    Some(value) => power_of(base, value),
                    // a^b = exp(b * log(a)): it has a value in general only for positive a.
                    None => {
                        let log = Sum::from_expr(base)?.call(Function::Log)?;
                        exponent.multiplied(&log)?.call(Function::Exp)
                    }
                }
            }
        }
    }

    /// This sum as a function of the states and time of `scaling`, its own value in old units.
    pub(super) fn in_units(&self, scaling: &Scaling) -> Result<Sum> {
        let mut terms = Vec::with_capacity(self.terms.len());
        for term in &self.terms {
            let mut product = Sum::number(term.coefficient)?;
            for factor in &term.product.factors {
                let base = match &factor.atom {
                    Atom::State(i) => {
                        let unit = scaling.states.get(*i).copied().unwrap_or(1.0);
                        Sum::atom(Atom::State(*i)).times(unit)?
                    }
                    Atom::Time => Sum::atom(Atom::Time)
                        .times(scaling.time)?
                        .plus(&Sum::number(scaling.origin)?)?,
                    Atom::Call(function, argument) => {
                        argument.in_units(scaling)?.call(*function)?
                    }
                    Atom::Group(group) => group.in_units(scaling)?,
                };
                let power = match factor.exponent {
                    // Too long to multiply out before, so too long now.
                    1.0 if base.terms.len() > 1 => base.grouped(1.0)?,
                    exponent => base.power(exponent)?,
                };
                product = product.multiplied(&power)?;
            }
            terms.extend(product.terms);
        }
        Sum::collect(terms)
    }

    /// The tree, numbers in place: what a person would write for this form.
    pub fn to_expr(&self) -> Expr {
        self.to_expr_with(&mut Expr::Number)
    }

    /// The tree, with `slot` called on each constant that is free, in slot order: the leading constant
    /// of a term, then its factors from left to right, an exponent before its base. Leading coefficients
    /// that the form fixes to ±1, and exponents that are operators of the token language, are no slots.
    pub(crate) fn to_expr_with(&self, slot: &mut impl FnMut(f64) -> Expr) -> Expr {
        sum_expr(self, None, slot)
    }
}

/// The canonical form of `expr ^ exponent`. Powers and products inside are not multiplied out first, so
/// that `1/(1 + y)^2` keeps its base.
fn power_of(expr: &Expr, exponent: f64) -> Result<Sum> {
    let integer = exponent.fract() == 0.0;
    match expr {
        Expr::Binary(Binary::Mul, a, b) if integer => {
            power_of(a, exponent)?.multiplied(&power_of(b, exponent)?)
        }
        Expr::Binary(Binary::Div, a, b) if integer => {
            power_of(a, exponent)?.multiplied(&power_of(b, -exponent)?)
        }
        Expr::Unary(Unary::Neg, a) if integer => {
            power_of(a, exponent)?.times(crate::expr::power(-1.0, exponent))
        }
        Expr::Unary(Unary::Sqrt, a) => power_of(a, exponent * 0.5),
        Expr::Binary(Binary::Pow, a, inner) => match inner.as_ref() {
            // (a^2)^0.5 is |a|; with any other inner exponent the two just multiply.
            Expr::Number(inner) if integer || inner.rem_euclid(2.0) != 0.0 => {
                power_of(a, inner * exponent)
            }
            _ => Sum::from_expr(expr)?.power(exponent),
        },
        _ => Sum::from_expr(expr)?.power(exponent),
    }
}

/// The tree of a sum; the coefficient of the term at `fixed` is no slot.
fn sum_expr(sum: &Sum, fixed: Option<usize>, slot: &mut impl FnMut(f64) -> Expr) -> Expr {
    let mut result: Option<Expr> = None;
    for (i, term) in sum.terms.iter().enumerate() {
        let constant = match fixed == Some(i) {
            true => Expr::Number(term.coefficient),
            false => slot(term.coefficient),
        };
        let (negative, tree) = term_expr(constant, term, slot);
        result = Some(match (result, negative) {
            (None, false) => tree,
            (None, true) => -tree,
            (Some(left), false) => left + tree,
            (Some(left), true) => left - tree,
        });
    }
    result.unwrap_or(Expr::Number(0.0))
}

/// The tree of a term without its sign, and whether the sign is negative.
fn term_expr(constant: Expr, term: &Term, slot: &mut impl FnMut(f64) -> Expr) -> (bool, Expr) {
    let (negative, constant) = match constant {
        Expr::Number(value) if value < 0.0 => (true, Expr::Number(-value)),
        other => (false, other),
    };
    if term.product.is_one() {
        // A lone number keeps its sign inside, as text does.
        return (negative, constant);
    }
    let mut above: Option<Expr> = match constant {
        Expr::Number(1.0) => None,
        other => Some(other),
    };
    let mut below: Option<Expr> = None;
    for factor in &term.product.factors {
        let (inverted, tree) = factor_expr(factor, slot);
        let side = if inverted { &mut below } else { &mut above };
        *side = Some(match side.take() {
            Some(left) => left * tree,
            None => tree,
        });
    }
    let above = above.unwrap_or(Expr::Number(1.0));
    let tree = match below {
        Some(below) => above / below,
        None => above,
    };
    (negative, tree)
}

/// The tree of a factor, or of its inverse, and whether it is the inverse.
fn factor_expr(factor: &Factor, slot: &mut impl FnMut(f64) -> Expr) -> (bool, Expr) {
    let is_slot = !super::is_operator(factor.exponent);
    let exponent = if is_slot {
        Some(slot(factor.exponent))
    } else {
        None
    };
    let base = match &factor.atom {
        Atom::State(i) => Expr::State(*i),
        Atom::Time => Expr::Time,
        Atom::Group(sum) => sum_expr(sum, sum.lead(), slot),
        Atom::Call(function, sum) => {
            let fixed = if *function == Function::Abs {
                sum.lead()
            } else {
                None
            };
            Expr::unary(unary(*function), sum_expr(sum, fixed, slot))
        }
    };
    let magnitude = factor.exponent.abs();
    match exponent {
        Some(Expr::Number(value)) if value < 0.0 => (true, base.pow(Expr::Number(-value))),
        Some(exponent) => (false, base.pow(exponent)),
        None if magnitude == 1.0 => (factor.exponent < 0.0, base),
        None if magnitude == 0.5 => (factor.exponent < 0.0, Expr::unary(Unary::Sqrt, base)),
        None => (factor.exponent < 0.0, base.pow(Expr::Number(magnitude))),
    }
}

const FUNCTIONS: [(Unary, Function); 7] = [
    (Unary::Sin, Function::Sin),
    (Unary::Cos, Function::Cos),
    (Unary::Tan, Function::Tan),
    (Unary::Tanh, Function::Tanh),
    (Unary::Exp, Function::Exp),
    (Unary::Log, Function::Log),
    (Unary::Abs, Function::Abs),
];

fn unary(function: Function) -> Unary {
    // The table is complete, so the fallback is never taken.
    FUNCTIONS
        .iter()
        .find(|(_, f)| *f == function)
        .map_or(Unary::Abs, |(unary, _)| *unary)
}
