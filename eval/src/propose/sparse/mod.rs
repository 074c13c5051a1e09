//! Sparse regression as a proposer: which few terms of a library, integrated along the smoothed curves,
//! explain the observations.
//!
//! The regression is the integral form of [`crate::fit::integral`], so nothing is differentiated and the noise
//! stays independent. Terms come from `library`, least squares on a few of them is `regression`'s. Supports
//! are searched from small to large by a beam that starts from all pairs, scored by BIC and description
//! length; systems combine the best supports of their equations. What is fixed in the library (a
//! half-saturation, an angular frequency) becomes a constant of the skeleton and is fitted later.

mod library;
mod regression;
mod together;

use std::collections::HashSet;

use nsode_parser::Expr;
use rayon::prelude::*;

use crate::error::Error;
use crate::fit::proposal::Proposal;
use crate::propose::combine::{Trust, combine, in_turns, merged, trusts};
use crate::propose::filter::Filter;
use crate::propose::proposer::{Proposer, ProposerKind};
use crate::series::problem::Problem;

pub(crate) use library::monomials;
use library::{Kind, library};
use regression::{Columns, MOST_TERMS, Regression, Support};

/// Candidates proposed of one state, at most; of several, whose terms are of more kinds, twice as many of usual terms and as
/// many again with rarer ones.
const MOST: usize = 60;

/// Most terms an equation.
const TERMS: usize = 5;
const _: () = assert!(TERMS <= MOST_TERMS);

/// Supports kept of each size during the search.
const BEAM: usize = 40;

/// Systems of each number of columns that are made of given terms together.
const EACH_SIZE: usize = 3;

/// Equations of each state that are made of given terms, at most.
const AMONG: usize = 36;

/// The sparse-regression proposer.
#[derive(Clone, Debug, Default)]
pub struct Sparse {
    /// Most candidates proposed; by default 60, of several states 240.
    pub candidates: Option<usize>,
    /// Which terms may be used.
    pub filter: Filter,
}

/// Systems of given terms.
pub(crate) struct Among {
    /// The best equations of each state, one a state put together to systems of the first, of the second, and so on.
    pub apart: Vec<Proposal>,
    /// The best systems of all equations together, with what they share, each once.
    pub together: Vec<Proposal>,
}

impl Proposer for Sparse {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Sparse
    }

    fn propose(&self, problem: &Problem) -> Result<Vec<Proposal>, Error> {
        let mut terms = library(problem);
        terms.retain(|(_, term)| self.filter.admits_term(term));
        let (kinds, library): (Vec<Kind>, Vec<Expr>) = terms.into_iter().unzip();
        let regressions = regressions(problem, &library);
        let usual = || MOST * problem.dimension().min(2);
        let most = self.candidates.unwrap_or_else(usual);
        let mut proposals = Vec::new();
        for parts in parts(problem.dimension(), &kinds) {
            let most = proposals.len() + most;
            self.systems(
                problem,
                &library,
                &regressions,
                &parts,
                most,
                &mut proposals,
            );
        }
        if let Some(most) = self.candidates {
            proposals.truncate(most);
        }
        Ok(proposals)
    }
}

impl Sparse {
    /// Systems of products of at most two states and `words`, which are in normalised units.
    pub(crate) fn among(&self, problem: &Problem, words: &[Expr]) -> Among {
        let admitted = |term: &Expr| self.filter.admits_term(term);
        let simple = monomials(problem.dimension(), 2).into_iter();
        let mut library: Vec<Expr> = simple.map(|(_, term)| term).filter(admitted).collect();
        let simple = library.len();
        library.extend(words.iter().filter(|term| admitted(term)).cloned());
        let part: Vec<usize> = (0..library.len()).collect();
        let each = regressions(problem, &library);
        let lists = each
            .par_iter()
            .map(|one| supports(one, &part, TERMS, |_, _| true));
        let lists: Vec<Vec<Support>> = lists.collect();
        let best = each.iter().zip(&lists);
        let best: Vec<Vec<Support>> = best.map(|(one, list)| turns(list, one.trusts)).collect();
        let row = |rank: usize| {
            let each = best.iter();
            let rhs = each.map(|list| Some(expression(&library, list.get(rank).or(list.last())?)));
            Proposal::of(rhs.collect::<Option<Vec<Expr>>>()?)
        };
        let noise = each.iter().zip(&lists).map(|(one, list)| noise(one, list));
        let noise: Option<Vec<f64>> = noise.collect();
        let mut reaches = vec![simple, library.len()];
        reaches.dedup();
        let systems = |reach: usize| {
            let terms = library.get(..reach).unwrap_or_default();
            Some(self.together(problem, terms, simple, &each, noise.as_ref()?))
        };
        let lists: Vec<Vec<Proposal>> = reaches.into_iter().filter_map(systems).collect();
        Among {
            apart: (0..AMONG).filter_map(row).collect(),
            together: merged(&lists, usize::MAX),
        }
    }

