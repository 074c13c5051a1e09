//! A sum taken apart into terms, and written again with signs between them and fractions under a bar.

use nsode_parser::{Binary, Expr, Unary};

use super::Definitions;
use super::shapes;

/// An exponent: fixed by the shape, or the old constant of that number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Exponent {
    Fixed(f64),
    Slot(usize),
}

impl Exponent {
    /// Its value.
    pub fn value(self, definitions: &Definitions) -> f64 {
        match self {
            Exponent::Fixed(value) => value,
            Exponent::Slot(k) => definitions.old(k),
        }
    }

    /// As an expression in old constants.
    pub fn definition(self) -> Expr {
        match self {
            Exponent::Fixed(value) => Expr::Number(value),
            Exponent::Slot(k) => Expr::Parameter(k),
        }
    }
}

/// A base, in old constants, to a power.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Factor {
    pub base: Expr,
    pub exponent: Exponent,
}

/// A coefficient times factors.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    /// An expression in old constants; `Number(±1)` where the shape has none.
    pub coefficient: Expr,
    pub factors: Vec<Factor>,
    /// Further factors, already in new constants.
    pub written: Vec<Expr>,
}

/// A whole right-hand side in customary form.
pub(super) fn write(rhs: &Expr, definitions: &mut Definitions) -> Expr {
    let mut terms = terms(rhs);
    terms.retain(|term| definitions.value(&term.coefficient) != 0.0);
    shapes::self_limited(&mut terms, definitions);
    shapes::saturating(&mut terms, definitions);
    shapes::relaxing(&mut terms, definitions);
    sum(&terms, definitions)
}

/// The terms of a tree.
pub(super) fn terms(expr: &Expr) -> Vec<Term> {
    let mut all = Vec::new();
    collect(expr, false, &mut all);
    all
}

fn collect(expr: &Expr, negative: bool, all: &mut Vec<Term>) {
    match expr {
        Expr::Binary(Binary::Add, a, b) => {
            collect(a, negative, all);
            collect(b, negative, all);
        }
        Expr::Binary(Binary::Sub, a, b) => {
            collect(a, negative, all);
            collect(b, !negative, all);
        }
        Expr::Unary(Unary::Neg, a) => collect(a, !negative, all),
        _ => {
            let sign = if negative { -1.0 } else { 1.0 };
            let mut term = Term {
                coefficient: Expr::Number(sign),
                factors: Vec::new(),
                written: Vec::new(),
            };
            multiply(expr, false, &mut term);
            all.push(term);
        }
    }
}

/// Multiplies `term` by `expr`, or divides it.
fn multiply(expr: &Expr, inverted: bool, term: &mut Term) {
    match expr {
        Expr::Binary(Binary::Mul, a, b) => {
            multiply(a, inverted, term);
            multiply(b, inverted, term);
        }
        Expr::Binary(Binary::Div, a, b) => {
            multiply(a, inverted, term);
            multiply(b, !inverted, term);
        }
        Expr::Parameter(_) | Expr::Number(_) => {
            let before = std::mem::replace(&mut term.coefficient, Expr::Number(1.0));
            term.coefficient = match (before, inverted) {
                (Expr::Number(1.0), false) => expr.clone(),
                (Expr::Number(-1.0), false) => negated(expr.clone()),
                (before, false) => before * expr.clone(),
                (before, true) => before / expr.clone(),
            };
        }
        _ => {
            let (base, exponent) = match expr {
                Expr::Unary(Unary::Sqrt, a) => (a.as_ref(), Exponent::Fixed(0.5)),
                Expr::Binary(Binary::Pow, a, b) => match b.as_ref() {
                    Expr::Number(value) => (a.as_ref(), Exponent::Fixed(*value)),
                    Expr::Parameter(k) if !inverted => (a.as_ref(), Exponent::Slot(*k)),
                    _ => (expr, Exponent::Fixed(1.0)),
                },
                _ => (expr, Exponent::Fixed(1.0)),
            };
            let exponent = match exponent {
                Exponent::Fixed(value) if inverted => Exponent::Fixed(-value),
                other => other,
            };
            term.factors.push(Factor {
                base: base.clone(),
                exponent,
            });
        }
    }
}

