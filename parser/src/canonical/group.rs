//! Sums as factors: what is taken out of a sum before its power becomes one, and when a product of such
//! powers is short enough to be multiplied out.

use super::power::{is_integer, is_positive_integer, tidy};
use super::{Atom, CanonicalError, Factor, Function, MAX_EXPANDED, Product, Sum, Term};

type Result<T> = std::result::Result<T, CanonicalError>;

impl Sum {
    /// What divides every term: each atom to its least exponent, negative ones included, so that what
    /// remains has no negative power of an atom. Left alone are atoms whose powers have rules of their
    /// own: `exp`, `abs`, and sums to an exponent that is no integer.
    pub(super) fn content(&self) -> Product {
        let mut factors: Vec<Factor> = Vec::new();
        let all = self.terms.iter().flat_map(|term| &term.product.factors);
        for factor in all {
            if factors.iter().any(|known| known.atom.same(&factor.atom)) {
                continue;
            }
            let least = self
                .terms
                .iter()
                .map(|term| term.product.exponent_of(&factor.atom))
                .fold(f64::INFINITY, f64::min);
            let plain = match &factor.atom {
                Atom::Call(Function::Exp | Function::Abs, _) => false,
                Atom::Group(_) => is_integer(least),
                _ => true,
            };
            if plain && least != 0.0 {
                factors.push(Factor {
                    atom: factor.atom.clone(),
                    exponent: least,
                });
            }
        }
        Product::sorted(factors)
    }

    /// `self ^ exponent` as a single term, not multiplied out: its scale, and for integer exponents its
    /// sign and what divides every term, are taken out.
    pub(super) fn grouped(&self, exponent: f64) -> Result<Sum> {
        let content = match is_integer(exponent) {
            true => self.content(),
            false => Product::default(),
        };
        if content.is_one() {
            return self.unit_power(exponent);
        }
        // Not as a power, which might be multiplied out before it can cancel.
        let rest = self.distributed(&content.scaled(-1.0).into())?;
        let mut rest = match rest.terms.as_slice() {
            // Only cancellation can leave so few.
            [] | [_] => rest.power(exponent)?,
            _ => rest.unit_power(exponent)?,
        };
        for factor in content.scaled(exponent).factors {
            for term in &mut rest.terms {
                term.product = std::mem::take(&mut term.product).times_factor(&factor);
            }
        }
        Ok(rest)
    }

    /// `self ^ exponent` as one factor, its scale taken out.
    pub(super) fn unit_power(&self, exponent: f64) -> Result<Sum> {
        let (scale, unit) = self.unit(is_integer(exponent))?;
        let factor = Factor {
            atom: Atom::Group(unit),
            exponent,
        };
        Sum::from(Product {
            factors: vec![factor],
        })
        .times(crate::expr::power(scale, exponent))
    }

    /// `self` as a scale times a sum with leading coefficient 1; or ±1, if `signed` is false.
    pub(super) fn unit(&self, signed: bool) -> Result<(f64, Sum)> {
        let Some(lead) = self.lead().map(|i| self.terms[i].coefficient) else {
            return Ok((1.0, self.clone()));
        };
        let scale = if signed { lead } else { lead.abs() };
        let mut unit = self.clone();
        for term in &mut unit.terms {
            term.coefficient /= scale;
            if !term.coefficient.is_finite() || term.coefficient == 0.0 {
                return Err(CanonicalError::NotFinite);
            }
        }
        Ok((scale, unit))
    }

    /// A single term: several become one factor, not multiplied out.
    pub(super) fn as_group(&self) -> Result<Sum> {
        if self.terms.len() > 1 {
            self.grouped(1.0)
        } else {
            Ok(self.clone())
        }
    }

    /// How many terms the sum has, or its only term would have if the powers in it were multiplied out.
    pub(super) fn expanded_terms(&self) -> usize {
        match self.terms.as_slice() {
            [term] => term.product.expanded_terms(),
            terms => terms.len(),
        }
    }

    /// Whether this power of the sum is one that [`Sum::power`] multiplies out.
    pub(super) fn is_expanded_at(&self, exponent: f64) -> bool {
        let terms = self.terms.len();
        terms > 1 && is_positive_integer(exponent) && binomial(terms, exponent) <= MAX_EXPANDED
    }
}

impl Term {
    /// Whether a power of `sum`, up to a factor, is among the factors.
    pub(super) fn has_group(&self, sum: &Sum) -> bool {
        let mut groups = self
            .product
            .factors
            .iter()
            .filter_map(|factor| match &factor.atom {
                Atom::Group(group) => Some((group, is_integer(factor.exponent))),
                _ => None,
            });
        sum.terms.len() > 1
            && groups.any(|(group, integer)| {
                group.terms.len() == sum.terms.len()
                    && sum.unit(integer).is_ok_and(|(_, unit)| unit.same(group))
            })
    }
}

impl Product {
    /// The product to a power, exponents multiplied and nothing rewritten.
    pub(super) fn scaled(&self, exponent: f64) -> Product {
        let mut product = self.clone();
        for factor in &mut product.factors {
            factor.exponent = tidy(factor.exponent * exponent);
        }
        product
    }

    pub(super) fn expanded_terms(&self) -> usize {
        expanded_terms_of(&self.factors)
    }

    /// The exponent of an atom; 0 if it does not occur.
    pub(super) fn exponent_of(&self, atom: &Atom) -> f64 {
        let found = self.factors.iter().find(|factor| factor.atom.same(atom));
        found.map_or(0.0, |factor| factor.exponent)
    }
}

/// Number of terms of the `exponent`-th power of a sum of `terms`: a binomial coefficient, saturating.
pub(super) fn binomial(terms: usize, exponent: f64) -> usize {
    if exponent > MAX_EXPANDED as f64 {
        return usize::MAX;
    }
    let n = exponent as usize;
    (1..terms).fold(1usize, |count, k| count.saturating_mul(n + k) / k)
}

/// Number of terms of a product with its powers of sums multiplied out; an upper bound, saturating.
pub(super) fn expanded_terms_of(factors: &[Factor]) -> usize {
    let groups = factors.iter().filter_map(|factor| match &factor.atom {
        Atom::Group(sum) if is_positive_integer(factor.exponent) => {
            Some(binomial(sum.terms.len(), factor.exponent))
        }
        _ => None,
    });
    groups.fold(1usize, |count, terms| count.saturating_mul(terms))
}
