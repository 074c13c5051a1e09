//! A network for use: `config.json`, which says what it is, and `model.safetensors`, its weights.

use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use super::files::{COPY, Prepared, UPDATE, read, wrong};
use super::tensors::{Named, bf16_bytes, bf16_values, f32_bytes, f32_values, serialize};
use super::{CONFIG, FORMAT, WEIGHTS, vocabulary};
use crate::config::{ModelConfig, Stored, Valid};
use crate::error::CheckpointProblem;
use crate::hash::sha256;
use crate::network::Network;
use crate::parameters::Layout;
use crate::vocabulary::Vocabulary;
use crate::{Device, Error, device as devices};

impl Stored {
    fn dtype(self) -> Dtype {
        match self {
            Stored::F32 => Dtype::F32,
            Stored::Bf16 => Dtype::BF16,
        }
    }
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

/// A network on disk of which `config.json` was read: what it is, before its weights.
pub(crate) struct Described {
    directory: PathBuf,
    manifest: Manifest,
    config: Valid<ModelConfig>,
    vocabulary: Vocabulary,
}

impl Described {
    /// Reads what the network in `dir` is.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for what is wrong with `config.json`, and where there are no weights beside it.
    pub(crate) fn open(dir: &Path) -> Result<Described, Error> {
        let (manifest, config, vocabulary) = read_manifest(dir)?;
        let weights = dir.join(WEIGHTS);
        if !weights.exists() {
            return Err(wrong(&weights, COPY)(CheckpointProblem::Missing));
        }
        Ok(Described {
            directory: dir.to_owned(),
            manifest,
            config,
            vocabulary,
        })
    }

    /// Its shape.
    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Step at which it was written.
    pub(crate) fn step(&self) -> u64 {
        self.manifest.step
    }

    /// SHA-256 of its weights' file, in hexadecimal.
    pub(crate) fn sha256(&self) -> &str {
        &self.manifest.weights.sha256
    }

    /// Its weights, flat.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for what is wrong with them.
    pub(crate) fn values(&self) -> Result<Vec<f32>, Error> {
        let file = self.directory.join(WEIGHTS);
        let bytes = read(&file, COPY)?;
        let layout = Network::layout(&self.config, self.vocabulary.size());
        read_weights(&bytes, &self.manifest.weights, &layout).map_err(wrong(&file, COPY))
    }

    /// The network, for use and not for training, its products in [`devices::fast_kind`]; and its tokens.
    ///
    /// # Errors
    /// As [`Described::values`], [`Error::NoCuda`], [`Error::Torch`].
    pub(crate) fn load(self, device: Device) -> Result<(Network, Vocabulary), Error> {
        let values = self.values()?;
        let kind = devices::fast_kind(device);
        let device = device.open()?;
        let size = self.vocabulary.size();
        let network = Network::new(self.config, size, &values, device, kind, false)?;
        Ok((network, self.vocabulary))
    }
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
    // all shapes before the buffer: it is then no larger than the file
    let tensors = matching(&tensors, record.stored.dtype(), layout)?;
    let mut values = vec![0.0_f32; layout.total() as usize];
    for (spec, tensor) in layout.specs().iter().zip(&tensors) {
        let place = &mut values[spec.range()];
        match record.stored {
            Stored::F32 => fill(place, f32_values(tensor.data())),
            Stored::Bf16 => fill(place, bf16_values(tensor.data())),
        }
        if place.iter().any(|v| !v.is_finite()) {
            return Err(CheckpointProblem::NotFinite {
                name: spec.name.clone(),
            });
        }
    }
    Ok(values)
}

/// The tensors of a file in the layout's order, if they are exactly those.
fn matching<'a>(
    tensors: &SafeTensors<'a>,
    dtype: Dtype,
    layout: &Layout,
) -> Result<Vec<TensorView<'a>>, CheckpointProblem> {
    let specs = layout.specs();
    let counts = |name: &str| CheckpointProblem::Tensors {
        name: name.to_owned(),
        found: tensors.len(),
        expected: specs.len(),
    };
    if tensors.len() != specs.len() {
        return Err(counts(""));
    }
    specs
        .iter()
        .map(|spec| {
            let tensor = tensors.tensor(&spec.name).map_err(|_| counts(&spec.name))?;
            let shape = spec.dimensions();
            if tensor.shape() != shape || tensor.dtype() != dtype {
                return Err(CheckpointProblem::Shape {
                    name: spec.name.clone(),
                    found: format!("{:?} {:?}", tensor.dtype(), tensor.shape()),
                    expected: format!("{dtype:?} {shape:?}"),
                });
            }
            Ok(tensor)
        })
        .collect()
}

fn fill(place: &mut [f32], values: impl Iterator<Item = f32>) {
    for (place, value) in place.iter_mut().zip(values) {
        *place = value;
    }
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
    let tensors: Vec<Named> = layout
        .specs()
        .iter()
        .map(|spec| {
            let values = &values[spec.range()];
            let bytes = match stored {
                Stored::F32 => f32_bytes(values),
                Stored::Bf16 => bf16_bytes(values),
            };
            (spec.name.clone(), spec.dimensions(), bytes)
        })
        .collect();
    let (weights, manifest) = (dir.join(WEIGHTS), dir.join(CONFIG));
    let bytes = serialize(&weights, stored.dtype(), &tensors, None)?;
    let text = serde_json::to_vec_pretty(&Manifest {
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
    })
    .map_err(|error| Error::io(&manifest)(error.into()))?;
    // both are on disk before the first is renamed: the moment in which they disagree is short
    let weights = Prepared::new(&weights, &bytes)?;
    let manifest = Prepared::new(&manifest, &text)?;
    weights.commit()?;
    manifest.commit()
}
