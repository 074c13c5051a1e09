//! What is eaten, reacts, warms or is made: populations, reactions, heat, genes.

use nsode_parser::{Expr, Unary};
use rand::Rng;

use super::{Draw, one, state};
use crate::families::power;
use crate::random::below;

impl<R: Rng> Draw<'_, R> {
    pub(super) fn populations(&mut self) {
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
                self.growth();
            } else {
                let eaten = self.eaten(i - 1, i) * state(i);
                self.loss(i - 1, eaten.clone());
                self.gain(i, eaten);
                self.loss(i, state(i));
                if self.chance(0.15) {
                    self.loss(i, power(state(i), 2));
                }
            }
        }
    }

    /// How the first of a chain grows by itself.
    fn growth(&mut self) {
        match self.pick([4.0, 4.0, 0.5, 0.5]) {
            0 => self.gain(0, state(0)),
            1 => {
                self.gain(0, state(0));
                self.loss(0, power(state(0), 2));
            }
            2 => {
                // Gompertz.
                let shrinks = Expr::unary(Unary::Log, self.scale() * state(0));
                self.loss(0, state(0) * shrinks);
            }
            _ => {
                // Allee: too few die out.
                self.gain(0, power(state(0), 2));
                self.loss(0, power(state(0), 3));
                self.either(0, state(0));
            }
        }
    }

    /// What one of `eater` eats of `food` in a time, but for a factor.
    fn eaten(&mut self, food: usize, eater: usize) -> Expr {
        let (food, eater) = (state(food), state(eater));
        match self.pick([4.0, 2.5, 1.5, 0.5, 0.7, 0.4]) {
            0 => food,
            1 => food.clone() / (self.scale() + food),
            2 => {
                let square = power(food, 2);
                square.clone() / (self.scale() + square)
            }
            3 => one() - Expr::unary(Unary::Exp, -(self.scale() * food)),
            // Eaters that disturb each other: Beddington and DeAngelis; only by their number: Arditi and Ginzburg.
            4 => {
                let crowd = self.scale() * eater;
                food.clone() / (self.scale() + food + crowd)
            }
            _ => {
                let crowd = self.scale() * eater;
                food.clone() / (food + crowd)
            }
        }
    }

    pub(super) fn reactions(&mut self) {
        let n = self.dimension();
        // Most reactions form a path through all states, so that they belong together.
        for i in 0..n {
            let j = (i + 1) % n;
            if i + 1 == n && self.chance(0.5) {
                continue;
            }
            let speed = match self.pick([3.0, 3.0, 1.5, 1.5, 0.7, 0.8, 0.4]) {
                0 => state(i),
                // Contact: infection, catalysis.
                1 => {
                    let k = if self.chance(0.7) { j } else { self.other(i) };
                    state(i) * state(k)
                }
                2 => state(i) * power(state(j), 2),
                3 => state(i) / (self.scale() + state(i)),
                4 => power(state(i), 2),
                5 => {
                    // What it makes, or another, is in the enzyme's way.
                    let k = if self.chance(0.7) { j } else { self.other(i) };
                    let other = self.scale() * state(k);
                    match self.chance(0.6) {
                        true => state(i) / (self.scale() + state(i) + other),
                        false => state(i) / ((self.scale() + state(i)) * (one() + other)),
                    }
                }
                _ => {
                    // Growth on a substrate, up to what it tolerates of itself.
                    let k = self.scale() + state(i);
                    state(i) * state(j) / (k + self.scale() * power(state(i), 2))
                }
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

    /// What reacts is state 0, the temperature state 1; a third state follows either.
    pub(super) fn heat(&mut self) {
        let n = self.dimension();
        let hot = match self.pick([3.0, 1.5, 0.3]) {
            // Arrhenius, whose energy is several times the temperature's.
            0 => {
                let energy = match self.chance(0.5) {
                    true => self.scale() * self.scale(),
                    false => self.scale(),
                };
                Expr::unary(Unary::Exp, -(energy / state(1)))
            }
            1 => Expr::unary(Unary::Exp, self.scale() * state(1)),
            _ => {
                // The same, from a temperature of reference: exp(T/(1 + q·T)).
                let share = one() + self.scale() * state(1);
                Expr::unary(Unary::Exp, state(1) / share)
            }
        };
        let speed = match self.pick([5.0, 1.0]) {
            0 => state(0) * hot.clone(),
            _ => power(state(0), 2) * hot.clone(),
        };
        self.loss(0, speed.clone());
        self.gain(1, speed.clone());
        // Fed and drained, or closed.
        if self.chance(0.7) {
            self.gain(0, one());
            self.loss(0, state(0));
        }
        if self.chance(0.9) {
            self.loss(1, state(1));
        }
        if self.chance(0.7) {
            self.either(1, one());
        }
        for i in 2..n {
            match self.chance(0.5) {
                true => {
                    // A jacket, or a wall.
                    self.gain(i, state(1) - state(i));
                    self.gain(1, state(i));
                    if self.chance(0.5) {
                        self.loss(i, state(i));
                    }
                }
                false => {
                    // What is made reacts on.
                    self.gain(i, speed.clone());
                    let next = state(i) * hot.clone();
                    self.loss(i, next.clone());
                    self.gain(1, next);
                }
            }
            if self.chance(0.3) {
                self.either(i, one());
            }
        }
    }

    pub(super) fn genes(&mut self) {
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
}
