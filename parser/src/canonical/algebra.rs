//! Sums and products of canonical sums, each again canonical.

use super::group::expanded_terms_of;
use super::power::{is_even, is_integer, is_positive_integer, tidy};
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
    pub(super) fn over_terms(&self, other: &Sum) -> Result<Sum> {
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

    /// The product multiplied out whatever its length; the caller has counted.
    pub(super) fn distributed(&self, other: &Sum) -> Result<Sum> {
        let mut terms = Vec::new();
        for a in &self.terms {
            for b in &other.terms {
                terms.extend(a.multiplied(b)?.terms);
            }
        }
        Sum::collect(terms)
    }

    /// An error if the sum is larger than this crate handles.
    pub(super) fn within_limits(self) -> Result<Sum> {
        if self.terms.len() > MAX_TERMS || self.nodes() > MAX_NODES {
            return Err(CanonicalError::TooLarge);
        }
        Ok(self)
    }
}

impl Term {
    /// The product of two terms: one term, or a sum where a group's power is one that is multiplied out.
    pub(super) fn multiplied(&self, other: &Term) -> Result<Sum> {
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
}

impl Product {
    /// A product of factors whose atoms are all different.
    pub(super) fn sorted(mut factors: Vec<Factor>) -> Product {
        factors.sort_by(|a, b| a.atom.order(&b.atom));
        Product { factors }
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
