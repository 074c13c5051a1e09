//! Propose, refine, rank: from trajectories to laws in the units of the data.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nalgebra::DMatrix;
use nsode_generator::Trajectory;
use nsode_parser::{CanonicalSystem, Skeleton};
use rayon::prelude::*;

use crate::error::Error;
use crate::law::Law;
use crate::problem::{Noise, Problem, additive_share};
use crate::proposer::{Proposer, ProposerKind, Seed};
use crate::rank::{UNDETERMINED, independence, log_evidence, log_prior, softmax};
use crate::refine::{Refined, refine};
use crate::shooting::Shooter;

/// Candidates refined between looks at the clock. Fixed, so that results do not depend on the number of
/// threads.
const BATCH: usize = 16;

/// Residuals' standard deviation from which a series counts as noisy, in normalised units.
const NOISY: f64 = 1e-3;

/// Best laws whose probability is asked of proposers that did not propose them.
const SCORED: usize = 32;

/// Points of the curves in [`Candidate::fitted`].
const CURVE_POINTS: usize = 200;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Candidates returned, at most.
    pub top: usize,
    /// Cap on the time for refinement, in seconds. Where it is not reached, the result depends only on the
    /// data and the other options.
    pub seconds: f64,
    /// Seed of whatever is random; at present nothing is.
    pub seed: u64,
    /// Seeds refined of each proposer, at most.
    pub beams: usize,
    /// Whether variants of the best candidates are tried.
    pub local: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            top: 10,
            seconds: 10.0,
            seed: 0,
            beams: 100,
            local: true,
        }
    }
}

/// A fitted constant in physical units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// Its value.
    pub value: f64,
    /// Its standard error; None where the data do not determine it.
    pub stderr: Option<f64>,
}

/// A law that explains the data, in their units.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The law.
    pub system: CanonicalSystem,
    /// Its shape.
    pub skeleton: Skeleton,
    /// Its constants in slot order.
    pub constants: Vec<Constant>,
    /// Covariance of the constants; None where one is not determined.
    pub covariance: Option<DMatrix<f64>>,
    /// Who proposed it first.
    pub source: ProposerKind,
    /// Everybody who proposed it.
    pub sources: Vec<ProposerKind>,
    /// Coefficient of determination on the observed cells, averaged over states.
    pub r2: f64,
    /// Bayesian information criterion, of residuals in normalised units.
    pub bic: f64,
    /// Tokens and constants.
    pub complexity: usize,
    /// Probability among the candidates that were refined.
    pub posterior: f64,
    /// Initial states, one a trajectory.
    pub initial: Vec<Vec<f64>>,
    /// The solution on a dense grid, one a trajectory.
    pub fitted: Vec<Trajectory>,
    /// Logarithm of the prior probability.
    pub log_prior: f64,
}

/// What a search found, and what it could not do.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// Laws, best first.
    pub candidates: Vec<Candidate>,
    /// Proposers that failed and why, a cap that was reached.
    pub warnings: Vec<String>,
    /// Laws that were refined.
    pub refined: usize,
}

/// Who proposed a skeleton, and how likely it was to them.
#[derive(Clone, Debug)]
struct Origin {
    sources: Vec<ProposerKind>,
    log_probability: Option<f64>,
}

/// Searches laws for `problem`.
///
/// # Errors
/// The error of a proposer, if all proposers fail.
pub fn discover(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    options: &Options,
) -> Result<Discovery, Error> {
    let limit = if options.seconds.is_finite() {
        options.seconds.clamp(0.0, 1e9)
    } else {
        1e9
    };
    let deadline = Instant::now() + Duration::from_secs_f64(limit);
    let mut warnings = Vec::new();
    let (seeds, mut origins) = gather(problem, proposers, options.beams, &mut warnings)?;
    let mut search = Search {
        deadline,
        done: HashMap::new(),
        cells: problem.observed(),
        share: 1.0,
        attempted: std::collections::HashSet::new(),
        late: false,
    };
    search.refine_all(problem, &seeds);
    if options.local {
        for _ in 0..3 {
            let variants = search.variants(&origins);
            let fresh: Vec<Seed> = variants
                .into_iter()
                .filter(|seed| !search.attempted.contains(&seed.skeleton))
                .collect();
            if fresh.is_empty() {
                break;
            }
            for seed in &fresh {
                origins.entry(seed.skeleton.clone()).or_insert(Origin {
                    sources: vec![ProposerKind::Local],
                    log_probability: None,
                });
            }
            search.refine_all(problem, &fresh);
        }
    }
    let refined = search.done.len();
    let problem = &search.reweigh(problem, &origins);
    if search.late {
        warnings.push(format!(
            "the time limit of {} s ended the search before all candidates were refined",
            options.seconds
        ));
    }
    search.score(problem, proposers, &mut origins);
    let ranked = search.ranked(&origins);
    let weights: Vec<f64> = ranked.iter().map(|(weight, _)| *weight).collect();
    let posteriors = softmax(&weights);
    let candidates = ranked
        .iter()
        .zip(&posteriors)
        .filter_map(|((_, refined), posterior)| candidate(problem, refined, &origins, *posterior))
        .take(options.top)
        .collect();
    Ok(Discovery {
        candidates,
        warnings,
        refined,
    })
}

