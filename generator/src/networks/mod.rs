//! Systems of several states by the rules that textbooks build them with: what moves (`motion`), what is eaten, reacts,
//! warms or is made (`matter`), what signals and flows (`signals`).
//!
//! Owns the shapes and which terms equations share: what one state loses, another gains; who leads whom. The
//! states are shuffled at the end, so that their order says nothing. For one state see [`crate::laws`].

mod matter;
mod motion;
mod signals;

use nsode_parser::Expr;
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
    /// Reactions that speed up as they warm what they are in, and what cools it.
    Heat,
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
    pub fn list(&self) -> [(Rule, f64); 9] {
        [
            (Rule::Oscillator, self.oscillator),
            (Rule::Populations, self.populations),
            (Rule::Reactions, self.reactions),
            (Rule::Heat, self.heat),
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
    list: [(Rule, f64); 9],
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
            Rule::Heat => draw.heat(),
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
                let dimension = match rule {
                    Rule::Rotation => 2 + k % 2,
                    _ => 2 + k % 3,
                };
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
