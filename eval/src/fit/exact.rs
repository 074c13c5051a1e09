//! Constants that are exactly 1 or −1, or exactly as large as another one, in the units of the data.
//!
//! Many laws as people write them have such constants: `x' = y`, `x − x³`, `σ·(y − x)`, what one state loses and another
//! one gains. Where noise leaves a constant open, such a value is so much more probable than any other single one that it
//! is the better answer if the data allow it, and other constants are the nearer to the truth for it. So the prior of a
//! constant is a mixture of these values, and of usual sizes ([`crate::fit::sizes`]).

use nalgebra::{DMatrix, DVector};
use nsode_parser::Skeleton;

use crate::fit::sizes;

/// Probabilities before any data, all of them guesses: that a constant is 1 or −1; that a coefficient of a system is as large
/// as one of the others; that those of one term that stands in two equations are as large as one another; and that
/// constants within a factor that stands in two equations are the same in both.
const ONE: f64 = 0.1;
const ANOTHER: f64 = 0.15;
const SHARED: f64 = 0.3;
const WITHIN: f64 = 0.5;

/// Constants that are not as many standard errors from 0 may not be there at all, and are not made exact.
const CLEAR: f64 = 3.0;

/// Standard error, as a share of a constant, below which it says no more for a relation: the criterion that laws are compared by
/// asks for `½·ln n` nats a constant however sharp it is, and where small values count as much as large ones, that which would add
/// to them is sharp without bound.
const SHARPEST: f64 = 1e-3;

/// A variance that has become this share of what it was is rounding.
const ROUNDING: f64 = 1e-9;

/// A constant that is as large as another one: `constants[slot] = factor · constants[to]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tie {
    /// Its slot.
    pub slot: usize,
    /// The slot of the other one, which is tied to none.
    pub to: usize,
    /// In normalised units.
    pub factor: f64,
    /// Share of what it settles that stays open, as it may be no tie: `(1 − p)·(1 + z²)`, with its probability p and by how many
    /// standard errors the data are off it.
    pub open: f64,
}

/// What is exact of a law's constants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exact {
    /// Slots of constants that are ±1, with the values that they have in normalised units.
    pub held: Vec<(usize, f64)>,
    /// Constants that are as large as others; those may be held.
    pub tied: Vec<Tie>,
    /// Nats that they are more probable by than all other values of these constants together, given the covariance, but for
    /// what the fit loses.
    pub gain: f64,
    /// Nats that they are more probable by than other values before any data, or what makes the law as probable as with all
    /// constants fitted, if that is more.
    pub odds: f64,
}

impl Exact {
    /// Whether it is true of these constants, but for rounding.
    pub fn holds(&self, constants: &[f64]) -> bool {
        let near = |slot: usize, value: f64| {
            let found = constants.get(slot).copied().unwrap_or(f64::NAN);
            (found - value).abs() <= 1e-9 * value.abs()
        };
        let tied = |tie: &Tie| constants.get(tie.to).map(|to| tie.factor * to);
        self.held.iter().all(|(slot, value)| near(*slot, *value))
            && (self.tied.iter()).all(|tie| tied(tie).is_some_and(|value| near(tie.slot, value)))
    }

    /// The covariance of constants, given that those are one that are tied, as far as that is sure: where noise alone makes two
    /// alike, the error of the one that is badly known must hold it all the same. What is ±1 keeps its error: the data said so.
    pub fn as_one(&self, covariance: &DMatrix<f64>) -> DMatrix<f64> {
        let n = covariance.nrows();
        let mut given = covariance.clone();
        for tie in &self.tied {
            let mut along = DVector::zeros(n);
            along[tie.slot] = 1.0;
            along[tie.to] = -tie.factor;
            let share = &given * &along;
            let variance = along.dot(&share);
            // Of directions that are known but for rounding nothing more is learned.
            if variance > ROUNDING * along.dot(&(covariance * &along)) {
                given -= &share * share.transpose() * ((1.0 - tie.open) / variance);
            }
        }
        // Rounding may have left variances below 0 where there are hardly any.
        for (i, before) in covariance.diagonal().iter().enumerate() {
            given[(i, i)] = given[(i, i)].max(ROUNDING * ROUNDING * before);
        }
        given
    }

