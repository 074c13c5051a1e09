//! What was found: as a table for people, as JSON for programs, as a page to keep or to pass on.
//!
//! Numbers are rounded only where people read them. What the three have in common is here; `named` gives
//! the constants letters.

mod html;
mod json;
pub(crate) mod named;
mod table;
#[cfg(test)]
mod tests;

pub use html::{ReportError, check_path, html, report};
pub use json::json;
pub use table::{Layout, table};

use nsode_parser::print::infix;
use nsode_parser::{Expr, Names};

use crate::answer::ensemble::{Forecast, SlopeBand};
use crate::discover::Candidate;
use crate::series::loss::Loss;
use crate::series::table::Series;

/// How a result came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInfo {
    /// Wall-clock time of the search, in seconds.
    pub seconds: f64,
    /// Seed of whatever was random.
    pub seed: u64,
    /// Directory of the network's checkpoint; `None` if no network was asked.
    pub checkpoint: Option<String>,
    /// Whether the time was over before the search was.
    pub late: bool,
    /// Warnings beside those of the [`Series`].
    pub warnings: Vec<String>,
    /// What a reader must know before relying on the answer.
    pub notes: Vec<String>,
    /// Probability that none of the laws is right.
    pub none: Option<f64>,
    /// Probability, before any data, that noise hides a part of the law ([`crate::Options::hidden`]).
    pub hidden: f64,
    /// What residuals cost.
    pub loss: Loss,
    /// The solutions to come.
    pub forecast: Option<Forecast>,
    /// The right-hand side of the best law with its band, for pictures.
    pub slopes: Option<SlopeBand>,
    /// The level of these bands.
    pub level: Option<f64>,
    /// For each state, whether pictures have a logarithmic axis for it ([`crate::answer::plot::logarithmic`]); linear where it
    /// says nothing.
    pub logarithmic: Vec<bool>,
}

/// All warnings, those about the data first.
fn warnings<'a>(series: &'a Series, info: &'a RunInfo) -> impl Iterator<Item = &'a str> {
    series
        .warnings
        .iter()
        .chain(&info.warnings)
        .map(String::as_str)
}

/// `dy/dt = …`, one a state.
pub fn equations(rhs: &[Expr], names: &Names) -> Vec<String> {
    let states = rhs.iter().zip(&names.states);
    states
        .map(|(rhs, state)| format!("d{state}/d{} = {}", names.time, infix(rhs, names)))
        .collect()
}

/// Everybody who proposed the law, separated by commas.
pub(crate) fn sources(candidate: &Candidate) -> String {
    let names: Vec<&str> = candidate.sources.iter().map(|s| s.name()).collect();
    match names.is_empty() {
        true => candidate.source.name().to_string(),
        false => names.join(", "),
    }
}

/// Digits enough to tell good from better: two behind the nines.
pub(crate) fn r2(value: f64) -> String {
    let gap = 1.0 - value;
    let decimals = match gap {
        g if g > 0.0 && g < 0.01 => (1.0 - g.log10()).ceil().min(8.0) as usize,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

pub(crate) fn posterior(value: f64) -> String {
    match value {
        v if v >= 0.0005 => format!("{v:.3}"),
        _ => "<0.001".to_string(),
    }
}
