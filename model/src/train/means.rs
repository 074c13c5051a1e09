//! Means for the log, over the steps since its last line.
//!
//! Sums of losses stay on the device until a line is written, so that no step waits for it.

use std::time::Instant;

use tch::Tensor;

use crate::batch::Batch;
use crate::network::loss::Losses;
use crate::network::{Network, cost};
use crate::parameters::to_host;

/// Sums since the last line of the log.
pub(super) struct Window {
    since: Instant,
    waited: f64,
    steps: u64,
    samples: u64,
    operations: f64,
    /// Cross-entropies of tokens and constants, on the device.
    sums: Option<Tensor>,
    counts: [i64; 2],
}

/// What a [`Window`] comes to.
pub(super) struct Means {
    /// Nats a skeleton token.
    pub(super) skeleton: f64,
    /// Nats a constant.
    pub(super) constants: f64,
    /// Constants a skeleton token.
    pub(super) share: f64,
    pub(super) samples_per_second: f64,
    pub(super) step_ms: f64,
    /// Of these, spent on waiting for samples.
    pub(super) wait_ms: f64,
    /// Floating-point operations a second.
    pub(super) speed: f64,
}

impl Window {
    /// Nothing yet; the clock runs.
    pub(super) fn start() -> Window {
        Window {
            since: Instant::now(),
            waited: 0.0,
            steps: 0,
            samples: 0,
            operations: 0.0,
            sums: None,
            counts: [0; 2],
        }
    }

    /// Adds the time since then, in which a step waited for its samples.
    pub(super) fn waited(&mut self, since: Instant) {
        self.waited += since.elapsed().as_secs_f64();
    }

    /// Adds what was computed at once, the whole of a step's batch or a part of it.
    pub(super) fn add(
        &mut self,
        network: &Network,
        batch: &Batch,
        losses: Losses,
    ) -> Result<(), tch::TchError> {
        let rows = batch.rows as f64;
        let predictions = losses.counts.iter().sum::<i64>() as f64;
        self.operations += cost::STEP
            * cost::forward(
                network.config(),
                network.vocabulary(),
                rows,
                batch.encoder.size().1 as f64,
                batch.places as f64 / rows,
                predictions,
            );
        self.samples += batch.rows as u64;
        add(&mut self.counts, losses.counts);
        self.sums = Some(match self.sums.take() {
            Some(sums) => sums.f_add(&losses.sums)?,
            None => losses.sums,
        });
        Ok(())
    }

    /// Counts a step, all of whose parts were added.
    pub(super) fn step(&mut self) {
        self.steps += 1;
    }

    /// Leaves the time since then, in which nothing was trained, out of the timing.
    pub(super) fn away(&mut self, since: Instant) {
        self.since += since.elapsed();
    }

    /// The means; waits for the device.
    pub(super) fn means(&self) -> Result<Means, tch::TchError> {
        let [skeleton, constants] = match &self.sums {
            Some(sums) => pair(sums)?,
            None => [0.0; 2],
        };
        let [tokens, slots] = self.counts.map(|count| count as f64);
        let elapsed = self.since.elapsed().as_secs_f64().max(1e-9);
        let steps = self.steps.max(1) as f64;
        Ok(Means {
            skeleton: skeleton / tokens.max(1.0),
            constants: constants / slots.max(1.0),
            share: slots / tokens.max(1.0),
            samples_per_second: self.samples as f64 / elapsed,
            step_ms: 1e3 * elapsed / steps,
            wait_ms: 1e3 * self.waited / steps,
            speed: self.operations / elapsed,
        })
    }
}

/// Adds `more` to `counts`.
pub(super) fn add(counts: &mut [i64; 2], more: [i64; 2]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count += more;
    }
}

/// The two numbers of [`Losses::sums`] on the host.
pub(super) fn pair(sums: &Tensor) -> Result<[f64; 2], tch::TchError> {
    let values = to_host(sums)?;
    let [tokens, constants] = values[..] else {
        unreachable!("two sums are stacked");
    };
    Ok([tokens, constants].map(f64::from))
}
