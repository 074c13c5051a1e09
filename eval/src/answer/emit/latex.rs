//! LaTeX: the equations as a display, numbers rounded to what their errors leave.

use nsode_parser::System;
use nsode_parser::print::latex_equation;

use super::origin;
use crate::answer::present::Presented;
use crate::discover::Candidate;
use crate::series::table::Series;

pub(super) fn text(series: &Series, candidate: &Candidate) -> String {
    // A law has as many equations as states, which is all that a system asks for.
    let system = System::new(Presented::of(candidate).rounded());
    let body = system.map(|system| latex_equation(&system, &series.names));
    let comment: String = origin(series, candidate)
        .iter()
        .map(|line| format!("% {line}").trim_end().to_string() + "\n")
        .collect();
    format!("{comment}\\[\n{}\n\\]\n", body.unwrap_or_default())
}
