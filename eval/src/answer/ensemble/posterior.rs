//! One law's constants and initial states as the data leave them open: a normal distribution around the fit, from
//! which draws are made and weighed by how well they really follow the data.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::discover::Candidate;
use crate::fit::flow::Run;
use crate::fit::parametrised::{Fitted, Parametrised};
use crate::fit::setting::Setting;
use crate::fit::sizes;
use crate::series::independence::independence;
use crate::series::loss::Loss;
use crate::series::problem::{NOISY, Problem, RESOLUTION};

/// Largest |u| that a draw may reach, in the units in which data have 1.
const LIMIT: f64 = 1e6;

/// Eigenvalues of the correlations below this are rounding.
const SINGULAR: f64 = 1e-14;

/// Most steps of one solution.
const STEPS: usize = 20_000;

/// The posterior of one law.
#[derive(Clone, Debug)]
pub struct Posterior {
    model: Parametrised,
    settings: Vec<Setting>,
    centre: Fitted,
    /// Square root of the covariance of constants and initial states.
    root: DMatrix<f64>,
    deviations: Vec<f64>,
    /// What a cost is divided by before it is minus twice the logarithm of a probability.
    temperature: f64,
    /// What each constant is where it is 1 in normalised units, in which sizes are usual or not; none for a person's own
    /// form, of whose constants nothing is known beforehand, and where units can't be told.
    scales: Vec<f64>,
}

/// Constants and initial states that may be the true ones.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Constants, in the data's units.
    pub constants: Vec<f64>,
    /// Initial states, normalised, one a trajectory.
    pub initial: Vec<Vec<f64>>,
    /// Logarithm of the weight that corrects the normal distribution; −∞ where there is no solution.
    pub weight: f64,
    /// States at the last observation, normalised, one a trajectory.
    pub last: Vec<Vec<f64>>,
}

impl Posterior {
    /// That of `candidate`, in the form in which it is reported. `None` where its solution can't be repeated.
    pub fn of(problem: &Problem, candidate: &Candidate) -> Option<Posterior> {
        let template = candidate.skeleton.template();
        let (rhs, settings, constants): (_, Vec<Setting>, Vec<f64>) = match &candidate.form {
            Some(form) => (
                form.rhs.as_slice(),
                form.settings.clone(),
                form.constants.iter().map(|k| k.constant.value).collect(),
            ),
            None => (
                template.rhs(),
                vec![Setting::FREE; candidate.constants.len()],
                candidate.constants.iter().map(|c| c.value).collect(),
            ),
        };
        let units = &problem.scaling().states;
        let initial: Vec<Vec<f64>> = candidate
            .initial
            .iter()
            .map(|y| y.iter().zip(units).map(|(y, unit)| y / unit).collect())
            .collect();
        let model = Parametrised::new(problem, rhs, settings.clone())?;
        let mut deviations = problem.first_deviations();
        let mut centre = model.at(problem, &deviations, &constants, &initial)?;
        if problem.is_weighed_by_residuals() {
            deviations = problem.last_deviations(&centre.leftover.sse);
            centre = model.at(problem, &deviations, &constants, &initial)?;
        }
        let least = deviations.iter().copied().fold(f64::INFINITY, f64::min);
        let residual = problem.residual_variance(&centre.leftover, centre.jacobian.ncols());
        let (variance, temperature) = match problem.knows_noise() {
            true => (residual, 1.0),
            // Residuals that drift together say less than their number.
            false => {
                let share = share(problem, &model, &centre).unwrap_or(1.0);
                let variance = (residual / share).max((RESOLUTION / least).powi(2));
                match problem.loss().is_robust() {
                    // Residuals in units of their own scale cost what their density says.
                    true => (variance, 1.0 / share),
                    false => (variance, variance),
                }
            }
        };
        let scales = match candidate.form {
            Some(_) => Vec::new(),
            None => scales(problem, candidate).unwrap_or_default(),
        };
        let cells = centre.jacobian.nrows();
        centre.jacobian = centre.jacobian.resize_vertically(cells + scales.len(), 0.0);
        for (k, (unit, constant)) in scales.iter().zip(&constants).enumerate() {
            let (_, slope) = sizes::place(constant / unit);
            centre.jacobian[(cells + k, k)] = variance.sqrt() * slope / unit.abs();
        }
        let spread = model.spread(&centre, variance);
        // Correlations, so that the units of the constants decide nothing.
        let units = spread.covariance.diagonal().map(|v| v.max(0.0).sqrt());
        let unit = |i: usize| if units[i] > 0.0 { units[i] } else { 1.0 };
        let n = units.len();
        let correlation =
            DMatrix::from_fn(n, n, |i, j| spread.covariance[(i, j)] / (unit(i) * unit(j)));
        let eigen = SymmetricEigen::new(correlation);
        // What the fit holds, as fixed constants, is no direction that a draw moves along.
        let roots = eigen
            .eigenvalues
            .iter()
            .zip(eigen.eigenvectors.column_iter());
        let roots = roots.filter(|(value, _)| **value > SINGULAR);
        let columns: Vec<DVector<f64>> = roots
            .map(|(value, vector)| vector.component_mul(&units) * value.sqrt())
            .collect();
        let root = match columns.is_empty() {
            true => DMatrix::zeros(units.len(), 0),
            false => DMatrix::from_columns(&columns),
        };
        root.iter().all(|v| v.is_finite()).then_some(Posterior {
            model,
            settings,
            centre,
            root,
            deviations,
            temperature,
            scales,
        })
    }