    /// Systems of `terms`, the first `simple` of which are products of at most two states, by one regression of all equations,
    /// in the order of [`front`]. Given are the regression of each equation on these and other terms, and what counts as its noise.
    fn together(
        &self,
        problem: &Problem,
        terms: &[Expr],
        simple: usize,
        each: &[Regression],
        noise: &[f64],
    ) -> Vec<Proposal> {
        let columns = together::columns(problem, terms.len(), simple);
        let joint = together::joint(problem, each, noise, &columns);
        let all: Vec<usize> = (0..columns.len()).collect();
        let apart = |chosen: &[usize], term: usize| together::is_apart(&columns, chosen, term);
        let mut found = supports(&joint, &all, MOST_TERMS, apart);
        found.retain(|support| together::is_whole(&columns, support, each.len()));
        let systems = front(&found, joint.trusts)
            .into_iter()
            .filter_map(|support| {
                let rhs = together::equations(terms, &columns, support, each.len());
                Proposal::of(rhs).filter(|proposal| self.filter.admits(&proposal.skeleton))
            });
        systems.collect()
    }

    /// Adds the best systems of equations whose terms are of one of `parts`, the parts in turns, until there are `most` of
    /// them in `proposals`.
    fn systems(
        &self,
        problem: &Problem,
        library: &[Expr],
        regressions: &[Regression],
        parts: &[Vec<usize>],
        most: usize,
        proposals: &mut Vec<Proposal>,
    ) {
        let jobs: Vec<(&Vec<usize>, &Regression)> = parts
            .iter()
            .flat_map(|part| regressions.iter().map(move |equation| (part, equation)))
            .collect();
        let each = jobs.into_par_iter();
        let found: Vec<Vec<Support>> = each
            .map(|(part, equation)| supports(equation, part, TERMS, |_, _| true))
            .collect();
        let mut ranked = Vec::new();
        for trust in trusts(problem.accuracy()) {
            for part in found.chunks(problem.dimension()) {
                let score = |list: &Vec<Support>| list.iter().map(|s| s.score(trust)).collect();
                let scores: Vec<Vec<f64>> = part.iter().map(score).collect();
                ranked.push((part, combine(&scores, 3 * most)));
            }
        }
        let mut seen = HashSet::new();
        for rank in 0..3 * most {
            let at_rank = ranked.iter();
            for (part, choice) in at_rank.filter_map(|(part, list)| Some((part, list.get(rank)?))) {
                if proposals.len() >= most {
                    return;
                }
                let chosen: Vec<&Support> = part
                    .iter()
                    .zip(choice)
                    .filter_map(|(list, i)| list.get(*i))
                    .collect();
                let terms: Vec<&[usize]> = chosen.iter().map(|s| s.terms.as_slice()).collect();
                if !seen.insert(terms) {
                    continue;
                }
                let rhs: Vec<Expr> = chosen
                    .iter()
                    .map(|support| expression(library, support))
                    .collect();
                if let Some(proposal) = Proposal::of(rhs)
                    && self.filter.admits(&proposal.skeleton)
                    && proposals
                        .iter()
                        .all(|other| other.skeleton != proposal.skeleton)
                {
                    proposals.push(proposal);
                }
            }
        }
    }
}

/// The best supports of at most `most` terms of `part`, several of each size; `joins` tells whether a term may join some others.
fn supports(
    regression: &Regression,
    part: &[usize],
    most: usize,
    joins: impl Fn(&[usize], usize) -> bool,
) -> Vec<Support> {
    let [closely, ..] = regression.trusts;
    let mut all: Vec<Support> = Vec::new();
    let mut level: Vec<Vec<usize>> = vec![Vec::new()];
    for size in 1..=most {
        // All pairs, and in one dimension nearly all triples, are seen.
        let width = match size {
            1 => part.len(),
            2 => 8 * BEAM,
            _ => BEAM,
        };
        let mut grown: Vec<(f64, usize, usize)> = Vec::new();
        for (parent, terms) in level.iter().enumerate() {
            let more = regression.grown(terms, part, closely).into_iter();
            let more = more.filter(|(_, term)| joins(terms, *term));
            grown.extend(more.map(|(score, term)| (score, parent, term)));
        }
        // Each support has at most as many parents as terms.
        let enough = size * width;
        if grown.len() > enough {
            grown.select_nth_unstable_by(enough, order);
            grown.truncate(enough);
        }
        grown.sort_unstable_by(order);
        let mut next: Vec<Vec<usize>> = Vec::new();
        let mut seen = HashSet::new();
        for (_, parent, term) in grown {
            let mut terms = level.get(parent).cloned().unwrap_or_default();
            terms.push(term);
            terms.sort_unstable();
            if next.len() < width && seen.insert(terms.clone()) {
                next.push(terms);
            }
        }
        let best = next.iter().take(BEAM);
        all.extend(best.filter_map(|terms| regression.solve(terms)));
        level = next;
    }
    all
}

