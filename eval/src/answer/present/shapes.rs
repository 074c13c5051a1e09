//! The combinations of terms that have a customary form of their own.
//!
//! Growth that limits itself, `a*R + b*R*y^n` with opposite signs and `y`, or a higher power, in `R`: `a*R*(1 - (y/K)^n)` (the
//! logistic law of Verhulst; Richards' for n other than 1). Relaxation, `a + b*y`: `k*(A - y)`. What saturates
//! beside what does not, `a*R + b*R/(K + y)` with opposite signs: `e*R*y/(K + y) - m*R`. Saturation
//! of Hill's kind, `c + y^n` below a fraction: `K^n + y^n`, or `1 + (y/K)^n` where there is no `y` above.
//! Gompertz' growth, `b*y*log(c*y)`: `b*y*log(K/y)`.

use nsode_parser::{Binary, Expr, Unary};

use super::Definitions;
use super::terms::{Exponent, Factor, Term, negated, terms};

/// Whether a number can be the scale of a state: positive, and its powers in no danger of overflow.
fn is_scale(value: f64) -> bool {
    (1e-100..=1e100).contains(&value)
}

/// How many times as large as what is left of them two terms may be.
const MOST_CANCELLED: f64 = 1e3;

/// `a*R + b*R*y^n` into one term `a*R*(1 - (y/K)^n)`, K = (−a/b)^(1/n), where `R` has `y` or a higher power in it
/// and no third term is of the same family. Where
/// there are further terms, `a` must be positive.
pub(super) fn self_limited(all: &mut Vec<Term>, definitions: &mut Definitions) {
    for i in 0..all.len() {
        for j in 0..all.len() {
            let (Some(low), Some(high)) = (all.get(i), all.get(j)) else {
                continue;
            };
            let Some((state, from, to)) = step(low, high) else {
                continue;
            };
            let family = all.iter().filter(|t| rest(t, state) == rest(low, state));
            if i == j || family.count() != 2 {
                continue;
            }
            let n = match (from, to) {
                (Exponent::Fixed(a), Exponent::Fixed(b)) => Expr::Number(b - a),
                (a, b) => b.definition() - a.definition(),
            };
            let ratio = negated(low.coefficient.clone()) / high.coefficient.clone();
            let capacity = root(ratio, n.clone());
            let usual = is_scale(definitions.value(&capacity))
                && definitions.value(&n) > 0.0
                && from.value(definitions) >= 1.0;
            let opposite =
                definitions.value(&low.coefficient) * definitions.value(&high.coefficient) < 0.0;
            // Beside other terms, `-a*R*(1 - y/K)` says less than `-a*R + b*R*y`.
            let grows = definitions.value(&low.coefficient) > 0.0 || all.len() == 2;
            if !(usual && opposite && grows) {
                continue;
            }
            let capacity = definitions.constant(capacity);
            let n = definitions.constant(n);
            let share = Expr::State(state) / capacity;
            let brake = Expr::Number(1.0)
                - match n {
                    Expr::Number(1.0) => share,
                    n => share.pow(n),
                };
            if let Some(low) = all.get_mut(i) {
                low.written.push(brake);
            }
            all.remove(j);
            return;
        }
    }
}

/// The state whose power alone tells `low` from `high`, with its exponents in the two.
fn step(low: &Term, high: &Term) -> Option<(usize, Exponent, Exponent)> {
    low.factors.iter().find_map(|factor| match factor.base {
        Expr::State(state) if rest(low, state) == rest(high, state) => {
            let to = high.factors.iter().find(|f| f.base == factor.base)?;
            (to.exponent != factor.exponent).then_some((state, factor.exponent, to.exponent))
        }
        _ => None,
    })
}

/// The factors of `term` that are no powers of `state`.
fn rest(term: &Term, state: usize) -> Vec<&Factor> {
    let other = |f: &&Factor| f.base != Expr::State(state);
    term.factors.iter().filter(other).collect()
}

