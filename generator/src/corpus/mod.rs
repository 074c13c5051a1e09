//! A corpus on disk: making it, going on after an interruption, merging parts, checking it, reading it.
//!
//! Shard `s` holds the first `shard_size` accepted draws from the indices that belong to it, a range of
//! 2²⁴ blocks that no other shard touches. So shards depend on nothing but the options and their number:
//! they can be made in any order, by any number of threads or machines, and come out the same to the byte.

mod crew;
mod make;
mod merge;
mod options;
mod verify;

use std::path::{Path, PathBuf};

pub use make::{Progress, generate};
pub use merge::merge;
pub(crate) use options::MOST_SHARDS;
pub use options::Options;
pub use verify::{Damage, Finding, Verification, verify};

use crate::manifest::{Manifest, Part};
use crate::row::Row;
use crate::shard::{ShardReader, shard_name};
use crate::statistics::Statistics;
use crate::{Error, Sample};

/// Blocks of indices that belong to one shard.
const BLOCKS_A_SHARD: u64 = 1 << 24;

/// A corpus to read.
#[derive(Clone, Debug)]
pub struct Corpus {
    directory: PathBuf,
    manifest: Manifest,
}

impl Corpus {
    /// Opens the corpus in a directory, finished or not.
    ///
    /// # Errors
    /// [`Error::Manifest`] if there is no manifest of a whole corpus, or it does not parse.
    pub fn open(directory: &Path) -> Result<Corpus, Error> {
        let path = directory.join(Part::WHOLE.manifest_name());
        let manifest = Manifest::read(&path)?.ok_or_else(|| Error::Manifest {
            path,
            message: "not there: this is no corpus, or not all of its parts are finished"
                .to_string(),
        })?;
        Ok(Corpus {
            directory: directory.to_path_buf(),
            manifest,
        })
    }

    /// Its description.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The shards that are finished, of a corpus or of parts of one, as one manifest with statistics.
    ///
    /// # Errors
    /// As [`merge`], but for gaps.
    pub fn summary(directory: &Path) -> Result<Manifest, Error> {
        let gathered = merge::gather(directory)?;
        let mut summary = gathered.any.ok_or_else(|| merge::no_manifest(directory))?;
        let file = |number: &u64| directory.join(shard_name(*number));
        let files: Vec<PathBuf> = gathered.shards.keys().map(file).collect();
        summary.statistics = Some(Statistics::of_shards(&files)?);
        summary.complete = files.len() as u64 == summary.shard_count();
        summary.part = Part::WHOLE;
        summary.made_by = gathered.made_by;
        summary.shards = gathered.shards.into_values().map(|(_, s)| s).collect();
        summary.add_up();
        Ok(summary)
    }

    /// The rows of shard number `k` of the manifest's list; `None` beyond the last.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Shard`].
    pub fn shard(&self, k: usize) -> Option<Result<ShardReader, Error>> {
        let shard = self.manifest.shards.get(k)?;
        Some(ShardReader::open(
            &self.directory.join(shard_name(shard.number)),
        ))
    }

    /// All rows, shard after shard.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row, Error>> + '_ {
        let shards = (0..self.manifest.shards.len()).filter_map(|k| self.shard(k));
        shards.flat_map(|shard| -> Box<dyn Iterator<Item = Result<Row, Error>>> {
            match shard {
                Ok(reader) => Box::new(reader),
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        })
    }

    /// All samples, shard after shard.
    pub fn samples(&self) -> impl Iterator<Item = Result<Sample, Error>> + '_ {
        self.rows().map(|row| {
            let row = row?;
            row.sample()
                .map_err(|e| Error::shard(&self.directory, format!("sample {}: {e}", row.index)))
        })
    }
}
