//! A training run, in the order in which it happens: open, choose, resume; then step, log, validate, save.
//!
//! What a step is made of is elsewhere: samples in [`crate::batch`], the loss in [`crate::network`], the
//! descent in [`crate::optimizer`]. A run that was stopped, or died, and is resumed goes on as if nothing
//! had happened: on a CPU with the same number of threads bit for bit.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nsode_generator::config::Observation;
use nsode_generator::sampler::Sampler;
use tch::Tensor;

use crate::batch::{Batch, Origin, Source};
use crate::checkpoint::{self, CONFIG, FORMAT, State, Stored, TRAINING};
use crate::config::{GeneratorSource, ModelConfig, TrainConfig, Valid};
use crate::corpus::Shuffled;
use crate::error::CheckpointProblem;
use crate::loader::Loader;
use crate::metrics::{Line, Log, StepMetrics, Unseen, Validation};
use crate::network::loss::Losses;
use crate::network::{Network, cost};
use crate::optimizer::AdamW;
use crate::parameters::to_host;
use crate::schedule::Schedule;
use crate::vocabulary::Vocabulary;
use crate::{Device, Error, device, speed};

/// Steps in a row without a finite gradient after which a run gives up.
const HOPELESS: u64 = 50;
/// Added to a run's seed for the samples of validation.
const VALIDATION: u64 = 0x7661_6c69_6461_7465;

/// What is asked of a run beside its configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The checkpoint directory; made if it is not there.
    pub out: PathBuf,
    /// Go on with the run in `out`.
    pub resume: bool,
    /// Where to compute.
    pub device: Device,
    /// A corpus to read samples from; none: draw them on the way.
    pub corpus: Option<PathBuf>,
}

/// What a run tells while it goes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Before the first step.
    Started {
        /// Steps done before.
        step: u64,
        /// Steps in all.
        steps: u64,
        /// Number of weights.
        parameters: u64,
        /// Number type of the matrix products, as in the configuration.
        precision: crate::config::Precision,
        /// Operations a second of a large matrix product in it.
        peak: f64,
    },
    /// A step was done.
    Step {
        /// Steps done.
        step: u64,
    },
    /// A line was written to `metrics.jsonl`.
    Line(Line),
    /// A checkpoint was written.
    Saved {
        /// Steps done.
        step: u64,
    },
    /// Something to know.
    Warning(String),
}

/// Who watches a run.
pub trait Progress {
    /// Called between steps, on the thread that trains.
    fn event(&self, event: &Event);
}

impl Progress for () {
    fn event(&self, _: &Event) {}
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Steps done.
    pub step: u64,
    /// Whether these are all.
    pub finished: bool,
    /// Number of weights.
    pub parameters: u64,
    /// The last validation of this session, if there was one.
    pub validation: Option<Validation>,
    /// Seconds of training, all sessions together.
    pub seconds: f64,
}

