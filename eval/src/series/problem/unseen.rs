//! Zeros that stand for "too small to be seen": what instruments and laboratories write below a limit of detection.
//!
//! Such a cell says that the value is below the limit, not that it is 0, and of a decay over decades, laws that jump to 0 would
//! explain it best. So these cells are left out, as blank ones are. A series that goes to 0 as it is rounded is none of that: its
//! smallest values are a step or two of the rounding.

use nsode_generator::Trajectory;

use super::quantum;

/// Fewest zeros that are no accident.
const FEWEST: usize = 2;

/// Fewest different values beside them, and the largest over the smallest of these, at least: a switch has only a few.
const VALUES: usize = 5;
const RANGE: f64 = 10.0;

/// The smallest value that was seen has at least so many steps of the rounding.
const STEPS: f64 = 4.0;

/// Noise that was cut off at 0 has values of all sizes among its zeros, where a limit has none below itself: of so many, one for
/// each zero that they stand beside, and all between two zeros, the smallest is less than this share of the median. A decay that
/// ends below a limit, and growth that begins there, have none.
const BESIDE: usize = 6;
const CUT_OFF: f64 = 0.3;

/// Zeros of one state that were left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Unseen {
    /// The state, from 0.
    pub state: usize,
    /// How many.
    pub cells: usize,
    /// The smallest magnitude of the other cells, in the unit of the data.
    pub smallest: f64,
}

/// The trajectories without zeros that stand for what was not seen, and which those were.
pub(super) fn without_unseen(
    trajectories: Vec<Trajectory>,
    dimension: usize,
) -> (Vec<Trajectory>, Vec<Unseen>) {
    let found: Vec<Unseen> = (0..dimension)
        .filter_map(|state| unseen(&trajectories, state))
        .collect();
    if found.is_empty() {
        return (trajectories, found);
    }
    let each = trajectories.into_iter().map(|path| {
        let mut states = path.states().to_vec();
        for one in &found {
            for row in hidden(&path, one.state) {
                if let Some(cell) = states.get_mut(row * dimension + one.state) {
                    *cell = f64::NAN;
                }
            }
        }
        Trajectory::new(dimension, path.times().to_vec(), states).unwrap_or(path)
    });
    (each.collect(), found)
}

/// Rows of a run in which a state is 0, but for one where it begins with 0 alone: there, it may be.
fn hidden(path: &Trajectory, state: usize) -> Vec<usize> {
    let seen = path.column(state).enumerate().filter(|(_, y)| !y.is_nan());
    let cells: Vec<(usize, f64)> = seen.collect();
    let begins = matches!(cells.as_slice(), [(_, first), (_, second), ..] if *first == 0.0 && *second != 0.0);
    let zeros = cells.iter().skip(usize::from(begins));
    zeros
        .filter(|(_, y)| *y == 0.0)
        .map(|(row, _)| *row)
        .collect()
}

fn unseen(trajectories: &[Trajectory], state: usize) -> Option<Unseen> {
    let cells: usize = trajectories
        .iter()
        .map(|path| hidden(path, state).len())
        .sum();
    if cells < FEWEST {
        return None;
    }
    let all: Vec<f64> = trajectories
        .iter()
        .flat_map(|path| path.column(state))
        .collect();
    let steps = quantum::steps(&all);
    let pairs = all.iter().zip(&steps);
    let mut seen: Vec<(f64, f64)> = pairs
        .filter(|(y, _)| y.is_finite() && **y != 0.0)
        .map(|(y, step)| (*y, *step))
        .collect();
    seen.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
    let (smallest, step) = *seen.first()?;
    let (largest, _) = *seen.last()?;
    let one_sign = seen.iter().all(|(y, _)| y.signum() == smallest.signum());
    let clear = smallest.abs() > STEPS * step && largest.abs() > RANGE * smallest.abs();
    let cut_off = is_cut_off(trajectories, state);
    seen.dedup_by(|a, b| a.0 == b.0);
    (one_sign && clear && !cut_off && seen.len() >= VALUES).then_some(Unseen {
        state,
        cells,
        smallest: smallest.abs(),
    })
}

