//! The functions that formulas may call, as one table: those with an operator of their own, and those that
//! are expanded into the others while reading.
//!
//! The expansions are the textbook definitions, cot u = 1/tan u, sinh u = (exp(u) - exp(-u))/2, and so on.

use std::f64::consts::{LN_2, LN_10};

use super::node::Node;
use crate::error::ParseErrorKind;
use crate::expr::{Binary, Expr, Unary};

/// What a function's name stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Function {
    /// An operator of the tree.
    Operator(Unary),
    /// One over an operator.
    Reciprocal(Unary),
    /// (exp(u) ± exp(-u))/2.
    HalfExponentials(Binary),
    /// The logarithm over a constant.
    LogOver(f64),
}

use Function::{HalfExponentials, LogOver, Operator, Reciprocal};

/// Every function with its name.
const TABLE: [(&str, Function); 17] = [
    ("sin", Operator(Unary::Sin)),
    ("cos", Operator(Unary::Cos)),
    ("tan", Operator(Unary::Tan)),
    ("tanh", Operator(Unary::Tanh)),
    ("exp", Operator(Unary::Exp)),
    ("log", Operator(Unary::Log)),
    ("ln", Operator(Unary::Log)),
    ("sqrt", Operator(Unary::Sqrt)),
    ("abs", Operator(Unary::Abs)),
    ("cot", Reciprocal(Unary::Tan)),
    ("sec", Reciprocal(Unary::Cos)),
    ("csc", Reciprocal(Unary::Sin)),
    ("coth", Reciprocal(Unary::Tanh)),
    ("sinh", HalfExponentials(Binary::Sub)),
    ("cosh", HalfExponentials(Binary::Add)),
    ("log10", LogOver(LN_10)),
    ("log2", LogOver(LN_2)),
];

/// Names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

/// The function of this name.
pub(super) fn lookup(name: &str) -> Option<Function> {
    TABLE.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
}

impl Function {
    /// The tree of this function of `argument`.
    pub fn apply(self, argument: Node) -> Result<Node, ParseErrorKind> {
        match self {
            Operator(f) => Node::unary(f, argument),
            Reciprocal(f) => {
                let below = Node::unary(f, argument)?;
                Node::binary(Binary::Div, number(1.0), below)
            }
            HalfExponentials(operator) => {
                let up = Node::unary(Unary::Exp, argument.clone())?;
                let down = Node::unary(Unary::Exp, Node::unary(Unary::Neg, argument)?)?;
                let both = Node::binary(operator, up, down)?;
                Node::binary(Binary::Div, both, number(2.0))
            }
            LogOver(scale) => {
                let log = Node::unary(Unary::Log, argument)?;
                Node::binary(Binary::Div, log, number(scale))
            }
        }
    }
}

fn number(value: f64) -> Node {
    Node::leaf(Expr::Number(value))
}
