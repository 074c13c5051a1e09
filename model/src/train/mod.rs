//! A training run, in the order in which it happens: open, resume; then step, log, validate, save.
//!
//! Here: what is asked of a run, what it tells, and its loop. `run` holds what there is while it goes,
//! `resume` what is kept between two sessions, `samples` what it learns from and is tested on, `gradient` a step's
//! slope, `means` and `unseen` the numbers that it reports; `coordinates` is a test of the parametrisation. What a step is made of is elsewhere in the crate: samples in `batch`, the loss
//! in `network`, the descent in `optimizer`. A run that was stopped, or died, and is resumed goes on as if
//! nothing had happened: on a CPU with the same number of threads bit for bit.

pub mod coordinates;
mod gradient;
mod means;
mod resume;
mod run;
mod samples;
mod unseen;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use self::run::Run;
use crate::config::{Precision, TrainConfig, Valid};
use crate::metrics::{Line, Validation};
use crate::{Device, Error};

/// What is asked of a run beside its configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// The checkpoint directory; made if it is not there.
    pub out: PathBuf,
    /// Go on with the run in `out`.
    pub resume: bool,
    /// Begin with the run in this directory, which stays as it is, instead of afresh; has no effect on a run
    /// that is resumed.
    pub from: Option<PathBuf>,
    /// Let the learning rate fall to zero over so many steps, beginning now, and end there. Only with
    /// `from` or `resume`; has no effect on a run that is in such a fall.
    pub decay: Option<u64>,
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
        precision: Precision,
        /// How attention is computed.
        attention: &'static str,
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
    /// Steps in all.
    pub steps: u64,
    /// Whether that was the last one.
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
    let mut run = Run::open(config, options, progress)?;
    while !run.finished() && !stop.load(Ordering::Relaxed) {
        run.advance()?;
        if run.due(config.log_every) {
            run.log()?;
        }
        if run.due(config.validation.every) {
            run.validate()?;
        }
        if run.due(config.checkpoint_every) {
            run.save()?;
        }
    }
    run.close()
}
