//! Systems: left-hand sides, their order, and the names of the states where nobody gives them.

use std::collections::HashSet;

use nom::Parser;
use nom::branch::alt;
use nom::character::complete::char;

use super::function;
use super::grammar::{Grammar, Mode};
use super::hint;
use super::lexeme::{self, Statement, Step, spaced};
use crate::error::{Expected, Found, ParseError, ParseErrorKind, Span};
use crate::expr::Expr;
use crate::system::{MAX_DIMENSION, Names, System};

/// Name of the time where nothing says otherwise.
const TIME: &str = "t";

/// `dy/dt`, or `y'` without a time.
struct Left<'a> {
    state: &'a str,
    time: Option<&'a str>,
    span: Span,
}

/// One equation; bare right-hand sides have no left one.
struct Equation<'a> {
    left: Option<Left<'a>>,
    right: Statement<'a>,
}

/// The system of `statements` whose states are known.
pub(super) fn named(
    statements: &[Statement<'_>],
    names: &Names,
    mode: Mode<'_>,
) -> Result<(System, Names), ParseError> {
    let equations = equations(statements)?;
    let Some(lefts) = lefts(&equations)? else {
        if equations.len() != names.dimension() {
            let expected = names.dimension();
            let found = equations.len();
            let kind = ParseErrorKind::EquationCount { expected, found };
            return Err(ParseError::new(kind, around(statements)));
        }
        let rights = equations.iter().map(|e| &e.right);
        return system(rights, names.clone(), mode);
    };
    let mut slots: Vec<Option<(&Left<'_>, &Statement<'_>)>> = vec![None; names.dimension()];
    for (left, equation) in lefts.iter().zip(&equations) {
        check_time(left, &names.time)?;
        let slot = names.states.iter().position(|s| s == left.state);
        let Some(slot) = slot.and_then(|i| slots.get_mut(i)) else {
            return Err(hint::unknown_name(left.state, left.span, names));
        };
        if let Some((first, _)) = slot {
            return Err(duplicate(left, first));
        }
        *slot = Some((left, &equation.right));
    }
    let missing: Vec<String> = names
        .states
        .iter()
        .zip(&slots)
        .filter(|(_, slot)| slot.is_none())
        .map(|(name, _)| name.clone())
        .collect();
    if !missing.is_empty() {
        let span = around(statements);
        let end = Span::new(span.offset + span.length, 0);
        let by_comma = |equation: &Equation<'_>| {
            let mut parts = equation.right.text.split(',').skip(1);
            parts.any(|part| part.contains('='))
        };
        let add = |name: &String| format!("add `d{name}/d{} = …`", names.time);
        let hint = match equations.iter().any(by_comma) {
            true => Some("separate equations by `;`, not by `,`".to_string()),
            false => missing.first().map(add),
        };
        let kind = ParseErrorKind::MissingEquation { names: missing };
        return Err(ParseError::new(kind, end).with_hint(hint));
    }
    system(
        slots.iter().flatten().map(|(_, right)| *right),
        names.clone(),
        mode,
    )
}

