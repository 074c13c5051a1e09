//! Values of constants: log-uniform magnitudes, a share of small integers and common fractions.

use rand::Rng;

use crate::config::Constants;
use crate::draft::Role;
use crate::random::{below, chance, log_uniform, uniform};

/// Exponents that laws like: cube root to square root of a fifth power.
const FRACTIONS: [f64; 8] = [1.0 / 3.0, 2.0 / 3.0, 0.75, 1.5, 0.25, 4.0 / 3.0, 2.5, 1.25];

/// A value for a constant with the given role.
pub fn draw(role: Role, config: &Constants, rng: &mut impl Rng) -> f64 {
    match role {
        Role::Coefficient => {
            let negative = chance(rng, config.negative);
            signed(magnitude(config.coefficient, config, rng), negative)
        }
        Role::Rate => magnitude(config.coefficient, config, rng),
        Role::Scale => magnitude(config.inner, config, rng),
        Role::Shift => {
            let negative = chance(rng, 0.5);
            signed(magnitude(config.inner, config, rng), negative)
        }
        Role::Exponent => {
            if chance(rng, config.fraction) {
                FRACTIONS[below(rng, FRACTIONS.len())]
            } else {
                uniform(rng, config.exponent)
            }
        }
    }
}

fn signed(magnitude: f64, negative: bool) -> f64 {
    if negative { -magnitude } else { magnitude }
}

/// Log-uniform, or `k` or `1/k` with `k` small more often than large.
fn magnitude(range: [f64; 2], config: &Constants, rng: &mut impl Rng) -> f64 {
    if !chance(rng, config.integer) {
        return log_uniform(rng, range);
    }
    let largest = f64::from(config.max_integer);
    let k = log_uniform(rng, [1.0, largest + 1.0]).floor().min(largest);
    if chance(rng, 0.25) { 1.0 / k } else { k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn values_keep_to_the_ranges_of_their_roles() {
        let config = Constants::default();
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut negative = 0;
        let mut integers = 0;
        for _ in 0..4000 {
            let c = draw(Role::Coefficient, &config, &mut rng);
            assert!((0.1..=10.0).contains(&c.abs()), "{c}");
            negative += i32::from(c < 0.0);
            integers += i32::from(c.fract() == 0.0);
            let s = draw(Role::Scale, &config, &mut rng);
            assert!((0.2..=5.0).contains(&s), "{s}");
            let e = draw(Role::Exponent, &config, &mut rng);
            assert!((0.25..=3.0).contains(&e), "{e}");
        }
        assert!((negative - 2000).abs() < 200, "{negative}");
        // A fifth, of which three quarters and the ones are integers.
        assert!((600..800).contains(&integers), "{integers}");
    }
}
