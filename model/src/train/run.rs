//! A run while it goes: the network, its optimizer, its samples, its log, and what is done with them.

use std::path::Path;
use std::time::Instant;

use tch::Tensor;

use super::gradient::gradient;
use super::means::Window;
use super::resume::{Origin, origin};
use super::samples::Samples;
use super::unseen::unseen;
use super::{Event, Options, Progress, Summary};
use crate::average::Average;
use crate::batch::Batch;
use crate::checkpoint::{self, FORMAT, RunRecord, State};
use crate::config::{Precision, TrainConfig, Valid};
use crate::corpus::Shuffled;
use crate::loader::Loader;
use crate::metrics::{Line, Log, StepMetrics, Validation};
use crate::network::Network;
use crate::network::attention::Attention;
use crate::optimizer::AdamW;
use crate::parametrisation::Settings;
use crate::schedule::{Decay, Schedule};
use crate::{Error, device, speed};

/// Steps in a row without a finite gradient after which a run gives up.
const HOPELESS: u64 = 50;

/// A run in the middle of it.
pub(super) struct Run<'a> {
    config: &'a TrainConfig,
    out: &'a Path,
    progress: &'a dyn Progress,
    network: Network,
    optimizer: AdamW,
    schedule: Schedule,
    loader: Loader,
    /// Batches without noise, and with it.
    unseen: [Vec<Batch>; 2],
    log: Log,
    precision: Precision,
    /// Operations a second of a large matrix product.
    peak: f64,
    /// What tells the samples from others; see [`RunRecord::source`].
    source: String,
    /// Fingerprint of the vocabulary.
    vocabulary: String,
    /// Steps done.
    step: u64,
    /// The last step's gradient's norm, on the device, and learning rate.
    last: Option<(Tensor, f64)>,
    window: Window,
    /// Mean of the weights.
    average: Option<Average>,
    /// The lowest loss at a validation.
    best: Option<f64>,
    validation: Option<Validation>,
    saved: Option<u64>,
    clock: Instant,
    /// Seconds of training in earlier sessions.
    seconds_before: f64,
}

impl<'a> Run<'a> {
    /// Makes everything ready for the first step, or for the next one of the run in the directory.
    ///
    /// # Errors
    /// Most of those of [`super::train`].
    pub(super) fn open(
        config: &'a Valid<TrainConfig>,
        options: &'a Options,
        progress: &'a dyn Progress,
    ) -> Result<Run<'a>, Error> {
        // where: directory, device, threads
        let out = options.out.as_path();
        std::fs::create_dir_all(out).map_err(Error::io(out))?;
        let origin = origin(config, options, progress)?;
        let device = options.device.open()?;
        device::set_threads(config.threads);
        let torch = Error::torch("training");

        // what: tokens, shape, samples
        let model = TrainConfig::valid_model(config);
        let vocabulary = checkpoint::vocabulary(&model)?;
        let samples = Samples::new(config, &model, vocabulary)?;
        let corpus = match &options.corpus {
            Some(directory) => Some(Shuffled::open(directory, config.seed)?),
            None => None,
        };
        let source = corpus
            .as_ref()
            .map_or_else(|| samples.identity(), Shuffled::identity);

        // how fast: number type and yardstick
        let wanted = match &origin {
            Origin::State(state) => state.run.precision,
            _ => config.precision,
        };
        let (precision, kind, peak) = speed::choose(wanted, device).map_err(&torch)?;

        let settings = Settings::new(&model, &config.optimizer, config.batch, config.steps);

        // from where: fresh weights, those of a network, or those of the run
        let rows = config.batch.div_ceil(config.accumulate);
        let attention = Attention::fastest(&model, rows, device, kind).map_err(&torch)?;
        let build = |values: &[f32]| {
            let network =
                Network::new(model.clone(), vocabulary.size(), values, device, kind, true);
            network.map(|network| network.attending(attention))
        };
        let (network, optimizer, mean, decay, best, step, seconds_before) = match origin {
            Origin::Afresh | Origin::Weights(_) => {
                let values = match origin {
                    Origin::Weights(values) => values,
                    _ => Network::layout(&model, vocabulary.size()).initial(config.seed),
                };
                let network = build(&values)?;
                let optimizer = AdamW::new(settings, network.parameters())?;
                (network, optimizer, None, None, None, 0, 0.0)
            }
            Origin::State(state) => {
                let State {
                    run,
                    weights,
                    first,
                    second,
                    average,
                } = *state;
                if run.source != source {
                    progress.event(&Event::Warning(
                        "the samples are not drawn as they were when the run was saved".to_owned(),
                    ));
                }
                let network = build(&weights)?;
                let mut optimizer = AdamW::new(settings, network.parameters())?;
                optimizer
                    .restore(&first, &second, &run.counts)
                    .map_err(&torch)?;
                (
                    network,
                    optimizer,
                    average,
                    run.decay,
                    run.best,
                    run.step,
                    run.seconds,
                )
            }
        };

