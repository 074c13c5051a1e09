//! The fits of a search: refined in batches, the best one kept of each skeleton, ranked by their weights.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use nsode_parser::Skeleton;
use rayon::prelude::*;

use super::misfit::{lead, residuals, weighted};
use super::origins::{Gathered, Origins};
use crate::discover::rank::{UNDETERMINED, log_evidence};
use crate::discover::without::Part;
use crate::fit::proposal::Proposal;
use crate::fit::refine::{Effort, Refined, polish, refine, settle};
use crate::propose::filter::Filter;
use crate::propose::prior::log_prior;
use crate::propose::proposer::ProposerKind;
use crate::series::independence::clear_independence;
use crate::series::problem::Problem;

use super::Options;

/// Candidates of systems refined between looks at what was found. Fixed, so that results do not depend on the number
/// of threads. Fits of one state depend on nothing but whether a law is exact, and are done in larger batches, which keep
/// all threads busy.
const BATCH: usize = 16;
const BATCH_OF_ONE_STATE: usize = 48;

/// Best fits that are finished with full accuracy.
const POLISHED: usize = 40;

/// Fits in noise that are settled, at most: those that may be true, within so many nats of the best one.
const SETTLED: usize = 150;
const POSSIBLE: f64 = 12.0;

/// Seeds of laws of one state that are fitted whatever the first of them are like.
const FEWEST_SEEDS: usize = 240;

/// Seeds of laws of one state that are fitted while the network still proposes, at most: they would be among the first in
/// any case.
const EARLY: usize = 96;

/// Most constants an equation of an exact law that ends the search: with more of them another law can come as close, and
/// the true one may be among the proposals that are left.
const FEW: usize = 3;

/// The same of a perfect law: that close, to the last digit that residuals have, other laws come with more constants only.
const MANY: usize = 5;

/// Constants that differ by no more than this share are equal.
const EQUAL: f64 = 1e-5;

/// Residuals' standard deviation up to which it is worth finding out whether a law is exact.
const NEARLY: f64 = 1e-4;

/// Seeds of systems that are fitted in any case, of each list, unless a law is exact before: fits take ten times as long.
const FEWEST_OF_SYSTEMS: usize = 128;

/// Seeds that are fitted of those that were gathered along other curves.
const FRESH: usize = 48;

/// Laws whose neighbours are fitted after a batch of systems, at most, each of them one of so many best ones.
const VISITS: usize = 4;
const LEADERS: usize = 2;

/// Laws that are fitted with all effort whatever is known: the first of a system to explain the data may be a long one.
const RESCUED: usize = 48;

/// R² of a law from which it follows the data.
const FOLLOWS: f64 = 0.9;

/// Seeds between looks at whether they are enough.
const SLICE: usize = 48;

/// Shares of the time at which what comes next has its turn: after the proposals variants, after these the last digits.
pub(super) const EARLY_SEEDING: f64 = 0.3;
pub(super) const SEEDING: f64 = 0.6;
pub(super) const VARYING: f64 = 0.85;

/// Candidates that are refined between looks.
fn batch(problem: &Problem) -> usize {
    match problem.dimension() {
        1 => BATCH_OF_ONE_STATE,
        _ => BATCH,
    }
}

/// Whether it is worth finding out whether a law is exact.
fn is_nearly_exact(problem: &Problem, law: &Refined) -> bool {
    problem.deviations(&law.sse).iter().all(|d| *d < NEARLY)
}

/// How many constants are different: of those that come out equal without having to, one tells the others.
fn different(constants: &[f64]) -> usize {
    let mut known: Vec<f64> = Vec::new();
    for value in constants {
        if known
            .iter()
            .all(|other| (other - value).abs() > EQUAL * value.abs())
        {
            known.push(*value);
        }
    }
    known.len()
}

