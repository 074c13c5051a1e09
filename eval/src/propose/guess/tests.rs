use std::time::{Duration, Instant};

use super::*;
use nsode_generator::{Integrator, Trajectory};
use nsode_parser::tape::Tape;

use crate::fit::parametrised::Fitted;

/// A deadline that no fit here meets.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

fn names(states: &[&str]) -> Names {
    Names {
        time: "t".into(),
        states: states.iter().map(|s| s.to_string()).collect(),
    }
}

/// What `law` does from `initial`, with a ripple that looks like noise.
fn observed(law: &str, names: &Names, initial: &[f64], end: f64, noise: f64) -> Problem {
    let rhs: Vec<Expr> = law
        .split(';')
        .map(|text| nsode_parser::infix::parse_expr(text, names).unwrap())
        .collect();
    let times: Vec<f64> = (0..60).map(|i| end * f64::from(i) / 59.0).collect();
    let solution = Integrator::default().integrate(&Tape::compile(&rhs), &[], initial, &times);
    let clean = solution.complete().unwrap();
    let ripple = |i: usize| 1.0 + noise * 3.4 * ((i as f64 * 0.618_033_988_75).fract() - 0.5);
    let states = clean.states().iter().enumerate();
    let states = states.map(|(i, y)| y * ripple(i)).collect();
    Problem::new(vec![Trajectory::new(rhs.len(), times, states).unwrap()]).unwrap()
}

/// `guess` with these constraints.
fn constrained(guess: &Guess, fixes: &[&str], bounds: &[&str]) -> Result<Guess, GuessError> {
    let fixes: Vec<Fix> = fixes.iter().map(|f| f.parse().unwrap()).collect();
    let bounds: Vec<Bounds> = bounds.iter().map(|f| f.parse().unwrap()).collect();
    let mut guesses = [guess.clone()];
    Guess::constrain(&mut guesses, &fixes, &bounds)?;
    let [guess] = guesses;
    Ok(guess)
}

/// The fitted constants by name.
fn fitted(guess: &Guess, problem: &Problem) -> Vec<(Option<String>, f64, Option<f64>)> {
    let guessed = guess.fit(problem, later()).unwrap();
    let each = guessed.form.constants.into_iter();
    each.map(|k| (k.name, k.constant.value, k.constant.stderr))
        .collect()
}

#[test]
fn constants_are_found_without_a_start() {
    for (law, guess, states, initial, end, truth) in [
        (
            "0.8*y*(1 - y/74)",
            "r*y*(1 - y/K)",
            &["y"][..],
            &[7.0][..],
            10.0,
            &[0.8, 74.0][..],
        ),
        (
            "-3e-4*y/(2e-6 + y)",
            "-V*y/(K + y)",
            &["y"],
            &[1e-5],
            0.08,
            &[3e-4, 2e-6],
        ),
        (
            "20*y*log(5000/y)",
            "b*y*log(K/y)",
            &["y"],
            &[100.0],
            0.2,
            &[20.0, 5000.0],
        ),
        (
            "2 - 0.1*y^1.5",
            "a - b*y^n",
            &["y"],
            &[0.5],
            12.0,
            &[2.0, 0.1, 1.5],
        ),
        (
            "-0.002*S*I; 0.002*S*I - 0.5*I",
            "-b*S*I; b*S*I - g*I",
            &["S", "I"],
            &[990.0, 10.0],
            12.0,
            &[0.002, 0.5],
        ),
        (
            "v; -4*x - 0.2*v",
            "v; -k*x - c*v",
            &["x", "v"],
            &[1.0, 0.0],
            8.0,
            &[4.0, 0.2],
        ),
        (
            // A stirred tank whose reaction heats it: spikes, and k goes with E.
            "1 - c - 7.2e10*exp(-8750/T)*c; 3.09*(319.6 - T) + 1.5e13*exp(-8750/T)*c",
            "q*(a - c) - k*exp(-E/T)*c; h*(M - T) + m*exp(-E/T)*c",
            &["c", "T"],
            &[0.5, 365.0],
            1.5,
            &[1.0, 1.0, 7.2e10, 8750.0, 3.09, 319.6, 1.5e13],
        ),
        (
            "3.2e7*exp(-8200/y)*(430 - y)",
            "k*exp(-E/y)*(M - y)",
            &["y"],
            &[325.0],
            480.0,
            &[3.2e7, 8200.0, 430.0],
        ),
    ] {
        let names = names(states);
        let problem = observed(law, &names, initial, end, 0.0);
        let guess = Guess::parse(guess, &names).unwrap();
        for ((name, value, stderr), truth) in fitted(&guess, &problem).iter().zip(truth) {
            let off = (value - truth).abs() / truth;
            assert!(off < 2e-3, "{law}: {name:?} = {value}, not {truth}");
            assert!(
                stderr.is_some_and(|e| e > 0.0 && e < 0.05 * truth.abs()),
                "{law}: {stderr:?}"
            );
        }
    }
}

