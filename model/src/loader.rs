//! Pools of batches made ahead of the training step, on threads of their own, handed out in order.
//!
//! The queue is [`nsode_generator::Stream`]'s: what comes out of it does not depend on the number of
//! threads, and a few pools at most are ahead, so that memory stays flat.

use std::collections::VecDeque;

use nsode_generator::Stream;

use crate::Error;
use crate::batch::{Batch, Pool, Source};

/// Hands out batches in order.
pub(crate) struct Loader {
    pools: Stream<Result<Pool, Error>>,
    current: VecDeque<Vec<Batch>>,
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
        let ahead = workers as u64 + 1;
        let mut loader = Loader {
            pools: Stream::start(first, workers, ahead, move |number| source.pool(number))?,
            current: VecDeque::new(),
            draws: 0,
            samples: 0,
        };
        for _ in 0..skipped {
            loader.next()?;
        }
        Ok(loader)
    }

    /// The next step's batch, in its parts; waits for it.
    pub(crate) fn next(&mut self) -> Result<Vec<Batch>, Error> {
        loop {
            if let Some(step) = self.current.pop_front() {
                return Ok(step);
            }
            let pool = self.pools.next().ok_or(Error::Thread("sample"))??;
            self.draws += pool.draws;
            self.samples += pool
                .steps
                .iter()
                .flatten()
                .map(|b| b.rows as u64)
                .sum::<u64>();
            self.current = pool.steps.into();
        }
    }

    /// Share of the generator's draws that became samples.
    pub(crate) fn accepted(&self) -> f64 {
        self.samples as f64 / self.draws.max(1) as f64
    }
}
