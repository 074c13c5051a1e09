//! SymPy: equations of functions of time, constants as symbols with their values.

use super::words::Words;

pub(super) fn text(law: &Words) -> String {
    let symbol = |name: &str| format!("{name} = sympy.Symbol(\"{name}\", real=True)\n");
    let mut body = symbol(&law.time);
    for (name, _) in &law.constants {
        body += &symbol(name);
    }
    for name in &law.states {
        body += &format!("{name} = sympy.Function(\"{name}\")({})\n", law.time);
    }
    let each = law.constants.iter();
    let values: Vec<String> = each
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    let equations: String = (law.states.iter().zip(&law.rhs))
        .map(|(state, rhs)| format!("    sympy.Eq({state}.diff({}), {rhs}),\n", law.time))
        .collect();
    let start: Vec<String> = (law.states.iter().zip(&law.y0))
        .map(|(state, value)| format!("{state}.subs({}, T0): {value:?}", law.time))
        .collect();
    format!(
        "\"\"\"{origin}\n\"\"\"\n\nimport sympy\n\n{body}\nCONSTANTS = {{{values}}}\nEQUATIONS = [\n{equations}]\n\
         T0 = {t0:?}\nY0 = {{{start}}}\n",
        origin = law.origin.join("\n"),
        values = values.join(", "),
        t0 = law.t0,
        start = start.join(", "),
    )
}