    /// Logarithm of the prior density of constants, relative to that of the fit's.
    fn log_prior(&self, constants: &[f64]) -> f64 {
        let each = constants
            .iter()
            .zip(&self.centre.constants)
            .zip(&self.scales);
        each.map(|((own, fitted), unit)| {
            sizes::log_density(own / unit) - sizes::log_density(fitted / unit)
        })
        .sum()
    }

    /// Mean square of the residuals in units of the noise that weighs them: 1 where the noise is as large as it
    /// was said to be.
    pub fn misfit(&self, problem: &Problem) -> f64 {
        let freedom = problem
            .observed()
            .saturating_sub(self.centre.jacobian.ncols());
        let sum = match problem.loss() {
            Loss::Squares => self.centre.leftover.square,
            _ => {
                let each = self.centre.leftover.sse.iter().zip(&self.deviations);
                each.map(|(sse, deviation)| sse / deviation.powi(2)).sum()
            }
        };
        sum / freedom.max(1) as f64
    }

    /// Values of the fit's solution and what the observed ones differ from it, normalised, one list a trajectory,
    /// row-major; NaN for a cell that is missing, or that no solution reaches.
    pub fn residuals(&self, problem: &Problem) -> Vec<Vec<(f64, f64)>> {
        let each = problem.normalised().iter().zip(&self.centre.initial);
        let each = each.map(|(path, start)| {
            let (states, _) = self.solve(&self.centre.constants, start, path.times());
            let one = |(cell, y): (usize, &f64)| {
                let u = states.get(cell).copied().unwrap_or(f64::NAN);
                (u, y - u)
            };
            path.states().iter().enumerate().map(one).collect()
        });
        each.collect()
    }

    /// The fitted constants.
    pub fn constants(&self) -> &[f64] {
        &self.centre.constants
    }

    /// The fit itself.
    pub fn centre(&self, problem: &Problem) -> Option<Draw> {
        let constants = self.centre.constants.clone();
        self.weighed(problem, constants, self.centre.initial.clone(), 0.0)
    }

    /// One draw. A constant that leaves its bounds is moved back to them.
    pub fn draw(&self, problem: &Problem, random: &mut ChaCha8Rng) -> Option<Draw> {
        let place = DVector::from_fn(self.directions(), |_, _| normal(random));
        let square = place.norm_squared();
        self.at(problem, &place, square)
    }

    /// Directions in which constants and initial states are open.
    pub(super) fn directions(&self) -> usize {
        self.root.ncols()
    }

    /// The draw at `place`, in standard deviations of the normal distribution along the directions. Its weight is
    /// the logarithm of how well it follows the data, plus half of `square`.
    pub(super) fn at(&self, problem: &Problem, place: &DVector<f64>, square: f64) -> Option<Draw> {
        let moved = &self.root * place;
        let all = self.centre.constants.len();
        let constants = (self.centre.constants.iter().zip(moved.iter()))
            .zip(&self.settings)
            .map(|((value, step), setting)| match setting {
                Setting::Fixed(value) => *value,
                Setting::Free { low, high } => (value + step).clamp(*low, *high),
            })
            .collect();
        let d = problem.dimension();
        let initial = self
            .centre
            .initial
            .iter()
            .enumerate()
            .map(|(number, states)| {
                let steps = moved.iter().skip(all + number * d);
                states.iter().zip(steps).map(|(u, step)| u + step).collect()
            })
            .collect();
        self.weighed(problem, constants, initial, square)
    }

    /// A draw with its weight; `square` is that of its distance from the centre in standard deviations.
    fn weighed(
        &self,
        problem: &Problem,
        constants: Vec<f64>,
        initial: Vec<Vec<f64>>,
        square: f64,
    ) -> Option<Draw> {
        let d = problem.dimension();
        let mut cost = 0.0;
        let mut last = Vec::new();
        for (number, (path, start)) in problem.normalised().iter().zip(&initial).enumerate() {
            let (states, _) = self.solve(&constants, start, path.times());
            let weights = problem.weights(number);
            for ((cell, y), w) in path.states().iter().enumerate().zip(weights) {
                if *w > 0.0 {
                    let u = states.get(cell).copied().unwrap_or(f64::INFINITY);
                    let deviation = self.deviations.get(cell % d)?;
                    let (r, _) = problem.residual(cell % d, *w, u, *y);
                    cost += problem.loss().rho(r / deviation);
                }
            }
            let rows = path.len();
            let end = states.get((rows - 1) * d..).unwrap_or(&[]);
            last.push(match end.len() == d {
                true => end.to_vec(),
                false => vec![f64::NAN; d],
            });
        }
        let apart = (cost - self.centre.leftover.cost) / self.temperature;
        let weight = self.log_prior(&constants) - 0.5 * apart + 0.5 * square;
        Some(Draw {
            constants,
            initial,
            weight: if weight.is_finite() {
                weight
            } else {
                f64::NEG_INFINITY
            },
            last,
        })
    }

