//! What one candidate costs: refinement of a skeleton on 150 points, and a whole sparse discovery.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;

use nsode_eval::fit::refine::{Effort, refine};
use nsode_eval::propose::sparse::Sparse;
use nsode_eval::{Options, Problem, Proposal, Proposer, discover};
use nsode_generator::{Integration, Integrator};
use nsode_parser::infix::parse_expr;
use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Names, Skeleton, System};

fn system(rhs: &[&str]) -> System {
    let names = Names::default_for(rhs.len());
    let rhs = rhs
        .iter()
        .map(|text| parse_expr(text, &names).expect("a formula"))
        .collect();
    System::new(rhs).expect("a system")
}

fn skeleton(rhs: &[&str]) -> Skeleton {
    CanonicalSystem::new(&system(rhs))
        .expect("a canonical form")
        .parts()
        .expect("a skeleton")
        .0
}

fn problem(rhs: &[&str], y0: &[f64]) -> Problem {
    let times: Vec<f64> = (0..150).map(|i| 5.0 * f64::from(i) / 149.0).collect();
    let tape = Tape::compile(system(rhs).rhs());
    match Integrator::default().integrate(&tape, &[], y0, &times) {
        Integration::Complete(path) => Problem::new(vec![path]).expect("a problem"),
        other => panic!("{other:?}"),
    }
}

fn benches(c: &mut Criterion) {
    let logistic = problem(&["1.7*y - 1.1*y^2"], &[0.1]);
    for rhs in [
        "1.7*y - 1.1*y^2",
        "y/(1 + y) - 0.3*y",
        "exp(-2*y) + sin(3*y) + y",
    ] {
        let proposal = Proposal::new(skeleton(&[rhs]), None);
        c.bench_function(&format!("refine {rhs}"), |b| {
            b.iter(|| refine(black_box(&logistic), &proposal, Effort::Whole, None));
        });
    }
    let predators = problem(&["2*x1 - 2.5*x1*x2", "1.4*x1*x2 - 0.6*x2"], &[0.8, 0.4]);
    let shape = skeleton(&["2*x1 - 2.5*x1*x2", "1.4*x1*x2 - 0.6*x2"]);
    let proposal = Proposal::new(shape, None);
    c.bench_function("refine predator and prey", |b| {
        b.iter(|| refine(black_box(&predators), &proposal, Effort::Whole, None));
    });
    c.bench_function("propose sparse scalar", |b| {
        b.iter(|| Sparse::default().propose(black_box(&logistic)));
    });
    c.bench_function("discover scalar", |b| {
        let proposers: Vec<Box<dyn Proposer>> = vec![Box::new(Sparse::default())];
        b.iter(|| discover(black_box(&logistic), &proposers, &Options::default()));
    });
}

criterion_group! {
    name = group;
    config = Criterion::default().sample_size(20);
    targets = benches
}
criterion_main!(group);
