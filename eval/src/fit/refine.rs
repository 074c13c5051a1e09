//! From a skeleton to a fitted law with error bars.
//!
//! Starts come from the integral form ([`crate::fit::integral`]) and from the proposer; the fit is shooting
//! ([`crate::fit::shooting`]). A fit whose constants simplify the law (a zero, a whole exponent) is fitted again as
//! the simpler law. Everything here is in normalised units.

use std::time::Instant;

use nalgebra::DMatrix;
use nsode_parser::{CanonicalSystem, Skeleton};

use crate::fit::covariance::Inverse;
use crate::fit::criterion::{bic, scales, sharpness};
use crate::fit::exact::{Exact, exact};
use crate::fit::integral::{Integral, Thoroughness};
use crate::fit::law::Law;
use crate::fit::oddities::Oddities;
use crate::fit::proposal::Proposal;
use crate::fit::shooting::{Fit, Shooter};
use crate::series::explained::r2;
use crate::series::problem::{FLOOR, NOISY, Problem, RESOLUTION};

/// Pulls towards the data when shooting alone fails, in inverse spans of time.
const PULLS: [f64; 5] = [100.0, 25.0, 6.0, 1.5, 0.0];

/// Starts from which solutions of systems are pulled, at most: it takes as long as many fits.
const PULLED_OF_SYSTEMS: usize = 1;

/// Solutions computed in one fit, at most.
const EVALUATIONS: usize = 60;

/// The same where another law is exact: one that is exact, too, is close from the start.
const BRIEF: usize = 12;

/// Solutions computed in the last fit, at most: it begins at the end.
const POLISHES: usize = 40;

/// Residuals' standard deviation up to which a law is exact, in normalised units: as far as most integrations
/// of data go that come from one, and far below what any instrument resolves.
const EXACT: f64 = 1e-7;

/// Residuals up to this many standard deviations of the rounding are rounding.
const ROUNDED: f64 = 1.3;

/// Standard error, as a multiple of the constant or of 1 in normalised units, beyond which data leave a constant open.
const OPEN: f64 = 1e3;

/// What changes of units may do to a number of size 1.
const ROUNDING: f64 = 1e-13;

/// Largest number of constants of one law.
pub const MAX_CONSTANTS: usize = 24;

/// A law fitted to a problem, in normalised units.
#[derive(Clone, Debug)]
pub struct Refined {
    /// The law with its constants.
    pub system: CanonicalSystem,
    /// Its shape.
    pub skeleton: Skeleton,
    /// Its constants in slot order.
    pub constants: Vec<f64>,
    /// Initial states, one a trajectory.
    pub initial: Vec<Vec<f64>>,
    /// Covariance of the constants; None if one of them is not identifiable.
    pub covariance: Option<DMatrix<f64>>,
    /// Standard errors of the constants; None for one that the data do not determine.
    pub errors: Vec<Option<f64>>,
    /// Sum of squared residuals a state, over relative variances; of a robust loss, what stands for it
    /// ([`crate::series::problem::Leftover`]).
    pub sse: Vec<f64>,
    /// Coefficient of determination, averaged over states, on the observed cells ([`r2`]).
    pub r2: f64,
    /// Bayesian information criterion; what is exact is no fitted number.
    pub bic: f64,
    /// Nats that the constants cost beyond what the criterion counts, where data are clean ([`crate::fit::criterion::sharpness`]).
    pub sharpness: f64,
    /// What is odd about it.
    pub oddities: Oddities,
    /// What is exact of the constants, and was not fitted ([`crate::fit::exact`]).
    pub exact: Exact,
    /// Constants and initial states that were fitted: what is exact is none of them.
    pub parameters: usize,
}

impl Refined {
    /// The criterion with what is exact paid for: it compares fits of which other constants are exact.
    pub fn criterion(&self) -> f64 {
        self.bic - 2.0 * self.exact.odds
    }

