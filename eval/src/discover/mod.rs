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

mod belief;
mod candidate;
mod equation;
mod misfit;
mod neighbours;
mod origins;
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
use crate::propose::guess::{self, Guess, Guessed};
use crate::propose::proposer::Proposer;
use crate::series::problem::Problem;

use belief::Belief;
pub use belief::Doubt;
pub use candidate::Candidate;
use candidate::restored;
use origins::{Gathered, Proposals, ask, ask_again, gather};
use search::{EARLY_SEEDING, SEEDING, Search, VARYING};

/// Longest search, in seconds.
const LONGEST: f64 = 1e9;

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
    /// Time of the search, in seconds: the proposers' counts, but they are not interrupted. Where nothing was fitted by then, the
    /// search has as long again for the first law, and so have the guesses in any case. Where the time suffices, the result depends
    /// only on the data and the other options.
    pub seconds: f64,
    /// Whether variants and neighbours of the best candidates are tried.
    pub local: bool,
    /// Which laws may be proposed.
    pub filter: Filter,
    /// Parts that are left out, to measure what they are worth.
    pub without: Vec<Part>,
    /// Probability, before any data, that noise of 5 % hides a part of the law, so that nobody proposes it; that other noise does is
    /// told by it. At least 0 and below 1; 0 for laws as people write them, 0.64 for those that the generator draws (docs/ranking.md).
    pub hidden: f64,
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
            hidden: 0.0,
            guesses: Vec::new(),
        }
    }
}

impl Options {
    /// Whether a part of the search is left out.
    fn leaves_out(&self, part: Part) -> bool {
        self.without.contains(&part)
    }
}

