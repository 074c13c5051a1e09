//! Random numbers that are functions of a seed and a number: one stream a purpose and a thing, so that
//! no order of work and no number of threads changes what is drawn.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Stream `number` of the generator with this seed.
pub(crate) fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(number);
    rng
}

/// A random order (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.random_range(0..=i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_as_likely() {
        let mut counts = std::collections::BTreeMap::<Vec<u8>, u32>::new();
        for number in 0..6000 {
            let mut items = vec![0, 1, 2];
            shuffle(&mut items, &mut stream(7, number));
            *counts.entry(items).or_default() += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1000 each, with a standard deviation of 29
        assert!(
            counts.values().all(|n| (870..1130).contains(n)),
            "{counts:?}"
        );
    }
}
