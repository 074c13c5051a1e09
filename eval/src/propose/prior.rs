//! How probable a skeleton is before any data.
//!
//! Two opinions are pooled, half and half in the logarithm. One is a description length, a price a token:
//! what people write down is short and mostly polynomial. The other, for up to three states, is how often the
//! generator's distribution draws the skeleton: tables, made by the commands in `data/priors/README.md` and
//! built into the program. Skeletons that the tables lack, and those of four states, go by the first alone.
//!
//! The network's probability of a skeleton is no prior: it has seen the data, which would then count twice.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use nsode_parser::skeleton;
use nsode_parser::{Skeleton, Token};

/// Tables of one state, two and three.
const TABLES: [&str; 3] = [
    include_str!("../../../data/priors/scalar.tsv"),
    include_str!("../../../data/priors/two.tsv"),
    include_str!("../../../data/priors/three.tsv"),
];

/// Shares of skeletons.
struct Shares {
    listed: HashMap<Vec<Token>, f64>,
    /// What is left for skeletons that are not listed.
    others: f64,
}

/// Shares of the skeletons that each table lists.
static SHARES: LazyLock<[Shares; 3]> = LazyLock::new(|| TABLES.map(shares));

/// Those of laws of `dimension` states; `None` where there is no table.
fn table(dimension: usize) -> Option<&'static Shares> {
    SHARES.get(dimension.checked_sub(1)?)
}

/// Reads rows of a count, a tab and tokens; `*` stands for all skeletons that have no row. A row that is
/// none of these is left out: the table is this project's own, and a test reads every row.
fn shares(table: &str) -> Shares {
    let rows = table.lines().filter_map(|row| {
        let (count, tokens) = row.split_once('\t')?;
        Some((count.parse::<f64>().ok()?, tokens))
    });
    let rows: Vec<(f64, &str)> = rows.collect();
    let total: f64 = rows.iter().map(|(count, _)| count).sum();
    let share = |(count, tokens): &(f64, &str)| {
        let tokens: Option<Vec<Token>> = tokens.split(' ').map(Token::from_name).collect();
        Some((tokens?, count / total))
    };
    // From the rows in their order: a sum over the map would differ in its last digit from run to run.
    let others = rows.iter().filter(|(_, tokens)| *tokens == "*");
    Shares {
        others: others.map(|(count, _)| count / total).sum(),
        listed: rows.iter().filter_map(share).collect(),
    }
}

/// The skeletons of `dimension` states that the table lists, the most frequent first; none where there is no table.
pub fn most_frequent(dimension: usize) -> impl Iterator<Item = Skeleton> {
    let mut listed: Vec<(&Vec<Token>, f64)> = table(dimension)
        .into_iter()
        .flat_map(|shares| &shares.listed)
        .map(|(tokens, share)| (tokens, *share))
        .collect();
    listed.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let each = listed.into_iter();
    each.filter_map(move |(tokens, _)| Skeleton::parse(dimension, tokens).ok())
}

/// Logarithm of the prior probability of a skeleton.
pub fn log_prior(skeleton: &Skeleton) -> f64 {
    let described = description_prior(skeleton);
    let Some(shares) = table(skeleton.dimension()) else {
        return described;
    };
    let share = shares.listed.get(skeleton.tokens()).unwrap_or(&0.0);
    let drawn = share + shares.others * described.exp();
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

/// Nats that a term of a system costs which another equation has, too: what one state loses another one gains, and what is
/// said already need only be pointed at. A guess; not fitted.
pub(crate) const REPEATED: f64 = 1.5;

/// Logarithm of the prior probability of a skeleton by its description length.
pub fn description_prior(skeleton: &Skeleton) -> f64 {
    let equations: Vec<Cow<[Token]>> = skeleton.equations().map(words).collect();
    let mut seen: Vec<&[Token]> = Vec::new();
    let mut sum = 0.0;
    for equation in &equations {
        sum += price(equation);
        let known = seen.len();
        for term in skeleton::terms(equation) {
            if seen.iter().take(known).any(|other| *other == term) {
                sum -= (price(term) - REPEATED).max(0.0);
            }
            seen.push(term);
        }
    }
    -sum
}

/// An equation or a term of one as it is priced: saturation, `y^n/(c + y^n)` with a fixed n, is one word and stands for
/// `1/(c + y^n)`. It is the same as a constant and the other one, and must not cost more than with a term more.
fn words(tokens: &[Token]) -> Cow<'_, [Token]> {
    if !tokens.contains(&Token::Inverse) {
        return Cow::Borrowed(tokens);
    }
    let mut all = Vec::with_capacity(tokens.len());
    for piece in skeleton::pieces(tokens) {
        write_word(piece, &mut all);
    }
    Cow::Owned(all)
}

