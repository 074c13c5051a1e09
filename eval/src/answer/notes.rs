//! What a reader must know before relying on an answer: that the law is chaotic; that perhaps none of the laws is right; that several fit
//! equally well, and where they part; that the data leave a constant open; that some values are outliers; that
//! residuals and a given noise do not agree.

use nsode_parser::{Names, System};

use crate::answer::ensemble::Posterior;
use crate::answer::figures::significant;
use crate::answer::outliers;
use crate::answer::present::Presented;
use crate::answer::report::named::Named;
use crate::discover::{Candidate, Doubt};
use crate::series::problem::{FLOOR, Piece, Problem};

/// A law is a rival of the best from this share of its posterior on, and this share of what all laws have.
const RIVAL: (f64, f64) = (0.1, 0.02);

/// Posteriors of rivals that are told one by one, with that of the best.
const NAMED: usize = 4;

/// Right-hand sides agree where they differ by less than this share of the best one's largest size.
const AGREES: f64 = 0.1;

/// Places at which right-hand sides are compared, over the data and as far again on either side.
const PLACES: usize = 600;

/// Where the mean square of the residuals, in units of a given noise, is beyond these, one of the two is wrong.
const EXPECTED: (f64, f64) = (0.3, 3.0);

/// A probability that no law is right which is worth a word.
const DOUBTED: f64 = 0.2;

/// A range of values below this share of the largest one is hard to tell from none, with noise above this share of it.
const NARROW: f64 = 0.02;

/// Warnings of zeros that are not fitted.
pub fn unseen(problem: &Problem, names: &Names) -> Vec<String> {
    let each = problem.unseen().iter().map(|unseen| {
        let name = names.states.get(unseen.state).map_or("", String::as_str);
        format!(
            "{} values of {name} are 0 although none of the others is below {}: they were taken for too small to be seen and \
             left out, as blank cells are. If they are true zeros, say how exact they are with --sigma",
            unseen.cells,
            significant(unseen.smallest, 4)
        )
    });
    each.collect()
}

/// Warnings of states that hardly vary beside their magnitude.
pub fn narrow(problem: &Problem, names: &Names) -> Vec<String> {
    let mut warnings = Vec::new();
    for (state, name) in names.states.iter().enumerate().take(problem.dimension()) {
        let screened = problem.screened().iter();
        let values = screened.flat_map(|path| path.column(state));
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        let (least, most) = values
            .filter(|u| !u.is_nan())
            .fold(ends, |(a, b), u| (a.min(u), b.max(u)));
        let noise = problem.noise().get(state).map_or(0.0, |n| n.deviation);
        let hidden = noise.max(FLOOR) > NARROW * (most - least);
        if most - least < NARROW && hidden {
            warnings.push(format!(
                "{name} varies by only {:.2} % of its magnitude, which hides its law: subtract an offset",
                100.0 * (most - least)
            ));
        }
    }
    warnings
}

/// Notes on `candidates`, which were found for `problem`, best first; `none` is the probability that none of them
/// is right, and `doubt` why mostly.
pub fn notes(
    problem: &Problem,
    names: &Names,
    candidates: &[Candidate],
    none: f64,
    doubt: Option<Doubt>,
) -> Vec<String> {
    let Some(best) = candidates.first() else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    let pieces = problem.pieces();
    if !pieces.iter().all(Piece::is_first) {
        notes.push(format!(
            "neighbouring solutions of likely laws separate so fast, as in chaos, that none follows the data to the end: laws were fitted in \
             {} pieces, each with an initial state of its own; R² is that of the pieces, and forecasts go on from the last",
            pieces.len()
        ));
    }
    if let Some(doubt) = doubt.filter(|_| none > DOUBTED) {
        let why = match doubt {
            Doubt::Unexplained => "the best one explains less than half of the variance",
            Doubt::Flexible => "with so many constants a law follows whatever is smooth",
            Doubt::Hidden => "noise hides parts of laws, as was said beforehand",
            Doubt::Pattern => "what the best one leaves over has a pattern, where noise has none",
        };
        notes.push(format!(
            "with probability {none:.2} none of these laws is right: {why}"
        ));
    }
    let exact = match best.exact {
        0 => None,
        1 => Some("one constant of the best law is".to_string()),
        n => Some(format!("{n} constants of the best law are")),
    };
    notes.extend(exact.map(|which| {
        format!(
            "{which} taken to be exactly 1 or -1, or as large as another one: noise leaves that open, and laws are mostly so"
        )
    }));
    notes.extend(rivals(problem, names, candidates, 1.0 - none));
    for (i, candidate) in candidates.iter().enumerate() {
        if i == 0 || candidate.form.is_some() {
            notes.extend(open_constants(i + 1, candidate, names));
        }
    }
    let Some(posterior) = Posterior::of(problem, best) else {
        return notes;
    };
    notes.extend(outliers::note(problem, names, &posterior));
    if problem.knows_noise() {
        let ratio = posterior.misfit(problem);
        if ratio < EXPECTED.0 || ratio > EXPECTED.1 {
            notes.push(format!(
                "the residuals of the best law are {} times as large as the noise that was given",
                significant(ratio.sqrt(), 2)
            ));
        }
    }
    notes
}