/// The system of `statements`, and the names that it gives its states.
pub(super) fn unnamed(statements: &[Statement<'_>]) -> Result<(System, Names), ParseError> {
    let equations = equations(statements)?;
    let names = match lefts(&equations)? {
        Some(lefts) => declared(&lefts)?,
        None => inferred(statements)?,
    };
    system(equations.iter().map(|e| &e.right), names, Mode::Formula)
}

/// Names as the left-hand sides give them.
fn declared(lefts: &[&Left<'_>]) -> Result<Names, ParseError> {
    let time = lefts.iter().find_map(|left| left.time).unwrap_or(TIME);
    for (i, left) in lefts.iter().enumerate() {
        check_time(left, time)?;
        if let Some(first) = lefts.iter().take(i).find(|first| first.state == left.state) {
            return Err(duplicate(left, first));
        }
        if left.state == time {
            let name = hint::excerpt(time);
            return Err(ParseError::new(
                ParseErrorKind::StateIsTime { name },
                left.span,
            ));
        }
    }
    Ok(Names {
        time: time.to_string(),
        states: lefts.iter().map(|left| left.state.to_string()).collect(),
    })
}

/// Names of the states of bare right-hand sides, where the names in them leave no choice.
fn inferred(statements: &[Statement<'_>]) -> Result<Names, ParseError> {
    let dimension = statements.len();
    let found = variables(statements);
    let default = Names::default_for(dimension);
    let states = match (dimension, found.as_slice()) {
        (_, []) => Some(default.states.clone()),
        (1, [one]) => Some(vec![one.to_string()]),
        // Several names: `y` is the state, and reading reports the others as unknown.
        (1, several) => several.contains(&"y").then(|| default.states.clone()),
        (_, several) => family(several, dimension),
    };
    let Some(states) = states else {
        let kind = ParseErrorKind::AmbiguousNames {
            names: found
                .iter()
                .take(MAX_DIMENSION)
                .map(|name| hint::excerpt(name))
                .collect(),
        };
        let hint = match found.first() {
            Some(name) if dimension == 1 => {
                format!(
                    "write `d{0}/dt = …` if the state is `{0}`, and values for the others",
                    hint::excerpt(name)
                )
            }
            _ => "write the left-hand sides, `dx/dt = …; dy/dt = …`".to_string(),
        };
        return Err(ParseError::new(kind, around(statements)).with_hint(hint));
    };
    let time = default.time;
    Ok(Names { time, states })
}

/// `x1 … xD` or `x0 … x(D-1)`, for any common start, if all of `found` are among them.
fn family(found: &[&str], dimension: usize) -> Option<Vec<String>> {
    let start = found
        .first()?
        .trim_end_matches(|c: char| c.is_ascii_digit());
    [1, 0].into_iter().find_map(|origin| {
        let members: Vec<String> = (origin..origin + dimension)
            .map(|i| format!("{start}{i}"))
            .collect();
        let all = found
            .iter()
            .all(|name| members.iter().any(|member| member == name));
        all.then_some(members)
    })
}

/// The names in `statements` that can only be variables, in order of appearance.
fn variables<'a>(statements: &[Statement<'a>]) -> Vec<&'a str> {
    let mut seen = HashSet::from([TIME, "pi", "π"]);
    let mut found = Vec::new();
    for statement in statements {
        let mut rest = statement.text;
        while let Some(lexeme) = hint::first_lexeme(rest) {
            rest = rest.get(lexeme.len()..).unwrap_or("").trim_start();
            let variable = super::is_identifier(lexeme)
                && !rest.starts_with('(')
                && function::lookup(lexeme).is_none();
            if variable && seen.insert(lexeme) {
                found.push(lexeme);
            }
        }
    }
    found
}

/// The right-hand sides, read with `names`.
fn system<'a>(
    rights: impl Iterator<Item = &'a Statement<'a>>,
    names: Names,
    mode: Mode<'_>,
) -> Result<(System, Names), ParseError> {
    let rhs = rights
        .map(|right| Grammar::new(right, &names, mode).parse())
        .collect::<Result<Vec<Expr>, ParseError>>()?;
    let found = rhs.len();
    let system = System::new(rhs).map_err(|_| too_many(found, Span::new(0, 0)))?;
    Ok((system, names))
}

/// Both sides of every statement.
fn equations<'a>(statements: &[Statement<'a>]) -> Result<Vec<Equation<'a>>, ParseError> {
    if let Some(extra) = statements.get(MAX_DIMENSION) {
        return Err(too_many(statements.len(), extra.span()));
    }
    statements.iter().map(equation).collect()
}

fn equation<'a>(statement: &Statement<'a>) -> Result<Equation<'a>, ParseError> {
    let Some((left, right)) = statement.split_at('=') else {
        let right = *statement;
        return Ok(Equation { left: None, right });
    };
    let Ok(("", (state, time))) = alt((quotient, primed)).parse(left.text) else {
        return Err(left_hand_side(&left));
    };
    if right.text.is_empty() {
        let kind = ParseErrorKind::Unexpected {
            expected: Expected::RightHandSide,
            found: Found::End,
        };
        return Err(ParseError::new(kind, right.span()));
    }
    let span = left.span();
    let left = Some(Left { state, time, span });
    Ok(Equation { left, right })
}

