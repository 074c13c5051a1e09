//! The suites that come with the program: each system can be read, solved and told apart from one at rest.

use std::path::{Path, PathBuf};

use nsode_eval::metric::Reference;
use nsode_eval::suite::{Runs, Suite, read};
use nsode_generator::Trajectory;

/// The suites of one state, and how many systems they have.
const SCALAR: [(&str, usize); 7] = [
    ("odebench-1d.toml", 23),
    ("textbook.toml", 57),
    ("classic.toml", 44),
    ("large.jsonl", 1000),
    ("unseen-skeletons.jsonl", 1000),
    ("unseen-constants.jsonl", 1000),
    ("unseen-initial-values.jsonl", 1000),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/suites")
}

fn suite(file: &str) -> Suite {
    read(&directory().join(file)).unwrap_or_else(|error| panic!("{error}"))
}

/// The smallest range of a state, as a share of its largest magnitude.
fn movement(path: &Trajectory) -> f64 {
    let share = |d: usize| {
        let (low, high) = path
            .column(d)
            .filter(|y| !y.is_nan())
            .fold((f64::MAX, f64::MIN), |(low, high), y| {
                (low.min(y), high.max(y))
            });
        (high - low) / low.abs().max(high.abs())
    };
    (0..path.dimension()).map(share).fold(f64::MAX, f64::min)
}

#[test]
fn every_system_of_every_suite_can_be_solved_and_moves() {
    let mut wrong = Vec::new();
    let mut systems = 0;
    for entry in std::fs::read_dir(directory()).unwrap() {
        let file = entry.unwrap().path();
        let suite = read(&file).unwrap_or_else(|error| panic!("{error}"));
        // ODEBench starts two of its systems near their equilibrium.
        let least = if suite.name.starts_with("odebench") || suite.name == "quick" {
            0.03
        } else {
            0.05
        };
        for system in &suite.systems {
            systems += 1;
            for start in 0..system.starts() {
                let run = format!("{}/{}/{}", suite.name, system.id, start + 1);
                match Reference::new(system, start, 150) {
                    Err(error) => wrong.push(format!("{run}: {error}")),
                    Ok(reference) => {
                        let moves = movement(&reference.own);
                        if moves < least {
                            wrong.push(format!("{run} moves by {moves:.3} of its size"));
                        }
                        if reference.skeleton.is_none() {
                            wrong.push(format!("{run} has no canonical form"));
                        }
                    }
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {systems} systems:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn scalar_suites_have_one_state_and_two_initial_values() {
    for (file, size) in SCALAR {
        let suite = suite(file);
        assert_eq!(suite.systems.len(), size, "{file}");
        for system in &suite.systems {
            assert_eq!(
                (system.dimension(), system.starts()),
                (1, 2),
                "{file}, {}",
                system.id
            );
        }
        assert!(
            std::fs::metadata(directory().join(file)).unwrap().len() < 1 << 20,
            "{file}"
        );
    }
    assert_eq!(suite("odebench.toml").systems.len(), 63);
}

#[test]
fn textbook_spans_twelve_decades_of_scale_and_time() {
    let (mut scales, mut spans) = (Vec::new(), Vec::new());
    for system in suite("textbook.toml").systems {
        let Runs::Solved { initial, grid } = system.runs else {
            panic!("{} is measured", system.id);
        };
        scales.push(
            initial
                .iter()
                .flatten()
                .fold(0.0_f64, |m, y| m.max(y.abs())),
        );
        spans.push(grid.times(2).iter().sum::<f64>());
    }
    let decades = |values: &[f64]| {
        let (low, high) = values
            .iter()
            .fold((f64::MAX, 0.0_f64), |(a, b), v| (a.min(*v), b.max(*v)));
        (high / low).log10()
    };
    assert!(decades(&scales) > 12.0, "{}", decades(&scales));
    assert!(decades(&spans) > 6.0, "{}", decades(&spans));
}
