//! A trained network as a service: from observed trajectories to proposed laws.
//!
//! libtorch's tensors may move between threads but not be shared, so a [`Predictor`] keeps its network on
//! a thread of its own and answers through channels; the handle may be shared freely. What goes wrong on
//! that thread, a panic included, comes back as an [`Error`].

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use nsode_generator::Trajectory;
use nsode_parser::skeleton::Skeleton;

use crate::decode::constants::{Completed, complete};
use crate::decode::ensemble::Ensemble;
use crate::decode::merge::{canonical, merge};
use crate::decode::search::{Search, search};
pub use crate::decode::{Proposal, search::Strategy};
use crate::inputs::EncoderBatch;
use crate::network::Network;
use crate::vocabulary::Vocabulary;
use crate::{Device, Error, checkpoint, device};

/// Runs of one system that are read; of more, those are taken whose states range the widest.
const MAX_RUNS: usize = 4;
/// Rows of one decoding batch, at most, as long as there is one problem in it.
const MAX_ROWS: usize = 1024;

/// How many laws to propose, and how to find them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProposeOptions {
    /// Skeletons that are searched for, and prefixes that are open at a time. After equal laws are joined
    /// and impossible ones dropped, fewer may be left.
    pub width: usize,
    /// Beam search or sampling.
    pub strategy: Strategy,
}

impl ProposeOptions {
    /// A beam of this width.
    pub fn beam(width: usize) -> ProposeOptions {
        ProposeOptions {
            width,
            strategy: Strategy::Beam,
        }
    }
}

/// A network and what belongs to it, on its thread.
struct Served {
    network: Network,
    vocabulary: Vocabulary,
    description: String,
}

type Job = Box<dyn FnOnce(&Served) + Send>;

/// A trained network, ready to propose laws. Dropping it ends its thread.
#[derive(Debug)]
pub struct Predictor {
    /// `None` only while it is dropped.
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    description: String,
    max_dimension: usize,
}

impl Predictor {
    /// Answers `ask` on the network's thread, after what others have asked before.
    fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Served) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = mpsc::sync_channel(1);
        let job: Job = Box::new(move |served| {
            let result = guarded(|| ask(served));
            // Nobody waits any more if the caller's thread is gone.
            let _ = reply.send(result);
        });
        let gone = || Error::Thread(THREAD);
        self.jobs
            .as_ref()
            .ok_or_else(gone)?
            .send(job)
            .map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }

    /// Starts the thread, which gets its network from `load`.
    fn start(
        load: impl FnOnce() -> Result<Served, Error> + Send + 'static,
    ) -> Result<Predictor, Error> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (report, started) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || {
                let _guard = tch::no_grad_guard();
                // A step is many small operations: with two threads they wait for each other several
                // times longer than they compute. More cores are for more predictors.
                device::set_threads(1);
                let served = match guarded(load) {
                    Ok(served) => served,
                    Err(error) => {
                        let _ = report.send(Err(error));
                        return;
                    }
                };
                let about = (
                    served.description.clone(),
                    served.network.config().max_dimension,
                );
                let _ = report.send(Ok(about));
                for job in queue {
                    job(&served);
                }
            })
            .map_err(|_| Error::Thread(THREAD))?;
        let (description, max_dimension) = started.recv().map_err(|_| Error::Thread(THREAD))??;
        Ok(Predictor {
            jobs: Some(jobs),
            thread: Some(thread),
            description,
            max_dimension,
        })
    }

    /// Loads the checkpoint in a directory.
    ///
    /// # Errors
    /// What is wrong with the checkpoint or the device, as an [`Error`].
    pub fn load(directory: &Path, device: Device) -> Result<Predictor, Error> {
        let directory = directory.to_owned();
        Predictor::start(move || load(&directory, device))
    }

    /// Laws for one system, observed in one or several runs: a beam of this width. All in the units in
    /// which the trajectories are given, which must be normalised ones, the same for all runs.
    ///
    /// # Errors
    /// [`Error::Observations`] for trajectories that the network can't take, else the thread's.
    pub fn propose(&self, observed: &[Trajectory], beams: usize) -> Result<Vec<Proposal>, Error> {
        let options = ProposeOptions::beam(beams);
        let mut lists = self.propose_batch(&[observed.to_vec()], &options)?;
        Ok(lists.pop().unwrap_or_default())
    }

    /// Laws for several systems, each observed in one or several runs; the result has one list a system,
    /// most probable first. As [`Predictor::propose`], but many problems share each step.
    ///
    /// # Errors
    /// As [`Predictor::propose`]; one bad system fails the batch.
    pub fn propose_batch(
        &self,
        systems: &[Vec<Trajectory>],
        options: &ProposeOptions,
    ) -> Result<Vec<Vec<Proposal>>, Error> {
        let (systems, options) = (systems.to_vec(), *options);
        self.call(move |served| served.propose(&systems, &options))
    }

    /// What the network thinks of given skeletons: its constants for each, and the skeleton's
    /// log-probability, on the same scale as that of its own proposals.
    ///
    /// # Errors
    /// As [`Predictor::propose`], and [`Error::Observations`] for skeletons of another dimension.
    pub fn complete(
        &self,
        observed: &[Trajectory],
        skeletons: &[Skeleton],
    ) -> Result<Vec<Completed>, Error> {
        let (observed, skeletons) = (observed.to_vec(), skeletons.to_vec());
        self.call(move |served| served.complete(&observed, &skeletons))
    }

    /// The model in a line, for reports.
    pub fn description(&self) -> String {
        self.description.clone()
    }

    /// Most states that it takes.
    pub fn max_dimension(&self) -> usize {
        self.max_dimension
    }
}

