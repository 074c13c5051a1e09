//! Why a draw is no sample: typed reasons, and the checks on a solution that give most of them.

use nsode_parser::CanonicalSystem;
use nsode_parser::canonical::{Atom, Sum};
use nsode_parser::tape::Tape;
use serde::{Deserialize, Serialize};

use crate::Trajectory;
use crate::config::ValidConfig;
use crate::integrate::Integration;
use crate::projection::{Projection, norm};

macro_rules! rejections {
    ($($variant:ident $doc:literal,)*) => {
        /// Why a draw was rejected.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
            thiserror::Error,
        )]
        #[non_exhaustive]
        pub enum Rejection {
            $(
                #[doc = $doc]
                #[error($doc)]
                $variant,
            )*
        }

        impl Rejection {
            /// All reasons, in the order in which they are looked for.
            pub const ALL: &'static [Rejection] = &[$(Rejection::$variant),*];

            /// The name under which it is counted.
            pub fn name(self) -> &'static str {
                match self {
                    $(Rejection::$variant => stringify!($variant),)*
                }
            }
        }
    };
}

rejections! {
    NotCanonical "The system has no canonical form.",
    NoDependence "The equations do not depend on the states, or fall apart into smaller systems.",
    Cascade "Some state influences no other; only a share of such systems is kept.",
    TooManyTokens "The skeleton has more tokens than allowed.",
    TooManyConstants "The skeleton has more constants than allowed.",
    Excluded "The configuration keeps the skeleton out.",
    Frequent "The skeleton is frequent; only a share of such samples is kept.",
    Reserved "The skeleton or the constants belong to another split.",
    Constant "Nothing changes.",
    Diverged "The solution leaves the range of numbers at once.",
    OutOfDomain "A right-hand side has no value at the initial state or on the way.",
    StepSizeUnderflow "The integrator's step vanished.",
    Stiff "The system is stiff.",
    TooManySteps "The integrator took too many steps.",
    Flat "A state hardly changes.",
    TooFast "A state changes faster than the grid can show.",
    Settled "The path is finished in the first moments.",
    ConstantOutOfRange "A constant is beyond the range that can be written, after normalisation.",
    Unidentifiable "A term cannot be told from the others along the path.",
    Quadratic "A quadratic explains the right-hand side, which is not one.",
    Unfamiliar "Training has no sample with the skeleton or the constants.",
}

impl Rejection {
    /// The reason that an integration failed; `None` if it did not.
    pub fn of(outcome: &Integration) -> Option<Rejection> {
        match outcome {
            Integration::Complete(_) => None,
            Integration::Diverged { .. } => Some(Rejection::Diverged),
            Integration::OutOfDomain { .. } => Some(Rejection::OutOfDomain),
            Integration::StepSizeUnderflow { .. } => Some(Rejection::StepSizeUnderflow),
            Integration::Stiff { .. } => Some(Rejection::Stiff),
            Integration::TooManySteps { .. } => Some(Rejection::TooManySteps),
        }
    }
}

/// Checks the course of a complete trajectory on a regular grid.
///
/// # Errors
/// [`Rejection::Constant`], [`Rejection::Flat`], [`Rejection::TooFast`] or [`Rejection::Settled`].
pub fn check_course(path: &Trajectory, config: &ValidConfig) -> Result<(), Rejection> {
    let accept = &config.accept;
    let steps = path.len().saturating_sub(1);
    let early = (accept.early * steps as f64).ceil() as usize;
    let (mut first, mut whole) = (0.0, 0.0);
    for d in 0..path.dimension() {
        let Course {
            low,
            high,
            jump,
            turns,
            first: own_first,
            whole: own_whole,
        } = Course::of(path.column(d), early);
        let (range, size) = (high - low, low.abs().max(high.abs()));
        // The integrator's own noise is far below this.
        if range <= 1e-6 * size {
            return Err(Rejection::Constant);
        }
        if range < accept.range * size {
            return Err(Rejection::Flat);
        }
        if jump > accept.jump * range || turns > config.horizon.turns {
            return Err(Rejection::TooFast);
        }
        first += own_first / range;
        whole += own_whole / range;
    }
    if first > accept.finished * whole {
        return Err(Rejection::Settled);
    }
    Ok(())
}

