//! What a model is and how it is trained: the fields, their ranges, and the one check that turns a file
//! into a [`Valid`] configuration. After that nothing needs checking again, and nothing can change it.
//! How a field is used is said where it is used.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::checkpoint::MOST;
use crate::parametrisation::kappa;
use crate::vocabulary::Order;

/// A configuration that has passed its check. There is no other way to make one.
#[derive(Clone, Debug, PartialEq)]
pub struct Valid<T>(T);

impl<T> Deref for Valid<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// How observed points become tokens of the encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Inputs {
    /// A token a point: the IEEE-754 bits of its numbers.
    Ieee754 {
        /// Points a trajectory, at most; of more, an even subset is taken.
        max_points: usize,
    },
    /// A fixed number of anchors a trajectory, each with local quadratic fits at several widths.
    Anchors {
        /// Anchors a trajectory.
        count: usize,
        /// Nearest points in a fit, one fit an entry, ascending.
        neighbours: Vec<usize>,
        /// Octaves of the Fourier features of time and of each state.
        frequencies: usize,
    },
}

/// The shape of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Width of the residual stream.
    pub d_model: usize,
    /// Attention heads; divides `d_model`.
    pub heads: usize,
    /// Blocks of the encoder.
    pub encoder_layers: usize,
    /// Blocks of the decoder.
    pub decoder_layers: usize,
    /// Hidden width of the feed-forward part, in units of `d_model`.
    pub feed_forward: usize,
    /// Most states a system may have.
    pub max_dimension: usize,
    /// Most tokens a skeleton may have, and most constants.
    pub max_tokens: usize,
    /// Bins of the constants' vocabulary.
    pub bins: usize,
    /// Where a law's constants stand in what the decoder writes. Default: after the skeleton.
    #[serde(default, skip_serializing_if = "is_default")]
    pub constants: Order,
    /// How observations enter.
    pub inputs: Inputs,
    /// The network on which the optimizer's settings were found; without it, this one. What follows from
    /// it is in `parametrisation.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Shape>,
}

/// Width and depth of a base network; the fields as in [`ModelConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Width of the residual stream.
    pub d_model: usize,
    /// Attention heads; divides `d_model`.
    pub heads: usize,
    /// Blocks of the encoder.
    pub encoder_layers: usize,
    /// Blocks of the decoder.
    pub decoder_layers: usize,
}

/// Which number type the matrix products use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Time both at the start and take the faster.
    #[default]
    Auto,
    /// 16-bit brain floats for products, 32 bits for everything else.
    Bf16,
    /// 32 bits for everything.
    Fp32,
}

/// Number type of the weights for use, on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, half of the size; the rounding is below the noise of training.
    Bf16,
}

/// AdamW and its schedule, for which see [`crate::schedule`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptimizerConfig {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps over which it rises from zero.
    pub warm_up: u64,
    /// Share of the steps, at the end, over which it falls to zero.
    pub decay_share: f64,
    /// Decoupled weight decay of the matrices.
    pub weight_decay: f64,
    /// Decay rates of the two moments.
    pub betas: [f64; 2],
    /// Largest norm of the gradient; larger ones are scaled down.
    pub clip: f64,
    /// Half-life, in steps, of the mean of the weights that is validated and kept for use; without it the
    /// last weights are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// The run in which these settings were found; without it, a run like this one. What follows from it
    /// is in `parametrisation.rs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Budget>,
}

/// Batch and length of a base run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Samples a step.
    pub batch: usize,
    /// Samples in all.
    pub samples: u64,
}

/// Where the generator's configuration is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum GeneratorSource {
    /// In a TOML file, relative to the file that names it.
    Path(PathBuf),
    /// Here.
    Inline(toml::Table),
}

/// When and on how much the loss on unseen samples is measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidationConfig {
    /// Steps between two validations.
    pub every: u64,
    /// Samples without noise, and as many with it; the same ones each time.
    pub samples: usize,
    /// Of each of these, so many are searched with a beam, which costs about as much as 10 training
    /// samples each.
    #[serde(default)]
    pub beam: usize,
}

