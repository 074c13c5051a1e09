//! Who proposed which skeleton.

use std::collections::HashMap;
use std::time::Instant;

use nsode_parser::Skeleton;

use super::Options;
use super::recombine::Equations;
use crate::error::Error;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};

/// Systems that are fitted whatever is thought of their equations.
const FEWEST: usize = 64;

/// Everybody who proposed a skeleton, the first first.
pub(super) type Origins = HashMap<Skeleton, Vec<ProposerKind>>;

/// What was proposed.
pub(super) struct Gathered {
    /// What is to be fitted, in this order.
    pub seeds: Vec<Seed>,
    /// Who proposed it.
    pub origins: Origins,
    /// Whether the deadline came before all equations were looked at.
    pub late: bool,
}

/// Asks every proposer; one entry a skeleton, in order of rank, the proposers taking turns. Where
/// variants are wanted, systems that can be put together from the proposed equations are one more list, and those that
/// cannot hold are left out, unless there are few. Their equations are looked at until `deadline`.
pub(super) fn gather(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    options: &Options,
    deadline: Instant,
    warnings: &mut Vec<String>,
) -> Result<Gathered, Error> {
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
    if let (true, Some(error)) = (lists.is_empty(), failure) {
        return Err(error);
    }
    let equations = (options.local && problem.dimension() > 1).then(|| {
        let all = lists.iter().flat_map(|(_, seeds)| seeds);
        Equations::new(problem, all, deadline)
    });
    if let Some(equations) = &equations {
        let mut systems = equations.systems();
        systems.retain(|seed| options.filter.admits(&seed.skeleton));
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
                // Proposed by others, only put together again.
                Some(sources) if *sources == [ProposerKind::Local] => *sources = vec![*kind],
                Some(sources) if !sources.contains(kind) => sources.push(*kind),
                Some(_) => {}
                None => {
                    origins.insert(seed.skeleton.clone(), vec![*kind]);
                    seeds.push(seed.clone());
                }
            }
        }
    }
    if let Some(equations) = &equations {
        let (hold, others): (Vec<Seed>, Vec<Seed>) = seeds
            .into_iter()
            .partition(|seed| equations.may_hold(&seed.skeleton));
        let left = FEWEST.saturating_sub(hold.len());
        seeds = hold;
        seeds.extend(others.into_iter().take(left));
    }
    Ok(Gathered {
        seeds,
        origins,
        late: equations.is_some_and(|equations| equations.late),
    })
}
