//! Systems of several states by the rules that textbooks build them with: oscillators, populations,
//! reactions, excitable cells, quadratic flows, gene networks, coupled units, rotating waves.
//!
//! Owns the shapes and which terms equations share: what one state loses, another gains; who leads whom. The
//! states are shuffled at the end, so that their order says nothing. For one state see [`crate::laws`].

use nsode_parser::{Expr, Unary};
use rand::Rng;

use crate::config;
use crate::draft::{Role, Slots};
use crate::families::power;
use crate::random::{below, chance, pick};

/// A rule of composition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `x' = v`, `v' = −restoring − damping + drive`: springs, pendulums, van der Pol; coupled in four states.
    Oscillator,
    /// Lotka–Volterra, competition, food chains with any functional response.
    Populations,
    /// Mass action or saturating rates; inflow and decay: epidemics, Brusselator, enzymes.
    Reactions,
    /// A fast state with an N-shaped answer and slow recovery: FitzHugh–Nagumo.
    Excitable,
    /// Linear terms and few products of states: Lorenz, Rössler.
    Flow,
    /// Hill activation and repression against decay: toggle switch, repressilator.
    Genes,
    /// Phases or rates of units that drive each other: Kuramoto, Wilson–Cowan.
    Units,
    /// Rotation with an amplitude that limits itself: Hopf normal form.
    Rotation,
}

impl config::Networks {
    /// Rules and weights.
    pub fn list(&self) -> [(Rule, f64); 8] {
        [
            (Rule::Oscillator, self.oscillator),
            (Rule::Populations, self.populations),
            (Rule::Reactions, self.reactions),
            (Rule::Excitable, self.excitable),
            (Rule::Flow, self.flow),
            (Rule::Genes, self.genes),
            (Rule::Units, self.units),
            (Rule::Rotation, self.rotation),
        ]
    }
}

/// Draws systems by rules.
#[derive(Clone, Debug)]
pub struct Networks {
    list: [(Rule, f64); 8],
    signs: f64,
}

impl Networks {
    /// Prepares the weights.
    pub fn new(config: &config::Networks) -> Networks {
        Networks {
            list: config.list(),
            signs: config.signs,
        }
    }

    /// The right-hand sides of a system of `dimension` states, two or more, its constants from `slots`.
    pub fn equations(&self, dimension: usize, slots: &mut Slots, rng: &mut impl Rng) -> Vec<Expr> {
        let fits = |rule: Rule| match rule {
            Rule::Oscillator => dimension <= 4,
            Rule::Excitable => dimension <= 4,
            Rule::Rotation => dimension <= 3,
            _ => true,
        };
        let weight = |(rule, weight): &(Rule, f64)| if fits(*rule) { *weight } else { 0.0 };
        let (rule, _) = self.list[pick(rng, self.list.iter().map(weight))];
        let rate = match chance(rng, self.signs) {
            true => Role::Coefficient,
            false => Role::Rate,
        };
        let mut draw = Draw {
            slots,
            rng,
            rate,
            sums: vec![Vec::new(); dimension],
        };
        match rule {
            Rule::Oscillator => draw.oscillator(),
            Rule::Populations => draw.populations(),
            Rule::Reactions => draw.reactions(),
            Rule::Excitable => draw.excitable(),
            Rule::Flow => draw.flow(),
            Rule::Genes => draw.genes(),
            Rule::Units => draw.units(),
            Rule::Rotation => draw.rotation(),
        }
        draw.shuffled()
    }
}

fn state(i: usize) -> Expr {
    Expr::State(i)
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
    /// Terms of each equation, with their signs.
    sums: Vec<Vec<Expr>>,
}

