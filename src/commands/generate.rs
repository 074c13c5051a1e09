//! `nsode generate`: a corpus of random systems and their solutions, to train on. Looking at one that is
//! there is in [`inspect`].

mod inspect;
mod share;
mod tables;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{ArgGroup, Args};
use nsode_generator::manifest::file_sha256;
use nsode_generator::{Config as Distribution, Error, Options, Part, Progress, Split, generate};

use crate::fault::Fault;
use crate::output::make_directory;
use crate::progress::{Bar, line, warn};
use crate::{Outcome, configuration, stop};
use share::{Share, from_environment};

const USAGE: &str = "\
nsode generate --out <DIR> --samples <N> --seed <S> [OPTIONS]
       nsode generate --stats <DIR> [--json] [--plot <F.svg|F.png>]
       nsode generate --merge <DIR>
       nsode generate --verify <DIR>";

const EXAMPLES: &str = "\
Examples:
  nsode generate --out out/corpus --samples 1000 --seed 1
  nsode generate --stats out/corpus --plot out/corpus.svg
  nsode generate --verify out/corpus
  nsode generate --out out/parts --samples 1000 --seed 1 --shard-size 250 --shard 1/2
  nsode generate --out out/parts --samples 1000 --seed 1 --shard-size 250 --shard 2/2
  nsode generate --merge out/parts

The same options give the same bytes on any number of cores (RAYON_NUM_THREADS). A run that \
was stopped, and shards that are damaged or gone, are made up for when the same command is started \
again. In a Slurm array or a Kubernetes Indexed Job (with NSODE_SHARDS set to its completions), \
each task makes its part without --shard.";

/// What can be done with a corpus that is there.
const LOOK: &str = "look";
const LOOKING: &str = "With a corpus that is there";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(override_usage = USAGE, after_help = EXAMPLES, group(ArgGroup::new(LOOK).args(["stats", "merge", "verify"])))]
pub struct Arguments {
    /// Directory of the corpus; made if it is not there
    #[arg(long, value_name = "DIR", required_unless_present = LOOK, conflicts_with = LOOK)]
    out: Option<PathBuf>,
    /// Number of samples in the whole corpus
    #[arg(long, value_name = "N", required_unless_present = LOOK, conflicts_with = LOOK)]
    samples: Option<u64>,
    /// Seed
    #[arg(long, value_name = "S", required_unless_present = LOOK, conflicts_with = LOOK)]
    seed: Option<u64>,
    /// Make only the I-th of N parts, I from 1
    #[arg(long, value_name = "I/N", conflicts_with = LOOK)]
    shard: Option<Share>,
    /// Make samples to train on (train), or some that training never sees (unseen-skeletons,
    /// unseen-constants, unseen-initial-states)
    #[arg(long, value_name = "SPLIT", default_value_t = Split::Train, hide_default_value = true, conflicts_with = LOOK)]
    split: Split,
    /// Samples in one file
    #[arg(long, value_name = "N", default_value_t = 50_000, conflicts_with = LOOK)]
    shard_size: u64,
    /// Distribution of the systems (TOML); the default one if there is none
    #[arg(long, value_name = "F.toml", conflicts_with = LOOK)]
    config: Option<PathBuf>,
    /// Say what is in a corpus: draws and rejections, lengths, tokens, constants, skeletons
    #[arg(long, value_name = "DIR", help_heading = LOOKING)]
    stats: Option<PathBuf>,
    /// Write what --stats says as JSON
    #[arg(long, requires = "stats", help_heading = LOOKING)]
    json: bool,
    /// Draw what --stats says, and beside it some trajectories with their equations
    #[arg(long, value_name = "F.svg|F.png", requires = "stats", help_heading = LOOKING)]
    plot: Option<PathBuf>,
    /// Write one manifest from those of all parts
    #[arg(long, value_name = "DIR", help_heading = LOOKING)]
    merge: Option<PathBuf>,
    /// Read everything and name what is damaged
    #[arg(long, value_name = "DIR", help_heading = LOOKING)]
    verify: Option<PathBuf>,
}

/// What is to be done.
#[derive(Debug)]
pub enum Action {
    /// Make a corpus.
    Make(Box<Options>),
    /// Say what is in one.
    Stats {
        directory: PathBuf,
        json: bool,
        plot: Option<PathBuf>,
    },
    /// Merge the parts of one.
    Merge(PathBuf),
    /// Check one.
    Verify(PathBuf),
}

