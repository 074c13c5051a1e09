//! What was found, as JSON of schema 1: fields may be added, never changed. `rhs` has all digits, and the
//! parser of `nsode` reads it back.

use nsode_parser::print::{infix, latex, sympy};
use nsode_parser::{Expr, Names};
use serde::Serialize;

use super::named::{Named, letter, spelled};
use super::{RunInfo, warnings};
use crate::answer::ensemble::{Band, Forecast};
use crate::answer::present::{Mark, Presented};
use crate::discover::Candidate;
use crate::fit::constant::Constant;
use crate::series::problem::Piece;
use crate::series::table::Series;

/// Schema of the JSON.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    variables: &'a [String],
    time: &'a str,
    points: usize,
    seconds: f64,
    /// Whether the time was over before the search was.
    late: bool,
    seed: u64,
    checkpoint: Option<&'a str>,
    candidates: Vec<Law<'a>>,
    /// Probability that none of the laws is right; together with the posteriors of all laws it makes 1. Null where
    /// there is no law.
    none: Option<f64>,
    warnings: Vec<&'a str>,
    files: &'a [String],
    trajectories: &'a [String],
    /// What a reader must know before relying on the answer; nothing that went wrong.
    notes: &'a [String],
    /// What residuals cost, where it is not their squares.
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<&'static str>,
    /// Probability, before any data, that noise hides a part of the law, where it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<f64>,
    /// That of the first trajectory.
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<Course<'a>>,
    /// Those of all trajectories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    forecasts: Vec<Course<'a>>,
}

/// A forecast: one row of states a time; null where the band has no end.
#[derive(Serialize)]
struct Course<'a> {
    level: f64,
    draws: usize,
    /// Share of the draws whose solution ends before the last time.
    lost: f64,
    times: &'a [f64],
    median: &'a [Vec<f64>],
    lower: &'a [Vec<f64>],
    upper: &'a [Vec<f64>],
}

#[derive(Serialize)]
struct Law<'a> {
    rhs: Vec<String>,
    skeleton: Vec<String>,
    /// `rhs` with `c0`, `c1`, … for `constants`.
    form: Vec<String>,
    /// `rhs` with the names of the constants, in the form in which the user guessed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    guess: Option<Vec<String>>,
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
    y0s: Vec<&'a [f64]>,
    /// Constants that are exactly 1 or -1, or as large as another one, and were not fitted.
    #[serde(skip_serializing_if = "is_zero")]
    exact: usize,
    /// Where trajectories were fitted in pieces, what each of these begins with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<Start<'a>>,
    constants: Vec<Value>,
}

/// The beginning of a piece.
#[derive(Serialize)]
struct Start<'a> {
    /// Index of the trajectory.
    trajectory: usize,
    /// Index of the piece's first point in it.
    point: usize,
    y0: &'a [f64],
}

#[derive(Serialize)]
struct Value {
    value: f64,
    stderr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fixed: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    at_bound: bool,
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
        late: info.late,
        seed: info.seed,
        checkpoint: info.checkpoint.as_deref(),
        candidates: candidates.iter().map(|c| law(c, names)).collect(),
        none: info.none,
        warnings: warnings(series, info).collect(),
        files: &series.files,
        trajectories: &series.trajectory_labels,
        notes: &info.notes,
        loss: info.loss.is_robust().then(|| info.loss.name()),
        hidden: (info.hidden > 0.0).then_some(info.hidden),
        forecast: info
            .forecast
            .as_ref()
            .and_then(|f| courses(f).into_iter().next()),
        forecasts: info.forecast.as_ref().map(courses).unwrap_or_default(),
    })
}

fn courses<'a>(forecast: &'a Forecast) -> Vec<Course<'a>> {
    let course = |band: &'a Band| Course {
        level: forecast.level,
        draws: forecast.draws,
        lost: band.lost,
        times: &band.times,
        median: &band.median,
        lower: &band.lower,
        upper: &band.upper,
    };
    forecast.bands.iter().map(course).collect()
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The pieces of trajectories that were cut; none where none was.
fn pieces(candidate: &Candidate) -> Vec<Start<'_>> {
    if candidate.pieces.iter().all(Piece::is_first) {
        return Vec::new();
    }
    let each = candidate.pieces.iter().zip(&candidate.initial);
    each.map(|(piece, initial)| Start {
        trajectory: piece.run,
        point: piece.rows.start,
        y0: initial,
    })
    .collect()
}

fn law<'a>(candidate: &'a Candidate, names: &Names) -> Law<'a> {
    let presented = Presented::of(candidate);
    let letter = letter(names, [].iter());
    let lettered = |rhs: &[Expr], count: usize| -> Vec<String> {
        let labels: Vec<String> = (0..count).map(|k| format!("{letter}{k}")).collect();
        let (rhs, names) = spelled(rhs, &labels, names);
        rhs.iter().map(|rhs| infix(rhs, &names)).collect()
    };
    let texts = |rhs: &[Expr], print: fn(&Expr, &Names) -> String| {
        rhs.iter().map(|e| print(e, names)).collect()
    };
    Law {
        rhs: texts(&presented.exact(), infix),
        skeleton: lettered(
            candidate.skeleton.template().rhs(),
            candidate.skeleton.slots(),
        ),
        form: lettered(presented.rhs(), presented.constants().len()),
        guess: candidate.form.as_ref().map(|_| {
            let named = Named::new(candidate, names);
            named
                .rhs
                .iter()
                .map(|rhs| infix(rhs, &named.names))
                .collect()
        }),
        latex: texts(&presented.rounded(), latex),
        sympy: texts(&presented.exact(), sympy),
        source: candidate.source.name(),
        sources: candidate.sources.iter().map(|s| s.name()).collect(),
        r2: candidate.r2,
        bic: candidate.bic,
        complexity: candidate.complexity,
        posterior: candidate.posterior,
        y0: candidate.starts().next().unwrap_or(&[]),
        y0s: candidate.starts().collect(),
        exact: candidate.exact,
        pieces: pieces(candidate),
        constants: presented
            .constants()
            .iter()
            .zip(presented.marks())
            .enumerate()
            .map(|(k, (&Constant { value, stderr }, mark))| {
                let Mark {
                    name,
                    fixed,
                    at_bound,
                } = mark.clone();
                Value {
                    value,
                    stderr,
                    name: name.or_else(|| (letter != "c").then(|| format!("{letter}{k}"))),
                    fixed,
                    at_bound,
                }
            })
            .collect(),
    }
}
