//! How long the sequences are that a training writes: `[[tokens, constants], …]` on standard output, of 4,096
//! samples of the configured distribution, for a model of other make that is to be given as much to do.
//!
//! `cargo run --release -p nsode-model --example lengths [config.toml]`

use std::error::Error;
use std::path::Path;

use nsode_generator::{Config, Sampler};
use nsode_model::config::{GeneratorSource, TrainConfig};

const SAMPLES: usize = 4096;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1);
    let file = file.as_deref().unwrap_or("data/configs/train-scalar.toml");
    let config = TrainConfig::from_file(Path::new(file))?;
    let generator = match &config.generator {
        GeneratorSource::Inline(table) => Config::from_toml(&table.to_string())?,
        GeneratorSource::Path(path) => Config::from_toml(&std::fs::read_to_string(path)?)?,
    };
    let sampler = Sampler::new(generator, config.seed);
    let most = config.model.max_tokens;
    let lengths: Vec<[usize; 2]> = (0..)
        .flat_map(|block| sampler.block(block))
        .flatten()
        .map(|sample| [sample.skeleton.tokens().len(), sample.constants.len()])
        .filter(|lengths| lengths.iter().all(|length| *length <= most))
        .take(SAMPLES)
        .collect();
    println!("{}", serde_json::to_string(&lengths)?);
    Ok(())
}
