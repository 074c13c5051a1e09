//! Samples without a corpus: worker threads draw blocks ahead of a reader that gets them in the order
//! of their indices, whatever the number of workers.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::{Error, Rejection, Sample, Sampler};

/// What one block gave.
type Block = Vec<Result<Sample, Rejection>>;

/// An endless iterator over accepted samples, in the order of their indices.
///
/// Worker `w` of `W` draws the blocks `w, w + W, w + 2W, …` into a channel of its own; the reader takes
/// from the channels in turn. Dropping the stream stops the workers.
pub struct Stream {
    receivers: Vec<Receiver<Block>>,
    workers: Vec<JoinHandle<()>>,
    block_size: u64,
    /// Number of blocks taken.
    taken: u64,
    /// The first block.
    first: u64,
    current: std::vec::IntoIter<Result<Sample, Rejection>>,
    drawn: u64,
    accepted: u64,
}

impl Stream {
    /// A stream from the block that holds index `start` on (from the beginning of that block), with
    /// `workers` threads that each are at most `ahead` blocks ahead of the reader; at least one each.
    ///
    /// # Errors
    /// [`Error::Threads`] if a thread could not be started.
    pub fn new(
        sampler: Arc<Sampler>,
        start: u64,
        workers: usize,
        ahead: usize,
    ) -> Result<Stream, Error> {
        let count = workers.max(1);
        let block_size = sampler.block_size();
        let first = start / block_size;
        let mut stream = Stream {
            receivers: Vec::with_capacity(count),
            workers: Vec::with_capacity(count),
            block_size,
            taken: 0,
            first,
            current: Vec::new().into_iter(),
            drawn: 0,
            accepted: 0,
        };
        for worker in 0..count as u64 {
            let (sender, receiver) = sync_channel(ahead.max(1));
            let sampler = Arc::clone(&sampler);
            let from = first.wrapping_add(worker);
            let thread = std::thread::Builder::new()
                .name(format!("sampler-{worker}"))
                .spawn(move || work(&sampler, from, count, &sender))
                .map_err(|e| Error::Threads(e.to_string()))?;
            stream.receivers.push(receiver);
            stream.workers.push(thread);
        }
        Ok(stream)
    }

    /// An index from which a new stream gives no sample again that this one has given, and leaves out at
    /// most those that remain of the present block.
    pub fn position(&self) -> u64 {
        let blocks = self.first.wrapping_add(self.taken);
        blocks.wrapping_mul(self.block_size)
    }

    /// Number of samples given so far.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Number of draws that they took.
    pub fn drawn(&self) -> u64 {
        self.drawn
    }
}

fn work(sampler: &Sampler, from: u64, step: usize, sender: &SyncSender<Block>) {
    let mut block = from;
    while sender.send(sampler.block(block)).is_ok() {
        block = block.wrapping_add(step as u64);
    }
}

impl Iterator for Stream {
    type Item = Sample;

    /// The next accepted sample. `None` only if a worker has died.
    fn next(&mut self) -> Option<Sample> {
        loop {
            for draw in self.current.by_ref() {
                self.drawn += 1;
                if let Ok(sample) = draw {
                    self.accepted += 1;
                    return Some(sample);
                }
            }
            let turn = (self.taken % self.receivers.len().max(1) as u64) as usize;
            self.current = self.receivers.get(turn)?.recv().ok()?.into_iter();
            self.taken += 1;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A worker whose receiver is gone ends with its present block.
        self.receivers.clear();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}
