//! The coefficient of determination of a solution.

use nsode_generator::Trajectory;

/// R² of what is no solution, and the least R² there is: how bad a bad one is does not matter.
pub const WORST: f64 = -1.0;

/// A state that does not move counts as reproduced if it is met to this share of its magnitude.
const STILL: f64 = 1e-6;

/// `1 − Σ(y − ŷ)²/Σ(y − ȳ)²`, averaged over states, not below [`WORST`]. Cells of `truth` that are missing are
/// passed over. [`WORST`] for `found` of another shape, and where any of its values is not finite.
pub fn r2(truth: &Trajectory, found: &Trajectory) -> f64 {
    let d = truth.dimension();
    if found.dimension() != d
        || found.len() != truth.len()
        || truth.is_empty()
        || found.states().iter().any(|y| !y.is_finite())
    {
        return WORST;
    }
    let states = (0..d).map(|state| {
        let pairs: Vec<(f64, f64)> = truth
            .column(state)
            .zip(found.column(state))
            .filter(|(y, _)| !y.is_nan())
            .collect();
        of_pairs(&pairs)
    });
    (states.sum::<f64>() / d as f64).max(WORST)
}

fn of_pairs(pairs: &[(f64, f64)]) -> f64 {
    let n = pairs.len() as f64;
    // In units of the largest value, whose square may overflow.
    let scale = pairs.iter().fold(0.0, |a: f64, (y, _)| a.max(y.abs()));
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let mean = pairs.iter().map(|(y, _)| y / scale).sum::<f64>() / n;
    let total: f64 = pairs.iter().map(|(y, _)| (y / scale - mean).powi(2)).sum();
    let errors = || pairs.iter().map(|(y, found)| (found - y) / scale);
    if pairs.is_empty() || total.sqrt() <= 1e-12 * n {
        let met = errors().all(|e| e.abs() <= STILL);
        return if met { 1.0 } else { WORST };
    }
    (1.0 - errors().map(|e| e * e).sum::<f64>() / total).max(WORST)
}
