//! The command line as a whole: the verbs, and what all of them share. The options of a verb stand with it.

use clap::{Parser, Subcommand, ValueEnum};

use crate::commands::{eval, generate, infer, simulate, train};

/// Reads a measured time series and writes down the differential equation behind it.
#[derive(Debug, Parser)]
#[command(
    name = "nsode",
    version,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 answer, 1 no law found, worse than the baseline, or a damaged corpus, 2 wrong usage or input, 130 interrupted.\n\n\
                  Examples:\n  nsode infer data/examples/yeast.csv"
)]
pub struct Cli {
    /// Say more on standard error; twice for details. RUST_LOG chooses finer
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Find the law of a measured series
    Infer(Box<infer::Arguments>),
    /// Solve a formula, and write the solution as CSV
    Simulate(simulate::Arguments),
    /// Make a corpus of random systems and their solutions
    Generate(generate::Arguments),
    /// Train a network
    Train(train::Arguments),
    /// Measure how good the answers are, on systems whose law is known
    Eval(Box<eval::Arguments>),
}

/// `--device`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DeviceArgument {
    /// The processor.
    #[default]
    Cpu,
    /// The first NVIDIA GPU.
    Cuda,
}

impl From<DeviceArgument> for nsode_model::Device {
    fn from(device: DeviceArgument) -> nsode_model::Device {
        match device {
            DeviceArgument::Cpu => nsode_model::Device::Cpu,
            DeviceArgument::Cuda => nsode_model::Device::Cuda,
        }
    }
}
