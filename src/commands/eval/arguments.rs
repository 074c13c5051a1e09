//! The options of `nsode eval`: as they are typed, and checked.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::Args;
use nsode_eval::discover::without::Part;
use nsode_eval::suite::{self, Condition, Suite, case::POINTS};
use nsode_eval::{Loss, Options};

use crate::commands::check_hidden;
use crate::fault::Fault;
use crate::locate;
use crate::output::make_directory;
use crate::sources::{SourceArguments, Sources};

const EXAMPLES: &str = "\
Examples:
  nsode eval --suite odebench-1d --condition clean --proposers sparse --limit 2
  nsode eval --suite odebench-1d --limit 1 --noise 0,0.05 --proposers frequent:9 --out out/eval
  nsode eval --suite odebench-1d --limit 1 --outliers 0.05 --loss student --proposers sparse
  nsode eval --table out/eval
  nsode eval --suite odebench-1d --limit 1 --condition hard --export out/observations

A run that was stopped goes on when it is started again with the same --out. Exit code 1: a figure fell \
below the --baseline.";

const PROPOSERS: &str = "Who proposes laws, as for infer: transformer, sparse, local, frequent; NAME:K asks for K laws. told gives the \
     true shape away and leaves its constants: the limit";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("proposers", |proposers| proposers.help(PROPOSERS)))]
pub struct Arguments {
    /// Suites: names of data/suites, or .toml and .jsonl files
    #[arg(
        long,
        value_name = "NAME|FILE,…",
        value_delimiter = ',',
        required_unless_present = "table"
    )]
    suite: Vec<String>,
    /// Conditions: clean, noisy, irregular, hard; all four by default
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with_all = ["noise", "drop"])]
    condition: Vec<Condition>,
    /// Instead of named conditions: multiplicative noises, each with each --drop [default: 0]
    #[arg(
        long,
        value_name = "σ,…",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    noise: Vec<f64>,
    /// Instead of named conditions: shares of the points that are dropped [default: 0]
    #[arg(
        long,
        value_name = "ρ,…",
        value_delimiter = ',',
        allow_negative_numbers = true
    )]
    drop: Vec<f64>,
    /// Shares of the values that are gross errors, up or down by a fifth to five times the range of the state
    #[arg(
        long,
        value_name = "q,…",
        value_delimiter = ',',
        allow_negative_numbers = true,
        default_values_t = [0.0]
    )]
    outliers: Vec<f64>,
    /// Points before any is dropped
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [POINTS])]
    points: Vec<usize>,
    /// Runs that are observed together and explained by one law; those beyond the first start between the suite's
    /// initial states
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [1])]
    runs: Vec<usize>,
    /// What residuals cost, as for infer: squares, huber, student
    #[arg(long, value_name = "LOSS", default_value_t, conflicts_with = "score")]
    loss: Loss,
    #[command(flatten)]
    sources: SourceArguments,
    /// Leave out parts of the search, to see what they are worth: refinement, prior, sizes, exact,
    /// neighbours, weights
    #[arg(long, value_name = "PART,…", value_delimiter = ',', conflicts_with_all = ["process", "score"])]
    without: Vec<Part>,
    /// Probability, before any data, that noise of 5 % hides a part of the law, as for infer
    #[arg(long, value_name = "P", allow_negative_numbers = true, default_value_t = 0.0, conflicts_with_all = ["process", "score"])]
    hidden: f64,
    /// Laws of an answer that are judged
    #[arg(long, value_name = "K", default_value_t = 10)]
    top: usize,
    /// Longest time to search in a case, in seconds
    #[arg(long, value_name = "S", allow_negative_numbers = true, default_value_t = Options::default().seconds)]
    seconds: f64,
    /// Seed of the observations and of the search
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Cases at a time; each is searched on one thread [default: one a core]
    #[arg(long, value_name = "J")]
    jobs: Option<usize>,
    /// Only the first systems of each suite
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Directory of the results; one that has some goes on
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write JSON, not a table
    #[arg(long)]
    json: bool,
    /// What the tables call the one who answers
    #[arg(long, value_name = "NAME")]
    system: Option<String>,
    /// Compare with an earlier run, case by case
    #[arg(long, value_name = "OLD.jsonl|DIR")]
    against: Option<PathBuf>,
    /// Fail when a figure is below this baseline by more than chance
    #[arg(long, value_name = "F.json")]
    baseline: Option<PathBuf>,
    /// Write what is reached to this baseline
    #[arg(long, value_name = "F.json", conflicts_with = "baseline")]
    accept: Option<PathBuf>,
    /// Run a process of nsode infer a case, one at a time with all cores, to time what a user waits for
    #[arg(long, conflicts_with_all = ["jobs", "score"])]
    process: bool,
    /// Do not answer: write the observations to this directory, for other programs
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "against", "baseline", "accept", "score"])]
    export: Option<PathBuf>,
    /// Do not answer: judge the answers of another program, lines {"case", "rhs", "seconds"}
    #[arg(long, value_name = "F.jsonl", conflicts_with = "proposers")]
    score: Option<PathBuf>,
    /// Do not run anything: print the results of these runs side by side, in Markdown, and draw them in --out
    #[arg(long, value_name = "DIR|F.jsonl", num_args = 1.., conflicts_with_all = ["suite", "score", "export", "against", "baseline", "accept"])]
    table: Vec<PathBuf>,
}

