//! `nsode infer`: from measured series to the laws that explain them, as a table, JSON, a picture, and a page.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use nsode_eval::plot::{check_path, plot};
use nsode_eval::report::{self, Layout, RunInfo, json, table};
use nsode_eval::table::{ReadOptions, Series, read};
use nsode_eval::{Options, Problem, Proposer, discover};

use crate::Outcome;
use crate::fault::Fault;
use crate::output::{check_file, stdout};
use crate::progress::{Spinner, warn};
use crate::sources::{Network, SourceArguments, Sources};

const EXAMPLES: &str = "\
Examples:
  nsode infer data/examples/yeast.csv --plot yeast.svg
  nsode infer data/examples/lynx_hare.csv --proposers sparse --top 3 --json

Several files, or a --group column, are several runs of one system and are fitted jointly. Blank \
cells and NaN are missing observations.";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Tables with a column of times and one or more columns of measured values
    #[arg(value_name = "FILE.csv", required = true)]
    files: Vec<PathBuf>,
    /// Write JSON, not a table
    #[arg(long)]
    json: bool,
    /// Number of laws to show
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,
    /// Column of the times, by header or number; the first one if not given
    #[arg(long, value_name = "COL")]
    time: Option<String>,
    /// Columns of the measured values, by header or number; all others if not given
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    state: Vec<String>,
    /// Column whose values tell several runs of the system apart
    #[arg(long, value_name = "COL")]
    group: Option<String>,
    /// Longest time to search, in seconds
    #[arg(long, value_name = "S", allow_negative_numbers = true, default_value_t = Options::default().seconds)]
    seconds: f64,
    #[command(flatten)]
    sources: SourceArguments,
    /// Seed of whatever is random
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Draw data and best law to this file
    #[arg(long, value_name = "F.svg|F.png")]
    plot: Option<PathBuf>,
    /// Write all of it to this file, as a page for a browser
    #[arg(long, value_name = "F.html")]
    report: Option<PathBuf>,
}

/// A search, checked.
#[derive(Debug)]
pub struct Config {
    files: Vec<PathBuf>,
    read: ReadOptions,
    options: Options,
    sources: Sources,
    json: bool,
    plot: Option<PathBuf>,
    report: Option<PathBuf>,
}

impl Arguments {
    /// Checks ranges, the places of picture and page, and that somebody proposes laws.
    ///
    /// # Errors
    /// A problem that names the option.
    pub fn validated(self) -> Result<Config, Fault> {
        if self.top == 0 {
            return Err(Fault::new("--top 0 shows nothing", "Give 1 or more."));
        }
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return Err(Fault::new(
                format!("--seconds {} is out of range", self.seconds),
                "Give a number above 0.",
            ));
        }
        if let Some(file) = &self.plot {
            check_path(file)?;
            check_file(file, "--plot")?;
        }
        if let Some(file) = &self.report {
            report::check_path(file)?;
            check_file(file, "--report")?;
        }
        let sources = self.sources.validated()?;
        Ok(Config {
            read: ReadOptions {
                time: self.time,
                state: self.state,
                group: self.group,
            },
            options: Options {
                top: self.top,
                seconds: self.seconds,
                seed: self.seed,
                local: sources.local(),
                ..Options::default()
            },
            files: self.files,
            sources,
            json: self.json,
            plot: self.plot,
            report: self.report,
        })
    }
}

/// Reads, searches, and writes what was found.
///
/// # Errors
/// A problem with the tables, the checkpoint, or an output.
pub fn run(config: Config, started: Instant) -> Result<Outcome, Fault> {
    let spinner = Spinner::start("reading");
    let series = read(&config.files, &config.read)?;
    for warning in &series.warnings {
        warn(warning);
    }
    tracing::info!(
        points = series.points(),
        trajectories = series.trajectories.len(),
        states = series.names.dimension(),
        "read"
    );
    let mut info = RunInfo {
        seed: config.options.seed,
        ..RunInfo::default()
    };
    let problem = Problem::new(series.trajectories.clone())
        .map_err(|error| unusable(&series, &config.files, &error))?;
    spinner.say("loading the network");
    let proposers = proposers(&config.sources, &problem, &mut info)?;
    spinner.say("searching");
    let found = discover(&problem, &proposers, &config.options)?;
    drop(spinner);
    info.warnings.extend(found.warnings);
    for warning in &info.warnings {
        warn(warning);
    }
    tracing::info!(refined = found.refined, "searched");

    // First the files: whoever reads the answer may leave before all of it is written.
    match (&config.plot, found.candidates.first()) {
        (Some(file), Some(best)) => plot(file, &series, best)?,
        (Some(file), None) => warn(&format!("{}: nothing to draw", file.display())),
        (None, _) => {}
    }
    info.seconds = started.elapsed().as_secs_f64();
    if let Some(file) = &config.report {
        report::report(file, &series, &found.candidates, &info)?;
    }
    let text = match config.json {
        true => {
            let line = json(&series, &found.candidates, &info);
            line.map_err(|error| Fault::plain(error.to_string()))? + "\n"
        }
        false => table(&series, &found.candidates, layout()),
    };
    stdout(|out| out.write_all(text.as_bytes()))?;
    Ok(match found.candidates.is_empty() {
        true => Outcome::NoLaw,
        false => Outcome::Done,
    })
}

/// Everybody who is asked for laws.
fn proposers(
    sources: &Sources,
    problem: &Problem,
    info: &mut RunInfo,
) -> Result<Vec<Box<dyn Proposer>>, Fault> {
    let mut network = sources.load()?;
    match (&sources.network, &network) {
        (Network::Missing, _) => info.warnings.push(
            "there is no checkpoint of a trained network, so no transformer proposes laws; name one \
             with --checkpoint"
                .to_string(),
        ),
        (
            Network::At {
                directory, alone, ..
            },
            Some(predictor),
        ) => {
            let most = predictor.max_dimension();
            let here = problem.dimension();
            if here <= most {
                tracing::info!("{}", predictor.description());
                info.checkpoint = Some(directory.display().to_string());
            } else {
                let message = format!(
                    "the network in {} knows laws of up to {most} {}, the data have {here}",
                    directory.display(),
                    if most == 1 { "state" } else { "states" },
                );
                if *alone {
                    return Err(Fault::new(
                        message,
                        "Leave out --proposers, choose columns with --state, or name another network \
                         with --checkpoint.",
                    ));
                }
                info.warnings
                    .push(format!("{message}: no transformer proposes laws"));
                network = None;
            }
        }
        _ => {}
    }
    Ok(sources.proposers(network))
}

/// Why a law can't be sought in a table that could be read.
fn unusable(series: &Series, files: &[PathBuf], error: &nsode_eval::Error) -> Fault {
    use nsode_eval::Error;
    let name = |state: &usize| match series.names.states.get(*state) {
        Some(name) => format!("\"{name}\""),
        None => format!("number {}", state + 1),
    };
    let message = match error {
        Error::TooFewCells {
            state,
            found,
            needed,
        } => format!(
            "column {} has {found} values, at least {needed} are needed",
            name(state)
        ),
        Error::NoScale { state } => format!("column {} is zero wherever it is given", name(state)),
        error => error.to_string(),
    };
    let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    Fault::new(
        format!("{}: {message}", files.join(", ")),
        "Give more observations, or leave the column out by naming the others with --state.",
    )
}

/// How the table is laid out: for the terminal that it goes to, or for a file.
fn layout() -> Layout {
    match terminal_size::terminal_size_of(std::io::stdout()) {
        Some((terminal_size::Width(columns), _)) => Layout::Terminal(columns),
        None => Layout::Plain,
    }
}
