//! What was found, as JSON of schema 1: fields may be added, never changed. `rhs` has all digits, and the
//! parser of `nsode` reads it back.

use nsode_parser::print::{infix, latex, sympy};
use nsode_parser::{Expr, Names};
use serde::Serialize;

use super::{RunInfo, warnings};
use crate::discover::{Candidate, Constant};
use crate::present::Presented;
use crate::table::Series;

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
