//! `nsode train --plot`: how a run went, drawn from its metrics.

use std::path::Path;

use nsode_eval::answer::plot::curves::{Axis, Chart, Curve, Scale, plot};
use nsode_model::metrics::{self, Beam, Line, StepMetrics, Unseen, Validation};

use crate::Outcome;
use crate::fault::Fault;
use crate::output::make_directory;
use crate::progress::line;

/// Draws the run in `directory` as `training.svg` and `training.png` into `out`.
///
/// # Errors
/// A problem for metrics that can't be read, or pictures that can't be written.
pub fn draw(directory: &Path, out: &Path) -> Result<Outcome, Fault> {
    let lines = metrics::read(directory)?;
    if lines.is_empty() {
        return Err(Fault::new(
            format!(
                "{}: the run has written no metrics yet",
                directory.display()
            ),
            "Wait for its first line; `log_every` in its configuration says after how many steps.",
        ));
    }
    make_directory(out, "--out")?;
    let charts = charts(&lines);
    for name in ["training.svg", "training.png"] {
        let file = out.join(name);
        plot(&file, &charts)?;
        line(&format!("drawn: {}", file.display()));
    }
    Ok(Outcome::Done)
}

/// What a run has told, by kind.
struct Told<'a> {
    train: Vec<&'a StepMetrics>,
    unseen: Vec<&'a Validation>,
}

impl Told<'_> {
    fn training(&self, name: &str, of: impl Fn(&StepMetrics) -> f64) -> Curve {
        let points = self.train.iter().map(|m| (m.step as f64, of(m)));
        Curve {
            name: name.to_owned(),
            points: points.collect(),
            dots: false,
        }
    }

    fn validation(&self, name: &str, of: impl Fn(&Validation) -> Option<f64>) -> Curve {
        let points = self.unseen.iter();
        Curve {
            name: name.to_owned(),
            points: points
                .filter_map(|v| Some((v.step as f64, of(v)?)))
                .collect(),
            // few, and no curve at all while there is but one
            dots: self.unseen.len() < 40,
        }
    }

    /// Shares of laws found, in percent.
    fn found(&self, title: &str, of: fn(&Validation) -> &Unseen) -> Chart {
        let beam = |name: &str, share: fn(&Beam) -> f64| {
            self.validation(name, |v| Some(100.0 * share(of(v).beam.as_ref()?)))
        };
        let curves = vec![
            self.validation("greedy", |v| Some(100.0 * of(v).greedy)),
            beam("first of the beam", |b| b.first),
            beam("among 10", |b| b.ten),
            beam("among 50", |b| b.fifty),
        ];
        chart(title, "% of unseen laws", Scale::Linear, curves)
    }
}

fn charts(lines: &[Line]) -> Vec<Chart> {
    let mut told = Told {
        train: Vec::new(),
        unseen: Vec::new(),
    };
    for line in lines {
        match line {
            Line::Train(metrics) => told.train.push(metrics),
            Line::Validation(validation) => told.unseen.push(validation),
        }
    }
    let entropy =
        |title: &str, unit: &str, step: fn(&StepMetrics) -> f64, of: fn(&Unseen) -> f64| {
            let curves = vec![
                told.training("training", step),
                told.validation("unseen, clean", |v| Some(of(&v.clean))),
                told.validation("unseen, noisy", |v| Some(of(&v.noisy))),
            ];
            chart(title, unit, Scale::Logarithmic, curves)
        };
    let mut charts = vec![
        entropy(
            "Cross-entropy of skeletons",
            "nats a token",
            |m| m.skeleton,
            |u| u.skeleton,
        ),
        entropy(
            "Cross-entropy of constants",
            "nats a constant",
            |m| m.constants,
            |u| u.constants,
        ),
        told.found("Skeletons found, no noise", |v| &v.clean),
        told.found("Skeletons found, noise", |v| &v.noisy),
        chart(
            "Learning rate",
            "rate",
            Scale::Linear,
            vec![told.training("", |m| m.learning_rate)],
        ),
        chart(
            "Gradient before clipping",
            "norm",
            Scale::Logarithmic,
            vec![told.training("", |m| m.gradient)],
        ),
        chart(
            "Throughput",
            "samples a second",
            Scale::Linear,
            vec![told.training("", |m| m.samples_per_second)],
        ),
        chart(
            "Use of the machine",
            "%",
            Scale::Linear,
            vec![
                told.training("of its matrix products' peak (MFU)", |m| 100.0 * m.mfu),
                told.training("of a step, waiting for samples", |m| 100.0 * m.waiting()),
            ],
        ),
    ];
    for chart in &mut charts {
        // what a run does not measure takes no place in the legend
        chart.curves.retain(|curve| !curve.points.is_empty());
    }
    charts.retain(|chart| !chart.curves.is_empty());
    charts
}

fn chart(title: &str, unit: &str, scale: Scale, curves: Vec<Curve>) -> Chart {
    let holds = match scale {
        Scale::Linear => vec![0.0],
        Scale::Logarithmic => Vec::new(),
    };
    Chart {
        title: title.to_owned(),
        x: Axis {
            label: "steps".to_owned(),
            holds: vec![0.0],
            ..Axis::default()
        },
        y: Axis {
            label: unit.to_owned(),
            scale,
            holds,
            ..Axis::default()
        },
        curves,
    }
}