/// `ratio^(1/n)`.
fn root(ratio: Expr, n: Expr) -> Expr {
    match n {
        Expr::Number(1.0) => ratio,
        Expr::Number(2.0) => Expr::unary(Unary::Sqrt, ratio),
        n => ratio.pow(Expr::Number(1.0) / n),
    }
}

/// `a*R + b*R/(c + y^n)` with opposite signs, c > 0, and no power of `y` in `R` into `e*R*y^n/(c + y^n) - m*R`, e = −b/c and m = e − a:
/// what is eaten makes growth, what is there dies. Not where these would hardly be more than what they leave of each other.
pub(super) fn saturating(all: &mut [Term], definitions: &Definitions) {
    for i in 0..all.len() {
        for j in 0..all.len() {
            let (Some(plain), Some(inverse)) = (all.get(i), all.get(j)) else {
                continue;
            };
            let Some((constant, power)) = saturation(plain, inverse) else {
                continue;
            };
            let most = negated(inverse.coefficient.clone()) / constant.clone();
            let rest = plain.coefficient.clone() - most.clone();
            let [a, b, c, e] = [&plain.coefficient, &inverse.coefficient, &constant, &most]
                .map(|definition| definitions.value(definition));
            if !(a * b < 0.0 && is_scale(c) && e.abs() < MOST_CANCELLED * a.abs()) {
                continue;
            }
            // Powers of states in the order of their numbers.
            let later = |f: &Factor| match (&f.base, &power.base) {
                (Expr::State(other), Expr::State(own)) => other >= own,
                _ => true,
            };
            if let Some(inverse) = all.get_mut(j) {
                inverse.coefficient = most;
                let place = inverse.factors.iter().position(later).unwrap_or(0);
                inverse.factors.insert(place, power);
            }
            if let Some(plain) = all.get_mut(i) {
                plain.coefficient = rest;
            }
        }
    }
}

/// The constant and the power of a state in the divisor `c + y^n` that alone tells `inverse` from `plain`.
fn saturation(plain: &Term, inverse: &Term) -> Option<(Expr, Factor)> {
    let bare = plain.written.is_empty() && inverse.written.is_empty();
    let own = |factor: &&Factor| !plain.factors.contains(factor);
    let mut divisors = inverse.factors.iter().filter(own);
    let (Some(divisor), None) = (divisors.next(), divisors.next()) else {
        return None;
    };
    let all_in = plain.factors.iter().all(|f| inverse.factors.contains(f));
    let (constant, power) = divisor_of(divisor)?;
    let elsewhere = plain.factors.iter().any(|f| f.base == power.base);
    (bare && all_in && !elsewhere).then_some((constant, power))
}

/// The constant and the power of a state of a factor `1/(c + y^n)`.
fn divisor_of(factor: &Factor) -> Option<(Expr, Factor)> {
    let sum = matches!(factor.base, Expr::Binary(..));
    let inverse = factor.exponent == Exponent::Fixed(-1.0);
    let inside = (sum && inverse).then(|| terms(&factor.base))?;
    let (constant, power) = power_beside_constant(&inside)?;
    Some((constant.clone(), power.clone()))
}

/// `c` and `y^n` of `c + y^n`.
fn power_beside_constant(all: &[Term]) -> Option<(&Expr, &Factor)> {
    let [constant, one] = all else {
        return None;
    };
    let [power] = one.factors.as_slice() else {
        return None;
    };
    let state = matches!(power.base, Expr::State(_));
    let plain = constant.factors.is_empty() && one.coefficient == Expr::Number(1.0);
    (state && plain).then_some((&constant.coefficient, power))
}

