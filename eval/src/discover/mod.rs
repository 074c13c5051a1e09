//! Propose, refine, rank: from trajectories to laws in the units of the data.
//!
//! The order of things is [`discover`]'s, here. Who proposed what is kept in `origins`, which has the network asked on a thread
//! of its own while the first fits are made; `recombine` puts systems together
//! from equations that `equation` judges apart and that take over one another's terms in `words`. The fits and their
//! weights are in `search`; `separation` cuts runs that no solution can follow; `sharpen` draws the smoothed curves again along
//! a law that nearly follows clean data; `variants` makes simpler relatives of the best,
//! `neighbours` those that the data ask for; `reweigh` learns the noise from what the best law leaves over, `misfit` whether
//! it leaves over a pattern. `belief` makes probabilities of the weights, `representative` chooses the law to name first, and
//! `candidate` puts a fit into the units of the data.

pub mod angles;
mod belief;
mod candidate;
pub(crate) mod combine;
mod equation;
mod misfit;
mod neighbours;
mod origins;
pub mod poles;
pub mod prior;
pub mod rank;
mod recombine;
mod representative;
mod reweigh;
mod search;
mod separation;
mod sharpen;
mod straight;
mod variants;
pub mod without;
mod words;

use std::time::{Duration, Instant};

use crate::discover::without::Part;
use crate::error::Error;
use crate::fit::refine::Refined;
use crate::propose::filter::Filter;
use crate::propose::guess::{self, Guess};
use crate::propose::proposer::Proposer;
use crate::series::problem::Problem;

use belief::Belief;
use candidate::restored;
pub use candidate::{Candidate, Constant};
use origins::{Gathered, Origins, Proposals, ask, ask_again, gather};
use search::{EARLY_SEEDING, SEEDING, Search, VARYING};

/// An R² below this is no explanation.
pub(crate) const EXPLAINED: f64 = 0.5;

/// Share of the time, proposing included, until which equations of systems are judged apart.
const JUDGING: f64 = 0.3;

/// Seeds of systems that are fitted before curves are drawn along the best law.
const FIRST: usize = 48;

/// Rounds of variants; each is made of the best laws after the one before.
const ROUNDS: usize = 3;

/// How to search.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Candidates returned, at most.
    pub top: usize,
    /// Cap on the time of the search, proposing included, in seconds. Where it is not reached, the result depends only on the
    /// data and the other options.
    pub seconds: f64,
    /// Whether variants and neighbours of the best candidates are tried.
    pub local: bool,
    /// Which laws may be proposed.
    pub filter: Filter,
    /// Parts that are left out, to measure what they are worth.
    pub without: Vec<Part>,
    /// Laws of the user, fitted in their own form and listed whatever their rank; the filter is not for them.
    pub guesses: Vec<Guess>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            top: 10,
            seconds: 10.0,
            local: true,
            filter: Filter::default(),
            without: Vec::new(),
            guesses: Vec::new(),
        }
    }
}

