//! The network that reads a time series and writes equations: vocabulary, inputs, transformer, training,
//! checkpoints, decoding.
//!
//! The only crate that knows libtorch; none of its types is in the public interface. The language of
//! equations is `nsode-parser`'s, the samples to learn from are `nsode-generator`'s, and what becomes of
//! a proposal is `nsode-eval`'s.

mod average;
mod batch;
mod checkpoint;
pub mod config;
mod corpus;
pub mod decode;
mod device;
mod error;
mod hash;
mod inputs;
mod loader;
pub mod metrics;
mod network;
mod optimizer;
mod parameters;
mod parametrisation;
pub mod predictor;
mod random;
pub mod schedule;
mod speed;
pub mod train;
pub mod twohot;
pub mod vocabulary;

pub use device::Device;
pub use error::{CheckpointProblem, Error};
