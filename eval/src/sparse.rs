//! Sparse regression as a proposer: which few terms of a library, integrated along the smoothed curves,
//! explain the observations.
//!
//! The regression is the integral form of [`crate::integral`], so nothing is differentiated and the noise
//! stays independent. Supports are searched from small to large by a beam over an all-pairs start, scored by
//! BIC and description length; systems combine the best supports of their equations. What is fixed in the library (a
//! half-saturation, an angular frequency) becomes a constant of the skeleton and is fitted later.

use std::collections::HashSet;

use nsode_parser::tape::Tape;
use nsode_parser::{CanonicalSystem, Expr, System, Unary};

use crate::error::Error;
use crate::integral::{centre, cumulative};
use crate::problem::{FLOOR, Problem};
use crate::proposer::{Proposer, ProposerKind, Seed};
use crate::rank::description_prior;

/// The sparse-regression proposer.
#[derive(Clone, Debug)]
pub struct Sparse {
    /// Most terms an equation.
    pub terms: usize,
    /// Supports kept of each size during the search.
    pub beam: usize,
    /// Most candidates proposed.
    pub candidates: usize,
}

impl Default for Sparse {
    fn default() -> Sparse {
        Sparse {
            terms: 5,
            beam: 40,
            candidates: 60,
        }
    }
}

/// A chosen set of library terms for one equation.
#[derive(Clone, Debug)]
struct Support {
    terms: Vec<usize>,
    coefficients: Vec<f64>,
    /// Mean squared residual.
    misfit: f64,
    /// What the terms cost, in the units of the score.
    price: f64,
    /// Observed cells of the equation.
    cells: f64,
}

impl Support {
    /// BIC with description length; residuals below `tolerance` count as `tolerance`.
    fn score(&self, tolerance: f64) -> f64 {
        self.cells * self.misfit.max(tolerance * tolerance).ln() + self.price
    }
}

/// Root mean square residuals below which supports count as equally good. The integral form has an error of
/// its own, the smoother's, of unknown size; where it is taken for signal, true laws lose to longer ones. So
/// candidates come from each of these, in turns.
const TOLERANCES: [f64; 4] = [FLOOR, 1e-4, 5e-4, 2.5e-3];

impl Proposer for Sparse {
    fn kind(&self) -> ProposerKind {
        ProposerKind::Sparse
    }

    fn propose(&self, problem: &Problem) -> Result<Vec<Seed>, Error> {
        let library = library(problem);
        let supports: Vec<Vec<Support>> = (0..problem.dimension())
            .map(|state| self.supports(problem, &library, state))
            .collect();
        let ranked: Vec<Vec<Vec<usize>>> = TOLERANCES
            .iter()
            .map(|tolerance| combine(&supports, *tolerance, 3 * self.candidates))
            .collect();
        let mut seeds: Vec<Seed> = Vec::new();
        let mut seen = HashSet::new();
        for rank in 0..3 * self.candidates {
            for choice in ranked.iter().filter_map(|list| list.get(rank)) {
                if seeds.len() >= self.candidates {
                    return Ok(seeds);
                }
                if !seen.insert(choice.clone()) {
                    continue;
                }
                let rhs: Vec<Expr> = supports
                    .iter()
                    .zip(choice)
                    .filter_map(|(list, i)| list.get(*i))
                    .map(|support| expression(&library, support))
                    .collect();
                let seed = System::new(rhs)
                    .ok()
                    .and_then(|system| CanonicalSystem::new(&system).ok())
                    .and_then(|canonical| canonical.parts().ok());
                if let Some((skeleton, constants)) = seed
                    && seeds.iter().all(|other| other.skeleton != skeleton)
                {
                    seeds.push(Seed {
                        skeleton,
                        constants: Some(constants),
                        log_prior: None,
                    });
                }
            }
        }
        Ok(seeds)
    }
}

