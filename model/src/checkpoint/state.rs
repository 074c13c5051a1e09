//! The state of a training run, `training.safetensors`: weights and moments as they are in memory, and
//! in the file's header, as JSON, the record of the run. The hash in the header is over that record and
//! the tensors' bytes, in the order of [`NAMES`], [`AVERAGE`] last.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::files::{DELETE, Prepared, read, wrong};
use super::tensors::{f32_bytes, f32_values, serialize};
use super::{FORMAT, TRAINING};
use crate::Error;
use crate::config::{ModelConfig, Precision};
use crate::error::CheckpointProblem;
use crate::hash::sha256_of;
use crate::schedule::Decay;

/// Names of the tensors that are always there, in the order in which they are hashed.
const NAMES: [&str; 3] = ["first", "second", "weights"];
/// Name of the mean of the weights, hashed after the others.
const AVERAGE: &str = "average";
/// Most states that are kept beside the newest.
pub(crate) const MOST: usize = 16;
/// Key of the run's record in the header.
const RECORD: &str = "progress";
/// Key of the hash in the header.
const HASH: &str = "sha256";

/// Where a run is; with the tensors in [`State`], all that decides how it goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// [`FORMAT`].
    pub(crate) format: u64,
    /// Steps done.
    pub(crate) step: u64,
    pub(crate) seed: u64,
    pub(crate) batch: usize,
    pub(crate) pool: usize,
    pub(crate) model: ModelConfig,
    /// Fingerprint of the vocabulary.
    pub(crate) vocabulary: String,
    /// What was chosen, never [`Precision::Auto`].
    pub(crate) precision: Precision,
    /// Where the samples come from: a hash of the generator's configuration, or of a corpus' manifest.
    pub(crate) source: String,
    /// Seconds of training so far.
    pub(crate) seconds: f64,
    /// Steps taken, left out, left out in a row, as the optimizer counts them.
    pub(crate) counts: [f64; 3],
    /// The fall of the learning rate that the run is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decay: Option<Decay>,
    /// The lowest loss at a validation so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) best: Option<f64>,
}

/// A run's state: flat, 32 bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) run: RunRecord,
    pub(crate) weights: Vec<f32>,
    /// First moment.
    pub(crate) first: Vec<f32>,
    /// Second moment.
    pub(crate) second: Vec<f32>,
    /// The mean of the weights, where one is kept.
    pub(crate) average: Option<Vec<f32>>,
}

/// The file of a state: 0 for the newest, 1 for the one before it, and so on.
fn file_of(dir: &Path, age: usize) -> PathBuf {
    match age {
        0 => dir.join(TRAINING),
        _ => dir.join(format!("training-{age}.safetensors")),
    }
}

/// Writes `training.safetensors` and keeps `before` of the states before it, as `training-1.safetensors`
/// and on.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn save_state(dir: &Path, state: &State, before: usize) -> Result<(), Error> {
    let file = file_of(dir, 0);
    let parts = [&state.first, &state.second, &state.weights];
    let average = state.average.iter().map(|values| (&AVERAGE, values));
    let tensors: Vec<_> = NAMES
        .iter()
        .zip(parts)
        .chain(average)
        .map(|(name, values)| ((*name).to_owned(), vec![values.len()], f32_bytes(values)))
        .collect();
    let record =
        serde_json::to_string(&state.run).map_err(|error| Error::io(&file)(error.into()))?;
    let header = HashMap::from([
        (
            HASH.to_owned(),
            hash(
                &record,
                tensors.iter().map(|(_, _, bytes)| bytes.as_slice()),
            ),
        ),
        (RECORD.to_owned(), record),
    ]);
    let bytes = serialize(&file, Dtype::F32, &tensors, Some(header))?;
    let new = Prepared::new(&file, &bytes)?;
    // One more link to the newest, so that there is one under its name at any moment.
    for age in (0..before).rev() {
        let (from, to) = (file_of(dir, age), file_of(dir, age + 1));
        let moved = match age {
            0 => std::fs::remove_file(&to)
                .or_else(unless_missing)
                .and_then(|()| std::fs::hard_link(&from, &to)),
            _ => std::fs::rename(&from, &to),
        };
        moved.or_else(unless_missing).map_err(Error::io(&to))?;
    }
    new.commit()
}

fn unless_missing(error: std::io::Error) -> std::io::Result<()> {
    match error.kind() {
        ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// Reads the newest state that is whole, and says what was wrong with those that are newer; `None` if
/// there is no state.
///
/// # Errors
/// [`Error::Checkpoint`] for whatever is wrong with the newest, where none is whole.
pub(crate) fn load_state(dir: &Path) -> Result<Option<(State, Vec<Error>)>, Error> {
    let mut damaged = Vec::new();
    for age in 0..=MOST {
        let file = file_of(dir, age);
        if !file.exists() {
            continue;
        }
        let state =
            read(&file, DELETE).and_then(|bytes| parse(&bytes).map_err(wrong(&file, DELETE)));
        match state {
            Ok(state) => return Ok(Some((state, damaged))),
            Err(error) => damaged.push(error),
        }
    }
    match damaged.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(None),
    }
}

fn parse(bytes: &[u8]) -> Result<State, CheckpointProblem> {
    let malformed = |error: &dyn std::fmt::Display| CheckpointProblem::Malformed(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| malformed(&error))?;
    let header = header.metadata().clone().unwrap_or_default();
    let text = header
        .get(RECORD)
        .ok_or_else(|| malformed(&"there is no progress in its header"))?;
    // the version first: another one may have other fields
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let found = value.get("format").and_then(serde_json::Value::as_u64);
    if found != Some(FORMAT) {
        return Err(CheckpointProblem::Version {
            found: found.unwrap_or(0),
            expected: FORMAT,
        });
    }
    let run: RunRecord = serde_json::from_value(value).map_err(|error| malformed(&error))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| malformed(&error))?;
    let part = |name: &str| {
        let tensor = tensors
            .tensor(name)
            .map_err(|_| CheckpointProblem::Tensors {
                name: name.to_owned(),
                found: tensors.len(),
                expected: NAMES.len(),
            })?;
        if tensor.dtype() != Dtype::F32 || tensor.shape().len() != 1 {
            return Err(CheckpointProblem::Shape {
                name: name.to_owned(),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: "F32, flat".to_owned(),
            });
        }
        Ok(tensor.data())
    };
    let [first, second, weights] = NAMES.map(part);
    let (first, second, weights) = (first?, second?, weights?);
    let expected = header.get(HASH).cloned().unwrap_or_default();
    let average = match tensors.names().contains(&AVERAGE) {
        true => Some(part(AVERAGE)?),
        false => None,
    };
    let found = hash(text, [first, second, weights].into_iter().chain(average));
    if found != expected {
        return Err(CheckpointProblem::Hash { found, expected });
    }
    Ok(State {
        run,
        weights: f32_values(weights).collect(),
        first: f32_values(first).collect(),
        second: f32_values(second).collect(),
        average: average.map(|values| f32_values(values).collect()),
    })
}

fn hash<'a>(record: &'a str, tensors: impl IntoIterator<Item = &'a [u8]>) -> String {
    sha256_of(std::iter::once(record.as_bytes()).chain(tensors))
}