/// Trains a network as `config` says, into `options.out`. When `stop` becomes true, the step is finished,
/// the run saved, and what was reached returned.
///
/// # Errors
/// [`Error::Occupied`] for a directory that holds a run, without `resume`; [`Error::Resume`] and
/// [`Error::Checkpoint`] for one that cannot be resumed; [`Error::NotFinite`] when training diverges;
/// [`Error::Starved`], [`Error::Io`], [`Error::NoCuda`], [`Error::Torch`].
pub fn train(
    config: &Valid<TrainConfig>,
    options: &Options,
    progress: &dyn Progress,
    stop: &AtomicBool,
) -> Result<Summary, Error> {
    // where: directory, device, threads
    let out = options.out.as_path();
    std::fs::create_dir_all(out).map_err(Error::io(out))?;
    let resumed = resumed(config, options)?;
    let device = options.device.open()?;
    device::set_threads(config.threads);
    let torch = Error::torch("training");

    // what: tokens, shape, samples
    let model = TrainConfig::valid_model(config);
    let vocabulary = checkpoint::vocabulary(&model)?;
    let generator = generator(config)?;
    let corpus = match &options.corpus {
        Some(directory) => Some(Shuffled::open(directory, config.seed)?),
        None => None,
    };
    let source_name = corpus
        .as_ref()
        .map_or_else(|| generator.identity(), Shuffled::identity);
    let clean = source(config, &model, &vocabulary, &generator, Kind::Clean, None);
    let noisy = source(config, &model, &vocabulary, &generator, Kind::Noisy, None);

    // how fast: number type and yardstick
    let wanted = resumed
        .as_ref()
        .map_or(config.precision, |state| state.progress.precision);
    let (precision, kind, peak) = speed::choose(wanted, device).map_err(&torch)?;

    // from where: fresh weights, or those of the run
    let values = match &resumed {
        Some(state) => state.weights.clone(),
        None => Network::layout(&model, vocabulary.size()).initial(config.seed),
    };
    let mut network = Network::new(
        model.clone(),
        vocabulary.size(),
        &values,
        device,
        kind,
        true,
    )?;
    let mut optimizer = AdamW::new(&config.optimizer, network.parameters())?;
    let (first_step, seconds_before) = match &resumed {
        Some(state) => {
            if state.progress.source != source_name {
                progress.event(&Event::Warning(
                    "the samples are not drawn as they were when the run was saved".to_owned(),
                ));
            }
            optimizer
                .restore(&state.first, &state.second, &state.progress.counts)
                .map_err(&torch)?;
            (state.progress.step, state.progress.seconds)
        }
        None => (0, 0.0),
    };
    drop(resumed);
    let parameters = network.parameters().layout().total() as u64;
    let schedule = Schedule {
        peak: config.optimizer.learning_rate,
        warm_up: config.optimizer.warm_up,
        steps: config.steps,
        decay_share: config.optimizer.decay_share,
    };
    let unseen = [clean.pool(0)?.batches, noisy.pool(0)?.batches];
    let training = source(
        config,
        &model,
        &vocabulary,
        &generator,
        Kind::Training,
        corpus,
    );
    let mut loader = Loader::start(training, first_step, workers(config))?;
    let mut log = Log::open(out, first_step)?;
    progress.event(&Event::Started {
        step: first_step,
        steps: config.steps,
        parameters,
        precision,
        peak,
    });

    let clock = Instant::now();
    let seconds = || seconds_before + clock.elapsed().as_secs_f64();
    let mut window = Window::start();
    let mut last_validation = None;
    let mut saved = None;
    let mut step = first_step;
    while step < config.steps && !stop.load(Ordering::Relaxed) {
        let waiting = Instant::now();
        let batch = loader.next()?;
        window.waited += waiting.elapsed().as_secs_f64();

        let rate = schedule.at(step);
        let losses = {
            let memory = network.encode(&batch.encoder);
            network.loss(&memory, &batch.targets, config.constants_weight)
        };
        let gradient = network
            .parameters()
            .gradient(&losses.total)
            .map_err(&torch)?;
        let norm = optimizer
            .step(network.parameters_mut(), &gradient, rate)
            .map_err(&torch)?;
        step += 1;
        window.add(&network, &batch, losses).map_err(&torch)?;
        progress.event(&Event::Step { step });

        let last = step == config.steps;
        if step.is_multiple_of(config.log_every) || last {
            let counts = optimizer.counts().map_err(&torch)?;
            let line = window
                .line(config.constants_weight, peak, &norm)
                .map_err(&torch)?;
            let line = Line::Train(StepMetrics {
                step,
                samples: step * config.batch as u64,
                learning_rate: rate,
                skipped: counts.skipped,
                accepted: loader.accepted(),
                seconds: seconds(),
                ..line
            });
            log.write(&line)?;
            progress.event(&Event::Line(line));
            if counts.skipped_in_a_row >= HOPELESS {
                return Err(Error::NotFinite {
                    steps: counts.skipped_in_a_row,
                    at: step,
                });
            }
            window = Window::start();
        }
        if step.is_multiple_of(config.validation.every) || last {
            let away = Instant::now();
            let validation = Validation {
                step,
                clean: validate(&network, &unseen[0]).map_err(&torch)?,
                noisy: validate(&network, &unseen[1]).map_err(&torch)?,
            };
            let line = Line::Validation(validation.clone());
            log.write(&line)?;
            progress.event(&Event::Line(line));
            last_validation = Some(validation);
            window.away(away);
        }
        if step.is_multiple_of(config.checkpoint_every) || last {
            let away = Instant::now();
            save(
                config,
                out,
                &network,
                &optimizer,
                step,
                precision,
                &source_name,
                seconds(),
            )?;
            saved = Some(step);
            progress.event(&Event::Saved { step });
            window.away(away);
        }
    }
    if saved != Some(step) {
        save(
            config,
            out,
            &network,
            &optimizer,
            step,
            precision,
            &source_name,
            seconds(),
        )?;
        progress.event(&Event::Saved { step });
    }
    Ok(Summary {
        step,
        finished: step >= config.steps,
        parameters,
        validation: last_validation,
        seconds: seconds(),
    })
}

