//! The trained network itself, and how it proposes: which runs are read, how many problems are decoded
//! at once, and from what the search spells to laws.

use nsode_generator::Trajectory;
use nsode_parser::skeleton::Skeleton;

use super::ProposeOptions;
use crate::Error;
use crate::decode::Proposal;
use crate::decode::constants::{Completed, complete};
use crate::decode::ensemble::Ensemble;
use crate::decode::merge::{canonical, merge};
use crate::decode::search::{Search, spell};
use crate::inputs::{self, EncoderBatch};
use crate::network::Network;
use crate::vocabulary::Vocabulary;

/// Runs of one system that are read; of more, those are taken whose states range the widest.
const MAX_RUNS: usize = 4;
/// Rows that are decoded at once, at most; a single problem may take more.
const MAX_ROWS: usize = 1024;

/// A network and what belongs to it.
pub(super) struct Served {
    pub(super) network: Network,
    pub(super) vocabulary: Vocabulary,
}

impl Served {
    /// See [`super::Predictor::propose_batch`].
    pub(super) fn propose(
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
                rows = runs
                    .len()
                    .saturating_mul(options.width)
                    .saturating_add(rows);
                rows <= MAX_ROWS
            });
            let (chunk, later) = rest.split_at(fitting.count().max(1));
            lists.extend(self.propose_chunk(chunk, options)?);
            rest = later;
        }
        Ok(lists)
    }

    /// Proposals for as many systems as are decoded at once.
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
        let outcomes = spell(&mut model, &dimensions, &options, &self.vocabulary)?;
        let lists = outcomes.iter().map(|outcome| {
            let spelt = outcome.found.len();
            let possible: Vec<Proposal> = outcome
                .found
                .iter()
                .filter_map(|found| {
                    canonical(
                        &found.skeleton,
                        &found.constants,
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

    /// See [`super::Predictor::complete`].
    pub(super) fn complete(
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
        inputs::check(self.network.config(), first)?;
        let dimension = first.dimension();
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

    /// A decoder that has read these runs, a list a system.
    pub(super) fn ensemble(&self, systems: &[Vec<&Trajectory>]) -> Result<Ensemble<'_>, Error> {
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
