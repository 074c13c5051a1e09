//! Sums, products and powers of canonical sums, each again canonical.

use super::order::close;
use super::{
    Atom, CanonicalError, Factor, Function, MAX_EXPANDED, MAX_NODES, MAX_TERMS, Product, Sum, Term,
};

type Result<T> = std::result::Result<T, CanonicalError>;

impl Sum {
    /// The constant function.
    pub fn number(value: f64) -> Result<Sum> {
        if !value.is_finite() {
            return Err(CanonicalError::NotFinite);
        }
        let term = Term {
            coefficient: value,
            product: Product::default(),
        };
        Ok(Sum {
            terms: if value == 0.0 { vec![] } else { vec![term] },
        })
    }

    /// One atom to the power 1; the atom must be canonical.
    pub(super) fn atom(atom: Atom) -> Sum {
        Product {
            factors: vec![Factor {
                atom,
                exponent: 1.0,
            }],
        }
        .into()
    }

    /// The sum of two.
    pub fn plus(&self, other: &Sum) -> Result<Sum> {
        Sum::collect(self.terms.iter().chain(&other.terms).cloned().collect())
    }

    /// A multiple; the shape stays unless `factor` is 0.
    pub fn times(&self, factor: f64) -> Result<Sum> {
        if factor == 0.0 {
            return Ok(Sum::default());
        }
        let mut sum = self.clone();
        for term in &mut sum.terms {
            term.coefficient *= factor;
            if !term.coefficient.is_finite() || term.coefficient == 0.0 {
                return Err(CanonicalError::NotFinite);
            }
        }
        Ok(sum)
    }

    /// The product of two, multiplied out if the result has at most [`MAX_EXPANDED`] terms.
    pub fn multiplied(&self, other: &Sum) -> Result<Sum> {
        if let Some(value) = self.as_number() {
            return other.times(value);
        }
        if let Some(value) = other.as_number() {
            return self.times(value);
        }
        // A sum times a power of itself adds up exponents instead of multiplying out.
        if other.terms.iter().any(|term| term.has_group(self)) {
            return self.over_terms(other);
        }
        if self.terms.iter().any(|term| term.has_group(other)) {
            return other.over_terms(self);
        }
        let many = self.terms.len() > 1 || other.terms.len() > 1;
        if many && self.expanded_terms() * other.expanded_terms() > MAX_EXPANDED {
            return self.as_group()?.multiplied(&other.as_group()?);
        }
        self.distributed(other)
    }