/// Whether the zeros of a state are noise that was cut off there.
fn is_cut_off(trajectories: &[Trajectory], state: usize) -> bool {
    let mut beside: Vec<f64> = Vec::new();
    for path in trajectories {
        let cells: Vec<f64> = path.column(state).filter(|y| !y.is_nan()).collect();
        let zero = |y: &f64| *y == 0.0;
        let (first, last) = (cells.iter().position(zero), cells.iter().rposition(zero));
        let among = match (first, last) {
            (Some(first), Some(last)) => cells.get(first..=last).unwrap_or_default(),
            _ => &[],
        };
        beside.extend(among.windows(2).filter_map(|pair| match pair {
            [a, b] if zero(a) != zero(b) => Some((a + b).abs()),
            _ => None,
        }));
    }
    beside.sort_by(f64::total_cmp);
    let (least, median) = (beside.first(), beside.get(beside.len() / 2));
    let mut pair = least.into_iter().zip(median);
    beside.len() >= BESIDE && pair.any(|(least, median)| *least < CUT_OFF * median)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left out of one state's values, at times 0, 1, 2…
    fn left_out(values: &[f64]) -> Option<(usize, f64)> {
        let times = (0..values.len()).map(|i| i as f64).collect();
        let path = Trajectory::new(1, times, values.to_vec()).unwrap();
        let (paths, found) = without_unseen(vec![path], 1);
        let gone = paths[0].column(0).filter(|y| y.is_nan()).count();
        assert_eq!(gone, found.iter().map(|one| one.cells).sum::<usize>());
        found.first().map(|one| (one.cells, one.smallest))
    }

    #[test]
    fn zeros_below_a_limit_are_left_out_and_others_are_not() {
        let limit = [8.12, 4.03, 2.01, 1.05, 0.52, 0.26, 0.0, 0.0, 0.0];
        assert_eq!(left_out(&limit), Some((3, 0.26)));
        // About the limit, noise decides what is seen.
        let about = [8.1, 4.0, 1.3, 0.0, 0.61, 0.0, 0.55, 0.0, 0.52, 0.0];
        assert_eq!(left_out(&about), Some((4, 0.52)));
        // Noise that was cut off.
        let noise = [8.1, 4.0, 1.3, 0.0, 0.21, 0.0, 0.62, 0.0, 0.05, 0.0];
        assert_eq!(left_out(&noise), None);
        // Steps so large that the last value before the limit may be any.
        let runs = [8.1, 0.26, 0.0, 0.0, 7.9, 2.2, 0.0, 8.0, 1.9, 0.0];
        let times: Vec<f64> = (0..3).map(f64::from).collect();
        let run = |values: &[f64]| Trajectory::new(1, times.clone(), values.to_vec()).unwrap();
        let paths = vec![
            run(&runs[..3]),
            run(&runs[4..7]),
            run(&runs[7..]),
            run(&[8.2, 0.9, 0.0]),
        ];
        assert_eq!(without_unseen(paths, 1).1.len(), 1);
        // It begins with nothing, and grows, and comes below the limit.
        let first = [0.0, 0.32, 2.41, 4.03, 1.95, 0.51, 0.0, 0.0];
        assert_eq!(left_out(&first), Some((2, 0.32)));
        // Below the limit at first.
        let grows = [0.0, 0.0, 0.21, 0.43, 0.88, 1.71, 3.52];
        assert_eq!(left_out(&grows), Some((2, 0.21)));
        for other in [
            // Rounded to 0.
            &[8.12, 2.02, 0.51, 0.12, 0.03, 0.01, 0.0, 0.0][..],
            // A switch, a swing, and a single one.
            &[0.0, 0.0, 5.25, 5.25, 5.25, 0.0, 0.0, 5.25],
            &[0.0, 1.31, 0.0, -1.27, 0.0, 1.34, 0.0, -1.22, 12.5, 13.5],
            &[8.12, 4.03, 2.01, 1.05, 0.52, 0.26, 0.0],
        ] {
            assert_eq!(left_out(other), None, "{other:?}");
        }
    }
}
