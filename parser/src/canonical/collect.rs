//! Like terms: how a list of terms becomes a sum with no term or constant that another one makes
//! redundant.

use super::order::close;
use super::{Atom, CanonicalError, Factor, Function, Product, Sum, Term};

type Result<T> = std::result::Result<T, CanonicalError>;

/// A sum of opposite coefficients this small, relatively, is 0 but for rounding.
const CANCELLED: f64 = 1e-13;
/// `R*log(S)` takes in a multiple `a*R` up to this `a`, so that `exp(a)` stays far from overflow.
const MAX_LOG_SHIFT: f64 = 200.0;

impl Sum {
    /// The canonical sum of terms whose products are canonical, in any order, repeated or not.
    pub(super) fn collect(terms: Vec<Term>) -> Result<Sum> {
        let mut terms = collect_logs(terms)?;
        if terms.len() > 1
            && terms
                .iter()
                .any(|term| term.product.simple_denominator().is_some())
        {
            terms = collect_logs(divide_out(terms)?)?;
        }
        Sum { terms }.within_limits()
    }
}

/// Like terms, logarithms of multiples of one sum included.
fn collect_logs(terms: Vec<Term>) -> Result<Vec<Term>> {
    if !terms.iter().any(|term| term.product.single_log().is_some()) {
        return merge_like(terms);
    }
    let mut terms = merge_like(open_logs(terms)?)?;
    close_logs(&mut terms)?;
    terms.sort_by(|a, b| a.product.order(&b.product));
    Ok(terms)
}

/// Sorts, adds up terms of the same product, and drops those that cancel.
fn merge_like(mut terms: Vec<Term>) -> Result<Vec<Term>> {
    terms.sort_by(|a, b| a.product.order(&b.product));
    let mut merged: Vec<Term> = Vec::with_capacity(terms.len());
    for term in terms {
        match merged.last_mut() {
            Some(last) if last.product.same(&term.product) => {
                let magnitude = last.coefficient.abs().max(term.coefficient.abs());
                last.coefficient += term.coefficient;
                if last.coefficient.abs() <= CANCELLED * magnitude {
                    last.coefficient = 0.0;
                }
            }
            _ => {
                merged.push(term);
                continue;
            }
        }
    }
    merged.retain(|term| term.coefficient != 0.0);
    if merged.iter().any(|term| !term.coefficient.is_finite()) {
        return Err(CanonicalError::NotFinite);
    }
    Ok(merged)
}

/// `b*R*log(s*S) = b*R*log(S) + b*log(s)*R`, with leading coefficient ±1 in `S`, so that logarithms of
/// the same `S` are like terms.
fn open_logs(terms: Vec<Term>) -> Result<Vec<Term>> {
    let mut opened = Vec::with_capacity(terms.len() + 2);
    for term in terms {
        match term.product.single_log() {
            Some((place, argument)) => {
                let (scale, unit) = argument.unit(false)?;
                if scale != 1.0 {
                    let shift = term.coefficient * scale.ln();
                    opened.push(Term {
                        coefficient: shift,
                        product: term.product.without(place),
                    });
                }
                let product = term
                    .product
                    .with_atom(place, Atom::Call(Function::Log, unit));
                opened.push(Term {
                    coefficient: term.coefficient,
                    product,
                });
            }
            None => opened.push(term),
        }
    }
    Ok(opened)
}

/// `a*R + b*R*log(S) = b*R*log(e^(a/b)*S)`: the inverse of [`open_logs`].
fn close_logs(terms: &mut Vec<Term>) -> Result<()> {
    let mut i = 0;
    while i < terms.len() {
        if let Some((place, argument)) = terms[i].product.single_log() {
            let rest = terms[i].product.without(place);
            let sibling = terms.iter().position(|term| term.product.same(&rest));
            let shift = sibling.map(|j| terms[j].coefficient / terms[i].coefficient);
            if let (Some(j), Some(shift)) = (sibling, shift)
                && shift.abs() <= MAX_LOG_SHIFT
            {
                let argument = argument.times(shift.exp())?;
                let atom = Atom::Call(Function::Log, argument);
                terms[i].product = terms[i].product.with_atom(place, atom);
                terms.remove(j);
                i -= usize::from(j < i);
            }
        }
        i += 1;
    }
    Ok(())
}

/// A product `R * P * (k + P)^-n`, seen as a quotient: what is needed to divide it out.
struct Quotient {
    /// The constant `k`.
    constant: f64,
    /// `R * (k + P)^-(n-1)`
    whole: Product,
    /// `R * (k + P)^-n`
    remainder: Product,
}

