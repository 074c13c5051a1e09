//! Sparse regression as a proposer: which few terms of a library, integrated along the smoothed curves,
//! explain the observations.
//!
//! The regression is the integral form of [`crate::integral`], so nothing is differentiated and the noise
//! stays independent. Terms come from `library`, least squares on a few of them is `regression`'s. Supports
//! are searched from small to large by a beam that starts from all pairs, scored by BIC and description
//! length; systems combine the best supports of their equations. What is fixed in the library (a
//! half-saturation, an angular frequency) becomes a constant of the skeleton and is fitted later.

mod library;
mod regression;

use std::collections::HashSet;

use nsode_parser::Expr;

use crate::combine::{TRUSTS, combine};
use crate::error::Error;
use crate::filter::Filter;
use crate::problem::Problem;
use crate::proposer::{Proposer, ProposerKind, Seed};

pub(crate) use library::monomials;
use library::{Kind, library};
use regression::{MOST_TERMS, Regression, Support};

/// Candidates proposed of one state, at most; of several, whose terms are of more kinds, twice as many.
const MOST: usize = 60;

/// The sparse-regression proposer.
#[derive(Clone, Debug)]
pub struct Sparse {
    /// Most terms an equation; more than 8 count as 8.
    pub terms: usize,
    /// Supports kept of each size during the search.
    pub beam: usize,
    /// Most candidates proposed; by default 60, of several states 120.
    pub candidates: Option<usize>,
    /// Which terms may be used.
    pub filter: Filter,
}

impl Default for Sparse {
    fn default() -> Sparse {
        Sparse {
            terms: 5,
            beam: 40,
            candidates: None,
            filter: Filter::default(),
        }
    }
}

impl Proposer for Sparse {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Sparse
    }

    fn propose(&self, problem: &Problem) -> Result<Vec<Seed>, Error> {
        let mut terms = library(problem);
        terms.retain(|(_, term)| self.filter.admits_term(term));
        let (kinds, library): (Vec<Kind>, Vec<Expr>) = terms.into_iter().unzip();
        let regressions: Vec<Regression> = (0..problem.dimension())
            .map(|state| Regression::new(problem, &library, state))
            .collect();
        let supports: Vec<Vec<Vec<Support>>> = parts(problem.dimension(), &kinds)
            .iter()
            .map(|part| {
                let each = regressions.iter();
                each.map(|equation| self.supports(equation, part)).collect()
            })
            .collect();
        let usual = || MOST * problem.dimension().min(2);
        let most = self.candidates.unwrap_or_else(usual);
        let mut ranked = Vec::new();
        for trust in TRUSTS {
            for part in &supports {
                let score = |list: &Vec<Support>| list.iter().map(|s| s.score(trust)).collect();
                let scores: Vec<Vec<f64>> = part.iter().map(score).collect();
                ranked.push((part, combine(&scores, 3 * most)));
            }
        }
        let mut seeds: Vec<Seed> = Vec::new();
        let mut seen = HashSet::new();
        for rank in 0..3 * most {
            let at_rank = ranked.iter();
            for (part, choice) in at_rank.filter_map(|(part, list)| Some((part, list.get(rank)?))) {
                if seeds.len() >= most {
                    return Ok(seeds);
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
                    .map(|support| expression(&library, support))
                    .collect();
                if let Some(seed) = Seed::of(rhs)
                    && seeds.iter().all(|other| other.skeleton != seed.skeleton)
                {
                    seeds.push(seed);
                }
            }
        }
        Ok(seeds)
    }
}

impl Sparse {
    /// The best supports of one equation among the terms of `part`, several of each size.
    fn supports(&self, regression: &Regression, part: &[usize]) -> Vec<Support> {
        let [closely, ..] = TRUSTS;
        let by_score = |list: &mut Vec<Support>| {
            list.sort_by(|a, b| a.score(closely).total_cmp(&b.score(closely)));
        };
        let mut all: Vec<Support> = Vec::new();
        let mut level: Vec<Support> = part
            .iter()
            .filter_map(|i| regression.solve(&[*i]))
            .collect();
        let most = self.terms.clamp(1, MOST_TERMS);
        for size in 1..=most {
            by_score(&mut level);
            all.extend(level.iter().take(self.beam).cloned());
            if size == most {
                break;
            }
            // All pairs, and in one dimension nearly all triples, are seen.
            let width = match size {
                1 => part.len(),
                2 => 8 * self.beam,
                _ => self.beam,
            };
            let mut next: Vec<Support> = Vec::new();
            let mut seen = HashSet::new();
            for support in level.iter().take(width) {
                for i in part {
                    if support.terms.contains(i) {
                        continue;
                    }
                    let mut terms = support.terms.clone();
                    terms.push(*i);
                    terms.sort_unstable();
                    if seen.insert(terms.clone()) {
                        next.extend(regression.solve(&terms));
                    }
                }
            }
            level = next;
        }
        all
    }
}

/// The parts of the library that are searched, as indices: all of it; of systems also polynomials alone, and each other
/// kind of term beside the simple ones. Among many terms that are nearly alike a beam loses the true ones, and most
/// systems are made of few kinds.
fn parts(dimension: usize, kinds: &[Kind]) -> Vec<Vec<usize>> {
    let of = |admitted: &[Kind]| {
        let each = kinds.iter().enumerate();
        each.filter(|(_, kind)| admitted.contains(kind))
            .map(|(i, _)| i)
            .collect()
    };
    let mut parts = Vec::new();
    if dimension > 1 {
        let others = [
            Kind::Higher,
            Kind::Rational,
            Kind::Periodic,
            Kind::Transcendental,
        ];
        parts.extend(others.map(|kind| of(&[Kind::Quadratic, kind])));
    }
    parts.push((0..kinds.len()).collect());
    // Where a filter leaves few kinds, parts are alike.
    let mut different: Vec<Vec<usize>> = Vec::new();
    for part in parts {
        if !different.contains(&part) {
            different.push(part);
        }
    }
    different
}

/// The right-hand side of a support.
fn expression(library: &[Expr], support: &Support) -> Expr {
    let mut terms = support
        .terms
        .iter()
        .zip(&support.coefficients)
        .filter_map(|(i, c)| library.get(*i).map(|e| Expr::Number(*c) * e.clone()));
    let first = terms.next().unwrap_or(Expr::Number(0.0));
    terms.fold(first, |sum, term| sum + term)
}
