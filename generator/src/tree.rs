//! Random unary-binary trees.
//!
//! Shapes are uniform among all trees with a given number of operators, by the counting recurrence of
//! Lample & Charton, *Deep Learning for Symbolic Mathematics* (ICLR 2020), appendix C: with `D(e, n)` the
//! number of ways to fill `e` empty nodes with `n` operators,
//! `D(0, n) = 0`, `D(e, 0) = 1`, `D(e, n) = D(e−1, n) + D(e, n−1) + D(e+1, n−1)`.
//! Operators and leaves then follow the weights of the configuration.

use nsode_parser::{Expr, Unary};
use rand::{Rng, RngExt};

use crate::config;
use crate::draft::{Role, Slots};
use crate::random::{below, chance, pick};

/// Numbers of trees: `D(e, n)` above.
#[derive(Clone, Debug)]
pub struct Counts {
    /// Row `n` holds `D(0..=largest − n + 1, n)`. Numbers beyond 2⁵³ are rounded, which moves
    /// probabilities by less than the generator's resolution.
    rows: Vec<Vec<f64>>,
}

impl Counts {
    /// Counts for up to `largest` operators.
    pub fn new(largest: usize) -> Counts {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(largest + 1);
        for n in 0..=largest {
            let width = largest - n + 2;
            let mut row = vec![0.0; width];
            for e in 1..width {
                row[e] = match n.checked_sub(1).and_then(|m| rows.get(m)) {
                    None => 1.0,
                    Some(fewer) => row[e - 1] + fewer[e] + fewer[e + 1],
                };
            }
            rows.push(row);
        }
        Counts { rows }
    }

    /// `D(e, n)`; 0 beyond the table.
    pub fn count(&self, e: usize, n: usize) -> f64 {
        let row = self.rows.get(n);
        row.and_then(|row| row.get(e)).copied().unwrap_or(0.0)
    }

    /// The numbers of children of the nodes of a random tree with `n` operators, in prefix order.
    pub fn shape(&self, n: usize, rng: &mut impl Rng) -> Vec<u8> {
        let mut arities = Vec::with_capacity(2 * n + 1);
        let mut empty = 1;
        for left in (1..=n).rev() {
            // The next operator comes after `k` leaves; `k` and its arity have the probability of the
            // trees that begin so.
            let mut rest = rng.random::<f64>() * self.count(empty, left);
            let mut choice = (0, 1);
            'choose: for k in 0..empty {
                for arity in [1_u8, 2] {
                    let trees = self.count(empty - k - 1 + usize::from(arity), left - 1);
                    if trees > 0.0 {
                        choice = (k, arity);
                        if rest < trees {
                            break 'choose;
                        }
                    }
                    rest -= trees;
                }
            }
            let (k, arity) = choice;
            arities.extend(std::iter::repeat_n(0, k));
            arities.push(arity);
            empty = empty - k - 1 + usize::from(arity);
        }
        arities.extend(std::iter::repeat_n(0, empty));
        arities
    }
}

/// An operator of one argument, as the weights know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// A function of the language.
    Named(Unary),
    /// An integer power: square, cube, reciprocal.
    Power(i32),
    /// A power whose exponent is a constant.
    AnyPower,
}

/// An operator of two arguments, as the weights know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Sum.
    Add,
    /// Product.
    Mul,
    /// Quotient.
    Div,
}

impl config::UnaryWeights {
    /// Operators and weights.
    pub fn list(&self) -> [(Function, f64); 11] {
        [
            (Function::Named(Unary::Sin), self.sin),
            (Function::Named(Unary::Cos), self.cos),
            (Function::Named(Unary::Tanh), self.tanh),
            (Function::Named(Unary::Exp), self.exp),
            (Function::Named(Unary::Log), self.log),
            (Function::Named(Unary::Sqrt), self.sqrt),
            (Function::Named(Unary::Abs), self.abs),
            (Function::Power(2), self.square),
            (Function::Power(3), self.cube),
            (Function::Power(-1), self.inverse),
            (Function::AnyPower, self.power),
        ]
    }
}

impl config::BinaryWeights {
    /// Operators and weights.
    pub fn list(&self) -> [(Operator, f64); 3] {
        [
            (Operator::Add, self.add),
            (Operator::Mul, self.mul),
            (Operator::Div, self.div),
        ]
    }
}

/// Draws right-hand sides as trees.
#[derive(Clone, Debug)]
pub struct Trees {
    config: config::Trees,
    counts: Counts,
}

impl Trees {
    /// Prepares the counts.
    pub fn new(config: &config::Trees) -> Trees {
        Trees {
            config: config.clone(),
            counts: Counts::new(config.operators.len()),
        }
    }

    /// One right-hand side over `dimension` states, its constants taken from `slots`.
    pub fn equation(&self, dimension: usize, slots: &mut Slots, rng: &mut impl Rng) -> Expr {
        let operators = 1 + pick(rng, self.config.operators.iter().copied());
        let shape = self.counts.shape(operators, rng);
        let tree = self.fill(&mut shape.into_iter(), dimension, slots, rng);
        term(tree, slots)
    }

