//! The description of a corpus beside its shards: from what it was made, what is in it, what was rejected.
//!
//! It holds no times and no machine names: the same options and the same program give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::valid::hex;
use crate::corpus::MOST_SHARDS;
use crate::statistics::Statistics;
use crate::{Error, Rejection, Split};

/// Version of the layout of manifests and shards.
pub const SCHEMA: u32 = 2;

/// Which of several runs, each making a part of one corpus, this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// From 0.
    pub index: u32,
    /// Number of parts.
    pub of: u32,
}

impl Part {
    /// The whole corpus.
    pub const WHOLE: Part = Part { index: 0, of: 1 };

    /// Name of the manifest of this part; `manifest.json` for the whole.
    pub fn manifest_name(self) -> String {
        if self.of <= 1 {
            "manifest.json".to_string()
        } else {
            format!("manifest-{:05}-of-{:05}.json", self.index, self.of)
        }
    }

    /// Extension of the files that this part writes a manifest to before it gets its name.
    pub(crate) fn partial_extension(self) -> String {
        format!("json.{}-{}.partial", self.index, self.of)
    }
}

/// One finished file of a corpus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRecord {
    /// Its number in the corpus.
    pub number: u64,
    /// Its name in the corpus directory.
    pub file: String,
    /// Number of samples.
    pub rows: u64,
    /// Index of the first draw.
    pub first_index: u64,
    /// Number of draws it took, those behind the last accepted one not counted.
    pub drawn: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Draws rejected, by reason.
    pub rejections: BTreeMap<Rejection, u64>,
}

impl ShardRecord {
    /// Whether it lists `rows` samples, and as many draws as it lists samples and rejections.
    pub(crate) fn adds_up(&self, rows: u64) -> bool {
        let mut counts = self.rejections.values();
        let draws = counts.try_fold(self.rows, |sum, count| sum.checked_add(*count));
        self.rows == rows && draws == Some(self.drawn)
    }
}

/// What a corpus was made from and what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Version of the program that made it.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// Which samples of the distribution: those to train on, or some that are held out.
    #[serde(default)]
    pub split: Split,
    /// Samples asked for, in all parts together.
    pub samples: u64,
    /// Samples a full shard.
    pub shard_size: u64,
    /// The part this manifest describes.
    pub part: Part,
    /// Whether every shard of the part is there.
    pub complete: bool,
    /// SHA-256 of the executables that made the shards, mostly one. The only field that another build of
    /// the program changes: shards hold nothing of the kind.
    pub made_by: BTreeSet<String>,
    /// SHA-256 of `config`, hexadecimal.
    pub config_sha256: String,
    /// Samples in the shards below.
    pub accepted: u64,
    /// Draws they took.
    pub drawn: u64,
    /// `accepted / drawn`; 0 before the first shard.
    pub acceptance: f64,
    /// Draws rejected, by reason.
    pub rejections: BTreeMap<Rejection, u64>,
    /// What is in the shards; none before the part is complete.
    pub statistics: Option<Statistics>,
    /// The shards, in the order of their numbers.
    pub shards: Vec<ShardRecord>,
    /// The configuration, every field written out, as TOML.
    pub config: String,
}

