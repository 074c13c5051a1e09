//! A skeleton: the shape of a law, without its constants, as tokens; and the way between the two.
//!
//! The grammar is described in [`crate::token`] and read by `prefix`; what is here writes it.

use std::ops::Range;

use crate::canonical::{Atom, CanonicalError, CanonicalSystem, Factor, Function, Sum};
use crate::expr::Expr;
use crate::prefix::{alone, shape, token_of};
use crate::system::{Names, System};
use crate::token::{MAX_STATES, MAX_TOKENS, Token};

/// Why a token sequence, with or without constants, is no law.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// The sequence ends inside an expression.
    #[error("the token sequence ends at token {at}, before the expression does")]
    Truncated {
        /// Number of tokens read.
        at: usize,
    },
    /// A token stands where the grammar does not allow it.
    #[error("token {at} ({found}) cannot stand there")]
    Unexpected {
        /// Its place, counted from 0.
        at: usize,
        /// The token.
        found: Token,
    },
    /// Tokens follow after the last equation.
    #[error("the last equation ends before token {at}, but more tokens follow")]
    Trailing {
        /// Place of the first of them, counted from 0.
        at: usize,
    },
    /// A state occurs that the system does not have.
    #[error("state x{state} occurs in a system of dimension {dimension}")]
    UnknownState {
        /// The state, counted from 1.
        state: usize,
        /// Number of equations.
        dimension: usize,
    },
    /// The system has no or too many equations for the token language.
    #[error("the token language has 1 to {MAX_STATES} equations, not {0}")]
    Dimension(usize),
    /// The sequence is too long.
    #[error("a skeleton has at most {MAX_TOKENS} tokens, this one {0}")]
    TooLong(usize),
    /// The number of constants is not that of the slots.
    #[error("the skeleton has {slots} constants, {found} were given")]
    Constants {
        /// Number of slots.
        slots: usize,
        /// Number of constants.
        found: usize,
    },
    /// A constant is infinite or no number.
    #[error("constant {slot} is not finite")]
    NotFinite {
        /// Its slot, counted from 0.
        slot: usize,
    },
    /// No right-hand side depends on a state.
    #[error("no right-hand side depends on a state")]
    NoState,
    /// With these constants, the expression has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// The shape of a law. Two laws have the same shape if and only if their skeletons are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Skeleton {
    dimension: usize,
    slots: usize,
    tokens: Vec<Token>,
}

/// A term of a sum that is a whole right-hand side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The number of the equation, counted from 0.
    pub equation: usize,
    /// Its tokens.
    pub tokens: &'a [Token],
    /// The slots of its constants; the first one is its coefficient.
    pub slots: Range<usize>,
}

impl<'a> Part<'a> {
    /// The factors of the term of a canonical skeleton, beside its coefficient, with the slots of the constants inside them; of a
    /// constant term, its token.
    pub fn factors(&self) -> Vec<(&'a [Token], Range<usize>)> {
        let mut next = self.slots.start + 1;
        let each = factors(self.tokens).into_iter().map(|tokens| {
            // Alone a product has a coefficient, and a sum one more than as a factor, where its leading term has none.
            let inside = Skeleton::slots_of(tokens).map_or(0, |all| all - 1);
            let slots = next..next + inside;
            next = slots.end;
            (tokens, slots)
        });
        each.collect()
    }

    /// The slot of `c`, where this term is `plain` over `c + y^n` with a fixed n and a state y, and `plain` has no constant but
    /// its coefficient.
    fn half_saturation_of(&self, plain: &Part) -> Option<usize> {
        let mut factors = self.factors();
        for (tokens, inside) in plain.factors() {
            if tokens != [Token::One] {
                let same = |(own, _): &(&[Token], _)| *own == tokens && inside.is_empty();
                let at = factors.iter().position(same)?;
                factors.remove(at);
            }
        }
        let [([Token::Inverse, Token::Add2, Token::One, power @ ..], inside)] = factors.as_slice()
        else {
            return None;
        };
        let is_state = |token: &Token| token.as_state().is_some();
        let of_state = power.len() <= 2 && power.last().is_some_and(is_state);
        (of_state && inside.len() == 1).then_some(inside.start)
    }
}

/// The slots of the constants of `a·R + b·R/(c + y^n)` in one equation, with a fixed n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saturation {
    /// That of `a`.
    pub plain: usize,
    /// That of `b`.
    pub over: usize,
    /// That of `c`.
    pub half: usize,
}

