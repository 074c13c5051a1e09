//! Everything that can go wrong in this crate, as one enum with the values in it.

use std::path::{Path, PathBuf};

/// What went wrong with a checkpoint file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointProblem {
    /// The file is not there.
    #[error("is missing")]
    Missing,
    /// The file is not of the format that its name says, or ends too early.
    #[error("cannot be read: {0}")]
    Malformed(String),
    /// Written by a version of this program that lays checkpoints out in another way.
    #[error("has format version {found}, this program reads version {expected}")]
    Version {
        /// Version in the file.
        found: u64,
        /// Version that is read here.
        expected: u64,
    },
    /// The tokens of the file are not the tokens of this program.
    #[error("was made for another vocabulary (fingerprint {found}, here {expected})")]
    Vocabulary {
        /// Fingerprint in the file.
        found: String,
        /// Fingerprint of this program's vocabulary.
        expected: String,
    },
    /// The bytes are not the bytes that were written.
    #[error("is damaged: its SHA-256 is {found}, it was written with {expected}")]
    Hash {
        /// Hash of the bytes that are there.
        found: String,
        /// Hash that was recorded at writing.
        expected: String,
    },
    /// A tensor is missing, or there is one too many.
    #[error("holds {found} tensors where the configured model has {expected}, or lacks `{name}`")]
    Tensors {
        /// Name of a tensor that is not there; empty if there is only one too many.
        name: String,
        /// Number of tensors in the file.
        found: usize,
        /// Number of tensors of the model.
        expected: usize,
    },
    /// A tensor has another shape or number type than the configured model.
    #[error("tensor `{name}` is {found}, the configured model has {expected}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape and type in the file.
        found: String,
        /// Shape and type of the model.
        expected: String,
    },
    /// A weight is NaN or infinite.
    #[error("tensor `{name}` holds a number that is not finite")]
    NotFinite {
        /// Name of the tensor.
        name: String,
    },
}

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field of a configuration is outside its range.
    #[error("{field} is {found}; it must be {range}")]
    Field {
        /// The field, with the tables it is in: `model.heads`.
        field: String,
        /// The value that was given.
        found: String,
        /// What is allowed.
        range: String,
    },
    /// A configuration is not TOML, or has unknown or missing fields.
    #[error("the configuration cannot be read: {message}")]
    Toml {
        /// What the reader says, with line and column.
        message: String,
    },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A checkpoint is not usable.
    #[error("{} {problem}; {remedy}", file.display())]
    Checkpoint {
        /// The file that is wrong.
        file: PathBuf,
        /// What is wrong with it.
        problem: CheckpointProblem,
        /// What to do about it.
        remedy: &'static str,
    },
    /// `--device cuda` where there is no usable GPU.
    #[error("no CUDA device: {reason}")]
    NoCuda {
        /// What was missing.
        reason: String,
    },
    /// A tensor operation failed: almost always too little memory.
    #[error("{context}: {message}")]
    Torch {
        /// What was being done.
        context: &'static str,
        /// What libtorch says.
        message: String,
    },
    /// The sample generator failed or refused its configuration.
    #[error("generator: {0}")]
    Generator(#[from] nsode_generator::Error),
    /// The generator rejects nearly everything.
    #[error(
        "hardly any acceptable sample in {attempts} attempts (most often: {reason}); loosen the generator's configuration or the model's limits"
    )]
    Starved {
        /// Attempts that were made.
        attempts: u64,
        /// The most frequent reason.
        reason: String,
    },
    /// The gradient was NaN or infinite for too many steps.
    #[error(
        "the gradient was not finite for {steps} steps in a row, at step {at}; lower optimizer.learning_rate, then resume"
    )]
    NotFinite {
        /// Steps in a row.
        steps: u64,
        /// The step at which training gave up.
        at: u64,
    },
    /// There is a run in the directory already.
    #[error(
        "{} holds a training run already; continue it with --resume, or choose another --out", dir.display()
    )]
    Occupied {
        /// The directory.
        dir: PathBuf,
    },
    /// A run cannot be continued with this configuration.
    #[error("{} cannot be resumed: {field} was {was} and is now {now}", dir.display())]
    Resume {
        /// The checkpoint directory.
        dir: PathBuf,
        /// The field that changed.
        field: &'static str,
        /// Its value in the checkpoint.
        was: String,
        /// Its value in the configuration.
        now: String,
    },
    /// A line of a run's metrics is not one.
    #[error("{}, line {line}: {message}; the run that writes it mends it when it is resumed", path.display())]
    Metrics {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the reader says.
        message: String,
    },
    /// Observations, or a corpus of them, that the model cannot take.
    #[error("{0}")]
    Observations(String),
    /// A thread ended without an answer: a bug, please report it.
    #[error("the {0} thread ended unexpectedly")]
    Thread(&'static str),
    /// The network gave scores that can't be decoded: a damaged model, or a bug.
    #[error("the network cannot be decoded: {0}")]
    Scores(#[from] crate::decode::ScoresError),
    /// A thread's work panicked: too little memory, or a bug.
    #[error("the {thread} failed: {message}")]
    Panicked {
        /// The thread.
        thread: &'static str,
        /// What it said.
        message: String,
    },
}

impl Error {
    /// An [`Error::Io`] for `path`.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
        move |source| Error::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// An [`Error::Torch`] for what was being done.
    pub(crate) fn torch(context: &'static str) -> impl Fn(tch::TchError) -> Error {
        move |error| {
            let text = error.to_string();
            let message = text.lines().next().unwrap_or_default().to_owned();
            Error::Torch { context, message }
        }
    }
}
