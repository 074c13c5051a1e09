//! What corpus to make: the options, their limits, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::config::ValidConfig;
use crate::manifest::{Manifest, Part, SCHEMA};
use crate::{Error, Split};

/// Most shards of a corpus.
pub(crate) const MOST_SHARDS: u64 = 1 << 16;

/// What to make and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The distribution.
    pub config: ValidConfig,
    /// Its seed.
    pub seed: u64,
    /// Which of its samples: those to train on, or some that are held out.
    pub split: Split,
    /// Number of samples in the whole corpus.
    pub samples: u64,
    /// Samples a shard; the last one may have fewer.
    pub shard_size: u64,
    /// The part of the corpus to make.
    pub part: Part,
    /// Directory; made if it is not there.
    pub out: PathBuf,
    /// Number of threads; `None` for as many as rayon has. Changes nothing about the result.
    pub threads: Option<usize>,
    /// SHA-256 of the running program, to be named in the manifest; `None` for nothing.
    pub made_by: Option<String>,
}

impl Options {
    /// The whole training corpus of the default distribution, in shards of 50,000, on all cores.
    pub fn new(out: impl Into<PathBuf>, samples: u64, seed: u64) -> Options {
        Options {
            config: ValidConfig::default(),
            seed,
            split: Split::Train,
            samples,
            shard_size: 50_000,
            part: Part::WHOLE,
            out: out.into(),
            threads: None,
            made_by: None,
        }
    }

    /// Number of shards of the whole corpus.
    pub fn shards(&self) -> u64 {
        self.samples.div_ceil(self.shard_size.max(1))
    }

    /// Numbers of the shards of this part: every `of`-th one, so that parts differ by one shard at most.
    pub fn own_shards(&self) -> impl Iterator<Item = u64> + use<> {
        let Part { index, of } = self.part;
        (u64::from(index)..self.shards()).step_by(of.max(1) as usize)
    }

    /// # Errors
    /// [`Error::Option`] for options that make no sense.
    pub(super) fn check(&self) -> Result<(), Error> {
        let option = |field, value: u64, fits, allowed| {
            let value = value.to_string();
            if fits {
                Ok(())
            } else {
                Err(Error::Option {
                    field,
                    value,
                    allowed,
                })
            }
        };
        option("samples", self.samples, self.samples > 0, "at least 1")?;
        option(
            "shard size",
            self.shard_size,
            self.shard_size > 0,
            "at least 1",
        )?;
        let shards = self.shards();
        option(
            "number of shards",
            shards,
            shards <= MOST_SHARDS,
            "at most 65536: take larger ones",
        )?;
        let Part { index, of } = self.part;
        option("number of parts", of.into(), of > 0, "at least 1")?;
        option(
            "part",
            index.into(),
            index < of,
            "0 to one less than the number of parts",
        )
    }

    /// A manifest without shards.
    pub(super) fn manifest(&self) -> Manifest {
        Manifest {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_string(),
            seed: self.seed,
            split: self.split,
            samples: self.samples,
            shard_size: self.shard_size,
            part: self.part,
            complete: false,
            made_by: BTreeSet::new(),
            config_sha256: self.config.identity(),
            accepted: 0,
            drawn: 0,
            acceptance: 0.0,
            rejections: BTreeMap::new(),
            statistics: None,
            shards: Vec::new(),
            config: self.config.to_toml(),
        }
    }
}
