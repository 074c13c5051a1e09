//! What training may see, and three kinds of samples that it never does: unseen skeletons, unseen
//! constants, unseen initial states.
//!
//! Skeletons and sets of constants are reserved by a hash of what they are, not of where they were drawn:
//! the training samples of any seed, shard or length have none of them. Initial states come from streams
//! of their own. Only rare skeletons are reserved, since a network that never sees common ones learns that
//! they do not exist.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use nsode_parser::Skeleton;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::ValidConfig;
use crate::pilot::Pilot;

/// Which samples of a distribution.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Those to train on.
    #[default]
    Train,
    /// Samples whose skeleton no training sample has.
    UnseenSkeletons,
    /// Samples with a skeleton that training has, and a set of constants that it never has.
    UnseenConstants,
    /// Samples with a skeleton and a set of constants that training has, and another initial state.
    UnseenInitialStates,
}

impl Split {
    /// All splits.
    pub const ALL: [Split; 4] = [
        Split::Train,
        Split::UnseenSkeletons,
        Split::UnseenConstants,
        Split::UnseenInitialStates,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::UnseenSkeletons => "unseen-skeletons",
            Split::UnseenConstants => "unseen-constants",
            Split::UnseenInitialStates => "unseen-initial-states",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(text: &str) -> Result<Split, String> {
        let found = Split::ALL.into_iter().find(|split| split.name() == text);
        found.ok_or_else(|| {
            let names = Split::ALL.map(Split::name);
            format!("it is one of {}", names.join(", "))
        })
    }
}

/// What is held out of training.
#[derive(Clone, Debug)]
pub struct Reserve {
    pilot: Arc<Pilot>,
    /// Share of rare skeletons that is held out.
    skeletons: f64,
    /// Share of sets of constants that is held out.
    constants: f64,
    /// Never held out.
    known: Arc<BTreeSet<Skeleton>>,
}

impl Reserve {
    /// What a configuration holds out.
    pub fn new(config: &ValidConfig, pilot: Arc<Pilot>) -> Reserve {
        let share = config.split.skeletons;
        Reserve {
            skeletons: match share > 0.0 {
                true => (share / pilot.rare_share()).min(1.0),
                false => 0.0,
            },
            constants: config.split.constants,
            known: Arc::clone(config.known()),
            pilot,
        }
    }

    /// Whether training must not have this skeleton.
    pub fn skeleton(&self, skeleton: &Skeleton) -> bool {
        self.skeletons > 0.0
            && self.pilot.is_rare(skeleton)
            && !self.known.contains(skeleton)
            && uniform(hash(skeleton)) < self.skeletons
    }

    /// Whether training must not have this skeleton with these constants (dimensionless ones). They
    /// count with six digits, so that rounding makes no difference.
    pub fn constants(&self, skeleton: &Skeleton, constants: &[f64]) -> bool {
        if self.constants <= 0.0 {
            return false;
        }
        let mut hash = hash(skeleton);
        for value in constants {
            hash.update(format!("{value:.5e};"));
        }
        uniform(hash) < self.constants
    }

    /// Share of sets of constants that is held out.
    pub fn constants_share(&self) -> f64 {
        self.constants
    }
}

fn hash(skeleton: &Skeleton) -> Sha256 {
    let mut hash = Sha256::new();
    hash.update([skeleton.dimension() as u8]);
    let tokens: Vec<u8> = skeleton.tokens().iter().map(|t| t.id()).collect();
    hash.update(&tokens);
    hash
}

/// A number in `[0, 1)` from the first bytes of a hash.
fn uniform(hash: Sha256) -> f64 {
    let first = hash
        .finalize()
        .iter()
        .take(6)
        .fold(0_u64, |n, &b| n << 8 | u64::from(b));
    first as f64 / (1_u64 << 48) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for split in Split::ALL {
            assert_eq!(split.name().parse(), Ok(split));
        }
        assert!("test".parse::<Split>().is_err());
    }

    #[test]
    fn constants_are_held_out_by_value() {
        let config = crate::Config::from_toml("[split]\nconstants = 0.25\n").unwrap();
        let reserve = Reserve::new(&config, Arc::default());
        let skeleton = crate::keepout::skeleton("c0*y + c1*y^2").unwrap();
        let sets = (0..4000).map(|i| [f64::from(i), 1.0 / 3.0]);
        let held = sets.filter(|set| {
            let rounded = [set[0], set[1] * (1.0 + 1e-15)];
            let held = reserve.constants(&skeleton, set);
            assert_eq!(held, reserve.constants(&skeleton, &rounded));
            held
        });
        // 1000 expected, standard deviation 27.
        let held = held.count() as i32;
        assert!((held - 1000).abs() < 140, "{held}");
    }
}
