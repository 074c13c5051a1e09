//! Whether and from where a run goes on: what is in its directory, held against its configuration.

use crate::Error;
use crate::checkpoint::files::{DELETE, wrong};
use crate::checkpoint::{self, CONFIG, State, TRAINING};
use crate::config::{ModelConfig, TrainConfig};
use crate::error::CheckpointProblem;
use crate::network::Network;

use super::Options;

/// What to do where there is nothing to go on from.
const AFRESH: &str = "leave out --resume to start afresh";

/// The state to go on from, if that is wanted, checked against the configuration.
pub(super) fn resumed(config: &TrainConfig, options: &Options) -> Result<Option<State>, Error> {
    let out = options.out.as_path();
    if !options.resume {
        let occupied = [TRAINING, CONFIG]
            .iter()
            .any(|file| out.join(file).exists());
        return if occupied {
            Err(Error::Occupied {
                dir: out.to_owned(),
            })
        } else {
            Ok(None)
        };
    }
    let file = out.join(TRAINING);
    let Some(state) = checkpoint::load_state(out)? else {
        return Err(wrong(&file, AFRESH)(CheckpointProblem::Missing));
    };
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
    for (name, part) in [
        ("weights", &state.weights),
        ("first", &state.first),
        ("second", &state.second),
    ] {
        if part.len() != total {
            return Err(wrong(&file, DELETE)(CheckpointProblem::Shape {
                name: name.to_owned(),
                found: format!("[{}]", part.len()),
                expected: format!("[{total}]"),
            }));
        }
    }
    Ok(Some(state))
}
