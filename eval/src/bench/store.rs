//! A run on disk: `run.json` says what decides its results, `results.jsonl` has them, one line a case.
//!
//! Lines are appended as cases end, so a killed run loses what was being computed and no more. A last line
//! without an end is what the kill has left of one, and is cut off. A directory takes results of one kind only:
//! other options, or a suite that was changed, are refused. Which cases are run is not part of it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BenchError, Record};
use crate::whole;

/// The file of the options.
pub const RUN: &str = "run.json";
/// The file of the records.
pub const RESULTS: &str = "results.jsonl";

/// What decides the results of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Of this format.
    pub schema: u32,
    /// Who answers.
    pub system: String,
    /// Version of the program.
    pub program: String,
    /// Who proposes laws, or where the answers come from.
    pub proposers: Vec<String>,
    /// SHA-256 of the network.
    pub network: Option<String>,
    /// Laws of an answer that are judged.
    pub top: usize,
    /// Time limit of a search.
    pub seconds: f64,
    /// Seed of the observations and of the search.
    pub seed: u64,
    /// How answers are asked for.
    pub asked: String,
    /// What residuals cost, where it is not their squares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// Probability, before any data, that noise hides a part of a law.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hidden: f64,
    /// SHA-256 of the suites by name.
    pub suites: BTreeMap<String, String>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// A run on disk, open to be continued.
#[derive(Debug)]
pub struct Store {
    file: File,
    path: PathBuf,
    /// What is there already.
    pub records: Vec<Record>,
}

impl Store {
    /// Opens the run in `directory`, or begins one.
    ///
    /// # Errors
    /// [`BenchError`] for a directory that has another run, or can't be read and written.
    pub fn open(directory: &Path, config: &RunConfig) -> Result<Store, BenchError> {
        fs::create_dir_all(directory).map_err(|e| BenchError::io(directory, e))?;
        let results = directory.join(RESULTS);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&results)
            .map_err(|e| BenchError::io(&results, e))?;
        // Held until the store is dropped: two runs at a time would do everything twice.
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => BenchError::InUse {
                directory: directory.to_path_buf(),
            },
            TryLockError::Error(error) => BenchError::io(&results, error),
        })?;
        let path = directory.join(RUN);
        let mut config = config.clone();
        if path.exists() {
            let there = read_config(&path)?;
            if let Some((field, there, here)) = difference(&there, &config) {
                return Err(BenchError::OtherRun {
                    directory: directory.to_path_buf(),
                    field,
                    there,
                    here,
                });
            }
            config.suites.extend(there.suites);
        }
        let text =
            serde_json::to_string_pretty(&config).map_err(|e| BenchError::line(&path, 1, e))?;
        whole::write(&path, (text + "\n").as_bytes()).map_err(|e| BenchError::io(&path, e))?;

        let (records, length) = read_lines(&results)?;
        file.set_len(length)
            .map_err(|e| BenchError::io(&results, e))?;
        Ok(Store {
            file,
            path: results,
            records,
        })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`BenchError::Io`].
    pub fn append(&mut self, record: Record) -> Result<(), BenchError> {
        let line =
            serde_json::to_string(&record).map_err(|e| BenchError::line(&self.path, 0, e))?;
        self.file
            .write_all((line + "\n").as_bytes())
            .map_err(|e| BenchError::io(&self.path, e))?;
        self.records.push(record);
        Ok(())
    }

    /// Makes sure that all of it is on the disk.
    ///
    /// # Errors
    /// [`BenchError::Io`].
    pub fn sync(&self) -> Result<(), BenchError> {
        self.file
            .sync_all()
            .map_err(|e| BenchError::io(&self.path, e))
    }
}

fn read_config(path: &Path) -> Result<RunConfig, BenchError> {
    let text = fs::read_to_string(path).map_err(|e| BenchError::io(path, e))?;
    serde_json::from_str(&text).map_err(|e| BenchError::line(path, e.line(), e))
}

/// The records of a file of results, or of the `results.jsonl` of a directory.
///
/// # Errors
/// [`BenchError`] for what can't be read or is no record.
pub fn read_results(path: &Path) -> Result<Vec<Record>, BenchError> {
    match path.is_dir() {
        true => read_lines(&path.join(RESULTS)),
        false => read_lines(path),
    }
    .map(|(records, _)| records)
}

/// Records, and the bytes that they take.
fn read_lines(path: &Path) -> Result<(Vec<Record>, u64), BenchError> {
    let text = fs::read_to_string(path).map_err(|e| BenchError::io(path, e))?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let mut records = Vec::new();
    for (i, line) in text.get(..whole).unwrap_or("").lines().enumerate() {
        let record = serde_json::from_str(line);
        records.push(record.map_err(|e| BenchError::line(path, i + 1, e))?);
    }
    Ok((records, whole as u64))
}

/// The first field in which two runs differ, with its values. New suites are no difference.
fn difference(there: &RunConfig, here: &RunConfig) -> Option<(&'static str, String, String)> {
    let text = |v: &Option<String>| v.clone().unwrap_or_else(|| "none".to_string());
    let fields = [
        ("schema", there.schema.to_string(), here.schema.to_string()),
        ("system", there.system.clone(), here.system.clone()),
        ("program", there.program.clone(), here.program.clone()),
        (
            "proposers",
            there.proposers.join(","),
            here.proposers.join(","),
        ),
        ("network", text(&there.network), text(&here.network)),
        ("top", there.top.to_string(), here.top.to_string()),
        (
            "seconds",
            there.seconds.to_string(),
            here.seconds.to_string(),
        ),
        ("seed", there.seed.to_string(), here.seed.to_string()),
        ("asked", there.asked.clone(), here.asked.clone()),
        ("loss", text(&there.loss), text(&here.loss)),
        ("hidden", there.hidden.to_string(), here.hidden.to_string()),
    ];
    let field = fields.into_iter().find(|(_, there, here)| there != here);
    field.or_else(|| {
        let changed = here.suites.iter().find_map(|(name, digest)| {
            let before = there.suites.get(name)?;
            (before != digest).then(|| (format!("{name} {before}"), format!("{name} {digest}")))
        });
        changed.map(|(there, here)| ("suite", there, here))
    })
}

/// SHA-256 of some files, one after the other.
///
/// # Errors
/// [`BenchError::Io`].
pub fn digest(files: &[PathBuf]) -> Result<String, BenchError> {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(fs::read(file).map_err(|e| BenchError::io(file, e))?);
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
