//! LaTeX, for reports: fractions as fractions, products side by side, names as symbols.
//!
//! The text has the value of the tree but not its shape: products and sums are written flat.

use super::number::number;
use crate::expr::{Binary, Expr, Unary};
use crate::system::{Names, System};

/// LaTeX of `expr`, in math mode: `0.79 y \left(1 - \frac{y}{74.3}\right)`. Round the numbers with
/// [`super::rounded`] first if they are long.
pub fn latex(expr: &Expr, names: &Names) -> String {
    write(expr, names).text
}

/// LaTeX of the equations of `system`: `\frac{dy}{dt} = …`, or an `aligned` block if there are several.
pub fn latex_equation(system: &System, names: &Names) -> String {
    let equation = |align: &str, i: usize, rhs: &Expr| {
        let state = symbol(&super::state(names, i));
        let time = symbol(&names.time);
        format!(
            "\\frac{{d{state}}}{{d{time}}} {align}= {}",
            latex(rhs, names)
        )
    };
    match system.rhs() {
        [one] => equation("", 0, one),
        several => {
            let lines: Vec<String> = several
                .iter()
                .enumerate()
                .map(|(i, rhs)| equation("&", i, rhs))
                .collect();
            format!(
                "\\begin{{aligned}}\n{}\n\\end{{aligned}}",
                lines.join(" \\\\\n")
            )
        }
    }
}

/// How tightly a piece of LaTeX holds together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Sum,
    Product,
    Signed,
    /// Fractions, powers and functions: anything but the base of a power.
    Block,
    Atom,
}

struct Piece {
    text: String,
    binding: Binding,
}

impl Piece {
    fn new(binding: Binding, text: String) -> Piece {
        Piece { text, binding }
    }

    /// The text at the start of a sum or product, in parentheses if it is looser than `least`.
    fn first(self, least: Binding) -> String {
        if self.binding < least {
            enclosed(&self.text)
        } else {
            self.text
        }
    }

    /// The same behind an operator, where nothing begins with a minus.
    fn later(self, least: Binding) -> String {
        if self.text.starts_with('-') {
            enclosed(&self.text)
        } else {
            self.first(least)
        }
    }
}

fn enclosed(text: &str) -> String {
    format!("\\left({text}\\right)")
}

fn write(expr: &Expr, names: &Names) -> Piece {
    match expr {
        Expr::Number(v) => numeral(*v),
        Expr::Parameter(k) => Piece::new(Binding::Atom, format!("c_{{{k}}}")),
        Expr::Time => Piece::new(Binding::Atom, symbol(&names.time)),
        Expr::State(i) => Piece::new(Binding::Atom, symbol(&super::state(names, *i))),
        Expr::Unary(function, a) => unary(*function, write(a, names)),
        Expr::Binary(Binary::Pow, a, b) => power(a, b, names),
        Expr::Binary(operator, a, b) => binary(*operator, write(a, names), write(b, names)),
    }
}

/// `2.5`, or `2 \cdot 10^{9}`.
fn numeral(value: f64) -> Piece {
    let text = number(value);
    let text = match text.split_once('e') {
        Some(("1", exponent)) => format!("10^{{{exponent}}}"),
        Some(("-1", exponent)) => format!("-10^{{{exponent}}}"),
        Some((mantissa, exponent)) => format!("{mantissa} \\cdot 10^{{{exponent}}}"),
        None => text,
    };
    let binding = if text.starts_with('-') {
        Binding::Signed
    } else if text.contains('^') {
        Binding::Product
    } else {
        Binding::Atom
    };
    Piece::new(binding, text)
}

fn unary(function: Unary, a: Piece) -> Piece {
    let text = match function {
        Unary::Neg => {
            return Piece::new(Binding::Signed, format!("-{}", a.later(Binding::Product)));
        }
        Unary::Exp => format!("e^{{{}}}", a.text),
        Unary::Sqrt => format!("\\sqrt{{{}}}", a.text),
        Unary::Abs => {
            return Piece::new(Binding::Atom, format!("\\left|{}\\right|", a.text));
        }
        Unary::Log => format!("\\ln{}", enclosed(&a.text)),
        Unary::Sin | Unary::Cos | Unary::Tan | Unary::Tanh => {
            format!("\\{}{}", function.name(), enclosed(&a.text))
        }
    };
    Piece::new(Binding::Block, text)
}