/// What a search found, and what it could not do.
#[derive(Clone, Debug)]
pub struct Discovery {
    /// Laws, the one to name first first; the order is not only by probability (docs/ranking.md).
    pub candidates: Vec<Candidate>,
    /// Probability that none of the laws is right; together with the posteriors of all laws it makes 1.
    pub none: f64,
    /// Why mostly; nothing where there is no doubt.
    pub doubt: Option<Doubt>,
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
/// The error of a proposer, if all fail; that of a network that is not there, in any case.
pub fn discover(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    options: &Options,
) -> Result<Discovery, Error> {
    let seconds = match options.seconds.is_finite() {
        true => options.seconds.clamp(0.0, LONGEST),
        false => LONGEST,
    };
    let limit = Duration::from_secs_f64(seconds);
    let unweighted = options.leaves_out(Part::Weights);
    let unweighted = unweighted.then(|| problem.additive());
    let problem = unweighted.as_ref().unwrap_or(problem);
    let mut warnings = Vec::new();
    let mut search = Search::new(problem, Instant::now() + limit, options);
    let mut proposed = propose(problem, proposers, options, &mut search, &mut warnings)?;
    let cut = proposed.cut.take();
    let problem = cut.as_ref().unwrap_or(problem);
    seed(problem, proposers, options, &mut search, &mut proposed);
    if options.local {
        vary(problem, &mut search);
    }
    search.rescue(problem, &proposed.gathered, limit);
    let refined = search.done.len();
    let mut problem = finish(problem, options, &mut search);
    let late = search.late || proposed.late;
    if late {
        warnings.push(format!(
            "the time limit of {} s cut the search short: with more, more candidates would have been refined",
            options.seconds
        ));
    }
    // Guesses are what the user wants to know, and have as long again.
    let later = Instant::now() + limit;
    let mut guessed = guess::fit_all(&options.guesses, &problem, later, &mut warnings);
    let best = guessed.iter().map(|guess| &guess.refined);
    let best = best.min_by(|a, b| a.criterion().total_cmp(&b.criterion()));
    if let Some(reweighed) = best.and_then(|best| search.reweighed_by(&problem, best)) {
        problem = reweighed;
        guessed = guess::fit_all(&options.guesses, &problem, later, &mut Vec::new());
    }
    let (candidates, none, doubt) = answer(&problem, options, &search, &guessed, &mut warnings);
    Ok(Discovery {
        candidates,
        none,
        doubt,
        warnings,
        refined,
        late,
        problem,
    })
}

/// What was proposed, and how it was put together.
struct Proposed {
    /// By each proposer.
    lists: Proposals,
    /// In the order in which it is to be fitted.
    gathered: Gathered,
    /// The problem with its runs in pieces, where no solution can follow them.
    cut: Option<Problem>,
    /// Whether the time was over before all equations were looked at.
    late: bool,
}

/// Asks everybody. Of one state, the first proposals are fitted while the network computes: runs of more may yet be cut in
/// pieces.
fn propose(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    options: &Options,
    search: &mut Search,
    warnings: &mut Vec<String>,
) -> Result<Proposed, Error> {
    let judged = search.at(JUDGING);
    search.allow(EARLY_SEEDING);
    let meanwhile = |lists: &Proposals| {
        if problem.dimension() == 1 {
            let early = gather(problem, lists.clone(), options, judged);
            search.refine_early(problem, early);
        }
    };
    let mut lists = ask(problem, proposers, warnings, meanwhile)?;
    let mut gathered = gather(problem, lists.clone(), options, judged);
    let mut late = gathered.late;
    let cut = separation::in_pieces(problem, &gathered.proposals);
    if let Some(cut) = &cut {
        // The smoothed curves, too, tell more of short pieces than of a long run.
        gathered = judge_again(
            cut,
            proposers,
            &mut lists,
            options,
            search.at(2.0 * JUDGING),
        );
        late |= gathered.late;
    }
    search.know(std::mem::take(&mut gathered.origins));
    if problem.dimension() > 1 {
        // Nothing was fitted yet; shares of the time are of what is left.
        search.restart();
    }
    Ok(Proposed {
        lists,
        gathered,
        cut,
        late,
    })
}

/// Fits the proposals, until they are enough.
fn seed(
    problem: &Problem,
    proposers: &[Box<dyn Proposer>],
    options: &Options,
    search: &mut Search,
    proposed: &mut Proposed,
) {
    search.allow(if options.local { SEEDING } else { VARYING });
    let sharpens = options.local && problem.dimension() > 1 && sharpen::is_worth_it(problem);
    let Gathered {
        proposals, others, ..
    } = &proposed.gathered;
    let first = if sharpens { FIRST } else { 0 };
    let (first, rest) = proposals.split_at(first.min(proposals.len()));
    if sharpens {
        search.refine_until_enough(problem, first);
        let mut before = f64::INFINITY;
        while let Some((sharper, left)) = search.sharpened(problem, before) {
            before = left;
            let judged = search.within(JUDGING);
            let again = judge_again(&sharper, proposers, &mut proposed.lists, options, judged);
            proposed.late |= again.late;
            search.refine_fresh(&sharper, again);
        }
    }
    if !sharpens || !search.is_exact(problem) {
        search.refine_until_enough(problem, rest);
    }
    if !search.follows(problem) {
        search.refine_until_enough(problem, others);
    }
    search.insists = problem.dimension() > 1 && !search.explains(problem);
    if search.insists {
        search.refine_until_enough(problem, proposals);
        search.refine_until_enough(problem, others);
    }
}

/// Fits variants and neighbours of the best laws.
fn vary(problem: &Problem, search: &mut Search) {
    search.allow(VARYING);
    for _ in 0..ROUNDS {
        let fresh = search.variants(problem);
        if fresh.is_empty() {
            break;
        }
        search.refine_all(problem, &fresh);
        search.visit_neighbours(problem);
    }
}

/// Learns the noise from what the best law leaves over, and finds the last digits of clean laws or the most probable
/// constants of noisy ones. Returns the problem with that noise.
fn finish(problem: &Problem, options: &Options, search: &mut Search) -> Problem {
    let problem = search.reweigh(problem);
    search.discount(&problem);
    if !options.leaves_out(Part::Refinement) {
        search.polish(&problem, &[]);
        if options.local {
            // To the last digit, more constants turn out to be 0.
            let fresh = search.variants(&problem);
            search.refine_all(&problem, &fresh);
            search.polish(&problem, &fresh);
        }
        if !options.leaves_out(Part::Sizes) {
            search.settle(&problem);
        }
    }
    // The best law may be another one by now.
    search.discount(&problem);
    problem
}

/// The laws to show, the one to name first first, in the units of the data; and the probability that none is right, and why mostly.
fn answer(
    problem: &Problem,
    options: &Options,
    search: &Search,
    guessed: &[Guessed],
    warnings: &mut Vec<String>,
) -> (Vec<Candidate>, f64, Option<Doubt>) {
    let mut ranked = search.ranked();
    // Somebody thought of a guess, which is more than how short it is says for it: before the data it is at least as probable as
    // the best law.
    let best = ranked.first().map(|(_, best)| search.prior(best));
    guess::enter(guessed, &mut ranked, |refined| {
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
    let order = representative::order(problem, &laws, &belief.laws);
    let belief = belief.with_unlisted(problem, best, options.hidden);
    let candidates = order
        .into_iter()
        .enumerate()
        .filter_map(|(rank, number)| {
            let refined = *laws.get(number)?;
            let guess = guessed.iter().find(|g| std::ptr::eq(&g.refined, refined));
            if rank >= options.top && guess.is_none() {
                return None;
            }
            let sources = search.sources(&refined.skeleton);
            let candidate = restored(problem, refined, sources, *belief.laws.get(number)?)?;
            Some(candidate.in_form(guess))
        })
        .collect();
    (candidates, belief.none, belief.doubt)
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