/// Nothing reacts, so the data say nothing of the rate: it is open, and at no bound.
#[test]
fn what_the_data_do_not_see_is_at_no_bound() {
    let names = names(&["y"]);
    let problem = observed("-0.8*y", &names, &[4.0], 5.0, 0.01);
    let guess = Guess::parse("-a*y + k*exp(-9000/(y + 2))", &names).unwrap();
    let guess = constrained(&guess, &[], &["k=1e8:1e11"]).unwrap();
    let guessed = guess.fit(&problem, later()).unwrap();
    let rate = &guessed.form.constants[1];
    assert!(!rate.at_bound && rate.constant.stderr.is_none(), "{rate:?}");
}

/// A constant that must be negative, among others that have decades to go.
#[test]
fn bounds_below_zero_hold_in_every_start() {
    let names = names(&["y"]);
    let problem = observed("-0.8*y + 3e5*exp(-40/y)", &names, &[4.0], 5.0, 0.0);
    let guess = Guess::parse("a*y + k*exp(-E/y)", &names).unwrap();
    let guess = constrained(&guess, &[], &["a=-5:-0.1"]).unwrap();
    let found = fitted(&guess, &problem);
    assert!((found[0].1 + 0.8).abs() < 1e-3, "{found:?}");
}

#[test]
fn numbers_start_and_ones_stay() {
    let names = names(&["y"]);
    let problem = observed("0.8*y*(1 - y/74)", &names, &[7.0], 10.0, 0.01);
    for (guess, free) in [
        ("0.5*y*(1 - y/100)", &[0.5, 100.0][..]),
        ("r*y*(1 - 0.01*y)", &[0.01]),
        ("0.5*r*y - s*y^2", &[0.5]),
        ("y*(1 - y/K)", &[]),
    ] {
        let guess = Guess::parse(guess, &names).unwrap();
        let starts: Vec<f64> = guess.constants.iter().filter_map(|c| c.start).collect();
        assert_eq!(starts, free, "{}", guess.text());
    }
    // 0.5 and r do the same, so the number stays.
    let guess = Guess::parse("0.5*r*y - s*y^2", &names).unwrap();
    let guessed = guess.fit(&problem, later()).unwrap();
    assert!(guessed.form.constants[2].fixed && !guessed.form.constants[0].fixed);
    assert!((guessed.form.constants[0].constant.value - 1.6).abs() < 0.1);
    // A one stays, so this is no logistic law of any rate.
    let guessed = Guess::parse("y*(1 - y/K)", &names)
        .unwrap()
        .fit(&problem, later())
        .unwrap();
    assert!(!guessed.free && guessed.refined.parameters == 2);
}

