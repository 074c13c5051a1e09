//! Measured series from CSV files: what the columns mean, and the trajectories in them.
//!
//! [`read`] goes through each file once, line by line, in bounded memory: `lines` cuts the bytes into
//! lines, `dialect` finds the delimiter and the header, `above` what else stands over the rows, `columns`
//! gives each column its role (`index` knows row numbers), `reading` goes through the rows, `cell` reads
//! numbers, `rows` collects the rows of each trajectory (thinned beyond [`MAX_ROWS`]), and `assemble` sorts, averages and checks them. Names for formulas come from `names`. How a message
//! about bad input looks on a terminal is the caller's; its words and its place are in [`TableError`].

mod above;
mod assemble;
mod cell;
mod columns;
mod dialect;
mod error;
mod index;
mod lines;
mod names;
mod reading;
mod remedy;
mod rows;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use nsode_generator::Trajectory;
use nsode_parser::Names;

pub use error::{Hint, Place, Role, TableError};

/// Rows that are kept, over all files. Of more, an evenly spread part is used, and a warning says so:
/// constants are then known far better than any law fits, and time and memory stay bounded.
pub const MAX_ROWS: usize = 100_000;

/// Fewest observed values of a state, over all trajectories, from which a law is sought.
pub const MIN_POINTS: usize = 5;

/// Trajectories that one reading may give.
pub const MAX_TRAJECTORIES: usize = 10_000;

/// Which columns mean what. Each is named by its header, or by its number counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// Column of the times. If `None`, the first that is neither the group nor row numbers beside a time, unless a later one
    /// is called so and looks more like it.
    pub time: Option<String>,
    /// Columns of the states, in the order of the equations; every other column if empty.
    pub state: Vec<String>,
    /// Column whose values tell the trajectories of one file apart. If `None`, one that is called so, such as `run`, if times
    /// begin anew in it.
    pub group: Option<String>,
}

/// What was read: one or more trajectories of one system.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Identifiers of time and states, readable in formulas, all different.
    pub names: Names,
    /// One or more, all of the same dimension.
    pub trajectories: Vec<Trajectory>,
    /// What was done to the data, in sentences for the user.
    pub warnings: Vec<String>,
    /// Paths of the files, as given.
    pub files: Vec<String>,
    /// Time and states as the header writes them, units included: for axes.
    pub labels: Names,
    /// What the columns that are nothing of these would be called in formulas.
    pub left_out: Vec<String>,
    /// What tells each trajectory from the others, for a legend: its group, its file, or both.
    pub trajectory_labels: Vec<String>,
}

impl Series {
    /// A series that comes from no file.
    pub fn new(names: Names, trajectories: Vec<Trajectory>) -> Series {
        Series {
            labels: names.clone(),
            names,
            trajectory_labels: (1..=trajectories.len())
                .map(|k| format!("series {k}"))
                .collect(),
            trajectories,
            warnings: Vec::new(),
            files: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Number of times, over all trajectories.
    pub fn points(&self) -> usize {
        self.trajectories.iter().map(Trajectory::len).sum()
    }
}

/// Reads `paths`, one or more trajectories each, all with the same columns.
///
/// # Errors
/// [`TableError`] for everything that [its variants](TableError) name. Missing cells, rows out of order
/// and repeated times are no errors.
pub fn read(paths: &[PathBuf], options: &ReadOptions) -> Result<Series, TableError> {
    read_limited(paths, options, MAX_ROWS)
}

/// [`read`] with another limit than [`MAX_ROWS`].
fn read_limited(
    paths: &[PathBuf],
    options: &ReadOptions,
    limit: usize,
) -> Result<Series, TableError> {
    if paths.is_empty() {
        return Err(TableError::NoFiles);
    }
    let mut rows = rows::Rows::new(limit);
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let file = reading::read_file(path, options, files.first(), &mut rows)?;
        files.push(file);
    }
    assemble::assemble(files, rows, options)
}
