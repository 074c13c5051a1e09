use nsode_parser::{Expr, Names};

use super::*;
use crate::fit::setting::Setting;
use crate::samples::Sample;

/// Derivatives by inner numbers, bounds and logarithms among them, against differences of the residuals.
#[test]
fn derivatives_are_those_of_the_residuals() {
    let sample = Sample {
        law: "1 - x - 30*exp(-4/y)*x; 2 - y + 20*exp(-4/y)*x",
        states: &["x", "y"],
        initial: &[&[0.5, 1.5], &[0.9, 2.5]],
        times: (0.0, 2.0, 12),
        noise: 0.02,
    };
    let problem = sample.problem();
    let names = Names {
        time: "t".into(),
        states: vec!["x".into(), "y".into()],
    };
    let law = "a - b*x - k*exp(-g/y)*x; c - b*y + h*exp(-g/y)*x";
    let (system, letters) = nsode_parser::infix::parse_law(law, &names).unwrap();
    assert_eq!(letters, ["a", "b", "k", "g", "c", "h"]);
    let constants = [0.9, 1.1, 28.0, 3.9, 2.1, 19.0];
    let mut settings = vec![Setting::FREE; constants.len()];
    settings[3] = Setting::Free {
        low: 1.0,
        high: 9.0,
    };
    let rhs: Vec<Expr> = system.rhs().to_vec();
    let initial: Vec<Vec<f64>> = problem.curves().iter().map(|c| c.at(0).to_vec()).collect();
    let plain = Parametrised::new(&problem, &rhs, settings)
        .unwrap()
        .precise();
    let straight = plain.clone().by_logarithms(&constants, &initial);
    let deviations = problem.first_deviations();
    let found: Vec<Fitted> = [plain, straight]
        .iter()
        .map(|model| {
            let mut target = model.target(&problem, &deviations, (&constants, &initial), true);
            let (_, jacobian) = target.evaluate(true).unwrap();
            for place in 0..target.parameters.len() {
                let here = target.parameters[place];
                let step = 1e-4 * (1.0 + here.abs());
                let mut at = |value: f64| {
                    target.parameters[place] = value;
                    target.evaluate(false).unwrap().0
                };
                let slope = (at(here + step) - at(here - step)) / (2.0 * step);
                at(here);
                let off = (&slope - jacobian.column(place)).amax();
                assert!(
                    off < 1e-4 * (slope.amax() + 1.0),
                    "{place}: {off}, {}",
                    slope.amax()
                );
            }
            target.finish().unwrap()
        })
        .collect();
    // Whatever was fitted by, the fit is told by the constants themselves.
    let off = (&found[0].jacobian - &found[1].jacobian).amax();
    assert!(off < 1e-6 * found[0].jacobian.amax(), "{off}");
    for (value, truth) in found[1].constants.iter().zip(constants) {
        assert!((value - truth).abs() < 1e-9 * truth);
    }
}

/// A tank that is empty at first: no fit begins below 0, by logarithms or not.
#[test]
fn initial_states_keep_to_their_floors() {
    let sample = Sample {
        law: "0.8 - 0.5*sqrt(y)",
        states: &["y"],
        initial: &[&[0.0]],
        times: (0.0, 8.0, 30),
        noise: 0.0,
    };
    let problem = sample.problem();
    let (system, _) =
        nsode_parser::infix::parse_law("a - b*sqrt(y)", &Names::default_for(1)).unwrap();
    let model = Parametrised::new(&problem, system.rhs(), vec![Setting::FREE; 2]).unwrap();
    assert!(model.floors()[0] > 0.0);
    for start in [0.0, 1e-12, 0.02] {
        let initial = vec![vec![start]];
        let straight = model.clone().by_logarithms(&[0.7, 0.6], &initial);
        let deviations = problem.first_deviations();
        let start = (&[0.7, 0.6][..], initial.as_slice());
        let fitted = straight
            .fit(&problem, &deviations, start, &[0.0], 300)
            .unwrap();
        assert!(fitted.initial[0][0] >= model.floors()[0]);
        assert!(
            (fitted.constants[0] - 0.8).abs() < 1e-2,
            "{:?}",
            fitted.constants
        );
    }
}
