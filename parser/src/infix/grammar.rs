//! The grammar of one right-hand side, as written down in [`super`].
//!
//! Owns precedence, the meaning of names and where errors point. Only parentheses recurse, and their number is
//! limited; chains of operators and signs are loops.

use std::f64::consts::PI;

use nom::Parser;
use nom::branch::alt;
use nom::character::complete::char;
use nom::combinator::opt;

use super::function;
use super::hint;
use super::lexeme::{self, Fault, Statement, Step, refuse, spaced};
use super::node::Node;
use super::{MAX_DEPTH, MAX_NODES};
use crate::error::{Expected, Found, ParseError, ParseErrorKind, Span};
use crate::expr::{Binary, Expr, Unary};
use crate::system::Names;

/// Which names stand for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Variables only.
    Formula,
    /// Variables, and `c0`, `c1`, … for parameters.
    Template,
}

/// Reads one statement in the variables of `names`.
pub(super) struct Grammar<'a> {
    statement: &'a Statement<'a>,
    names: &'a Names,
    mode: Mode,
}

/// An atom, and whether it is a number written as one: only those take a sign into themselves.
struct Atom {
    node: Node,
    literal: bool,
}

/// One storey of a tower `a^b^c`: the signs before its atom, and where it begins.
struct Storey {
    minuses: usize,
    /// The last sign is a minus right before a literal.
    signed_literal: bool,
    base: Node,
    span: Span,
}

