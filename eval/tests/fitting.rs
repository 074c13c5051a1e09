//! The numerics of fitting: solutions and sensitivities against an independent integrator and finite
//! differences, and constants recovered from series whose law is known.

mod common;

use common::system;
use nsode_eval::fit::flow::{Flow, Run};
use nsode_eval::fit::law::Law;
use nsode_eval::fit::refine::{Effort, refine, settle};
use nsode_eval::{Loss, Problem, Proposal};
use nsode_generator::{Integration, Integrator, Trajectory};
use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Skeleton};

fn skeleton(rhs: &[&str]) -> (Skeleton, Vec<f64>) {
    CanonicalSystem::new(&system(rhs)).unwrap().parts().unwrap()
}

fn proposal(shape: &Skeleton, constants: Option<&[f64]>) -> Proposal {
    Proposal::new(shape.clone(), constants.map(<[f64]>::to_vec))
}

fn solve(rhs: &[&str], y0: &[f64], times: &[f64]) -> Trajectory {
    let tape = Tape::compile(system(rhs).rhs());
    match Integrator::default().integrate(&tape, &[], y0, times) {
        Integration::Complete(path) => path,
        other => panic!("{rhs:?}: {other:?}"),
    }
}

fn grid(end: f64, n: usize) -> Vec<f64> {
    (0..n).map(|i| end * i as f64 / (n - 1) as f64).collect()
}

/// Standard normal numbers, a sum of twelve uniform ones, from a small generator of its own.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn noisy(path: &Trajectory, noise: &mut Noise, multiplicative: f64, additive: f64) -> Trajectory {
    let states = path
        .states()
        .iter()
        .map(|y| y * (1.0 + multiplicative * noise.normal()) + additive * noise.normal())
        .collect();
    Trajectory::new(path.dimension(), path.times().to_vec(), states).unwrap()
}

const LAWS: [(&[&str], &[f64]); 6] = [
    (&["1.7*y - 1.1*y^2"], &[0.1]),
    (&["0.8 - 1.3*y/(0.4 + y)"], &[0.9]),
    (&["-0.7*y*log(2.5*y)"], &[0.05]),
    (&["1.2*sin(2.2*y + 0.4)"], &[0.3]),
    (&["x2", "-3.1*x1 - 0.4*x2 + 0.5*x1^3"], &[0.9, 0.1]),
    (
        &[
            "2*x1 - 1.5*x1^2 - 2.5*x1*x2/(0.5 + x1)",
            "1.4*x1*x2/(0.5 + x1) - 0.6*x2",
        ],
        &[0.8, 0.4],
    ),
];

#[test]
fn solutions_agree_with_the_generators_integrator() {
    let times = [0.0, 0.013, 0.4, 0.41, 1.2, 1.9, 2.5, 2.50001, 3.0];
    for (rhs, y0) in LAWS {
        let (shape, constants) = skeleton(rhs);
        let law = Law::new(&shape.template(), shape.slots()).unwrap();
        let expected = solve(rhs, y0, &times);
        let mut flow = Flow::new(&law);
        for sensitive in [false, true] {
            let mut rows = 0;
            let run = flow.run(&constants, y0, &times, None, sensitive, |row, u, _| {
                rows += 1;
                for (a, b) in u.iter().zip(expected.state(row)) {
                    assert!((a - b).abs() < 1e-5, "{rhs:?} row {row}: {a} {b}");
                }
            });
            assert_eq!((run, rows), (Run::Complete, times.len()), "{rhs:?}");
        }
    }
}

