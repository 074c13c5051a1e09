//! What is wrong with the text of a formula, where, and what to write instead.
//!
//! Owns the error of [`crate::infix`]. The words of [`ParseErrorKind`] say what was expected and what was
//! found; the hint, where a person would want one, says what to write; the span points into the text. How
//! these are laid out on a terminal is the caller's business. Errors of token sequences live with the tokens.

use std::fmt;

/// A piece of the text, in bytes; both ends lie on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Bytes before it.
    pub offset: usize,
    /// Bytes in it; 0 where something is missing.
    pub length: usize,
}

impl Span {
    /// `length` bytes from `offset` on.
    pub fn new(offset: usize, length: usize) -> Span {
        Span { offset, length }
    }
}

/// Why a text is no formula. Displays as one sentence without the hint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Where, in the text as it was given.
    pub span: Span,
    /// What to write instead, e.g. ``write `2*y` ``.
    pub hint: Option<String>,
}

impl ParseError {
    /// An error without a hint.
    pub fn new(kind: ParseErrorKind, span: Span) -> ParseError {
        ParseError {
            kind,
            span,
            hint: None,
        }
    }

    /// The same error with this hint, or unchanged for `None`.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Option<String>>) -> ParseError {
        self.hint = hint.into().or(self.hint);
        self
    }
}

/// What the grammar could have continued with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// The start of a term.
    Operand,
    /// `+ - * / ^`, or the end of the formula.
    OperatorOrEnd,
    /// `+ - * / ^`, or the parenthesis that closes an open one.
    OperatorOrClose,
    /// All of one right-hand side.
    RightHandSide,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expected::Operand => "a number, a name, a function or `(`",
            Expected::OperatorOrEnd => "an operator or the end of the formula",
            Expected::OperatorOrClose => "an operator or `)`",
            Expected::RightHandSide => "a right-hand side",
        })
    }
}

/// What stood there instead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Found {
    /// The formula, or the line, was over.
    End,
    /// This piece of text; long ones are cut.
    Text(String),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::End => f.write_str("the end"),
            Found::Text(text) => write!(f, "`{text}`"),
        }
    }
}

