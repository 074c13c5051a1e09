//! How long it takes to spell candidates: the time of one proposal, series read to laws with constants, over many
//! series, each alone.
//!
//! `cargo run --release -p nsode-model --example beam [checkpoint] [width] [series]`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use nsode_generator::config::Observation;
use nsode_generator::observe::Observer;
use nsode_generator::{Config, Sampler};
use nsode_model::Device;
use nsode_model::predictor::Predictor;
use rand::SeedableRng;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let checkpoint = arguments.next();
    let checkpoint = checkpoint.as_deref().unwrap_or("data/checkpoints/scalar");
    let width: usize = arguments.next().map_or(Ok(50), |text| text.parse())?;
    let series: usize = arguments.next().map_or(Ok(200), |text| text.parse())?;

    let started = Instant::now();
    let predictor = Predictor::load(Path::new(checkpoint), Device::Cpu)?;
    println!(
        "{}, loaded in {:.0} ms",
        predictor.description(),
        ms(started)
    );
    let config = Config::from_toml("")?;
    let sampler = Sampler::new(config.clone(), 1);
    let observation = Observation {
        points: [150, 150],
        ..config.observation.clone()
    };
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut problems = Vec::new();
    for sample in (0..).flat_map(|block| sampler.block(block)).flatten() {
        let observer = Observer::draw(&observation, &mut rng);
        let observed = observer.observe_solution(&sample.trajectory, &sample.system, &mut rng);
        if let Ok(scaling) = observed.scaling() {
            problems.push(observed.normalised(&scaling)?);
        }
        if problems.len() == series {
            break;
        }
    }

    let mut times = Vec::new();
    let mut laws = 0;
    for problem in problems {
        let started = Instant::now();
        laws += predictor.propose(&[problem], width)?.len();
        times.push(ms(started));
    }
    let first = times[0];
    times.sort_by(f64::total_cmp);
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    println!(
        "width {width}: first {first:.1} ms, median {:.1} ms, 90 % {:.1} ms, 99 % {:.1} ms; {:.1} laws each",
        at(0.5),
        at(0.9),
        at(0.99),
        laws as f64 / times.len() as f64
    );
    Ok(())
}

fn ms(since: Instant) -> f64 {
    1e3 * since.elapsed().as_secs_f64()
}
