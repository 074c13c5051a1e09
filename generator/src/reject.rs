//! Why a draw is no sample: typed reasons, and the checks on a solution that give most of them.

use nsode_parser::CanonicalSystem;
use nsode_parser::canonical::{Atom, Sum};
use nsode_parser::tape::Tape;
use serde::{Deserialize, Serialize};

use crate::Trajectory;
use crate::config::ValidConfig;
use crate::integrate::Integration;
use crate::projection::Projection;

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
    let points = path.len();
    let mut lengths = vec![0.0; points.saturating_sub(1)];
    for d in 0..path.dimension() {
        let mut bounds = (f64::INFINITY, f64::NEG_INFINITY);
        let mut size = 0.0_f64;
        let mut jump = 0.0_f64;
        let mut turns = 0;
        let mut before: Option<f64> = None;
        let mut rise = 0.0;
        for value in path.column(d) {
            bounds = (bounds.0.min(value), bounds.1.max(value));
            size = size.max(value.abs());
            if let Some(before) = before {
                let step: f64 = value - before;
                jump = jump.max(step.abs());
                turns += usize::from(rise * step < 0.0);
                if step != 0.0 {
                    rise = step;
                }
            }
            before = Some(value);
        }
        let range = bounds.1 - bounds.0;
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
        for ((a, b), length) in path.column(d).zip(path.column(d).skip(1)).zip(&mut lengths) {
            *length += (b - a).abs() / range;
        }
    }
    let early = (accept.early * lengths.len() as f64).ceil() as usize;
    let first: f64 = lengths.iter().take(early).sum();
    let whole: f64 = lengths.iter().sum();
    if first > accept.finished * whole {
        return Err(Rejection::Settled);
    }
    Ok(())
}

/// What can be told from the path about the right-hand sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Every term shows.
    Distinct,
    /// A right-hand side that is no quadratic might as well be one.
    LooksQuadratic,
}

/// Projects each term of `system` on the other terms of its equation along `path`, and each right-hand
/// side that is no polynomial of degree 2 on all of those. Every few points of a long path are enough.
///
/// # Errors
/// [`Rejection::Unidentifiable`] for a term with too small a residual, [`Rejection::OutOfDomain`] where
/// a term has no value.
pub fn check_terms(
    system: &CanonicalSystem,
    path: &Trajectory,
    config: &ValidConfig,
) -> Result<Evidence, Rejection> {
    const POINTS: usize = 64;
    let dimension = system.dimension();
    let written = system.to_system();
    let mut terms = Vec::new();
    let mut counts = Vec::with_capacity(dimension);
    for rhs in written.rhs() {
        let before = terms.len();
        split(rhs, &mut terms);
        counts.push(terms.len() - before);
    }
    let tape = Tape::compile(&terms);
    let mut scratch = tape.scratch();
    let every = path.len().div_ceil(POINTS).max(1);
    let rows: Vec<usize> = (0..path.len()).step_by(every).collect();
    let mut values = vec![0.0; terms.len()];
    let mut columns = vec![vec![0.0; rows.len()]; terms.len()];
    for (k, &row) in rows.iter().enumerate() {
        let t = path.times().get(row).copied().unwrap_or(0.0);
        tape.eval(t, path.state(row), &[], &mut scratch, &mut values);
        for (column, &value) in columns.iter_mut().zip(&values) {
            if !value.is_finite() {
                return Err(Rejection::OutOfDomain);
            }
            column[k] = value;
        }
    }
    let mut evidence = Evidence::Distinct;
    let mut quadratics: Option<Projection> = None;
    let mut rest = columns.as_slice();
    for (sum, &count) in system.rhs().iter().zip(&counts) {
        let (own, others) = rest.split_at(count.min(rest.len()));
        rest = others;
        let mut f = vec![0.0; rows.len()];
        for column in own {
            for (f, v) in f.iter_mut().zip(column) {
                *f += v;
            }
        }
        let size = f.iter().map(|v| v * v).sum::<f64>().sqrt();
        if count > 1 {
            let smallest = Projection::of(own).smallest_residual();
            if smallest.is_nan() || smallest < config.accept.term * size {
                return Err(Rejection::Unidentifiable);
            }
        }
        if !is_quadratic(sum) && evidence == Evidence::Distinct {
            let library =
                quadratics.get_or_insert_with(|| Projection::of(&quadratic_columns(path, &rows)));
            if library.residual(&f) < config.accept.quadratic * size {
                evidence = Evidence::LooksQuadratic;
            }
        }
    }
    Ok(evidence)
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

/// `1`, every state and every product of two, at the given points.
fn quadratic_columns(path: &Trajectory, rows: &[usize]) -> Vec<Vec<f64>> {
    let d = path.dimension();
    let mut columns = vec![vec![1.0; rows.len()]];
    for i in 0..d {
        columns.push(rows.iter().map(|&r| path.state(r)[i]).collect());
    }
    for i in 0..d {
        for j in i..d {
            let product = |&r: &usize| path.state(r)[i] * path.state(r)[j];
            columns.push(rows.iter().map(product).collect());
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
        check_terms(&canonical, &path, &ValidConfig::default())
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
