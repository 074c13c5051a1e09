//! One choice of each of several lists, the best in total first: how systems are put together from equations that were
//! judged apart.

use crate::fit::proposal::Proposal;

/// How closely the residuals of an integral form are believed, when equations are compared by them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trust {
    /// Root mean square residuals below which equations count as equally good.
    pub tolerance: f64,
    /// Residuals that count as independent of each other, at most.
    pub witnesses: f64,
}

impl Trust {
    const fn to(tolerance: f64) -> Trust {
        Trust {
            tolerance,
            witnesses: f64::INFINITY,
        }
    }

    /// What a mean squared residual of so many cells weighs, to be added to what the equation costs.
    pub fn weight(self, misfit: f64, cells: f64) -> f64 {
        cells.min(self.witnesses) * misfit.max(self.tolerance * self.tolerance).ln()
    }
}

/// The integral form has an error of its own, the smoother's, of unknown size, that is alike at neighbouring times; where it
/// is taken for signal, true laws lose to longer ones. So candidates come from each of these, in turns. `accuracy` is what
/// the curves may be wrong by.
pub(crate) fn trusts(accuracy: f64) -> [Trust; 6] {
    [
        Trust::to(accuracy),
        Trust::to(5.0 * accuracy),
        Trust::to(25.0 * accuracy),
        Trust::to(125.0 * accuracy),
        Trust::to(500.0 * accuracy),
        Trust {
            tolerance: accuracy,
            witnesses: 60.0,
        },
    ]
}

/// Indices into the lists, one a list, in the order of the sum of their scores, the lowest first; at most `most`.
pub(crate) fn combine(scores: &[Vec<f64>], most: usize) -> Vec<Vec<usize>> {
    let mut partial: Vec<(f64, Vec<usize>)> = vec![(0.0, Vec::new())];
    for list in scores {
        let mut sorted: Vec<(f64, usize)> = list.iter().copied().zip(0..).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut next: Vec<(f64, Vec<usize>)> = Vec::new();
        for (before, (sum, choice)) in partial.iter().enumerate() {
            // Before the n-th of one and the m-th of the other are at least n·m − 1 that are no worse.
            for (score, i) in sorted.iter().take(most / (before + 1)) {
                let longer = choice.iter().copied().chain([*i]);
                next.push((sum + score, longer.collect()));
            }
        }
        next.sort_by(|a, b| a.0.total_cmp(&b.0));
        next.truncate(most);
        partial = next;
    }
    partial.into_iter().map(|(_, choice)| choice).collect()
}

/// The first of all lists, the second ones, and so on.
pub(crate) fn in_turns<T>(lists: &[Vec<T>]) -> impl Iterator<Item = &T> {
    let longest = lists.iter().map(Vec::len).max().unwrap_or(0);
    (0..longest).flat_map(|rank| lists.iter().filter_map(move |list| list.get(rank)))
}

/// The proposals of these lists in turns, each skeleton once, at most `most`.
pub(crate) fn merged(lists: &[Vec<Proposal>], most: usize) -> Vec<Proposal> {
    let mut all: Vec<Proposal> = Vec::new();
    for proposal in in_turns(lists) {
        if all.len() < most && all.iter().all(|other| other.skeleton != proposal.skeleton) {
            all.push(proposal.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_best_sums_come_first(
            scores in prop::collection::vec(prop::collection::vec(-9.0..9.0f64, 1..6), 1..4), most in 1usize..30,
        ) {
            let found = combine(&scores, most);
            let total: usize = scores.iter().map(Vec::len).product();
            prop_assert_eq!(found.len(), total.min(most));
            let sum = |choice: &Vec<usize>| -> f64 {
                choice.iter().zip(&scores).map(|(i, list)| list[*i]).sum()
            };
            let sums: Vec<f64> = found.iter().map(sum).collect();
            prop_assert!(sums.is_sorted());
            // Against all of them.
            let mut all = vec![0.0];
            for list in &scores {
                all = all.iter().flat_map(|a| list.iter().map(move |b| a + b)).collect();
            }
            all.sort_by(f64::total_cmp);
            for (found, best) in sums.iter().zip(&all) {
                prop_assert!((found - best).abs() < 1e-9);
            }
        }
    }
}
