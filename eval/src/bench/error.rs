//! Why a run can't start or go on.

use std::path::{Path, PathBuf};

use crate::metric::ReferenceError;

/// Why a run can't start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The suite's own law can't be solved.
    #[error("case {case}: {source}")]
    Truth {
        /// The case.
        case: String,
        /// What is wrong.
        source: ReferenceError,
    },
    /// A file or directory can't be read or written.
    #[error("{}: {source}", file.display())]
    Io {
        /// Which.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line of a file is not what it should be.
    #[error("{}, line {line}: {message}", file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The directory has results of another run.
    #[error("{} has results of a run with another {field} ({there}, now {here})", directory.display())]
    OtherRun {
        /// The directory.
        directory: PathBuf,
        /// What differs.
        field: &'static str,
        /// Its value in the directory.
        there: String,
        /// Its value now.
        here: String,
    },
    /// Another process adds to the directory.
    #[error("{} is in use by another run", directory.display())]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// Two runs, or a run and a baseline, have no case in common.
    #[error("{}: none of its cases is among those of this run", file.display())]
    NothingShared {
        /// The file.
        file: PathBuf,
    },
    /// A thread could not be started, or has died.
    #[error("a worker thread failed: {0}")]
    Thread(String),
}

impl BenchError {
    pub(super) fn io(file: &Path, source: std::io::Error) -> BenchError {
        BenchError::Io {
            file: file.to_path_buf(),
            source,
        }
    }

    pub(super) fn line(file: &Path, line: usize, message: impl ToString) -> BenchError {
        BenchError::Line {
            file: file.to_path_buf(),
            line,
            message: message.to_string(),
        }
    }

    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            BenchError::Truth { .. } => {
                "Correct the suite: other initial states, or a shorter span."
            }
            BenchError::Io { .. } => {
                "Check the path, which is taken from the current directory, its permissions, and the space."
            }
            BenchError::Line { .. } => "Correct or remove the line.",
            BenchError::OtherRun { .. } => "Name another directory with --out, or delete this one.",
            BenchError::InUse { .. } => "Wait for it, or name another directory with --out.",
            BenchError::NothingShared { .. } => "Name the results of a run over the same suite.",
            BenchError::Thread(_) => "Try again with fewer --jobs.",
        }
    }
}
