//! The canonical form: one shape for each function, as far as that can be decided cheaply.
//!
//! A right-hand side becomes a [`Sum`] of [`Term`]s, each a leading constant times a [`Product`] of
//! [`Factor`]s, each an [`Atom`] to a constant power. The invariants, kept by every constructor here:
//!
//! - terms and factors are sorted, like terms collected, numbers folded, nothing is zero;
//! - products of sums are multiplied out as long as that stays short, so polynomials are expanded;
//! - no constant is redundant: the base of a power has leading coefficient ±1 (`1/(2 + 4*y)` is
//!   `0.25/(0.5 + y)`), the argument of `exp` has no constant term, and a multiple of `R` beside
//!   `R*log(S)` is folded into `S`;
//! - the shape is closed under rescaling of states and time: only constants change, each by a positive
//!   factor. So a law has the same [`Skeleton`] in all units.
//!
//! Values are preserved wherever the original has one. Removable gaps may close (`y*y/y` becomes `y`),
//! as may the domain of a power whose exponents add up to an integer (`sqrt(y)*sqrt(y)` becomes `y`).

mod algebra;
mod collect;
mod convert;
mod functions;
mod group;
mod order;
mod power;

use crate::scaling::Scaling;
use crate::skeleton::{PrefixError, Skeleton};
use crate::system::System;
use crate::token::Token;

/// Largest number of terms of one sum.
pub const MAX_TERMS: usize = 64;
/// Largest number of nodes (terms and factors, nested ones included) of one right-hand side.
pub const MAX_NODES: usize = 2_000;
/// A product of sums is multiplied out only if the result has at most this many terms.
pub const MAX_EXPANDED: usize = 16;

/// Why an expression has no canonical form.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// A constant part has no finite value, as in `1/0` or `log(-1)`, or overflows.
    #[error("a constant part of the expression has no finite value")]
    NotFinite,
    /// Multiplied out, the expression is larger than [`MAX_TERMS`] or [`MAX_NODES`].
    #[error("the expression grows beyond {MAX_TERMS} terms or {MAX_NODES} nodes when simplified")]
    TooLarge,
    /// The expression holds a parameter without a value.
    #[error("parameter c{0} has no value")]
    Parameter(usize),
}

/// A function that stays a function in canonical form. Square roots and signs do not: they are powers
/// and coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Function {
    /// Sine.
    Sin,
    /// Cosine, of an argument without a constant term.
    Cos,
    /// Tangent.
    Tan,
    /// Hyperbolic tangent.
    Tanh,
    /// Exponential, of an argument without a constant term, to the power 1.
    Exp,
    /// Natural logarithm.
    Log,
    /// Absolute value, of an argument with leading coefficient 1.
    Abs,
}

/// What a power can be taken of.
#[derive(Clone, Debug, PartialEq)]
pub enum Atom {
    /// The `i`-th state, counted from 0.
    State(usize),
    /// The independent variable.
    Time,
    /// A function of a sum.
    Call(Function, Sum),
    /// A sum with leading coefficient 1, or −1 under an exponent that is no integer.
    Group(Sum),
}

/// An atom to a constant power, not 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// The base.
    pub atom: Atom,
    /// The exponent.
    pub exponent: f64,
}

/// Factors in order, each atom once; empty for the constant 1.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Product {
    pub(crate) factors: Vec<Factor>,
}

/// A leading constant, finite and not 0, times a product.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// The constant.
    pub coefficient: f64,
    /// What it multiplies.
    pub product: Product,
}

/// Terms in order, each product once; empty for 0.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Sum {
    pub(crate) terms: Vec<Term>,
}

impl Product {
    /// The factors, in order.
    pub fn factors(&self) -> &[Factor] {
        &self.factors
    }

    /// Whether this is the constant 1.
    pub fn is_one(&self) -> bool {
        self.factors.is_empty()
    }
}

