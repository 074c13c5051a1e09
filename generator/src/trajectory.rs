//! A time series of one system: times, states, missing cells, and its change of units.
//!
//! What made the series (an integrator, a file) and what spoils it ([`crate::observe`]) is not here.

use std::ops::Range;

use nsode_parser::Scaling;

use crate::Error;

/// Times and states of one run of a system of `D` states. Times are finite and strictly increasing;
/// states are finite, or NaN where they were not observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    dimension: usize,
    times: Vec<f64>,
    states: Vec<f64>,
}

impl Trajectory {
    /// A trajectory from `times` (`n` of them) and `states` (row-major, `n × dimension`; NaN = missing).
    ///
    /// # Errors
    /// [`Error::NoStates`], [`Error::Shape`], [`Error::Times`] or [`Error::InfiniteState`] for what is
    /// not as described above.
    pub fn new(dimension: usize, times: Vec<f64>, states: Vec<f64>) -> Result<Trajectory, Error> {
        if dimension == 0 {
            return Err(Error::NoStates);
        }
        let expected = times.len().saturating_mul(dimension);
        if states.len() != expected {
            return Err(Error::Shape {
                points: times.len(),
                dimension,
                expected,
                found: states.len(),
            });
        }
        let mut before = f64::NEG_INFINITY;
        for (index, &time) in times.iter().enumerate() {
            if !time.is_finite() || time <= before {
                return Err(Error::Times { index, time });
            }
            before = time;
        }
        if let Some(cell) = states.iter().position(|v| v.is_infinite()) {
            return Err(Error::InfiniteState {
                point: cell / dimension,
                state: cell % dimension,
            });
        }
        Ok(Trajectory {
            dimension,
            times,
            states,
        })
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Number of states a point, `D`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The times, `n` of them.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// The `D` states at point `i`; empty beyond the last point.
    pub fn state(&self, i: usize) -> &[f64] {
        let start = i.saturating_mul(self.dimension);
        self.states
            .get(start..start.saturating_add(self.dimension))
            .unwrap_or(&[])
    }

    /// All states, row-major `n × D`.
    pub fn states(&self) -> &[f64] {
        &self.states
    }

    /// The values of state `d`, one a point; empty for a state that there isn't.
    pub fn column(&self, d: usize) -> impl Iterator<Item = f64> + '_ {
        let points = if d < self.dimension { self.len() } else { 0 };
        self.states
            .iter()
            .skip(d)
            .step_by(self.dimension)
            .take(points)
            .copied()
    }

    /// The points `rows` alone; those that there aren't are left out.
    #[must_use]
    pub fn slice(&self, rows: Range<usize>) -> Trajectory {
        let rows = rows.start.min(self.len())..rows.end.min(self.len());
        let cells = rows.start * self.dimension..rows.end * self.dimension;
        Trajectory {
            dimension: self.dimension,
            times: self.times.get(rows).unwrap_or(&[]).to_vec(),
            states: self.states.get(cells).unwrap_or(&[]).to_vec(),
        }
    }

    /// Number of cells that were observed.
    pub fn observed(&self) -> usize {
        self.states.iter().filter(|v| !v.is_nan()).count()
    }

    /// The units in which this trajectory is of order one: origin `t₀`, time span `T`, and for each
    /// state the largest `|y|` over its observed cells.
    ///
    /// # Errors
    /// [`Error::TooFewPoints`], [`Error::Span`], or [`Error::NoScale`] for a state that is zero or
    /// missing everywhere.
    pub fn scaling(&self) -> Result<Scaling, Error> {
        let points = self.len();
        let (Some(first), Some(last)) = (self.times.first(), self.times.last()) else {
            return Err(Error::TooFewPoints { points });
        };
        if points < 2 {
            return Err(Error::TooFewPoints { points });
        }
        let span = last - first;
        if !(span.is_finite() && span > 0.0) {
            return Err(Error::Span { span });
        }
        let mut states = vec![0.0_f64; self.dimension];
        for row in self.states.chunks_exact(self.dimension) {
            for (scale, &value) in states.iter_mut().zip(row) {
                *scale = scale.max(value.abs()); // `max` passes over NaN
            }
        }
        if let Some(state) = states.iter().position(|&scale| scale == 0.0) {
            return Err(Error::NoScale { state });
        }
        Ok(Scaling {
            origin: *first,
            time: span,
            states,
        })
    }

    /// This trajectory in the units of `scaling`: `τ = (t − origin)/time`, `u = y/scale`.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a scaling of another dimension; [`Error::Times`] or
    /// [`Error::InfiniteState`] where the scaled numbers are no longer distinct or finite.
    pub fn normalised(&self, scaling: &Scaling) -> Result<Trajectory, Error> {
        self.rescaled(
            scaling,
            |t| (t - scaling.origin) / scaling.time,
            |y, s| y / s,
        )
    }

