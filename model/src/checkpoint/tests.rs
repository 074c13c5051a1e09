//! Checkpoints there and back, and every way in which one can be damaged.

use std::path::Path;

use super::*;
use crate::Device;
use crate::config::{Inputs, Precision, Stored};
use crate::error::CheckpointProblem;
use crate::network::Network;
use crate::schedule::Decay;

fn config() -> ModelConfig {
    ModelConfig {
        d_model: 8,
        heads: 2,
        encoder_layers: 1,
        decoder_layers: 1,
        feed_forward: 1,
        max_dimension: 1,
        max_tokens: 8,
        bins: 9,
        constants: Default::default(),
        inputs: Inputs::Anchors {
            count: 2,
            neighbours: vec![3],
            frequencies: 1,
        },
        base: None,
    }
}

fn weights(config: &ModelConfig) -> Vec<f32> {
    let vocabulary = vocabulary(config).unwrap();
    Network::layout(config, vocabulary.size()).initial(5)
}

fn saved(stored: Stored) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    save(dir.path(), &config(), &weights(&config()), 42, stored).unwrap();
    dir
}

fn problem(dir: &Path) -> (String, CheckpointProblem) {
    match Described::open(dir).and_then(|found| found.load(Device::Cpu)) {
        Err(Error::Checkpoint {
            file,
            problem,
            remedy,
        }) => {
            assert!(!remedy.is_empty());
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, problem)
        }
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

/// Changes `config.json` by `change`.
fn edit(dir: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let file = dir.join(CONFIG);
    let mut value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(&file, serde_json::to_vec(&value).unwrap()).unwrap();
}

#[test]
fn there_and_back() {
    let values = weights(&config());
    for (stored, tolerance) in [(Stored::F32, 0.0), (Stored::Bf16, 1.0 / 256.0)] {
        let dir = saved(stored);
        let described = Described::open(dir.path()).unwrap();
        assert_eq!((described.config(), described.step()), (&config(), 42));
        let (network, _) = described.load(Device::Cpu).unwrap();
        assert_eq!(network.config(), &config());
        let found = network.parameters().values().unwrap();
        assert_eq!(found.len(), values.len());
        for (found, expected) in found.iter().zip(&values) {
            assert!((found - expected).abs() <= tolerance * expected.abs());
        }
        let left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }
}

#[test]
fn missing_files() {
    for file in [CONFIG, WEIGHTS] {
        let dir = saved(Stored::F32);
        std::fs::remove_file(dir.path().join(file)).unwrap();
        let expected = (file.to_owned(), CheckpointProblem::Missing);
        assert_eq!(problem(dir.path()), expected);
    }
}

#[test]
fn truncated_at_any_length() {
    for file in [CONFIG, WEIGHTS] {
        let dir = saved(Stored::Bf16);
        let path = dir.path().join(file);
        let bytes = std::fs::read(&path).unwrap();
        for part in 0..20 {
            std::fs::write(&path, &bytes[..bytes.len() * part / 20]).unwrap();
            let (name, problem) = problem(dir.path());
            assert_eq!(name, file);
            assert!(matches!(problem, CheckpointProblem::Malformed(_)));
        }
    }
}

#[test]
fn any_byte_of_the_weights_changed() {
    let dir = saved(Stored::F32);
    let path = dir.path().join(WEIGHTS);
    let bytes = std::fs::read(&path).unwrap();
    for place in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        std::fs::write(&path, &changed).unwrap();
        let (name, problem) = problem(dir.path());
        assert_eq!(name, WEIGHTS);
        assert!(matches!(
            problem,
            CheckpointProblem::Hash { .. } | CheckpointProblem::Malformed(_)
        ));
    }
}

#[test]
fn another_version_or_vocabulary() {
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| value["format"] = 99.into());
    assert_eq!(
        problem(dir.path()).1,
        CheckpointProblem::Version {
            found: 99,
            expected: FORMAT
        }
    );
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| {
        value["vocabulary"]["fingerprint"] = "0".into();
    });
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::Vocabulary { .. }
    ));
}

