//! Where the constants of a guess start when it does not say: values with which its right-hand side matches the
//! slopes of the smoothed curves, found from many draws of the size that the data's units suggest. Constants that enter
//! linearly are not drawn but solved for, given the others (variable projection: Golub and Pereyra, SIAM J. Numer. Anal. 10,
//! 1973): what stands before `exp(-E/T)` may have any size.

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::Unknown;
use crate::fit::parametrised::Parametrised;
use crate::fit::setting::Setting;
use crate::series::problem::Problem;

/// Nodes of the curves that are matched, or a few more.
const NODES: usize = 120;

/// Draws that are looked at, and those of them that are improved.
const DRAWS: usize = 1500;
const IMPROVED: usize = 16;

/// A state whose lowest value is below 0 by less than this share of its largest is as good as never there.
const NEAR: f64 = 0.05;

/// Draws at which it is seen in which constants the right-hand side is linear: at one alone a rate may have vanished.
const LOOKS: usize = 8;

/// Improved draws whose costs differ by less than this share mostly came to the same place: one of them is kept, so that the
/// few starts are different ones.
const SAME: f64 = 1e-3;

/// Times that all groups of linear constants are solved for: products of two of them settle slowly.
const SWEEPS: usize = 3;

/// Sets of constants, best match first; the guess's own first where it gives all.
pub(super) fn starts(
    problem: &Problem,
    model: &Parametrised,
    constants: &[Unknown],
    most: usize,
) -> Vec<Vec<f64>> {
    let nodes = nodes(problem, model);
    let matching = |values: &[f64]| Matching {
        model,
        nodes: &nodes,
        inner: DVector::from_vec(model.inner(values, true)),
    };
    let given: Option<Vec<f64>> = constants
        .iter()
        .map(|c| match c.setting {
            Setting::Fixed(value) => Some(value),
            _ => c.start,
        })
        .collect();
    // Always the same numbers: a guess has the same fit in every run.
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut uniform = || random.next_u32() as f64 / u32::MAX as f64;
    let is_open = |place: &usize| {
        constants
            .get(*place)
            .is_some_and(|c| c.setting == Setting::FREE && c.start.is_none())
    };
    let free = model.free().iter().enumerate();
    let open: Vec<usize> = free.filter(|(_, k)| is_open(k)).map(|(i, _)| i).collect();
    let mut looks = Vec::new();
    let mut linear = Vec::new();
    let mut drawn: Vec<(f64, Vec<f64>)> = Vec::new();
    for round in 0..DRAWS {
        if model.is_late() && !drawn.is_empty() {
            break;
        }
        let values: Vec<f64> = constants
            .iter()
            .map(|c| draw(problem, c, round, &mut uniform))
            .collect();
        let mut target = matching(&values);
        if looks.len() < LOOKS {
            looks.extend(target.changes(&open));
            linear = groups(&open, &looks);
        }
        let cost = target.project(&linear);
        drawn.push((
            cost.unwrap_or(f64::INFINITY),
            model.constants(target.inner.as_slice(), true).0,
        ));
    }
    drawn.retain(|(cost, _)| cost.is_finite());
    drawn.sort_by(|a, b| a.0.total_cmp(&b.0));
    drawn.truncate(IMPROVED);
    drawn.extend(given.iter().map(|values| (0.0, values.clone())));
    let mut improved: Vec<(f64, Vec<f64>)> = drawn
        .into_iter()
        .map(|(_, values)| {
            let solver = LevenbergMarquardt::new().with_patience(30);
            let target = solver.minimize(matching(&values)).0;
            let values = model.constants(target.inner.as_slice(), true).0;
            (target.cost(), values)
        })
        .filter(|(cost, _)| cost.is_finite())
        .collect();
    improved.sort_by(|a, b| a.0.total_cmp(&b.0));
    improved.dedup_by(|(cost, _), (other, _)| *cost - *other < SAME * *other);
    let improved = improved.into_iter().map(|(_, values)| values);
    given.into_iter().chain(improved).take(most).collect()
}

/// Initial states for a fit by logarithms: of a state that is hardly ever below 0 the sizes, so that it begins above.
pub(super) fn above_zero(problem: &Problem, initial: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let hardly_below = |state: usize| {
        let paths = problem.normalised().iter();
        let values = paths
            .flat_map(|path| path.column(state))
            .filter(|u| u.is_finite());
        let (least, most) = values.fold((0.0f64, 0.0f64), |(a, b), u| (a.min(u), b.max(u)));
        -least < NEAR * most
    };
    let stays: Vec<bool> = (0..problem.dimension()).map(hardly_below).collect();
    let value = |(u, stays): (&f64, &bool)| if *stays { u.abs() } else { *u };
    let runs = initial.iter();
    runs.map(|run| run.iter().zip(&stays).map(value).collect())
        .collect()
}

