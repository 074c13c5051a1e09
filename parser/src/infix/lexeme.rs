//! The smallest pieces of infix text: statements, white space, numbers, names and signs, as nom parsers.
//!
//! Owns what a number and a name look like. What they mean is the business of the grammar.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while};
use nom::character::complete::{char, digit1, one_of, satisfy};
use nom::combinator::{opt, recognize, value};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use crate::error::Span;
use crate::expr::Binary;

/// The rest of the statement, and what was read. Parsers here only match or do not; the grammar says why.
pub(super) type Step<'a, T> = IResult<&'a str, T, ()>;

/// One equation or right-hand side, without its separators and comment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'a> {
    /// Its text, trimmed, not empty.
    pub text: &'a str,
    /// Bytes before it.
    pub offset: usize,
}

impl<'a> Statement<'a> {
    /// Where it stands.
    pub fn span(&self) -> Span {
        Span::new(self.offset, self.text.len())
    }

    /// The place of `rest`, which is an end of this statement.
    pub fn offset_of(&self, rest: &str) -> usize {
        (self.offset + self.text.len()).saturating_sub(rest.len())
    }

    /// The same text in two, left and right of the first `sign`, each trimmed; `None` without one.
    pub fn split_at(&self, sign: char) -> Option<(Statement<'a>, Statement<'a>)> {
        let (left, right) = self.text.split_once(sign)?;
        let offset = self.offset + left.len() + sign.len_utf8();
        Some((trimmed(left, self.offset), trimmed(right, offset)))
    }
}

/// `text` without the white space around it.
fn trimmed(text: &str, offset: usize) -> Statement<'_> {
    let start = text.trim_start();
    Statement {
        text: start.trim_end(),
        offset: offset + text.len() - start.len(),
    }
}

/// All statements of a text, separated by `;` or line ends; comments and empty ones are left out.
pub(super) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive(['\n', '\r']) {
        let code = line.split('#').next().unwrap_or("");
        let mut start = offset;
        for piece in code.split(';') {
            let statement = trimmed(piece, start);
            if !statement.text.is_empty() {
                found.push(statement);
            }
            start += piece.len() + 1;
        }
        offset += line.len();
    }
    found
}

/// White space, maybe none.
pub(super) fn space(input: &str) -> Step<'_, &str> {
    take_while(char::is_whitespace).parse(input)
}

/// `what`, after white space.
pub(super) fn spaced<'a, T>(
    what: impl Parser<&'a str, Output = T, Error = ()>,
) -> impl Parser<&'a str, Output = T, Error = ()> {
    preceded(space, what)
}

/// A name: letters of any script, digits, subscript digits and `_`, not starting with a digit.
pub(super) fn identifier(input: &str) -> Step<'_, &str> {
    recognize(pair(
        satisfy(|c| c.is_alphabetic() || c == '_'),
        take_while(|c: char| {
            c.is_alphabetic() || c.is_ascii_digit() || c == '_' || ('₀'..='₉').contains(&c)
        }),
    ))
    .parse(input)
}

/// Digits, maybe none. Not nom's `digit0`: at the end of the text version 8.0.0 gives back an empty rest that
/// points to the start of the digits, from which `recognize` concludes that there are none.
fn digits(input: &str) -> Step<'_, &str> {
    take_while(|c: char| c.is_ascii_digit()).parse(input)
}

/// The text of a number without a sign: `12`, `1.5`, `.5`, `5.`, each maybe with `e-3`.
pub(super) fn number(input: &str) -> Step<'_, &str> {
    recognize((
        alt((
            recognize((digit1, opt(pair(char('.'), digits)))),
            recognize((char('.'), digit1)),
        )),
        opt((one_of("eE"), opt(one_of("+-")), digit1)),
    ))
    .parse(input)
}

/// What an operand begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start<'a> {
    /// A number without its sign.
    Number(&'a str),
    /// `(`
    Open,
    /// A name and the `(` behind it, with the text from that `(` on.
    Call(&'a str, &'a str),
    /// A name that no `(` follows.
    Name(&'a str),
}

/// What can follow an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An operator between two operands.
    Operator(Binary),
    /// `)`
    Close,
}

/// The start of an operand behind its signs.
pub(super) fn start(input: &str) -> Step<'_, Start<'_>> {
    alt((
        number.map(Start::Number),
        value(Start::Open, char('(')),
        call,
        identifier.map(Start::Name),
    ))
    .parse(input)
}

/// A name and `(`.
fn call(input: &str) -> Step<'_, Start<'_>> {
    let (after, name) = identifier(input)?;
    let (from, _) = space(after)?;
    let (argument, _) = char('(').parse(from)?;
    Ok((argument, Start::Call(name, from)))
}

/// A sign before an operand: true for minus. U+2212 is what word processors make of it.
pub(super) fn sign(input: &str) -> Step<'_, bool> {
    spaced(alt((
        value(false, char('+')),
        value(true, one_of("-\u{2212}")),
    )))
    .parse(input)
}

/// An operator or a closing parenthesis. `**` is `^` in Python.
pub(super) fn next(input: &str) -> Step<'_, Next> {
    spaced(alt((
        value(Next::Operator(Binary::Pow), alt((tag("^"), tag("**")))),
        value(Next::Operator(Binary::Mul), char('*')),
        value(Next::Operator(Binary::Div), char('/')),
        value(Next::Operator(Binary::Add), char('+')),
        value(Next::Operator(Binary::Sub), one_of("-\u{2212}")),
        value(Next::Close, char(')')),
    )))
    .parse(input)
}

/// The stroke of `y'`, typed or as typesetting makes it.
pub(super) fn prime(input: &str) -> Step<'_, char> {
    one_of("'\u{2032}\u{2019}").parse(input)
}

/// `k` of a parameter's name `c0`, `c1`, …, without leading zeros; `None` for other names. Saturates.
pub(super) fn parameter_index(name: &str) -> Option<usize> {
    let digits = name.strip_prefix('c')?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some(digits.parse().unwrap_or(usize::MAX))
}
