//! Whole runs of a tiny network: learning, stopping, resuming, refusing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use nsode_model::Error;
use nsode_model::config::{TrainConfig, Valid};
use nsode_model::metrics::{Line, StepMetrics};
use nsode_model::train::{Event, Options, Progress, train};

fn tiny() -> TrainConfig {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
    (*TrainConfig::from_file(&file).unwrap()).clone()
}

fn valid(change: impl FnOnce(&mut TrainConfig)) -> Valid<TrainConfig> {
    let mut config = tiny();
    change(&mut config);
    config.validated().unwrap()
}

fn options(out: &Path, resume: bool) -> Options {
    Options {
        out: out.to_owned(),
        resume,
        ..Options::default()
    }
}

/// Asks to stop after a step.
struct StopAfter<'a> {
    step: u64,
    stop: &'a AtomicBool,
}

impl Progress for StopAfter<'_> {
    fn event(&self, event: &Event) {
        if matches!(event, Event::Step { step } if *step == self.step) {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

fn run_until(config: &Valid<TrainConfig>, out: &Path, resume: bool, step: u64) -> bool {
    let stop = AtomicBool::new(false);
    let progress = StopAfter { step, stop: &stop };
    let summary = train(config, &options(out, resume), &progress, &stop).unwrap();
    summary.finished
}

fn lines(out: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The lines without what is timed.
fn numbers(out: &Path) -> Vec<Line> {
    lines(out)
        .into_iter()
        .map(|line| match line {
            Line::Train(metrics) => Line::Train(StepMetrics {
                samples_per_second: 0.0,
                step_ms: 0.0,
                wait_ms: 0.0,
                mfu: 0.0,
                accepted: 0.0, // of this session's draws
                seconds: 0.0,
                ..metrics
            }),
            validation => validation,
        })
        .collect()
}

fn weights(out: &Path) -> Vec<u8> {
    std::fs::read(out.join("model.safetensors")).unwrap()
}

#[test]
fn a_resumed_run_is_the_same_run() {
    let dir = tempfile::tempdir().unwrap();
    // in the middle of a pool and at its end; with one worker and with three
    for (cut, workers) in [(3, 1), (4, 3)] {
        let config = valid(|c| {
            c.workers = workers;
            c.validation.beam = 3;
            c.optimizer.average = Some(3.0);
        });
        let (whole, parts) = (dir.path().join("whole"), dir.path().join(format!("{cut}")));
        if !whole.exists() {
            assert!(run_until(&config, &whole, false, u64::MAX));
        }
        assert!(!run_until(&config, &parts, false, cut));
        let so_far = lines(&parts);
        assert_eq!(so_far.last().map(Line::step), Some(cut));
        assert!(run_until(&config, &parts, true, u64::MAX));
        assert_eq!(numbers(&whole), numbers(&parts));
        assert_eq!(weights(&whole), weights(&parts));
    }
}

#[test]
fn a_run_branches_into_a_fall_and_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (trunk, branch) = (dir.path().join("trunk"), dir.path().join("branch"));
    let config = valid(|c| {
        c.optimizer.average = Some(2.0);
        c.optimizer.decay_share = 0.0;
        c.log_every = 1;
    });
    assert!(!run_until(&config, &trunk, false, 3));
    let before = (weights(&trunk), lines(&trunk));
    let options = |resume| Options {
        from: Some(trunk.clone()),
        decay: Some(4),
        ..options(&branch, resume)
    };
    let go = |resume, until| {
        let stop = AtomicBool::new(false);
        let progress = StopAfter {
            step: until,
            stop: &stop,
        };
        train(&config, &options(resume), &progress, &stop).unwrap()
    };
    // stopped in its midst and resumed: the fall is the one that was begun
    let first = go(false, 5);
    assert_eq!((first.step, first.steps, first.finished), (5, 7, false));
    let last = go(true, u64::MAX);
    assert_eq!((last.step, last.finished), (7, true));
    let rates: Vec<f64> = lines(&branch)
        .iter()
        .filter_map(|line| match line {
            Line::Train(metrics) if metrics.step > 3 => Some(metrics.learning_rate),
            _ => None,
        })
        .collect();
    let peak = config.optimizer.learning_rate;
    let expected = [1.0, 0.75, 0.5, 0.25].map(|share| share * peak);
    assert_eq!(rates.len(), 4);
    for (rate, expected) in rates.iter().zip(expected) {
        assert!((rate / expected - 1.0).abs() < 1e-12, "{rate} {expected}");
    }
    assert_eq!((weights(&trunk), lines(&trunk)), before);
}

/// A network that is shipped has no state of its training: its weights are what another run begins with.
#[test]
fn a_run_begins_with_the_weights_of_a_network() {
    let dir = tempfile::tempdir().unwrap();
    let (trained, shipped) = (dir.path().join("trained"), dir.path().join("shipped"));
    let config = valid(|c| c.log_every = 1);
    assert!(!run_until(&config, &trained, false, 3));
    std::fs::create_dir(&shipped).unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(trained.join(file), shipped.join(file)).unwrap();
    }
    let first_loss = |name: &str, from: Option<&Path>, config: &Valid<TrainConfig>| {
        let out = dir.path().join(name);
        let stop = AtomicBool::new(false);
        let progress = StopAfter {
            step: 1,
            stop: &stop,
        };
        let options = Options {
            from: from.map(Path::to_owned),
            ..options(&out, false)
        };
        let done = train(config, &options, &progress, &stop)?;
        assert_eq!(done.step, 1);
        match lines(&out).first() {
            Some(Line::Train(metrics)) => Ok((metrics.loss, metrics.learning_rate)),
            other => panic!("{other:?}"),
        }
    };
    let (afresh, rate) = first_loss("afresh", None, &config).unwrap();
    let (on, rate_on) = first_loss("on", Some(&shipped), &config).unwrap();
    assert!(on < afresh, "{on} {afresh}");
    assert_eq!(rate, rate_on);
    let wider = valid(|c| c.model.d_model *= 2);
    let error: Error = first_loss("wider", Some(&shipped), &wider).unwrap_err();
    assert!(
        matches!(error, Error::Resume { field: "model", .. }),
        "{error}"
    );
}

#[test]
fn lines_after_the_last_save_are_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, killed) = (dir.path().join("whole"), dir.path().join("killed"));
    let config = valid(|_| ());
    assert!(run_until(&config, &whole, false, u64::MAX));
    // a run that was killed after more lines than its last checkpoint knows of
    assert!(!run_until(&config, &killed, false, 3));
    let log = killed.join("metrics.jsonl");
    let mut text = std::fs::read_to_string(&log).unwrap();
    let later = std::fs::read_to_string(whole.join("metrics.jsonl")).unwrap();
    text.push_str(later.lines().nth(4).unwrap());
    text.push_str("\n{\"kind\":\"train\",\"step\":5,\"sam");
    std::fs::write(&log, text).unwrap();
    std::fs::write(killed.join("model.safetensors.tmp"), "half of it").unwrap();
    assert!(run_until(&config, &killed, true, u64::MAX));
    assert_eq!(numbers(&whole), numbers(&killed));
    assert_eq!(weights(&whole), weights(&killed));
    assert!(!killed.join("model.safetensors.tmp").exists());
}

