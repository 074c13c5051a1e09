//! The rows of each trajectory while files are read, thinned when there are too many.
//!
//! Thinning keeps one row out of every block of `2^level` rows of a trajectory. Which one is settled by a
//! fixed hash, not by its position: of two sensors that report in turn, every second row is one sensor.

use std::collections::HashMap;

use super::MAX_TRAJECTORIES;

/// A trajectory this short is never thinned.
const SHORT: usize = 64;

/// Rows of one trajectory, in the order of the file.
pub(super) struct Run {
    /// Number of the file, from 0.
    pub file: usize,
    /// Value of the group column; empty without one.
    pub group: String,
    pub times: Vec<f64>,
    /// Row-major, NaN = missing.
    pub states: Vec<f64>,
    /// Rows seen, kept or not.
    pub seen: usize,
    /// One row out of `2^level` is kept.
    pub level: u32,
}

/// Rows of all trajectories.
pub(super) struct Rows {
    pub runs: Vec<Run>,
    /// Where a group of the current file is in `runs`.
    index: HashMap<String, usize>,
    files: usize,
    kept: usize,
    limit: usize,
    /// Kept rows at which the next thinning is due.
    due: usize,
    last: usize,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It counts, whether it is kept or thinned out.
    Kept,
    /// It begins a trajectory more than there may be.
    TooManyTrajectories,
}

impl Rows {
    /// No rows, and at most about `limit` of them ever.
    pub(super) fn new(limit: usize) -> Rows {
        Rows {
            runs: Vec::new(),
            index: HashMap::new(),
            files: 0,
            kept: 0,
            limit,
            due: limit,
            last: 0,
        }
    }

    /// What follows is from another file: its groups are other trajectories.
    pub(super) fn begin_file(&mut self) {
        self.index.clear();
        self.files += 1;
    }

    /// One row.
    pub(super) fn push(&mut self, group: &str, time: f64, states: &[f64]) -> Pushed {
        let file = self.files.saturating_sub(1);
        let same = |run: &Run| run.file == file && run.group == group;
        let position = match self.runs.get(self.last) {
            Some(run) if same(run) => Some(self.last),
            _ => self.index.get(group).copied(),
        };
        let position = match position {
            Some(position) => position,
            None if self.runs.len() >= MAX_TRAJECTORIES => return Pushed::TooManyTrajectories,
            None => {
                self.runs.push(Run {
                    file,
                    group: group.to_string(),
                    times: Vec::new(),
                    states: Vec::new(),
                    seen: 0,
                    level: 0,
                });
                self.index.insert(group.to_string(), self.runs.len() - 1);
                self.runs.len() - 1
            }
        };
        self.last = position;
        let Some(run) = self.runs.get_mut(position) else {
            return Pushed::Kept;
        };
        let row = run.seen;
        run.seen += 1;
        if !chosen(row, 0, run.level) {
            return Pushed::Kept;
        }
        run.times.push(time);
        run.states.extend_from_slice(states);
        self.kept += 1;
        if self.kept > self.due {
            self.thin(states.len());
        }
        Pushed::Kept
    }

    /// Halves every trajectory that is not short.
    fn thin(&mut self, dimension: usize) {
        for run in self.runs.iter_mut().filter(|run| run.times.len() > SHORT) {
            // Every whole block has one kept row, so the `i`-th kept row is that of block `i`.
            let keep = |i: usize| chosen(i << run.level, run.level, run.level + 1);
            let mut row = 0..;
            run.times.retain(|_| row.next().is_some_and(keep));
            let mut cell = 0..;
            run.states
                .retain(|_| cell.next().is_some_and(|c: usize| keep(c / dimension)));
            run.level += 1;
        }
        self.kept = self.runs.iter().map(|run| run.times.len()).sum();
        // Many short trajectories stay as they are: don't go through them again for each row.
        self.due = self.limit.max(self.kept + self.kept / 2);
    }
}

/// Whether `row`, kept at level `from`, is kept at level `to` too: at each level between them it must be
/// in that half of its block which the hash names.
fn chosen(row: usize, from: u32, to: u32) -> bool {
    (from..to).all(|level| {
        let block = row >> (level + 1);
        let half = (row >> level) & 1;
        half == (hash(block as u64, level) & 1) as usize
    })
}

/// The finaliser of SplitMix64 over block and level.
fn hash(block: u64, level: u32) -> u64 {
    let mut z = block.wrapping_add(u64::from(level + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_keeps_one_row() {
        for level in 0..8 {
            let size = 1usize << level;
            for block in 0..100 {
                let kept = (block * size..(block + 1) * size).filter(|&row| chosen(row, 0, level));
                assert_eq!(kept.count(), 1, "block {block} at level {level}");
            }
        }
    }

    #[test]
    fn thinning_keeps_what_it_would_have_kept_from_the_start() {
        let mut rows = Rows::new(500);
        rows.begin_file();
        for i in 0..100_000 {
            let t = i as f64;
            let states = [2.0 * t, 3.0 * t];
            assert_eq!(rows.push("", t, &states), Pushed::Kept);
            assert!(rows.runs[0].times.len() <= 501);
        }
        let run = &rows.runs[0];
        assert!(run.times.len() > 240, "{}", run.times.len());
        let expected: Vec<f64> = (0..100_000)
            .filter(|&row| chosen(row, 0, run.level))
            .map(|row| row as f64)
            .collect();
        assert_eq!(run.times, expected);
        for (t, row) in run.times.iter().zip(run.states.chunks_exact(2)) {
            assert_eq!(row, [2.0 * t, 3.0 * t]);
        }
    }

    #[test]
    fn interleaved_sensors_both_survive() {
        let mut rows = Rows::new(1000);
        rows.begin_file();
        for i in 0..64_000 {
            let mut states = [f64::NAN; 2];
            states[i % 2] = 1.0;
            rows.push("", i as f64, &states);
        }
        for state in 0..2 {
            let seen = rows.runs[0].states.iter().skip(state).step_by(2);
            let share = seen.clone().filter(|v| !v.is_nan()).count() * 100 / seen.count();
            assert!((40..=60).contains(&share), "{share} %");
        }
    }

    #[test]
    fn many_short_trajectories_stay_whole() {
        let mut rows = Rows::new(1000);
        rows.begin_file();
        for i in 0..5000 {
            rows.push(&format!("g{}", i % 100), i as f64, &[1.0]);
        }
        assert!(rows.runs.iter().all(|run| run.times.len() == 50));
        for i in 0..=MAX_TRAJECTORIES {
            let pushed = rows.push(&format!("h{i}"), 0.0, &[1.0]);
            let full = i >= MAX_TRAJECTORIES - 100;
            assert_eq!(pushed == Pushed::TooManyTrajectories, full);
        }
    }
}
