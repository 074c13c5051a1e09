//! Samples out of a corpus on disk, in an order that mixes it: shards in a random order each time
//! through, and the rows of a shard in a random order.
//!
//! The order is a function of seed and position, so that a run can go on anywhere. A shard is read whole
//! (tens of megabytes) and kept until others have taken its place; what is in it is
//! [`nsode_generator::corpus`]'s business.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use nsode_generator::{Corpus, Row, Sample};

use crate::Error;
use crate::random::{shuffle, stream};

/// Shards kept in memory: the one that is read, and the one before it, in which a slower thread may be.
const KEPT: usize = 2;
/// Added to the seed for the order of the shards.
const SHARDS: u64 = 0x7368_6172_6473_0000;
/// Added to the seed for the order of rows.
const ROWS: u64 = 0x726f_7773_0000_0000;

/// Rows of a shard, by its number in the manifest's list.
type Kept = Vec<(usize, Arc<Vec<Row>>)>;

/// A corpus, read in a mixed order.
pub(crate) struct Shuffled {
    corpus: Corpus,
    seed: u64,
    /// Rows a shard.
    rows: Vec<u64>,
    total: u64,
    kept: Mutex<Kept>,
}

impl Shuffled {
    /// Opens the corpus in `directory`.
    ///
    /// # Errors
    /// [`Error::Generator`] for no corpus, [`Error::Observations`] for an empty one.
    pub(crate) fn open(directory: &Path, seed: u64) -> Result<Shuffled, Error> {
        let corpus = Corpus::open(directory)?;
        let rows: Vec<u64> = corpus.manifest().shards.iter().map(|s| s.rows).collect();
        let total = rows.iter().sum();
        if total == 0 {
            return Err(Error::Observations(format!(
                "{}: the corpus holds no sample",
                directory.display()
            )));
        }
        Ok(Shuffled {
            corpus,
            seed,
            rows,
            total,
            kept: Mutex::default(),
        })
    }

    /// What tells this corpus from another one.
    pub(crate) fn identity(&self) -> String {
        let manifest = self.corpus.manifest();
        format!(
            "corpus {} seed {} samples {}",
            manifest.config_sha256, manifest.seed, self.total
        )
    }

    /// `count` samples from a position on; positions go on beyond the corpus' end, into its next round.
    ///
    /// # Errors
    /// [`Error::Generator`] for a shard that cannot be read.
    pub(crate) fn samples(
        &self,
        position: u64,
        count: usize,
    ) -> Result<Vec<Result<Sample, String>>, Error> {
        let mut samples = Vec::with_capacity(count);
        while samples.len() < count {
            let at = position.wrapping_add(samples.len() as u64);
            let (round, mut within) = (at / self.total, at % self.total);
            let order = permutation(self.rows.len(), self.seed.wrapping_add(SHARDS), round);
            for shard in order {
                let rows = self.rows[shard];
                if within >= rows {
                    within -= rows;
                    continue;
                }
                let content = self.shard(shard)?;
                let number = round
                    .wrapping_mul(self.rows.len() as u64)
                    .wrapping_add(shard as u64);
                let order = permutation(content.len(), self.seed.wrapping_add(ROWS), number);
                let wanted = count - samples.len();
                let chosen = order.iter().skip(within as usize).take(wanted);
                samples.extend(chosen.filter_map(|&row| content.get(row)).map(Row::sample));
                break;
            }
        }
        Ok(samples)
    }

    fn shard(&self, number: usize) -> Result<Arc<Vec<Row>>, Error> {
        // under the lock, so that two threads don't read the same one
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rows)) = kept.iter().find(|(n, _)| *n == number) {
            return Ok(Arc::clone(rows));
        }
        let rows = match self.corpus.shard(number) {
            Some(reader) => reader?.collect::<Result<Vec<_>, _>>()?,
            None => Vec::new(),
        };
        let expected = self.rows[number];
        if rows.len() as u64 != expected {
            return Err(Error::Observations(format!(
                "shard {number} of the corpus holds {} samples, its manifest says {expected}",
                rows.len()
            )));
        }
        let rows = Arc::new(rows);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((number, Arc::clone(&rows)));
        Ok(rows)
    }
}

/// A random order of `0..count`.
fn permutation(count: usize, seed: u64, number: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    shuffle(&mut order, &mut stream(seed, number));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_generator::{Options, generate};
    use std::collections::BTreeSet;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn every_round_gives_every_sample_once_in_another_order() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = Options::new(dir.path(), 70, 3);
        options.shard_size = 30;
        options.threads = Some(1);
        generate(&options, &mut |_| (), &AtomicBool::new(false)).unwrap();
        let corpus = Shuffled::open(dir.path(), 1).unwrap();
        let numbers = |position: u64, count: usize| -> Vec<u64> {
            let samples = corpus.samples(position, count).unwrap();
            samples.into_iter().map(|s| s.unwrap().index).collect()
        };
        let rounds = [numbers(0, 70), numbers(70, 70)];
        let sets = rounds.each_ref().map(|r| r.iter().collect::<BTreeSet<_>>());
        assert_eq!(sets[0].len(), 70);
        assert_eq!(sets[0], sets[1]);
        assert_ne!(rounds[0], rounds[1]);
        // pieces are the whole, also across shards and rounds
        let whole = rounds.concat();
        let pieces: Vec<u64> = (0..14).flat_map(|i| numbers(10 * i, 10)).collect();
        assert_eq!(whole, pieces);
        assert_eq!(numbers(25, 90), whole[25..115]);
    }

    #[test]
    fn no_corpus_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Shuffled::open(dir.path(), 1),
            Err(Error::Generator(_))
        ));
    }
}
