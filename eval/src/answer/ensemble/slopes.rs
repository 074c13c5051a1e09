//! The band of the right-hand side: over the state where there is one, along the solution where there are more.

use nsode_generator::Trajectory;

use super::Ensemble;
use super::quantile::quantiles;

/// Places at which the right-hand side is evaluated.
const POINTS: usize = 121;

/// A right-hand side with its band.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeBand {
    /// Where it is evaluated: the state, or the times of the first trajectory's solution, in the data's units.
    pub places: Vec<f64>,
    /// Whether the places are times.
    pub over_time: bool,
    /// The slopes of the best law, one row of equations a place.
    pub best: Vec<Vec<f64>>,
    /// Lower ends of the band.
    pub lower: Vec<Vec<f64>>,
    /// Upper ends.
    pub upper: Vec<Vec<f64>>,
}

pub(super) fn slopes(ensemble: &Ensemble, fitted: &[Trajectory], level: f64) -> SlopeBand {
    let problem = ensemble.problem;
    let d = problem.dimension();
    let scaling = problem.scaling();
    let mut points: Vec<(f64, f64, Vec<f64>)> = Vec::new();
    if d == 1 {
        let values = fitted.iter().flat_map(Trajectory::states).copied();
        let observed = problem.screened().iter().flat_map(Trajectory::states);
        let unit = scaling.states.first().copied().unwrap_or(1.0);
        let all = values
            .chain(observed.map(|u| u * unit))
            .filter(|y| y.is_finite());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
            (low.min(y), high.max(y))
        });
        for i in 0..POINTS {
            let y = low + (high - low) * i as f64 / (POINTS - 1) as f64;
            points.push((y, 0.0, vec![y]));
        }
    } else if let Some(path) = fitted.first() {
        for (row, time) in path.times().iter().enumerate() {
            let normalised = (time - scaling.origin) / scaling.time;
            points.push((*time, normalised, path.state(row).to_vec()));
        }
    }
    let tail = (1.0 - level) / 2.0;
    let mut band = SlopeBand {
        places: Vec::new(),
        best: Vec::new(),
        over_time: d > 1,
        lower: Vec::new(),
        upper: Vec::new(),
    };
    for (place, time, states) in points {
        let mut cells: Vec<Vec<(f64, f64)>> = vec![Vec::new(); d];
        for member in &ensemble.members {
            let Some(law) = ensemble.posteriors.get(member.posterior) else {
                continue;
            };
            let found = law.slopes(problem, &member.draw.constants, time, &states);
            for (cell, slope) in cells.iter_mut().zip(found) {
                cell.push((slope, member.share));
            }
        }
        let (mut lower, mut upper) = (Vec::new(), Vec::new());
        for cell in &mut cells {
            let [low, high] = quantiles(cell, [tail, 1.0 - tail]);
            lower.push(low);
            upper.push(high);
        }
        let best = ensemble
            .best()
            .map(|law| law.slopes(problem, law.constants(), time, &states));
        band.best.push(best.unwrap_or_default());
        band.places.push(place);
        band.lower.push(lower);
        band.upper.push(upper);
    }
    band
}
