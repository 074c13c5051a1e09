use super::*;
use crate::Options;
use crate::discover::discover;
use crate::propose::guess::Guess;
use crate::propose::sparse::Sparse;
use nsode_parser::Names;

/// Logistic growth, `points` of it up to time 8, with a ripple.
fn growth(points: usize, noise: f64) -> Trajectory {
    let times: Vec<f64> = (0..points)
        .map(|i| 8.0 * i as f64 / (points - 1) as f64)
        .collect();
    let value = |(i, t): (usize, &f64)| {
        let ripple = 3.4 * ((i as f64 * 0.618_033_988_75).fract() - 0.5);
        logistic(*t) * (1.0 + noise * ripple)
    };
    let states = times.iter().enumerate().map(value).collect();
    Trajectory::new(1, times, states).unwrap()
}

fn logistic(t: f64) -> f64 {
    100.0 / (1.0 + 9.0 * (-0.6 * t).exp())
}

fn fitted(problem: &Problem, guess: &str) -> Vec<Candidate> {
    let options = Options {
        guesses: vec![Guess::parse(guess, &Names::default_for(1)).unwrap()],
        local: false,
        ..Options::default()
    };
    discover(problem, &[], &options).unwrap().candidates
}

#[test]
fn of_a_run_in_pieces_the_last_goes_on() {
    let path = growth(40, 0.01);
    let runs = vec![path.slice(0..20), path];
    let problem = Problem::new(runs).unwrap().cut(&[vec![], vec![10, 25]]);
    let candidates = fitted(&problem, "r*y*(1 - y/K)");
    assert_eq!(candidates[0].starts().count(), 2);
    let ensemble = Ensemble::new(&problem, &candidates, 100, 1).unwrap();
    let begins = |horizon| -> Vec<f64> {
        let forecast = ensemble.forecast(horizon, 0.9).unwrap();
        forecast.bands.iter().map(|band| band.times[0]).collect()
    };
    let near = |found: Vec<f64>, expected: [f64; 2]| {
        let mut each = found.iter().zip(expected);
        assert!(
            found.len() == 2 && each.all(|(a, b)| (a - b).abs() < 1e-9),
            "{found:?}"
        );
    };
    // Beyond the data, each from its last observation; within them, from where the piece of that time begins.
    let row = |i: usize| problem.scaling().time * i as f64 / 39.0;
    near(begins(20.0), [row(19), row(39)]);
    near(begins(row(12)), [row(0), row(10)]);
    assert!(ensemble.forecast(0.0, 0.9).is_err());
}

#[test]
fn the_band_holds_the_truth_and_widens_with_noise_and_time() {
    let mut widths = Vec::new();
    for noise in [0.01, 0.05] {
        let path = growth(40, noise);
        let problem = Problem::new(vec![path.clone()]).unwrap();
        let candidates = fitted(&problem, "r*y*(1 - y/K)");
        let ensemble = Ensemble::new(&problem, &candidates, 200, 1).unwrap();
        let forecast = ensemble.forecast(20.0, 0.9).unwrap();
        let band = &forecast.bands[0];
        assert_eq!((band.times[0], *band.times.last().unwrap()), (8.0, 20.0));
        assert_eq!(band.lost, 0.0);
        for (i, t) in band.times.iter().enumerate() {
            let (low, middle, high) = (band.lower[i][0], band.median[i][0], band.upper[i][0]);
            assert!(low < middle && middle < high);
            // Twice the band: one ripple is no sample of many.
            let room = high - low;
            assert!(
                logistic(*t) > low - room && logistic(*t) < high + room,
                "{t}"
            );
        }
        widths.push(band.upper[100][0] - band.lower[100][0]);
        let wider = ensemble.forecast(20.0, 0.99).unwrap();
        assert!(wider.bands[0].upper[100][0] > band.upper[100][0]);
    }
    assert!(widths[1] > 3.0 * widths[0], "{widths:?}");
}

#[test]
fn the_same_seed_gives_the_same_draws() {
    let path = growth(30, 0.03);
    let problem = Problem::new(vec![path.clone()]).unwrap();
    let found = discover(
        &problem,
        &[Box::new(Sparse::default())],
        &Options::default(),
    )
    .unwrap();
    let forecast = |seed| {
        let ensemble = Ensemble::new(&problem, &found.candidates, 50, seed).unwrap();
        ensemble.forecast(12.0, 0.8).unwrap()
    };
    assert_eq!(forecast(3), forecast(3));
    assert_ne!(forecast(3), forecast(4));
}

