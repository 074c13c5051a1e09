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

    /// What tells the samples from others: a hash of the distribution, what is forgotten of them, and how often
    /// each is observed.
    pub(super) fn identity(&self) -> String {
        let identity = self.generator.identity();
        let forget = match self.config.forget {
            0.0 => String::new(),
            forget => format!(" forget {forget}"),
        };
        let observations = match self.config.observations {
            1 => String::new(),
            times => format!(" observed {times}"),
        };
        identity + &forget + &observations
    }

    /// What is trained on: the corpus, if there is one.
    pub(super) fn training(&self, corpus: Option<Shuffled>) -> Source {
        let config = self.config;
        let origin = corpus.map(|corpus| Origin::Read(Box::new(corpus)));
        let clean = self.generator.observation.clean;
        let source = self.source(origin, clean, config.seed, config.batch, config.pool);
        Source {
            forget: config.forget,
            observations: config.observations,
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
            observations: 1,
            batch,
            part: batch.div_ceil(self.config.accumulate),
            pool,
        }
    }
}

#[cfg(test)]
mod tests {
    use nsode_parser::Skeleton;

    use super::*;
    use crate::batch::Pool;
    use crate::checkpoint;
    use crate::vocabulary::{BOS, FIRST_TOKEN};

    /// The first pool of a small run, changed so.
    fn first_pool(change: impl FnOnce(&mut TrainConfig)) -> Pool {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
        let mut config = (*TrainConfig::from_file(&file).unwrap()).clone();
        change(&mut config);
        let config = config.validated().unwrap();
        let model = TrainConfig::valid_model(&config);
        let vocabulary = checkpoint::vocabulary(&model).unwrap();
        let samples = Samples::new(&config, &model, vocabulary).unwrap();
        samples.training(None).pool(0).unwrap()
    }

    /// The decoder's input and what it is to give, of the first batch, where so much is blank.
    fn first_batch(forget: f64) -> [Vec<i64>; 2] {
        let step = first_pool(|config| config.forget = forget)
            .steps
            .swap_remove(0);
        let targets = &step[0].targets;
        [&targets.ids, &targets.target].map(|tensor| Vec::try_from(tensor.flatten(0, -1)).unwrap())
    }

    #[test]
    fn a_solution_gives_as_many_series_as_asked() {
        let one = |times: usize| {
            first_pool(|config| {
                config.observations = times;
                (config.batch, config.pool) = (times, 1);
            })
        };
        let pool = one(4);
        assert_eq!(pool.draws, 4 * one(1).draws);
        let batch = &pool.steps[0][0];
        assert_eq!(batch.skeletons.len(), 4);
        let shape = |skeleton: &Skeleton| skeleton.tokens().to_vec();
        assert!(
            batch
                .skeletons
                .iter()
                .all(|s| shape(s) == shape(&batch.skeletons[0]))
        );
        let features = &batch.encoder.features;
        for (a, b) in [(0, 1), (1, 2), (2, 3)] {
            let difference = features.get(a) - features.get(b);
            assert!(difference.abs().max().double_value(&[]) > 1e-3);
        }
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
