//! The best law as a program text: a right-hand side to call, with its constants and its start, and where it came
//! from.
//!
//! Each language has its file; `words` has the names and numbers that they can use, `formula` writes trees. The
//! texts need nothing but the language's own library.

mod c;
mod formula;
mod julia;
mod latex;
mod python;
mod rust;
mod sympy;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;
use std::str::FromStr;

use nsode_generator::Trajectory;

use crate::answer::present::Presented;
use crate::answer::report::named::Named;
use crate::answer::report::{equations, posterior, r2, sources};
use crate::discover::Candidate;
use crate::series::table::Series;

use words::Words;

/// The languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// A function that `scipy.integrate.solve_ivp` takes, with `math` alone.
    Python,
    /// A function on arrays.
    Rust,
    /// A function on pointers to double, C99.
    C,
    /// A function in place, as `ODEProblem` takes it.
    Julia,
    /// The equations, rounded.
    Latex,
    /// Equations of SymPy functions.
    Sympy,
}

impl Language {
    /// All of them.
    pub const ALL: [Language; 6] = [
        Language::Python,
        Language::Rust,
        Language::C,
        Language::Julia,
        Language::Latex,
        Language::Sympy,
    ];

    /// The name that the command line knows it by.
    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "python",
            Language::Rust => "rust",
            Language::C => "c",
            Language::Julia => "julia",
            Language::Latex => "latex",
            Language::Sympy => "sympy",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name of no language.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no language: there are {list}", list = Language::ALL.map(Language::name).join(", "))]
pub struct UnknownLanguage(pub String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Language, UnknownLanguage> {
        let name = text.trim().to_ascii_lowercase();
        let known = Language::ALL.into_iter().find(|l| l.name() == name);
        known.ok_or_else(|| UnknownLanguage(text.to_string()))
    }
}

/// The text of `candidate` in `language`; ends with a line end.
pub fn emit(series: &Series, candidate: &Candidate, language: Language) -> String {
    let law = Words::new(series, candidate, language);
    match language {
        Language::Python => python::text(&law),
        Language::Rust => rust::text(&law),
        Language::C => c::text(&law),
        Language::Julia => julia::text(&law),
        Language::Latex => latex::text(series, candidate),
        Language::Sympy => sympy::text(&law),
    }
}

/// What the text says of itself, one line each: the equations with named constants, these with their errors, and
/// where they come from.
fn origin(series: &Series, candidate: &Candidate) -> Vec<String> {
    let named = Named::new(candidate, &series.names);
    let mut lines = named.equations;
    let constants = named.constants.into_iter();
    lines.extend(constants.map(|(name, value)| format!("{name} = {value}")));
    lines.push(String::new());
    let files = match series.files.as_slice() {
        [] => "a series".to_string(),
        [one] => one.clone(),
        [first, ..] => format!("{first} and {} more", series.files.len() - 1),
    };
    lines.push(format!(
        "Found by nsode {} in {files}: {} points, R² {}, posterior {}, proposed by {}.",
        env!("CARGO_PKG_VERSION"),
        series.points(),
        r2(candidate.r2),
        posterior(candidate.posterior),
        sources(candidate),
    ));
    lines.extend(starts(series, candidate));
    let rounded = equations(&Presented::of(candidate).rounded(), &series.names);
    lines.extend(rounded.into_iter().map(|line| format!("Rounded: {line}")));
    lines.into_iter().map(|line| clean(&line)).collect()
}

/// Where each of several runs begins; the text has the first one's start only.
fn starts(series: &Series, candidate: &Candidate) -> Vec<String> {
    if series.trajectories.len() < 2 {
        return Vec::new();
    }
    let runs = series.trajectories.iter().zip(&series.trajectory_labels);
    let runs = runs.zip(candidate.starts());
    let line = |((path, label), start): ((&Trajectory, &String), &[f64])| {
        let time = path.times().first().copied().unwrap_or(0.0);
        let states = words::list(start);
        format!(
            "{label} begins at {} = {time:?} with [{states}].",
            series.names.time
        )
    };
    let blank = std::iter::once(String::new());
    runs.map(line).chain(blank).collect()
}

/// `text` without what would end a comment or a string, or be read as an escape.
fn clean(text: &str) -> String {
    let each = text.chars().map(|c| match c {
        '"' => '\'',
        '\\' => '/',
        c if c.is_control() => ' ',
        c => c,
    });
    each.collect::<String>().replace("*/", "* /")
}
