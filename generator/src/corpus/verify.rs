//! Whether a corpus is what its manifests say: every byte, every row, and for some rows also whether the
//! path solves the equation.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nsode_parser::tape::Tape;
use rayon::prelude::*;

use super::BLOCKS_A_SHARD;
use super::merge::{gather, no_manifest};
use crate::manifest::{Manifest, ShardRecord, file_sha256};
use crate::shard::{ShardReader, footer, shard_name};
use crate::{Config, Error, Integration, Integrator, Row, Sampler, Trajectory};

/// Of so many rows, one is integrated again.
const INTEGRATED: u64 = 50;
/// How far a stored path may be from the solution, in units of the state's largest value.
const TOLERANCE: f64 = 1e-4;
/// Where a path is integrated in pieces: their length, in points.
const PIECE: usize = 8;

/// What is wrong with a shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Damage {
    /// No manifest lists it.
    #[error("was never finished")]
    Unfinished,
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It has another size.
    #[error("has {found} bytes instead of {expected}")]
    Size {
        /// In the manifest.
        expected: u64,
        /// On disk.
        found: u64,
    },
    /// It has other bytes.
    #[error("has other contents than were written (its SHA-256 differs)")]
    Hash,
    /// It can't be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It holds another number of samples.
    #[error("holds {found} samples instead of {expected}")]
    Rows {
        /// In the manifest.
        expected: u64,
        /// In the file.
        found: u64,
    },
    /// What the manifest says about it, beside its bytes, is wrong.
    #[error("is entered wrongly in the manifest: {0}")]
    Entry(String),
    /// The statistics in its footer are those of another number of samples.
    #[error("has statistics of {found} samples instead of {expected}")]
    Tally {
        /// In the file.
        expected: u64,
        /// In its footer.
        found: u64,
    },
    /// A row is not what it should be.
    #[error("row {row}: {problem}")]
    Row {
        /// Counted from 0.
        row: u64,
        /// What is wrong with it.
        problem: String,
    },
}

/// A damaged shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file's name.
    pub file: String,
    /// What is wrong.
    pub damage: Damage,
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Of the whole corpus.
    pub manifest: Manifest,
    /// Shards looked at.
    pub shards: u64,
    /// Rows read.
    pub rows: u64,
    /// Rows whose equation was integrated again.
    pub integrated: u64,
    /// Damaged shards, in the order of their numbers.
    pub findings: Vec<Finding>,
}

/// Reads a whole corpus: sizes and hashes of all shards, every row, and one row in fifty again from its
/// equation. `progress` is told how many shards are done.
///
/// # Errors
/// [`Error::Manifest`] for a directory that is no corpus, [`Error::Parts`] or [`Error::Duplicate`] for
/// one that is several; [`Error::Stopped`]; a configuration's errors for a manifest whose configuration
/// is none.
pub fn verify(
    directory: &Path,
    progress: &(dyn Fn(u64, u64) + Sync),
    stop: &AtomicBool,
) -> Result<Verification, Error> {
    let gathered = gather(directory)?;
    let manifest = gathered.any.ok_or_else(|| no_manifest(directory))?;
    let config = Config::from_toml(&manifest.config)?;
    if config.identity() != manifest.config_sha256 {
        return Err(Error::Manifest {
            path: directory.to_path_buf(),
            message: "its configuration is not the one it was made with".to_string(),
        });
    }
    let sampler = Sampler::new(config, manifest.seed).split(manifest.split);
    let of = manifest.shard_count();
    let (shards, rows, integrated) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let look = |number: u64| -> Option<Finding> {
        let listed = gathered.shards.get(&number);
        let damage = match listed {
            None => Some(Damage::Unfinished),
            Some((_, shard)) => {
                let mut check = Check {
                    sampler: &sampler,
                    seed: manifest.seed,
                    stop,
                    rows: 0,
                    integrated: 0,
                };
                let outcome = entry(shard, manifest.size(number), &sampler)
                    .and_then(|()| check.shard(directory, shard));
                rows.fetch_add(check.rows, Ordering::Relaxed);
                integrated.fetch_add(check.integrated, Ordering::Relaxed);
                outcome.err()
            }
        };
        progress(shards.fetch_add(1, Ordering::Relaxed) + 1, of);
        Some(Finding {
            file: shard_name(number),
            damage: damage?,
        })
    };
    let findings: Vec<Finding> = (0..of)
        .into_par_iter()
        .filter(|_| !stop.load(Ordering::Relaxed))
        .filter_map(look)
        .collect();
    let shards = shards.into_inner();
    if stop.load(Ordering::Relaxed) {
        return Err(Error::Stopped {
            done: rows.into_inner(),
            total: manifest.samples,
        });
    }
    Ok(Verification {
        shards,
        rows: rows.into_inner(),
        integrated: integrated.into_inner(),
        findings,
        manifest,
    })
}

/// Whether a shard is there, to the byte.
///
/// # Errors
/// [`Error::Io`] for a file that is there and can't be read.
pub(super) fn intact(directory: &Path, shard: &ShardRecord) -> Result<bool, Error> {
    match bytes(directory, shard) {
        Ok(()) => Ok(true),
        Err(Damage::Unreadable(message)) => Err(Error::shard(
            &directory.join(shard_name(shard.number)),
            message,
        )),
        Err(_) => Ok(false),
    }
}

