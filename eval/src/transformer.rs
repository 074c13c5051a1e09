//! The network as a proposer: hands the normalised trajectories to a trained model and takes its skeletons.

use std::sync::Arc;

use crate::error::Error;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};
use nsode_model::predictor::Predictor;

/// Laws that a network is asked for unless somebody says otherwise.
pub const BEAMS: usize = 100;

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
            })
            .collect())
    }
}