/// The whole of `a + b*y`, with opposite signs, into `-b*(A - y)` or `b*(y - A)`, A = −a/b.
pub(super) fn relaxing(all: &mut Vec<Term>, definitions: &mut Definitions) {
    let [level, slope] = all.as_slice() else {
        return;
    };
    let [
        Factor {
            base: state @ Expr::State(_),
            exponent,
        },
    ] = slope.factors.as_slice()
    else {
        return;
    };
    let plain = level.factors.is_empty() && level.written.is_empty() && slope.written.is_empty();
    let (a, b) = (
        definitions.value(&level.coefficient),
        definitions.value(&slope.coefficient),
    );
    let target = negated(level.coefficient.clone()) / slope.coefficient.clone();
    let finite = definitions.value(&target).is_finite();
    if !plain || *exponent != Exponent::Fixed(1.0) || a * b >= 0.0 || !finite {
        return;
    }
    let target = definitions.constant(target);
    let (coefficient, difference) = match b < 0.0 {
        true => (negated(slope.coefficient.clone()), target - state.clone()),
        false => (slope.coefficient.clone(), state.clone() - target),
    };
    *all = vec![Term {
        coefficient,
        factors: Vec::new(),
        written: vec![difference],
    }];
}

/// `c + y^n`, c > 0 and n not 1, as `K^n + y^n` with K = c^(1/n), in units of the state.
pub(super) fn half_saturation(all: &[Term], definitions: &mut Definitions) -> Option<Expr> {
    let (constant, power) = power_beside_constant(all)?;
    let half = definitions.constant(half(constant, power, definitions)?);
    let y = power.base.clone();
    if power.exponent == Exponent::Fixed(0.5) {
        let sqrt = |e| Expr::unary(Unary::Sqrt, e);
        return Some(sqrt(half) + sqrt(y));
    }
    let n = definitions.constant(power.exponent.definition());
    Some(half.pow(n.clone()) + y.pow(n))
}

/// The divisor `c + y^n`, c > 0 and n not 1, below what has no power of `y`: `1 + (y/K)^n` with K = c^(1/n), and the coefficient
/// divided by `c`, which makes it what there is without `y`: what represses a gene.
pub(super) fn repressed(
    factor: &Factor,
    others: &[Factor],
    coefficient: &mut Expr,
    definitions: &mut Definitions,
) -> Option<Expr> {
    let (constant, power) = divisor_of(factor)?;
    let half = half(&constant, &power, definitions)?;
    if others.iter().any(|other| other.base == power.base) {
        return None;
    }
    *coefficient = coefficient.clone() / constant;
    let share = power.base / definitions.constant(half);
    let one = Expr::Number(1.0);
    if power.exponent == Exponent::Fixed(0.5) {
        return Some(one + Expr::unary(Unary::Sqrt, share));
    }
    let n = definitions.constant(power.exponent.definition());
    Some(one + share.pow(n))
}

/// `c^(1/n)` of `c + y^n` with c and n positive and n not 1.
fn half(constant: &Expr, power: &Factor, definitions: &Definitions) -> Option<Expr> {
    let n = power.exponent.value(definitions);
    let usual = definitions.value(constant) > 0.0 && n > 0.0 && n != 1.0;
    let half = root(constant.clone(), power.exponent.definition());
    (usual && is_scale(definitions.value(&half))).then_some(half)
}

/// `log(c*y)`, c > 0, as `log(y/K)`, or `log(K/y)` and the other sign for a negative coefficient; K = 1/c.
pub(super) fn logarithm(
    factor: &Factor,
    coefficient: &mut Expr,
    definitions: &mut Definitions,
) -> Option<Expr> {
    let Expr::Unary(Unary::Log, argument) = &factor.base else {
        return None;
    };
    let inner = terms(argument);
    let [
        Term {
            coefficient: scale,
            factors,
            ..
        },
    ] = inner.as_slice()
    else {
        return None;
    };
    let [
        Factor {
            base: state @ Expr::State(_),
            exponent: Exponent::Fixed(1.0),
        },
    ] = factors.as_slice()
    else {
        return None;
    };
    let size = 1.0 / definitions.value(scale);
    let usual = is_scale(size) && size != 1.0;
    if factor.exponent != Exponent::Fixed(1.0) || !usual {
        return None;
    }
    let unit = definitions.constant(Expr::binary(Binary::Div, Expr::Number(1.0), scale.clone()));
    let ratio = match definitions.value(coefficient) < 0.0 {
        true => {
            *coefficient = negated(coefficient.clone());
            unit / state.clone()
        }
        false => state.clone() / unit,
    };
    Some(Expr::unary(Unary::Log, ratio))
}