fn binary(operator: Binary, a: Piece, b: Piece) -> Piece {
    match operator {
        Binary::Add => {
            let text = format!("{} + {}", a.first(Binding::Sum), b.later(Binding::Sum));
            Piece::new(Binding::Sum, text)
        }
        Binary::Sub => {
            let text = format!("{} - {}", a.first(Binding::Sum), b.later(Binding::Product));
            Piece::new(Binding::Sum, text)
        }
        Binary::Div => {
            let text = format!("\\frac{{{}}}{{{}}}", a.text, b.text);
            Piece::new(Binding::Block, text)
        }
        // Powers are written by `power`, which sees the trees.
        Binary::Mul | Binary::Pow => {
            let left = a.first(Binding::Product);
            let right = b.later(Binding::Product);
            // A number beside a number, or beside a fraction, would read as one number.
            let digit = |c: char| c.is_ascii_digit();
            let joined =
                right.starts_with(digit) || (left.ends_with(digit) && right.starts_with("\\frac"));
            // Names of several letters would read as one.
            let word = |factor: &str| factor.starts_with("\\mathrm");
            let words = word(&right) || left.rsplit(' ').next().is_some_and(word);
            let sign = match (joined, words) {
                (true, _) => " \\cdot ",
                (false, true) => " \\, ",
                (false, false) => " ",
            };
            Piece::new(Binding::Product, format!("{left}{sign}{right}"))
        }
    }
}

/// `a^{b}`; `\sin^{2}\left(y\right)` for the whole powers of those functions where that is customary.
fn power(a: &Expr, b: &Expr, names: &Names) -> Piece {
    let exponent = write(b, names).text;
    let whole = matches!(b, Expr::Number(v) if *v >= 2.0 && v.fract() == 0.0);
    let text = match a {
        Expr::Unary(f @ (Unary::Sin | Unary::Cos | Unary::Tan | Unary::Tanh), u) if whole => {
            format!(
                "\\{}^{{{exponent}}}{}",
                f.name(),
                enclosed(&latex(u, names))
            )
        }
        _ => format!("{}^{{{exponent}}}", write(a, names).first(Binding::Atom)),
    };
    Piece::new(Binding::Block, text)
}

/// Greek letters with a command in LaTeX: its name, and the letter.
#[rustfmt::skip]
const GREEK: [(&str, char); 34] = [
    ("alpha", 'α'), ("beta", 'β'), ("gamma", 'γ'), ("delta", 'δ'), ("epsilon", 'ε'),
    ("zeta", 'ζ'), ("eta", 'η'), ("theta", 'θ'), ("iota", 'ι'), ("kappa", 'κ'),
    ("lambda", 'λ'), ("mu", 'μ'), ("nu", 'ν'), ("xi", 'ξ'), ("pi", 'π'),
    ("rho", 'ρ'), ("sigma", 'σ'), ("tau", 'τ'), ("upsilon", 'υ'), ("phi", 'φ'),
    ("chi", 'χ'), ("psi", 'ψ'), ("omega", 'ω'), ("Gamma", 'Γ'), ("Delta", 'Δ'),
    ("Theta", 'Θ'), ("Lambda", 'Λ'), ("Xi", 'Ξ'), ("Pi", 'Π'), ("Sigma", 'Σ'),
    ("Upsilon", 'Υ'), ("Phi", 'Φ'), ("Psi", 'Ψ'), ("Omega", 'Ω'),
];

/// A name as a symbol: `x_{1}` for `x1`, `\alpha` for `alpha`, `N_{\mathrm{max}}` for `N_max`, and
/// `\mathrm{cells}` for other names of several letters.
fn symbol(name: &str) -> String {
    let name: String = name.chars().map(plain_digit).collect();
    if let Some((base, index)) = name.split_once('_')
        && !index.is_empty()
        && (greek(base).is_some() || base.chars().count() == 1)
    {
        return format!("{}_{{{}}}", letters(base), subscript(index));
    }
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = name.get(base.len()..).unwrap_or("");
    if base.is_empty() || digits.is_empty() {
        letters(&name)
    } else {
        format!(
            "{}_{{{digits}}}",
            letters(base.strip_suffix('_').unwrap_or(base))
        )
    }
}

/// A subscript digit on the line.
fn plain_digit(c: char) -> char {
    match c {
        '₀'..='₉' => char::from_digit(u32::from(c) - u32::from('₀'), 10).unwrap_or(c),
        other => other,
    }
}

fn subscript(index: &str) -> String {
    if index.chars().all(|c| c.is_ascii_digit()) {
        index.to_string()
    } else {
        letters(index)
    }
}

/// A name without index: a Greek letter, a letter in italics, or a word upright.
fn letters(name: &str) -> String {
    if let Some(command) = greek(name) {
        return format!("\\{command}");
    }
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) if c.is_ascii_alphabetic() => c.to_string(),
        _ => format!(
            "\\mathrm{{{}}}",
            name.chars().map(escaped).collect::<String>()
        ),
    }
}

/// The command of a Greek letter, given by its name or itself.
fn greek(name: &str) -> Option<&'static str> {
    let mut chars = name.chars();
    let only = chars.next().filter(|_| chars.next().is_none());
    GREEK
        .iter()
        .find(|(command, letter)| *command == name || only == Some(*letter))
        .map(|(command, _)| *command)
}

/// A character inside `\mathrm`.
fn escaped(c: char) -> String {
    match c {
        '#' | '$' | '%' | '&' | '_' | '{' | '}' => format!("\\{c}"),
        '\\' => "\\backslash ".to_string(),
        '^' => "\\wedge ".to_string(),
        '~' => "\\sim ".to_string(),
        ' ' => "\\ ".to_string(),
        other => other.to_string(),
    }
}
