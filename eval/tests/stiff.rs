//! Stiff laws: solutions and sensitivities against an explicit method with as many steps as it takes, and constants
//! recovered from series of such laws.

use nsode_eval::fit::flow::{Flow, Run};
use nsode_eval::fit::law::Law;
use nsode_eval::fit::refine::{Effort, refine};
use nsode_eval::{Problem, Proposal};
use nsode_generator::Trajectory;
use nsode_parser::infix::parse_expr;
use nsode_parser::{CanonicalSystem, Names, Skeleton, System};
use proptest::prelude::*;
use serde::Deserialize;

/// Share of a constant by which it is moved for a finite difference.
const STEP: f64 = 1e-6;

#[derive(Deserialize)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    system: Vec<String>,
    states: Vec<String>,
    initial: Vec<f64>,
    span: [f64; 2],
}

impl Case {
    fn all() -> Vec<Case> {
        let text = include_str!("../../testdata/stiff.toml");
        toml::from_str::<Cases>(text).unwrap().case
    }

    fn skeleton(&self) -> (Skeleton, Vec<f64>) {
        let names = Names {
            time: "t".to_string(),
            states: self.states.clone(),
        };
        let rhs = self.system.iter().map(|text| parse_expr(text, &names));
        let system = System::new(rhs.collect::<Result<_, _>>().unwrap()).unwrap();
        CanonicalSystem::new(&system).unwrap().parts().unwrap()
    }

    fn grid(&self, points: usize) -> Vec<f64> {
        let [first, last] = self.span;
        let share = |i| i as f64 / (points - 1) as f64;
        (0..points)
            .map(|i| first + (last - first) * share(i))
            .collect()
    }
}

/// States and sensitivities at `times`, each one list, row after row.
fn follow(
    flow: &mut Flow,
    constants: &[f64],
    initial: &[f64],
    times: &[f64],
    sensitive: bool,
) -> (Run, Vec<f64>, Vec<f64>) {
    let (mut states, mut sensitivities, mut next) = (Vec::new(), Vec::new(), 0);
    let run = flow.run(constants, initial, times, None, sensitive, |row, u, s| {
        assert_eq!(row, next);
        next += 1;
        states.extend_from_slice(u);
        sensitivities.extend_from_slice(s);
    });
    (run, states, sensitivities)
}

/// The largest difference of two lists in units of the largest number that the second has in the same column.
fn apart(found: &[f64], expected: &[f64], columns: usize) -> f64 {
    assert_eq!(found.len(), expected.len());
    let mut worst = 0.0f64;
    for column in 0..columns {
        let pick = |list: &[f64]| -> Vec<f64> {
            list.iter().skip(column).step_by(columns).copied().collect()
        };
        let (found, expected) = (pick(found), pick(expected));
        let size = expected.iter().fold(1e-9f64, |size, v| size.max(v.abs()));
        for (a, b) in found.iter().zip(&expected) {
            assert!(a.is_finite());
            worst = worst.max((a - b).abs() / size);
        }
    }
    worst
}

