//! Rust: constants and a function on arrays.

use super::words::{Words, list};

pub(super) fn text(law: &Words) -> String {
    let (d, p) = (law.states.len(), law.constants.len());
    // An unused argument is written with `_` before it.
    let time = match law.uses_time() {
        true => law.time.clone(),
        false => format!("_{}", law.time),
    };
    let constants = law.constant_names().join(", ");
    let (argument, taken) = match p {
        0 => ("_constants", String::new()),
        _ => (
            "constants",
            format!("    let [{constants}] = *constants;\n"),
        ),
    };
    let rows: String = law
        .rhs
        .iter()
        .map(|rhs| format!("        {rhs},\n"))
        .collect();
    format!(
        "{origin}\n\
         /// Time of the first observation.\npub const T0: f64 = {t0:?};\n\n\
         /// States then: {states}.\npub const Y0: [f64; {d}] = [{y0}];\n\n\
         /// Fitted constants: {named}.\npub const CONSTANTS: [f64; {p}] = [{values}];\n\n\
         /// Slopes of the states.\n#[allow(non_snake_case)]\n\
         pub fn rhs({time}: f64, state: &[f64; {d}], {argument}: &[f64; {p}]) -> [f64; {d}] {{\n    \
         let [{states}] = *state;\n{taken}    [\n{rows}    ]\n}}\n",
        origin = law.comment("//"),
        t0 = law.t0,
        states = law.states.join(", "),
        y0 = list(&law.y0),
        named = if p == 0 { "none" } else { &constants },
        values = list(&law.values()),
    )
}
