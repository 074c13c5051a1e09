//! `nsode generate`: a corpus of random systems and their solutions, to train on.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use clap::Args;
use nsode_generator::{Config as Distribution, Error, Options, Part, Progress, generate};

use crate::fault::Fault;
use crate::output::make_directory;
use crate::progress::{Bar, line};
use crate::{Outcome, configuration, stop};

const EXAMPLES: &str = "\
Examples:
  nsode generate --out out/corpus --samples 1000 --seed 1
  nsode generate --out out/parts --samples 1000 --seed 1 --shard-size 250 --shard 1/2

The same options give the same bytes on any number of cores (RAYON_NUM_THREADS). A run that \
was stopped goes on when it is started again.";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Directory of the corpus; made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of samples in the whole corpus
    #[arg(long, value_name = "N")]
    samples: u64,
    /// Seed
    #[arg(long, value_name = "S")]
    seed: u64,
    /// Make only the I-th of N parts, I from 1
    #[arg(
        long,
        value_name = "I/N",
        default_value = "1/1",
        hide_default_value = true
    )]
    shard: Share,
    /// Samples in one file
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    shard_size: u64,
    /// Distribution of the systems (TOML); the default one if there is none
    #[arg(long, value_name = "F.toml")]
    config: Option<PathBuf>,
}

/// `I/N`, I from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share(Part);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let wrong = || "it takes two numbers, as in 1/4, from 1/4 to 4/4".to_string();
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let number: u32 = number.trim().parse().map_err(|_| wrong())?;
        let of: u32 = of.trim().parse().map_err(|_| wrong())?;
        match number.checked_sub(1) {
            Some(index) if index < of => Ok(Share(Part { index, of })),
            _ => Err(wrong()),
        }
    }
}

impl Arguments {
    /// Reads the configuration and makes the directory.
    ///
    /// # Errors
    /// A problem for a configuration that is none, or a directory that can't be written to.
    pub fn validated(self) -> Result<Options, Fault> {
        let mut options = Options::new(self.out, self.samples, self.seed);
        options.part = self.shard.0;
        options.shard_size = self.shard_size;
        if let Some(file) = self.config {
            let text = std::fs::read_to_string(&file).map_err(|e| Fault::unreadable(&file, &e))?;
            options.config =
                Distribution::from_toml(&text).map_err(|error| unfit(&file, &text, "", error))?;
        }
        make_directory(&options.out, "--out")?;
        Ok(options)
    }
}

/// What is wrong with a distribution that stands in `text` below the table `table` ("" for the whole).
pub fn unfit(file: &Path, text: &str, table: &str, error: Error) -> Fault {
    match error {
        Error::ConfigSyntax(error) if table.is_empty() => configuration::syntax(file, text, &error),
        Error::ConfigSyntax(error) => configuration::field(
            file,
            text,
            table,
            error.message().trim_end(),
            "The configurations in data/configs show what is expected.",
        ),
        Error::ConfigRange {
            field,
            value,
            allowed,
        } => {
            let field = match table {
                "" => field,
                table => format!("{table}.{field}"),
            };
            let message = format!("{field} = {value} is out of range");
            let remedy = format!("Allowed: {allowed}.");
            configuration::field(file, text, &field, &message, &remedy)
        }
        error => Fault::plain(format!("{}: {error}", file.display())),
    }
}

/// Makes the corpus, or what is missing of it.
///
/// # Errors
/// Those of the generator.
pub fn run(options: Options, started: Instant) -> Result<Outcome, Fault> {
    let mut bar: Option<Bar> = None;
    let mut resumed = 0;
    let mut show = |at: Progress| {
        let bar = bar.get_or_insert_with(|| {
            if at.resumed > 0 {
                line(&format!(
                    "{} of {} samples are there already",
                    at.resumed, at.total
                ));
            }
            resumed = at.resumed;
            Bar::new(
                at.total,
                "{wide_bar} {human_pos}/{human_len} samples, {msg}, {eta} left",
            )
        });
        bar.set(at.accepted, || {
            let made = at.accepted.saturating_sub(at.resumed) as f64;
            format!("{:.0} a second", made / started.elapsed().as_secs_f64())
        });
    };
    let outcome = generate(&options, &mut show, stop::flag());
    drop(bar);
    let seconds = started.elapsed().as_secs_f64();
    let out = options.out.display();
    match outcome {
        Ok(manifest) => {
            let made = manifest.accepted.saturating_sub(resumed);
            line(&format!(
                "{} samples in {} {} in {out}; {made} made in {seconds:.1} s, {:.0} a second, {:.0} % of draws accepted",
                manifest.accepted,
                manifest.shards.len(),
                match manifest.shards.len() {
                    1 => "file",
                    _ => "files",
                },
                made as f64 / seconds.max(1e-9),
                100.0 * manifest.acceptance
            ));
            Ok(Outcome::Done)
        }
        Err(Error::Stopped { done, total }) => {
            line(&format!(
                "stopped: {done} of {total} samples are in {out}; the same command goes on"
            ));
            Ok(Outcome::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_count_from_one() {
        assert_eq!("1/1".parse::<Share>().unwrap().0, Part::WHOLE);
        assert_eq!("3/4".parse::<Share>().unwrap().0, Part { index: 2, of: 4 });
        for wrong in ["", "1", "0/4", "5/4", "a/4", "1/0", "1/b", "1/2/3", "-1/4"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
