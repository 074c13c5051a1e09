//! Runs in pieces, each with an initial state of its own.
//!
//! Solutions of a chaotic law forget where they began: none of them stays with noisy data for long, be the law the true one.
//! Over a piece of the run it does. Pieces keep units, curves, noise and weights of the whole run, so that nothing but the
//! number of initial states differs.

use std::ops::Range;

use nsode_generator::Trajectory;

use super::{Curve, Problem};

/// Fewest rows of a piece.
pub(crate) const FEWEST_ROWS: usize = 8;

/// A part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Number of the run among those that were observed.
    pub run: usize,
    /// Its rows in that run.
    pub rows: Range<usize>,
}

impl Piece {
    /// Whether its run begins with it.
    pub fn is_first(&self) -> bool {
        self.rows.start == 0
    }

    /// Each run as one piece.
    pub(crate) fn whole(runs: &[Trajectory]) -> Vec<Piece> {
        let each = runs.iter().map(Trajectory::len).enumerate();
        each.map(|(run, rows)| Piece { run, rows: 0..rows })
            .collect()
    }
}

impl Problem {
    /// What each trajectory is of the runs that were observed: all of one, unless it was cut.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The same problem with each run cut before the rows of `cuts`, one ascending list a trajectory.
    #[must_use]
    pub fn cut(&self, cuts: &[Vec<usize>]) -> Problem {
        let d = self.dimension;
        let mut cut = Problem {
            normalised: Vec::new(),
            screened: Vec::new(),
            curves: Vec::new(),
            pieces: Vec::new(),
            weights: Vec::new(),
            rounding: Vec::new(),
            ..self.clone()
        };
        for (number, (path, whole)) in self.normalised.iter().zip(&self.pieces).enumerate() {
            let at = cuts.get(number).map_or(&[][..], Vec::as_slice);
            let bounds: Vec<usize> = [0].iter().chain(at).chain([&path.len()]).copied().collect();
            for rows in bounds.windows(2).map(|pair| pair[0]..pair[1]) {
                let cells = rows.start * d..rows.end * d;
                let part = |lists: &[Vec<f64>]| {
                    let own = lists.get(number).and_then(|list| list.get(cells.clone()));
                    own.unwrap_or(&[]).to_vec()
                };
                cut.normalised.push(path.slice(rows.clone()));
                let screened = self.screened.get(number).unwrap_or(path);
                cut.screened.push(screened.slice(rows.clone()));
                let curve = self.curves.get(number);
                let between = |curve: &Curve| curve.between(rows.start, rows.end - 1);
                cut.curves.extend(curve.map(between));
                cut.weights.push(part(&self.weights));
                cut.rounding.push(part(&self.rounding));
                cut.pieces.push(Piece {
                    run: whole.run,
                    rows: whole.rows.start + rows.start..whole.rows.start + rows.end,
                });
            }
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_the_cells_of_the_whole() {
        let times: Vec<f64> = (0..40).map(f64::from).collect();
        let state = |t: &f64| [(0.3 * t).sin(), 2.0 + (0.2 * t).cos()];
        let mut states: Vec<f64> = times.iter().flat_map(state).collect();
        states[7] = f64::NAN;
        let run = Trajectory::new(2, times, states).unwrap();
        let problem = Problem::new(vec![run.slice(0..12), run]).unwrap();
        let cut = problem.cut(&[vec![], vec![9, 20]]);
        let rows: Vec<(usize, Range<usize>)> = cut
            .pieces()
            .iter()
            .map(|p| (p.run, p.rows.clone()))
            .collect();
        assert_eq!(rows, [(0, 0..12), (1, 0..9), (1, 9..20), (1, 20..40)]);
        assert_eq!(
            (cut.cells(), cut.floors()),
            (problem.cells(), problem.floors())
        );
        for (number, piece) in cut.pieces().iter().enumerate() {
            let whole = &problem.normalised()[piece.run];
            let path = &cut.normalised()[number];
            assert_eq!(path.times(), &whole.times()[piece.rows.clone()]);
            let cells = 2 * piece.rows.start..2 * piece.rows.end;
            assert_eq!(cut.weights(number), &problem.weights(piece.run)[cells]);
            let (curve, all) = (&cut.curves()[number], &problem.curves()[piece.run]);
            for row in 0..path.len() {
                let node = (piece.rows.start + row) * all.per_interval;
                assert_eq!(curve.at(row * curve.per_interval), all.at(node));
            }
            assert_eq!(curve.times.last(), path.times().last());
        }
    }
}
