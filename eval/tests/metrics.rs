//! The metrics on cases that were worked out by hand (`testdata/metrics.toml`).

use std::path::Path;

use nsode_eval::metric::bootstrap::{interval, quantile};
use nsode_eval::metric::{CLOSE, GOOD, Reference, WORST, calibration, r2, sign};
use nsode_eval::suite::{Grid, KnownSystem, Runs};
use nsode_generator::Trajectory;
use nsode_parser::System;
use nsode_parser::infix::{parse_expr, parse_system};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    r2: Vec<R2>,
    score: Vec<Scored>,
    calibration: Vec<Calibration>,
    sign: Vec<Sign>,
    interval: Vec<Interval>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct R2 {
    what: String,
    truth: Vec<Vec<f64>>,
    found: Vec<Vec<f64>>,
    r2: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scored {
    what: String,
    truth: Vec<String>,
    initial: Vec<Vec<f64>>,
    span: Option<[f64; 2]>,
    found: Vec<String>,
    recon: Quality,
    #[serde(rename = "gen")]
    generalization: Quality,
    skeleton: bool,
    family: bool,
    law: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Quality {
    Worst,
    Bad,
    Good,
    Close,
}

fn quality(r2: f64) -> Quality {
    match r2 {
        r2 if r2 == WORST => Quality::Worst,
        r2 if r2 > CLOSE => Quality::Close,
        r2 if r2 > GOOD => Quality::Good,
        _ => Quality::Bad,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Calibration {
    cases: Vec<(f64, bool)>,
    error: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    wins: usize,
    losses: usize,
    two_sided: f64,
    losing: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interval {
    clusters: Vec<Vec<f64>>,
    expected: [f64; 3],
}

fn tables() -> Tables {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/metrics.toml");
    toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn near(found: f64, expected: f64) -> bool {
    found == expected || (found - expected).abs() <= 1e-8
}

#[test]
fn coefficients_of_determination() {
    for case in tables().r2 {
        let path = |rows: &[Vec<f64>]| {
            let times = (0..rows.len()).map(|i| i as f64).collect();
            Trajectory::new(rows[0].len(), times, rows.concat()).unwrap()
        };
        let found = r2(&path(&case.truth), &path(&case.found));
        assert!(near(found, case.r2), "{}: {found}", case.what);
    }
}

#[test]
fn scores() {
    let mut wrong = Vec::new();
    for case in tables().score {
        let (law, names) = parse_system(&case.truth.join("\n"), None).unwrap();
        let [start, end] = case.span.unwrap_or([0.0, 1.0]);
        let system = KnownSystem {
            id: String::new(),
            name: String::new(),
            field: String::new(),
            law,
            runs: Runs::Solved {
                initial: case.initial,
                grid: Grid::Even { start, end },
            },
            names,
        };
        let rhs = case.found.iter();
        let rhs = rhs.map(|text| parse_expr(text, &system.names).unwrap());
        let found = System::new(rhs.collect()).unwrap();
        let score = Reference::new(&system, 0, 50).unwrap().score(&found);
        let law = case.law.is_none_or(|law| near(score.law.unwrap(), law));
        let as_expected = quality(score.recon) == case.recon
            && score.generalization.map(quality) == Some(case.generalization)
            && (score.skeleton, score.family) == (case.skeleton, case.family);
        if !(law && as_expected) {
            wrong.push(format!("{}: {score:?}", case.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn calibration_errors() {
    for case in tables().calibration {
        let found = calibration::error(&case.cases).unwrap();
        assert!(near(found, case.error), "{found}, {}", case.error);
        let bins = calibration::bins(&case.cases);
        let counted: usize = bins.iter().map(|bin| bin.cases).sum();
        assert_eq!(counted, case.cases.len());
    }
    assert_eq!(calibration::error(&[]), None);
}

#[test]
fn sign_tests() {
    for case in tables().sign {
        let found = sign::two_sided(case.wins, case.losses);
        assert!(near(found, case.two_sided), "{found}, {}", case.two_sided);
        let found = sign::losing(case.wins, case.losses);
        assert!(near(found, case.losing), "{found}, {}", case.losing);
    }
    // Large numbers neither overflow nor vanish.
    assert!(sign::two_sided(5000, 5000) > 0.99);
    assert!(sign::losing(4700, 5300) < 1e-8);
}

#[test]
fn intervals() {
    for case in tables().interval {
        let (mean, low, high) = interval(&case.clusters).unwrap();
        for (found, expected) in [mean, low, high].into_iter().zip(case.expected) {
            assert!(
                near(found, expected),
                "{:?}: {mean} {low} {high}",
                case.clusters
            );
        }
    }
    assert_eq!(interval(&[vec![], vec![]]), None);
    assert!(near(quantile(&[1.0, 2.0, 3.0, 4.0], 0.5), 2.5));
    assert!(near(quantile(&[1.0, 2.0, 3.0, 4.0], 0.95), 3.85));
}
