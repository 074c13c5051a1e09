//! Values that the best law leaves far off: gross errors, or something that the law does not know.

use nsode_parser::Names;

use crate::answer::ensemble::Posterior;
use crate::answer::figures::{place_on_axis, significant};
use crate::series::loss::Loss;
use crate::series::problem::{Least, NOISY, Noise, Problem, noise};

/// Standard deviations, robust ones where the noise is not known, from which a residual is no noise.
const FAR: f64 = 6.0;

/// A residual is one of a pattern, no gross error, if one beside it has its sign and this share of its size.
const ALIKE: f64 = 0.5;

/// Values that are told one by one.
const NAMED: usize = 3;

/// An observed value far from a law.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlier {
    /// The trajectory, from 0.
    pub trajectory: usize,
    /// The row of the trajectory, from 0.
    pub row: usize,
    /// The state, from 0.
    pub state: usize,
    /// How far it is, in standard deviations of the noise, where it is known, else in robust ones of the state's residuals;
    /// above 0.
    pub deviations: f64,
}

/// The outliers of a law, the farthest first.
pub fn outliers(problem: &Problem, law: &Posterior) -> Vec<Outlier> {
    let known = problem.knows_noise().then(|| problem.noise());
    let least: Vec<Least> = (0..problem.dimension())
        .map(|state| problem.least_told(state))
        .collect();
    far(&law.residuals(problem), &least, known)
}

/// Those of values of a solution with the residuals beside them, normalised; one list a trajectory, row-major. Residuals
/// are measured by the noise, if it is known; else by their own, with an additive part of at least `least`, one a state.
fn far(residuals: &[Vec<(f64, f64)>], least: &[Least], known: Option<&[Noise]>) -> Vec<Outlier> {
    let mut found = Vec::new();
    let dimension = least.len();
    for (state, least) in least.iter().enumerate() {
        let lists = residuals.iter().map(|list| {
            let cells = list.iter().enumerate().skip(state).step_by(dimension);
            let cells = cells.filter(|(_, (_, r))| r.is_finite());
            cells
                .map(|(cell, pair)| (cell / dimension, *pair))
                .collect()
        });
        let lists: Vec<Vec<(usize, (f64, f64))>> = lists.collect();
        // Noise in proportion to the value is no outlier where values are large. What was rounded away, as to 0, tells nothing of it.
        let all = lists.iter().flatten().map(|(_, pair)| *pair);
        let all: Vec<(f64, f64)> = all.filter(|(_, r)| r.abs() > least.deviation).collect();
        let known = known.and_then(|known| known.get(state)).copied();
        let noise = known.unwrap_or_else(|| {
            let own = noise(&all, Loss::Student, *least);
            Noise {
                deviation: own.deviation.max(NOISY),
                ..own
            }
        });
        let lists = lists.into_iter().map(|list| {
            let relative = |(row, (u, r)): (usize, (f64, f64))| {
                (row, r / (noise.deviation * noise.shape(u).sqrt()))
            };
            list.into_iter().map(relative).collect()
        });
        let lists: Vec<Vec<(usize, f64)>> = lists.collect();
        for (trajectory, list) in lists.iter().enumerate() {
            for (i, (row, r)) in list.iter().enumerate() {
                let beside = [i.checked_sub(1), i.checked_add(1)];
                let mut beside = beside.into_iter().flatten().filter_map(|j| list.get(j));
                let alike = beside.any(|(_, other)| other * r.signum() > ALIKE * r.abs());
                if r.abs() > FAR && !alike {
                    found.push(Outlier {
                        trajectory,
                        row: *row,
                        state,
                        deviations: r.abs(),
                    });
                }
            }
        }
    }
    found.sort_by(|a, b| b.deviations.total_cmp(&a.deviations));
    found
}

