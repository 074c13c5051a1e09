//! Identifiers for formulas from what headers say: `biomass (g/L)` becomes `biomass`.

use nsode_parser::{Names, Unary};

/// Longest identifier, in characters.
const LONGEST: usize = 32;

/// Words that formulas, or SymPy, use for something else.
const RESERVED: [&str; 43] = [
    // Constants and functions without an operator of their own.
    "pi", "ln", "pow", "cot", "sec", "csc", "coth", "sinh", "cosh", "log10", "log2",
    // Python's keywords, since SymPy reads formulas as Python.
    "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif",
    "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda",
    "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Identifiers for time and states, all different, from their headers; an empty header stands for none.
pub(super) fn identifiers(time: &str, states: &[&str]) -> Names {
    let default = Names::default_for(states.len());
    let mut names = Names {
        time: String::new(),
        states: Vec::with_capacity(states.len()),
    };
    let time = Some(identifier(time)).filter(|name| !name.is_empty());
    names.time = unused(time.unwrap_or(default.time), &names);
    for (header, default) in states.iter().zip(default.states) {
        let name = Some(identifier(header)).filter(|name| !name.is_empty());
        let name = unused(name.unwrap_or(default), &names);
        names.states.push(name);
    }
    names
}

/// `name`, with a number behind it if it is taken, or an underscore if formulas reserve it.
fn unused(mut name: String, names: &Names) -> String {
    let function = Unary::ALL.iter().any(|f| f.name() == name);
    if function || RESERVED.contains(&name.as_str()) {
        name.push('_');
    }
    let taken = |name: &str| names.time == name || names.states.iter().any(|n| n == name);
    if !taken(&name) {
        return name;
    }
    let with = |k: usize| format!("{name}_{k}");
    (2..).map(with).find(|n| !taken(n)).unwrap_or(name)
}

/// Letters, digits and underscores of `header`, without what stands in brackets; starts with a letter.
/// Empty if nothing is left.
fn identifier(header: &str) -> String {
    let letter = |c: char| c.is_alphabetic() && c != 'µ';
    if header.starts_with(|c| letter(c) || c == '_')
        && header
            .chars()
            .all(|c| letter(c) || c.is_ascii_digit() || c == '_')
        && header.chars().any(|c| c != '_')
        && header.chars().count() <= LONGEST
    {
        return header.to_string(); // nothing to change
    }
    let bare = words(&without_brackets(header));
    let name = match bare.is_empty() {
        true => words(header),
        false => bare,
    };
    match name.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("x{name}"),
        false => name,
    }
}

fn without_brackets(text: &str) -> String {
    let mut depth = 0usize;
    text.chars()
        .filter(|c| {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

/// The letters (of any script) and digits of `text`, one underscore for whatever is between them.
fn words(text: &str) -> String {
    let mut name = String::new();
    let mut gap = false;
    for c in text.chars().filter(|&c| c != '\'') {
        let c = match c {
            '₀'..='₉' => char::from(b'0' + (u32::from(c) - u32::from('₀')) as u8),
            'µ' => 'μ', // the micro sign is no letter of Greek
            c => c,
        };
        if !c.is_alphabetic() && !c.is_ascii_digit() {
            gap = true;
            continue;
        }
        if gap && !name.is_empty() {
            name.push('_');
        }
        gap = false;
        if name.chars().count() >= LONGEST {
            break;
        }
        name.push(c);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_identifiers() {
        for (header, expected) in [
            ("biomass (g/L)", "biomass"),
            ("biomass", "biomass"),
            ("Temperature [°C]", "Temperature"),
            ("(g/L)", "g_L"),
            ("OD 600", "OD_600"),
            ("2nd state", "x2nd_state"),
            ("θ", "θ"),
            ("x₁", "x1"),
            ("Höhe (m)", "Höhe"),
            ("y'", "y"),
            ("__y__", "__y__"),
            ("_", ""),
            ("%", ""),
            ("", ""),
        ] {
            assert_eq!(identifier(header), expected, "{header}");
        }
    }

    #[test]
    fn names_are_free_and_different() {
        let names = identifiers(
            "t",
            &["y", "y", "y (mol)", "exp", "c1", "", "y_2", "lambda"],
        );
        assert_eq!(names.time, "t");
        let expected = ["y", "y_2", "y_3", "exp_", "c1", "x6", "y_2_2", "lambda_"];
        assert_eq!(names.states, expected);
        let names = identifiers("sin", &["sin"]);
        assert_eq!(
            (names.time.as_str(), names.states[0].as_str()),
            ("sin_", "sin__2")
        );
        assert_eq!(identifiers("", &[""]), Names::default_for(1));
        assert_eq!(identifiers("", &["", ""]), Names::default_for(2));
    }
}
