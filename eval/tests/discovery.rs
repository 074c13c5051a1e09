//! Discovery from end to end with the sparse proposer alone: measured series and made-up laws.

mod common;

use common::system;
use nsode_eval::answer::notes::{narrow, unseen};
use nsode_eval::discover::without::Part;
use nsode_eval::propose::sparse::Sparse;
use nsode_eval::{
    Candidate, Discovery, Error, Options, Problem, Proposal, Proposer, ProposerKind, discover,
};
use nsode_generator::{Integration, Integrator, Trajectory};
use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Names, Skeleton};

fn proposers() -> Vec<Box<dyn Proposer>> {
    vec![Box::new(Sparse::default())]
}

fn skeleton(rhs: &[&str]) -> Skeleton {
    CanonicalSystem::new(&system(rhs))
        .unwrap()
        .parts()
        .unwrap()
        .0
}

fn solve(rhs: &[&str], y0: &[f64], end: f64, n: usize) -> Trajectory {
    let times: Vec<f64> = (0..n).map(|i| end * i as f64 / (n - 1) as f64).collect();
    let tape = Tape::compile(system(rhs).rhs());
    match Integrator::default().integrate(&tape, &[], y0, &times) {
        Integration::Complete(path) => path,
        other => panic!("{rhs:?}: {other:?}"),
    }
}

