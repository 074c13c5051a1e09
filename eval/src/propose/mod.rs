//! Who proposes laws: one trait ([`proposer`]), one file each.

pub mod filter;
pub mod frequent;
pub mod guess;
pub mod proposer;
pub mod sparse;
pub mod told;
pub mod transformer;
