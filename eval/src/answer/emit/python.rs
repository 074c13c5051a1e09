//! Python: a function for `scipy.integrate.solve_ivp`, constants as keywords.

use super::words::{Words, list};

pub(super) fn text(law: &Words) -> String {
    let constants: String = law
        .constants
        .iter()
        .map(|(name, value)| format!(", {name}={value:?}"))
        .collect();
    let used: &str = match law.rhs.iter().any(|rhs| rhs.contains("math.")) {
        true => "import math\n\n",
        false => "",
    };
    format!(
        "\"\"\"{origin}\n\"\"\"\n\n{used}T0 = {t0:?}\nY0 = [{y0}]\n\n\n\
         def rhs({time}, state{constants}):\n    \
         \"\"\"Slopes of [{names}]: scipy.integrate.solve_ivp(rhs, (T0, T1), Y0).\"\"\"\n    \
         ({states},) = state\n    \
         return [{rhs}]\n",
        origin = law.origin.join("\n"),
        t0 = law.t0,
        y0 = list(&law.y0),
        time = law.time,
        names = law.states.join(", "),
        states = law.states.join(", "),
        rhs = law.rhs.join(", "),
    )
}
