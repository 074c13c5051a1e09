//! For tests: a model whose scores are a fixed function of everything it was fed, and the exhaustive
//! enumeration that the searches are held against.

use std::hash::{DefaultHasher, Hash, Hasher};

use nsode_parser::grammar::Grammar;
use nsode_parser::token::Token;

use super::search::masked;
use super::{Scores, ScoresError, StepModel};
use crate::twohot::Bins;
use crate::vocabulary::{FIRST_BIN, FIRST_TOKEN, Order, Symbol, TOKEN_IDS, Vocabulary};

/// Scores from a hash of the seed, the problem, and all that a row was fed.
pub(crate) struct Table {
    pub seed: u64,
    pub problems: usize,
    /// Tokens with a finite score; all others have probability zero.
    pub alphabet: Vec<Token>,
    /// Scores are uniform in ±spread.
    pub spread: f32,
    pub vocabulary: Vocabulary,
    rows: Vec<(usize, Vec<Symbol>)>,
    /// Rows of each step so far.
    pub steps: Vec<usize>,
}

#[derive(Debug)]
pub(crate) struct TableError;

impl From<ScoresError> for TableError {
    fn from(_: ScoresError) -> TableError {
        TableError
    }
}

impl Table {
    pub fn new(seed: u64, problems: usize, alphabet: &[Token]) -> Table {
        Table::ordered(seed, problems, alphabet, Order::After)
    }

    pub fn ordered(seed: u64, problems: usize, alphabet: &[Token], order: Order) -> Table {
        Table {
            seed,
            problems,
            alphabet: alphabet.to_vec(),
            spread: 2.0,
            vocabulary: Vocabulary::new(Bins::new(21, 0.02, 300.0).expect("valid bins"), order),
            rows: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The scores after `prefix` in `problem`.
    pub fn row(&self, problem: usize, prefix: &[Symbol]) -> Vec<f32> {
        (0..self.vocabulary.size())
            .map(|id| {
                let token = Vocabulary::token(id as u16);
                let reserved =
                    (usize::from(FIRST_TOKEN)..usize::from(FIRST_TOKEN + TOKEN_IDS)).contains(&id);
                if reserved && !token.is_some_and(|t| self.alphabet.contains(&t)) {
                    return f32::NEG_INFINITY;
                }
                let mut hash = DefaultHasher::new();
                (self.seed, problem, id).hash(&mut hash);
                for symbol in prefix {
                    (symbol.id, symbol.upper.to_bits()).hash(&mut hash);
                }
                let unit = (hash.finish() >> 40) as f32 / (1u64 << 24) as f32;
                self.spread * (2.0 * unit - 1.0)
            })
            .collect()
    }

    fn scores(&mut self) -> Scores {
        self.steps.push(self.rows.len());
        let values = self
            .rows
            .iter()
            .flat_map(|(p, prefix)| self.row(*p, prefix))
            .collect();
        Scores::new(self.vocabulary.size(), values)
    }

    /// Every complete skeleton of `problem` with its log-probability, most probable first.
    pub fn enumerate(
        &self,
        problem: usize,
        dimension: usize,
        max_tokens: usize,
    ) -> Vec<(Vec<Token>, f64)> {
        let mut all = Vec::new();
        let root = Grammar::new(dimension, max_tokens);
        self.descend(problem, &root, &(Vec::new(), Vec::new()), 0.0, &mut all);
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }

    fn descend(
        &self,
        problem: usize,
        grammar: &Grammar,
        (tokens, fed): &(Vec<Token>, Vec<Symbol>),
        log: f64,
        all: &mut Vec<(Vec<Token>, f64)>,
    ) {
        if grammar.is_complete() {
            all.push((tokens.clone(), log));
            return;
        }
        let row = self.row(problem, fed);
        for (token, step) in masked(grammar, &row).expect("finite scores") {
            let mut longer = grammar.clone();
            assert!(longer.push(token), "an allowed token is accepted");
            let (mut tokens, mut fed) = (tokens.clone(), fed.clone());
            tokens.push(token);
            fed.push(Symbol::token(token));
            for _ in 0..self.vocabulary.order().due(&tokens) {
                let row = self.row(problem, &fed);
                let bins = &row[usize::from(FIRST_BIN)..];
                fed.push(Symbol::constant(
                    self.vocabulary.bins().read(bins).expect("finite"),
                ));
            }
            self.descend(problem, &longer, &(tokens, fed), log + step, all);
        }
    }
}

impl StepModel for Table {
    type Error = TableError;

    fn start(&mut self) -> Result<Scores, TableError> {
        self.rows = (0..self.problems).map(|p| (p, Vec::new())).collect();
        self.steps.clear();
        Ok(self.scores())
    }

    fn advance(&mut self, parents: &[usize], fed: &[Symbol]) -> Result<Scores, TableError> {
        assert_eq!(parents.len(), fed.len());
        self.rows = parents
            .iter()
            .zip(fed)
            .map(|(&parent, &symbol)| {
                let (problem, mut prefix) = self.rows[parent].clone();
                prefix.push(symbol);
                (problem, prefix)
            })
            .collect();
        Ok(self.scores())
    }
}
