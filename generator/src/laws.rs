//! Scalar laws by the rules that textbooks build them with: a rate times what limits it, inflow less
//! outflow, a driving force less a response, an activation against a decay, and so on.
//!
//! Owns the shapes that are likely; their constants are as random as all others. Sums of unrelated terms
//! are in [`crate::families`], shapes without any rule in [`crate::tree`]. Each rule is a product of
//! choices, so it gives many more shapes than the laws that it is named after.

use nsode_parser::{Expr, Unary};
use rand::Rng;

use crate::config;
use crate::draft::{Role, Slots};
use crate::families::power;
use crate::random::{below, chance, pick};

/// A rule of composition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// One process alone: decay of any order, one saturating or exponential rate.
    Process,
    /// `v·limit(v) − loss(v)`: logistic, Gompertz, Allee, Ricker; harvest, predation.
    Growth,
    /// Inflow less one or two outflows: tanks, elimination, gene regulation, Solow.
    Balance,
    /// Driving force less responses: drag, cooling, diodes, rotators.
    Response,
    /// `S(w·v + θ) − decay`: neurons, magnets, switches, ice and albedo.
    Feedback,
    /// Sparse polynomials: amplitude equations and mass action.
    Amplitude,
    /// Exchange between two pools of a fixed total: `g(1 − v) − h(v)`.
    Pools,
    /// The root or another power of a balance of energies, as for falls and universes.
    Energy,
}

impl config::Laws {
    /// Rules and weights.
    pub fn list(&self) -> [(Rule, f64); 8] {
        [
            (Rule::Process, self.process),
            (Rule::Growth, self.growth),
            (Rule::Balance, self.balance),
            (Rule::Response, self.response),
            (Rule::Feedback, self.feedback),
            (Rule::Amplitude, self.amplitude),
            (Rule::Pools, self.pools),
            (Rule::Energy, self.energy),
        ]
    }
}

/// Draws right-hand sides by rules.
#[derive(Clone, Debug)]
pub struct Laws {
    list: [(Rule, f64); 8],
    signs: f64,
}

impl Laws {
    /// Prepares the weights.
    pub fn new(config: &config::Laws) -> Laws {
        Laws {
            list: config.list(),
            signs: config.signs,
        }
    }

    /// One right-hand side in the only state, its constants taken from `slots`.
    pub fn equation(&self, slots: &mut Slots, rng: &mut impl Rng) -> Expr {
        let (rule, _) = self.list[pick(rng, self.list.iter().map(|(_, w)| *w))];
        let rate = if chance(rng, self.signs) {
            Role::Coefficient
        } else {
            Role::Rate
        };
        let mut draw = Draw { slots, rng, rate };
        match rule {
            Rule::Process => draw.process(),
            Rule::Growth => draw.growth(),
            Rule::Balance => draw.balance(),
            Rule::Response => draw.response(),
            Rule::Feedback => draw.feedback(),
            Rule::Amplitude => draw.amplitude(),
            Rule::Pools => draw.pools(),
            Rule::Energy => draw.energy(),
        }
    }
}

fn y() -> Expr {
    Expr::State(0)
}

fn one() -> Expr {
    Expr::Number(1.0)
}

/// One draw of a rule.
struct Draw<'a, R> {
    slots: &'a mut Slots,
    rng: &'a mut R,
    /// Role of the factors of terms: positive, or of either sign.
    rate: Role,
}

