//! A trained network on disk: what is in its directory, how it is written so that it is never half
//! there, and how it is read so that nothing wrong in it goes unnoticed.
//!
//! - `config.json`: format version, the network's shape, step, the vocabulary with its fingerprint, and
//!   the SHA-256 of the weights' file.
//! - `model.safetensors`: the weights by name, 32 or 16 bits.
//! - `training.safetensors`: weights, moments and counts, flat and in 32 bits, with the run's record and a
//!   SHA-256 in its header: all that an exact resume needs, in one file, so that it is one moment's.
//! - `training-1.safetensors` and on: the states before it, in case it is damaged.
//! - `best/`: the network as it was at the validation with the lowest loss.
//! - `metrics.jsonl`: see [`crate::metrics`].
//!
//! Weights for use are `weights`' business, the state of a run `state`'s; they do not need each other.
//! `files` reads and replaces whole files, `tensors` turns numbers into the bytes of such files.

pub(crate) mod files;
mod state;
mod tensors;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use state::{MOST, RunRecord, State, load_state, save_state};
pub(crate) use weights::{Described, save};

use crate::Error;
use crate::config::ModelConfig;
use crate::twohot::Bins;
use crate::vocabulary::Vocabulary;

/// How a directory is laid out; changes when an old reader would misread a new directory.
pub(crate) const FORMAT: u64 = 1;
/// Shape of the network, vocabulary, hash of the weights.
pub(crate) const CONFIG: &str = "config.json";
/// The weights.
const WEIGHTS: &str = "model.safetensors";
/// What an exact resume needs.
pub(crate) const TRAINING: &str = "training.safetensors";
/// The best network so far.
pub(crate) const BEST: &str = "best";
/// One JSON line a log line.
pub(crate) const METRICS: &str = "metrics.jsonl";

/// Where the constants' bins turn from linear to logarithmic; see [`crate::twohot`].
const BIN_SCALE: f64 = 0.02;
/// Largest constant.
const BIN_LIMIT: f64 = 300.0;

/// The vocabulary of a network of this shape.
///
/// # Errors
/// [`Error::Field`] for a number of bins that there cannot be.
pub(crate) fn vocabulary(config: &ModelConfig) -> Result<Vocabulary, Error> {
    let bins = Bins::new(config.bins, BIN_SCALE, BIN_LIMIT).map_err(|error| Error::Field {
        field: "model.bins".to_owned(),
        found: config.bins.to_string(),
        range: format!("an odd number ({error})"),
    })?;
    Ok(Vocabulary::new(bins, config.constants))
}
