//! The control: the most frequent skeletons of the generator's distribution, with no look at the data.
//!
//! No network, no regression. Whatever a network claims to have learned, it must beat this list of the same
//! length, fitted and ranked by the same code. The lists are the tables of [`crate::propose::prior`], of up to three states.

use crate::error::Error;
use crate::fit::proposal::Proposal;
use crate::propose::filter::Filter;
use crate::propose::prior::most_frequent;
use crate::propose::proposer::{Proposer, ProposerKind};
use crate::series::problem::Problem;

/// Skeletons unless somebody says otherwise. Of one state: beyond these, a skeleton has a share below 1 in 10,000. Of
/// several, where a fit takes ten times as long: two thirds of the systems of two states that are drawn.
const USUAL: usize = 800;
const USUAL_OF_SYSTEMS: usize = 200;

/// Proposes the same skeletons for every problem of as many states, the most frequent first.
#[derive(Clone, Debug, Default)]
pub struct Frequent {
    /// How many; the usual number for `None`.
    pub count: Option<usize>,
    /// Which may be proposed.
    pub filter: Filter,
}

impl Proposer for Frequent {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Frequent
    }

    /// None for four states, of which there is no table.
    fn propose(&self, problem: &Problem) -> Result<Vec<Proposal>, Error> {
        let usual = match problem.dimension() {
            1 => USUAL,
            _ => USUAL_OF_SYSTEMS,
        };
        let count = self.count.unwrap_or(usual);
        let proposal = |skeleton| Proposal::new(skeleton, None);
        let admitted = most_frequent(problem.dimension()).filter(|s| self.filter.admits(s));
        Ok(admitted.take(count).map(proposal).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_generator::Trajectory;

    fn growth(dimension: usize) -> Problem {
        let times: Vec<f64> = (0..30).map(|i| 0.1 * f64::from(i)).collect();
        let states = times.iter().flat_map(|t| vec![t.exp(); dimension]);
        let path = Trajectory::new(dimension, times.clone(), states.collect());
        Problem::new(vec![path.unwrap()]).unwrap()
    }

    #[test]
    fn as_many_as_asked_for_and_each_once() {
        let propose = |dimension, count| {
            let frequent = Frequent {
                count,
                ..Frequent::default()
            };
            frequent.propose(&growth(dimension)).unwrap()
        };
        for dimension in 1..=3 {
            for count in [0, 1, 10, 800] {
                let proposals = propose(dimension, Some(count));
                assert_eq!(proposals.len(), count);
                let different: std::collections::HashSet<_> = proposals
                    .iter()
                    .map(|proposal| &proposal.skeleton)
                    .collect();
                assert_eq!(different.len(), count);
            }
        }
        assert_eq!(propose(1, None).len(), USUAL);
        assert!(propose(1, Some(usize::MAX)).len() > 1000);
        assert!(propose(4, None).is_empty());
    }
}
