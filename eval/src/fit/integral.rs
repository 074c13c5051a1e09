//! Constants without integration: the integral form of a law on the smoothed curves.
//!
//! For one equation, `u(t_j) = a + Σ c_k ∫ φ_k(s) dt` with the smoothed curve `s`, the observed `u` and one
//! free start `a` a trajectory, is linear in the leading constants (integral matching; Dattner and Klaassen
//! 2015). Its noise is that of the observations, independent between times, which differences lack. Inner
//! constants are searched over a table of sensible values and then by Levenberg–Marquardt on the projected
//! residuals (Golub and Pereyra's variable projection). The result is where shooting starts.

use levenberg_marquardt::{LeastSquaresProblem, LevenbergMarquardt};
use nalgebra::storage::Owned;
use nalgebra::{DMatrix, DVector, Dyn};

use crate::fit::law::{Equation, Law, Role};
use crate::series::problem::{Curve, Problem};

/// Residual of every cell where the equation has no value, in normalised units.
const FAILED: f64 = 1e6;

/// How long constants of one equation are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thoroughness {
    /// Combinations of inner constants that are looked at, at most.
    combinations: usize,
    /// The best of them that are improved.
    improved: usize,
    /// The best of these that are kept.
    kept: usize,
}

impl Thoroughness {
    /// Two starts for a fit.
    pub const USUAL: Thoroughness = Thoroughness {
        combinations: 96,
        improved: 3,
        kept: 2,
    };
    /// What the equation leaves over at best.
    pub const ONE: Thoroughness = Thoroughness {
        kept: 1,
        improved: 2,
        ..Thoroughness::USUAL
    };
    /// One start, where another law is exact.
    pub const BRIEF: Thoroughness = Thoroughness {
        combinations: 24,
        improved: 1,
        kept: 1,
    };
}

/// One equation's integral form over all trajectories.
pub struct Integral<'a> {
    equation: &'a Equation,
    paths: Vec<Path<'a>>,
}

/// What the integral form reads of a trajectory.
struct Path<'a> {
    curve: &'a Curve,
    /// The curve's values, a column a state.
    states: Vec<Vec<f64>>,
    /// Rows in which the equation's state was observed.
    rows: Vec<usize>,
    /// Their values, and the weights of these.
    values: Vec<f64>,
    weights: Vec<f64>,
}

impl<'a> Path<'a> {
    /// Of trajectory `number`, for the equation of state `state`.
    fn of(problem: &'a Problem, number: usize, state: usize) -> Option<Path<'a>> {
        let d = problem.dimension();
        let (path, curve) = (
            problem.screened().get(number)?,
            problem.curves().get(number)?,
        );
        let column = |i: usize| curve.values.iter().skip(i).step_by(d).copied().collect();
        let weights = problem.weights(number).iter().skip(state).step_by(d);
        let cells = path.column(state).zip(weights).enumerate();
        let nodes = curve.times.len();
        let observed = cells
            .filter(|(row, (y, w))| row * curve.per_interval < nodes && **w > 0.0 && !y.is_nan());
        let (rows, (values, weights)) = observed.map(|(row, (y, w))| (row, (y, *w))).unzip();
        Some(Path {
            curve,
            states: (0..d).map(column).collect(),
            rows,
            values,
            weights,
        })
    }
}

/// Constants of one equation with the projected residuals that they leave.
#[derive(Clone, Debug)]
pub struct Matched {
    /// All slots of the law; only this equation's are set.
    pub constants: Vec<f64>,
    /// Weighted sum of squared residuals.
    pub sse: f64,
    /// How many these are: the observed cells of the equation's state.
    pub cells: usize,
}

/// Integrals of sampled functions from the first node to every observation, by Simpson's rule: `step` nodes
/// (an even number) an observation interval. `values` is row-major, `columns` a node; so is the result.
pub fn cumulative(times: &[f64], values: &[f64], columns: usize, step: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    let mut out = sums.clone();
    let row = |node: usize| {
        values
            .get(node * columns..(node + 1) * columns)
            .unwrap_or(&[])
    };
    for node in (2..times.len()).step_by(2) {
        let (Some(a), Some(b)) = (times.get(node - 2), times.get(node)) else {
            break;
        };
        let h = (b - a) / 6.0;
        for (((sum, p), m), q) in sums
            .iter_mut()
            .zip(row(node - 2))
            .zip(row(node - 1))
            .zip(row(node))
        {
            *sum += h * (p + 4.0 * m + q);
        }
        if node % step == 0 {
            out.extend_from_slice(&sums);
        }
    }
    out
}

/// Subtracts from `rows` (row-major, `columns` each) their weighted mean, and multiplies by the weights.
pub fn centre(rows: &mut [f64], columns: usize, weights: &[f64]) {
    let total: f64 = weights.iter().map(|w| w * w).sum();
    if total == 0.0 || columns == 0 {
        return;
    }
    let mut mean = vec![0.0; columns];
    for (row, w) in rows.chunks_exact(columns).zip(weights) {
        for (m, v) in mean.iter_mut().zip(row) {
            *m += w * w * v / total;
        }
    }
    for (row, w) in rows.chunks_exact_mut(columns).zip(weights) {
        for (v, m) in row.iter_mut().zip(&mean) {
            *v = w * (*v - m);
        }
    }
}

impl<'a> Integral<'a> {
    /// The integral form of equation `state` of `law`; `None` for an equation that there isn't.
    pub fn new(problem: &'a Problem, law: &'a Law, state: usize) -> Option<Integral<'a>> {
        Some(Integral::of(problem, law.equations().get(state)?, state))
    }

