//! Whether and from where a run goes on: what is in its directory, held against its configuration.

use std::path::Path;

use crate::Error;
use crate::checkpoint::files::{DELETE, replace, wrong};
use crate::checkpoint::{self, CONFIG, METRICS, State, TRAINING};
use crate::config::{ModelConfig, TrainConfig};
use crate::error::CheckpointProblem;
use crate::network::Network;
use crate::network::growth::grown;
use crate::schedule::Decay;

use super::{Event, Options, Progress};

/// What to do where there is nothing to go on from.
const AFRESH: &str = "leave out --resume to start afresh";

/// What to do where there is nothing to begin with.
const ELSEWHERE: &str = "name the directory of a run with --from, or of a network; --decay needs a run, whose state is there";

/// What a run says that begins with a network's weights.
const BEGINS: &str =
    "there is no state of a run, so this is a new one that begins with the network's weights";

/// What a run says that begins with a smaller network's.
const GROWS: &str = "this is a new run that begins with the network grown to the configured size: it computes the same";

/// Where a run begins.
pub(super) enum Origin {
    /// With weights by chance.
    Afresh,
    /// With the weights of a network that came without the state of its training: as a run of its own.
    Weights(Vec<f32>),
    /// Where another session, or another run, was.
    State(Box<State>),
}

/// Where to begin, checked against the configuration. States that are damaged are told of and passed over.
pub(super) fn origin(
    config: &TrainConfig,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Origin, Error> {
    let own = options.out.as_path();
    if !options.resume {
        let occupied = [TRAINING, CONFIG]
            .iter()
            .any(|file| own.join(file).exists());
        if occupied {
            return Err(Error::Occupied {
                dir: own.to_owned(),
            });
        }
    }
    let out = match &options.from {
        Some(other) if !options.resume => other.as_path(),
        None if !options.resume => return Ok(Origin::Afresh),
        _ => own,
    };
    let file = out.join(TRAINING);
    if !options.resume && options.decay.is_none() && !file.exists() && out.join(CONFIG).exists() {
        let (values, said) = weights(config, out)?;
        progress.event(&Event::Warning(said.to_owned()));
        return Ok(Origin::Weights(values));
    }
    let Some((mut state, damaged)) = checkpoint::load_state(out)? else {
        let remedy = if options.resume { AFRESH } else { ELSEWHERE };
        return Err(wrong(&file, remedy)(CheckpointProblem::Missing));
    };
    for error in damaged {
        let passed = format!(
            "{error}; going on from the state of step {}",
            state.run.step
        );
        progress.event(&Event::Warning(passed));
    }
    let was = &state.run;
    let same = |field: &'static str, was: String, now: String| {
        if was == now {
            return Ok(());
        }
        Err(Error::Resume {
            dir: out.to_owned(),
            field,
            was,
            now,
        })
    };
    let shape = |model: &ModelConfig| serde_json::to_string(model).unwrap_or_default();
    same("seed", was.seed.to_string(), config.seed.to_string())?;
    same("batch", was.batch.to_string(), config.batch.to_string())?;
    same("pool", was.pool.to_string(), config.pool.to_string())?;
    same("model", shape(&was.model), shape(&config.model))?;
    let vocabulary = checkpoint::vocabulary(&config.model)?;
    same(
        "the vocabulary",
        was.vocabulary.clone(),
        vocabulary.fingerprint(),
    )?;
    let total = Network::layout(&config.model, vocabulary.size()).total() as usize;
    let parts = [
        ("weights", &state.weights),
        ("first", &state.first),
        ("second", &state.second),
    ];
    let average = state.average.iter().map(|values| ("average", values));
    for (name, part) in parts.into_iter().chain(average) {
        if part.len() != total {
            return Err(wrong(&file, DELETE)(CheckpointProblem::Shape {
                name: name.to_owned(),
                found: format!("[{}]", part.len()),
                expected: format!("[{total}]"),
            }));
        }
    }
    if let Some(steps) = options.decay
        && state.run.decay.is_none()
    {
        let from = state.run.step;
        state.run.decay = Some(Decay { from, steps });
    }
    if out != own {
        // the log of what led here
        match std::fs::read(out.join(METRICS)) {
            Ok(log) => replace(&own.join(METRICS), &log)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io(&out.join(METRICS))(error)),
        }
    }
    Ok(Origin::State(Box::new(state)))
}

/// The weights in `directory`, of the configured shape or grown to it, and what is to be said of that. What its rates
/// were scaled from is no matter.
fn weights(config: &TrainConfig, directory: &Path) -> Result<(Vec<f32>, &'static str), Error> {
    let described = checkpoint::Described::open(directory)?;
    let (model, values) = (described.config().clone(), described.values()?);
    let shape = |model: &ModelConfig| {
        let bare = ModelConfig {
            base: None,
            ..model.clone()
        };
        serde_json::to_string(&bare).unwrap_or_default()
    };
    let (was, now) = (shape(&model), shape(&config.model));
    if was == now {
        return Ok((values, BEGINS));
    }
    let size = checkpoint::vocabulary(&config.model)?.size();
    let grown = grown((&model, &values), &config.model, size, config.seed);
    let grown = grown.ok_or_else(|| Error::Resume {
        dir: directory.to_owned(),
        field: "model",
        was,
        now,
    })?;
    Ok((grown, GROWS))
}
