//! Whole files: read with the reason why not, and replaced so that they are never half there.
//!
//! A file is written beside its place, flushed to disk and renamed: after a crash there is the old one
//! or the new one.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::error::CheckpointProblem;

/// What to do about a network that cannot be used.
pub(crate) const COPY: &str = "copy the checkpoint again from where it came, or train a new one";
/// What to do about a network of another version.
pub(crate) const UPDATE: &str = "use the program that wrote it, or train a new one";
/// What to do about a run's state that cannot be used.
pub(crate) const DELETE: &str = "delete the file to start afresh, or restore it from a copy";

/// Reads a file of a checkpoint.
///
/// # Errors
/// [`Error::Checkpoint`] with this remedy if it is missing, else [`Error::Io`].
pub(super) fn read(file: &Path, remedy: &'static str) -> Result<Vec<u8>, Error> {
    std::fs::read(file).map_err(|source| match source.kind() {
        ErrorKind::NotFound => wrong(file, remedy)(CheckpointProblem::Missing),
        _ => Error::io(file)(source),
    })
}

/// An [`Error::Checkpoint`] for what is wrong with a file.
pub(crate) fn wrong(file: &Path, remedy: &'static str) -> impl Fn(CheckpointProblem) -> Error {
    let file = file.to_owned();
    move |problem| Error::Checkpoint {
        file: file.clone(),
        problem,
        remedy,
    }
}

/// A file's new contents, on disk beside it.
pub(super) struct Prepared {
    file: PathBuf,
    beside: PathBuf,
}

impl Prepared {
    /// Writes `bytes` beside `file` and flushes them to disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn new(file: &Path, bytes: &[u8]) -> Result<Prepared, Error> {
        let mut beside = file.as_os_str().to_owned();
        beside.push(".tmp");
        let beside = PathBuf::from(beside);
        let write = || {
            let mut out = File::create(&beside)?;
            out.write_all(bytes)?;
            out.sync_all()
        };
        write().map_err(Error::io(&beside))?;
        Ok(Prepared {
            file: file.to_owned(),
            beside,
        })
    }

    /// Puts the contents in the file's place, and flushes the directory.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(super) fn commit(self) -> Result<(), Error> {
        std::fs::rename(&self.beside, &self.file).map_err(Error::io(&self.file))?;
        let dir = match self.file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(Error::io(dir))
    }
}

/// Replaces a file, or makes it.
///
/// # Errors
/// [`Error::Io`].
pub(crate) fn replace(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    Prepared::new(file, bytes)?.commit()
}
