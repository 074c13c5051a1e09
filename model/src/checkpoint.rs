//! A trained network on disk: what is in its directory, how it is written so that it is never half
//! there, and how it is read so that nothing wrong in it goes unnoticed.
//!
//! - `config.json`: format version, the network's shape, step, the vocabulary with its fingerprint, and
//!   the SHA-256 of the weights' file.
//! - `model.safetensors`: the weights by name, 32 or 16 bits.
//! - `training.safetensors`: weights, moments and counts, flat and in 32 bits, with the run's state and a
//!   SHA-256 in its header: all that an exact resume needs, in one file, so that it is one moment's.
//! - `metrics.jsonl`: see [`crate::metrics`].
//!
//! A file is written beside its place, flushed to disk and renamed: after a crash there is the old one
//! or the new one. Weights for use ([`load`]) and state for resuming ([`load_state`]) do not need each other.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use half::bf16;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{ModelConfig, Precision, Valid};
use crate::error::CheckpointProblem;
use crate::network::Network;
use crate::parameters::Layout;
use crate::twohot::Bins;
use crate::vocabulary::Vocabulary;
use crate::{Device, Error};

/// How a directory is laid out; changes when an old reader would misread a new directory.
pub const FORMAT: u64 = 1;
/// Shape of the network, vocabulary, hash of the weights.
pub const CONFIG: &str = "config.json";
/// The weights.
pub const WEIGHTS: &str = "model.safetensors";
/// What an exact resume needs.
pub const TRAINING: &str = "training.safetensors";
/// One JSON line a log line.
pub const METRICS: &str = "metrics.jsonl";

/// Where the constants' bins turn from linear to logarithmic; see [`crate::twohot`].
const BIN_SCALE: f64 = 0.02;
/// Largest constant.
const BIN_LIMIT: f64 = 300.0;

const COPY: &str = "copy the checkpoint again from where it came, or train a new one";
const UPDATE: &str = "use the program that wrote it, or train a new one";
const DELETE: &str = "delete the file to start afresh, or restore it from a copy";

/// Number type of the stored weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, half of the size; the rounding is below the noise of training.
    Bf16,
}

/// `config.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Manifest {
    format: u64,
    program: String,
    step: u64,
    parameters: i64,
    model: ModelConfig,
    vocabulary: VocabularyRecord,
    weights: WeightsRecord,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct VocabularyRecord {
    fingerprint: String,
    tokens: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WeightsRecord {
    stored: Stored,
    sha256: String,
}

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
    Ok(Vocabulary::new(bins))
}

/// A network read from disk.
pub(crate) struct Loaded {
    /// Its tokens.
    pub(crate) vocabulary: Vocabulary,
    /// The network, for use and not for training, in 32 bits on a CPU and 16 on a GPU.
    pub(crate) network: Network,
    /// Step at which it was written.
    pub(crate) step: u64,
    /// SHA-256 of its weights' file, in hexadecimal.
    pub(crate) sha256: String,
}

/// Reads the network in `dir`.
///
/// # Errors
/// [`Error::Checkpoint`] for whatever is wrong with the directory, [`Error::NoCuda`], [`Error::Torch`].
pub(crate) fn load(dir: &Path, device: Device) -> Result<Loaded, Error> {
    let (manifest, config, vocabulary) = read_manifest(dir)?;
    let file = dir.join(WEIGHTS);
    let bytes = read(&file, COPY)?;
    let layout = Network::layout(&config, vocabulary.size());
    let values = read_weights(&bytes, &manifest.weights, &layout).map_err(wrong(&file, COPY))?;
    let kind = match device {
        Device::Cpu => tch::Kind::Float,
        Device::Cuda => tch::Kind::BFloat16,
    };
    let device = device.open()?;
    let network = Network::new(config, vocabulary.size(), &values, device, kind, false)?;
    Ok(Loaded {
        vocabulary,
        network,
        step: manifest.step,
        sha256: manifest.weights.sha256,
    })
}

