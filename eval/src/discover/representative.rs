//! Which law to name first: one that agrees with the others that may be true.
//!
//! In noise no law has most of the probability, and the most probable one may be a shape of its own. A law near
//! which most of the probability lies is the safer answer, and its right-hand side the better one. Each law is
//! scored by how well the probable laws agree with it along the data, with some weight on its own probability. Where that
//! one has a term that the data show nothing of, it is the law without it that is named.

use crate::fit::law::Law;
use crate::fit::refine::Refined;
use crate::series::problem::Problem;

/// Weight of the agreement; the law's own probability, as a share of the largest one, has the rest.
const AGREEMENT: f64 = 0.7;

/// Distance, as a share of the larger right-hand side's size, at which agreement has fallen to 1/e.
const NEAR: f64 = 0.3;

/// Laws that are compared, the most probable ones: the others have hardly any probability.
const COMPARED: usize = 100;

/// Share of a law's probability that the law without a term that the data do not show has at least, to be named instead.
const HARDLY_LESS: f64 = 0.25;

/// Places along the smoothed data at which right-hand sides are compared.
const PLACES: usize = 50;

/// Positions in `laws`, which are in order of their `probabilities`: the law to name first, then all others as they are.
pub(super) fn order(problem: &Problem, laws: &[&Refined], probabilities: &[f64]) -> Vec<usize> {
    let compared = laws.iter().take(COMPARED);
    let slopes: Vec<Vec<f64>> = compared.map(|law| slopes(problem, law)).collect();
    let first = central(problem.dimension(), &slopes, probabilities);
    let first = first.map(|first| plainest(laws, probabilities, first));
    let others = (0..laws.len()).filter(|i| Some(*i) != first);
    first.into_iter().chain(others).collect()
}

/// Position of the right-hand side that scores best, the more probable one of equals.
fn central(dimension: usize, slopes: &[Vec<f64>], probabilities: &[f64]) -> Option<usize> {
    let top = probabilities.iter().copied().fold(0.0, f64::max);
    let mut best: Option<(f64, usize)> = None;
    for (i, (own, probability)) in slopes.iter().zip(probabilities).enumerate() {
        let others = slopes.iter().zip(probabilities);
        let agreement: f64 = others
            .map(|(other, p)| p * (-distance(dimension, own, other) / NEAR).exp())
            .sum();
        let score = AGREEMENT * agreement + (1.0 - AGREEMENT) * probability / top;
        if best.is_none_or(|(known, _)| score > known) {
            best = Some((score, i));
        }
    }
    best.map(|(_, i)| i)
}

/// Position of the law that `laws[from]` is without constants that are nearer to 0 than their standard errors, as long as that law
/// is listed, is hardly less probable, and follows the data as well for its number of constants: then all that is said for such
/// a constant is that laws of this kind often have one.
fn plainest(laws: &[&Refined], probabilities: &[f64], from: usize) -> usize {
    let (Some(law), Some(own)) = (laws.get(from), probabilities.get(from)) else {
        return from;
    };
    let lesser = law.constants.iter().zip(&law.errors).enumerate();
    let lesser = lesser.filter(|(_, (value, error))| error.is_some_and(|e| value.abs() < e));
    let without = |slot: usize| {
        let mut constants = law.constants.clone();
        *constants.get_mut(slot)? = 0.0;
        let (skeleton, _) = law.skeleton.instantiate(&constants).ok()?.parts().ok()?;
        let listed = laws.iter().zip(probabilities).take(COMPARED);
        let same = |(other, p): (&&Refined, &f64)| {
            other.skeleton == skeleton && other.bic < law.bic && *p > HARDLY_LESS * own
        };
        listed.into_iter().position(same)
    };
    let mut plainer = lesser.filter_map(|(slot, _)| without(slot));
    match plainer.next() {
        // Each has a constant less.
        Some(plainer) => plainest(laws, probabilities, plainer),
        None => from,
    }
}

