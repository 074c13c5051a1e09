//! How often each skeleton occurs: exactly, with its name, within a shard; over a corpus by its id, with the
//! names of the most frequent ones.

use std::collections::HashMap;

use nsode_parser::token::MAX_STATES;
use nsode_parser::{Names, Skeleton, Token};
use serde::{Deserialize, Serialize};

use crate::row::skeleton_id;

/// How many skeletons are named.
const NAMED: usize = 1000;

/// A skeleton of a shard and how often it occurs there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkeletonCount(
    /// Its tokens, as in the shard's column `tokens`.
    pub String,
    /// Samples that have it.
    pub u64,
);

/// A frequent skeleton.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frequent {
    /// Samples that have it.
    pub count: u64,
    /// Its id, as in the column `skeleton_id`.
    pub id: i64,
    /// Its tokens.
    pub tokens: String,
    /// The same as a formula; equations separated by `; `.
    pub law: String,
}

/// The skeletons of a corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Frequencies {
    /// How many different ones there are.
    pub distinct: u64,
    /// How many of them occur once.
    pub singletons: u64,
    /// Entropy of the skeleton of a sample, in bits.
    pub entropy_bits: f64,
    /// The thousand most frequent, the most frequent first; equal counts in the order of the tokens.
    pub top: Vec<Frequent>,
}

/// Sorted counts, for a footer.
pub(crate) fn sorted(counts: HashMap<String, u64>) -> Vec<SkeletonCount> {
    let mut sorted: Vec<_> = counts
        .into_iter()
        .map(|(t, n)| SkeletonCount(t, n))
        .collect();
    sorted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sorted
}

/// Counts over many shards, by id.
#[derive(Default)]
pub(super) struct Totals {
    counts: HashMap<i64, u64>,
}

/// The most frequent ids, and the names found so far.
pub(super) struct Wanted {
    names: HashMap<i64, Option<String>>,
    missing: usize,
}

impl Totals {
    /// Adds the counts of one shard.
    pub(super) fn add(&mut self, skeletons: &[SkeletonCount]) {
        for SkeletonCount(tokens, count) in skeletons {
            *self.counts.entry(skeleton_id(tokens)).or_default() += count;
        }
    }

    /// The ids that are to be named: ties at the end are all of them, since the names decide.
    pub(super) fn most_frequent(&self) -> Wanted {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        counts.sort_unstable_by_key(|&count| std::cmp::Reverse(count));
        let fewest = counts.get(NAMED - 1).copied().unwrap_or(0);
        let ids = self.counts.iter().filter(|(_, n)| **n >= fewest);
        let names: HashMap<_, _> = ids.map(|(&id, _)| (id, None)).collect();
        Wanted {
            missing: names.len(),
            names,
        }
    }

    /// The summary.
    pub(super) fn frequencies(&self, wanted: Wanted) -> Frequencies {
        // In an order of their own, so that the sum is the same to the last bit.
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        counts.sort_unstable();
        let total: u64 = counts.iter().sum();
        let share = |count: u64| count as f64 / total.max(1) as f64;
        let bits = counts.iter().map(|&n| -share(n) * share(n).log2());
        let named = wanted.names.into_iter().filter_map(|(id, tokens)| {
            let tokens = tokens?;
            Some(Frequent {
                count: self.counts.get(&id).copied()?,
                id,
                law: law(&tokens),
                tokens,
            })
        });
        let mut top: Vec<Frequent> = named.collect();
        top.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.tokens.cmp(&b.tokens)));
        top.truncate(NAMED);
        Frequencies {
            distinct: counts.len() as u64,
            singletons: counts.iter().filter(|&&n| n == 1).count() as u64,
            entropy_bits: bits.sum::<f64>().max(0.0),
            top,
        }
    }
}

impl Wanted {
    /// Whether all have a name.
    pub(super) fn complete(&self) -> bool {
        self.missing == 0
    }

    /// Takes the names that a shard knows.
    pub(super) fn name(&mut self, skeletons: &[SkeletonCount]) {
        for SkeletonCount(tokens, _) in skeletons {
            if let Some(name @ None) = self.names.get_mut(&skeleton_id(tokens)) {
                *name = Some(tokens.clone());
                self.missing -= 1;
            }
        }
    }
}

/// A skeleton as a formula; empty for tokens that are none.
fn law(tokens: &str) -> String {
    let tokens: Option<Vec<Token>> = tokens.split(' ').map(Token::from_name).collect();
    let tokens = tokens.unwrap_or_default();
    // Tokens are those of one number of equations only.
    let skeleton = (1..=MAX_STATES).find_map(|d| Skeleton::parse(d, &tokens).ok());
    skeleton.map_or_else(String::new, |skeleton| {
        let names = Names::default_for(skeleton.dimension());
        skeleton.text(&names).join("; ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(skeletons: &[(&str, u64)]) -> Vec<SkeletonCount> {
        let counts = skeletons.iter().map(|(t, n)| (t.to_string(), *n));
        sorted(counts.collect())
    }

    #[test]
    fn counts_add_up_over_shards() {
        let shards = [
            shard(&[("add2 x1 sq x1", 3), ("x1", 4)]),
            shard(&[("x1", 1), ("1 x1", 1), ("add2 x1 sq x1", 7)]),
        ];
        let mut totals = Totals::default();
        shards.iter().for_each(|s| totals.add(s));
        let mut wanted = totals.most_frequent();
        wanted.name(&shards[0]);
        assert!(!wanted.complete());
        wanted.name(&shards[1]);
        assert!(wanted.complete());
        let found = totals.frequencies(wanted);
        assert_eq!((found.distinct, found.singletons), (3, 1));
        let top: Vec<_> = found
            .top
            .iter()
            .map(|f| (f.count, f.law.as_str()))
            .collect();
        assert_eq!(top, [(10, "c0*y + c1*y^2"), (5, "c0*y"), (1, "c0; c1*x1")]);
        let share = |n: f64| -n / 16.0 * (n / 16.0).log2();
        let bits = share(10.0) + share(5.0) + share(1.0);
        assert!((found.entropy_bits - bits).abs() < 1e-12);
    }

    #[test]
    fn of_many_a_thousand_are_named() {
        let names: Vec<String> = (0..3000).map(|i| format!("skeleton {i:04}")).collect();
        let counts = |i: usize| if i < 500 { 5 } else { 1 };
        let all = names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.as_str(), counts(i)));
        let shard = shard(&all.collect::<Vec<_>>());
        let mut totals = Totals::default();
        totals.add(&shard);
        let mut wanted = totals.most_frequent();
        wanted.name(&shard);
        let found = totals.frequencies(wanted);
        assert_eq!(
            (found.distinct, found.singletons, found.top.len()),
            (3000, 2500, NAMED)
        );
        let last = found.top.last().unwrap();
        assert_eq!((last.count, last.tokens.as_str()), (1, "skeleton 0999"));
    }
}
