//! Terms that equations take over from one another.
//!
//! What one state loses another one gains, and what moves one often moves another: so the terms of each state's best
//! equations, with the constants that the fit found within them, are offered to all equations.

use nsode_parser::Expr;

use super::equation::{Judged, sorted};
use crate::fit::proposal::Proposal;
use crate::propose::combine::Trust;
use crate::propose::sparse::monomials;

/// Terms that are offered to all equations, at most, from so many best equations of each state and way to trust.
const WORDS: usize = 32;
const SPEAKERS: usize = 5;

/// Constants of a term that differ by less than this share make no other term.
const ALIKE: f64 = 0.02;

/// Terms of the best equations, but for products of two states at most, with the constants that these have within: what one
/// state is moved by often moves another one.
pub(super) fn words(states: &[Vec<Judged>], trusts: &[Trust]) -> Vec<Expr> {
    let d = states.len();
    let proposal = |word: &Expr| Proposal::of(vec![word.clone(); d]);
    let simple = monomials(d, 2).into_iter();
    let mut known: Vec<Proposal> = simple.filter_map(|(_, term)| proposal(&term)).collect();
    let mut words = Vec::new();
    let mut best: Vec<Vec<&Judged>> = Vec::new();
    for trust in trusts {
        for own in states {
            let order = sorted(own, *trust).into_iter().take(SPEAKERS);
            best.push(order.filter_map(|(_, place)| own.get(place)).collect());
        }
    }
    for rank in 0..SPEAKERS {
        for list in &best {
            if let Some(speaker) = list.get(rank) {
                for word in speaker.terms() {
                    let Some(proposal) = proposal(&word) else {
                        continue;
                    };
                    if words.len() < WORDS && !known.iter().any(|other| alike(other, &proposal)) {
                        known.push(proposal);
                        words.push(word);
                    }
                }
            }
        }
    }
    words
}

/// Whether two terms are the same and their constants hardly differ: a regression could not tell them apart.
fn alike(one: &Proposal, other: &Proposal) -> bool {
    let near = |a: &Vec<f64>, b: &Vec<f64>| {
        a.iter()
            .zip(b)
            .all(|(a, b)| (a - b).abs() <= ALIKE * a.abs().max(b.abs()))
    };
    one.skeleton == other.skeleton
        && match (&one.constants, &other.constants) {
            (Some(a), Some(b)) => near(a, b),
            _ => true,
        }
}
