//! Solutions beyond the last observation, with a band.

use super::Ensemble;
use super::quantile::quantiles;

/// Times of a forecast.
const POINTS: usize = 101;

/// How much wider than that of the draws a band of a level is: `1 + tails·ln(1/(1 − level))` times, with these tails for one
/// state and for several. Draws know no law but those that were found, and constants only as far as a fit tells, so they lack
/// tails. The numbers were read off random laws of the generator; docs/infer.md has how much of the truth bands hold of other
/// ones.
const TAILS: [f64; 2] = [0.28, 0.36];

/// Why there is no forecast.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ForecastError {
    /// The horizon is not beyond the first observation of each trajectory.
    #[error("{horizon} is not beyond the first observation of a trajectory, at {first}")]
    Horizon {
        /// The horizon.
        horizon: f64,
        /// The time of the first observation of the trajectory that begins last.
        first: f64,
    },
    /// The level is no share.
    #[error("{0} is no level: it must be above 0 and below 1")]
    Level(f64),
}

/// The solutions to come.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// Probability that the band has by its model.
    pub level: f64,
    /// Draws of equal weight that would say as much.
    pub draws: usize,
    /// One a run.
    pub bands: Vec<Band>,
}

/// The solutions to come of one run; infinite where more draws than the level leaves out grow beyond
/// all bounds, NaN where no draw has a solution.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Times, in the data's units.
    pub times: Vec<f64>,
    /// Medians, one row of states a time.
    pub median: Vec<Vec<f64>>,
    /// Lower ends of the band.
    pub lower: Vec<Vec<f64>>,
    /// Upper ends of the band.
    pub upper: Vec<Vec<f64>>,
    /// Share of the draws whose solution ends before the last time.
    pub lost: f64,
}

pub(super) fn forecast(
    ensemble: &Ensemble,
    horizon: f64,
    level: f64,
) -> Result<Forecast, ForecastError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(ForecastError::Level(level));
    }
    let problem = ensemble.problem;
    let scaling = problem.scaling();
    // Of each run, the last piece that begins before the horizon.
    let mut latest: Vec<Option<usize>> = Vec::new();
    let mut first = f64::NEG_INFINITY;
    for (number, (piece, path)) in problem
        .pieces()
        .iter()
        .zip(problem.normalised())
        .enumerate()
    {
        let begin = path.times().first().copied().unwrap_or(0.0);
        let begin = scaling.origin + begin * scaling.time;
        first = first.max(begin);
        if piece.is_first() {
            latest.push(None);
        }
        if let (Some(own), true) = (latest.last_mut(), horizon > begin) {
            *own = Some(number);
        }
    }
    let numbers: Option<Vec<usize>> = latest.into_iter().collect();
    let Some(numbers) = numbers.filter(|_| horizon.is_finite()) else {
        return Err(ForecastError::Horizon { horizon, first });
    };
    let states = 0..problem.dimension();
    let amounts: Vec<Option<f64>> = states.map(|state| problem.amount(state)).collect();
    let each = numbers.into_iter();
    let bands = each
        .map(|number| band(ensemble, &amounts, number, horizon, level))
        .collect();
    Ok(Forecast {
        level,
        draws: ensemble.effective(),
        bands,
    })
}

fn band(
    ensemble: &Ensemble,
    amounts: &[Option<f64>],
    number: usize,
    horizon: f64,
    level: f64,
) -> Band {
    let problem = ensemble.problem;
    let scaling = problem.scaling();
    let d = problem.dimension();
    let observed = problem
        .normalised()
        .get(number)
        .map_or(&[][..], |p| p.times());
    let first = observed.first().copied().unwrap_or(0.0);
    let last = observed.last().copied().unwrap_or(1.0);
    let end = (horizon - scaling.origin) / scaling.time;
    // Rounding in the change of units may put the end a little before the last observation.
    let beyond = end > last;
    let start = if beyond { last } else { first };
    let times: Vec<f64> = (0..POINTS)
        .map(|i| start + (end - start) * i as f64 / (POINTS - 1) as f64)
        .collect();
    let mut lost = 0.0;
    let mut cells: Vec<Vec<(f64, f64)>> = vec![Vec::new(); POINTS * d];
    for member in &ensemble.members {
        let from = if beyond {
            &member.draw.last
        } else {
            &member.draw.initial
        };
        let (Some(from), Some(law)) = (from.get(number), ensemble.posteriors.get(member.posterior))
        else {
            continue;
        };
        let (states, whole) = law.course(&member.draw.constants, from, &times);
        if !whole {
            lost += member.share;
        }
        for (cell, u) in cells.iter_mut().zip(states) {
            cell.push((u, member.share));
        }
    }
    let mut band = Band {
        times: times
            .iter()
            .map(|t| scaling.origin + t * scaling.time)
            .collect(),
        median: Vec::new(),
        lower: Vec::new(),
        upper: Vec::new(),
        lost,
    };
    if let (Some(time), true) = (band.times.last_mut(), beyond) {
        *time = horizon;
    }
    let tail = (1.0 - level) / 2.0;
    let [one, several] = TAILS;
    let tails = if d == 1 { one } else { several };
    let wider = 1.0 - tails * (1.0 - level).ln();
    for row in cells.chunks_mut(d) {
        let mut sets = [Vec::new(), Vec::new(), Vec::new()];
        for (state, (cell, unit)) in row.iter_mut().zip(&scaling.states).enumerate() {
            let between = (tail + 0.5) / 2.0;
            let shares = [0.5, tail, between, 1.0 - between, 1.0 - tail];
            let [median, lower, low, high, upper] = quantiles(cell, shares);
            // What no draw crosses, the widened band does not, either: a population stays above 0.
            let (mut least, most) = domain(cell);
            let near_zero = amounts.get(state).copied().flatten();
            if near_zero.is_some_and(|noise| median >= -noise) {
                // Some draws, of laws with a term too many, end below.
                least = 0.0;
            }
            let [lowest, highest] = outermost(cell);
            let values = [
                median.clamp(least, most),
                widened([lower, low, median], wider, lowest).clamp(least, most),
                widened([upper, high, median], wider, highest).clamp(least, most),
            ];
            for (set, value) in sets.iter_mut().zip(values) {
                set.push(value * unit);
            }
        }
        let [median, lower, upper] = sets;
        band.median.push(median);
        band.lower.push(lower);
        band.upper.push(upper);
    }
    band
}

