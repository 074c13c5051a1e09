//! Two runs case by case: who is right where the other is wrong.

use std::collections::HashMap;

use serde::Serialize;

use super::{Figure, Record};
use crate::metric::sign;

/// How two runs differ in one figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The figure's name.
    pub figure: &'static str,
    /// Cases that both runs can tell.
    pub cases: usize,
    /// Cases in which it is true now and was not before.
    pub won: Vec<String>,
    /// Cases in which it was true before and is not now.
    pub lost: Vec<String>,
    /// Probability of a split as uneven as this if both runs were equally good: the exact sign test.
    pub p: f64,
}

/// Differences of `new` to `old` over their common cases, one a figure; none if they have no case in common.
/// Two runs of one system count as two cases, though they are no independent witnesses.
pub fn compare(new: &[Record], old: &[Record]) -> Vec<Difference> {
    let before: HashMap<&str, &Record> = old.iter().map(|r| (r.case.as_str(), r)).collect();
    let pairs: Vec<(&Record, &Record)> = new
        .iter()
        .filter_map(|record| Some((record, *before.get(record.case.as_str())?)))
        .collect();
    if pairs.is_empty() {
        return Vec::new();
    }
    let difference = |figure: Figure| {
        let (mut cases, mut won, mut lost) = (0, Vec::new(), Vec::new());
        for (new, old) in &pairs {
            let (Some(now), Some(then)) = (figure.of(new), figure.of(old)) else {
                continue;
            };
            cases += 1;
            match (now, then) {
                (true, false) => won.push(new.case.clone()),
                (false, true) => lost.push(new.case.clone()),
                _ => {}
            }
        }
        Difference {
            figure: figure.name(),
            cases,
            p: sign::two_sided(won.len(), lost.len()),
            won,
            lost,
        }
    };
    Figure::ALL.into_iter().map(difference).collect()
}

/// The differences for people, one line a figure, and the cases that make them. Ends with a line end.
pub fn table(differences: &[Difference]) -> String {
    let mut text = String::from("figure     cases   won  lost   p (sign test)\n");
    for d in differences {
        let (won, lost) = (d.won.len(), d.lost.len());
        text += &format!(
            "{:<9} {:>6} {won:>5} {lost:>5}   {:.3}\n",
            d.figure, d.cases, d.p
        );
    }
    for d in differences {
        for (sign, cases) in [("+", &d.won), ("-", &d.lost)] {
            for case in cases {
                text += &format!("{sign} {} {case}\n", d.figure);
            }
        }
    }
    text
}
