//! Julia: a function in place, for `ODEProblem(rhs!, Y0, (T0, T1), P0)`.

use super::words::{Words, list};

pub(super) fn text(law: &Words) -> String {
    let taken = match law.constants.is_empty() {
        true => String::new(),
        false => format!("    {}, = p\n", law.constant_names().join(", ")),
    };
    let rows: String = (law.rhs.iter().enumerate())
        .map(|(i, rhs)| format!("    slope[{}] = {rhs}\n", i + 1))
        .collect();
    format!(
        "{origin}\nconst T0 = {t0:?}\nconst Y0 = [{y0}]\nconst P0 = Float64[{values}]\n\n\
         \"Slopes of {names}: ODEProblem(rhs!, Y0, (T0, T1), P0).\"\n\
         function rhs!(slope, state, p, {time})\n    {states}, = state\n{taken}{rows}    return nothing\nend\n",
        origin = law.comment("#"),
        t0 = law.t0,
        y0 = list(&law.y0),
        values = list(&law.values()),
        names = law.states.join(", "),
        time = law.time,
        states = law.states.join(", "),
    )
}
