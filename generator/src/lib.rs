//! Random systems of ordinary differential equations, their solutions, and corpora of them.
//!
//! Owns the time series ([`Trajectory`]), the integrator, the distribution of random systems, the
//! observation model (noise, missing points) and the corpus on disk. The language of equations is
//! `nsode-parser`'s; what is learned from the samples is `nsode-model`'s.

pub mod error;
pub mod trajectory;

pub use error::Error;
pub use trajectory::Trajectory;
