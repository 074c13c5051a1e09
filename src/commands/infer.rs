//! `nsode infer`: from measured series to the laws that explain them, as a table, JSON, a picture, a page, and a
//! program text.
//!
//! Options are `arguments`', what the user knows already is put to the data in `beliefs`; the work is
//! `nsode_eval`'s.

mod arguments;
mod beliefs;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use nsode_eval::answer::emit::emit;
use nsode_eval::answer::ensemble::{DRAWS, Ensemble};
use nsode_eval::answer::notes::{narrow, notes, unseen};
use nsode_eval::answer::plot::{logarithmic, plot};
use nsode_eval::answer::report::{self, Layout, RunInfo, json, table};
use nsode_eval::propose::guess::Shapes;
use nsode_eval::series::table::{Series, read};
use nsode_eval::{Candidate, Options, Problem, discover};
use nsode_model::predictor::Predictor;

pub use arguments::{Arguments, Config};

use crate::Outcome;
use crate::fault::Fault;
use crate::output::{Target, stdout};
use crate::progress::{Spinner, warn};
use crate::sources::{Network, Sources, await_weights};

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
        seed: config.seed,
        loss: config.loss,
        hidden: config.options.hidden,
        ..RunInfo::default()
    };
    check_horizon(&series, config.horizon)?;
    let guesses = beliefs::guesses(&config.user, &series)?;
    // Who says how exact values are means zeros, too.
    let pose = match config.user.sigma.is_empty() {
        true => Problem::with_loss,
        false => Problem::with_zeros,
    };
    let problem = pose(series.trajectories.clone(), config.loss)
        .map_err(|error| unusable(&series, &config.files, &error))?;
    let problem = beliefs::with_noise(&config.user, problem, &series)?;
    // Last, as what is wrong with the rest need not wait for weights that are loading.
    let network = network(&config, series.names.dimension(), &mut info)?;
    let filter = &config.options.filter;
    let mut proposers = config.sources.proposers(network.clone(), filter);
    for shapes in Shapes::of(&guesses, config.options.local) {
        proposers.push(Box::new(shapes));
    }
    spinner.say("searching");
    let shown = config.options.top;
    let options = Options {
        guesses,
        // Notes and forecasts go by more laws than a short table has.
        top: shown.max(Options::default().top),
        ..config.options.clone()
    };
    let found = discover(&problem, &proposers, &options);
    await_weights(network.as_deref())?;
    let found = found?;
    info.warnings.extend(unseen(&problem, &series.names));
    info.warnings.extend(narrow(&problem, &series.names));
    // Those that are shown come first.
    let each = found.candidates.into_iter().enumerate();
    let (mut all, hidden): (Vec<_>, Vec<_>) =
        each.partition(|(rank, candidate)| *rank < shown || candidate.form.is_some());
    let shown = all.len();
    all.extend(hidden);
    let all: Vec<Candidate> = all.into_iter().map(|(_, candidate)| candidate).collect();
    let candidates = all.get(..shown).unwrap_or_default();
    // What is said of the fits goes by what they were made with.
    let problem = found.problem;
    spinner.say("looking ahead");
    info.warnings.extend(found.warnings);
    info.late = found.late;
    info.logarithmic = logarithmic(&problem);
    info.none = candidates.first().map(|_| found.none);
    info.notes = notes(&problem, &series.names, &all, found.none, found.doubt);
    look_ahead(&config, &series, &problem, &all, &mut info)?;
    drop(spinner);
    for warning in &info.warnings {
        warn(warning);
    }
    tracing::info!(refined = found.refined, "searched");

    // First the files: whoever reads the answer may leave before all of it is written.
    info.seconds = started.elapsed().as_secs_f64();
    let best = candidates.first();
    match (&config.plot, best) {
        (Some(file), Some(best)) => plot(file, &series, best, &info)?,
        (Some(file), None) => warn(&format!("{}: nothing to draw", file.display())),
        (None, _) => {}
    }
    if let Some(file) = &config.report {
        report::report(file, &series, candidates, &info)?;
    }
    let outcome = match best {
        None => Outcome::NoLaw,
        Some(_) => Outcome::Done,
    };
    if let Some((language, target)) = &config.emit {
        match best {
            Some(best) => {
                if best.form.is_none() && candidates.iter().any(|c| c.form.is_some()) {
                    warn(
                        "what is emitted is the first law, which is not a guess; --proposers guess has guesses alone",
                    );
                }
                let text = emit(&series, best, *language);
                target.fill("--emit-to", |out| out.write_all(text.as_bytes()))?;
            }
            None => warn("no law found: there is nothing to emit"),
        }
        if *target == Target::Stdout {
            return Ok(outcome);
        }
    }
    let text = match config.json {
        true => {
            let line = json(&series, candidates, &info);
            line.map_err(|error| Fault::plain(error.to_string()))? + "\n"
        }
        false => table(&series, candidates, &info, layout()),
    };
    stdout(|out| out.write_all(text.as_bytes()))?;
    Ok(outcome)
}