    /// Constants that are not fitted.
    pub fn count(&self) -> usize {
        self.held.len() + self.tied.len()
    }
}

/// What might be exact: `constants[slot] = factor · constants[to]`, or `= factor` alone.
struct Relation {
    slot: usize,
    to: Option<usize>,
    factor: f64,
    prior: f64,
}

impl Relation {
    /// Nats that it is more probable by than not, before any data.
    fn odds(&self) -> f64 {
        (self.prior / (1.0 - self.prior)).ln()
    }
}

/// Which of the `constants` of `skeleton`, in normalised units and with that covariance, are exact, given what 1 is in these
/// units for each: the most probable relation first, then those that are left, given this one. Also returns where all constants
/// are most probably, given these.
pub fn exact(
    skeleton: &Skeleton,
    constants: &[f64],
    covariance: &DMatrix<f64>,
    units: &[f64],
) -> (Exact, Vec<f64>) {
    let mut left = relations(skeleton, constants, units);
    let mut mean = DVector::from_column_slice(constants);
    let first = covariance;
    let mut covariance = covariance.clone();
    let mut found = Exact::default();
    loop {
        let clear = |slot: usize| mean[slot].powi(2) > CLEAR * CLEAR * covariance[(slot, slot)];
        let each = left.iter().filter_map(|relation| {
            let mut along = DVector::zeros(mean.len());
            along[relation.slot] = 1.0;
            if let Some(to) = relation.to {
                along[to] = -relation.factor;
            }
            let value = relation.to.map_or(1.0, |to| mean[to]) * relation.factor;
            let share = &covariance * &along;
            let variance = along.dot(&share);
            let known = variance > ROUNDING * along.dot(&(first * &along));
            if !(known && clear(relation.slot) && relation.to.is_none_or(clear)) {
                return None;
            }
            // How far each constant goes, where the relation holds.
            let apart = value - mean[relation.slot];
            let steps = share * (apart / variance);
            let there = mean[relation.slot] + steps[relation.slot];
            let width = variance.sqrt().max(SHARPEST * there.abs());
            let occam = relation.odds() - sizes::log_density(there) - width.ln();
            let square = apart * apart / variance;
            let gain = occam - 0.5 * square;
            (gain > 0.0).then_some((relation, along, steps, (variance, square), occam, gain))
        });
        let Some((relation, along, steps, (variance, square), occam, gain)) =
            each.max_by(|a, b| a.5.total_cmp(&b.5))
        else {
            return (found, mean.as_slice().to_vec());
        };
        let (slot, to, factor) = (relation.slot, relation.to, relation.factor);
        found.gain += occam;
        found.odds += relation.odds();
        // What is known of the others, given this.
        let share = &covariance * along;
        covariance -= &share * share.transpose() / variance;
        mean += steps;
        match to {
            None => found.held.push((slot, factor)),
            Some(to) => {
                for tie in found.tied.iter_mut().filter(|tie| tie.to == slot) {
                    (tie.to, tie.factor) = (to, tie.factor * factor);
                }
                let doubt = 1.0 / (1.0 + gain.exp());
                found.tied.push(Tie {
                    slot,
                    to,
                    factor,
                    open: (doubt * (1.0 + square)).min(1.0),
                });
            }
        }
        left.retain(|other| other.slot != slot);
        // What might be as large as this one, might be as large as what this one is as large as.
        for other in left.iter_mut().filter(|other| other.to == Some(slot)) {
            (other.to, other.factor) = (to, other.factor * factor);
        }
        left.retain(|other| other.to != Some(other.slot));
    }
}

