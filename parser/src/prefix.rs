//! The nom grammar of the prefix language of [`crate::token`]: tokens to canonical sums with placeholders
//! for their constants.
//!
//! It accepts whatever a model may write, canonical or not, and rejects the rest with the place and the
//! reason.

use crate::canonical::{Atom, Factor, Function, Product, Sum, Term};
use crate::skeleton::PrefixError;
use crate::token::{MAX_STATES, MAX_TOKENS, Token};
use nom::combinator::{map_opt, not, verify};
use nom::error::{ErrorKind, ParseError};
use nom::multi::many_m_n;
use nom::number::complete::u8 as byte;
use nom::{IResult, Parser};

/// The tokens of the functions.
const FUNCTIONS: [(Token, Function); 7] = [
    (Token::Sin, Function::Sin),
    (Token::Cos, Function::Cos),
    (Token::Tan, Function::Tan),
    (Token::Tanh, Function::Tanh),
    (Token::Exp, Function::Exp),
    (Token::Log, Function::Log),
    (Token::Abs, Function::Abs),
];

/// The token of a function.
pub(crate) fn token_of(function: Function) -> Token {
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
pub(crate) fn shape(dimension: usize, tokens: &[Token]) -> Result<Vec<Sum>, PrefixError> {
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

/// The sum that the tokens are, if they are one, whatever states it has.
pub(crate) fn alone(tokens: &[Token]) -> Option<Sum> {
    let bytes: Vec<u8> = tokens.iter().map(|token| token.id()).collect();
    match sum(&bytes) {
        Ok(([], sum)) => Some(sum),
        _ => None,
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
    not(one_of(one)).parse(input)?;
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
            not(one_of(|t| t == Token::Neg)).parse(rest)?;
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