/// What is to be done, checked.
#[derive(Debug)]
pub struct Config {
    pub suites: Vec<Suite>,
    pub conditions: Vec<Condition>,
    pub task: Task,
    pub without: Vec<Part>,
    pub loss: Loss,
    pub hidden: f64,
    pub top: usize,
    pub seconds: f64,
    pub seed: u64,
    pub out: Option<PathBuf>,
    pub json: bool,
    pub system: Option<String>,
    pub against: Option<PathBuf>,
    pub baseline: Option<PathBuf>,
    pub accept: Option<PathBuf>,
}

/// The kinds of work.
#[derive(Debug)]
pub enum Task {
    /// Ask proposers, so many cases at a time.
    Search { sources: Sources, jobs: usize },
    /// Run `nsode infer` on each case.
    Process { sources: Sources },
    /// Judge a file of answers.
    Score(PathBuf),
    /// Write the observations.
    Export(PathBuf),
    /// Print runs side by side.
    Table(Vec<PathBuf>),
}

impl Arguments {
    /// Checks ranges, reads the suites, and makes directories.
    ///
    /// # Errors
    /// A problem that names the option, or the place in a suite.
    pub fn validated(self) -> Result<Config, Fault> {
        let conditions = self.conditions()?;
        if !(self.seconds.is_finite() && self.seconds > 0.0) {
            return Err(Fault::new(
                format!("--seconds {} is out of range", self.seconds),
                "Give a number above 0.",
            ));
        }
        check_hidden(self.hidden)?;
        for (option, value) in [
            ("--top", Some(self.top)),
            ("--jobs", self.jobs),
            ("--limit", self.limit),
        ] {
            if value == Some(0) {
                return Err(Fault::new(
                    format!("{option} 0 does nothing"),
                    "Give 1 or more.",
                ));
            }
        }
        let mut suites = Vec::new();
        for name in &self.suite {
            let mut suite = suite::read(&find(name)?)?;
            suite.systems.truncate(self.limit.unwrap_or(usize::MAX));
            suites.push(suite);
        }
        let mut names = HashSet::new();
        if let Some(twice) = suites.iter().find(|suite| !names.insert(&suite.name)) {
            return Err(Fault::new(
                format!("--suite: there are two suites with the name {}", twice.name),
                "Give each once.",
            ));
        }
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let task = if !self.table.is_empty() {
            Task::Table(self.table)
        } else if let Some(directory) = self.export {
            make_directory(&directory, "--export")?;
            Task::Export(directory)
        } else if let Some(file) = self.score {
            Task::Score(file)
        } else {
            let sources = self.sources.validated(false)?;
            if self.process && sources.told() {
                return Err(Fault::new(
                    "--process runs nsode infer, which nobody tells the true shape",
                    "Leave out --process.",
                ));
            }
            match self.process {
                true => Task::Process { sources },
                false => Task::Search {
                    sources,
                    jobs: self.jobs.unwrap_or(cores),
                },
            }
        };
        // In one order and each once, as they name the run.
        let given = |part: &Part| self.without.contains(part);
        let without = Part::ALL.into_iter().filter(given).collect();
        if let Some(directory) = &self.out {
            make_directory(directory, "--out")?;
        }
        Ok(Config {
            suites,
            conditions,
            task,
            without,
            loss: self.loss,
            hidden: self.hidden,
            top: self.top,
            seconds: self.seconds,
            seed: self.seed,
            out: self.out,
            json: self.json,
            system: self.system,
            against: self.against,
            baseline: self.baseline,
            accept: self.accept,
        })
    }

