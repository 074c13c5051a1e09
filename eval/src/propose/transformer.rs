//! The network as a proposer: hands the normalised trajectories to a trained model and takes its skeletons.

use std::sync::Arc;

use crate::error::Error;
use crate::fit::proposal::Proposal;
use crate::propose::filter::Filter;
use crate::propose::proposer::{Proposer, ProposerKind};
use crate::series::problem::Problem;
use nsode_model::predictor::Predictor;

/// Laws that a network is asked for unless somebody says otherwise.
pub const BEAMS: usize = 100;

/// How many times wider the beam may become where a filter leaves few laws of it.
const WIDEST: usize = 2;

/// A trained network and how many laws to ask it for.
#[derive(Clone, Debug)]
pub struct Transformer {
    predictor: Arc<Predictor>,
    beams: usize,
    filter: Filter,
}

impl Transformer {
    /// Asks `predictor` for a beam of `beams` skeletons.
    pub fn new(predictor: Arc<Predictor>, beams: usize) -> Transformer {
        Transformer {
            predictor,
            beams,
            filter: Filter::default(),
        }
    }

    /// The same, but proposes only what `filter` admits.
    #[must_use]
    pub fn admitting(self, filter: Filter) -> Transformer {
        Transformer { filter, ..self }
    }
}

impl Proposer for Transformer {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Transformer
    }

    fn is_ready(&self) -> bool {
        self.predictor.is_ready()
    }

    /// None for systems of more states than the network was trained on: that is no failure.
    fn propose(&self, problem: &Problem) -> Result<Vec<Proposal>, Error> {
        if problem.dimension() > self.predictor.max_dimension() {
            return Ok(Vec::new());
        }
        let mut beams = self.beams;
        loop {
            let proposals = self
                .predictor
                .propose(problem.screened(), beams)
                .map_err(|error| Error::Proposer {
                    proposer: ProposerKind::Transformer.name(),
                    message: error.to_string(),
                })?;
            let mut proposals: Vec<Proposal> = proposals
                .into_iter()
                .filter(|proposal| self.filter.admits(&proposal.skeleton))
                .map(|proposal| Proposal::new(proposal.skeleton, Some(proposal.constants)))
                .collect();
            // A filter may leave few: then a wider beam is asked for, once.
            let few = !self.filter.is_open() && 2 * proposals.len() < self.beams;
            if !few || beams >= WIDEST * self.beams {
                proposals.truncate(self.beams);
                return Ok(proposals);
            }
            beams *= 2;
        }
    }
}