/// Constants of a law that the data do not determine.
fn open_constants(number: usize, candidate: &Candidate, names: &Names) -> Vec<String> {
    let presented = Presented::of(candidate);
    let named = Named::new(candidate, names);
    let law = match number {
        1 => "the best law".to_string(),
        number => format!("law {number}"),
    };
    let each = presented.constants().iter().zip(presented.marks());
    let mut notes = Vec::new();
    for ((constant, mark), (name, _)) in each.zip(&named.constants) {
        let note = match constant.stderr {
            _ if mark.fixed => continue,
            _ if mark.at_bound => format!(
                "{name} of {law} is at its bound, {}: the data would have it beyond",
                significant(constant.value, 4)
            ),
            None => format!(
                "the data do not determine {name} of {law}: other values fit as well, with other values of the \
                 other constants"
            ),
            Some(error) if error > constant.value.abs() => format!(
                "the data hardly determine {name} of {law}: its standard error is larger than its size"
            ),
            _ => continue,
        };
        notes.push(note);
    }
    notes
}

/// That the data can't tell the best laws apart, and where these part.
fn rivals(
    problem: &Problem,
    names: &Names,
    candidates: &[Candidate],
    listed: f64,
) -> Option<String> {
    let best = candidates.first()?;
    let is_rival = |c: &&Candidate| c.posterior >= (RIVAL.1 * listed).max(RIVAL.0 * best.posterior);
    let rivals: Vec<&Candidate> = candidates.iter().skip(1).filter(is_rival).collect();
    if rivals.is_empty() {
        return None;
    }
    let count = match rivals.len() {
        1 => "two laws".to_string(),
        n => format!("{} laws", n + 1),
    };
    let mut posteriors: Vec<String> = std::iter::once(&best)
        .chain(&rivals)
        .map(|c| format!("{:.2}", c.posterior))
        .collect();
    if posteriors.len() > NAMED {
        posteriors.truncate(NAMED);
        posteriors.push("…".to_string());
    }
    let mut note = format!(
        "{count} explain the data about equally well (posteriors {})",
        posteriors.join(", ")
    );
    if rivals.iter().any(|c| c.posterior > best.posterior) {
        note += "; the first is not the most probable one, but agrees best with all that may be right, or lacks a term that the data do not show";
    }
    match (problem.dimension(), names.states.first()) {
        (1, Some(state)) => note += &scalar(problem, state, best, &rivals).unwrap_or_default(),
        _ => match along(problem, best, &rivals) {
            Some(share) if share.is_infinite() => {
                note += "; along the data one of them has no value somewhere";
            }
            Some(share) if share > 1.0 => {
                note +=
                    "; along the data their right-hand sides differ by more than the largest slope";
            }
            Some(share) => {
                note += &format!(
                    "; along the data their right-hand sides differ by up to {} % of the largest slope",
                    significant(100.0 * share, 2)
                );
            }
            None => {}
        },
    }
    Some(note)
}