#[test]
fn fixed_constants_stay_and_bounds_hold() {
    let names = names(&["y"]);
    let problem = observed("0.8*y*(1 - y/74)", &names, &[7.0], 10.0, 0.01);
    let guess = Guess::parse("r*y*(1 - y/K)", &names).unwrap();
    let constrained = |fixes: &[&str], bounds: &[&str]| {
        constrained(&guess, fixes, bounds).map(|guess| guess.fit(&problem, later()).unwrap())
    };
    let both = constrained(&["r=0.9"], &[]).unwrap();
    assert!(both.form.constants[0].fixed);
    assert_eq!(both.form.constants[0].constant.value, 0.9);
    assert_eq!(both.refined.parameters, 2);
    let free = guess.fit(&problem, later()).unwrap();
    assert_eq!(free.refined.parameters, 3);
    assert!(free.refined.bic < both.refined.bic);
    for (bounds, constant, at_bound) in [
        ("K=0:60", 1, true),
        ("K=0:200", 1, false),
        // Far wider than what is likely.
        ("K=0:1e12", 1, false),
        ("K=:1e5", 1, false),
        ("K=100:", 1, true),
        ("r=:0.5", 0, true),
        // Bounds that are near to one another beside their size.
        ("K=73.9:74.2", 1, false),
        ("K=73.7:", 1, false),
    ] {
        let guessed = constrained(&[], &[bounds]).unwrap();
        let k = &guessed.form.constants[constant];
        assert_eq!(k.at_bound, at_bound, "{bounds}: {k:?}");
        let bounds: Bounds = bounds.parse().unwrap();
        let value = k.constant.value;
        assert!(bounds.low <= value && value <= bounds.high, "{value}");
        if !at_bound {
            assert!((value - 74.0).abs() < 1.0 && k.constant.stderr.unwrap() < 1.0);
        }
    }
    // Of rates that are all negative, the highest is nearest to the data.
    let falling = constrained(&["K=74"], &["r=-1:-0.5"]).unwrap();
    let r = &falling.form.constants[0];
    assert!(
        r.at_bound && (-1.0..=-0.5).contains(&r.constant.value),
        "{r:?}"
    );
    // Exponential growth is nearer to the data than any limit below them.
    let endless = constrained(&[], &["K=:60"]).unwrap();
    let k = &endless.form.constants[1];
    assert!(!k.at_bound && k.constant.value < -1e6, "{k:?}");
    let error = constrained(&["q=1"], &[]).unwrap_err().to_string();
    assert!(error.contains("there are r, K"), "{error}");
    assert!(matches!(
        constrained(&["r=1"], &["r=0:2"]),
        Err(GuessError::Twice { .. })
    ));
}

#[test]
fn what_is_no_guess_is_refused() {
    let names = names(&["Cells"]);
    let wrong = |text: &str| Guess::parse(text, &names).unwrap_err();
    assert!(matches!(wrong("r*cells"), GuessError::Case { .. }));
    assert!(Guess::parse("r*Cells - cells", &names).is_ok());
    assert!(matches!(wrong("r*t"), GuessError::NoState { .. }));
    assert!(matches!(wrong("r*("), GuessError::Formula(_)));
    assert!(matches!(wrong("r*Cells; q*Cells"), GuessError::Formula(_)));
    let long: Vec<String> = (0..30).map(|i| format!("a{i}*Cells^{i}")).collect();
    assert!(matches!(
        wrong(&long.join(" + ")),
        GuessError::TooMany { .. }
    ));
}

#[test]
fn clean_data_are_fitted_to_the_last_digit() {
    let names = names(&["y"]);
    let problem = observed("0.004*(1 - y)*exp(3.4*y)", &names, &[0.01], 200.0, 0.0);
    let guess = Guess::parse("k*(1 - y)*exp(b*y)", &names).unwrap();
    let found = fitted(&guess, &problem);
    for ((_, value, _), truth) in found.iter().zip([0.004, 3.4]) {
        assert!((value / truth - 1.0).abs() < 1e-7, "{found:?}");
    }
}

#[test]
fn constants_that_others_can_stand_for_have_no_error() {
    let names = names(&["y"]);
    let problem = observed(
        "0.5*y*(1 - y/900)/(1 + 0.002*y) - 0.1*y",
        &names,
        &[7.0],
        30.0,
        0.0,
    );
    // A fraction of two linear functions has three numbers, however accurate the data are.
    let guess = Guess::parse("b*y*(1 - y/N)/(1 + q*y) - g*y", &names).unwrap();
    let found = fitted(&guess, &problem);
    let open = |name: &str| {
        found
            .iter()
            .any(|(n, _, e)| n.as_deref() == Some(name) && e.is_none())
    };
    assert!(open("b") && open("N") && open("g"), "{found:?}");
    assert!(!open("q"), "{found:?}");
    // Also where most of the direction is that of others.
    let problem = observed(
        "0.45*y*(1 - y/1e5)/(1 + 8e-5*y) - 0.1*y",
        &names,
        &[40.0],
        60.0,
        0.0,
    );
    let found = fitted(&guess, &problem);
    let open = found.iter().filter(|(.., error)| error.is_none()).count();
    assert_eq!(open, 3, "{found:?}");
}