#[test]
fn sensitivities_agree_with_finite_differences() {
    let times = grid(2.0, 7);
    for (rhs, y0) in LAWS {
        let (shape, constants) = skeleton(rhs);
        let law = Law::new(&shape.template(), shape.slots()).unwrap();
        let mut flow = Flow::new(&law);
        (flow.relative, flow.absolute) = (1e-10, 1e-12);
        let (d, columns) = (y0.len(), flow.columns());
        let mut analytic = Vec::new();
        flow.run(&constants, y0, &times, None, true, |_, _, s| {
            analytic.extend_from_slice(s)
        });
        for column in 0..columns {
            let shifted = |flow: &mut Flow, step: f64| {
                let (mut c, mut start) = (constants.clone(), y0.to_vec());
                match column.checked_sub(d) {
                    None => start[column] += step,
                    Some(k) => c[k] += step,
                }
                let mut states = Vec::new();
                flow.run(&c, &start, &times, None, false, |_, u, _| {
                    states.extend_from_slice(u)
                });
                states
            };
            let step = 1e-4;
            let (up, down) = (shifted(&mut flow, step), shifted(&mut flow, -step));
            for (cell, (a, b)) in up.iter().zip(&down).enumerate() {
                let numeric = (a - b) / (2.0 * step);
                let exact = analytic[cell * columns + column];
                assert!(
                    (numeric - exact).abs() < 1e-5 * (1.0 + exact.abs()),
                    "{rhs:?} column {column} cell {cell}: {numeric} {exact}"
                );
            }
        }
    }
}

#[test]
fn blow_up_and_the_edge_of_a_domain_end_a_run() {
    let run = |rhs: &[&str], y0: f64| {
        let (shape, constants) = skeleton(rhs);
        let law = Law::new(&shape.template(), shape.slots()).unwrap();
        Flow::new(&law).run(&constants, &[y0], &[0.0, 3.0], None, true, |_, _, _| {})
    };
    assert!(matches!(run(&["y^2"], 1.0), Run::Diverged { t } if (0.9..1.1).contains(&t)));
    let edge = run(&["-1 + 0.1*log(y)"], 0.5);
    assert!(
        matches!(edge, Run::Stuck { t } if (0.2..0.6).contains(&t)),
        "{edge:?}"
    );
    assert_eq!(run(&["-sqrt(y)"], -1.0), Run::Stuck { t: 0.0 });
}

/// The largest relative error of a refined law's constants, in physical units.
fn worst(problem: &Problem, rhs: &[&str], start: Option<&[f64]>) -> f64 {
    let (shape, truth) = skeleton(rhs);
    let refined = refine(problem, &proposal(&shape, start), Effort::Whole, None)
        .unwrap_or_else(|| panic!("{rhs:?}: no fit"));
    let (found, values) = refined
        .system
        .restored(problem.scaling())
        .unwrap()
        .parts()
        .unwrap();
    assert_eq!(found, shape, "{rhs:?}");
    values
        .iter()
        .zip(&truth)
        .map(|(v, t)| (v - t).abs() / t.abs())
        .fold(0.0, f64::max)
}

#[test]
fn constants_of_clean_series_are_recovered() {
    for (rhs, y0) in LAWS {
        let path = solve(rhs, y0, &grid(4.0, 120));
        let problem = Problem::new(vec![path]).unwrap();
        let error = worst(&problem, rhs, None);
        assert!(error < 2e-3, "{rhs:?}: {error}");
    }
}

#[test]
fn missing_cells_irregular_times_and_several_runs_are_used() {
    let rhs = ["2*x1 - 2.5*x1*x2", "1.4*x1*x2 - 0.6*x2"];
    let mut random = Noise(5);
    let mut paths = Vec::new();
    for (run, start) in [[0.8, 0.4], [0.3, 1.1]].iter().enumerate() {
        let mut t = 0.0;
        let times: Vec<f64> = (0..60 + 20 * run)
            .map(|_| {
                t += 0.01 + 0.15 * random.uniform();
                t
            })
            .collect();
        let path = solve(&rhs, start, &times);
        let mut states = path.states().to_vec();
        for cell in states.iter_mut() {
            if random.uniform() < 0.3 {
                *cell = f64::NAN;
            }
        }
        paths.push(Trajectory::new(2, times, states).unwrap());
    }
    let problem = Problem::new(paths).unwrap();
    assert!(problem.observed() < 230);
    let error = worst(&problem, &rhs, None);
    assert!(error < 5e-3, "{error}");
}

