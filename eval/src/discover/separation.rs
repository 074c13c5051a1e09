//! Whether solutions can be followed over the whole of a run, or separate too fast for that.
//!
//! Neighbouring solutions of a chaotic law separate exponentially; what is uncertain about where a run begins is as large as
//! the run itself after a few Lyapunov times, so that the true law with nearly true constants follows the data no longer
//! than that. How fast they separate, the best law by the integral form tells, which follows nothing: a small
//! difference is carried along the smoothed curve by the law's sensitivities (Benettin and others 1980), and measured
//! against the slopes, which alone grow where all solutions do.

use nalgebra::DVector;
use nsode_parser::Skeleton;

use crate::fit::flow::{Flow, Run};
use crate::fit::law::Law;
use crate::fit::proposal::Proposal;
use crate::fit::refine::{MAX_CONSTANTS, first_start};
use crate::series::problem::{Curve, FEWEST_ROWS, Noise, Problem};

/// Fewest states of an autonomous law that can be chaotic (Poincaré and Bendixson).
const CHAOTIC: usize = 3;

/// The best proposals that are asked, at most; the one with the median growth decides.
const ASKED: usize = 5;

/// Most parts of a run, over each of which the law starts from the smoothed curve again.
const PARTS: usize = 512;

/// Nats by which solutions may separate over a run that is followed as a whole.
const BEARABLE: f64 = 5.0;

/// Nats by which they separate over one piece of a run that is cut; more, if there would be too many pieces.
const OF_A_PIECE: f64 = 2.0;

/// Most pieces of all runs together, if there are fewer runs: unknowns grow with the pieces, and a fit's work with their square.
const MOST: usize = 48;

/// Fewest observed cells that a piece has of each state.
const CELLS_OF_A_PIECE: usize = 3;

/// `problem` with its runs cut into pieces, where the best of `proposals` say that no solution stays with the data to the end;
/// `None` where solutions can be followed.
pub(super) fn in_pieces(problem: &Problem, proposals: &[Proposal]) -> Option<Problem> {
    if problem.dimension() < CHAOTIC {
        return None;
    }
    let eligible = proposals.iter().filter(|proposal| {
        let many = proposal.skeleton.slots() > MAX_CONSTANTS;
        !many && proposal.skeleton.dimension() == problem.dimension()
    });
    // What separates does so however it is seen.
    let grown = |proposal: &Proposal| {
        let views = separation(problem, &proposal.skeleton, proposal.constants.as_deref())?;
        let each = views.into_iter().map(|courses| {
            let growth = courses.iter().map(Course::growth);
            (growth.fold(f64::NEG_INFINITY, f64::max), courses)
        });
        each.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    let mut found: Vec<(f64, Vec<Course>)> = eligible.take(ASKED).filter_map(grown).collect();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (growth, courses) = found.get(found.len().saturating_sub(1) / 2)?;
    let cuts = cuts(courses);
    let needed = *growth > BEARABLE && cuts.iter().any(|rows| !rows.is_empty());
    let cut = needed.then(|| problem.cut(&cuts));
    cut.filter(all_observed)
}

/// How a difference of solutions is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Seen {
    /// In the states' units: what grows out of little separates all solutions.
    AsSuch,
    /// Beside the noise, of states whose noise goes with the value over decades: where a state vanishes, the smallest term that a
    /// law has beside the true ones does that.
    BesideNoise,
}

impl Seen {
    /// The ways that differ for a problem.
    fn ways(problem: &Problem) -> &'static [Seen] {
        match problem.noise().iter().any(Noise::spans_decades) {
            true => &[Seen::AsSuch, Seen::BesideNoise],
            false => &[Seen::AsSuch],
        }
    }

    /// The size of a difference at a node of a curve.
    fn size(self, problem: &Problem, curve: &Curve, node: usize, of: &DVector<f64>) -> f64 {
        let each = problem.noise().iter().zip(curve.at(node)).zip(of.iter());
        let each = each.map(|((noise, u), v)| match self {
            Seen::BesideNoise if noise.spans_decades() => v * noise.stable(*u).1,
            _ => *v,
        });
        each.map(|v| v * v).sum::<f64>().sqrt()
    }
}

/// Rows before which each run is cut.
fn cuts(courses: &[Course]) -> Vec<Vec<usize>> {
    let mut nats = OF_A_PIECE;
    loop {
        let cuts: Vec<Vec<usize>> = courses.iter().map(|course| course.cuts(nats)).collect();
        let pieces = courses.len() + cuts.iter().map(Vec::len).sum::<usize>();
        if pieces <= MOST.max(courses.len()) {
            return cuts;
        }
        nats *= 1.5;
    }
}

