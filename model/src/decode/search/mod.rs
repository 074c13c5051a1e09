//! Search over skeletons: beam search, and sampling without replacement.
//!
//! Both walk the same tree, whose nodes are prefixes that the grammar allows, and expand the best
//! prefixes of one length together in one batch. Both order by a key that no child exceeds: the
//! log-probability for the beam, the perturbed log-probability for sampling. So a search may stop as soon
//! as no open prefix has a better key than the last of the skeletons that it will return.
//!
//! Here: what a search is asked and what it answers, the loop over the model's steps, and the grammar's
//! mask on its scores. The frontier of one problem is in `pool`, the keys of sampling are in `noise`.

mod noise;
mod pool;
#[cfg(test)]
mod tests;

use nsode_parser::grammar::Grammar;
use nsode_parser::skeleton::Skeleton;
use nsode_parser::token::Token;

use self::pool::Pool;
use super::{ScoresError, StepModel};
use crate::vocabulary::{FIRST_BIN, FIRST_TOKEN, Order, Vocabulary};

/// How prefixes are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The most probable first.
    Beam,
    /// A random sample without replacement, the same for the same seed.
    Sample {
        /// Seed; problem `i` of a batch uses stream `i` of its generator.
        seed: u64,
    },
}

/// How wide and how long to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Most skeletons that are returned, and most prefixes that are open at a time, a problem.
    pub width: usize,
    /// Most tokens of a skeleton.
    pub max_tokens: usize,
    /// Beam or sample.
    pub strategy: Strategy,
}

/// A skeleton that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The skeleton, as the model spelt it.
    pub skeleton: Skeleton,
    /// Its masked, renormalised log-probability.
    pub log_probability: f64,
    /// Its constants, one after the other the most probable, in slot order; none where they were not asked for.
    pub constants: Vec<f64>,
}

/// What a search found for one problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The skeletons: most probable first for a beam, in the order drawn for a sample. A sample may be
    /// smaller than the width, since spellings without any state are drawn with the others, then left out.
    pub found: Vec<Found>,
    /// How many of the first `found` are proven to be where an exhaustive search would have them: no
    /// prefix that the beam dropped for want of width was as probable. All of them for a sample.
    pub certified: usize,
}

/// Searches the skeletons of every problem together, each with its own dimension; see [`StepModel::start`]
/// for the rows. A problem whose every skeleton has probability zero finds nothing. Constants are read only where the rest
/// of a skeleton depends on them.
///
/// # Errors
/// The model's own, and [`ScoresError`].
pub fn search<M: StepModel>(
    model: &mut M,
    dimensions: &[usize],
    options: &Search,
    vocabulary: &Vocabulary,
) -> Result<Vec<Outcome>, M::Error> {
    walk(model, dimensions, options, vocabulary, false)
}

/// [`search`], and the constants of what it finds: a finished skeleton stays among the model's rows and goes on
/// with its constants, beside the prefixes that are still open. That takes half of the steps of a search and of
/// [`complete`](super::constants::complete) after it, and gives the same.
///
/// # Errors
/// The model's own, and [`ScoresError`].
pub fn spell<M: StepModel>(
    model: &mut M,
    dimensions: &[usize],
    options: &Search,
    vocabulary: &Vocabulary,
) -> Result<Vec<Outcome>, M::Error> {
    walk(model, dimensions, options, vocabulary, true)
}

fn walk<M: StepModel>(
    model: &mut M,
    dimensions: &[usize],
    options: &Search,
    vocabulary: &Vocabulary,
    wanted: bool,
) -> Result<Vec<Outcome>, M::Error> {
    let reads = wanted || vocabulary.order() == Order::Inline;
    let columns = if reads {
        vocabulary.size()
    } else {
        usize::from(FIRST_BIN)
    };
    let mut pools: Vec<Pool> = dimensions
        .iter()
        .enumerate()
        .map(|(i, &dimension)| Pool::new(i, dimension, options, vocabulary.order(), wanted))
        .collect();
    let mut scores = model.start()?.checked(pools.len(), columns)?;
    loop {
        let (mut parents, mut fed) = (Vec::new(), Vec::new());
        for pool in &mut pools {
            if reads {
                pool.read(&scores, vocabulary)?;
            }
            pool.expand(&scores)?;
            pool.feed(&mut parents, &mut fed);
        }
        if parents.is_empty() {
            return Ok(pools.into_iter().map(Pool::outcome).collect());
        }
        scores = model
            .advance(&parents, &fed)?
            .checked(parents.len(), columns)?;
    }
}

/// Log-probabilities of the tokens that `grammar` allows, from one row of scores: restricted to them and
/// normalised. Tokens without probability are left out; none at all is a dead end.
///
/// # Errors
/// [`ScoresError::NotFinite`] for NaN or +∞ among them.
pub(super) fn masked(grammar: &Grammar, row: &[f32]) -> Result<Vec<(Token, f64)>, ScoresError> {
    let mut tokens = Vec::new();
    let mut top = f64::NEG_INFINITY;
    for token in grammar.allowed().iter() {
        let id = usize::from(FIRST_TOKEN) + usize::from(token.id());
        let value = row.get(id).copied().unwrap_or(f32::NAN);
        if value.is_nan() || value == f32::INFINITY {
            return Err(ScoresError::NotFinite { id, value });
        }
        if value > f32::NEG_INFINITY {
            tokens.push((token, f64::from(value)));
            top = top.max(f64::from(value));
        }
    }
    let sum: f64 = tokens.iter().map(|(_, score)| (score - top).exp()).sum();
    let norm = top + sum.ln();
    for (_, score) in &mut tokens {
        *score -= norm;
    }
    Ok(tokens)
}
