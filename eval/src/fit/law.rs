//! A parametrised law, compiled for fitting: the right-hand side, its derivatives, and each equation's split
//! into constants that enter linearly and those that do not.

use nsode_parser::calculus::{Variable, derivative};
use nsode_parser::tape::Tape;
use nsode_parser::{Binary, Expr, System, Unary};

/// One equation of a law, written `rest(u; inner) + Σ linear_k · basis_k(u; inner)`.
#[derive(Clone, Debug)]
pub struct Equation {
    /// Slots that enter linearly, in ascending order.
    pub linear: Vec<usize>,
    /// Those of them that multiply an exponential with an activation energy.
    pub rates: Vec<usize>,
    /// The other slots of this equation, in ascending order.
    pub inner: Vec<usize>,
    /// What each inner slot does, which decides where a search for it starts.
    pub roles: Vec<Role>,
    /// Outputs: the rest, then one basis function a linear slot. Parameters: all slots of the law.
    pub basis: Tape,
}

impl Equation {
    /// The right-hand side `rhs`, whose constants are `Expr::Parameter(0..slots)`, alone.
    pub fn new(rhs: &Expr, slots: usize) -> Equation {
        equation(rhs, &vec![0; slots], 0)
    }
}

/// What a nonlinear constant does in its equation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An exponent.
    Exponent,
    /// A factor or shift inside a sine, cosine or tangent.
    Angle,
    /// What is divided by a state in an exponential: an activation energy, many times what it is divided by, and mostly negative,
    /// since `exp(-E/T)` is `exp(c/x)` in canonical form.
    Energy,
    /// Anything else: a rate in an exponential, a half-saturation, a threshold.
    Scale,
}

/// A compiled law of `D` equations with `P` constants.
#[derive(Clone, Debug)]
pub struct Law {
    dimension: usize,
    constants: usize,
    /// Equation in which each constant occurs.
    owners: Vec<usize>,
    value: Tape,
    full: Tape,
    equations: Vec<Equation>,
}

impl Law {
    /// Compiles a template whose constants are `Expr::Parameter(0..constants)`.
    ///
    /// A constant that occurs in several equations, or in none, makes no law: `None`.
    pub fn new(template: &System, constants: usize) -> Option<Law> {
        let dimension = template.dimension();
        let mut owners = vec![None; constants];
        for (i, rhs) in template.rhs().iter().enumerate() {
            let mut clash = false;
            rhs.visit(&mut |e| {
                if let Expr::Parameter(k) = e {
                    match owners.get_mut(*k) {
                        Some(owner @ None) => *owner = Some(i),
                        Some(Some(owner)) if *owner == i => {}
                        _ => clash = true,
                    }
                }
            });
            if clash {
                return None;
            }
        }
        let owners: Vec<usize> = owners.into_iter().collect::<Option<_>>()?;
        let mut outputs = template.rhs().to_vec();
        for rhs in template.rhs() {
            for j in 0..dimension {
                outputs.push(derivative(rhs, Variable::State(j)));
            }
        }
        for (k, owner) in owners.iter().enumerate() {
            outputs.push(derivative(
                template.rhs().get(*owner)?,
                Variable::Parameter(k),
            ));
        }
        let equations = template
            .rhs()
            .iter()
            .enumerate()
            .map(|(i, rhs)| equation(rhs, &owners, i))
            .collect();
        Some(Law {
            dimension,
            constants,
            owners,
            value: Tape::compile(template.rhs()),
            full: Tape::compile(&outputs),
            equations,
        })
    }

    /// Number of states, `D`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of constants, `P`.
    pub fn constants(&self) -> usize {
        self.constants
    }

    /// The equation in which each constant occurs.
    pub fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// The right-hand sides: `D` outputs.
    pub fn value(&self) -> &Tape {
        &self.value
    }

    /// Right-hand sides (`D`), their Jacobian by states (`D × D`, row-major), and the derivative by each
    /// constant of the equation that has it (`P`).
    pub fn full(&self) -> &Tape {
        &self.full
    }

    /// The equations, each split into linear and inner constants.
    pub fn equations(&self) -> &[Equation] {
        &self.equations
    }
}