#[test]
fn standard_errors_say_how_far_off_constants_are() {
    let (share, usual) = covered(Loss::Squares, false);
    assert!(
        (0.88..0.995).contains(&share),
        "2 standard errors cover {share}"
    );
    for loss in [Loss::Huber, Loss::Student] {
        for outliers in [false, true] {
            let (share, size) = covered(loss, outliers);
            let told = format!("{loss}, outliers {outliers}: {share} by {size}, not {usual}");
            assert!(share > 0.88, "{told}");
            let most = if outliers { 1.6 } else { 1.15 };
            assert!((0.95..most).contains(&(size / usual)), "{told}");
        }
    }
}

/// How often two standard errors hold the constants of a law that is fitted to noise, with or without outliers; and the
/// mean standard error.
fn covered(loss: Loss, outliers: bool) -> (f64, f64) {
    let rhs = ["1.7*y - 1.1*y^2"];
    let (shape, truth) = skeleton(&rhs);
    let clean = solve(&rhs, &[0.1], &grid(5.0, 80));
    let (mut covered, mut total, mut sum) = (0, 0, 0.0);
    for run in 0..60 {
        let mut random = Noise(1000 + run);
        let mut path = noisy(&clean, &mut random, 0.0, 0.03);
        if outliers {
            path = spoilt(&path, &mut random);
        }
        let problem = Problem::with_loss(vec![path], loss).unwrap();
        let refined = refine(&problem, &proposal(&shape, None), Effort::Whole, None).unwrap();
        let (_, values) = refined
            .system
            .restored(problem.scaling())
            .unwrap()
            .parts()
            .unwrap();
        for k in 0..2 {
            let factor = values[k] / refined.constants[k];
            let error = refined.errors[k].unwrap() * factor;
            covered += u32::from((values[k] - truth[k]).abs() < 2.0 * error);
            total += 1;
            sum += error;
        }
        let covariance = refined.covariance.unwrap();
        assert!(covariance[(0, 1)] < 0.0 && covariance[(0, 0)] > 0.0);
    }
    let total = f64::from(total);
    (f64::from(covered) / total, sum / total)
}

/// `path` with one value in ten moved far up or down.
fn spoilt(path: &Trajectory, random: &mut Noise) -> Trajectory {
    let states = path.states().iter().map(|y| match random.uniform() < 0.1 {
        true => y + 4.0 * (random.uniform() - 0.5).signum() * (0.1 + random.uniform()),
        false => *y,
    });
    Trajectory::new(path.dimension(), path.times().to_vec(), states.collect()).unwrap()
}

/// The largest difference of the fitted right-hand sides from the true ones along a solution, as a share of the largest
/// slope of the equation.
fn apart(problem: &Problem, rhs: &[&str], clean: &Trajectory) -> f64 {
    let refined = refine(
        problem,
        &proposal(&skeleton(rhs).0, None),
        Effort::Whole,
        None,
    )
    .unwrap_or_else(|| panic!("{rhs:?}: no fit"));
    let found = refined
        .system
        .restored(problem.scaling())
        .unwrap()
        .to_system();
    let pairs = system(rhs);
    let pairs = pairs.rhs().iter().zip(found.rhs());
    let each = pairs.map(|(truth, found)| {
        let (mut size, mut worst) = (0.0f64, 0.0f64);
        for row in 0..clean.len() {
            let slope = truth.eval(0.0, clean.state(row), &[]);
            size = size.max(slope.abs());
            worst = worst.max((found.eval(0.0, clean.state(row), &[]) - slope).abs());
        }
        worst / size
    });
    each.fold(0.0, f64::max)
}

#[test]
fn a_tenth_of_gross_errors_hardly_moves_a_robust_fit() {
    for (number, (rhs, y0)) in LAWS.into_iter().enumerate() {
        let clean = solve(rhs, y0, &grid(4.0, 120));
        let mut random = Noise(70 + number as u64);
        let noisy = noisy(&clean, &mut random, 0.0, 0.002);
        let spoilt = spoilt(&noisy, &mut random);
        for loss in [Loss::Huber, Loss::Student] {
            for path in [&noisy, &spoilt] {
                let problem = Problem::with_loss(vec![path.clone()], loss).unwrap();
                let apart = apart(&problem, rhs, &clean);
                assert!(apart < 0.1, "{rhs:?}, {loss}: {apart}");
            }
        }
    }
}

