//! What is to be explained: observed trajectories in normalised units, their smoothed curves and noise.
//!
//! All trajectories share one [`Scaling`]: time in units of the longest span, each state in units of its
//! largest observed magnitude. Laws are sought in these units and restored at the end. The curves come from
//! the smoother, in `curve`; the noise model is `noise`'s. Every law is weighed by the same weights. Where the loss is
//! a robust one, what the curves and units go by are the data without the suspects of `screen`; `leftover` has what
//! a fit leaves over, by the loss, `weighing` by what it is weighed. `pieces` cuts runs that no single solution can follow;
//! `tail` and `unseen` are about states of which much is small.

mod curve;
mod leftover;
mod noise;
mod pieces;
mod quantum;
mod screen;
mod tail;
mod unseen;
mod weighing;

use nsode_generator::Trajectory;
use nsode_parser::Scaling;

use crate::error::Error;
use crate::series::loss::Loss;

pub use curve::Curve;
use curve::{along, curves};
pub use leftover::Leftover;
pub use noise::Noise;
pub(crate) use noise::{Least, deviance, noise};
pub(crate) use pieces::FEWEST_ROWS;
pub use pieces::Piece;
pub use unseen::Unseen;

/// Errors near 0 that are asked of solutions, at least.
const LEAST_NEAR_ZERO: f64 = 1e-13;

/// The smallest standard deviation, in normalised units, that weighs anything before a law is known.
pub const FLOOR: f64 = 2e-5;

/// The accuracy, in normalised units, below which residuals say nothing: what is left of a law that the last,
/// most accurate integration follows as far as it can.
pub const RESOLUTION: f64 = 1e-8;

/// Residuals' standard deviation, in normalised units, from which a series counts as noisy; below, what is left may be that of a
/// law which is not quite right. A system is noisy where all of its states are.
pub const NOISY: f64 = 1e-3;

/// Fewest observed values a state.
pub const FEWEST_CELLS: usize = 5;

/// Magnitudes of a state that its unit may have: squares of values are numbers then.
const SMALLEST: f64 = 1e-100;
const LARGEST: f64 = 1e100;

/// Observed trajectories in normalised units, with what the smoother says of them.
#[derive(Clone, Debug)]
pub struct Problem {
    dimension: usize,
    scaling: Scaling,
    normalised: Vec<Trajectory>,
    /// Which run each of them is a part of.
    pieces: Vec<Piece>,
    /// The same without the cells that may be gross errors.
    screened: Vec<Trajectory>,
    loss: Loss,
    curves: Vec<Curve>,
    /// What the curves may be wrong by, as far as equations are compared by them; in normalised units.
    accuracy: f64,
    noise: Vec<Noise>,
    /// Whether the noise was given, not estimated.
    known: bool,
    /// `1/√shape` a cell, 0 where missing; one list a trajectory, row-major.
    weights: Vec<Vec<f64>>,
    /// The smallest additive share of each state's noise that is looked for.
    least_shares: Vec<f64>,
    /// Zeros that are not fitted.
    unseen: Vec<Unseen>,
    /// Observed cells of each state.
    cells: Vec<usize>,
    /// Variance of the rounding of each cell, normalised units; one list a trajectory, row-major.
    rounding: Vec<Vec<f64>>,
}

impl Problem {
    /// A problem from trajectories of one system; missing cells are NaN.
    ///
    /// # Errors
    /// [`Error`] for no trajectory, different dimensions, no time span, or a state with fewer than
    /// [`FEWEST_CELLS`] observed values or without scale.
    pub fn new(trajectories: Vec<Trajectory>) -> Result<Problem, Error> {
        Problem::with_loss(trajectories, Loss::Squares)
    }

    /// The same, to be fitted by another loss: units and curves are then those of the data without suspected cells.
    ///
    /// # Errors
    /// Those of [`Problem::new`].
    pub fn with_loss(trajectories: Vec<Trajectory>, loss: Loss) -> Result<Problem, Error> {
        Problem::posed(trajectories, loss, false)
    }