/// Compares a file with its entry.
fn bytes(directory: &Path, shard: &ShardRecord) -> Result<(), Damage> {
    // The name is made anew: a manifest cannot point elsewhere.
    let path = directory.join(shard_name(shard.number));
    let unreadable = |e: std::io::Error| match e.kind() {
        ErrorKind::NotFound => Damage::Missing,
        _ => Damage::Unreadable(e.to_string()),
    };
    let found = std::fs::metadata(&path).map_err(unreadable)?.len();
    if found != shard.bytes {
        return Err(Damage::Size {
            expected: shard.bytes,
            found,
        });
    }
    let hash = file_sha256(&path).map_err(unreadable)?;
    match hash == shard.sha256 {
        true => Ok(()),
        false => Err(Damage::Hash),
    }
}

/// Compares a shard's entry with what it has to be: `size` samples, from the first draw that belongs to
/// the shard on, and each draw a sample or a rejection.
pub(super) fn entry(shard: &ShardRecord, size: u64, sampler: &Sampler) -> Result<(), Damage> {
    let first = first_index(shard.number, sampler);
    if shard.first_index != first {
        return Err(Damage::Entry(format!(
            "first draw {} instead of {first}",
            shard.first_index
        )));
    }
    if !shard.adds_up(size) {
        return Err(Damage::Entry(format!(
            "{} samples of {size} and the rejections do not add up to {} draws",
            shard.rows, shard.drawn
        )));
    }
    Ok(())
}

/// Index of the first draw that belongs to shard `number`.
fn first_index(number: u64, sampler: &Sampler) -> u64 {
    number
        .saturating_mul(BLOCKS_A_SHARD)
        .saturating_mul(sampler.block_size())
}

/// The check of one shard.
struct Check<'a> {
    sampler: &'a Sampler,
    seed: u64,
    stop: &'a AtomicBool,
    rows: u64,
    integrated: u64,
}

impl Check<'_> {
    fn shard(&mut self, directory: &Path, shard: &ShardRecord) -> Result<(), Damage> {
        bytes(directory, shard)?;
        let path = directory.join(shard_name(shard.number));
        let unreadable = |e: Error| Damage::Unreadable(e.to_string());
        let first = first_index(shard.number, self.sampler);
        let mut least = first;
        for row in ShardReader::open(&path).map_err(unreadable)? {
            let row = row.map_err(unreadable)?;
            let checked = self.row(&row, least, first.saturating_add(shard.drawn));
            checked.map_err(|problem| Damage::Row {
                row: self.rows,
                problem,
            })?;
            least = row.index.saturating_add(1);
            self.rows += 1;
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
        if self.rows != shard.rows {
            return Err(Damage::Rows {
                expected: shard.rows,
                found: self.rows,
            });
        }
        // Draws behind the last sample are not counted.
        let drawn = least.saturating_sub(first);
        if drawn != shard.drawn {
            return Err(Damage::Entry(format!(
                "{} draws instead of {drawn}",
                shard.drawn
            )));
        }
        let found = footer(&path).map_err(unreadable)?.tally.samples;
        match found == self.rows {
            true => Ok(()),
            false => Err(Damage::Tally {
                expected: self.rows,
                found,
            }),
        }
    }

    fn row(&mut self, row: &Row, least: u64, end: u64) -> Result<(), String> {
        if row.seed != self.seed {
            return Err(format!("its seed is {}, not {}", row.seed, self.seed));
        }
        if !(least..end).contains(&row.index) {
            return Err(format!(
                "its index is {}, not in {least} to {end}",
                row.index
            ));
        }
        row.decode()?;
        if !self.rows.is_multiple_of(INTEGRATED) {
            return Ok(());
        }
        self.integrated += 1;
        let sample = row.sample()?;
        let path = &sample.trajectory;
        let scaling = path.scaling().map_err(|e| e.to_string())?;
        let path = path.normalised(&scaling).map_err(|e| e.to_string())?;
        let system = sample
            .system
            .rescaled(&scaling)
            .map_err(|e| e.to_string())?;
        let tape = Tape::compile(system.to_system().rhs());
        let integrator = self.sampler.integrator();
        if follows(integrator, &tape, &path, 0..path.len()) == Some(true) {
            return Ok(());
        }
        // Along a chaotic path even the last bit of a constant grows: piece by piece it has no time to.
        let starts = (0..path.len().saturating_sub(1)).step_by(PIECE);
        let pieces = starts.map(|start| {
            let end = (start + PIECE + 1).min(path.len());
            follows(integrator, &tape, &path, start..end)
        });
        let pieces: Vec<Option<bool>> = pieces.collect();
        let agreeing = pieces.iter().filter(|p| **p == Some(true)).count();
        // At the edge of a domain, a state rounded to 32 bits may be outside.
        match !pieces.contains(&Some(false)) && 2 * agreeing >= pieces.len() {
            true => Ok(()),
            false => Err(format!("{} is not the equation of its path", row.law)),
        }
    }
}

/// Whether the solution from the first of the points leads to the others; `None` where there is none.
fn follows(
    integrator: &Integrator,
    tape: &Tape,
    path: &Trajectory,
    points: std::ops::Range<usize>,
) -> Option<bool> {
    let times = path.times().get(points.clone())?;
    let start = path.state(points.start);
    match integrator.integrate(tape, &[], start, times) {
        Integration::Complete(solution) => {
            let stored = path.states().iter().skip(points.start * path.dimension());
            let mut pairs = stored.zip(solution.states());
            Some(pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE))
        }
        _ => None,
    }
}