    /// Variance of what has these slopes by constants, slots with derivatives; `None` where the data leave any constant of the law open.
    pub fn variance_along(&self, slopes: &[(usize, f64)]) -> Option<f64> {
        let covariance = self.covariance.as_ref()?;
        let pairs = slopes
            .iter()
            .flat_map(|one| slopes.iter().map(move |other| (one, other)));
        Some(
            pairs
                .map(|((i, a), (j, b))| a * b * covariance[(*i, *j)])
                .sum(),
        )
    }

    /// The law and its constants in the units of the data; `None` where these cannot express it, as numbers
    /// over- or underflow.
    pub fn physical(&self, problem: &Problem) -> Option<(CanonicalSystem, Vec<f64>)> {
        let mut system = self.system.restored(problem.scaling()).ok()?;
        let (skeleton, mut values) = system.parts().ok()?;
        if self.exact.count() > 0 {
            // Changes of units have rounded what is exact.
            for value in values.iter_mut() {
                if (value.abs() - 1.0).abs() < ROUNDING {
                    *value = value.signum();
                }
            }
            system = skeleton.instantiate(&values).ok()?;
        }
        (skeleton == self.skeleton).then_some((system, values))
    }

    /// Whether it leaves no more than the residuals that are told from none.
    pub fn is_perfect(&self, problem: &Problem) -> bool {
        let found = problem.deviations(&self.sse).into_iter();
        let mut each = found.zip(problem.floors());
        each.all(|(found, floor)| found * found <= floor)
    }

    /// Whether it leaves nothing to explain in any state.
    pub fn is_exact(&self, problem: &Problem) -> bool {
        self.resolved(problem).into_iter().all(|state| state)
    }

    /// Whether it leaves nothing to explain, a state: no more than solutions and the digits of the data resolve.
    pub fn resolved(&self, problem: &Problem) -> Vec<bool> {
        let found = problem.deviations(&self.sse).into_iter();
        let floors = problem.floors().into_iter().map(|f| ROUNDED * f.sqrt());
        found
            .zip(floors)
            .map(|(d, floor)| d < EXACT.max(floor))
            .collect()
    }

    /// Whether it leaves no more over than the smoother takes for noise, in any state.
    pub fn reaches_noise(&self, problem: &Problem) -> bool {
        let found = problem.deviations(&self.sse);
        found
            .iter()
            .zip(levels(problem))
            .all(|(d, level)| *d < level)
    }

    /// Whether what it leaves over is of the size of noise in every state.
    pub fn is_noisy(&self, problem: &Problem) -> bool {
        problem.deviations(&self.sse).iter().all(|d| *d > NOISY)
    }
}

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What fails from every start, or of a system does not reach the noise, is tried again, of a system from the first
    /// start, with solutions that are pulled towards the data, as long as these stay with the data.
    Whole,
    /// The same to the end, whether they stay with the data or not.
    Insisting,
    /// Nothing is fitted: constants stay as they were proposed, or as they follow from the integral form. To
    /// measure what fitting is worth.
    None,
    /// Starts only, and not for long: another law is exact.
    Brief,
    /// Starts only: for systems of which a law is known that explains the data, most of the time goes otherwise
    /// into those that never will.
    Starts,
}

/// Fits a law to `problem`, from where the proposal says and from the integral form. `None` where no
/// start leads to a solution that spans the data, there are more unknowns than data, or the deadline has come.
pub fn refine(
    problem: &Problem,
    proposal: &Proposal,
    effort: Effort,
    deadline: Option<Instant>,
) -> Option<Refined> {
    refine_to(problem, proposal, (effort, deadline), 2)
}

fn refine_to(
    problem: &Problem,
    proposal: &Proposal,
    (effort, deadline): (Effort, Option<Instant>),
    simplifications: usize,
) -> Option<Refined> {
    let skeleton = &proposal.skeleton;
    if skeleton.dimension() != problem.dimension() || skeleton.slots() > MAX_CONSTANTS {
        return None;
    }
    let law = Law::new(&skeleton.template(), skeleton.slots())?;
    let mut shooter = Shooter::new(problem, &law).until(deadline);
    if problem.observed() < shooter.parameters() + 2 || 2 * law.constants() > problem.observed() {
        return None;
    }
    let fit = best_fit(problem, &law, &mut shooter, proposal, effort)?;
    match finished(problem, skeleton, &shooter, fit)? {
        Finished::Fit(refined) => Some(*refined),
        Finished::Simpler(proposal) if simplifications > 0 => {
            refine_to(problem, &proposal, (effort, deadline), simplifications - 1)
        }
        Finished::Simpler(_) => None,
    }
}

