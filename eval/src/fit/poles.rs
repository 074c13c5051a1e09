//! Laws that have no value somewhere among the states that they are about.
//!
//! Where a sum of states is conserved, `S/(k + S)` may as well be written with another state, as `(a - X)/(b - X)`; the data
//! say nothing, and laws that people write down are the ones without a pole. So where all observed values of a state are
//! of one sign but for noise, a factor of a denominator, or what a root or a logarithm is taken of, that changes its sign within twice their
//! range makes a law less probable.

use nsode_parser::tape::Tape;
use nsode_parser::{Binary, Expr, Unary};

use super::oddities::sign;
use crate::series::problem::Problem;

/// Nats that such a place costs. A guess; not fitted.
const COST: f64 = 3.0;

/// Shares of the largest magnitude at which signs are looked at; of many states together only every third.
const PLACES: [f64; 10] = [0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 1.05, 1.4, 2.0];
const FEW: usize = 2;

/// What the poles of a law in normalised units cost, in nats; several of the same states count once, as they are one place in
/// different equations mostly.
pub(crate) fn cost(problem: &Problem, rhs: &[Expr]) -> f64 {
    let mut suspects: Vec<&Expr> = Vec::new();
    rhs.iter()
        .for_each(|equation| collect(equation, &mut suspects));
    if suspects.is_empty() {
        return 0.0;
    }
    let signs: Vec<Option<f64>> = (0..problem.dimension())
        .map(|state| sign(problem, state))
        .collect();
    let mut poles: Vec<Vec<usize>> = Vec::new();
    for suspect in suspects {
        let states = states(suspect);
        if !poles.contains(&states) && crosses(suspect, &states, &signs) {
            poles.push(states);
        }
    }
    COST * poles.len() as f64
}

/// Adds the parts of an expression whose change of sign leaves it without a value.
fn collect<'a>(of: &'a Expr, suspects: &mut Vec<&'a Expr>) {
    match of {
        Expr::Unary(function, inner) => {
            if matches!(function, Unary::Log | Unary::Sqrt) {
                factors(inner, suspects);
            }
            collect(inner, suspects);
        }
        Expr::Binary(operator, left, right) => {
            match operator {
                Binary::Div => factors(right, suspects),
                Binary::Pow if !is_whole(right) => factors(left, suspects),
                _ => {}
            }
            collect(left, suspects);
            collect(right, suspects);
        }
        _ => {}
    }
}

/// Adds the factors of an expression, without their powers.
fn factors<'a>(of: &'a Expr, suspects: &mut Vec<&'a Expr>) {
    match of {
        Expr::Binary(Binary::Mul, left, right) => {
            factors(left, suspects);
            factors(right, suspects);
        }
        Expr::Binary(Binary::Pow, base, _) => factors(base, suspects),
        Expr::Unary(Unary::Sqrt | Unary::Neg, inner) => factors(inner, suspects),
        other => suspects.push(other),
    }
}

/// Whether an exponent is a whole number from 0.
fn is_whole(power: &Expr) -> bool {
    matches!(power, Expr::Number(value) if *value >= 0.0 && value.fract() == 0.0)
}

/// The states of an expression, ascending.
pub(super) fn states(of: &Expr) -> Vec<usize> {
    let mut states: Vec<usize> = Vec::new();
    of.visit(&mut |e| {
        if let Expr::State(i) = e {
            states.push(*i);
        }
    });
    states.sort_unstable();
    states.dedup();
    states
}

/// Whether an expression of `states` that each have one sign changes its own.
fn crosses(of: &Expr, states: &[usize], signs: &[Option<f64>]) -> bool {
    let known: Option<Vec<f64>> = states
        .iter()
        .map(|i| signs.get(*i).copied().flatten())
        .collect();
    let Some(known) = known.filter(|known| !known.is_empty()) else {
        return false;
    };
    let step = if states.len() > FEW { 3 } else { 1 };
    let places: Vec<f64> = PLACES.iter().step_by(step).copied().collect();
    let tape = Tape::compile(std::slice::from_ref(of));
    let (mut scratch, mut out) = (tape.scratch(), [0.0]);
    let mut at = vec![0.0; signs.len()];
    let (mut below, mut above) = (false, false);
    for code in 0..places.len().pow(states.len() as u32) {
        let mut rest = code;
        for (state, sign) in states.iter().zip(&known) {
            if let (Some(cell), Some(place)) = (at.get_mut(*state), places.get(rest % places.len()))
            {
                *cell = sign * place;
            }
            rest /= places.len();
        }
        tape.eval(0.0, &at, &[], &mut scratch, &mut out);
        below |= out[0] < 0.0;
        above |= out[0] > 0.0;
    }
    below && above
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Sample, canonical};
    use nsode_parser::Names;

    #[test]
    fn denominators_that_vanish_among_positive_states_cost() {
        let sample = Sample {
            law: "-x1; 0.5 - x2",
            states: &["x1", "x2"],
            initial: &[&[2.0, -1.0]],
            times: (0.0, 3.0, 30),
            noise: 0.0,
        };
        let problem = sample.problem();
        let cost_of = |text: &str| {
            let law = canonical(text, &Names::default_for(2)).to_system();
            cost(&problem, law.rhs())
        };
        for (text, poles) in [
            ("x1/(0.3 + x1); x2", 0.0),
            ("x1/(1.3 - x1); x2", 1.0),
            ("x1/(1.3 - x1); x2/(1.31 - x1)", 1.0),
            ("(1.3 - x1)^-2; x2", 1.0),
            ("(1.3 - x1)^1.5; x2", 1.0),
            ("sqrt(1.3 - x1); x2", 1.0),
            ("(1.3 - x1)^2; log(x1)/x1", 0.0),
            ("x1*x2/(x1*(1.3 - x1)); x2", 1.0),
            // Beyond twice the range; and a state of both signs may be anywhere.
            ("1/(2.5 - x1); 1/(0.3 - x2)", 0.0),
        ] {
            assert_eq!(cost_of(text), COST * poles, "{text}");
        }
    }
}