impl Drop for Predictor {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic outside of a job would be a bug of this file; there is nothing left to report it to.
            let _ = thread.join();
        }
    }
}

/// Reads a checkpoint; the description names what a report has to tell apart.
fn load(directory: &Path, device: Device) -> Result<Served, Error> {
    let loaded = checkpoint::load(directory, device)?;
    let config = loaded.network.config();
    let description = format!(
        "transformer, width {}, {}+{} layers, step {}, weights {}",
        config.d_model,
        config.encoder_layers,
        config.decoder_layers,
        loaded.step,
        loaded.sha256.get(..12).unwrap_or(&loaded.sha256),
    );
    Ok(Served {
        network: loaded.network,
        vocabulary: loaded.vocabulary,
        description,
    })
}

/// The name of the network's thread.
const THREAD: &str = "predictor";

/// Runs `work`, with a panic as an [`Error::Panicked`]. libtorch's failures are panics in most of tch.
fn guarded<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // The network is never changed after it was loaded, so no panic can leave it half-changed.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        Err(Error::Panicked {
            thread: THREAD,
            message: message_of(payload.as_ref()),
        })
    })
}

/// What a panic said: its first line.
fn message_of(payload: &(dyn Any + Send)) -> String {
    let text = match payload.downcast_ref::<String>() {
        Some(text) => text.as_str(),
        None => payload
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("no message"),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

impl Served {
    fn propose(
        &self,
        systems: &[Vec<Trajectory>],
        options: &ProposeOptions,
    ) -> Result<Vec<Vec<Proposal>>, Error> {
        let systems = systems
            .iter()
            .map(|runs| self.chosen(runs))
            .collect::<Result<Vec<_>, _>>()?;
        let mut lists = Vec::with_capacity(systems.len());
        let mut rest = systems.as_slice();
        while !rest.is_empty() {
            // As many problems as fit; the first always does.
            let mut rows = 0;
            let fitting = rest.iter().take_while(|runs| {
                rows += runs.len() * options.width;
                rows <= MAX_ROWS
            });
            let (chunk, later) = rest.split_at(fitting.count().max(1));
            lists.extend(self.propose_chunk(chunk, options)?);
            rest = later;
        }
        Ok(lists)
    }

    fn propose_chunk(
        &self,
        systems: &[Vec<&Trajectory>],
        options: &ProposeOptions,
    ) -> Result<Vec<Vec<Proposal>>, Error> {
        let max_tokens = self.network.config().max_tokens;
        let mut model = self.ensemble(systems)?;
        let dimensions: Vec<usize> = systems
            .iter()
            .map(|runs| runs.first().map_or(0, |run| run.dimension()))
            .collect();
        let options = Search {
            width: options.width,
            max_tokens,
            strategy: options.strategy,
        };
        let outcomes = search(&mut model, &dimensions, &options)?;
        let skeletons: Vec<Vec<&Skeleton>> = outcomes
            .iter()
            .map(|outcome| outcome.found.iter().map(|found| &found.skeleton).collect())
            .collect();
        let completed = complete(&mut model, &skeletons, max_tokens, &self.vocabulary)?;
        let lists = outcomes.iter().zip(completed).map(|(outcome, completed)| {
            let spelt = outcome.found.len();
            let possible: Vec<Proposal> = outcome
                .found
                .iter()
                .zip(completed)
                .filter_map(|(found, with)| {
                    canonical(
                        &found.skeleton,
                        &with.constants,
                        found.log_probability,
                        max_tokens,
                    )
                    .ok()
                })
                .collect();
            let impossible = spelt - possible.len();
            let merged = merge(possible);
            tracing::debug!(
                spelt,
                impossible,
                laws = merged.len(),
                certified = outcome.certified,
                "decoded"
            );
            merged
        });
        Ok(lists.collect())
    }

    fn complete(
        &self,
        observed: &[Trajectory],
        skeletons: &[Skeleton],
    ) -> Result<Vec<Completed>, Error> {
        let runs = self.chosen(observed)?;
        let dimension = runs.first().map_or(0, |run| run.dimension());
        if let Some(other) = skeletons.iter().find(|s| s.dimension() != dimension) {
            return Err(Error::Observations(format!(
                "a skeleton of {} equations for observations of {dimension} states",
                other.dimension()
            )));
        }
        let mut model = self.ensemble(&[runs])?;
        let max_tokens = self.network.config().max_tokens;
        let skeletons = [skeletons.iter().collect()];
        let mut completed = complete(&mut model, &skeletons, max_tokens, &self.vocabulary)?;
        Ok(completed.pop().unwrap_or_default())
    }

    /// The runs of a system that are read.
    fn chosen<'a>(&self, runs: &'a [Trajectory]) -> Result<Vec<&'a Trajectory>, Error> {
        let Some(first) = runs.first() else {
            return Err(Error::Observations("there is no trajectory".to_owned()));
        };
        let (dimension, most) = (first.dimension(), self.network.config().max_dimension);
        if dimension > most {
            return Err(Error::Observations(format!(
                "{dimension} states, the model was made for at most {most}"
            )));
        }
        if let Some(other) = runs.iter().find(|run| run.dimension() != dimension) {
            return Err(Error::Observations(format!(
                "runs of {dimension} and of {} states are not of one system",
                other.dimension()
            )));
        }
        let mut order: Vec<&Trajectory> = runs.iter().collect();
        if order.len() > MAX_RUNS {
            order.sort_by(|a, b| range(b).total_cmp(&range(a)));
            order.truncate(MAX_RUNS);
        }
        Ok(order)
    }

    fn ensemble(&self, systems: &[Vec<&Trajectory>]) -> Result<Ensemble<'_>, Error> {
        let members: Vec<usize> = systems.iter().map(Vec::len).collect();
        let runs: Vec<&[Trajectory]> = systems
            .iter()
            .flatten()
            .map(|&run| std::slice::from_ref(run))
            .collect();
        let batch = EncoderBatch::new(self.network.config(), &runs)?;
        let memory = self.network.encode(&batch);
        Ok(Ensemble::new(&self.network, memory, &members))
    }
}

