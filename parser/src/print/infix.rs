//! Infix text with the fewest parentheses that keep the tree and are pleasant to read.
//!
//! Reading the text back ([`crate::infix`]) gives the same tree, bit for bit in its numbers, as long as
//! they are finite, the names are distinct identifiers, and the text is within the parser's limits. The
//! parentheses beyond precedence: a number directly under a sign, `-(2)`, which would otherwise become a
//! negative number; and anything that begins with `-` after another operator, `a + (-b)`, except a number as
//! exponent, `y^-2`.
//!
//! Python has the same precedences, so the printer for SymPy is this one with other words.

use super::number::{number, rounded};
use crate::expr::{Binary, Expr, Unary};
use crate::system::Names;

/// Infix text of `expr`, e.g. `0.79*y*(1 - y/74.3)`. Parameters are printed `c0`, `c1`, ….
pub fn infix(expr: &Expr, names: &Names) -> String {
    let dialect = Dialect {
        names,
        power: "^",
        absolute: "abs",
    };
    dialect.text(expr)
}

/// The same with every number rounded to `digits` significant digits: for tables, not for reading back.
pub fn infix_rounded(expr: &Expr, names: &Names, digits: usize) -> String {
    infix(&rounded(expr, digits), names)
}

/// How tightly a piece of text holds together; the order is that of the grammar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    /// `a + b`
    Sum,
    /// `a*b`
    Product,
    /// `-a`, and numbers below zero
    Signed,
    /// `a^b`
    Power,
    /// everything else
    Atom,
}

fn binding(expr: &Expr) -> Binding {
    match expr {
        Expr::Binary(Binary::Add | Binary::Sub, ..) => Binding::Sum,
        Expr::Binary(Binary::Mul | Binary::Div, ..) => Binding::Product,
        Expr::Unary(Unary::Neg, _) => Binding::Signed,
        Expr::Number(v) if v.is_sign_negative() => Binding::Signed,
        Expr::Binary(Binary::Pow, ..) => Binding::Power,
        _ => Binding::Atom,
    }
}

/// Whether the text of `expr` begins with a minus when nothing encloses it.
fn begins_with_minus(expr: &Expr) -> bool {
    match expr {
        Expr::Binary(Binary::Add | Binary::Sub, left, _) => begins_with_minus(left),
        Expr::Binary(Binary::Mul | Binary::Div, left, _) => {
            binding(left) >= Binding::Product && begins_with_minus(left)
        }
        _ => binding(expr) == Binding::Signed,
    }
}

/// The words in which languages with the precedences of infix text differ.
pub(super) struct Dialect<'a> {
    pub names: &'a Names,
    /// Operator of powers.
    pub power: &'static str,
    /// Name of the absolute value.
    pub absolute: &'static str,
}

impl Dialect<'_> {
    /// Text of a whole tree.
    pub fn text(&self, expr: &Expr) -> String {
        let mut out = String::new();
        self.write(expr, &mut out);
        out
    }

    /// Writes `expr` where it needs no parentheses.
    fn write(&self, expr: &Expr, out: &mut String) {
        match expr {
            Expr::Number(v) => out.push_str(&number(*v)),
            Expr::Parameter(k) => out.push_str(&format!("c{k}")),
            Expr::Time => out.push_str(&self.names.time),
            Expr::State(i) => out.push_str(&super::state(self.names, *i)),
            Expr::Unary(Unary::Neg, a) => {
                out.push('-');
                if matches!(**a, Expr::Number(_)) {
                    self.enclose(a, out);
                } else {
                    self.operand(a, Binding::Power, out);
                }
            }
            Expr::Unary(function, a) => {
                out.push_str(match function {
                    Unary::Abs => self.absolute,
                    other => other.name(),
                });
                self.enclose(a, out);
            }
            Expr::Binary(operator, a, b) => self.binary(*operator, a, b, out),
        }
    }

    /// Writes `a operator b`. The left operand may begin with a minus; the right one may not, except for a
    /// number as exponent.
    fn binary(&self, operator: Binary, a: &Expr, b: &Expr, out: &mut String) {
        let (left, sign, right) = match operator {
            Binary::Add => (Binding::Sum, " + ", Binding::Product),
            Binary::Sub => (Binding::Sum, " - ", Binding::Product),
            Binary::Mul => (Binding::Product, "*", Binding::Power),
            Binary::Div => (Binding::Product, "/", Binding::Power),
            Binary::Pow => (Binding::Atom, self.power, Binding::Power),
        };
        if binding(a) < left {
            self.enclose(a, out);
        } else {
            self.write(a, out);
        }
        out.push_str(sign);
        if operator == Binary::Pow && matches!(b, Expr::Number(_)) {
            self.write(b, out);
        } else {
            self.operand(b, right, out);
        }
    }

    /// Writes an operand that stands after an operator and must hold together at least as `least` does.
    fn operand(&self, expr: &Expr, least: Binding, out: &mut String) {
        if binding(expr) < least || begins_with_minus(expr) {
            self.enclose(expr, out);
        } else {
            self.write(expr, out);
        }
    }

    /// Writes `(expr)`.
    fn enclose(&self, expr: &Expr, out: &mut String) {
        out.push('(');
        self.write(expr, out);
        out.push(')');
    }
}
