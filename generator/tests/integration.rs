//! The integrator against closed forms, against an integrator written here, and at its limits.

use nsode_generator::sampler::grid;
use nsode_generator::{Config, Integration, Integrator, Sampler};
use nsode_parser::infix::{parse_expr, parse_system};
use nsode_parser::tape::Tape;
use nsode_parser::{Expr, Names, System};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    system: Vec<String>,
    states: Vec<String>,
    solution: Vec<String>,
    span: [f64; 2],
}

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

fn expressions(texts: &[String], states: &[String]) -> Vec<Expr> {
    let names = Names {
        time: "t".to_string(),
        states: states.to_vec(),
    };
    let parse = |text: &String| parse_expr(text, &names).unwrap_or_else(|e| panic!("{text}: {e}"));
    texts.iter().map(parse).collect()
}

#[test]
fn closed_forms_to_seven_digits() {
    let text = include_str!("../../testdata/closed_forms.toml");
    let cases: Cases = toml::from_str(text).unwrap();
    assert!(cases.case.len() >= 15);
    for case in cases.case {
        let tape = Tape::compile(&expressions(&case.system, &case.states));
        let solution = expressions(&case.solution, &case.states);
        let exact = |t: f64| -> Vec<f64> { solution.iter().map(|e| e.eval(t, &[], &[])).collect() };
        let times = grid(case.span[0], case.span[1], 101);
        let initial = exact(times[0]);
        let outcome = Integrator::default().integrate(&tape, &[], &initial, &times);
        let path = match outcome {
            Integration::Complete(path) => path,
            other => panic!("{}: {other:?}", case.name),
        };
        assert_eq!(path.times(), times, "{}", case.name);
        assert_eq!(path.state(0), initial, "{}", case.name);
        for d in 0..solution.len() {
            let size = path.column(d).fold(0.0, |a: f64, v| a.max(v.abs()));
            for (t, found) in times.iter().zip(path.column(d)) {
                let expected = exact(*t)[d];
                let error = (found - expected).abs() / size;
                assert!(
                    error < 1e-7,
                    "{} at {t}: {found}, not {expected}",
                    case.name
                );
            }
        }
    }
}

/// The classical Runge–Kutta method, `steps` equal steps, right-hand sides by the recursive evaluator.
fn runge_kutta(system: &System, from: &[f64], t: f64, span: f64, steps: usize) -> Vec<f64> {
    let h = span / steps as f64;
    let slope = |t: f64, y: &[f64]| -> Vec<f64> {
        system.rhs().iter().map(|e| e.eval(t, y, &[])).collect()
    };
    let ahead = |y: &[f64], k: &[f64], h: f64| -> Vec<f64> {
        y.iter().zip(k).map(|(y, k)| y + h * k).collect()
    };
    let mut y = from.to_vec();
    for i in 0..steps {
        let t = t + i as f64 * h;
        let a = slope(t, &y);
        let b = slope(t + h / 2.0, &ahead(&y, &a, h / 2.0));
        let c = slope(t + h / 2.0, &ahead(&y, &b, h / 2.0));
        let d = slope(t + h, &ahead(&y, &c, h));
        for j in 0..y.len() {
            y[j] += h / 6.0 * (a[j] + 2.0 * b[j] + 2.0 * c[j] + d[j]);
        }
    }
    y
}

