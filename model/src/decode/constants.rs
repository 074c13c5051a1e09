//! Constants for given skeletons, and their log-probabilities.
//!
//! Every skeleton is fed to the model token by token, and its constants one by one where they stand: each is read from
//! the scores of the bins ([`crate::twohot::Bins::read`]) and fed back as the interpolated embedding of the
//! same two bins. All sequences advance in lockstep, one place a step, whatever their lengths: the next
//! place of one may be a token while that of another is a constant. Sequences that agree so far share a row.

use std::collections::HashMap;

use nsode_parser::grammar::Grammar;
use nsode_parser::skeleton::Skeleton;

use super::search::masked;
use super::{ScoresError, StepModel};
use crate::twohot::TwoHot;
use crate::vocabulary::{FIRST_BIN, Place, Symbol, Vocabulary};

/// A skeleton with constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Completed {
    /// The most probable constants, one after the other, in slot order.
    pub constants: Vec<f64>,
    /// Masked, renormalised log-probability of the skeleton; −∞ for one that the grammar can't spell within
    /// the length.
    pub log_probability: f64,
}

/// A skeleton on its way through the model.
struct Sequence {
    /// Its number among all skeletons of all problems.
    index: usize,
    /// What it consists of.
    places: Vec<Place>,
    /// After the tokens so far.
    grammar: Grammar,
    /// Its row in the model.
    row: usize,
    /// What is known so far.
    result: Completed,
}

/// Constants and log-probabilities of `skeletons[p]`, skeletons of problem `p`, in their order.
///
/// # Errors
/// The model's own, and [`ScoresError`].
pub fn complete<M: StepModel>(
    model: &mut M,
    skeletons: &[Vec<&Skeleton>],
    max_tokens: usize,
    vocabulary: &Vocabulary,
) -> Result<Vec<Vec<Completed>>, M::Error> {
    let mut active: Vec<Sequence> = skeletons
        .iter()
        .enumerate()
        .flat_map(|(problem, list)| list.iter().map(move |&skeleton| (problem, skeleton)))
        .enumerate()
        .map(|(index, (problem, skeleton))| Sequence {
            index,
            places: vocabulary.order().places(skeleton),
            grammar: Grammar::new(skeleton.dimension(), max_tokens),
            row: problem,
            result: Completed {
                constants: Vec::with_capacity(skeleton.slots()),
                log_probability: 0.0,
            },
        })
        .collect();
    let mut done: Vec<Option<Completed>> = vec![None; active.len()];

    let mut scores = model.start()?.checked(skeletons.len(), vocabulary.size())?;
    let mut step = 0;
    while !active.is_empty() {
        let (mut parents, mut fed) = (Vec::new(), Vec::new());
        let mut shared: HashMap<(usize, u16, u64), usize> = HashMap::new();
        let mut next = Vec::with_capacity(active.len());
        for mut sequence in active {
            let symbol = sequence.advance(step, scores.row(sequence.row), vocabulary)?;
            if sequence.is_done(step) {
                if let Some(slot) = done.get_mut(sequence.index) {
                    *slot = Some(sequence.result);
                }
                continue;
            }
            let key = (sequence.row, symbol.id, symbol.upper.to_bits());
            sequence.row = *shared.entry(key).or_insert_with(|| {
                parents.push(sequence.row);
                fed.push(symbol);
                parents.len() - 1
            });
            next.push(sequence);
        }
        active = next;
        step += 1;
        if !parents.is_empty() {
            scores = model
                .advance(&parents, &fed)?
                .checked(parents.len(), vocabulary.size())?;
        }
    }
    let mut done = done.into_iter().flatten();
    Ok(skeletons
        .iter()
        .map(|list| done.by_ref().take(list.len()).collect())
        .collect())
}

impl Sequence {
    /// Reads place `step` of the sequence from `row`: a token's log-probability or a constant. Returns what
    /// stands there.
    fn advance(
        &mut self,
        step: usize,
        row: &[f32],
        vocabulary: &Vocabulary,
    ) -> Result<Symbol, ScoresError> {
        if let Some(&Place::Token(token)) = self.places.get(step) {
            let log = masked(&self.grammar, row)?
                .into_iter()
                .find_map(|(t, log)| (t == token).then_some(log));
            self.result.log_probability += log.unwrap_or(f64::NEG_INFINITY);
            self.grammar.push(token);
            return Ok(Symbol::token(token));
        }
        let pair = read(row, vocabulary)?;
        self.result.constants.push(vocabulary.bins().decode(pair));
        Ok(Symbol::constant(pair))
    }

    fn is_done(&self, step: usize) -> bool {
        step + 1 >= self.places.len()
    }
}

/// The constant that a row of scores tells.
///
/// # Errors
/// [`ScoresError::NotFinite`] for NaN or +∞ among the scores of the bins.
pub(super) fn read(row: &[f32], vocabulary: &Vocabulary) -> Result<TwoHot, ScoresError> {
    let bins = row.get(usize::from(FIRST_BIN)..).unwrap_or(&[]);
    vocabulary.bins().read(bins).ok_or_else(|| {
        let bad = bins.iter().position(|s| s.is_nan()).unwrap_or(0);
        ScoresError::NotFinite {
            id: usize::from(FIRST_BIN) + bad,
            value: bins.get(bad).copied().unwrap_or(f32::NAN),
        }
    })
}

#[cfg(test)]
mod tests {
    use nsode_parser::token::Token;

