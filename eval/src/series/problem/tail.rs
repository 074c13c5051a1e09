//! States with a tail, of which many values are small: their curves, and their noise, are found where noise is the same everywhere.
//!
//! A smoother of values sees the largest ones only: a decay in noise of a few percent looks like a spike with a tail, and the
//! smoother takes the noise at the top for signal. So the values are transformed such that noise of a given additive share is
//! the same everywhere ([`Noise::stable`]: logarithms, where there is hardly an additive part), and the share is the one that
//! makes the values most likely. That is the one in which the curve is smoothest, too, so the noise itself is read off what
//! that curve leaves over.

use nsode_generator::Trajectory;

use super::curve::Curve;
use super::noise::{LEAST_SHARES, Least, Noise, noise, of_shape, unseen_share};
use crate::series::loss::Loss;
use crate::series::smooth::{Observed, Roughness, roughness, smooth};

/// The largest magnitude over that below which a tenth of the values are, from which a state has a tail.
const TAIL: f64 = 20.0;

/// Fewest values.
const FEWEST: usize = 10;

/// Minus twice the log-likelihood by which transformed values have to be more likely.
const CLEAR: f64 = 12.0;

/// Deviations at `|u| = 1` between which it is noise: below, data are clean; above, nothing is nearly linear in it.
const DEVIATIONS: (f64, f64) = (1e-3, 0.2);

/// Smallest share with which curves are drawn: they hold further down than solutions.
const LEAST: f64 = 1e-40;

/// Each of the shares is the one before times this.
const STEP: f64 = 1e-2;

/// Values from which the share is chosen, about; of more, an even part tells as much.
const CHOSEN_FROM: usize = 2000;

/// A value that is 0 without being the first of its run was below what could be written or seen, if not below this share of the
/// smallest one that was: the standard deviation of a uniform error.
const UNSEEN: f64 = 0.29;

/// Numbers of one state, one list a run.
type Columns = Vec<Vec<f64>>;

/// One state of all runs.
struct Runs {
    times: Columns,
    /// NaN where nothing was observed.
    values: Columns,
    /// Standard deviations of the rounding.
    rounding: Columns,
}

impl Runs {
    fn seen(&self) -> impl Iterator<Item = f64> {
        self.values
            .iter()
            .flatten()
            .copied()
            .filter(|u| !u.is_nan())
    }

    /// Whether many values are small.
    fn has_tail(&self) -> bool {
        let mut sizes: Vec<f64> = self.seen().map(f64::abs).collect();
        sizes.sort_by(f64::total_cmp);
        let (small, large) = (sizes.get(sizes.len() / 10), sizes.last());
        let mut pair = small.into_iter().zip(large);
        sizes.len() >= FEWEST && pair.any(|(small, large)| TAIL * small < *large)
    }

    /// Takes zeros for missing, since noise that goes with the value leaves them alone. Returns the standard deviation of what
    /// rounding, and that some were too small to be seen, add to the noise.
    fn without_zeros(&mut self) -> f64 {
        let (mut unseen, mut finest, mut smallest) = (false, f64::INFINITY, f64::INFINITY);
        for (run, rounding) in self.values.iter_mut().zip(&self.rounding) {
            let mut first = true;
            for (u, r) in run.iter_mut().zip(rounding).filter(|(u, _)| !u.is_nan()) {
                match *u == 0.0 {
                    true => {
                        unseen |= !first;
                        *u = f64::NAN;
                    }
                    false => {
                        finest = finest.min(*r);
                        smallest = smallest.min(u.abs());
                    }
                }
                first = false;
            }
        }
        finest.max(if unseen { UNSEEN * smallest } else { 0.0 })
    }

    /// About [`CHOSEN_FROM`] of the values, evenly spread.
    fn thinned(&self) -> Runs {
        let step = self.seen().count().div_ceil(CHOSEN_FROM).max(1);
        let thin = |columns: &Columns| -> Columns {
            let each = columns.iter();
            each.map(|run| run.iter().step_by(step).copied().collect())
                .collect()
        };
        Runs {
            times: thin(&self.times),
            values: thin(&self.values),
            rounding: thin(&self.rounding),
        }
    }
}