#[test]
fn the_loss_falls() {
    let dir = tempfile::tempdir().unwrap();
    let config = valid(|c| {
        c.steps = 120;
        c.batch = 32;
        c.log_every = 20;
        c.checkpoint_every = 1000;
        c.validation.every = 1000;
    });
    assert!(run_until(&config, dir.path(), false, u64::MAX));
    let skeleton: Vec<f64> = lines(dir.path())
        .iter()
        .filter_map(|line| match line {
            Line::Train(metrics) => Some(metrics.skeleton),
            _ => None,
        })
        .collect();
    let (first, last) = (skeleton[0], skeleton[skeleton.len() - 1]);
    assert!(last < 0.6 * first, "{skeleton:?}");
}

#[test]
fn runs_do_not_overwrite_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let stop = AtomicBool::new(true);
    let config = valid(|_| ());
    // stopped before the first step: saved all the same
    let summary = train(&config, &options(dir.path(), false), &(), &stop).unwrap();
    assert_eq!((summary.step, summary.finished), (0, false));
    let again = train(&config, &options(dir.path(), false), &(), &stop);
    assert!(matches!(again, Err(Error::Occupied { .. })), "{again:?}");
    let empty = dir.path().join("empty");
    let nothing = train(&config, &options(&empty, true), &(), &stop);
    assert!(
        matches!(&nothing, Err(Error::Checkpoint { file, .. }) if file.ends_with("training.safetensors")),
        "{nothing:?}"
    );
    for (field, other) in [
        ("seed", valid(|c| c.seed = 2)),
        ("batch", valid(|c| c.batch = 8)),
        ("model", valid(|c| c.model.d_model = 16)),
    ] {
        let refused = train(&other, &options(dir.path(), true), &(), &stop);
        assert!(
            matches!(&refused, Err(Error::Resume { field: found, .. }) if *found == field),
            "{refused:?}"
        );
    }
    // more steps are no other run
    let longer = valid(|c| c.steps = 7);
    assert!(train(&longer, &options(dir.path(), true), &(), &stop).is_ok());
}

