//! Initial states: log-uniform magnitudes, all positive in most systems.

use rand::Rng;

use crate::config::Initial;
use crate::random::{chance, log_uniform};

/// An initial state of `dimension` values, none of them zero.
pub fn draw(dimension: usize, config: &Initial, rng: &mut impl Rng) -> Vec<f64> {
    let positive = chance(rng, config.positive);
    (0..dimension)
        .map(|_| {
            let magnitude = log_uniform(rng, config.magnitude);
            let negative = chance(rng, 0.5);
            if negative && !positive {
                -magnitude
            } else {
                magnitude
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn signs_and_magnitudes() {
        let config = Initial::default();
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut positive = 0;
        for _ in 0..4000 {
            let state = draw(2, &config, &mut rng);
            assert!(state.iter().all(|u| (0.05..=5.0).contains(&u.abs())));
            positive += i32::from(state.iter().all(|u| *u > 0.0));
        }
        // 0.7 + 0.3/4 of 4000.
        assert!((positive - 3100).abs() < 150, "{positive}");
    }
}
