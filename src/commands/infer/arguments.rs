//! The options of `nsode infer`: as they are typed, and checked as far as that can be done without the data.

use std::path::PathBuf;

use clap::Args;
use nsode_eval::answer::emit::Language;
use nsode_eval::answer::plot::check_path;
use nsode_eval::answer::report;
use nsode_eval::propose::filter::{Filter, Operations};
use nsode_eval::propose::guess::{Bounds, Fix};
use nsode_eval::series::table::ReadOptions;
use nsode_eval::{Loss, Options};

use crate::commands::check_hidden;
use crate::fault::Fault;
use crate::output::{Target, check_file};
use crate::sources::{SourceArguments, Sources};

const EXAMPLES: &str = "\
Examples:
  nsode infer data/examples/yeast.csv --plot yeast.svg
  nsode infer data/examples/lynx_hare.csv --proposers sparse --top 3 --json
  nsode infer data/examples/yeast.csv --deny trig,tanh --max-complexity 8
  nsode infer data/examples/yeast.csv --guess \"r*biomass*(1 - biomass/K)\" --bounds K=0:1000
  nsode infer data/examples/yeast.csv --loss student
  nsode infer data/examples/us_census.csv --proposers sparse --horizon 1960 --level 0.8
  nsode infer data/examples/yeast.csv --proposers sparse --emit python --emit-to yeast.py

Several files, or a --group column, are several runs of one system and are fitted jointly. Blank \
cells and NaN are missing observations. docs/infer.md says more of each option.";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Tables with a column of times and one or more columns of measured values; - for one that is piped in
    #[arg(value_name = "FILE.csv", required = true)]
    files: Vec<PathBuf>,
    /// Write JSON, not a table
    #[arg(long)]
    json: bool,
    /// Number of laws to show
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,
    /// Column of the times, by header or number; if not given the first one, unless a later one is called so and looks more
    /// like it
    #[arg(long, value_name = "COL")]
    time: Option<String>,
    /// Columns of the measured values, by header or number; all others if not given
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    state: Vec<String>,
    /// Column whose values tell several runs of the system apart; if not given, one called run, id and the like in which
    /// times begin anew
    #[arg(long, value_name = "COL")]
    group: Option<String>,
    /// Longest time to search, in seconds; guesses, and a first law, may take as long again
    #[arg(long, value_name = "S", allow_negative_numbers = true, default_value_t = Options::default().seconds)]
    seconds: f64,
    #[command(flatten)]
    sources: SourceArguments,
    /// Operators that laws may have beside sums, products and whole powers: sin, cos, tan, tanh, exp, log, sqrt,
    /// abs, /, ^ (fitted exponents), trig, functions (all named ones); polynomial (no more)
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    allow: Vec<Operations>,
    /// Operators that laws must not have, by the same names
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    deny: Vec<Operations>,
    /// Longest laws, in the complexity of the table: tokens and constants
    #[arg(long, value_name = "N")]
    max_complexity: Option<usize>,
    /// A law that may be the one, fitted as it is written: names that are no columns are constants, numbers are
    /// where constants start. Can be given several times
    #[arg(long, value_name = "FORMULA", allow_hyphen_values = true)]
    guess: Vec<String>,
    /// Constants of a --guess that are not fitted, with their values
    #[arg(
        long,
        value_name = "NAME=VALUE,…",
        value_delimiter = ',',
        requires = "guess"
    )]
    fix: Vec<Fix>,
    /// Bounds of constants of a --guess; either side may be left out
    #[arg(
        long,
        value_name = "NAME=LOW:HIGH,…",
        value_delimiter = ',',
        requires = "guess"
    )]
    bounds: Vec<Bounds>,
    /// Standard deviation of the noise, where it is known, in the units of the data: one, or one a state
    #[arg(
        long,
        value_name = "S,…",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    sigma: Vec<f64>,
    /// Standard deviation of noise in proportion to the value, where it is known, such as 0.05
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    relative_sigma: Option<f64>,
    /// Probability, before any data, that noise of 5 % hides a part of the law: 0 for laws as people write them down, 0.64 for
    /// random ones, in between for data of nature
    #[arg(
        long,
        value_name = "P",
        allow_negative_numbers = true,
        default_value_t = 0.0
    )]
    hidden: f64,
    /// What residuals cost: squares; or huber, student, in which outliers count for less
    #[arg(long, value_name = "LOSS", default_value_t)]
    loss: Loss,
    /// Forecast to this time, with a band
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    horizon: Option<f64>,
    /// Probability of the bands of forecast and picture
    #[arg(
        long,
        value_name = "P",
        allow_negative_numbers = true,
        default_value_t = 0.9
    )]
    level: f64,
    /// Write the best law as a program text: python, rust, c, julia, latex, sympy; in place of the table, unless
    /// --emit-to names a file
    #[arg(long, value_name = "LANGUAGE")]
    emit: Option<Language>,
    /// File of the program text
    #[arg(long, value_name = "FILE", requires = "emit")]
    emit_to: Option<PathBuf>,
    /// Seed of whatever is random
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Draw data, best law, slopes and forecast to this file
    #[arg(long, value_name = "F.svg|F.png")]
    plot: Option<PathBuf>,
    /// Write all of it to this file, as a page for a browser
    #[arg(long, value_name = "F.html")]
    report: Option<PathBuf>,
}

