//! Writes the random suites: `large`, and those of unseen skeletons, constants and initial values.
//!
//! `cargo run --release -p nsode-eval --example suites -- data/configs/train-small.toml data/suites`
//!
//! The configuration is that of the training of the network that is shipped: its generator and its seed say what
//! the network has seen.
//!
//! Each has one system of each skeleton number that is fit for it, in order, until there are a thousand. Laws are
//! rounded to six digits before anything is checked: the file is the truth. The first initial state is the
//! sample's; the second is drawn from the range that its solution visits and a quarter of that on both sides. A
//! system is kept if both solutions exist, stay near each other and move.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use nsode_eval::metric::Reference;
use nsode_eval::suite::{Grid, KnownSystem, Runs};
use nsode_generator::random::uniform;
use nsode_generator::{Config, Sample, Sampler, Split, Trajectory};
use nsode_model::config::{GeneratorSource, TrainConfig};
use nsode_parser::Names;
use nsode_parser::infix::parse_system;
use nsode_parser::print::{infix_rounded, number};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

/// Systems of a suite.
const SIZE: usize = 1000;

/// The seed of `large`, far from that of any corpus.
const LARGE: u64 = 0x006c_6172_6765;

/// Digits of the constants.
const DIGITS: usize = 6;

/// Second initial states that are tried.
const TRIES: usize = 40;

/// Least range of a solution, as a share of its largest magnitude.
const MOVES: f64 = 0.06;

/// Shares by which initial states are moved: a system that then fails, as one that grazes the edge of a root's
/// domain or passes a pole, is one that rounding decides.
const NUDGES: [f64; 24] = {
    let mut nudges = [0.0; 24];
    let (mut i, mut share) = (0, 1e-14);
    while i < nudges.len() {
        nudges[i] = share;
        nudges[i + 1] = -share;
        share *= 9.7;
        i += 2;
    }
    nudges
};

/// Skeleton numbers that are tried at a time.
const CHUNK: u64 = 2048;