/// A training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of the weights, the samples, and what is done to them.
    pub seed: u64,
    /// Samples a step.
    pub batch: usize,
    /// Parts in which a step's samples are computed, one after the other, and their gradients added: less
    /// memory, and the same descent but for rounding. Default 1.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// Steps.
    pub steps: u64,
    /// Batches that are drawn together and cut from the sorted lengths, so that rows of a batch are of
    /// like length and little is padded; 1: no sorting.
    #[serde(default = "one")]
    pub pool: usize,
    /// Weight of the constants' cross-entropy beside the skeleton's.
    pub constants_weight: f64,
    /// Share of the skeleton's tokens that the decoder is fed blank in training, so that it has to look at the
    /// observations where it would go by what usually follows. Default 0.
    #[serde(default)]
    pub forget: f64,
    /// Times that a solution drawn by the generator is observed, each with other points and other noise: where
    /// solutions are dearer than steps. Default 1. (A corpus is observed afresh each time through it.)
    #[serde(default = "one")]
    pub observations: usize,
    /// Number type of the matrix products.
    #[serde(default)]
    pub precision: Precision,
    /// Threads of the matrix products; 0: one a core.
    #[serde(default)]
    pub threads: usize,
    /// Threads that prepare samples; 0: one for every eight cores, at least one.
    #[serde(default)]
    pub workers: usize,
    /// Steps between two lines of the log.
    pub log_every: u64,
    /// Steps between two checkpoints.
    pub checkpoint_every: u64,
    /// Number type of the weights for use, on disk; the run's state always has 32 bits.
    #[serde(default)]
    pub stored: Stored,
    /// States of the run that are kept beside the newest, should that be damaged. Default 1.
    #[serde(default = "one")]
    pub keep: usize,
    /// The network.
    pub model: ModelConfig,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// Validation.
    pub validation: ValidationConfig,
    /// The distribution of systems, and how their solutions are observed.
    pub generator: GeneratorSource,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> usize {
    1
}

/// `Ok` if `ok`, else an [`Error::Field`].
fn check(ok: bool, field: &str, found: impl std::fmt::Debug, range: &str) -> Result<(), Error> {
    if ok {
        return Ok(());
    }
    Err(Error::Field {
        field: field.to_owned(),
        found: format!("{found:?}"),
        range: range.to_owned(),
    })
}

fn within<T>(value: T, low: T, high: T, field: &str) -> Result<(), Error>
where
    T: PartialOrd + Copy + std::fmt::Debug,
{
    check(
        low <= value && value <= high,
        field,
        value,
        &format!("from {low:?} to {high:?}"),
    )
}

