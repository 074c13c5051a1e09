//! States of which most is small: their noise, and their curves, are found where the noise is the same everywhere.
//!
//! A smoother of values sees the largest ones only: a decay in noise of a few percent looks like a spike with a tail, and the
//! smoother takes the noise at the top for signal. So the values are transformed such that noise of a given additive share is
//! the same everywhere ([`Noise::stable`]: logarithms, where there is hardly an additive part), and the share is the one that
//! makes the values most likely.

use nsode_generator::Trajectory;

use super::curve::Curve;
use super::noise::{Noise, least_share};
use crate::series::smooth::{Observed, Roughness, roughness, smooth};

/// The largest magnitude over that below which a tenth of the values are, from which it is worth a try.
const TAIL: f64 = 20.0;

/// Fewest values.
const FEWEST: usize = 10;

/// Minus twice the log-likelihood by which transformed values have to be more likely.
const CLEAR: f64 = 12.0;

/// Deviations at `|u| = 1` between which it is noise: below, data are clean; above, nothing is nearly linear in it.
const DEVIATIONS: (f64, f64) = (1e-3, 0.4);

/// Each of the shares is the one before times this.
const STEP: f64 = 1e-2;

/// Values of one state, one list a run; NaN = not observed.
type Columns = Vec<Vec<f64>>;

/// Whether most of a state is small.
fn has_tail(columns: &Columns) -> bool {
    let each = columns.iter().flatten();
    let mut sizes: Vec<f64> = each.filter(|u| !u.is_nan()).map(|u| u.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let (small, large) = (sizes.get(sizes.len() / 10), sizes.last());
    let tail = small
        .zip(large)
        .is_some_and(|(small, large)| TAIL * small < *large);
    tail && sizes.len() >= FEWEST
}

/// What a state is where its noise is the same everywhere, and how likely that makes it.
struct Stable {
    noise: Noise,
    columns: Columns,
    shapes: Vec<Vec<f64>>,
    rough: Roughness,
    /// Minus twice the log-likelihood of the values, but for a constant a value.
    deviance: f64,
}

impl Stable {
    /// With noise of this additive share. `rounding` is the standard deviation of the rounding of each value; `known` about that of
    /// the noise.
    fn new(
        paths: &[Trajectory],
        values: &Columns,
        rounding: &Columns,
        additive: f64,
        known: f64,
    ) -> Stable {
        let noise = Noise {
            deviation: 1.0,
            additive,
        };
        let columns: Columns = (values.iter())
            .map(|run| run.iter().map(|u| noise.stable(*u).0).collect())
            .collect();
        // Where rounding is more than the noise.
        let shape = |(u, r): (&f64, &f64)| 1.0 + (noise.stable(*u).1 * r / known).powi(2);
        let shapes: Columns = (values.iter().zip(rounding))
            .map(|(run, rounding)| run.iter().zip(rounding).map(shape).collect())
            .collect();
        let rough = roughness(&observed(paths, &columns, &shapes));
        // The density of a value is that of what stands for it times its slope; as in the smoother, without the first three.
        let slopes = values.iter().map(|run| {
            let seen = run.iter().filter(|u| !u.is_nan()).skip(3);
            seen.map(|u| noise.stable(*u).1.ln()).sum::<f64>()
        });
        Stable {
            deviance: rough.deviance - 2.0 * slopes.sum::<f64>(),
            noise: Noise {
                deviation: rough.variance.sqrt(),
                additive,
            },
            columns,
            shapes,
            rough,
        }
    }

    /// Draws the curves of a state.
    fn draw(&self, paths: &[Trajectory], state: usize, curves: &mut [Curve]) {
        let runs = observed(paths, &self.columns, &self.shapes);
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
    paths: &'a [Trajectory],
    columns: &'a Columns,
    shapes: &'a Columns,
) -> Vec<Observed<'a>> {
    let each = paths.iter().zip(columns).zip(shapes);
    each.map(|((path, values), shape)| Observed {
        times: path.times(),
        values,
        shape,
    })
    .collect()
}

/// The noise of a state, if most of it is small and an additive share below the smoother's makes it clearly more likely; its curves
/// are then drawn again. `rounding` has the variance of the rounding of each cell of all states, one list a run; `deviation` is
/// what the smoother of values takes for noise.
pub(super) fn in_proportion(
    paths: &[Trajectory],
    state: usize,
    rounding: &[Vec<f64>],
    deviation: f64,
    curves: &mut [Curve],
) -> Option<Noise> {
    let mut values: Columns = (paths.iter())
        .map(|path| path.column(state).collect())
        .collect();
    if !has_tail(&values) {
        return None;
    }
    let dimension = paths.first()?.dimension();
    let rounding: Columns = (rounding.iter())
        .map(|run| {
            let own = run.iter().skip(state).step_by(dimension);
            own.map(|variance| variance.sqrt()).collect()
        })
        .collect();
    // Noise that goes with the value leaves zeros alone: they say nothing of it.
    for u in values.iter_mut().flatten().filter(|u| **u == 0.0) {
        *u = f64::NAN;
    }
    let seen = || {
        let cells = values.iter().flatten().zip(rounding.iter().flatten());
        cells.filter(|(u, _)| !u.is_nan())
    };
    let least = least_share(seen().fold(1.0, |least, (u, _)| u.abs().min(least)));
    let finest = seen().fold(f64::INFINITY, |finest, (_, r)| r.min(finest));
    let shares = std::iter::successors(Some(1.0), |s| (*s > least).then(|| (STEP * s).max(least)));
    let mut known = deviation;
    let each = shares.map(|share| {
        let one = Stable::new(paths, &values, &rounding, share, known.max(DEVIATIONS.0));
        known = one.noise.deviation;
        one
    });
    let mut each: Vec<Stable> = each.collect();
    let plain = each.first()?.deviance;
    each.retain(|one| one.noise.deviation < DEVIATIONS.1);
    let best = (each.into_iter()).min_by(|a, b| a.deviance.total_cmp(&b.deviance))?;
    if best.noise.deviation < DEVIATIONS.0 || best.deviance + CLEAR > plain {
        return None;
    }
    best.draw(paths, state, curves);
    let Noise {
        deviation,
        additive,
    } = best.noise;
    Some(Noise {
        deviation,
        additive: additive.max((finest / deviation).powi(2)).min(1.0),
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
        assert!(noise.additive > 1e-3, "{noise:?}");
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
