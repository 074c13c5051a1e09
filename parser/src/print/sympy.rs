//! Python text that SymPy reads: infix text with `**` and `Abs`, and with names that Python and SymPy leave free.

use std::collections::HashSet;

use super::infix::Dialect;
use crate::expr::Expr;
use crate::system::Names;

/// Python's keywords, and the names that `sympy.sympify` takes for something else than a free symbol,
/// among the public names of SymPy 1.14 and Python's built-in functions.
const TAKEN: &str = include_str!("sympy_names.txt");

/// Python text of `expr`, for `sympy.sympify` or `eval`. A variable whose name means something there gets a
/// trailing underscore (`lambda_`, `beta_`); characters that Python does not allow in a name become `_`.
pub fn sympy(expr: &Expr, names: &Names) -> String {
    let names = safe(names, expr);
    let dialect = Dialect {
        names: &names,
        power: "**",
        absolute: "Abs",
    };
    dialect.text(expr)
}

/// Distinct names that Python and SymPy leave free, in the same order.
fn safe(names: &Names, expr: &Expr) -> Names {
    let mut used: HashSet<String> = (0..expr.parameters()).map(|k| format!("c{k}")).collect();
    // A name that needs no change keeps itself, whatever the others become.
    let keeps: HashSet<&String> = names
        .states
        .iter()
        .chain([&names.time])
        .filter(|name| !taken(name) && identifier(name) == **name)
        .collect();
    let mut make = |name: &String| {
        let mut free = identifier(name);
        while taken(&free) || used.contains(&free) || (free != *name && keeps.contains(&free)) {
            free.push('_');
        }
        used.insert(free.clone());
        free
    };
    Names {
        states: names.states.iter().map(&mut make).collect(),
        time: make(&names.time),
    }
}

/// Whether Python or SymPy give `name` a meaning.
fn taken(name: &str) -> bool {
    TAKEN.split_whitespace().any(|word| word == name)
}

/// `name` in the characters that Python allows.
fn identifier(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars() {
        let c = match c {
            '₀'..='₉' => char::from_digit(u32::from(c) - u32::from('₀'), 10).unwrap_or('_'),
            c if c.is_alphabetic() || c.is_ascii_digit() => c,
            _ => '_',
        };
        if safe.is_empty() && c.is_ascii_digit() {
            safe.push('_');
        }
        safe.push(c);
    }
    if safe.is_empty() {
        "_".to_string()
    } else {
        safe
    }
}