impl<R: Rng> Draw<'_, R> {
    fn scale(&mut self) -> Expr {
        self.slots.next(Role::Scale)
    }

    fn rate(&mut self) -> Expr {
        self.slots.next(self.rate)
    }

    fn chance(&mut self, share: f64) -> bool {
        chance(self.rng, share)
    }

    fn pick<const N: usize>(&mut self, weights: [f64; N]) -> usize {
        pick(self.rng, weights)
    }

    /// `k·v`.
    fn scaled(&mut self, v: Expr) -> Expr {
        self.scale() * v
    }

    fn exponential(&mut self, sign: f64, v: Expr) -> Expr {
        let argument = self.scaled(v);
        let argument = if sign < 0.0 { -argument } else { argument };
        Expr::unary(Unary::Exp, argument)
    }

    /// An order of a process that is no small integer.
    fn order(&mut self) -> Expr {
        self.slots.next(Role::Exponent)
    }

    /// The order of cooperation: mostly 1 and 2.
    fn cooperative(&mut self, v: Expr) -> Expr {
        match self.pick([3.0, 4.0, 0.5, 0.9, 0.3, 1.0]) {
            0 => v,
            5 => {
                let order = self.order();
                v.pow(order)
            }
            n => power(v, n + 1),
        }
    }

    /// `vⁿ/(k + vⁿ)`.
    fn activation(&mut self, v: Expr) -> Expr {
        let v = self.cooperative(v);
        v.clone() / (self.scale() + v)
    }

    /// `1/(k + vⁿ)`.
    fn repression(&mut self, v: Expr) -> Expr {
        let v = self.cooperative(v);
        one() / (self.scale() + v)
    }

    /// `v/(k + v + q·v²)`.
    fn inhibition(&mut self, v: Expr) -> Expr {
        let square = self.scaled(power(v.clone(), 2));
        v.clone() / (self.scale() + v + square)
    }

    /// A process that speeds up with its state, without its factor.
    fn process_of(&mut self, v: Expr) -> Expr {
        match self.pick([5.0, 1.5, 0.5, 0.3, 2.0, 1.5, 2.5, 0.7]) {
            0 => v,
            1 => power(v, 2),
            2 => power(v, 3),
            3 => power(v, 4),
            4 => {
                let order = self.order();
                v.pow(order)
            }
            5 => Expr::unary(Unary::Sqrt, v),
            6 => self.activation(v),
            _ => v.clone() * Expr::unary(Unary::Abs, v),
        }
    }

    fn process(&mut self) -> Expr {
        let kind = self.pick([3.0, 2.5, 1.2, 1.0, 1.0, 1.0, 0.7, 0.7, 0.6, 1.0, 0.7]);
        let process = match kind {
            0 => self.process_of(y()),
            1 => {
                let order = self.order();
                y().pow(order)
            }
            2 => y().pow(Expr::Number(-1.0 - below(self.rng, 3) as f64)),
            3 => {
                let root = one() / Expr::unary(Unary::Sqrt, y());
                if self.chance(0.5) {
                    root
                } else {
                    let order = self.order();
                    y().pow(-order)
                }
            }
            4 => self.activation(y()),
            5 => self.repression(y()),
            6 => self.inhibition(y()),
            7 => self.exponential(1.0, y()),
            8 => self.exponential(-1.0, y()),
            9 => Expr::unary(Unary::Exp, -(self.scale() / y())),
            _ => {
                // Convection, or what is left of a scale: (1 ± k·v)^q.
                let v = if self.chance(0.5) { y() } else { power(y(), 2) };
                let base = match self.chance(0.5) {
                    true => one() + self.scaled(v),
                    false => one() - self.scaled(v),
                };
                let order = self.order();
                base.pow(order)
            }
        };
        self.slots.next(Role::Coefficient) * process
    }

    /// What limits a growth, as a factor of its rate.
    fn limit(&mut self) -> Expr {
        match self.pick([3.0, 1.2, 2.2, 1.3, 0.8, 1.5, 1.5, 0.8, 0.8]) {
            0 => one() - self.scaled(y()),
            1 => {
                let base = self.scaled(y());
                let order = self.order();
                one() - base.pow(order)
            }
            2 => -Expr::unary(Unary::Log, self.scale() * y()),
            3 => one() / (one() + self.scaled(y())),
            4 => one() / (one() + self.scaled(power(y(), 2))),
            5 => self.exponential(-1.0, y()),
            6 => (one() - self.scaled(y())) * (self.scaled(y()) - one()),
            7 => (one() - self.scaled(y())) / (one() + self.scaled(y())),
            _ => one(),
        }
    }

    /// `v·limit(v)`, less a loss.
    fn growth(&mut self) -> Expr {
        let limit = self.limit();
        let first = match self.pick([6.0, 1.0, 1.0]) {
            0 => y(),
            1 => power(y(), 2),
            _ => {
                let order = self.order();
                y().pow(order)
            }
        };
        let growth = self.rate() * first * limit;
        let growth = match self.pick([2.0, 1.5, 1.2, 2.0, 1.8, 0.5, 0.7]) {
            0 => growth,
            1 => growth - self.rate() * y(),
            2 => growth - self.rate(),
            3 => {
                let hunted = y() / (self.scale() + y());
                growth - self.rate() * hunted
            }
            4 => {
                let square = power(y(), 2);
                let hunted = square.clone() / (self.scale() + square);
                growth - self.rate() * hunted
            }
            5 => growth - self.rate() * power(y(), 2),
            _ => {
                let order = self.order();
                growth - self.rate() * y().pow(order)
            }
        };
        match self.pick([8.0, 1.0, 1.0]) {
            0 => growth,
            1 => growth + self.rate(),
            _ => growth - self.rate() * y(),
        }
    }

    fn inflow(&mut self) -> Expr {
        match self.pick([5.0, 2.5, 2.5, 1.0, 1.0, 0.8, 1.5, 0.8, 1.5, 0.8, 0.7]) {
            0 => one(),
            1 => self.repression(y()),
            2 => self.activation(y()),
            3 => self.exponential(-1.0, y()),
            4 => self.exponential(1.0, y()),
            5 => y() * self.exponential(-1.0, y()),
            6 => {
                let order = self.order();
                y().pow(order)
            }
            7 => Expr::unary(Unary::Sqrt, y()),
            8 => one() / y(),
            9 => y(),
            _ => Expr::unary(Unary::Exp, -(self.scale() / y())),
        }
    }

    /// Inflow, often with a constant share, less one or two outflows.
    fn balance(&mut self) -> Expr {
        let inflow = self.inflow();
        let inflow = self.rate() * inflow;
        let outflow = self.process_of(y());
        let mut sum = inflow - self.rate() * outflow;
        if self.chance(0.35) {
            sum = self.rate() + sum;
        }
        if self.chance(0.25) {
            let other = match self.chance(0.5) {
                true => y(),
                false => self.process_of(y()),
            };
            sum = sum - self.rate() * other;
        }
        sum
    }

    /// How a body answers: what grows with a speed, a temperature, a voltage, an angle.
    fn answer(&mut self) -> Expr {
        let shifted = self.chance(0.15);
        let v = match shifted {
            true => y() - self.slots.next(Role::Shift),
            false => y(),
        };
        match self.pick([
            1.5, 2.0, 0.8, 1.3, 2.0, 1.5, 1.2, 2.5, 1.0, 1.0, 0.8, 0.6, 2.0, 0.7, 1.0,
        ]) {
            0 => v,
            1 => power(v, 2),
            2 => power(v, 3),
            3 => power(v, 4),
            4 => v.clone() * Expr::unary(Unary::Abs, v),
            5 => {
                let order = self.order();
                v.pow(order)
            }
            6 => Expr::unary(Unary::Sqrt, v),
            7 => {
                let angle = if self.chance(0.5) { v } else { self.scaled(v) };
                Expr::unary(Unary::Sin, angle)
            }
            8 => self.exponential(1.0, v),
            9 => self.exponential(-1.0, v),
            10 => Expr::unary(Unary::Tanh, self.scale() * v),
            11 => Expr::unary(Unary::Log, v),
            12 => {
                // Two harmonics of an angle.
                let (sin, cos) = (
                    Expr::unary(Unary::Sin, v.clone()),
                    Expr::unary(Unary::Cos, v),
                );
                match self.pick([2.0, 1.0]) {
                    0 => sin * (one() - self.scaled(cos)),
                    _ => sin + self.scaled(cos),
                }
            }
            13 => self.exponential(1.0, v.clone()) - self.exponential(-1.0, v),
            _ => {
                // A flow that turns with its driver.
                let driver = self.slots.next(Role::Shift) + y();
                y() * Expr::unary(Unary::Abs, driver)
            }
        }
    }

    fn response(&mut self) -> Expr {
        let answer = self.answer();
        let mut sum = -(self.rate() * answer);
        if self.chance(0.7) {
            sum = self.rate() + sum;
        }
        if self.chance(0.35) {
            sum = sum - self.rate() * y();
        } else if self.chance(0.15) {
            let other = self.answer();
            sum = sum - self.rate() * other;
        }
        sum
    }

    fn feedback(&mut self) -> Expr {
        let argument = self.scaled(y());
        let argument = match self.chance(0.55) {
            true => argument + self.slots.next(Role::Shift),
            false => argument,
        };
        let activation = match self.pick([3.0, 2.5, 1.0, 0.7, 1.5, 0.5]) {
            0 => Expr::unary(Unary::Tanh, argument),
            1 => one() / (one() + Expr::unary(Unary::Exp, -argument)),
            2 => Expr::unary(Unary::Sin, argument),
            3 => Expr::unary(Unary::Exp, -power(argument, 2)),
            4 => Expr::unary(Unary::Exp, -(self.scale() / y())),
            _ => {
                let square = power(argument, 2);
                one() / (one() + square)
            }
        };
        let mut sum = self.rate() * activation;
        sum = match self.pick([6.0, 0.8, 1.2, 1.0]) {
            0 => sum - self.rate() * y(),
            1 => sum - self.rate() * power(y(), 3),
            2 => sum - self.rate() * power(y(), 4),
            _ => sum,
        };
        if self.chance(0.4) {
            sum = sum + self.slots.next(Role::Coefficient);
        }
        sum
    }

    fn amplitude(&mut self) -> Expr {
        // Powers that occur together.
        let powers: &[usize] = match self.pick([1.5, 2.0, 1.5, 1.5, 1.5, 2.0, 1.5, 1.0, 1.0, 0.6]) {
            0 => &[1, 2],
            1 => &[1, 3],
            2 => &[0, 1, 2],
            3 => &[0, 1, 3],
            4 => &[1, 2, 3],
            5 => &[1, 3, 5],
            6 => &[0, 1, 2, 3],
            7 => &[0, 2],
            8 => &[2, 3],
            _ => &[0, 1, 4],
        };
        let term = |n: &usize| {
            let factor = self.slots.next(Role::Coefficient);
            match n {
                0 => factor,
                n => factor * power(y(), *n),
            }
        };
        let sum = powers.iter().map(term).reduce(|a, b| a + b);
        sum.unwrap_or_else(y)
    }

    fn pools(&mut self) -> Expr {
        let other = one() - self.scaled(y());
        let there = self.process_of(other);
        let back = match self.chance(0.3) {
            true => y() * self.process_of(one() - y()),
            false => self.process_of(y()),
        };
        self.rate() * there - self.rate() * back
    }

    fn energy(&mut self) -> Expr {
        let mut sum = self.energies();
        if self.chance(0.25) {
            sum = sum + self.energies();
        }
        let sum = match self.chance(0.6) {
            true => self.slots.next(Role::Shift) + sum,
            false => {
                let more = self.energies();
                sum + more
            }
        };
        let power = match self.pick([3.0, 1.5]) {
            0 => Expr::unary(Unary::Sqrt, sum),
            _ => {
                let order = self.order();
                sum.pow(order)
            }
        };
        self.slots.next(Role::Coefficient) * power
    }

    fn energies(&mut self) -> Expr {
        let energy = match self.pick([2.0, 0.5, 1.5, 2.0, 0.7, 0.5]) {
            0 => one() / y(),
            1 => one() / power(y(), 2),
            2 => y(),
            3 => power(y(), 2),
            4 => Expr::unary(Unary::Cos, y()),
            _ => power(y(), 4),
        };
        self.slots.next(Role::Shift) * energy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::CanonicalSystem;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_gives_many_shapes_of_the_only_state() {
        for (i, (rule, _)) in config::Laws::default().list().into_iter().enumerate() {
            let mut laws = Laws::new(&config::Laws::default());
            for (k, (_, weight)) in laws.list.iter_mut().enumerate() {
                *weight = f64::from(u8::from(k == i));
            }
            let mut rng = ChaCha8Rng::seed_from_u64(17);
            let mut shapes = BTreeSet::new();
            for _ in 0..300 {
                let mut slots = Slots::default();
                let rhs = laws.equation(&mut slots, &mut rng);
                assert!(rhs.states() <= 1, "{rule:?}: {rhs:?}");
                let draft = slots.draft(vec![rhs]);
                let constants: Vec<f64> = (0..draft.roles.len())
                    .map(|k| 0.31 + 0.173 * k as f64)
                    .collect();
                let system = draft.system(&constants).unwrap();
                let canonical = CanonicalSystem::new(&system).unwrap();
                shapes.insert(canonical.parts().unwrap().0);
            }
            assert!(shapes.len() >= 10, "{rule:?}: {}", shapes.len());
        }
    }
}
