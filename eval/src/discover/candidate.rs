//! A fit in the units of the data, with what is reported of it.

use nalgebra::DMatrix;
use nsode_generator::Trajectory;
use nsode_parser::{CanonicalSystem, Skeleton};

use crate::fit::constant::Constant;
use crate::fit::law::Law;
use crate::fit::refine::Refined;
use crate::fit::shooting::Shooter;
use crate::propose::guess::{Form, Guessed};
use crate::propose::proposer::ProposerKind;
use crate::series::problem::{Piece, Problem};

/// Points of the curves in [`Candidate::fitted`], a run; of each of its pieces at least some.
const CURVE_POINTS: usize = 200;
const FEWEST_POINTS: usize = 24;

/// A law that explains the data, in their units.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The law.
    pub system: CanonicalSystem,
    /// Its shape.
    pub skeleton: Skeleton,
    /// Its constants in slot order.
    pub constants: Vec<Constant>,
    /// Covariance of the constants; None where one is not determined.
    pub covariance: Option<DMatrix<f64>>,
    /// Who proposed it first.
    pub source: ProposerKind,
    /// Everybody who proposed it.
    pub sources: Vec<ProposerKind>,
    /// Coefficient of determination on the observed cells, averaged over states.
    pub r2: f64,
    /// Bayesian information criterion, of residuals in normalised units; constants that are exact are not counted.
    pub bic: f64,
    /// Constants that are exactly 1 or −1, or as large as another one, and were not fitted.
    pub exact: usize,
    /// Tokens and constants.
    pub complexity: usize,
    /// Probability; those of all candidates that were refined and of none of them add up to 1.
    pub posterior: f64,
    /// Initial states, one for each of `pieces`.
    pub initial: Vec<Vec<f64>>,
    /// What of the runs was fitted by one solution each: all of each, unless solutions separate too fast for that.
    pub pieces: Vec<Piece>,
    /// The solution on a dense grid, one a run, none at all where one cannot be computed; between pieces a point without
    /// values.
    pub fitted: Vec<Trajectory>,
    /// The user's own form, for a law that the user guessed.
    pub form: Option<Form>,
}

impl Candidate {
    /// Initial states at the beginnings of the runs.
    pub fn starts(&self) -> impl Iterator<Item = &[f64]> {
        let each = self.pieces.iter().zip(&self.initial);
        each.filter(|(piece, _)| piece.is_first())
            .map(|(_, initial)| initial.as_slice())
    }

    /// The same candidate in the user's form, if there is one.
    #[must_use]
    pub(super) fn in_form(mut self, guessed: Option<&Guessed>) -> Candidate {
        if let Some(guessed) = guessed {
            self.form = Some(guessed.form.clone());
            self.source = ProposerKind::Guess;
            // Others proposed the shape with all of its constants free.
            self.sources
                .retain(|source| guessed.free && *source != ProposerKind::Guess);
            self.sources.insert(0, ProposerKind::Guess);
        }
        self
    }
}

/// A fit in the units of the data; `None` where it cannot be expressed in them.
pub(super) fn restored(
    problem: &Problem,
    refined: &Refined,
    sources: Vec<ProposerKind>,
    posterior: f64,
) -> Option<Candidate> {
    let scaling = problem.scaling();
    let (system, values) = refined.physical(problem)?;
    let skeleton = refined.skeleton.clone();
    let factors: Vec<f64> = values
        .iter()
        .zip(&refined.constants)
        .map(|(physical, normal)| physical / normal)
        .collect();
    let constants = values
        .iter()
        .zip(&factors)
        .zip(&refined.errors)
        .map(|((value, factor), error)| Constant {
            value: *value,
            stderr: error.map(|e| e * factor.abs()).filter(|e| e.is_finite()),
        })
        .collect();
    let covariance = refined.covariance.as_ref().map(|c| {
        let factor = |i: usize| factors.get(i).copied().unwrap_or(1.0);
        DMatrix::from_fn(c.nrows(), c.ncols(), |i, j| {
            c[(i, j)] * factor(i) * factor(j)
        })
    });
    let law = Law::new(&skeleton.template(), refined.constants.len())?;
    let fitted = solutions(problem, &law, refined);
    Some(Candidate {
        exact: refined.exact.count(),
        complexity: skeleton.complexity(),
        initial: refined
            .initial
            .iter()
            .map(|u| u.iter().zip(&scaling.states).map(|(u, s)| u * s).collect())
            .collect(),
        pieces: problem.pieces().to_vec(),
        source: sources.first().copied().unwrap_or(ProposerKind::Local),
        sources,
        system,
        skeleton,
        constants,
        covariance,
        r2: refined.r2,
        bic: refined.bic,
        posterior,
        fitted: fitted.unwrap_or_default(),
        form: None,
    })
}

/// The solutions of a fit, one a run, in the units of the data.
fn solutions(problem: &Problem, law: &Law, refined: &Refined) -> Option<Vec<Trajectory>> {
    let shooter = Shooter::new(problem, law);
    let d = problem.dimension();
    let mut runs: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    let pieces = problem.normalised().iter().zip(problem.pieces());
    for ((path, piece), initial) in pieces.zip(&refined.initial) {
        let (first, last) = (path.times().first()?, path.times().last()?);
        let pieces = problem
            .pieces()
            .iter()
            .filter(|other| other.run == piece.run);
        let points = (CURVE_POINTS / pieces.count()).max(FEWEST_POINTS);
        let times: Vec<f64> = (0..points)
            .map(|i| first + (last - first) * i as f64 / (points - 1) as f64)
            .collect();
        let states = shooter.solve(&refined.constants, initial, &times)?;
        if piece.is_first() {
            runs.push((times, states));
        } else if let Some((before, all)) = runs.last_mut() {
            // No line from where one piece ends to where the next one begins.
            before.push(0.5 * (before.last()? + first));
            all.extend(std::iter::repeat_n(f64::NAN, d));
            before.extend(times);
            all.extend(states);
        }
    }
    let each = runs.into_iter();
    each.map(|(times, states)| {
        let solution = Trajectory::new(d, times, states).ok()?;
        solution.restored(problem.scaling()).ok()
    })
    .collect()
}
