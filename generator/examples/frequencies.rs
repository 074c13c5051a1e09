//! How often the distribution draws each skeleton, as a table: count, tab, prefix tokens. It is the prior
//! that `nsode-eval` ranks laws with.
//!
//! `cargo run --release -p nsode-generator --example frequencies -- SAMPLES SEED FEWEST [CONFIG DIMENSION] > table.tsv`
//!
//! Of one state by the default configuration, or of DIMENSION states by CONFIG. Skeletons drawn fewer than FEWEST times
//! are counted together in the first line, whose tokens are `*`. A system counts once in every order of its states.

use std::collections::BTreeMap;
use std::error::Error;

use nsode_generator::{Config, Sampler};
use nsode_parser::{CanonicalSystem, Expr, Skeleton, System};
use rayon::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |name: &str| arguments.next().ok_or(format!("no {name}"));
    let wanted: u64 = next("SAMPLES")?.parse()?;
    let seed: u64 = next("SEED")?.parse()?;
    let fewest: u64 = next("FEWEST")?.parse()?;
    // One sample a skeleton: then counts are independent, and shares are the same.
    let mut config = match arguments.next() {
        None => Config::default(),
        Some(path) => {
            let mut config: Config = toml::from_str(&std::fs::read_to_string(&path)?)?;
            let dimension: usize = arguments.next().ok_or("no DIMENSION")?.parse()?;
            if !(1..=config.system.dimensions.len()).contains(&dimension) {
                return Err(format!("DIMENSION {dimension}: {path} has no such systems").into());
            }
            for (i, weight) in config.system.dimensions.iter_mut().enumerate() {
                *weight = f64::from(u8::from(i + 1 == dimension));
            }
            config
        }
    };
    (config.system.constants, config.system.initials) = (1, 1);
    // Training is spared the hundredth exponential decay; that makes it no less likely.
    config.accept.skeleton_share = 1.0;
    (config.split.skeletons, config.split.constants) = (0.0, 0.0);
    let sampler = Sampler::new(config.validated()?, seed);

    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let batches = (0..).map(|batch: u64| {
        let blocks = (64 * batch..64 * (batch + 1)).into_par_iter();
        blocks.map(|block| sampler.block(block)).collect::<Vec<_>>()
    });
    let accepted = batches.flatten().flatten().flatten();
    for sample in accepted.take(usize::try_from(wanted)?) {
        // The order of the states says nothing: every order counts.
        for skeleton in reordered(&sample.system) {
            let names = skeleton.tokens().iter().map(|token| token.name());
            let tokens: Vec<&str> = names.collect();
            *counts.entry(tokens.join(" ")).or_default() += 1;
        }
    }
    let (frequent, rare): (Vec<_>, Vec<_>) = counts.into_iter().partition(|(_, n)| *n >= fewest);
    let mut rows = vec![("*".to_string(), rare.iter().map(|(_, n)| n).sum())];
    rows.extend(frequent);
    rows.sort_by_key(|(tokens, n)| (tokens != "*", u64::MAX - n));
    for (tokens, n) in rows {
        println!("{n}\t{tokens}");
    }
    Ok(())
}

/// The skeletons of a system with its states in every order.
fn reordered(system: &CanonicalSystem) -> Vec<Skeleton> {
    let system = system.to_system();
    let with = |order: Vec<usize>| {
        let rename = |e: &Expr| match e {
            Expr::State(i) => order.get(*i).map(|j| Expr::State(*j)),
            _ => None,
        };
        let mut rhs = system.rhs().to_vec();
        for (old, new) in system.rhs().iter().zip(&order) {
            *rhs.get_mut(*new)? = old.substitute(&rename);
        }
        let canonical = CanonicalSystem::new(&System::new(rhs).ok()?).ok()?;
        canonical.parts().ok().map(|(skeleton, _)| skeleton)
    };
    orders(system.dimension())
        .into_iter()
        .filter_map(with)
        .collect()
}

/// All orders of the numbers below `n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let Some(last) = n.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let mut all = Vec::new();
    for shorter in orders(last) {
        for place in 0..n {
            let mut order = shorter.clone();
            order.insert(place, last);
            all.push(order);
        }
    }
    all
}
