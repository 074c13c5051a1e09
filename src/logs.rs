//! Logs: what the crates report through `tracing`, on standard error, in step with progress bars.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::progress;

/// Starts to log: warnings, with `-v` what happens, with `-vv` details. `RUST_LOG` wins.
pub fn start(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => {
            "nsode=info,nsode_eval=info,nsode_model=info,nsode_generator=info,nsode_parser=info,warn"
        }
        2 => {
            "nsode=debug,nsode_eval=debug,nsode_model=debug,nsode_generator=debug,nsode_parser=debug,warn"
        }
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(BesideBars)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(verbose > 1)
        .try_init();
    // There is no other subscriber, so this can't fail; without logs the program works as well.
    drop(started);
}

/// Standard error; bars are taken away while something is written.
struct BesideBars;

impl<'a> MakeWriter<'a> for BesideBars {
    type Writer = BesideBars;

    fn make_writer(&'a self) -> BesideBars {
        BesideBars
    }
}

impl Write for BesideBars {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        progress::bars().suspend(|| std::io::stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}
