//! Who proposed which skeleton.

use std::collections::HashMap;

use nsode_parser::Skeleton;

use super::recombine::recombined;
use crate::error::Error;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};

/// Everybody who proposed a skeleton, the first first.
pub(super) type Origins = HashMap<Skeleton, Vec<ProposerKind>>;

/// Asks every proposer; one entry a skeleton, in order of rank, the proposers taking turns. With `local`, what can be
/// put together from their equations is one more list, of variants.
pub(super) fn gather(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    local: bool,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Seed>, Origins), Error> {
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
    if local {
        let all = lists.iter().flat_map(|(_, seeds)| seeds);
        lists.insert(0, (ProposerKind::Local, recombined(problem, all)));
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
    Ok((seeds, origins))
}
