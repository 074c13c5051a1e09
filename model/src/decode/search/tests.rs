//! The searches, held against the exhaustive enumeration of a table model.

use std::collections::HashMap;

use super::*;
use crate::decode::Scores;
use crate::decode::table::Table;
use crate::vocabulary::Symbol;

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
    let vocabulary = table.vocabulary;
    search(table, dimensions, &options, &vocabulary).expect("the table has finite scores")
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
        (5, ALPHABET, 1, 7),
        (6, ALPHABET, 2, 6),
    ] {
        let order = if seed < 5 {
            Order::After
        } else {
            Order::Inline
        };
        let mut table = Table::ordered(seed, 1, alphabet, order);
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
    honest(Order::After);
    honest(Order::Inline);
}

fn honest(order: Order) {
    let mut best = vec![0.0; 7];
    for seed in 0..60 {
        let mut table = Table::ordered(seed, 1, ALPHABET, order);
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
    let vocabulary = Table::new(1, 1, ALPHABET).vocabulary;
    for (value, columns) in [(f32::NAN, 80), (f32::INFINITY, 80), (0.0, 12)] {
        let error =
            search(&mut Broken(value, columns), &[1], &options, &vocabulary).expect_err("broken");
        assert_eq!(
            matches!(error.0, ScoresError::NotFinite { .. }),
            columns == 80
        );
    }
    // The second step has several rows, the model one.
    let error = search(&mut Broken(0.0, 80), &[1], &options, &vocabulary).expect_err("broken");
    assert!(matches!(error.0, ScoresError::Shape { found: 80, .. }));
}