/// Asks every proposer; one entry a skeleton, in order of rank, the proposers taking turns.
fn gather(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    beams: usize,
    warnings: &mut Vec<String>,
) -> Result<(Vec<Seed>, HashMap<Skeleton, Origin>), Error> {
    let mut lists = Vec::new();
    let mut failure = None;
    for proposer in proposers {
        match proposer.propose(problem) {
            Ok(mut seeds) => {
                seeds.truncate(beams);
                lists.push((proposer.kind(), seeds));
            }
            Err(error) => {
                warnings.push(error.to_string());
                failure = Some(error);
            }
        }
    }
    if let (true, Some(error)) = (lists.is_empty(), failure) {
        return Err(error);
    }
    let most = lists
        .iter()
        .map(|(_, seeds)| seeds.len())
        .max()
        .unwrap_or(0);
    let mut seeds: Vec<Seed> = Vec::new();
    let mut origins: HashMap<Skeleton, Origin> = HashMap::new();
    for rank in 0..most {
        for (kind, list) in &lists {
            let Some(seed) = list.get(rank) else { continue };
            match origins.get_mut(&seed.skeleton) {
                Some(origin) => {
                    if !origin.sources.contains(kind) {
                        origin.sources.push(*kind);
                    }
                    origin.log_probability = origin.log_probability.or(seed.log_prior);
                }
                None => {
                    origins.insert(
                        seed.skeleton.clone(),
                        Origin {
                            sources: vec![*kind],
                            log_probability: seed.log_prior,
                        },
                    );
                    seeds.push(seed.clone());
                }
            }
        }
    }
    Ok((seeds, origins))
}

struct Search {
    deadline: Instant,
    /// Observed cells.
    cells: usize,
    /// The share of them that counts as independent.
    share: f64,
    /// The best fit of each skeleton.
    done: HashMap<Skeleton, Refined>,
    attempted: std::collections::HashSet<Skeleton>,
    late: bool,
}

impl Search {
    fn refine_all(&mut self, problem: &Problem, seeds: &[Seed]) {
        for batch in seeds.chunks(BATCH) {
            if Instant::now() >= self.deadline {
                self.late = true;
                return;
            }
            let deadline = self.deadline;
            let found: Vec<Option<Option<Refined>>> = batch
                .par_iter()
                .map(|seed| {
                    let time_left = Instant::now() < deadline;
                    time_left.then(|| refine(problem, &seed.skeleton, seed.constants.as_deref()))
                })
                .collect();
            self.late |= found.iter().any(Option::is_none);
            self.attempted
                .extend(batch.iter().map(|seed| seed.skeleton.clone()));
            for refined in found.into_iter().flatten().flatten() {
                self.keep(refined);
            }
        }
    }

    fn keep(&mut self, refined: Refined) {
        match self.done.get(&refined.skeleton) {
            Some(other) if other.bic <= refined.bic => {}
            _ => {
                self.done.insert(refined.skeleton.clone(), refined);
            }
        }
    }