impl Arguments {
    /// Reads the configuration and makes the directory.
    ///
    /// # Errors
    /// A problem for a configuration that is none, a directory that can't be written to, or variables
    /// of a scheduler that name no part.
    pub fn validated(self) -> Result<Action, Fault> {
        if let Some(directory) = self.stats {
            if let Some(file) = &self.plot {
                nsode_eval::answer::plot::check_path(file)?;
                crate::output::check_file(file, "--plot")?;
            }
            return Ok(Action::Stats {
                directory,
                json: self.json,
                plot: self.plot,
            });
        }
        if let Some(directory) = self.merge {
            return Ok(Action::Merge(directory));
        }
        if let Some(directory) = self.verify {
            return Ok(Action::Verify(directory));
        }
        let (Some(out), Some(samples), Some(seed)) = (self.out, self.samples, self.seed) else {
            // What clap has not let through.
            return Err(Fault::plain("--out, --samples and --seed are needed"));
        };
        let mut options = Options::new(out, samples, seed);
        options.shard_size = self.shard_size;
        options.split = self.split;
        options.part = match self.shard {
            Some(Share(part)) => part,
            None => scheduled()?,
        };
        if let Some(file) = self.config {
            let text = std::fs::read_to_string(&file).map_err(|e| Fault::unreadable(&file, &e))?;
            let folder = file.parent().unwrap_or(Path::new(""));
            options.config = Distribution::from_toml_in(&text, folder)
                .map_err(|error| unfit(&file, &text, "", error))?;
        }
        if options.own_shards().next().is_none() && options.samples > 0 {
            warn(&format!(
                "there is nothing to make for part {}: the corpus has {} shards; a smaller --shard-size \
                 in all parts gives each of them something to do",
                options.part.index + 1,
                options.shards()
            ));
        }
        make_directory(&options.out, "--out")?;
        options.made_by = std::env::current_exe()
            .ok()
            .and_then(|file| file_sha256(&file).ok());
        Ok(Action::Make(Box::new(options)))
    }
}

/// The part that a scheduler's variables name; the whole corpus where there is no scheduler.
fn scheduled() -> Result<Part, Fault> {
    match from_environment(&|name| std::env::var(name).ok())? {
        Some((part, names)) => {
            line(&format!(
                "part {} of {}, from {names}",
                part.index + 1,
                part.of
            ));
            Ok(part)
        }
        None => Ok(Part::WHOLE),
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

/// Does what is asked for.
///
/// # Errors
/// Those of the generator.
pub fn run(action: Action, started: Instant) -> Result<Outcome, Fault> {
    match action {
        Action::Make(options) => make(&options, started),
        Action::Stats {
            directory,
            json,
            plot,
        } => inspect::stats(&directory, json, plot),
        Action::Merge(directory) => inspect::merged(&directory),
        Action::Verify(directory) => inspect::verified(&directory, started),
    }
}

/// Makes the corpus, or what is missing of it.
fn make(options: &Options, started: Instant) -> Result<Outcome, Fault> {
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
    let outcome = generate(options, &mut show, stop::flag());
    drop(bar);
    let seconds = started.elapsed().as_secs_f64();
    let out = options.out.display();
    match outcome {
        Ok(manifest) => {
            let made = manifest.accepted.saturating_sub(resumed);
            line(&format!(
                "{} samples in {} {} in {out}; {made} made in {seconds:.1} s, {:.0} a second, {} % of draws accepted",
                manifest.accepted,
                manifest.shards.len(),
                match manifest.shards.len() {
                    1 => "file",
                    _ => "files",
                },
                made as f64 / seconds.max(1e-9),
                manifest.percent_accepted()
            ));
            Ok(Outcome::Done)
        }
        Err(Error::Stopped { done, total }) => {
            line(&format!(
                "stopped: {done} of {total} samples are in {out}; the same command goes on"
            ));
            Ok(Outcome::Interrupted)
        }
        Err(Error::Io { path, source }) if source.kind() == ErrorKind::StorageFull => {
            Err(Fault::new(
                format!("{}: no space left", path.display()),
                "Free some space and start the same command again: finished shards stay, and it goes on.",
            ))
        }
        Err(error) => Err(error.into()),
    }
}