/// `expr` with the other sign, without a sign that could be avoided.
pub(super) fn negated(expr: Expr) -> Expr {
    match expr {
        Expr::Number(value) => Expr::Number(-value),
        Expr::Unary(Unary::Neg, inner) => *inner,
        other => -other,
    }
}

/// The sum of `terms` in new constants: a positive one first, then signs between magnitudes.
pub(super) fn sum(terms: &[Term], definitions: &mut Definitions) -> Expr {
    let negative = |term: &Term, d: &Definitions| d.value(&term.coefficient) < 0.0;
    let lead = terms
        .iter()
        .position(|t| !negative(t, definitions))
        .unwrap_or(0);
    let Some(first) = terms.get(lead) else {
        return Expr::Number(0.0);
    };
    let mut result = term(first, false, definitions);
    for (i, other) in terms.iter().enumerate() {
        if i == lead {
            continue;
        }
        result = match negative(other, definitions) {
            true => result - term(other, true, definitions),
            false => result + term(other, false, definitions),
        };
    }
    result
}

/// One term in new constants, with the sign changed if `flip` says so.
fn term(term: &Term, flip: bool, definitions: &mut Definitions) -> Expr {
    let mut coefficient = match flip {
        true => negated(term.coefficient.clone()),
        false => term.coefficient.clone(),
    };
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for factor in &term.factors {
        let coefficient = &mut coefficient;
        let others = &term.factors;
        let (inverted, tree) =
            if let Some(tree) = shapes::logarithm(factor, coefficient, definitions) {
                (false, tree)
            } else if let Some(tree) = shapes::repressed(factor, others, coefficient, definitions) {
                (true, tree)
            } else {
                self::factor(factor, definitions)
            };
        if inverted { &mut below } else { &mut above }.push(tree);
    }
    above.extend(term.written.iter().cloned());
    // What is exactly 1 was set, or came out so, and is not written.
    let value = definitions.value(&coefficient);
    match (value.abs() == 1.0, above.first_mut()) {
        (true, Some(first)) if value < 0.0 => *first = negated(first.clone()),
        (true, Some(_)) => {}
        (true, None) => above.push(Expr::Number(value)),
        (false, _) => above.insert(0, definitions.constant(coefficient)),
    }
    let product = |trees: Vec<Expr>| trees.into_iter().reduce(|a, b| a * b);
    let above = product(above).unwrap_or(Expr::Number(1.0));
    match product(below) {
        Some(below) => above / below,
        None => above,
    }
}

/// A factor, or its inverse, in new constants; and whether it is the inverse.
fn factor(factor: &Factor, definitions: &mut Definitions) -> (bool, Expr) {
    let base = base(&factor.base, definitions);
    let value = factor.exponent.value(definitions);
    let inverted = value < 0.0;
    let tree = match factor.exponent {
        _ if value.abs() == 1.0 => base,
        Exponent::Fixed(_) if value.abs() == 0.5 => Expr::unary(Unary::Sqrt, base),
        exponent => {
            let exponent = match inverted {
                true => negated(exponent.definition()),
                false => exponent.definition(),
            };
            let exponent = definitions.constant(exponent);
            base.pow(exponent)
        }
    };
    (inverted, tree)
}

/// The base of a power, or the argument of a function, in new constants.
fn base(expr: &Expr, definitions: &mut Definitions) -> Expr {
    match expr {
        Expr::Unary(Unary::Neg, _) => sum(&terms(expr), definitions),
        Expr::Unary(function, argument) => {
            let argument = sum(&terms(argument), definitions);
            Expr::unary(*function, argument)
        }
        Expr::Binary(..) => {
            let terms = terms(expr);
            shapes::half_saturation(&terms, definitions).unwrap_or_else(|| sum(&terms, definitions))
        }
        leaf => leaf.clone(),
    }
}
