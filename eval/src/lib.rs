//! From a measured series to the laws that explain it, and back to people.
//!
//! Reading CSV is [`table`]'s. The search begins in [`discover`](mod@discover). [`present`] puts a law into
//! customary form, which [`report`] writes as table, JSON and page, and [`plot`] draws beside the data. How
//! good all this is: [`suite`] has systems whose law is known, [`metric`] the yardsticks, [`mod@bench`] the runs. The
//! language of equations is `nsode-parser`'s, integration `nsode-generator`'s, the network `nsode-model`'s.

pub mod bench;
mod combine;
mod condensed;
pub mod covariance;
pub mod discover;
pub mod emit;
pub mod ensemble;
pub mod error;
pub mod exact;
pub mod explained;
pub mod figures;
pub mod filter;
pub mod flow;
pub mod frequent;
pub mod guess;
mod independence;
pub mod integral;
pub mod law;
pub mod loss;
pub mod metric;
pub mod notes;
pub mod outliers;
pub mod parametrised;
pub mod plot;
mod poles;
pub mod present;
pub mod prior;
pub mod problem;
pub mod proposer;
pub mod rank;
pub mod refine;
pub mod report;
#[cfg(test)]
mod samples;
pub mod setting;
pub mod shooting;
pub mod sizes;
pub mod smooth;
pub mod sparse;
mod stiff;
pub mod suite;
pub mod table;
pub mod told;
pub mod transformer;
pub mod whole;
pub mod without;

pub use discover::{Candidate, Constant, Discovery, Options, discover};
pub use error::Error;
pub use loss::Loss;
pub use problem::Problem;
pub use proposer::{Proposer, ProposerKind, Seed};
