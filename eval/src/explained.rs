//! How much of the observations a fit explains.

use crate::problem::Problem;

/// Averaged over states: 1 − residual over total sum of squares, on the observed cells, unweighted. `solve` gives
/// the normalised solution from an initial state at times, row-major, or `None` where there is none.
pub fn r2(
    problem: &Problem,
    initial: &[Vec<f64>],
    solve: impl Fn(&[f64], &[f64]) -> Option<Vec<f64>>,
) -> Option<f64> {
    let d = problem.dimension();
    let mut residual = vec![0.0; d];
    let mut cells: Vec<Vec<f64>> = vec![Vec::new(); d];
    for (path, initial) in problem.normalised().iter().zip(initial) {
        let states = solve(initial, path.times())?;
        for (cell, (y, u)) in path.states().iter().zip(&states).enumerate() {
            if !y.is_nan() {
                *residual.get_mut(cell % d)? += (y - u).powi(2);
                cells.get_mut(cell % d)?.push(*y);
            }
        }
    }
    let mut sum = 0.0;
    for (residual, values) in residual.iter().zip(&cells) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let total: f64 = values.iter().map(|y| (y - mean).powi(2)).sum();
        sum += 1.0 - residual / total.max(f64::MIN_POSITIVE);
    }
    Some(sum / d as f64)
}