impl<R: Rng> Draw<'_, R> {
    fn dimension(&self) -> usize {
        self.sums.len()
    }

    fn chance(&mut self, share: f64) -> bool {
        chance(self.rng, share)
    }

    fn pick<const N: usize>(&mut self, weights: [f64; N]) -> usize {
        pick(self.rng, weights)
    }

    fn other(&mut self, i: usize) -> usize {
        let j = below(self.rng, self.dimension().saturating_sub(1));
        if j < i { j } else { j + 1 }
    }

    fn rate(&mut self) -> Expr {
        self.slots.next(self.rate)
    }

    fn scale(&mut self) -> Expr {
        self.slots.next(Role::Scale)
    }

    fn push(&mut self, i: usize, term: Expr) {
        if let Some(sum) = self.sums.get_mut(i) {
            sum.push(term);
        }
    }

    /// `+ rate·g` in the equation of state `i`.
    fn gain(&mut self, i: usize, g: Expr) {
        let term = self.rate() * g;
        self.push(i, term);
    }

    /// `− rate·g` in the equation of state `i`.
    fn loss(&mut self, i: usize, g: Expr) {
        let term = -(self.rate() * g);
        self.push(i, term);
    }

    /// A coefficient of either sign.
    fn either(&mut self, i: usize, g: Expr) {
        let term = self.slots.next(Role::Coefficient) * g;
        self.push(i, term);
    }

    /// The equations, with the states in random order.
    fn shuffled(self) -> Vec<Expr> {
        let n = self.dimension();
        let mut order: Vec<usize> = (0..n).collect();
        for k in (1..n).rev() {
            order.swap(k, below(self.rng, k + 1));
        }
        let rename = |leaf: &Expr| match leaf {
            Expr::State(i) => order.get(*i).map(|&j| Expr::State(j)),
            _ => None,
        };
        let mut rhs = vec![Expr::Number(0.0); n];
        for (i, sum) in self.sums.into_iter().enumerate() {
            let sum = sum.into_iter().reduce(|a, b| a + b);
            if let (Some(sum), Some(place)) = (sum, order.get(i).and_then(|&j| rhs.get_mut(j))) {
                *place = sum.substitute(&rename);
            }
        }
        rhs
    }

    /// `vⁿ/(k + vⁿ)` or `1/(k + vⁿ)`, `n` mostly 1 or 2.
    fn hill(&mut self, v: Expr, rises: bool) -> Expr {
        let v = match self.pick([2.0, 3.0, 0.4, 0.6, 0.5]) {
            0 => v,
            4 => {
                let order = self.slots.next(Role::Exponent);
                v.pow(order)
            }
            n => power(v, n + 1),
        };
        let below = self.scale() + v.clone();
        if rises { v / below } else { one() / below }
    }

    fn oscillator(&mut self) {
        let pairs = self.dimension() / 2;
        for p in 0..pairs {
            let (x, v) = (2 * p, 2 * p + 1);
            self.push(x, state(v));
            self.restoring(x, v);
            self.damping(x, v);
            if self.chance(0.15) {
                self.either(v, one());
            }
        }
        if pairs > 1 {
            // Springs between neighbours.
            let pull = state(2) - state(0);
            self.gain(1, pull.clone());
            self.loss(3, pull);
        } else if self.dimension() > 2 {
            // A third state that follows and drives: a field, a temperature, a controller.
            let follows = match self.pick([2.0, 1.0, 1.0]) {
                0 => state(0),
                1 => state(1),
                _ => power(state(0), 2),
            };
            self.either(2, follows);
            self.loss(2, state(2));
            let drives = match self.chance(0.6) {
                true => state(2),
                false => state(2) * state(0),
            };
            self.either(1, drives);
        }
    }

    fn restoring(&mut self, x: usize, v: usize) {
        let x = || state(x);
        match self.pick([3.0, 2.0, 2.0, 1.5, 1.0, 0.7, 0.7]) {
            0 => self.loss(v, x()),
            1 => {
                // Duffing, with one or two wells.
                self.either(v, x());
                self.loss(v, power(x(), 3));
            }
            2 => {
                let angle = match self.chance(0.6) {
                    true => x(),
                    false => self.scale() * x(),
                };
                self.loss(v, Expr::unary(Unary::Sin, angle));
            }
            3 => {
                self.loss(v, x());
                self.either(v, power(x(), 2));
            }
            4 => self.loss(v, power(x(), 3)),
            5 => {
                // A wall and a pull: Toda, Morse, a bubble.
                let wall = Expr::unary(Unary::Exp, -(self.scale() * x()));
                self.gain(v, wall);
                self.loss(v, one());
            }
            _ => {
                let (a, b) = (self.pick([2.0, 1.0]) + 1, self.pick([1.0, 1.0]));
                self.gain(v, one() / power(x(), a + b));
                self.loss(v, one() / power(x(), a));
            }
        }
    }

    fn damping(&mut self, x: usize, v: usize) {
        match self.pick([2.0, 3.0, 2.5, 1.0, 0.7, 0.5]) {
            0 => {}
            1 => self.loss(v, state(v)),
            2 => {
                // Van der Pol: fed at small amplitudes, damped at large ones.
                let feed = one() - self.scale() * power(state(x), 2);
                self.gain(v, feed * state(v));
            }
            3 => {
                // Rayleigh.
                self.gain(v, state(v));
                self.loss(v, power(state(v), 3));
            }
            4 => self.loss(v, state(v) * Expr::unary(Unary::Abs, state(v))),
            _ => self.loss(v, power(state(v), 3)),
        }
    }

    fn populations(&mut self) {
        let n = self.dimension();
        if self.chance(0.35) {
            // Competition or mutual help: xᵢ·(rᵢ − Σ aᵢⱼ·xⱼ).
            for i in 0..n {
                self.gain(i, state(i));
                self.loss(i, power(state(i), 2));
                for j in (0..n).filter(|j| *j != i) {
                    if n == 2 || self.chance(0.7) {
                        self.loss(i, state(i) * state(j));
                    }
                }
            }
            return;
        }
        // A chain: each eats the one before it.
        for i in 0..n {
            if i == 0 {
                self.gain(0, state(0));
                if self.chance(0.5) {
                    self.loss(0, power(state(0), 2));
                }
            } else {
                let eaten = match self.pick([4.0, 2.5, 1.5, 0.5]) {
                    0 => state(i - 1),
                    1 => state(i - 1) / (self.scale() + state(i - 1)),
                    2 => {
                        let square = power(state(i - 1), 2);
                        square.clone() / (self.scale() + square)
                    }
                    _ => one() - Expr::unary(Unary::Exp, -(self.scale() * state(i - 1))),
                } * state(i);
                self.loss(i - 1, eaten.clone());
                self.gain(i, eaten);
                self.loss(i, state(i));
                if self.chance(0.15) {
                    self.loss(i, power(state(i), 2));
                }
            }
        }
    }

    fn reactions(&mut self) {
        let n = self.dimension();
        // Most reactions form a path through all states, so that they belong together.
        for i in 0..n {
            let j = (i + 1) % n;
            if i + 1 == n && self.chance(0.5) {
                continue;
            }
            let speed = match self.pick([3.0, 3.0, 1.5, 1.5, 0.7]) {
                0 => state(i),
                // Contact: infection, catalysis.
                1 => {
                    let k = if self.chance(0.7) { j } else { self.other(i) };
                    state(i) * state(k)
                }
                2 => state(i) * power(state(j), 2),
                3 => state(i) / (self.scale() + state(i)),
                _ => power(state(i), 2),
            };
            self.turn(i, j, speed);
            if self.chance(0.2) {
                self.turn(j, i, state(j));
            }
        }
        if n > 2 && self.chance(0.3) {
            let i = below(self.rng, n);
            let (j, k) = (self.other(i), self.other(i));
            // Two meet and make, or become, a third.
            let speed = state(i) * state(j);
            self.turn(i, k, speed.clone());
            if self.chance(0.5) {
                self.loss(j, speed);
            }
        }
        for i in 0..n {
            if self.chance(0.25) {
                self.gain(i, one());
            }
            if self.chance(0.4) {
                self.loss(i, state(i));
            }
        }
    }

    /// What leaves state `i` arrives in state `j`, often in the same amount.
    fn turn(&mut self, i: usize, j: usize, speed: Expr) {
        if self.chance(0.15) {
            // One makes the other and stays.
            self.gain(j, speed);
            return;
        }
        let rate = self.rate();
        self.push(i, -(rate.clone() * speed.clone()));
        match self.chance(0.7) {
            true => self.push(j, rate * speed),
            false => self.gain(j, speed),
        }
    }

    fn excitable(&mut self) {
        // v' = N(v) − w (− z) + drive.
        match self.pick([3.0, 2.0, 1.0, 1.0]) {
            0 => {
                self.gain(0, state(0));
                self.loss(0, power(state(0), 3));
            }
            2 => {
                self.gain(0, power(state(0), 2));
                self.loss(0, power(state(0), 3));
            }
            1 => {
                self.either(0, state(0));
                self.gain(0, power(state(0), 2));
                self.loss(0, power(state(0), 3));
            }
            _ => self.either(0, power(state(0), 2)),
        }
        if self.chance(0.6) {
            self.either(0, one());
        }
        for i in 1..self.dimension() {
            self.loss(0, state(i));
            let recovers = match self.pick([4.0, 1.5, 1.0, 0.7]) {
                0 => state(0),
                1 => power(state(0), 2),
                2 => Expr::unary(Unary::Tanh, self.scale() * state(0)),
                _ => self.hill(state(0), true),
            };
            self.gain(i, recovers);
            self.loss(i, state(i));
            if self.chance(0.6) {
                self.either(i, one());
            }
        }
    }

    fn flow(&mut self) {
        let n = self.dimension();
        for i in 0..n {
            if self.chance(0.25) {
                // σ·(y − x).
                let j = self.other(i);
                self.gain(i, state(j) - state(i));
                continue;
            }
            let own = self.chance(0.7);
            if own {
                self.either(i, state(i));
            }
            if !own || self.chance(0.6) {
                let j = self.other(i);
                self.either(i, state(j));
                let k = (j + 1) % n;
                if n > 2 && k != i && self.chance(0.25) {
                    self.either(i, state(k));
                }
            }
        }
        // Few products make it more than linear.
        for _ in 0..1 + below(self.rng, 2) {
            let i = below(self.rng, n);
            let j = self.other(i);
            let product = match self.pick([3.0, 2.0, 1.0, 0.6, 0.4]) {
                // Of both others; of two states, of both.
                0 => {
                    let k = (0..n).find(|k| *k != i && *k != j).unwrap_or(i);
                    state(j) * state(k)
                }
                1 => state(i) * state(j),
                2 => power(state(j), 2),
                3 => power(state(i), 2),
                _ => power(state(i), 2) * state(j),
            };
            self.either(i, product);
        }
        if self.chance(0.4) {
            let i = below(self.rng, n);
            self.either(i, one());
        }
    }

    fn genes(&mut self) {
        let n = self.dimension();
        for i in 0..n {
            let from = match self.chance(0.8) {
                true => (i + 1) % n,
                false => below(self.rng, n),
            };
            let rises = self.chance(0.4);
            let mut signal = self.hill(state(from), rises);
            if self.chance(0.15) {
                let rises = self.chance(0.5);
                signal = signal * self.hill(state(i), rises);
            } else if self.chance(0.15) {
                // Transcript and protein.
                signal = state(from);
            }
            self.gain(i, signal);
            if self.chance(0.3) {
                self.gain(i, one());
            }
            match self.chance(0.9) {
                true => self.loss(i, state(i)),
                false => {
                    let outflow = state(i) / (self.scale() + state(i));
                    self.loss(i, outflow);
                }
            }
        }
    }

    fn units(&mut self) {
        let n = self.dimension();
        if self.chance(0.4) {
            // Phases that pull each other.
            for i in 0..n {
                if self.chance(0.8) {
                    self.either(i, one());
                }
                for j in (0..n).filter(|j| *j != i) {
                    if n == 2 || self.chance(0.6) {
                        self.either(i, Expr::unary(Unary::Sin, state(j) - state(i)));
                    }
                }
                if self.chance(0.2) {
                    self.either(i, Expr::unary(Unary::Sin, state(i)));
                }
            }
            return;
        }
        for i in 0..n {
            let j = (i + 1) % n;
            let weight = |slots: &mut Slots| slots.next(Role::Shift);
            let mut drive = weight(self.slots) * state(j);
            if self.chance(0.6) {
                drive = drive + weight(self.slots) * state(i);
            }
            if self.chance(0.5) {
                drive = drive + weight(self.slots);
            }
            let answer = match self.chance(0.6) {
                true => Expr::unary(Unary::Tanh, drive),
                false => one() / (one() + Expr::unary(Unary::Exp, -drive)),
            };
            self.gain(i, answer);
            self.loss(i, state(i));
        }
    }

    fn rotation(&mut self) {
        // x' = μ·x − ω·y − x·(x² + y²), and its like for y.
        let square = power(state(0), 2) + power(state(1), 2);
        let (growth, turn, limit) = (
            self.slots.next(Role::Coefficient),
            self.rate(),
            self.slots.next(Role::Coefficient),
        );
        let twist = self
            .chance(0.25)
            .then(|| self.slots.next(Role::Coefficient));
        for (i, j, sign) in [(0, 1, -1.0), (1, 0, 1.0)] {
            self.push(i, growth.clone() * state(i));
            self.push(i, Expr::Number(sign) * turn.clone() * state(j));
            self.push(i, limit.clone() * state(i) * square.clone());
            if let Some(twist) = &twist {
                self.push(
                    i,
                    Expr::Number(sign) * twist.clone() * state(j) * square.clone(),
                );
            }
        }
        if self.dimension() > 2 {
            self.loss(2, state(2));
            self.either(2, square);
            self.either(0, state(0) * state(2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{Connection, connection};
    use nsode_parser::CanonicalSystem;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_gives_connected_systems_of_many_shapes() {
        for (i, (rule, _)) in config::Networks::default().list().into_iter().enumerate() {
            let mut networks = Networks::new(&config::Networks::default());
            for (k, (_, weight)) in networks.list.iter_mut().enumerate() {
                *weight = f64::from(u8::from(k == i));
            }
            let mut rng = ChaCha8Rng::seed_from_u64(18);
            let mut shapes = BTreeSet::new();
            let mut connected = 0;
            for k in 0..300 {
                let dimension = 2 + k % 2;
                let mut slots = Slots::default();
                let rhs = networks.equations(dimension, &mut slots, &mut rng);
                assert_eq!(rhs.len(), dimension);
                connected += i32::from(connection(&rhs) == Connection::Feedback);
                let draft = slots.draft(rhs);
                let constants: Vec<f64> = (0..draft.roles.len())
                    .map(|k| 0.31 + 0.173 * k as f64)
                    .collect();
                let system = draft.system(&constants).unwrap();
                let canonical = CanonicalSystem::new(&system).unwrap();
                shapes.insert(canonical.parts().unwrap().0);
            }
            assert!(connected >= 100, "{rule:?}: {connected}");
            assert!(shapes.len() >= 10, "{rule:?}: {}", shapes.len());
        }
    }
}