    /// The integral form of `equation` as that of state number `state`.
    pub fn of(problem: &'a Problem, equation: &'a Equation, state: usize) -> Integral<'a> {
        let numbers = 0..problem.curves().len();
        Integral {
            equation,
            paths: numbers
                .filter_map(|number| Path::of(problem, number, state))
                .collect(),
        }
    }

    /// Rows of observed cells, weighted and centred: the observation minus the rest's integral, then one
    /// column a linear constant.
    fn rows(&self, constants: &[f64]) -> DMatrix<f64> {
        let columns = self.equation.linear.len() + 1;
        let cells = self.paths.iter().map(|path| path.rows.len()).sum();
        let mut all = DMatrix::zeros(cells, columns);
        let mut first = 0;
        for path in &self.paths {
            let (times, count) = (&path.curve.times, path.rows.len());
            let values = self.equation.basis.table(times, &path.states, constants);
            for (c, values) in values.chunks_exact(times.len().max(1)).enumerate() {
                let integrals = cumulative(times, values, 1, path.curve.per_interval);
                let cells = path.rows.iter().zip(&path.values);
                let mut column: Vec<f64> = cells
                    .map(|(row, y)| {
                        let integral = integrals.get(*row).copied().unwrap_or(f64::NAN);
                        if c == 0 { y - integral } else { integral }
                    })
                    .collect();
                centre(&mut column, 1, &path.weights);
                all.view_mut((first, c), (count, 1))
                    .copy_from_slice(&column);
            }
            first += count;
        }
        all
    }

    /// Solves for the linear constants, given the inner ones; returns the residuals.
    pub fn project(&self, constants: &mut [f64]) -> Option<DVector<f64>> {
        let count = self.equation.linear.len();
        let rows = self.rows(constants);
        if !rows.iter().all(|v| v.is_finite()) {
            return None;
        }
        let target = rows.column(0).into_owned();
        if count == 0 {
            return Some(target);
        }
        let basis = rows.columns(1, count);
        let solution = least_squares(&basis.tr_mul(&basis), &basis.tr_mul(&target))?;
        for (slot, value) in self.equation.linear.iter().zip(solution.iter()) {
            *constants.get_mut(*slot)? = *value;
        }
        Some(target - basis * solution)
    }

    fn matched(&self, mut constants: Vec<f64>) -> Option<Matched> {
        let residuals = self.project(&mut constants)?;
        let (sse, cells) = (residuals.norm_squared(), residuals.len());
        sse.is_finite().then_some(Matched {
            constants,
            sse,
            cells,
        })
    }

    /// The best matches of this equation, best first; the inner constants of `start` are one more place to begin.
    pub fn search(
        &self,
        slots: usize,
        start: Option<&[f64]>,
        thoroughness: Thoroughness,
    ) -> Vec<Matched> {
        let inner = self.equation.inner.clone();
        let blank = vec![0.0; slots];
        if inner.is_empty() {
            return self.matched(blank).into_iter().collect();
        }
        let mut starts: Vec<Vec<f64>> = start.map(<[f64]>::to_vec).into_iter().collect();
        // Whoever gives a start knows where to look; without one the whole table is tried.
        let most = match start {
            Some(_) => thoroughness.combinations / 4,
            None => thoroughness.combinations,
        };
        for values in combinations(&self.equation.roles, most) {
            let mut start = blank.clone();
            for (slot, value) in inner.iter().zip(values) {
                if let Some(place) = start.get_mut(*slot) {
                    *place = value;
                }
            }
            starts.push(start);
        }
        let mut found: Vec<Matched> = starts
            .into_iter()
            .filter_map(|start| self.matched(start))
            .collect();
        found.sort_by(|a, b| a.sse.total_cmp(&b.sse));
        let mut improved: Vec<Matched> = Vec::new();
        for start in found.into_iter().take(thoroughness.improved) {
            let better = self.improve(start);
            if improved.iter().all(|other| !close(other, &better)) {
                improved.push(better);
            }
        }
        improved.sort_by(|a, b| a.sse.total_cmp(&b.sse));
        improved.truncate(thoroughness.kept);
        improved
    }

    /// Levenberg–Marquardt over the inner constants.
    fn improve(&self, start: Matched) -> Matched {
        let inner = self.equation.inner.clone();
        let at: Vec<f64> = inner
            .iter()
            .filter_map(|k| start.constants.get(*k).copied())
            .collect();
        let projected = Projected {
            integral: self,
            cells: start.cells,
            inner,
            template: start.constants.clone(),
            at: DVector::from_vec(at),
        };
        let (projected, _) = LevenbergMarquardt::new()
            .with_ftol(1e-4)
            .with_xtol(1e-4)
            .with_patience(8)
            .minimize(projected);
        let constants = projected.constants(&projected.at);
        match self.matched(constants) {
            Some(end) if end.sse < start.sse => end,
            _ => start,
        }
    }
}

