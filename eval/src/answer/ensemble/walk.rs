//! Draws where the posterior is far from a normal distribution: a random walk that visits places in proportion to
//! their probability (Metropolis et al., J. Chem. Phys. 21, 1953), its steps shaped by where it has been (Haario et
//! al., Bernoulli 7, 2001).

use nalgebra::{Cholesky, DMatrix, DVector};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use super::posterior::{Draw, Posterior, normal};
use crate::series::problem::Problem;

/// Steps in which the walk learns the size and shape of its steps; nothing is drawn from them.
const LEARNING: usize = 1500;

/// Steps between two draws.
const BETWEEN: usize = 20;

/// Steps after which the shape is taken anew.
const SHAPED_EVERY: usize = 100;

/// The share of steps that should succeed, for several directions.
const SUCCESSES: f64 = 0.25;

/// `count` draws from the posterior itself, all of weight 0, in the order of a walk from the best fit. None where
/// that has no solution.
pub(super) fn walk(
    law: &Posterior,
    problem: &Problem,
    count: usize,
    random: &mut ChaCha8Rng,
) -> Vec<Draw> {
    let n = law.directions();
    let mut place = DVector::zeros(n);
    let start = law.at(problem, &place, 0.0);
    let Some(mut here) = start.filter(|draw| draw.weight.is_finite()) else {
        return Vec::new();
    };
    let mut shape = DMatrix::identity(n, n);
    let mut size = (2.4 / (n.max(1) as f64).sqrt()).ln();
    let mut visited = Vec::with_capacity(LEARNING);
    let mut draws = Vec::with_capacity(count);
    for step in 0..LEARNING + count * BETWEEN {
        let direction = &shape * DVector::from_fn(n, |_, _| normal(random));
        let next = &place + direction * size.exp();
        let chance = f64::from(random.next_u32()) / f64::from(u32::MAX);
        let there = law.at(problem, &next, 0.0);
        let gain = there
            .as_ref()
            .map_or(f64::NEG_INFINITY, |t| t.weight - here.weight);
        if let (Some(there), true) = (there, chance < gain.exp()) {
            (place, here) = (next, there);
        }
        if step < LEARNING {
            visited.push(place.clone());
            size += (gain.min(0.0).exp() - SUCCESSES) / ((step + 1) as f64).sqrt();
            if (step + 1).is_multiple_of(SHAPED_EVERY)
                && let Some(learned) = spread(visited.get(step / 2..).unwrap_or(&[]))
            {
                shape = learned;
            }
        } else if (step + 1 - LEARNING).is_multiple_of(BETWEEN) {
            draws.push(Draw {
                weight: 0.0,
                ..here.clone()
            });
        }
    }
    draws
}

/// A square root of the covariance of places, a little widened so that no direction is lost.
fn spread(places: &[DVector<f64>]) -> Option<DMatrix<f64>> {
    let count = places.len() as f64;
    let n = places.first()?.len();
    let mean = places.iter().fold(DVector::zeros(n), |sum, p| sum + p) / count;
    let mut covariance = DMatrix::zeros(n, n);
    for place in places {
        let apart = place - &mean;
        covariance += &apart * apart.transpose() / count;
    }
    let widest = covariance.diagonal().max();
    covariance += DMatrix::identity(n, n) * (1e-6 * widest);
    Cholesky::new(covariance).map(|root| root.l())
}
