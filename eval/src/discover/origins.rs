//! Who proposed which skeleton, and how likely it was to them.

use std::collections::HashMap;

use nsode_parser::Skeleton;

use crate::error::Error;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};

/// The origin of every skeleton that was proposed.
pub(super) type Origins = HashMap<Skeleton, Origin>;

/// Who proposed a skeleton, and how likely it was to them.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub sources: Vec<ProposerKind>,
    pub log_probability: Option<f64>,
}

impl Origin {
    /// A variant of another law, which no proposer gave.
    pub fn local() -> Origin {
        Origin {
            sources: vec![ProposerKind::Local],
            log_probability: None,
        }
    }
}

/// Asks every proposer; one entry a skeleton, in order of rank, the proposers taking turns.
pub(super) fn gather(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    beams: usize,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Seed>, Origins), Error> {
    let mut lists = Vec::new();
    let mut failure = None;
    for proposer in proposers {
        match proposer.propose(problem) {
            Ok(mut seeds) => {
                seeds.truncate(beams);
                lists.push((proposer.kind(), seeds));
            }
            Err(error) => {
                warnings.push(error.to_string());
                failure = Some(error);
            }
        }
    }
    if let (true, Some(error)) = (lists.is_empty(), failure) {
        return Err(error);
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
                Some(origin) => {
                    if !origin.sources.contains(kind) {
                        origin.sources.push(*kind);
                    }
                    origin.log_probability = origin.log_probability.or(seed.log_prior);
                }
                None => {
                    origins.insert(
                        seed.skeleton.clone(),
                        Origin {
                            sources: vec![*kind],
                            log_probability: seed.log_prior,
                        },
                    );
                    seeds.push(seed.clone());
                }
            }
        }
    }
    Ok((seeds, origins))
}
