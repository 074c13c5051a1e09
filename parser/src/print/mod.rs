//! Trees as text: infix, as this crate reads it back; LaTeX, for reports; Python, for SymPy.
//!
//! All printers keep the shape of the tree. They never fail: a state without a name is called `x1`, `x2`, …
//! by its number, and numbers that are not finite are printed as `NaN` and `inf`, which no parser reads back.

mod infix;
mod latex;
mod number;
mod sympy;

pub use infix::{infix, infix_rounded};
pub use latex::{latex, latex_equation};
pub use number::{number, rounded};
pub use sympy::sympy;

use crate::system::Names;

/// Name of the state with index `i`.
fn state(names: &Names, i: usize) -> String {
    match names.states.get(i) {
        Some(name) => name.clone(),
        None => format!("x{}", i + 1),
    }
}
