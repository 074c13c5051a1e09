//! How well a law answers a case whose truth is known.
//!
//! [`Reference`] is the truth of a case, [`Score`] what a law is worth beside it: how well it reproduces the
//! clean run that was observed ([`r2()`]), how well a run that was not, whether its shape is the true one
//! ([`skeleton`]), and how far its right-hand side is from the true one. [`calibration`], [`bootstrap`] and
//! [`sign`] are about many cases. Definitions stand where each is computed; they do not depend on who answered.

pub mod bootstrap;
pub mod calibration;
mod r2;
mod reference;
pub mod sign;
pub mod skeleton;

pub use r2::{WORST, r2};
pub use reference::{Reference, ReferenceError, Score};

/// A run counts as reproduced when R² is above this.
pub const GOOD: f64 = 0.9;

/// A run counts as reproduced closely when R² is above this.
pub const CLOSE: f64 = 0.999;
