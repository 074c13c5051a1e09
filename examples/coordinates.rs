//! The coordinate check: sizes of activations, and of their changes over some steps, in networks of several
//! widths and depths, as a table and as a picture. Flat curves mean that settings found on a small network hold
//! on a large one; beside them, the same without the parametrisation.
//!
//! `cargo run --release --example coordinates [PICTURE.svg]`, a few minutes on two cores.

use std::error::Error;
use std::path::Path;

use nsode_eval::answer::plot::curves::{Axis, Chart, Curve, Scale, plot};
use nsode_model::config::{Shape, TrainConfig};
use nsode_model::train::coordinates::{Coordinates, PLACES, coordinates};

const WIDTHS: [usize; 4] = [64, 128, 256, 512];
const DEPTHS: [usize; 4] = [2, 4, 6, 8];
const STEPS: u64 = 8;
/// Networks that differ in their first weights alone, over which is averaged.
const SEEDS: [u64; 2] = [1, 2];
const BATCH: usize = 32;

/// The network's size on which the others' settings rest.
const BASE: Shape = Shape {
    d_model: 64,
    heads: 2,
    encoder_layers: 2,
    decoder_layers: 2,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut charts = Vec::new();
    for parametrised in [true, false] {
        let rule = match parametrised {
            true => "Complete(d)P",
            false => "the same rate for all",
        };
        let widths: Vec<(usize, Coordinates)> = WIDTHS
            .into_iter()
            .map(|width| Ok((width, mean(width, BASE.encoder_layers, parametrised)?)))
            .collect::<Result<_, Box<dyn Error>>>()?;
        let depths: Vec<(usize, Coordinates)> = DEPTHS
            .into_iter()
            .map(|depth| Ok((depth, mean(BASE.d_model, depth, parametrised)?)))
            .collect::<Result<_, Box<dyn Error>>>()?;
        for (what, sizes) in [("width", &widths), ("layers each", &depths)] {
            println!("{rule}, by {what}");
            for (at, c) in sizes {
                println!("  {at:>4}  size {:>8.3?}  moved {:>8.3?}", c.size, c.moved);
            }
            charts.push(chart(rule, what, sizes));
        }
    }
    if let Some(file) = std::env::args().nth(1) {
        plot(Path::new(&file), &charts)?;
    }
    Ok(())
}

/// Sizes after [`STEPS`] steps, averaged over [`SEEDS`].
fn mean(width: usize, depth: usize, parametrised: bool) -> Result<Coordinates, Box<dyn Error>> {
    let mut config =
        (*TrainConfig::from_file(Path::new("data/configs/train-scalar.toml"))?).clone();
    config.batch = BATCH;
    config.pool = 1;
    config.validation.samples = BATCH;
    config.model.d_model = width;
    config.model.heads = width / 32;
    config.model.encoder_layers = depth;
    config.model.decoder_layers = depth;
    config.model.base = parametrised.then_some(BASE);
    config.optimizer.learning_rate = 0.002;
    let mut mean = Coordinates {
        step: STEPS,
        size: [0.0; 3],
        moved: [0.0; 3],
    };
    for seed in SEEDS {
        config.seed = seed;
        let all = coordinates(&config.clone().validated()?, STEPS)?;
        let last = all.last().ok_or("no step was measured")?;
        for place in 0..PLACES.len() {
            mean.size[place] += last.size[place] / SEEDS.len() as f64;
            mean.moved[place] += last.moved[place] / SEEDS.len() as f64;
        }
    }
    Ok(mean)
}

fn chart(rule: &str, what: &str, sizes: &[(usize, Coordinates)]) -> Chart {
    let axis = |label: &str, marks: Vec<f64>| Axis {
        label: label.to_owned(),
        scale: Scale::Logarithmic,
        marks,
        ..Axis::default()
    };
    let curve = |name: String, of: &dyn Fn(&Coordinates) -> f64| Curve {
        name,
        points: sizes.iter().map(|(at, c)| (*at as f64, of(c))).collect(),
        dots: true,
    };
    let names = PLACES.iter().enumerate();
    let size = names
        .clone()
        .map(|(i, name)| curve(format!("{name}: size"), &move |c| c.size[i]));
    let moved = names.map(|(i, name)| curve(format!("{name}: moved"), &move |c| c.moved[i]));
    Chart {
        title: format!("{rule}, by {what}, after {STEPS} steps"),
        x: axis(what, sizes.iter().map(|(at, _)| *at as f64).collect()),
        y: axis("root mean square", Vec::new()),
        curves: size.chain(moved).collect(),
    }
}
