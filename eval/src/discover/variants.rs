//! Simpler relatives of the best fits.

use super::search::Search;
use crate::proposer::Seed;

/// Best laws that variants are made of.
const PARENTS: usize = 8;

impl Search {
    /// Simpler relatives of the best fits: each constant that is not clearly different from 0, or an
    /// exponent or inner constant from a whole number, set to it.
    pub fn variants(&self) -> Vec<Seed> {
        let mut seeds: Vec<Seed> = Vec::new();
        for (_, refined) in self.ranked().into_iter().take(PARENTS) {
            for (slot, (value, error)) in refined.constants.iter().zip(&refined.errors).enumerate()
            {
                let nearest = (2.0 * value).round() / 2.0;
                let near = error.is_none_or(|e| (value - nearest).abs() < 2.0 * e);
                let mut tries = vec![0.0];
                if near && nearest != 0.0 {
                    tries.push(nearest);
                }
                for replacement in tries {
                    let mut constants = refined.constants.clone();
                    if let Some(place) = constants.get_mut(slot) {
                        *place = replacement;
                    }
                    let simpler = refined
                        .skeleton
                        .instantiate(&constants)
                        .ok()
                        .and_then(|system| system.parts().ok());
                    if let Some((skeleton, constants)) = simpler
                        && skeleton != refined.skeleton
                        && seeds.iter().all(|seed| seed.skeleton != skeleton)
                    {
                        seeds.push(Seed {
                            skeleton,
                            constants: Some(constants),
                        });
                    }
                }
            }
        }
        seeds
    }
}