fn close(a: &Matched, b: &Matched) -> bool {
    a.constants
        .iter()
        .zip(&b.constants)
        .all(|(x, y)| (x - y).abs() <= 1e-2 * (x.abs() + y.abs()))
}

/// Solves normal equations with unit diagonal scaling and a ridge at rounding level.
pub fn least_squares(gram: &DMatrix<f64>, right: &DVector<f64>) -> Option<DVector<f64>> {
    let n = gram.nrows();
    let scale: Vec<f64> = (0..n)
        .map(|i| {
            let v = gram[(i, i)];
            if v > 0.0 { v.sqrt().recip() } else { 0.0 }
        })
        .collect();
    let mut scaled = DMatrix::from_fn(n, n, |i, j| gram[(i, j)] * scale[i] * scale[j]);
    for i in 0..n {
        scaled[(i, i)] += 1e-12;
    }
    let right = DVector::from_fn(n, |i, _| right[i] * scale[i]);
    let solution = scaled.cholesky()?.solve(&right);
    let solution = DVector::from_fn(n, |i, _| solution[i] * scale[i]);
    solution.iter().all(|v| v.is_finite()).then_some(solution)
}

/// Values to try for the inner constants, one list a combination; at most `most`.
fn combinations(roles: &[Role], most: usize) -> Vec<Vec<f64>> {
    let alone = roles.len() == 1;
    let values: Vec<&[f64]> = roles
        .iter()
        .map(|role| -> &[f64] {
            match (role, alone) {
                (Role::Exponent, _) => &[0.3, 0.75, 1.5, 2.5, -0.5, -1.5, 4.5],
                (Role::Angle, true) => &[
                    0.5, 1.0, 1.5, 2.0, 2.6, 3.3, 4.0, 5.0, 6.0, 7.0, 8.5, 10.0, 12.0, 14.0, 17.0,
                    20.0, 24.0, 28.0, -1.0, -2.0,
                ],
                (Role::Angle, false) => &[0.5, 1.5, 3.0, 5.0, 8.0, 12.0, 18.0, -1.0, -2.5],
                (Role::Energy, true) => &[
                    -0.5, -1.0, -2.0, -4.0, -7.0, -10.0, -14.0, -19.0, -25.0, -32.0, -40.0, 0.5,
                    1.5, 4.0, 8.0, 15.0,
                ],
                (Role::Energy, false) => &[-1.0, -3.0, -8.0, -14.0, -20.0, -30.0, 1.0, 5.0],
                (Role::Scale, true) => &[
                    0.03, 0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 5.0, 10.0, 20.0, -0.1, -0.3, -0.7,
                    -1.1, -1.5, -2.5, -5.0, -10.0, -20.0,
                ],
                (Role::Scale, false) => &[0.1, 0.3, 1.0, 3.0, 10.0, -0.3, -1.0, -3.0, -10.0],
            }
        })
        .collect();
    let total = values.iter().fold(1usize, |n, v| n.saturating_mul(v.len()));
    // Beyond the limit, a fixed sample of the product, spread over it by a stride near the golden section.
    let take = total.min(most);
    let stride = (total as f64 * 0.618_033_988_75) as usize | 1;
    (0..take)
        .map(|i| {
            let mut code = if take == total {
                i
            } else {
                i.wrapping_mul(stride) % total
            };
            values
                .iter()
                .map(|list| {
                    let value = list.get(code % list.len()).copied().unwrap_or(1.0);
                    code /= list.len();
                    value
                })
                .collect()
        })
        .collect()
}

