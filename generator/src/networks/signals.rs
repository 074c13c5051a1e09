//! Signals and flows: excitable cells, units that drive each other, quadratic flows, rotating waves.

use nsode_parser::{Expr, Unary};
use rand::Rng;

use super::{Draw, one, state};
use crate::draft::{Role, Slots};
use crate::families::power;
use crate::random::below;

impl<R: Rng> Draw<'_, R> {
    pub(super) fn excitable(&mut self) {
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

    pub(super) fn flow(&mut self) {
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

    pub(super) fn units(&mut self) {
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

    pub(super) fn rotation(&mut self) {
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