impl Skeleton {
    /// Reads the tokens of all equations, one after the other.
    ///
    /// # Errors
    /// [`PrefixError`] where the sequence is not exactly `dimension` sums, has a state beyond the
    /// dimension, is too long, or depends on no state.
    pub fn parse(dimension: usize, tokens: &[Token]) -> Result<Skeleton, PrefixError> {
        let rhs = shape(dimension, tokens)?;
        if !rhs.iter().any(Sum::depends_on_state) {
            return Err(PrefixError::NoState);
        }
        Ok(Skeleton {
            dimension,
            slots: rhs.iter().map(slots).sum(),
            tokens: tokens.to_vec(),
        })
    }

    /// The skeleton and constants of canonical right-hand sides.
    pub(crate) fn of(rhs: &[Sum]) -> Result<(Skeleton, Vec<f64>), PrefixError> {
        let dimension = rhs.len();
        if dimension == 0 || dimension > MAX_STATES {
            return Err(PrefixError::Dimension(dimension));
        }
        let mut writer = Writer::default();
        for sum in rhs {
            if sum.terms.is_empty() {
                // The token language has no 0: it is a constant of that value.
                writer.tokens.push(Token::One);
                writer.constants.push(0.0);
            } else {
                writer.sum(sum, None)?;
            }
        }
        let Writer { tokens, constants } = writer;
        if tokens.len() > MAX_TOKENS {
            return Err(PrefixError::TooLong(tokens.len()));
        }
        Ok((
            Skeleton {
                dimension,
                slots: constants.len(),
                tokens,
            },
            constants,
        ))
    }

    /// The tokens of all equations, one after the other.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The tokens of each equation.
    pub fn equations(&self) -> impl Iterator<Item = &[Token]> {
        let mut rest = self.tokens.as_slice();
        std::iter::from_fn(move || {
            let (own, others) = rest.split_at(end(rest)?);
            rest = others;
            Some(own)
        })
    }

    /// The terms of each equation's sum, one after the other.
    pub fn parts(&self) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        let mut next = 0;
        for (equation, sum) in self.equations().enumerate() {
            for tokens in terms(sum) {
                let first = next;
                next += Skeleton::slots_of(tokens).unwrap_or(0);
                parts.push(Part {
                    equation,
                    tokens,
                    slots: first..next,
                });
            }
        }
        parts
    }

    /// Terms beside the same over what saturates: together they are `e·R·y^n/(c + y^n) − m·R` with `e = −b/c` and `m = e − a`.
    pub fn saturations(&self) -> Vec<Saturation> {
        let parts = self.parts();
        let mut all = Vec::new();
        for over in parts
            .iter()
            .filter(|part| part.tokens.contains(&Token::Inverse))
        {
            let beside = parts.iter().filter(|other| other.equation == over.equation);
            all.extend(beside.filter_map(|plain| {
                Some(Saturation {
                    plain: plain.slots.start,
                    over: over.slots.start,
                    half: over.half_saturation_of(plain)?,
                })
            }));
        }
        all
    }

    /// Number of equations.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of constants.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Tokens and constants: how long the law is.
    pub fn complexity(&self) -> usize {
        self.tokens().len() + self.slots()
    }

    /// Number of constants of the right-hand side, or term of one, that these tokens are; `None` if they are neither.
    pub fn slots_of(tokens: &[Token]) -> Option<usize> {
        alone(tokens).as_ref().map(slots)
    }

    /// The law with [`Expr::Parameter`] `k` in slot `k`.
    pub fn template(&self) -> System {
        let mut slot = 0;
        let mut parameter = |_| {
            slot += 1;
            Expr::Parameter(slot - 1)
        };
        // Every constructor has parsed or written these tokens, so they do parse.
        let rhs = shape(self.dimension, &self.tokens).unwrap_or_default();
        System::from_valid(
            rhs.iter()
                .map(|sum| sum.to_expr_with(&mut parameter))
                .collect(),
        )
    }

    /// The law with these constants, in canonical form. Its skeleton may be a smaller one: constants
    /// that are 0 or whole exponents simplify it.
    ///
    /// # Errors
    /// [`PrefixError`] where the number of constants is wrong, one is not finite, or the law has no
    /// canonical form with them.
    pub fn instantiate(&self, constants: &[f64]) -> Result<CanonicalSystem, PrefixError> {
        if constants.len() != self.slots {
            return Err(PrefixError::Constants {
                slots: self.slots,
                found: constants.len(),
            });
        }
        if let Some(slot) = constants.iter().position(|value| !value.is_finite()) {
            return Err(PrefixError::NotFinite { slot });
        }
        let template = self.template();
        let rhs = template.rhs().iter();
        let rhs = rhs.map(|expr| expr.with_parameters(constants)).collect();
        Ok(CanonicalSystem::new(&System::from_valid(rhs))?)
    }

    /// The right-hand sides as text, constants as `c0`, `c1`, ….
    pub fn text(&self, names: &Names) -> Vec<String> {
        self.template()
            .rhs()
            .iter()
            .map(|expr| crate::print::infix(expr, names))
            .collect()
    }
}

