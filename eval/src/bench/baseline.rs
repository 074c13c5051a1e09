//! The gate: whether a run is worse than one that was accepted before, by more than chance.
//!
//! A baseline lists, for each case, the figures that hold. Case by case, wins and losses of each figure are
//! counted, under each condition and over all of them. A figure fails when losses prevail so clearly that fair
//! coins would do that in less than 5 % of all trials: five losses and no win, seven and one, … That is more
//! than another processor's rounding does, and less than a change for the worse that matters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{BenchError, Figure, Record};
use crate::metric::sign;
use crate::whole;

/// A figure fails below this probability.
const LEVEL: f64 = 0.05;

/// The figures that are guarded.
pub const GUARDED: [Figure; 7] = [
    Figure::Recon,
    Figure::ReconClose,
    Figure::Generalization,
    Figure::Skeleton,
    Figure::Law1,
    Figure::Law10,
    Figure::Valid,
];

/// What was reached before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// How it was made.
    pub command: String,
    /// The figures that hold, by case.
    pub cases: BTreeMap<String, Vec<String>>,
}

/// A figure that fell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fall {
    /// Its name.
    pub figure: &'static str,
    /// The condition; `None` for all together.
    pub condition: Option<String>,
    /// Cases in which it is true now and was not before.
    pub won: usize,
    /// Cases in which it no longer is.
    pub lost: Vec<String>,
    /// Probability of so many losses by chance.
    pub p: f64,
}

impl Baseline {
    /// What `records` reach.
    pub fn of(records: &[Record], command: &str) -> Baseline {
        let figures = |record: &Record| {
            let holding = GUARDED.into_iter().filter(|f| f.of(record) == Some(true));
            holding.map(|f| f.name().to_string()).collect()
        };
        Baseline {
            command: command.to_string(),
            cases: records
                .iter()
                .map(|record| (record.case.clone(), figures(record)))
                .collect(),
        }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// [`BenchError`] for a file that can't be read or is none.
    pub fn read(path: &Path) -> Result<Baseline, BenchError> {
        let text = fs::read_to_string(path).map_err(|e| BenchError::io(path, e))?;
        serde_json::from_str(&text).map_err(|e| BenchError::line(path, e.line(), e))
    }

    /// Writes it, one case a line.
    ///
    /// # Errors
    /// [`BenchError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), BenchError> {
        let wrong = |e: serde_json::Error| BenchError::line(path, 0, e);
        let mut lines = Vec::new();
        for (case, figures) in &self.cases {
            let case = serde_json::to_string(case).map_err(wrong)?;
            let figures = serde_json::to_string(figures).map_err(wrong)?;
            lines.push(format!("    {case}: {figures}"));
        }
        let command = serde_json::to_string(&self.command).map_err(wrong)?;
        let text = format!(
            "{{\n  \"command\": {command},\n  \"cases\": {{\n{}\n  }}\n}}\n",
            lines.join(",\n")
        );
        whole::write(path, text.as_bytes()).map_err(|e| BenchError::io(path, e))
    }

    /// Number of the records that the baseline knows.
    pub fn shared(&self, records: &[Record]) -> usize {
        let known = records.iter().filter(|r| self.cases.contains_key(&r.case));
        known.count()
    }

    /// The figures that fell. Cases that only one side has are passed over.
    pub fn falls(&self, records: &[Record]) -> Vec<Fall> {
        let conditions: BTreeSet<&str> = records.iter().map(|r| r.condition.as_str()).collect();
        let groups = conditions.into_iter().map(Some).chain([None]);
        let mut falls = Vec::new();
        for condition in groups {
            for figure in GUARDED {
                let (mut won, mut lost) = (0, Vec::new());
                for record in records {
                    if condition.is_some_and(|c| c != record.condition) {
                        continue;
                    }
                    let before = self.cases.get(&record.case);
                    let (Some(before), Some(now)) = (before, figure.of(record)) else {
                        continue;
                    };
                    match (before.iter().any(|f| f == figure.name()), now) {
                        (true, false) => lost.push(record.case.clone()),
                        (false, true) => won += 1,
                        _ => {}
                    }
                }
                let p = sign::losing(won, lost.len());
                if !lost.is_empty() && p < LEVEL {
                    falls.push(Fall {
                        figure: figure.name(),
                        condition: condition.map(str::to_string),
                        won,
                        lost,
                        p,
                    });
                }
            }
        }
        falls
    }
}
