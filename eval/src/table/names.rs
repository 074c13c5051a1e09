//! Identifiers for formulas from what headers say: `biomass (g/L)` becomes `biomass`.

use nsode_parser::{Names, Unary};

/// Longest identifier, in characters.
const LONGEST: usize = 32;

/// Words that formulas use for something else, or that SymPy can't read as a symbol's name.
const RESERVED: [&str; 14] = [
    "ln", "pi", "and", "as", "def", "del", "for", "if", "in", "is", "lambda", "not", "or", "pow",
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
    let first = names.time.is_empty(); // the time itself is being named
    let constant = name
        .strip_prefix('c')
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()));
    let function = Unary::ALL.iter().any(|f| f.name() == name);
    if constant || function || RESERVED.contains(&name.as_str()) || (name == "t" && !first) {
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

/// `text` in ASCII letters and digits, one underscore for whatever is between them.
fn words(text: &str) -> String {
    let mut name = String::new();
    let mut gap = false;
    for c in text.chars().filter(|&c| c != '\'') {
        let ascii = ascii(c);
        if ascii.is_empty() {
            gap = true;
            continue;
        }
        if gap && !name.is_empty() {
            name.push('_');
        }
        gap = false;
        if name.len() + ascii.len() > LONGEST {
            break;
        }
        name.push_str(ascii);
    }
    name
}

/// A letter or digit in ASCII: itself, the name of a Greek letter, or the letter without its accent.
fn ascii(c: char) -> &'static str {
    const PLAIN: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const GREEK: [&str; 25] = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
        "lambda_", "mu", "nu", "xi", "omicron", "pi_", "rho", "sigma", "sigma", "tau", "upsilon",
        "phi", "chi", "psi", "omega",
    ];
    const ACCENTED: [(&str, &str); 9] = [
        ("a", "àáâãäå"),
        ("e", "èéêë"),
        ("i", "ìíîï"),
        ("o", "òóôõöø"),
        ("u", "ùúûü"),
        ("c", "ç"),
        ("n", "ñ"),
        ("ss", "ß"),
        ("0123456789", "₀₁₂₃₄₅₆₇₈₉"),
    ];
    if let Some(i) = PLAIN.find(c) {
        return PLAIN.get(i..=i).unwrap_or("");
    }
    let lower = c.to_lowercase().next().unwrap_or(c);
    if c == 'µ' {
        return "mu"; // the micro sign, which is no Greek letter
    }
    if ('α'..='ω').contains(&lower) {
        let i = lower as usize - 'α' as usize;
        return GREEK.get(i).copied().unwrap_or("");
    }
    for (plain, accented) in ACCENTED {
        if let Some(i) = accented.chars().position(|a| a == lower) {
            return match plain.len() {
                10 => plain.get(i..=i).unwrap_or(""),
                _ => plain,
            };
        }
    }
    ""
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
            ("θ", "theta"),
            ("λ", "lambda_"),
            ("x₁", "x1"),
            ("Höhe", "Hohe"),
            ("y'", "y"),
            ("__y__", "y"),
            ("%", ""),
            ("", ""),
        ] {
            assert_eq!(identifier(header), expected, "{header}");
        }
    }

    #[test]
    fn names_are_free_and_different() {
        let names = identifiers("t", &["y", "y", "y (mol)", "exp", "c1", "t", "", "y_2"]);
        assert_eq!(names.time, "t");
        let expected = ["y", "y_2", "y_3", "exp_", "c1_", "t_", "x7", "y_2_2"];
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