/// What matters of the course of one state.
struct Course {
    low: f64,
    high: f64,
    /// Largest change between two points.
    jump: f64,
    /// Number of changes of direction.
    turns: usize,
    /// Length of its path over the first points, and over all.
    first: f64,
    whole: f64,
}

impl Course {
    fn of(mut values: impl Iterator<Item = f64>, early: usize) -> Course {
        let mut before = values.next().unwrap_or(f64::NAN);
        let mut course = Course {
            low: before,
            high: before,
            jump: 0.0,
            turns: 0,
            first: 0.0,
            whole: 0.0,
        };
        let mut rise = 0.0;
        for (i, value) in values.enumerate() {
            let step = value - before;
            course.low = if value < course.low {
                value
            } else {
                course.low
            };
            course.high = if value > course.high {
                value
            } else {
                course.high
            };
            course.jump = if step.abs() > course.jump {
                step.abs()
            } else {
                course.jump
            };
            course.turns += usize::from(rise * step < 0.0);
            rise = if step == 0.0 { rise } else { step };
            course.whole += step.abs();
            if i + 1 == early {
                course.first = course.whole;
            }
            before = value;
        }
        course
    }
}

/// What can be told from the path about the right-hand sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Every term shows.
    Distinct,
    /// A right-hand side that is no quadratic might as well be one.
    LooksQuadratic,
}

/// The terms of a law, ready to be looked at along its solutions.
#[derive(Clone, Debug)]
pub struct Terms {
    /// All terms of all equations.
    tape: Tape,
    equations: Vec<Equation>,
}

#[derive(Clone, Debug)]
struct Equation {
    terms: usize,
    quadratic: bool,
}

impl Terms {
    /// The terms of `system`.
    pub fn of(system: &CanonicalSystem) -> Terms {
        let mut terms = Vec::new();
        let written = system.to_system();
        let equations = written.rhs().iter().zip(system.rhs()).map(|(rhs, sum)| {
            let before = terms.len();
            split(rhs, &mut terms);
            Equation {
                terms: terms.len() - before,
                quadratic: is_quadratic(sum),
            }
        });
        Terms {
            equations: equations.collect(),
            tape: Tape::compile(&terms),
        }
    }

    /// Projects each term on the other terms of its equation along `path`, and each right-hand side that
    /// is no polynomial of degree 2 on all of those. Every few points of a long path are enough.
    ///
    /// # Errors
    /// [`Rejection::Unidentifiable`] for a term with too small a residual, [`Rejection::OutOfDomain`]
    /// where a term has no value.
    pub fn check(&self, path: &Trajectory, config: &ValidConfig) -> Result<Evidence, Rejection> {
        const POINTS: usize = 64;
        let every = path.len().div_ceil(POINTS).max(1);
        let rows = path.len().div_ceil(every);
        let times: Vec<f64> = path.times().iter().step_by(every).copied().collect();
        let column = |d| path.column(d).step_by(every).collect();
        let states: Vec<Vec<f64>> = (0..path.dimension()).map(column).collect();
        let values = self.tape.table(&times, &states, &[]);
        if !values.iter().all(|v| v.is_finite()) {
            return Err(Rejection::OutOfDomain);
        }
        let mut columns = values.chunks_exact(rows.max(1));
        let mut evidence = Evidence::Distinct;
        let mut quadratics: Option<Projection> = None;
        for equation in &self.equations {
            let own: Vec<&[f64]> = columns.by_ref().take(equation.terms).collect();
            let mut f = vec![0.0; rows];
            for column in &own {
                for (f, v) in f.iter_mut().zip(*column) {
                    *f += v;
                }
            }
            let size = norm(&f);
            if own.len() > 1 {
                let smallest = Projection::of(&own).smallest_residual();
                if smallest.is_nan() || smallest < config.accept.term * size {
                    return Err(Rejection::Unidentifiable);
                }
            }
            if !equation.quadratic && evidence == Evidence::Distinct {
                let library = quadratics
                    .get_or_insert_with(|| Projection::of(&quadratic_columns(&states, rows)));
                if library.residual(&f) < config.accept.quadratic * size {
                    evidence = Evidence::LooksQuadratic;
                }
            }
        }
        Ok(evidence)
    }
}

