//! The span of time of a sample: long enough that something happens, short enough that it is not over at
//! once.
//!
//! The solution is first followed with loose tolerances until it settles, turns often enough, grows
//! beyond a cap or ends by itself; then a span is drawn relative to where that was.

use nsode_parser::tape::Tape;
use rand::Rng;

use crate::Interpolant;
use crate::config::ValidConfig;
use crate::integrate::{Ending, Integration, Integrator};
use crate::random::{below, log_uniform, uniform};
use crate::reject::Rejection;

/// What was seen on the way: times and states of the steps, and times at which a state turned.
#[derive(Clone, Debug, Default)]
struct Path {
    dimension: usize,
    times: Vec<f64>,
    states: Vec<f64>,
    slopes: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    turns: Vec<f64>,
    turns_of: Vec<usize>,
    /// Length of each state's path up to each step, row-major as `states`.
    lengths: Vec<f64>,
    /// The step at or before a third of the present time.
    third: usize,
}

impl Path {
    fn new(dimension: usize) -> Path {
        Path {
            dimension,
            times: Vec::with_capacity(64),
            states: Vec::with_capacity(64 * dimension),
            lengths: Vec::with_capacity(64 * dimension),
            low: vec![f64::INFINITY; dimension],
            high: vec![f64::NEG_INFINITY; dimension],
            slopes: vec![0.0; dimension],
            turns_of: vec![0; dimension],
            ..Path::default()
        }
    }

    fn push(&mut self, t: f64, y: &[f64], dy: &[f64]) {
        let before = self.times.last().copied();
        let start = self.states.len().saturating_sub(self.dimension);
        for i in 0..self.dimension {
            let (value, slope) = (y[i], dy[i]);
            let step = self
                .states
                .get(start + i)
                .map_or(0.0, |b| (value - b).abs());
            let length = self.lengths.get(start + i).copied().unwrap_or(0.0);
            self.lengths.push(length + step);
            self.low[i] = self.low[i].min(value);
            self.high[i] = self.high[i].max(value);
            if let Some(before) = before
                && self.slopes[i] * slope < 0.0
            {
                let share = self.slopes[i] / (self.slopes[i] - slope);
                self.turns.push(before + share * (t - before));
                self.turns_of[i] += 1;
            }
            self.slopes[i] = slope;
        }
        self.times.push(t);
        self.states.extend_from_slice(y);
        while self
            .times
            .get(self.third + 1)
            .is_some_and(|&s| 3.0 * s <= t)
        {
            self.third += 1;
        }
    }

    /// Whether the path hardly moved in the last two thirds of the time, a time in which it moved before.
    fn at_rest(&self) -> bool {
        let d = self.dimension;
        let last = self.times.len().saturating_sub(1);
        if last == 0 {
            return false;
        }
        let lengths = |k: usize| self.lengths.get(k * d..(k + 1) * d).unwrap_or(&[]);
        let since = lengths(last).iter().zip(lengths(self.third));
        since
            .zip(self.low.iter().zip(&self.high))
            .all(|((now, then), (low, high))| now - then <= 0.03 * (high - low))
    }

    /// Whether the last turns crowd together: these are no oscillation but steps to and fro across a pole
    /// or a jump, on which the integrator makes no headway.
    fn crowded(&self) -> bool {
        let now = self.times.last().copied().unwrap_or(0.0);
        let recent = self.turns.iter().nth_back(5);
        recent.is_some_and(|turn| now - turn < 1e-3 * now)
    }

    /// The first time by which a share of the path's length is covered; each state's part of the length
    /// is in units of its range.
    fn covered(&self, share: f64) -> f64 {
        let length = |row: &[f64]| {
            row.iter()
                .zip(self.low.iter().zip(&self.high))
                .filter(|(_, (low, high))| high > low)
                .map(|(length, (low, high))| length / (high - low))
                .sum::<f64>()
        };
        let mut rows = self.lengths.chunks_exact(self.dimension);
        let whole = rows.clone().next_back().map_or(0.0, length);
        let k = rows.position(|row| length(row) >= share * whole);
        let k = k
            .unwrap_or(0)
            .max(1)
            .min(self.times.len().saturating_sub(1));
        self.times.get(k).copied().unwrap_or(0.0)
    }
}

/// A span of time, and the solution from which it was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Horizon {
    /// The span.
    pub span: f64,
    /// The solution, within the loose tolerance of the exploration. May end before the span does.
    pub course: Interpolant,
}

