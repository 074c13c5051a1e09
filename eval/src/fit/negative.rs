//! Laws by which what is not negative becomes negative.
//!
//! Concentrations, animals and people stay above 0, and so do the laws that people write down for them: what a state loses is
//! in proportion to it, or ends with it. The data say nothing of states at 0 that were not there, and laws that fit as well
//! take a constant, or as much as another state says, from a state that has nothing left. Of laws of one state, published
//! ones do so as often as others (a constant catch, a wall that dissolves), so this is about systems.

use nsode_parser::Expr;
use nsode_parser::tape::Tape;

use super::oddities::sign;
use crate::series::problem::Problem;

/// Nats that such a state costs. In the suite `systems`, every sixth true law has one, and in 5 % noise nearly every second of
/// the wrong laws that were named first.
const COST: f64 = 2.0;

/// Slopes below this share of the largest one along the curves are none.
const SLIGHT: f64 = 1e-3;

/// Share of the places along the curves at which the state would fall below 0.
const OFTEN: f64 = 0.1;

/// Places that are looked at.
const PLACES: usize = 40;

/// Multiples of it are spread evenly, modulo 1, whatever the length of the runs.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// What a law in normalised units costs by which states whose values all have one sign would lose it if they were 0 and the others
/// as they are, in nats.
pub(crate) fn cost(problem: &Problem, rhs: &[Expr]) -> f64 {
    if problem.dimension() < 2 {
        return 0.0;
    }
    let signs = (0..problem.dimension()).map(|state| sign(problem, state));
    let signed: Vec<(usize, f64)> = signs
        .enumerate()
        .filter_map(|(state, sign)| Some((state, sign?)))
        .collect();
    if signed.is_empty() {
        return 0.0;
    }
    let tape = Tape::compile(rhs);
    let (mut scratch, mut out) = (tape.scratch(), vec![0.0; rhs.len()]);
    let places = places(problem);
    let mut most = vec![0.0f64; rhs.len()];
    for (time, place) in &places {
        tape.eval(*time, place, &[], &mut scratch, &mut out);
        for (most, slope) in most
            .iter_mut()
            .zip(&out)
            .filter(|(_, slope)| slope.is_finite())
        {
            *most = most.max(slope.abs());
        }
    }
    let crosses = |(state, sign): &(usize, f64)| {
        let least = SLIGHT * most.get(*state).copied().unwrap_or(0.0);
        let (mut looked, mut lost) = (0usize, 0usize);
        for (time, place) in &places {
            let mut empty = place.clone();
            if let Some(cell) = empty.get_mut(*state) {
                *cell = 0.0;
            }
            tape.eval(*time, &empty, &[], &mut scratch, &mut out);
            let slope = sign * out.get(*state).copied().unwrap_or(f64::NAN);
            looked += usize::from(!slope.is_nan());
            lost += usize::from(slope < -least);
        }
        lost as f64 > OFTEN * looked as f64
    };
    COST * signed.into_iter().filter(crosses).count() as f64
}

/// Times and states along the smoothed curves.
fn places(problem: &Problem) -> Vec<(f64, Vec<f64>)> {
    let curves = problem.curves();
    let nodes = curves.iter().map(|curve| curve.times.len()).sum::<usize>();
    let one = |number: usize| {
        let mut node = ((number as f64 * GOLDEN).fract() * nodes as f64) as usize;
        for curve in curves {
            match curve.times.get(node) {
                Some(time) => return Some((*time, curve.at(node).to_vec())),
                None => node -= curve.times.len(),
            }
        }
        None
    };
    (0..PLACES.min(nodes)).filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Sample, canonical};
    use nsode_parser::Names;

    #[test]
    fn what_takes_from_a_state_that_is_empty_costs() {
        let sample = Sample {
            law: "0.2*b - 0.5*a; 0.5*a - 0.2*b; -c",
            states: &["a", "b", "c"],
            initial: &[&[2.0, 0.5, -1.0], &[1.5, 0.2, -0.7]],
            times: (0.0, 5.0, 40),
            noise: 0.02,
        };
        let problem = sample.problem();
        let names = Names::default_for(3);
        for (law, states) in [
            ("0.2*x2 - 0.5*x1; 0.5*x1 - 0.2*x2; -x3", 0.0),
            // The same, as the sum of both is always as large.
            ("0.5 - 0.7*x1; 1.25 - 0.7*x2; -x3", 0.0),
            ("0.7*x2 - 1.25; 1.25 - 0.7*x2; -x3", 1.0),
            ("-0.5 - 0.7*x1; -1.25 - 0.7*x2; -x3", 2.0),
            ("0.2*x2 - 0.5*x1; 0.5*x1 - 0.1; -x3", 0.0),
            ("-0.5*x1 + x2; -0.2*sqrt(x2) - 0.1*x2*x1; -x3", 0.0),
            ("-0.5*x1 - 0.1*x2; x1; -x3", 1.0),
            // A negative state that would become positive, and one that would become more negative.
            ("-x1; x1; 0.3*x1 - x3", 1.0),
            ("-x1; x1; -0.3*x1 - x3", 0.0),
            // No value at 0, and one without end.
            ("-0.3*x1*log(x1); x1; -x3", 0.0),
            ("-0.3/x1; x1; -x3", 1.0),
            // From some time on.
            ("0.1 - 2*t; x1; -x3", 1.0),
            ("-0.5*exp(-99*t)*x2; x1; -x3", 0.0),
        ] {
            let rhs = canonical(law, &names).to_system();
            assert_eq!(cost(&problem, rhs.rhs()), COST * states, "{law}");
        }
    }

    #[test]
    fn of_one_state_and_of_states_of_both_signs_nothing_is_said() {
        let sample = Sample {
            law: "v; -x",
            states: &["x", "v"],
            initial: &[&[1.0, 0.0]],
            times: (0.0, 6.0, 40),
            noise: 0.0,
        };
        let problem = sample.problem();
        let rhs = canonical("x2; -x1", &Names::default_for(2)).to_system();
        assert_eq!(cost(&problem, rhs.rhs()), 0.0);
        let sample = Sample {
            law: "-0.3 - 0.1*x",
            states: &["x"],
            initial: &[&[2.0]],
            times: (0.0, 3.0, 40),
            noise: 0.0,
        };
        let rhs = canonical("-0.3 - 0.1*y", &Names::default_for(1)).to_system();
        assert_eq!(cost(&sample.problem(), rhs.rhs()), 0.0);
    }
}