/// What a state is where its noise is the same everywhere, and how likely that makes it.
struct Stable {
    noise: Noise,
    columns: Columns,
    shapes: Columns,
    rough: Roughness,
    /// Minus twice the log-likelihood of the values, but for a constant a value.
    deviance: f64,
}

impl Stable {
    /// With noise of this additive share, of which `deviation` is a guess.
    fn new(runs: &Runs, additive: f64, deviation: f64) -> Stable {
        let shape = of_shape(additive);
        let columns: Columns = (runs.values.iter())
            .map(|run| run.iter().map(|u| shape.stable(*u).0).collect())
            .collect();
        // Where rounding is more than the noise.
        let relative = |(u, r): (&f64, &f64)| 1.0 + (shape.stable(*u).1 * r / deviation).powi(2);
        let shapes: Columns = (runs.values.iter().zip(&runs.rounding))
            .map(|(run, rounding)| run.iter().zip(rounding).map(relative).collect())
            .collect();
        let rough = roughness(&observed(&runs.times, &columns, &shapes));
        // The density of a value is that of what stands for it times its slope; as in the smoother, without the first three.
        let slopes = runs.values.iter().map(|run| {
            let seen = run.iter().filter(|u| !u.is_nan()).skip(3);
            seen.map(|u| shape.stable(*u).1.ln()).sum::<f64>()
        });
        Stable {
            deviance: rough.deviance - 2.0 * slopes.sum::<f64>(),
            noise: Noise {
                deviation: rough.variance.sqrt(),
                ..shape
            },
            columns,
            shapes,
            rough,
        }
    }

    /// Draws the curves of a state.
    fn draw(&self, runs: &Runs, state: usize, curves: &mut [Curve]) {
        let runs = observed(&runs.times, &self.columns, &self.shapes);
        for (run, curve) in runs.iter().zip(curves) {
            let seen = |row: &usize| run.values.get(*row).is_some_and(|u| !u.is_nan());
            let rows = 0..run.values.len();
            let (Some(first), Some(last)) = (rows.clone().find(seen), rows.rev().find(seen)) else {
                continue;
            };
            // Beyond what was observed, a logarithm may lead anywhere.
            let nodes = first * curve.per_interval..=last * curve.per_interval;
            let smoothed = smooth(run, &self.rough, &curve.times)
                .into_iter()
                .enumerate();
            for (node, (stable, slope)) in smoothed.filter(|(node, _)| nodes.contains(node)) {
                let u = self.noise.value(stable);
                curve.set(node, state, (u, slope * self.noise.shape(u).sqrt()));
            }
        }
    }
}

fn observed<'a>(
    times: &'a Columns,
    columns: &'a Columns,
    shapes: &'a Columns,
) -> Vec<Observed<'a>> {
    let each = times.iter().zip(columns).zip(shapes);
    each.map(|((times, values), shape)| Observed {
        times,
        values,
        shape,
    })
    .collect()
}

/// The noise of a state with a tail, if an additive share makes it clearly more likely than additive noise; its curves are then drawn
/// again. `rounding` has the variance of the rounding of each cell of all states, one list a run; `deviation` is what the smoother of
/// values takes for noise.
pub(super) fn noise_of_tail(
    paths: &[Trajectory],
    state: usize,
    rounding: &[Vec<f64>],
    deviation: f64,
    curves: &mut [Curve],
) -> Option<Noise> {
    let dimension = paths.first()?.dimension();
    let mut runs = Runs {
        times: paths.iter().map(|path| path.times().to_vec()).collect(),
        values: paths
            .iter()
            .map(|path| path.column(state).collect())
            .collect(),
        rounding: (rounding.iter())
            .map(|run| {
                let own = run.iter().skip(state).step_by(dimension);
                own.map(|variance| variance.sqrt()).collect()
            })
            .collect(),
    };
    if !runs.has_tail() {
        return None;
    }
    let unwritten = runs.without_zeros();
    let smallest = runs.seen().fold(1.0, |least, u| u.abs().min(least));
    let least = unseen_share(smallest).clamp(LEAST, LEAST_SHARES.1);
    let few = runs.thinned();
    let shares = std::iter::successors(Some(1.0), |s| (*s > least).then(|| (STEP * s).max(least)));
    let mut before = deviation;
    let each = shares.map(|share| {
        let one = Stable::new(&few, share, before.max(DEVIATIONS.0));
        before = one.noise.deviation;
        one
    });
    let mut each: Vec<Stable> = each.collect();
    let plain = each.first()?.deviance;
    each.retain(|one| one.noise.deviation < DEVIATIONS.1);
    let best = (each.into_iter()).min_by(|a, b| a.deviance.total_cmp(&b.deviance))?;
    if best.noise.deviation < DEVIATIONS.0 || best.deviance + CLEAR > plain {
        return None;
    }
    Stable::new(&runs, best.noise.additive, best.noise.deviation).draw(&runs, state, curves);
    let each = runs.values.iter().zip(curves);
    let left = each.flat_map(|(values, curve)| curve.beside(state, values).collect::<Vec<_>>());
    let left: Vec<(f64, f64)> = left.collect();
    let additive = best.noise.additive.max(LEAST_SHARES.0);
    let least = Least {
        share: additive,
        deviation: unwritten,
    };
    let shown = noise(&left, Loss::Squares, least);
    if shown.additive >= Least::USUAL.share {
        return Some(shown);
    }
    let unwritten = (unwritten / best.noise.deviation).powi(2);
    Some(Noise {
        additive: additive.max(unwritten).min(1.0),
        ..best.noise
    })
}

