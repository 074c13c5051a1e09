//! What was found, as a table for people and as JSON for programs.
//!
//! The JSON is schema 1: fields may be added, never changed. Numbers are rounded only where people read
//! them; `rhs` has all digits, and the parser of `nsode` reads it back.

#[cfg(test)]
mod tests;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use nsode_parser::print::{infix, latex, sympy};
use nsode_parser::{Expr, Names};
use serde::Serialize;

use crate::discover::{Candidate, Constant};
use crate::figures;
use crate::present::Presented;
use crate::table::Series;

/// How a result came about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunInfo {
    /// Wall-clock time of the search, in seconds.
    pub seconds: f64,
    /// Seed of whatever was random.
    pub seed: u64,
    /// Directory of the network's checkpoint; `None` if no network was asked.
    pub checkpoint: Option<String>,
    /// Warnings beside those of the [`Series`].
    pub warnings: Vec<String>,
}

/// Where a table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A terminal of this many columns: with lines, and wrapped to fit.
    Terminal(u16),
    /// A file or a pipe: one line an equation, columns set apart by spaces.
    Plain,
}

/// Lines above, below and under the header.
const RULED: TableStyle = {
    let line = LineStyle::none().fill('─').junction('─');
    TableStyle::new()
        .top_border(line)
        .header_separator(line)
        .bottom_border(line)
};

/// Schema of the JSON.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    variables: &'a [String],
    time: &'a str,
    points: usize,
    seconds: f64,
    seed: u64,
    checkpoint: Option<&'a str>,
    candidates: Vec<Law<'a>>,
    warnings: Vec<&'a str>,
    files: &'a [String],
    trajectories: &'a [String],
}

#[derive(Serialize)]
struct Law<'a> {
    rhs: Vec<String>,
    skeleton: Vec<String>,
    /// `rhs` with `c0`, `c1`, … for `constants`.
    form: Vec<String>,
    latex: Vec<String>,
    sympy: Vec<String>,
    source: &'static str,
    sources: Vec<&'static str>,
    r2: f64,
    bic: f64,
    complexity: usize,
    posterior: f64,
    /// Initial state of the first trajectory.
    y0: &'a [f64],
    /// Those of all trajectories.
    y0s: &'a [Vec<f64>],
    constants: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    value: f64,
    stderr: Option<f64>,
}

/// The result as one line of JSON, without a line end.
///
/// # Errors
/// What `serde_json` says; nothing in a result makes it say anything.
pub fn json(
    series: &Series,
    candidates: &[Candidate],
    info: &RunInfo,
) -> Result<String, serde_json::Error> {
    let names = &series.names;
    serde_json::to_string(&Document {
        schema: SCHEMA,
        variables: &names.states,
        time: &names.time,
        points: series.points(),
        seconds: info.seconds,
        seed: info.seed,
        checkpoint: info.checkpoint.as_deref(),
        candidates: candidates.iter().map(|c| law(c, names)).collect(),
        warnings: warnings(series, info).collect(),
        files: &series.files,
        trajectories: &series.trajectory_labels,
    })
}

/// All warnings, those about the data first.
fn warnings<'a>(series: &'a Series, info: &'a RunInfo) -> impl Iterator<Item = &'a str> {
    series
        .warnings
        .iter()
        .chain(&info.warnings)
        .map(String::as_str)
}

fn law<'a>(candidate: &'a Candidate, names: &Names) -> Law<'a> {
    let presented = Presented::of(candidate);
    let texts = |rhs: &[Expr], print: fn(&Expr, &Names) -> String| {
        rhs.iter().map(|e| print(e, names)).collect()
    };
    Law {
        rhs: texts(&presented.exact(), infix),
        skeleton: texts(candidate.skeleton.template().rhs(), infix),
        form: texts(presented.rhs(), infix),
        latex: texts(&presented.rounded(), latex),
        sympy: texts(&presented.exact(), sympy),
        source: candidate.source.name(),
        sources: candidate.sources.iter().map(|s| s.name()).collect(),
        r2: candidate.r2,
        bic: candidate.bic,
        complexity: candidate.complexity,
        posterior: candidate.posterior,
        y0: candidate.initial.first().map_or(&[], Vec::as_slice),
        y0s: &candidate.initial,
        constants: presented
            .constants()
            .iter()
            .map(|&Constant { value, stderr }| Value { value, stderr })
            .collect(),
    }
}