/// Adds a term without what saturates in it, or the head of a sum as it is.
fn write_word(term: &[Token], all: &mut Vec<Token>) {
    let mut factors: Vec<Vec<Token>> = skeleton::factors(term).iter().map(|f| f.to_vec()).collect();
    for divisor in skeleton::factors(term) {
        let [Token::Inverse, Token::Add2, Token::One, own @ ..] = divisor else {
            continue;
        };
        let Some((state, power)) = power_of_state(own).filter(|(_, power)| *power > 0.0) else {
            continue;
        };
        let reduced = factors.iter().enumerate().find_map(|(at, factor)| {
            let (of, whole) = power_of_state(factor)?;
            (of == state && whole >= power).then_some((at, whole - power))
        });
        match reduced {
            Some((at, 0.0)) => {
                factors.remove(at);
            }
            Some((at, left)) => {
                let power = (left != 1.0).then(|| Token::of_exponent(left));
                if let Some(factor) = factors.get_mut(at) {
                    *factor = power.into_iter().chain([state]).collect();
                }
            }
            None => {}
        }
    }
    for (number, factor) in factors.iter().enumerate() {
        if number + 1 < factors.len() {
            all.push(Token::Mul);
        }
        all.extend_from_slice(factor);
    }
}

/// The state and the exponent of a fixed power of a state.
fn power_of_state(tokens: &[Token]) -> Option<(Token, f64)> {
    let (state, exponent) = match tokens {
        [state] => (*state, 1.0),
        [power, state] => (*state, power.exponent()?),
        _ => return None,
    };
    state.as_state().map(|_| (state, exponent))
}

/// Description length of the tokens of an equation, or of one term of it, in nats.
pub fn description(tokens: &[Token]) -> f64 {
    price(&words(tokens))
}