/// What a search found, and what it could not do.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Laws, the one to name first first; the order is not only by probability (docs/ranking.md).
    pub candidates: Vec<Candidate>,
    /// Probability that none of the laws is right, by the pattern that the best one leaves over; together with
    /// the posteriors of all laws it makes 1.
    pub none: f64,
    /// Proposers that failed and why, a cap that was reached.
    pub warnings: Vec<String>,
    /// Laws that were refined.
    pub refined: usize,
    /// Whether the time was over before the search was: then the result depends on the machine.
    pub late: bool,
    /// What the laws were fitted to: the problem that was given, its runs in pieces if solutions separate too fast to be
    /// followed, weighed by the noise that was found last.
    pub problem: Problem,
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
    let begin = Instant::now();
    let end = begin + Duration::from_secs_f64(limit);
    let without = |part| options.without.contains(&part);
    let unweighted = without(Part::Weights).then(|| problem.additive());
    let problem = unweighted.as_ref().unwrap_or(problem);
    let mut warnings = Vec::new();
    let judged = begin + Duration::from_secs_f64(JUDGING * limit);
    let mut search = Search::new(problem, end, options);
    search.allow(EARLY_SEEDING);
    let mut origins = Origins::new();
    let meanwhile = |lists: &Proposals| {
        // Of one state: runs of more may yet be cut in pieces.
        if problem.dimension() == 1 {
            let early = gather(problem, lists.clone(), options, judged);
            search.refine_early(problem, early, &mut origins);
        }
    };
    let mut lists = ask(problem, proposers, &mut warnings, meanwhile)?;
    let mut gathered = gather(problem, lists.clone(), options, judged);
    let cut = separation::in_pieces(problem, &gathered.proposals);
    let problem = cut.as_ref().unwrap_or(problem);
    if cut.is_some() {
        // The smoothed curves, too, tell more of short pieces than of a long run.
        let judged = judged + (judged - begin);
        let late = gathered.late;
        gathered = judge_again(problem, proposers, &mut lists, options, judged);
        gathered.late |= late;
    }
    // Who proposed is known now; of what fits turned out to be, since they were made.
    let before = std::mem::replace(&mut origins, gathered.origins);
    for (skeleton, sources) in before {
        origins.entry(skeleton).or_insert(sources);
    }
    if problem.dimension() > 1 {
        // Nothing was fitted yet; shares of the time are of what is left.
        search = Search::new(problem, end, options);
    }
    search.allow(if options.local { SEEDING } else { VARYING });
    let mut late = gathered.late;
    let sharpens = options.local && problem.dimension() > 1 && sharpen::is_worth_it(problem);
    let first = if sharpens { FIRST } else { 0 };
    let (first, others) = gathered
        .proposals
        .split_at(first.min(gathered.proposals.len()));
    if sharpens {
        search.refine_until_enough(problem, first, &mut origins);
        let mut before = f64::INFINITY;
        while let Some((sharper, left)) = search.sharpened(problem, before) {
            before = left;
            let judged = search.within(JUDGING);
            let again = judge_again(&sharper, proposers, &mut lists, options, judged);
            late |= again.late;
            search.refine_fresh(&sharper, again, &mut origins);
        }
    }
    if !sharpens || !search.is_exact(problem) {
        search.refine_until_enough(problem, others, &mut origins);
    }
    if !search.follows(problem) {
        search.refine_until_enough(problem, &gathered.others, &mut origins);
    }
    search.insists = problem.dimension() > 1 && !search.explains(problem);
    if search.insists {
        search.refine_until_enough(problem, &gathered.proposals, &mut origins);
        search.refine_until_enough(problem, &gathered.others, &mut origins);
    }
    search.allow(VARYING);
    if options.local {
        for _ in 0..ROUNDS {
            let fresh = search.variants(problem);
            if fresh.is_empty() {
                break;
            }
            search.refine_all(problem, &fresh, &mut origins);
            search.visit_neighbours(problem, &mut origins);
        }
    }
    search.allow(1.0);
    let lists = [gathered.proposals.as_slice(), &gathered.others];
    let more = Duration::from_secs_f64(limit);
    search.rescue(problem, lists.into_iter(), more, &mut origins);
    let refined = search.done.len();
    let reweighed = search.reweigh(problem, &mut origins);
    let problem = &reweighed;
    search.discount(problem);
    if !without(Part::Refinement) {
        search.polish(problem, &[]);
        if options.local {
            // To the last digit, more constants turn out to be 0.
            let fresh = search.variants(problem);
            search.refine_all(problem, &fresh, &mut origins);
            search.polish(problem, &fresh);
        }
        if !without(Part::Sizes) {
            search.settle(problem);
        }
    }
    // The best law may be another one by now.
    search.discount(problem);
    late |= search.late;
    if late {
        warnings.push(format!(
            "the time limit of {} s ended the search before all candidates were refined",
            options.seconds
        ));
    }
    // Guesses are what the user wants to know, and have as long again.
    let later = Instant::now() + Duration::from_secs_f64(limit);
    let guessed = guess::fit_all(&options.guesses, problem, later, &mut warnings);
    let mut ranked = search.ranked();
    // Somebody thought of a guess, which is more than how short it is says for it: before the data it is at least as probable as
    // the best law.
    let best = ranked.first().map(|(_, best)| search.prior(best));
    guess::enter(&guessed, &mut ranked, |refined| {
        let own = search.prior(refined);
        search.weight_given(refined, best.map_or(own, |best| best.max(own)))
    });
    let first = ranked
        .first()
        .map(|(_, refined)| &refined.skeleton)
        .cloned();
    ranked.retain(|(_, refined)| refined.physical(problem).is_some());
    let best = ranked.first().map(|(_, refined)| *refined);
    if best.map(|refined| &refined.skeleton) != first.as_ref() {
        warnings.push(
            "the most probable law has constants too large or too small for numbers: choose other units"
                .to_string(),
        );
    }
    warnings.extend(best.and_then(doubt));
    let belief = Belief::new(problem, &ranked);
    let laws: Vec<&Refined> = ranked.iter().map(|(_, refined)| *refined).collect();
    let candidates = representative::order(problem, &laws, &belief.laws)
        .into_iter()
        .enumerate()
        .filter_map(|(rank, number)| {
            let refined = *laws.get(number)?;
            let guess = guessed.iter().find(|g| std::ptr::eq(&g.refined, refined));
            if rank >= options.top && guess.is_none() {
                return None;
            }
            let candidate = restored(problem, refined, &origins, *belief.laws.get(number)?)?;
            Some(candidate.in_form(guess))
        })
        .collect();
    Ok(Discovery {
        candidates,
        none: belief.none,
        warnings,
        refined,
        late,
        problem: reweighed,
    })
}

/// The proposals once more, after the smoothed curves have changed.
fn judge_again(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    lists: &mut Proposals,
    options: &Options,
    deadline: Instant,
) -> Gathered {
    ask_again(problem, proposers, lists);
    gather(problem, lists.clone(), options, deadline)
}

/// What a reader must know before believing the best law: that it explains little.
fn doubt(best: &Refined) -> Option<String> {
    (best.r2 < EXPLAINED).then(|| {
        format!(
            "no law explains these data: the best one has R² = {:.2}; a state may be unobserved (one state \
             alone cannot oscillate), the law may depend on time, or there may be only noise",
            best.r2
        )
    })
}