    /// The inverse of [`Trajectory::normalised`], to rounding.
    ///
    /// # Errors
    /// As [`Trajectory::normalised`].
    pub fn restored(&self, scaling: &Scaling) -> Result<Trajectory, Error> {
        self.rescaled(scaling, |t| scaling.origin + t * scaling.time, |u, s| u * s)
    }

    fn rescaled(
        &self,
        scaling: &Scaling,
        time: impl Fn(f64) -> f64,
        state: impl Fn(f64, f64) -> f64,
    ) -> Result<Trajectory, Error> {
        if scaling.states.len() != self.dimension {
            return Err(Error::Dimension {
                expected: scaling.states.len(),
                found: self.dimension,
            });
        }
        let times = self.times.iter().map(|&t| time(t)).collect();
        let states = self
            .states
            .iter()
            .zip(scaling.states.iter().cycle())
            .map(|(&value, &scale)| state(value, scale))
            .collect();
        Trajectory::new(self.dimension, times, states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shape_and_order_are_checked() {
        assert!(matches!(
            Trajectory::new(0, vec![], vec![]),
            Err(Error::NoStates)
        ));
        assert!(matches!(
            Trajectory::new(2, vec![0.0, 1.0], vec![1.0; 3]),
            Err(Error::Shape {
                expected: 4,
                found: 3,
                ..
            })
        ));
        for times in [
            vec![0.0, 0.0],
            vec![1.0, 0.0],
            vec![0.0, f64::NAN],
            vec![0.0, f64::INFINITY],
        ] {
            assert!(matches!(
                Trajectory::new(1, times, vec![1.0; 2]),
                Err(Error::Times { index: 1, .. })
            ));
        }
        assert!(matches!(
            Trajectory::new(2, vec![0.0], vec![1.0, f64::INFINITY]),
            Err(Error::InfiniteState { point: 0, state: 1 })
        ));
    }

    #[test]
    fn rows_and_columns() {
        let path = Trajectory::new(2, vec![0.0, 1.0], vec![1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(path.state(1), [3.0, 4.0]);
        assert_eq!(path.state(2), [] as [f64; 0]);
        assert_eq!(path.column(1).collect::<Vec<_>>(), [2.0, 4.0]);
        assert_eq!(path.column(2).count(), 0);
    }

    #[test]
    fn scale_passes_over_missing_cells() {
        let nan = f64::NAN;
        let path =
            Trajectory::new(2, vec![2.0, 3.0, 6.0], vec![1.0, nan, nan, -4.0, -3.0, 2.0]).unwrap();
        assert_eq!(path.observed(), 4);
        let scaling = path.scaling().unwrap();
        assert_eq!(
            (scaling.origin, scaling.time, scaling.states.as_slice()),
            (2.0, 4.0, [3.0, 4.0].as_slice())
        );
        let unit = path.normalised(&scaling).unwrap();
        assert_eq!(unit.times(), [0.0, 0.25, 1.0]);
        assert!(unit.state(0)[1].is_nan());
    }

    #[test]
    fn no_scale_without_a_nonzero_cell() {
        let zero = Trajectory::new(2, vec![0.0, 1.0], vec![1.0, 0.0, 1.0, 0.0]).unwrap();
        assert!(matches!(zero.scaling(), Err(Error::NoScale { state: 1 })));
        let missing = Trajectory::new(1, vec![0.0, 1.0], vec![f64::NAN; 2]).unwrap();
        assert!(matches!(
            missing.scaling(),
            Err(Error::NoScale { state: 0 })
        ));
        let short = Trajectory::new(1, vec![0.0], vec![1.0]).unwrap();
        assert!(matches!(
            short.scaling(),
            Err(Error::TooFewPoints { points: 1 })
        ));
    }

    proptest! {
        #[test]
        fn units_there_and_back(
            start in -1e6..1e6f64,
            steps in prop::collection::vec(1e-3..1e3f64, 2..40),
            magnitude in -12..12i32,
            values in prop::collection::vec(-1.0..1.0f64, 40 * 2),
        ) {
            let times: Vec<f64> = steps.iter().scan(start, |t, s| { *t += s; Some(*t) }).collect();
            let scale = 10f64.powi(magnitude);
            let states: Vec<f64> = values[..times.len() * 2].iter().map(|v| v * scale).collect();
            let path = Trajectory::new(2, times, states).unwrap();
            let scaling = path.scaling().unwrap();
            let unit = path.normalised(&scaling).unwrap();
            prop_assert!(unit.states().iter().all(|u| u.abs() <= 1.0));
            prop_assert!((unit.times()[unit.len() - 1] - 1.0).abs() < 1e-12);
            let back = unit.restored(&scaling).unwrap();
            for (a, b) in back.times().iter().zip(path.times()) {
                prop_assert!((a - b).abs() <= 1e-9 * (scaling.time + b.abs()));
            }
            for (a, b) in back.states().iter().zip(path.states()) {
                prop_assert!((a - b).abs() <= 1e-14 * scale);
            }
        }
    }
}