/// What was fitted so far, and how the fits are weighed.
pub(super) struct Search {
    begin: Instant,
    limit: Duration,
    /// When what is done now must end.
    deadline: Instant,
    /// Which laws may be fitted.
    pub filter: Filter,
    /// Observed cells.
    cells: usize,
    /// Factor on the log evidence, below 1 where residuals are no independent witnesses.
    share: f64,
    /// The best fit of each skeleton.
    pub done: HashMap<Skeleton, Refined>,
    /// Skeletons whose fit was tried, with success or without.
    pub attempted: HashSet<Skeleton>,
    /// Who proposed what.
    origins: Origins,
    /// The proposals that turned out to be a simpler law when they were fitted, by that law: the first one of each.
    simplified: HashMap<Skeleton, Skeleton>,
    /// What was fitted while the network still proposed, and from which constants.
    early: HashMap<Skeleton, Option<Vec<f64>>>,
    /// Laws whose neighbours were fitted, and those neighbours.
    visited: HashSet<Skeleton>,
    approached: HashSet<Skeleton>,
    /// Whether the deadline came before the end.
    pub late: bool,
    /// Whether a law was exact when it was last looked: from the early fits on, until the seeds are fitted.
    found_exact: bool,
    /// Whether fits are not given up before their end, for want of anything that follows the data.
    pub insists: bool,
    /// Whether variants and neighbours are tried.
    local: bool,
    /// What is left out.
    pub without: Vec<Part>,
}

impl Search {
    /// A search that begins now and takes until `end`.
    pub fn new(problem: &Problem, end: Instant, options: &Options) -> Search {
        let begin = Instant::now();
        Search {
            begin,
            limit: end.saturating_duration_since(begin),
            deadline: end,
            filter: options.filter.clone(),
            found_exact: false,
            insists: false,
            local: options.local,
            without: options.without.clone(),
            cells: problem.observed(),
            share: 1.0,
            done: HashMap::new(),
            attempted: HashSet::new(),
            origins: Origins::new(),
            simplified: HashMap::new(),
            early: HashMap::new(),
            visited: HashSet::new(),
            approached: HashSet::new(),
            late: false,
        }
    }

    /// Who proposed a law, or what it turned out to be a simpler case of; nobody is the search itself.
    pub fn sources(&self, skeleton: &Skeleton) -> Vec<ProposerKind> {
        let own = self.origins.get(skeleton);
        let parent = || self.origins.get(self.simplified.get(skeleton)?);
        own.or_else(parent)
            .cloned()
            .unwrap_or_else(|| vec![ProposerKind::Local])
    }

    /// Fits the proposals, as many as the time allows.
    pub fn refine_all(&mut self, problem: &Problem, proposals: &[Proposal]) {
        let admitted = proposals.iter().filter(|s| self.filter.admits(&s.skeleton));
        let admitted: Vec<&Proposal> = admitted.collect();
        for batch in admitted.chunks(batch(problem)) {
            if Instant::now() >= self.deadline {
                self.late = true;
                return;
            }
            let effort = match self.explains(problem) {
                _ if self.without.contains(&Part::Refinement) => Effort::None,
                _ if self.found_exact => Effort::Brief,
                true if self.attempted.len() < RESCUED => Effort::Whole,
                true => Effort::Starts,
                false if self.insists => Effort::Insisting,
                false => Effort::Whole,
            };
            let end = Some(self.end());
            let found = self.in_time(batch, |proposal| refine(problem, proposal, effort, end));
            self.late |= found.iter().any(Option::is_none) || self.is_over();
            self.attempted
                .extend(batch.iter().map(|proposal| proposal.skeleton.clone()));
            for (proposal, refined) in batch.iter().zip(found) {
                let Some(refined) = refined.flatten() else {
                    continue;
                };
                let parent = self.simplified.get(&proposal.skeleton).cloned();
                let proposed = self.origins.contains_key(&proposal.skeleton);
                if let Some(parent) = parent.or(proposed.then(|| proposal.skeleton.clone())) {
                    let simpler = self.simplified.entry(refined.skeleton.clone());
                    simpler.or_insert(parent);
                }
                self.keep(refined);
            }
        }
    }

    /// When the time is over, also for a fit that has begun.
    fn end(&self) -> Instant {
        self.begin + self.limit
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.end()
    }

