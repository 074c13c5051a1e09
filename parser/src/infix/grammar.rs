//! The grammar of one right-hand side, as written down in [`super`].
//!
//! Owns the order of lexemes, the meaning of names, and where errors point. The reader alternates between two
//! states, before an operand and behind one; open parentheses wait on a stack of their own, so that no text
//! can exhaust the thread's.

use std::cell::RefCell;
use std::f64::consts::PI;
use std::mem;

use super::function::{self, Function};
use super::hint;
use super::lexeme::{self, Next, Start, Statement};
use super::node::Node;
use super::pending::{Operand, Pending, Signs, at};
use super::{MAX_DEPTH, MAX_NODES};
use crate::error::{Expected, Found, ParseError, ParseErrorKind, Span};
use crate::expr::Expr;
use crate::system::Names;

/// Which names stand for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode<'a> {
    /// Variables only.
    Formula,
    /// Variables, and `c0`, `c1`, … for parameters.
    Template,
    /// Variables, and every other name for a parameter: its number is the name's place in this list, which
    /// grows as names are met.
    Constants(&'a RefCell<Vec<String>>),
}

/// Reads one statement in the variables of `names`.
pub(super) struct Grammar<'a> {
    statement: &'a Statement<'a>,
    names: &'a Names,
    mode: Mode<'a>,
}

/// An open parenthesis, and what it interrupted.
struct Opening<'a> {
    /// The text from the function's name, or from the parenthesis on.
    start: &'a str,
    /// Place of the parenthesis itself.
    span: Span,
    function: Option<Function>,
    signs: Signs,
    outer: Pending,
}

/// What an operand begins with, its names looked up.
enum Begun<'a> {
    /// A number, a variable or a parameter.
    Leaf(Expr),
    /// A parenthesis, of a function's argument or bare.
    Parenthesis(Option<Function>, &'a str),
}