/// The number of tokens of the expression that `tokens` begin with, if it ends.
pub fn end(tokens: &[Token]) -> Option<usize> {
    let mut open = 1;
    let last = tokens.iter().position(|token| {
        open = open - 1 + token.arity();
        open == 0
    });
    last.map(|last| last + 1)
}

/// The tokens of right-hand sides in pieces: the head of a sum alone, a term of it whole; at last what is begun and does not end.
pub fn pieces(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut rest = tokens;
    std::iter::from_fn(move || {
        let length = match rest.first()?.terms() {
            Some(_) => 1,
            None => end(rest).unwrap_or(rest.len()),
        };
        let (piece, others) = rest.split_at(length);
        rest = others;
        Some(piece)
    })
}

/// The terms of a right-hand side.
pub fn terms(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let is_term = |piece: &&[Token]| piece.first().is_some_and(|head| head.terms().is_none());
    pieces(tokens).filter(is_term)
}

/// The factors of the term of a canonical skeleton.
pub fn factors(term: &[Token]) -> Vec<&[Token]> {
    let mut factors = Vec::new();
    let mut rest = term;
    while !rest.is_empty() {
        if rest.first() == Some(&Token::Mul) {
            rest = &rest[1..];
        }
        let (factor, others) = rest.split_at(end(rest).unwrap_or(rest.len()));
        factors.push(factor);
        rest = others;
    }
    factors
}

/// Number of constants of a sum.
fn slots(sum: &Sum) -> usize {
    let mut slots = 0;
    sum.to_expr_with(&mut |value| {
        slots += 1;
        Expr::Number(value)
    });
    slots
}

/// Writes canonical sums as tokens and constants.
#[derive(Default)]
struct Writer {
    tokens: Vec<Token>,
    constants: Vec<f64>,
}

impl Writer {
    /// A sum, the term at `fixed` without its constant.
    fn sum(&mut self, sum: &Sum, fixed: Option<usize>) -> Result<(), PrefixError> {
        for (i, term) in sum.terms.iter().enumerate() {
            let left = sum.terms.len() - i;
            if left > 1 && i % 5 == 0 {
                self.tokens.extend(Token::sum(left.min(6)));
            }
            if fixed != Some(i) {
                self.constants.push(term.coefficient);
            }
            match term.product.factors.split_last() {
                None => self.tokens.push(Token::One),
                Some((last, others)) => {
                    for factor in others {
                        self.tokens.push(Token::Mul);
                        self.factor(factor)?;
                    }
                    self.factor(last)?;
                }
            }
        }
        Ok(())
    }

    fn factor(&mut self, factor: &Factor) -> Result<(), PrefixError> {
        if factor.exponent != 1.0 {
            let token = Token::of_exponent(factor.exponent);
            self.tokens.push(token);
            if token == Token::Power {
                self.constants.push(factor.exponent);
            }
        }
        match &factor.atom {
            Atom::State(i) => {
                let token = Token::state(*i).ok_or(PrefixError::Dimension(i + 1))?;
                self.tokens.push(token);
                Ok(())
            }
            Atom::Time => {
                self.tokens.push(Token::Time);
                Ok(())
            }
            Atom::Call(function, sum) => {
                self.tokens.push(token_of(*function));
                self.sum(
                    sum,
                    if *function == Function::Abs {
                        sum.lead()
                    } else {
                        None
                    },
                )
            }
            Atom::Group(sum) => {
                let lead = sum.lead();
                if lead.is_some_and(|i| sum.terms[i].coefficient < 0.0) {
                    self.tokens.push(Token::Neg);
                }
                self.sum(sum, lead)
            }
        }
    }
}
