//! `nsode eval`: how good the answers are, on systems whose law is known.
//!
//! Options are read here, and the work is handed to `nsode_eval::bench`; what goes to standard output is a table
//! or JSON, what goes to `--out` stays.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use clap::Args;
use nsode_eval::Options;
use nsode_eval::bench::baseline::Baseline;
use nsode_eval::bench::compare::{self, Difference};
use nsode_eval::bench::store::{RunConfig, Store, digest, read_results};
use nsode_eval::bench::summary::{LEGEND, markdown, summarise, table};
use nsode_eval::bench::{
    Answer, Asker, BenchError, Guess, Record, answers, ask, check, export, failure,
    run as run_cases,
};
use nsode_eval::plot::accuracy;
use nsode_eval::proposer::Choice;
use nsode_eval::suite::{self, Case, Condition, Suite, case::POINTS, cases};
use serde_json::{Value, json};

use crate::cli::DeviceArgument;
use crate::fault::Fault;
use crate::output::{make_directory, stdout};
use crate::progress::{Bar, line, warn};
use crate::sources::{Network, Sources};
use crate::{Outcome, locate, stop};

const EXAMPLES: &str = "\
Examples:
  nsode eval --suite odebench-1d --condition clean --proposers sparse --limit 2
  nsode eval --suite odebench-1d --limit 1 --noise 0,0.05 --proposers frequent:9 --out out/eval
  nsode eval --table out/eval
  nsode eval --suite odebench-1d --limit 1 --condition hard --export out/observations

A run that was stopped goes on when it is started again with the same --out. Exit code 1: a figure fell \
below the --baseline.";

/// The options as they are typed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
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
    /// Points before any is dropped
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_values_t = [POINTS])]
    points: Vec<usize>,
    /// Who proposes laws, as for infer: transformer, sparse, local, frequent; NAME:K asks for K laws
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    proposers: Vec<Choice>,
    /// Laws asked of each proposer that has no number of its own
    #[arg(long, value_name = "K")]
    candidates: Option<usize>,
    /// The trained network [default: $NSODE_CHECKPOINT, or the one that comes with the program]
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,
    /// Where the network computes
    #[arg(
        long,
        value_name = "cpu|cuda",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    device: DeviceArgument,
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
    /// Do not run anything: print the results of these runs side by side, in Markdown
    #[arg(long, value_name = "DIR|F.jsonl", num_args = 1.., conflicts_with_all = ["suite", "score", "export", "out"])]
    table: Vec<PathBuf>,
}

/// What is to be done, checked.
#[derive(Debug)]
pub struct Config {
    suites: Vec<Suite>,
    conditions: Vec<Condition>,
    task: Task,
    top: usize,
    seconds: f64,
    seed: u64,
    out: Option<PathBuf>,
    json: bool,
    system: Option<String>,
    against: Option<PathBuf>,
    baseline: Option<PathBuf>,
    accept: Option<PathBuf>,
}