#[test]
fn stiff_laws_are_followed_with_their_sensitivities() {
    for case in Case::all() {
        let (shape, constants) = case.skeleton();
        let law = Law::new(&shape.template(), shape.slots()).unwrap();
        let (times, d) = (case.grid(40), law.dimension());
        let solve = |relative, steps, constants: &[f64], initial: &[f64], sensitive| {
            let mut flow = Flow::new(&law);
            (flow.relative, flow.absolute) = (relative, 0.1 * relative);
            flow.max_steps = steps;
            let found = follow(&mut flow, constants, initial, &times, sensitive);
            assert_eq!(found.0, Run::Complete, "{}", case.name);
            (found.1, found.2)
        };
        let explicit = solve(1e-11, 10_000_000, &constants, &case.initial, false).0;
        // As in a fit, and as in the last one.
        let (fit, rough) = solve(1e-6, 2000, &constants, &case.initial, true);
        let (last, slopes) = solve(1e-10, 8000, &constants, &case.initial, true);
        let columns = d + law.constants();
        let worst = [
            apart(&fit, &explicit, d),
            apart(&last, &explicit, d),
            apart(&rough, &slopes, d * columns),
        ];
        // Within a jump, the first knows its sensitivities to some percent only.
        let small = worst
            .iter()
            .zip([1e-3, 1e-5, 0.2])
            .all(|(w, most)| *w < most);
        assert!(small, "{}: {worst:?}", case.name);
        for column in 0..columns {
            let shifted = |share: f64| {
                let (mut c, mut u) = (constants.clone(), case.initial.clone());
                match column.checked_sub(d) {
                    None => u[column] += share,
                    Some(k) => c[k] *= 1.0 + share,
                }
                solve(1e-10, 8000, &c, &u, false).0
            };
            let (up, down) = (shifted(STEP), shifted(-STEP));
            let unit = column.checked_sub(d).map_or(1.0, |k| constants[k]);
            for (cell, (a, b)) in up.iter().zip(&down).enumerate() {
                let numeric = (a - b) / (2.0 * STEP);
                let exact = unit * slopes[cell * columns + column];
                assert!(
                    (numeric - exact).abs() < 1e-2 * (1.0 + exact.abs()),
                    "{} column {column} cell {cell}: {numeric} {exact}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn a_forced_decay_agrees_with_its_closed_form() {
    let case = Case::all().swap_remove(0);
    let (shape, constants) = case.skeleton();
    let law = Law::new(&shape.template(), shape.slots()).unwrap();
    let times = case.grid(50);
    let mut flow = Flow::new(&law);
    let (run, states, _) = follow(&mut flow, &constants, &case.initial, &times, false);
    assert_eq!(run, Run::Complete);
    // y' = -k·(y - cos(w·t)), from 0.2.
    let (k, w) = (50_000.0f64, 6.0f64);
    for (t, y) in times.iter().zip(&states) {
        let slow = |t: f64| k / (k * k + w * w) * (k * (w * t).cos() + w * (w * t).sin());
        let exact = slow(*t) + (0.2 - slow(0.0)) * (-k * t).exp();
        assert!((y - exact).abs() < 2e-6, "{t}: {y} {exact}");
    }
}

#[test]
fn constants_of_a_stiff_law_are_recovered() {
    for case in Case::all().into_iter().take(4) {
        let (shape, truth) = case.skeleton();
        let law = Law::new(&shape.template(), shape.slots()).unwrap();
        let times = case.grid(150);
        let mut flow = Flow::new(&law);
        (flow.relative, flow.absolute) = (1e-10, 1e-11);
        flow.max_steps = 10_000_000;
        let (_, states, _) = follow(&mut flow, &truth, &case.initial, &times, false);
        let path = Trajectory::new(law.dimension(), times, states).unwrap();
        let problem = Problem::new(vec![path]).unwrap();
        let start = truth.iter().map(|c| 1.1 * c).collect();
        let proposal = Proposal::new(shape.clone(), Some(start));
        let refined = refine(&problem, &proposal, Effort::Whole, None).unwrap();
        let restored = refined.system.restored(problem.scaling()).unwrap();
        let (found, values) = restored.parts().unwrap();
        assert_eq!(found, shape, "{}", case.name);
        assert!(refined.r2 > 1.0 - 1e-9, "{}", case.name);
        // How fast the fast part is, series do not tell in which it is over before the second time.
        let told = matches!(case.name.as_str(), "forced" | "flame");
        for (a, b) in values.iter().zip(&truth).filter(|_| told) {
            assert!((a - b).abs() < 0.02 * b.abs(), "{}: {a} {b}", case.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Wild constants end a run somehow, and what is shown before are numbers in the order of the times.
    #[test]
    fn no_constants_are_too_wild(
        which in 0usize..8,
        powers in prop::collection::vec(-3.0..9.0f64, 12),
        signs in prop::collection::vec(any::<bool>(), 12),
    ) {
        let case = Case::all().swap_remove(which);
        let (shape, truth) = case.skeleton();
        let law = Law::new(&shape.template(), shape.slots()).unwrap();
        let each = powers.iter().zip(&signs);
        let wild: Vec<f64> = each.map(|(p, s)| 10f64.powf(*p) * if *s { 1.0 } else { -1.0 }).collect();
        let constants: Vec<f64> = truth.iter().zip(&wild).map(|(c, w)| c.signum() * w).collect();
        let times = case.grid(20);
        let mut flow = Flow::new(&law);
        let (run, states, _) = follow(&mut flow, &constants, &case.initial, &times, true);
        let rows = states.len() / law.dimension();
        prop_assert!(states.iter().all(|u| u.is_finite()));
        let whole = rows == times.len();
        let diverged = matches!(run, Run::Diverged { .. });
        prop_assert!(whole == (run == Run::Complete) || diverged, "{run:?}, {rows} rows");
    }
}