    /// The same, where all zeros are true.
    ///
    /// # Errors
    /// Those of [`Problem::new`].
    pub fn with_zeros(trajectories: Vec<Trajectory>, loss: Loss) -> Result<Problem, Error> {
        Problem::posed(trajectories, loss, true)
    }

    fn posed(
        trajectories: Vec<Trajectory>,
        loss: Loss,
        zeros_are_true: bool,
    ) -> Result<Problem, Error> {
        let dimension = trajectories.first().ok_or(Error::NoTrajectory)?.dimension();
        for (index, path) in trajectories.iter().enumerate() {
            if path.dimension() != dimension {
                return Err(Error::Dimension {
                    index,
                    found: path.dimension(),
                    expected: dimension,
                });
            }
        }
        let (trajectories, unseen) = match zeros_are_true {
            true => (trajectories, Vec::new()),
            false => unseen::without_unseen(trajectories, dimension),
        };
        let trajectories: Vec<Trajectory> = trajectories
            .into_iter()
            .filter(|path| path.len() > 1)
            .collect();
        let suspects = loss
            .is_robust()
            .then(|| screen::suspects(&trajectories, dimension));
        let mut cells = vec![0; dimension];
        let mut states = vec![0.0f64; dimension];
        let (mut span, mut origin) = (0.0f64, f64::INFINITY);
        for path in &trajectories {
            for (d, (count, scale)) in cells.iter_mut().zip(&mut states).enumerate() {
                for y in path.column(d).filter(|y| !y.is_nan()) {
                    *count += 1;
                    *scale = scale.max(y.abs());
                }
            }
            if let (Some(first), Some(last)) = (path.times().first(), path.times().last()) {
                span = span.max(last - first);
                origin = origin.min(*first);
            }
        }
        for (state, (&found, &scale)) in cells.iter().zip(&states).enumerate() {
            if found < FEWEST_CELLS {
                return Err(Error::TooFewCells {
                    state,
                    found,
                    needed: FEWEST_CELLS,
                });
            }
            if scale == 0.0 {
                return Err(Error::NoScale { state });
            }
            if !(SMALLEST..=LARGEST).contains(&scale) {
                return Err(Error::Scale { state, scale });
            }
        }
        if !(span > 0.0 && span.is_finite()) {
            return Err(Error::NoSpan);
        }
        if let Some(suspects) = &suspects {
            let left = screen::largest(&screen::without(&trajectories, suspects), dimension);
            let left = left.into_iter().zip(&states);
            // Zero but for the suspects: then these are all that there is.
            states = left
                .map(|(left, all)| if left > 0.0 { left } else { *all })
                .collect();
        }
        let scaling = Scaling {
            origin,
            time: span,
            states,
        };
        let normalised = trajectories
            .iter()
            .map(|path| path.normalised(&scaling))
            .collect::<Result<Vec<_>, _>>()?;
        let screened = match &suspects {
            None => normalised.clone(),
            Some(suspects) => screen::without(&normalised, suspects),
        };
        let rounding = rounding(&trajectories, &scaling);
        let (curves, noise) = curves(&screened, dimension, &rounding);
        let mut problem = Problem {
            dimension,
            rounding,
            scaling,
            pieces: Piece::whole(&normalised),
            normalised,
            screened,
            loss,
            curves,
            accuracy: FLOOR,
            least_shares: least_shares(&noise),
            unseen,
            noise,
            known: false,
            weights: Vec::new(),
            cells,
        };
        problem.weigh();
        Ok(problem)
    }

    /// Fills the weights by the noise model.
    fn weigh(&mut self) {
        self.weights = self
            .normalised
            .iter()
            .zip(&self.curves)
            .map(|(path, curve)| {
                let mut weights = Vec::with_capacity(path.states().len());
                for row in 0..path.len() {
                    let smooth = curve.at(row * curve.per_interval);
                    for ((y, u), noise) in path.state(row).iter().zip(smooth).zip(&self.noise) {
                        weights.push(if y.is_nan() {
                            0.0
                        } else {
                            noise.shape(*u).sqrt().recip()
                        });
                    }
                }
                weights
            })
            .collect();
    }

