//! Right-hand sides as sums of terms out of the families that laws of nature are made of.
//!
//! A term is `c·g(v)`, `v` a state or, in several dimensions, sometimes the difference of two. Products and
//! quotients of terms, `x' = v` equations and terms that two equations share (as in predator and prey) come
//! with the shares of the configuration.

use nsode_parser::{Expr, Unary};
use rand::Rng;

use crate::config;
use crate::draft::{Role, Slots};
use crate::random::{below, chance, pick};

/// A family of terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Powers with small integer exponents, in several states.
    Monomial,
    /// `1/v`, `1/v²`.
    Inverse,
    /// Michaelis–Menten, Hill, Haldane, inhibition.
    Rational,
    /// `tanh`, `1 − e^(−kv)`, logistic steps.
    Saturation,
    /// Growth, decay, Ricker, Arrhenius.
    Exponential,
    /// `log v`, Gompertz.
    Logarithm,
    /// Sines and cosines.
    Trigonometric,
    /// Roots and other powers that are no integers.
    Root,
    /// `v·|v|`.
    Drag,
}

impl config::Families {
    /// Families and weights.
    pub fn list(&self) -> [(Family, f64); 9] {
        [
            (Family::Monomial, self.monomial),
            (Family::Inverse, self.inverse),
            (Family::Rational, self.rational),
            (Family::Saturation, self.saturation),
            (Family::Exponential, self.exponential),
            (Family::Logarithm, self.logarithm),
            (Family::Trigonometric, self.trigonometric),
            (Family::Root, self.root),
            (Family::Drag, self.drag),
        ]
    }
}

/// Draws right-hand sides as sums of terms.
#[derive(Clone, Debug)]
pub struct Families {
    config: config::Families,
    list: [(Family, f64); 9],
}

impl Families {
    /// Prepares the weights.
    pub fn new(config: &config::Families) -> Families {
        Families {
            config: config.clone(),
            list: config.list(),
        }
    }

    /// The right-hand sides of a system of `dimension` states, their constants taken from `slots`.
    pub fn equations(&self, dimension: usize, slots: &mut Slots, rng: &mut impl Rng) -> Vec<Expr> {
        let leads = self.leads(dimension, rng);
        let mut terms: Vec<Vec<Expr>> = vec![Vec::new(); dimension];
        let mut gifts: Vec<(usize, Expr)> = Vec::new();
        let mut chained = 0;
        for (i, sum) in terms.iter_mut().enumerate() {
            let lead = leads.get(i).copied().flatten();
            if chance(rng, self.config.chain) && chained + 1 < dimension {
                chained += 1;
                let to = lead.unwrap_or_else(|| other(i, dimension, rng));
                sum.push(Expr::State(to));
                continue;
            }
            let mut functions: Vec<Expr> = Vec::new();
            for k in 0..=pick(rng, self.config.terms.iter().copied()) {
                let of = match lead {
                    Some(lead) if k == 0 => Preference {
                        state: lead,
                        share: 1.0,
                        dimension,
                    },
                    _ => Preference {
                        state: i,
                        share: self.config.own,
                        dimension,
                    },
                };
                // Equal terms would be collected into one: a few more tries for another.
                let mut function = self.term(of, slots, rng);
                for _ in 0..4 {
                    if !functions.contains(&function) {
                        break;
                    }
                    function = self.term(of, slots, rng);
                }
                if functions.contains(&function) {
                    continue;
                }
                functions.push(function.clone());
                if couples(&function) && chance(rng, self.config.shared) {
                    gifts.push((other(i, dimension, rng), function.clone()));
                }
                sum.push(slots.next(Role::Coefficient) * function);
            }
        }
        for (i, function) in gifts {
            if let Some(sum) = terms.get_mut(i) {
                sum.push(slots.next(Role::Coefficient) * function);
            }
        }
        terms
            .into_iter()
            .map(|sum| {
                let joined = sum.into_iter().reduce(|a, b| a + b);
                joined.unwrap_or(Expr::Number(0.0))
            })
            .collect()
    }