/// Choices of one support an equation, in order of their total score; at most `most`.
fn combine(supports: &[Vec<Support>], tolerance: f64, most: usize) -> Vec<Vec<usize>> {
    let mut partial: Vec<(f64, Vec<usize>)> = vec![(0.0, Vec::new())];
    for list in supports {
        let mut next: Vec<(f64, Vec<usize>)> = partial
            .iter()
            .flat_map(|(score, choice)| {
                list.iter().enumerate().map(move |(i, support)| {
                    let mut longer = choice.clone();
                    longer.push(i);
                    (score + support.score(tolerance), longer)
                })
            })
            .collect();
        next.sort_by(|a, b| a.0.total_cmp(&b.0));
        next.truncate(most);
        partial = next;
    }
    partial.into_iter().map(|(_, choice)| choice).collect()
}

fn expression(library: &[Expr], support: &Support) -> Expr {
    let mut terms = support
        .terms
        .iter()
        .zip(&support.coefficients)
        .filter_map(|(i, c)| library.get(*i).map(|e| Expr::Number(*c) * e.clone()));
    let first = terms.next().unwrap_or(Expr::Number(0.0));
    terms.fold(first, |sum, term| sum + term)
}

/// Terms that are finite along the curves of `problem`, in normalised units.
pub fn library(problem: &Problem) -> Vec<Expr> {
    let d = problem.dimension();
    let mut terms = monomials(d);
    for i in 0..d {
        let u = || Expr::State(i);
        let lowest = problem
            .curves()
            .iter()
            .flat_map(|c| c.values.iter().skip(i).step_by(d))
            .copied()
            .fold(f64::INFINITY, f64::min);
        let number = Expr::Number;
        let call = Expr::unary;
        if d == 1 {
            terms.push(u().pow(number(4.0)));
        }
        if lowest > 0.0 {
            terms.push(call(Unary::Log, u()));
            terms.push(u() * call(Unary::Log, u()));
            terms.push(call(Unary::Sqrt, u()));
            terms.push(number(1.0) / u());
        }
        for rate in [-3.0, -1.0, 1.0, 3.0] {
            terms.push(call(Unary::Exp, number(rate) * u()));
        }
        let halves: &[f64] = if d == 1 {
            &[0.1, 0.3, 1.0, 3.0]
        } else {
            &[0.1, 0.4, 1.5]
        };
        for &k in halves {
            if lowest > -0.5 * k {
                let saturation = u() / (number(k) + u());
                for j in (0..d).filter(|j| *j != i) {
                    terms.push(Expr::State(j) * saturation.clone());
                }
                terms.push(saturation);
            }
            let square = || u().pow(number(2.0));
            terms.push(square() / (number(k * k) + square()));
        }
        // The state's own unit first: an angle in radians has frequency 1 in it.
        let unit = problem.scaling().states.get(i).copied().unwrap_or(1.0);
        let mut angles = if d == 1 {
            vec![1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0]
        } else {
            vec![2.0, 5.0]
        };
        if (0.5..40.0).contains(&unit) {
            angles.insert(0, unit);
        }
        for angle in angles {
            terms.push(call(Unary::Sin, number(angle) * u()));
            terms.push(call(Unary::Cos, number(angle) * u()));
        }
        if d == 1 {
            for k in [1.0, 3.0] {
                terms.push(call(Unary::Tanh, number(k) * u()));
                terms.push(u() * call(Unary::Exp, number(-k) * u()));
            }
        }
        if lowest < 0.0 {
            terms.push(u() * call(Unary::Abs, u()));
        }
    }
    let tape = Tape::compile(&terms);
    let (mut scratch, mut out) = (tape.scratch(), vec![0.0; terms.len()]);
    let mut finite = vec![true; terms.len()];
    for curve in problem.curves() {
        for (node, t) in curve.times.iter().enumerate() {
            tape.eval(*t, curve.at(node), &[], &mut scratch, &mut out);
            for (flag, v) in finite.iter_mut().zip(&out) {
                *flag &= v.is_finite();
            }
        }
    }
    terms
        .into_iter()
        .zip(finite)
        .filter(|(_, f)| *f)
        .map(|(e, _)| e)
        .collect()
}

