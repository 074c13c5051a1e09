//! The verbs, one file each: their options as clap reads them, those options checked, and what is done.

pub mod eval;
pub mod generate;
pub mod infer;
pub mod simulate;
pub mod train;

use crate::fault::Fault;

/// Checks the option that infer and eval share.
///
/// # Errors
/// What is wrong with it.
fn check_hidden(hidden: f64) -> Result<(), Fault> {
    match (0.0..1.0).contains(&hidden) {
        true => Ok(()),
        false => Err(Fault::new(
            format!("--hidden {hidden} is out of range"),
            "Give a probability of at least 0 and below 1, such as 0.3.",
        )),
    }
}