/// What tokens cost as they are.
fn price(tokens: &[Token]) -> f64 {
    let mut open: Vec<(Token, usize)> = Vec::new();
    let mut sum = 0.0;
    for &token in tokens {
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
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skeleton(tokens: &str) -> Skeleton {
        let tokens: Vec<Token> = tokens.split(' ').filter_map(Token::from_name).collect();
        Skeleton::parse(1, &tokens).unwrap()
    }

    #[test]
    fn every_row_of_a_table_is_a_skeleton_of_its_number_of_states() {
        for (i, table) in TABLES.iter().enumerate() {
            let mut rows = table.lines();
            assert!(rows.next().unwrap().ends_with("\t*"));
            let rows: Vec<&str> = rows.collect();
            for row in &rows {
                let (count, tokens) = row.split_once('\t').unwrap();
                assert!(count.parse::<u64>().unwrap() > 0);
                let tokens: Option<Vec<Token>> = tokens.split(' ').map(Token::from_name).collect();
                Skeleton::parse(i + 1, &tokens.unwrap()).unwrap();
            }
            assert!(rows.len() > 1000 && SHARES[i].listed.len() == rows.len());
            assert!((0.05..0.6).contains(&SHARES[i].others));
        }
    }

    #[test]
    fn the_most_frequent_come_first() {
        for dimension in 1..=3 {
            let most: Vec<Skeleton> = most_frequent(dimension).collect();
            let listed = &table(dimension).unwrap().listed;
            assert_eq!(most.len(), listed.len());
            let shares: Vec<f64> = most.iter().map(|s| listed[s.tokens()]).collect();
            assert!(shares.is_sorted_by(|a, b| a >= b));
        }
        assert!(most_frequent(4).next().is_none());
    }

    #[test]
    fn the_order_of_the_states_says_nothing() {
        let prior = |tokens: &str| {
            let tokens: Vec<Token> = tokens.split(' ').filter_map(Token::from_name).collect();
            log_prior(&Skeleton::parse(2, &tokens).unwrap())
        };
        for (one, other) in [
            ("x2 add2 x1 x2", "add2 x1 x2 x1"),
            ("add2 x1 mul x1 x2 mul x1 x2", "mul x1 x2 add2 mul x1 x2 x2"),
        ] {
            assert!((prior(one) - prior(other)).abs() < 1e-9, "{one}");
        }
    }

    #[test]
    fn what_saturates_costs_no_more_than_with_a_term_more() {
        let cost = |tokens: &str| {
            let tokens: Vec<Token> = tokens.split(' ').filter_map(Token::from_name).collect();
            description(&tokens)
        };
        for (saturated, with_a_term) in [
            ("mul x1 inv add2 1 x1", "add2 1 inv add2 1 x1"),
            (
                "mul x1 mul x2 inv add2 1 x2",
                "add2 x1 mul x1 inv add2 1 x2",
            ),
            ("mul sq x1 inv add2 1 sq x1", "add2 1 inv add2 1 sq x1"),
            ("mul sq x1 inv add2 1 x1", "add2 x1 mul x1 inv add2 1 x1"),
            (
                "mul cube x1 inv add2 1 sq x1",
                "add2 x1 mul x1 inv add2 1 sq x1",
            ),
            (
                "mul x1 mul x2 mul x3 mul inv add2 1 x2 inv add2 1 x3",
                "add2 x1 mul x1 mul inv add2 1 x2 inv add2 1 x3",
            ),
        ] {
            assert!(cost(saturated) < cost(with_a_term), "{saturated}");
        }
        // In a sum, and of two equations.
        let alone = cost("mul x1 mul x2 inv add2 1 x2");
        let in_a_sum = cost("add2 x1 mul x1 mul x2 inv add2 1 x2");
        assert!((in_a_sum - alone - 2.2).abs() < 1e-9);
        let (one, other) = ("mul x1 inv add2 1 x2", "mul x1 mul x2 inv add2 1 x2");
        let both = |other: &str| {
            let tokens = format!("{one} {other}");
            let tokens: Vec<Token> = tokens.split(' ').filter_map(Token::from_name).collect();
            -description_prior(&Skeleton::parse(2, &tokens).unwrap())
        };
        assert_eq!(both(other), both(one));
        // What does not saturate so, and a fitted exponent, are other words.
        let inhibited = cost("mul x1 inv add2 1 inv x1");
        assert!(inhibited > cost("inv add2 1 inv x1"));
        let fitted = cost("mul pow x1 inv add2 1 pow x1");
        assert!(fitted > cost("inv add2 1 pow x1") + 5.0);
    }

    #[test]
    fn what_another_equation_says_already_is_cheap() {
        let cost = |tokens: &str| {
            let tokens: Vec<Token> = tokens.split(' ').filter_map(Token::from_name).collect();
            -description_prior(&Skeleton::parse(2, &tokens).unwrap())
        };
        // Two tanks: what flows out of the first flows into the second.
        let shared = cost("sqrt x1 add2 sqrt x1 sqrt x2");
        assert_eq!(shared, 4.5 + 1.2 + REPEATED + 4.5);
        assert_eq!(cost("sqrt x1 add2 exp x1 sqrt x2"), shared + 4.5 - REPEATED);
        // A term of one token is cheap as it is.
        assert_eq!(cost("x1 x1"), 2.0);
        // Sums of many terms are nested.
        let long = "add6 1 x1 sq x1 x2 sq x2 add2 mul x1 x2 sqrt x1";
        let other = cost(&format!("sqrt x2 {long}"));
        assert_eq!(cost(&format!("sqrt x1 {long}")), other - 4.5 + REPEATED);
    }

    #[test]
    fn common_laws_are_more_probable_than_rare_ones_and_none_is_impossible() {
        let logistic = log_prior(&skeleton("add2 x1 sq x1"));
        let sine = log_prior(&skeleton("sin x1"));
        let unseen = log_prior(&skeleton("tanh mul sin x1 inv2 add2 1 tan x1"));
        assert!(logistic > sine + 1.0 && sine > unseen && unseen.is_finite());
    }
}
