//! The `nsode` program: reads the command line, hands over to a verb, turns the outcome into an exit code.
//!
//! What a verb does is in [`commands`], one file each; the work itself is in the library crates. Standard
//! output carries answers only (a table, JSON, CSV); everything else goes to standard error.

mod cli;
mod commands;
mod configuration;
mod excerpt;
mod fault;
mod locate;
mod logs;
mod output;
mod progress;
mod sources;
mod stop;

use std::io::Write;
use std::time::Instant;

use clap::Parser;

use crate::cli::{Cli, Verb};
use crate::fault::Fault;

/// The allocator of the whole process, libtorch's tensors included. glibc's holds on to what training's
/// tensors of ever other sizes leave behind, gigabytes of it, and keeps two threads of the generator from
/// being twice as fast as one (docs/performance.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// What it is told at its start: to give nothing back. A training step frees and asks for a gigabyte of tensors, and
/// pages that come from the system each time took a third of it (docs/performance.md).
///
/// jemalloc reads the pointer, by this name; the string ends as C's do.
#[unsafe(export_name = "malloc_conf")]
static ALLOCATOR_OPTIONS: &[u8; 57] = b"oversize_threshold:0,dirty_decay_ms:-1,muzzy_decay_ms:-1\0";

/// How a verb that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// With its answer.
    Done,
    /// With the answer that no law was found.
    NoLaw,
    /// With the answer that something is worse than before.
    Worse,
    /// With the answer that a corpus is damaged.
    Damaged,
    /// Early, because the user asked for it. What was reached is kept.
    Interrupted,
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::NoLaw | Outcome::Worse | Outcome::Damaged => 1,
            Outcome::Interrupted => stop::EXIT_CODE,
        }
    }
}

/// Exit code of wrong usage, wrong input, or an output that can't be written.
const FAILED: u8 = 2;

fn main() {
    let started = Instant::now();
    let code = match Cli::try_parse() {
        Ok(cli) => {
            logs::start(cli.verbose);
            stop::listen();
            match run(cli, started) {
                Ok(outcome) => outcome.code(),
                // Whoever reads has read enough, as `head` does: not a failure.
                Err(Fault::BrokenPipe) => 0,
                Err(fault) => {
                    fault.show();
                    FAILED
                }
            }
        }
        Err(said) => {
            // Help, too; where it cannot be written there is nobody to tell.
            let _ = said.print();
            u8::try_from(said.exit_code()).unwrap_or(FAILED)
        }
    };
    let _ = std::io::stdout().flush();
    stop::end(code)
}

fn run(cli: Cli, started: Instant) -> Result<Outcome, Fault> {
    match cli.verb {
        Verb::Infer(arguments) => commands::infer::run(arguments.validated()?, started),
        Verb::Simulate(arguments) => commands::simulate::run(arguments.validated()?),
        Verb::Generate(arguments) => commands::generate::run(arguments.validated()?, started),
        Verb::Train(arguments) => commands::train::run(arguments.validated()?),
        Verb::Eval(arguments) => commands::eval::run(arguments.validated()?),
    }
}
