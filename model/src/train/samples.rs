//! What a run learns from, and what it is tested on: the configured distribution, or a corpus; for the
//! tests always the distribution, with a seed of their own, once without noise and once with it.

use std::path::Path;

use nsode_generator::config::Observation;
use nsode_generator::sampler::Sampler;
use nsode_generator::{Config, ValidConfig};

use crate::Error;
use crate::batch::{Batch, Origin, Source};
use crate::config::{GeneratorSource, ModelConfig, TrainConfig, Valid};
use crate::corpus::Shuffled;
use crate::vocabulary::Vocabulary;

/// Added to a run's seed for the samples of validation.
const VALIDATION: u64 = 0x7661_6c69_6461_7465;

/// All that samples are made with.
pub(super) struct Samples<'a> {
    config: &'a TrainConfig,
    model: &'a Valid<ModelConfig>,
    vocabulary: Vocabulary,
    generator: ValidConfig,
}

impl<'a> Samples<'a> {
    /// Samples as `config` says, for a model of this shape.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Generator`] for a distribution that cannot be read.
    pub(super) fn new(
        config: &'a TrainConfig,
        model: &'a Valid<ModelConfig>,
        vocabulary: Vocabulary,
    ) -> Result<Samples<'a>, Error> {
        let generator = match &config.generator {
            GeneratorSource::Inline(table) => Config::from_toml(&table.to_string())?,
            GeneratorSource::Path(path) => {
                let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
                Config::from_toml_in(&text, path.parent().unwrap_or(Path::new("")))?
            }
        };
        Ok(Samples {
            config,
            model,
            vocabulary,
            generator,
        })
    }

    /// A hash of the distribution.
    pub(super) fn identity(&self) -> String {
        self.generator.identity()
    }

    /// What is trained on: the corpus, if there is one.
    pub(super) fn training(&self, corpus: Option<Shuffled>) -> Source {
        let config = self.config;
        let origin = corpus.map(|corpus| Origin::Read(Box::new(corpus)));
        let clean = self.generator.observation.clean;
        self.source(origin, clean, config.seed, config.batch, config.pool)
    }

    /// What is validated on, of which a share `clean` is without noise.
    ///
    /// # Errors
    /// See [`Source::pool`].
    pub(super) fn unseen(&self, clean: f64) -> Result<Vec<Batch>, Error> {
        let samples = self.config.validation.samples;
        let seed = self.config.seed.wrapping_add(VALIDATION);
        let batch = self.config.batch.min(samples);
        let source = self.source(None, clean, seed, batch, samples.div_ceil(batch));
        Ok(source.pool(0)?.steps.into_iter().flatten().collect())
    }

    fn source(
        &self,
        origin: Option<Origin>,
        clean: f64,
        seed: u64,
        batch: usize,
        pool: usize,
    ) -> Source {
        let drawn = || Origin::Drawn(Box::new(Sampler::new(self.generator.clone(), seed)));
        Source {
            origin: origin.unwrap_or_else(drawn),
            seed,
            observation: Observation {
                clean,
                ..self.generator.observation.clone()
            },
            model: self.model.clone(),
            vocabulary: self.vocabulary,
            batch,
            part: batch.div_ceil(self.config.accumulate),
            pool,
        }
    }
}