fn example(name: &str) -> Trajectory {
    let path = format!("{}/../data/examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.parse().unwrap()).collect())
        .collect();
    let times = rows.iter().map(|row| row[0]).collect();
    let states = rows.iter().flat_map(|row| row[1..].to_vec()).collect();
    Trajectory::new(rows[0].len() - 1, times, states).unwrap()
}

fn find(path: Trajectory) -> Discovery {
    find_by(&proposers(), path)
}

fn find_by(proposers: &[Box<dyn Proposer>], path: Trajectory) -> Discovery {
    let problem = Problem::new(vec![path]).unwrap();
    // A generous cap, so that a busy machine changes nothing.
    let options = Options {
        seconds: 300.0,
        ..Options::default()
    };
    discover(&problem, proposers, &options).unwrap()
}

fn best(path: Trajectory) -> Candidate {
    find(path).candidates.into_iter().next().expect("a law")
}

#[test]
fn yeast_grows_by_the_logistic_law() {
    let best = best(example("yeast.csv"));
    assert_eq!(best.skeleton, skeleton(&["0.5*y - 0.001*y^2"]));
    let (rate, square) = (best.constants[0].value, best.constants[1].value);
    let capacity = -rate / square;
    assert!((0.50..0.60).contains(&rate), "{rate}");
    assert!((640.0..690.0).contains(&capacity), "{capacity}");
    assert!(best.r2 >= 0.995, "{}", best.r2);
    let error = best.constants[0].stderr.unwrap();
    assert!(error > 0.0 && error < 0.05, "{error}");
}

#[test]
fn hares_and_lynxes_follow_lotka_and_volterra() {
    let best = best(example("lynx_hare.csv"));
    assert_eq!(best.skeleton, skeleton(&["x1 - x1*x2", "x1*x2 - x2"]));
    assert!(best.r2 > 0.8, "{}", best.r2);
}

#[test]
fn made_up_laws_are_found_from_clean_series() {
    let laws: [(&[&str], &[f64], f64); 6] = [
        (&["0.9*y - 0.31*y^3"], &[0.2], 6.0),
        (&["2.1 - 0.8*y"], &[0.1], 4.0),
        (&["-0.7*y*log(0.02*y)"], &[1.5], 6.0),
        (&["0.7*x2", "-2.3*x1 - 0.3*x2"], &[3.0, 0.0], 9.0),
        // Cubics, which sines and saturations resemble: FitzHugh and Nagumo's cell, the Brusselator.
        (
            &["0.5 + x1 - x1^3/3 - x2", "0.056 + 0.08*x1 - 0.064*x2"],
            &[-1.0, 1.0],
            60.0,
        ),
        (
            &["1 - 3.2*x1 + x1^2*x2", "2.2*x1 - x1^2*x2"],
            &[1.0, 1.0],
            20.0,
        ),
    ];
    for (rhs, y0, end) in laws {
        let discovery = find(solve(rhs, y0, end, 120));
        let best = &discovery.candidates[0];
        assert_eq!(best.skeleton, skeleton(rhs), "{rhs:?}");
        assert!(
            best.r2 > 0.99999 && best.posterior > 0.5,
            "{rhs:?}: {best:?}"
        );
        let sum: f64 = discovery.candidates.iter().map(|c| c.posterior).sum();
        assert!(sum + discovery.none < 1.0 + 1e-9);
    }
}

/// Data that were written down in three to six digits are explained as far as their digits go, without doubt.
#[test]
fn rounded_series_have_the_same_law() {
    let path = solve(&["0.79*y*(1 - y/74.3)"], &[7.3], 10.0, 100);
    let rounded: [fn(f64) -> String; 4] = [
        |y| format!("{y:.2e}"),
        |y| format!("{y:.3e}"),
        |y| format!("{y:.2}"),
        |y| format!("{y:.4}"),
    ];
    for format in rounded {
        let states = path.states().iter().map(|y| format(*y).parse().unwrap());
        let states = states.collect();
        let found = find(Trajectory::new(1, path.times().to_vec(), states).unwrap());
        let best = &found.candidates[0];
        assert_eq!(best.skeleton, skeleton(&["y - y^2"]), "{best:?}");
        assert!(best.posterior > 0.5 && found.none < 0.1, "{}", found.none);
    }
}

/// Laws that have one term more than the true one fit as well to the last digit but one, by the dozen.
#[test]
fn lorenz_is_found_without_a_surplus_term() {
    let rhs = ["10*(x2 - x1)", "x1*(28 - x3) - x2", "x1*x2 - 8/3*x3"];
    let best = best(solve(&rhs, &[1.0, 1.0, 1.0], 6.0, 200));
    assert_eq!(best.skeleton, skeleton(&rhs));
}

/// No solution follows a chaotic series with noise to its end, and each of its pieces is followed.
#[test]
fn noisy_chaos_is_fitted_in_pieces() {
    let rhs = ["10*(x2 - x1)", "x1*(28 - x3) - x2", "x1*x2 - 8/3*x3"];
    let path = solve(&rhs, &[1.0, 1.0, 1.0], 20.0, 800);
    let wobble = |i: usize| ((i * i) as f64 * 0.618_033_988_749_895).fract() - 0.5;
    let noisy = path.states().iter().enumerate();
    let states = noisy.map(|(i, y)| y * (1.0 + 0.03 * wobble(i))).collect();
    let found = find(Trajectory::new(3, path.times().to_vec(), states).unwrap());
    let best = &found.candidates[0];
    assert_eq!(best.skeleton, skeleton(&rhs));
    assert!(best.r2 > 0.99, "{}", best.r2);
    assert!(best.pieces.len() > 2 && best.initial.len() == best.pieces.len());
    assert_eq!(best.starts().count(), 1);
    let fitted = &best.fitted[0];
    let gaps = fitted.column(0).filter(|y| y.is_nan()).count();
    assert_eq!((best.fitted.len(), gaps), (1, best.pieces.len() - 1));
    let truth: [f64; 7] = [10.0, 10.0, 28.0, 1.0, 1.0, 1.0, 8.0 / 3.0];
    assert_eq!(best.constants.len(), truth.len());
    for (constant, truth) in best.constants.iter().zip(truth) {
        let error = (constant.value.abs() / truth).ln();
        assert!(error.abs() < 0.05, "{:?}", best.constants);
    }
}

/// A velocity is the slope of a place, and no 0.97 times it.
#[test]
fn what_is_exactly_one_is_exactly_one_in_noise() {
    let rhs = ["x2", "-2.3*x1 - 0.3*x2"];
    let path = solve(&rhs, &[3.0, 0.0], 9.0, 90);
    let noisy = path.states().iter().enumerate();
    let wobble = |i: usize| ((i * i) as f64 * 0.618_033_988_749_895).fract() - 0.5;
    let states = noisy.map(|(i, y)| y + 0.4 * wobble(i)).collect();
    let problem = Problem::new(vec![
        Trajectory::new(2, path.times().to_vec(), states).unwrap(),
    ]);
    let problem = problem.unwrap();
    let first = |without: Vec<Part>| {
        let options = Options {
            seconds: 300.0,
            without,
            ..Options::default()
        };
        let found = discover(&problem, &proposers(), &options).unwrap();
        let best = &found.candidates[0];
        assert_eq!(best.skeleton, skeleton(&rhs));
        let error = best.constants[0].stderr.unwrap();
        assert!(error > 1e-3, "{error}");
        best.constants[0].value
    };
    assert_eq!(first(vec![]), 1.0);
    assert_ne!(first(vec![Part::Exact]), 1.0);
}

/// One state with noise and one without: neither hides what the other says.
#[test]
fn states_may_differ_in_noise() {
    let rhs = ["x2", "-2*x1 - 0.1*x2"];
    let path = solve(&rhs, &[1.0, 0.0], 10.0, 150);
    let noisy = |(i, y): (usize, &f64)| match i % 2 {
        // Far from any law of so few terms.
        0 => y + 0.08 * (((i * i) as f64 * 0.618_033_988_749_895).fract() - 0.5),
        _ => *y,
    };
    let states = path.states().iter().enumerate().map(noisy).collect();
    let found = find(Trajectory::new(2, path.times().to_vec(), states).unwrap());
    assert_eq!(found.candidates[0].skeleton, skeleton(&rhs));
    assert!(found.none < 0.3, "{}", found.none);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let path = solve(&["0.8 - 1.3*y/(0.4 + y)"], &[0.9], 4.0, 40);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| find(path.clone()));
        found
            .candidates
            .iter()
            .map(|c| (c.skeleton.clone(), c.bic.to_bits(), c.posterior.to_bits()))
            .collect::<Vec<_>>()
    };
    let one = run(1);
    assert!(!one.is_empty());
    assert_eq!(one, run(3));
}

