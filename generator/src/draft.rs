//! A random system whose constants still have no values, and the choice between the ways to draw one: trees
//! ([`crate::tree`]), laws by rules ([`crate::laws`], [`crate::networks`]) and sums of families
//! ([`crate::families`]).

use nsode_parser::{Expr, System};
use rand::Rng;

use crate::config::ValidConfig;
use crate::families::Families;
use crate::laws::Laws;
use crate::networks::Networks;
use crate::random::pick;
use crate::tree::Trees;

/// What a constant is for, which decides how its value is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The factor of a term, of either sign.
    Coefficient,
    /// The factor of a term, positive.
    Rate,
    /// A scale inside a function or denominator, positive.
    Scale,
    /// A constant inside a function, of either sign.
    Shift,
    /// An exponent that is no integer, positive.
    Exponent,
}

/// Right-hand sides over `Expr::Parameter(k)`, and the role of each `k`.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// One expression a state.
    pub rhs: Vec<Expr>,
    /// Roles, in the order of the parameters.
    pub roles: Vec<Role>,
}

impl Draft {
    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.rhs.len()
    }

    /// The system with numbers in the places of its parameters; `None` for too few or infinite numbers.
    pub fn system(&self, constants: &[f64]) -> Option<System> {
        if constants.len() < self.roles.len() || constants.iter().any(|c| !c.is_finite()) {
            return None;
        }
        let rhs = self.rhs.iter().map(|e| e.with_parameters(constants));
        System::new(rhs.collect()).ok()
    }

    /// How the states influence each other.
    pub fn connection(&self) -> Connection {
        connection(&self.rhs)
    }
}

/// How the states of a system influence each other, through any number of equations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// The system falls apart into smaller ones, or does not depend on its states.
    Apart,
    /// Some state follows the others without influencing them.
    Cascade,
    /// Every state influences every other; for one state, its law depends on it.
    Feedback,
}

/// The connection of some right-hand sides, one a state.
pub fn connection(rhs: &[Expr]) -> Connection {
    let n = rhs.len();
    // `uses[i][j]`: the equation of state `i` uses state `j`.
    let mut uses = vec![vec![false; n]; n];
    for (row, expr) in uses.iter_mut().zip(rhs) {
        expr.visit(&mut |e| {
            if let Expr::State(j) = e
                && let Some(cell) = row.get_mut(*j)
            {
                *cell = true;
            }
        });
    }
    if n == 1 && !uses[0][0] {
        return Connection::Apart;
    }
    let all_from_first = |edge: &dyn Fn(usize, usize) -> bool| {
        let mut reached = vec![false; n];
        let mut stack = vec![0];
        while let Some(i) = stack.pop() {
            if !std::mem::replace(&mut reached[i], true) {
                stack.extend((0..n).filter(|&j| edge(i, j)));
            }
        }
        reached.into_iter().all(|r| r)
    };
    if !all_from_first(&|i, j| uses[i][j] || uses[j][i]) {
        Connection::Apart
    } else if all_from_first(&|i, j| uses[i][j]) && all_from_first(&|i, j| uses[j][i]) {
        Connection::Feedback
    } else {
        Connection::Cascade
    }
}

/// Hands out parameters in order and remembers their roles.
#[derive(Debug, Default)]
pub struct Slots {
    roles: Vec<Role>,
}

impl Slots {
    /// The next parameter.
    pub fn next(&mut self, role: Role) -> Expr {
        self.roles.push(role);
        Expr::Parameter(self.roles.len() - 1)
    }

    /// The system over the parameters that were handed out.
    pub fn draft(self, rhs: Vec<Expr>) -> Draft {
        Draft {
            rhs,
            roles: self.roles,
        }
    }
}

/// Draws systems by the weights of a configuration.
#[derive(Clone, Debug)]
pub struct Drafter {
    dimensions: Vec<f64>,
    /// Shares of trees, of laws by rules, and of sums of families.
    ways: [f64; 3],
    laws: Laws,
    networks: Networks,
    trees: Trees,
    families: Families,
}

impl Drafter {
    /// Prepares the tables of the draws.
    pub fn new(config: &ValidConfig) -> Drafter {
        Drafter {
            dimensions: config.system.dimensions.clone(),
            ways: [
                config.system.trees,
                config.system.laws,
                (1.0 - config.system.trees - config.system.laws).max(0.0),
            ],
            laws: Laws::new(&config.laws),
            networks: Networks::new(&config.networks),
            trees: Trees::new(&config.trees),
            families: Families::new(&config.families),
        }
    }

    /// One random system.
    pub fn draw(&self, rng: &mut impl Rng) -> Draft {
        let dimension = 1 + pick(rng, self.dimensions.iter().copied());
        let mut slots = Slots::default();
        let rhs = match pick(rng, self.ways) {
            0 => (0..dimension)
                .map(|_| self.trees.equation(dimension, &mut slots, rng))
                .collect(),
            1 if dimension == 1 => vec![self.laws.equation(&mut slots, rng)],
            1 => self.networks.equations(dimension, &mut slots, rng),
            _ => self.families.equations(dimension, &mut slots, rng),
        };
        slots.draft(rhs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections() {
        use Connection::{Apart, Cascade, Feedback};
        let (x, y, z) = (Expr::State(0), Expr::State(1), Expr::State(2));
        for (rhs, expected) in [
            (vec![Expr::Number(1.0)], Apart),
            (vec![x.clone()], Feedback),
            (vec![x.clone(), y.clone()], Apart),
            (vec![y.clone(), y.clone()], Cascade),
            (vec![x.clone(), x.clone()], Cascade),
            (vec![y.clone(), x.clone()], Feedback),
            (vec![y.clone(), x.clone(), x.clone() + z.clone()], Cascade),
            (vec![y.clone(), z.clone(), x.clone()], Feedback),
            (vec![y.clone(), x.clone(), z.clone()], Apart),
        ] {
            assert_eq!(connection(&rhs), expected, "{rhs:?}");
        }
    }

    #[test]
    fn a_system_needs_all_its_constants() {
        let mut slots = Slots::default();
        let rhs = vec![slots.next(Role::Coefficient) * Expr::State(0)];
        let draft = Draft {
            rhs,
            roles: slots.roles,
        };
        assert!(draft.system(&[]).is_none());
        assert!(draft.system(&[f64::NAN]).is_none());
        let system = draft.system(&[3.0]).unwrap();
        assert_eq!(system.rhs()[0].eval(0.0, &[2.0], &[]), 6.0);
    }
}
