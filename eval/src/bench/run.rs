//! Asks about many cases at a time.
//!
//! One thread a worker, and one a case: a search inside of a worker does not spread over the machine, so that
//! `seconds` means the same whatever else runs, up to what the workers take from each other. What is found does
//! not depend on the number of workers, as long as no search meets its time limit; where one does, the record
//! says `late`.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use nsode_generator::Trajectory;
use rayon::prelude::*;

use super::{Answer, BenchError, Guess, Record, judge};
use crate::discover::{Options, discover};
use crate::metric::Reference;
use crate::propose::proposer::Proposer;
use crate::series::loss::Loss;
use crate::series::problem::Problem;
use crate::suite::Case;

/// Somebody who is asked about a case and what was seen of it. Each worker has one of its own.
pub type Asker<'a> = Box<dyn FnMut(&Case, &[Trajectory]) -> Answer + Send + 'a>;

/// Checks that the true law of every case can be solved, before any time is spent.
///
/// # Errors
/// [`BenchError::Truth`] for the first that can't.
pub fn check(cases: &[Case]) -> Result<(), BenchError> {
    let mut runs: Vec<&Case> = cases.iter().collect();
    // The conditions of a run differ in what is seen, not in the truth.
    runs.dedup_by(|a, b| {
        let size = |case: &Case| (case.start, case.condition.points, case.condition.runs);
        std::ptr::eq(a.system, b.system) && size(a) == size(b)
    });
    runs.par_iter().try_for_each(|case| truth(case).map(drop))
}

/// The truth of a case, and all of its runs, clean.
pub(super) fn truth(case: &Case) -> Result<(Reference, Vec<Trajectory>), BenchError> {
    let wrong = |source| BenchError::Truth {
        case: case.id(),
        source,
    };
    let condition = case.condition;
    let reference = Reference::new(case.system, case.start, condition.points).map_err(wrong)?;
    let mut runs = vec![reference.own.clone()];
    runs.extend(
        reference
            .between(case.system, condition.runs.saturating_sub(1))
            .map_err(wrong)?,
    );
    Ok((reference, runs))
}

/// Asks one worker an asker about all `cases`, and hands each record to `each` as it comes, in any order. Ends
/// early when `stop` is set; whatever was begun is finished.
///
/// # Errors
/// [`BenchError`], that of `each` among them.
pub fn run(
    cases: &[Case],
    who: &str,
    seed: u64,
    top: usize,
    askers: Vec<Asker>,
    stop: &AtomicBool,
    each: &mut dyn FnMut(Record) -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (sender, records) = mpsc::channel();
        for mut asker in askers {
            let (sender, next, failed) = (sender.clone(), &next, &failed);
            std::thread::Builder::new()
                .name("case".to_string())
                .spawn_scoped(scope, move || {
                    while !stop.load(Ordering::SeqCst) && !failed.load(Ordering::SeqCst) {
                        let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) else {
                            break;
                        };
                        let record = truth(case).map(|(reference, runs)| {
                            let observed = case.observe(&runs, seed);
                            let answer = asker(case, &observed);
                            judge(case, who, &observed, &reference, &answer, top)
                        });
                        if sender.send(record).is_err() {
                            break;
                        }
                    }
                })
                .map_err(|error| BenchError::Thread(error.to_string()))?;
        }
        drop(sender);
        for record in records {
            if let Err(error) = record.and_then(&mut *each) {
                failed.store(true, Ordering::SeqCst);
                return Err(error);
            }
        }
        Ok(())
    })
}

/// Asks `proposers`, on the threads of the caller's pool; laws are fitted by `loss`. The time is that of the whole
/// discovery, smoothing included; reading files and loading a network are not.
pub fn ask(
    observed: &[Trajectory],
    loss: Loss,
    proposers: &[Box<dyn Proposer>],
    options: &Options,
) -> Answer {
    let started = Instant::now();
    let found = Problem::with_loss(observed.to_vec(), loss)
        .and_then(|problem| discover(&problem, proposers, options));
    let seconds = started.elapsed().as_secs_f64();
    match found {
        Ok(found) => Answer {
            guesses: found
                .candidates
                .iter()
                .map(|candidate| Guess {
                    law: candidate.system.to_system(),
                    posterior: Some(candidate.posterior),
                    source: Some(candidate.source.name().to_string()),
                })
                .collect(),
            seconds,
            late: found.late,
            error: None,
        },
        Err(error) => Answer {
            seconds,
            error: Some(error.to_string()),
            ..Answer::default()
        },
    }
}