fn read_manifest(dir: &Path) -> Result<(Manifest, Valid<ModelConfig>, Vocabulary), Error> {
    let file = dir.join(CONFIG);
    let bytes = read(&file, COPY)?;
    let malformed = |error: &dyn std::fmt::Display| {
        wrong(&file, COPY)(CheckpointProblem::Malformed(error.to_string()))
    };
    // the version first: another one may have other fields
    let value: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| malformed(&error))?;
    match value.get("format").and_then(serde_json::Value::as_u64) {
        Some(FORMAT) => {}
        Some(found) => {
            return Err(wrong(&file, UPDATE)(CheckpointProblem::Version {
                found,
                expected: FORMAT,
            }));
        }
        None => return Err(malformed(&"there is no format version")),
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| malformed(&error))?;
    let config = manifest
        .model
        .clone()
        .validated()
        .map_err(|error| malformed(&error))?;
    let vocabulary = vocabulary(&config).map_err(|error| malformed(&error))?;
    let expected = vocabulary.fingerprint();
    if manifest.vocabulary.fingerprint != expected {
        return Err(wrong(&file, UPDATE)(CheckpointProblem::Vocabulary {
            found: manifest.vocabulary.fingerprint,
            expected,
        }));
    }
    Ok((manifest, config, vocabulary))
}

/// The flat buffer from the bytes of a weights' file.
fn read_weights(
    bytes: &[u8],
    record: &WeightsRecord,
    layout: &Layout,
) -> Result<Vec<f32>, CheckpointProblem> {
    let tensors = SafeTensors::deserialize(bytes)
        .map_err(|error| CheckpointProblem::Malformed(error.to_string()))?;
    let found = sha256(bytes);
    if found != record.sha256 {
        return Err(CheckpointProblem::Hash {
            found,
            expected: record.sha256.clone(),
        });
    }
    let specs = layout.specs();
    let counts = |name: &str| CheckpointProblem::Tensors {
        name: name.to_owned(),
        found: tensors.len(),
        expected: specs.len(),
    };
    if tensors.len() != specs.len() {
        return Err(counts(""));
    }
    let dtype = match record.stored {
        Stored::F32 => Dtype::F32,
        Stored::Bf16 => Dtype::BF16,
    };
    let mut values = vec![0.0_f32; layout.total() as usize];
    for spec in specs {
        let tensor = tensors.tensor(&spec.name).map_err(|_| counts(&spec.name))?;
        let shape: Vec<usize> = spec.shape.iter().map(|&n| n as usize).collect();
        if tensor.shape() != shape || tensor.dtype() != dtype {
            return Err(CheckpointProblem::Shape {
                name: spec.name.clone(),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: format!("{dtype:?} {shape:?}"),
            });
        }
        let place = &mut values[spec.offset as usize..][..spec.len() as usize];
        match record.stored {
            Stored::F32 => floats(tensor.data(), place),
            Stored::Bf16 => {
                for (value, bytes) in place.iter_mut().zip(tensor.data().chunks_exact(2)) {
                    *value = bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
                }
            }
        }
        if place.iter().any(|v| !v.is_finite()) {
            return Err(CheckpointProblem::NotFinite {
                name: spec.name.clone(),
            });
        }
    }
    Ok(values)
}

/// Writes a network for use: `model.safetensors`, then `config.json`. `values` is the flat buffer.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn save(
    dir: &Path,
    config: &ModelConfig,
    values: &[f32],
    step: u64,
    stored: Stored,
) -> Result<(), Error> {
    let vocabulary = vocabulary(config)?;
    let layout = Network::layout(config, vocabulary.size());
    let dtype = match stored {
        Stored::F32 => Dtype::F32,
        Stored::Bf16 => Dtype::BF16,
    };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = layout
        .specs()
        .iter()
        .map(|spec| {
            let values = &values[spec.offset as usize..][..spec.len() as usize];
            let bytes = match stored {
                Stored::F32 => le_bytes(values),
                Stored::Bf16 => values
                    .iter()
                    .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
                    .collect(),
            };
            let shape = spec.shape.iter().map(|&n| n as usize).collect();
            (spec.name.clone(), shape, bytes)
        })
        .collect();
    let file = dir.join(WEIGHTS);
    let bytes = serialize(&file, dtype, &tensors, None)?;
    let manifest = Manifest {
        format: FORMAT,
        program: format!("nsode {}", env!("CARGO_PKG_VERSION")),
        step,
        parameters: layout.total(),
        model: config.clone(),
        vocabulary: VocabularyRecord {
            fingerprint: vocabulary.fingerprint(),
            tokens: (0..vocabulary.size())
                .filter_map(|id| vocabulary.name(id as u16))
                .collect(),
        },
        weights: WeightsRecord {
            stored,
            sha256: sha256(&bytes),
        },
    };
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| Error::Io {
        path: dir.join(CONFIG),
        source: error.into(),
    })?;
    // both are on disk before the first is renamed: the moment in which they disagree is short
    let weights = prepare(&file, &bytes)?;
    let config = prepare(&dir.join(CONFIG), &text)?;
    commit(weights, &file)?;
    commit(config, &dir.join(CONFIG))
}