#[test]
fn sampled_solutions_agree_with_an_independent_method() {
    let text =
        "[system]\nconstants = 1\ninitials = 1\ndimensions = [2, 1, 1]\n[horizon]\npoints = 200\n";
    let sampler = Sampler::new(Config::from_toml(text).unwrap(), 5);
    let (mut compared, mut unclear) = (0, 0);
    for sample in (0..).filter_map(|i| sampler.sample(i).ok()).take(300) {
        let system = sample.system.to_system();
        let path = &sample.trajectory;
        let d = path.dimension();
        let sizes: Vec<f64> = (0..d)
            .map(|d| path.column(d).fold(0.0, |a: f64, v| a.max(v.abs())))
            .collect();
        let (mut coarse, mut fine) = (sample.initial.clone(), sample.initial.clone());
        for k in 1..path.len() {
            let (t, span) = (path.times()[k - 1], path.times()[k] - path.times()[k - 1]);
            coarse = runge_kutta(&system, &coarse, t, span, 4);
            fine = runge_kutta(&system, &fine, t, span, 8);
            // Richardson: the error of the fine one is a fifteenth of the difference.
            // NaN, at the edge of a domain, must not pass for 0.
            let off = |j: usize| (fine[j] - coarse[j]).abs() / 15.0 / sizes[j];
            if !(0..d).all(|j| off(j) < 1e-8) {
                unclear += 1;
                break;
            }
            for j in 0..d {
                let better = fine[j] + (fine[j] - coarse[j]) / 15.0;
                let off = (path.state(k)[j] - better).abs() / sizes[j];
                assert!(
                    off < 2e-6,
                    "{:?} at point {k}: off by {off:e}",
                    system.rhs()
                );
            }
            compared += usize::from(k + 1 == path.len());
        }
    }
    assert!(
        compared > 250,
        "{compared} compared, {unclear} beyond the independent method"
    );
}

fn outcome(law: &str, initial: &[f64], end: f64, integrator: &Integrator) -> Integration {
    let (system, _) = parse_system(law, None).unwrap();
    let tape = Tape::compile(system.rhs());
    integrator.integrate(&tape, &[], initial, &grid(0.0, end, 50))
}

#[test]
fn every_outcome_says_where() {
    let usual = Integrator::default();
    match outcome("y^2", &[1.0], 2.0, &usual) {
        Integration::Diverged { t } => assert!((t - 1.0).abs() < 1e-6, "{t}"),
        other => panic!("{other:?}"),
    }
    // Reaches zero at 2·(1 − ln 2).
    match outcome("-1 - sqrt(y)", &[1.0], 2.0, &usual) {
        Integration::OutOfDomain { t } => assert!((t - 0.613_706).abs() < 1e-5, "{t}"),
        other => panic!("{other:?}"),
    }
    // √(1 − 2t): a pole of the right-hand side at 0.5.
    match outcome("-1/y", &[1.0], 2.0, &usual) {
        Integration::StepSizeUnderflow { t } | Integration::OutOfDomain { t } => {
            assert!((t - 0.5).abs() < 1e-5, "{t}");
        }
        other => panic!("{other:?}"),
    }
    let watchful = Integrator {
        stiffness_check: 20,
        ..usual.clone()
    };
    match outcome(
        "x' = v; v' = 1000*(1 - x^2)*v - x",
        &[2.0, 0.0],
        100.0,
        &watchful,
    ) {
        Integration::Stiff { t } => assert!(t < 10.0, "{t}"),
        other => panic!("{other:?}"),
    }
    let hasty = Integrator {
        max_steps: 10,
        ..usual.clone()
    };
    match outcome("cos(100*t) - y", &[1.0], 10.0, &hasty) {
        Integration::TooManySteps { t } => assert!(t < 1.0, "{t}"),
        other => panic!("{other:?}"),
    }
    for (law, initial) in [("log(y)", -1.0), ("1/y", 0.0), ("sqrt(y)", f64::NAN)] {
        match outcome(law, &[initial], 1.0, &usual) {
            Integration::OutOfDomain { t } => assert_eq!(t, 0.0),
            other => panic!("{law}: {other:?}"),
        }
    }
    assert_eq!(
        outcome("y", &[1e12], 1.0, &usual),
        Integration::Diverged { t: 0.0 }
    );
}

