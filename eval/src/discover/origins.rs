//! Who proposed which skeleton.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use nsode_parser::Skeleton;

use super::Options;
use super::recombine::Equations;
use crate::error::Error;
use crate::fit::proposal::Proposal;
use crate::propose::proposer::{Proposer, ProposerKind};
use crate::propose::sparse::Sparse;
use crate::series::problem::Problem;

/// Everybody who proposed a skeleton, the first first.
pub(super) type Origins = HashMap<Skeleton, Vec<ProposerKind>>;

/// What was proposed.
pub(super) struct Gathered {
    /// What is to be fitted, in this order.
    pub proposals: Vec<Proposal>,
    /// What is to be fitted if none of these explains the data: systems that do not hold along the smoothed curves. They may
    /// hold all the same where the curves are wrong.
    pub others: Vec<Proposal>,
    /// Who proposed it.
    pub origins: Origins,
    /// Whether the deadline came before all equations were looked at.
    pub late: bool,
}

/// What each proposer proposed, best first.
pub(super) type Proposals = Vec<(ProposerKind, Vec<Proposal>)>;

/// Asks every proposer. A network computes on a thread of its own: `meanwhile` works with what the others proposed. Lists of
/// networks come first.
///
/// # Errors
/// The error of a proposer, if all fail; a warning of those that do if others don't. That of a network that is not there,
/// in any case.
pub(super) fn ask(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    warnings: &mut Vec<String>,
    meanwhile: impl FnOnce(&Proposals),
) -> Result<Proposals, Error> {
    let (mut lists, mut failure, mut missing) = (Vec::new(), None, false);
    let mut heard = |kind, answer: Result<_, Error>, lists: &mut Proposals| match answer {
        Ok(proposals) => lists.push((kind, proposals)),
        Err(error) => {
            warnings.push(error.to_string());
            failure = Some(error);
        }
    };
    let (networks, others): (Vec<_>, Vec<_>) = proposers
        .iter()
        .partition(|proposer| proposer.kind() == ProposerKind::Transformer);
    thread::scope(|scope| {
        let each = networks.iter();
        let asked: Vec<_> = each
            .map(|network| scope.spawn(move || network.propose(problem)))
            .collect();
        let mut own = Proposals::new();
        for proposer in others {
            heard(proposer.kind(), proposer.propose(problem), &mut own);
        }
        // What loads takes no longer than the others' proposals.
        missing = !networks.iter().all(|network| network.is_ready());
        if !missing {
            meanwhile(&own);
        }
        for answer in asked {
            let answer = answer.join().unwrap_or_else(|panic| resume_unwind(panic));
            heard(ProposerKind::Transformer, answer, &mut lists);
        }
        lists.append(&mut own);
    });
    match failure {
        Some(error) if lists.is_empty() || missing => Err(error),
        _ => Ok(lists),
    }
}

/// Asks those again who read the smoothed curves, after these have changed. The network reads the observations, and takes long.
pub(super) fn ask_again(problem: &Problem, proposers: &[Box<dyn Proposer>], lists: &mut Proposals) {
    let readers = lists
        .iter_mut()
        .filter(|(kind, _)| *kind == ProposerKind::Sparse);
    for (kind, proposals) in readers {
        let proposer = proposers.iter().find(|proposer| proposer.kind() == *kind);
        // Who failed has been warned of.
        if let Some(Ok(again)) = proposer.map(|proposer| proposer.propose(problem)) {
            *proposals = again;
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
    let mut equations = None;
    if options.local && problem.dimension() > 1 {
        let (judged, together) = judged(problem, &lists, options, deadline);
        let systems = judged.systems(|skeleton| options.filter.admits(skeleton));
        lists.insert(0, (ProposerKind::Local, systems));
        lists.insert(1, (ProposerKind::Local, together));
        equations = Some(judged);
    }
    let most = lists
        .iter()
        .map(|(_, proposals)| proposals.len())
        .max()
        .unwrap_or(0);
    let mut proposals: Vec<Proposal> = Vec::new();
    let mut origins: Origins = HashMap::new();
    for rank in 0..most {
        for (kind, list) in &lists {
            let Some(proposal) = list.get(rank) else {
                continue;
            };
            match origins.get_mut(&proposal.skeleton) {
                // Proposed by others, only put together again; theirs may be the better start.
                Some(sources)
                    if *sources == [ProposerKind::Local] && *kind != ProposerKind::Local =>
                {
                    *sources = vec![*kind];
                    let known = proposals
                        .iter_mut()
                        .find(|s| s.skeleton == proposal.skeleton);
                    if let (Some(known), Some(constants)) = (known, &proposal.constants) {
                        known.constants = Some(constants.clone());
                    }
                }
                Some(sources) if !sources.contains(kind) => sources.push(*kind),
                Some(_) => {}
                None => {
                    origins.insert(proposal.skeleton.clone(), vec![*kind]);
                    proposals.push(proposal.clone());
                }
            }
        }
    }
    let hold = |proposal: &Proposal| {
        let may_hold = |equations: &Equations| equations.may_hold(&proposal.skeleton);
        equations.as_ref().is_none_or(may_hold)
    };
    let (proposals, others) = proposals.into_iter().partition(hold);
    Gathered {
        proposals,
        others,
        origins,
        late: equations.is_some_and(|equations| equations.late),
    }
}

/// The equations of all proposals, and those that can be made of their terms; and systems that are made of these together.
fn judged(
    problem: &Problem,
    lists: &Proposals,
    options: &Options,
    deadline: Instant,
) -> (Equations, Vec<Proposal>) {
    let all = lists.iter().flat_map(|(_, proposals)| proposals);
    let mut equations = Equations::new(problem, all, deadline);
    let sparse = Sparse {
        filter: options.filter.clone(),
        ..Sparse::default()
    };
    let made = sparse.among(problem, &equations.words());
    equations.join(problem, made.apart.iter().chain(&made.together), deadline);
    (equations, made.together)
}
