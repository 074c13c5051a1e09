//! How much of the observations a fit explains.

use crate::series::problem::Problem;

/// Averaged over states: 1 − residual over total sum of squares, on the observed cells, unweighted. By a robust loss, a
/// cell counts in both sums by the square of its [`crate::series::loss::Loss::weight`], so that what an outlier adds is bounded:
/// it is the share that is explained of the values that are no outliers of the fit (a weighted R²; J. B. Willett and J.
/// D. Singer, Am. Stat. 42, 1988). `sse` is what the fit leaves over, for the scale. `solve` gives the normalised
/// solution from an initial state at times, row-major, or `None` where there is none.
pub fn r2(
    problem: &Problem,
    sse: &[f64],
    initial: &[Vec<f64>],
    solve: impl Fn(&[f64], &[f64]) -> Option<Vec<f64>>,
) -> Option<f64> {
    let d = problem.dimension();
    let deviations = problem.own_deviations(sse);
    let mut residual = vec![0.0; d];
    let mut cells: Vec<Vec<(f64, f64)>> = vec![Vec::new(); d];
    for (number, (path, initial)) in problem.normalised().iter().zip(initial).enumerate() {
        let states = solve(initial, path.times())?;
        let weights = problem.weights(number);
        for (cell, ((y, u), w)) in path.states().iter().zip(&states).zip(weights).enumerate() {
            if !y.is_nan() {
                let r = problem.residual(cell % d, *w, *u, *y).0 / deviations.get(cell % d)?;
                let say = problem.loss().weight(r).powi(2);
                *residual.get_mut(cell % d)? += say * (y - u).powi(2);
                cells.get_mut(cell % d)?.push((*y, say));
            }
        }
    }
    let mut sum = 0.0;
    for (residual, values) in residual.iter().zip(&cells) {
        let says: f64 = values.iter().map(|(_, say)| say).sum();
        let mean = values.iter().map(|(y, say)| say * y).sum::<f64>() / says;
        let total: f64 = values.iter().map(|(y, say)| say * (y - mean).powi(2)).sum();
        sum += 1.0 - residual / total.max(f64::MIN_POSITIVE);
    }
    Some(sum / d as f64)
}