#[cfg(test)]
mod tests {
    use crate::samples::Sample;
    use crate::series::problem::Problem;
    use nsode_generator::Trajectory;

    /// A decay over six decades, and what it makes, from nothing.
    const DECAY: Sample = Sample {
        law: "-2*x; 2*x - 0.3*y",
        states: &["x", "y"],
        initial: &[&[5.0, 0.0]],
        times: (0.0, 7.0, 60),
        noise: 0.0,
    };

    fn noisy(noise: f64) -> Sample<'static> {
        Sample { noise, ..DECAY }
    }

    #[test]
    fn noise_in_proportion_is_found_and_its_curves_hold_over_decades() {
        let problem = noisy(0.03).problem();
        let noise = problem.noise()[0];
        assert!(noise.additive < 1e-8, "{noise:?}");
        assert!((0.015..0.05).contains(&noise.deviation), "{noise:?}");
        let clean = DECAY.problem();
        let (path, curve) = (&clean.normalised()[0], &problem.curves()[0]);
        let scale = problem.scaling().states[0] / clean.scaling().states[0];
        for row in 0..path.len() {
            let (true_value, drawn) = (
                path.state(row)[0],
                scale * curve.at(row * curve.per_interval)[0],
            );
            assert!(
                (drawn / true_value).ln().abs() < 0.06,
                "{row}: {drawn} instead of {true_value}"
            );
        }
    }

    #[test]
    fn clean_data_and_additive_noise_are_what_they_were() {
        let problem = DECAY.problem();
        assert!(problem.noise().iter().all(|n| n.deviation < 1e-3));
        // As large at the end as at the beginning.
        let (clean, shaken) = (DECAY.make().0, noisy(0.03).make().0);
        let pairs = clean.trajectories[0].states().iter();
        let pairs = pairs.zip(shaken.trajectories[0].states());
        let each = pairs.map(|(u, v)| match *u {
            0.0 => 0.0,
            u => u + 2.5 * (v / u - 1.0),
        });
        let times = clean.trajectories[0].times().to_vec();
        let path = Trajectory::new(2, times, each.collect()).unwrap();
        let problem = Problem::new(vec![path]).unwrap();
        let noise = problem.noise()[0];
        assert!(noise.additive > 0.1, "{noise:?}");
        assert!((0.005..0.03).contains(&noise.deviation), "{noise:?}");
    }

    #[test]
    fn digits_that_were_cut_off_are_additive_noise() {
        let series = noisy(0.03).make().0;
        let path = &series.trajectories[0];
        let cut = path.states().iter().map(|v| (v * 1e3).round() / 1e3);
        let path = Trajectory::new(2, path.times().to_vec(), cut.collect()).unwrap();
        let problem = Problem::new(vec![path]).unwrap();
        let noise = problem.noise()[0];
        // A thousandth of 5, as a uniform error.
        let rounding = 1e-3 / 5.0 / 12f64.sqrt();
        let additive = noise.deviation * noise.additive.sqrt();
        assert!(additive > 0.9 * rounding, "{noise:?}");
        assert!((0.01..0.06).contains(&noise.deviation), "{noise:?}");
    }
}
