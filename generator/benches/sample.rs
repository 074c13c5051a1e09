//! One draw, accepted or not, and one accepted sample, of the two distributions that the repository
//! configures; and what the parts of a sample cost.

use criterion::{Criterion, criterion_group, criterion_main};
use nsode_generator::sampler::grid;
use nsode_generator::{Config, Integrator, Sampler};
use nsode_parser::Expr;
use nsode_parser::tape::Tape;

fn samples(criterion: &mut Criterion) {
    for (name, text) in [
        ("scalar", include_str!("../../data/configs/scalar.toml")),
        ("systems", include_str!("../../data/configs/systems.toml")),
    ] {
        let Ok(config) = Config::from_toml(text) else {
            continue;
        };
        let sampler = Sampler::new(config, 0);
        let mut block = 0;
        criterion.bench_function(
            &format!("{name}: a block of {} draws", sampler.block_size()),
            |b| {
                b.iter(|| {
                    block += 1;
                    sampler.block(block)
                });
            },
        );
    }
}

fn integration(criterion: &mut Criterion) {
    let y = Expr::State(0);
    let logistic = y.clone() * (Expr::Number(1.0) - y);
    let tape = Tape::compile(&[logistic]);
    let times = grid(0.0, 8.0, 256);
    let integrator = Integrator {
        relative_tolerance: 1e-8,
        absolute_tolerance: 1e-10,
        ..Integrator::default()
    };
    criterion.bench_function("logistic growth on 256 points", |b| {
        b.iter(|| integrator.integrate(&tape, &[], &[0.05], &times));
    });
}

criterion_group!(benches, samples, integration);
criterion_main!(benches);
