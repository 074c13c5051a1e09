//! Who proposes laws: one trait ([`proposer`]), one file each.

pub(crate) mod combine;
pub mod filter;
pub mod frequent;
pub mod guess;
pub mod prior;
pub mod proposer;
pub mod sparse;
pub mod told;
pub mod transformer;