#[test]
fn growth_without_bounds_has_an_open_band() {
    let times: Vec<f64> = (0..30).map(|i| 0.03 * f64::from(i)).collect();
    // y' = y², which ends at time 1.
    let ripple = |i: usize| 1.0 + 0.02 * ((i as f64 * 0.618_033_988_75).fract() - 0.5);
    let states = times
        .iter()
        .enumerate()
        .map(|(i, t)| ripple(i) / (1.0 - t))
        .collect();
    let path = Trajectory::new(1, times, states).unwrap();
    let problem = Problem::new(vec![path.clone()]).unwrap();
    let ensemble = Ensemble::new(&problem, &fitted(&problem, "a*y^2"), 100, 0).unwrap();
    let forecast = ensemble.forecast(3.0, 0.9).unwrap();
    let band = &forecast.bands[0];
    assert!(band.lost > 0.99);
    assert!(band.upper[100][0] == f64::INFINITY && band.lower[0][0].is_finite());
}

#[test]
fn horizons_and_levels_are_checked() {
    let path = growth(30, 0.01);
    let problem = Problem::new(vec![path.clone()]).unwrap();
    let ensemble = Ensemble::new(&problem, &fitted(&problem, "r*y - s*y^2"), 20, 0).unwrap();
    let forecast = |horizon, level| ensemble.forecast(horizon, level);
    for horizon in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            forecast(horizon, 0.9),
            Err(ForecastError::Horizon { .. })
        ));
    }
    for level in [0.0, 1.0, f64::NAN] {
        assert!(forecast(9.0, level).is_err());
    }
    // Within the data, the band begins at their start.
    assert_eq!(forecast(5.0, 0.9).unwrap().bands[0].times[0], 0.0);
}

#[test]
fn known_noise_sets_the_width() {
    let path = growth(40, 0.0);
    let problem = Problem::new(vec![path.clone()]).unwrap();
    let width = |sigma: f64| {
        let scale = problem.scaling().states[0];
        let noise = vec![crate::series::problem::Noise::known(
            sigma / scale,
            0.0,
            1.0,
        )];
        let problem = problem.with_known_noise(noise);
        let candidates = fitted(&problem, "r*y*(1 - y/K)");
        let stderr = candidates[0].form.as_ref().unwrap().constants[1]
            .constant
            .stderr;
        let ensemble = Ensemble::new(&problem, &candidates, 200, 1).unwrap();
        let band = &ensemble.forecast(20.0, 0.9).unwrap().bands[0];
        (stderr.unwrap(), band.upper[100][0] - band.lower[100][0])
    };
    let (narrow, wide) = (width(0.5), width(5.0));
    assert!(
        (wide.0 / narrow.0 - 10.0).abs() < 0.5,
        "{narrow:?} {wide:?}"
    );
    // The draws' band of K alone would be 2·1.645 standard errors; that of 90 % is widened by 1.64.
    assert!(
        (narrow.1 / narrow.0 / 1.64 - 3.29).abs() < 0.9,
        "{narrow:?}"
    );
}

#[test]
fn slopes_have_bands_around_the_law() {
    let path = growth(40, 0.03);
    let problem = Problem::new(vec![path]).unwrap();
    let candidates = fitted(&problem, "r*y*(1 - y/K)");
    let ensemble = Ensemble::new(&problem, &candidates, 100, 0).unwrap();
    let band = ensemble.slopes(&candidates[0].fitted, 0.9);
    assert!(!band.over_time);
    for i in 0..band.places.len() {
        assert!(band.lower[i][0] <= band.upper[i][0]);
        let rhs = candidates[0].system.to_system();
        let best = rhs.rhs()[0].eval(0.0, &[band.places[i]], &[]);
        assert!((band.best[i][0] - best).abs() < 1e-9 * (1.0 + best.abs()));
    }
}

#[test]
fn a_law_at_a_bound_is_the_one_that_was_fitted() {
    let problem = Problem::new(vec![growth(40, 0.01)]).unwrap();
    for (bounds, constant) in [("K=50:60", 1), ("r=:0.5", 0), ("K=160:", 1)] {
        let mut guesses = [Guess::parse("r*y*(1 - y/K)", &Names::default_for(1)).unwrap()];
        Guess::constrain(&mut guesses, &[], &[bounds.parse().unwrap()]).unwrap();
        let options = Options {
            guesses: guesses.to_vec(),
            local: false,
            ..Options::default()
        };
        let candidates = discover(&problem, &[], &options).unwrap().candidates;
        let form = candidates[0].form.as_ref().unwrap();
        assert!(form.constants[constant].at_bound, "{bounds}");
        let posterior = Posterior::of(&problem, &candidates[0]).unwrap();
        for (found, constant) in posterior.constants().iter().zip(&form.constants) {
            let value = constant.constant.value;
            assert!(
                (found / value - 1.0).abs() < 1e-9,
                "{bounds}: {found} {value}"
            );
        }
    }
}
