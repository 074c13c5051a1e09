//! What is odd about a law, whatever the data say: reasons why nobody would write it down that its tokens do not show.

use nsode_parser::Expr;

use super::{angles, negative, poles};
use crate::series::problem::Problem;

/// Share of the largest magnitude by which noise may move a value of the other sign than all others.
const NOISE: f64 = 0.05;

/// What each oddity of a law costs before any data, in nats.
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
    match (
        high > 0.0 && -low <= NOISE * high,
        low < 0.0 && high <= -NOISE * low,
    ) {
        (true, _) => Some(1.0),
        (_, true) => Some(-1.0),
        _ => None,
    }
}
