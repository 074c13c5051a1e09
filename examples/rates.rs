//! What `scripts/sweep-rates` measured: the loss on unseen samples against the learning rate, a curve a width, as
//! a table and as a picture. Where settings carry over from one width to another, the curves have their lowest
//! points at the same rate.
//!
//! `cargo run --release --example rates DIR [PICTURE.svg]`

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use nsode_eval::answer::plot::curves::{Axis, Chart, Curve, Scale, plot};
use nsode_model::config::TrainConfig;
use nsode_model::metrics::{self, Line};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("name the folder of the sweep")?;
    // by width, by rate
    let mut widths: BTreeMap<usize, Vec<(f64, f64)>> = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let run = entry?.path();
        if !run.join("train.toml").is_file() {
            continue;
        }
        let config = TrainConfig::from_file(&run.join("train.toml"))?;
        let last = metrics::read(&run)?.pop();
        // those that are not at their end have none to compare
        if let Some(Line::Validation(v)) = last.filter(|line| line.step() == config.steps) {
            let point = (config.optimizer.learning_rate, v.clean.skeleton);
            widths.entry(config.model.d_model).or_default().push(point);
        }
    }
    let mut marks = Vec::new();
    let mut curves = Vec::new();
    for (width, mut points) in widths {
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (rate, loss) in &points {
            println!("width {width:>4}, rate {rate:<7}: {loss:.3} nats a token");
            marks.push(*rate);
        }
        curves.push(Curve {
            name: format!("width {width}"),
            points,
            dots: true,
        });
    }
    let chart = Chart {
        title: "Cross-entropy of clean unseen skeletons".to_owned(),
        x: Axis {
            label: "learning rate of the base".to_owned(),
            scale: Scale::Logarithmic,
            marks,
            ..Axis::default()
        },
        y: Axis {
            label: "nats a token".to_owned(),
            ..Axis::default()
        },
        curves,
    };
    if let Some(file) = arguments.next() {
        plot(Path::new(&file), &[chart])?;
    }
    Ok(())
}