#[test]
fn an_exhausted_budget_is_said() {
    let problem = Problem::new(vec![solve(&["0.9*y - 0.31*y^3"], &[0.2], 6.0, 50)]).unwrap();
    let options = Options {
        seconds: 0.0,
        ..Options::default()
    };
    let found = discover(&problem, &proposers(), &options).unwrap();
    assert!(found.candidates.is_empty());
    assert!(
        found.warnings.iter().any(|w| w.contains("time limit")),
        "{:?}",
        found.warnings
    );
}

/// A narrow series on a large offset, and one that no law of one state explains, are answered with a warning.
#[test]
fn doubts_are_said() {
    let path = |y: &dyn Fn(f64) -> f64| {
        let times: Vec<f64> = (0..60).map(|i| f64::from(i) * 0.2).collect();
        let states = times.iter().map(|t| y(*t)).collect();
        Problem::new(vec![Trajectory::new(1, times, states).unwrap()]).unwrap()
    };
    let said = |problem: &Problem| {
        let proposers: Vec<Box<dyn Proposer>> = vec![Box::new(Sparse::default())];
        let found = discover(problem, &proposers, &Options::default()).unwrap();
        let sum: f64 = found.candidates.iter().map(|c| c.posterior).sum();
        assert!(sum <= 1.0 + 1e-9);
        let narrow = narrow(problem, &Names::default_for(1));
        [found.warnings, narrow].concat().join("\n")
    };
    assert!(said(&path(&|t| 101_325.0 + 10.0 * (-0.8 * t).exp())).contains("subtract an offset"));
    assert!(said(&path(&|t| (3.0 * t).cos())).contains("no law explains"));
    assert_eq!(said(&path(&|t| 5.0 * (-0.5 * t).exp())), "");
    // Little beside an offset, but plain.
    assert_eq!(said(&path(&|t| 987.0 + 13.0 * (-0.8 * t).exp())), "");
}

#[test]
fn what_the_smoothed_curves_deny_is_found_where_they_are_wrong() {
    // Fewer than two points a bend: no curve through them is the solution.
    let path = solve(
        &["x1 - 0.5*x1*x2", "0.3*x1*x2 - 0.8*x2"],
        &[2.0, 1.0],
        24.0,
        16,
    );
    let proposers: Vec<Box<dyn Proposer>> = vec![
        Box::new(nsode_eval::propose::frequent::Frequent::default()),
        Box::new(Sparse::default()),
    ];
    let found = find_by(&proposers, path);
    assert!(found.candidates[0].r2 > 0.999, "{}", found.candidates[0].r2);
}

/// One who knows a single shape, and no constants.
struct Only(Skeleton);

impl Proposer for Only {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Frequent
    }

    fn propose(&self, _: &Problem) -> Result<Vec<Proposal>, Error> {
        Ok(vec![Proposal::new(self.0.clone(), None)])
    }
}

/// Prey that limits itself; the only proposal knows nothing of that, and variants of it only leave things out.
#[test]
fn a_term_that_nobody_proposes_joins_the_law() {
    let rhs = ["x1 - 0.5*x1*x2 - 0.1*x1^2", "0.3*x1*x2 - 0.8*x2"];
    let path = solve(&rhs, &[2.0, 1.0], 12.0, 80);
    let wobble = |i: usize| ((i * i) as f64 * 0.618_033_988_749_895).fract() - 0.5;
    let noisy = path.states().iter().enumerate();
    let states = noisy.map(|(i, y)| y * (1.0 + 0.05 * wobble(i))).collect();
    let path = Trajectory::new(2, path.times().to_vec(), states).unwrap();
    let known = skeleton(&["x1 - 0.5*x1*x2", "0.3*x1*x2 - 0.8*x2"]);
    let proposers: [Box<dyn Proposer>; 1] = [Box::new(Only(known))];
    let problem = Problem::new(vec![path]).unwrap();
    let options = Options {
        seconds: 300.0,
        ..Options::default()
    };
    let found = discover(&problem, &proposers, &options).unwrap();
    let best = &found.candidates[0];
    assert_eq!(best.skeleton, skeleton(&rhs));
    assert_eq!(best.sources, [ProposerKind::Local]);
}