#[test]
fn another_shape() {
    // d_model changes shapes; layers change the number of tensors
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| value["model"]["d_model"] = 16.into());
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::Shape { .. }
    ));
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| {
        value["model"]["encoder_layers"] = 2.into();
    });
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::Tensors { .. }
    ));
    // a shape that no network can have
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| value["model"]["heads"] = 3.into());
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::Malformed(_)
    ));
    // the stored type is not what is said
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| {
        value["weights"]["stored"] = "bf16".into();
    });
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::Shape { .. }
    ));
}

#[test]
fn a_weight_that_is_no_number() {
    let dir = tempfile::tempdir().unwrap();
    let mut values = weights(&config());
    values[100] = f32::NAN;
    save(dir.path(), &config(), &values, 1, Stored::F32).unwrap();
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::NotFinite { .. }
    ));
}

fn state() -> State {
    let weights = weights(&config());
    State {
        run: RunRecord {
            format: FORMAT,
            step: 17,
            seed: 3,
            batch: 4,
            pool: 2,
            model: config(),
            vocabulary: "abc".to_owned(),
            precision: Precision::Fp32,
            source: "def".to_owned(),
            seconds: 1.25,
            counts: [16.0, 1.0, 0.0],
            decay: Some(Decay {
                from: 10,
                steps: 20,
            }),
            best: Some(0.5),
        },
        first: weights.iter().map(|v| v * 0.5).collect(),
        second: weights.iter().map(|v| v * v).collect(),
        average: Some(weights.iter().map(|v| v + 1.0).collect()),
        weights,
    }
}

#[test]
fn a_runs_state_there_and_back() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load_state(dir.path()).unwrap().is_none());
    save_state(dir.path(), &state(), 1).unwrap();
    let (found, damaged) = load_state(dir.path()).unwrap().unwrap();
    assert_eq!(found, state());
    assert!(damaged.is_empty());
}

#[test]
fn where_the_newest_state_is_damaged_the_one_before_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |step| {
        let mut state = state();
        state.run.step = step;
        state
    };
    for step in 1..=5 {
        save_state(dir.path(), &at(step), 2).unwrap();
    }
    let file = |name: &str| dir.path().join(name);
    assert!(!file("training-3.safetensors").exists());
    let mut names = Vec::new();
    for (name, before) in [("training.safetensors", 4), ("training-1.safetensors", 3)] {
        std::fs::write(file(name), "no such thing").unwrap();
        names.push(name);
        let (state, damaged) = load_state(dir.path()).unwrap().unwrap();
        assert_eq!(state.run.step, before);
        assert_eq!(damaged.len(), names.len());
        for (error, name) in damaged.iter().zip(&names) {
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    std::fs::remove_file(file("training-2.safetensors")).unwrap();
    let error = load_state(dir.path()).unwrap_err();
    assert!(error.to_string().contains(names[0]), "{error}");
}

#[test]
fn a_damaged_state_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    save_state(dir.path(), &state(), 0).unwrap();
    let path = dir.path().join(TRAINING);
    let bytes = std::fs::read(&path).unwrap();
    let expect_error = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = load_state(dir.path());
        assert!(
            matches!(&error, Err(Error::Checkpoint { file, .. }) if *file == path),
            "{error:?}"
        );
    };
    for part in 0..20 {
        expect_error(&bytes[..bytes.len() * part / 20]);
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 40) {
        let mut changed = bytes.clone();
        changed[place] ^= 0x10;
        expect_error(&changed);
    }
}

#[test]
fn a_shape_too_large_for_memory() {
    // what the manifest says is believed only as far as the weights' file bears it out
    let dir = saved(Stored::F32);
    edit(dir.path(), |value| {
        value["model"]["d_model"] = 8192.into();
        value["model"]["feed_forward"] = 16.into();
    });
    assert!(matches!(
        problem(dir.path()).1,
        CheckpointProblem::Shape { .. }
    ));
}
