//! Search over skeletons: beam search, and sampling without replacement.
//!
//! Both walk the same tree, whose nodes are prefixes that the grammar allows, and expand the best
//! prefixes of all lengths' front together in one batch. Both order by a key that no child exceeds: the
//! log-probability for the beam, the perturbed log-probability for sampling. So a search may stop as soon
//! as no open prefix has a better key than the last of the skeletons that it will return.
//!
//! Sampling is stochastic beam search (Kool, van Hoof, Welling: "Stochastic Beams and Where to Find Them",
//! ICML 2019): each node's log-probability φ gets Gumbel noise, G = φ + Gumbel, drawn top-down so that the
//! largest G among the children of a node is the node's own. The `k` leaves with the largest G are then a
//! sample of `k` without replacement, the `i`-th drawn with probability p / (1 − the earlier ones'), and a
//! beam of width `k` by G finds exactly them.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use nsode_parser::grammar::Grammar;
use nsode_parser::skeleton::Skeleton;
use nsode_parser::token::Token;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::Open01;

use super::{Scores, ScoresError, StepModel};
use crate::vocabulary::{FIRST_BIN, FIRST_TOKEN, Symbol};

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
/// for the rows. A problem whose every skeleton has probability zero finds nothing.
///
/// # Errors
/// The model's own, and [`ScoresError`].
pub fn search<M: StepModel>(
    model: &mut M,
    dimensions: &[usize],
    options: &Search,
) -> Result<Vec<Outcome>, M::Error> {
    let columns = usize::from(FIRST_BIN);
    let mut pools: Vec<Pool> = dimensions
        .iter()
        .enumerate()
        .map(|(i, &dimension)| Pool::new(i, dimension, options))
        .collect();
    let mut scores = model.start()?.checked(pools.len(), columns)?;
    loop {
        let (mut parents, mut fed) = (Vec::new(), Vec::new());
        for pool in &mut pools {
            pool.expand(&scores)?;
            for open in &mut pool.open {
                if let Some(&last) = open.tokens.last() {
                    parents.push(std::mem::replace(&mut open.row, parents.len()));
                    fed.push(Symbol::token(last));
                }
            }
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

/// A prefix that may still grow.
struct Open {
    tokens: Vec<Token>,
    grammar: Grammar,
    log_probability: f64,
    key: f64,
    row: usize,
}

/// An open prefix and one more token; ordered by key, ties by place, so that results are reproducible.
struct Child {
    parent: usize,
    token: Token,
    log_probability: f64,
    key: f64,
}

impl Ord for Child {
    fn cmp(&self, other: &Child) -> Ordering {
        self.key
            .total_cmp(&other.key)
            .then(other.parent.cmp(&self.parent))
            .then(other.token.id().cmp(&self.token.id()))
    }
}

impl PartialOrd for Child {
    fn partial_cmp(&self, other: &Child) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Child {
    fn eq(&self, other: &Child) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Child {}

/// A finished prefix; without a skeleton if it is a law of no state.
struct Leaf {
    skeleton: Option<Skeleton>,
    log_probability: f64,
    key: f64,
}

/// The search for one problem.
struct Pool {
    dimension: usize,
    width: usize,
    noise: Option<ChaCha8Rng>,
    open: Vec<Open>,
    /// The best leaves, best first, at most `width`.
    leaves: Vec<Leaf>,
    /// Best key of anything dropped only for want of width.
    dropped: f64,
}

impl Pool {
    fn new(index: usize, dimension: usize, options: &Search) -> Pool {
        let noise = match options.strategy {
            Strategy::Beam => None,
            Strategy::Sample { seed } => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream(index as u64);
                Some(rng)
            }
        };
        let root = Open {
            tokens: Vec::new(),
            grammar: Grammar::new(dimension, options.max_tokens),
            log_probability: 0.0,
            key: 0.0,
            row: index,
        };
        Pool {
            dimension,
            width: options.width,
            noise,
            open: if options.width == 0 {
                vec![]
            } else {
                vec![root]
            },
            leaves: Vec::new(),
            dropped: f64::NEG_INFINITY,
        }
    }

    /// The key that something new must exceed to be among the results.
    fn threshold(&self) -> f64 {
        match self.width.checked_sub(1).and_then(|i| self.leaves.get(i)) {
            Some(last) => last.key,
            None => f64::NEG_INFINITY,
        }
    }

    /// One step: the children of all open prefixes, the finished ones to `leaves`, the best others to
    /// `open`, with the row of their parent.
    fn expand(&mut self, scores: &Scores) -> Result<(), ScoresError> {
        let mut children = self.children(scores)?;
        let open = std::mem::take(&mut self.open);
        while let Some(child) = children.pop() {
            if child.key <= self.threshold() {
                break;
            }
            // For a sample, what is finished takes a place: the results are the best of both together.
            let ahead = match self.noise {
                None => 0,
                Some(_) => self.leaves.partition_point(|leaf| leaf.key > child.key),
            };
            if self.open.len() + ahead >= self.width {
                if self.noise.is_none() {
                    self.dropped = self.dropped.max(child.key);
                }
                break;
            }
            if let Some(parent) = open.get(child.parent) {
                self.place(parent, &child);
            }
        }
        Ok(())
    }

    fn children(&mut self, scores: &Scores) -> Result<BinaryHeap<Child>, ScoresError> {
        let threshold = self.threshold();
        let mut children = Vec::new();
        for (parent, open) in self.open.iter().enumerate() {
            let first = children.len();
            for (token, log) in masked(&open.grammar, scores.row(open.row))? {
                let log_probability = open.log_probability + log;
                children.push(Child {
                    parent,
                    token,
                    log_probability,
                    key: log_probability,
                });
            }
            if let Some(rng) = &mut self.noise {
                perturb(&mut children[first..], open.key, rng);
            }
        }
        children.retain(|child| child.key > threshold);
        Ok(children.into())
    }

    fn place(&mut self, parent: &Open, child: &Child) {
        let mut grammar = parent.grammar.clone();
        if !grammar.push(child.token) {
            return;
        }
        let mut tokens = parent.tokens.clone();
        tokens.push(child.token);
        if !grammar.is_complete() {
            self.open.push(Open {
                tokens,
                grammar,
                log_probability: child.log_probability,
                key: child.key,
                row: parent.row,
            });
            return;
        }
        let skeleton = Skeleton::parse(self.dimension, &tokens).ok();
        // In a sample, every leaf takes the place that it was drawn for.
        if skeleton.is_some() || self.noise.is_some() {
            let place = self.leaves.partition_point(|leaf| leaf.key >= child.key);
            let leaf = Leaf {
                skeleton,
                log_probability: child.log_probability,
                key: child.key,
            };
            self.leaves.insert(place, leaf);
            self.leaves.truncate(self.width);
        }
    }

    fn outcome(self) -> Outcome {
        let mut outcome = Outcome {
            found: Vec::with_capacity(self.leaves.len()),
            certified: 0,
        };
        for leaf in self.leaves {
            if let Some(skeleton) = leaf.skeleton {
                outcome.certified += usize::from(leaf.key > self.dropped);
                outcome.found.push(Found {
                    skeleton,
                    log_probability: leaf.log_probability,
                });
            }
        }
        outcome
    }
}

/// Gumbel keys for the children of a node with key `parent`: independent draws around their
/// log-probabilities, shifted together so that the largest is `parent`. Kool et al., appendix B.3, gives the
/// stable form that is used here.
fn perturb(children: &mut [Child], parent: f64, rng: &mut ChaCha8Rng) {
    let mut top = f64::NEG_INFINITY;
    for child in children.iter_mut() {
        let uniform: f64 = rng.sample(Open01);
        child.key = child.log_probability - (-uniform.ln()).ln();
        top = top.max(child.key);
    }
    for child in children {
        // The largest child has ln(1 − 1) = −∞ here, which gives `parent` exactly.
        let rest = (-(child.key - top).exp_m1()).ln();
        let v = parent - child.key + rest;
        child.key = parent - v.max(0.0) - (-v.abs()).exp().ln_1p();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::decode::table::Table;

    const WIDE: usize = 1_000_000;
    const ALPHABET: &[Token] = &[
        Token::One,
        Token::X1,
        Token::X2,
        Token::Add2,
        Token::Add6,
        Token::Mul,
        Token::Neg,
        Token::Sin,
        Token::Square,
        Token::Power,
    ];

    fn run(
        table: &mut Table,
        dimensions: &[usize],
        width: usize,
        max_tokens: usize,
        strategy: Strategy,
    ) -> Vec<Outcome> {
        let options = Search {
            width,
            max_tokens,
            strategy,
        };
        search(table, dimensions, &options).expect("the table has finite scores")
    }

    /// The exhaustive list, without spellings of no state.
    fn laws(
        table: &Table,
        problem: usize,
        dimension: usize,
        max_tokens: usize,
    ) -> Vec<(Vec<Token>, f64)> {
        let all = table.enumerate(problem, dimension, max_tokens);
        let mass: f64 = all.iter().map(|(_, log)| log.exp()).sum();
        assert!((mass - 1.0).abs() < 1e-9, "probabilities sum to {mass}");
        all.into_iter()
            .filter(|(tokens, _)| Skeleton::parse(dimension, tokens).is_ok())
            .collect()
    }

    fn same(found: &[Found], laws: &[(Vec<Token>, f64)]) {
        assert_eq!(found.len(), laws.len());
        for (found, (tokens, log)) in found.iter().zip(laws) {
            assert!((found.log_probability - log).abs() < 1e-9);
            assert_eq!(found.skeleton.tokens(), tokens);
        }
    }

    #[test]
    fn a_wide_beam_is_the_exhaustive_search() {
        for (seed, alphabet, dimension, max_tokens) in [
            (1, ALPHABET, 1, 7),
            (2, ALPHABET, 2, 6),
            (3, Token::ALL, 1, 4),
            (4, Token::ALL, 2, 4),
        ] {
            let mut table = Table::new(seed, 1, alphabet);
            let laws = laws(&table, 0, dimension, max_tokens);
            let outcome = &run(&mut table, &[dimension], WIDE, max_tokens, Strategy::Beam)[0];
            assert!(laws.len() > 500, "{}", laws.len());
            same(&outcome.found, &laws);
            assert_eq!(outcome.certified, laws.len());
        }
    }

    #[test]
    fn problems_of_a_batch_do_not_mix() {
        let dimensions = [1, 2, 1, 3];
        for strategy in [Strategy::Beam, Strategy::Sample { seed: 5 }] {
            let mut table = Table::new(9, dimensions.len(), ALPHABET);
            let outcomes = run(&mut table, &dimensions, WIDE, 5, strategy);
            for (problem, (&dimension, outcome)) in dimensions.iter().zip(&outcomes).enumerate() {
                let mut found = outcome.found.clone();
                found.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
                same(&found, &laws(&table, problem, dimension, 5));
            }
        }
    }

    #[test]
    fn a_narrow_beam_is_honest() {
        let mut best = vec![0.0; 7];
        for seed in 0..60 {
            let mut table = Table::new(seed, 1, ALPHABET);
            let laws = laws(&table, 0, 1, 7);
            for (power, best) in best.iter_mut().enumerate() {
                let width = 1 << power;
                let outcome = &run(&mut table, &[1], width, 7, Strategy::Beam)[0];
                assert!(table.steps.iter().all(|&rows| rows <= width));
                assert!(outcome.found.len() <= width);
                // What is certified is what the exhaustive search has there; nothing is better than that.
                same(
                    &outcome.found[..outcome.certified],
                    &laws[..outcome.certified],
                );
                for (found, (_, log)) in outcome.found.iter().zip(&laws) {
                    assert!(found.log_probability <= log + 1e-9);
                }
                // Every probability is the true one of its skeleton.
                for found in &outcome.found {
                    let law = laws.iter().find(|(t, _)| t == found.skeleton.tokens());
                    let (_, log) = law.expect("a valid skeleton");
                    assert!((found.log_probability - log).abs() < 1e-9);
                }
                *best += outcome.found.first().map_or(-20.0, |f| f.log_probability);
            }
        }
        // A wider beam need not be better on one problem, but it is on the whole.
        assert!(best.windows(2).all(|pair| pair[0] <= pair[1]), "{best:?}");
        assert!(best[0] < best[6]);
    }

    #[test]
    fn the_search_stops_when_nothing_open_can_win() {
        // Almost all of the mass is on short laws, so long prefixes are never worth a step.
        let mut table = Table::new(1, 1, &[Token::X1, Token::Sin, Token::Square]);
        table.spread = 0.1;
        run(&mut table, &[1], 3, 200, Strategy::Beam);
        assert!(table.steps.len() < 12, "{:?}", table.steps);
    }

    #[test]
    fn samples_are_drawn_without_replacement() {
        let alphabet = &[Token::X1, Token::Sin, Token::Square, Token::Add2];
        let mut table = Table::new(3, 1, alphabet);
        let laws = laws(&table, 0, 1, 4);
        let p: HashMap<&[Token], f64> = laws.iter().map(|(t, log)| (&t[..], log.exp())).collect();
        let runs = 20_000;
        let mut first: HashMap<Vec<Token>, f64> = HashMap::new();
        let mut second: HashMap<Vec<Token>, f64> = HashMap::new();
        for seed in 0..runs {
            let found = run(&mut table, &[1], 2, 4, Strategy::Sample { seed })
                .remove(0)
                .found;
            assert_eq!(found.len(), 2);
            *first
                .entry(found[0].skeleton.tokens().to_vec())
                .or_default() += 1.0;
            *second
                .entry(found[1].skeleton.tokens().to_vec())
                .or_default() += 1.0;
            assert_ne!(found[0].skeleton, found[1].skeleton);
        }
        let close = |count: f64, p: f64| {
            let deviation = (runs as f64 * p * (1.0 - p)).sqrt();
            (count - runs as f64 * p).abs() < 4.5 * deviation + 1.0
        };
        for (tokens, &own) in &p {
            let seen = first.get(*tokens).copied().unwrap_or(0.0);
            assert!(
                close(seen, own),
                "first {tokens:?}: {seen} of {}",
                own * runs as f64
            );
            let later: f64 = p
                .iter()
                .filter(|(other, _)| other != &tokens)
                .map(|(_, p)| p * own / (1.0 - p))
                .sum();
            let seen = second.get(*tokens).copied().unwrap_or(0.0);
            assert!(
                close(seen, later),
                "second {tokens:?}: {seen} of {}",
                later * runs as f64
            );
        }
    }

    #[test]
    fn a_seed_fixes_the_sample() {
        let mut table = Table::new(3, 1, ALPHABET);
        for seed in 0..50 {
            let a = run(&mut table, &[1], 20, 6, Strategy::Sample { seed });
            assert!(table.steps.iter().all(|&rows| rows <= 20));
            let b = run(&mut table, &[1], 20, 6, Strategy::Sample { seed });
            assert_eq!(a, b);
            let c = run(&mut table, &[1], 20, 6, Strategy::Sample { seed: seed + 1 });
            assert_ne!(a, c);
        }
    }

    #[test]
    fn impossible_lengths_and_widths_find_nothing() {
        let mut table = Table::new(3, 1, ALPHABET);
        for (width, max_tokens) in [(0, 9), (5, 0)] {
            for strategy in [Strategy::Beam, Strategy::Sample { seed: 1 }] {
                let outcome = run(&mut table, &[1], width, max_tokens, strategy);
                assert!(outcome[0].found.is_empty());
            }
        }
        // A token that can't be avoided has probability zero: a dead end, no error.
        let mut table = Table::new(3, 1, &[Token::Sin]);
        assert!(
            run(&mut table, &[1], 5, 6, Strategy::Beam)[0]
                .found
                .is_empty()
        );
    }

    #[test]
    fn scores_that_are_no_numbers_are_errors() {
        struct Broken(f32, usize);
        #[derive(Debug, PartialEq)]
        struct Failed(ScoresError);
        impl From<ScoresError> for Failed {
            fn from(error: ScoresError) -> Failed {
                Failed(error)
            }
        }
        impl StepModel for Broken {
            type Error = Failed;
            fn start(&mut self) -> Result<Scores, Failed> {
                Ok(Scores::new(self.1, vec![self.0; self.1]))
            }
            fn advance(&mut self, _: &[usize], _: &[Symbol]) -> Result<Scores, Failed> {
                self.start()
            }
        }
        let options = Search {
            width: 4,
            max_tokens: 9,
            strategy: Strategy::Beam,
        };
        for (value, columns) in [(f32::NAN, 80), (f32::INFINITY, 80), (0.0, 12)] {
            let error = search(&mut Broken(value, columns), &[1], &options).expect_err("broken");
            assert_eq!(
                matches!(error.0, ScoresError::NotFinite { .. }),
                columns == 80
            );
        }
        // The second step has several rows, the model one.
        let error = search(&mut Broken(0.0, 80), &[1], &options).expect_err("broken");
        assert!(matches!(error.0, ScoresError::Shape { found: 80, .. }));
    }
}