impl Sum {
    /// The terms, in order.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// The value, if this is a number.
    pub fn as_number(&self) -> Option<f64> {
        match self.terms.as_slice() {
            [] => Some(0.0),
            [term] if term.product.is_one() => Some(term.coefficient),
            _ => None,
        }
    }

    /// The place of the term that carries the sign and scale of the sum when these are normalised away:
    /// the first that is no constant. None for a number.
    pub fn lead(&self) -> Option<usize> {
        self.terms.iter().position(|term| !term.product.is_one())
    }

    /// Whether any state occurs.
    pub fn depends_on_state(&self) -> bool {
        self.terms
            .iter()
            .flat_map(|term| &term.product.factors)
            .any(|factor| match &factor.atom {
                Atom::State(_) => true,
                Atom::Time => false,
                Atom::Call(_, argument) => argument.depends_on_state(),
                Atom::Group(sum) => sum.depends_on_state(),
            })
    }

    /// Number of terms and factors, nested ones included.
    fn nodes(&self) -> usize {
        let factor = |factor: &Factor| match &factor.atom {
            Atom::State(_) | Atom::Time => 1,
            Atom::Call(_, sum) | Atom::Group(sum) => 1 + sum.nodes(),
        };
        let term = |term: &Term| 1 + term.product.factors.iter().map(factor).sum::<usize>();
        self.terms.iter().map(term).sum()
    }
}

/// Whether an exponent is an operator of the token language; any other is a free constant.
pub(crate) fn is_operator(exponent: f64) -> bool {
    exponent == 1.0 || Token::of_exponent(exponent) != Token::Power
}

/// A system with every right-hand side in canonical form.
#[derive(Clone, Debug, PartialEq)]
pub struct CanonicalSystem {
    rhs: Vec<Sum>,
}

impl CanonicalSystem {
    /// The canonical form of a system.
    ///
    /// # Errors
    /// [`CanonicalError`] where a constant part is not finite, a parameter has no value, or the form
    /// grows too large.
    pub fn new(system: &System) -> Result<CanonicalSystem, CanonicalError> {
        let rhs = system
            .rhs()
            .iter()
            .map(Sum::from_expr)
            .collect::<Result<_, _>>()?;
        Ok(CanonicalSystem { rhs })
    }

    /// The right-hand sides, one a state.
    pub fn rhs(&self) -> &[Sum] {
        &self.rhs
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.rhs.len()
    }

    /// The same system as expression trees with the numbers in place.
    pub fn to_system(&self) -> System {
        System::from_valid(self.rhs.iter().map(Sum::to_expr).collect())
    }

    /// The skeleton and its constants in slot order.
    ///
    /// # Errors
    /// [`PrefixError`] where the system has more states or is longer than the token language allows.
    pub fn parts(&self) -> Result<(Skeleton, Vec<f64>), PrefixError> {
        Skeleton::of(&self.rhs)
    }

    /// The law in the units of `scaling`: from the data's units to dimensionless ones. The skeleton
    /// stays; time-dependent laws keep it only for origin 0.
    ///
    /// # Errors
    /// [`CanonicalError::NotFinite`] where a constant over- or underflows.
    pub fn rescaled(&self, scaling: &Scaling) -> Result<CanonicalSystem, CanonicalError> {
        let rescale = |(i, sum): (usize, &Sum)| {
            let unit = scaling.states.get(i).copied().unwrap_or(1.0);
            sum.in_units(scaling)?.times(scaling.time / unit)
        };
        let rhs = self
            .rhs
            .iter()
            .enumerate()
            .map(rescale)
            .collect::<Result<_, _>>()?;
        Ok(CanonicalSystem { rhs })
    }

    /// The law in the data's units again: the inverse of [`Self::rescaled`].
    ///
    /// # Errors
    /// [`CanonicalError::NotFinite`] where a constant over- or underflows.
    pub fn restored(&self, scaling: &Scaling) -> Result<CanonicalSystem, CanonicalError> {
        self.rescaled(&scaling.inverse())
    }
}
