//! A trained network as a service: from observed trajectories to proposed laws.
//!
//! libtorch's tensors may move between threads but not be shared, so a [`Predictor`] keeps its network on
//! a thread of its own and answers through channels; the handle may be shared freely. What goes wrong on
//! that thread, a panic included, comes back as an [`Error`].
//!
//! Here is the handle; the thread is `worker`'s business, and what happens on it `served`'s.

mod served;
#[cfg(test)]
mod tests;
mod worker;

use std::path::Path;

use nsode_generator::Trajectory;
use nsode_parser::skeleton::Skeleton;

use self::served::Served;
use self::worker::Worker;
use crate::checkpoint::Described;
pub use crate::decode::Proposal;
pub use crate::decode::constants::Completed;
pub use crate::decode::search::Strategy;
use crate::{Device, Error};

/// How many laws to propose, and how to find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposeOptions {
    /// Skeletons that are searched for, and prefixes that are open at a time. After equal laws are joined
    /// and impossible ones dropped, fewer may be left.
    pub width: usize,
    /// Beam search or sampling.
    pub strategy: Strategy,
}

impl ProposeOptions {
    /// A beam of this width.
    pub fn beam(width: usize) -> ProposeOptions {
        ProposeOptions {
            width,
            strategy: Strategy::Beam,
        }
    }
}

/// A trained network, ready to propose laws. Dropping it ends its thread.
#[derive(Debug)]
pub struct Predictor {
    worker: Worker,
    description: String,
    max_dimension: usize,
}

impl Predictor {
    /// Loads the checkpoint in a directory.
    ///
    /// # Errors
    /// What is wrong with the checkpoint or the device, as an [`Error`].
    pub fn load(directory: &Path, device: Device) -> Result<Predictor, Error> {
        let predictor = Predictor::begin(directory, device)?;
        predictor.ready()?;
        Ok(predictor)
    }

    /// Begins to load the checkpoint in a directory. Its weights come later: what is asked of them waits, and fails with
    /// [`Error::Thread`] if they do not come, for the reason that [`Predictor::ready`] says.
    ///
    /// # Errors
    /// What is wrong with the checkpoint's description, as an [`Error`].
    pub fn begin(directory: &Path, device: Device) -> Result<Predictor, Error> {
        let described = Described::open(directory)?;
        let config = described.config();
        let description = format!(
            "transformer, width {}, {}+{} layers, step {}, weights {}",
            config.d_model,
            config.encoder_layers,
            config.decoder_layers,
            described.step(),
            described.sha256().get(..12).unwrap_or_default(),
        );
        let max_dimension = config.max_dimension;
        let load = move || {
            let (network, vocabulary) = described.load(device)?;
            Ok(Served {
                network,
                vocabulary,
            })
        };
        Ok(Predictor {
            worker: Worker::start(load)?,
            description,
            max_dimension,
        })
    }

    /// Waits until it is known whether the weights come; why they do not is [`Predictor::ready`]'s to say.
    pub fn is_ready(&self) -> bool {
        self.worker.is_ready()
    }

    /// Waits for the weights.
    ///
    /// # Errors
    /// Why they did not come, the first time that it is asked; [`Error::Thread`] from then on.
    pub fn ready(&self) -> Result<(), Error> {
        self.worker.ready()
    }

    /// Laws for one system, observed in one or several runs: a beam of this width. All in the units in
    /// which the trajectories are given, which must be normalised ones, the same for all runs.
    ///
    /// # Errors
    /// [`Error::Observations`] for trajectories that the network can't take, else the thread's.
    pub fn propose(&self, observed: &[Trajectory], beams: usize) -> Result<Vec<Proposal>, Error> {
        let options = ProposeOptions::beam(beams);
        let mut lists = self.propose_batch(&[observed.to_vec()], &options)?;
        Ok(lists.pop().unwrap_or_default())
    }

    /// Laws for several systems, each observed in one or several runs; the result has one list a system,
    /// most probable first. As [`Predictor::propose`], but many problems share each step.
    ///
    /// # Errors
    /// As [`Predictor::propose`]; one bad system fails the batch.
    pub fn propose_batch(
        &self,
        systems: &[Vec<Trajectory>],
        options: &ProposeOptions,
    ) -> Result<Vec<Vec<Proposal>>, Error> {
        let (systems, options) = (systems.to_vec(), *options);
        self.worker
            .call(move |served| served.propose(&systems, &options))
    }

    /// What the network thinks of given skeletons: its constants for each, and the skeleton's
    /// log-probability, on the same scale as that of its own proposals.
    ///
    /// # Errors
    /// As [`Predictor::propose`], and [`Error::Observations`] for skeletons of another dimension.
    pub fn complete(
        &self,
        observed: &[Trajectory],
        skeletons: &[Skeleton],
    ) -> Result<Vec<Completed>, Error> {
        let (observed, skeletons) = (observed.to_vec(), skeletons.to_vec());
        self.worker
            .call(move |served| served.complete(&observed, &skeletons))
    }

    /// The model in a line, for reports.
    pub fn description(&self) -> String {
        self.description.clone()
    }

    /// Most states that it takes.
    pub fn max_dimension(&self) -> usize {
        self.max_dimension
    }
}