/// A horizon is refused that is so many times as far from the first observation as the longest run.
const FARTHEST_HORIZON: f64 = 1000.0;

/// That a forecast has something before it, known before the search.
fn check_horizon(series: &Series, horizon: Option<f64>) -> Result<(), Fault> {
    let firsts = series
        .trajectories
        .iter()
        .filter_map(|path| path.times().first());
    let first = firsts.copied().fold(f64::NEG_INFINITY, f64::max);
    let spans = series
        .trajectories
        .iter()
        .filter_map(|path| Some(path.times().last()? - path.times().first()?));
    let span = spans.fold(0.0, f64::max);
    match horizon {
        Some(time) if !time.is_finite() => Err(Fault::new(
            format!("--horizon {time} is no time"),
            "Give a time after the data's, in their unit.",
        )),
        Some(time) if time <= first => Err(Fault::new(
            format!(
                "--horizon {time} is not beyond the first observation, at {} = {first}",
                series.names.time
            ),
            "Give a time after the data's, in their unit.",
        )),
        Some(time) if time - first > FARTHEST_HORIZON * span => Err(Fault::new(
            format!("--horizon {time:e} is more than {FARTHEST_HORIZON} times as far as the data"),
            "No band could be told that far. Give an earlier time.",
        )),
        _ => Ok(()),
    }
}

/// Bands of what is to come, and of the right-hand side for the pictures.
fn look_ahead(
    config: &Config,
    series: &Series,
    problem: &Problem,
    candidates: &[Candidate],
    info: &mut RunInfo,
) -> Result<(), Fault> {
    let drawn = config.plot.is_some() || config.report.is_some();
    if !(drawn || config.horizon.is_some()) {
        return Ok(());
    }
    let ensemble = Ensemble::new(problem, candidates, DRAWS, config.seed);
    let (Some(ensemble), Some(best)) = (ensemble, candidates.first()) else {
        if config.horizon.is_some() && !candidates.is_empty() {
            info.warnings
                .push("there is no forecast: the fits could not be repeated".to_string());
        }
        return Ok(());
    };
    info.level = Some(config.level);
    if drawn {
        info.slopes = Some(ensemble.slopes(&best.fitted, config.level));
    }
    if let Some(horizon) = config.horizon {
        let forecast = ensemble
            .forecast(horizon, config.level)
            .map_err(|error| Fault::plain(format!("--horizon: {error}")))?;
        let lost = forecast
            .bands
            .iter()
            .map(|band| band.lost)
            .fold(0.0, f64::max);
        if lost > 0.01 {
            info.warnings.push(format!(
                "{:.0} % of the forecast's draws have no solution up to {} = {horizon}",
                100.0 * lost,
                series.names.time
            ));
        }
        info.forecast = Some(forecast);
    }
    Ok(())
}

/// The network that is asked about systems of `here` states; its weights may still be on their way.
fn network(
    config: &Config,
    here: usize,
    info: &mut RunInfo,
) -> Result<Option<Arc<Predictor>>, Fault> {
    let sources: &Sources = &config.sources;
    let mut network = sources.begin(here)?;
    let checkpoint = sources.checkpoint(here).unwrap_or_default();
    match (&sources.network, &network) {
        (Network::Missing, _) => info.warnings.push(
            "there is no checkpoint of a trained network, so no transformer proposes laws; name one \
             with --checkpoint"
                .to_string(),
        ),
        (Network::At { alone, .. }, Some(predictor)) => {
            let most = predictor.max_dimension();
            if here <= most {
                tracing::info!("{}", predictor.description());
                info.checkpoint = Some(checkpoint.display().to_string());
            } else {
                let message = format!(
                    "the network in {} knows laws of up to {most} {}, the data have {here}",
                    checkpoint.display(),
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
    Ok(network)
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
        Error::Scale { state, scale } => {
            return Fault::new(
                format!(
                    "{}: column {} reaches {scale:e}",
                    listed(files),
                    name(state)
                ),
                "Give it in another unit: magnitudes from 1e-100 to 1e100 can be worked with.",
            );
        }
        error => error.to_string(),
    };
    Fault::new(
        format!("{}: {message}", listed(files)),
        "Give more observations, or leave the column out by naming the others with --state.",
    )
}

fn listed(files: &[PathBuf]) -> String {
    let files: Vec<String> = files.iter().map(|f| f.display().to_string()).collect();
    files.join(", ")
}

/// How the table is laid out: for the terminal that it goes to, or for a file.
fn layout() -> Layout {
    match terminal_size::terminal_size_of(std::io::stdout()) {
        Some((terminal_size::Width(columns), _)) => Layout::Terminal(columns),
        None => Layout::Plain,
    }
}