    /// States at `times`, normalised and row-major, from `initial` at the first of them, as far as there is a
    /// solution, and then infinite for a state that ran away, NaN for others.
    pub fn course(&self, constants: &[f64], initial: &[f64], times: &[f64]) -> (Vec<f64>, bool) {
        let (mut states, run) = self.solve(constants, initial, times);
        let whole = run == Run::Complete;
        let d = initial.len();
        let mut beyond = vec![f64::NAN; d];
        if let Run::Diverged { .. } = run {
            // The one that is fastest where it was last seen.
            let rows = states.len() / d;
            let last = states.get((rows.max(1) - 1) * d..).unwrap_or(initial);
            let law = self.model.law().value();
            let (mut scratch, mut slopes) = (law.scratch(), vec![0.0; d]);
            let time = times.get(rows.max(1) - 1).copied().unwrap_or(0.0);
            let slots = self.model.slots(constants);
            law.eval(time, last, &slots, &mut scratch, &mut slopes);
            let fastest = slopes.iter().map(|f| f.abs()).fold(0.0, f64::max);
            for (end, slope) in beyond.iter_mut().zip(&slopes) {
                if slope.abs() == fastest {
                    *end = slope.signum() * f64::INFINITY;
                }
            }
        }
        while !whole && states.len() < times.len() * d {
            states.extend(&beyond);
        }
        (states, whole)
    }

    fn solve(&self, constants: &[f64], initial: &[f64], times: &[f64]) -> (Vec<f64>, Run) {
        let mut flow = self.model.flow();
        flow.limit = LIMIT;
        flow.max_steps = STEPS;
        let slots = self.model.slots(constants);
        let mut states = Vec::with_capacity(times.len() * initial.len());
        let run = flow.run(&slots, initial, times, None, false, |_, u, _| {
            states.extend_from_slice(u);
        });
        (states, run)
    }

    /// The right-hand sides at states in the data's units, with these constants, at normalised time `time`.
    pub fn slopes(
        &self,
        problem: &Problem,
        constants: &[f64],
        time: f64,
        states: &[f64],
    ) -> Vec<f64> {
        let scaling = problem.scaling();
        let law = self.model.law();
        let each = states.iter().zip(&scaling.states);
        let normalised: Vec<f64> = each.map(|(y, unit)| y / unit).collect();
        let (mut scratch, mut out) = (law.value().scratch(), vec![0.0; law.dimension()]);
        let slots = self.model.slots(constants);
        law.value()
            .eval(time, &normalised, &slots, &mut scratch, &mut out);
        let each = out.iter().zip(&scaling.states);
        each.map(|(f, unit)| f * unit / scaling.time).collect()
    }
}

/// What each constant of a candidate is in the data's units where it is 1 in normalised ones.
fn scales(problem: &Problem, candidate: &Candidate) -> Option<Vec<f64>> {
    let normalised = candidate.system.rescaled(problem.scaling()).ok()?;
    let (skeleton, values) = normalised.parts().ok()?;
    let pairs = candidate.constants.iter().zip(&values);
    let scales: Vec<f64> = pairs.map(|(own, value)| own.value / value).collect();
    let usable = scales.iter().all(|s| s.is_finite() && *s != 0.0);
    (skeleton == candidate.skeleton && usable).then_some(scales)
}

/// The share of independent information in the residuals; `None` for residuals of the integrator's size, which
/// are never independent.
fn share(problem: &Problem, model: &Parametrised, fitted: &Fitted) -> Option<f64> {
    let d = problem.dimension();
    if fitted.deviations(problem).iter().any(|d| *d < NOISY) {
        return None;
    }
    let own = problem.own_deviations(&fitted.leftover.sse);
    let mut series = Vec::new();
    for (number, (path, initial)) in problem.normalised().iter().zip(&fitted.initial).enumerate() {
        let states = model.solve(&fitted.constants, initial, path.times())?;
        let weights = problem.weights(number);
        let mut each = vec![Vec::new(); d];
        for (cell, ((y, u), w)) in path.states().iter().zip(&states).zip(weights).enumerate() {
            if *w > 0.0 {
                let (r, _) = problem.residual(cell % d, *w, *u, *y);
                let say = problem.loss().weight(r / own.get(cell % d)?);
                each.get_mut(cell % d)?.push(say * r);
            }
        }
        series.extend(each);
    }
    Some(independence(&series))
}

/// A standard normal number, by the method of Box and Muller.
pub(super) fn normal(random: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 4_294_967_296.0;
    let radius = (-2.0 * uniform().ln()).sqrt();
    radius * (std::f64::consts::TAU * uniform()).cos()
}