/// One state in the measure of another, roots, drag, inhibition, and a term that only another equation's fit tells.
#[test]
fn systems_with_usual_terms_are_found_in_clean_data() {
    let laws: [(&[&str], &[f64], f64); 8] = [
        (
            &["0.6*x1*(1 - x1/2) - 1.1*x1*x2", "0.25*x2*(1 - x2/(0.4*x1))"],
            &[1.5, 0.1],
            40.0,
        ),
        (
            &["0.61 - 0.95*sqrt(x1)", "0.95*sqrt(x1) - 0.72*sqrt(x2)"],
            &[1.6, 0.1],
            6.0,
        ),
        (
            &[
                "-0.06*x1*sqrt(x1^2 + x2^2)",
                "-9.8 - 0.06*x2*sqrt(x1^2 + x2^2)",
            ],
            &[8.0, 11.0],
            3.0,
        ),
        (
            &["5/(1 + x2^3) - x1", "4/(1 + x1^3) - x2"],
            &[1.5, 1.4],
            8.0,
        ),
        (
            &[
                "6.1 - x1 - x1*x2/(1 + 0.5*x1^2)",
                "3.7 - x1*x2/(1 + 0.5*x1^2)",
            ],
            &[1.0, 4.0],
            12.0,
        ),
        // Told from sums of roots and logarithms only along a law that nearly follows the data.
        (
            &[
                "1.8 - 0.18*x1 - 0.91*x1*x2/(0.9 + x1)",
                "0.42*x1*x2/(0.9 + x1) - 0.18*x2",
            ],
            &[0.3, 8.0],
            40.0,
        ),
        // With x1 and x2 a sum of both is conserved, and might stand in the denominator.
        (
            &["0.42*x1*x2/(2.4 + x2)", "-1.7*x1*x2/(2.4 + x2)"],
            &[0.1, 20.0],
            16.0,
        ),
        // A product that inhibits the enzyme which makes it.
        (
            &[
                "-12*x1/(8 + x1 + 0.53*x2)",
                "12*x1/(8 + x1 + 0.53*x2) - 0.25*x2",
            ],
            &[60.0, 0.0],
            20.0,
        ),
    ];
    for (rhs, y0, end) in laws {
        let found = find(solve(rhs, y0, end, 150));
        let best = &found.candidates[0];
        assert_eq!(best.skeleton, skeleton(rhs), "{rhs:?}");
    }
}

/// A fixed sequence between −1 and 1 that looks like noise: fractions of multiples of the golden ratio.
fn wobble(i: usize) -> f64 {
    2.0 * ((i as f64 * 0.618_033_988_75).fract() - 0.5)
}

/// A substance that turns into another one and that into a third, over six decades in noise of the value: by weights that a smoother
/// of values finds, polynomials and sines explained it better.
#[test]
fn a_linear_chain_is_found_over_decades_in_noise() {
    let truth = ["-0.5*x1", "0.5*x1 - 0.2*x2", "0.2*x2 - 0.05*x3"];
    let clean = solve(&truth, &[1000.0, 0.0, 0.0], 28.0, 60);
    let states = clean.states().iter().enumerate();
    let noisy = states.map(|(i, u)| u * (1.0 + 0.04 * wobble(i))).collect();
    let path = Trajectory::new(3, clean.times().to_vec(), noisy).unwrap();
    let best = best(path);
    assert_eq!(best.skeleton, skeleton(&truth), "{:?}", best.system);
    for (constant, expected) in best.constants.iter().zip([0.5, 0.5, 0.2, 0.2, 0.05]) {
        assert!(
            (constant.value.abs() / expected - 1.0).abs() < 0.03,
            "{constant:?}"
        );
    }
}

/// Values below a limit of detection, written as 0, are no jump to 0.
#[test]
fn zeros_below_a_limit_are_no_values() {
    let clean = solve(&["-0.4*y"], &[20.0], 24.0, 50);
    let states = clean.states().iter().enumerate();
    let written = states.map(|(i, u)| match u * (1.0 + 0.06 * wobble(i)) {
        u if u < 0.1 => 0.0,
        u => (1000.0 * u).round() / 1000.0,
    });
    let path = Trajectory::new(1, clean.times().to_vec(), written.collect()).unwrap();
    let problem = Problem::new(vec![path.clone()]).unwrap();
    assert_eq!(problem.unseen().len(), 1);
    let names = Names {
        time: "t".into(),
        states: vec!["y".into()],
    };
    assert!(unseen(&problem, &names)[0].contains("left out"));
    let best = best(path);
    assert_eq!(best.skeleton, skeleton(&["-0.4*y"]), "{:?}", best.system);
}