/// Fits again, from where `refined` is, as accurately as solutions can be computed: of clean data it is the last
/// digits that tell the law from others that are close. `None` where that leads to another shape or to nothing.
pub fn polish(problem: &Problem, refined: &Refined, deadline: Option<Instant>) -> Option<Refined> {
    let law = Law::new(&refined.skeleton.template(), refined.constants.len())?;
    let mut shooter = Shooter::new(problem, &law).precise().until(deadline);
    if problem.is_weighed_by_residuals() {
        shooter.weigh(problem.last_deviations(&refined.sse));
    }
    let fit = shooter.fit(&refined.constants, &refined.initial, &[0.0], POLISHES)?;
    let fit = steady(problem, &mut shooter, fit, POLISHES);
    match finished(problem, &refined.skeleton, &shooter, fit)? {
        Finished::Fit(polished) => Some(*polished),
        Finished::Simpler(_) => None,
    }
}

/// Fits again, from where `refined` is, for the most probable constants: noise leaves them open, and what sizes are
/// usual ([`crate::fit::sizes`]) has a say, and what may be exact of them ([`crate::fit::exact`]), if
/// `exactly`. `None` where that leads to another shape or to nothing.
pub fn settle(
    problem: &Problem,
    refined: &Refined,
    exactly: bool,
    deadline: Option<Instant>,
) -> Option<Refined> {
    let law = Law::new(&refined.skeleton.template(), refined.constants.len())?;
    let mut shooter = Shooter::new(problem, &law).sized().until(deadline);
    if !problem.knows_noise() {
        // The noise itself, without what its fit has taken of it.
        let n = problem.observed() as f64;
        let left = (n - refined.parameters as f64).max(1.0);
        let own = problem.last_deviations(&refined.sse).into_iter();
        shooter.weigh(own.map(|deviation| deviation * (n / left).sqrt()).collect());
    }
    let fit = shooter.fit(&refined.constants, &refined.initial, &[0.0], EVALUATIONS)?;
    let settled = match finished(problem, &refined.skeleton, &shooter, fit)? {
        Finished::Fit(settled) => *settled,
        Finished::Simpler(_) => return None,
    };
    let exact = exactly.then(|| with_exact(problem, shooter, &settled));
    Some(exact.flatten().unwrap_or(settled))
}

