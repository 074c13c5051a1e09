//! Bodies that move: springs, pendulums, orbits.

use nsode_parser::{Expr, Unary};
use rand::Rng;

use super::{Draw, one, state};
use crate::draft::Role;
use crate::families::power;

impl<R: Rng> Draw<'_, R> {
    pub(super) fn oscillator(&mut self) {
        let pairs = self.dimension() / 2;
        if pairs > 1 && self.chance(0.35) {
            match self.chance(0.5) {
                true => self.plane(),
                false => self.swing(),
            }
            return;
        }
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
            if self.chance(0.12) {
                // A spring that remembers (Bouc and Wen): z' = v − b·|v|·z − c·v·|z|.
                self.gain(2, state(1));
                self.loss(2, Expr::unary(Unary::Abs, state(1)) * state(2));
                if self.chance(0.5) {
                    self.either(2, state(1) * Expr::unary(Unary::Abs, state(2)));
                }
                self.loss(1, state(2));
                return;
            }
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

    /// `x' = u`, `y' = w` under a force to the centre, of power −2 or another.
    fn plane(&mut self) {
        let square = power(state(0), 2) + power(state(2), 2);
        let fall = match self.pick([3.0, 1.0, 1.0]) {
            0 => Some(square.clone().pow(Expr::Number(1.5))),
            1 => Some(power(square.clone(), 2)),
            _ => None,
        };
        let rate = self.rate();
        let drag = self.chance(0.3).then(|| self.rate());
        let spring = fall.is_none().then(|| self.slots.next(Role::Coefficient));
        for (x, v) in [(0, 1), (2, 3)] {
            self.push(x, state(v));
            let pull = match &fall {
                Some(fall) => state(x) / fall.clone(),
                None => state(x) * square.clone(),
            };
            self.push(v, -(rate.clone() * pull));
            if let Some(spring) = &spring {
                self.push(v, spring.clone() * state(x));
            }
            if let Some(drag) = &drag {
                self.push(v, -(drag.clone() * state(v)));
            }
        }
    }

    /// A mass on a rod or a spring that swings: `r' = v`, `θ' = ω`, `v' = r·ω² + …`, `ω' = (−2·v·ω + …)/r`.
    fn swing(&mut self) {
        self.push(0, state(1));
        self.push(2, state(3));
        self.push(1, state(0) * power(state(3), 2));
        self.push(3, Expr::Number(-2.0) * state(1) * state(3) / state(0));
        match self.pick([2.0, 1.5, 1.0]) {
            0 => {
                // In a field, by an angle from where it hangs.
                self.loss(1, state(0));
                self.either(1, one());
                self.gain(1, Expr::unary(Unary::Cos, state(2)));
                self.loss(3, Expr::unary(Unary::Sin, state(2)) / state(0));
            }
            1 => self.loss(1, one() / power(state(0), 2)),
            _ => self.loss(1, state(0)),
        }
        for v in [1, 3] {
            if self.chance(0.3) {
                self.loss(v, state(v));
            }
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
}
