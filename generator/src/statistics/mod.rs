//! What is in a corpus, as counts: of one shard, and of all of them together.
//!
//! A shard's statistics stand in its footer, so that they are there exactly when the shard is. Those of a
//! corpus are their sum, whatever order they are added in, and are made anew whenever they are asked for:
//! an interrupted run has nothing to lose.

mod histogram;
mod measure;
mod skeletons;

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use histogram::{Axis, Histogram};
pub use measure::Measure;
pub(crate) use skeletons::sorted;
pub use skeletons::{Frequencies, Frequent, SkeletonCount};

use crate::shard::footer;
use crate::{Error, Row};
use skeletons::Totals;

/// Counts over samples; `merge` adds them up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Samples.
    pub samples: u64,
    /// Samples by number of states.
    pub dimensions: BTreeMap<usize, u64>,
    /// Samples by number of skeleton tokens, all equations together.
    pub lengths: BTreeMap<usize, u64>,
    /// Samples by number of constants.
    pub constants_each: BTreeMap<usize, u64>,
    /// How often each token occurs.
    pub tokens: BTreeMap<String, u64>,
    /// Constants after normalisation: time in units of the span, states in units of their largest value.
    pub constants: Histogram,
    /// Share of the time after which half of the path is done. The length of a path is the sum over its
    /// steps and states of |change| / range.
    pub half_done: Histogram,
    /// Share of the time after which 95 % of the path is done.
    pub nearly_done: Histogram,
    /// Range of each state, (max − min) / max|y|: from 0 to 2.
    pub ranges: Histogram,
}

impl Default for Tally {
    fn default() -> Tally {
        let share = Axis::Linear {
            low: 0.0,
            high: 1.0,
        };
        // The range of constants that the model writes, and a little room.
        let constants = Axis::Asinh {
            unit: 0.02,
            high: 400.0,
        };
        let ranges = Axis::Linear {
            low: 0.0,
            high: 2.0,
        };
        Tally {
            samples: 0,
            dimensions: BTreeMap::new(),
            lengths: BTreeMap::new(),
            constants_each: BTreeMap::new(),
            tokens: BTreeMap::new(),
            constants: Histogram::new(constants, 160),
            half_done: Histogram::new(share, 50),
            nearly_done: Histogram::new(share, 50),
            ranges: Histogram::new(ranges, 50),
        }
    }
}

impl Tally {
    /// Counts one sample.
    pub fn add(&mut self, row: &Row, measure: &Measure) {
        self.samples += 1;
        *self.dimensions.entry(row.dimension.into()).or_default() += 1;
        *self.constants_each.entry(row.constants.len()).or_default() += 1;
        let mut length = 0;
        for name in row.tokens.split(' ') {
            length += 1;
            match self.tokens.get_mut(name) {
                Some(count) => *count += 1,
                None => {
                    self.tokens.insert(name.to_string(), 1);
                }
            }
        }
        *self.lengths.entry(length).or_default() += 1;
        for &constant in &measure.constants {
            self.constants.add(constant);
        }
        self.half_done.add(measure.half_done);
        self.nearly_done.add(measure.nearly_done);
        for &range in &measure.ranges {
            self.ranges.add(range);
        }
    }

    /// Adds the counts of `other`; `false` if it was made with other bins.
    #[must_use]
    pub fn merge(&mut self, other: &Tally) -> bool {
        self.samples += other.samples;
        sum(&mut self.dimensions, &other.dimensions);
        sum(&mut self.lengths, &other.lengths);
        sum(&mut self.constants_each, &other.constants_each);
        sum(&mut self.tokens, &other.tokens);
        [
            (&mut self.constants, &other.constants),
            (&mut self.half_done, &other.half_done),
            (&mut self.nearly_done, &other.nearly_done),
            (&mut self.ranges, &other.ranges),
        ]
        .into_iter()
        .all(|(histogram, more)| histogram.merge(more))
    }
}

fn sum<K: Ord + Clone>(counts: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        *counts.entry(key.clone()).or_default() += count;
    }
}

/// What stands in the footer of a shard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShardStatistics {
    /// Counts over its samples.
    pub tally: Tally,
    /// Its skeletons, the most frequent first.
    pub skeletons: Vec<SkeletonCount>,
}

/// What is in a corpus.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Counts over all samples.
    pub tally: Tally,
    /// The skeletons and how often they occur.
    pub skeletons: Frequencies,
}

impl Statistics {
    /// Adds up the footers of shards. In memory are 16 bytes a distinct skeleton.
    ///
    /// # Errors
    /// [`Error::Io`], or [`Error::Shard`] for a file that is no shard of this version.
    pub fn of_shards(shards: &[impl AsRef<Path>]) -> Result<Statistics, Error> {
        let mut tally = Tally::default();
        let mut totals = Totals::default();
        for path in shards {
            let read = footer(path.as_ref())?;
            if !tally.merge(&read.tally) {
                return Err(Error::shard(path.as_ref(), "statistics in other bins"));
            }
            totals.add(&read.skeletons);
        }
        let mut wanted = totals.most_frequent();
        for path in shards {
            if wanted.complete() {
                break;
            }
            wanted.name(&footer(path.as_ref())?.skeletons);
        }
        Ok(Statistics {
            tally,
            skeletons: totals.frequencies(wanted),
        })
    }
}