/// The terms of a sum as the printer of canonical forms writes it.
fn split(expr: &nsode_parser::Expr, terms: &mut Vec<nsode_parser::Expr>) {
    use nsode_parser::{Binary, Expr};
    match expr {
        Expr::Binary(Binary::Add, a, b) => {
            split(a, terms);
            split(b, terms);
        }
        Expr::Binary(Binary::Sub, a, b) => {
            split(a, terms);
            let start = terms.len();
            split(b, terms);
            for term in terms.iter_mut().skip(start) {
                let positive = std::mem::replace(term, Expr::Number(0.0));
                *term = -positive;
            }
        }
        other => terms.push(other.clone()),
    }
}

/// Whether a sum is a polynomial of degree at most 2 in the states, without the time.
pub fn is_quadratic(sum: &Sum) -> bool {
    sum.terms().iter().all(|term| {
        let mut degree = 0.0;
        let powers = term.product.factors().iter().all(|factor| {
            degree += factor.exponent;
            matches!(factor.atom, Atom::State(_)) && [1.0, 2.0].contains(&factor.exponent)
        });
        powers && degree <= 2.0
    })
}

/// `1`, every state and every product of two, from the columns of the states.
fn quadratic_columns(states: &[Vec<f64>], rows: usize) -> Vec<Vec<f64>> {
    let mut columns = vec![vec![1.0; rows]];
    columns.extend_from_slice(states);
    for (i, a) in states.iter().enumerate() {
        for b in &states[i..] {
            columns.push(a.iter().zip(b).map(|(a, b)| a * b).collect());
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::infix::parse_system;

    fn course(values: impl Iterator<Item = f64>) -> Result<(), Rejection> {
        let states: Vec<f64> = values.collect();
        let times = (0..states.len()).map(|i| i as f64).collect();
        let path = Trajectory::new(1, times, states).unwrap();
        check_course(&path, &ValidConfig::default())
    }

    #[test]
    fn courses() {
        let grid = || (0..200).map(|i| f64::from(i) / 199.0);
        assert_eq!(course(grid().map(|_| 2.0)), Err(Rejection::Constant));
        assert_eq!(course(grid().map(|t| 2.0 + 0.05 * t)), Err(Rejection::Flat));
        assert_eq!(course(grid().map(|t| 2.0 + 2.0 * t)), Ok(()));
        let step = |t: f64| if t < 0.5 { 1.0 } else { 2.0 };
        assert_eq!(course(grid().map(step)), Err(Rejection::TooFast));
        assert_eq!(
            course(grid().map(|t| (60.0 * t).sin())),
            Err(Rejection::TooFast)
        );
        assert_eq!(course(grid().map(|t| (20.0 * t).sin())), Ok(()));
        assert_eq!(
            course(grid().map(|t| (-35.0 * t).exp())),
            Err(Rejection::Settled)
        );
        assert_eq!(course(grid().map(|t| (-10.0 * t).exp())), Ok(()));
    }

    fn evidence(law: &str, from: f64, to: f64) -> Result<Evidence, Rejection> {
        let (system, _) = parse_system(law, None).unwrap();
        let canonical = CanonicalSystem::new(&system).unwrap();
        let n = 200;
        let share = |i: usize| i as f64 / (n - 1) as f64;
        let times = (0..n).map(share).collect();
        let states = (0..n).map(|i| from + share(i) * (to - from)).collect();
        let path = Trajectory::new(1, times, states).unwrap();
        Terms::of(&canonical).check(&path, &ValidConfig::default())
    }

    #[test]
    fn terms_must_show() {
        assert_eq!(evidence("y - y^2", 0.1, 1.0), Ok(Evidence::Distinct));
        // 0.001 of a term that is of order one.
        assert_eq!(
            evidence("y - 0.001*y^2", 0.1, 1.0),
            Err(Rejection::Unidentifiable)
        );
        // sin y is y where y is small.
        assert_eq!(
            evidence("sin(y) + 2*y", 0.01, 0.1),
            Err(Rejection::Unidentifiable)
        );
        assert_eq!(evidence("sin(y) + 2*y", 0.1, 6.0), Ok(Evidence::Distinct));
        // A single term always shows, however it is disguised.
        assert_eq!(evidence("sin(y)", 0.01, 0.1), Ok(Evidence::LooksQuadratic));
        assert_eq!(evidence("sin(y)", 0.1, 3.0), Ok(Evidence::Distinct));
    }

    #[test]
    fn names_are_unique_and_complete() {
        let mut names: Vec<_> = Rejection::ALL.iter().map(|r| r.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Rejection::ALL.len());
    }
}
