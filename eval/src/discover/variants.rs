//! Simpler relatives of the best fits.

use nsode_parser::Skeleton;

use super::search::Search;
use crate::proposer::Seed;
use crate::refine::Refined;

/// Best laws that variants are made of.
const PARENTS: usize = 8;

/// Constants are clearly different from a value that is farther than this many standard errors.
const CLEARLY: f64 = 2.0;

/// Constants below these shares of the largest one are left out together: in normalised units, in which states are of
/// size 1, terms hardly count whose constants are so small.
const SMALL: [f64; 3] = [1e-4, 1e-3, 1e-2];

impl Search {
    /// Simpler relatives of the best fits that were not tried. One constant at a time is set to 0, or to a whole or half
    /// number that it is near; and several at once to 0, those least different from it and those smallest. What
    /// was tried is tried again from here if it ought to fit as well as its parent and does not: that fit got stuck.
    pub fn variants(&self) -> Vec<Seed> {
        let mut seeds: Vec<Seed> = Vec::new();
        for (_, refined) in self.ranked().into_iter().take(PARENTS) {
            let stuck = |skeleton: &Skeleton| {
                let fit = self.done.get(skeleton);
                fit.is_none_or(|fit| fit.bic > refined.bic)
            };
            for Variant { constants, equal } in single(refined).into_iter().chain(several(refined))
            {
                let simpler = refined
                    .skeleton
                    .instantiate(&constants)
                    .ok()
                    .and_then(|system| system.parts().ok());
                let known = |skeleton: &Skeleton| {
                    let tried = self.attempted.contains(skeleton) && !(equal && stuck(skeleton));
                    tried
                        || *skeleton == refined.skeleton
                        || seeds.iter().any(|s| s.skeleton == *skeleton)
                };
                if let Some((skeleton, constants)) = simpler
                    && !known(&skeleton)
                {
                    seeds.push(Seed {
                        skeleton,
                        constants: Some(constants),
                    });
                }
            }
        }
        seeds
    }
}

/// Constants of a parent with some of them replaced.
struct Variant {
    constants: Vec<f64>,
    /// Whether the parent's constants hardly differ from these, so that the fit ought to be as good.
    equal: bool,
}

/// One constant replaced.
fn single(refined: &Refined) -> Vec<Variant> {
    let mut all = Vec::new();
    for (slot, (value, error)) in refined.constants.iter().zip(&refined.errors).enumerate() {
        let nearest = (2.0 * value).round() / 2.0;
        let near = |to: f64| error.is_none_or(|e| (value - to).abs() < CLEARLY * e);
        let mut tries = vec![0.0];
        if near(nearest) && nearest != 0.0 {
            tries.push(nearest);
        }
        for replacement in tries {
            let mut constants = refined.constants.clone();
            if let Some(place) = constants.get_mut(slot) {
                *place = replacement;
            }
            all.push(Variant {
                constants,
                equal: near(replacement),
            });
        }
    }
    all
}

/// Two constants or more left out, most of them first.
fn several(refined: &Refined) -> Vec<Variant> {
    let without = |gone: &dyn Fn(usize, f64) -> bool, equal| -> Option<Variant> {
        let each = refined.constants.iter().enumerate();
        let left: Vec<f64> = each
            .map(|(i, c)| if gone(i, *c) { 0.0 } else { *c })
            .collect();
        let count = left
            .iter()
            .zip(&refined.constants)
            .filter(|(a, b)| a != b)
            .count();
        (count > 1 && count < left.len()).then_some(Variant {
            constants: left,
            equal,
        })
    };
    let largest = refined.constants.iter().fold(0.0f64, |a, c| a.max(c.abs()));
    let mut all: Vec<Variant> = SMALL
        .iter()
        .rev()
        .filter_map(|share| without(&|_, c| c.abs() < share * largest, false))
        .collect();
    // In standard errors from 0, the nearest first; one that the data do not determine is at 0.
    let each = refined.constants.iter().zip(&refined.errors).enumerate();
    let mut apart: Vec<(f64, usize)> = each
        .map(|(i, (c, error))| (error.map_or(0.0, |e| c.abs() / e), i))
        .filter(|(apart, _)| *apart < CLEARLY)
        .collect();
    apart.sort_by(|a, b| a.0.total_cmp(&b.0));
    for count in (2..=apart.len()).rev() {
        let gone = apart.get(..count).unwrap_or(&[]);
        all.extend(without(
            &|i, _| gone.iter().any(|(_, slot)| *slot == i),
            true,
        ));
    }
    all
}