impl<'a> Grammar<'a> {
    /// A grammar for this text and these names.
    pub fn new(statement: &'a Statement<'a>, names: &'a Names, mode: Mode) -> Grammar<'a> {
        Grammar {
            statement,
            names,
            mode,
        }
    }

    /// The tree of the whole statement.
    pub fn parse(&self) -> Result<Expr, ParseError> {
        match self.sum(self.statement.text, 0) {
            Ok((rest, node)) => match lexeme::space(rest) {
                Ok(("", _)) => Ok(node.into_expr()),
                _ => Err(self.unexpected(rest, Expected::OperatorOrEnd)),
            },
            Err(nom::Err::Error(Fault::Refused(e)) | nom::Err::Failure(Fault::Refused(e))) => {
                Err(*e)
            }
            Err(_) => Err(self.unexpected(self.statement.text, Expected::Operand)),
        }
    }

    /// `product { ("+" | "-") product }`, inside `open` parentheses.
    fn sum(&self, input: &'a str, open: usize) -> Step<'a, Node> {
        let (mut rest, mut left) = self.product(input, open)?;
        while let (after, Some(operator)) = opt(spaced(lexeme::additive)).parse(rest)? {
            let span = self.between(rest, after);
            let (next, right) = self.product(after, open)?;
            left = self.within_limits(span, Node::binary(operator, left, right))?;
            rest = next;
        }
        Ok((rest, left))
    }

    /// `signed { ("*" | "/") signed }`.
    fn product(&self, input: &'a str, open: usize) -> Step<'a, Node> {
        let (mut rest, mut left) = self.signed(input, open)?;
        while let (after, Some(operator)) = opt(spaced(lexeme::multiplicative)).parse(rest)? {
            let span = self.between(rest, after);
            let (next, right) = self.signed(after, open)?;
            left = self.within_limits(span, Node::binary(operator, left, right))?;
            rest = next;
        }
        Ok((rest, left))
    }

    /// `{ "+" | "-" } atom [ "^" signed ]`: reads the whole tower, then builds it from its top down.
    fn signed(&self, input: &'a str, open: usize) -> Step<'a, Node> {
        let mut storeys = Vec::new();
        let mut rest = input;
        loop {
            let (after, storey) = self.storey(rest, open)?;
            storeys.push(storey);
            let (after, caret) = opt(spaced(lexeme::caret)).parse(after)?;
            rest = after;
            if caret.is_none() {
                break;
            }
        }
        let mut tower: Option<Node> = None;
        for storey in storeys.into_iter().rev() {
            let mut minuses = storey.minuses;
            let mut node = match tower {
                Some(exponent) => {
                    let power = Node::binary(Binary::Pow, storey.base, exponent);
                    self.within_limits(storey.span, power)?
                }
                None if storey.signed_literal => {
                    minuses -= 1;
                    storey.base.negated_number()
                }
                None => storey.base,
            };
            for _ in 0..minuses {
                node = self.within_limits(storey.span, Node::unary(Unary::Neg, node))?;
            }
            tower = Some(node);
        }
        match tower {
            Some(node) => Ok((rest, node)),
            None => refuse(self.unexpected(input, Expected::Operand)),
        }
    }

    /// Signs and an atom.
    fn storey(&self, input: &'a str, open: usize) -> Step<'a, Storey> {
        let mut minuses = 0;
        let mut last = false;
        let mut rest = input;
        while let (after, Some(minus)) = opt(spaced(lexeme::minus)).parse(rest)? {
            minuses += usize::from(minus);
            last = minus;
            rest = after;
        }
        let (after, atom) = self.atom(rest, open)?;
        let storey = Storey {
            minuses,
            signed_literal: last && atom.literal,
            base: atom.node,
            span: self.between(input, after),
        };
        Ok((after, storey))
    }

    /// A number, a name, a call or a parenthesis, with no other operand right behind it.
    fn atom(&self, input: &'a str, open: usize) -> Step<'a, Atom> {
        let (start, _) = lexeme::space(input)?;
        let (rest, atom) = match alt((
            |i| self.number(i),
            |i| self.parenthesis(i, open),
            |i| self.word(i, open),
        ))
        .parse(start)
        {
            Err(nom::Err::Error(_)) => refuse(self.unexpected(start, Expected::Operand))?,
            other => other?,
        };
        match hint::operand(rest) {
            Some(right) => refuse(self.side_by_side(start, rest, right)),
            None => Ok((rest, atom)),
        }
    }

    /// A number without its sign.
    fn number(&self, input: &'a str) -> Step<'a, Atom> {
        let (rest, text) = lexeme::number(input)?;
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok((rest, literal(value))),
            _ => refuse(ParseError::new(
                ParseErrorKind::NumberTooLarge {
                    text: hint::excerpt(text),
                },
                self.between(input, rest),
            )),
        }
    }

    /// `( sum )`.
    fn parenthesis(&self, input: &'a str, open: usize) -> Step<'a, Atom> {
        let (inner, _) = char('(').parse(input)?;
        let opening = self.between(input, inner);
        if open >= MAX_DEPTH {
            return refuse(ParseError::new(
                ParseErrorKind::TooDeep { limit: MAX_DEPTH },
                opening,
            ));
        }
        let (rest, node) = self.sum(inner, open + 1)?;
        let (rest, _) = lexeme::space(rest)?;
        match opt(char(')')).parse(rest)? {
            (after, Some(_)) => Ok((
                after,
                Atom {
                    node,
                    literal: false,
                },
            )),
            ("", None) => refuse(ParseError::new(
                ParseErrorKind::UnclosedParenthesis,
                opening,
            )),
            (rest, None) => refuse(self.unexpected(rest, Expected::OperatorOrClose)),
        }
    }

    /// A name, or a call where `(` follows.
    fn word(&self, input: &'a str, open: usize) -> Step<'a, Atom> {
        let (rest, name) = lexeme::identifier(input)?;
        let span = self.between(input, rest);
        let (argument, _) = lexeme::space(rest)?;
        if !argument.starts_with('(') {
            return Ok((rest, self.name(name, span, argument)?));
        }
        let Some(function) = function::lookup(name) else {
            return match self.variable(name) {
                Some(_) => refuse(self.side_by_side(input, rest, hint::ARGUMENT.to_string())),
                None => refuse(hint::unknown_function(name, span)),
            };
        };
        let (rest, atom) = self.parenthesis(argument, open)?;
        let node = self.within_limits(span, function.apply(atom.node))?;
        Ok((
            rest,
            Atom {
                node,
                literal: false,
            },
        ))
    }

    /// What a name stands for that is not called; `next` follows it.
    fn name(&self, name: &str, span: Span, next: &str) -> Result<Atom, nom::Err<Fault>> {
        match self.variable(name) {
            Some(Expr::Number(value)) => Ok(literal(value)),
            Some(Expr::Parameter(k)) if k >= MAX_NODES => refuse(ParseError::new(
                ParseErrorKind::ParameterTooLarge {
                    name: hint::excerpt(name),
                    limit: MAX_NODES,
                },
                span,
            )),
            Some(leaf) => Ok(Atom {
                node: Node::leaf(leaf),
                literal: false,
            }),
            None if function::lookup(name).is_some() => {
                refuse(hint::missing_argument(name, span, next))
            }
            None => refuse(hint::unknown_name(name, span, self.names)),
        }
    }

    /// The leaf of a name: states first, so that a header may use any name.
    fn variable(&self, name: &str) -> Option<Expr> {
        if let Some(i) = self.names.states.iter().position(|s| s == name) {
            Some(Expr::State(i))
        } else if self.names.time == name {
            Some(Expr::Time)
        } else if name == "pi" || name == "π" {
            Some(Expr::Number(PI))
        } else if self.mode == Mode::Template {
            lexeme::parameter_index(name).map(Expr::Parameter)
        } else {
            None
        }
    }

    /// The text from the start of `from` to that of `to`, without white space before it.
    fn between(&self, from: &str, to: &str) -> Span {
        let start = self.statement.offset_of(from.trim_start());
        Span::new(start, self.statement.offset_of(to).saturating_sub(start))
    }

    /// A node, or the error of a limit with its place.
    fn within_limits<T>(
        &self,
        span: Span,
        node: Result<T, ParseErrorKind>,
    ) -> Result<T, nom::Err<Fault>> {
        node.or_else(|kind| refuse(ParseError::new(kind, span)))
    }

    /// The error for something at `rest` that the grammar cannot go on with.
    fn unexpected(&self, rest: &str, expected: Expected) -> ParseError {
        let rest = rest.trim_start();
        let offset = self.statement.offset_of(rest);
        let Some(text) = hint::first_lexeme(rest) else {
            let found = Found::End;
            let end = Span::new(offset, 0);
            return ParseError::new(ParseErrorKind::Unexpected { expected, found }, end);
        };
        let span = Span::new(offset, text.len());
        if text == ")" && expected == Expected::OperatorOrEnd {
            return ParseError::new(ParseErrorKind::UnopenedParenthesis, span);
        }
        let found = Found::Text(hint::excerpt(text));
        ParseError::new(ParseErrorKind::Unexpected { expected, found }, span)
            .with_hint(hint::stray(rest))
    }

    /// The error for an operand that starts at `start`, ends at `rest`, and has the operand `right` behind it.
    fn side_by_side(&self, start: &str, rest: &str, right: String) -> ParseError {
        let operand = start.get(..start.len() - rest.len()).unwrap_or(start);
        let hint = hint::product(operand, &right, rest, &self.names.time);
        let left = hint::excerpt(operand);
        let next = rest.trim_start();
        let length = hint::first_lexeme(next).map_or(0, str::len);
        let begin = self.statement.offset_of(start);
        let end = self.statement.offset_of(next) + length;
        ParseError::new(
            ParseErrorKind::ImplicitProduct { left, right },
            Span::new(begin, end.saturating_sub(begin)),
        )
        .with_hint(hint)
    }
}

/// A number as an atom.
fn literal(value: f64) -> Atom {
    Atom {
        node: Node::leaf(Expr::Number(value)),
        literal: true,
    }
}