/// Name, split, seed if it is not that of the training, description.
const SUITES: [(&str, Split, Option<u64>, &str); 4] = [
    (
        "large",
        Split::Train,
        Some(LARGE),
        "Random laws of one state, as they are trained on, from a seed of its own",
    ),
    (
        "unseen-skeletons",
        Split::UnseenSkeletons,
        None,
        "Random laws of one state whose skeletons training never has",
    ),
    (
        "unseen-constants",
        Split::UnseenConstants,
        None,
        "Random laws of one state whose skeletons training has, with constants that it never has",
    ),
    (
        "unseen-initial-values",
        Split::UnseenInitialStates,
        None,
        "Random laws of one state that training has, from initial values that it never has",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let config = arguments.next().ok_or("no configuration")?;
    let directory = arguments.next().ok_or("no directory")?;
    let training = TrainConfig::from_file(Path::new(&config))?;
    // A file that it names is read with it.
    let GeneratorSource::Inline(generator) = &training.generator else {
        return Err("the configuration has no generator".into());
    };
    let config = Config::from_toml(&generator.to_string())?;
    fs::create_dir_all(&directory)?;
    for (name, split, seed, description) in SUITES {
        let seed = seed.unwrap_or(training.seed);
        let sampler = Sampler::new(config.clone(), seed).split(split);
        let mut text = format!(
            "{{\"name\":\"{name}\",\"description\":\"{description}\",\"source\":\"eval/examples/suites.rs\"}}\n"
        );
        let (mut found, mut skeletons) = (0, 0);
        while found < SIZE {
            let chunk: Vec<Option<(KnownSystem, String)>> = (skeletons..skeletons + CHUNK)
                .into_par_iter()
                .map(|skeleton| problem(&sampler, skeleton))
                .collect();
            skeletons += CHUNK;
            for (system, law) in chunk.into_iter().flatten().take(SIZE - found) {
                found += 1;
                line(&mut text, found, &system, &law)?;
            }
        }
        let path = Path::new(&directory).join(format!("{name}.jsonl"));
        let unfinished = path.with_extension("tmp");
        fs::write(&unfinished, &text)?;
        fs::rename(&unfinished, &path)?;
        println!(
            "{name}: {found} systems of {skeletons} skeletons, {} bytes",
            text.len()
        );
    }
    Ok(())
}

/// A system as a line of the file.
fn line(text: &mut String, id: usize, system: &KnownSystem, law: &str) -> std::fmt::Result {
    let Runs::Solved {
        initial,
        grid: Grid::Even { start, end },
    } = &system.runs
    else {
        return Ok(());
    };
    let states = |state: &Vec<f64>| {
        let numbers: Vec<String> = state.iter().map(|y| number(*y)).collect();
        format!("[{}]", numbers.join(","))
    };
    let initial: Vec<String> = initial.iter().map(states).collect();
    writeln!(
        text,
        "{{\"id\":\"{id:04}\",\"equations\":[{law}],\"initial\":[{}],\"span\":[{},{}]}}",
        initial.join(","),
        number(*start),
        number(*end)
    )
}

/// The first sample of a skeleton that makes a problem, and its equations as JSON.
fn problem(sampler: &Sampler, skeleton: u64) -> Option<(KnownSystem, String)> {
    let system = &sampler.config().system;
    let first = skeleton / system.interleave * sampler.block_size() + skeleton % system.interleave;
    (0..system.initials).find_map(|initial| {
        let sample = sampler.sample(first + initial * system.interleave).ok()?;
        with_second(&sample)
    })
}

/// The sample with a second initial state, if there is a fit one.
fn with_second(sample: &Sample) -> Option<(KnownSystem, String)> {
    let names = Names::default_for(sample.initial.len());
    let equations: Vec<String> = sample
        .system
        .to_system()
        .rhs()
        .iter()
        .zip(&names.states)
        .map(|(rhs, state)| format!("{state}' = {}", infix_rounded(rhs, &names, DIGITS)))
        .collect();
    let (law, names) = parse_system(&equations.join("\n"), None).ok()?;
    let times = sample.trajectory.times();
    let mut rng = ChaCha8Rng::seed_from_u64(sample.index);
    let mut system = KnownSystem {
        id: String::new(),
        name: String::new(),
        field: String::new(),
        law,
        names,
        runs: Runs::Measured(sample.trajectory.clone()),
    };
    let (low, high) = ranges(&sample.trajectory);
    for _ in 0..TRIES {
        let second: Vec<f64> = low
            .iter()
            .zip(&high)
            .map(|(low, high)| low + (high - low) * uniform(&mut rng, [-0.25, 1.25]))
            .collect();
        let apart = second
            .iter()
            .zip(&sample.initial)
            .zip(low.iter().zip(&high));
        if apart
            .into_iter()
            .any(|((a, b), (low, high))| (a - b).abs() < 0.1 * (high - low))
        {
            continue;
        }
        system.runs = Runs::Solved {
            initial: vec![sample.initial.clone(), second],
            grid: Grid::Even {
                start: *times.first()?,
                end: *times.last()?,
            },
        };
        if fit(&system) && NUDGES.iter().all(|nudge| fit(&nudged(&system, *nudge))) {
            let quoted: Vec<String> = equations.iter().map(|e| format!("\"{e}\"")).collect();
            return Some((system, quoted.join(",")));
        }
    }
    None
}

/// Whether both solutions exist, from either side, move, and neither is ten times as large as the other.
fn fit(system: &KnownSystem) -> bool {
    let (first, second) = (
        Reference::new(system, 0, 150),
        Reference::new(system, 1, 150),
    );
    let (Ok(reference), Ok(_)) = (first, second) else {
        return false;
    };
    let Some(other) = &reference.other else {
        return false;
    };
    let sizes = |path: &Trajectory| -> Option<Vec<f64>> {
        let (low, high) = ranges(path);
        let size = |(low, high): (&f64, &f64)| {
            let size = low.abs().max(high.abs());
            (high - low >= MOVES * size && size > 0.0).then_some(size)
        };
        low.iter().zip(&high).map(size).collect()
    };
    match (sizes(&reference.own), sizes(other)) {
        (Some(own), Some(other)) => {
            reference.skeleton.is_some()
                && own
                    .iter()
                    .zip(&other)
                    .all(|(a, b)| a / b < 10.0 && b / a < 10.0)
        }
        _ => false,
    }
}

/// The system with its initial states moved by a share of theirs.
fn nudged(system: &KnownSystem, share: f64) -> KnownSystem {
    let mut nudged = system.clone();
    if let Runs::Solved { initial, .. } = &mut nudged.runs {
        for y in initial.iter_mut().flatten() {
            *y *= 1.0 + share;
        }
    }
    nudged
}

/// Least and largest value of every state.
fn ranges(path: &Trajectory) -> (Vec<f64>, Vec<f64>) {
    (0..path.dimension())
        .map(|d| {
            path.column(d)
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
                    (low.min(y), high.max(y))
                })
        })
        .unzip()
}