    /// What everybody proposed, once that is known.
    pub fn know(&mut self, origins: Origins) {
        self.origins = origins;
    }

    /// Begins now, with the time that is left.
    pub fn restart(&mut self) {
        let end = self.end();
        self.begin = Instant::now();
        self.limit = end.saturating_duration_since(self.begin);
        self.deadline = end;
    }

    /// When so much of the whole time is over.
    pub fn at(&self, share: f64) -> Instant {
        self.begin + self.limit.mul_f64(share)
    }

    /// Lets what follows take until this share of the time is over.
    pub fn allow(&mut self, share: f64) {
        self.deadline = self.at(share);
    }

    /// The earlier one of the deadline and of `share` of the whole time from now.
    pub fn within(&self, share: f64) -> Instant {
        self.deadline
            .min(Instant::now() + self.limit.mul_f64(share))
    }

    /// Fits the first proposals of those that need no network, which still computes.
    pub fn refine_early(&mut self, problem: &Problem, gathered: Gathered) {
        let mut early = gathered.proposals;
        early.truncate(EARLY);
        self.origins = gathered.origins;
        for batch in early.chunks(batch(problem)) {
            self.refine_all(problem, batch);
            if self.late {
                // The others have their turn all the same.
                self.late = self.is_over();
                return;
            }
            let each = batch.iter();
            let each = each.map(|p| (p.skeleton.clone(), p.constants.clone()));
            self.early.extend(each);
            self.found_exact = self.is_exact(problem);
        }
    }

    /// Whether a proposal was not fitted early, or may come to more from its own constants than it did.
    fn is_open(&self, problem: &Problem, proposal: &Proposal) -> bool {
        let Some(start) = self.early.get(&proposal.skeleton) else {
            return true;
        };
        let known = self.done.get(&proposal.skeleton);
        *start != proposal.constants && !known.is_some_and(|fit| fit.reaches_noise(problem))
    }

