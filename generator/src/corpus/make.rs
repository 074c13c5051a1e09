//! Making a corpus, or what is missing of it.
//!
//! A start looks at every manifest in the directory, takes over the shards that are there to the byte,
//! whichever run made them, and makes the others. The threads that do are in [`super::crew`]; here each
//! shard they finish is made durable, and then entered in the manifest.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use rayon::prelude::*;

use super::crew::{Crew, Done};
use super::merge::{gather, whole};
use super::{Options, verify};
use crate::manifest::{Manifest, Part, ShardRecord};
use crate::shard::{partial_name, remove_partial, shard_name};
use crate::statistics::Statistics;
use crate::{Error, Sampler};

/// Between two calls of the caller's `progress`, at most.
const TICK: Duration = Duration::from_millis(100);
/// Shards that wait to be made durable, at most.
const UNSETTLED: usize = 2;

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

/// Makes a corpus, or what is missing of it. Calls `progress` now and then and looks at `stop`.
///
/// # Errors
/// [`Error::Option`] for options that make no sense; [`Error::OtherCorpus`] if the directory holds a
/// corpus made with others; [`Error::Stopped`] when `stop` was set: finished shards stay, and the same
/// call goes on; [`Error::Barren`] for a distribution that yields nothing; [`Error::InUse`] if another
/// process makes the same part; [`Error::Io`], [`Error::Shard`], [`Error::Manifest`] for what the disk
/// says.
pub fn generate(
    options: &Options,
    progress: &mut (dyn FnMut(Progress) + Send),
    stop: &AtomicBool,
) -> Result<Manifest, Error> {
    options.check()?;
    let out = &options.out;
    fs::create_dir_all(out).map_err(|e| Error::io(out, e))?;
    let mut manifest = options.manifest();
    for (_, earlier) in Manifest::all(out)? {
        if let Some((field, here, there)) = manifest.difference(&earlier) {
            return Err(Error::OtherCorpus {
                path: out.clone(),
                field,
                there,
                here,
            });
        }
    }
    for number in options.own_shards() {
        remove_partial(&out.join(partial_name(number)))?;
    }
    let path = out.join(options.part.manifest_name());
    let leftover = path.with_extension(options.part.partial_extension());
    let _ = fs::remove_file(leftover);

    let earlier = gather(out)?;
    manifest.made_by = earlier.made_by;
    let sampler = Sampler::new(options.config.clone(), options.seed).split(options.split);
    let listed: Vec<ShardRecord> = options
        .own_shards()
        .filter_map(|number| {
            let (_, shard) = earlier.shards.get(&number)?;
            // An entry with other numbers is none: the shard is made anew, and entered as it is.
            verify::entry(shard, manifest.size(number), &sampler).ok()?;
            Some(shard.clone())
        })
        .collect();
    let intact: Result<Vec<Option<ShardRecord>>, Error> = listed
        .into_par_iter()
        .map(|shard| match stop.load(Ordering::Relaxed) {
            true => Ok(None),
            false => Ok(verify::intact(out, &shard)?.then_some(shard)),
        })
        .collect();
    manifest.shards = intact?.into_iter().flatten().collect();
    manifest.add_up();

    let mut state = Progress {
        accepted: manifest.accepted,
        total: options
            .own_shards()
            .map(|number| manifest.size(number))
            .sum(),
        drawn: 0,
        resumed: manifest.accepted,
    };
    progress(state);
    draw(options, &sampler, &mut manifest, &mut state, progress, stop)?;
    if manifest.accepted != state.total {
        return Err(Error::Manifest {
            path,
            message: format!(
                "its shards hold {} samples, not {}",
                manifest.accepted, state.total
            ),
        });
    }

    manifest.complete = true;
    manifest.statistics = Some(Statistics::of_shards(&files(options, &manifest))?);
    manifest.write(&path, options.part)?;
    if options.part.of > 1 {
        match whole(out) {
            Ok(merged) => merged.write(&out.join(Part::WHOLE.manifest_name()), options.part)?,
            // Other parts are still at work.
            Err(Error::Gap { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(manifest)
}

fn files(options: &Options, manifest: &Manifest) -> Vec<std::path::PathBuf> {
    let shards = manifest.shards.iter();
    shards
        .map(|s| options.out.join(shard_name(s.number)))
        .collect()
}

/// Makes the shards that the manifest lacks.
fn draw(
    options: &Options,
    sampler: &Sampler,
    manifest: &mut Manifest,
    state: &mut Progress,
    progress: &mut (dyn FnMut(Progress) + Send),
    stop: &AtomicBool,
) -> Result<(), Error> {
    let there: Vec<u64> = manifest.shards.iter().map(|s| s.number).collect();
    let mut missing = options
        .own_shards()
        .filter(|n| there.binary_search(n).is_err())
        .peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let shards = missing.map(|number| (number, manifest.size(number)));
    let threads = options
        .threads
        .unwrap_or_else(rayon::current_num_threads)
        .max(1);
    let crew = Crew::new(sampler, &options.out, shards, threads, stop);
    let (sender, done) = sync_channel(UNSETTLED);
    std::thread::scope(|scope| {
        for number in 0..threads {
            let (crew, sender) = (&crew, sender.clone());
            let thread = std::thread::Builder::new()
                .name(format!("draw-{number}"))
                .spawn_scoped(scope, move || crew.work(&sender));
            if let Err(error) = thread {
                crew.halt(Some(Error::Threads(error.to_string())));
            }
        }
        drop(sender);
        settle(options, &crew, &done, manifest, state, progress);
        // From here on, threads that have a shard to hand over are not kept waiting.
        drop(done);
    });
    if let Some(error) = crew.failure() {
        return Err(error);
    }
    if manifest.shards.len() < options.own_shards().count() {
        return Err(Error::Stopped {
            done: manifest.accepted,
            total: state.total,
        });
    }
    Ok(())
}

/// Takes finished shards from the threads until these have ended, or an error ends them.
fn settle(
    options: &Options,
    crew: &Crew<'_>,
    done: &Receiver<Done>,
    manifest: &mut Manifest,
    state: &mut Progress,
    progress: &mut (dyn FnMut(Progress) + Send),
) {
    loop {
        match done.recv_timeout(TICK) {
            Ok(shard) => {
                if let Err(error) = enter(options, manifest, shard) {
                    crew.halt(Some(error));
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        state.accepted = state.resumed + crew.counters.rows.load(Ordering::Relaxed);
        state.drawn = crew.counters.drawn.load(Ordering::Relaxed);
        progress(*state);
    }
}

/// Makes a shard durable and enters it in the manifest.
fn enter(options: &Options, manifest: &mut Manifest, shard: Done) -> Result<(), Error> {
    let (bytes, sha256) = shard.file.settle()?;
    manifest.shards.push(ShardRecord {
        number: shard.number,
        file: shard_name(shard.number),
        rows: shard.rows,
        first_index: shard.first_index,
        drawn: shard.drawn,
        bytes,
        sha256,
        rejections: shard.rejections,
    });
    manifest.made_by.extend(options.made_by.clone());
    manifest.add_up();
    manifest.write(
        &options.out.join(options.part.manifest_name()),
        options.part,
    )
}
