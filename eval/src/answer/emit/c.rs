//! C99: arrays of constants and a function on pointers.

use super::words::{Words, list};

pub(super) fn text(law: &Words) -> String {
    let (d, p) = (law.states.len(), law.constants.len());
    let mut body = String::new();
    let read = |names: &[&str], from: &str| -> String {
        let each = names.iter().enumerate();
        each.map(|(i, name)| format!("    const double {name} = {from}[{i}];\n"))
            .collect()
    };
    let states: Vec<&str> = law.states.iter().map(String::as_str).collect();
    body += &read(&states, "state");
    body += &read(&law.constant_names(), "constants");
    if !law.uses_time() {
        body += &format!("    (void){};\n", law.time);
    }
    if p == 0 {
        body += "    (void)constants;\n";
    }
    for (i, rhs) in law.rhs.iter().enumerate() {
        body += &format!("    slope[{i}] = {rhs};\n");
    }
    // A state that no formula has is named all the same.
    for (i, name) in law.states.iter().enumerate() {
        let used = law.trees.iter().any(|tree| {
            let mut found = false;
            tree.visit(&mut |node| found |= *node == nsode_parser::Expr::State(i));
            found
        });
        if !used {
            body += &format!("    (void){name};\n");
        }
    }
    // An array has at least one element.
    let values = if p == 0 {
        "0.0".to_string()
    } else {
        list(&law.values())
    };
    format!(
        "/*\n{origin} */\n\n#include <math.h>\n\n\
         /* Time of the first observation, and the states then: {names}. */\n\
         const double nsode_t0 = {t0:?};\nconst double nsode_y0[{d}] = {{{y0}}};\n\n\
         /* Fitted constants: {named}. */\nconst double nsode_constants[{size}] = {{{values}}};\n\n\
         /* Writes the slopes of the states. */\n\
         void nsode_rhs(double {time}, const double *state, const double *constants, double *slope)\n\
         {{\n{body}}}\n",
        origin = law.comment(" *"),
        names = law.states.join(", "),
        t0 = law.t0,
        y0 = list(&law.y0),
        named = if p == 0 {
            "none".to_string()
        } else {
            law.constant_names().join(", ")
        },
        size = p.max(1),
        time = law.time,
    )
}
