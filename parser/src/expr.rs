//! The tree of a right-hand side, as a person writes it.
//!
//! `Expr` keeps the shape of the text: `2*y + 2*y` and `4*y` are different trees. Which trees mean the
//! same function is the business of [`crate::canonical`]; how they are read and written that of
//! [`crate::infix`] and [`crate::print`].

use std::ops;

/// Functions and operators of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unary {
    /// `-a`
    Neg,
    /// Sine, radians.
    Sin,
    /// Cosine, radians.
    Cos,
    /// Tangent, radians.
    Tan,
    /// Hyperbolic tangent.
    Tanh,
    /// Natural exponential.
    Exp,
    /// Natural logarithm; NaN for negative arguments.
    Log,
    /// Square root; NaN for negative arguments.
    Sqrt,
    /// Absolute value.
    Abs,
}

impl Unary {
    /// All of them, in the order of their declaration.
    pub const ALL: [Unary; 9] = [
        Unary::Neg,
        Unary::Sin,
        Unary::Cos,
        Unary::Tan,
        Unary::Tanh,
        Unary::Exp,
        Unary::Log,
        Unary::Sqrt,
        Unary::Abs,
    ];

    /// Name in infix text; `-` for the sign.
    pub fn name(self) -> &'static str {
        match self {
            Unary::Neg => "-",
            Unary::Sin => "sin",
            Unary::Cos => "cos",
            Unary::Tan => "tan",
            Unary::Tanh => "tanh",
            Unary::Exp => "exp",
            Unary::Log => "log",
            Unary::Sqrt => "sqrt",
            Unary::Abs => "abs",
        }
    }

    /// Value at `a`, by the rules of IEEE 754: outside its domain NaN or infinite, never a panic.
    pub fn apply(self, a: f64) -> f64 {
        match self {
            Unary::Neg => -a,
            Unary::Sin => a.sin(),
            Unary::Cos => a.cos(),
            Unary::Tan => a.tan(),
            Unary::Tanh => a.tanh(),
            Unary::Exp => a.exp(),
            Unary::Log => a.ln(),
            Unary::Sqrt => a.sqrt(),
            Unary::Abs => a.abs(),
        }
    }
}

/// Operators of two arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binary {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `a * b`
    Mul,
    /// `a / b`
    Div,
    /// `a ^ b`; NaN for a negative base with an exponent that is no integer.
    Pow,
}

impl Binary {
    /// All of them, in the order of their declaration.
    pub const ALL: [Binary; 5] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Pow,
    ];

    /// The sign in infix text.
    pub fn symbol(self) -> &'static str {
        match self {
            Binary::Add => "+",
            Binary::Sub => "-",
            Binary::Mul => "*",
            Binary::Div => "/",
            Binary::Pow => "^",
        }
    }

    /// Value at `(a, b)`, by the rules of IEEE 754.
    pub fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Binary::Add => a + b,
            Binary::Sub => a - b,
            Binary::Mul => a * b,
            Binary::Div => a / b,
            Binary::Pow => power(a, b),
        }
    }
}

/// `a ^ b`, by repeated multiplication for the small integers that laws are made of: these are several
/// times faster than `powf`, and the same in every evaluator of this crate.
pub fn power(a: f64, b: f64) -> f64 {
    if b == 2.0 {
        a * a
    } else if b == 3.0 {
        a * a * a
    } else if b == -1.0 {
        1.0 / a
    } else if b.fract() == 0.0 && b.abs() <= 64.0 {
        a.powi(b as i32)
    } else {
        a.powf(b)
    }
}

/// A right-hand side: numbers, fitted parameters, time and states under the operators above.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number with a fixed value; finite in everything that this crate's parsers return.
    Number(f64),
    /// The `k`-th constant of a parametrised law, its value held elsewhere; printed `c0`, `c1`, ….
    Parameter(usize),
    /// The independent variable.
    Time,
    /// The `i`-th state, counted from 0.
    State(usize),
    /// A function of one argument.
    Unary(Unary, Box<Expr>),
    /// An operator between two arguments.
    Binary(Binary, Box<Expr>, Box<Expr>),
}

