//! The threads that make shards.
//!
//! A shard is the accepted draws of its blocks, in order, until it is full. Blocks can be drawn by any
//! thread in any order; only appending them is a matter of one thread at a time. So a thread that looks
//! for work takes the first it finds of
//!
//! 1. blocks that are the next ones of their shard: append them;
//! 2. a block of the first shard that will not be full with those that are drawn or being drawn;
//! 3. the first block of a new shard, as long as there are few at work.
//!
//! How many blocks a shard needs is guessed from those so far. A wrong guess costs a block, never a
//! sample: what is drawn beyond a shard's end is thrown away. At the end of a shard the threads already
//! draw the next one, and none waits. What is in memory is bounded by the blocks ahead of a shard's end.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::BLOCKS_A_SHARD;
use crate::shard::{Finished, ShardWriter};
use crate::statistics::{Measure, ShardStatistics, Tally, sorted};
use crate::{Error, Rejection, Row, Sampler};

/// Most shards that are at work at once.
const SHARDS_AT_WORK: usize = 3;
/// A shard is given up after so many draws without a single sample.
const BARREN: u64 = 2_000_000;

/// What became of one draw.
type Draw = Result<(Row, Measure), Rejection>;

/// A shard that is full and on its way to disk.
pub(super) struct Done {
    pub(super) number: u64,
    pub(super) first_index: u64,
    pub(super) rows: u64,
    pub(super) drawn: u64,
    pub(super) rejections: BTreeMap<Rejection, u64>,
    pub(super) file: Finished,
}

/// Rows appended and draws looked at, over all shards.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) rows: AtomicU64,
    pub(super) drawn: AtomicU64,
}

/// A shard that rows are appended to.
struct Writing {
    writer: ShardWriter,
    rows: u64,
    drawn: u64,
    rejections: BTreeMap<Rejection, u64>,
    tally: Tally,
    skeletons: HashMap<String, u64>,
}

/// Where a shard stands, while blocks for it are drawn.
struct Shard {
    number: u64,
    size: u64,
    /// Away while a thread appends to it.
    writing: Option<Box<Writing>>,
    /// Its next block that nobody draws yet.
    next: u64,
    /// Its next block to be appended.
    due: u64,
    /// Blocks drawn and not yet appended.
    drawn: BTreeMap<u64, Vec<Draw>>,
    /// Samples in the blocks drawn so far.
    samples: u64,
}

struct State {
    /// Shards not yet begun, with their sizes.
    waiting: VecDeque<(u64, u64)>,
    /// At work, in order.
    shards: Vec<Shard>,
    /// Blocks drawn in this run, and samples in them.
    blocks: u64,
    samples: u64,
    failure: Option<Error>,
    stopped: bool,
}

enum Task {
    Append(u64, Box<Writing>, Vec<Vec<Draw>>),
    Draw(u64, u64),
}

/// What the threads share.
pub(super) struct Crew<'a> {
    sampler: &'a Sampler,
    out: &'a Path,
    stop: &'a AtomicBool,
    /// Most blocks of a shard that are drawn or being drawn.
    ahead: u64,
    state: Mutex<State>,
    changed: Condvar,
    pub(super) counters: Counters,
}

/// Wakes the others when a thread ends by a panic: they would wait for it.
struct Leaving<'a, 'b>(&'a Crew<'b>);

impl Drop for Leaving<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.halt(None);
        }
    }
}

