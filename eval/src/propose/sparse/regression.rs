//! Least squares on a few terms of the library: one equation in integral form, its normal equations made once
//! and solved for every support.

use nalgebra::DMatrix;
use nsode_parser::tape::Tape;
use nsode_parser::{Expr, Skeleton};
use rayon::prelude::*;

use crate::fit::integral::{centre, cumulative};
use crate::fit::proposal::Proposal;
use crate::propose::combine::{Trust, trusts};
use crate::propose::prior::description;
use crate::series::problem::{Curve, Problem};

/// Most terms of a support.
pub(super) const MOST_TERMS: usize = 12;

/// A term of which less than this share of its square is its own depends on the others.
const DEPENDENT: f64 = 1e-9;

/// A chosen set of library terms for one equation.
#[derive(Clone, Debug)]
pub(super) struct Support {
    /// Indices into the library, ascending.
    pub terms: Vec<usize>,
    /// One a term, in normalised units.
    pub coefficients: Vec<f64>,
    /// Mean squared residual.
    pub misfit: f64,
    /// What the terms cost, in the units of the score.
    price: f64,
    /// Observed cells of the equation.
    cells: f64,
}

impl Support {
    /// BIC with description length, as far as residuals are trusted.
    pub fn score(&self, trust: Trust) -> f64 {
        trust.weight(self.misfit, self.cells) + self.price
    }
}

/// Normal equations of one equation's regression, columns scaled to unit length.
pub(super) struct Regression {
    /// Scaled products of the terms' columns.
    gram: Vec<Vec<f64>>,
    /// Scaled products of the terms' columns with the observations.
    right: Vec<f64>,
    /// What each column was multiplied by; 0 for a column of zeros.
    scale: Vec<f64>,
    /// Square of the observations about their mean.
    pub total: f64,
    /// Observed cells of the equation.
    pub cells: f64,
    /// Sum of squares below which residuals say nothing.
    pub floor: f64,
    /// What each term costs.
    pub prices: Vec<f64>,
    /// How closely residuals are believed.
    pub trusts: [Trust; 6],
}

/// The terms of a library along the smoothed curves, integrated, and what each costs.
pub(super) struct Columns {
    terms: usize,
    /// One list a trajectory, row-major `rows × terms`.
    integrals: Vec<Vec<f64>>,
    prices: Vec<f64>,
}

impl Columns {
    /// Those of `library`.
    pub fn new(problem: &Problem, library: &[Expr]) -> Columns {
        let tape = Tape::compile(library);
        let m = library.len();
        let along = |curve: &Curve| {
            let mut scratch = tape.scratch();
            let mut values = vec![0.0; curve.times.len() * m];
            let nodes = curve.times.iter().enumerate();
            for ((node, t), out) in nodes.zip(values.chunks_exact_mut(m.max(1))) {
                tape.eval(*t, curve.at(node), &[], &mut scratch, out);
            }
            cumulative(&curve.times, &values, m, curve.per_interval)
        };
        Columns {
            terms: m,
            integrals: problem.curves().par_iter().map(along).collect(),
            prices: library
                .par_iter()
                .map(|term| price(term, problem))
                .collect(),
        }
    }
}

impl Regression {
    /// The regression of state number `state` on all of a library.
    pub fn new(problem: &Problem, library: &Columns, state: usize) -> Regression {
        let (m, d) = (library.terms, problem.dimension());
        let columns = m + 1;
        let mut products = DMatrix::<f64>::zeros(columns, columns);
        let (mut cells, mut inverse) = (0.0, 0.0);
        let paths = problem.screened().iter().zip(&library.integrals);
        for (number, (path, integrals)) in paths.enumerate() {
            let (mut rows, mut weights) = (Vec::new(), Vec::new());
            let own = problem.weights(number).iter().skip(state).step_by(d);
            let cells_of_path = path.column(state).zip(own);
            for ((y, w), row) in cells_of_path.zip(integrals.chunks_exact(m.max(1))) {
                if *w > 0.0 && !y.is_nan() {
                    rows.extend_from_slice(row);
                    rows.push(y);
                    weights.push(*w);
                    inverse += w * w;
                    cells += 1.0;
                }
            }
            centre(&mut rows, columns, &weights);
            // Column by column, the rows are the transpose.
            let transpose = DMatrix::from_column_slice(columns, weights.len(), &rows);
            products.gemm(1.0, &transpose, &transpose.transpose(), 1.0);
        }
        Regression::of(
            &products,
            cells,
            problem.accuracy().powi(2) * inverse,
            library.prices.clone(),
            trusts(problem.accuracy()),
        )
    }

    /// The regression with these products of its columns, the last of which is the observations.
    pub fn of(
        products: &DMatrix<f64>,
        cells: f64,
        floor: f64,
        prices: Vec<f64>,
        trusts: [Trust; 6],
    ) -> Regression {
        let m = prices.len();
        let diagonal = products.diagonal();
        let each = diagonal.iter().take(m);
        let scale: Vec<f64> = each
            .map(|v| if *v > 0.0 { v.sqrt().recip() } else { 0.0 })
            .collect();
        let gram = products.column_iter().zip(&scale).map(|(column, si)| {
            let scaled = column.iter().zip(&scale).map(|(v, sj)| v * si * sj);
            scaled.collect()
        });
        let gram: Vec<Vec<f64>> = gram.collect();
        let last = products.column(m);
        Regression {
            gram,
            right: last.iter().zip(&scale).map(|(v, s)| v * s).collect(),
            total: diagonal.get(m).copied().unwrap_or(0.0),
            scale,
            cells,
            floor,
            prices,
            trusts,
        }
    }

