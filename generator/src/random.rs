//! Small draws that several parts of the sampler share.

use rand::{Rng, RngExt};

/// Log-uniform in `[low, high]`, both positive.
pub fn log_uniform(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    let u: f64 = rng.random();
    (low.ln() + u * (high / low).ln()).exp().clamp(low, high)
}

/// Uniform in `[low, high]`.
pub fn uniform(rng: &mut impl Rng, [low, high]: [f64; 2]) -> f64 {
    let u: f64 = rng.random();
    low + u * (high - low)
}

/// `true` with probability `p`; draws one number whatever `p` is.
pub fn chance(rng: &mut impl Rng, p: f64) -> bool {
    rng.random::<f64>() < p
}

/// A position, with probability in proportion to its weight. Position 0 where no weight is positive.
pub fn pick(rng: &mut impl Rng, weights: impl IntoIterator<Item = f64> + Clone) -> usize {
    let total: f64 = weights.clone().into_iter().sum();
    let mut rest = rng.random::<f64>() * total;
    let mut last = 0;
    for (i, weight) in weights.into_iter().enumerate() {
        if weight > 0.0 {
            if rest < weight {
                return i;
            }
            rest -= weight;
            last = i;
        }
    }
    last
}

/// Uniform in `0..count`; 0 for a count of 0.
pub fn below(rng: &mut impl Rng, count: usize) -> usize {
    if count < 2 {
        return 0;
    }
    rng.random_range(0..count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn picks_follow_the_weights() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let weights = [0.0, 1.0, 3.0, 0.0];
        let mut counts = [0; 4];
        for _ in 0..40_000 {
            counts[pick(&mut rng, weights)] += 1;
        }
        assert_eq!((counts[0], counts[3]), (0, 0));
        // 10,000 expected, standard deviation 87.
        assert!((counts[1] - 10_000_i32).abs() < 450, "{counts:?}");
    }

    #[test]
    fn log_uniform_has_its_median_at_the_geometric_mean() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let draws: Vec<f64> = (0..20_000)
            .map(|_| log_uniform(&mut rng, [0.01, 100.0]))
            .collect();
        assert!(draws.iter().all(|v| (0.01..=100.0).contains(v)));
        let below = draws.iter().filter(|&&v| v < 1.0).count() as i32;
        assert!((below - 10_000).abs() < 400, "{below}");
    }
}