#[test]
fn a_robust_problem_is_measured_by_what_is_no_gross_error() {
    let clean = solve(&["1.7*y - 1.1*y^2"], &[0.1], &grid(5.0, 80));
    let mut states = noisy(&clean, &mut Noise(4), 0.0, 0.01).states().to_vec();
    states[20] = 60.0;
    let path = Trajectory::new(1, clean.times().to_vec(), states).unwrap();
    let squares = Problem::new(vec![path.clone()]).unwrap();
    assert_eq!(squares.scaling().states, [60.0]);
    assert_eq!(squares.screened(), squares.normalised());
    let robust = Problem::with_loss(vec![path], Loss::Student).unwrap();
    let unit = robust.scaling().states[0];
    assert!((1.4..1.7).contains(&unit), "{unit}");
    let noise = robust.noise()[0].deviation * unit;
    assert!((0.005..0.02).contains(&noise), "{noise}");
    // Fits see all values, what comes before them does not.
    assert_eq!(robust.observed(), 80);
    let screened = &robust.screened()[0];
    let missing: Vec<usize> = (0..80)
        .filter(|row| screened.state(*row)[0].is_nan())
        .collect();
    assert_eq!(missing, [20]);
    let (shape, _) = skeleton(&["1.7*y - 1.1*y^2"]);
    let fit = refine(&robust, &proposal(&shape, None), Effort::Whole, None).unwrap();
    assert!(fit.r2 > 0.99, "{}", fit.r2);
    let deviation = (fit.sse[0] / 80.0).sqrt() * unit;
    assert!((0.007..0.014).contains(&deviation), "{deviation}");
}

#[test]
fn constants_that_the_data_cannot_tell_have_no_standard_error() {
    // A decay without saturation: of V*y/(K + y) it tells V/K, and that K is large.
    let path = solve(&["-1.5*y"], &[1.0], &grid(3.0, 60));
    let problem = Problem::new(vec![path]).unwrap();
    let (shape, constants) = skeleton(&["-1.5e12*y/(1e12 + y)"]);
    let proposal = proposal(&shape, Some(&constants));
    let refined = refine(&problem, &proposal, Effort::Whole, None).unwrap();
    assert!(refined.r2 > 0.999999, "{refined:?}");
    assert!(refined.errors.iter().any(Option::is_none), "{refined:?}");
    assert!(refined.covariance.is_none(), "{refined:?}");
}

#[test]
fn settling_keeps_what_the_data_say_and_shrinks_what_they_do_not() {
    let rhs = ["1.7*y - 1.1*y^2"];
    let mut random = Noise(7);
    let clean = solve(&rhs, &[0.1], &grid(5.0, 80));
    let problem = Problem::new(vec![noisy(&clean, &mut random, 0.0, 0.03)]).unwrap();
    let refined = refine(
        &problem,
        &proposal(&skeleton(&rhs).0, None),
        Effort::Whole,
        None,
    )
    .unwrap();
    let settled = settle(&problem, &refined, false, None).unwrap();
    for ((before, after), error) in refined
        .constants
        .iter()
        .zip(&settled.constants)
        .zip(&refined.errors)
    {
        assert!(
            (before - after).abs() < 0.2 * error.unwrap(),
            "{before} {after}"
        );
    }
    // An early rise hardly shows where it ends: two terms may nearly cancel.
    let early = solve(&rhs, &[0.02], &grid(1.2, 40));
    let (mut smaller, mut all) = (0, 0);
    for run in 0..20 {
        let mut random = Noise(100 + run);
        let problem = Problem::new(vec![noisy(&early, &mut random, 0.05, 0.0)]).unwrap();
        let (shape, _) = skeleton(&["1.7*y - 1.1*y^2 + 0.5*y^3"]);
        let Some(refined) = refine(&problem, &proposal(&shape, None), Effort::Whole, None) else {
            continue;
        };
        let size = |constants: &[f64]| constants.iter().map(|c| c.abs()).fold(0.0, f64::max);
        if let Some(settled) = settle(&problem, &refined, false, None) {
            smaller += usize::from(size(&settled.constants) < size(&refined.constants));
            all += 1;
        }
    }
    assert!(all > 10 && 4 * smaller > 3 * all, "{smaller} of {all}");
}

