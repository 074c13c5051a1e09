//! How probable a skeleton is before any data.
//!
//! Two opinions are pooled, half and half in the logarithm. One is a description length, a price a token:
//! what people write down is short and mostly polynomial. The other, for scalar laws, is how often the
//! generator's distribution draws the skeleton: a table, made by the command in `data/priors/README.md` and
//! built into the program. Skeletons that the table lacks, and those of systems, go by the first alone.
//!
//! The network's probability of a skeleton is no prior: it has seen the data, which would then count twice.

use std::collections::HashMap;
use std::sync::LazyLock;

use nsode_parser::{Skeleton, Token};

/// What the table leaves for skeletons that it lacks.
const UNLISTED: f64 = 0.1;

const TABLE: &str = include_str!("../../data/priors/scalar.tsv");

/// Shares of the scalar skeletons that the table lists.
static SHARES: LazyLock<HashMap<Vec<Token>, f64>> = LazyLock::new(|| shares(TABLE));

/// Reads rows of a count, a tab and tokens; `*` stands for all skeletons that have no row. A row that is
/// none of these is left out: the table is this project's own, and a test reads every row.
fn shares(table: &str) -> HashMap<Vec<Token>, f64> {
    let rows = table.lines().filter_map(|row| {
        let (count, tokens) = row.split_once('\t')?;
        Some((count.parse::<f64>().ok()?, tokens))
    });
    let rows: Vec<(f64, &str)> = rows.collect();
    let total: f64 = rows.iter().map(|(count, _)| count).sum();
    let share = |(count, tokens): (f64, &str)| {
        let tokens: Option<Vec<Token>> = tokens.split(' ').map(Token::from_name).collect();
        Some((tokens?, count / total))
    };
    rows.into_iter().filter_map(share).collect()
}

/// The `count` skeletons of one state that the table says are most frequent, these first.
pub fn most_frequent(count: usize) -> Vec<Skeleton> {
    let mut listed: Vec<(&Vec<Token>, f64)> = SHARES.iter().map(|(t, share)| (t, *share)).collect();
    listed.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    listed
        .into_iter()
        .take(count)
        .filter_map(|(tokens, _)| Skeleton::parse(1, tokens).ok())
        .collect()
}

/// Logarithm of the prior probability of a skeleton.
pub fn log_prior(skeleton: &Skeleton) -> f64 {
    let described = description_prior(skeleton);
    if skeleton.dimension() > 1 {
        return described;
    }
    let share = SHARES.get(skeleton.tokens()).copied().unwrap_or(0.0);
    let drawn = (1.0 - UNLISTED) * share + UNLISTED * described.exp();
    0.5 * (drawn.ln() + described)
}

/// Nats a token costs below `parent`: about what its frequency among written-down laws suggests. Products of
/// two states are as common as squares, higher mixed powers are not; sines of a state are rare.
fn cost(token: Token, parent: Option<Token>) -> f64 {
    match token {
        Token::One | Token::Time | Token::X1 | Token::X2 | Token::X3 | Token::X4 => 1.0,
        Token::Square | Token::Cube if parent == Some(Token::Mul) => 3.0,
        Token::Add2 | Token::Add3 | Token::Mul | Token::Square => 1.2,
        Token::Add4 | Token::Add5 | Token::Add6 | Token::Cube => 1.7,
        Token::Inverse if parent == Some(Token::Mul) => 2.5,
        Token::Inverse | Token::Exp | Token::Log | Token::Sqrt => 3.5,
        Token::Tanh | Token::Power => 5.0,
        _ => 6.0,
    }
}

/// Logarithm of the prior probability of a skeleton by its description length.
pub fn description_prior(skeleton: &Skeleton) -> f64 {
    let mut open: Vec<(Token, usize)> = Vec::new();
    let mut sum = 0.0;
    for &token in skeleton.tokens() {
        sum += cost(token, open.last().map(|(parent, _)| *parent));
        if let Some((_, left)) = open.last_mut() {
            *left -= 1;
        }
        while open.last().is_some_and(|(_, left)| *left == 0) {
            open.pop();
        }
        if token.arity() > 0 {
            open.push((token, token.arity()));
        }
    }
    -sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton(tokens: &str) -> Skeleton {
        let tokens: Vec<Token> = tokens.split(' ').filter_map(Token::from_name).collect();
        Skeleton::parse(1, &tokens).unwrap()
    }

    #[test]
    fn every_row_of_the_table_is_a_scalar_skeleton() {
        let rows: Vec<&str> = TABLE.lines().skip(1).collect();
        for row in &rows {
            let (count, tokens) = row.split_once('\t').unwrap();
            assert!(count.parse::<u64>().unwrap() > 0);
            skeleton(tokens);
        }
        assert_eq!(SHARES.len(), rows.len());
        assert!(
            TABLE.starts_with(char::is_numeric) && TABLE.lines().next().unwrap().ends_with("\t*")
        );
        assert!(SHARES.values().sum::<f64>() < 1.0);
    }

    #[test]
    fn the_most_frequent_come_first() {
        let most = most_frequent(usize::MAX);
        assert_eq!(most.len(), SHARES.len());
        let shares: Vec<f64> = most.iter().map(|s| SHARES[s.tokens()]).collect();
        assert!(shares.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn common_laws_are_more_probable_than_rare_ones_and_none_is_impossible() {
        let logistic = log_prior(&skeleton("add2 x1 sq x1"));
        let sine = log_prior(&skeleton("sin x1"));
        let unseen = log_prior(&skeleton("tanh mul sin x1 inv2 add2 1 tan x1"));
        assert!(logistic > sine + 1.0 && sine > unseen && unseen.is_finite());
    }
}
