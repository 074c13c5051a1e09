//! What the tests of this crate share.

use nsode_parser::infix::parse_expr;
use nsode_parser::{Names, System};

/// A system from the text of its right-hand sides, states by their default names.
pub fn system(rhs: &[&str]) -> System {
    let names = Names::default_for(rhs.len());
    let rhs = rhs
        .iter()
        .map(|text| parse_expr(text, &names).unwrap())
        .collect();
    System::new(rhs).unwrap()
}
