//! Random trees for the properties of this crate: each a function of its number, so that a failure can
//! be repeated by that number alone.

use nsode_parser::{Binary, Expr, Unary};

/// SplitMix64: a test needs no better generator.
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// A number between `low` and `high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A random tree over 2 states, numbers, time, and (if `parameters`) 2 parameters.
pub fn tree(random: &mut Random, depth: usize, parameters: bool) -> Expr {
    let kind = if depth == 0 { 0 } else { random.below(10) };
    match kind {
        0..3 => match random.below(8) {
            0..4 => Expr::State(random.below(2) as usize),
            4 | 5 if parameters => Expr::Parameter(random.below(2) as usize),
            6 if parameters => Expr::Time,
            _ => Expr::Number(match random.below(3) {
                0 => random.below(4) as f64 - 1.0,
                _ => random.uniform(-3.0, 3.0),
            }),
        },
        3..6 => {
            let function = Unary::ALL[random.below(Unary::ALL.len() as u64) as usize];
            Expr::unary(function, tree(random, depth - 1, parameters))
        }
        _ => {
            let op = Binary::ALL[random.below(Binary::ALL.len() as u64) as usize];
            let left = tree(random, depth - 1, parameters);
            let right = match (op, random.below(4)) {
                (Binary::Pow, 0) => tree(random, depth - 1, parameters),
                (Binary::Pow, 1) => Expr::Number(random.uniform(-2.5, 2.5)),
                (Binary::Pow, _) => {
                    let small = [-3.0, -2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0];
                    Expr::Number(small[random.below(10) as usize])
                }
                _ => tree(random, depth - 1, parameters),
            };
            Expr::binary(op, left, right)
        }
    }
}