/// Where a run is; with the tensors in [`State`], all that decides how it goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) format: u64,
    /// Steps done.
    pub(crate) step: u64,
    pub(crate) seed: u64,
    pub(crate) batch: usize,
    pub(crate) pool: usize,
    pub(crate) model: ModelConfig,
    pub(crate) vocabulary: String,
    /// What was chosen, never [`Precision::Auto`].
    pub(crate) precision: Precision,
    /// Where the samples come from: a hash of the generator's configuration, or of a corpus' manifest.
    pub(crate) source: String,
    /// Seconds of training so far.
    pub(crate) seconds: f64,
    /// Steps taken, left out, left out in a row, as the optimizer counts them.
    pub(crate) counts: [f64; 3],
}

/// A run's state: flat, 32 bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) progress: Progress,
    pub(crate) weights: Vec<f32>,
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

/// Writes `training.safetensors`.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn save_state(dir: &Path, state: &State) -> Result<(), Error> {
    let file = dir.join(TRAINING);
    let shape = vec![state.weights.len()];
    let tensors = [
        ("first".to_owned(), shape.clone(), le_bytes(&state.first)),
        ("second".to_owned(), shape.clone(), le_bytes(&state.second)),
        ("weights".to_owned(), shape, le_bytes(&state.weights)),
    ];
    let progress = serde_json::to_string(&state.progress).map_err(|error| Error::Io {
        path: file.clone(),
        source: error.into(),
    })?;
    let header = HashMap::from([
        ("sha256".to_owned(), state_hash(&progress, &tensors)),
        ("progress".to_owned(), progress),
    ]);
    let bytes = serialize(&file, Dtype::F32, &tensors, Some(header))?;
    let ready = prepare(&file, &bytes)?;
    commit(ready, &file)
}

/// Reads `training.safetensors`; `None` if there is none.
///
/// # Errors
/// [`Error::Checkpoint`] for whatever is wrong with it.
pub(crate) fn load_state(dir: &Path) -> Result<Option<State>, Error> {
    let file = dir.join(TRAINING);
    if !file.exists() {
        return Ok(None);
    }
    let bytes = read(&file, DELETE)?;
    parse_state(&bytes).map(Some).map_err(wrong(&file, DELETE))
}

fn parse_state(bytes: &[u8]) -> Result<State, CheckpointProblem> {
    let malformed = |error: &dyn std::fmt::Display| CheckpointProblem::Malformed(error.to_string());
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| malformed(&error))?;
    let header = header.metadata().clone().unwrap_or_default();
    let text = header
        .get("progress")
        .ok_or_else(|| malformed(&"there is no progress in its header"))?;
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| malformed(&error))?;
    let found = value.get("format").and_then(serde_json::Value::as_u64);
    if found != Some(FORMAT) {
        return Err(CheckpointProblem::Version {
            found: found.unwrap_or(0),
            expected: FORMAT,
        });
    }
    let progress: Progress = serde_json::from_value(value).map_err(|error| malformed(&error))?;
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| malformed(&error))?;
    let mut parts = Vec::with_capacity(3);
    for name in ["first", "second", "weights"] {
        let tensor = tensors
            .tensor(name)
            .map_err(|_| CheckpointProblem::Tensors {
                name: name.to_owned(),
                found: tensors.len(),
                expected: 3,
            })?;
        if tensor.dtype() != Dtype::F32 || tensor.shape().len() != 1 {
            return Err(CheckpointProblem::Shape {
                name: name.to_owned(),
                found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                expected: "F32, flat".to_owned(),
            });
        }
        parts.push((name.to_owned(), Vec::new(), tensor.data().to_vec()));
    }
    let expected = header.get("sha256").cloned().unwrap_or_default();
    let found = state_hash(text, &parts);
    if found != expected {
        return Err(CheckpointProblem::Hash { found, expected });
    }
    let mut vectors = parts.iter().map(|(_, _, bytes)| {
        let mut values = vec![0.0; bytes.len() / 4];
        floats(bytes, &mut values);
        values
    });
    let mut next = || vectors.next().unwrap_or_default();
    let (first, second, weights) = (next(), next(), next());
    Ok(State {
        progress,
        weights,
        first,
        second,
    })
}

