//! From a measured series to the laws that explain it, and back to people.
//!
//! Reading CSV is [`table`]'s. The language of equations is `nsode-parser`'s, integration
//! `nsode-generator`'s, the network `nsode-model`'s.

pub mod discover;
pub mod error;
pub mod flow;
pub mod integral;
pub mod law;
pub mod problem;
pub mod proposer;
pub mod rank;
pub mod refine;
pub mod shooting;
pub mod smooth;
pub mod sparse;
pub mod table;

pub use discover::{Candidate, Constant, Discovery, Options, discover};
pub use error::Error;
pub use problem::Problem;
pub use proposer::{Proposer, ProposerKind, Seed};
