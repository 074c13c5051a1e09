//! Series and candidates made from known laws, for the tests of what shows them.

use nalgebra::DMatrix;
use nsode_generator::{Integrator, Trajectory};
use nsode_parser::infix::parse_expr;
use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Names, System};

use crate::discover::Candidate;
use crate::fit::constant::Constant;
use crate::propose::proposer::ProposerKind;
use crate::series::problem::{Piece, Problem};
use crate::series::table::Series;

/// A law of right-hand sides separated by `;`, as the search has it.
pub(crate) fn canonical(law: &str, names: &Names) -> CanonicalSystem {
    let rhs = law.split(';').map(|text| parse_expr(text, names).unwrap());
    CanonicalSystem::new(&System::new(rhs.collect()).unwrap()).unwrap()
}

/// A law, where it starts, and how it is observed.
pub(crate) struct Sample<'a> {
    /// Right-hand sides, separated by `;`.
    pub law: &'a str,
    /// Names of the states.
    pub states: &'a [&'a str],
    /// Initial states, one a trajectory.
    pub initial: &'a [&'a [f64]],
    /// First and last time, and number of points.
    pub times: (f64, f64, usize),
    /// Multiplicative noise.
    pub noise: f64,
}

impl Sample<'_> {
    /// The problem that its series poses.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(self.make().0.trajectories).unwrap()
    }

    /// The series and the law that made it, as if it had been found.
    pub(crate) fn make(&self) -> (Series, Candidate) {
        let names = Names {
            time: "t".into(),
            states: self.states.iter().map(|s| s.to_string()).collect(),
        };
        let system = canonical(self.law, &names);
        let tape = Tape::compile(system.to_system().rhs());
        let (start, end, points) = self.times;
        let grid = |n: usize| -> Vec<f64> {
            let step = (end - start) / (n - 1) as f64;
            (0..n).map(|i| start + step * i as f64).collect()
        };
        let solve = |initial: &[f64], n: usize| {
            let integrator = Integrator {
                max_abs: 1e300,
                ..Integrator::default()
            };
            let solution = integrator.integrate(&tape, &[], initial, &grid(n));
            solution
                .complete()
                .expect("the law of a sample has a solution")
        };
        let observe = |clean: Trajectory| {
            // A fixed sequence that looks like noise: fractions of multiples of the golden ratio.
            let noisy = clean.states().iter().enumerate().map(|(i, v)| {
                let wobble = (i as f64 * 0.618_033_988_75).fract() - 0.5;
                v * (1.0 + self.noise * 3.4 * wobble)
            });
            let states = noisy.collect();
            Trajectory::new(clean.dimension(), clean.times().to_vec(), states).unwrap()
        };
        let observed = self.initial.iter().map(|y0| observe(solve(y0, points)));
        let series = Series::new(names, observed.collect());
        let (skeleton, values) = system.parts().unwrap();
        let errors: Vec<f64> = values.iter().map(|v| 0.01 * v.abs()).collect();
        let covariance = DMatrix::from_fn(errors.len(), errors.len(), |i, j| {
            if i == j { errors[i] * errors[i] } else { 0.0 }
        });
        let candidate = Candidate {
            exact: 0,
            complexity: skeleton.complexity(),
            skeleton,
            constants: values
                .iter()
                .zip(&errors)
                .map(|(&value, &e)| Constant {
                    value,
                    stderr: Some(e),
                })
                .collect(),
            covariance: Some(covariance),
            source: ProposerKind::Sparse,
            sources: vec![ProposerKind::Sparse, ProposerKind::Transformer],
            r2: 0.99876,
            bic: -123.456,
            posterior: 0.83,
            initial: self.initial.iter().map(|y0| y0.to_vec()).collect(),
            pieces: Piece::whole(&series.trajectories),
            fitted: self.initial.iter().map(|y0| solve(y0, 200)).collect(),
            form: None,
            system,
        };
        (series, candidate)
    }
}
