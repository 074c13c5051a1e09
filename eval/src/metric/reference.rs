//! The truth of a case, and the score of a law beside it.
//!
//! Solutions are computed in normalised units, so that the tolerances mean the same for a voltage and for a
//! population. A law is always started from the true initial state, whatever its own fit says: the metrics are
//! about the law. Its slopes are compared with the true ones at the points of both clean runs.

use nsode_generator::{Integration, Integrator, Trajectory};
use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Expr, Scaling, Skeleton, System};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::skeleton::spans;
use super::{WORST, r2};
use crate::suite::{KnownSystem, Runs};

/// Points beside those of the runs at which laws are compared as functions, drawn from the box of the runs.
const DRAWN: usize = 200;

/// A law may leave the range of the true runs by this factor before it counts as diverged.
const FAR: f64 = 1e6;

/// Why there is no truth to compare with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// The true law has no solution over the times.
    #[error("run {run} of the true law has no solution: {outcome:?}")]
    NoSolution {
        /// The run, from 1.
        run: usize,
        /// What the integrator says.
        outcome: Integration,
    },
    /// There is no run of this number.
    #[error("there is no run {run}")]
    NoRun {
        /// The run, from 1.
        run: usize,
    },
}

/// The truth of a case.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The run that is observed, clean: solved, or what was measured.
    pub own: Trajectory,
    /// The run that a law found is to generalize to.
    pub other: Option<Trajectory>,
    /// The true law's skeleton and the number of its constants, where it has a canonical form.
    pub skeleton: Option<Skeleton>,
    /// Tokens and constants of the true law in canonical form.
    pub complexity: usize,
    scaling: Scaling,
    /// Whether the true law's constants are known.
    known: bool,
    /// The points of the runs, with the true slopes.
    visited: Slopes,
    /// More points of the box around them.
    drawn: Slopes,
}

/// Slopes of the true law at points.
#[derive(Clone, Debug, Default)]
struct Slopes {
    points: Vec<(f64, Vec<f64>)>,
    /// Row-major, `D` a point.
    values: Vec<f64>,
}

/// What a law is worth. Where there is nothing to compare with, `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// R² of its solution from the observed run's true initial state.
    pub recon: f64,
    /// R² of its solution from the other run's initial state.
    pub generalization: Option<f64>,
    /// Whether its skeleton is the true one.
    pub skeleton: bool,
    /// Whether it is the true law for other values of its constants, no more of them than the true law has.
    pub family: bool,
    /// `max|f̂ − f| / max|f|` over the points of both runs, of the equation where that is largest; infinite
    /// where `f̂` has no value.
    pub law: Option<f64>,
    /// Tokens and constants in canonical form; nodes of its trees if it has none.
    pub complexity: usize,
}

impl Reference {
    /// The truth of the run `start` (from 0) of `system`, `points` points long if its grid is even.
    ///
    /// # Errors
    /// [`ReferenceError`] where the true law can't be solved.
    pub fn new(
        system: &KnownSystem,
        start: usize,
        points: usize,
    ) -> Result<Reference, ReferenceError> {
        let d = system.dimension();
        let none = ReferenceError::NoRun { run: start + 1 };
        let (own, other, scaling) = match &system.runs {
            Runs::Measured(series) => {
                let scaling = series.scaling().unwrap_or(Scaling::identity(d));
                (series.clone(), None, scaling)
            }
            Runs::Solved { initial, grid } => {
                let times = grid.times(points);
                let next = (start + 1) % initial.len();
                let runs: Vec<usize> = match next == start {
                    true => vec![start],
                    false => vec![start, next],
                };
                let mut scaling =
                    first_scaling(&times, d, runs.iter().filter_map(|r| initial.get(*r)));
                let mut solved = Vec::new();
                // Once to learn the magnitudes, once more with them.
                for _ in 0..2 {
                    solved.clear();
                    for &run in &runs {
                        let y0 = initial.get(run).ok_or(none.clone())?;
                        let path = solve(&system.law, y0, &times, &scaling, f64::MAX).map_err(
                            |outcome| ReferenceError::NoSolution {
                                run: run + 1,
                                outcome,
                            },
                        )?;
                        solved.push(path);
                    }
                    scaling.states = magnitudes(&solved, d);
                }
                let mut solved = solved.into_iter();
                (solved.next().ok_or(none)?, solved.next(), scaling)
            }
        };
        let canonical = CanonicalSystem::new(&system.law).map(|c| c.parts().ok());
        let skeleton = canonical.ok().flatten().map(|(skeleton, _)| skeleton);
        let known = matches!(system.runs, Runs::Solved { .. });
        let mut reference = Reference {
            complexity: skeleton
                .as_ref()
                .map_or_else(|| nodes(&system.law), Skeleton::complexity),
            own,
            other,
            skeleton,
            scaling,
            known,
            visited: Slopes::default(),
            drawn: Slopes::default(),
        };
        if known {
            let runs = || std::iter::once(&reference.own).chain(&reference.other);
            let points = runs().flat_map(|path| {
                let times = path.times().iter().enumerate();
                times.map(|(i, t)| (*t, path.state(i).to_vec()))
            });
            reference.visited = Slopes::of(&system.law, points);
            reference.drawn = Slopes::of(&system.law, reference.draw().into_iter());
        }
        Ok(reference)
    }

