//! A skeleton: the shape of a law, without its constants, as tokens; and the way between the two.
//!
//! The grammar is in [`crate::token`]. Its parser, written with nom, accepts whatever a model may write,
//! canonical or not, and rejects the rest with the place and the reason.

use crate::canonical::{
    Atom, CanonicalError, CanonicalSystem, Factor, Function, Product, Sum, Term,
};
use crate::expr::Expr;
use crate::system::{Names, System};
use crate::token::{MAX_STATES, MAX_TOKENS, Token};
use nom::combinator::{map_opt, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::many_m_n;
use nom::number::complete::u8 as byte;
use nom::{IResult, Parser};

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
        let mut slots = 0;
        for sum in &rhs {
            sum.to_expr_with(&mut |value| {
                slots += 1;
                Expr::Number(value)
            });
        }
        Ok(Skeleton {
            dimension,
            slots,
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

    /// Number of equations.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of constants.
    pub fn slots(&self) -> usize {
        self.slots
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
        let number = |leaf: &Expr| match leaf {
            Expr::Parameter(k) => constants.get(*k).map(|value| Expr::Number(*value)),
            _ => None,
        };
        let template = self.template();
        let rhs = template
            .rhs()
            .iter()
            .map(|expr| expr.substitute(&number))
            .collect();
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

const FUNCTIONS: [(Token, Function); 7] = [
    (Token::Sin, Function::Sin),
    (Token::Cos, Function::Cos),
    (Token::Tan, Function::Tan),
    (Token::Tanh, Function::Tanh),
    (Token::Exp, Function::Exp),
    (Token::Log, Function::Log),
    (Token::Abs, Function::Abs),
];

fn token_of(function: Function) -> Token {
    // The table is complete, so the fallback is never taken.
    FUNCTIONS
        .iter()
        .find(|(_, f)| *f == function)
        .map_or(Token::Abs, |(token, _)| *token)
}

/// Stands for a constant that is yet to come; as an exponent, it is none of the operators.
const LEADING: f64 = 1.0;
const EXPONENT: f64 = f64::NAN;

/// The right-hand sides that the tokens spell, with placeholders for constants. Sorted or simplified they
/// are only if the tokens were.
fn shape(dimension: usize, tokens: &[Token]) -> Result<Vec<Sum>, PrefixError> {
    if dimension == 0 || dimension > MAX_STATES {
        return Err(PrefixError::Dimension(dimension));
    }
    if tokens.len() > MAX_TOKENS {
        return Err(PrefixError::TooLong(tokens.len()));
    }
    let largest = tokens.iter().filter_map(|token| token.as_state()).max();
    if let Some(state) = largest.filter(|state| *state >= dimension) {
        return Err(PrefixError::UnknownState {
            state: state + 1,
            dimension,
        });
    }
    let bytes: Vec<u8> = tokens.iter().map(|token| token.id()).collect();
    match many_m_n(dimension, dimension, sum).parse(bytes.as_slice()) {
        Ok(([], rhs)) => Ok(rhs),
        Ok((rest, _)) => Err(PrefixError::Trailing {
            at: tokens.len() - rest.len(),
        }),
        Err(nom::Err::Error(e) | nom::Err::Failure(e)) => {
            let at = tokens.len() - e.left;
            Err(match tokens.get(at) {
                Some(&found) => PrefixError::Unexpected { at, found },
                None => PrefixError::Truncated { at },
            })
        }
        Err(nom::Err::Incomplete(_)) => Err(PrefixError::Truncated { at: tokens.len() }),
    }
}

/// A failure, as the number of tokens that were left; of two, the one that got further.
struct Failure {
    left: usize,
}

impl ParseError<&[u8]> for Failure {
    fn from_error_kind(input: &[u8], _: ErrorKind) -> Failure {
        Failure { left: input.len() }
    }

    fn append(_: &[u8], _: ErrorKind, other: Failure) -> Failure {
        other
    }

    fn or(self, other: Failure) -> Failure {
        if self.left <= other.left { self } else { other }
    }
}

type Parsed<'a, T> = IResult<&'a [u8], T, Failure>;

fn token(input: &[u8]) -> Parsed<'_, Token> {
    map_opt(byte, Token::from_id).parse(input)
}

/// The next token, if it is one that `admits` says.
fn one_of(admits: impl Fn(Token) -> bool) -> impl Fn(&[u8]) -> Parsed<'_, Token> {
    move |input| verify(token, |found| admits(*found)).parse(input)
}

fn sum(input: &[u8]) -> Parsed<'_, Sum> {
    let (rest, head) = token(input)?;
    match head.terms() {
        Some(count) => terms(count)(rest),
        None => term(input).map(|(rest, term)| (rest, Sum { terms: vec![term] })),
    }
}

/// The operands of a sum token.
fn terms(count: usize) -> impl Fn(&[u8]) -> Parsed<'_, Sum> {
    move |input| {
        let single = if count == 6 { 5 } else { count };
        let (input, mut terms) = many_m_n(single, single, term).parse(input)?;
        if count == single {
            return Ok((input, Sum { terms }));
        }
        let (input, last) = sum(input)?;
        terms.extend(last.terms);
        Ok((input, Sum { terms }))
    }
}