/// Whether each trajectory tells of each state where it begins.
fn all_observed(problem: &Problem) -> bool {
    let d = problem.dimension();
    let mut each = (0..problem.normalised().len()).map(|path| problem.weights(path));
    each.all(|weights| {
        let cells = |state| {
            weights
                .iter()
                .skip(state)
                .step_by(d)
                .filter(|w| **w > 0.0)
                .count()
        };
        (0..d).all(|state| cells(state) >= CELLS_OF_A_PIECE)
    })
}

/// How solutions separate along a run.
struct Course {
    /// Rows of the run.
    rows: usize,
    /// Logarithm of the size of the slopes where it begins.
    slope: f64,
    points: Vec<Point>,
}

/// How far solutions have separated by a row.
struct Point {
    row: usize,
    /// Normalised time.
    time: f64,
    /// Nats by which a difference has grown.
    grown: f64,
    /// Logarithm of the size of the slopes.
    slope: f64,
}

impl Course {
    /// Nats by which solutions separate over the run, beyond what all of them do: by the straight line through the points, but no
    /// more than they do from the beginning, as what came together first may part again.
    fn growth(&self) -> f64 {
        let apart = self.points.iter().map(|p| p.grown - p.slope + self.slope);
        self.trend().min(apart.fold(f64::NEG_INFINITY, f64::max))
    }

    fn trend(&self) -> f64 {
        let n = self.points.len() as f64;
        let each = || self.points.iter().map(|p| (p.time, p.grown - p.slope));
        let (x, y) = each().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let (both, square) = each().fold((0.0, 0.0), |(both, square), p| {
            (both + (p.0 - x) * (p.1 - y), square + (p.0 - x).powi(2))
        });
        let (first, last) = (self.points.first(), self.points.last());
        let span = last.map_or(0.0, |p| p.time) - first.map_or(0.0, |p| p.time);
        match square > 0.0 {
            true => span * both / square,
            false => 0.0,
        }
    }

    /// Rows before which the run is cut, so that solutions separate by `nats` in each piece.
    fn cuts(&self, nats: f64) -> Vec<usize> {
        let mut cuts = Vec::new();
        let (mut begin, mut least) = (0, 0.0f64);
        for point in &self.points {
            let row = point.row;
            least = least.min(point.grown);
            let long = row - begin >= FEWEST_ROWS && self.rows - row >= FEWEST_ROWS;
            if point.grown - least > nats && long {
                cuts.push(row);
                (begin, least) = (row, point.grown);
            }
        }
        cuts
    }
}

/// How solutions of a law separate along each run, one list a way of seeing it; `None` where it cannot be said.
fn separation(
    problem: &Problem,
    skeleton: &Skeleton,
    constants: Option<&[f64]>,
) -> Option<Vec<Vec<Course>>> {
    let law = Law::new(&skeleton.template(), skeleton.slots())?;
    let constants = first_start(problem, &law, constants)?;
    let mut flow = Flow::new(&law);
    let mut views: Vec<Vec<Course>> = Seen::ways(problem).iter().map(|_| Vec::new()).collect();
    for (path, curve) in problem.normalised().iter().zip(problem.curves()) {
        let courses = courses(problem, &mut flow, &constants, curve, path.len())?;
        for (view, course) in views.iter_mut().zip(courses) {
            view.push(course);
        }
    }
    Some(views)
}

