//! `nsode eval`: how good the answers are, on systems whose law is known.
//!
//! Options are read in `arguments`, who answers is `askers`', and what is printed and kept `show`'s; the work is
//! `nsode_eval::bench`'s.

mod arguments;
mod askers;
mod show;

use std::collections::HashMap;
use std::time::Instant;

use nsode_eval::bench::baseline::Baseline;
use nsode_eval::bench::compare;
use nsode_eval::bench::store::{Store, read_results};
use nsode_eval::bench::{BenchError, Record, check, export, run as run_cases};
use nsode_eval::suite::{Case, cases};

use arguments::Task;
pub use arguments::{Arguments, Config};
use askers::{askers, identity};
use show::{keep, show, side_by_side};

use crate::fault::Fault;
use crate::progress::{Bar, line, warn};
use crate::{Outcome, stop};

/// Runs, judges, compares.
///
/// # Errors
/// A problem with a suite, a file, the network.
pub fn run(config: Config) -> Result<Outcome, Fault> {
    if let Task::Table(runs) = &config.task {
        return side_by_side(runs, config.json, config.out.as_deref());
    }
    let all: Vec<Case> = config
        .suites
        .iter()
        .flat_map(|suite| cases(suite, &config.conditions))
        .collect();
    check(&all)?;
    if let Task::Export(directory) = &config.task {
        export::export(&all, config.seed, directory)?;
        line(&format!(
            "{} cases are in {}",
            all.len(),
            directory.display()
        ));
        return Ok(Outcome::Done);
    }
    // Read before the work, so that a wrong name is not found out after it.
    let old = config.against.as_deref().map(read_results).transpose()?;
    let baseline = config.baseline.as_deref().map(Baseline::read).transpose()?;

    let (records, stopped) = records(&config, &all)?;
    if stopped {
        let place = match &config.out {
            Some(out) => format!(" are in {}; the same command goes on", out.display()),
            None => " are lost; --out keeps them".to_string(),
        };
        line(&format!(
            "stopped: {} of {} cases{place}",
            records.len(),
            all.len()
        ));
        return Ok(Outcome::Interrupted);
    }
    let differences = old.map(|old| compare::compare(&records, &old));
    if let (Some(file), Some([])) = (&config.against, differences.as_deref()) {
        return Err(BenchError::NothingShared { file: file.clone() }.into());
    }
    let falls = match (&config.baseline, baseline) {
        (Some(file), Some(baseline)) => {
            if baseline.shared(&records) == 0 {
                return Err(BenchError::NothingShared { file: file.clone() }.into());
            }
            Some(baseline.falls(&records))
        }
        _ => None,
    };
    if let Some(file) = &config.accept {
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        Baseline::of(&records, &format!("nsode {command}")).write(file)?;
    }
    let late = records.iter().filter(|record| record.late).count();
    if late > 0 {
        warn(&format!(
            "{late} of {} searches met the time limit of {} s: their results depend on the machine and its load",
            records.len(),
            config.seconds
        ));
    }
    if let Some(out) = &config.out {
        keep(out, &records, differences.as_deref())?;
    }
    show(config.json, &records, differences.as_deref())?;
    let Some(falls) = falls else {
        return Ok(Outcome::Done);
    };
    for fall in &falls {
        let condition = fall.condition.as_deref().unwrap_or("all conditions");
        warn(&format!(
            "{} fell below the baseline ({condition}): {} cases lost, {} won, p = {:.4}",
            fall.figure,
            fall.lost.len(),
            fall.won,
            fall.p
        ));
        for case in &fall.lost {
            line(&format!("  lost: {case}"));
        }
    }
    Ok(match falls.is_empty() {
        true => Outcome::Done,
        false => Outcome::Worse,
    })
}

/// The records of all cases, in their order, and whether the user stopped before.
fn records(config: &Config, all: &[Case]) -> Result<(Vec<Record>, bool), Fault> {
    let (identity, answered) = identity(config)?;
    let mut store = match &config.out {
        Some(out) => Some(Store::open(out, &identity)?),
        None => None,
    };
    let mut done: HashMap<String, Record> = HashMap::new();
    for record in store.iter().flat_map(|store| &store.records) {
        done.insert(record.case.clone(), record.clone());
    }
    let left: Vec<Case> = all
        .iter()
        .filter(|case| !done.contains_key(&case.id()))
        .copied()
        .collect();
    let there = all.len() - left.len();
    if there > 0 {
        line(&format!("{there} of {} cases are there already", all.len()));
    }
    let started = Instant::now();
    let mut bar = Bar::new(
        all.len() as u64,
        "{wide_bar} {human_pos}/{human_len} cases, {msg}, {eta} left",
    );
    let (mut position, mut right) = (there as u64, 0u64);
    let mut each = |record: Record| {
        position += 1;
        right += u64::from(record.skeleton);
        bar.set(position, || {
            let fresh = position - there as u64;
            format!(
                "{:.1} s a case, {:.0} % of skeletons",
                started.elapsed().as_secs_f64() / fresh as f64,
                100.0 * right as f64 / fresh as f64
            )
        });
        if let Some(store) = &mut store {
            store.append(record.clone())?;
        }
        done.insert(record.case.clone(), record);
        Ok(())
    };
    let askers = askers(config, answered, left.len())?;
    let (who, seed, top) = (&identity.system, config.seed, config.top);
    run_cases(&left, who, seed, top, askers, stop::flag(), &mut each)?;
    drop(bar);
    if let Some(store) = &store {
        store.sync()?;
    }
    let records: Vec<Record> = all
        .iter()
        .filter_map(|case| done.remove(&case.id()))
        .collect();
    let stopped = records.len() < all.len();
    Ok((records, stopped))
}
