//! What a run leaves: summary and pictures in `--out`, the table or JSON on standard output, and runs side by
//! side.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use nsode_eval::answer::plot::accuracy;
use nsode_eval::bench::Record;
use nsode_eval::bench::compare::{self, Difference};
use nsode_eval::bench::failure;
use nsode_eval::bench::store::read_results;
use nsode_eval::bench::summary::{LEGEND, markdown, summarise, table};
use serde_json::json;

use crate::Outcome;
use crate::fault::Fault;
use crate::output::stdout;

/// Writes summary and pictures beside the results.
///
/// # Errors
/// A file that can't be written.
pub fn keep(
    out: &Path,
    records: &[Record],
    differences: Option<&[Difference]>,
) -> Result<(), Fault> {
    let text = document(records, differences) + "\n";
    crate::output::file(&out.join("summary.json"), "--out", |file| {
        file.write_all(text.as_bytes())
    })?;
    let text = format!(
        "{}\n{LEGEND}\n\n## When it fails\n{}",
        markdown(&summarise(records)),
        failure::markdown(records)
    );
    crate::output::file(&out.join("summary.md"), "--out", |file| {
        file.write_all(text.as_bytes())
    })?;
    accuracy::plots(out, records)?;
    Ok(())
}

fn document(records: &[Record], differences: Option<&[Difference]>) -> String {
    json!({"schema": 1, "groups": summarise(records), "against": differences}).to_string()
}

/// Writes the answer to standard output, as a table or JSON.
///
/// # Errors
/// Those of [`stdout`].
pub fn show(
    as_json: bool,
    records: &[Record],
    differences: Option<&[Difference]>,
) -> Result<(), Fault> {
    let text = match as_json {
        true => document(records, differences) + "\n",
        false => {
            let mut text = format!("{}\n{LEGEND}\n", table(&summarise(records)));
            if let Some(differences) = differences {
                text += "\n";
                text += &compare::table(differences);
            }
            text
        }
    };
    stdout(|out| out.write_all(text.as_bytes()))
}

/// Prints the results of several runs, and draws them in `out`, if there is one.
///
/// # Errors
/// A run that can't be read, a picture that can't be written.
pub fn side_by_side(runs: &[PathBuf], as_json: bool, out: Option<&Path>) -> Result<Outcome, Fault> {
    let mut records: Vec<Record> = Vec::new();
    let mut known = HashSet::new();
    for run in runs {
        for record in read_results(run)? {
            if !known.insert((record.system.clone(), record.case.clone())) {
                return Err(Fault::new(
                    format!(
                        "{}: case {} of {} is there twice",
                        run.display(),
                        record.case,
                        record.system
                    ),
                    "Name each run once; runs of one program are told apart by --system.",
                ));
            }
            records.push(record);
        }
    }
    if let Some(out) = out {
        accuracy::plots(out, &records)?;
    }
    let mut groups = summarise(&records);
    // By suite and condition, in the order in which these first occur, so that rivals stand together.
    let mut order: Vec<(String, String)> = Vec::new();
    for group in &groups {
        let key = (group.suite.clone(), group.condition.clone());
        if !order.contains(&key) {
            order.push(key);
        }
    }
    groups.sort_by_key(|group| {
        let mut keys = order.iter();
        let place = keys
            .position(|(suite, condition)| *suite == group.suite && *condition == group.condition);
        (place, group.states)
    });
    let text = match as_json {
        true => json!({"schema": 1, "groups": groups}).to_string() + "\n",
        false => markdown(&groups),
    };
    stdout(|out| out.write_all(text.as_bytes()))?;
    Ok(Outcome::Done)
}
