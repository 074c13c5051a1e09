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

    /// What tells the samples from others: a hash of the distribution, and what is forgotten of them.
    pub(super) fn identity(&self) -> String {
        let identity = self.generator.identity();
        match self.config.forget {
            0.0 => identity,
            forget => format!("{identity} forget {forget}"),
        }
    }

    /// What is trained on: the corpus, if there is one.
    pub(super) fn training(&self, corpus: Option<Shuffled>) -> Source {
        let config = self.config;
        let origin = corpus.map(|corpus| Origin::Read(Box::new(corpus)));
        let clean = self.generator.observation.clean;
        let source = self.source(origin, clean, config.seed, config.batch, config.pool);
        Source {
            forget: config.forget,
            ..source
        }
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
            forget: 0.0,
            batch,
            part: batch.div_ceil(self.config.accumulate),
            pool,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint;
    use crate::vocabulary::{BOS, FIRST_TOKEN};

    /// The decoder's input and what it is to give, of the first batch, where so much is blank.
    fn first_batch(forget: f64) -> [Vec<i64>; 2] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
        let mut config = (*TrainConfig::from_file(&file).unwrap()).clone();
        config.forget = forget;
        let config = config.validated().unwrap();
        let model = TrainConfig::valid_model(&config);
        let vocabulary = checkpoint::vocabulary(&model).unwrap();
        let samples = Samples::new(&config, &model, vocabulary).unwrap();
        let step = samples.training(None).pool(0).unwrap().steps.swap_remove(0);
        let targets = &step[0].targets;
        [&targets.ids, &targets.target].map(|tensor| Vec::try_from(tensor.flatten(0, -1)).unwrap())
    }

    #[test]
    fn what_is_forgotten_is_still_to_be_written() {
        let [input, target] = first_batch(0.0);
        let [holes, same] = first_batch(0.5);
        assert_eq!(target, same);
        let tokens = |ids: &[i64]| {
            ids.iter()
                .filter(|id| **id >= i64::from(FIRST_TOKEN))
                .count()
        };
        let blank = |ids: &[i64]| ids.iter().filter(|id| **id == i64::from(BOS)).count();
        let forgotten = blank(&holes) - blank(&input);
        assert_eq!(tokens(&input), tokens(&holes) + forgotten);
        assert!(forgotten > tokens(&input) / 10 && forgotten < tokens(&input) / 2);
    }
}
