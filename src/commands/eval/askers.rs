//! Who answers the cases of a run, one [`Asker`] a worker: the proposers in this process, a process of its own
//! a case, or a file of answers; and what of it decides the results.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use nsode_eval::bench::store::{RunConfig, digest};
use nsode_eval::bench::{Answer, Asker, BenchError, Guess, answers, ask, export};
use nsode_eval::propose::filter::Filter;
use nsode_eval::propose::told::Told;
use nsode_eval::suite::Case;
use nsode_eval::{Options, Proposer};
use nsode_generator::manifest::file_sha256;
use serde_json::Value;

use super::arguments::{Config, Task};
use crate::fault::Fault;
use crate::progress::warn;
use crate::sources::{Network, Sources, await_weights};

/// Answers that are there already, by case.
pub type Answers = HashMap<String, answers::Written>;

/// What decides the results; and the answers, where they are there already.
///
/// # Errors
/// A network or a file of answers that can't be read.
pub fn identity(config: &Config) -> Result<(RunConfig, Answers), Fault> {
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
        loss: None,
        hidden: config.hidden,
        suites: BTreeMap::new(),
    };
    for suite in &config.suites {
        identity
            .suites
            .insert(suite.name.clone(), suite.digest.clone());
    }
    match &config.task {
        Task::Search { sources, .. } | Task::Process { sources } => {
            identity.program = program();
            identity.proposers = sources.names();
            identity.asked = match config.task {
                Task::Process { .. } => "process".to_string(),
                _ => "in process".to_string(),
            };
            let networks = dimensions(config).into_iter();
            let networks: BTreeSet<_> = networks.flat_map(|n| sources.checkpoint(n)).collect();
            let files = ["config.json", "model.safetensors"];
            let files = networks.iter().flat_map(|n| files.map(|file| n.join(file)));
            let files: Vec<_> = files.collect();
            if !files.is_empty() {
                identity.network = Some(digest(&files)?);
            }
            identity.system = match sources.usual() {
                true => "nsode".to_string(),
                false => format!("nsode {}", sources.names().join("+")),
            };
            if !config.without.is_empty() {
                let parts: Vec<&str> = config.without.iter().map(|part| part.name()).collect();
                identity.asked += &format!(" without {}", parts.join(","));
                identity.system += &format!(" without {}", parts.join(","));
            }
            if config.loss.is_robust() {
                identity.loss = Some(config.loss.to_string());
                identity.system += &format!(", loss {}", config.loss);
            }
            if config.hidden > 0.0 {
                identity.system += &format!(", hidden {}", config.hidden);
            }
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

/// One asker a worker; none where nothing is `left` to ask.
///
/// # Errors
/// A network that can't be loaded, a thread that can't be started.
pub fn askers(config: &Config, answered: Answers, left: usize) -> Result<Vec<Asker<'_>>, Fault> {
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
                let mut proposers = by_states(config, sources)?;
                let options = Options {
                    top: config.top,
                    seconds: config.seconds,
                    local: sources.local(),
                    without: config.without.clone(),
                    hidden: config.hidden,
                    ..Options::default()
                };
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(1)
                    .build()
                    .map_err(|error| BenchError::Thread(error.to_string()))?;
                let told = sources.told();
                askers.push(Box::new(move |case, observed| {
                    let law = &case.system.law;
                    let proposers = proposers.entry(law.dimension()).or_default();
                    if told {
                        match Told::new(law) {
                            Some(told) => proposers.push(Box::new(told)),
                            None => return failed("the law has no canonical form".to_string()),
                        }
                    }
                    let answer = pool.install(|| ask(observed, config.loss, proposers, &options));
                    if told {
                        proposers.pop();
                    }
                    answer
                }));
            }
        }
        Task::Process { sources } => {
            let program = std::env::current_exe().map_err(|error| {
                Fault::plain(format!("the program does not know its own file: {error}"))
            })?;
            askers.push(Box::new(move |case, observed| {
                let answer = infer(&program, config, sources, case, observed);
                answer.unwrap_or_else(failed)
            }));
        }
        Task::Score(_) => askers.push(Box::new(move |case, _| match answered.get(&case.id()) {
            Some(written) => written.read(&case.system.names),
            None => failed("no answer".to_string()),
        })),
        Task::Export(_) | Task::Table(_) => {}
    }
    Ok(askers)
}

/// The numbers of states of the run's systems.
fn dimensions(config: &Config) -> BTreeSet<usize> {
    let systems = config.suites.iter().flat_map(|suite| &suite.systems);
    systems.map(|system| system.law.dimension()).collect()
}

/// Who proposes laws, for each number of states.
fn by_states(
    config: &Config,
    sources: &Sources,
) -> Result<BTreeMap<usize, Vec<Box<dyn Proposer>>>, Fault> {
    let mut loaded = BTreeMap::new();
    let mut all = BTreeMap::new();
    for states in dimensions(config) {
        let checkpoint = sources.checkpoint(states);
        if !loaded.contains_key(&checkpoint) {
            let network = sources.begin(states)?;
            await_weights(network.as_deref())?;
            loaded.insert(checkpoint.clone(), network);
        }
        let network = loaded.get(&checkpoint).cloned().flatten();
        all.insert(states, sources.proposers(network, &Filter::default()));
    }
    Ok(all)
}

/// No answer, for this reason.
fn failed(error: String) -> Answer {
    Answer {
        error: Some(error),
        ..Answer::default()
    }
}

/// Version of this program, and which build of it: another one may find other laws.
fn program() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let file = std::env::current_exe().ok();
    match file.and_then(|file| file_sha256(&file).ok()) {
        Some(hash) => format!("{version} ({})", hash.get(..12).unwrap_or(&hash)),
        None => version.to_string(),
    }
}

/// The answer of a process of its own, and the time from its start to its end.
fn infer(
    program: &Path,
    config: &Config,
    sources: &Sources,
    case: &Case,
    observed: &[nsode_generator::Trajectory],
) -> Result<Answer, String> {
    let place = tempfile::tempdir().map_err(|e| e.to_string())?;
    let file = place.path().join("observed.csv");
    let names = &case.system.names;
    std::fs::write(&file, export::csv(names, observed)).map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.arg("infer").arg(&file).arg("--json");
    if observed.len() > 1 {
        command.args(["--group", export::RUN]);
    }
    command.args(["--top", &config.top.to_string()]);
    command.args(["--seconds", &config.seconds.to_string()]);
    command.args(["--seed", &config.seed.to_string()]);
    command.args(["--loss", config.loss.name()]);
    command.args(["--proposers", &sources.names().join(",")]);
    if let Network::At {
        directory, device, ..
    } = &sources.network
    {
        command.arg("--checkpoint").arg(directory);
        command.args(["--device", device.name()]);
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
    Ok(Answer {
        guesses,
        seconds,
        late: document.get("late").and_then(Value::as_bool) == Some(true),
        error: None,
    })
}
