//! Running a suite: every case observed, asked, judged, recorded; and what all of it comes to.
//!
//! Whoever answers, [`judge`] turns the answer into a [`Record`], one line of `results.jsonl`: `nsode` itself
//! ([`run()`]), or another program whose answers come as a file ([`answers`], after [`export`] has written the
//! observations). [`store`] keeps records so that a killed run goes on; [`summary`] adds them up, [`compare`]
//! sets two runs side by side, [`failure`] sorts what went wrong, [`baseline`] says whether one is worse than what was reached before.

pub mod answers;
pub mod baseline;
pub mod compare;
mod error;
pub mod export;
pub mod failure;
mod figure;
mod record;
mod run;
pub mod store;
pub mod summary;

pub use error::BenchError;
pub use figure::Figure;
pub use record::{FARTHEST, Listed, Oracle, Record, judge};
pub use run::{Asker, ask, check, run};

use nsode_parser::System;

/// What somebody says about a case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Laws, best first.
    pub guesses: Vec<Guess>,
    /// How long it took.
    pub seconds: f64,
    /// Whether the time was over before the search was.
    pub late: bool,
    /// Why there is no law, or what else went wrong.
    pub error: Option<String>,
}

/// A law that somebody proposes.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    /// The law, in the units of the data, states in the order of the suite.
    pub law: System,
    /// How probable it is said to be.
    pub posterior: Option<f64>,
    /// Which part of the program found it.
    pub source: Option<String>,
}
