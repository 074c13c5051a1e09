//! A solution between the steps of the integrator: one polynomial of degree 4 a step and state.
//!
//! The continuous extension of the Dormand–Prince pair (Hairer, Nørsett & Wanner, *Solving Ordinary
//! Differential Equations I*, II.6), the one that `ode_solvers` evaluates too. Here all pieces lie in one
//! array, which spares an allocation a step, and whole grids are read in one pass.

/// Weights of the stages 1 to 7 in the last coefficient.
pub const DENSE: [f64; 7] = [
    -12_715_105_075.0 / 11_282_082_432.0,
    0.0,
    87_487_479_700.0 / 32_700_410_799.0,
    -10_690_763_975.0 / 1_880_347_072.0,
    701_980_252_875.0 / 199_316_789_632.0,
    -1_453_857_185.0 / 822_651_844.0,
    69_997_945.0 / 29_380_423.0,
];

/// An accepted step of a system of `D` states.
pub(crate) struct Step<'a> {
    /// Time at its beginning.
    pub start: f64,
    /// Its length.
    pub length: f64,
    /// The `D` states at its beginning.
    pub from: &'a [f64],
    /// The `D` states at its end.
    pub to: &'a [f64],
    /// The `D` slopes of each stage; the first is that at the beginning, the last that at the end.
    pub stages: [&'a [f64]; 7],
}

/// A solution from time 0 on, as far as the integrator came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Interpolant {
    dimension: usize,
    /// A piece: start, length, and five coefficients a state.
    pieces: Vec<f64>,
}

impl Interpolant {
    /// A solution of `dimension` states without any step.
    pub(crate) fn new(dimension: usize) -> Interpolant {
        Interpolant {
            dimension,
            pieces: Vec::with_capacity(32 * (2 + 5 * dimension)),
        }
    }

    /// Appends a step, which begins where the last one ended.
    pub(crate) fn push(&mut self, step: &Step<'_>) {
        let h = step.length;
        self.pieces.extend([step.start, h]);
        for (i, (&from, &to)) in step.from.iter().zip(step.to).enumerate() {
            let slope = |stage: &&[f64]| stage.get(i).copied().unwrap_or(f64::NAN);
            let [first, .., last] = &step.stages;
            let rise = to - from;
            let bend = h * slope(first) - rise;
            let twist = rise - h * slope(last) - bend;
            let stages = DENSE.iter().zip(&step.stages);
            let rest: f64 = stages.map(|(weight, stage)| weight * slope(stage)).sum();
            self.pieces.extend([from, rise, bend, twist, h * rest]);
        }
    }

    /// The last time at which the solution is known; 0 without a step.
    pub fn end(&self) -> f64 {
        match self.pieces.rchunks_exact(2 + 5 * self.dimension).next() {
            Some([start, length, ..]) => start + length,
            _ => 0.0,
        }
    }

    /// The states at `times`, which increase, row-major. Times beyond the end get the state there; a
    /// solution without steps has none.
    pub fn states(&self, times: impl ExactSizeIterator<Item = f64>) -> Vec<f64> {
        let mut states = Vec::with_capacity(times.len() * self.dimension);
        let mut pieces = self.pieces.chunks_exact(2 + 5 * self.dimension);
        let mut piece = pieces.next().unwrap_or_default();
        for t in times {
            let share = loop {
                let [start, length, ..] = piece else {
                    return states;
                };
                if t <= start + length {
                    break (t - start) / length;
                }
                match pieces.next() {
                    Some(next) => piece = next,
                    None => break 1.0,
                }
            };
            let left = 1.0 - share;
            for c in piece[2..].chunks_exact(5) {
                let &[from, rise, bend, twist, rest] = c else {
                    continue;
                };
                let inner = bend + share * (twist + left * rest);
                states.push(from + share * (rise + left * inner));
            }
        }
        states
    }
}
