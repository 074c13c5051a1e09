//! States that a law has no values below: `√h` of a tank that is empty at first, `v^1.5` of what begins at rest.
//!
//! The fitted initial state of such a run is as likely to be a little below zero as above it, where nothing can be solved. So
//! solutions begin at [`LEAST`] at least.

use crate::fit::law::Law;
use crate::series::problem::Problem;

/// Lowest initial value, normalised. Not 0, where a root's slope is infinite.
const LEAST: f64 = 1e-9;

/// How far on either side of zero it is seen whether a law has values, normalised.
const BESIDE: f64 = 1e-3;

/// The lowest initial value of each state, normalised: −∞ unless the law has values above zero only, and all that was observed
/// is there.
pub fn floors(problem: &Problem, law: &Law) -> Vec<f64> {
    let value = law.value();
    let constants = vec![0.7; law.constants()];
    let (mut scratch, mut out) = (value.scratch(), vec![0.0; law.dimension()]);
    let mut has_values = |state: usize, at: f64| {
        let mut states = vec![0.5; law.dimension()];
        if let Some(place) = states.get_mut(state) {
            *place = at;
        }
        value.eval(0.5, &states, &constants, &mut scratch, &mut out);
        out.iter().all(|f| f.is_finite())
    };
    let negative = |state: usize| {
        let mut cells = problem.normalised().iter();
        cells.any(|path| path.column(state).any(|u| u < 0.0))
    };
    let each = (0..law.dimension()).map(|state| {
        let ends = has_values(state, BESIDE) && !has_values(state, -BESIDE);
        match ends && !negative(state) {
            true => LEAST,
            false => f64::NEG_INFINITY,
        }
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_generator::Trajectory;
    use nsode_parser::infix::parse_system;

    #[test]
    fn only_states_whose_law_ends_at_zero_have_a_floor() {
        let path = |low: f64| {
            let times: Vec<f64> = (0..20).map(f64::from).collect();
            let states = times.iter().flat_map(|t| [low + t, 3.0 - t]).collect();
            Problem::new(vec![Trajectory::new(2, times, states).unwrap()]).unwrap()
        };
        let floors = |low: f64, system: &str| {
            let (system, _) = parse_system(system, None).unwrap();
            super::floors(&path(low), &Law::new(&system, 0).unwrap())
        };
        let none = f64::NEG_INFINITY;
        for (system, first) in [
            ("x1' = 1 - sqrt(x1); x2' = x1^1.5", LEAST),
            ("x1' = x2; x2' = log(x1)", LEAST),
            ("x1' = sqrt(1 + x1); x2' = x1^2", none),
            ("x1' = x2; x2' = -x1", none),
        ] {
            assert_eq!(floors(0.0, system), [first, none], "{system}");
            assert_eq!(floors(-1.0, system), [none, none], "{system}");
        }
        // The second state is below zero at times.
        assert_eq!(floors(0.0, "x1' = x2; x2' = sqrt(x2)"), [none, none]);
    }
}