/// What might be exact of a law. Of two constants the later one is tied to the earlier one.
fn relations(skeleton: &Skeleton, constants: &[f64], units: &[f64]) -> Vec<Relation> {
    let parts = skeleton.parts();
    let signed = |slot: usize| units[slot].abs().copysign(constants[slot]);
    let one = |slot| Relation {
        slot,
        to: None,
        factor: signed(slot),
        prior: ONE,
    };
    let tie = |slot: usize, to: usize, prior| Relation {
        slot,
        to: Some(to),
        factor: signed(slot) / signed(to),
        prior,
    };
    let composed = composed(skeleton, constants);
    let ones = (0..constants.len()).filter(|slot| !composed.contains(slot));
    let mut all: Vec<Relation> = ones.map(one).collect();
    // Of one equation alone it is as often chance.
    let pairs = if skeleton.dimension() > 1 {
        parts.as_slice()
    } else {
        &[]
    };
    let others = parts.len().saturating_sub(1).max(1) as f64;
    let mut within: Vec<(usize, usize)> = Vec::new();
    for (number, part) in pairs.iter().enumerate() {
        for before in &parts[..number] {
            let shared = before.equation != part.equation && before.tokens == part.tokens;
            let (slot, to) = (part.slots.start, before.slots.start);
            if shared {
                all.push(tie(slot, to, SHARED));
            } else if ![slot, to].iter().any(|one| composed.contains(one)) {
                all.push(tie(slot, to, ANOTHER / others));
            }
            if before.equation == part.equation {
                continue;
            }
            let mut theirs = before.factors();
            for (own, inside) in part.factors() {
                let Some(at) = theirs.iter().position(|(of, _)| *of == own) else {
                    continue;
                };
                let (_, its) = theirs.remove(at);
                let alike = |(slot, to): &(usize, usize)| signed(*slot) * signed(*to) > 0.0;
                within.extend(inside.zip(its).filter(alike));
            }
        }
    }
    // One that might be as large as several is so with the same probability.
    let counterparts = |slot| within.iter().filter(|(own, _)| *own == slot).count() as f64;
    let ties = within.iter();
    all.extend(ties.map(|(slot, to)| tie(*slot, *to, WITHIN / counterparts(*slot))));
    all
}

/// Slots of coefficients that nobody means by themselves: `a·R + b·R/(c + y^n)` with opposite signs and c > 0 is written
/// `e·R·y^n/(c + y^n) − m·R`, of which the first one has `a = e − m` and the second one `b = −e·c`.
fn composed(skeleton: &Skeleton, constants: &[f64]) -> Vec<usize> {
    let value = |slot: usize| constants.get(slot).copied().unwrap_or(f64::NAN);
    let pairs = skeleton.saturations().into_iter();
    let written =
        pairs.filter(|pair| value(pair.half) > 0.0 && value(pair.plain) * value(pair.over) < 0.0);
    written.flat_map(|pair| [pair.plain, pair.over]).collect()
}

#[cfg(test)]
mod tests {
    use nsode_parser::{Names, Token};

    use super::*;
    use crate::samples::canonical;

    /// Which constants of two equations are exact, given the standard errors of each; a unit of 1.
    fn exact_of(tokens: &[Token], constants: &[f64], errors: &[f64]) -> Exact {
        let skeleton = Skeleton::parse(2, tokens).unwrap();
        let variances = errors.iter().map(|error| error * error);
        let covariance = DMatrix::from_diagonal(&DVector::from_iterator(errors.len(), variances));
        exact(&skeleton, constants, &covariance, &vec![1.0; errors.len()]).0
    }

    /// x' = c0·y, y' = c1·x
    const OSCILLATOR: [Token; 2] = [Token::X2, Token::X1];

    #[test]
    fn what_is_near_enough_to_one_is_one() {
        let found = exact_of(&OSCILLATOR, &[1.04, -2.3], &[0.05, 0.05]);
        assert_eq!(found.held, [(0, 1.0)]);
        assert!(found.tied.is_empty() && found.gain > 1.0);
        let found = exact_of(&OSCILLATOR, &[1.2, -2.3], &[0.05, 0.05]);
        assert_eq!(found, Exact::default());
        // Of what is not known at all nothing exact is said either.
        let found = exact_of(&OSCILLATOR, &[1.0, -2.3], &[30.0, 0.05]);
        assert_eq!(found, Exact::default());
    }