#[test]
fn oscillators_are_fitted_over_many_periods() {
    // Single shooting from poor starts ends in flat local minima here.
    let rhs = ["x2", "-9.0*x1 - 0.05*x2 - 2.0*x1^3"];
    let clean = solve(&rhs, &[1.0, 0.0], &grid(16.0, 160));
    let mut random = Noise(3);
    let problem = Problem::new(vec![noisy(&clean, &mut random, 0.0, 0.03)]).unwrap();
    let error = worst(&problem, &rhs, None);
    assert!(error < 0.15, "{error}");
}

#[test]
fn too_little_data_is_an_error_or_no_fit_never_a_panic() {
    let path = Trajectory::new(1, vec![0.0, 1.0, 2.0], vec![1.0, 2.0, 3.0]).unwrap();
    assert!(Problem::new(vec![path]).is_err());
    assert!(Problem::new(vec![]).is_err());
    let zero = Trajectory::new(1, grid(1.0, 9), vec![0.0; 9]).unwrap();
    assert!(Problem::new(vec![zero]).is_err());
    let path = Trajectory::new(1, grid(1.0, 5), vec![1.0, 1.4, 2.1, 2.9, 4.2]).unwrap();
    let problem = Problem::new(vec![path]).unwrap();
    let (large, _) = skeleton(&["1.7*y - 1.1*y^2 + sin(3*y) + exp(2*y) + 0.1*y^3"]);
    assert!(refine(&problem, &proposal(&large, None), Effort::Whole, None).is_none());
    let (small, _) = skeleton(&["1.7*y"]);
    assert!(
        refine(
            &problem,
            &proposal(&small, Some(&[f64::NAN])),
            Effort::Whole,
            None
        )
        .is_some()
    );
}

/// Odd and even functions fit with either sign of their constants; the canonical one is reported, and the fit kept.
#[test]
fn fits_of_the_other_sign_are_kept() {
    let laws: [(&[&str], &[f64], f64); 3] = [
        (&["2*tanh(3 - y)"], &[-2.0], 6.0),
        (&["1.5*sin(0.4 - 2*y)"], &[-0.9], 3.0),
        (&["(0.3 - y)^2*exp(-(0.3 - y)^2)"], &[-1.0], 4.0),
    ];
    for (rhs, y0, end) in laws {
        let problem = Problem::new(vec![solve(rhs, y0, &grid(end, 60))]).unwrap();
        let (shape, _) = skeleton(rhs);
        let found = refine(&problem, &proposal(&shape, None), Effort::Whole, None).expect("a fit");
        let flipped: Vec<f64> = found.constants.iter().map(|c| -c).collect();
        for start in [found.constants.clone(), flipped] {
            let again = refine(
                &problem,
                &proposal(&shape, Some(&start)),
                Effort::Whole,
                None,
            )
            .expect("a fit");
            assert_eq!(again.skeleton, shape, "{rhs:?}");
            assert!(again.r2 > 0.999999, "{rhs:?}: {}", again.r2);
        }
    }
}

/// Neighbouring powers over a narrow range: hard to tell apart, and determined all the same where data are clean.
#[test]
fn clean_data_determine_a_cubic_over_a_narrow_range() {
    let rhs = ["0.45*y - 0.51 - 0.047*y^2 - 0.0001*y^3"];
    let problem = Problem::new(vec![solve(&rhs, &[9.0], &grid(20.0, 60))]).unwrap();
    let found = refine(
        &problem,
        &proposal(&skeleton(&rhs).0, None),
        Effort::Whole,
        None,
    )
    .expect("a fit");
    assert!(
        found.errors.iter().all(Option::is_some),
        "{:?}",
        found.errors
    );
}
