//! The search for one problem: its open prefixes, the best skeletons so far, and one step of their growth.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use nsode_parser::grammar::Grammar;
use nsode_parser::skeleton::Skeleton;
use nsode_parser::token::Token;

use super::noise::Noise;
use super::{Found, Outcome, Search, Strategy, masked};
use crate::decode::{Scores, ScoresError, constants};
use crate::vocabulary::{BOS, Order, Symbol, Vocabulary};

/// A prefix that may still grow.
#[derive(Clone)]
struct Open {
    tokens: Vec<Token>,
    grammar: Grammar,
    log_probability: f64,
    key: f64,
    /// Constants that stand right after its tokens and are not read yet.
    due: usize,
    /// So far.
    constants: Vec<f64>,
    /// What it feeds next: its last token or constant.
    next: Symbol,
    /// Its row in the model; until it is fed, its parent's.
    row: usize,
}

/// An open prefix and one more token, or a constant, which is no choice; ordered by key, ties by place, so that results are reproducible.
pub(super) struct Child {
    /// Its parent's place among the open prefixes.
    parent: usize,
    token: Option<Token>,
    pub(super) log_probability: f64,
    pub(super) key: f64,
}

impl Ord for Child {
    fn cmp(&self, other: &Child) -> Ordering {
        self.key
            .total_cmp(&other.key)
            .then(other.parent.cmp(&self.parent))
            .then(other.token.map(Token::id).cmp(&self.token.map(Token::id)))
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
    /// What it feeds next, if its constants are wanted: its last token, then each constant but the last.
    next: Option<Symbol>,
    /// Its row in the model; until it is fed, its parent's.
    row: usize,
    /// So far, if they are wanted.
    constants: Option<Vec<f64>>,
}

impl Leaf {
    /// Whether it lacks constants that are wanted.
    fn is_short(&self) -> bool {
        let slots = self.skeleton.as_ref().map_or(0, Skeleton::slots);
        let read = self.constants.as_ref();
        read.is_some_and(|constants| constants.len() < slots)
    }
}

/// The search for one problem.
pub(super) struct Pool {
    dimension: usize,
    width: usize,
    order: Order,
    /// Whether the constants of leaves are.
    wanted: bool,
    /// `None` for a beam.
    noise: Option<Noise>,
    open: Vec<Open>,
    /// The best leaves, best first, at most `width`.
    leaves: Vec<Leaf>,
    /// Best key of anything dropped only for want of width.
    dropped: f64,
}

impl Pool {
    /// The root alone; `index` is the problem's number, and its row, `wanted` whether the constants of what is found are.
    pub(super) fn new(
        index: usize,
        dimension: usize,
        options: &Search,
        order: Order,
        wanted: bool,
    ) -> Pool {
        let noise = match options.strategy {
            Strategy::Beam => None,
            Strategy::Sample { seed } => Some(Noise::new(seed, index as u64)),
        };
        let root = Open {
            tokens: Vec::new(),
            grammar: Grammar::new(dimension, options.max_tokens),
            log_probability: 0.0,
            key: 0.0,
            due: 0,
            constants: Vec::new(),
            next: Symbol::plain(BOS),
            row: index,
        };
        Pool {
            dimension,
            width: options.width,
            order,
            wanted,
            noise,
            open: if options.width == 0 {
                Vec::new()
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
    pub(super) fn expand(&mut self, scores: &Scores) -> Result<(), ScoresError> {
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
            match (open.get(child.parent), child.token) {
                (Some(parent), Some(token)) => self.place(parent, &child, token),
                (Some(parent), None) => self.open.push(Open {
                    due: parent.due - 1,
                    ..parent.clone()
                }),
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// All possible next tokens of all open prefixes, those left out that are no better than what is found.
    fn children(&mut self, scores: &Scores) -> Result<BinaryHeap<Child>, ScoresError> {
        let threshold = self.threshold();
        let mut children = Vec::new();
        for (parent, open) in self.open.iter().enumerate() {
            let first = children.len();
            if open.due > 0 {
                children.push(Child {
                    parent,
                    token: None,
                    log_probability: open.log_probability,
                    key: open.key,
                });
                continue;
            }
            for (token, log) in masked(&open.grammar, scores.row(open.row))? {
                let log_probability = open.log_probability + log;
                children.push(Child {
                    parent,
                    token: Some(token),
                    log_probability,
                    key: log_probability,
                });
            }
            if let Some(noise) = &mut self.noise {
                noise.perturb(&mut children[first..], open.key);
            }
        }
        children.retain(|child| child.key > threshold);
        Ok(children.into())
    }

    /// Puts a child among the open prefixes or the leaves.
    fn place(&mut self, parent: &Open, child: &Child, token: Token) {
        let mut grammar = parent.grammar.clone();
        if !grammar.push(token) {
            return;
        }
        let mut tokens = parent.tokens.clone();
        tokens.push(token);
        if !grammar.is_complete() {
            self.open.push(Open {
                due: self.order.due(&tokens),
                constants: parent.constants.clone(),
                next: Symbol::token(token),
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
                next: Some(Symbol::token(token)),
                row: parent.row,
                constants: self.wanted.then(|| parent.constants.clone()),
            };
            self.leaves.insert(place, leaf);
            self.leaves.truncate(self.width);
        }
    }

    /// Reads a constant for each prefix after which one is due, and for each leaf that lacks one: all of these, since
    /// each is fed at every step until it has all of its own.
    pub(super) fn read(
        &mut self,
        scores: &Scores,
        vocabulary: &Vocabulary,
    ) -> Result<(), ScoresError> {
        for leaf in self.leaves.iter_mut().filter(|leaf| leaf.is_short()) {
            let pair = constants::read(scores.row(leaf.row), vocabulary)?;
            if let Some(constants) = &mut leaf.constants {
                constants.push(vocabulary.bins().decode(pair));
            }
            leaf.next = Some(Symbol::constant(pair));
        }
        for open in self.open.iter_mut().filter(|open| open.due > 0) {
            let pair = constants::read(scores.row(open.row), vocabulary)?;
            open.constants.push(vocabulary.bins().decode(pair));
            open.next = Symbol::constant(pair);
        }
        Ok(())
    }

    /// Appends what each open prefix feeds to the model: the row that it continues, and its last token. Each leaf
    /// too, if its constants are wanted and not all read.
    pub(super) fn feed(&mut self, parents: &mut Vec<usize>, fed: &mut Vec<Symbol>) {
        for leaf in self.leaves.iter_mut().filter(|leaf| leaf.is_short()) {
            if let Some(next) = leaf.next.take() {
                parents.push(std::mem::replace(&mut leaf.row, parents.len()));
                fed.push(next);
            }
        }
        for open in &mut self.open {
            parents.push(std::mem::replace(&mut open.row, parents.len()));
            fed.push(open.next);
        }
    }

    /// What was found.
    pub(super) fn outcome(self) -> Outcome {
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
                    constants: leaf.constants.unwrap_or_default(),
                });
            }
        }
        outcome
    }
}