#[derive(Debug)]
enum Task {
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
        for (option, value) in [
            ("--top", Some(self.top)),
            ("--jobs", self.jobs),
            ("--limit", self.limit),
            ("--candidates", self.candidates),
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
            let mut choices = match self.proposers.is_empty() {
                true => Choice::usual(),
                false => self.proposers,
            };
            for choice in &mut choices {
                if choice.kind != nsode_eval::ProposerKind::Local {
                    choice.count = choice.count.or(self.candidates);
                }
            }
            let sources = Sources::new(choices, self.checkpoint, self.device.into())?;
            match self.process {
                true => Task::Process { sources },
                false => Task::Search {
                    sources,
                    jobs: self.jobs.unwrap_or(cores),
                },
            }
        };
        if let Some(directory) = &self.out {
            make_directory(directory, "--out")?;
        }
        Ok(Config {
            suites,
            conditions,
            task,
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
                        points: POINTS,
                    });
                }
            }
        }
        if conditions.is_empty() {
            let named = suite::case::NAMED.map(|(_, noise, drop)| Condition {
                noise,
                drop,
                points: POINTS,
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
        let mut all: Vec<Condition> = Vec::new();
        for condition in conditions {
            for &points in &self.points {
                let condition = Condition {
                    points,
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

/// Runs, judges, compares.
///
/// # Errors
/// A problem with a suite, a file, the network.
pub fn run(config: Config) -> Result<Outcome, Fault> {
    if let Task::Table(runs) = &config.task {
        return side_by_side(runs, config.json);
    }
    let all: Vec<Case> = config
        .suites
        .iter()
        .flat_map(|suite| cases(suite, &config.conditions))
        .collect();
    check(&all)?;
    if let Task::Export(directory) = &config.task {
        export::export(&all, config.seed, directory)?;
        line(&format!(
            "{} cases are in {}",
            all.len(),
            directory.display()
        ));
        return Ok(Outcome::Done);
    }
    // Read before the work, so that a wrong name is not found out after it.
    let old = config.against.as_deref().map(read_results).transpose()?;
    let baseline = config.baseline.as_deref().map(Baseline::read).transpose()?;

    let (records, stopped) = records(&config, &all)?;
    if stopped {
        let place = match &config.out {
            Some(out) => format!(" are in {}; the same command goes on", out.display()),
            None => " are lost; --out keeps them".to_string(),
        };
        line(&format!(
            "stopped: {} of {} cases{place}",
            records.len(),
            all.len()
        ));
        return Ok(Outcome::Interrupted);
    }
    let differences = old.map(|old| compare::compare(&records, &old));
    if let (Some(file), Some([])) = (&config.against, differences.as_deref()) {
        return Err(BenchError::NothingShared { file: file.clone() }.into());
    }
    let falls = match (&config.baseline, baseline) {
        (Some(file), Some(baseline)) => {
            if baseline.shared(&records) == 0 {
                return Err(BenchError::NothingShared { file: file.clone() }.into());
            }
            Some(baseline.falls(&records))
        }
        _ => None,
    };
    if let Some(file) = &config.accept {
        let command = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
        Baseline::of(&records, &format!("nsode {command}")).write(file)?;
    }
    let late = records.iter().filter(|record| record.late).count();
    if late > 0 {
        warn(&format!(
            "{late} of {} searches met the time limit of {} s: their results depend on the machine and its load",
            records.len(),
            config.seconds
        ));
    }
    if let Some(out) = &config.out {
        keep(out, &records, differences.as_deref())?;
    }
    show(&config, &records, differences.as_deref())?;
    let Some(falls) = falls else {
        return Ok(Outcome::Done);
    };
    for fall in &falls {
        let condition = fall.condition.as_deref().unwrap_or("all conditions");
        warn(&format!(
            "{} fell below the baseline ({condition}): {} cases lost, {} won, p = {:.4}",
            fall.figure,
            fall.lost.len(),
            fall.won,
            fall.p
        ));
        for case in &fall.lost {
            line(&format!("  lost: {case}"));
        }
    }
    Ok(match falls.is_empty() {
        true => Outcome::Done,
        false => Outcome::Worse,
    })
}

/// The records of all cases, in their order, and whether the user stopped before.
fn records(config: &Config, all: &[Case]) -> Result<(Vec<Record>, bool), Fault> {
    let (identity, answered) = identity(config)?;
    let mut store = match &config.out {
        Some(out) => Some(Store::open(out, &identity)?),
        None => None,
    };
    let mut done: HashMap<String, Record> = HashMap::new();
    for record in store.iter().flat_map(|store| &store.records) {
        done.insert(record.case.clone(), record.clone());
    }
    let left: Vec<Case> = all
        .iter()
        .filter(|case| !done.contains_key(&case.id()))
        .copied()
        .collect();
    let there = all.len() - left.len();
    if there > 0 {
        line(&format!("{there} of {} cases are there already", all.len()));
    }
    let started = Instant::now();
    let mut bar = Bar::new(
        all.len() as u64,
        "{wide_bar} {human_pos}/{human_len} cases, {msg}, {eta} left",
    );
    let (mut position, mut right) = (there as u64, 0u64);
    let mut each = |record: Record| {
        position += 1;
        right += u64::from(record.skeleton);
        bar.set(position, || {
            let fresh = position - there as u64;
            format!(
                "{:.1} s a case, {:.0} % of skeletons",
                started.elapsed().as_secs_f64() / fresh as f64,
                100.0 * right as f64 / fresh as f64
            )
        });
        if let Some(store) = &mut store {
            store.append(record.clone())?;
        }
        done.insert(record.case.clone(), record);
        Ok(())
    };
    let askers = askers(config, answered, left.len())?;
    let (who, seed, top) = (&identity.system, config.seed, config.top);
    run_cases(&left, who, seed, top, askers, stop::flag(), &mut each)?;
    drop(bar);
    if let Some(store) = &store {
        store.sync()?;
    }
    let records: Vec<Record> = all
        .iter()
        .filter_map(|case| done.remove(&case.id()))
        .collect();
    let stopped = records.len() < all.len();
    Ok((records, stopped))
}

type Answers = HashMap<String, answers::Written>;

/// What decides the results; and the answers, where they are there already.
fn identity(config: &Config) -> Result<(RunConfig, Answers), Fault> {
    let mut answered = Answers::new();
    let mut identity = RunConfig {
        schema: 1,
        system: String::new(),
        program: env!("CARGO_PKG_VERSION").to_string(),
        proposers: Vec::new(),
        network: None,
        top: config.top,
        seconds: config.seconds,
        seed: config.seed,
        asked: String::new(),
        suites: BTreeMap::new(),
    };
    for suite in &config.suites {
        identity
            .suites
            .insert(suite.name.clone(), suite.digest.clone());
    }
    match &config.task {
        Task::Search { sources, .. } | Task::Process { sources } => {
            identity.proposers = sources.names();
            identity.asked = match config.task {
                Task::Process { .. } => "process".to_string(),
                _ => "in process".to_string(),
            };
            if let Network::At { directory, .. } = &sources.network {
                let files = ["config.json", "model.safetensors"].map(|f| directory.join(f));
                identity.network = Some(digest(&files)?);
            }
            identity.system = match sources.usual() {
                true => "nsode".to_string(),
                false => format!("nsode {}", sources.names().join("+")),
            };
        }
        Task::Score(file) => {
            answered = answers::read(file)?;
            identity.asked = format!("answers {}", digest(std::slice::from_ref(file))?);
            let named = answered.values().find_map(|answer| answer.system.clone());
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            identity.system = named.unwrap_or_else(|| stem.into_owned());
        }
        Task::Export(_) | Task::Table(_) => {}
    }
    if let Some(name) = &config.system {
        identity.system = name.clone();
    }
    Ok((identity, answered))
}

/// One asker a worker.
fn askers(config: &Config, answered: Answers, left: usize) -> Result<Vec<Asker<'_>>, Fault> {
    if left == 0 {
        return Ok(Vec::new());
    }
    let mut askers: Vec<Asker> = Vec::new();
    match &config.task {
        Task::Search { sources, jobs } => {
            if sources.network == Network::Missing {
                warn(
                    "there is no checkpoint of a trained network, so no transformer proposes laws",
                );
            }
            for _ in 0..(*jobs).min(left) {
                let proposers = sources.proposers(sources.load()?);
                let options = Options {
                    top: config.top,
                    seconds: config.seconds,
                    seed: config.seed,
                    local: sources.local(),
                };
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .build()
                    .map_err(|error| BenchError::Thread(error.to_string()))?;
                askers.push(Box::new(move |_, observed| {
                    pool.install(|| ask(observed, &proposers, &options))
                }));
            }
        }
        Task::Process { sources } => {
            let program = std::env::current_exe().map_err(|error| {
                Fault::plain(format!("the program does not know its own file: {error}"))
            })?;
            askers.push(Box::new(move |case, observed| {
                let answer = infer(&program, config, sources, case, observed);
                answer.unwrap_or_else(|error| Answer {
                    error: Some(error),
                    ..Answer::default()
                })
            }));
        }
        Task::Score(_) => askers.push(Box::new(move |case, _| match answered.get(&case.id()) {
            Some(written) => written.read(&case.system.names),
            None => Answer {
                error: Some("no answer".to_string()),
                ..Answer::default()
            },
        })),
        Task::Export(_) | Task::Table(_) => {}
    }
    Ok(askers)
}

/// The answer of a process of its own, and the time from its start to its end.
fn infer(
    program: &Path,
    config: &Config,
    sources: &Sources,
    case: &Case,
    observed: &nsode_generator::Trajectory,
) -> Result<Answer, String> {
    let place = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = place.path().join("observed.csv");
    let names = &case.system.names;
    std::fs::write(&file, export::csv(names, observed)).map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.arg("infer").arg(&file).arg("--json");
    command.args(["--top", &config.top.to_string()]);
    command.args(["--seconds", &config.seconds.to_string()]);
    command.args(["--seed", &config.seed.to_string()]);
    command.args(["--proposers", &sources.names().join(",")]);
    if let Network::At { directory, .. } = &sources.network {
        command.arg("--checkpoint").arg(directory);
    }
    let started = Instant::now();
    let output = command.output().map_err(|e| e.to_string())?;
    let seconds = started.elapsed().as_secs_f64();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let candidates = document.get("candidates").and_then(Value::as_array);
    let Some(candidates) = candidates else {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Ok(Answer {
            seconds,
            error: Some(said),
            ..Answer::default()
        });
    };
    let mut guesses = Vec::new();
    for candidate in candidates {
        let rhs = candidate.get("rhs").and_then(Value::as_array);
        let texts = rhs.into_iter().flatten().filter_map(Value::as_str);
        let texts: Vec<String> = texts.map(str::to_string).collect();
        let source = candidate.get("source").and_then(Value::as_str);
        guesses.push(Guess {
            law: answers::law(&texts, names)?,
            posterior: candidate.get("posterior").and_then(Value::as_f64),
            source: source.map(str::to_string),
        });
    }
    let warnings = document.get("warnings").and_then(Value::as_array);
    let late = warnings
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .any(|warning| warning.contains("time limit"));
    Ok(Answer {
        guesses,
        seconds,
        late,
        error: None,
    })
}

/// Writes summary and pictures beside the results.
fn keep(out: &Path, records: &[Record], differences: Option<&[Difference]>) -> Result<(), Fault> {
    let text = document(records, differences) + "\n";
    crate::output::file(&out.join("summary.json"), "--out", |file| {
        file.write_all(text.as_bytes())
    })?;
    let text = format!(
        "{}\n{LEGEND}\n\n## When it fails\n{}",
        markdown(&summarise(records)),
        failure::markdown(records)
    );
    crate::output::file(&out.join("summary.md"), "--out", |file| {
        file.write_all(text.as_bytes())
    })?;
    accuracy::plots(out, records)?;
    Ok(())
}

fn document(records: &[Record], differences: Option<&[Difference]>) -> String {
    json!({"schema": 1, "groups": summarise(records), "against": differences}).to_string()
}

/// Writes the answer to standard output.
fn show(
    config: &Config,
    records: &[Record],
    differences: Option<&[Difference]>,
) -> Result<(), Fault> {
    let text = match config.json {
        true => document(records, differences) + "\n",
        false => {
            let mut text = format!("{}\n{LEGEND}\n", table(&summarise(records)));
            if let Some(differences) = differences {
                text += "\n";
                text += &compare::table(differences);
            }
            text
        }
    };
    stdout(|out| out.write_all(text.as_bytes()))
}

/// Prints the results of several runs.
fn side_by_side(runs: &[PathBuf], as_json: bool) -> Result<Outcome, Fault> {
    let mut records = Vec::new();
    for run in runs {
        records.extend(read_results(run)?);
    }
    let mut groups = summarise(&records);
    // By suite and condition, in the order in which these first occur, so that rivals stand together.
    let mut order: Vec<(String, String)> = Vec::new();
    for group in &groups {
        let key = (group.suite.clone(), group.condition.clone());
        if !order.contains(&key) {
            order.push(key);
        }
    }
    groups.sort_by_key(|group| {
        let mut keys = order.iter();
        keys.position(|(suite, condition)| *suite == group.suite && *condition == group.condition)
    });
    let text = match as_json {
        true => json!({"schema": 1, "groups": groups}).to_string() + "\n",
        false => markdown(&groups),
    };
    stdout(|out| out.write_all(text.as_bytes()))?;
    Ok(Outcome::Done)
}
