//! From a skeleton to a law: its solutions, and the constants and initial states with which they follow the data.
//!
//! [`law`] is compiled; [`flow`] and `stiff` solve it with sensitivities. [`integral`] finds constants without solving,
//! where [`shooting`] begins; [`refine`] is all of it together. [`parametrised`] does the same for laws in a form of the
//! user's, with constants bounded or fixed as [`setting`] says.

mod angles;
mod condensed;
pub mod constant;
pub mod covariance;
pub mod criterion;
pub mod exact;
mod floors;
pub mod flow;
pub mod integral;
pub mod law;
mod negative;
pub mod oddities;
pub mod parametrised;
mod poles;
pub mod proposal;
pub mod refine;
mod residuals;
pub mod setting;
pub mod shooting;
mod signs;
pub mod sizes;
mod stiff;
