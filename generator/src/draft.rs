//! A random system whose constants still have no values, and the choice between the two ways to draw one:
//! trees ([`crate::tree`]) and sums of families ([`crate::families`]).

use nsode_parser::{Expr, System};
use rand::Rng;

use crate::config::ValidConfig;
use crate::families::Families;
use crate::random::{chance, pick};
use crate::tree::Trees;

/// What a constant is for, which decides how its value is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The factor of a term, of either sign.
    Coefficient,
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
        let number = |leaf: &Expr| match leaf {
            Expr::Parameter(k) => constants.get(*k).map(|&c| Expr::Number(c)),
            _ => None,
        };
        System::new(self.rhs.iter().map(|e| e.substitute(&number)).collect()).ok()
    }

    /// Whether every state influences or is influenced by every other, through any chain of equations;
    /// for one state, whether its law depends on it. Otherwise the system falls apart into smaller ones.
    pub fn connected(&self) -> bool {
        let n = self.rhs.len();
        let mut uses = vec![vec![false; n]; n];
        for (row, expr) in uses.iter_mut().zip(&self.rhs) {
            expr.visit(&mut |e| {
                if let Expr::State(j) = e
                    && let Some(cell) = row.get_mut(*j)
                {
                    *cell = true;
                }
            });
        }
        if n == 1 {
            return uses[0][0];
        }
        let mut reached = vec![false; n];
        let mut stack = vec![0];
        while let Some(i) = stack.pop() {
            if std::mem::replace(&mut reached[i], true) {
                continue;
            }
            stack.extend((0..n).filter(|&j| uses[i][j] || uses[j][i]));
        }
        reached.into_iter().all(|r| r)
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
}

/// Draws systems by the weights of a configuration.
#[derive(Clone, Debug)]
pub struct Drafter {
    dimensions: Vec<f64>,
    share_of_trees: f64,
    trees: Trees,
    families: Families,
}

impl Drafter {
    /// Prepares the tables of the draws.
    pub fn new(config: &ValidConfig) -> Drafter {
        Drafter {
            dimensions: config.system.dimensions.clone(),
            share_of_trees: config.system.trees,
            trees: Trees::new(&config.trees),
            families: Families::new(&config.families),
        }
    }

    /// One random system.
    pub fn draw(&self, rng: &mut impl Rng) -> Draft {
        let dimension = 1 + pick(rng, self.dimensions.iter().copied());
        let mut slots = Slots::default();
        let rhs = if chance(rng, self.share_of_trees) {
            (0..dimension)
                .map(|_| self.trees.equation(dimension, &mut slots, rng))
                .collect()
        } else {
            self.families.equations(dimension, &mut slots, rng)
        };
        Draft {
            rhs,
            roles: slots.roles,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(rhs: Vec<Expr>) -> Draft {
        Draft { rhs, roles: vec![] }
    }

    #[test]
    fn connection_is_through_any_equation() {
        let (x, y, z) = (Expr::State(0), Expr::State(1), Expr::State(2));
        assert!(!draft(vec![Expr::Number(1.0)]).connected());
        assert!(draft(vec![x.clone()]).connected());
        assert!(!draft(vec![x.clone(), y.clone()]).connected());
        assert!(draft(vec![y.clone(), y.clone()]).connected());
        assert!(draft(vec![y.clone(), x.clone(), x.clone() + z.clone()]).connected());
        assert!(!draft(vec![y, x, z]).connected());
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
