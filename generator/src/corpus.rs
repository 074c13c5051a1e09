//! A corpus on disk: making it, going on after an interruption, and reading it back.
//!
//! Shard `s` holds the first `shard_size` accepted draws from the indices that belong to it, a range of
//! 2²⁴ blocks that no other shard touches. So shards depend on nothing but the options and their number:
//! they can be made in any order, by any number of threads or machines, and come out the same to the byte.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::config::ValidConfig;
use crate::config::valid::hex;
use crate::manifest::{Manifest, Part, SCHEMA, ShardRecord};
use crate::shard::{Row, ShardReader, ShardWriter};
use crate::{Error, Rejection, Sample, Sampler};

/// Blocks of indices that belong to one shard.
const BLOCKS_A_SHARD: u64 = 1 << 24;
/// Most shards of a corpus.
const MOST_SHARDS: u64 = 1 << 16;
/// Most blocks that are in memory at once.
const MOST_BLOCKS: u64 = 64;
/// A shard is given up after so many draws without a single sample.
const BARREN: u64 = 2_000_000;

/// What to make and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// The distribution.
    pub config: ValidConfig,
    /// Its seed.
    pub seed: u64,
    /// Number of samples in the whole corpus.
    pub samples: u64,
    /// Samples a shard; the last one may have fewer.
    pub shard_size: u64,
    /// The part of the corpus to make.
    pub part: Part,
    /// Directory; made if it is not there.
    pub out: PathBuf,
    /// Number of threads; `None` for rayon's global pool. Changes nothing about the result.
    pub threads: Option<usize>,
}

impl Options {
    /// The whole corpus of the default distribution, in shards of 50,000, on all cores.
    pub fn new(out: impl Into<PathBuf>, samples: u64, seed: u64) -> Options {
        Options {
            config: ValidConfig::default(),
            seed,
            samples,
            shard_size: 50_000,
            part: Part::WHOLE,
            out: out.into(),
            threads: None,
        }
    }

    fn shards(&self) -> u64 {
        self.samples.div_ceil(self.shard_size.max(1))
    }

    /// Numbers of the shards of this part.
    fn own_shards(&self) -> impl Iterator<Item = u64> {
        (u64::from(self.part.index)..self.shards()).step_by(self.part.of.max(1) as usize)
    }

    fn check(&self) -> Result<(), Error> {
        let option = |field, value: u64, fits, allowed| {
            let value = value.to_string();
            if fits {
                Ok(())
            } else {
                Err(Error::Option {
                    field,
                    value,
                    allowed,
                })
            }
        };
        option("samples", self.samples, self.samples > 0, "at least 1")?;
        option(
            "shard size",
            self.shard_size,
            self.shard_size > 0,
            "at least 1",
        )?;
        let shards = self.shards();
        option(
            "number of shards",
            shards,
            shards <= MOST_SHARDS,
            "at most 65536: take larger ones",
        )?;
        let Part { index, of } = self.part;
        option("number of parts", of.into(), of > 0, "at least 1")?;
        option(
            "part",
            index.into(),
            index < of,
            "0 to one less than the number of parts",
        )
    }

    /// A manifest without shards.
    fn manifest(&self) -> Manifest {
        Manifest {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_string(),
            seed: self.seed,
            samples: self.samples,
            shard_size: self.shard_size,
            part: self.part,
            complete: false,
            config_sha256: self.config.identity(),
            accepted: 0,
            drawn: 0,
            acceptance: 0.0,
            rejections: BTreeMap::new(),
            shards: Vec::new(),
            config: self.config.to_toml(),
        }
    }
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Samples there are, those of earlier runs included.
    pub accepted: u64,
    /// Samples there will be in this part.
    pub total: u64,
    /// Draws made in this run.
    pub drawn: u64,
    /// Samples found in shards of earlier runs.
    pub resumed: u64,
}

/// Makes a corpus, or what is missing of it. Calls `progress` between batches and looks at `stop` there.
///
/// # Errors
/// [`Error::Option`] for options that make no sense; [`Error::OtherCorpus`] if the directory holds a
/// corpus made with others; [`Error::Stopped`] when `stop` was set: finished shards stay, and the same
/// call goes on; [`Error::Barren`] for a distribution that yields nothing; [`Error::Io`],
/// [`Error::Shard`], [`Error::Manifest`] for what the disk says.
pub fn generate(
    options: &Options,
    progress: &mut (dyn FnMut(Progress) + Send),
    stop: &AtomicBool,
) -> Result<Manifest, Error> {
    options.check()?;
    match options.threads {
        None => run(options, progress, stop),
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .map_err(|e| Error::Threads(e.to_string()))?
            .install(|| run(options, progress, stop)),
    }
}