impl Manifest {
    /// Puts the shards in order and adds them up.
    pub(crate) fn add_up(&mut self) {
        self.shards.sort_by_key(|shard| shard.number);
        // A manifest can hold any numbers.
        let sum = |of: fn(&ShardRecord) -> u64| {
            let numbers = self.shards.iter().map(of);
            numbers.fold(0, u64::saturating_add)
        };
        (self.accepted, self.drawn) = (sum(|s| s.rows), sum(|s| s.drawn));
        self.acceptance = if self.drawn == 0 {
            0.0
        } else {
            self.accepted as f64 / self.drawn as f64
        };
        self.rejections.clear();
        for (reason, count) in self.shards.iter().flat_map(|s| &s.rejections) {
            let sum = self.rejections.entry(*reason).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// The manifest as JSON in one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Number of shards of the whole corpus.
    pub fn shard_count(&self) -> u64 {
        self.samples.div_ceil(self.shard_size.max(1))
    }

    /// Number of samples of shard `number` when it is full.
    pub(crate) fn size(&self, number: u64) -> u64 {
        let first = number.saturating_mul(self.shard_size);
        self.shard_size.min(self.samples.saturating_sub(first))
    }

    /// The share of draws accepted in percent, to two digits at least.
    pub fn percent_accepted(&self) -> String {
        let percent = 100.0 * self.acceptance;
        let decimals = match percent > 0.0 {
            true => (1.0 - percent.log10().floor()).clamp(0.0, 20.0),
            false => 0.0,
        };
        format!("{percent:.*}", decimals as usize)
    }

    /// What no corpus of this program has, if it has it.
    fn nonsense(&self) -> Option<String> {
        let of = self.shard_count();
        if self.shard_size == 0 {
            return Some("its shard size is 0".to_string());
        }
        if of > MOST_SHARDS {
            return Some(format!("it has {of} shards, more than {MOST_SHARDS}"));
        }
        let beyond = self.shards.iter().find(|shard| shard.number >= of)?;
        Some(format!("it lists shard {} of {of}", beyond.number))
    }

    /// Every manifest in a directory, that of the whole and those of parts, with their names.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn all(directory: &Path) -> Result<Vec<(String, Manifest)>, Error> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).map_err(|e| Error::io(directory, e))? {
            let entry = entry.map_err(|e| Error::io(directory, e))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !(name.starts_with("manifest") && name.ends_with(".json")) {
                continue;
            }
            if let Some(manifest) = Manifest::read(&entry.path())? {
                found.push((name, manifest));
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// Reads a manifest; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Manifest`] for one that does not parse, or has sizes or shards that no
    /// corpus has.
    pub fn read(path: &Path) -> Result<Option<Manifest>, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(path, e)),
        };
        let manifest = |message: String| Error::Manifest {
            path: path.to_path_buf(),
            message,
        };
        let damaged = |problem: String| {
            manifest(format!(
                "this manifest is damaged ({problem}): delete it and run `nsode generate` with the \
                 options of the corpus again; shards that no other manifest lists are made again"
            ))
        };
        let read: Manifest = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if read.schema != SCHEMA {
            let message = format!("layout {}, this program reads {SCHEMA}", read.schema);
            return Err(manifest(message));
        }
        match read.nonsense() {
            Some(problem) => Err(damaged(problem)),
            None => Ok(Some(read)),
        }
    }

    /// Writes the manifest so that it is there whole or not at all. `writer` is the part that does, so that
    /// two that write the manifest of the whole at once are not in each other's way.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path, writer: Part) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(|e| Error::Manifest {
            path: path.to_path_buf(),
            message: e.to_string(),
        })?;
        text.push('\n');
        let partial = path.with_extension(writer.partial_extension());
        let written = File::create(&partial)
            .and_then(|mut file| file.write_all(text.as_bytes()).map(|()| file))
            .map_err(|e| Error::io(&partial, e))
            .and_then(|file| settle(&file, &partial, path));
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
        written
    }

    /// Whether `other` describes the same corpus, if perhaps another part of it: the first option that
    /// differs, with its value here and there.
    pub fn difference(&self, other: &Manifest) -> Option<(&'static str, String, String)> {
        let options = |m: &Manifest| {
            [
                ("version of the program", m.version.clone()),
                ("seed", m.seed.to_string()),
                ("number of samples", m.samples.to_string()),
                ("shard size", m.shard_size.to_string()),
                ("split", m.split.to_string()),
                ("configuration", m.config_sha256.clone()),
            ]
        };
        let pairs = options(self).into_iter().zip(options(other));
        let mut differing = pairs.filter(|((_, here), (_, there))| here != there);
        differing
            .next()
            .map(|((field, here), (_, there))| (field, here, there))
    }
}

/// SHA-256 of a file, hexadecimal, such as of the running program.
///
/// # Errors
/// What the system says.
pub fn file_sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(buffer.get(..read).unwrap_or(&buffer));
    }
}

/// Makes a written file durable under its final name.
pub(crate) fn settle(file: &File, partial: &Path, path: &Path) -> Result<(), Error> {
    file.sync_all().map_err(|e| Error::io(partial, e))?;
    fs::rename(partial, path).map_err(|e| Error::io(path, e))?;
    if let Some(directory) = path.parent() {
        // Not every file system can sync a directory; the rename itself has happened.
        if let Ok(directory) = File::open(directory) {
            let _ = directory.sync_all();
        }
    }
    Ok(())
}
