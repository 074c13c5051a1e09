//! From a measured series to the laws that explain it, and back to people.
//!
//! [`series`] reads CSV and makes a problem of it; [`propose`] has those who propose laws, and [`fit`] finds their constants;
//! [`discover`](mod@discover) is the search, which ranks what was fitted; [`answer`] says what was found, as tables, pictures
//! and programs. How good all this is: [`suite`] has systems whose law is known, [`metric`] the yardsticks, [`mod@bench`] the
//! runs. The language of equations is `nsode-parser`'s, integration `nsode-generator`'s, the network `nsode-model`'s.

pub mod answer;
pub mod bench;
pub mod discover;
pub mod error;
pub mod fit;
pub mod metric;
pub mod propose;
#[cfg(test)]
mod samples;
pub mod series;
pub mod suite;
pub mod whole;

pub use discover::{Candidate, Discovery, Options, discover};
pub use error::Error;
pub use fit::constant::Constant;
pub use fit::proposal::Proposal;
pub use propose::proposer::{Proposer, ProposerKind};
pub use series::loss::Loss;
pub use series::problem::Problem;
