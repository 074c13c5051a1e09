//! Constant powers of sums, terms and factors, each by the rules that hold for all signs.

use super::group::binomial;
use super::order::close;
use super::{Atom, CanonicalError, Factor, Function, MAX_EXPANDED, Product, Sum, Term};

type Result<T> = std::result::Result<T, CanonicalError>;

impl Sum {
    /// `self` to a constant power.
    pub fn power(&self, exponent: f64) -> Result<Sum> {
        let exponent = tidy(exponent);
        if let Some(value) = self.as_number() {
            return Sum::number(crate::expr::power(value, exponent));
        }
        if exponent == 0.0 {
            return Sum::number(1.0);
        }
        if exponent == 1.0 {
            return Ok(self.clone());
        }
        match self.terms.as_slice() {
            [term] if is_integer(exponent) => term.integer_power(exponent),
            [term] => term.real_power(exponent),
            _ => self.power_of_many(exponent),
        }
    }

    /// A power of a sum of several terms.
    pub(super) fn power_of_many(&self, exponent: f64) -> Result<Sum> {
        if !is_integer(exponent) {
            return self.grouped(exponent);
        }
        if exponent > 1.0 && binomial(self.terms.len(), exponent) <= MAX_EXPANDED {
            let mut result = self.clone();
            for _ in 1..exponent as usize {
                result = result.distributed(self)?;
            }
            return Ok(result);
        }
        // What was taken out may be a power of a sum that is short enough to multiply out.
        self.grouped(exponent)?.distributed(&Sum::number(1.0)?)
    }

    /// A power of a single atom with coefficient 1 (what `abs` returns), without rewriting.
    pub(super) fn power_of_atom(&self, exponent: f64) -> Result<Sum> {
        match self.terms.as_slice() {
            [
                Term {
                    coefficient,
                    product,
                },
            ] if product.factors.len() == 1 => {
                let mut factor = product.factors[0].clone();
                factor.exponent = tidy(factor.exponent * exponent);
                let scale = crate::expr::power(*coefficient, exponent);
                Sum::from(Product {
                    factors: vec![factor],
                })
                .times(scale)
            }
            _ => self.power(exponent),
        }
    }
}

impl Term {
    /// A power with an integer exponent: `(a*b)^n = a^n * b^n` holds for all signs.
    pub(super) fn integer_power(&self, exponent: f64) -> Result<Sum> {
        let coefficient = crate::expr::power(self.coefficient, exponent);
        let mut result = Sum::number(coefficient)?;
        if coefficient == 0.0 {
            return Err(CanonicalError::NotFinite);
        }
        for factor in &self.product.factors {
            result = result.multiplied(&factor.power(exponent)?)?;
        }
        Ok(result)
    }

    /// A power with another exponent. It has a value only where the term is positive, so only factors
    /// that are never negative may be taken out.
    pub(super) fn real_power(&self, exponent: f64) -> Result<Sum> {
        let (positive, rest): (Vec<_>, Vec<_>) = self
            .product
            .factors
            .iter()
            .cloned()
            .partition(Factor::is_never_negative);
        let scale = self.coefficient.abs().powf(exponent);
        if scale == 0.0 {
            return Err(CanonicalError::NotFinite);
        }
        let mut result = Sum::number(scale)?;
        for factor in &positive {
            result = result.multiplied(&factor.power(exponent)?)?;
        }
        let negative = self.coefficient < 0.0;
        let rest = match rest.as_slice() {
            [] if negative => return Err(CanonicalError::NotFinite),
            [] => return Ok(result),
            [factor] if !negative => factor.power(exponent)?,
            _ => {
                let coefficient = if negative { -1.0 } else { 1.0 };
                let term = Term {
                    coefficient,
                    product: Product::sorted(rest),
                };
                Sum { terms: vec![term] }.grouped(exponent)?
            }
        };
        result.multiplied(&rest)
    }
}

impl Factor {
    /// `(atom ^ e) ^ exponent`, where that is `atom ^ (e * exponent)` or `abs(atom) ^ (e * exponent)`.
    pub(super) fn power(&self, exponent: f64) -> Result<Sum> {
        let product = tidy(self.exponent * exponent);
        match &self.atom {
            Atom::Call(Function::Exp, argument) => argument.times(product)?.call(Function::Exp),
            Atom::Call(Function::Abs, argument) if is_even(product) => argument.power(product),
            atom if is_even(self.exponent) && !is_even(product) => Sum::atom(atom.clone())
                .call(Function::Abs)?
                .power_of_atom(product),
            Atom::Group(sum) if sum.is_expanded_at(product) => sum.power(product),
            Atom::Group(sum) if !is_integer(self.exponent) && is_integer(product) => {
                sum.power(product)
            }
            atom => {
                let factor = Factor {
                    atom: atom.clone(),
                    exponent: product,
                };
                Ok(Product {
                    factors: vec![factor],
                }
                .into())
            }
        }
    }

    /// Whether the factor is positive or zero wherever it has a value.
    pub(super) fn is_never_negative(&self) -> bool {
        let atom = matches!(self.atom, Atom::Call(Function::Exp | Function::Abs, _));
        atom || is_even(self.exponent) || !is_integer(self.exponent)
    }

    pub(super) fn is_exp(&self) -> bool {
        matches!(self.atom, Atom::Call(Function::Exp, _))
    }
}

pub(super) fn is_positive_integer(value: f64) -> bool {
    is_integer(value) && value > 0.0
}

pub(super) fn is_integer(value: f64) -> bool {
    value.fract() == 0.0
}

pub(super) fn is_even(value: f64) -> bool {
    is_integer(value) && value.rem_euclid(2.0) == 0.0
}

/// An exponent with rounding errors removed where it is a half or whole number but for these.
pub(super) fn tidy(exponent: f64) -> f64 {
    let nearest = (exponent * 2.0).round() / 2.0;
    if nearest != 0.0 && close(exponent, nearest) || (nearest == 0.0 && exponent.abs() < 1e-12) {
        nearest
    } else {
        exponent
    }
}