    /// Clean runs beside the own one, `count` of them, from initial states that divide the way to the other run's
    /// evenly; none of a measured series.
    ///
    /// # Errors
    /// [`ReferenceError`] where there is no other run, or no solution from one of these states.
    pub fn between(
        &self,
        system: &KnownSystem,
        count: usize,
    ) -> Result<Vec<Trajectory>, ReferenceError> {
        let other = match &self.other {
            Some(other) => other,
            None if self.known && count > 0 => return Err(ReferenceError::NoRun { run: 2 }),
            None => return Ok(Vec::new()),
        };
        let ends = || self.own.state(0).iter().zip(other.state(0));
        let run = |i: usize| {
            let share = (i + 1) as f64 / (count + 1) as f64;
            let y0: Vec<f64> = ends().map(|(a, b)| a + share * (b - a)).collect();
            solve(&system.law, &y0, self.own.times(), &self.scaling, f64::MAX).map_err(|outcome| {
                ReferenceError::NoSolution {
                    run: i + 3,
                    outcome,
                }
            })
        };
        (0..count).map(run).collect()
    }

    /// Whether the true law's constants are known, so that laws can be compared as functions.
    pub fn known(&self) -> bool {
        self.known
    }

    /// Points of the box that the runs span, the same ones every time.
    fn draw(&self) -> Vec<(f64, Vec<f64>)> {
        let d = self.own.dimension();
        let mut low = vec![f64::INFINITY; d];
        let mut high = vec![f64::NEG_INFINITY; d];
        for (_, y) in &self.visited.points {
            for ((low, high), y) in low.iter_mut().zip(&mut high).zip(y) {
                *low = low.min(*y);
                *high = high.max(*y);
            }
        }
        let times = self.own.times();
        let (first, last) = (times.first(), times.last());
        let (first, last) = (first.copied().unwrap_or(0.0), last.copied().unwrap_or(0.0));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut uniform = |low: f64, high: f64| {
            let share = (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            low + share * (high - low)
        };
        let point = |_| {
            let t = uniform(first, last);
            let y = low
                .iter()
                .zip(&high)
                .map(|(low, high)| uniform(*low, *high));
            (t, y.collect())
        };
        (0..DRAWN).map(point).collect()
    }

    /// What `law` is worth, a system of as many states.
    pub fn score(&self, law: &System) -> Score {
        let found = CanonicalSystem::new(law)
            .ok()
            .and_then(|canonical| canonical.parts().ok());
        let complexity = match &found {
            Some((skeleton, _)) => skeleton.complexity(),
            None => nodes(law),
        };
        if law.dimension() != self.own.dimension() {
            return Score {
                recon: WORST,
                generalization: self.other.as_ref().map(|_| WORST),
                skeleton: false,
                family: false,
                law: self.known.then_some(f64::INFINITY),
                complexity,
            };
        }
        let run = |path: &Trajectory| {
            let first = path.state(0);
            match solve(law, first, path.times(), &self.scaling, FAR) {
                Ok(solution) => r2(path, &solution),
                Err(_) => WORST,
            }
        };
        let skeleton = match (&found, &self.skeleton) {
            (Some((found, _)), Some(truth)) => found == truth,
            _ => false,
        };
        Score {
            recon: run(&self.own),
            generalization: self.other.as_ref().map(run),
            skeleton,
            family: skeleton
                || found.is_some_and(|(found, constants)| self.spanned(&found, &constants)),
            law: self.known.then(|| self.visited.distance(law)),
            complexity,
        }
    }

    fn spanned(&self, found: &Skeleton, constants: &[f64]) -> bool {
        let most = self.skeleton.as_ref().map_or(0, Skeleton::slots);
        if !self.known || found.slots() > most {
            return false;
        }
        let all = Slopes {
            points: [&self.visited.points[..], &self.drawn.points[..]].concat(),
            values: [&self.visited.values[..], &self.drawn.values[..]].concat(),
        };
        spans(found, constants, &all.points, &all.values)
    }
}

impl Slopes {
    /// The slopes of `law` at those points where it has them.
    fn of(law: &System, points: impl Iterator<Item = (f64, Vec<f64>)>) -> Slopes {
        let tape = Tape::compile(law.rhs());
        let mut scratch = tape.scratch();
        let mut out = vec![0.0; law.dimension()];
        let mut slopes = Slopes::default();
        for (t, y) in points {
            tape.eval(t, &y, &[], &mut scratch, &mut out);
            if out.iter().all(|v| v.is_finite()) {
                slopes.values.extend_from_slice(&out);
                slopes.points.push((t, y));
            }
        }
        slopes
    }