/// Draws the span of time for one solution.
///
/// # Errors
/// A [`Rejection`] for a solution that cannot be followed or does nothing.
pub fn draw(
    system: &Tape,
    constants: &[f64],
    initial: &[f64],
    config: &ValidConfig,
    rng: &mut impl Rng,
) -> Result<Horizon, Rejection> {
    let horizon = &config.horizon;
    let size = initial.iter().fold(1.0_f64, |a, u| a.max(u.abs()));
    let explorer = Integrator {
        relative_tolerance: config.integrator.exploring,
        absolute_tolerance: config.integrator.exploring * size.min(1.0),
        max_abs: size * log_uniform(rng, horizon.growth),
        ..Integrator::from(&config.integrator)
    };
    let longest = horizon.longest;
    let mut path = Path::new(initial.len());
    let (ending, course) =
        explorer.explore(system, constants, initial, longest, &mut |t, y, dy| {
            path.push(t, y, dy);
            // At this speed nothing more will happen.
            let slow = (0..y.len())
                .all(|i| dy[i].abs() * (longest - t) <= 0.01 * (path.high[i] - path.low[i]));
            slow || path.at_rest()
                || path.crowded()
                || path.turns_of.iter().any(|&n| n > 2 * horizon.turns)
        });
    let ending_span = |t: f64, rng: &mut _| t * uniform(rng, horizon.ending);
    let span = match ending {
        Ending::Failed(
            Integration::Diverged { t }
            | Integration::OutOfDomain { t }
            | Integration::StepSizeUnderflow { t },
        ) => ending_span(t, rng),
        Ending::Failed(Integration::Stiff { .. }) => return Err(Rejection::Stiff),
        Ending::Failed(_) => return Err(Rejection::TooManySteps),
        Ending::Reached | Ending::Stopped { .. } => {
            let end = path.times.last().copied().unwrap_or(0.0);
            let covered = path.covered(config.accept.finished);
            if covered < 0.7 * end {
                covered * log_uniform(rng, horizon.settling)
            } else if path.turns.is_empty() {
                end * uniform(rng, [0.2, 1.0])
            } else {
                let most = path.turns.len().min(horizon.turns * path.dimension);
                let turn = path.turns[below(rng, most)];
                let span = turn * uniform(rng, [0.8, 1.5]);
                if span > end && path.crowded() {
                    return Err(Rejection::StepSizeUnderflow);
                }
                span
            }
        }
    };
    let span = span.min(2.0 * longest);
    if span > 1e-9 * longest {
        Ok(Horizon { span, course })
    } else {
        Err(match ending {
            Ending::Failed(Integration::Diverged { .. }) => Rejection::Diverged,
            Ending::Failed(_) => Rejection::OutOfDomain,
            _ => Rejection::Constant,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::{Expr, Unary};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn spans(rhs: Vec<Expr>, initial: &[f64]) -> Vec<f64> {
        let tape = Tape::compile(&rhs);
        let config = ValidConfig::default();
        let mut rng = ChaCha8Rng::seed_from_u64(10);
        (0..50)
            .map(|_| draw(&tape, &[], initial, &config, &mut rng).unwrap().span)
            .collect()
    }

    fn within(spans: &[f64], low: f64, high: f64) {
        assert!(spans.iter().all(|t| (low..=high).contains(t)), "{spans:?}");
    }

    #[test]
    fn decay_gets_some_time_constants() {
        // 95 % of the way takes 3 time constants.
        within(&spans(vec![-Expr::State(0)], &[1.0]), 0.7, 12.0);
        within(
            &spans(vec![Expr::Number(-100.0) * Expr::State(0)], &[1.0]),
            0.007,
            0.12,
        );
    }

    #[test]
    fn a_pole_is_not_reached() {
        // y' = y² from 1 is 1/(1 − t).
        let y = Expr::State(0);
        within(&spans(vec![y.clone() * y], &[1.0]), 0.15, 0.98);
    }

    #[test]
    fn the_edge_of_a_domain_is_not_reached() {
        // y' = −1 − √y from 1 is zero at t = 2·(1 − ln 2) = 0.614.
        let root = Expr::unary(Unary::Sqrt, Expr::State(0));
        within(&spans(vec![Expr::Number(-1.0) - root], &[1.0]), 0.18, 0.603);
    }

    #[test]
    fn an_oscillator_gets_some_turns() {
        let rhs = vec![Expr::State(1), -Expr::State(0)];
        // 32 turning points of both states together, one every π/2.
        within(&spans(rhs, &[1.0, 0.5]), 0.2, 76.0);
    }

    #[test]
    fn nothing_happens_at_rest() {
        let tape = Tape::compile(&[Expr::Number(0.0) * Expr::State(0)]);
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let span = draw(&tape, &[], &[1.0], &ValidConfig::default(), &mut rng);
        assert_eq!(span.err(), Some(Rejection::Constant));
    }
}
