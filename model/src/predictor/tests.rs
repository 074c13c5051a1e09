//! What must hold of proposals whatever the weights, and of the thread whatever happens on it.

use tch::Kind;

use super::*;
use crate::config::{Inputs, ModelConfig};
use crate::decode::search::{Search, search};
use crate::network::Network;
use crate::twohot::Bins;
use crate::vocabulary::{Order, Vocabulary};

fn config(d_model: usize, layers: [usize; 2], max_tokens: usize) -> ModelConfig {
    ModelConfig {
        d_model,
        heads: d_model / 16,
        encoder_layers: layers[0],
        decoder_layers: layers[1],
        feed_forward: 4,
        max_dimension: 3,
        max_tokens,
        bins: 201,
        constants: Default::default(),
        inputs: Inputs::Anchors {
            count: 24,
            neighbours: vec![7, 15, 31],
            frequencies: 4,
        },
        base: None,
    }
}

/// A network with random weights, all of them larger than at the start of a training, so that its
/// distributions are far from uniform.
fn random(config: ModelConfig, seed: u64) -> Predictor {
    let max_dimension = config.max_dimension;
    let worker = Worker::start(move || {
        let vocabulary = Vocabulary::new(
            Bins::new(config.bins, 0.02, 300.0).expect("valid"),
            config.constants,
        );
        let mut values = Network::layout(&config, vocabulary.size()).initial(seed);
        values.iter_mut().for_each(|v| *v *= 3.0);
        let network = Network::new(
            config.validated()?,
            vocabulary.size(),
            &values,
            tch::Device::Cpu,
            Kind::Float,
            false,
        )?;
        Ok(Served {
            network,
            vocabulary,
        })
    })
    .expect("a thread");
    worker.ready().expect("a network");
    Predictor {
        worker,
        description: "random".to_owned(),
        max_dimension,
    }
}

/// A normalised run of damped oscillations, a different one for each `phase`.
fn run(dimension: usize, points: usize, phase: f64) -> Trajectory {
    let times: Vec<f64> = (0..points)
        .map(|i| i as f64 / (points - 1) as f64)
        .collect();
    let states = times
        .iter()
        .flat_map(|t| (0..dimension).map(move |d| (-t).exp() * (5.0 * t + phase + d as f64).sin()))
        .collect();
    Trajectory::new(dimension, times, states).expect("valid")
}

fn check(proposals: &[Proposal], dimension: usize) {
    let mut before = f64::INFINITY;
    let mut seen = std::collections::HashSet::new();
    for p in proposals {
        let parsed = Skeleton::parse(dimension, p.skeleton.tokens()).expect("parses");
        assert_eq!(parsed, p.skeleton);
        assert_eq!(p.constants.len(), p.skeleton.slots());
        assert!(p.constants.iter().all(|c| c.is_finite()));
        assert!(p.log_probability < 1e-9 && p.log_probability <= before);
        before = p.log_probability;
        assert!(p.skeleton.tokens().len() <= 12);
        let law = p.skeleton.instantiate(&p.constants).expect("a law");
        assert!(law.rhs().iter().any(|sum| sum.depends_on_state()));
        assert!(seen.insert(&p.skeleton), "equal laws are joined");
    }
    let mass: f64 = proposals.iter().map(|p| p.log_probability.exp()).sum();
    assert!(mass < 1.0 + 1e-6);
}

#[test]
fn every_proposal_is_a_law() {
    let mut laws = 0;
    for (seed, dimension) in [(1, 1), (2, 2), (3, 3)] {
        let predictor = random(config(32, [1, 2], 12), seed);
        for strategy in [Strategy::Beam, Strategy::Sample { seed }] {
            let options = ProposeOptions {
                width: 20,
                strategy,
            };
            let runs = vec![run(dimension, 40, 0.3), run(dimension, 25, 1.3)];
            let lists = predictor
                .propose_batch(&[runs], &options)
                .expect("proposals");
            laws += lists[0].len();
            check(&lists[0], dimension);
        }
    }
    // Of 120; a wild network also spells some whose canonical form is too long, or without a state.
    assert!(laws >= 20, "{laws}");
}

#[test]
fn a_batch_gives_what_each_problem_gives_alone() {
    let predictor = random(config(32, [1, 2], 10), 4);
    let systems = vec![
        vec![run(1, 40, 0.3)],
        vec![run(2, 33, 0.9), run(2, 20, 1.9), run(2, 60, 2.9)],
        vec![run(1, 12, 0.1), run(1, 13, 2.1)],
    ];
    let options = ProposeOptions::beam(8);
    let together = predictor
        .propose_batch(&systems, &options)
        .expect("proposals");
    assert_eq!(together.len(), 3);
    for (runs, list) in systems.iter().zip(&together) {
        let alone = predictor.propose(runs, 8).expect("proposals");
        check(&alone, runs[0].dimension());
        assert_eq!(alone.len(), list.len());
        for (a, b) in alone.iter().zip(list) {
            assert_eq!(a.skeleton, b.skeleton);
            assert!((a.log_probability - b.log_probability).abs() < 1e-3);
            for (x, y) in a.constants.iter().zip(&b.constants) {
                assert!((x - y).abs() < 1e-3 * (1.0 + x.abs()), "{x} {y}");
            }
        }
    }
}

