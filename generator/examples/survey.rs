//! What a distribution looks like: acceptance, reasons, speed on one core and the most frequent skeletons.
//!
//! `cargo run --release -p nsode-generator --example survey -- [config.toml] [samples] [seed]`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use nsode_generator::{Config, Rejection, Sampler};
use nsode_parser::Names;
use nsode_parser::print::infix;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = match arguments.next() {
        Some(path) => std::fs::read_to_string(path)?,
        None => String::new(),
    };
    let wanted: usize = arguments.next().map_or(Ok(20_000), |n| n.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |n| n.parse())?;
    let sampler = Sampler::new(Config::from_toml(&text)?, seed);

    let mut reasons: BTreeMap<Rejection, usize> = BTreeMap::new();
    let mut skeletons: BTreeMap<String, usize> = BTreeMap::new();
    let mut tokens = 0;
    let mut constants = 0;
    let (mut drawn, mut kept) = (0, 0);
    let start = Instant::now();
    for block in 0.. {
        for sample in sampler.block(block) {
            drawn += 1;
            match sample {
                Ok(sample) => {
                    kept += 1;
                    tokens += sample.skeleton.tokens().len();
                    constants += sample.constants.len();
                    let names = Names::default_for(sample.skeleton.dimension());
                    let template = sample.skeleton.template();
                    let laws: Vec<_> = template.rhs().iter().map(|e| infix(e, &names)).collect();
                    let text = laws.join(" ; ");
                    *skeletons.entry(text).or_default() += 1;
                }
                Err(reason) => *reasons.entry(reason).or_default() += 1,
            }
        }
        if kept >= wanted {
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let share = |n: usize| 100.0 * n as f64 / drawn as f64;
    println!(
        "{kept} of {drawn} accepted ({:.1} %), {:.0} a second",
        share(kept),
        kept as f64 / seconds
    );
    println!(
        "{:.1} tokens, {:.1} constants a sample; {} skeletons",
        tokens as f64 / kept as f64,
        constants as f64 / kept as f64,
        skeletons.len()
    );
    for (reason, count) in reasons {
        println!("{:>7.2} %  {}", share(count), reason.name());
    }
    let mut frequent: Vec<_> = skeletons.into_iter().collect();
    frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    for (text, count) in frequent.iter().take(30) {
        println!("{count:>7}  {text}");
    }
    Ok(())
}