/// `dy/dt`.
fn quotient(input: &str) -> Step<'_, (&str, Option<&str>)> {
    (differential, spaced(char('/')), spaced(differential))
        .map(|(state, _, time)| (state, Some(time)))
        .parse(input)
}

/// `dy`, of which `y` is the result.
fn differential(input: &str) -> Step<'_, &str> {
    let (rest, name) = lexeme::identifier(input)?;
    match name
        .strip_prefix('d')
        .filter(|name| super::is_identifier(name))
    {
        Some(name) => Ok((rest, name)),
        None => Err(nom::Err::Error(())),
    }
}

/// `y'`.
fn primed(input: &str) -> Step<'_, (&str, Option<&str>)> {
    (lexeme::identifier, spaced(lexeme::prime))
        .map(|(state, _)| (state, None))
        .parse(input)
}

/// All left-hand sides, or `None` if no equation has one.
fn lefts<'e, 'a>(equations: &'e [Equation<'a>]) -> Result<Option<Vec<&'e Left<'a>>>, ParseError> {
    let found: Vec<&Left<'_>> = equations.iter().filter_map(|e| e.left.as_ref()).collect();
    match equations.iter().find(|e| e.left.is_none()) {
        None => Ok(Some(found)),
        Some(_) if found.is_empty() => Ok(None),
        Some(bare) => {
            let kind = ParseErrorKind::MissingLeftHandSide;
            let hint = "write `dx/dt = …` before it".to_string();
            Err(ParseError::new(kind, bare.right.span()).with_hint(hint))
        }
    }
}

/// Whether the derivative is one by the time.
fn check_time(left: &Left<'_>, time: &str) -> Result<(), ParseError> {
    match left.time {
        Some(found) if found != time => Err(ParseError::new(
            ParseErrorKind::TimeName {
                expected: time.to_string(),
                found: hint::excerpt(found),
            },
            left.span,
        )
        .with_hint(format!("write `d{}/d{time}`", hint::excerpt(left.state)))),
        _ => Ok(()),
    }
}

fn duplicate(left: &Left<'_>, first: &Left<'_>) -> ParseError {
    let name = hint::excerpt(left.state);
    let first = first.span;
    ParseError::new(
        ParseErrorKind::DuplicateLeftHandSide { name, first },
        left.span,
    )
}

fn too_many(found: usize, span: Span) -> ParseError {
    let limit = MAX_DIMENSION;
    ParseError::new(ParseErrorKind::TooManyEquations { limit, found }, span)
}

/// The error for something left of `=` that is no derivative.
fn left_hand_side(left: &Statement<'_>) -> ParseError {
    let text = left.text;
    let primes = text
        .chars()
        .filter(|c| lexeme::prime(&c.to_string()).is_ok())
        .count();
    let second = ["d2", "d^2", "d²", "d**2"]
        .iter()
        .any(|start| text.starts_with(start));
    let hint = if primes > 1 || second {
        "a second derivative takes a state of its own: `dx/dt = v; dv/dt = …`".to_string()
    } else if super::is_identifier(text) {
        let name = hint::excerpt(text);
        format!("write `d{name}/dt = …` or `{name}' = …`")
    } else {
        "write `dy/dt = …` or `y' = …`".to_string()
    };
    let found = hint::excerpt(text);
    ParseError::new(ParseErrorKind::LeftHandSide { found }, left.span()).with_hint(hint)
}

/// From the start of the first to the end of the last.
fn around(statements: &[Statement<'_>]) -> Span {
    match (statements.first(), statements.last()) {
        (Some(first), Some(last)) => Span::new(
            first.offset,
            (last.offset + last.text.len()).saturating_sub(first.offset),
        ),
        _ => Span::new(0, 0),
    }
}