/// Where the right-hand sides of one state agree.
fn scalar(
    problem: &Problem,
    state: &str,
    best: &Candidate,
    rivals: &[&Candidate],
) -> Option<String> {
    let unit = *problem.scaling().states.first()?;
    let values = problem.screened().iter().flat_map(|path| path.column(0));
    let values = values.filter(|u| !u.is_nan()).map(|u| u * unit);
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
        (low.min(y), high.max(y))
    });
    let wide = high - low;
    // What is never negative in the data need not become so.
    let least = if low >= 0.0 {
        (low - wide).max(0.0)
    } else {
        low - wide
    };
    let most = high + wide;
    let systems: Vec<_> = std::iter::once(&best)
        .chain(rivals)
        .map(|c| c.system.to_system())
        .collect();
    let slope = |law: usize, y: f64| -> f64 {
        let rhs = systems.get(law).and_then(|s| s.rhs().first());
        rhs.map_or(f64::NAN, |rhs| rhs.eval(0.0, &[y], &[]))
    };
    let places: Vec<f64> = (0..=PLACES)
        .map(|i| least + (most - least) * i as f64 / PLACES as f64)
        .collect();
    let inside = |y: &f64| (low..=high).contains(y);
    let size = places
        .iter()
        .filter(|y| inside(y))
        .map(|y| slope(0, *y).abs());
    let size = size.filter(|f| f.is_finite()).fold(0.0, f64::max);
    let apart = |y: f64| {
        let others = 1..systems.len();
        let worst = others.map(|law| (slope(law, y) - slope(0, y)).abs() / size);
        // No value is as different as can be.
        worst.fold(0.0, |a: f64, d| {
            if d.is_finite() {
                a.max(d)
            } else {
                f64::INFINITY
            }
        })
    };
    let within = places
        .iter()
        .filter(|y| inside(y))
        .map(|y| apart(*y))
        .fold(0.0, f64::max);
    if size <= 0.0 {
        return None;
    }
    if !within.is_finite() {
        return Some(format!(
            "; one of them has no value somewhere within the data, {state} in [{}, {}]",
            significant(low, 3),
            significant(high, 3)
        ));
    }
    let percent = significant(100.0 * within, 2);
    if within > AGREES {
        let far = match within > 1.0 {
            true => "more than".to_string(),
            false => format!("up to {percent} % of"),
        };
        return Some(format!(
            "; even within the data, {state} in [{}, {}], their right-hand sides differ by {far} the largest slope",
            significant(low, 3),
            significant(high, 3)
        ));
    }
    let up = places
        .iter()
        .filter(|y| **y > high)
        .find(|y| apart(**y) > AGREES);
    let down = places
        .iter()
        .rev()
        .filter(|y| **y < low)
        .find(|y| apart(**y) > AGREES);
    let ends = match (down, up) {
        (None, None) => {
            return Some(format!(
                ", and their right-hand sides differ by less than 10 % of the largest slope even for {state} in \
                 [{}, {}]",
                significant(least, 3),
                significant(most, 3)
            ));
        }
        (Some(down), None) => format!("below {state} = {}", significant(*down, 3)),
        (None, Some(up)) => format!("above {state} = {}", significant(*up, 3)),
        (Some(down), Some(up)) => format!(
            "outside {state} in [{}, {}]",
            significant(*down, 3),
            significant(*up, 3)
        ),
    };
    Some(format!(
        "; their right-hand sides differ by at most {percent} % of the largest slope within the data, and by more \
         than 10 % {ends}"
    ))
}

/// The largest difference between right-hand sides along the smoothed data, as a share of the largest slope of its
/// state; infinite where one has no value. `None` where no state has a slope.
fn along(problem: &Problem, best: &Candidate, rivals: &[&Candidate]) -> Option<f64> {
    let scaling = problem.scaling();
    let first = best.system.to_system();
    let others: Vec<System> = rivals.iter().map(|r| r.system.to_system()).collect();
    let mut sizes = vec![0.0f64; problem.dimension()];
    let mut apart = vec![0.0f64; problem.dimension()];
    for curve in problem.curves() {
        for node in 0..curve.times.len() {
            let states = curve.at(node).iter().zip(&scaling.states);
            let states: Vec<f64> = states.map(|(u, unit)| u * unit).collect();
            let time = scaling.origin + curve.times.get(node)? * scaling.time;
            for (i, rhs) in first.rhs().iter().enumerate() {
                let slope = rhs.eval(time, &states, &[]);
                let size = sizes.get_mut(i)?;
                *size = size.max(slope.abs());
                for other in &others {
                    let other = other.rhs().get(i)?.eval(time, &states, &[]);
                    let apart = apart.get_mut(i)?;
                    // No value is as different as can be.
                    let distance = (other - slope).abs();
                    *apart = match distance.is_finite() {
                        true => apart.max(distance),
                        false => f64::INFINITY,
                    };
                }
            }
        }
    }
    let moving = apart.iter().zip(&sizes).filter(|(_, size)| **size > 0.0);
    let shares = moving.map(|(apart, size)| apart / size);
    let worst = shares.fold(0.0, f64::max);
    let mut slopes = sizes.iter().map(|size| *size > 0.0);
    slopes.any(|is| is).then_some(worst)
}