/// What a reader should know of them; nothing where there are none.
pub fn note(problem: &Problem, names: &Names, law: &Posterior) -> Option<String> {
    let found = outliers(problem, law);
    let mut places: Vec<String> = found
        .iter()
        .take(NAMED)
        .filter_map(|outlier| place(problem, names, outlier))
        .collect();
    if found.len() > NAMED {
        places.push("…".to_string());
    }
    let (count, they) = match found.len() {
        0 => return None,
        1 => ("one value is".to_string(), "it hardly counts"),
        n => (format!("{n} values are"), "they hardly count"),
    };
    let measure = match problem.knows_noise() {
        true => "standard deviations of the given noise",
        false => "robust standard deviations",
    };
    let far = format!(
        "{count} more than {FAR} {measure} from the best law: {}",
        places.join(", ")
    );
    Some(match problem.loss() {
        Loss::Squares => {
            format!("{far}; if gross errors are among them, fit with --loss student, where {they}")
        }
        loss => format!("{far}; {they} with --loss {loss}"),
    })
}

/// `y = 3.1 at t = 0.5 (8 of them)`, value and time in the data's units.
fn place(problem: &Problem, names: &Names, outlier: &Outlier) -> Option<String> {
    let scaling = problem.scaling();
    let path = problem.normalised().get(outlier.trajectory)?;
    let value = path.state(outlier.row).get(outlier.state)? * scaling.states.get(outlier.state)?;
    let time = |row: usize| Some(scaling.origin + path.times().get(row)? * scaling.time);
    let at = time(outlier.row)?;
    let near = time(outlier.row + 1).or_else(|| time(outlier.row.checked_sub(1)?));
    let step = near.map_or(0.0, |near| (near - at).abs());
    Some(format!(
        "{} = {} at {} = {} ({} of them)",
        names.states.get(outlier.state)?,
        significant(value, 4),
        names.time,
        place_on_axis(at, step),
        significant(outlier.deviations, 2)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values_are_outliers_and_patterns_are_not() {
        // Two states; the first has two gross errors, the second a bump.
        let mut list: Vec<f64> = (0..60)
            .map(|i| 0.01 * f64::from(i * 7 % 11) - 0.05)
            .collect();
        list[10] = 1.0;
        list[40] = -2.0;
        for (cell, size) in [(21, 0.8), (23, 1.0), (25, 0.7)] {
            list[cell] = size;
        }
        list[13] = f64::NAN;
        let found = far(
            &[list.into_iter().map(|r| (0.5, r)).collect()],
            &[Least::USUAL; 2],
            None,
        );
        let places: Vec<(usize, usize)> = found.iter().map(|o| (o.row, o.state)).collect();
        assert_eq!(places, [(20, 0), (5, 0)]);
        assert!(found[0].deviations > found[1].deviations);
    }

    #[test]
    fn the_last_digits_of_clean_data_have_no_outliers() {
        let mut list = vec![(0.5, 1e-9); 30];
        list[7].1 = 1e-4;
        assert_eq!(far(&[list], &[Least::USUAL], None), []);
        assert_eq!(far(&[], &[Least::USUAL], None), []);
    }

    #[test]
    fn noise_in_proportion_to_the_value_has_no_outliers() {
        let jitter = |i: i32| f64::from(i * 7 % 11) / 5.0 - 1.0;
        let mut list: Vec<(f64, f64)> = (0..80)
            .map(|i| (0.9_f64.powi(i), 0.1 * jitter(i) * 0.9_f64.powi(i)))
            .collect();
        assert_eq!(far(std::slice::from_ref(&list), &[Least::USUAL], None), []);
        list[60].1 = 0.2;
        assert_eq!(
            far(std::slice::from_ref(&list), &[Least::USUAL], None).len(),
            1
        );
        // Of noise that is known to be as large, it is one as others are.
        let known = Noise::known(1.0, 0.0, 1.0);
        assert_eq!(far(&[list], &[Least::USUAL], Some(&[known])), []);
    }
}
