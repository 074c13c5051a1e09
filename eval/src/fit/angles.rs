//! Sines of what is no angle.
//!
//! People write the sine of an angle, and angles are measured in radians, now and then in degrees: what stands before the
//! state is 1 or π/180 in the data's own units. A sine of 0.005 times a biomass is no law of growth; it is a flexible curve
//! with a frequency that was fitted, and where noise leaves shapes open, such curves are many. Fields that repeat in space
//! have such frequencies, too, so that clear evidence still finds them.

use nsode_parser::tape::Tape;
use nsode_parser::{Expr, Unary};

use super::poles::states;
use crate::series::problem::Problem;

/// Nats that a frequency costs. A guess; not fitted.
const COST: f64 = 3.0;

/// Changes of the argument with a state, in its units, that make it an angle, and by what factor they may be off in noise.
const UNITS: [f64; 2] = [1.0, std::f64::consts::PI / 180.0];
const OFF: f64 = 1.3;

/// What the sines, cosines and tangents of a law in normalised units cost, in nats; the same argument costs once.
pub(crate) fn cost(problem: &Problem, rhs: &[Expr]) -> f64 {
    let mut arguments: Vec<&Expr> = Vec::new();
    for equation in rhs {
        equation.visit(&mut |part| {
            if let Expr::Unary(Unary::Sin | Unary::Cos | Unary::Tan, argument) = part
                && !arguments.contains(&&**argument)
            {
                arguments.push(argument);
            }
        });
    }
    let frequencies = arguments.iter().filter(|a| !is_angle(problem, a)).count();
    COST * frequencies as f64
}

/// Whether the argument changes with each of its states as an angle does, everywhere alike.
fn is_angle(problem: &Problem, argument: &Expr) -> bool {
    let tape = Tape::compile(std::slice::from_ref(argument));
    let (mut scratch, mut out) = (tape.scratch(), [0.0]);
    let scales = &problem.scaling().states;
    let mut value = |state: usize, at: f64| {
        let mut place = vec![0.4; scales.len()];
        if let Some(cell) = place.get_mut(state) {
            *cell = at;
        }
        tape.eval(0.0, &place, &[], &mut scratch, &mut out);
        out[0]
    };
    states(argument).into_iter().all(|state| {
        let (low, middle, high) = (value(state, 0.2), value(state, 0.5), value(state, 0.8));
        let (slope, other) = ((middle - low) / 0.3, (high - middle) / 0.3);
        let factor = slope.abs() / scales.get(state).copied().unwrap_or(1.0);
        let is_near = |unit: f64| (factor / unit).max(unit / factor) < OFF;
        (slope - other).abs() <= 1e-6 * slope.abs() && UNITS.into_iter().any(is_near)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Sample, canonical};
    use nsode_parser::Names;

    #[test]
    fn frequencies_cost_and_angles_do_not() {
        let sample = Sample {
            law: "-x1; 50 - x2",
            states: &["x1", "x2"],
            initial: &[&[2.0, -1.0]],
            times: (0.0, 3.0, 30),
            noise: 0.0,
        };
        let problem = sample.problem();
        let cost_of = |text: &str| {
            let law = canonical(text, &Names::default_for(2));
            let law = law.rescaled(problem.scaling()).unwrap().to_system();
            cost(&problem, law.rhs())
        };
        for (text, frequencies) in [
            ("sin(x1); x2", 0.0),
            ("3*sin(1.1*x1) + cos(x1 - 0.5); x2", 0.0),
            ("sin(x1 - x2); tan(x2)", 0.0),
            ("sin(0.01745*x2); x2", 0.0),
            ("sin(2*x1); x2", 1.0),
            ("sin(0.3*x2); 5*sin(0.3*x2)", 1.0),
            ("sin(0.3*x2); cos(2*x1) + tanh(4*x1)", 2.0),
            ("sin(x1^2); x2", 1.0),
        ] {
            assert_eq!(cost_of(text), COST * frequencies, "{text}");
        }
    }
}