    /// For some systems, a cycle through all states: the one that leads each equation. So every state
    /// influences every other.
    fn leads(&self, dimension: usize, rng: &mut impl Rng) -> Vec<Option<usize>> {
        let mut leads = vec![None; dimension];
        if dimension > 1 && chance(rng, self.config.cycle) {
            let mut order: Vec<usize> = (0..dimension).collect();
            for k in (1..dimension).rev() {
                order.swap(k, below(rng, k + 1));
            }
            for (k, &i) in order.iter().enumerate() {
                leads[i] = order.get((k + 1) % dimension).copied();
            }
        }
        leads
    }

    /// `g(v)`, without its coefficient.
    fn term(&self, of: Preference, slots: &mut Slots, rng: &mut impl Rng) -> Expr {
        let first = self.factor(of, slots, rng);
        let how = pick(
            rng,
            [
                self.config.product,
                self.config.quotient,
                (1.0 - self.config.product - self.config.quotient).max(0.0),
            ],
        );
        match how {
            0 if chance(rng, 0.5) => Expr::State(of.any().draw(rng)) * first,
            0 => first * self.factor(of.any(), slots, rng),
            1 => {
                let below = self.factor(of.any(), slots, rng);
                first / (Expr::Number(1.0) + slots.next(Role::Scale) * below)
            }
            _ => first,
        }
    }

    fn factor(&self, of: Preference, slots: &mut Slots, rng: &mut impl Rng) -> Expr {
        let (family, _) = self.list[pick(rng, self.list.iter().map(|(_, w)| *w))];
        if family == Family::Monomial {
            return self.monomial(of, rng);
        }
        let v = self.argument(of, rng);
        function(family, v, slots, rng)
    }

    fn argument(&self, of: Preference, rng: &mut impl Rng) -> Expr {
        let i = of.draw(rng);
        if of.dimension > 1 && chance(rng, self.config.difference) {
            return Expr::State(other(i, of.dimension, rng)) - Expr::State(i);
        }
        Expr::State(i)
    }

    fn monomial(&self, of: Preference, rng: &mut impl Rng) -> Expr {
        let degree = pick(rng, self.config.degrees.iter().copied());
        let mut exponents = vec![0; of.dimension];
        let mixed = degree > 1 && of.dimension > 1 && chance(rng, self.config.mixed);
        if mixed {
            exponents[of.state] = 1;
            for _ in 1..degree {
                exponents[below(rng, of.dimension)] += 1;
            }
        } else if degree > 0 {
            match self.argument(of, rng) {
                Expr::State(j) => exponents[j] = degree,
                difference => return power(difference, degree),
            }
        }
        exponents
            .into_iter()
            .enumerate()
            .filter(|(_, n)| *n > 0)
            .map(|(j, n)| power(Expr::State(j), n))
            .reduce(|a, b| a * b)
            .unwrap_or(Expr::Number(1.0))
    }
}

/// Which state a term is likely to be in.
#[derive(Clone, Copy, Debug)]
struct Preference {
    /// The likely one, below `dimension`.
    state: usize,
    /// Its share; the rest goes to all states alike.
    share: f64,
    /// Number of states.
    dimension: usize,
}

impl Preference {
    /// As likely any state as the preferred one.
    fn any(self) -> Preference {
        Preference {
            share: self.share.min(0.5),
            ..self
        }
    }

    fn draw(self, rng: &mut impl Rng) -> usize {
        if chance(rng, self.share) {
            self.state
        } else {
            below(rng, self.dimension)
        }
    }
}

/// A state other than `i`.
fn other(i: usize, dimension: usize, rng: &mut impl Rng) -> usize {
    let j = below(rng, dimension.saturating_sub(1));
    if j < i { j } else { (j + 1).min(dimension - 1) }
}

/// Whether two or more states occur.
fn couples(expr: &Expr) -> bool {
    let mut first = None;
    let mut more = false;
    expr.visit(&mut |e| {
        if let Expr::State(j) = e {
            more |= first.is_some_and(|f| f != *j);
            first = Some(*j);
        }
    });
    more
}

/// `baseⁿ`, `base` itself for `n = 1`.
pub(crate) fn power(base: Expr, n: usize) -> Expr {
    if n == 1 {
        base
    } else {
        base.pow(Expr::Number(n as f64))
    }
}