/// A stiff problem is called stiff at usual tolerances, and a long one is not.
#[test]
fn stiffness_is_told_from_length() {
    let robertson = "x' = -0.04*x + 1e4*y*z; y' = 0.04*x - 1e4*y*z - 3e7*y^2; z' = 3e7*y^2";
    let pol = "x' = v; v' = 1000*(1 - x^2)*v - x";
    for tolerance in [1e-9, 1e-7, 1e-5] {
        let short = Integrator {
            relative_tolerance: tolerance,
            absolute_tolerance: tolerance * 1e-2,
            max_steps: 2000,
            ..Integrator::default()
        };
        for (law, initial, end) in [
            ("-1000*(y - 2 - cos(t))", &[0.0][..], 100.0),
            ("-1e6*(y^3 - 1)", &[0.5], 100.0),
            (pol, &[2.0, 0.0], 500.0),
            (robertson, &[1.0, 0.0, 0.0], 1e4),
        ] {
            match outcome(law, initial, end, &short) {
                Integration::Stiff { t } => assert!(0.0 < t && t < end, "{law}: {t}"),
                other => panic!("{law} at {tolerance:e}: {other:?}"),
            }
        }
        for (law, initial, end) in [
            ("x' = v; v' = -x", &[1.0, 0.0][..], 1e5),
            ("cos(100*t) - y", &[1.0], 1e4),
            (
                "x' = 10*(y - x); y' = x*(28 - z) - y; z' = x*y - 8/3*z",
                &[1.0, 1.0, 1.0],
                1e4,
            ),
        ] {
            match outcome(law, initial, end, &short) {
                Integration::TooManySteps { t } => assert!(0.0 < t && t < end, "{law}: {t}"),
                other => panic!("{law} at {tolerance:e}: {other:?}"),
            }
        }
    }
}

#[test]
fn arguments_that_do_not_fit_are_no_panic() {
    let tape = Tape::compile(&[Expr::State(0), Expr::State(1)]);
    let usual = Integrator::default();
    for (initial, times) in [
        (vec![1.0], vec![0.0, 1.0]),
        (vec![], vec![0.0, 1.0]),
        (vec![1.0, 1.0], vec![0.0, 0.0]),
        (vec![1.0, 1.0], vec![0.0, f64::NAN]),
        (vec![1.0, 1.0], vec![-1e308, 1e308]),
    ] {
        let outcome = usual.integrate(&tape, &[], &initial, &times);
        assert_eq!(
            outcome,
            Integration::OutOfDomain { t: times[0] },
            "{initial:?} {times:?}"
        );
    }
    assert!(matches!(
        usual.integrate(&tape, &[], &[1.0, 1.0], &[]),
        Integration::OutOfDomain { .. }
    ));
    let one = usual
        .integrate(&tape, &[], &[1.0, 2.0], &[3.0])
        .complete()
        .unwrap();
    assert_eq!((one.len(), one.state(0)), (1, [1.0, 2.0].as_slice()));
}

fn tree() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        Just(Expr::State(0)),
        Just(Expr::State(1)),
        Just(Expr::Time),
        (-3.0..3.0f64).prop_map(Expr::Number),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        prop_oneof![
            (0..9usize, inner.clone())
                .prop_map(|(f, a)| Expr::unary(nsode_parser::Unary::ALL[f], a)),
            (0..5usize, inner.clone(), inner).prop_map(|(op, a, b)| Expr::binary(
                nsode_parser::Binary::ALL[op],
                a,
                b
            )),
        ]
    })
}

proptest! {
    #[test]
    fn any_system_has_an_outcome(
        rhs in [tree(), tree()],
        initial in [-5.0..5.0f64, -5.0..5.0f64],
        start in -10.0..10.0f64,
        scale in -6..6i32,
        steps in prop::collection::vec(0.01..1.0f64, 1..20),
    ) {
        let unit = 10f64.powi(scale);
        let times: Vec<f64> = std::iter::once(start)
            .chain(steps.iter().scan(start, |t, s| { *t += s * unit; Some(*t) }))
            .collect();
        let tape = Tape::compile(&rhs);
        let integrator = Integrator { max_steps: 500, ..Integrator::default() };
        let (first, last) = (times[0], times[times.len() - 1]);
        match integrator.integrate(&tape, &[], &initial, &times) {
            Integration::Complete(path) => {
                prop_assert_eq!(path.times(), &times[..]);
                prop_assert_eq!(path.state(0), &initial[..]);
                prop_assert!(path.states().iter().all(|y| y.is_finite()));
            }
            Integration::Diverged { t }
            | Integration::OutOfDomain { t }
            | Integration::StepSizeUnderflow { t }
            | Integration::Stiff { t }
            | Integration::TooManySteps { t } => prop_assert!((first..=last).contains(&t), "{t}"),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}
