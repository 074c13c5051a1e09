//! The thread on which a network lives: jobs go in through a channel, answers come back through one each,
//! and a panic is an answer too.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;

use super::served::Served;
use crate::{Error, device};

/// The name of the thread.
const THREAD: &str = "predictor";

type Job = Box<dyn FnOnce(&Served) + Send>;

/// The thread's handle. Dropping it ends the thread, after the jobs that are waiting.
#[derive(Debug)]
pub(super) struct Worker {
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    started: Mutex<Started>,
}

/// What is known of the network.
#[derive(Debug)]
enum Started {
    /// Nothing: the thread will say.
    Waiting(mpsc::Receiver<Result<(), Error>>),
    /// It is there.
    Ready,
    /// It is not, for a reason that is told once.
    Failed(Option<Error>),
}

impl Worker {
    /// Starts the thread, which gets its network from `load`, and does not wait for that.
    ///
    /// # Errors
    /// [`Error::Thread`].
    pub(super) fn start(
        load: impl FnOnce() -> Result<Served, Error> + Send + 'static,
    ) -> Result<Worker, Error> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (report, started) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || {
                let _guard = tch::no_grad_guard();
                // A step is many small operations: with two threads they wait for each other several
                // times longer than they compute. More cores are for more predictors.
                device::set_threads(1);
                let served = match guarded(load) {
                    Ok(served) => served,
                    Err(error) => {
                        let _ = report.send(Err(error));
                        return;
                    }
                };
                let _ = report.send(Ok(()));
                for job in queue {
                    job(&served);
                }
            })
            .map_err(|_| Error::Thread(THREAD))?;
        Ok(Worker {
            jobs: Some(jobs),
            thread: Some(thread),
            started: Mutex::new(Started::Waiting(started)),
        })
    }

    /// What is known after the thread has said it.
    fn heard(&self) -> MutexGuard<'_, Started> {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Started::Waiting(report) = &*started {
            *started = match report.recv() {
                Ok(Ok(())) => Started::Ready,
                Ok(Err(error)) => Started::Failed(Some(error)),
                Err(_) => Started::Failed(None),
            };
        }
        started
    }

    /// Waits until it is known whether there is a network.
    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.heard(), Started::Ready)
    }

    /// Waits until there is a network.
    ///
    /// # Errors
    /// What `load` failed with, [`Error::Panicked`] where it panicked, to the first who asks; [`Error::Thread`].
    pub(super) fn ready(&self) -> Result<(), Error> {
        match &mut *self.heard() {
            Started::Failed(reason) => Err(reason.take().unwrap_or(Error::Thread(THREAD))),
            _ => Ok(()),
        }
    }

    /// Answers `ask` on the thread, after what others have asked before.
    ///
    /// # Errors
    /// What `ask` fails with, [`Error::Panicked`] where it panics, [`Error::Thread`].
    pub(super) fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Served) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |served| {
            let result = guarded(|| ask(served));
            // Nobody waits any more if the caller's thread is gone.
            let _ = reply.send(result);
        });
        let gone = || Error::Thread(THREAD);
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(job)
            .map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic outside of a job would be a bug of this file; there is nothing left to report it to.
            let _ = thread.join();
        }
    }
}

/// Runs `work`, with a panic as an [`Error::Panicked`]. libtorch's failures are panics in most of tch.
fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // The network is never changed after it was loaded, so no panic can leave it half-changed.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        Err(Error::Panicked {
            thread: THREAD,
            message: message_of(payload.as_ref()),
        })
    })
}

/// What a panic said: its first line.
fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = match payload.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => payload
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("no message"),
    };
    text.lines().next().unwrap_or_default().to_owned()
}
