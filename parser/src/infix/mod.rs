//! Infix text into trees and systems: `0.79*y*(1 - y/74.3)`, `dx1/dt = x2; dx2/dt = -sin(x1)`.
//!
//! The grammar, each line binding tighter than the one above it:
//!
//! ```text
//! sum      = product { ("+" | "-") product }
//! product  = signed { ("*" | "/") signed }
//! signed   = { "+" | "-" } power
//! power    = atom [ ("^" | "**") signed ]
//! atom     = number | name | function "(" sum ")" | "(" sum ")"
//! ```
//!
//! So `-y^2` is `-(y^2)`, `2^-3` needs no parentheses, and `a^b^c` is `a^(b^c)`. A `-` right before a number
//! that no `^` follows makes a negative number; `-(2)` keeps the operator. That is what makes reading the
//! inverse of [`crate::print::infix`], tree for tree. `#` starts a comment.
//!
//! A name followed by `(` is a function, any other name a variable, or `pi`. Functions without an operator of
//! their own (`cot`, `sinh`, …) are expanded while reading.
//!
//! The grammar is predictive, so no text is read twice, and its reader does not recurse, so no text can exhaust
//! the stack.
//!
//! Files: `lexeme` splits text into numbers, names and signs; `grammar` says what may follow what; `pending`
//! applies precedence and `node` the limits while trees are built; `function` is the table of functions;
//! `equations` reads systems; `hint` knows what people write by mistake.

mod equations;
mod function;
mod grammar;
mod hint;
mod lexeme;
mod node;
mod pending;

use std::cell::RefCell;

use crate::error::{Expected, Found, ParseError, ParseErrorKind, Span};
use crate::expr::Expr;
use crate::system::{Names, System};
use grammar::{Grammar, Mode};
use lexeme::Statement;

/// Most bytes of text that are read.
pub const MAX_TEXT: usize = 64 * 1024;

/// Largest height of a tree that is read ([`Expr::depth`]), and most parentheses open at a time. Sums and
/// products count once a term, since their trees lean to the left. Recursion over such trees is safe.
pub const MAX_DEPTH: usize = 256;

/// Most nodes of one right-hand side ([`Expr::nodes`]), after functions like `sinh` are expanded.
pub const MAX_NODES: usize = 10_000;

/// One right-hand side in the variables of `names`.
///
/// # Errors
/// [`ParseError`], with the place and, where there is one, a hint.
pub fn parse_expr(text: &str, names: &Names) -> Result<Expr, ParseError> {
    parse_one(text, names, Mode::Formula)
}

/// The same, but `c0`, `c1`, … are parameters ([`Expr::Parameter`]) unless `names` has a variable of that
/// name: reads what the printers write of a parametrised law.
///
/// # Errors
/// [`ParseError`], with the place and, where there is one, a hint.
pub fn parse_template(text: &str, names: &Names) -> Result<Expr, ParseError> {
    parse_one(text, names, Mode::Template)
}

/// A system: equations separated by `;` or by line ends, blank lines and comments skipped.
///
/// Either every equation has a left-hand side (`dy/dt = …` or `y' = …`), in any order, or none has.
/// With `names`, there must be one equation a state; bare right-hand sides stand in the order of the states.
/// Without, the left-hand sides name the states in their order. Without those as well, names are inferred:
/// the one unknown name (`y` if there is none, or if it is among several) for one equation; `x1 … xD`, or
/// another numbered family such as `x_0, x_1`, for several. The time is called `t` unless `dy/dτ` or `names`
/// say otherwise. Returns the names with the system.
///
/// # Errors
/// [`ParseError`], with the place and, where there is one, a hint.
pub fn parse_system(text: &str, names: Option<&Names>) -> Result<(System, Names), ParseError> {
    let statements = statements(text)?;
    match names {
        Some(names) => equations::named(&statements, names, Mode::Formula),
        None => equations::unnamed(&statements),
    }
}

/// As [`parse_system`] with names, but every name that is no variable is a constant: `r*y*(1 - y/K)`. Returns the
/// system, with [`Expr::Parameter`] `k` for constant `k`, and the names of the constants.
///
/// # Errors
/// [`ParseError`], with the place and, where there is one, a hint.
pub fn parse_law(text: &str, names: &Names) -> Result<(System, Vec<String>), ParseError> {
    let constants = RefCell::new(Vec::new());
    let statements = statements(text)?;
    let (system, _) = equations::named(&statements, names, Mode::Constants(&constants))?;
    Ok((system, constants.into_inner()))
}

/// Whether formulas can use `text` as the name of a variable: letters of any script, digits and `_`, not
/// starting with a digit. Names of functions are fine, since only a `(` makes them one.
pub fn is_identifier(text: &str) -> bool {
    matches!(lexeme::identifier(text), Ok(("", _)))
}

/// The only statement of a text.
fn parse_one(text: &str, names: &Names, mode: Mode<'_>) -> Result<Expr, ParseError> {
    let statements = statements(text)?;
    match statements.as_slice() {
        [one] => match one.split_at('=') {
            None => Grammar::new(one, names, mode).parse(),
            Some((_, right)) => Err(ParseError::new(
                ParseErrorKind::Unexpected {
                    expected: Expected::RightHandSide,
                    found: Found::Text(hint::excerpt(one.text)),
                },
                Span::new(one.offset, right.offset.saturating_sub(one.offset)),
            )
            .with_hint("write only what stands right of `=`".to_string())),
        },
        [] => Err(empty(text)),
        [_, second, ..] => Err(ParseError::new(
            ParseErrorKind::EquationCount {
                expected: 1,
                found: statements.len(),
            },
            second.span(),
        )),
    }
}

/// The statements of a text that is not too long and not empty.
fn statements(text: &str) -> Result<Vec<Statement<'_>>, ParseError> {
    if text.len() > MAX_TEXT {
        return Err(ParseError::new(
            ParseErrorKind::TextTooLong {
                length: text.len(),
                limit: MAX_TEXT,
            },
            Span::new(0, 0),
        ));
    }
    let found = lexeme::statements(text);
    if found.is_empty() {
        return Err(empty(text));
    }
    Ok(found)
}

/// The error for a text without a formula.
fn empty(text: &str) -> ParseError {
    ParseError::new(ParseErrorKind::Empty, Span::new(0, text.len())).with_hint(
        "write a right-hand side such as `0.5*y` or an equation such as `dy/dt = 0.5*y`"
            .to_string(),
    )
}
