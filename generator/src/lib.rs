//! Random systems of ordinary differential equations, their solutions, and corpora of them.
//!
//! Owns the time series ([`Trajectory`]), the integrator, the distribution of random systems, the
//! observation model (noise, missing points) and the corpus on disk. The language of equations is
//! `nsode-parser`'s; what is learned from the samples is `nsode-model`'s.

pub mod config;
pub mod constants;
pub mod corpus;
pub mod draft;
pub mod error;
pub mod families;
pub mod horizon;
pub mod initial;
pub mod integrate;
pub mod interpolant;
pub mod keepout;
pub mod laws;
pub mod manifest;
pub mod networks;
pub mod observe;
pub mod pilot;
pub mod projection;
pub mod random;
pub mod reject;
pub mod row;
pub mod sampler;
pub mod shard;
pub mod split;
pub mod statistics;
pub mod stream;
pub mod trajectory;
pub mod tree;

pub use config::{Config, ValidConfig};
pub use corpus::{Corpus, Options, Progress, generate, merge, verify};
pub use error::Error;
pub use integrate::{Integration, Integrator};
pub use interpolant::Interpolant;
pub use manifest::{Manifest, Part};
pub use observe::Observer;
pub use reject::Rejection;
pub use row::Row;
pub use sampler::{Sample, Sampler};
pub use split::Split;
pub use statistics::Statistics;
pub use stream::Stream;
pub use trajectory::Trajectory;