    /// The subtree whose shape comes next. Its depth is at most the number of operators.
    fn fill(
        &self,
        shape: &mut impl Iterator<Item = u8>,
        dimension: usize,
        slots: &mut Slots,
        rng: &mut impl Rng,
    ) -> Expr {
        match shape.next() {
            Some(1) => {
                let list = self.config.unary.list();
                let (function, _) = list[pick(rng, list.iter().map(|(_, w)| *w))];
                let argument = self.fill(shape, dimension, slots, rng);
                self.apply(function, argument, slots, rng)
            }
            Some(2) => {
                let list = self.config.binary.list();
                let (operator, _) = list[pick(rng, list.iter().map(|(_, w)| *w))];
                let left = self.fill(shape, dimension, slots, rng);
                let right = self.fill(shape, dimension, slots, rng);
                match operator {
                    Operator::Add => term(left, slots) + term(right, slots),
                    Operator::Mul => left * right,
                    Operator::Div => left / right,
                }
            }
            _ => {
                let c = &self.config;
                match pick(rng, [c.state, c.constant, c.time]) {
                    0 => Expr::State(below(rng, dimension)),
                    1 => slots.next(Role::Coefficient),
                    _ => Expr::Time,
                }
            }
        }
    }

    fn apply(
        &self,
        function: Function,
        argument: Expr,
        slots: &mut Slots,
        rng: &mut impl Rng,
    ) -> Expr {
        let scaled = chance(rng, self.config.scaled);
        let shifted = chance(rng, self.config.shifted);
        let positive = matches!(
            function,
            Function::Named(Unary::Log | Unary::Sqrt) | Function::AnyPower
        );
        let is_power = matches!(function, Function::Power(_));
        let mut argument = argument;
        // A factor inside a power is the same as one outside.
        if scaled && !is_power {
            let role = if positive { Role::Scale } else { Role::Shift };
            argument = slots.next(role) * argument;
        }
        if shifted {
            argument = argument + slots.next(Role::Shift);
        }
        match function {
            Function::Named(name) => Expr::unary(name, argument),
            Function::Power(n) => argument.pow(Expr::Number(f64::from(n))),
            Function::AnyPower => argument.pow(slots.next(Role::Exponent)),
        }
    }
}

/// `c·expr`; a sum is left to its own terms, a constant to itself.
fn term(expr: Expr, slots: &mut Slots) -> Expr {
    match expr {
        Expr::Binary(nsode_parser::Binary::Add, ..) | Expr::Parameter(_) => expr,
        other => slots.next(Role::Coefficient) * other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::HashMap;

    /// All shapes with `n` operators, by recursion on the tree itself.
    fn all(n: usize) -> Vec<Vec<u8>> {
        if n == 0 {
            return vec![vec![0]];
        }
        let mut shapes = Vec::new();
        for child in all(n - 1) {
            shapes.push([vec![1], child].concat());
        }
        for left in 0..n {
            for a in all(left) {
                for b in all(n - 1 - left) {
                    shapes.push([vec![2], a.clone(), b].concat());
                }
            }
        }
        shapes
    }

    #[test]
    fn counts_are_the_numbers_of_trees() {
        let counts = Counts::new(8);
        for n in 0..=7 {
            assert_eq!(counts.count(1, n), all(n).len() as f64, "{n} operators");
        }
        // Large Schröder numbers.
        assert_eq!(counts.count(1, 8), 41_586.0);
    }

    #[test]
    fn shapes_are_uniform() {
        let counts = Counts::new(6);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for n in 1..=4 {
            let shapes = all(n);
            let draws = 400 * shapes.len();
            let mut seen: HashMap<Vec<u8>, usize> = HashMap::new();
            for _ in 0..draws {
                *seen.entry(counts.shape(n, &mut rng)).or_default() += 1;
            }
            assert_eq!(seen.len(), shapes.len());
            let chi2: f64 = shapes
                .iter()
                .map(|s| (seen[s] as f64 - 400.0).powi(2) / 400.0)
                .sum();
            let freedom = (shapes.len() - 1) as f64;
            // Mean `freedom`, standard deviation √(2·freedom).
            assert!(
                chi2 < freedom + 5.0 * (2.0 * freedom).sqrt(),
                "{n}: {chi2} of {freedom}"
            );
        }
    }

    #[test]
    fn equations_have_the_operators_they_were_drawn_with() {
        let config = config::Trees {
            operators: vec![0.0, 0.0, 1.0],
            scaled: 0.0,
            shifted: 0.0,
            ..config::Trees::default()
        };
        let trees = Trees::new(&config);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for _ in 0..500 {
            let mut slots = Slots::default();
            let expr = trees.equation(3, &mut slots, &mut rng);
            assert!(expr.states() <= 3);
            // Three operators and at most one coefficient for each term of a sum.
            let (mut inner, mut factors) = (0, 0);
            expr.visit(&mut |e| match e {
                Expr::Binary(nsode_parser::Binary::Mul, a, _)
                    if matches!(**a, Expr::Parameter(_)) =>
                {
                    factors += 1
                }
                Expr::Unary(..) | Expr::Binary(..) => inner += 1,
                _ => {}
            });
            assert!(inner <= 3 && inner + factors >= 3, "{expr:?}");
        }
    }
}