/// How solutions separate along one run, by each way of seeing it.
fn courses(
    problem: &Problem,
    flow: &mut Flow,
    constants: &[f64],
    curve: &Curve,
    rows: usize,
) -> Option<Vec<Course>> {
    let columns = flow.columns();
    let d = columns - constants.len();
    let parts = (rows / FEWEST_ROWS).clamp(1, PARTS);
    let mut difference = DVector::repeat(d, (d as f64).sqrt().recip());
    let look = |seen: Seen, node: usize, difference: &DVector<f64>| {
        let slopes = curve.slopes.get(node * d..(node + 1) * d)?;
        let slopes = DVector::from_column_slice(slopes);
        let [difference, slope] =
            [difference, &slopes].map(|of| seen.size(problem, curve, node, of));
        Some((difference.ln(), slope.max(f64::MIN_POSITIVE).ln()))
    };
    let ways = Seen::ways(problem);
    let first = ways.iter().map(|seen| look(*seen, 0, &difference));
    let first: Vec<(f64, f64)> = first.collect::<Option<_>>()?;
    let each = first.iter().map(|(_, slope)| Course {
        rows,
        slope: *slope,
        points: Vec::with_capacity(parts),
    });
    let mut courses: Vec<Course> = each.collect();
    let mut grown = 0.0;
    for part in 0..parts {
        let row = |part: usize| part * rows.saturating_sub(1) / parts;
        let (from, to) = (
            row(part) * curve.per_interval,
            row(part + 1) * curve.per_interval,
        );
        let times = [*curve.times.get(from)?, *curve.times.get(to)?];
        let mut carried: DVector<f64> = DVector::zeros(d);
        let start = curve.at(from);
        let run = flow.run(constants, start, &times, None, true, |_, _, s| {
            for (row, sum) in s.chunks_exact(columns).zip(carried.iter_mut()) {
                *sum = row.iter().zip(difference.iter()).map(|(a, b)| a * b).sum();
            }
        });
        let size: f64 = carried.norm();
        if run != Run::Complete || !(size > 0.0 && size.is_finite()) {
            return None;
        }
        grown += size.ln();
        difference = carried / size;
        let [_, time] = times;
        for ((seen, course), (begin, _)) in ways.iter().zip(&mut courses).zip(&first) {
            let (seen, slope) = look(*seen, to, &difference)?;
            course.points.push(Point {
                row: row(part + 1),
                time,
                grown: grown + seen - begin,
                slope,
            });
        }
    }
    Some(courses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{Sample, canonical};
    use nsode_parser::Names;

    /// Rows of the pieces into which the series of a law is cut, the law itself the only proposal.
    fn pieces(sample: &Sample) -> Vec<usize> {
        let (series, truth) = sample.make();
        let problem = Problem::new(series.trajectories).unwrap();
        let proposal = Proposal::new(truth.skeleton, None);
        let cut = in_pieces(&problem, &[proposal]);
        let problem = cut.unwrap_or(problem);
        problem
            .pieces()
            .iter()
            .map(|piece| piece.rows.len())
            .collect()
    }

    const LORENZ: &str = "10*(y - x); x*(28 - z) - y; x*y - 8/3*z";

    #[test]
    fn a_chaotic_run_is_cut_where_solutions_separate() {
        let chaos = |times, noise| {
            pieces(&Sample {
                law: LORENZ,
                states: &["x", "y", "z"],
                initial: &[&[1.0, 1.0, 1.0]],
                times,
                noise,
            })
        };
        for noise in [0.0, 0.02] {
            let long = chaos((0.0, 20.0, 1000), noise);
            assert!((4..40).contains(&long.len()), "{long:?}");
            assert_eq!(long.iter().sum::<usize>(), 1000);
            // For ten units of time it turns about a rest point that is hardly unstable.
            assert!(long.iter().max() > Some(&150), "{long:?}");
        }
        assert_eq!(chaos((0.0, 2.0, 100), 0.0), [100]);
    }

    #[test]
    fn what_a_term_too_many_does_to_a_state_that_vanishes_is_no_separation() {
        let states = ["a", "b", "c"];
        let sample = Sample {
            law: "-0.5*a; 0.5*a - 0.2*b; 0.2*b - 0.05*c",
            states: &states,
            initial: &[&[1.0, 0.0, 0.0]],
            times: (0.0, 80.0, 60),
            noise: 0.02,
        };
        let problem = sample.problem();
        let names = Names {
            time: "t".into(),
            states: states.map(str::to_owned).to_vec(),
        };
        let law = canonical("-0.5*a + 1e-6*b; 0.5*a - 0.2*b; 0.2*b - 0.05*c", &names);
        let (skeleton, constants) = law.parts().unwrap();
        let proposal = Proposal::new(skeleton, Some(constants));
        assert!(problem.noise()[0].spans_decades());
        assert!(in_pieces(&problem, &[proposal]).is_none());
    }

    #[test]
    fn what_only_grows_or_turns_is_left_whole() {
        let whole = [
            // all solutions grow, and none away from the others
            ("2*x; x - y; y + z", 4.0),
            // a transient, a cycle beside a rest point, a way past three rest points
            ("-0.5*x*y; 0.5*x*y - 0.1*y; 0.1*y", 40.0),
            ("y; -4*x; 0.1 - 0.1*z + 0.2*x*z", 60.0),
            ("x*(1 - x - 2*y); y*(1 - y - 2*z); z*(1 - z - 2*x)", 40.0),
        ];
        for (law, end) in whole {
            let sample = Sample {
                law,
                states: &["x", "y", "z"],
                initial: &[&[0.9, 0.2, 0.1]],
                times: (0.0, end, 200),
                noise: 0.01,
            };
            assert_eq!(pieces(&sample), [200], "{law}");
        }
    }
}