    /// The product of the columns of two terms.
    pub fn product(&self, a: usize, b: usize) -> f64 {
        let scaled = self.gram.get(a).and_then(|row| row.get(b)).copied();
        scaled.map_or(0.0, |scaled| scaled * self.length(a) * self.length(b))
    }

    /// The product of a term's column with the observations.
    pub fn observed(&self, term: usize) -> f64 {
        let scaled = self.right.get(term).copied();
        scaled.map_or(0.0, |scaled| scaled * self.length(term))
    }

    /// The length of a term's column.
    fn length(&self, term: usize) -> f64 {
        match self.scale.get(term) {
            Some(scale) if *scale > 0.0 => scale.recip(),
            _ => 0.0,
        }
    }

    /// Least squares on `terms`, at most [`MOST_TERMS`], by Cholesky without pivoting; `None` where they are
    /// dependent.
    pub fn solve(&self, terms: &[usize]) -> Option<Support> {
        let factored = self.factor(terms)?;
        let n = factored.terms;
        let mut x = [0.0f64; MOST_TERMS];
        for i in (0..n).rev() {
            let after = factored.l.iter().zip(x).take(n).skip(i + 1);
            let known: f64 = after.map(|(row, x)| row[i] * x).sum();
            x[i] = (factored.z[i] - known) / factored.l[i][i];
        }
        let coefficients = terms
            .iter()
            .zip(x)
            .map(|(t, x)| self.scale.get(*t).map(|s| s * x))
            .collect::<Option<Vec<f64>>>()?;
        Some(Support {
            misfit: self.misfit(factored.explained),
            price: self.price(terms),
            cells: self.cells,
            terms: terms.to_vec(),
            coefficients,
        })
    }

    /// The score of `terms` and one more, for each one of `part` that does not depend on them, with its number.
    pub fn grown(&self, terms: &[usize], part: &[usize], trust: Trust) -> Vec<(f64, usize)> {
        let Some(factored) = self.factor(terms) else {
            return Vec::new();
        };
        let price = self.price(terms);
        let others = part.iter().filter(|term| !terms.contains(term));
        let score = |term: &usize| {
            let (_, gain) = self.row(&factored, terms, *term)?.pivot()?;
            let misfit = self.misfit(factored.explained + gain);
            let more = self.prices.get(*term)?;
            Some((trust.weight(misfit, self.cells) + price + more, *term))
        };
        others.filter_map(score).collect()
    }

    /// Mean squared residual, where so much of the square is explained.
    fn misfit(&self, explained: f64) -> f64 {
        (self.total - explained).max(self.floor) / self.cells
    }

    /// What terms cost together.
    fn price(&self, terms: &[usize]) -> f64 {
        terms.iter().filter_map(|t| self.prices.get(*t)).sum()
    }

    /// The Cholesky factor of these terms; `None` where they are dependent.
    fn factor(&self, terms: &[usize]) -> Option<Factored> {
        let mut factored = Factored::default();
        for (i, &term) in terms.iter().enumerate().take(MOST_TERMS) {
            let row = self.row(&factored, terms, term)?;
            let (pivot, gain) = row.pivot()?;
            factored.l[i] = row.l;
            factored.l[i][i] = pivot;
            factored.z[i] = row.right / pivot;
            factored.explained += gain;
            factored.terms += 1;
        }
        Some(factored)
    }

    /// The row that `term` adds to the factor of the first terms of `terms`.
    fn row(&self, factored: &Factored, terms: &[usize], term: usize) -> Option<Row> {
        let products = self.gram.get(term)?;
        let mut row = Row {
            l: [0.0; MOST_TERMS],
            left: *products.get(term)?,
            right: *self.right.get(term)?,
        };
        for (j, &other) in terms.iter().enumerate().take(factored.terms) {
            let mut sum = *products.get(other)?;
            for (a, b) in row.l.iter().zip(&factored.l[j]).take(j) {
                sum -= a * b;
            }
            let value = sum / factored.l[j][j];
            row.l[j] = value;
            row.left -= value * value;
            row.right -= value * factored.z[j];
        }
        Some(row)
    }
}

/// The Cholesky factor of a few terms, and what they explain.
#[derive(Default)]
struct Factored {
    l: [[f64; MOST_TERMS]; MOST_TERMS],
    /// The factor's solution of the right side.
    z: [f64; MOST_TERMS],
    terms: usize,
    explained: f64,
}

/// A row of the factor before its pivot.
struct Row {
    l: [f64; MOST_TERMS],
    /// Square of what the term has that others have not.
    left: f64,
    /// Its product with what others left over.
    right: f64,
}

impl Row {
    /// The pivot, and how much of the square the term explains; `None` where the term depends on the others.
    fn pivot(&self) -> Option<(f64, f64)> {
        (self.left >= DEPENDENT).then(|| (self.left.sqrt(), self.right * self.right / self.left))
    }
}

/// What a term adds to the score beside its fit: its constants, and twice its description length.
fn price(term: &Expr, problem: &Problem) -> f64 {
    let constant = (problem.observed() as f64).ln();
    let proposal = Proposal::of(vec![term.clone(); problem.dimension()]);
    let tokens = proposal
        .as_ref()
        .and_then(|proposal| proposal.skeleton.equations().next());
    match tokens {
        Some(tokens) => {
            let slots = Skeleton::slots_of(tokens).unwrap_or(1) as f64;
            slots * constant + 2.0 * description(tokens)
        }
        // A constant alone is no law, but a term like any other.
        None => constant + 2.0,
    }
}