/// The same law with those constants exact that probably are ([`crate::fit::exact`]); `None` where none is.
fn with_exact(problem: &Problem, mut shooter: Shooter, settled: &Refined) -> Option<Refined> {
    // With an exponent that is fitted the units of others are, too.
    if scales(&settled.skeleton) < settled.skeleton.slots() {
        return None;
    }
    let (_, physical) = settled.physical(problem)?;
    let units = settled.constants.iter().zip(&physical);
    let units: Vec<f64> = units.map(|(normal, physical)| normal / physical).collect();
    let covariance = settled.covariance.as_ref()?;
    let (exact, there) = exact(&settled.skeleton, &settled.constants, covariance, &units);
    if exact.count() == 0 {
        return None;
    }
    shooter.hold(exact.clone());
    // Where one constant is moved alone, a chaotic solution does not find back; where all are, one may be beyond what the law bears.
    let from = |start: &[f64]| shooter.fit(start, &settled.initial, &[0.0], EVALUATIONS);
    let fit = from(&there).or_else(|| from(&settled.constants))?;
    match finished(problem, &settled.skeleton, &shooter, fit)? {
        Finished::Fit(fit) => {
            let worth = exact.gain > 0.5 * (fit.bic - settled.bic);
            // The canonical form may have put constants in other places.
            let holds = exact.holds(&fit.constants);
            // Its residuals' variance is of as many numbers fewer.
            let free = problem.observed().saturating_sub(fit.parameters).max(1) as f64;
            let share = match problem.knows_noise() {
                true => 1.0,
                false => free / (free + exact.tied.len() as f64),
            };
            let covariance = fit.covariance.as_ref().map(|c| exact.as_one(c) * share);
            let errors = match &covariance {
                Some(c) => c.diagonal().iter().map(|v| Some(v.sqrt())).collect(),
                None => fit.errors.clone(),
            };
            // What is exact is no fitted number. All the same, a law does not become less probable by it: its constants may have
            // these values without being exact.
            let each = (problem.observed() as f64).ln();
            let bic = fit.bic - exact.count() as f64 * each;
            let odds = exact.odds.max(0.5 * (bic - settled.bic));
            (worth && holds).then_some(Refined {
                bic,
                parameters: fit.parameters.saturating_sub(exact.count()),
                exact: Exact { odds, ..exact },
                covariance,
                errors,
                ..*fit
            })
        }
        Finished::Simpler(_) => None,
    }
}

/// What a fit turns out to be.
enum Finished {
    /// One of the skeleton that was fitted.
    Fit(Box<Refined>),
    /// A simpler law, to be fitted from where this fit ended.
    Simpler(Proposal),
}

/// Puts a fit of `skeleton` into canonical form and adds its figures.
fn finished(
    problem: &Problem,
    skeleton: &Skeleton,
    shooter: &Shooter,
    fit: Fit,
) -> Option<Finished> {
    let system = skeleton.instantiate(&fit.constants).ok()?;
    let (shape, values) = system.parts().ok()?;
    if shape != *skeleton {
        let simpler = Proposal::new(shape, Some(values)).starting_at(fit.initial);
        return Some(Finished::Simpler(simpler));
    }
    // Signs or an order that the canonical form chose: error bars belong to the constants as they are reported.
    let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * (a.abs() + b.abs());
    let fit = match values.iter().zip(&fit.constants).all(same) {
        true => fit,
        false => shooter.fit(&values, &fit.initial, &[], 0)?,
    };
    let (errors, covariance) = uncertainty(problem, values.len(), shooter, &fit);
    let sharpness = sharpness(problem, &fit.leftover.sse, scales(&shape));
    let law = system.to_system();
    Some(Finished::Fit(Box::new(Refined {
        oddities: Oddities::of(problem, law.rhs()),
        system,
        skeleton: shape,
        constants: values,
        r2: r2(problem, &fit.leftover.sse, &fit.initial, |u, times| {
            shooter.solve(&fit.constants, u, times)
        })?,
        bic: bic(problem, &fit.leftover.deviance, shooter.parameters()),
        sharpness,
        exact: Exact::default(),
        parameters: shooter.parameters(),
        initial: fit.initial,
        errors,
        covariance,
        sse: fit.leftover.sse,
    })))
}

/// Constants of a law of which nothing is fitted yet: those that were proposed, or those with which the integral form matches
/// the data best.
pub(crate) fn first_start(
    problem: &Problem,
    law: &Law,
    proposed: Option<&[f64]>,
) -> Option<Vec<f64>> {
    let matched = || {
        matches(problem, law, None, Thoroughness::USUAL)
            .into_iter()
            .next()
    };
    usable(law, proposed).map(<[f64]>::to_vec).or_else(matched)
}

/// Proposed constants, where they are ones of this law.
fn usable<'a>(law: &Law, proposed: Option<&'a [f64]>) -> Option<&'a [f64]> {
    proposed.filter(|c| c.len() == law.constants() && c.iter().all(|v| v.is_finite()))
}

