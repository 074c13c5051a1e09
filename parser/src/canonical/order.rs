//! The order of terms and factors, and when two products are the same.
//!
//! Shape is compared before constants, and constants of equal shapes in one order. A rescaling
//! multiplies constants in the same place by the same positive factor, so it never changes the order.

use super::{Atom, Factor, Product, Sum};
use std::cmp::Ordering;

/// Constants that differ by less than this, relatively, came from the same number by different roads.
const SAME: f64 = 1e-10;

impl Atom {
    fn rank(&self) -> (u8, usize) {
        match self {
            Atom::State(i) => (0, *i),
            Atom::Time => (1, 0),
            Atom::Call(function, _) => (2, *function as usize),
            Atom::Group(_) => (3, 0),
        }
    }

    fn inner(&self) -> Option<&Sum> {
        match self {
            Atom::State(_) | Atom::Time => None,
            Atom::Call(_, sum) | Atom::Group(sum) => Some(sum),
        }
    }

    /// Order by shape alone.
    fn shape_cmp(&self, other: &Atom) -> Ordering {
        self.rank()
            .cmp(&other.rank())
            .then_with(|| match (self.inner(), other.inner()) {
                (Some(a), Some(b)) => a.shape_cmp(b),
                _ => Ordering::Equal,
            })
    }

    /// Order by constants, between atoms of one shape.
    fn constants_cmp(&self, other: &Atom) -> Ordering {
        match (self.inner(), other.inner()) {
            (Some(a), Some(b)) => a.constants_cmp(b),
            _ => Ordering::Equal,
        }
    }

    /// Total order: shape, then constants.
    pub(super) fn order(&self, other: &Atom) -> Ordering {
        self.shape_cmp(other)
            .then_with(|| self.constants_cmp(other))
    }

    /// Whether two atoms are equal up to rounding of their constants.
    pub(super) fn same(&self, other: &Atom) -> bool {
        self.rank() == other.rank()
            && match (self.inner(), other.inner()) {
                (Some(a), Some(b)) => a.same(b),
                _ => true,
            }
    }
}

impl Factor {
    fn shape_cmp(&self, other: &Factor) -> Ordering {
        let exponents = || self.exponent.total_cmp(&other.exponent);
        self.atom.shape_cmp(&other.atom).then_with(exponents)
    }

    fn same(&self, other: &Factor) -> bool {
        close(self.exponent, other.exponent) && self.atom.same(&other.atom)
    }
}

impl Product {
    fn shape_cmp(&self, other: &Product) -> Ordering {
        by_pairs(&self.factors, &other.factors, Factor::shape_cmp)
    }

    fn constants_cmp(&self, other: &Product) -> Ordering {
        by_pairs(&self.factors, &other.factors, |a, b| {
            a.atom.constants_cmp(&b.atom)
        })
    }

    /// Total order: shape, then constants. The constant 1 comes first.
    pub(super) fn order(&self, other: &Product) -> Ordering {
        self.shape_cmp(other)
            .then_with(|| self.constants_cmp(other))
    }

    /// Whether two products are equal up to rounding of their constants.
    pub(super) fn same(&self, other: &Product) -> bool {
        self.factors.len() == other.factors.len()
            && self
                .factors
                .iter()
                .zip(&other.factors)
                .all(|(a, b)| a.same(b))
    }
}

impl Sum {
    fn shape_cmp(&self, other: &Sum) -> Ordering {
        by_pairs(&self.terms, &other.terms, |a, b| {
            a.product.shape_cmp(&b.product)
        })
    }

    fn constants_cmp(&self, other: &Sum) -> Ordering {
        by_pairs(&self.terms, &other.terms, |a, b| {
            a.coefficient
                .total_cmp(&b.coefficient)
                .then_with(|| a.product.constants_cmp(&b.product))
        })
    }

    /// Whether two sums are equal up to rounding of their constants.
    pub(super) fn same(&self, other: &Sum) -> bool {
        self.terms.len() == other.terms.len()
            && self
                .terms
                .iter()
                .zip(&other.terms)
                .all(|(a, b)| close(a.coefficient, b.coefficient) && a.product.same(&b.product))
    }
}

/// Whether two numbers are equal up to rounding.
pub(super) fn close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= SAME * a.abs().max(b.abs())
}

/// Shorter first, then the first pair that differs.
fn by_pairs<T>(a: &[T], b: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    let pairs = a.iter().zip(b).map(|(x, y)| compare(x, y));
    pairs
        .into_iter()
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}