/// A value for a constant: near the one it starts at, between its bounds, or of a size that is a product of
/// powers of the units of time and of a state.
fn draw(
    problem: &Problem,
    constant: &Unknown,
    round: usize,
    uniform: &mut impl FnMut() -> f64,
) -> f64 {
    // Now and then far from what the units suggest: an activation energy is twenty times the temperature.
    let decades = if round % 2 == 1 { 2.4 } else { 1.2 };
    let spread = 10f64.powf(decades * (uniform() + uniform() - 1.0));
    if let (Some(start), true) = (constant.start, round % 4 != 3) {
        return start * spread.powf(0.5);
    }
    let scaling = problem.scaling();
    let (low, high) = match constant.setting {
        Setting::Fixed(value) => return value,
        Setting::Free { low, high } => (low, high),
    };
    if low.is_finite() && high.is_finite() {
        // Over decades where the bounds leave room for them.
        if low > 0.0 && high > 10.0 * low {
            return low * (high / low).powf(uniform());
        }
        // Bounds are often far wider than what is likely, so that half of the draws are as if there were none.
        if round.is_multiple_of(2) {
            return low + (high - low) * uniform();
        }
    }
    let pick = |count: usize, share: f64| ((share * count as f64) as usize).min(count - 1);
    let state = pick(scaling.states.len(), uniform());
    let unit = scaling.states.get(state).copied().unwrap_or(1.0);
    // Rates, slopes, capacities, shares, and what stands before squares.
    let sizes = [
        1.0 / scaling.time,
        unit,
        1.0,
        unit / scaling.time,
        1.0 / (unit * scaling.time),
        1.0 / unit,
    ];
    let size = sizes
        .get(pick(sizes.len(), uniform()))
        .copied()
        .unwrap_or(1.0);
    let sign = if uniform() < 0.85 { 1.0 } else { -1.0 };
    let value = sign * size * spread;
    match (low.is_finite(), high.is_finite()) {
        (true, true) => value.clamp(low, high),
        (true, _) => low + value.abs(),
        (_, true) => high - value.abs(),
        _ => value,
    }
}

/// A point of a smoothed curve: time, states and slopes, normalised; the slopes over their size.
struct Node {
    time: f64,
    states: Vec<f64>,
    slopes: Vec<f64>,
    sizes: Vec<f64>,
}

fn nodes(problem: &Problem, model: &Parametrised) -> Vec<Node> {
    let d = problem.dimension();
    let floors = model.floors();
    let count: usize = problem.curves().iter().map(|c| c.times.len()).sum();
    let stride = count.div_ceil(NODES).max(1);
    let mut sizes = vec![0.0f64; d];
    for curve in problem.curves() {
        for (i, slope) in curve.slopes.iter().enumerate() {
            if let Some(size) = sizes.get_mut(i % d) {
                *size = size.max(slope.abs());
            }
        }
    }
    let mut nodes = Vec::new();
    for curve in problem.curves() {
        for (node, time) in curve.times.iter().enumerate().step_by(stride) {
            nodes.push(Node {
                time: *time,
                states: (curve.at(node).iter().zip(floors))
                    .map(|(u, floor)| u.max(*floor))
                    .collect(),
                slopes: curve
                    .slopes
                    .iter()
                    .skip(node * d)
                    .take(d)
                    .copied()
                    .collect(),
                sizes: sizes.clone(),
            });
        }
    }
    nodes.retain(|n| n.states.iter().chain(&n.slopes).all(|v| v.is_finite()));
    nodes
}

/// Which derivatives by constants, the inner index, change with which constants.
type Changes = Vec<Vec<bool>>;

/// Those of the `open` constants in which the right-hand side is linear, in groups within which it is linear in all together:
/// in no look did the derivative by one of them change with any of them.
fn groups(open: &[usize], looks: &[Changes]) -> Vec<Vec<usize>> {
    let is_changed = |j: usize, with: usize| {
        let mut each = looks.iter();
        each.any(|look| look.get(with).and_then(|row| row.get(j)) != Some(&false))
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for k in (0..open.len()).filter(|k| !looks.is_empty() && !is_changed(*k, *k)) {
        let fits = |group: &&mut Vec<usize>| {
            let mut others = group.iter();
            others.all(|j| !is_changed(*j, k) && !is_changed(k, *j))
        };
        match groups.iter_mut().find(fits) {
            Some(group) => group.push(k),
            None => groups.push(vec![k]),
        }
    }
    let place = |k: &usize| open.get(*k).copied();
    let places = groups.iter().map(|g| g.iter().filter_map(place).collect());
    places.collect()
}

/// Least squares of right-hand sides against slopes.
struct Matching<'a> {
    model: &'a Parametrised,
    nodes: &'a [Node],
    inner: DVector<f64>,
}