    /// `self` times each term of `other`, as a group where the term has the same group as a factor.
    fn over_terms(&self, other: &Sum) -> Result<Sum> {
        let mut terms = Vec::new();
        for term in &other.terms {
            let single = Sum {
                terms: vec![term.clone()],
            };
            let product = if term.has_group(self) {
                self.grouped(1.0)?.multiplied(&single)?
            } else {
                single.multiplied(self)?
            };
            terms.extend(product.terms);
        }
        Sum::collect(terms)
    }

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
    fn power_of_many(&self, exponent: f64) -> Result<Sum> {
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

    /// How many terms the sum has, or its only term would have if the powers in it were multiplied out.
    fn expanded_terms(&self) -> usize {
        match self.terms.as_slice() {
            [term] => term.product.expanded_terms(),
            terms => terms.len(),
        }
    }

    /// A single term: several become one factor, not multiplied out.
    fn as_group(&self) -> Result<Sum> {
        if self.terms.len() > 1 {
            self.grouped(1.0)
        } else {
            Ok(self.clone())
        }
    }

    /// The product multiplied out whatever its length; the caller has counted.
    fn distributed(&self, other: &Sum) -> Result<Sum> {
        let mut terms = Vec::new();
        for a in &self.terms {
            for b in &other.terms {
                terms.extend(a.multiplied(b)?.terms);
            }
        }
        Sum::collect(terms)
    }

    /// What divides every term: each atom to its least exponent, negative ones included, so that what
    /// remains has no negative power of an atom. Left alone are atoms whose powers have rules of their
    /// own: `exp`, `abs`, and sums to an exponent that is no integer.
    fn content(&self) -> Product {
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
    fn unit_power(&self, exponent: f64) -> Result<Sum> {
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

    /// An error if the sum is larger than this crate handles.
    pub(super) fn within_limits(self) -> Result<Sum> {
        if self.terms.len() > MAX_TERMS || self.nodes() > MAX_NODES {
            return Err(CanonicalError::TooLarge);
        }
        Ok(self)
    }
}

impl From<Product> for Sum {
    fn from(product: Product) -> Sum {
        Sum {
            terms: vec![Term {
                coefficient: 1.0,
                product,
            }],
        }
    }
}

impl Term {
    /// The product of two terms: one term, or a sum where a group's power is one that is multiplied out.
    fn multiplied(&self, other: &Term) -> Result<Sum> {
        let coefficient = self.coefficient * other.coefficient;
        if !coefficient.is_finite() || coefficient == 0.0 {
            return Err(CanonicalError::NotFinite);
        }
        let plain = |a: &Product, b: &Product| a.is_one() && b.expanded_terms() == 1;
        if plain(&self.product, &other.product) || plain(&other.product, &self.product) {
            let product = if self.product.is_one() {
                &other.product
            } else {
                &self.product
            };
            return Ok(Sum {
                terms: vec![Term {
                    coefficient,
                    product: product.clone(),
                }],
            });
        }
        let mut factors = self.product.factors.clone();
        let mut exponents = Vec::new(); // arguments of exp, which add up
        let mut others = Vec::new(); // what is no longer a plain factor after merging
        for factor in &other.product.factors {
            match factors
                .iter_mut()
                .find(|known| known.atom.same(&factor.atom))
            {
                Some(known) => {
                    let exponent = tidy(known.exponent + factor.exponent);
                    let was_integer = is_integer(known.exponent);
                    known.exponent = exponent;
                    if let Atom::Group(sum) = &known.atom
                        && is_integer(exponent)
                        && !was_integer
                    {
                        // Under an integer exponent a group has no sign and no common factor.
                        others.push((sum.clone(), exponent));
                        known.exponent = 0.0;
                    }
                }
                None => factors.push(factor.clone()),
            }
        }
        let exps = factors.iter().filter(|factor| factor.is_exp()).count();
        // All powers of sums are multiplied out, or none is, so that the order of factors is no matter.
        let short = expanded_terms_of(&factors) <= MAX_EXPANDED;
        factors.retain_mut(|factor| match &factor.atom {
            _ if factor.exponent == 0.0 => false,
            Atom::Call(Function::Exp, argument) if exps > 1 || factor.exponent != 1.0 => {
                exponents.push((argument.clone(), factor.exponent));
                false
            }
            Atom::Call(Function::Abs, argument) if is_even(factor.exponent) => {
                others.push((argument.clone(), factor.exponent));
                false
            }
            Atom::Group(sum) if short && is_positive_integer(factor.exponent) => {
                others.push((sum.clone(), factor.exponent));
                false
            }
            _ => true,
        });
        let product = Product::sorted(factors);
        let mut result = Sum {
            terms: vec![Term {
                coefficient,
                product,
            }],
        };
        if !exponents.is_empty() {
            let mut argument = Sum::default();
            for (sum, exponent) in exponents {
                argument = argument.plus(&sum.times(exponent)?)?;
            }
            result = result.multiplied(&argument.call(Function::Exp)?)?;
        }
        for (sum, exponent) in others {
            result = result.distributed(&sum.power(exponent)?)?;
        }
        result.within_limits()
    }

    /// Whether a power of `sum`, up to a factor, is among the factors.
    fn has_group(&self, sum: &Sum) -> bool {
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
    fn real_power(&self, exponent: f64) -> Result<Sum> {
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
    fn power(&self, exponent: f64) -> Result<Sum> {
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

impl Sum {
    /// A power of a single atom with coefficient 1 (what `abs` returns), without rewriting.
    fn power_of_atom(&self, exponent: f64) -> Result<Sum> {
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

    /// Whether this power of the sum is one that [`Sum::power`] multiplies out.
    fn is_expanded_at(&self, exponent: f64) -> bool {
        let terms = self.terms.len();
        terms > 1 && is_positive_integer(exponent) && binomial(terms, exponent) <= MAX_EXPANDED
    }
}

impl Product {
    /// A product of factors whose atoms are all different.
    pub(super) fn sorted(mut factors: Vec<Factor>) -> Product {
        factors.sort_by(|a, b| a.atom.order(&b.atom));
        Product { factors }
    }

    /// The product to a power, exponents multiplied and nothing rewritten.
    fn scaled(&self, exponent: f64) -> Product {
        let mut product = self.clone();
        for factor in &mut product.factors {
            factor.exponent = tidy(factor.exponent * exponent);
        }
        product
    }

    fn expanded_terms(&self) -> usize {
        expanded_terms_of(&self.factors)
    }

    /// The exponent of an atom; 0 if it does not occur.
    pub(super) fn exponent_of(&self, atom: &Atom) -> f64 {
        let found = self.factors.iter().find(|factor| factor.atom.same(atom));
        found.map_or(0.0, |factor| factor.exponent)
    }
}

/// Number of terms of the `exponent`-th power of a sum of `terms`: a binomial coefficient, saturating.
fn binomial(terms: usize, exponent: f64) -> usize {
    if exponent > MAX_EXPANDED as f64 {
        return usize::MAX;
    }
    let n = exponent as usize;
    (1..terms).fold(1usize, |count, k| count.saturating_mul(n + k) / k)
}

/// Number of terms of a product with its powers of sums multiplied out; an upper bound, saturating.
fn expanded_terms_of(factors: &[Factor]) -> usize {
    let groups = factors.iter().filter_map(|factor| match &factor.atom {
        Atom::Group(sum) if is_positive_integer(factor.exponent) => {
            Some(binomial(sum.terms.len(), factor.exponent))
        }
        _ => None,
    });
    groups.fold(1usize, |count, terms| count.saturating_mul(terms))
}

fn is_positive_integer(value: f64) -> bool {
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
