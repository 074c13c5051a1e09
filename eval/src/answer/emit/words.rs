//! The names, numbers and formulas of one law in one language.

use std::collections::HashSet;

use nsode_parser::Expr;

use super::{Language, formula, origin};
use crate::answer::present::Presented;
use crate::answer::report::named::Named;
use crate::discover::Candidate;
use crate::series::table::Series;

/// Words that a name must not be, in any of the languages: keywords, library functions, and what the texts use
/// themselves. One list for all, so that a law has the same names everywhere.
const TAKEN: &str = "\
    abs as assert async await auto baremodule begin bool box break case catch char class clone const continue copy \
    cos cosh crate def default del delete do double dyn elif else elseif end enum eval except exp export extern \
    f64 fabs false finally float fn for from function global goto if impl import in inline int is lambda let list \
    local log long loop macro main match math mod module move mut nonlocal not None nothing or pass pow pub quote \
    raise range ref register restrict return Self self short signed sin sinh sizeof slope sqrt static std str \
    struct super switch sympy T0 tan tanh time trait True False true try type typedef union unsafe unsigned use \
    usize using var void volatile where while with yield Y0 P0 CONSTANTS EQUATIONS rhs state constants p E I N O Q S \
    C beta gamma zeta pi re im";

/// A law in the words of a language.
pub(super) struct Words {
    /// Lines of a comment on where it comes from.
    pub origin: Vec<String>,
    /// Name of the time.
    pub time: String,
    /// Names of the states.
    pub states: Vec<String>,
    /// Names and values of the constants.
    pub constants: Vec<(String, f64)>,
    /// Right-hand sides.
    pub rhs: Vec<String>,
    /// The same as trees; states beyond the last are constants.
    pub trees: Vec<Expr>,
    /// Time of the first observation.
    pub t0: f64,
    /// Fitted states then.
    pub y0: Vec<f64>,
}

impl Words {
    pub fn new(series: &Series, candidate: &Candidate, language: Language) -> Words {
        let named = Named::new(candidate, &series.names);
        let mut used = HashSet::new();
        let mut name = |text: &String| {
            let mut free = identifier(text);
            while TAKEN.split_whitespace().any(|word| word == free) || used.contains(&free) {
                free.push('_');
            }
            used.insert(free.clone());
            free
        };
        let time = name(&series.names.time);
        let all: Vec<String> = named.names.states.iter().map(&mut name).collect();
        let d = series.names.dimension();
        let presented = Presented::of(candidate);
        let values = presented.constants().iter().map(|c| c.value);
        let trees = named.rhs;
        Words {
            origin: origin(series, candidate),
            rhs: trees
                .iter()
                .map(|tree| formula::text(tree, language, &time, &all))
                .collect(),
            trees,
            constants: all.iter().skip(d).cloned().zip(values).collect(),
            states: all.into_iter().take(d).collect(),
            time,
            t0: first_time(series),
            y0: candidate
                .starts()
                .next()
                .map(<[f64]>::to_vec)
                .unwrap_or_default(),
        }
    }

    /// The names of the constants.
    pub fn constant_names(&self) -> Vec<&str> {
        self.constants
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// The values of the constants.
    pub fn values(&self) -> Vec<f64> {
        self.constants.iter().map(|(_, value)| *value).collect()
    }

    /// Whether a formula has the time in it.
    pub fn uses_time(&self) -> bool {
        let mut found = false;
        for tree in &self.trees {
            tree.visit(&mut |node| found |= *node == Expr::Time);
        }
        found
    }

    /// The origin, each line after `mark`.
    pub fn comment(&self, mark: &str) -> String {
        let lines = self
            .origin
            .iter()
            .map(|line| format!("{mark} {line}").trim_end().to_string() + "\n");
        lines.collect()
    }
}

/// The time of the first observation of the first trajectory.
pub(super) fn first_time(series: &Series) -> f64 {
    let first = series.trajectories.first();
    first
        .and_then(|path| path.times().first())
        .copied()
        .unwrap_or(0.0)
}

/// Numbers with all their digits, always with a point or an exponent, separated by commas.
pub(super) fn list(values: &[f64]) -> String {
    let each: Vec<String> = values.iter().map(|v| format!("{v:?}")).collect();
    each.join(", ")
}

/// `name` in ASCII letters, digits and `_`, not starting with a digit.
fn identifier(name: &str) -> String {
    let mut safe = String::new();
    for c in name.chars() {
        let c = match c {
            '₀'..='₉' => char::from_digit(u32::from(c) - u32::from('₀'), 10).unwrap_or('_'),
            c if c.is_ascii_alphanumeric() => c,
            _ => '_',
        };
        if safe.is_empty() && c.is_ascii_digit() {
            safe.push('_');
        }
        safe.push(c);
    }
    // A name of nothing but `_` is none.
    if safe.chars().all(|c| c == '_') {
        safe = "x".to_string() + &safe;
    }
    safe
}