/// Constants with which the integral form matches the data, best first: each equation's, combined by rank.
fn matches(
    problem: &Problem,
    law: &Law,
    proposal: Option<&[f64]>,
    thoroughness: Thoroughness,
) -> Vec<Vec<f64>> {
    let mut matches = Vec::new();
    for state in 0..law.dimension() {
        if let Some(integral) = Integral::new(problem, law, state) {
            matches.push(integral.search(law.constants(), proposal, thoroughness));
        }
    }
    let most = matches.iter().map(Vec::len).max().unwrap_or(0);
    let mut starts = Vec::new();
    if matches.iter().all(|list| !list.is_empty()) {
        for rank in 0..most {
            // Slots of different equations are disjoint, so the parts add up.
            let mut start = vec![0.0; law.constants()];
            for list in &matches {
                if let Some(part) = list.get(rank).or(list.first()) {
                    for (sum, value) in start.iter_mut().zip(&part.constants) {
                        *sum += value;
                    }
                }
            }
            starts.push(start);
        }
    }
    starts
}

/// Where a fit starts: constants and initial states.
struct Start {
    constants: Vec<f64>,
    initial: Vec<Vec<f64>>,
}

/// The proposal's own start if it is where another fit ended; or else the integral form's matches, and the constants of the
/// proposal, from where the smoothed curves begin.
fn starts(
    problem: &Problem,
    law: &Law,
    shooter: &Shooter,
    proposal: &Proposal,
    effort: Effort,
) -> Vec<Start> {
    let smoothed = shooter.smoothed_initial();
    if !smoothed.iter().flatten().all(|u| u.is_finite()) {
        return Vec::new();
    }
    let own = usable(law, proposal.constants.as_deref());
    let fits = |initial: &&Vec<Vec<f64>>| {
        let sizes = initial.iter().map(Vec::len);
        sizes.eq(smoothed.iter().map(Vec::len))
    };
    if let (Some(constants), Some(initial)) = (own, proposal.initial.as_ref().filter(fits)) {
        return vec![Start {
            constants: constants.to_vec(),
            initial: initial.clone(),
        }];
    }
    let thoroughness = match effort {
        Effort::Brief => Thoroughness::BRIEF,
        _ => Thoroughness::USUAL,
    };
    let all = matches(problem, law, own, thoroughness).into_iter();
    all.chain(own.map(<[f64]>::to_vec))
        .map(|constants| Start {
            constants,
            initial: smoothed.clone(),
        })
        .collect()
}

/// Residuals' standard deviations, one a state, up to which a fit is at the level of the noise.
pub(crate) fn levels(problem: &Problem) -> Vec<f64> {
    let each = problem.noise().iter().map(|n| n.deviation);
    let most = each.clone().fold(0.0, f64::max);
    each.map(|deviation| 1.4 * deviation.max(0.3 * most).max(5.0 * FLOOR))
        .collect()
}

