//! Who proposed which skeleton.

use std::collections::HashMap;
use std::time::Instant;

use nsode_parser::Skeleton;

use super::Options;
use super::recombine::Equations;
use crate::error::Error;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};
use crate::sparse::Sparse;

/// Everybody who proposed a skeleton, the first first.
pub(super) type Origins = HashMap<Skeleton, Vec<ProposerKind>>;

/// What was proposed.
pub(super) struct Gathered {
    /// What is to be fitted, in this order.
    pub seeds: Vec<Seed>,
    /// What is to be fitted if none of these explains the data: systems that do not hold along the smoothed curves. They may
    /// hold all the same where the curves are wrong.
    pub others: Vec<Seed>,
    /// Who proposed it.
    pub origins: Origins,
    /// Whether the deadline came before all equations were looked at.
    pub late: bool,
}

/// What each proposer proposed, best first.
pub(super) type Proposals = Vec<(ProposerKind, Vec<Seed>)>;

/// Asks every proposer.
///
/// # Errors
/// The error of a proposer, if all fail; a warning of those that do if others don't.
pub(super) fn ask(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    warnings: &mut Vec<String>,
) -> Result<Proposals, Error> {
    let mut lists = Vec::new();
    let mut failure = None;
    for proposer in proposers {
        match proposer.propose(problem) {
            Ok(seeds) => lists.push((proposer.kind(), seeds)),
            Err(error) => {
                warnings.push(error.to_string());
                failure = Some(error);
            }
        }
    }
    match failure {
        Some(error) if lists.is_empty() => Err(error),
        _ => Ok(lists),
    }
}

/// Asks those again who read the smoothed curves, after these have changed. The network reads the observations, and takes long.
pub(super) fn ask_again(problem: &Problem, proposers: &[Box<dyn Proposer>], lists: &mut Proposals) {
    let readers = lists
        .iter_mut()
        .filter(|(kind, _)| *kind == ProposerKind::Sparse);
    for (kind, seeds) in readers {
        let proposer = proposers.iter().find(|proposer| proposer.kind() == *kind);
        // Who failed has been warned of.
        if let Some(Ok(again)) = proposer.map(|proposer| proposer.propose(problem)) {
            *seeds = again;
        }
    }
}

/// Puts proposals together: one entry a skeleton, in order of rank, the proposers taking turns. Where
/// variants are wanted, systems that can be put together from the proposed equations are one more list, and those that
/// hardly hold are apart. Their equations are looked at until `deadline`.
pub(super) fn gather(
    problem: &Problem,
    mut lists: Proposals,
    options: &Options,
    deadline: Instant,
) -> Gathered {
    let equations = (options.local && problem.dimension() > 1)
        .then(|| judged(problem, &lists, options, deadline));
    if let Some(equations) = &equations {
        let systems = equations.systems(|skeleton| options.filter.admits(skeleton));
        lists.insert(0, (ProposerKind::Local, systems));
    }
    let most = lists
        .iter()
        .map(|(_, seeds)| seeds.len())
        .max()
        .unwrap_or(0);
    let mut seeds: Vec<Seed> = Vec::new();
    let mut origins: Origins = HashMap::new();
    for rank in 0..most {
        for (kind, list) in &lists {
            let Some(seed) = list.get(rank) else { continue };
            match origins.get_mut(&seed.skeleton) {
                // Proposed by others, only put together again; theirs may be the better start.
                Some(sources) if *sources == [ProposerKind::Local] => {
                    *sources = vec![*kind];
                    let known = seeds.iter_mut().find(|s| s.skeleton == seed.skeleton);
                    if let (Some(known), Some(constants)) = (known, &seed.constants) {
                        known.constants = Some(constants.clone());
                    }
                }
                Some(sources) if !sources.contains(kind) => sources.push(*kind),
                Some(_) => {}
                None => {
                    origins.insert(seed.skeleton.clone(), vec![*kind]);
                    seeds.push(seed.clone());
                }
            }
        }
    }
    let hold = |seed: &Seed| {
        let may_hold = |equations: &Equations| equations.may_hold(&seed.skeleton);
        equations.as_ref().is_none_or(may_hold)
    };
    let (seeds, others) = seeds.into_iter().partition(hold);
    Gathered {
        seeds,
        others,
        origins,
        late: equations.is_some_and(|equations| equations.late),
    }
}

/// The equations of all proposals, and those that can be made of their terms.
fn judged(problem: &Problem, lists: &Proposals, options: &Options, deadline: Instant) -> Equations {
    let all = lists.iter().flat_map(|(_, seeds)| seeds);
    let mut equations = Equations::new(problem, all, deadline);
    let sparse = Sparse {
        filter: options.filter.clone(),
        ..Sparse::default()
    };
    let made = sparse.among(problem, &equations.words());
    equations.join(problem, made.iter(), deadline);
    equations
}