impl<'a> Crew<'a> {
    /// A crew of `threads` for the shards `(number, size)`.
    pub(super) fn new(
        sampler: &'a Sampler,
        out: &'a Path,
        shards: impl Iterator<Item = (u64, u64)>,
        threads: usize,
        stop: &'a AtomicBool,
    ) -> Crew<'a> {
        Crew {
            sampler,
            out,
            stop,
            ahead: 2 * threads as u64 + 2,
            state: Mutex::new(State {
                waiting: shards.collect(),
                shards: Vec::new(),
                blocks: 0,
                samples: 0,
                failure: None,
                stopped: false,
            }),
            changed: Condvar::new(),
            counters: Counters::default(),
        }
    }

    /// Ends the work, because of an error or because it has to stop.
    pub(super) fn halt(&self, error: Option<Error>) {
        let mut state = self.lock();
        state.stopped = true;
        if state.failure.is_none() {
            state.failure = error;
        }
        self.changed.notify_all();
    }

    /// The first error that ended the work.
    pub(super) fn failure(self) -> Option<Error> {
        let state = self.state.into_inner();
        state.unwrap_or_else(PoisonError::into_inner).failure
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What each thread does, until all shards are done or the work is ended.
    pub(super) fn work(&self, done: &SyncSender<Done>) {
        let _leaving = Leaving(self);
        while let Some(task) = self.next_task() {
            let outcome = match task {
                Task::Draw(number, block) => {
                    self.draw(number, block);
                    Ok(())
                }
                Task::Append(number, writing, blocks) => self.append(number, writing, blocks, done),
            };
            if let Err(error) = outcome {
                self.halt(Some(error));
            }
        }
    }

    fn next_task(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                state.stopped = true;
                self.changed.notify_all();
            }
            if state.stopped || (state.shards.is_empty() && state.waiting.is_empty()) {
                return None;
            }
            match self.choose(&mut state) {
                Ok(Some(task)) => return Some(task),
                Ok(None) => {
                    let waited = self.changed.wait(state);
                    state = waited.unwrap_or_else(PoisonError::into_inner);
                }
                Err(error) => {
                    state.stopped = true;
                    state.failure = Some(error);
                    self.changed.notify_all();
                    return None;
                }
            }
        }
    }

    fn choose(&self, state: &mut State) -> Result<Option<Task>, Error> {
        for shard in &mut state.shards {
            if !shard.drawn.contains_key(&shard.due) {
                continue;
            }
            if let Some(writing) = shard.writing.take() {
                let mut blocks = Vec::new();
                while let Some(block) = shard.drawn.remove(&shard.due) {
                    blocks.push(block);
                    shard.due += 1;
                }
                return Ok(Some(Task::Append(shard.number, writing, blocks)));
            }
        }
        // Before the first block is drawn, as if one in four draws were accepted.
        let samples = state.samples as f64 + 0.25 * self.sampler.block_size() as f64;
        let a_block = samples / (state.blocks as f64 + 1.0);
        for shard in &mut state.shards {
            let being_drawn = shard.next - shard.due - shard.drawn.len() as u64;
            let expected = shard.samples as f64 + being_drawn as f64 * a_block;
            if expected < shard.size as f64 && shard.next - shard.due < self.ahead {
                let block = shard.draw_next(self.sampler.block_size())?;
                return Ok(Some(Task::Draw(shard.number, block)));
            }
        }
        if state.shards.len() < SHARDS_AT_WORK
            && let Some((number, size)) = state.waiting.pop_front()
        {
            let mut shard = Shard {
                number,
                size,
                writing: Some(Box::new(Writing::start(self.out, number)?)),
                next: 0,
                due: 0,
                drawn: BTreeMap::new(),
                samples: 0,
            };
            let block = shard.draw_next(self.sampler.block_size())?;
            state.shards.push(shard);
            return Ok(Some(Task::Draw(number, block)));
        }
        Ok(None)
    }

    fn draw(&self, number: u64, block: u64) {
        let drawn = self.sampler.block(number * BLOCKS_A_SHARD + block);
        let draws = drawn.into_iter().map(|draw| {
            draw.map(|sample| {
                let row = Row::new(&sample, self.sampler.seed());
                (row, Measure::of(&sample))
            })
        });
        let draws: Vec<Draw> = draws.collect();
        let samples = draws.iter().filter(|draw| draw.is_ok()).count() as u64;
        let mut state = self.lock();
        state.blocks += 1;
        state.samples += samples;
        // A shard that is full already has no place for it.
        if let Some(shard) = state.shards.iter_mut().find(|s| s.number == number) {
            shard.samples += samples;
            shard.drawn.insert(block, draws);
        }
        self.changed.notify_all();
    }

    fn append(
        &self,
        number: u64,
        mut writing: Box<Writing>,
        blocks: Vec<Vec<Draw>>,
        done: &SyncSender<Done>,
    ) -> Result<(), Error> {
        let size = {
            let state = self.lock();
            let shard = state.shards.iter().find(|s| s.number == number);
            shard.map_or(0, |shard| shard.size)
        };
        let before = (writing.rows, writing.drawn);
        for draw in blocks.into_iter().flatten() {
            if writing.rows == size {
                break;
            }
            writing.push(draw)?;
        }
        let counters = &self.counters;
        counters
            .rows
            .fetch_add(writing.rows - before.0, Ordering::Relaxed);
        counters
            .drawn
            .fetch_add(writing.drawn - before.1, Ordering::Relaxed);
        if writing.rows < size {
            if writing.rows == 0 && writing.drawn >= BARREN {
                return Err(Error::Barren {
                    drawn: writing.drawn,
                });
            }
            let mut state = self.lock();
            if let Some(shard) = state.shards.iter_mut().find(|s| s.number == number) {
                shard.writing = Some(writing);
            }
            self.changed.notify_all();
            return Ok(());
        }
        let first_index = number * BLOCKS_A_SHARD * self.sampler.block_size();
        let finished = writing.finish(number, first_index)?;
        {
            let mut state = self.lock();
            state.shards.retain(|shard| shard.number != number);
            self.changed.notify_all();
        }
        // Nobody listens after an error: it is dropped, and removed.
        let _ = done.send(finished);
        Ok(())
    }
}

