//! Where answers go: standard output, or a file that is written whole or not at all. Also the checks that
//! a place can be written to, made before any long work starts.

use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use nsode_eval::whole::{self, folder, temporary};

use crate::fault::Fault;

/// Fills standard output by `write`.
///
/// # Errors
/// [`Fault::BrokenPipe`] when its reader has gone, a problem when it can't be written.
pub fn stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Fault> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out)
        .and_then(|()| out.flush())
        .map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Fault::BrokenPipe,
            _ => Fault::plain(format!("standard output: {error}")),
        })
}

/// Checks that `file` can be written, for the option `option`.
///
/// # Errors
/// A problem that names the path.
pub fn check_file(file: &Path, option: &str) -> Result<(), Fault> {
    if file.is_dir() {
        return Err(Fault::new(
            format!("{option} {}: this is a directory", file.display()),
            "Name a file in it.",
        ));
    }
    if special(file) {
        // Opening a pipe and closing it would end it for its reader.
        return Ok(());
    }
    temporary(folder(file))
        .map(drop)
        .map_err(|error| unwritable(file, option, &error))
}

/// Makes the directory `directory` if it is not there, and checks that files can be made in it.
///
/// # Errors
/// A problem that names the path.
pub fn make_directory(directory: &Path, option: &str) -> Result<(), Fault> {
    fs::create_dir_all(directory)
        .and_then(|()| temporary(directory).map(drop))
        .map_err(|error| unwritable(directory, option, &error))
}

/// Fills `file` by `write`, in place of what was there. When that fails, what was there stays.
///
/// # Errors
/// A problem that names the path.
pub fn file(
    file: &Path,
    option: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Fault> {
    let fill = || -> io::Result<()> {
        if special(file) {
            let mut out = BufWriter::new(OpenOptions::new().write(true).open(file)?);
            write(&mut out)?;
            return out.flush();
        }
        whole::fill(file, write)
    };
    fill().map_err(|error| unwritable(file, option, &error))
}

/// Whether `file` is a pipe or a device: these are written to, not replaced.
fn special(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|m| !m.is_file() && !m.is_dir())
}

fn unwritable(path: &Path, option: &str, error: &io::Error) -> Fault {
    let path = path.display();
    let (what, remedy) = match error.kind() {
        ErrorKind::NotFound => (
            "its directory does not exist".to_string(),
            "Make the directory first, or name another place.",
        ),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => (
            "a file is in the place of a directory".to_string(),
            "Name another place.",
        ),
        ErrorKind::StorageFull => (
            "no space left".to_string(),
            "Free some space, or name another place.",
        ),
        _ => (
            error.to_string(),
            "Check the permissions, or name another place.",
        ),
    };
    Fault::new(format!("{option} {path}: {what}"), remedy)
}

/// Where an answer goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

impl Target {
    /// Fills the target by `write`.
    ///
    /// # Errors
    /// As [`stdout`] and [`file()`].
    pub fn fill(
        &self,
        option: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Fault> {
        match self {
            Target::Stdout => stdout(write),
            Target::File(path) => file(path, option, write),
        }
    }
}
