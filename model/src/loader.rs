//! Pools of batches made ahead of the training step, on threads of their own, handed out in order.
//!
//! The order and the contents do not depend on the number of threads. At most a few pools are ahead, so
//! that memory stays flat.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::Error;
use crate::batch::{Batch, Pool, Source};

const THREAD: &str = "sample";

struct State {
    /// Made and not yet taken.
    ready: BTreeMap<u64, Result<Pool, Error>>,
    /// The next pool that nobody makes yet.
    next: u64,
    /// The next pool to be handed out.
    wanted: u64,
    stopped: bool,
    /// A thread has ended without having been told to.
    broken: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    source: Source,
    ahead: u64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // the state is consistent between any two statements
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out batches in order.
pub(crate) struct Loader {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    current: VecDeque<Batch>,
    /// Draws of the generator for the pools taken so far, and samples in them.
    draws: u64,
    samples: u64,
}

impl Loader {
    /// Starts `workers` threads; the first batch handed out is that of `step`.
    pub(crate) fn start(source: Source, step: u64, workers: usize) -> Result<Loader, Error> {
        let size = source.pool_size();
        let (first, skipped) = (step / size, step % size);
        let workers = workers.max(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                ready: BTreeMap::new(),
                next: first,
                wanted: first,
                stopped: false,
                broken: false,
            }),
            changed: Condvar::new(),
            source,
            ahead: workers as u64 + 1,
        });
        let mut threads = Vec::with_capacity(workers);
        for _ in 0..workers {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new()
                .name(THREAD.to_owned())
                .spawn(move || work(&shared))
                .map_err(|_| Error::Thread(THREAD))?;
            threads.push(thread);
        }
        let mut loader = Loader {
            shared,
            threads,
            current: VecDeque::new(),
            draws: 0,
            samples: 0,
        };
        for _ in 0..skipped {
            loader.next()?;
        }
        Ok(loader)
    }

    /// The next batch; waits for it.
    pub(crate) fn next(&mut self) -> Result<Batch, Error> {
        loop {
            if let Some(batch) = self.current.pop_front() {
                return Ok(batch);
            }
            let pool = self.take()?;
            self.draws += pool.draws;
            self.samples += pool.batches.iter().map(|b| b.rows as u64).sum::<u64>();
            self.current = pool.batches.into();
        }
    }

    /// Share of the generator's draws that became samples.
    pub(crate) fn accepted(&self) -> f64 {
        self.samples as f64 / self.draws.max(1) as f64
    }

    fn take(&self) -> Result<Pool, Error> {
        let mut state = self.shared.lock();
        loop {
            let wanted = state.wanted;
            if let Some(pool) = state.ready.remove(&wanted) {
                state.wanted += 1;
                self.shared.changed.notify_all();
                return pool;
            }
            if state.broken {
                return Err(Error::Thread(THREAD));
            }
            state = self
                .shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // one that panicked has nothing to say any more
            let _ = thread.join();
        }
    }
}

/// Says that a thread has ended, if by a panic.
struct Leaving<'a>(&'a Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.broken |= !state.stopped;
        self.0.changed.notify_all();
    }
}

fn work(shared: &Shared) {
    let _leaving = Leaving(shared);
    loop {
        let number = {
            let mut state = shared.lock();
            while !state.stopped && state.next >= state.wanted + shared.ahead {
                state = shared
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.stopped {
                return;
            }
            let number = state.next;
            state.next += 1;
            number
        };
        let pool = shared.source.pool(number);
        shared.lock().ready.insert(number, pool);
        shared.changed.notify_all();
    }
}