impl Shard {
    /// Its next block to be drawn, of `size` draws.
    fn draw_next(&mut self, size: u64) -> Result<u64, Error> {
        let block = self.next;
        if block >= BLOCKS_A_SHARD {
            return Err(Error::Barren {
                drawn: block.saturating_mul(size),
            });
        }
        self.next += 1;
        Ok(block)
    }
}

impl Writing {
    fn start(out: &Path, number: u64) -> Result<Writing, Error> {
        Ok(Writing {
            writer: ShardWriter::create(out, number)?,
            rows: 0,
            drawn: 0,
            rejections: BTreeMap::new(),
            tally: Tally::default(),
            skeletons: HashMap::new(),
        })
    }

    fn push(&mut self, draw: Draw) -> Result<(), Error> {
        self.drawn += 1;
        match draw {
            Ok((row, measure)) => {
                self.rows += 1;
                self.tally.add(&row, &measure);
                match self.skeletons.get_mut(&row.tokens) {
                    Some(count) => *count += 1,
                    None => {
                        self.skeletons.insert(row.tokens.clone(), 1);
                    }
                }
                self.writer.push(row)?;
            }
            Err(reason) => *self.rejections.entry(reason).or_default() += 1,
        }
        Ok(())
    }

    fn finish(self, number: u64, first_index: u64) -> Result<Done, Error> {
        let statistics = ShardStatistics {
            tally: self.tally,
            skeletons: sorted(self.skeletons),
        };
        Ok(Done {
            number,
            first_index,
            rows: self.rows,
            drawn: self.drawn,
            rejections: self.rejections,
            file: self.writer.finish(&statistics)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_whose_blocks_are_used_up_tells_its_draws() {
        let mut shard = Shard {
            number: 0,
            size: 1,
            writing: None,
            next: BLOCKS_A_SHARD - 1,
            due: 0,
            drawn: BTreeMap::new(),
            samples: 0,
        };
        assert_eq!(shard.draw_next(1344).ok(), Some(BLOCKS_A_SHARD - 1));
        let drawn = match shard.draw_next(1344) {
            Err(Error::Barren { drawn }) => drawn,
            outcome => panic!("{outcome:?}"),
        };
        assert_eq!(drawn, BLOCKS_A_SHARD * 1344);
    }
}