#[test]
fn runs_that_say_the_same_say_it_once() {
    // The ensemble's mean over equal members is the member.
    let predictor = random(config(32, [1, 2], 10), 5);
    let one = predictor
        .propose(&[run(1, 40, 0.3)], 10)
        .expect("proposals");
    let three = predictor
        .propose(&vec![run(1, 40, 0.3); 3], 10)
        .expect("proposals");
    assert_eq!(one.len(), three.len());
    for (a, b) in one.iter().zip(&three) {
        assert_eq!(a.skeleton, b.skeleton);
        assert!((a.log_probability - b.log_probability).abs() < 1e-4);
    }
    let other = predictor
        .propose(&[run(1, 40, 1.7)], 10)
        .expect("proposals");
    assert_ne!(one, other, "the observations matter");
}

#[test]
fn skeletons_have_the_log_probability_that_the_search_gave_them() {
    // The search reorders the cache all the time; each skeleton fed alone does not.
    for constants in [Order::After, Order::Inline] {
        let config = ModelConfig {
            constants,
            ..config(32, [1, 2], 12)
        };
        as_the_search_gave_them(&random(config, 6));
    }
}

fn as_the_search_gave_them(predictor: &Predictor) {
    let pairs = predictor.worker.call(|served| {
        let runs = [run(1, 40, 0.3), run(1, 40, 2.3)];
        let systems = [runs.iter().collect(), vec![&runs[1]]];
        let options = Search {
            width: 15,
            max_tokens: 12,
            strategy: Strategy::Beam,
        };
        let outcomes = search(
            &mut served.ensemble(&systems)?,
            &[1, 1],
            &options,
            &served.vocabulary,
        )?;
        let mut pairs = Vec::new();
        for (outcome, runs) in outcomes.iter().zip([&runs[..], &runs[1..]]) {
            for found in &outcome.found {
                let again = served.complete(runs, std::slice::from_ref(&found.skeleton))?;
                pairs.push((found.log_probability, again[0].log_probability));
            }
        }
        Ok(pairs)
    });
    let pairs = pairs.expect("decodes");
    assert!(pairs.len() > 20, "{}", pairs.len());
    for (searched, fed) in pairs {
        assert!((searched - fed).abs() < 1e-3, "{searched} {fed}");
    }
}

#[test]
fn observations_that_cannot_be_read_are_errors() {
    let predictor = random(config(16, [1, 1], 8), 7);
    let missing = Trajectory::new(1, vec![0.0, 1.0], vec![f64::NAN; 2]).expect("valid");
    for runs in [
        vec![],
        vec![run(4, 10, 0.0)],
        vec![run(1, 10, 0.0), run(2, 10, 0.0)],
        vec![missing],
    ] {
        let error = predictor.propose(&runs, 4).expect_err("unreadable");
        assert!(matches!(error, Error::Observations(_)), "{error}");
    }
    let two = Skeleton::parse(2, &[nsode_parser::token::Token::X1; 2]).expect("valid");
    assert!(predictor.complete(&[run(1, 10, 0.0)], &[two]).is_err());
    assert!(
        predictor
            .propose(&[run(1, 10, 0.0)], 0)
            .expect("nothing")
            .is_empty()
    );
}

#[test]
fn a_panic_is_an_error_and_the_thread_lives_on() {
    let predictor = random(config(16, [1, 1], 8), 8);
    let error = predictor
        .worker
        .call(|_| -> Result<(), Error> { panic!("out of memory\nand more") })
        .expect_err("panics");
    match error {
        Error::Panicked { message, .. } => assert_eq!(message, "out of memory"),
        other => panic!("{other}"),
    }
    assert!(
        !predictor
            .propose(&[run(1, 20, 0.0)], 4)
            .expect("lives")
            .is_empty()
    );
}

#[test]
fn a_load_that_fails_or_panics_is_an_error() {
    let worker = Worker::start(|| Err(Error::Observations("no".to_owned()))).expect("a thread");
    assert!(!worker.is_ready());
    assert!(matches!(worker.call(|_| Ok(())), Err(Error::Thread(_))));
    assert!(matches!(worker.ready(), Err(Error::Observations(_))));
    assert!(matches!(worker.ready(), Err(Error::Thread(_))));
    let worker = Worker::start(|| panic!("bad weights")).expect("a thread");
    assert!(matches!(worker.ready(), Err(Error::Panicked { .. })));
}

#[test]
fn many_threads_ask_one_predictor() {
    let predictor = random(config(16, [1, 1], 8), 9);
    let want = predictor.propose(&[run(1, 20, 0.0)], 4).expect("proposals");
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| predictor.propose(&[run(1, 20, 0.0)], 4)))
            .collect();
        for thread in threads {
            let got = thread.join().expect("joins").expect("proposals");
            assert_eq!(got, want);
        }
    });
}