/// Of normal draws the median is at most twice as far from a limit as the quantile halfway between them by probability.
/// If it is farther than so many times, it runs away.
const RUNS_AWAY: f64 = 4.0;

/// A limit of a band, `wider` times as far from the median, given the quantile between them. A median that runs away would
/// take the limit with it to the other side: there the limit is as far beyond the outermost draw as that is beyond the
/// quantile.
fn widened([limit, between, median]: [f64; 3], wider: f64, outermost: f64) -> f64 {
    if !limit.is_finite() {
        return limit;
    }
    let runs_away = (median - limit).abs() > RUNS_AWAY * (between - limit).abs();
    match runs_away || !median.is_finite() {
        true => 2.0 * outermost - limit,
        false => median + wider * (limit - median),
    }
}

/// The least and the largest finite draw.
fn outermost(draws: &[(f64, f64)]) -> [f64; 2] {
    let finite = draws.iter().map(|(u, _)| *u).filter(|u| u.is_finite());
    finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], u| {
        [low.min(u), high.max(u)]
    })
}

/// The side of 0 that all draws of a cell are on: as bounds, infinite where there are draws on both.
fn domain(draws: &[(f64, f64)]) -> (f64, f64) {
    let mut ends = (0.0, 0.0);
    for (u, _) in draws {
        if *u < 0.0 {
            ends.0 = f64::NEG_INFINITY;
        }
        if *u > 0.0 {
            ends.1 = f64::INFINITY;
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_that_runs_away_takes_no_limit_with_it() {
        // Draws as of a normal distribution: as wide as is asked for, whatever the outermost draw.
        assert_eq!(widened([-2.0, -0.7, 0.0], 1.5, -2.1), -3.0);
        assert_eq!(widened([2.0, 0.7, 0.0], 1.5, 2.1), 3.0);
        // Half of the draws are far away, or infinite.
        let all = f64::INFINITY;
        assert_eq!(widened([8.0, 12.0, 1e6], 1.5, 7.0), 6.0);
        assert_eq!(widened([8.0, 12.0, all], 1.5, 7.0), 6.0);
        assert_eq!(widened([-8.0, -12.0, -all], 1.5, -7.0), -6.0);
        assert_eq!(widened([all, 4.0, 3.0], 1.5, 7.0), all);
        assert_eq!(widened([all, all, all], 1.5, 7.0), all);
        assert_eq!(widened([3.0, 3.0, 3.0], 1.5, 3.0), 3.0);
        let draws = [(1.0, 0.2), (all, 0.3), (-2.0, 0.5)];
        assert_eq!(outermost(&draws), [-2.0, 1.0]);
    }

    #[test]
    fn what_no_draw_crosses_is_a_bound() {
        const ALL: f64 = f64::INFINITY;
        for (draws, expected) in [
            (&[1.0, 0.0, 3.0][..], (0.0, ALL)),
            (&[-1.0, -2.0], (-ALL, 0.0)),
            (&[-1.0, 2.0], (-ALL, ALL)),
            (&[0.0, f64::NAN], (0.0, 0.0)),
            (&[f64::NAN, ALL], (0.0, ALL)),
        ] {
            let draws: Vec<(f64, f64)> = draws.iter().map(|u| (*u, 1.0)).collect();
            assert_eq!(domain(&draws), expected, "{draws:?}");
        }
    }
}
