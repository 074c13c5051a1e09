//! The verbs, one file each: their options as clap reads them, those options checked, and what is done.

pub mod eval;
pub mod generate;
pub mod infer;
pub mod simulate;
pub mod train;