    fn conditions(&self) -> Result<Vec<Condition>, Fault> {
        let or_none = |values: &[f64]| match values.is_empty() {
            true => vec![0.0],
            false => values.to_vec(),
        };
        let mut conditions = self.condition.clone();
        if !(self.noise.is_empty() && self.drop.is_empty()) {
            for noise in or_none(&self.noise) {
                for drop in or_none(&self.drop) {
                    conditions.push(Condition {
                        noise,
                        drop,
                        outliers: 0.0,
                        points: POINTS,
                        runs: 1,
                    });
                }
            }
        }
        if conditions.is_empty() {
            let named = suite::case::NAMED.map(|(_, noise, drop)| Condition {
                noise,
                drop,
                outliers: 0.0,
                points: POINTS,
                runs: 1,
            });
            conditions.extend(named);
        }
        for condition in &conditions {
            if !(condition.noise.is_finite() && condition.noise >= 0.0) {
                return Err(Fault::new(
                    format!("--noise {} is out of range", condition.noise),
                    "Give shares of the value, 0 or more, such as 0.05.",
                ));
            }
            if !(0.0..1.0).contains(&condition.drop) {
                return Err(Fault::new(
                    format!("--drop {} is out of range", condition.drop),
                    "Give shares from 0 to below 1, such as 0.5.",
                ));
            }
        }
        if let Some(points) = self.points.iter().find(|n| !(5..=100_000).contains(*n)) {
            return Err(Fault::new(
                format!("--points {points} is out of range"),
                "Give numbers from 5 to 100000.",
            ));
        }
        if let Some(runs) = self.runs.iter().find(|n| !(1..=20).contains(*n)) {
            return Err(Fault::new(
                format!("--runs {runs} is out of range"),
                "Give numbers from 1 to 20.",
            ));
        }
        if let Some(share) = self.outliers.iter().find(|q| !(0.0..=0.5).contains(*q)) {
            return Err(Fault::new(
                format!("--outliers {share} is out of range"),
                "Give shares from 0 to 0.5, such as 0.05.",
            ));
        }
        let sizes = || {
            let outliers = self.outliers.iter();
            let with_points =
                outliers.flat_map(|share| self.points.iter().map(move |points| (*share, *points)));
            with_points.flat_map(|(share, points)| {
                self.runs.iter().map(move |runs| (share, points, *runs))
            })
        };
        let mut all: Vec<Condition> = Vec::new();
        for condition in conditions {
            for (outliers, points, runs) in sizes() {
                let condition = Condition {
                    outliers,
                    points,
                    runs,
                    ..condition
                };
                if !all.contains(&condition) {
                    all.push(condition);
                }
            }
        }
        Ok(all)
    }
}

/// The file of a suite: one that is there, or one of this name where suites are.
fn find(name: &str) -> Result<PathBuf, Fault> {
    let path = Path::new(name);
    let is_file = path
        .extension()
        .is_some_and(|e| e == "toml" || e == "jsonl");
    if is_file || name.contains(std::path::MAIN_SEPARATOR) {
        return Ok(path.to_path_buf());
    }
    locate::suite(name).ok_or_else(|| {
        let known = locate::suites();
        Fault::new(
            format!("--suite {name}: there is no suite of this name"),
            match known.is_empty() {
                true => "Name a .toml or .jsonl file.".to_string(),
                false => format!(
                    "There are {}; or name a .toml or .jsonl file.",
                    known.join(", ")
                ),
            },
        )
    })
}