    /// Fits the proposals in their order until they or the time are over, or more of them would bring nothing: the best
    /// law leaves nothing to explain, or nothing but noise.
    pub fn refine_until_enough(&mut self, problem: &Problem, proposals: &[Proposal]) {
        let system = problem.dimension() > 1;
        let fewest = match system {
            true => FEWEST_OF_SYSTEMS,
            false => FEWEST_SEEDS,
        };
        let (first, others) = proposals.split_at(fewest.min(proposals.len()));
        'slices: for slice in std::iter::once(first).chain(others.chunks(SLICE)) {
            let open = slice.iter().filter(|p| self.is_open(problem, p));
            let open: Vec<Proposal> = open.cloned().collect();
            for batch in open.chunks(batch(problem)) {
                self.refine_all(problem, batch);
                if system && self.local {
                    self.visit_neighbours(problem);
                    self.prune(problem);
                }
                self.found_exact = self.is_exact(problem);
                if self.late || (system && self.found_exact) {
                    break 'slices;
                }
            }
            if self.is_enough(problem) {
                break;
            }
        }
        self.found_exact = false;
    }

    /// Fits the first of what was gathered along other curves, as far as it is new.
    pub fn refine_fresh(&mut self, problem: &Problem, gathered: Gathered) {
        let mut fresh = gathered.proposals;
        fresh.retain(|proposal| !self.attempted.contains(&proposal.skeleton));
        fresh.truncate(FRESH);
        for (skeleton, sources) in gathered.origins {
            self.origins.entry(skeleton).or_insert(sources);
        }
        self.refine_until_enough(problem, &fresh);
    }

    /// Where the time was over before anything was fitted, takes until `more` from now for the first law that can be.
    pub fn rescue(&mut self, problem: &Problem, gathered: &Gathered, more: Duration) {
        self.allow(1.0);
        if !self.late || !self.done.is_empty() {
            return;
        }
        self.limit = self.begin.elapsed() + more;
        self.allow(1.0);
        let lists = [&gathered.proposals, &gathered.others].into_iter();
        for batch in lists.flat_map(|proposals| proposals.chunks(BATCH)) {
            if !self.done.is_empty() || self.is_over() {
                break;
            }
            self.refine_all(problem, batch);
        }
        // For no more than that.
        self.limit = self.begin.elapsed();
        self.allow(1.0);
    }

    /// Fits the shapes that the data ask for near the best laws, of systems that are not nearly exact. What was fitted
    /// before is fitted again, once, from there, if it is not as good as the law that it is near: it may have got stuck.
    pub fn visit_neighbours(&mut self, problem: &Problem) {
        let without = |part| self.without.contains(&part);
        if problem.dimension() == 1 || without(Part::Refinement) || without(Part::Neighbours) {
            return;
        }
        for _ in 0..VISITS {
            let ranked = self.ranked();
            let mut best = ranked.iter().take(LEADERS).map(|(_, fit)| *fit);
            let Some(best) = best.find(|fit| !self.visited.contains(&fit.skeleton)) else {
                return;
            };
            if is_nearly_exact(problem, best) {
                return;
            }
            if Instant::now() >= self.deadline {
                self.late = true;
                return;
            }
            let parent = best.clone();
            self.visited.insert(parent.skeleton.clone());
            let mut near = self.neighbours(problem, &parent);
            near.retain(|proposal| {
                let known = self.done.get(&proposal.skeleton);
                let open = known.is_none_or(|fit| fit.bic > parent.bic);
                open && self.approached.insert(proposal.skeleton.clone())
            });
            self.refine_all(problem, &near);
        }
    }

    /// Leaves out what the best law has too much, if it is nearly exact: with terms of almost nothing it is no reason to
    /// stop, and all other fits would be in vain.
    fn prune(&mut self, problem: &Problem) {
        let nearly = self.ranked().first().is_some_and(|(_, best)| {
            let many = best.constants.len() > FEW * problem.dimension();
            many && is_nearly_exact(problem, best)
        });
        if nearly {
            let fresh = self.variants_of(problem, 1);
            self.refine_all(problem, &fresh);
        }
    }

    /// Whether a law is known that leaves nothing but noise.
    pub fn explains(&self, problem: &Problem) -> bool {
        self.done.values().any(|fit| fit.reaches_noise(problem))
    }

    /// Whether a law is known that leaves nothing but noise, and not because everything was taken for noise.
    pub fn follows(&self, problem: &Problem) -> bool {
        let mut fits = self.done.values();
        fits.any(|fit| fit.r2 > FOLLOWS && fit.reaches_noise(problem))
    }

    fn is_enough(&self, problem: &Problem) -> bool {
        let ranked = self.ranked();
        let Some((_, best)) = ranked.first() else {
            return false;
        };
        if best.is_noisy(problem) {
            let pattern = residuals(problem, best).map(|all| lead(&weighted(problem, &all)));
            return pattern.is_some_and(|lead| lead < 0.0);
        }
        self.found_exact
    }

    /// Whether the best law is exact with few constants, or perfect with more, and has a value wherever the states may be.
    pub fn is_exact(&self, problem: &Problem) -> bool {
        let ranked = self.ranked();
        let Some((_, best)) = ranked.first() else {
            return false;
        };
        let each = different(&best.constants).div_ceil(problem.dimension());
        if each > MANY || best.oddities.poles > 0.0 || !is_nearly_exact(problem, best) {
            return false;
        }
        polish(problem, best, Some(self.end())).is_some_and(|best| match each > FEW {
            true => best.is_perfect(problem),
            false => best.is_exact(problem),
        })
    }

    /// Finishes the best fits, and those of `also`, with full accuracy, where data are clean enough for it to matter.
    pub fn polish(&mut self, problem: &Problem, also: &[Proposal]) {
        let ranked = self.ranked();
        if ranked
            .first()
            .is_none_or(|(_, best)| best.is_noisy(problem))
        {
            return;
        }
        let mut best: Vec<&Refined> = ranked.iter().map(|(_, fit)| *fit).collect();
        best.truncate(POLISHED);
        for proposal in also {
            best.extend(self.done.get(&proposal.skeleton));
        }
        let end = Some(self.end());
        let polished = self.in_time(&best, |fit| polish(problem, fit, end));
        self.late |= polished.iter().any(Option::is_none) || self.is_over();
        // In place of the rough fit also where its residuals are larger: those were of a rough solution.
        for fit in polished.into_iter().flatten().flatten() {
            self.replace(fit);
        }
    }

    /// In noise, finds the most probable constants of the laws that may be true, where the most likely ones were found.
    pub fn settle(&mut self, problem: &Problem) {
        let ranked = self.ranked();
        let Some((top, best)) = ranked.first() else {
            return;
        };
        if !best.is_noisy(problem) {
            return;
        }
        let possible = ranked
            .iter()
            .take_while(|(weight, _)| top - weight < POSSIBLE);
        let possible: Vec<&Refined> = possible.map(|(_, fit)| *fit).take(SETTLED).collect();
        // What follows a law no better than real series often do follows no exact one.
        let exact = self.share == 1.0 && !self.without.contains(&Part::Exact);
        let end = Some(self.end());
        let settled = self.in_time(&possible, |fit| settle(problem, fit, exact, end));
        self.late |= settled.iter().any(Option::is_none) || self.is_over();
        for fit in settled.into_iter().flatten().flatten() {
            self.replace(fit);
        }
    }

    /// What `work` makes of each of `all`; `None` for those that the deadline came before.
    fn in_time<A: Sync, B: Send>(
        &self,
        all: &[A],
        work: impl Fn(&A) -> B + Sync,
    ) -> Vec<Option<B>> {
        let deadline = self.deadline;
        let each = all.par_iter();
        each.map(|one| (Instant::now() < deadline).then(|| work(one)))
            .collect()
    }

    /// Keeps a fit, unless there is a better one of its skeleton.
    fn keep(&mut self, refined: Refined) {
        match self.done.get(&refined.skeleton) {
            Some(other) if other.bic <= refined.bic => {}
            _ => self.replace(refined),
        }
    }

    /// Keeps a fit in place of that of its skeleton.
    fn replace(&mut self, refined: Refined) {
        let (skeleton, constants) = (&refined.skeleton, &refined.constants);
        if self.filter.admits_fitted(skeleton, constants) {
            self.done.insert(skeleton.clone(), refined);
        }
    }

    /// From here on evidence counts as what the best law leaves over is independent: noise of an instrument mostly is,
    /// what a law of few states leaves of a real system is not.
    pub fn discount(&mut self, problem: &Problem) {
        let share = match self.ranked().first() {
            Some((_, best)) if best.is_noisy(problem) => {
                residuals(problem, best).map(|all| clear_independence(&weighted(problem, &all)))
            }
            _ => None,
        };
        self.share = share.unwrap_or(1.0);
    }

    /// Logarithm of the probability of a fit's law before the data.
    pub fn prior(&self, refined: &Refined) -> f64 {
        match self.without.contains(&Part::Prior) {
            true => 0.0,
            false => log_prior(&refined.skeleton) - refined.oddities.cost(),
        }
    }

    /// Logarithm of a fit's posterior weight.
    pub fn weight(&self, refined: &Refined) -> f64 {
        self.weight_given(refined, self.prior(refined))
    }

    /// The same with another prior.
    pub fn weight_given(&self, refined: &Refined, prior: f64) -> f64 {
        let vague = refined.errors.iter().filter(|e| e.is_none()).count() as f64;
        let evidence = log_evidence(refined.bic, refined.parameters, self.cells);
        prior + self.share * evidence + refined.exact.odds
            - refined.sharpness
            - UNDETERMINED * vague
    }

    /// Fits with their log-weights, best first.
    pub fn ranked(&self) -> Vec<(f64, &Refined)> {
        let mut ranked: Vec<(f64, &Refined)> = self
            .done
            .values()
            .map(|refined| (self.weight(refined), refined))
            .filter(|(weight, _)| weight.is_finite())
            .collect();
        ranked.sort_by(|a, b| {
            b.0.total_cmp(&a.0)
                .then_with(|| a.1.skeleton.cmp(&b.1.skeleton))
        });
        ranked
    }
}
