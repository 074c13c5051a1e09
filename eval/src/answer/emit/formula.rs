//! Trees as formulas of a programming language.

use nsode_parser::print::number;
use nsode_parser::{Binary, Expr, Unary};

use super::Language;

/// How tightly a piece of text holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
    Signed,
    Power,
    Atom,
}

/// The text of `tree` with these names of time and of states.
pub(super) fn text(tree: &Expr, language: Language, time: &str, states: &[String]) -> String {
    let writer = Writer {
        language,
        time,
        states,
    };
    writer.write(tree).0
}

struct Writer<'a> {
    language: Language,
    time: &'a str,
    states: &'a [String],
}

impl Writer<'_> {
    fn write(&self, tree: &Expr) -> (String, Binding) {
        match tree {
            Expr::Number(value) => self.number(*value),
            // None is left in a law whose constants have names.
            Expr::Parameter(k) => (format!("c{k}"), Binding::Atom),
            Expr::Time => (self.time.to_string(), Binding::Atom),
            Expr::State(i) => {
                let name = self.states.get(*i).map_or("x", String::as_str);
                (name.to_string(), Binding::Atom)
            }
            Expr::Unary(Unary::Neg, a) => (
                format!("-{}", self.at_least(a, Binding::Power)),
                Binding::Signed,
            ),
            Expr::Unary(function, a) => (self.call(*function, a), Binding::Atom),
            Expr::Binary(Binary::Pow, a, b) => self.power(a, b),
            Expr::Binary(op, a, b) => {
                let (binding, sign, right) = match op {
                    Binary::Add => (Binding::Sum, " + ", Binding::Product),
                    Binary::Sub => (Binding::Sum, " - ", Binding::Product),
                    Binary::Div => (Binding::Product, " / ", Binding::Power),
                    _ => (Binding::Product, " * ", Binding::Power),
                };
                let left = self.at_least(a, binding);
                (format!("{left}{sign}{}", self.at_least(b, right)), binding)
            }
        }
    }

    /// `tree`, in parentheses if it holds together less than `least`.
    fn at_least(&self, tree: &Expr, least: Binding) -> String {
        match self.write(tree) {
            (text, binding) if binding >= least => text,
            (text, _) => format!("({text})"),
        }
    }

    fn number(&self, value: f64) -> (String, Binding) {
        let text = match self.language {
            // Whole numbers without a point would be integers.
            Language::Rust | Language::C => format!("{value:?}"),
            _ => number(value),
        };
        let binding = match value.is_sign_negative() {
            true => Binding::Signed,
            false => Binding::Atom,
        };
        (text, binding)
    }

    fn call(&self, function: Unary, argument: &Expr) -> String {
        let name = match (self.language, function) {
            (Language::Rust, Unary::Log) => "ln",
            (Language::C, Unary::Abs) => "fabs",
            (Language::Sympy, Unary::Abs) => "Abs",
            (_, function) => function.name(),
        };
        match self.language {
            Language::Rust => format!("{}.{name}()", self.receiver(argument)),
            Language::Python if function != Unary::Abs => {
                format!("math.{name}({})", self.write(argument).0)
            }
            Language::Sympy => format!("sympy.{name}({})", self.write(argument).0),
            _ => format!("{name}({})", self.write(argument).0),
        }
    }

    /// `tree` as what a method is called on.
    fn receiver(&self, tree: &Expr) -> String {
        match tree {
            Expr::Time | Expr::State(_) | Expr::Unary(..) => self.at_least(tree, Binding::Atom),
            // A method of a literal needs to know the literal's type.
            Expr::Number(value) => format!("({value:?}_f64)"),
            _ => format!("({})", self.write(tree).0),
        }
    }

    fn power(&self, base: &Expr, exponent: &Expr) -> (String, Binding) {
        let whole = match exponent {
            Expr::Number(v) if v.fract() == 0.0 && v.abs() <= 64.0 => Some(*v as i32),
            _ => None,
        };
        let above = || self.write(exponent).0;
        match (self.language, whole) {
            (Language::Rust, Some(n)) => {
                (format!("{}.powi({n})", self.receiver(base)), Binding::Atom)
            }
            (Language::Rust, None) => (
                format!("{}.powf({})", self.receiver(base), above()),
                Binding::Atom,
            ),
            (Language::C, _) => (
                format!("pow({}, {})", self.write(base).0, above()),
                Binding::Atom,
            ),
            // Python's `**` makes complex numbers of negative bases.
            (Language::Python, None) => (
                format!("math.pow({}, {})", self.write(base).0, above()),
                Binding::Atom,
            ),
            (language, whole) => {
                let sign = if language == Language::Julia {
                    "^"
                } else {
                    "**"
                };
                let base = self.at_least(base, Binding::Atom);
                let exponent = match whole {
                    Some(n) if n >= 0 => n.to_string(),
                    Some(n) => format!("({n})"),
                    None => self.at_least(exponent, Binding::Atom),
                };
                (format!("{base}{sign}{exponent}"), Binding::Power)
            }
        }
    }
}
