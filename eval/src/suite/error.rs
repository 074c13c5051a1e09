//! What is wrong with the file of a suite, where, and what to do about it.

use std::path::PathBuf;

/// Why a suite can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// The file can't be read.
    #[error("{}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than any suite.
    #[error("{} has {bytes} bytes, and a suite at most {limit}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Its size.
        bytes: u64,
        /// Most bytes that are read.
        limit: u64,
    },
    /// The file is neither `.toml` nor `.jsonl`.
    #[error("{}: suites are .toml or .jsonl files", file.display())]
    Format {
        /// The file.
        file: PathBuf,
    },
    /// Wrong syntax, or a field that there isn't.
    #[error("{}, line {line}: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A system that makes no sense.
    #[error("{}, line {line}, system \"{id}\": {message}", file.display())]
    System {
        /// The file.
        file: PathBuf,
        /// Where the system begins, from 1.
        line: usize,
        /// The system.
        id: String,
        /// What is wrong.
        message: String,
    },
    /// Nothing in it.
    #[error("{}: there is no system in this suite", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

impl SuiteError {
    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            SuiteError::Unreadable { .. } => {
                "Check the path, which is taken from the current directory, and its permissions."
            }
            SuiteError::TooLarge { .. } => "Split it into several suites.",
            SuiteError::Format { .. } => "Name a .toml or .jsonl file, or a suite in data/suites.",
            SuiteError::Syntax { .. } | SuiteError::System { .. } | SuiteError::Empty { .. } => {
                "The files in data/suites show what is expected."
            }
        }
    }
}