/// Divides out where that makes no term more: `P/(k+P) = 1 - k/(k+P)` if the sum has one of the two
/// products on the right already, and the other way round where the two are in that ratio. So equal
/// sums of such quotients get equal terms.
fn divide_out(mut terms: Vec<Term>) -> Result<Vec<Term>> {
    // Each division lowers a degree; the bound is for safety alone.
    for _ in 0..super::MAX_TERMS {
        let found = terms.iter().enumerate().find_map(|(i, term)| {
            let quotient = term.product.quotient()?;
            let mut others = terms.iter().enumerate().filter(|(j, _)| *j != i);
            others
                .any(|(_, other)| {
                    other.product.same(&quotient.whole) || other.product.same(&quotient.remainder)
                })
                .then_some((i, quotient))
        });
        let Some((i, quotient)) = found else { break };
        let coefficient = terms.remove(i).coefficient;
        terms.push(Term {
            coefficient,
            product: quotient.whole,
        });
        let coefficient = -coefficient * quotient.constant;
        terms.push(Term {
            coefficient,
            product: quotient.remainder,
        });
        terms = merge_like(terms)?;
    }
    undivide(terms)
}

/// `a*R*(k+P)^-(n-1) - a*k*R*(k+P)^-n = a*R*P*(k+P)^-n`.
fn undivide(mut terms: Vec<Term>) -> Result<Vec<Term>> {
    while let Some((i, j, product)) = undivisible(&terms) {
        let coefficient = terms[i].coefficient;
        terms.remove(i.max(j));
        terms.remove(i.min(j));
        terms.push(Term {
            coefficient,
            product,
        });
        terms = merge_like(terms)?;
    }
    Ok(terms)
}

/// Two terms in the ratio that [`undivide`] wants, and the product that replaces them.
fn undivisible(terms: &[Term]) -> Option<(usize, usize, Product)> {
    terms.iter().enumerate().find_map(|(j, remainder)| {
        let (place, constant, lead) = remainder.product.simple_denominator()?;
        let whole = remainder.product.with_exponent(place, 1.0);
        // Not the term itself: of exponents that differ by rounding only, 1 more is the same one.
        let mut others = terms.iter().enumerate();
        let (i, _) = others.find(|(i, term)| *i != j && term.product.same(&whole))?;
        let expected = -terms[i].coefficient * constant;
        let same = close(expected, remainder.coefficient);
        same.then(|| (i, j, remainder.product.clone().times_factor(&lead)))
    })
}

impl Product {
    /// The place and argument of the one logarithm among the factors, if there is exactly one, to the
    /// power 1.
    fn single_log(&self) -> Option<(usize, &Sum)> {
        let mut logs =
            self.factors
                .iter()
                .enumerate()
                .filter_map(|(i, factor)| match &factor.atom {
                    Atom::Call(Function::Log, argument) => Some((i, argument, factor.exponent)),
                    _ => None,
                });
        match (logs.next(), logs.next()) {
            (Some((i, argument, 1.0)), None) => Some((i, argument)),
            _ => None,
        }
    }

    /// The place of the one factor `(k + P)^-n` with `P` a power of a single atom, with `k` and `P`.
    fn simple_denominator(&self) -> Option<(usize, f64, Factor)> {
        self.factors.iter().enumerate().find_map(|(i, factor)| {
            let Atom::Group(group) = &factor.atom else {
                return None;
            };
            let [constant, lead] = group.terms.as_slice() else {
                return None;
            };
            let [base] = lead.product.factors.as_slice() else {
                return None;
            };
            let negative = factor.exponent < 0.0 && factor.exponent.fract() == 0.0;
            let simple =
                constant.product.is_one() && lead.coefficient == 1.0 && base.exponent > 0.0;
            (negative && simple).then(|| (i, constant.coefficient, base.clone()))
        })
    }

    /// This product as a quotient that can be divided out.
    fn quotient(&self) -> Option<Quotient> {
        let (place, constant, lead) = self.simple_denominator()?;
        let numerator = self.factors.iter().position(|f| f.atom.same(&lead.atom))?;
        if self.factors[numerator].exponent < lead.exponent {
            return None;
        }
        let divided = Factor {
            exponent: -lead.exponent,
            ..lead
        };
        let remainder = self.clone().times_factor(&divided);
        // The atom may have gone, and the denominator moved with it.
        let place = if remainder.factors.len() < self.factors.len() && numerator < place {
            place - 1
        } else {
            place
        };
        Some(Quotient {
            constant,
            whole: remainder.with_exponent(place, 1.0),
            remainder,
        })
    }

    /// Without the factor at `place`.
    fn without(&self, place: usize) -> Product {
        let mut factors = self.factors.clone();
        factors.remove(place);
        Product { factors }
    }

    /// With another atom at `place`.
    fn with_atom(&self, place: usize, atom: Atom) -> Product {
        let mut factors = self.factors.clone();
        factors[place].atom = atom;
        Product::sorted(factors)
    }

    /// With `change` added to the exponent at `place`.
    fn with_exponent(&self, place: usize, change: f64) -> Product {
        let mut product = self.clone();
        product.factors[place].exponent += change;
        if product.factors[place].exponent == 0.0 {
            product.factors.remove(place);
        }
        product
    }

    /// Times a power of an atom, exponents added.
    pub(super) fn times_factor(mut self, factor: &Factor) -> Product {
        match self
            .factors
            .iter()
            .position(|known| known.atom.same(&factor.atom))
        {
            Some(i) => self.with_exponent(i, factor.exponent),
            None => {
                self.factors.push(factor.clone());
                Product::sorted(self.factors)
            }
        }
    }
}