fn equation(rhs: &Expr, owners: &[usize], index: usize) -> Equation {
    let slots: Vec<usize> = (0..owners.len())
        .filter(|k| owners.get(*k) == Some(&index))
        .collect();
    let mut linear: Vec<usize> = Vec::new();
    let mut basis: Vec<Expr> = Vec::new();
    for &k in &slots {
        let slope = derivative(rhs, Variable::Parameter(k));
        // Linear together: no second derivative by this slot or with one chosen before.
        let clean = std::iter::once(&k)
            .chain(&linear)
            .all(|j| derivative(&slope, Variable::Parameter(*j)) == Expr::Number(0.0));
        if clean {
            linear.push(k);
            basis.push(slope);
        }
    }
    let inner: Vec<usize> = slots
        .iter()
        .copied()
        .filter(|k| !linear.contains(k))
        .collect();
    let roles: Vec<Role> = inner.iter().map(|k| role(rhs, *k)).collect();
    let has_energy = |slope: &Expr| {
        let mut found = false;
        slope.visit(&mut |leaf| {
            if let Expr::Parameter(k) = leaf {
                let place = inner.iter().position(|slot| slot == k);
                found |= place.and_then(|place| roles.get(place)) == Some(&Role::Energy);
            }
        });
        found
    };
    let rates = linear.iter().zip(&basis);
    let rates = rates.filter(|(_, slope)| has_energy(slope));
    let rates = rates.map(|(k, _)| *k).collect();
    let rest = rhs.substitute(&|e| match e {
        Expr::Parameter(k) if linear.contains(k) => Some(Expr::Number(0.0)),
        _ => None,
    });
    basis.insert(0, without_zero_terms(&rest));
    Equation {
        linear,
        rates,
        inner,
        roles,
        basis: Tape::compile(&basis),
    }
}

/// Drops products with the number 0, so that terms outside their domain do not spoil the rest.
fn without_zero_terms(expr: &Expr) -> Expr {
    let zero = |e: &Expr| matches!(e, Expr::Number(v) if *v == 0.0);
    match expr {
        Expr::Binary(op, a, b) => {
            let (a, b) = (without_zero_terms(a), without_zero_terms(b));
            match op {
                Binary::Add if zero(&a) => b,
                Binary::Add | Binary::Sub if zero(&b) => a,
                Binary::Mul if zero(&a) || zero(&b) => Expr::Number(0.0),
                Binary::Div if zero(&a) => a,
                _ => Expr::binary(*op, a, b),
            }
        }
        Expr::Unary(Unary::Neg, a) => {
            let a = without_zero_terms(a);
            if zero(&a) { a } else { -a }
        }
        other => other.clone(),
    }
}

/// Whether `expr` is what no state is in, over a state alone.
fn is_over_state(expr: &Expr) -> bool {
    let is_state = |e: &Expr| matches!(e, Expr::State(_));
    match expr {
        Expr::Unary(Unary::Neg, a) => is_over_state(a),
        Expr::Binary(Binary::Div, a, b) => a.states() == 0 && is_state(b),
        Expr::Binary(Binary::Mul, a, b) => {
            (a.states() == 0 && is_over_state(b)) || (b.states() == 0 && is_over_state(a))
        }
        Expr::Binary(Binary::Pow, a, b) => is_state(a) && **b == Expr::Number(-1.0),
        _ => false,
    }
}

/// The role of constant `k`, by the innermost function or power around it.
fn role(rhs: &Expr, k: usize) -> Role {
    fn search(expr: &Expr, k: usize, around: Role) -> Option<Role> {
        match expr {
            Expr::Parameter(j) => (*j == k).then_some(around),
            Expr::Unary(Unary::Sin | Unary::Cos | Unary::Tan, a) => search(a, k, Role::Angle),
            Expr::Unary(Unary::Neg, a) => search(a, k, around),
            Expr::Unary(Unary::Exp, a) if is_over_state(a) => search(a, k, Role::Energy),
            Expr::Unary(_, a) => search(a, k, Role::Scale),
            Expr::Binary(Binary::Pow, a, b) => {
                search(b, k, Role::Exponent).or_else(|| search(a, k, Role::Scale))
            }
            Expr::Binary(_, a, b) => search(a, k, around).or_else(|| search(b, k, around)),
            _ => None,
        }
    }
    search(rhs, k, Role::Scale).unwrap_or(Role::Scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::canonical;
    use nsode_parser::Names;

    #[test]
    fn energies_and_the_rates_that_go_with_them() {
        for (law, energies, rates) in [
            ("3*exp(-9/x1)*x2 - x1; 2*x1 - x2", 1, 1),
            ("3*exp(-0.3*x1)*x2 - x1; 2*x1 - x2", 0, 0),
            ("3*exp(0.2*x1/x2) - x1; 2*x1 - x2", 0, 0),
            ("3*exp(-9*(1/x1 - 1/5)) - x1; 2*x1 - x2", 1, 1),
            ("3*exp(-9/x1)*x2 + 0.2*x2*exp(-4/x1); x1", 2, 2),
        ] {
            let (skeleton, _) = canonical(law, &Names::default_for(2)).parts().unwrap();
            let compiled = Law::new(&skeleton.template(), skeleton.slots()).unwrap();
            let first = &compiled.equations()[0];
            let found = first.roles.iter().filter(|role| **role == Role::Energy);
            assert_eq!(found.count(), energies, "{law}: {:?}", first.roles);
            assert_eq!(first.rates.len(), rates, "{law}");
        }
    }
}
