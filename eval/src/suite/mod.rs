//! Suites: systems whose law is known, with the initial states that they are observed from.
//!
//! What a suite is stands here; `read` gets one from its file, [`case`] makes cases of it: which run of which
//! system is observed under which condition, and what is then seen. How answers are judged is
//! [`crate::metric`]'s, running them [`crate::bench`]'s.

pub mod case;
mod error;
mod read;

use nsode_generator::Trajectory;
use nsode_parser::{Names, System};

pub use case::{Case, Condition, cases};
pub use error::SuiteError;
pub use read::read;

/// Systems with known laws, under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Suite {
    /// Its name, as on the command line.
    pub name: String,
    /// What is in it, in a sentence.
    pub description: String,
    /// The systems.
    pub systems: Vec<KnownSystem>,
    /// SHA-256 of the file and of those that it includes.
    pub digest: String,
}

/// A system whose law is known.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownSystem {
    /// Unique in its suite.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The field that it comes from.
    pub field: String,
    /// The law, in physical units.
    pub law: System,
    /// Names of time and states.
    pub names: Names,
    /// What there is of it.
    pub runs: Runs,
}

/// What there is of a system.
#[derive(Clone, Debug, PartialEq)]
pub enum Runs {
    /// Solutions of the law from each of these initial states at times that a grid gives. Each is observed in
    /// turn, the next one (after the last, the first) is what the law found is to generalize to.
    Solved {
        /// `D` numbers each; one or more.
        initial: Vec<Vec<f64>>,
        /// When.
        grid: Grid,
    },
    /// A measured series. Its law is the accepted one, whose constants are not known.
    Measured(Trajectory),
}

/// Times of observation before any is dropped.
#[derive(Clone, Debug, PartialEq)]
pub enum Grid {
    /// Evenly spaced from the first to the last time; the condition says how many.
    Even {
        /// First time.
        start: f64,
        /// Last time.
        end: f64,
    },
    /// These, strictly increasing.
    Times(Vec<f64>),
}

impl Grid {
    /// The times; `points` of them if the grid is even, at least 2.
    pub fn times(&self, points: usize) -> Vec<f64> {
        match self {
            Grid::Times(times) => times.clone(),
            Grid::Even { start, end } => {
                let last = points.max(2) - 1;
                // The ends exactly; no sum that rounding would carry away.
                let time = |i: usize| match i {
                    i if i == last => *end,
                    i => start + (end - start) * i as f64 / last as f64,
                };
                (0..=last).map(time).collect()
            }
        }
    }
}

impl KnownSystem {
    /// Number of states, `D`.
    pub fn dimension(&self) -> usize {
        self.law.dimension()
    }

    /// Number of runs that are observed in turn.
    pub fn starts(&self) -> usize {
        match &self.runs {
            Runs::Solved { initial, .. } => initial.len(),
            Runs::Measured(_) => 1,
        }
    }
}