/// The result as a table, and below it the constants of the best law. Ends with a line end.
pub fn table(series: &Series, candidates: &[Candidate], layout: Layout) -> String {
    let Some(best) = candidates.first() else {
        return "No law found.\n".to_string();
    };
    let mut table = Table::new();
    match layout {
        Layout::Terminal(width) => {
            table.load_style(RULED);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width.max(40));
        }
        Layout::Plain => {
            table.load_style(NOTHING);
            table.force_no_tty();
        }
    }
    let header = ["#", "law", "R²", "BIC", "posterior", "complexity", "source"];
    table.set_header(
        header
            .iter()
            .enumerate()
            .map(|(i, text)| aligned(i, text.to_string())),
    );
    for (i, candidate) in candidates.iter().enumerate() {
        let sources: Vec<&str> = candidate.sources.iter().map(|s| s.name()).collect();
        let source = match sources.is_empty() {
            true => candidate.source.name().to_string(),
            false => sources.join(", "),
        };
        let cells = [
            (i + 1).to_string(),
            equations(&Presented::of(candidate).rounded(), &series.names).join("\n"),
            r2(candidate.r2),
            format!("{:.1}", candidate.bic),
            posterior(candidate.posterior),
            candidate.complexity.to_string(),
            source,
        ];
        table.add_row(
            cells
                .into_iter()
                .enumerate()
                .map(|(i, text)| aligned(i, text)),
        );
    }
    let mut text = table.trim_fmt();
    text.push_str("\n\n");
    text.push_str(&details(series, best));
    text
}

fn aligned(column: usize, text: String) -> Cell {
    let side = match column {
        1 | 6 => CellAlignment::Left,
        _ => CellAlignment::Right,
    };
    Cell::new(text).set_alignment(side)
}

/// `dy/dt = …`, one a state.
pub fn equations(rhs: &[Expr], names: &Names) -> Vec<String> {
    let states = rhs.iter().zip(&names.states);
    states
        .map(|(rhs, state)| format!("d{state}/d{} = {}", names.time, infix(rhs, names)))
        .collect()
}

/// The best law with letters for its constants, their values with standard errors, and where it starts.
fn details(series: &Series, best: &Candidate) -> String {
    let presented = Presented::of(best);
    let names = &series.names;
    // The printers write parameters c0, c1, …: a state may have that name, so they become extra states.
    let letter = ["c", "k", "p", "q", "const"]
        .into_iter()
        .find(|l| !names.states.iter().any(|s| is_numbered(s, l)))
        .unwrap_or("constant");
    let mut with_constants = names.clone();
    let count = presented.constants().len();
    with_constants
        .states
        .extend((0..count).map(|k| format!("{letter}{k}")));
    let dimension = names.dimension();
    let rhs: Vec<Expr> = presented
        .rhs()
        .iter()
        .map(|rhs| {
            rhs.substitute(&|leaf| match leaf {
                Expr::Parameter(k) => Some(Expr::State(dimension + k)),
                _ => None,
            })
        })
        .collect();

    let mut text = String::from("Best law\n");
    for equation in equations(&rhs, &with_constants) {
        text.push_str(&format!("  {equation}\n"));
    }
    let constants = presented.constants().iter().enumerate().map(|(k, c)| {
        let value = figures::with_error(c.value, c.stderr);
        (format!("{letter}{k}"), value)
    });
    for (name, value) in constants {
        text.push_str(&format!("  {name} = {value}\n"));
    }
    text.push_str(&initial(series, best));
    text
}

/// `hare = 31.2, lynx = 4.1 at year = 1900`, one line a trajectory.
fn initial(series: &Series, best: &Candidate) -> String {
    const SHOWN: usize = 6;
    let several = series.trajectories.len() > 1;
    let mut text = String::new();
    let each = series
        .trajectories
        .iter()
        .zip(&best.initial)
        .zip(&series.trajectory_labels);
    for ((trajectory, initial), label) in each.take(SHOWN) {
        let states: Vec<String> = series
            .names
            .states
            .iter()
            .zip(initial)
            .map(|(name, value)| format!("{name} = {}", figures::significant(*value, 4)))
            .collect();
        let start = trajectory.times().first().copied().unwrap_or(0.0);
        let time = figures::significant(start, 6);
        let label = if several {
            format!(" ({label})")
        } else {
            String::new()
        };
        let line = format!(
            "  {} at {} = {time}{label}\n",
            states.join(", "),
            series.names.time
        );
        text.push_str(&line);
    }
    match series.trajectories.len().saturating_sub(SHOWN) {
        0 => text,
        more => text + &format!("  … and {more} more trajectories\n"),
    }
}

/// Whether `name` is `letter` with digits behind it.
fn is_numbered(name: &str, letter: &str) -> bool {
    name.strip_prefix(letter)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
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

fn posterior(value: f64) -> String {
    match value {
        v if v >= 0.0005 => format!("{v:.3}"),
        _ => "<0.001".to_string(),
    }
}
