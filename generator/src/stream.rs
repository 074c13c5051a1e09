//! A bounded queue that is filled ahead of its reader: numbered items, made by any number of threads,
//! handed out in the order of their numbers.
//!
//! What is made is the caller's: a training run makes batches of samples. The order and the items do not
//! depend on the number of threads, and at most `ahead` items are made or being made and not yet taken,
//! so that memory stays flat however slow the reader is.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::Error;

struct State<T> {
    /// Made and not yet taken.
    ready: BTreeMap<u64, T>,
    /// The next item that nobody makes yet.
    next: u64,
    /// The next item to be handed out.
    wanted: u64,
    stopped: bool,
    /// A thread has ended without having been told to.
    broken: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    ahead: u64,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // The state is consistent between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        let waited = self.changed.wait(state);
        waited.unwrap_or_else(PoisonError::into_inner)
    }
}

/// An endless iterator over the items. Dropping it ends its threads, each with the item it is at.
pub struct Stream<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Stream<T> {
    /// Starts `workers` threads, one at least, that make the items `first`, `first + 1`, … by `make`, up
    /// to `ahead` of them before the reader takes the first; one at least.
    ///
    /// # Errors
    /// [`Error::Threads`] if a thread could not be started.
    pub fn start(
        first: u64,
        workers: usize,
        ahead: u64,
        make: impl Fn(u64) -> T + Send + Sync + 'static,
    ) -> Result<Stream<T>, Error> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                ready: BTreeMap::new(),
                next: first,
                wanted: first,
                stopped: false,
                broken: false,
            }),
            changed: Condvar::new(),
            ahead: ahead.max(1),
        });
        let make = Arc::new(make);
        let mut stream = Stream {
            shared,
            threads: Vec::new(),
        };
        for worker in 0..workers.max(1) {
            let (shared, make) = (Arc::clone(&stream.shared), Arc::clone(&make));
            let thread = std::thread::Builder::new()
                .name(format!("sample-{worker}"))
                .spawn(move || work(&shared, &*make))
                .map_err(|e| Error::Threads(e.to_string()))?;
            stream.threads.push(thread);
        }
        Ok(stream)
    }
}

impl<T> Iterator for Stream<T> {
    type Item = T;

    /// The next item; waits for it. `None` only if a thread has died.
    fn next(&mut self) -> Option<T> {
        let mut state = self.shared.lock();
        loop {
            let wanted = state.wanted;
            if let Some(item) = state.ready.remove(&wanted) {
                state.wanted = wanted.wrapping_add(1);
                self.shared.changed.notify_all();
                return Some(item);
            }
            if state.broken {
                return None;
            }
            state = self.shared.wait(state);
        }
    }
}

impl<T> Drop for Stream<T> {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // One that panicked has nothing to say any more.
            let _ = thread.join();
        }
    }
}

/// Says that a thread has ended, if by a panic.
struct Leaving<'a, T>(&'a Shared<T>);

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.broken |= !state.stopped;
        self.0.changed.notify_all();
    }
}

fn work<T>(shared: &Shared<T>, make: &impl Fn(u64) -> T) {
    let _leaving = Leaving(shared);
    loop {
        let number = {
            let mut state = shared.lock();
            while !state.stopped && state.next.wrapping_sub(state.wanted) >= shared.ahead {
                state = shared.wait(state);
            }
            if state.stopped {
                return;
            }
            let number = state.next;
            state.next = number.wrapping_add(1);
            number
        };
        let item = make(number);
        shared.lock().ready.insert(number, item);
        shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Sampler};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    #[test]
    fn samples_come_in_order_with_any_number_of_workers() {
        let text =
            "[system]\nconstants = 2\ninitials = 1\ninterleave = 8\n[horizon]\npoints = 32\n";
        let sampler = Arc::new(Sampler::new(Config::from_toml(text).unwrap(), 3));
        let block = |number| sampler.block(number).into_iter().flatten();
        let expected: Vec<_> = (2..12).flat_map(block).collect();
        assert!(expected.len() > 20);
        for workers in [1, 3] {
            let sampler = Arc::clone(&sampler);
            let stream = Stream::start(2, workers, 4, move |number| sampler.block(number)).unwrap();
            let found: Vec<_> = stream.take(10).flatten().flatten().collect();
            assert!(found == expected, "{workers} workers");
        }
    }

    #[test]
    fn no_more_is_made_than_has_room() {
        for (workers, ahead) in [(1, 1), (4, 3), (2, 7)] {
            let made = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&made);
            let mut stream = Stream::start(0, workers, ahead, move |number| {
                count.fetch_add(1, Ordering::SeqCst);
                number
            })
            .unwrap();
            for taken in 0..50 {
                // However long the threads are left alone.
                std::thread::sleep(Duration::from_millis(1));
                let made = made.load(Ordering::SeqCst);
                assert!(made <= taken + ahead, "{made} made when {taken} were taken");
                assert_eq!(stream.next(), Some(taken));
            }
        }
    }

    #[test]
    fn dropping_it_ends_the_threads() {
        let alive = Arc::new(());
        let kept = Arc::clone(&alive);
        let mut stream = Stream::start(0, 3, 2, move |number| {
            let _kept = &kept;
            vec![number; 1000]
        })
        .unwrap();
        assert!(stream.next().is_some());
        drop(stream);
        assert_eq!(Arc::strong_count(&alive), 1, "a thread still has its half");
    }

    #[test]
    fn a_thread_that_dies_ends_the_stream() {
        let make = |number| {
            if number == 3 {
                panic!("as the test wants it")
            } else {
                number
            }
        };
        let stream = Stream::start(0, 1, 2, make).unwrap();
        assert_eq!(stream.collect::<Vec<u64>>(), [0, 1, 2]);
    }
}
