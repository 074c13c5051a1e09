//! From a checkpoint on disk to proposals.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use nsode_generator::Trajectory;
use nsode_model::config::TrainConfig;
use nsode_model::predictor::{Predictor, ProposeOptions, Strategy};
use nsode_model::train::{Event, Options, Progress, train};
use nsode_model::{Device, Error};
use nsode_parser::Skeleton;

struct Silent;

impl Progress for Silent {
    fn event(&self, _: &Event) {}
}

/// A checkpoint of a few steps.
fn checkpoint(out: &Path) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
    let mut config = (*TrainConfig::from_file(&file).unwrap()).clone();
    config.steps = 3;
    config.batch = 16;
    config.optimizer.warm_up = 1;
    config.validation.samples = 16;
    let options = Options {
        out: out.to_owned(),
        ..Options::default()
    };
    let config = config.validated().unwrap();
    train(&config, &options, &Silent, &AtomicBool::new(false)).unwrap();
}

fn decay() -> Trajectory {
    let times: Vec<f64> = (0..50).map(|i| f64::from(i) / 49.0).collect();
    let states = times.iter().map(|t| (-2.0 * t).exp()).collect();
    Trajectory::new(1, times, states).unwrap()
}

#[test]
fn a_checkpoint_proposes_laws() {
    let directory = tempfile::tempdir().unwrap();
    checkpoint(directory.path());
    let predictor = Predictor::load(directory.path(), Device::Cpu).unwrap();
    assert!(predictor.description().contains("step 3"));
    assert!(predictor.max_dimension() >= 1);

    let proposals = predictor.propose(&[decay()], 20).unwrap();
    assert!(!proposals.is_empty());
    for proposal in &proposals {
        assert_eq!(proposal.constants.len(), proposal.skeleton.slots());
        assert!(proposal.constants.iter().all(|c| c.is_finite()));
        assert!(Skeleton::parse(1, proposal.skeleton.tokens()).is_ok());
    }

    // The same file gives the same answers; a seed the same sample.
    let again = Predictor::load(directory.path(), Device::Cpu).unwrap();
    assert_eq!(again.propose(&[decay()], 20).unwrap(), proposals);
    let options = ProposeOptions {
        width: 10,
        strategy: Strategy::Sample { seed: 4 },
    };
    let systems = [vec![decay()], vec![decay()]];
    let samples = predictor.propose_batch(&systems, &options).unwrap();
    assert_eq!(again.propose_batch(&systems, &options).unwrap(), samples);
    assert_ne!(samples[0], samples[1], "every problem has its own stream");
}

#[test]
fn a_directory_without_a_checkpoint_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let error = Predictor::load(directory.path(), Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
}

#[test]
fn the_handle_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    shared::<Predictor>();
}