#[test]
fn numbers_beside_the_time_are_fitted() {
    let names = names(&["y"]);
    let problem = observed("-0.3*y + 0.8*t", &names, &[5.0], 10.0, 0.0);
    let guess = Guess::parse("-0.5*y + 0.5*t", &names).unwrap();
    let found = fitted(&guess, &problem);
    for ((_, value, _), truth) in found.iter().zip([0.3, 0.8]) {
        assert!((value.abs() / truth - 1.0).abs() < 1e-6, "{found:?}");
    }
}

#[test]
fn bounds_that_do_not_matter_leave_one_law() {
    let names = names(&["y"]);
    let problem = observed("0.8*y*(1 - y/74)", &names, &[7.0], 10.0, 0.01);
    for (bounds, free) in [("K=0:200", true), ("K=0:60", false)] {
        let mut guesses = [Guess::parse("r*y*(1 - y/K)", &names).unwrap()];
        Guess::constrain(&mut guesses, &[], &[bounds.parse().unwrap()]).unwrap();
        assert_eq!(guesses[0].fit(&problem, later()).unwrap().free, free);
    }
}

#[test]
fn what_begins_empty_or_at_rest_can_be_fitted() {
    for (law, form, end, truth) in [
        ("1.2 - 0.8*sqrt(y)", "a - k*sqrt(y)", 8.0, &[1.2, 0.8][..]),
        ("3.2 - 0.9*y^1.75", "a - k*y^n", 2.0, &[3.2, 0.9, 1.75]),
        ("3.2 - 0.9*y^(5/3)", "a - k*y^(5/3)", 2.0, &[3.2, 0.9]),
    ] {
        let names = names(&["y"]);
        let problem = observed(law, &names, &[0.0], end, 0.0);
        let guess = Guess::parse(form, &names).unwrap();
        let found = fitted(&guess, &problem);
        assert_eq!(found.len(), truth.len(), "{form}");
        for ((_, value, _), truth) in found.iter().zip(truth) {
            assert!((value / truth - 1.0).abs() < 1e-5, "{law}: {found:?}");
        }
    }
}

#[test]
fn a_guess_without_constants_has_a_table() {
    let names = names(&["y"]);
    let problem = observed("y^2", &names, &[0.1], 5.0, 0.0);
    let options = crate::Options {
        guesses: vec![Guess::parse("y^2", &names).unwrap()],
        ..crate::Options::default()
    };
    let found = crate::discover(&problem, &[], &options).unwrap();
    let presented = crate::answer::present::Presented::of(&found.candidates[0]);
    assert_eq!(presented.rounded().len(), 1);
}

#[test]
fn constants_whose_signs_make_no_difference_are_positive() {
    let names = names(&["y"]);
    let problem = observed("0.9*y^2/(30 + y^2) - 0.1*y", &names, &[2.0], 30.0, 0.002);
    let guess = Guess::parse("v*y^2/(h^2 + y^2) - k*y", &names).unwrap();
    let mut attempts = attempts::Attempts::new(&guess, &problem, later()).unwrap();
    let mut fitted = attempts.best().unwrap();
    let (settings, free) = (attempts.settings, attempts.model.free());
    let place = guess.names().position(|name| name == "h").unwrap();
    let column = |fitted: &Fitted| fitted.jacobian.column(place).into_owned();
    fitted.constants[place] = -fitted.constants[place].abs();
    let positive = guess.positive(fitted.clone(), &settings, free);
    assert_eq!(positive.constants[place], -fitted.constants[place]);
    assert_eq!(column(&positive), -column(&fitted));
    // The sign of a rate makes one.
    let rate = guess.names().position(|name| name == "v").unwrap();
    fitted.constants[rate] = -fitted.constants[rate].abs();
    assert!(guess.positive(fitted, &settings, free).constants[rate] < 0.0);
}

#[test]
fn a_constant_that_is_called_as_the_time_is_is_told_of() {
    let mut names = names(&["y"]);
    names.time = "d".into();
    let problem = observed("0.4*y*(1 - y)", &names, &[0.1], 10.0, 0.01);
    let told = |text: &str| {
        let mut warnings = Vec::new();
        fit_all(
            &[Guess::parse(text, &names).unwrap()],
            &problem,
            later(),
            &mut warnings,
        );
        warnings
            .iter()
            .any(|warning| warning.contains("`d` is the time"))
    };
    assert!(told("r*y - d*y^2") && !told("r*y - q*y^2"));
}