/// The ways in which a text can be no formula, or no system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but white space and comments.
    #[error("there is no formula in this text")]
    Empty,
    /// The grammar does not continue like this.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What could have stood here.
        expected: Expected,
        /// What does.
        found: Found,
    },
    /// Two operands side by side: products are written with `*`.
    #[error("there is no operator between `{left}` and `{right}`")]
    ImplicitProduct {
        /// Text of the left operand.
        left: String,
        /// Start of the right one.
        right: String,
    },
    /// A function's name without `(` behind it.
    #[error("`{function}` needs its argument in parentheses")]
    MissingArgument {
        /// The function.
        function: String,
    },
    /// A name that is none of the variables.
    #[error("unknown name `{name}`; known here: {}", list(.known))]
    UnknownName {
        /// The name.
        name: String,
        /// Names of the states, then that of the time.
        known: Vec<String>,
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
    /// A call of something that is no function.
    #[error("unknown function `{name}`; known: {}", list(.known))]
    UnknownFunction {
        /// Its name.
        name: String,
        /// Names of the functions.
        known: Vec<String>,
        /// The known name that looks most like it.
        nearest: Option<String>,
    },
    /// A number beyond the largest finite `f64`.
    #[error("the number {text} is larger than 1.8e308")]
    NumberTooLarge {
        /// The number as written; long ones are cut.
        text: String,
    },
    /// `(` without its `)`; the span is that of the `(`.
    #[error("this parenthesis is never closed")]
    UnclosedParenthesis,
    /// `)` without its `(`.
    #[error("this parenthesis was never opened")]
    UnopenedParenthesis,
    /// A text beyond [`crate::infix::MAX_TEXT`].
    #[error("the text has {length} bytes, and at most {limit} are read")]
    TextTooLong {
        /// Bytes in the text.
        length: usize,
        /// Most bytes accepted.
        limit: usize,
    },
    /// A tree, or parentheses, nested beyond [`crate::infix::MAX_DEPTH`].
    #[error("the formula is nested more than {limit} levels deep (a long sum nests once a term)")]
    TooDeep {
        /// Largest depth accepted.
        limit: usize,
    },
    /// A right-hand side beyond [`crate::infix::MAX_NODES`].
    #[error("the formula has more than {limit} operators, numbers and names")]
    TooManyNodes {
        /// Most nodes accepted.
        limit: usize,
    },
    /// `c99999` in a template, beyond [`crate::infix::MAX_NODES`].
    #[error("parameter `{name}` is beyond the last one allowed, `c{}`", .limit.saturating_sub(1))]
    ParameterTooLarge {
        /// The parameter as written; long ones are cut.
        name: String,
        /// Most parameters accepted.
        limit: usize,
    },
    /// Left of `=` stands no derivative.
    #[error("`{found}` is not the derivative of a state")]
    LeftHandSide {
        /// What stands left of `=`.
        found: String,
    },
    /// One equation has a left-hand side, this one has none.
    #[error("this equation has no left-hand side, although another one has")]
    MissingLeftHandSide,
    /// Two equations for one state.
    #[error("there is a second equation for `{name}`")]
    DuplicateLeftHandSide {
        /// The state.
        name: String,
        /// The first equation's left-hand side.
        first: Span,
    },
    /// States without an equation.
    #[error("there is no equation for {}", list(.names))]
    MissingEquation {
        /// The states that have none.
        names: Vec<String>,
    },
    /// Another number of bare right-hand sides than states.
    #[error("expected one right-hand side a state, so {expected}, found {found}")]
    EquationCount {
        /// Number of states.
        expected: usize,
        /// Number of equations.
        found: usize,
    },
    /// More equations than [`crate::system::MAX_DIMENSION`]; the span is that of the first too many.
    #[error("there are {found} equations, and a system has at most {limit}")]
    TooManyEquations {
        /// Most equations accepted.
        limit: usize,
        /// Number of equations.
        found: usize,
    },
    /// A derivative by something that is not the time.
    #[error("`{found}` is not the time, which is called `{expected}` here")]
    TimeName {
        /// Name of the time.
        expected: String,
        /// Name below the stroke.
        found: String,
    },
    /// A state with the name of the time.
    #[error("`{name}` cannot be both a state and the time")]
    StateIsTime {
        /// The name.
        name: String,
    },
    /// Bare right-hand sides whose names do not say which are the states.
    #[error("which of {} are the states, and in which order, cannot be told", list(.names))]
    AmbiguousNames {
        /// The names that occur, in order of appearance.
        names: Vec<String>,
    },
}

impl ParseErrorKind {
    /// A short name that stays the same when the words change, for tests and for machines.
    pub fn code(&self) -> &'static str {
        match self {
            ParseErrorKind::Empty => "empty",
            ParseErrorKind::Unexpected { .. } => "unexpected",
            ParseErrorKind::ImplicitProduct { .. } => "implicit-product",
            ParseErrorKind::MissingArgument { .. } => "missing-argument",
            ParseErrorKind::UnknownName { .. } => "unknown-name",
            ParseErrorKind::UnknownFunction { .. } => "unknown-function",
            ParseErrorKind::NumberTooLarge { .. } => "number-too-large",
            ParseErrorKind::UnclosedParenthesis => "unclosed-parenthesis",
            ParseErrorKind::UnopenedParenthesis => "unopened-parenthesis",
            ParseErrorKind::TextTooLong { .. } => "text-too-long",
            ParseErrorKind::TooDeep { .. } => "too-deep",
            ParseErrorKind::TooManyNodes { .. } => "too-many-nodes",
            ParseErrorKind::ParameterTooLarge { .. } => "parameter-too-large",
            ParseErrorKind::LeftHandSide { .. } => "left-hand-side",
            ParseErrorKind::MissingLeftHandSide => "missing-left-hand-side",
            ParseErrorKind::DuplicateLeftHandSide { .. } => "duplicate-left-hand-side",
            ParseErrorKind::MissingEquation { .. } => "missing-equation",
            ParseErrorKind::EquationCount { .. } => "equation-count",
            ParseErrorKind::TooManyEquations { .. } => "too-many-equations",
            ParseErrorKind::TimeName { .. } => "time-name",
            ParseErrorKind::StateIsTime { .. } => "state-is-time",
            ParseErrorKind::AmbiguousNames { .. } => "ambiguous-names",
        }
    }
}

/// Names in backquotes, separated by commas.
fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
