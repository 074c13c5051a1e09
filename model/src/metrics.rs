//! What a run reports while it goes: one JSON line each in `metrics.jsonl`, and the same to whoever
//! watches.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::checkpoint::{METRICS, files};

/// Means over the steps since the last such line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMetrics {
    /// Steps done.
    pub step: u64,
    /// Samples seen.
    pub samples: u64,
    /// What is minimised: `skeleton` plus the weighted constants, nats a skeleton token.
    pub loss: f64,
    /// Cross-entropy of skeleton tokens, nats a token.
    pub skeleton: f64,
    /// Cross-entropy of constants against their two bins, nats a constant; the two weights' own entropy
    /// is part of it.
    pub constants: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Norm of the last step's gradient before clipping.
    pub gradient: f64,
    /// Steps left out so far because their gradient was not finite.
    pub skipped: u64,
    /// Samples a second.
    pub samples_per_second: f64,
    /// Milliseconds a step.
    pub step_ms: f64,
    /// Of these, spent on waiting for samples.
    pub wait_ms: f64,
    /// The model's operations a second, as a share of the matrix product timed at the start. Padding is
    /// not counted.
    pub mfu: f64,
    /// Share of the generator's draws in this session that became samples; 1 for a corpus.
    pub accepted: f64,
    /// Seconds of training, all sessions together.
    pub seconds: f64,
}

impl StepMetrics {
    /// Share of a step that was spent on waiting for samples. On a GPU, at most that: the device works on
    /// steps that were handed to it before.
    pub fn waiting(&self) -> f64 {
        if self.step_ms > 0.0 {
            self.wait_ms / self.step_ms
        } else {
            0.0
        }
    }
}

/// Means over unseen samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unseen {
    /// Cross-entropy of skeleton tokens, nats a token.
    pub skeleton: f64,
    /// Cross-entropy of constants, nats a constant.
    pub constants: f64,
    /// Share of skeletons found whole by taking the most likely token each time.
    pub greedy: f64,
    /// What a beam finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beam: Option<Beam>,
    /// The same by length and by kind of law.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Group>,
}

/// What beam search over skeletons finds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beam {
    /// Samples searched.
    pub samples: usize,
    /// Share whose skeleton is the first candidate.
    pub first: f64,
    /// Share whose skeleton is among the first 10.
    pub ten: f64,
    /// Share whose skeleton is among 50.
    pub fifty: f64,
}

/// A kind of law among the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Which.
    pub name: String,
    /// Samples of that kind.
    pub samples: usize,
    /// See [`Unseen::greedy`].
    pub greedy: f64,
    /// See [`Unseen::beam`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beam: Option<Beam>,
}

/// A validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Steps done.
    pub step: u64,
    /// On observations without noise.
    pub clean: Unseen,
    /// On observations with noise.
    pub noisy: Unseen,
}

/// A line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    /// Training.
    Train(StepMetrics),
    /// Validation.
    Validation(Validation),
}

impl Line {
    /// Steps done when it was written.
    pub fn step(&self) -> u64 {
        match self {
            Line::Train(metrics) => metrics.step,
            Line::Validation(validation) => validation.step,
        }
    }
}

/// Reads the lines of a run's `metrics.jsonl`. A last line without an end is left out: a run that goes on is
/// writing it, or one that was killed was.
///
/// # Errors
/// [`Error::Io`] for a file that cannot be read, [`Error::Metrics`] for a line that is none of [`Line`]'s.
pub fn read(dir: &Path) -> Result<Vec<Line>, Error> {
    let path = dir.join(METRICS);
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().enumerate();
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| Error::Metrics {
                path: path.clone(),
                line: index + 1,
                message: error.to_string(),
            })
        })
        .collect()
}

/// The open `metrics.jsonl`.
pub(crate) struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log in `dir`, keeping the lines up to `step`: a run that died later than it saved does
    /// those steps again.
    pub(crate) fn open(dir: &Path, step: u64) -> Result<Log, Error> {
        let path = dir.join(METRICS);
        let old = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::io(&path)(error)),
        };
        let kept: String = old
            .lines()
            .filter(|line| {
                serde_json::from_str::<Line>(line).is_ok_and(|line| line.step() <= step && step > 0)
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        if kept != old {
            files::replace(&path, kept.as_bytes())?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(Error::io(&path))?;
        Ok(Log { path, file })
    }

    /// Appends a line.
    pub(crate) fn write(&mut self, line: &Line) -> Result<(), Error> {
        let mut write = || -> std::io::Result<()> {
            let mut text = serde_json::to_string(line)?;
            text.push('\n');
            self.file.write_all(text.as_bytes())
        };
        write().map_err(Error::io(&self.path))
    }
}