/// The projected residuals as a least-squares problem in the inner constants.
struct Projected<'a, 'b> {
    integral: &'a Integral<'b>,
    cells: usize,
    inner: Vec<usize>,
    template: Vec<f64>,
    at: DVector<f64>,
}

impl Projected<'_, '_> {
    fn constants(&self, at: &DVector<f64>) -> Vec<f64> {
        let mut constants = self.template.clone();
        for (slot, value) in self.inner.iter().zip(at.iter()) {
            if let Some(place) = constants.get_mut(*slot) {
                *place = *value;
            }
        }
        constants
    }

    fn evaluate(&self, at: &DVector<f64>) -> Option<DVector<f64>> {
        self.integral.project(&mut self.constants(at))
    }
}

impl LeastSquaresProblem<f64, Dyn, Dyn> for Projected<'_, '_> {
    type ResidualStorage = Owned<f64, Dyn>;
    type JacobianStorage = Owned<f64, Dyn, Dyn>;
    type ParameterStorage = Owned<f64, Dyn>;

    fn set_params(&mut self, x: &DVector<f64>) {
        self.at.copy_from(x);
    }

    fn params(&self) -> DVector<f64> {
        self.at.clone()
    }

    fn residuals(&self) -> Option<DVector<f64>> {
        // A step out of the equation's domain is a bad one, not the end.
        let failed = || DVector::repeat(self.cells, FAILED);
        Some(self.evaluate(&self.at).unwrap_or_else(failed))
    }

    fn jacobian(&self) -> Option<DMatrix<f64>> {
        let here = self.evaluate(&self.at)?;
        let mut jacobian = DMatrix::zeros(here.len(), self.at.len());
        for k in 0..self.at.len() {
            let mut there = self.at.clone();
            let step = 1e-5 * (0.1 + there[k].abs());
            there[k] += step;
            let moved = self.evaluate(&there)?;
            jacobian.set_column(k, &((moved - &here) / step));
        }
        Some(jacobian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_generator::Trajectory;
    use nsode_parser::CanonicalSystem;
    use nsode_parser::infix::parse_system;

    /// Two states, so that an equation has half as many residuals as there are cells; and steps that leave the domain of the
    /// logarithm on the way.
    #[test]
    fn steps_out_of_the_domain_do_not_end_the_search() {
        let times: Vec<f64> = (0..80).map(|i| f64::from(i) / 79.0).collect();
        // x = 0.02 + t², y' = ln(x − 0.015): its integral by the midpoint rule.
        let x = |t: f64| 0.02 + t * t;
        let mut y = 1.0;
        let mut states = vec![x(0.0), y];
        for pair in times.windows(2) {
            let h = (pair[1] - pair[0]) / 200.0;
            for i in 0..200 {
                y += h * (x(pair[0] + h * (f64::from(i) + 0.5)) - 0.015).ln();
            }
            states.extend([x(pair[1]), y]);
        }
        let problem = Problem::new(vec![Trajectory::new(2, times, states).unwrap()]).unwrap();
        let (system, _) = parse_system("x1' = 0; x2' = 3*log(0.3 + x1)", None).unwrap();
        let canonical = CanonicalSystem::new(&system).unwrap();
        let (skeleton, _) = canonical.parts().unwrap();
        let law = Law::new(&skeleton.template(), skeleton.slots()).unwrap();
        let integral = Integral::new(&problem, &law, 1).unwrap();
        let found = integral.search(skeleton.slots(), None, Thoroughness::USUAL);
        assert!(found[0].sse < 1e-3, "{found:?}");
    }
}