/// The state to go on from, if that is wanted, checked against the configuration.
fn resumed(config: &Valid<TrainConfig>, options: &Options) -> Result<Option<State>, Error> {
    let out = options.out.as_path();
    if !options.resume {
        let occupied = [TRAINING, CONFIG]
            .iter()
            .any(|file| out.join(file).exists());
        return if occupied {
            Err(Error::Occupied {
                dir: out.to_owned(),
            })
        } else {
            Ok(None)
        };
    }
    let file = out.join(TRAINING);
    let Some(state) = checkpoint::load_state(out)? else {
        return Err(Error::Checkpoint {
            file,
            problem: CheckpointProblem::Missing,
            remedy: "leave out --resume to start afresh",
        });
    };
    let was = &state.progress;
    let same = |field: &'static str, was: String, now: String| {
        if was == now {
            return Ok(());
        }
        Err(Error::Resume {
            dir: out.to_owned(),
            field,
            was,
            now,
        })
    };
    let shape = |model: &ModelConfig| serde_json::to_string(model).unwrap_or_default();
    same("seed", was.seed.to_string(), config.seed.to_string())?;
    same("batch", was.batch.to_string(), config.batch.to_string())?;
    same("pool", was.pool.to_string(), config.pool.to_string())?;
    same("model", shape(&was.model), shape(&config.model))?;
    let vocabulary = checkpoint::vocabulary(&config.model)?;
    same(
        "the vocabulary",
        was.vocabulary.clone(),
        vocabulary.fingerprint(),
    )?;
    let total = Network::layout(&config.model, vocabulary.size()).total() as usize;
    for (name, part) in [
        ("weights", &state.weights),
        ("first", &state.first),
        ("second", &state.second),
    ] {
        if part.len() != total {
            return Err(Error::Checkpoint {
                file,
                problem: CheckpointProblem::Shape {
                    name: name.to_owned(),
                    found: format!("[{}]", part.len()),
                    expected: format!("[{total}]"),
                },
                remedy: "delete the file to start afresh, or restore it from a copy",
            });
        }
    }
    Ok(Some(state))
}

/// The distribution of samples.
fn generator(config: &TrainConfig) -> Result<nsode_generator::ValidConfig, Error> {
    let text = match &config.generator {
        GeneratorSource::Inline(table) => table.to_string(),
        GeneratorSource::Path(path) => std::fs::read_to_string(path).map_err(Error::io(path))?,
    };
    Ok(nsode_generator::Config::from_toml(&text)?)
}

/// Which samples are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Training,
    Clean,
    Noisy,
}

fn source(
    config: &Valid<TrainConfig>,
    model: &Valid<ModelConfig>,
    vocabulary: &Vocabulary,
    generator: &nsode_generator::ValidConfig,
    kind: Kind,
    corpus: Option<Shuffled>,
) -> Source {
    let observation = &generator.observation;
    let clean = match kind {
        Kind::Training => observation.clean,
        Kind::Clean => 1.0,
        Kind::Noisy => 0.0,
    };
    let observation = Observation {
        clean,
        ..observation.clone()
    };
    let (seed, batch, pool) = match kind {
        Kind::Training => (config.seed, config.batch, config.pool),
        Kind::Clean | Kind::Noisy => {
            let batch = config.batch.min(config.validation.samples);
            let batches = config.validation.samples.div_ceil(batch);
            (config.seed.wrapping_add(VALIDATION), batch, batches)
        }
    };
    let origin = match corpus {
        Some(corpus) => Origin::Read(Box::new(corpus)),
        None => Origin::Drawn(Box::new(Sampler::new(generator.clone(), seed))),
    };
    Source::new(
        origin,
        seed,
        observation,
        model.clone(),
        *vocabulary,
        batch,
        pool,
    )
}

fn workers(config: &TrainConfig) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    match config.workers {
        0 => (cores / 8).max(1),
        workers => workers,
    }
}

/// Sums since the last line of the log.
struct Window {
    since: Instant,
    waited: f64,
    steps: u64,
    samples: u64,
    operations: f64,
    /// Cross-entropies of tokens and constants, on the device.
    sums: Option<Tensor>,
    counts: [i64; 2],
}

impl Window {
    fn start() -> Window {
        Window {
            since: Instant::now(),
            waited: 0.0,
            steps: 0,
            samples: 0,
            operations: 0.0,
            sums: None,
            counts: [0; 2],
        }
    }