/// All monomials of total degree 0 to 3 in `d` states.
fn monomials(d: usize) -> Vec<Expr> {
    let power = |i: usize, n: usize| match n {
        1 => Expr::State(i),
        n => Expr::State(i).pow(Expr::Number(n as f64)),
    };
    let mut exponents: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..d {
        exponents = exponents
            .into_iter()
            .flat_map(|e| {
                let left = 3 - e.iter().sum::<usize>();
                (0..=left).map(move |n| e.iter().copied().chain([n]).collect())
            })
            .collect();
    }
    exponents.sort_by_key(|e| e.iter().sum::<usize>());
    exponents
        .iter()
        .map(|e| {
            e.iter()
                .enumerate()
                .filter(|(_, n)| **n > 0)
                .map(|(i, n)| power(i, *n))
                .reduce(|a, b| a * b)
                .unwrap_or(Expr::Number(1.0))
        })
        .collect()
}

/// Normal equations of one equation's regression, columns scaled to unit length.
struct Regression {
    gram: Vec<Vec<f64>>,
    right: Vec<f64>,
    scale: Vec<f64>,
    total: f64,
    cells: f64,
    floor: f64,
    prices: Vec<f64>,
}

/// What a term adds to the score beside its fit: its constants, and twice its description length.
fn price(term: &Expr, problem: &Problem) -> f64 {
    let shape = vec![term.clone(); problem.dimension()];
    let skeleton = System::new(shape)
        .ok()
        .and_then(|system| CanonicalSystem::new(&system).ok())
        .and_then(|canonical| canonical.parts().ok());
    let constants = (problem.observed() as f64).ln();
    match skeleton {
        Some((skeleton, _)) => {
            let equations = problem.dimension() as f64;
            let slots = skeleton.slots() as f64 / equations;
            slots * constants - 2.0 * description_prior(&skeleton) / equations
        }
        // A constant alone is no law, but a term like any other.
        None => constants + 2.0,
    }
}

impl Regression {
    fn new(problem: &Problem, library: &[Expr], state: usize) -> Regression {
        let prices = library.iter().map(|term| price(term, problem)).collect();
        let tape = Tape::compile(library);
        let mut scratch = tape.scratch();
        let m = library.len();
        let d = problem.dimension();
        let columns = m + 1;
        let mut gram = vec![vec![0.0; columns]; columns];
        let (mut cells, mut inverse) = (0.0, 0.0);
        for (number, (path, curve)) in problem
            .normalised()
            .iter()
            .zip(problem.curves())
            .enumerate()
        {
            let mut values = vec![0.0; curve.times.len() * m];
            for ((node, t), out) in curve
                .times
                .iter()
                .enumerate()
                .zip(values.chunks_exact_mut(m.max(1)))
            {
                tape.eval(*t, curve.at(node), &[], &mut scratch, out);
            }
            let integrals = cumulative(&curve.times, &values, m, curve.per_interval);
            let (mut rows, mut weights) = (Vec::new(), Vec::new());
            let paths = problem.weights(number).iter().skip(state).step_by(d);
            for ((y, w), row) in path
                .column(state)
                .zip(paths)
                .zip(integrals.chunks_exact(m.max(1)))
            {
                if *w > 0.0 {
                    rows.extend_from_slice(row);
                    rows.push(y);
                    weights.push(*w);
                    inverse += w * w;
                    cells += 1.0;
                }
            }
            centre(&mut rows, columns, &weights);
            for row in rows.chunks_exact(columns) {
                for (grow, a) in gram.iter_mut().zip(row) {
                    for (cell, b) in grow.iter_mut().zip(row) {
                        *cell += a * b;
                    }
                }
            }
        }
        let scale: Vec<f64> = (0..m)
            .map(|i| {
                let v: f64 = gram.get(i).and_then(|r| r.get(i)).copied().unwrap_or(0.0);
                if v > 0.0 { v.sqrt().recip() } else { 0.0 }
            })
            .collect();
        let total = gram.pop().and_then(|mut last| last.pop()).unwrap_or(0.0);
        let right = gram
            .iter_mut()
            .zip(&scale)
            .map(|(row, s)| row.pop().unwrap_or(0.0) * s)
            .collect();
        for (row, si) in gram.iter_mut().zip(&scale) {
            for (cell, sj) in row.iter_mut().zip(&scale) {
                *cell *= si * sj;
            }
        }
        Regression {
            gram,
            right,
            scale,
            total,
            cells,
            floor: FLOOR * FLOOR * inverse,
            prices,
        }
    }

