//! How many independent witnesses residuals are: those that drift together are fewer than their number.

/// Share of independent information that is left at least.
const LEAST: f64 = 0.3;

/// The share of independent information in residuals, one list for each state of each trajectory, in order of time:
/// `(1 − ρ)/(1 + ρ)` by the correlation ρ of neighbours, not below 0.3.
pub(crate) fn independence(residuals: &[Vec<f64>]) -> f64 {
    let rho = correlation(residuals).clamp(0.0, 0.99);
    ((1.0 - rho) / (1.0 + rho)).max(LEAST)
}

/// The same, but 1 where chance makes such a correlation of independent residuals in one case of forty or more.
pub(crate) fn clear_independence(residuals: &[Vec<f64>]) -> f64 {
    let count: usize = residuals.iter().map(Vec::len).sum();
    match correlation(residuals) * (count as f64).sqrt() < 2.0 {
        true => 1.0,
        false => independence(residuals),
    }
}

/// Correlation of neighbours in time; 0 where there is nothing.
fn correlation(residuals: &[Vec<f64>]) -> f64 {
    let (mut cross, mut square) = (0.0, 0.0);
    for series in residuals {
        for pair in series.windows(2) {
            if let [a, b] = pair {
                cross += a * b;
                square += (a * a + b * b) / 2.0;
            }
        }
    }
    if square > 0.0 { cross / square } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drifts_counts_for_less_and_what_alternates_for_all() {
        let wave = |step: f64| (0..50).map(|i| (step * f64::from(i)).sin()).collect();
        for share in [independence, clear_independence] {
            assert_eq!(share(&[wave(0.2)]), LEAST);
            assert_eq!(share(&[wave(3.0)]), 1.0);
            assert_eq!(share(&[]), 1.0);
        }
        // A weak correlation may be chance.
        let weak: Vec<f64> = wave(1.4);
        assert!(independence(std::slice::from_ref(&weak)) < 0.8);
        assert_eq!(clear_independence(&[weak]), 1.0);
    }
}