    fn add(
        &mut self,
        network: &Network,
        batch: &Batch,
        losses: Losses,
    ) -> Result<(), tch::TchError> {
        let rows = batch.rows as f64;
        let predictions = losses.counts.iter().sum::<i64>() as f64;
        self.operations += cost::STEP
            * cost::forward(
                network.config(),
                network.vocabulary(),
                rows,
                batch.encoder.size().1 as f64,
                batch.places as f64 / rows,
                predictions,
            );
        self.steps += 1;
        self.samples += batch.rows as u64;
        for (sum, count) in self.counts.iter_mut().zip(losses.counts) {
            *sum += count;
        }
        self.sums = Some(match self.sums.take() {
            Some(sums) => sums.f_add(&losses.sums)?,
            None => losses.sums,
        });
        Ok(())
    }

    /// Leaves out of the timing what was not training.
    fn away(&mut self, since: Instant) {
        self.since += since.elapsed();
    }

    /// The means; waits for the device.
    fn line(
        &self,
        constants_weight: f64,
        peak: f64,
        norm: &Tensor,
    ) -> Result<StepMetrics, tch::TchError> {
        let [skeleton, constants] = means(self.sums.as_ref(), self.counts)?;
        let gradient = norm.f_double_value(&[])?;
        let elapsed = self.since.elapsed().as_secs_f64().max(1e-9);
        let steps = self.steps.max(1) as f64;
        let share = self.counts[1] as f64 / self.counts[0].max(1) as f64;
        Ok(StepMetrics {
            step: 0,
            samples: 0,
            loss: skeleton + constants_weight * share * constants,
            skeleton,
            constants,
            learning_rate: 0.0,
            gradient,
            skipped: 0,
            samples_per_second: self.samples as f64 / elapsed,
            step_ms: 1e3 * elapsed / steps,
            wait_ms: 1e3 * self.waited / steps,
            mfu: self.operations / elapsed / peak,
            accepted: 0.0,
            seconds: 0.0,
        })
    }
}

fn means(sums: Option<&Tensor>, counts: [i64; 2]) -> Result<[f64; 2], tch::TchError> {
    let sums = match sums {
        Some(sums) => to_host(sums)?,
        None => vec![0.0; 2],
    };
    let mean = |i: usize| f64::from(sums[i]) / counts[i].max(1) as f64;
    Ok([mean(0), mean(1)])
}

/// Means over batches that are not trained on.
fn validate(network: &Network, batches: &[Batch]) -> Result<Unseen, tch::TchError> {
    let _guard = tch::no_grad_guard();
    let (mut skeleton, mut constants, mut right) = (0.0, 0.0, 0.0);
    let (mut counts, mut rows) = ([0; 2], 0);
    for batch in batches {
        let memory = network.encode(&batch.encoder);
        let (losses, found) = network.evaluate(&memory, &batch.targets);
        let sums = to_host(&losses.sums)?;
        skeleton += f64::from(sums[0]);
        constants += f64::from(sums[1]);
        right += found.f_sum(tch::Kind::Float)?.f_double_value(&[])?;
        rows += batch.rows;
        for (sum, count) in counts.iter_mut().zip(losses.counts) {
            *sum += count;
        }
    }
    Ok(Unseen {
        skeleton: skeleton / counts[0].max(1) as f64,
        constants: constants / counts[1].max(1) as f64,
        greedy: right / rows.max(1) as f64,
    })
}

#[allow(clippy::too_many_arguments)] // what a run is, in one line
fn save(
    config: &TrainConfig,
    out: &Path,
    network: &Network,
    optimizer: &AdamW,
    step: u64,
    precision: crate::config::Precision,
    source: &str,
    seconds: f64,
) -> Result<(), Error> {
    let torch = Error::torch("reading the weights");
    let weights = network.parameters().values().map_err(&torch)?;
    let moments = optimizer.moments().map_err(&torch)?;
    let state = State {
        progress: checkpoint::Progress {
            format: FORMAT,
            step,
            seed: config.seed,
            batch: config.batch,
            pool: config.pool,
            model: config.model.clone(),
            vocabulary: checkpoint::vocabulary(&config.model)?.fingerprint(),
            precision,
            source: source.to_owned(),
            seconds,
            counts: moments.counts,
        },
        weights,
        first: moments.first,
        second: moments.second,
    };
    checkpoint::save_state(out, &state)?;
    checkpoint::save(out, &config.model, &state.weights, step, Stored::F32)
}