impl ModelConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Field`] for the first one that is out of its range.
    pub fn validated(self) -> Result<Valid<ModelConfig>, Error> {
        within(self.d_model, 8, 8192, "model.d_model")?;
        check(
            self.heads >= 1 && self.d_model.is_multiple_of(self.heads),
            "model.heads",
            self.heads,
            &format!("a divisor of d_model, {}", self.d_model),
        )?;
        within(self.encoder_layers, 1, 64, "model.encoder_layers")?;
        within(self.decoder_layers, 1, 64, "model.decoder_layers")?;
        within(self.feed_forward, 1, 16, "model.feed_forward")?;
        within(self.max_dimension, 1, 16, "model.max_dimension")?;
        within(self.max_tokens, 4, 512, "model.max_tokens")?;
        check(
            self.bins % 2 == 1 && (9..=4095).contains(&self.bins),
            "model.bins",
            self.bins,
            "an odd number from 9 to 4095",
        )?;
        match &self.inputs {
            Inputs::Ieee754 { max_points } => {
                within(*max_points, 5, 4096, "model.inputs.ieee754.max_points")?;
            }
            Inputs::Anchors {
                count,
                neighbours,
                frequencies,
            } => {
                within(*count, 2, 1024, "model.inputs.anchors.count")?;
                check(
                    !neighbours.is_empty()
                        && neighbours.len() <= 8
                        && neighbours.iter().all(|k| (3..=1024).contains(k))
                        && neighbours.windows(2).all(|w| w[0] < w[1]),
                    "model.inputs.anchors.neighbours",
                    neighbours,
                    "one to eight ascending numbers from 3 to 1024",
                )?;
                within(*frequencies, 0, 16, "model.inputs.anchors.frequencies")?;
            }
        }
        if let Some(base) = self.base {
            within(base.d_model, 8, 8192, "model.base.d_model")?;
            check(
                base.heads >= 1 && base.d_model.is_multiple_of(base.heads),
                "model.base.heads",
                base.heads,
                &format!("a divisor of the base's d_model, {}", base.d_model),
            )?;
            within(base.encoder_layers, 1, 64, "model.base.encoder_layers")?;
            within(base.decoder_layers, 1, 64, "model.base.decoder_layers")?;
        }
        Ok(Valid(self))
    }
}

impl TrainConfig {
    /// Reads a configuration and checks every field.
    ///
    /// # Errors
    /// [`Error::Toml`] for text that is not such a configuration, [`Error::Field`] for a value out of range.
    pub fn from_toml(text: &str) -> Result<Valid<TrainConfig>, Error> {
        let raw: TrainConfig = toml::from_str(text).map_err(|error| Error::Toml {
            message: error.to_string().trim_end().to_owned(),
        })?;
        raw.validated()
    }

    /// Reads a configuration from a file. A path of the generator's configuration in it is taken
    /// relative to that file, and read: the result has it inline.
    ///
    /// # Errors
    /// As [`TrainConfig::from_toml`], and [`Error::Io`].
    pub fn from_file(path: &Path) -> Result<Valid<TrainConfig>, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let mut config = TrainConfig::from_toml(&text)?.0;
        if let GeneratorSource::Path(relative) = &config.generator {
            let file = path.parent().unwrap_or(Path::new("")).join(relative);
            let text = std::fs::read_to_string(&file).map_err(Error::io(&file))?;
            let table = text.parse::<toml::Table>().map_err(|error| Error::Toml {
                message: format!("{}: {}", file.display(), error.to_string().trim_end()),
            })?;
            config.generator = GeneratorSource::Inline(table);
        }
        config.validated()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::Field`] for the first one that is out of its range.
    pub fn validated(self) -> Result<Valid<TrainConfig>, Error> {
        within(self.batch, 1, 1 << 20, "batch")?;
        within(self.accumulate, 1, self.batch, "accumulate")?;
        within(self.steps, 1, 1 << 40, "steps")?;
        within(self.constants_weight, 0.0, 10.0, "constants_weight")?;
        within(self.forget, 0.0, 0.9, "forget")?;
        within(self.observations, 1, 1 << 10, "observations")?;
        within(self.threads, 0, 1024, "threads")?;
        within(self.workers, 0, 1024, "workers")?;
        within(self.log_every, 1, 1 << 40, "log_every")?;
        within(self.checkpoint_every, 1, 1 << 40, "checkpoint_every")?;
        within(self.keep, 0, MOST, "keep")?;
        let optimizer = &self.optimizer;
        check(
            optimizer.learning_rate > 0.0 && optimizer.learning_rate <= 1.0,
            "optimizer.learning_rate",
            optimizer.learning_rate,
            "above 0, at most 1",
        )?;
        within(optimizer.warm_up, 0, self.steps, "optimizer.warm_up")?;
        within(optimizer.decay_share, 0.0, 1.0, "optimizer.decay_share")?;
        within(optimizer.weight_decay, 0.0, 10.0, "optimizer.weight_decay")?;
        check(
            optimizer.betas.iter().all(|b| (0.0..1.0).contains(b)),
            "optimizer.betas",
            optimizer.betas,
            "two numbers from 0 to below 1",
        )?;
        check(
            optimizer.clip > 0.0,
            "optimizer.clip",
            optimizer.clip,
            "above 0",
        )?;
        if let Some(half_life) = optimizer.average {
            within(half_life, 1.0, 1e9, "optimizer.average")?;
        }
        if let Some(base) = optimizer.base {
            within(base.batch, 1, 1 << 20, "optimizer.base.batch")?;
            within(base.samples, 1, 1 << 50, "optimizer.base.samples")?;
            let kappa = kappa(optimizer, self.batch, self.steps);
            check(
                optimizer.betas.iter().all(|b| kappa * (1.0 - b) < 1.0),
                "optimizer.betas",
                optimizer.betas,
                &format!(
                    "above {:.3}, for so large a batch or so short a run",
                    1.0 - 1.0 / kappa
                ),
            )?;
        }
        within(self.pool, 1, 1 << 10, "pool")?;
        within(self.validation.every, 1, 1 << 40, "validation.every")?;
        within(self.validation.samples, 1, 1 << 20, "validation.samples")?;
        within(self.validation.beam, 0, 1 << 20, "validation.beam")?;
        self.model.clone().validated()?;
        Ok(Valid(self))
    }

    /// The network's part, already checked with the whole.
    pub(crate) fn valid_model(config: &Valid<TrainConfig>) -> Valid<ModelConfig> {
        Valid(config.model.clone())
    }
}