    use super::*;
    use crate::decode::search::{Search, Strategy, search, spell};
    use crate::decode::table::Table;
    use crate::vocabulary::Order;

    #[test]
    fn constants_are_read_and_fed_back_in_slot_order() {
        read_and_fed_back(Order::After);
        read_and_fed_back(Order::Inline);
    }

    fn read_and_fed_back(order: Order) {
        let dimensions = [1, 2, 1];
        let mut table = Table::ordered(11, dimensions.len(), Token::ALL, order);
        let options = Search {
            width: 40,
            max_tokens: 9,
            strategy: Strategy::Beam,
        };
        let vocabulary = table.vocabulary;
        let outcomes =
            search(&mut table, &dimensions, &options, &vocabulary).expect("finite scores");
        let skeletons: Vec<Vec<&Skeleton>> = outcomes
            .iter()
            .map(|outcome| outcome.found.iter().map(|f| &f.skeleton).collect())
            .collect();
        let completed = complete(&mut table, &skeletons, 9, &vocabulary).expect("finite scores");

        let longest = skeletons.iter().flatten().map(|s| s.complexity()).max();
        assert_eq!(Some(table.steps.len()), longest, "one step a place");
        assert!(table.steps[1] < 3 * 40, "common prefixes share a row");
        for (problem, outcome) in outcomes.iter().enumerate() {
            assert_eq!(completed[problem].len(), outcome.found.len());
            for (found, completed) in outcome.found.iter().zip(&completed[problem]) {
                assert!((found.log_probability - completed.log_probability).abs() < 1e-9);
                assert_eq!(completed.constants.len(), found.skeleton.slots());
                // The same, one sequence alone.
                let mut fed: Vec<Symbol> = Vec::new();
                let mut constants = completed.constants.iter();
                for place in order.places(&found.skeleton) {
                    let Place::Token(token) = place else {
                        let row = table.row(problem, &fed);
                        let pair: TwoHot = vocabulary
                            .bins()
                            .read(&row[usize::from(FIRST_BIN)..])
                            .expect("finite");
                        assert_eq!(Some(&vocabulary.bins().decode(pair)), constants.next());
                        fed.push(Symbol::constant(pair));
                        continue;
                    };
                    fed.push(Symbol::token(token));
                }
            }
        }
    }

    #[test]
    fn constants_that_are_read_while_searching_are_the_same() {
        for (seed, width) in [(11, 40), (12, 3), (13, 400)] {
            for strategy in [Strategy::Beam, Strategy::Sample { seed }] {
                let dimensions = [1, 2, 1];
                let options = Search {
                    width,
                    max_tokens: 7,
                    strategy,
                };
                let mut table = Table::new(seed, dimensions.len(), Token::ALL);
                let vocabulary = table.vocabulary;
                let searched =
                    search(&mut table, &dimensions, &options, &vocabulary).expect("finite");
                let steps = table.steps.len();
                let skeletons: Vec<Vec<&Skeleton>> = searched
                    .iter()
                    .map(|outcome| outcome.found.iter().map(|f| &f.skeleton).collect())
                    .collect();
                let completed = complete(&mut table, &skeletons, 7, &vocabulary).expect("finite");
                let alone = steps + table.steps.len();
                let spelt = spell(&mut table, &dimensions, &options, &vocabulary).expect("finite");
                assert!(table.steps.len() < alone);
                let mut constants = 0;
                for ((spelt, searched), completed) in spelt.iter().zip(&searched).zip(completed) {
                    assert_eq!(spelt.certified, searched.certified);
                    assert_eq!(spelt.found.len(), searched.found.len());
                    let found = spelt.found.iter().zip(&searched.found).zip(completed);
                    for ((spelt, searched), completed) in found {
                        assert_eq!(spelt.skeleton, searched.skeleton);
                        assert_eq!(spelt.log_probability, searched.log_probability);
                        assert_eq!(spelt.constants, completed.constants);
                        assert!(searched.constants.is_empty());
                        constants += completed.constants.len();
                    }
                }
                assert!(constants > width);
            }
        }
    }

    #[test]
    fn any_skeleton_has_a_log_probability() {
        let mut table = Table::new(2, 1, &[Token::X1, Token::Sin, Token::One, Token::Add2]);
        let vocabulary = table.vocabulary;
        let parse = |tokens: &[Token]| Skeleton::parse(1, tokens).expect("valid");
        let spelt = parse(&[Token::Sin, Token::X1]);
        let unlikely = parse(&[Token::Cos, Token::X1]);
        let long = parse(&[Token::Sin, Token::Sin, Token::Sin, Token::Sin, Token::X1]);
        let listed = vec![vec![&spelt, &unlikely, &long, &spelt]];
        let completed = complete(&mut table, &listed, 4, &vocabulary).expect("finite");
        let laws = table.enumerate(0, 1, 4);
        let (_, log) = laws
            .iter()
            .find(|(t, _)| t == spelt.tokens())
            .expect("there");
        assert!((completed[0][0].log_probability - log).abs() < 1e-12);
        assert_eq!(completed[0][1].log_probability, f64::NEG_INFINITY);
        assert_eq!(completed[0][2].log_probability, f64::NEG_INFINITY);
        assert_eq!(completed[0][3], completed[0][0]);
        assert!(
            completed[0]
                .iter()
                .flat_map(|c| &c.constants)
                .all(|c| c.is_finite())
        );

        assert_eq!(
            complete(&mut table, &[vec![]], 4, &vocabulary).expect("empty"),
            [vec![]]
        );
    }
}