/// How far the states of a run range, summed over the states; 0 for what was never observed.
fn range(run: &Trajectory) -> f64 {
    (0..run.dimension())
        .map(|state| {
            let (low, high) = run
                .column(state)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                    (low.min(value), high.max(value))
                });
            (high - low).max(0.0)
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;
    use crate::config::{Inputs, ModelConfig};
    use crate::twohot::Bins;

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
            inputs: Inputs::Anchors {
                count: 24,
                neighbours: vec![7, 15, 31],
                frequencies: 4,
            },
        }
    }

    /// A network with random weights, all of them larger than at the start of a training, so that its
    /// distributions are far from uniform.
    fn random(config: ModelConfig, seed: u64) -> Predictor {
        Predictor::start(move || {
            let vocabulary = Vocabulary::new(Bins::new(config.bins, 0.02, 300.0).expect("valid"));
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
                description: "random".to_owned(),
            })
        })
        .expect("a network")
    }

    /// A normalised run of damped oscillations, a different one for each `phase`.
    fn run(dimension: usize, points: usize, phase: f64) -> Trajectory {
        let times: Vec<f64> = (0..points)
            .map(|i| i as f64 / (points - 1) as f64)
            .collect();
        let states = times
            .iter()
            .flat_map(|t| {
                (0..dimension).map(move |d| (-t).exp() * (5.0 * t + phase + d as f64).sin())
            })
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
        let predictor = random(config(32, [1, 2], 12), 6);
        let pairs = predictor.call(|served| {
            let runs = [run(1, 40, 0.3), run(1, 40, 2.3)];
            let systems = [runs.iter().collect(), vec![&runs[1]]];
            let options = Search {
                width: 15,
                max_tokens: 12,
                strategy: Strategy::Beam,
            };
            let outcomes = search(&mut served.ensemble(&systems)?, &[1, 1], &options)?;
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
        let error = Predictor::start(|| Err(Error::Observations("no".to_owned())));
        assert!(matches!(error, Err(Error::Observations(_))));
        let error = Predictor::start(|| panic!("bad weights"));
        assert!(matches!(error, Err(Error::Panicked { .. })));
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
}