/// Right-hand sides along the smoothed data, row-major.
fn slopes(problem: &Problem, refined: &Refined) -> Vec<f64> {
    let mut all = Vec::new();
    let Some(law) = Law::new(&refined.skeleton.template(), refined.constants.len()) else {
        return all;
    };
    let value = law.value();
    let (mut scratch, mut out) = (value.scratch(), vec![0.0; law.dimension()]);
    for curve in problem.curves() {
        let nodes = curve.times.len();
        for node in (0..nodes).step_by(nodes.div_ceil(PLACES)) {
            let time = curve.times.get(node).copied().unwrap_or(0.0);
            value.eval(
                time,
                curve.at(node),
                &refined.constants,
                &mut scratch,
                &mut out,
            );
            all.extend_from_slice(&out);
        }
    }
    all
}

/// The largest difference, each state's as a share of its largest size in either; infinite where one of them has
/// no value.
fn distance(dimension: usize, a: &[f64], b: &[f64]) -> f64 {
    let mut worst = 0.0f64;
    for state in 0..dimension {
        let (mut apart, mut size) = (0.0f64, 0.0f64);
        let each = a.iter().zip(b).skip(state).step_by(dimension);
        for (a, b) in each {
            if !(a - b).is_finite() {
                return f64::INFINITY;
            }
            apart = apart.max((a - b).abs());
            size = size.max(a.abs()).max(b.abs());
        }
        worst = worst.max(apart / size.max(f64::MIN_POSITIVE));
    }
    worst
}

#[cfg(test)]
mod tests {
    use nsode_parser::Names;

    use super::*;
    use crate::fit::proposal::Proposal;
    use crate::fit::refine::{Effort, refine};
    use crate::samples::{Sample, canonical};

    #[test]
    fn a_law_that_many_agree_with_is_named_before_a_more_probable_one() {
        // A probable law of a shape of its own, and ten that are alike.
        let mut slopes = vec![vec![1.0, -1.0]];
        slopes.extend((0..10).map(|_| vec![1.0, 1.0]));
        let mut probabilities = vec![0.15];
        probabilities.extend([0.05; 10]);
        assert_eq!(central(1, &slopes, &probabilities), Some(1));
        assert_eq!(central(1, &slopes[..2], &probabilities[..2]), Some(0));
        assert_eq!(central(1, &[], &[]), None);
    }

    #[test]
    fn a_term_that_the_data_do_not_show_is_not_named() {
        let sample = Sample {
            law: "-0.5*y",
            states: &["y"],
            initial: &[&[2.0]],
            times: (0.0, 4.0, 60),
            noise: 0.02,
        };
        let problem = sample.problem();
        let fitted = |law: &str| {
            let (skeleton, _) = canonical(law, &Names::default_for(1)).parts().unwrap();
            refine(
                &problem,
                &Proposal::new(skeleton, None),
                Effort::Whole,
                None,
            )
            .unwrap()
        };
        let (plain, more) = (fitted("-0.5*y"), fitted("0.1 - 0.5*y"));
        let (value, error) = (more.constants[0], more.errors[0].unwrap());
        assert!(
            value.abs() < error,
            "{value} {error}: choose another sample"
        );
        let laws = [&more, &plain];
        assert_eq!(plainest(&laws, &[0.5, 0.3], 0), 1);
        assert_eq!(plainest(&laws, &[0.5, 0.1], 0), 0);
        assert_eq!(plainest(&laws, &[0.5, 0.3], 1), 1);
        // What is clearly there is kept.
        let mut clear = more.clone();
        clear.errors[0] = Some(0.3 * value.abs());
        assert_eq!(plainest(&[&clear, &plain], &[0.5, 0.3], 0), 0);
    }

    #[test]
    fn distances_are_shares_of_the_larger_side() {
        assert_eq!(distance(1, &[1.0, 2.0], &[1.0, 4.0]), 0.5);
        assert_eq!(
            distance(2, &[1.0, 8.0, 2.0, 9.0], &[1.0, 8.0, 1.0, 9.0]),
            0.5
        );
        assert_eq!(distance(1, &[0.0], &[0.0]), 0.0);
        assert_eq!(distance(1, &[f64::NAN], &[0.0]), f64::INFINITY);
    }
}