/// A search, checked.
#[derive(Debug)]
pub struct Config {
    pub files: Vec<PathBuf>,
    pub read: ReadOptions,
    /// Without the guesses, which need the data's names.
    pub options: Options,
    pub sources: Sources,
    pub user: Beliefs,
    pub loss: Loss,
    /// Of the draws that bands are made of; the search has nothing random.
    pub seed: u64,
    pub horizon: Option<f64>,
    pub level: f64,
    pub emit: Option<(Language, Target)>,
    pub json: bool,
    pub plot: Option<PathBuf>,
    pub report: Option<PathBuf>,
}

/// What the user knows already; checked when the data are read.
#[derive(Debug)]
pub struct Beliefs {
    pub guesses: Vec<String>,
    pub fixes: Vec<Fix>,
    pub bounds: Vec<Bounds>,
    /// Additive noise in the units of the data: none, one, or one a state.
    pub sigma: Vec<f64>,
    pub relative_sigma: Option<f64>,
}

impl Arguments {
    /// Checks ranges, the places of what is written, and that somebody proposes laws.
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
        check_hidden(self.hidden)?;
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Fault::new(
                format!("--level {} is out of range", self.level),
                "Give a probability between 0 and 1, such as 0.9.",
            ));
        }
        let noises = self.sigma.iter().map(|value| ("--sigma", *value));
        let relative = self
            .relative_sigma
            .iter()
            .map(|value| ("--relative-sigma", *value));
        for (option, value) in noises.chain(relative) {
            if !(value.is_finite() && value > 0.0) {
                return Err(Fault::new(
                    format!("{option} {value} is out of range"),
                    "Give a standard deviation above 0, or leave it out to have it estimated.",
                ));
            }
        }
        if let Some(file) = &self.plot {
            check_path(file)?;
            check_file(file, "--plot")?;
        }
        if let Some(file) = &self.report {
            report::check_path(file)?;
            check_file(file, "--report")?;
        }
        let filter = self.filter()?;
        let emit = match (self.emit, self.emit_to) {
            (Some(language), Some(file)) => {
                check_file(&file, "--emit-to")?;
                Some((language, Target::File(file)))
            }
            (Some(_), None) if self.json => {
                return Err(Fault::new(
                    "--emit and --json would both go to standard output",
                    "Name a file for the program text with --emit-to.",
                ));
            }
            (Some(language), None) => Some((language, Target::Stdout)),
            (None, _) => None,
        };
        let sources = self.sources.validated(!self.guess.is_empty())?;
        if sources.told() {
            return Err(Fault::new(
                "--proposers told is for nsode eval, which knows the true law",
                "Write a law that you know with --guess.",
            ));
        }
        Ok(Config {
            read: ReadOptions {
                time: self.time,
                state: self.state,
                group: self.group,
            },
            options: Options {
                top: self.top,
                seconds: self.seconds,
                local: sources.local(),
                filter,
                hidden: self.hidden,
                ..Options::default()
            },
            seed: self.seed,
            files: self.files,
            sources,
            user: Beliefs {
                guesses: self.guess,
                fixes: self.fix,
                bounds: self.bounds,
                sigma: self.sigma,
                relative_sigma: self.relative_sigma,
            },
            loss: self.loss,
            horizon: self.horizon,
            level: self.level,
            emit,
            json: self.json,
            plot: self.plot,
            report: self.report,
        })
    }

    fn filter(&self) -> Result<Filter, Fault> {
        let all = |list: &[Operations]| list.iter().fold(Operations::default(), |a, b| a.and(*b));
        if self.deny.iter().any(|set| set.is_empty()) {
            return Err(Fault::new(
                "--deny polynomial would leave no law",
                "Deny operators by their names, such as --deny trig,exp.",
            ));
        }
        // The shortest law, y' = c*y, has a token and a constant.
        if self.max_complexity.is_some_and(|most| most < 2) {
            return Err(Fault::new(
                "--max-complexity below 2 leaves no law",
                "Give 2 or more; a logistic law has 6.",
            ));
        }
        let allowed = (!self.allow.is_empty()).then(|| all(&self.allow));
        Ok(Filter::new(allowed, all(&self.deny), self.max_complexity))
    }
}
