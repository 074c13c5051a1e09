//! Simpler relatives of the best fits.

use nsode_parser::Skeleton;

use super::search::Search;
use super::straight::straightened;
use crate::fit::proposal::Proposal;
use crate::fit::refine::Refined;
use crate::series::problem::Problem;

/// Best laws that variants are made of.
const PARENTS: usize = 8;

/// Nats behind an exact law from which a law has no variants that matter.
const REACH: f64 = 50.0;

/// Constants are clearly different from a value that is farther than this many standard errors.
const CLEARLY: f64 = 2.0;

/// Nothing fits without a constant that is farther from 0 than this many standard errors.
const CERTAIN: f64 = 1e3;

/// Constants below these shares of the largest one are left out together: in normalised units, in which states are of
/// size 1, terms hardly count whose constants are so small.
const SMALL: [f64; 3] = [1e-4, 1e-3, 1e-2];

impl Search {
    /// Simpler relatives of the best fits that were not tried. One constant at a time is set to 0, or to a whole or half
    /// number that it is near; several at once to 0, those least different from it and those smallest; and one function
    /// at a time is replaced by its tangent; what saturates loses what stands beside it. What was tried is tried again from
    /// here if it ought to fit as well as its parent and does not: that fit got stuck.
    pub fn variants(&self, problem: &Problem) -> Vec<Proposal> {
        self.variants_of(problem, PARENTS)
    }

    /// The same of so many of the best laws.
    pub fn variants_of(&self, problem: &Problem, parents: usize) -> Vec<Proposal> {
        let mut proposals: Vec<Proposal> = Vec::new();
        let middle = middle(problem);
        let ranked = self.ranked();
        let top = ranked.first().map_or(0.0, |(weight, _)| *weight);
        // What is simpler fits no better, so none of a law far behind an exact one can lead.
        let reach = if self.is_exact(problem) {
            REACH
        } else {
            f64::INFINITY
        };
        let parents = ranked.iter().take(parents);
        for (_, refined) in parents.take_while(|(weight, _)| top - weight < reach) {
            let stuck = |skeleton: &Skeleton| {
                let fit = self.done.get(skeleton);
                fit.is_none_or(|fit| fit.bic > refined.bic)
            };
            let instance = |v: Variant| {
                let law = refined.skeleton.instantiate(&v.constants).ok()?;
                Some((law, v.equal))
            };
            let constants = single(refined).into_iter().chain(saturated(refined));
            let constants = constants.chain(several(refined));
            let lines = straightened(&refined.system, &middle);
            let simpler = constants.filter_map(instance);
            for (law, equal) in simpler.chain(lines.into_iter().map(|law| (law, false))) {
                let known = |skeleton: &Skeleton| {
                    let tried = self.attempted.contains(skeleton) && !(equal && stuck(skeleton));
                    tried
                        || *skeleton == refined.skeleton
                        || proposals.iter().any(|s| s.skeleton == *skeleton)
                };
                if let Ok((skeleton, constants)) = law.parts()
                    && !known(&skeleton)
                {
                    let proposal = Proposal::new(skeleton, Some(constants));
                    proposals.push(proposal.starting_at(refined.initial.clone()));
                }
            }
        }
        proposals
    }
}

/// The mean state along the smoothed curves.
fn middle(problem: &Problem) -> Vec<f64> {
    let curves = problem.curves();
    let nodes: usize = curves.iter().map(|c| c.times.len()).sum();
    let mut sums = vec![0.0; problem.dimension()];
    for curve in curves {
        for node in 0..curve.times.len() {
            for (sum, u) in sums.iter_mut().zip(curve.at(node)) {
                *sum += u / nodes as f64;
            }
        }
    }
    sums
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
        let mut tries = Vec::new();
        if error.is_none_or(|e| value.abs() < CERTAIN * e) {
            tries.push(0.0);
        }
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

/// `a*R + b*R/(c + y)` with a = −b/c, which is `a*R*y/(c + y)` and one constant less: no single constant of it is 0.
fn saturated(refined: &Refined) -> Vec<Variant> {
    let value = |slot: usize| refined.constants.get(slot).copied().unwrap_or(f64::NAN);
    let each = refined.skeleton.saturations().into_iter().map(|pair| {
        let half = value(pair.half);
        let least = -value(pair.over) / half;
        let apart = (value(pair.plain) - least).abs();
        let slopes = [
            (pair.plain, 1.0),
            (pair.over, half.recip()),
            (pair.half, least / half),
        ];
        let error = refined.variance_along(&slopes).map(f64::sqrt);
        let mut constants = refined.constants.clone();
        if let Some(place) = constants.get_mut(pair.plain) {
            *place = least;
        }
        Variant {
            constants,
            equal: error.is_some_and(|error| apart < CLEARLY * error),
        }
    });
    each.collect()
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

#[cfg(test)]
mod tests {
    use nsode_parser::{CanonicalSystem, Names};

    use super::*;
    use crate::fit::refine::{Effort, refine};
    use crate::samples::{Sample, canonical};

    #[test]
    fn what_saturates_loses_what_stands_beside_it() {
        let sample = Sample {
            law: "3 - 0.3*s - 2*x*s/(2 + s); x*s/(2 + s) - 0.3*x",
            states: &["s", "x"],
            initial: &[&[5.0, 1.0]],
            times: (0.0, 20.0, 60),
            noise: 0.01,
        };
        let names = Names {
            time: "t".into(),
            states: vec!["s".into(), "x".into()],
        };
        let wide = canonical(
            "3 - 0.3*s - 1.9*x + 4*x/(2 + s); 0.7*x - 2*x/(2 + s)",
            &names,
        );
        let (skeleton, constants) = wide.parts().unwrap();
        let proposal = Proposal::new(skeleton, Some(constants));
        let refined = refine(&sample.problem(), &proposal, Effort::Whole, None).unwrap();
        let truth = canonical(sample.law, &names).parts().unwrap().0;
        let laws = saturated(&refined).into_iter().filter_map(|variant| {
            let law: CanonicalSystem = refined.skeleton.instantiate(&variant.constants).ok()?;
            Some((law.parts().ok()?.0, variant.equal))
        });
        // Substrate that bacteria only eat is as good; bacteria that do not die are not.
        let laws: Vec<(Skeleton, bool)> = laws.collect();
        assert_eq!(laws.len(), 2);
        for (law, equal) in laws {
            assert_eq!(equal, law == truth);
        }
    }
}