    /// Fits with their log-weights, best first.
    fn ranked(&self, origins: &HashMap<Skeleton, Origin>) -> Vec<(f64, &Refined)> {
        let mut ranked: Vec<(f64, &Refined)> = self
            .done
            .values()
            .map(|refined| {
                let proposed = origins
                    .get(&refined.skeleton)
                    .and_then(|o| o.log_probability);
                let vague = refined.errors.iter().filter(|e| e.is_none()).count() as f64;
                let prior = log_prior(&refined.skeleton, proposed) - UNDETERMINED * vague;
                let evidence =
                    log_evidence(refined.bic, refined.parameters, self.cells, self.share);
                (prior + evidence, refined)
            })
            .filter(|(weight, _)| weight.is_finite())
            .collect();
        ranked.sort_by(|a, b| {
            b.0.total_cmp(&a.0)
                .then_with(|| a.1.skeleton.cmp(&b.1.skeleton))
        });
        ranked
    }

    /// Asks the proposers for their probabilities of the best laws that they did not propose themselves.
    fn score(
        &self,
        problem: &Problem,
        proposers: &[Box<dyn Proposer>],
        origins: &mut HashMap<Skeleton, Origin>,
    ) {
        let unknown: Vec<Skeleton> = self
            .ranked(origins)
            .into_iter()
            .take(SCORED)
            .map(|(_, refined)| &refined.skeleton)
            .filter(|skeleton| {
                let origin = origins.get(*skeleton);
                origin.is_none_or(|o| o.log_probability.is_none())
            })
            .cloned()
            .collect();
        if unknown.is_empty() {
            return;
        }
        let scores = proposers
            .iter()
            .find_map(|proposer| proposer.log_probabilities(problem, &unknown));
        for (skeleton, score) in unknown.into_iter().zip(scores.unwrap_or_default()) {
            let origin = origins.entry(skeleton).or_insert(Origin {
                sources: vec![ProposerKind::Local],
                log_probability: None,
            });
            origin.log_probability = Some(score);
        }
    }

    /// Simpler relatives of the best fits: each constant that is not clearly different from 0, or an
    /// exponent or inner constant from a whole number, set to it.
    fn variants(&self, origins: &HashMap<Skeleton, Origin>) -> Vec<Seed> {
        let mut seeds: Vec<Seed> = Vec::new();
        for (_, refined) in self.ranked(origins).into_iter().take(8) {
            for (slot, (value, error)) in refined.constants.iter().zip(&refined.errors).enumerate()
            {
                let nearest = (2.0 * value).round() / 2.0;
                let near = error.is_none_or(|e| (value - nearest).abs() < 2.0 * e);
                let mut tries = vec![0.0];
                if near && nearest != 0.0 {
                    tries.push(nearest);
                }
                for replacement in tries {
                    let mut constants = refined.constants.clone();
                    if let Some(place) = constants.get_mut(slot) {
                        *place = replacement;
                    }
                    let simpler = refined
                        .skeleton
                        .instantiate(&constants)
                        .ok()
                        .and_then(|system| system.parts().ok());
                    if let Some((skeleton, constants)) = simpler
                        && skeleton != refined.skeleton
                        && seeds.iter().all(|seed| seed.skeleton != skeleton)
                    {
                        seeds.push(Seed {
                            skeleton,
                            constants: Some(constants),
                            log_prior: None,
                        });
                    }
                }
            }
        }
        seeds
    }

    /// Second round of weights: the noise's additive share, and the independence of the residuals, from those
    /// of the best law. Where the share changes, the best fits are repeated with the new weights and the
    /// others dropped.
    fn reweigh(&mut self, problem: &Problem, origins: &HashMap<Skeleton, Origin>) -> Problem {
        let ranked = self.ranked(origins);
        let residuals = ranked
            .first()
            .and_then(|(_, best)| residuals(problem, best));
        let Some(residuals) = residuals else {
            return problem.clone();
        };
        let noise: Vec<Noise> = residuals.iter().map(|list| noise(list)).collect();
        let seeds: Vec<Seed> = ranked
            .into_iter()
            .take(24)
            .map(|(_, refined)| Seed {
                skeleton: refined.skeleton.clone(),
                constants: Some(refined.constants.clone()),
                log_prior: None,
            })
            .collect();
        // Clean series leave residuals of the integrator, which are never independent.
        if noise.iter().all(|n| n.deviation > NOISY) {
            let series: Vec<Vec<f64>> = residuals
                .iter()
                .zip(&noise)
                .map(|(list, n)| list.iter().map(|(u, r)| r / n.shape(*u).sqrt()).collect())
                .collect();
            self.share = independence(&series);
        }
        let same = noise
            .iter()
            .zip(problem.noise())
            .all(|(a, b)| (a.additive / b.additive).ln().abs() < 0.7);
        if same {
            return problem.clone();
        }
        let reweighed = problem.with_noise(noise);
        let before = std::mem::take(&mut self.done);
        self.refine_all(&reweighed, &seeds);
        if self.done.is_empty() {
            self.done = before;
            return problem.clone();
        }
        reweighed
    }
}