    #[test]
    fn what_one_state_loses_the_other_one_gains() {
        // x' = c0·x·y, y' = c1·x·y + c2·y
        let tokens = [
            Token::Mul,
            Token::X1,
            Token::X2,
            Token::Add2,
            Token::Mul,
            Token::X1,
            Token::X2,
            Token::X2,
        ];
        let found = exact_of(&tokens, &[-0.52, 0.5, -0.26], &[0.03, 0.03, 0.01]);
        let ties: Vec<_> = found
            .tied
            .iter()
            .map(|t| (t.slot, t.to, t.factor))
            .collect();
        assert_eq!(ties, [(1, 0, -1.0)]);
        assert!(found.held.is_empty());
        // The more noise leaves open, the less likely it is.
        let open = |error: f64| {
            let found = exact_of(&tokens, &[-0.5, 0.5, -0.26], &[error, error, 0.01]);
            found.tied.first().map(|tie| tie.open)
        };
        let (sharp, vague) = (open(0.005).unwrap(), open(0.05).unwrap());
        assert!(
            0.0 < sharp && sharp < 0.5 * vague && vague < 0.5,
            "{sharp} {vague}"
        );
    }

    #[test]
    fn what_is_within_a_factor_that_two_equations_share_is_the_same() {
        let names = Names::default_for(2);
        let law = canonical(
            "x1 - 1.4*x1*x2/(12 + x1); 0.4*x2 - 8.4*x2/(11.6 + x1)",
            &names,
        );
        let (skeleton, constants) = law.parts().unwrap();
        let near = |value: f64| constants.iter().position(|c| (c - value).abs() < 1e-9);
        let (to, slot) = (near(12.0).unwrap(), near(11.6).unwrap());
        let variances = constants.iter().map(|c| (0.03 * c).powi(2));
        let variances = DVector::from_iterator(constants.len(), variances);
        let covariance = DMatrix::from_diagonal(&variances);
        let units = vec![1.0; constants.len()];
        let (found, there) = exact(&skeleton, &constants, &covariance, &units);
        let tie = found.tied.iter().find(|tie| tie.slot == slot);
        assert_eq!(tie.map(|tie| (tie.to, tie.factor)), Some((to, 1.0)));
        assert!(found.holds(&there));
    }

    #[test]
    fn what_is_a_product_of_what_is_meant_is_not_one_by_chance() {
        let names = Names::default_for(2);
        // 1.74·0.575 is 1.
        for (law, ones) in [
            ("0.3*x1 - x1/(1.74 + x2); 2 - 0.7*x2", 0),
            ("0.3*x1 + x1/(1.74 + x2); 2 - 0.7*x2", 1),
            ("0.3*x1 - x1/(1.74 + x2)^2; 2 - 0.7*x2", 1),
            ("0.3*x1 - x2/(1.74 + x2); 2 - 0.7*x2", 1),
            ("0.3 - 1/(1.74 + x2); 2 - 0.7*x2", 0),
            ("-0.3*x1 + x1/(1.74 + x2); 2 - 0.7*x2", 0),
            ("0.3*x1 - x1/(1.74 + x1*x2); 2 - 0.7*x2", 1),
        ] {
            let (skeleton, constants) = canonical(law, &names).parts().unwrap();
            let covariance = DMatrix::identity(constants.len(), constants.len()) * 1e-4;
            let units = vec![1.0; constants.len()];
            let (found, _) = exact(&skeleton, &constants, &covariance, &units);
            assert_eq!(found.held.len(), ones, "{law}: {found:?}");
        }
    }

    #[test]
    fn what_is_tied_has_one_error() {
        let tie = |slot, to, factor| Tie {
            slot,
            to,
            factor,
            open: 0.0,
        };
        let exact = Exact {
            tied: vec![tie(1, 0, -2.0), tie(3, 0, 1.0)],
            ..Exact::default()
        };
        let mut covariance =
            DMatrix::from_diagonal(&DVector::from_row_slice(&[4.0, 16.0, 9.0, 2.0]));
        covariance[(1, 2)] = 3.0;
        covariance[(2, 1)] = 3.0;
        let one = exact.as_one(&covariance);
        // Three measurements of one number, with variances 4, 4 (of half of the second with the other sign) and 2.
        let near = |(i, j): (usize, usize), value: f64| {
            let off = (one[(i, j)] - value).abs();
            assert!(off < 1e-12, "{i}, {j}: {}", one[(i, j)]);
        };
        near((0, 0), 1.0);
        near((1, 1), 4.0);
        near((3, 3), 1.0);
        near((0, 1), -2.0);
        // A quarter of −3/2 is what the third goes with this number, and the better it is known, the better the third.
        near((0, 2), -0.375);
        near((2, 2), 9.0 - 0.5625 + 0.140625);
    }

