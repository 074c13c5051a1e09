//! What a distribution looks like: acceptance, reasons, speed on one core, the most frequent skeletons,
//! and quantiles of what the samples do in their time and of their constants after normalisation.
//!
//! `cargo run --release -p nsode-generator --example survey -- [config.toml|-] [samples] [seed] [laws]`
//!
//! With `laws`, so many samples are also printed with their equations, to look at.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use nsode_generator::{Config, Rejection, Sample, Sampler, Trajectory};
use nsode_parser::Names;
use nsode_parser::print::infix;

/// Numbers of which quantiles are shown.
#[derive(Default)]
struct Values(Vec<f64>);

impl Values {
    fn row(&mut self, name: &str) {
        self.0.sort_by(f64::total_cmp);
        let last = self.0.len().saturating_sub(1) as f64;
        print!("{name:<44}");
        for q in [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0] {
            let value = self.0.get((q * last) as usize).copied().unwrap_or(f64::NAN);
            print!(" {value:>8.3}");
        }
        println!();
    }
}

/// What is collected over samples.
#[derive(Default)]
struct Quantiles {
    range: Values,
    half: Values,
    most: Values,
    first_tenth: Values,
    constants: Values,
    tokens: Values,
    slots: Values,
}

impl Quantiles {
    fn add(&mut self, sample: &Sample) -> Result<(), Box<dyn Error>> {
        let path = &sample.trajectory;
        let done = course(path);
        for d in 0..path.dimension() {
            self.range.0.push(range(path, d).0);
        }
        let at = |share: f64| done.iter().position(|&p| p >= share).unwrap_or(0);
        let time = |k: usize| k as f64 / (done.len().max(2) - 1) as f64;
        self.half.0.push(time(at(0.5)));
        self.most.0.push(time(at(0.95)));
        let tenth = done.get(done.len() / 10).copied().unwrap_or(0.0);
        self.first_tenth.0.push(tenth);
        let unit = sample.system.rescaled(&path.scaling()?)?;
        let (skeleton, constants) = unit.parts()?;
        self.constants.0.extend(constants.iter().map(|c| c.abs()));
        self.tokens.0.push(skeleton.tokens().len() as f64);
        self.slots.0.push(constants.len() as f64);
        Ok(())
    }

    fn show(&mut self) {
        print!("\n{:<44}", "quantiles");
        for q in [
            "least", "1 %", "5 %", "25 %", "50 %", "75 %", "95 %", "99 %", "most",
        ] {
            print!(" {q:>8}");
        }
        println!();
        self.range.row("range of a state / max|y|");
        self.half.row("share of time when half of the path is done");
        self.most.row("share of time when 95 % of the path is done");
        self.first_tenth.row("share of the path in the first tenth");
        self.constants.row("|constant| after normalisation");
        self.tokens.row("tokens of a skeleton");
        self.slots.row("constants of a law");
    }
}

/// Range and largest magnitude: `((max − min)/max|y|, max − min)`.
fn range(path: &Trajectory, d: usize) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in path.column(d) {
        (low, high) = (low.min(v), high.max(v));
    }
    ((high - low) / high.abs().max(low.abs()), high - low)
}

/// The share of the path's length that is done at each point; each state counts in units of its range.
fn course(path: &Trajectory) -> Vec<f64> {
    let mut done = vec![0.0; path.len()];
    for d in 0..path.dimension() {
        let (_, range) = range(path, d);
        let values: Vec<f64> = path.column(d).collect();
        let mut length = 0.0;
        for (done, pair) in done.iter_mut().skip(1).zip(values.windows(2)) {
            length += (pair[1] - pair[0]).abs() / range;
            *done += length;
        }
    }
    let whole = done.last().copied().unwrap_or(1.0);
    done.iter().map(|d| d / whole).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let text = match arguments.next().as_deref() {
        None | Some("-") => String::new(),
        Some(path) => std::fs::read_to_string(path)?,
    };
    let wanted: usize = arguments.next().map_or(Ok(20_000), |n| n.parse())?;
    let seed: u64 = arguments.next().map_or(Ok(0), |n| n.parse())?;
    let laws: usize = arguments.next().map_or(Ok(0), |n| n.parse())?;
    // One sample a skeleton: then samples are independent.
    let mut config: Config = toml::from_str(&text)?;
    (config.system.constants, config.system.initials) = (1, 1);
    let sampler = Sampler::new(config.validated()?, seed);

    let mut reasons: BTreeMap<Rejection, usize> = BTreeMap::new();
    let mut skeletons: BTreeMap<String, usize> = BTreeMap::new();
    let mut tokens: BTreeMap<&str, usize> = BTreeMap::new();
    let mut quantiles = Quantiles::default();
    let (mut drawn, mut kept, mut seconds) = (0, 0, 0.0);
    for block in 0.. {
        let start = Instant::now();
        let samples = sampler.block(block);
        seconds += start.elapsed().as_secs_f64();
        for sample in samples {
            drawn += 1;
            match sample {
                Ok(sample) => {
                    kept += 1;
                    quantiles.add(&sample)?;
                    for token in sample.skeleton.tokens() {
                        *tokens.entry(token.name()).or_default() += 1;
                    }
                    let names = Names::default_for(sample.skeleton.dimension());
                    let write = |system: nsode_parser::System| {
                        let rhs = system.rhs().iter().map(|e| infix(e, &names));
                        rhs.collect::<Vec<_>>().join(" ; ")
                    };
                    if kept <= laws {
                        println!("{}", write(sample.system.to_system()));
                    }
                    *skeletons
                        .entry(write(sample.skeleton.template()))
                        .or_default() += 1;
                }
                Err(reason) => *reasons.entry(reason).or_default() += 1,
            }
        }
        if kept >= wanted {
            break;
        }
    }
    let share = |n: usize| 100.0 * n as f64 / drawn as f64;
    println!(
        "{kept} of {drawn} accepted ({:.1} %), {:.0} a second; {} skeletons",
        share(kept),
        kept as f64 / seconds,
        skeletons.len()
    );
    for (reason, count) in reasons {
        println!("{:>7.2} %  {}", share(count), reason.name());
    }
    quantiles.show();
    println!("\noccurrences a sample");
    let mut tokens: Vec<_> = tokens.into_iter().collect();
    tokens.sort_by_key(|(_, n)| usize::MAX - n);
    for row in tokens.chunks(8) {
        let row = row
            .iter()
            .map(|(name, n)| format!("{name} {:.3}", *n as f64 / kept as f64));
        println!("  {}", row.collect::<Vec<_>>().join("  "));
    }
    println!("\nmost frequent");
    let mut frequent: Vec<_> = skeletons.into_iter().collect();
    frequent.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    for (text, count) in frequent.iter().take(30) {
        println!("{:>6.2} %  {text}", 100.0 * *count as f64 / kept as f64);
    }
    Ok(())
}
