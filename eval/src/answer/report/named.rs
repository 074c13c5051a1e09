//! The best law with letters for its constants, and where it starts.

use nsode_parser::print::number;
use nsode_parser::{Expr, Names};

use super::equations;
use crate::answer::figures;
use crate::answer::present::{Mark, Presented};
use crate::discover::Candidate;
use crate::series::table::Series;

/// A law whose constants have names.
pub(crate) struct Named {
    /// `dy/dt = c0*y`, one a state.
    pub equations: Vec<String>,
    /// The right-hand sides, with states beyond those of the data for the constants.
    pub rhs: Vec<Expr>,
    /// The data's names, and behind them those of the constants.
    pub names: Names,
    /// Names and values with standard errors: `c0`, `0.5470 ± 0.0040`.
    pub constants: Vec<(String, String)>,
}

impl Named {
    /// The law of a candidate. Constants keep the names that the user gave; others are called `c0`, `c1`, … or
    /// by another letter if a column is called so.
    pub fn new(best: &Candidate, names: &Names) -> Named {
        let presented = Presented::of(best);
        let given = presented.marks().iter();
        let letter = letter(names, given.filter_map(|mark| mark.name.as_ref()));
        let label = |(k, mark): (usize, &Mark)| match &mark.name {
            Some(name) => name.clone(),
            None => format!("{letter}{k}"),
        };
        let labels: Vec<String> = presented.marks().iter().enumerate().map(label).collect();
        let (rhs, with_constants) = spelled(presented.rhs(), &labels, names);
        let values = presented.constants().iter().zip(presented.marks());
        let constants = labels.iter().zip(values).map(|(label, (c, mark))| {
            let value = match (mark.fixed, mark.at_bound) {
                (true, _) => format!("{} (fixed)", number(c.value)),
                (_, true) => format!("{} (at its bound)", figures::significant(c.value, 4)),
                _ => figures::with_error(c.value, c.stderr),
            };
            (label.clone(), value)
        });
        Named {
            equations: equations(&rhs, &with_constants),
            constants: constants.collect(),
            names: with_constants,
            rhs,
        }
    }
}

/// The letter that constants without a name are called by: no state, no time and none of the `given` names is that letter
/// with a number.
pub(super) fn letter<'a>(
    names: &'a Names,
    given: impl Iterator<Item = &'a String> + Clone,
) -> &'static str {
    ["c", "k", "p", "q", "const"]
        .into_iter()
        .find(|letter| {
            let mut taken = names
                .states
                .iter()
                .chain([&names.time])
                .chain(given.clone());
            !taken.any(|name| is_numbered(name, letter))
        })
        .unwrap_or("constant")
}

/// Right-hand sides with extra states in place of constants, and the names of all: the printers write c0, c1, … for
/// constants, as a column may be called.
pub(super) fn spelled(rhs: &[Expr], labels: &[String], names: &Names) -> (Vec<Expr>, Names) {
    let dimension = names.dimension();
    let mut with_constants = names.clone();
    with_constants.states.extend(labels.iter().cloned());
    let state = |leaf: &Expr| match leaf {
        Expr::Parameter(k) => Some(Expr::State(dimension + k)),
        _ => None,
    };
    let rhs = rhs.iter().map(|rhs| rhs.substitute(&state)).collect();
    (rhs, with_constants)
}

/// `hare = 31.2, lynx = 4.1 at year = 1900`, one line a trajectory.
pub(super) fn initial(series: &Series, best: &Candidate) -> Vec<String> {
    const SHOWN: usize = 6;
    let several = series.trajectories.len() > 1;
    let mut lines = Vec::new();
    let each = series
        .trajectories
        .iter()
        .zip(best.starts())
        .zip(&series.trajectory_labels);
    for ((trajectory, initial), label) in each.take(SHOWN) {
        let states: Vec<String> = series
            .names
            .states
            .iter()
            .zip(initial)
            .map(|(name, value)| format!("{name} = {}", figures::significant(*value, 4)))
            .collect();
        let mut times = trajectory.times().iter();
        let start = times.next().copied().unwrap_or(0.0);
        let step = times.next().map_or(0.0, |next| next - start);
        let time = figures::place_on_axis(start, step);
        let label = if several {
            format!(" ({label})")
        } else {
            String::new()
        };
        lines.push(format!(
            "{} at {} = {time}{label}",
            states.join(", "),
            series.names.time
        ));
    }
    match series.trajectories.len().saturating_sub(SHOWN) {
        0 => {}
        more => lines.push(format!("… and {more} more trajectories")),
    }
    lines
}

/// Whether `name` is `letter` with digits behind it.
fn is_numbered(name: &str, letter: &str) -> bool {
    name.strip_prefix(letter)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
}