/// Better supports first, those that are as good in the order in which they were grown.
fn order(a: &(f64, usize, usize), b: &(f64, usize, usize)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2)))
}

/// The best of these supports by each way to trust residuals, in turns.
fn turns(all: &[Support], trusts: [Trust; 6]) -> Vec<Support> {
    let sorted = trusts.map(|trust| {
        let mut order: Vec<&Support> = all.iter().collect();
        order.sort_by(|a, b| a.score(trust).total_cmp(&b.score(trust)));
        order
    });
    let mut seen = HashSet::new();
    let mut best: Vec<Support> = Vec::new();
    for support in in_turns(&sorted) {
        if best.len() == AMONG {
            break;
        }
        if seen.insert(&support.terms) {
            best.push((*support).clone());
        }
    }
    best
}

/// The mean squared residual of the best of an equation's supports; `None` where there is none.
fn noise(regression: &Regression, supports: &[Support]) -> Option<f64> {
    let [closely, ..] = regression.trusts;
    let each = supports.iter();
    let best = each.min_by(|a, b| a.score(closely).total_cmp(&b.score(closely)));
    best.map(|support| support.misfit)
}

/// The best of these supports of each size, then the second best, and so on: the curves may be wrong by more than noise, so how
/// many terms there are is left to the fits.
fn front(all: &[Support], [closely, ..]: [Trust; 6]) -> Vec<&Support> {
    let of_size = all.chunk_by(|a, b| a.terms.len() == b.terms.len());
    let sorted: Vec<Vec<&Support>> = of_size
        .map(|own| {
            let mut own: Vec<&Support> = own.iter().collect();
            own.sort_by(|a, b| a.score(closely).total_cmp(&b.score(closely)));
            own.truncate(EACH_SIZE);
            own
        })
        .collect();
    in_turns(&sorted).copied().collect()
}

/// One equation's regression a state.
fn regressions(problem: &Problem, library: &[Expr]) -> Vec<Regression> {
    let columns = Columns::new(problem, library);
    let states = (0..problem.dimension()).into_par_iter();
    states
        .map(|state| Regression::new(problem, &columns, state))
        .collect()
}

/// The parts of the library that are searched, as indices. Of one state, all of it. Of systems first each usual kind of term
/// beside the simple ones, and all usual kinds; then the same of the rarer kinds. Among many terms that are nearly alike a
/// beam loses the true ones, and most systems are made of few kinds.
fn parts(dimension: usize, kinds: &[Kind]) -> Vec<Vec<Vec<usize>>> {
    let of = |admitted: &dyn Fn(Kind) -> bool| -> Vec<usize> {
        let each = kinds.iter().enumerate();
        each.filter(|(_, kind)| admitted(**kind))
            .map(|(i, _)| i)
            .collect()
    };
    if dimension == 1 {
        return vec![vec![of(&|_| true)]];
    }
    let beside = |others: &[Kind]| -> Vec<Vec<usize>> {
        let each = others.iter();
        each.map(|other| {
            let beside = [Kind::Quadratic, *other, other.companion()];
            of(&|kind| beside.contains(&kind))
        })
        .collect()
    };
    let mut usual = beside(&Kind::USUAL);
    usual.push(of(&|kind| !Kind::RARER.contains(&kind)));
    let mut rarer = beside(&Kind::RARER);
    rarer.push(of(&|_| true));
    // Where a filter leaves few kinds, parts are alike.
    let mut known: Vec<Vec<usize>> = Vec::new();
    let mut different = |parts: Vec<Vec<usize>>| -> Vec<Vec<usize>> {
        let mut fresh = Vec::new();
        for part in parts {
            if !known.contains(&part) {
                known.push(part.clone());
                fresh.push(part);
            }
        }
        fresh
    };
    vec![different(usual), different(rarer)]
}

/// The right-hand side of a support.
fn expression(library: &[Expr], support: &Support) -> Expr {
    let chosen = support.terms.iter().zip(&support.coefficients);
    sum_of(chosen.filter_map(|(i, c)| Some(Expr::Number(*c) * library.get(*i)?.clone())))
}

/// The sum of some terms.
fn sum_of(terms: impl Iterator<Item = Expr>) -> Expr {
    let sum = terms.reduce(|sum, term| sum + term);
    sum.unwrap_or(Expr::Number(0.0))
}
