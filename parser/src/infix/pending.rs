//! The unfinished sum between two parentheses: what the grammar keeps instead of recursing.
//!
//! There are only three levels of precedence, so what waits for a right operand is at most one sum, one
//! product in it, and the storeys of one tower `a^b^…` in that. Trees are built in the order in which a
//! recursive reader would build them.

use super::node::Node;
use crate::error::{ParseError, ParseErrorKind, Span};
use crate::expr::{Binary, Unary};

/// The signs before an operand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signs {
    /// Number of minuses.
    pub minuses: usize,
    /// The last sign is a minus.
    pub ends_with_minus: bool,
}

/// An atom with its signs.
#[derive(Debug)]
pub(super) struct Operand {
    pub signs: Signs,
    pub atom: Node,
    /// The atom is a number written as one: only those take a minus into themselves.
    pub literal: bool,
    /// From the first sign to the end of the atom.
    pub span: Span,
}

/// A left operand and its operator, waiting for the right one.
#[derive(Debug)]
struct Half {
    left: Node,
    operator: Binary,
    span: Span,
}

/// What has been read of a sum, up to an operator.
#[derive(Debug, Default)]
pub(super) struct Pending {
    sum: Option<Half>,
    product: Option<Half>,
    /// Bases that wait for their exponents, the lowest first.
    tower: Vec<Operand>,
}

impl Pending {
    /// Takes the next operand and the operator behind it, which stands at `span`.
    pub fn push(
        &mut self,
        operand: Operand,
        operator: Binary,
        span: Span,
    ) -> Result<(), ParseError> {
        match operator {
            Binary::Pow => self.tower.push(operand),
            Binary::Mul | Binary::Div => {
                let left = self.close_product(operand)?;
                self.product = Some(Half {
                    left,
                    operator,
                    span,
                });
            }
            Binary::Add | Binary::Sub => {
                let left = self.close_sum(operand)?;
                self.sum = Some(Half {
                    left,
                    operator,
                    span,
                });
            }
        }
        Ok(())
    }

    /// The whole sum, of which `last` is the last operand.
    pub fn finish(mut self, last: Operand) -> Result<Node, ParseError> {
        self.close_sum(last)
    }

    fn close_sum(&mut self, last: Operand) -> Result<Node, ParseError> {
        let right = self.close_product(last)?;
        join(self.sum.take(), right)
    }

    fn close_product(&mut self, last: Operand) -> Result<Node, ParseError> {
        let right = self.close_tower(last)?;
        join(self.product.take(), right)
    }

    /// Powers from the top of the tower down, each under the signs of its base.
    fn close_tower(&mut self, top: Operand) -> Result<Node, ParseError> {
        let mut signs = top.signs;
        let mut node = top.atom;
        if top.literal && signs.ends_with_minus {
            signs.minuses -= 1;
            node = node.negated_number();
        }
        node = signed(signs, node, top.span)?;
        while let Some(base) = self.tower.pop() {
            node = at(base.span, Node::binary(Binary::Pow, base.atom, node))?;
            node = signed(base.signs, node, base.span)?;
        }
        Ok(node)
    }
}

/// A tree, or the error of a limit with its place.
pub(super) fn at(span: Span, node: Result<Node, ParseErrorKind>) -> Result<Node, ParseError> {
    node.map_err(|kind| ParseError::new(kind, span))
}

fn join(half: Option<Half>, right: Node) -> Result<Node, ParseError> {
    match half {
        Some(half) => at(half.span, Node::binary(half.operator, half.left, right)),
        None => Ok(right),
    }
}

fn signed(signs: Signs, mut node: Node, span: Span) -> Result<Node, ParseError> {
    for _ in 0..signs.minuses {
        node = at(span, Node::unary(Unary::Neg, node))?;
    }
    Ok(node)
}