impl Expr {
    /// `function(argument)`.
    pub fn unary(function: Unary, argument: Expr) -> Expr {
        Expr::Unary(function, Box::new(argument))
    }

    /// `left operator right`.
    pub fn binary(operator: Binary, left: Expr, right: Expr) -> Expr {
        Expr::Binary(operator, Box::new(left), Box::new(right))
    }

    /// `self ^ exponent`.
    pub fn pow(self, exponent: Expr) -> Expr {
        Expr::binary(Binary::Pow, self, exponent)
    }

    /// Calls `visit` on every node, parents before children, left before right.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Expr)) {
        visit(self);
        match self {
            Expr::Unary(_, a) => a.visit(visit),
            Expr::Binary(_, a, b) => {
                a.visit(visit);
                b.visit(visit);
            }
            _ => {}
        }
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        let mut count = 0;
        self.visit(&mut |_| count += 1);
        count
    }

    /// Height of the tree; a leaf has 1.
    pub fn depth(&self) -> usize {
        1 + match self {
            Expr::Unary(_, a) => a.depth(),
            Expr::Binary(_, a, b) => a.depth().max(b.depth()),
            _ => 0,
        }
    }

    /// One more than the largest state index that occurs; 0 if none does.
    pub fn states(&self) -> usize {
        let mut count = 0;
        self.visit(&mut |e| {
            if let Expr::State(i) = e {
                count = count.max(i + 1);
            }
        });
        count
    }

    /// One more than the largest parameter index that occurs; 0 if none does.
    pub fn parameters(&self) -> usize {
        let mut count = 0;
        self.visit(&mut |e| {
            if let Expr::Parameter(k) = e {
                count = count.max(k + 1);
            }
        });
        count
    }

    /// Value at time `t`, `states` and `parameters`; NaN where an index has no value. The plain
    /// recursive evaluator that the compiled one ([`crate::tape::Tape`]) is tested against.
    pub fn eval(&self, t: f64, states: &[f64], parameters: &[f64]) -> f64 {
        match self {
            Expr::Number(v) => *v,
            Expr::Parameter(k) => parameters.get(*k).copied().unwrap_or(f64::NAN),
            Expr::Time => t,
            Expr::State(i) => states.get(*i).copied().unwrap_or(f64::NAN),
            Expr::Unary(f, a) => f.apply(a.eval(t, states, parameters)),
            Expr::Binary(op, a, b) => {
                op.apply(a.eval(t, states, parameters), b.eval(t, states, parameters))
            }
        }
    }

    /// The same tree with every node replaced by what `replacement` makes of it (or kept, for `None`), parents before
    /// children; what it put there is not looked at again.
    pub fn substitute(&self, replacement: &impl Fn(&Expr) -> Option<Expr>) -> Expr {
        let again = |e: &Expr| e.substitute(replacement);
        replacement(self).unwrap_or_else(|| match self {
            Expr::Unary(f, a) => Expr::unary(*f, again(a)),
            Expr::Binary(op, a, b) => Expr::binary(*op, again(a), again(b)),
            leaf => leaf.clone(),
        })
    }

    /// The same tree with `values[k]` in place of each [`Expr::Parameter`] `k` that has one.
    pub fn with_parameters(&self, values: &[f64]) -> Expr {
        self.substitute(&|leaf| match leaf {
            Expr::Parameter(k) => values.get(*k).map(|value| Expr::Number(*value)),
            _ => None,
        })
    }
}

impl From<f64> for Expr {
    fn from(value: f64) -> Expr {
        Expr::Number(value)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $variant:ident) => {
        impl ops::$trait for Expr {
            type Output = Expr;
            fn $method(self, right: Expr) -> Expr {
                Expr::binary(Binary::$variant, self, right)
            }
        }
    };
}

operator!(Add, add, Add);
operator!(Sub, sub, Sub);
operator!(Mul, mul, Mul);
operator!(Div, div, Div);

impl ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        Expr::unary(Unary::Neg, self)
    }
}
