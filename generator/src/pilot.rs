//! A pilot run: how often a distribution draws each skeleton, before any is thinned or held out.
//!
//! A sampler is addressed by index, so it cannot count what it has drawn: shares must be known before the
//! first draw. They are those of a run of fixed size and fixed seed, a property of the configuration
//! alone. So thinning depends on no order, thread, shard or seed. An estimate from `n` draws of a share `p`
//! has the relative error `1/√(n·p)`, and caps hold to that.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nsode_parser::Skeleton;
use rayon::prelude::*;

use crate::Sampler;
use crate::config::{Config, Observation, Split, ValidConfig};

/// The seed of all pilot runs.
const SEED: u64 = 0x7069_6c6f_7421;

/// What a pilot run has counted.
#[derive(Debug, Default)]
pub struct Pilot {
    counts: HashMap<Skeleton, u64>,
    accepted: u64,
    /// Shares to keep of the skeletons that are above the cap.
    kept: HashMap<Skeleton, f64>,
}

impl Pilot {
    /// The pilot run of a configuration: empty if nothing is thinned or held out by skeleton, and run once a
    /// process for equal ones.
    pub fn of(config: &ValidConfig) -> Arc<Pilot> {
        static DONE: Mutex<BTreeMap<String, Arc<Pilot>>> = Mutex::new(BTreeMap::new());
        let cap = config.accept.skeleton_share;
        if cap >= 1.0 && config.split.skeletons <= 0.0 {
            return Arc::default();
        }
        let mut plain: Config = (**config).clone();
        // What changes no share, or only after this run.
        plain.observation = Observation::default();
        plain.split = Split {
            skeletons: 0.0,
            constants: 0.0,
            ..Split::default()
        };
        plain.accept.skeleton_share = 1.0;
        (plain.system.constants, plain.system.initials) = (1, 1);
        let Ok(plain) = plain.validated() else {
            return Arc::default();
        };
        let key = format!("{} {cap}", plain.identity());
        let lock = || DONE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = lock().get(&key) {
            return Arc::clone(done);
        }
        let pilot = Arc::new(Pilot::run(plain, cap));
        lock().insert(key, Arc::clone(&pilot));
        pilot
    }

    fn run(config: ValidConfig, cap: f64) -> Pilot {
        let draws = config.accept.pilot;
        let sampler = Sampler::new(config, SEED);
        let drawn: Vec<Skeleton> = (0..draws)
            .into_par_iter()
            .filter_map(|index| Some(sampler.sample(index).ok()?.skeleton))
            .collect();
        Pilot::count(drawn, cap)
    }

    fn count(drawn: Vec<Skeleton>, cap: f64) -> Pilot {
        let accepted = drawn.len() as u64;
        let mut counts: HashMap<Skeleton, u64> = HashMap::new();
        for skeleton in drawn {
            *counts.entry(skeleton).or_default() += 1;
        }
        let mut shares: Vec<f64> = counts
            .values()
            .map(|&n| n as f64 / accepted as f64)
            .collect();
        let most = cap * left(&mut shares, cap);
        let kept = counts
            .iter()
            .map(|(skeleton, &n)| (skeleton, most * accepted as f64 / n as f64))
            .filter(|(_, kept)| *kept < 1.0)
            .map(|(skeleton, kept)| (skeleton.clone(), kept))
            .collect();
        Pilot {
            counts,
            accepted,
            kept,
        }
    }

    /// The share of draws of a skeleton that is to be kept.
    pub fn kept(&self, skeleton: &Skeleton) -> f64 {
        self.kept.get(skeleton).copied().unwrap_or(1.0)
    }

    /// Whether the run drew a skeleton never or once.
    pub fn is_rare(&self, skeleton: &Skeleton) -> bool {
        self.counts.get(skeleton).is_none_or(|&n| n < 2)
    }

    /// Estimated share of samples with a rare skeleton, after thinning. A skeleton that was drawn once
    /// counts for one that was not (as Good and Turing estimate the unseen mass).
    pub fn rare_share(&self) -> f64 {
        let kept = |(skeleton, n): (&Skeleton, &u64)| *n as f64 * self.kept(skeleton);
        let all: f64 = self.counts.iter().map(kept).sum();
        let single = self.counts.values().filter(|n| **n == 1).count() as f64;
        let double = self.counts.values().filter(|n| **n == 2).count() as f64;
        // Mass of those seen once is about twice the number seen twice.
        if all > 0.0 {
            ((single + 2.0 * double) / all).min(1.0)
        } else {
            1.0
        }
    }

    /// Number of samples that the run accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }
}

/// The share of samples that is left when all shares above `cap` of what is left are thinned to it.
fn left(shares: &mut [f64], cap: f64) -> f64 {
    shares.sort_by(|a, b| b.total_cmp(a));
    let mut rest = 1.0;
    let mut whole = 1.0;
    for (k, &share) in shares.iter().enumerate() {
        if share <= cap * whole || (k + 1) as f64 * cap >= 1.0 {
            break;
        }
        // `whole = rest + (k + 1)·cap·whole`, `rest` the shares that are not thinned.
        rest -= share;
        whole = rest.max(0.0) / (1.0 - (k + 1) as f64 * cap);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keepout::skeleton;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn thinned_shares_are_the_cap(
            weights in prop::collection::vec(0.001..1.0f64, 30..200),
            cap in 0.05..0.5f64,
        ) {
            let total: f64 = weights.iter().sum();
            let mut shares: Vec<f64> = weights.iter().map(|w| w / total).collect();
            shares[0] += 1.0;
            shares.iter_mut().for_each(|p| *p /= 2.0);
            let most = cap * left(&mut shares.clone(), cap);
            let kept: Vec<f64> = shares.iter().map(|p| p.min(most)).collect();
            let all: f64 = kept.iter().sum();
            prop_assert!(kept.iter().all(|p| p / all <= cap + 1e-9));
            // The largest was above the cap, and is at it now.
            prop_assert!((kept[0] / all - cap).abs() < 1e-9 || shares[0] <= cap);
        }
    }

    #[test]
    fn frequent_skeletons_are_thinned_and_others_are_not() {
        let (often, seldom) = (skeleton("c0*y").unwrap(), skeleton("c0*sin(y)").unwrap());
        let rest = [
            "sin(y)", "cos(y)", "exp(y)", "tanh(y)", "log(y)", "sqrt(y)", "1/y", "y^2", "y^3",
            "y^4",
        ];
        let rest = rest.map(|law| skeleton(&format!("1 + {law}")).unwrap());
        let mut drawn = vec![often.clone(); 80];
        drawn.extend(vec![seldom.clone(); 2]);
        drawn.extend(rest.iter().flat_map(|s| vec![s.clone(); 9]));
        let pilot = Pilot::count(drawn, 0.25);
        // 92 others are three quarters of what is left.
        assert!((pilot.kept(&often) - 92.0 / 3.0 / 80.0).abs() < 1e-12);
        assert_eq!(pilot.kept(&seldom), 1.0);
        assert!(!pilot.is_rare(&seldom) && pilot.is_rare(&skeleton("c0*y^5").unwrap()));
    }
}
