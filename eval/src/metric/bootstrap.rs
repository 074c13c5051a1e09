//! How sure a share is, by resampling.
//!
//! The runs of one system are no independent witnesses, so whole systems are drawn, with replacement: the
//! cluster bootstrap (Davison & Hinkley, *Bootstrap Methods and their Application*, 1997, section 3.8).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Resamples of an interval.
pub const RESAMPLES: usize = 2000;

/// The mean of all values, and the 2.5 and 97.5 percent points of its resampled means. `clusters` has one list
/// of values a system; empty ones are left out. `None` where there is no value at all.
pub fn interval(clusters: &[Vec<f64>]) -> Option<(f64, f64, f64)> {
    let sums: Vec<(f64, f64)> = clusters
        .iter()
        .filter(|values| !values.is_empty())
        .map(|values| (values.iter().sum(), values.len() as f64))
        .collect();
    let mean = |picked: &mut dyn Iterator<Item = &(f64, f64)>| {
        let (sum, n) = picked.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        sum / n
    };
    if sums.is_empty() {
        return None;
    }
    // The same numbers give the same interval.
    let mut rng = ChaCha8Rng::seed_from_u64(0x006e_736f_6465);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut picked = (0..sums.len()).filter_map(|_| {
                let place = (u128::from(rng.next_u64()) * sums.len() as u128) >> 64;
                sums.get(place as usize)
            });
            mean(&mut picked)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    Some((
        mean(&mut sums.iter()),
        quantile(&means, 0.025),
        quantile(&means, 0.975),
    ))
}

/// The value below which the share `q` of the sorted `values` lies, between neighbours by their distance; NaN
/// of none.
pub fn quantile(values: &[f64], q: f64) -> f64 {
    let last = values.len().saturating_sub(1) as f64;
    let place = q.clamp(0.0, 1.0) * last;
    let at = |i: f64| values.get(i as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor()), at(place.ceil()));
    match place.fract() == 0.0 {
        true => low,
        false => low + place.fract() * (high - low),
    }
}