        let average = match config.optimizer.average {
            None => None,
            Some(half_life) => {
                let mean = match mean {
                    Some(mean) => mean,
                    None => network.parameters().values().map_err(&torch)?,
                };
                Some(Average::new(half_life, &mean, network.device())?)
            }
        };

        let unseen = [samples.unseen(1.0)?, samples.unseen(0.0)?];
        let loader = Loader::start(samples.training(corpus), step, workers(config))?;
        let log = Log::open(out, step)?;
        let run = Run {
            config,
            out,
            progress,
            schedule: Schedule {
                peak: config.optimizer.learning_rate,
                warm_up: config.optimizer.warm_up,
                steps: config.steps,
                decay_share: config.optimizer.decay_share,
                decay,
            },
            network,
            optimizer,
            loader,
            unseen,
            log,
            precision,
            peak,
            source,
            vocabulary: vocabulary.fingerprint(),
            step,
            last: None,
            window: Window::start(),
            average,
            best,
            validation: None,
            saved: None,
            clock: Instant::now(),
            seconds_before,
        };
        progress.event(&Event::Started {
            step,
            steps: run.steps(),
            parameters: run.parameters(),
            precision,
            attention: attention.name(),
            peak,
        });
        Ok(run)
    }

    /// All steps.
    fn steps(&self) -> u64 {
        self.schedule.decay.map_or(self.config.steps, Decay::end)
    }

    /// Whether all steps are done.
    pub(super) fn finished(&self) -> bool {
        self.step >= self.steps()
    }

    /// Whether what happens every `every` steps happens now; after the last step everything does.
    pub(super) fn due(&self, every: u64) -> bool {
        self.step.is_multiple_of(every) || self.step == self.steps()
    }

    /// Number of weights.
    fn parameters(&self) -> u64 {
        self.network.parameters().layout().total() as u64
    }

    /// Seconds of training, all sessions together.
    fn seconds(&self) -> f64 {
        self.seconds_before + self.clock.elapsed().as_secs_f64()
    }

    /// One step down the gradient.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        let torch = Error::torch("training");
        let waiting = Instant::now();
        let parts = self.loader.next()?;
        self.window.waited(waiting);

        let rate = self.schedule.at(self.step);
        let weight = self.config.constants_weight;
        let (gradient, losses) = gradient(&self.network, &parts, weight).map_err(&torch)?;
        let norm = self
            .optimizer
            .step(self.network.parameters_mut(), &gradient, rate)
            .map_err(&torch)?;
        self.step += 1;
        if let Some(average) = &mut self.average {
            average
                .add(self.network.parameters_mut(), self.step)
                .map_err(&torch)?;
        }
        self.last = Some((norm, rate));
        for (part, losses) in parts.iter().zip(losses) {
            self.window
                .add(&self.network, part, losses)
                .map_err(&torch)?;
        }
        self.window.step();
        self.progress.event(&Event::Step { step: self.step });
        Ok(())
    }

    /// Writes the means since the last such line; waits for the device.
    ///
    /// # Errors
    /// [`Error::NotFinite`] where the last steps were all left out.
    pub(super) fn log(&mut self) -> Result<(), Error> {
        let torch = Error::torch("training");
        let counts = self.optimizer.counts().map_err(&torch)?;
        let means = self.window.means().map_err(&torch)?;
        let (gradient, learning_rate) = match &self.last {
            Some((norm, rate)) => (norm.f_double_value(&[]).map_err(&torch)?, *rate),
            None => (0.0, 0.0),
        };
        self.write(Line::Train(StepMetrics {
            step: self.step,
            samples: self.step * self.config.batch as u64,
            loss: means.skeleton + self.config.constants_weight * means.share * means.constants,
            skeleton: means.skeleton,
            constants: means.constants,
            learning_rate,
            gradient,
            skipped: counts.skipped,
            samples_per_second: means.samples_per_second,
            step_ms: means.step_ms,
            wait_ms: means.wait_ms,
            mfu: means.speed / self.peak,
            accepted: self.loader.accepted(),
            seconds: self.seconds(),
        }))?;
        if counts.skipped_in_a_row >= HOPELESS {
            return Err(Error::NotFinite {
                steps: counts.skipped_in_a_row,
                at: self.step,
            });
        }
        self.window = Window::start();
        Ok(())
    }

    /// Measures the loss on unseen samples, with the mean of the weights where there is one, and writes it.
    pub(super) fn validate(&mut self) -> Result<(), Error> {
        let torch = Error::torch("training");
        let away = Instant::now();
        let [clean, noisy] = &self.unseen;
        let mut swap = |network: &mut Network| match &mut self.average {
            Some(average) => average.swap(network.parameters_mut()),
            None => Ok(()),
        };
        swap(&mut self.network).map_err(&torch)?;
        let measure = |batches| unseen(&self.network, batches, self.config.validation.beam);
        let measured = measure(clean).and_then(|clean| Ok((clean, measure(noisy)?)));
        swap(&mut self.network).map_err(&torch)?;
        let (clean, noisy) = measured?;
        let loss = clean.skeleton + noisy.skeleton;
        if self.best.is_none_or(|best| loss < best) {
            self.best = Some(loss);
            let dir = self.out.join(checkpoint::BEST);
            std::fs::create_dir_all(&dir).map_err(Error::io(&dir))?;
            let weights = self.weights()?;
            checkpoint::save(
                &dir,
                &self.config.model,
                &weights,
                self.step,
                self.config.stored,
            )?;
        }
        let validation = Validation {
            step: self.step,
            clean,
            noisy,
        };
        self.write(Line::Validation(validation.clone()))?;
        self.validation = Some(validation);
        self.window.away(away);
        Ok(())
    }

    fn write(&mut self, line: Line) -> Result<(), Error> {
        self.log.write(&line)?;
        self.progress.event(&Event::Line(line));
        Ok(())
    }

    /// The weights for use.
    fn weights(&self) -> Result<Vec<f32>, Error> {
        let values = match &self.average {
            Some(average) => average.values(),
            None => self.network.parameters().values(),
        };
        values.map_err(Error::torch("reading the weights"))
    }

    /// Writes the checkpoint: the state first, then the network for use.
    pub(super) fn save(&mut self) -> Result<(), Error> {
        let torch = Error::torch("reading the weights");
        let away = Instant::now();
        let moments = self.optimizer.moments().map_err(&torch)?;
        let state = State {
            run: RunRecord {
                format: FORMAT,
                step: self.step,
                seed: self.config.seed,
                batch: self.config.batch,
                pool: self.config.pool,
                model: self.config.model.clone(),
                vocabulary: self.vocabulary.clone(),
                precision: self.precision,
                source: self.source.clone(),
                seconds: self.seconds(),
                counts: moments.counts,
                decay: self.schedule.decay,
                best: self.best,
            },
            weights: self.network.parameters().values().map_err(&torch)?,
            first: moments.first,
            second: moments.second,
            average: match &self.average {
                Some(average) => Some(average.values().map_err(&torch)?),
                None => None,
            },
        };
        checkpoint::save_state(self.out, &state, self.config.keep)?;
        let model = &self.config.model;
        let weights = state.average.as_ref().unwrap_or(&state.weights);
        checkpoint::save(self.out, model, weights, self.step, self.config.stored)?;
        self.saved = Some(self.step);
        self.progress.event(&Event::Saved { step: self.step });
        self.window.away(away);
        Ok(())
    }

    /// Saves what is not saved yet, and says what was reached.
    pub(super) fn close(mut self) -> Result<Summary, Error> {
        if self.saved != Some(self.step) {
            self.save()?;
        }
        Ok(Summary {
            step: self.step,
            steps: self.steps(),
            finished: self.finished(),
            parameters: self.parameters(),
            seconds: self.seconds(),
            validation: self.validation,
        })
    }
}

/// Threads that prepare samples.
fn workers(config: &TrainConfig) -> usize {
    match config.workers {
        0 => (device::cores() / 8).max(1),
        workers => workers,
    }
}
