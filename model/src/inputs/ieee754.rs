//! A token a point, as in the paper: the bits of its numbers in IEEE-754, each a 0 or 1.
//!
//! Single precision: half precision's 11 bits would round clean data to 0.05 %, more than the curvature
//! that tells many laws apart. A token: 32 bits of τ; for each state 32 bits of u (0 where missing) and a
//! flag that is 1 where it was observed.

use nsode_generator::Trajectory;

/// Bits of a number.
const BITS: usize = 32;

/// Numbers a token.
pub(super) fn width(max_dimension: usize) -> usize {
    BITS + max_dimension * (BITS + 1)
}

/// Appends the tokens of a trajectory: one for each point with an observed cell, an even subset where
/// there are more than `max_points`.
pub(super) fn features(
    trajectory: &Trajectory,
    max_dimension: usize,
    max_points: usize,
    out: &mut Vec<f32>,
) {
    let points: Vec<usize> = (0..trajectory.len())
        .filter(|&i| trajectory.state(i).iter().any(|u| u.is_finite()))
        .collect();
    let kept = points.len().min(max_points);
    for k in 0..kept {
        let i = points[k * points.len() / kept];
        bits(trajectory.times()[i], out);
        for state in 0..max_dimension {
            match trajectory.state(i).get(state) {
                Some(u) if u.is_finite() => {
                    bits(*u, out);
                    out.push(1.0);
                }
                _ => out.extend([0.0; BITS + 1]),
            }
        }
    }
}

/// Sign, exponent, mantissa, the most significant bit first.
fn bits(value: f64, out: &mut Vec<f32>) {
    let word = (value as f32).to_bits();
    out.extend((0..BITS).rev().map(|bit| (word >> bit & 1) as f32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_of_known_numbers() {
        let mut out = Vec::new();
        bits(-1.5, &mut out); // 1 01111111 1000…
        let ones: Vec<usize> = (0..BITS).filter(|&i| out[i] == 1.0).collect();
        assert_eq!(ones, [0, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn missing_cells_and_too_many_points() {
        let nan = f64::NAN;
        let path =
            Trajectory::new(2, vec![0.0, 0.5, 1.0], vec![1.0, nan, nan, nan, 0.5, 1.0]).unwrap();
        let mut out = Vec::new();
        features(&path, 3, 10, &mut out);
        let width = width(3);
        assert_eq!(out.len(), 2 * width); // the point without a cell is none
        let flag = |token: usize, state: usize| out[token * width + BITS + state * 33 + 32];
        assert_eq!([flag(0, 0), flag(0, 1), flag(0, 2)], [1.0, 0.0, 0.0]);
        assert_eq!([flag(1, 0), flag(1, 1), flag(1, 2)], [1.0, 1.0, 0.0]);
        out.clear();
        features(&path, 3, 1, &mut out);
        assert_eq!(out.len(), width);
    }
}
