//! What may be true beside the best fit: draws of laws, constants and initial states, and the bands that they
//! make.
//!
//! A draw chooses a candidate by its posterior probability, then constants and initial states around its fit
//! (`posterior`). Forecasts go on from each draw's own state at the last observation (`forecast`); bands of the
//! right-hand side are the draws' slopes (`slopes`). Bands are of the solution, not of future measurements,
//! whose noise comes on top.

mod forecast;
mod posterior;
mod quantile;
mod slopes;
#[cfg(test)]
mod tests;
mod walk;

use nsode_generator::Trajectory;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::discover::Candidate;
use crate::series::problem::Problem;

pub use forecast::{Band, Forecast, ForecastError};
use posterior::Draw;
pub use posterior::Posterior;
pub use slopes::SlopeBand;
use walk::walk;

/// Draws of an ensemble.
pub const DRAWS: usize = 200;

/// Fewest draws from one law.
const FEWEST: usize = 30;

/// Draws from the normal distribution do if their weights say as much as this share of them would.
const ENOUGH: f64 = 0.4;

/// Candidates below this share of the best one's posterior are not drawn from.
const NEGLIGIBLE: f64 = 1e-3;

/// Draws from the posteriors of candidates.
#[derive(Clone, Debug)]
pub struct Ensemble<'a> {
    problem: &'a Problem,
    posteriors: Vec<Posterior>,
    /// Whether the first of these is the law that is named first.
    first: bool,
    members: Vec<Member>,
}

/// A draw, whose law it is of, and its share.
#[derive(Clone, Debug)]
struct Member {
    posterior: usize,
    draw: Draw,
    /// Shares add up to 1.
    share: f64,
}

impl<'a> Ensemble<'a> {
    /// `count` draws from `candidates`, which come from `problem`, best first; the same for the same `seed`.
    /// `None` where no candidate's fit can be repeated.
    pub fn new(
        problem: &'a Problem,
        candidates: &[Candidate],
        count: usize,
        seed: u64,
    ) -> Option<Ensemble<'a>> {
        let best = candidates.iter().map(|c| c.posterior).fold(0.0, f64::max);
        let mut posteriors = Vec::new();
        let mut shares: Vec<f64> = Vec::new();
        let mut first = false;
        for (rank, candidate) in candidates.iter().enumerate() {
            // The first is the one to name, which need not be the most probable one.
            if (rank == 0 || candidate.posterior > NEGLIGIBLE * best)
                && let Some(posterior) = Posterior::of(problem, candidate)
            {
                first |= rank == 0;
                posteriors.push(posterior);
                shares.push(candidate.posterior);
            }
        }
        let total: f64 = shares.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut members = Vec::with_capacity(count);
        for (posterior, (law, share)) in posteriors.iter().zip(&shares).enumerate() {
            // As many as its share, rounded by chance, so that small shares are neither lost nor doubled.
            let exact = share / total * count as f64;
            let chance = f64::from(random.next_u32()) / f64::from(u32::MAX);
            let draws = exact as usize + usize::from(chance < exact.fract());
            if draws == 0 {
                continue;
            }
            // Few draws could not tell whether they represent the posterior.
            let tries = draws.max(FEWEST);
            let made = (0..tries).filter_map(|_| law.draw(problem, &mut random));
            let mut made: Vec<Draw> = made.collect();
            let mut weights = weights(&made);
            if effective(&weights) < ENOUGH * made.len() as f64 {
                made = walk(law, problem, draws, &mut random);
                weights = vec![1.0; made.len()];
            }
            let found = made.len() as f64;
            for (draw, weight) in made.into_iter().zip(weights) {
                members.push(Member {
                    posterior,
                    draw,
                    share: weight * draws as f64 / found,
                });
            }
        }
        members.retain(|member| member.share > 0.0);
        let sum: f64 = members.iter().map(|member| member.share).sum();
        if sum.is_nan() || sum <= 0.0 {
            // No draw has a solution: the fits alone are left.
            members = posteriors
                .iter()
                .enumerate()
                .zip(&shares)
                .filter_map(|((posterior, law), share)| {
                    let draw = law.centre(problem)?;
                    let share = share / total;
                    Some(Member {
                        posterior,
                        draw,
                        share,
                    })
                })
                .collect();
        } else {
            members.iter_mut().for_each(|member| member.share /= sum);
        }
        Some(Ensemble {
            problem,
            posteriors,
            first,
            members,
        })
    }

    /// The law that is named first; `None` where its fit could not be repeated.
    fn best(&self) -> Option<&Posterior> {
        self.posteriors.first().filter(|_| self.first)
    }

    /// Draws of equal weight that would say as much.
    pub fn effective(&self) -> usize {
        let shares: Vec<f64> = self.members.iter().map(|member| member.share).collect();
        effective(&shares).round() as usize
    }

    /// The band of the solutions from the last observation of each run to the time `horizon`; where that is not beyond the last
    /// one, from the beginning of the run, or of its piece that the horizon is in.
    ///
    /// # Errors
    /// [`ForecastError`] for a horizon that is not beyond the first observation, a level outside of 0 to 1.
    pub fn forecast(&self, horizon: f64, level: f64) -> Result<Forecast, ForecastError> {
        forecast::forecast(self, horizon, level)
    }

    /// The band of the right-hand side over the states that `fitted` visits.
    pub fn slopes(&self, fitted: &[Trajectory], level: f64) -> SlopeBand {
        slopes::slopes(self, fitted, level)
    }
}

/// The number of equal weights that would say as much.
fn effective(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    if squares > 0.0 {
        sum * sum / squares
    } else {
        0.0
    }
}

/// Weights of draws from one law, with mean 1: none so large that it outweighs all others together.
fn weights(draws: &[Draw]) -> Vec<f64> {
    let top = draws
        .iter()
        .map(|d| d.weight)
        .fold(f64::NEG_INFINITY, f64::max);
    if top == f64::NEG_INFINITY {
        return vec![0.0; draws.len()];
    }
    let raw: Vec<f64> = draws.iter().map(|d| (d.weight - top).exp()).collect();
    let n = raw.len() as f64;
    // Truncated importance sampling: at most the mean times the square root of their number.
    let mean = raw.iter().sum::<f64>() / n;
    let cut: Vec<f64> = raw.iter().map(|w| w.min(mean * n.sqrt())).collect();
    let mean = cut.iter().sum::<f64>() / n;
    cut.iter().map(|w| w / mean).collect()
}
