//! What people write by mistake, and what to write instead.
//!
//! Owns the words of hints and the search for the nearest name. Never decides whether a text is a formula.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;

use super::function;
use super::lexeme::{self, Next};
use crate::error::{ParseError, ParseErrorKind, Span};
use crate::expr::Binary;
use crate::system::Names;

/// An argument in parentheses, as hints show it.
pub(super) const ARGUMENT: &str = "(…)";

/// Longest piece of the text that a message repeats, in characters.
const LONGEST: usize = 32;

/// `text`, cut if it is long.
pub(super) fn excerpt(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
        None => text.to_string(),
    }
}

/// The first number, name, operator or character; `None` for an empty text.
pub(super) fn first_lexeme(text: &str) -> Option<&str> {
    let known = alt((lexeme::number, lexeme::identifier, tag("**"))).parse(text);
    match known {
        Ok((_, lexeme)) => Some(lexeme),
        Err(_) => text.chars().next().and_then(|c| text.get(..c.len_utf8())),
    }
}

/// The operand that `text` begins with, as hints show it; `None` if it begins with anything else.
pub(super) fn operand(text: &str) -> Option<String> {
    let text = text.trim_start();
    if text.starts_with('(') {
        return Some(ARGUMENT.to_string());
    }
    if let Ok((_, number)) = lexeme::number(text) {
        return Some(excerpt(number));
    }
    let (rest, name) = lexeme::identifier(text).ok()?;
    let called = rest.trim_start().starts_with('(') && function::lookup(name).is_some();
    Some(excerpt(name) + if called { ARGUMENT } else { "" })
}

/// What to write for `left` and `right` side by side; the text from the end of `left` on is `rest`.
pub(super) fn product(left: &str, right: &str, rest: &str, time: &str) -> String {
    if rest.starts_with('.') {
        return "a number has one decimal point".to_string();
    }
    let name = lexeme::identifier(left)
        .ok()
        .filter(|(end, _)| end.is_empty());
    let argument = rest
        .trim_start()
        .strip_prefix('(')
        .unwrap_or("")
        .trim_start();
    let after = argument.strip_prefix(time).unwrap_or("").trim_start();
    if name.is_some() && after.starts_with(')') {
        return format!("write `{}` without `({})`", excerpt(left), excerpt(time));
    }
    format!("write `{}*{right}`", excerpt(left))
}

/// The error for a function's name that `next`, but no `(`, follows.
pub(super) fn missing_argument(name: &str, span: Span, next: &str) -> ParseError {
    let hint = if let Ok((exponent, Next::Operator(Binary::Pow))) = lexeme::next(next) {
        let power = first_lexeme(exponent.trim_start()).unwrap_or("");
        format!("write `{name}{ARGUMENT}^{}`", excerpt(power))
    } else {
        match operand(next) {
            Some(argument) => format!("write `{name}({argument})`"),
            None => format!("write `{name}{ARGUMENT}`"),
        }
    };
    let function = name.to_string();
    ParseError::new(ParseErrorKind::MissingArgument { function }, span).with_hint(hint)
}

/// The error for a call of something that is no function.
pub(super) fn unknown_function(name: &str, span: Span) -> ParseError {
    let nearest = nearest(name, function::names());
    let hint = match (name, &nearest) {
        ("pow", _) => Some("write `a^b`".to_string()),
        (_, Some(known)) => Some(format!("did you mean `{known}`?")),
        (_, None) => None,
    };
    let kind = ParseErrorKind::UnknownFunction {
        name: excerpt(name),
        known: function::names().map(str::to_string).collect(),
        nearest,
    };
    ParseError::new(kind, span).with_hint(hint)
}

/// The error for a name that is no variable.
pub(super) fn unknown_name(name: &str, span: Span, names: &Names) -> ParseError {
    let mut known = names.states.clone();
    if !known.contains(&names.time) {
        known.push(names.time.clone());
    }
    let nearest = nearest(name, known.iter().map(String::as_str));
    let hint = if let Some((left, right)) = split(name, &known) {
        Some(format!("write `{left}*{right}`"))
    } else if let Some(known) = &nearest {
        Some(format!("did you mean `{known}`?"))
    } else if name == "e" {
        Some("write `exp(…)` for a power of e".to_string())
    } else if lexeme::parameter_index(name).is_some() {
        Some("a constant needs its value here".to_string())
    } else {
        None
    };
    let kind = ParseErrorKind::UnknownName {
        name: excerpt(name),
        known,
        nearest,
    };
    ParseError::new(kind, span).with_hint(hint)
}

/// A name that is two known ones without a `*` between them.
fn split<'a>(name: &'a str, known: &[String]) -> Option<(&'a str, &'a str)> {
    known.iter().find_map(|first| {
        let second = name.strip_prefix(first.as_str())?;
        let found = known.iter().any(|k| k == second);
        found.then(|| (name.get(..first.len()).unwrap_or(name), second))
    })
}

/// What to write instead of a character that formulas do not have.
pub(super) fn stray(text: &str) -> Option<String> {
    let hint = match text.chars().next()? {
        '×' | '·' | '⋅' | '∙' | '•' | '∗' | '✕' | '⨯' => "write `*`",
        '÷' | '∕' | '⁄' | ':' => "write `/`",
        '‐' | '‑' | '–' | '—' | '﹣' | '-' => "write `-`",
        '²' => "write `^2`",
        '³' => "write `^3`",
        '⁰' | '¹' | '⁴'..='⁹' | '⁻' => "write powers with `^`",
        ',' => "write decimals with a point, such as `0.5`; functions take one argument",
        '[' | ']' | '{' | '}' => "write parentheses, `(` and `)`",
        '|' => "write `abs(…)`",
        '√' => "write `sqrt(…)`",
        '=' => "an equation has one `=`, and a derivative such as `dy/dt` left of it",
        '\'' | '\u{2032}' | '\u{2019}' => "derivatives stand only left of `=`",
        '\\' => "LaTeX is not read; write for example `y^2/(1 + y)`",
        _ => return None,
    };
    Some(hint.to_string())
}

/// The candidate with the fewest edits from `name`, letters' case aside, if they are few.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    if name.len() > LONGEST {
        return None;
    }
    candidates
        .filter_map(|candidate| {
            let other: Vec<char> = candidate.to_lowercase().chars().collect();
            let longest = name.len().max(other.len());
            if other.len() > LONGEST {
                return None;
            }
            let edits = edits(&name, &other);
            (edits < longest && edits <= 1 + longest / 4).then_some((edits, candidate))
        })
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate.to_string())
}

/// Levenshtein's distance: fewest insertions, deletions and replacements of one character.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}
