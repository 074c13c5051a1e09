//! Everything that can go wrong in this crate and that is not an outcome of numerics: those are
//! [`crate::Integration`] and [`crate::Rejection`].

use std::path::PathBuf;

/// Why a call of this crate failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A trajectory needs at least one state.
    #[error("a trajectory has at least one state")]
    NoStates,
    /// The states are not `points × dimension` numbers.
    #[error("{points} points of {dimension} states need {expected} cells, there are {found}")]
    Shape {
        /// Number of times given.
        points: usize,
        /// Number of states a point.
        dimension: usize,
        /// `points * dimension`.
        expected: usize,
        /// Number of cells given.
        found: usize,
    },
    /// A time is NaN or infinite, or does not follow the one before it.
    #[error("time {index} is {time}, which is not a finite number after the time before it")]
    Times {
        /// Position in the list, from 0.
        index: usize,
        /// The offending time.
        time: f64,
    },
    /// A state is infinite. Missing cells are NaN.
    #[error("state {state} at point {point} is infinite; a missing cell is NaN")]
    InfiniteState {
        /// Row, from 0.
        point: usize,
        /// Column, from 0.
        state: usize,
    },
    /// A trajectory of no or one point has no time span.
    #[error("a scale needs at least two points, there are {points}")]
    TooFewPoints {
        /// Number of points.
        points: usize,
    },
    /// The span of the times is no positive finite number.
    #[error("the times span {span}, which gives no scale")]
    Span {
        /// Last time minus first.
        span: f64,
    },
    /// A state is never observed, or zero wherever it is.
    #[error("state {state} is zero or missing at every point, so it has no scale")]
    NoScale {
        /// Column, from 0.
        state: usize,
    },
    /// A scaling is for another number of states.
    #[error("the scaling is for {expected} states, the trajectory has {found}")]
    Dimension {
        /// States of the scaling.
        expected: usize,
        /// States of the trajectory.
        found: usize,
    },
    /// A configuration that is no TOML, or has an unknown or missing field.
    #[error("the configuration does not parse: {0}")]
    ConfigSyntax(#[from] Box<toml::de::Error>),
    /// A law of a list is none.
    #[error("{place}: `{law}` is no law: {message}")]
    Law {
        /// File and line, or field of the configuration.
        place: String,
        /// What stands there.
        law: String,
        /// What is wrong with it.
        message: String,
    },
    /// A field of the configuration is out of its range.
    #[error("{field} = {value} is out of range: {allowed}")]
    ConfigRange {
        /// Path of the field, such as `horizon.points`.
        field: String,
        /// What was given.
        value: String,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A shard is no Parquet file, or not one that this crate writes.
    #[error("{}: {message}", path.display())]
    Shard {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A manifest does not parse.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The directory holds a corpus made with other options.
    #[error(
        "{} holds a corpus with another {field} ({there}, now {here}): choose another directory or delete it",
        path.display()
    )]
    OtherCorpus {
        /// The corpus directory.
        path: PathBuf,
        /// The option that differs.
        field: &'static str,
        /// Its value in the corpus.
        there: String,
        /// Its value in this call.
        here: String,
    },
    /// Two manifests in a directory are of different corpora.
    #[error("{} and {} in {} are of different corpora: {field} {} and {}", names[0], names[1], path.display(), values[0], values[1])]
    Parts {
        /// The directory.
        path: PathBuf,
        /// Names of the manifests.
        names: Box<[String; 2]>,
        /// The option that differs.
        field: &'static str,
        /// Its value in the one and in the other.
        values: Box<[String; 2]>,
    },
    /// Two manifests list the same shard, with other contents.
    #[error("{} and {} in {} list shard {number} with different contents, and its file does not tell which is right: delete both manifests and the shard and run `nsode generate` with the options of the corpus again; shards that no other manifest lists are made again", names[0], names[1], path.display())]
    Duplicate {
        /// The directory.
        path: PathBuf,
        /// Names of the manifests.
        names: Box<[String; 2]>,
        /// The shard.
        number: u64,
    },
    /// Shards of a corpus are not finished, or damaged.
    #[error("{}: {} of {of} shards are not there or not as they were written, the first of them {}: `nsode generate` with the options of the corpus makes them", path.display(), missing.len(), missing.first().unwrap_or(&0))]
    Gap {
        /// The directory.
        path: PathBuf,
        /// Numbers of the shards that are missing, from 0.
        missing: Vec<u64>,
        /// Number of shards of the whole corpus.
        of: u64,
    },
    /// Another process is writing the same shard.
    #[error("{}: another process is writing this file", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Options of a corpus that make no sense.
    #[error("{field} = {value} is out of range: {allowed}")]
    Option {
        /// Name of the option.
        field: &'static str,
        /// What was given.
        value: String,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// A distribution from which nothing is accepted.
    #[error("not one of {drawn} draws was accepted: the configuration rejects everything")]
    Barren {
        /// Number of draws.
        drawn: u64,
    },
    /// A thread could not be started.
    #[error("worker threads could not be started: {0}")]
    Threads(String),
    /// Stopped by the caller's flag before the work was finished. What was finished is kept.
    #[error("stopped after {done} of {total} samples")]
    Stopped {
        /// Samples written.
        done: u64,
        /// Samples asked for.
        total: u64,
    },
}

impl Error {
    /// An [`Error::Io`] for `path`.
    pub(crate) fn io(path: &std::path::Path, source: std::io::Error) -> Error {
        Error::Io {
            path: path.to_path_buf(),
            source,
        }
    }

    /// An [`Error::Law`] at `place`.
    pub(crate) fn law(place: String, law: &str, message: impl ToString) -> Error {
        Error::Law {
            place,
            law: law.to_string(),
            message: message.to_string(),
        }
    }

    /// An [`Error::Shard`] for `path`.
    pub(crate) fn shard(path: &std::path::Path, message: impl ToString) -> Error {
        Error::Shard {
            path: path.to_path_buf(),
            message: message.to_string(),
        }
    }
}