fn run(
    options: &Options,
    progress: &mut (dyn FnMut(Progress) + Send),
    stop: &AtomicBool,
) -> Result<Manifest, Error> {
    let out = &options.out;
    fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let mut manifest = options.manifest();
    let path = out.join(options.part.manifest_name());
    if let Some(whole) = Manifest::read(&out.join(Part::WHOLE.manifest_name()))? {
        // A merged manifest is the whole of any number of parts.
        let part = manifest.part;
        manifest.part = whole.part;
        manifest.same_corpus(&whole, out)?;
        manifest.part = part;
    }
    if let Some(earlier) = Manifest::read(&path)? {
        manifest.same_corpus(&earlier, out)?;
        for shard in earlier.shards {
            if verified(out, &shard)? {
                manifest.shards.push(shard);
            }
        }
    }
    manifest.add_up();
    let size = |shard: u64| {
        let first = shard * options.shard_size;
        options.shard_size.min(options.samples - first)
    };
    let mut state = Progress {
        accepted: manifest.accepted,
        total: options.own_shards().map(size).sum(),
        drawn: 0,
        resumed: manifest.accepted,
    };
    progress(state);
    let sampler = Sampler::new(options.config.clone(), options.seed);
    for number in options.own_shards() {
        if manifest.shards.iter().any(|s| s.number == number) {
            continue;
        }
        let shard = make_shard(
            &sampler,
            out,
            number,
            size(number),
            &mut state,
            progress,
            stop,
        )?;
        manifest.shards.push(shard);
        manifest.add_up();
        manifest.write(&path)?;
    }
    manifest.complete = true;
    manifest.write(&path)?;
    merge(options)?;
    Ok(manifest)
}

/// Whether a shard of an earlier run is there, to the byte.
fn verified(out: &Path, shard: &ShardRecord) -> Result<bool, Error> {
    // The name is made anew: a manifest cannot point elsewhere.
    let path = out.join(shard_name(shard.number));
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(Error::io(&path, e)),
    };
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = file.read(&mut buffer).map_err(|e| Error::io(&path, e))?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        hash.update(buffer.get(..read).unwrap_or(&buffer));
    }
    Ok(bytes == shard.bytes && hex(&hash.finalize()) == shard.sha256)
}

fn shard_name(number: u64) -> String {
    format!("shard-{number:05}.parquet")
}

/// Draws one shard. While a batch is drawn, the one before it is compressed and written.
fn make_shard(
    sampler: &Sampler,
    out: &Path,
    number: u64,
    size: u64,
    state: &mut Progress,
    progress: &mut (dyn FnMut(Progress) + Send),
    stop: &AtomicBool,
) -> Result<ShardRecord, Error> {
    let file = shard_name(number);
    let mut writer = ShardWriter::create(&out.join(&file))?;
    let first_block = number * BLOCKS_A_SHARD;
    let before = *state;
    let mut rejections: BTreeMap<Rejection, u64> = BTreeMap::new();
    let (mut blocks, mut rows, mut drawn) = (0, 0, 0);
    let mut pending: Vec<Row> = Vec::new();
    while rows < size {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped {
                done: before.accepted,
                total: state.total,
            });
        }
        if (rows == 0 && drawn >= BARREN) || blocks + MOST_BLOCKS > BLOCKS_A_SHARD {
            return Err(Error::Barren { drawn });
        }
        // A function of what was drawn so far, never of the number of threads: where batches end
        // decides where pages end.
        let width = (3 * (size - rows) / sampler.block_size()).clamp(1, MOST_BLOCKS);
        let from = first_block + blocks;
        let (written, batch) = rayon::join(
            || writer.write(&pending),
            || {
                (from..from + width)
                    .into_par_iter()
                    .map(|block| {
                        let row = |sample: Sample| Row::new(&sample, sampler.seed());
                        let samples = sampler.block(block).into_iter();
                        samples.map(|sample| sample.map(row)).collect::<Vec<_>>()
                    })
                    .collect::<Vec<_>>()
            },
        );
        written?;
        pending.clear();
        blocks += width;
        for draw in batch.into_iter().flatten() {
            if rows == size {
                break;
            }
            drawn += 1;
            match draw {
                Ok(row) => {
                    rows += 1;
                    pending.push(row);
                }
                Err(reason) => *rejections.entry(reason).or_default() += 1,
            }
        }
        state.accepted = before.accepted + rows;
        state.drawn = before.drawn + drawn;
        progress(*state);
    }
    writer.write(&pending)?;
    let (bytes, sha256) = writer.finish()?;
    Ok(ShardRecord {
        number,
        file,
        rows,
        first_index: first_block * sampler.block_size(),
        drawn,
        bytes,
        sha256,
        rejections,
    })
}

/// Once all parts are complete, writes the manifest of the whole.
fn merge(options: &Options) -> Result<(), Error> {
    if options.part.of <= 1 {
        return Ok(());
    }
    let mut whole = options.manifest();
    for index in 0..options.part.of {
        let part = Part {
            index,
            of: options.part.of,
        };
        match Manifest::read(&options.out.join(part.manifest_name()))? {
            Some(manifest) if manifest.complete => {
                whole.same_corpus(&manifest, &options.out)?;
                whole.shards.extend(manifest.shards);
            }
            _ => return Ok(()),
        }
    }
    whole.part = Part::WHOLE;
    whole.complete = true;
    whole.add_up();
    whole.write(&options.out.join(Part::WHOLE.manifest_name()))
}

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