fn state_hash(progress: &str, tensors: &[(String, Vec<usize>, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    hash.update(progress.as_bytes());
    for (_, _, bytes) in tensors {
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn le_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn floats(bytes: &[u8], values: &mut [f32]) {
    for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(4)) {
        *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
}

fn serialize(
    file: &Path,
    dtype: Dtype,
    tensors: &[(String, Vec<usize>, Vec<u8>)],
    header: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, Error> {
    let invalid = |error: safetensors::SafeTensorError| Error::Io {
        path: file.to_owned(),
        source: std::io::Error::other(error),
    };
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(invalid)?;
    safetensors::serialize(views, header).map_err(invalid)
}

fn read(file: &Path, remedy: &'static str) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => wrong(file, remedy)(CheckpointProblem::Missing),
        _ => Error::Io {
            path: file.to_owned(),
            source,
        },
    })
}

fn wrong(file: &Path, remedy: &'static str) -> impl Fn(CheckpointProblem) -> Error {
    let file = file.to_owned();
    move |problem| Error::Checkpoint {
        file: file.clone(),
        problem,
        remedy,
    }
}

/// Writes `bytes` beside `file` and flushes them to disk; gives the place.
fn prepare(file: &Path, bytes: &[u8]) -> Result<PathBuf, Error> {
    let mut place = file.as_os_str().to_owned();
    place.push(".tmp");
    let place = PathBuf::from(place);
    let write = || {
        let mut out = File::create(&place)?;
        out.write_all(bytes)?;
        out.sync_all()
    };
    write().map_err(Error::io(&place))?;
    Ok(place)
}

/// Renames what [`prepare`] wrote to its name, and flushes the directory.
fn commit(place: PathBuf, file: &Path) -> Result<(), Error> {
    std::fs::rename(&place, file).map_err(Error::io(file))?;
    let dir = file.parent().unwrap_or(Path::new("."));
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(Error::io(dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Inputs;

    fn config() -> ModelConfig {
        ModelConfig {
            d_model: 8,
            heads: 2,
            encoder_layers: 1,
            decoder_layers: 1,
            feed_forward: 1,
            max_dimension: 1,
            max_tokens: 8,
            bins: 9,
            inputs: Inputs::Anchors {
                count: 2,
                neighbours: vec![3],
                frequencies: 1,
            },
        }
    }

    fn weights(config: &ModelConfig) -> Vec<f32> {
        let vocabulary = vocabulary(config).unwrap();
        Network::layout(config, vocabulary.size()).initial(5)
    }

    fn saved(stored: Stored) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        save(dir.path(), &config(), &weights(&config()), 42, stored).unwrap();
        dir
    }

    fn problem(dir: &Path) -> (String, CheckpointProblem) {
        match load(dir, Device::Cpu) {
            Err(Error::Checkpoint {
                file,
                problem,
                remedy,
            }) => {
                assert!(!remedy.is_empty());
                let name = file.file_name().unwrap().to_string_lossy().into_owned();
                (name, problem)
            }
            Err(other) => panic!("another error: {other}"),
            Ok(_) => panic!("no error"),
        }
    }

    /// Changes `config.json` by `change`.
    fn edit(dir: &Path, change: impl FnOnce(&mut serde_json::Value)) {
        let file = dir.join(CONFIG);
        let mut value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        change(&mut value);
        std::fs::write(&file, serde_json::to_vec(&value).unwrap()).unwrap();
    }

    #[test]
    fn there_and_back() {
        let values = weights(&config());
        for (stored, tolerance) in [(Stored::F32, 0.0), (Stored::Bf16, 1.0 / 256.0)] {
            let dir = saved(stored);
            let loaded = load(dir.path(), Device::Cpu).unwrap();
            assert_eq!((loaded.network.config(), loaded.step), (&config(), 42));
            let found = loaded.network.parameters().values().unwrap();
            assert_eq!(found.len(), values.len());
            for (found, expected) in found.iter().zip(&values) {
                assert!((found - expected).abs() <= tolerance * expected.abs());
            }
            let left: Vec<_> = std::fs::read_dir(dir.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(left.len(), 2, "{left:?}");
        }
    }

    #[test]
    fn missing_files() {
        for file in [CONFIG, WEIGHTS] {
            let dir = saved(Stored::F32);
            std::fs::remove_file(dir.path().join(file)).unwrap();
            let expected = (file.to_owned(), CheckpointProblem::Missing);
            assert_eq!(problem(dir.path()), expected);
        }
    }

    #[test]
    fn truncated_at_any_length() {
        for file in [CONFIG, WEIGHTS] {
            let dir = saved(Stored::Bf16);
            let path = dir.path().join(file);
            let bytes = std::fs::read(&path).unwrap();
            for part in 0..20 {
                std::fs::write(&path, &bytes[..bytes.len() * part / 20]).unwrap();
                let (name, problem) = problem(dir.path());
                assert_eq!(name, file);
                assert!(matches!(problem, CheckpointProblem::Malformed(_)));
            }
        }
    }

    #[test]
    fn any_byte_of_the_weights_changed() {
        let dir = saved(Stored::F32);
        let path = dir.path().join(WEIGHTS);
        let bytes = std::fs::read(&path).unwrap();
        for place in (0..bytes.len()).step_by(bytes.len() / 40) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            std::fs::write(&path, &changed).unwrap();
            let (name, problem) = problem(dir.path());
            assert_eq!(name, WEIGHTS);
            assert!(matches!(
                problem,
                CheckpointProblem::Hash { .. } | CheckpointProblem::Malformed(_)
            ));
        }
    }

    #[test]
    fn another_version_or_vocabulary() {
        let dir = saved(Stored::F32);
        edit(dir.path(), |value| value["format"] = 99.into());
        assert_eq!(
            problem(dir.path()).1,
            CheckpointProblem::Version {
                found: 99,
                expected: FORMAT
            }
        );
        let dir = saved(Stored::F32);
        edit(dir.path(), |value| {
            value["vocabulary"]["fingerprint"] = "0".into();
        });
        assert!(matches!(
            problem(dir.path()).1,
            CheckpointProblem::Vocabulary { .. }
        ));
    }

    #[test]
    fn another_shape() {
        // d_model changes shapes; layers change the number of tensors
        let dir = saved(Stored::F32);
        edit(dir.path(), |value| value["model"]["d_model"] = 16.into());
        assert!(matches!(
            problem(dir.path()).1,
            CheckpointProblem::Shape { .. }
        ));
        let dir = saved(Stored::F32);
        edit(dir.path(), |value| {
            value["model"]["encoder_layers"] = 2.into();
        });
        assert!(matches!(
            problem(dir.path()).1,
            CheckpointProblem::Tensors { .. }
        ));
        // a shape that no network can have
        let dir = saved(Stored::F32);
        edit(dir.path(), |value| value["model"]["heads"] = 3.into());
        assert!(matches!(
            problem(dir.path()).1,
            CheckpointProblem::Malformed(_)
        ));
        // the stored type is not what is said
        let dir = saved(Stored::F32);
        edit(dir.path(), |value| {
            value["weights"]["stored"] = "bf16".into();
        });
        assert!(matches!(
            problem(dir.path()).1,
            CheckpointProblem::Shape { .. }
        ));
    }

    #[test]
    fn a_weight_that_is_no_number() {
        let dir = tempfile::tempdir().unwrap();
        let mut values = weights(&config());
        values[100] = f32::NAN;
        save(dir.path(), &config(), &values, 1, Stored::F32).unwrap();
        assert!(matches!(
            problem(dir.path()).1,
            CheckpointProblem::NotFinite { .. }
        ));
    }

    fn state() -> State {
        let weights = weights(&config());
        State {
            progress: Progress {
                format: FORMAT,
                step: 17,
                seed: 3,
                batch: 4,
                pool: 2,
                model: config(),
                vocabulary: "abc".to_owned(),
                precision: Precision::Fp32,
                source: "def".to_owned(),
                seconds: 1.25,
                counts: [16.0, 1.0, 0.0],
            },
            first: weights.iter().map(|v| v * 0.5).collect(),
            second: weights.iter().map(|v| v * v).collect(),
            weights,
        }
    }

    #[test]
    fn a_runs_state_there_and_back() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(load_state(dir.path()).unwrap(), None);
        save_state(dir.path(), &state()).unwrap();
        assert_eq!(load_state(dir.path()).unwrap(), Some(state()));
    }

    #[test]
    fn a_damaged_state_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        save_state(dir.path(), &state()).unwrap();
        let path = dir.path().join(TRAINING);
        let bytes = std::fs::read(&path).unwrap();
        let expect_error = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let error = load_state(dir.path());
            assert!(
                matches!(&error, Err(Error::Checkpoint { file, .. }) if *file == path),
                "{error:?}"
            );
        };
        for part in 0..20 {
            expect_error(&bytes[..bytes.len() * part / 20]);
        }
        for place in (0..bytes.len()).step_by(bytes.len() / 40) {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            expect_error(&changed);
        }
    }
}
