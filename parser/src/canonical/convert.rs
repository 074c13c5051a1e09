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
            Expr::Unary(function, argument) => {
                let argument = Sum::from_expr(argument)?;
                match function {
                    Unary::Neg => argument.times(-1.0),
                    Unary::Sqrt => argument.power(0.5),
                    Unary::Sin => argument.call(Function::Sin),
                    Unary::Cos => argument.call(Function::Cos),
                    Unary::Tan => argument.call(Function::Tan),
                    Unary::Tanh => argument.call(Function::Tanh),
                    Unary::Exp => argument.call(Function::Exp),
                    Unary::Log => argument.call(Function::Log),
                    Unary::Abs => argument.call(Function::Abs),
                }
            }
            Expr::Binary(operator, left, right) => {
                let (left, right) = (Sum::from_expr(left)?, Sum::from_expr(right)?);
                match operator {
                    Binary::Add => left.plus(&right),
                    Binary::Sub => left.plus(&right.times(-1.0)?),
                    Binary::Mul => left.multiplied(&right),
                    Binary::Div => left.multiplied(&right.power(-1.0)?),
                    Binary::Pow => left.raised(&right),
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

fn unary(function: Function) -> Unary {
    match function {
        Function::Sin => Unary::Sin,
        Function::Cos => Unary::Cos,
        Function::Tan => Unary::Tan,
        Function::Tanh => Unary::Tanh,
        Function::Exp => Unary::Exp,
        Function::Log => Unary::Log,
        Function::Abs => Unary::Abs,
    }
}