fn best_fit(
    problem: &Problem,
    law: &Law,
    shooter: &mut Shooter,
    proposal: &Proposal,
    effort: Effort,
) -> Option<Fit> {
    if effort == Effort::None {
        let start = first_start(problem, law, proposal.constants.as_deref())?;
        return shooter.fit(&start, &shooter.smoothed_initial(), &[], 0);
    }
    let starts = starts(problem, law, shooter, proposal, effort);
    let mut order: Vec<(f64, usize)> = starts
        .iter()
        .enumerate()
        .map(|(i, start)| (shooter.cost(&start.constants, &start.initial), i))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Good: at the level of the noise, and following the data, as the noise may be overrated.
    let spread = problem.spread();
    let levels = levels(problem);
    let follows = |fit: &Fit| {
        let found = fit.deviations(problem);
        found
            .iter()
            .zip(&spread)
            .all(|(found, spread)| *found < 0.3 * spread)
    };
    let good = |fit: &Fit| {
        let found = fit.deviations(problem);
        follows(fit)
            && found
                .iter()
                .zip(&levels)
                .all(|(found, level)| found < level)
    };
    let most = match effort {
        Effort::Brief => BRIEF,
        _ => EVALUATIONS,
    };
    let mut best: Option<Fit> = None;
    let better = |best: &mut Option<Fit>, fit: Option<Fit>| {
        if let Some(fit) = fit
            && best
                .as_ref()
                .is_none_or(|b| fit.leftover.order < b.leftover.order)
        {
            *best = Some(fit);
        }
    };
    for (cost, i) in &order {
        if cost.is_finite()
            && let Some(start) = starts.get(*i)
        {
            better(&mut best, attempt(problem, shooter, start, &[0.0], most));
        }
        if best.as_ref().is_some_and(good) {
            break;
        }
    }
    if best.is_none() && proposal.initial.is_some() {
        // Where the other fit ended there is no way on.
        let anew = Proposal::new(proposal.skeleton.clone(), proposal.constants.clone());
        return best_fit(problem, law, shooter, &anew, effort);
    }
    let lost = match &best {
        _ if effort == Effort::Brief => false,
        None => true,
        Some(fit) => problem.dimension() > 1 && effort != Effort::Starts && !good(fit),
    };
    if lost {
        if best.is_none() || effort == Effort::Insisting {
            shooter.insist();
        }
        let pulled = match problem.dimension() {
            1 => starts.len(),
            _ => PULLED_OF_SYSTEMS,
        };
        for start in starts.iter().take(pulled) {
            better(&mut best, attempt(problem, shooter, start, &PULLS, most));
            if best.as_ref().is_some_and(follows) {
                break;
            }
        }
    }
    let fit = best?;
    // Each state's own residuals decide its weight from here on.
    if !problem.is_weighed_by_residuals() {
        return Some(fit);
    }
    shooter.weigh(problem.last_deviations(&fit.leftover.sse));
    shooter
        .fit(&fit.constants, &fit.initial, &[0.0], most / 2)
        .or(Some(fit))
}

/// A fit from a start; by a robust loss, until it is weighed by its own residuals.
fn attempt(
    problem: &Problem,
    shooter: &mut Shooter,
    start: &Start,
    strengths: &[f64],
    evaluations: usize,
) -> Option<Fit> {
    shooter.weigh_for(&start.constants, &start.initial);
    let fit = shooter.fit(&start.constants, &start.initial, strengths, evaluations)?;
    Some(steady(problem, shooter, fit, evaluations / 2))
}

/// The fit repeated until it is weighed by its own residuals, where it is one by a robust loss.
fn steady(problem: &Problem, shooter: &mut Shooter, fit: Fit, evaluations: usize) -> Fit {
    let first = shooter.deviations().to_vec();
    let again = |fit: &Fit, own: &[f64]| {
        shooter.weigh(own.to_vec());
        shooter.fit(&fit.constants, &fit.initial, &[0.0], evaluations)
    };
    problem.until_steady(fit, &first, |fit| &fit.leftover, again)
}

/// Standard errors and covariance of the first `p` fitted numbers, the constants, from the weighted Jacobian.
/// Residuals below the resolution count as that: they are the integrator's, not the data's.
fn uncertainty(
    problem: &Problem,
    p: usize,
    shooter: &Shooter,
    fit: &Fit,
) -> (Vec<Option<f64>>, Option<DMatrix<f64>>) {
    let all = fit.jacobian.ncols();
    let floor = shooter
        .deviations()
        .iter()
        .map(|d| RESOLUTION / d)
        .fold(0.0, f64::max);
    let variance = problem
        .residual_variance(&fit.leftover, all)
        .max(floor * floor);
    let Inverse {
        matrix, unknown, ..
    } = Inverse::new(fit.jacobian.clone(), &[]);
    let covariance = DMatrix::from_fn(p, p, |i, j| variance * matrix[(i, j)]);
    let errors = unknown.iter().zip(&fit.constants).enumerate();
    let errors: Vec<Option<f64>> = errors
        .map(|(i, (unknown, constant))| {
            let error = covariance[(i, i)].sqrt();
            (!unknown && error < OPEN * constant.abs().max(1.0)).then_some(error)
        })
        .collect();
    let complete = errors.iter().all(Option::is_some);
    (errors, complete.then_some(covariance))
}
