//! How often the truth lies in the bands of forecasts, on fresh random laws.
//!
//! `cargo run --release -p nsode-eval --example coverage_of_forecasts -- data/configs/scalar.toml 200 0.05 [CHECKPOINT] [FIRST]`
//!
//! Each case is a law from the generator's distribution, of one state or several, with a seed that nothing else uses; FIRST
//! is the number of the first skeleton that is taken, 0 unless given. The
//! first 60 % of its solution's span are observed at 60 points with the given multiplicative noise; the rest is
//! forecast from these. At 20 times the truth is compared with the bands of several levels. Two forecasters are
//! measured: one that is told the law's shape and fits its constants, so that only the noise is in doubt, and the
//! whole search, which has to find the shape too (by regression and among the frequent skeletons, and by the network
//! where a checkpoint is given).

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use nsode_eval::answer::ensemble::{DRAWS, Ensemble};
use nsode_eval::propose::frequent::Frequent;
use nsode_eval::propose::sparse::Sparse;
use nsode_eval::propose::told::Told;
use nsode_eval::propose::transformer::{BEAMS, Transformer};
use nsode_eval::{Options, Problem, Proposer, discover};
use nsode_generator::{Config, Observer, Sampler, Trajectory};
use nsode_model::Device;
use nsode_model::predictor::Predictor;
use nsode_parser::System;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;

/// The seed of the cases, far from that of any corpus or suite.
const SEED: u64 = 0x666f_7265;
/// Share of the span that is observed.
const OBSERVED: f64 = 0.6;
/// Points that are observed, and at which forecasts are judged.
const POINTS: usize = 60;
const JUDGED: usize = 20;
const LEVELS: [f64; 4] = [0.5, 0.8, 0.9, 0.95];

/// For each level, judged times inside of the band and all.
type Counts = [(usize, usize); LEVELS.len()];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, count, noise, others @ ..] = arguments.as_slice() else {
        return Err(
            "give a configuration, a number of cases, a noise, and perhaps a checkpoint and the \
                    number of the first skeleton"
                .into(),
        );
    };
    let first: u64 = others.get(1).map_or(Ok(0), |text| text.parse())?;
    let config = Config::from_toml(&fs::read_to_string(config)?)?;
    let (count, noise): (usize, f64) = (count.parse()?, noise.parse()?);
    let sampler = Sampler::new(config, SEED);
    let mut proposers: Vec<Box<dyn Proposer>> =
        vec![Box::new(Sparse::default()), Box::new(Frequent::default())];
    if let Some(checkpoint) = others.first() {
        let network = Predictor::load(Path::new(checkpoint), Device::Cpu)?;
        proposers.push(Box::new(Transformer::new(Arc::new(network), BEAMS)));
    }
    // One solution a skeleton, in the order of the distribution.
    let mut cases = Vec::new();
    let mut skeleton = first;
    while cases.len() < count {
        let sample = sampler.block(skeleton).into_iter().flatten().next();
        cases.extend(sample.map(|s| (skeleton, s)));
        skeleton += 1;
    }
    for (name, told) in [("told the shape", true), ("the whole search", false)] {
        let results: Vec<Option<(Counts, bool)>> = cases
            .par_iter()
            .map(|(number, sample)| {
                let law = sample.system.to_system();
                let law = told.then_some(&law);
                judge(*number, &sample.trajectory, noise, law, &proposers)
            })
            .collect();
        let answered: Vec<&(Counts, bool)> = results.iter().flatten().collect();
        println!(
            "{name}: {} of {} cases have a forecast, {} of them with draws that end early",
            answered.len(),
            cases.len(),
            answered.iter().filter(|(_, lost)| *lost).count()
        );
        for (i, level) in LEVELS.iter().enumerate() {
            let each = answered.iter().filter_map(|(counts, _)| counts.get(i));
            let (inside, all) = each.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
            println!(
                "  level {level}: {:.1} % inside",
                100.0 * inside as f64 / all as f64
            );
        }
    }
    Ok(())
}

/// Observes a solution, forecasts its rest, and counts.
fn judge(
    number: u64,
    truth: &Trajectory,
    noise: f64,
    told: Option<&System>,
    proposers: &[Box<dyn Proposer>],
) -> Option<(Counts, bool)> {
    let seen = (truth.len() as f64 * OBSERVED) as usize;
    let stride = (seen / POINTS).max(1);
    let rows = (0..seen).step_by(stride);
    let times: Vec<f64> = rows.clone().map(|row| truth.times()[row]).collect();
    let states: Vec<f64> = rows.flat_map(|row| truth.state(row)).copied().collect();
    let last = *times.last()?;
    let clean = Trajectory::new(truth.dimension(), times, states).ok()?;
    let mut random = ChaCha8Rng::seed_from_u64(number);
    let observer = Observer {
        noise,
        ..Observer::default()
    };
    let path = observer.observe(&clean, &mut random);
    let problem = Problem::new(vec![path.clone()]).ok()?;
    let options = Options {
        seconds: 20.0,
        local: told.is_none(),
        ..Options::default()
    };
    let found = match told {
        Some(law) => discover(&problem, &[Box::new(Told::new(law)?)], &options),
        None => discover(&problem, proposers, &options),
    };
    let found = found.ok()?;
    let problem = found.problem;
    // Draws of their own for each case: shared ones would share their luck.
    let ensemble = Ensemble::new(&problem, &found.candidates, DRAWS, number)?;
    let horizon = *truth.times().last()?;
    let mut counts = Counts::default();
    let mut lost = false;
    for (level, count) in LEVELS.iter().zip(&mut counts) {
        let forecast = ensemble.forecast(horizon, *level).ok()?;
        let band = forecast.bands.first()?;
        lost |= band.lost > 0.01;
        for i in 1..=JUDGED {
            let time = last + (horizon - last) * i as f64 / JUDGED as f64;
            for state in 0..truth.dimension() {
                let (low, high) = (
                    at(&band.times, &band.lower, time, state)?,
                    at(&band.times, &band.upper, time, state)?,
                );
                let truth = between(truth, time, state)?;
                count.0 += usize::from(low <= truth && truth <= high);
                count.1 += 1;
            }
        }
    }
    Some((counts, lost))
}

/// The band's end at a time, on the line between its neighbours.
fn at(times: &[f64], rows: &[Vec<f64>], time: f64, state: usize) -> Option<f64> {
    let right = times
        .partition_point(|t| *t < time)
        .clamp(1, times.len() - 1);
    let (a, b) = (*times.get(right - 1)?, *times.get(right)?);
    let (low, high) = (
        *rows.get(right - 1)?.get(state)?,
        *rows.get(right)?.get(state)?,
    );
    Some(low + (high - low) * (time - a) / (b - a))
}

/// The clean solution at a time, on the line between grid points.
fn between(truth: &Trajectory, time: f64, state: usize) -> Option<f64> {
    let times = truth.times();
    let right = times
        .partition_point(|t| *t < time)
        .clamp(1, times.len() - 1);
    let (a, b) = (*times.get(right - 1)?, *times.get(right)?);
    let (low, high) = (
        *truth.state(right - 1).get(state)?,
        *truth.state(right).get(state)?,
    );
    Some(low + (high - low) * (time - a) / (b - a))
}
