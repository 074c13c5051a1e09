//! The observations as files, for programs that are compared with `nsode`: `cases.jsonl` and a table a case.
//!
//! What is written is what `nsode` is shown, to the last digit, and nothing of the truth.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use nsode_generator::Trajectory;
use nsode_parser::Names;
use nsode_parser::print::number;
use serde::Serialize;

use super::BenchError;
use super::run::truth;
use crate::suite::Case;
use crate::whole;

/// The file that lists the cases.
pub const CASES: &str = "cases.jsonl";

#[derive(Serialize)]
struct Line<'a> {
    case: String,
    /// The table, beside this file.
    file: String,
    suite: &'a str,
    run: usize,
    condition: String,
    noise: f64,
    drop: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    outliers: Option<f64>,
    points: usize,
    observed: usize,
    dimension: usize,
    time: &'a str,
    states: &'a [String],
}

/// Writes the observations of `cases` to `directory`, which is made if it is not there.
///
/// # Errors
/// [`BenchError`] for a case without truth, or a file that can't be written.
pub fn export(cases: &[Case], seed: u64, directory: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(directory).map_err(|e| BenchError::io(directory, e))?;
    let mut list = Vec::new();
    for case in cases {
        let (reference, runs) = truth(case)?;
        let observed = case.observe(&runs, seed);
        let names = &case.system.names;
        let file = case.id().replace('/', "_") + ".csv";
        let path = directory.join(&file);
        whole::write(&path, &csv(names, &observed)).map_err(|e| BenchError::io(&path, e))?;
        let line = Line {
            case: case.id(),
            file,
            suite: &case.suite.name,
            run: case.start + 1,
            condition: case.condition_name(),
            noise: case.condition.noise,
            drop: case.condition.drop,
            outliers: Some(case.condition.outliers).filter(|share| *share > 0.0),
            points: reference.own.len(),
            observed: observed.iter().map(Trajectory::len).sum(),
            dimension: names.dimension(),
            time: &names.time,
            states: &names.states,
        };
        let path = directory.join(CASES);
        serde_json::to_writer(&mut list, &line).map_err(|e| BenchError::line(&path, 0, e))?;
        list.push(b'\n');
    }
    let path = directory.join(CASES);
    whole::write(&path, &list).map_err(|e| BenchError::io(&path, e))
}

/// The column that tells runs apart, where there are several.
pub const RUN: &str = "run";

/// A table with a header, numbers with all their digits, missing cells blank. Of several runs, the last column,
/// [`RUN`], has the number.
pub fn csv(names: &Names, runs: &[Trajectory]) -> Vec<u8> {
    let mut out = Vec::new();
    let last = |cell: &str| match runs.len() {
        0 | 1 => String::new(),
        _ => format!(",{cell}"),
    };
    // Writing to memory does not fail.
    let (time, states) = (&names.time, names.states.join(","));
    let _ = writeln!(out, "{time},{states}{}", last(RUN));
    for (run, path) in runs.iter().enumerate() {
        let last = last(&(run + 1).to_string());
        for (i, time) in path.times().iter().enumerate() {
            let _ = write!(out, "{}", number(*time));
            for value in path.state(i) {
                let _ = match value.is_nan() {
                    true => write!(out, ","),
                    false => write!(out, ",{}", number(*value)),
                };
            }
            let _ = writeln!(out, "{last}");
        }
    }
    out
}