    /// `max|f̂ − f| / max|f|` of the equation where that is largest.
    fn distance(&self, law: &System) -> f64 {
        let d = law.dimension();
        let tape = Tape::compile(law.rhs());
        let mut scratch = tape.scratch();
        let mut out = vec![0.0; d];
        let (mut worst, mut size) = (vec![0.0_f64; d], vec![0.0_f64; d]);
        for ((t, y), truth) in self.points.iter().zip(self.values.chunks_exact(d)) {
            tape.eval(*t, y, &[], &mut scratch, &mut out);
            for (i, (found, truth)) in out.iter().zip(truth).enumerate() {
                let off = (found - truth).abs();
                if let (Some(worst), Some(size)) = (worst.get_mut(i), size.get_mut(i)) {
                    *worst = worst.max(if off.is_nan() { f64::INFINITY } else { off });
                    *size = size.max(truth.abs());
                }
            }
        }
        worst
            .iter()
            .zip(&size)
            .map(|(worst, size)| match *worst == 0.0 {
                true => 0.0,
                false => worst / size,
            })
            .fold(0.0, f64::max)
    }
}

fn nodes(law: &System) -> usize {
    law.rhs().iter().map(Expr::nodes).sum()
}

/// Units before anything is known: the span of time, and the size of the initial states.
fn first_scaling<'a>(
    times: &[f64],
    dimension: usize,
    initial: impl Iterator<Item = &'a Vec<f64>>,
) -> Scaling {
    let mut states = vec![0.0_f64; dimension];
    for y0 in initial {
        for (scale, y) in states.iter_mut().zip(y0) {
            *scale = scale.max(y.abs());
        }
    }
    for scale in &mut states {
        *scale = if *scale > 0.0 { *scale } else { 1.0 };
    }
    let (first, last) = (times.first(), times.last());
    let (first, last) = (first.copied().unwrap_or(0.0), last.copied().unwrap_or(1.0));
    Scaling {
        origin: first,
        time: last - first,
        states,
    }
}

/// The largest `|y|` of each state over some runs; 1 for a state that is always 0.
fn magnitudes(paths: &[Trajectory], dimension: usize) -> Vec<f64> {
    let size = |state: usize| {
        let values = paths.iter().flat_map(|path| path.column(state));
        match values.fold(0.0, |a: f64, y| a.max(y.abs())) {
            0.0 => 1.0,
            size => size,
        }
    };
    (0..dimension).map(size).collect()
}

/// The solution of `law` at `times`; a state beyond `far` times its unit has diverged.
fn solve(
    law: &System,
    initial: &[f64],
    times: &[f64],
    scaling: &Scaling,
    far: f64,
) -> Result<Trajectory, Integration> {
    let unit = |i: usize| scaling.states.get(i).copied().unwrap_or(1.0);
    let normal = |leaf: &Expr| match leaf {
        Expr::State(i) => Some(Expr::Number(unit(*i)) * Expr::State(*i)),
        Expr::Time => Some(Expr::Number(scaling.origin) + Expr::Number(scaling.time) * Expr::Time),
        _ => None,
    };
    let rhs: Vec<Expr> = law
        .rhs()
        .iter()
        .enumerate()
        .map(|(i, rhs)| Expr::Number(scaling.time / unit(i)) * rhs.substitute(&normal))
        .collect();
    let integrator = Integrator {
        max_abs: far,
        max_steps: 200_000,
        // Slow is no reason to give up here.
        stiffness_check: u32::MAX,
        ..Integrator::default()
    };
    let start: Vec<f64> = initial
        .iter()
        .enumerate()
        .map(|(i, y)| y / unit(i))
        .collect();
    let normal: Vec<f64> = times
        .iter()
        .map(|t| (t - scaling.origin) / scaling.time)
        .collect();
    match integrator.integrate(&Tape::compile(&rhs), &[], &start, &normal) {
        Integration::Complete(path) => {
            let states = path.states().iter().zip(scaling.states.iter().cycle());
            let states: Vec<f64> = states.map(|(u, s)| u * s).collect();
            let t = times.first().copied().unwrap_or(0.0);
            Trajectory::new(path.dimension(), times.to_vec(), states)
                .map_err(|_| Integration::Diverged { t })
        }
        outcome => Err(outcome),
    }
}
