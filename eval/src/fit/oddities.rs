//! What is odd about a law, whatever the data say: reasons why nobody would write it down that its tokens do not show.

use nsode_parser::Expr;

use super::{angles, negative, poles};
use crate::series::problem::Problem;

/// Standard deviations of the noise of small values by which one may be of the other sign than all others.
const BEYOND: f64 = 4.0;

/// What is odd about a law, as nats that it costs before any data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oddities {
    /// Places among the states where it has no value.
    pub poles: f64,
    /// Sines of what is no angle.
    pub frequencies: f64,
    /// States that would fall below 0.
    pub negative: f64,
}

impl Oddities {
    /// Those of a law in normalised units.
    pub(crate) fn of(problem: &Problem, rhs: &[Expr]) -> Oddities {
        Oddities {
            poles: poles::cost(problem, rhs),
            frequencies: angles::cost(problem, rhs),
            negative: negative::cost(problem, rhs),
        }
    }

    /// All of them together.
    pub fn cost(&self) -> f64 {
        self.poles + self.frequencies + self.negative
    }
}

/// The sign that all observed values of a state have, but for noise around 0.
pub(super) fn sign(problem: &Problem, state: usize) -> Option<f64> {
    let paths = problem.screened().iter();
    let all = paths.flat_map(|path| path.column(state));
    let (mut low, mut high) = (0.0f64, 0.0f64);
    for y in all.filter(|y| !y.is_nan()) {
        (low, high) = (low.min(y), high.max(y));
    }
    let noise = problem.noise().get(state);
    let around_zero = BEYOND * noise.map_or(0.0, |noise| noise.deviation * noise.additive.sqrt());
    if high > -low && -low <= around_zero {
        Some(1.0)
    } else if -low > high && high <= around_zero {
        Some(-1.0)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Sample;

    fn sign_of(law: &str, initial: &[f64], noise: f64) -> Option<f64> {
        let sample = Sample {
            law,
            states: &["x", "v"],
            initial: &[initial],
            times: (0.0, 8.0, 60),
            noise,
        };
        sign(&sample.problem(), 0)
    }

    #[test]
    fn a_state_has_a_sign_but_for_noise_around_zero() {
        for (initial, noise, expected) in [
            (2.0, 0.0, Some(1.0)),
            (2.0, 0.05, Some(1.0)),
            (-2.0, 0.05, Some(-1.0)),
        ] {
            let found = sign_of("-x; -v", &[initial, 1.0], noise);
            assert_eq!(found, expected, "{initial} {noise}");
        }
        // A damped spring swings through 0 by a twentieth: clean data show it.
        assert_eq!(sign_of("v; -x - 1.38*v", &[1.0, 0.0], 0.0), None);
        assert_eq!(sign_of("v; -x", &[1.0, 0.0], 0.05), None);
    }
}
