//! Trees under construction: every step checks the depth and the size, so that no tree beyond the limits ever
//! exists, not even to be dropped.

use super::{MAX_DEPTH, MAX_NODES};
use crate::error::ParseErrorKind;
use crate::expr::{Binary, Expr, Unary};

/// A tree with its height and size.
#[derive(Clone, Debug)]
pub(super) struct Node {
    expr: Expr,
    depth: usize,
    nodes: usize,
}

impl Node {
    /// A number, a variable or a parameter.
    pub fn leaf(expr: Expr) -> Node {
        Node {
            expr,
            depth: 1,
            nodes: 1,
        }
    }

    /// `function(argument)`.
    pub fn unary(function: Unary, argument: Node) -> Result<Node, ParseErrorKind> {
        let (depth, nodes) = grown(argument.depth, argument.nodes)?;
        Ok(Node {
            expr: Expr::unary(function, argument.expr),
            depth,
            nodes,
        })
    }

    /// `left operator right`.
    pub fn binary(operator: Binary, left: Node, right: Node) -> Result<Node, ParseErrorKind> {
        let (depth, nodes) = grown(left.depth.max(right.depth), left.nodes + right.nodes)?;
        Ok(Node {
            expr: Expr::binary(operator, left.expr, right.expr),
            depth,
            nodes,
        })
    }

    /// The negative of a number; other trees are given back as they are.
    pub fn negated_number(self) -> Node {
        match self.expr {
            Expr::Number(v) => Node::leaf(Expr::Number(-v)),
            _ => self,
        }
    }

    /// The finished tree.
    pub fn into_expr(self) -> Expr {
        self.expr
    }
}

/// Height and size of a tree with one more node on top.
fn grown(depth: usize, nodes: usize) -> Result<(usize, usize), ParseErrorKind> {
    if depth >= MAX_DEPTH {
        return Err(ParseErrorKind::TooDeep { limit: MAX_DEPTH });
    }
    if nodes >= MAX_NODES {
        return Err(ParseErrorKind::TooManyNodes { limit: MAX_NODES });
    }
    Ok((depth + 1, nodes + 1))
}
