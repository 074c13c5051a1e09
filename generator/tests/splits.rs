//! What the splits of a distribution promise, on samples: training never sees what is held out, and has what
//! a split says that it has. Laws that are kept out do not come; frequent skeletons keep to their cap.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nsode_generator::pilot::Pilot;
use nsode_generator::split::Reserve;
use nsode_generator::{Config, Rejection, Sample, Sampler, Split, ValidConfig, keepout};
use proptest::prelude::*;

const SMALL: &str = "
[system]
constants = 3
initials = 2
interleave = 64
[horizon]
points = 32
[accept]
pilot = 2000
[split]
skeletons = 0.1
constants = 0.1
";

fn sampler(seed: u64) -> Sampler {
    Sampler::new(Config::from_toml(SMALL).unwrap(), seed)
}

fn accepted(sampler: &Sampler, blocks: std::ops::Range<u64>) -> Vec<Sample> {
    let draws = blocks.flat_map(|block| sampler.block(block));
    draws.flatten().collect()
}

fn constants(sample: &Sample) -> String {
    let tokens: Vec<_> = sample.skeleton.tokens().iter().map(|t| t.name()).collect();
    let values = sample.constants.iter().map(|c| format!("{c:.5e}"));
    format!("{tokens:?} {:?}", values.collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn splits_are_disjoint_in_what_they_claim(seed in 0..1000u64, first in 0..1000u64) {
        let blocks = first..first + 3;
        let training = accepted(&sampler(seed), blocks.clone());
        // Training with another seed and other blocks may not see it either.
        let elsewhere = accepted(&sampler(seed + 1), first + 7..first + 10);
        let every = || training.iter().chain(&elsewhere);
        let skeletons: BTreeSet<_> = training.iter().map(|s| &s.skeleton).collect();
        let all_skeletons: BTreeSet<_> = every().map(|s| &s.skeleton).collect();
        let sets: BTreeSet<_> = training.iter().map(constants).collect();
        let all_sets: BTreeSet<_> = every().map(constants).collect();
        let starts = |s: &Sample| format!("{} {:?}", constants(s), s.initial);
        let all_starts: BTreeSet<_> = every().map(starts).collect();

        let unseen = accepted(&sampler(seed).split(Split::UnseenSkeletons), blocks.clone());
        prop_assert!(unseen.iter().all(|s| !all_skeletons.contains(&s.skeleton)));

        let unseen = accepted(&sampler(seed).split(Split::UnseenConstants), blocks.clone());
        prop_assert!(!unseen.is_empty());
        prop_assert!(unseen.iter().all(|s| skeletons.contains(&s.skeleton)));
        prop_assert!(unseen.iter().all(|s| !all_sets.contains(&constants(s))));

        let unseen = accepted(&sampler(seed).split(Split::UnseenInitialStates), blocks);
        prop_assert!(!unseen.is_empty());
        prop_assert!(unseen.iter().all(|s| sets.contains(&constants(s))));
        prop_assert!(unseen.iter().all(|s| !all_starts.contains(&starts(s))));
    }
}

#[test]
fn no_textbook_law_is_held_out_by_default() {
    let config = ValidConfig::default();
    let reserve = Reserve::new(&config, Pilot::of(&config));
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/textbook_forms.toml");
    let laws = keepout::read(&list).unwrap();
    assert!(laws.len() > 60);
    for law in laws {
        let skeleton = keepout::skeleton(&law).unwrap();
        assert!(!reserve.skeleton(&skeleton), "{law}");
    }
}

#[test]
fn held_out_skeletons_are_as_many_as_asked_for() {
    let count = |split| accepted(&sampler(3).split(split), 0..60).len() as f64;
    let share = count(Split::UnseenSkeletons) / count(Split::Train);
    // A tenth; the share of rare skeletons is an estimate from some hundred.
    assert!((0.04..0.2).contains(&share), "{share}");
}

#[test]
fn a_block_is_its_samples_one_by_one_in_every_split() {
    for split in Split::ALL {
        let sampler = sampler(4).split(split);
        for (i, sample) in sampler.block(1).into_iter().enumerate().step_by(17) {
            let index = sampler.block_size() + i as u64;
            assert_eq!(sample, sampler.sample(index), "{split} {index}");
        }
    }
}

#[test]
fn excluded_laws_do_not_come_and_are_counted() {
    let text =
        format!("{SMALL}[exclude]\nskeletons = [\"c0*y\", \"0.79*y*(1 - y/74.3)\", \"1 - y\"]\n");
    let sampler = Sampler::new(Config::from_toml(&text).unwrap(), 0);
    let excluded: BTreeSet<_> = ["2*y", "3*y - 5*y^2", "c0 + c1*y"]
        .map(|law| keepout::skeleton(law).unwrap())
        .into();
    let draws: Vec<_> = (0..20).flat_map(|block| sampler.block(block)).collect();
    assert!(draws.contains(&Err(Rejection::Excluded)));
    let samples = draws.into_iter().flatten();
    assert!(samples.into_iter().all(|s| !excluded.contains(&s.skeleton)));
}

#[test]
fn frequent_skeletons_keep_to_their_cap() {
    let text = "[system]\nconstants = 1\ninitials = 1\n[horizon]\npoints = 32\n[accept]\n\
                skeleton_share = 0.02\npilot = 8000\n";
    let sampler = Sampler::new(Config::from_toml(text).unwrap(), 5);
    let samples = accepted(&sampler, 0..400);
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for sample in &samples {
        *counts.entry(&sample.skeleton).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0) as f64 / samples.len() as f64;
    // Estimates from some sixty draws of a skeleton.
    assert!((0.015..0.03).contains(&most), "{most} of {}", samples.len());
}