impl<'a> Grammar<'a> {
    /// A grammar for this text and these names.
    pub fn new(statement: &'a Statement<'a>, names: &'a Names, mode: Mode<'a>) -> Grammar<'a> {
        Grammar {
            statement,
            names,
            mode,
        }
    }

    /// The tree of the whole statement.
    pub fn parse(&self) -> Result<Expr, ParseError> {
        let mut open: Vec<Opening<'a>> = Vec::new();
        let mut pending = Pending::default();
        let mut rest = self.statement.text;
        loop {
            // Before an operand.
            let (signs, start) = self.signs(rest);
            let (begun, after) = self.begin(start)?;
            let leaf = match begun {
                Begun::Leaf(leaf) => leaf,
                Begun::Parenthesis(function, parenthesis) => {
                    let span = self.between(parenthesis, after);
                    if open.len() >= MAX_DEPTH {
                        let kind = ParseErrorKind::TooDeep { limit: MAX_DEPTH };
                        return Err(ParseError::new(kind, span));
                    }
                    let outer = mem::take(&mut pending);
                    open.push(Opening {
                        start,
                        span,
                        function,
                        signs,
                        outer,
                    });
                    rest = after;
                    continue;
                }
            };
            let mut operand = Operand {
                signs,
                literal: matches!(leaf, Expr::Number(_)),
                atom: Node::leaf(leaf),
                span: self.between(rest, after),
            };
            let mut start = start;
            rest = after;
            // Behind an operand: parentheses that close, then an operator or the end.
            loop {
                if let Some(right) = hint::operand(rest) {
                    return Err(self.side_by_side(start, rest, right));
                }
                match lexeme::next(rest) {
                    Ok((after, Next::Operator(operator))) => {
                        pending.push(operand, operator, self.between(rest, after))?;
                        rest = after;
                        break;
                    }
                    Ok((after, Next::Close)) => {
                        let Some(opening) = open.pop() else {
                            return Err(self.unexpected(rest, Expected::OperatorOrEnd));
                        };
                        start = opening.start;
                        rest = after;
                        let inner = mem::replace(&mut pending, opening.outer).finish(operand)?;
                        let span = self.between(start, rest);
                        operand = Operand {
                            signs: opening.signs,
                            atom: match opening.function {
                                Some(function) => at(span, function.apply(inner))?,
                                None => inner,
                            },
                            literal: false,
                            span,
                        };
                    }
                    Err(_) => return self.end(rest, open, pending, operand),
                }
            }
        }
    }

    /// The tree, if the text is over where nothing else can follow.
    fn end(
        &self,
        rest: &str,
        open: Vec<Opening<'a>>,
        pending: Pending,
        last: Operand,
    ) -> Result<Expr, ParseError> {
        let over = rest.trim_start().is_empty();
        match open.last() {
            Some(opening) if over => Err(ParseError::new(
                ParseErrorKind::UnclosedParenthesis,
                opening.span,
            )),
            Some(_) => Err(self.unexpected(rest, Expected::OperatorOrClose)),
            None if over => Ok(pending.finish(last)?.into_expr()),
            None => Err(self.unexpected(rest, Expected::OperatorOrEnd)),
        }
    }

    /// The signs at the start of `input`, and the text behind them without white space.
    fn signs(&self, input: &'a str) -> (Signs, &'a str) {
        let mut signs = Signs::default();
        let mut rest = input;
        while let Ok((after, minus)) = lexeme::sign(rest) {
            signs.minuses += usize::from(minus);
            signs.ends_with_minus = minus;
            rest = after;
        }
        (signs, rest.trim_start())
    }

    /// The leaf or the open parenthesis that `start` begins with, and the text behind it.
    fn begin(&self, start: &'a str) -> Result<(Begun<'a>, &'a str), ParseError> {
        let Ok((after, lexeme)) = lexeme::start(start) else {
            return Err(self.unexpected(start, Expected::Operand));
        };
        let span = self.between(start, after);
        let begun = match lexeme {
            Start::Number(text) => Begun::Leaf(number(text, span)?),
            Start::Open => Begun::Parenthesis(None, start),
            Start::Call(name, parenthesis) => match function::lookup(name) {
                Some(function) => Begun::Parenthesis(Some(function), parenthesis),
                None if self.variable(name).is_some() => {
                    let rest = start.get(name.len()..).unwrap_or(parenthesis);
                    return Err(self.side_by_side(start, rest, hint::ARGUMENT.to_string()));
                }
                None => {
                    return Err(hint::unknown_function(
                        name,
                        self.between(start, parenthesis),
                    ));
                }
            },
            Start::Name(name) => Begun::Leaf(self.name(name, span, after)?),
        };
        Ok((begun, after))
    }

    /// What a name stands for that is not called; `next` follows it.
    fn name(&self, name: &str, span: Span, next: &str) -> Result<Expr, ParseError> {
        match self.variable(name) {
            Some(Expr::Parameter(k)) if k >= MAX_NODES => Err(ParseError::new(
                ParseErrorKind::ParameterTooLarge {
                    name: hint::excerpt(name),
                    limit: MAX_NODES,
                },
                span,
            )),
            Some(leaf) => Ok(leaf),
            None if function::lookup(name).is_some() => {
                Err(hint::missing_argument(name, span, next))
            }
            None => match self.mode {
                Mode::Constants(list) => Ok(constant(name, &mut list.borrow_mut())),
                _ => Err(hint::unknown_name(name, span, self.names)),
            },
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

    /// From the start of `from` to that of `to`, without the white space around.
    fn between(&self, from: &str, to: &str) -> Span {
        let from = from.trim_start();
        let text = from.get(..from.len().saturating_sub(to.len()));
        let length = text.map_or(0, |text| text.trim_end().len());
        Span::new(self.statement.offset_of(from), length)
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

    /// The error for an operand from `start` to `rest` that has the operand `right` behind it.
    fn side_by_side(&self, start: &str, rest: &str, right: String) -> ParseError {
        let operand = start.get(..start.len() - rest.len()).unwrap_or(start);
        let hint = hint::product(operand, &right, rest, &self.names.time);
        let left = hint::excerpt(operand);
        let next = rest.trim_start();
        let lexeme = hint::first_lexeme(next).unwrap_or("");
        let end = next.get(lexeme.len()..).unwrap_or("");
        let span = self.between(start, end);
        ParseError::new(ParseErrorKind::ImplicitProduct { left, right }, span).with_hint(hint)
    }
}

/// The parameter of this name, a new one if it is not in the list.
fn constant(name: &str, list: &mut Vec<String>) -> Expr {
    let known = list.iter().position(|known| known == name);
    Expr::Parameter(known.unwrap_or_else(|| {
        list.push(name.to_string());
        list.len() - 1
    }))
}

/// A number without its sign.
fn number(text: &str, span: Span) -> Result<Expr, ParseError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Expr::Number(value)),
        _ => {
            let text = hint::excerpt(text);
            Err(ParseError::new(
                ParseErrorKind::NumberTooLarge { text },
                span,
            ))
        }
    }
}
