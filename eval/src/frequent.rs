//! The control: the most frequent skeletons of the generator's distribution, with no look at the data.
//!
//! No network, no regression. Whatever a network claims to have learned, it must beat this list of the same
//! length, fitted and ranked by the same code. The list is the table of [`crate::prior`], of one state only.

use nsode_parser::Skeleton;

use crate::error::Error;
use crate::filter::Filter;
use crate::prior::most_frequent;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};

/// Skeletons unless somebody says otherwise: beyond these, a skeleton has a share below 1 in 10,000.
pub const USUAL: usize = 800;

/// Proposes the same skeletons for every problem of one state, the most frequent first.
#[derive(Clone, Debug)]
pub struct Frequent {
    skeletons: Vec<Skeleton>,
}

impl Frequent {
    /// The `count` most frequent skeletons, or all that the table has.
    pub fn new(count: usize) -> Frequent {
        Frequent::admitted(count, &Filter::default())
    }

    /// The `count` most frequent skeletons that `filter` admits.
    pub fn admitted(count: usize, filter: &Filter) -> Frequent {
        let all = most_frequent(if filter.is_open() { count } else { usize::MAX });
        let admitted = all.into_iter().filter(|skeleton| filter.admits(skeleton));
        Frequent {
            skeletons: admitted.take(count).collect(),
        }
    }
}

impl Proposer for Frequent {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Frequent
    }

    /// None for systems: the table has none.
    fn propose(&self, problem: &Problem) -> Result<Vec<Seed>, Error> {
        if problem.dimension() > 1 {
            return Ok(Vec::new());
        }
        let seed = |skeleton: &Skeleton| Seed {
            skeleton: skeleton.clone(),
            constants: None,
        };
        Ok(self.skeletons.iter().map(seed).collect())
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
        for count in [0, 1, 10, 800] {
            let seeds = Frequent::new(count).propose(&growth(1)).unwrap();
            assert_eq!(seeds.len(), count);
            let different: std::collections::HashSet<_> =
                seeds.iter().map(|seed| &seed.skeleton).collect();
            assert_eq!(different.len(), count);
        }
        let all = Frequent::new(usize::MAX).propose(&growth(1)).unwrap();
        assert!(all.len() > 1000);
        assert!(Frequent::new(10).propose(&growth(2)).unwrap().is_empty());
    }
}