impl Matching<'_> {
    fn cost(&self) -> f64 {
        match self.evaluate() {
            Some((residuals, _)) => residuals.norm_squared(),
            None => f64::INFINITY,
        }
    }

    /// Whether the derivative by one of the `open` constants, a row each, changes with another one; where it is 0 there is no
    /// telling, so that it counts as changed. `None` where the right-hand side can't be evaluated.
    fn changes(&self, open: &[usize]) -> Option<Changes> {
        let (_, here) = self.evaluate()?;
        let with = |k: &usize| {
            let mut moved = Matching {
                inner: self.inner.clone(),
                ..*self
            };
            moved.inner[*k] *= 2.0;
            let (_, there) = moved.evaluate()?;
            let each = open.iter().map(|j| {
                let (a, b) = (here.column(*j), there.column(*j));
                // Not so where it is 0, either.
                let is_same = (a - b).amax() < 1e-12 * a.amax();
                !is_same
            });
            Some(each.collect())
        };
        open.iter().map(with).collect()
    }

    /// Solves for one group of `linear` constants after the other, given all else; the cost after that.
    fn project(&mut self, linear: &[Vec<usize>]) -> Option<f64> {
        // One group alone is settled at once.
        let sweeps = if linear.len() > 1 { SWEEPS } else { 1 };
        for _ in 0..sweeps {
            for group in linear {
                self.solve(group)?;
            }
        }
        let cost = self.cost();
        cost.is_finite().then_some(cost)
    }

    /// Solves for a group of linear constants.
    fn solve(&mut self, linear: &[usize]) -> Option<()> {
        let (residuals, jacobian) = self.evaluate()?;
        if residuals.is_empty() {
            return None;
        }
        let mut columns = jacobian.select_columns(linear);
        // Their sizes differ by the units of the constants.
        let mut sizes = Vec::new();
        for mut column in columns.column_iter_mut() {
            let size = column.norm().max(f64::MIN_POSITIVE);
            column /= size;
            sizes.push(size);
        }
        let step = columns.svd(true, true).solve(&-residuals, 1e-10).ok()?;
        for ((place, step), size) in linear.iter().zip(step.iter()).zip(sizes) {
            self.inner[*place] += step / size;
        }
        Some(())
    }

    fn evaluate(&self) -> Option<(DVector<f64>, DMatrix<f64>)> {
        let law = self.model.law();
        let d = law.dimension();
        let (constants, slopes) = self.model.constants(self.inner.as_slice(), true);
        let slots = self.model.slots(&constants);
        let mut scratch = law.full().scratch();
        let mut out = vec![0.0; law.full().outputs()];
        let rows = d * self.nodes.len();
        let mut residuals = DVector::zeros(rows);
        let mut jacobian = DMatrix::zeros(rows, self.inner.len());
        for (n, node) in self.nodes.iter().enumerate() {
            law.full()
                .eval(node.time, &node.states, &slots, &mut scratch, &mut out);
            for (i, ((f, slope), size)) in out.iter().zip(&node.slopes).zip(&node.sizes).enumerate()
            {
                residuals[n * d + i] = (f - slope) / size.max(f64::MIN_POSITIVE);
            }
            let by_slot = out.iter().skip(d + d * d);
            for ((value, owner), equation) in by_slot.zip(self.model.owners()).zip(law.owners()) {
                let place = self.model.free().iter().position(|k| k == owner)?;
                let size = node.sizes.get(*equation).copied().unwrap_or(1.0);
                let slope = slopes.get(place).copied().unwrap_or(0.0);
                jacobian[(n * d + equation, place)] += value * slope / size.max(f64::MIN_POSITIVE);
            }
        }
        let mut numbers = residuals.iter().chain(jacobian.iter());
        numbers
            .all(|v| v.is_finite())
            .then_some((residuals, jacobian))
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Matching<'_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, x: &DVector<f64>) {
        self.inner.copy_from(x);
    }

    fn params(&self) -> DVector<f64> {
        self.inner.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        let rows = self.nodes.len() * self.model.law().dimension();
        let failed = || DVector::repeat(rows, 1e6);
        Some(self.evaluate().map_or_else(failed, |(r, _)| r))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        self.evaluate().map(|(_, jacobian)| jacobian)
    }
}
