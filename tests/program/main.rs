//! End to end: the built program, as a user runs it. What is inside is tested in the crates.

mod bad_input;
mod beliefs;
mod checkpoints;
mod eval;
mod generate;
mod help;
mod infer;
mod large;
mod simulate;
mod support;
mod train;