/// A member of a family, of argument `v`.
fn function(family: Family, v: Expr, slots: &mut Slots, rng: &mut impl Rng) -> Expr {
    let one = || Expr::Number(1.0);
    match family {
        Family::Monomial => v,
        Family::Inverse => v.pow(Expr::Number(if chance(rng, 0.7) { -1.0 } else { -2.0 })),
        Family::Rational => {
            let scale = slots.next(Role::Scale);
            match pick(rng, [4.0, 3.0, 1.0, 1.0, 1.5, 1.0, 1.0]) {
                0 => v.clone() / (scale + v),
                1 => power(v.clone(), 2) / (scale + power(v, 2)),
                2 => {
                    let n = 3 + below(rng, 2);
                    power(v.clone(), n) / (scale + power(v, n))
                }
                3 => {
                    let n = slots.next(Role::Exponent);
                    v.clone().pow(n.clone()) / (scale + v.pow(n))
                }
                4 => one() / (scale + v),
                5 => one() / (scale + power(v, 2)),
                _ => v.clone() / (scale + power(v, 2)),
            }
        }
        Family::Saturation => {
            let scale = slots.next(Role::Scale);
            match pick(rng, [3.0, 2.0, 1.0]) {
                0 => Expr::unary(Unary::Tanh, scale * v),
                1 => one() - Expr::unary(Unary::Exp, -(scale * v)),
                _ => {
                    let centre = slots.next(Role::Shift);
                    one() / (one() + Expr::unary(Unary::Exp, -(scale * (v - centre))))
                }
            }
        }
        Family::Exponential => {
            let kind = pick(rng, [2.0, 2.5, 1.5, 1.5]);
            let scale = slots.next(Role::Scale);
            match kind {
                0 => Expr::unary(Unary::Exp, scale * v),
                1 => Expr::unary(Unary::Exp, -(scale * v)),
                2 => v.clone() * Expr::unary(Unary::Exp, -(scale * v)),
                _ => Expr::unary(Unary::Exp, -(scale / v)),
            }
        }
        Family::Logarithm => match pick(rng, [1.0, 2.0, 0.5]) {
            0 => Expr::unary(Unary::Log, v),
            1 => v.clone() * Expr::unary(Unary::Log, v),
            _ => Expr::unary(Unary::Log, one() + slots.next(Role::Scale) * v),
        },
        Family::Trigonometric => {
            let name = if chance(rng, 0.6) {
                Unary::Sin
            } else {
                Unary::Cos
            };
            match pick(rng, [3.0, 2.0, 0.7, 0.5]) {
                0 => Expr::unary(name, v),
                1 => Expr::unary(name, slots.next(Role::Scale) * v),
                2 => Expr::unary(name, v + slots.next(Role::Shift)),
                _ => v.clone() * Expr::unary(name, slots.next(Role::Scale) * v),
            }
        }
        Family::Root => match pick(rng, [4.0, 2.0, 1.0]) {
            0 => Expr::unary(Unary::Sqrt, v),
            1 => v.pow(slots.next(Role::Exponent)),
            _ => Expr::unary(Unary::Sqrt, slots.next(Role::Scale) + v),
        },
        Family::Drag => v.clone() * Expr::unary(Unary::Abs, v),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn other_states_are_other_and_all_of_them() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for i in 0..3 {
            let mut seen = [false; 3];
            for _ in 0..100 {
                seen[other(i, 3, &mut rng)] = true;
            }
            let expected: Vec<bool> = (0..3).map(|j| j != i).collect();
            assert_eq!(seen.as_slice(), expected);
        }
    }

    #[test]
    fn every_family_has_a_finite_value_at_positive_states() {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for (family, _) in config::Families::default().list() {
            for _ in 0..200 {
                let mut slots = Slots::default();
                let expr = function(family, Expr::State(0), &mut slots, &mut rng);
                let value = expr.eval(0.0, &[0.7], &[1.3, 0.6, 0.9]);
                assert!(value.is_finite(), "{family:?}: {expr:?}");
                assert!(expr.parameters() <= 3);
            }
        }
    }

    #[test]
    fn systems_use_their_own_states_and_number_their_constants() {
        let families = Families::new(&config::Families::default());
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut coupled = 0;
        for dimension in [1, 2, 3, 5] {
            for _ in 0..200 {
                let mut slots = Slots::default();
                let rhs = families.equations(dimension, &mut slots, &mut rng);
                assert_eq!(rhs.len(), dimension);
                assert!(rhs.iter().all(|e| e.states() <= dimension));
                coupled += usize::from(rhs.iter().any(couples));
            }
        }
        assert!(coupled > 200, "{coupled}");
    }
}