fn term(input: &[u8]) -> Parsed<'_, Term> {
    let (input, factors) = match token(input)? {
        (rest, Token::One) => (rest, Vec::new()),
        (_, Token::Mul) => product(input)?,
        _ => plain_factor(input).map(|(rest, factor)| (rest, vec![factor]))?,
    };
    Ok((
        input,
        Term {
            coefficient: LEADING,
            product: Product { factors },
        },
    ))
}

/// `mul factor … mul factor factor`, flat.
fn product(mut input: &[u8]) -> Parsed<'_, Vec<Factor>> {
    let mut factors = Vec::new();
    while let (rest, Token::Mul) = token(input)? {
        let (rest, next) = factor(rest)?;
        factors.push(next);
        input = rest;
    }
    let (input, last) = factor(input)?;
    factors.push(last);
    Ok((input, factors))
}

/// A factor below `mul`: there, a sum may stand for itself.
fn factor(input: &[u8]) -> Parsed<'_, Factor> {
    let (rest, head) = token(input)?;
    match head.terms() {
        Some(count) => {
            let (rest, sum) = terms(count)(rest)?;
            Ok((
                rest,
                Factor {
                    atom: Atom::Group(sum),
                    exponent: 1.0,
                },
            ))
        }
        None => plain_factor(input),
    }
}

fn plain_factor(input: &[u8]) -> Parsed<'_, Factor> {
    let (rest, head) = token(input)?;
    let exponent = match head.exponent() {
        Some(exponent) => exponent,
        None if head == Token::Power => EXPONENT,
        None => {
            return atom(input).map(|(rest, atom)| {
                (
                    rest,
                    Factor {
                        atom,
                        exponent: 1.0,
                    },
                )
            });
        }
    };
    base(rest).map(|(rest, atom)| (rest, Factor { atom, exponent }))
}

/// What an exponent, or `abs`, applies to.
fn base(input: &[u8]) -> Parsed<'_, Atom> {
    let (rest, head) = token(input)?;
    match head {
        Token::Neg => {
            let (rest, mut sum) = group(rest)?;
            if let Some(lead) = sum.lead() {
                sum.terms[lead].coefficient = -1.0;
            }
            Ok((rest, Atom::Group(sum)))
        }
        Token::Mul => group(input).map(|(rest, sum)| (rest, Atom::Group(sum))),
        _ if head.terms().is_some() => group(input).map(|(rest, sum)| (rest, Atom::Group(sum))),
        _ => atom(input),
    }
}

/// A sum, or a product as a sum of one term.
fn group(input: &[u8]) -> Parsed<'_, Sum> {
    let one = |token| token == Token::One;
    nom::combinator::not(one_of(one)).parse(input)?;
    sum(input)
}

/// A leaf or a function.
fn atom(input: &[u8]) -> Parsed<'_, Atom> {
    let (rest, head) = one_of(|t| t != Token::One && t.arity() < 2 && t != Token::Neg)(input)?;
    if let Some(state) = head.as_state() {
        return Ok((rest, Atom::State(state)));
    }
    match FUNCTIONS.iter().find(|(token, _)| *token == head) {
        Some((_, Function::Abs)) => {
            // The argument of abs is a base: its leading coefficient is fixed.
            nom::combinator::not(one_of(|t| t == Token::Neg)).parse(rest)?;
            let (rest, argument) = base(rest)?;
            let argument = match argument {
                Atom::Group(sum) => sum,
                atom => Product {
                    factors: vec![Factor {
                        atom,
                        exponent: 1.0,
                    }],
                }
                .into(),
            };
            Ok((rest, Atom::Call(Function::Abs, argument)))
        }
        Some((_, function)) => {
            let (rest, argument) = sum(rest)?;
            Ok((rest, Atom::Call(*function, argument)))
        }
        None => one_of(|t| t == Token::Time)(input).map(|(rest, _)| (rest, Atom::Time)),
    }
}