    /// A constant that goes with a tied one is known better by it, too, and goes with it as before.
    #[test]
    fn what_goes_with_a_tied_constant_still_does() {
        let tied = vec![Tie {
            slot: 2,
            to: 0,
            factor: -1.0,
            open: 0.0,
        }];
        let mut exact = Exact {
            tied,
            ..Exact::default()
        };
        // Of one number there are two measurements, of which the other one is a bad one.
        let rows = [[1.0, 0.99, 0.0], [0.99, 1.0, 0.0], [0.0, 0.0, 100.0]];
        let covariance = DMatrix::from_fn(3, 3, |i, j| rows[i][j]);
        let one = exact.as_one(&covariance);
        let share = 1.0 / 101.0;
        assert!((one[(0, 0)] - (1.0 - share)).abs() < 1e-12);
        assert!((one[(0, 1)] - 0.99 * (1.0 - share)).abs() < 1e-12);
        assert!((one[(2, 1)] + one[(0, 1)]).abs() < 1e-12);
        // A tie that may be none leaves the bad measurement in doubt.
        exact.tied[0].open = 0.25;
        let one = exact.as_one(&covariance);
        assert!((one[(0, 0)] - (1.0 - 0.75 * share)).abs() < 1e-12);
        assert!((one[(2, 2)] - 100.0 * (1.0 - 0.75 * 100.0 / 101.0)).abs() < 1e-9);
    }

    /// x' = c0·x, y' = c1·x·y + c2·y
    const CHAIN: [Token; 6] = [
        Token::X1,
        Token::Add2,
        Token::Mul,
        Token::X1,
        Token::X2,
        Token::X2,
    ];

    #[test]
    fn a_chain_of_ties_ends_at_one_constant() {
        // The last two are the best known, so these are tied first, and then both to the first one.
        let found = exact_of(&CHAIN, &[0.31, 0.3, -0.3], &[0.02, 0.001, 0.001]);
        let mut ties: Vec<_> = found
            .tied
            .iter()
            .map(|t| (t.slot, t.to, t.factor))
            .collect();
        ties.sort_by_key(|tie| tie.0);
        assert_eq!(ties, [(1, 0, 1.0), (2, 0, -1.0)]);
    }

    #[test]
    fn what_may_be_nothing_is_nothing_exact() {
        for error in [0.2, 1.0, 5.0] {
            let found = exact_of(&OSCILLATOR, &[0.5, -0.5], &[error, 0.01]);
            assert_eq!(found, Exact::default(), "{error}");
        }
    }

    /// In units in which constants are of other sizes, being as large is no likelier.
    #[test]
    fn units_do_not_tie_what_is_apart() {
        let skeleton = Skeleton::parse(2, &CHAIN).unwrap();
        let covariance = DMatrix::from_diagonal(&DVector::repeat(3, 1e-4));
        for units in [1e-9, 1e-3, 1e3, 1e9] {
            let units = [1.0, units, 1.0];
            let (found, _) = exact(&skeleton, &[0.4, 0.5, -0.7], &covariance, &units);
            assert_eq!(found, Exact::default(), "{units:?}");
        }
    }

    #[test]
    fn the_others_are_judged_given_the_first() {
        // Alone the second constant is three standard errors from 1, but it goes with the first.
        let skeleton = Skeleton::parse(2, &OSCILLATOR).unwrap();
        let covariance = DMatrix::from_row_slice(2, 2, &[0.01, 0.0099, 0.0099, 0.01]);
        let (found, there) = exact(&skeleton, &[1.1, 1.11], &covariance, &[1.0, 1.0]);
        assert_eq!(found.held.len() + found.tied.len(), 2);
        assert!(found.holds(&there), "{there:?}");
    }
}
