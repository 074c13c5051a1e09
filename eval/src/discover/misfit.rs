//! Whether a law is right at all: the pattern in what it leaves over.
//!
//! Noise has no pattern: neighbours in time differ as much as any two. What a wrong law leaves over is smooth, and
//! its second differences are far smaller than itself. The two sizes tell how much better a law would do that
//! explained the pattern, whatever that law is; if it would lead by more than it must cost, the law is among
//! those that were not proposed.

use crate::fit::law::Law;
use crate::fit::refine::Refined;
use crate::fit::shooting::Shooter;
use crate::series::problem::Problem;

/// Nats that a law which explains the pattern would have to pay for its constants and its rarity.
const PRICE: f64 = 6.0;

/// What chance makes of `n` independent residuals is at most this times `√n` nats in most cases: one and a half
/// standard deviations, by the variance `17/(9n)` of the ratio of the two sizes.
const CHANCE: f64 = 1.5 * 0.69;

/// Fewest residuals of a trajectory that show a pattern.
const FEWEST: usize = 6;

/// Nats by which a law that explains the pattern in `residuals` would lead; negative where there is none to speak
/// of. One list for each state of each trajectory, weighted, in order of time.
pub(super) fn lead(residuals: &[Vec<f64>]) -> f64 {
    let (mut nats, mut total) = (0.0, 0.0);
    for series in residuals.iter().filter(|series| series.len() >= FEWEST) {
        let n = series.len() as f64;
        let all = series.iter().map(|r| r * r).sum::<f64>() / n;
        let bends = series.windows(3).map(|r| match r {
            [a, b, c] => (a - 2.0 * b + c).powi(2),
            _ => 0.0,
        });
        // Of independent residuals, these have six times the variance.
        let rough = bends.sum::<f64>() / (6.0 * (n - 2.0));
        if all > 0.0 {
            nats += 0.5 * n * (all / rough.max(f64::MIN_POSITIVE)).ln();
            total += n;
        }
    }
    nats - PRICE - CHANCE * f64::sqrt(total)
}

/// Values of a fit's solution and what the observed ones differ from it, one list for each state of each trajectory,
/// in order of time: that of state `i` of trajectory `k` is number `k·D + i`. `None` where there is no solution.
pub(super) fn residuals(problem: &Problem, refined: &Refined) -> Option<Vec<Vec<(f64, f64)>>> {
    let d = problem.dimension();
    let law = Law::new(&refined.skeleton.template(), refined.constants.len())?;
    // Errors of the integration have a pattern, too.
    let shooter = Shooter::new(problem, &law).precise();
    let mut all = Vec::new();
    for (path, initial) in problem.normalised().iter().zip(&refined.initial) {
        let states = shooter.solve(&refined.constants, initial, path.times())?;
        let mut lists = vec![Vec::new(); d];
        for (cell, (y, u)) in path.states().iter().zip(states).enumerate() {
            if !y.is_nan() {
                lists.get_mut(cell % d)?.push((u, y - u));
            }
        }
        all.extend(lists);
    }
    Some(all)
}

/// The same residuals in units of the problem's noise at `|u| = 1`; each as large as its say in a fit by the problem's
/// loss, so that outliers neither hide a pattern nor make one.
pub(super) fn weighted(problem: &Problem, residuals: &[Vec<(f64, f64)>]) -> Vec<Vec<f64>> {
    let noise = problem.noise().iter().cycle();
    let mut lists: Vec<Vec<f64>> = residuals
        .iter()
        .zip(noise)
        .map(|(list, n)| list.iter().map(|(u, r)| r / n.shape(*u).sqrt()).collect())
        .collect();
    let (loss, d) = (problem.loss(), problem.dimension());
    for state in 0..d {
        let all = lists.iter().skip(state).step_by(d);
        let scale = loss.scale(&all.flatten().copied().collect::<Vec<_>>());
        if loss.is_robust() && scale > 0.0 {
            for r in lists.iter_mut().skip(state).step_by(d).flatten() {
                *r *= loss.weight(*r / scale);
            }
        }
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    /// Independent numbers between −1 and 1.
    fn noise(random: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
        let number = |_| 2.0 * f64::from(random.next_u32()) / f64::from(u32::MAX) - 1.0;
        (0..n).map(number).collect()
    }

    #[test]
    fn noise_hardly_ever_has_a_pattern_and_a_wave_in_it_always() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for n in [30, 100, 400, 1600] {
            let (mut alarms, mut found) = (0, 0);
            for _ in 0..400 {
                let noise = noise(&mut random, n);
                let waves = noise.iter().enumerate();
                let waves = waves.map(|(i, r)| r + 3.0 * (9.0 * i as f64 / n as f64).sin());
                found += usize::from(lead(&[waves.collect()]) > 0.0);
                alarms += usize::from(lead(&[noise]) > 0.0);
            }
            assert!(alarms <= 28, "{alarms} of 400 with {n}");
            assert!(found >= 396, "{found} of 400 with {n}");
        }
    }

    #[test]
    fn too_few_residuals_say_nothing() {
        assert!(lead(&[vec![1.0, 1.0, 1.0, 1.0], vec![]]) < 0.0);
        assert!(lead(&[vec![0.0; 50]]) < 0.0);
    }
}