    /// Least squares on `terms`, by Cholesky without pivoting; `None` where they are dependent.
    fn solve(&self, terms: &[usize]) -> Option<Support> {
        let n = terms.len();
        let mut l = [[0.0f64; 8]; 8];
        let mut z = [0.0f64; 8];
        let mut explained = 0.0;
        for (i, &ti) in terms.iter().enumerate().take(8) {
            let grow = self.gram.get(ti)?;
            for (j, &tj) in terms.iter().enumerate().take(i + 1) {
                let mut sum = *grow.get(tj)?;
                for (a, b) in l[i].iter().zip(&l[j]).take(j) {
                    sum -= a * b;
                }
                if i == j {
                    if sum < 1e-9 {
                        return None;
                    }
                    l[i][i] = sum.sqrt();
                } else {
                    l[i][j] = sum / l[j][j];
                }
            }
            let mut sum = *self.right.get(ti)?;
            for (a, b) in l[i].iter().zip(&z).take(i) {
                sum -= a * b;
            }
            z[i] = sum / l[i][i];
            explained += z[i] * z[i];
        }
        let mut x = [0.0f64; 8];
        for i in (0..n.min(8)).rev() {
            let mut sum = z[i];
            for k in i + 1..n.min(8) {
                sum -= l[k][i] * x[k];
            }
            x[i] = sum / l[i][i];
        }
        let coefficients = terms
            .iter()
            .zip(x)
            .map(|(t, x)| self.scale.get(*t).map(|s| s * x))
            .collect::<Option<Vec<f64>>>()?;
        Some(Support {
            misfit: (self.total - explained).max(self.floor) / self.cells,
            price: terms.iter().filter_map(|t| self.prices.get(*t)).sum(),
            cells: self.cells,
            terms: terms.to_vec(),
            coefficients,
        })
    }
}

impl Sparse {
    /// The best supports of one equation, several of each size.
    fn supports(&self, problem: &Problem, library: &[Expr], state: usize) -> Vec<Support> {
        let regression = Regression::new(problem, library, state);
        let m = library.len();
        let by_score = |list: &mut Vec<Support>| {
            list.sort_by(|a, b| a.score(FLOOR).total_cmp(&b.score(FLOOR)));
        };
        let mut all: Vec<Support> = Vec::new();
        let mut level: Vec<Support> = (0..m).filter_map(|i| regression.solve(&[i])).collect();
        let most = self.terms.clamp(1, 8);
        for size in 1..=most {
            by_score(&mut level);
            all.extend(level.iter().take(self.beam).cloned());
            if size == most {
                break;
            }
            // All pairs, and in one dimension nearly all triples, are seen.
            let width = match size {
                1 => m,
                2 => 8 * self.beam,
                _ => self.beam,
            };
            let mut next: Vec<Support> = Vec::new();
            let mut seen = HashSet::new();
            for support in level.iter().take(width) {
                for i in 0..m {
                    if support.terms.contains(&i) {
                        continue;
                    }
                    let mut terms = support.terms.clone();
                    terms.push(i);
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
