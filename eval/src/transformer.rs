//! The network as a proposer: hands the normalised trajectories to a trained model and takes its skeletons.

use std::sync::Arc;

use nsode_model::predictor::Predictor;
use nsode_parser::Skeleton;

use crate::error::Error;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};

/// A trained network and how many laws to ask it for.
#[derive(Clone, Debug)]
pub struct Transformer {
    predictor: Arc<Predictor>,
    beams: usize,
}

impl Transformer {
    /// Asks `predictor` for a beam of `beams` skeletons.
    pub fn new(predictor: Arc<Predictor>, beams: usize) -> Transformer {
        Transformer { predictor, beams }
    }
}

impl Proposer for Transformer {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Transformer
    }

    /// None for systems of more states than the network was trained on: that is no failure.
    fn propose(&self, problem: &Problem) -> Result<Vec<Seed>, Error> {
        if problem.dimension() > self.predictor.max_dimension() {
            return Ok(Vec::new());
        }
        let proposals = self
            .predictor
            .propose(problem.normalised(), self.beams)
            .map_err(|error| Error::Proposer {
                proposer: ProposerKind::Transformer.name(),
                message: error.to_string(),
            })?;
        Ok(proposals
            .into_iter()
            .map(|proposal| Seed {
                skeleton: proposal.skeleton,
                constants: Some(proposal.constants),
                log_prior: Some(proposal.log_probability),
            })
            .collect())
    }

    fn log_probabilities(&self, problem: &Problem, skeletons: &[Skeleton]) -> Option<Vec<f64>> {
        if problem.dimension() > self.predictor.max_dimension() {
            return None;
        }
        let completed = match self.predictor.complete(problem.normalised(), skeletons) {
            Ok(completed) => completed,
            Err(error) => {
                // Ranking goes on without: the network's own laws have their probabilities already.
                tracing::warn!(%error, "the network could not weigh others' laws");
                return None;
            }
        };
        (completed.len() == skeletons.len())
            .then(|| completed.iter().map(|c| c.log_probability).collect())
    }
}