    /// The same problem with another noise model, one [`Noise`] a state.
    pub fn with_noise(&self, noise: Vec<Noise>) -> Problem {
        let mut problem = self.clone();
        if noise.len() == self.dimension {
            problem.noise = noise;
            problem.weigh();
        }
        problem
    }

    /// The same problem with noise that counts as additive, as large as it was.
    pub fn additive(&self) -> Problem {
        let each = self.noise.iter();
        self.with_noise(
            each.map(|noise| Noise {
                additive: 1.0,
                ..*noise
            })
            .collect(),
        )
    }

    /// The same problem with a noise that is known, one [`Noise`] a state: it is not estimated again, and
    /// residuals are measured by it.
    pub fn with_known_noise(&self, noise: Vec<Noise>) -> Problem {
        let mut problem = self.with_noise(noise);
        problem.known = true;
        problem
    }

    /// Whether the noise was given, not estimated.
    pub fn knows_noise(&self) -> bool {
        self.known
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The units in which everything below is normalised.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The trajectories in normalised units.
    pub fn normalised(&self) -> &[Trajectory] {
        &self.normalised
    }

    /// The same without the cells that may be gross errors, which are NaN; all cells where the loss is squares.
    pub fn screened(&self) -> &[Trajectory] {
        &self.screened
    }

    /// Zeros that stand for what was too small to be seen, and are not fitted.
    pub fn unseen(&self) -> &[Unseen] {
        &self.unseen
    }

    /// What residuals cost.
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// What the curves may be wrong by, as far as equations are compared by them; in normalised units.
    pub fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// The same problem with curves that go by the solutions of a law which nearly follows the data: only what the data
    /// have beside these is smoothed, and a smoother's error is a share of what it smooths. `solve` gives the states and
    /// slopes of a trajectory at times, each row-major; `accuracy` is what the new curves may be wrong by.
    pub fn along(
        &self,
        accuracy: f64,
        solve: impl Fn(usize, &[f64]) -> Option<(Vec<f64>, Vec<f64>)>,
    ) -> Option<Problem> {
        Some(Problem {
            curves: along(&self.screened, self.dimension, solve)?,
            accuracy,
            ..self.clone()
        })
    }

    /// The smoothed curves, normalised units, one a trajectory.
    pub fn curves(&self) -> &[Curve] {
        &self.curves
    }

    /// The noise of each state.
    pub fn noise(&self) -> &[Noise] {
        &self.noise
    }

    /// The smallest |u| of a state that noise in proportion to the value still tells from others, normalised; 1 for a state that
    /// is 0 somewhere, or changes its sign: there such noise says nothing.
    pub fn smallest(&self, state: usize) -> f64 {
        let cells = self.normalised.iter().flat_map(|run| run.column(state));
        let cells: Vec<f64> = cells.filter(|u| !u.is_nan()).collect();
        let one_sign = cells.iter().all(|u| *u > 0.0) || cells.iter().all(|u| *u < 0.0);
        match one_sign {
            true => cells.iter().fold(1.0, |least, u| u.abs().min(least)),
            false => 1.0,
        }
    }

    /// The standard deviation of the noise near 0, normalised, of a state that is an amount, which comes near 0 and stays above: its noise
    /// goes with the value over decades, and no value is below 0.
    pub fn amount(&self, state: usize) -> Option<f64> {
        let mut cells = self.screened.iter().flat_map(|run| run.column(state));
        let noise = self.noise.get(state).filter(|n| n.spans_decades())?;
        (!cells.any(|u| u < 0.0)).then(|| noise.deviation * noise.additive.sqrt())
    }

    /// Standard deviations of the rounding of a state's values, normalised: the smallest, which is what rounding adds to noise in
    /// proportion to the value, and the largest.
    pub fn rounded(&self, state: usize) -> (f64, f64) {
        let each = self.normalised.iter().zip(&self.rounding);
        let cells = each.flat_map(|(run, rounding)| {
            let own = rounding.iter().skip(state).step_by(self.dimension);
            run.column(state).zip(own)
        });
        let seen = cells.filter(|(u, _)| !u.is_nan()).map(|(_, v)| v.sqrt());
        seen.fold((f64::INFINITY, 0.0), |(least, most), r| {
            (r.min(least), r.max(most))
        })
    }

    /// How small the additive part of a state's noise may be found for fits to be weighed by it: as a law's residuals can tell, but
    /// of systems no smaller than the smoothed curves show, as their fits do not bear all weights that differ by orders of magnitude.
    pub(crate) fn least_additive(&self, state: usize) -> Least {
        match self.dimension {
            1 => self.least_told(state),
            _ => Least {
                share: self.least_share(state),
                deviation: 0.0,
            },
        }
    }

    /// The same as a law's residuals can tell: no smaller than its rounding, and than what the smallest value says.
    pub(crate) fn least_told(&self, state: usize) -> Least {
        let smallest = noise::least_share(self.smallest(state));
        Least {
            share: smallest.min(self.least_share(state)),
            deviation: self.rounded(state).0,
        }
    }

    fn least_share(&self, state: usize) -> f64 {
        self.least_shares.get(state).copied().unwrap_or(1.0)
    }

    /// Error of a solution near 0 that does not show beside the noise there, in normalised units; without bound where the noise
    /// is neither known nor nearly all in proportion to the value.
    pub fn bearable_near_zero(&self) -> f64 {
        let relative = |noise: &Noise| noise.additive < Least::USUAL.share;
        let noise = self.noise.iter().filter(|n| self.known || relative(n));
        let near_zero = noise.map(|n| n.deviation * n.additive.sqrt());
        (0.01 * near_zero.fold(f64::INFINITY, f64::min)).max(LEAST_NEAR_ZERO)
    }

    /// Weights of a trajectory's cells, row-major: inverse relative standard deviations, 0 where missing.
    pub fn weights(&self, trajectory: usize) -> &[f64] {
        self.weights.get(trajectory).map_or(&[], Vec::as_slice)
    }

    /// Observed cells of each state.
    pub fn cells(&self) -> &[usize] {
        &self.cells
    }

    /// How many cells of a state have a weight, and the sum of the squares of the weights.
    pub fn weighed(&self, state: usize) -> (usize, f64) {
        let each = self.weights.iter();
        let own = each.flat_map(|w| w.iter().skip(state).step_by(self.dimension));
        own.filter(|w| **w > 0.0)
            .fold((0, 0.0), |(cells, sum), w| (cells + 1, sum + w * w))
    }

    /// Observed cells, `n` of the information criterion.
    pub fn observed(&self) -> usize {
        self.cells.iter().sum()
    }
}

/// The smallest additive shares that are looked for, given those of the smoothed curves.
fn least_shares(noise: &[Noise]) -> Vec<f64> {
    let each = noise.iter();
    each.map(|noise| noise.additive.min(Least::USUAL.share))
        .collect()
}

/// Variance of the rounding of each cell, that of a uniform error within the step, in normalised units.
fn rounding(trajectories: &[Trajectory], scaling: &Scaling) -> Vec<Vec<f64>> {
    let d = scaling.states.len();
    let mut all: Vec<Vec<f64>> = trajectories
        .iter()
        .map(|path| vec![0.0; path.states().len()])
        .collect();
    for (state, unit) in scaling.states.iter().enumerate() {
        let values: Vec<f64> = trajectories.iter().flat_map(|p| p.column(state)).collect();
        let cells = all
            .iter_mut()
            .flat_map(|list| list.iter_mut().skip(state).step_by(d));
        for (cell, step) in cells.zip(quantum::steps(&values)) {
            *cell = (step / unit).powi(2) / 12.0;
        }
    }
    all
}