#[test]
fn a_generator_that_yields_nothing_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let config = valid(|c| {
        // no skeleton is as short as this, in practice
        c.model.max_tokens = 4;
        c.generator = nsode_model::config::GeneratorSource::Inline(
            "[system]\ntrees = 0.0\nlaws = 0.0\n[families]\nterms = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]\n"
                .parse()
                .unwrap(),
        );
    });
    let outcome = train(
        &config,
        &options(dir.path(), false),
        &(),
        &AtomicBool::new(false),
    );
    assert!(matches!(outcome, Err(Error::Starved { .. })), "{outcome:?}");
}

#[test]
fn errors_name_the_field_and_its_range() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
    let text = std::fs::read_to_string(file).unwrap();
    for (from, to, named) in [
        ("heads = 2", "heads = 3", "model.heads is 3"),
        ("batch = 16", "batch = 0", "batch is 0"),
        ("pool = 2", "pool = 2\naccumulate = 17", "accumulate is 17"),
        ("bins = 65", "bins = 64", "model.bins is 64"),
        (
            "clip = 1.0",
            "clip = nan",
            "optimizer.clip is NaN; it must be above 0",
        ),
        (
            "betas = [0.9, 0.98]",
            "betas = [0.9, 1.0]",
            "optimizer.betas",
        ),
        ("steps = 6", "steps = 1", "optimizer.warm_up is 2"),
        ("steps = 6", "stepps = 6", "stepps"),
        ("seed = 1\n", "", "seed"),
    ] {
        assert!(text.contains(from));
        let error = TrainConfig::from_toml(&text.replace(from, to)).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_corpus_is_trained_on_and_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = dir.path().join("corpus");
    let mut of = nsode_generator::Options::new(&corpus, 50, 9);
    of.shard_size = 20;
    of.threads = Some(1);
    nsode_generator::generate(&of, &mut |_| (), &AtomicBool::new(false)).unwrap();
    let config = valid(|_| ()); // 96 samples: nearly two rounds
    let run = |out: &str, resume, until| {
        let stop = AtomicBool::new(false);
        let progress = StopAfter {
            step: until,
            stop: &stop,
        };
        let options = Options {
            corpus: Some(corpus.clone()),
            ..options(&dir.path().join(out), resume)
        };
        train(&config, &options, &progress, &stop).unwrap()
    };
    assert!(run("whole", false, u64::MAX).finished);
    assert!(!run("parts", false, 3).finished);
    assert!(run("parts", true, u64::MAX).finished);
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    assert_eq!(numbers(&whole), numbers(&parts));
    assert_eq!(weights(&whole), weights(&parts));
}

#[test]
fn a_step_in_parts_is_the_same_step() {
    let dir = tempfile::tempdir().unwrap();
    let losses = |accumulate: usize| {
        let out = dir.path().join(accumulate.to_string());
        let config = valid(|c| c.accumulate = accumulate);
        assert!(run_until(&config, &out, false, u64::MAX));
        let mut losses = Vec::new();
        for line in lines(&out) {
            match line {
                Line::Train(metrics) => {
                    assert_eq!(metrics.samples, 16 * metrics.step);
                    losses.push(metrics.loss);
                }
                Line::Validation(v) => losses.extend([v.clean.skeleton, v.noisy.skeleton]),
            }
        }
        losses
    };
    let whole = losses(1);
    for (a, b) in whole.iter().zip(losses(3)) {
        assert!((a - b).abs() < 1e-4 * a, "{a} {b}");
    }
}