/// Values and residuals of a fit, one list a state, in order of time within each trajectory.
fn residuals(problem: &Problem, refined: &Refined) -> Option<Vec<Vec<(f64, f64)>>> {
    let d = problem.dimension();
    let law = Law::new(&refined.skeleton.template(), refined.constants.len())?;
    let shooter = Shooter::new(problem, &law);
    let mut residuals: Vec<Vec<(f64, f64)>> = vec![Vec::new(); d];
    for (path, initial) in problem.normalised().iter().zip(&refined.initial) {
        let states = shooter.solve(&refined.constants, initial, path.times())?;
        for (cell, (y, u)) in path.states().iter().zip(states).enumerate() {
            if !y.is_nan() {
                residuals.get_mut(cell % d)?.push((u, y - u));
            }
        }
    }
    Some(residuals)
}

/// The noise that residuals show.
fn noise(residuals: &[(f64, f64)]) -> Noise {
    let mut noise = Noise {
        deviation: 0.0,
        additive: additive_share(residuals),
    };
    let sum: f64 = residuals.iter().map(|(u, r)| r * r / noise.shape(*u)).sum();
    noise.deviation = (sum / residuals.len().max(1) as f64).sqrt();
    noise
}

/// A fit in the units of the data; `None` where it cannot be expressed in them.
fn candidate(
    problem: &Problem,
    refined: &Refined,
    origins: &HashMap<Skeleton, Origin>,
    posterior: f64,
) -> Option<Candidate> {
    let scaling = problem.scaling();
    let system = refined.system.restored(scaling).ok()?;
    let (skeleton, values) = system.parts().ok()?;
    if skeleton != refined.skeleton || values.len() != refined.constants.len() {
        return None;
    }
    let factors: Vec<f64> = values
        .iter()
        .zip(&refined.constants)
        .map(|(physical, normal)| physical / normal)
        .collect();
    let constants = values
        .iter()
        .zip(&factors)
        .zip(&refined.errors)
        .map(|((value, factor), error)| Constant {
            value: *value,
            stderr: error.map(|e| e * factor.abs()).filter(|e| e.is_finite()),
        })
        .collect();
    let covariance = refined.covariance.as_ref().map(|c| {
        let factor = |i: usize| factors.get(i).copied().unwrap_or(1.0);
        DMatrix::from_fn(c.nrows(), c.ncols(), |i, j| {
            c[(i, j)] * factor(i) * factor(j)
        })
    });
    let law = Law::new(&skeleton.template(), refined.constants.len())?;
    let shooter = Shooter::new(problem, &law);
    let fitted = problem
        .normalised()
        .iter()
        .zip(&refined.initial)
        .filter_map(|(path, initial)| {
            let (first, last) = (path.times().first()?, path.times().last()?);
            let times: Vec<f64> = (0..CURVE_POINTS)
                .map(|i| first + (last - first) * i as f64 / (CURVE_POINTS - 1) as f64)
                .collect();
            let states = shooter.solve(&refined.constants, initial, &times)?;
            Trajectory::new(problem.dimension(), times, states)
                .ok()?
                .restored(scaling)
                .ok()
        })
        .collect();
    let origin = origins.get(&skeleton);
    let sources = origin.map_or_else(|| vec![ProposerKind::Local], |o| o.sources.clone());
    Some(Candidate {
        complexity: skeleton.tokens().len() + skeleton.slots(),
        log_prior: log_prior(&skeleton, origin.and_then(|o| o.log_probability)),
        initial: refined
            .initial
            .iter()
            .map(|u| u.iter().zip(&scaling.states).map(|(u, s)| u * s).collect())
            .collect(),
        source: sources.first().copied().unwrap_or(ProposerKind::Local),
        sources,
        system,
        skeleton,
        constants,
        covariance,
        r2: refined.r2,
        bic: refined.bic,
        posterior,
        fitted,
    })
}
