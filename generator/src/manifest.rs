//! The description of a corpus beside its shards: from what it was made, what is in it, what was rejected.
//!
//! It holds no times and no machine names: the same options give the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Rejection};

/// Version of the layout of manifests and shards.
pub const SCHEMA: u32 = 1;

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

/// What a corpus was made from and what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout, [`SCHEMA`].
    pub schema: u32,
    /// Version of the program that made it.
    pub version: String,
    /// The seed.
    pub seed: u64,
    /// Samples asked for, in all parts together.
    pub samples: u64,
    /// Samples a full shard.
    pub shard_size: u64,
    /// The part this manifest describes.
    pub part: Part,
    /// Whether every shard of the part is there.
    pub complete: bool,
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
    /// The shards, in the order of their numbers.
    pub shards: Vec<ShardRecord>,
    /// The configuration, every field written out, as TOML.
    pub config: String,
}

impl Manifest {
    /// Puts the shards in order and adds them up.
    pub(crate) fn add_up(&mut self) {
        self.shards.sort_by_key(|shard| shard.number);
        self.accepted = self.shards.iter().map(|s| s.rows).sum();
        self.drawn = self.shards.iter().map(|s| s.drawn).sum();
        self.acceptance = if self.drawn == 0 {
            0.0
        } else {
            self.accepted as f64 / self.drawn as f64
        };
        self.rejections.clear();
        for (reason, count) in self.shards.iter().flat_map(|s| &s.rejections) {
            *self.rejections.entry(*reason).or_default() += count;
        }
    }

    /// Reads a manifest; `None` if there is no such file.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Manifest`] for one that does not parse.
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
        let read: Manifest = serde_json::from_str(&text).map_err(|e| manifest(e.to_string()))?;
        if read.schema != SCHEMA {
            let message = format!("layout {}, this program reads {SCHEMA}", read.schema);
            return Err(manifest(message));
        }
        Ok(Some(read))
    }

    /// Writes the manifest so that it is there whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(|e| Error::Manifest {
            path: path.to_path_buf(),
            message: e.to_string(),
        })?;
        text.push('\n');
        let partial = path.with_extension("json.partial");
        let mut file = File::create(&partial).map_err(|e| Error::io(&partial, e))?;
        file.write_all(text.as_bytes())
            .map_err(|e| Error::io(&partial, e))?;
        settle(&file, &partial, path)
    }

    /// Whether `other` describes the same corpus, if perhaps another part of it.
    ///
    /// # Errors
    /// [`Error::OtherCorpus`] with the first option that differs; `directory` is only for the message.
    pub fn same_corpus(&self, other: &Manifest, directory: &Path) -> Result<(), Error> {
        let options = |m: &Manifest| {
            [
                ("version", m.version.clone()),
                ("seed", m.seed.to_string()),
                ("number of samples", m.samples.to_string()),
                ("shard size", m.shard_size.to_string()),
                ("number of parts", m.part.of.to_string()),
                ("configuration", m.config_sha256.clone()),
            ]
        };
        for ((field, here), (_, there)) in options(self).into_iter().zip(options(other)) {
            if here != there {
                return Err(Error::OtherCorpus {
                    path: directory.to_path_buf(),
                    field,
                    there,
                    here,
                });
            }
        }
        Ok(())
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
