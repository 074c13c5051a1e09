//! All equations of a system in one regression: what one state loses another one gains.
//!
//! Alone, an equation may be explained by many terms, as where sums of states are conserved. That the same flow leaves one
//! state and enters another one, at the same rate, tells these apart. So columns are not only terms of single equations, but
//! also flows: a term with the same constant, in the units of the data, in several equations, and a sign in each. They are
//! fitted to the observations of all states together, each weighed by what its best equation alone leaves over.

use nalgebra::DMatrix;
use nsode_parser::Expr;

use super::regression::{Regression, Support};
use super::sum_of;
use crate::propose::combine::trusts;
use crate::propose::prior::REPEATED;
use crate::series::problem::Problem;

/// Equations that a flow is part of, at most, where it is no product of at most two states.
const SHARED: usize = 2;

/// Columns, at most: time and memory go with their square. Four states with all words have 1112.
const MOST: usize = 1500;

/// A column: a term, and its share in each equation.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Index into the library.
    term: usize,
    /// What its coefficient is multiplied by in each equation; 0 in those that it is no part of.
    shares: Vec<f64>,
}

impl Column {
    /// Number of equations that it is part of.
    fn equations(&self) -> usize {
        self.shares.iter().filter(|share| **share != 0.0).count()
    }
}

/// All columns of a library of `terms` terms, the first `simple` of which are products of at most two states; without flows through
/// more than two equations where these were too many, and none at all where that does not help, as of seven states.
pub(super) fn columns(problem: &Problem, terms: usize, simple: usize) -> Vec<Column> {
    let d = problem.dimension();
    [d, SHARED]
        .into_iter()
        .map(|reach| {
            let each = signs(d).into_iter().filter_map(|signs| {
                let equations = signs.iter().filter(|sign| **sign != 0.0).count();
                let terms = if equations > SHARED { simple } else { terms };
                (equations <= reach).then_some((signs, terms))
            });
            each.collect::<Vec<(Vec<f64>, usize)>>()
        })
        .find(|all| all.iter().map(|(_, terms)| terms).sum::<usize>() <= MOST)
        .unwrap_or_default()
        .into_iter()
        .flat_map(|(signs, terms)| {
            // The same in units of the data is another number for each normalised state.
            let units = problem.scaling().states.iter();
            let shares: Vec<f64> = signs.iter().zip(units).map(|(s, unit)| s / unit).collect();
            let largest = shares.iter().fold(0.0f64, |a, share| a.max(share.abs()));
            let shares: Vec<f64> = shares.iter().map(|share| share / largest).collect();
            (0..terms).map(move |term| Column {
                term,
                shares: shares.clone(),
            })
        })
        .collect()
}

/// All ways to be part of `dimension` equations with 1, −1 or not at all; of opposite ones the one that begins with 1.
fn signs(dimension: usize) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = vec![Vec::new()];
    for _ in 0..dimension {
        let longer = all.iter().flat_map(|signs| {
            let begun = signs.iter().any(|sign| *sign != 0.0);
            let next: &[f64] = if begun {
                &[0.0, 1.0, -1.0]
            } else {
                &[0.0, 1.0]
            };
            next.iter()
                .map(|sign| signs.iter().copied().chain([*sign]).collect())
        });
        all = longer.collect();
    }
    all.retain(|signs| signs.iter().any(|sign| *sign != 0.0));
    all
}

/// The regression of all states on `columns`, given those of each state on the library, and the mean squared residual of
/// each that counts as noise.
pub(super) fn joint(
    problem: &Problem,
    each: &[Regression],
    noise: &[f64],
    columns: &[Column],
) -> Regression {
    let states = || each.iter().zip(noise.iter().map(|noise| noise.recip()));
    let sum = |of: &dyn Fn(&Regression, usize) -> f64| -> f64 {
        let parts = states().enumerate();
        parts
            .map(|(state, (one, weight))| weight * of(one, state))
            .sum()
    };
    let share = |column: &Column, state: usize| column.shares.get(state).copied().unwrap_or(0.0);
    let product = |a: usize, b: usize| match (columns.get(a), columns.get(b)) {
        (Some(a), Some(b)) => sum(&|one, state| match share(a, state) * share(b, state) {
            0.0 => 0.0,
            both => both * one.product(a.term, b.term),
        }),
        (Some(own), None) | (None, Some(own)) => {
            sum(&|one, state| share(own, state) * one.observed(own.term))
        }
        (None, None) => sum(&|one, _| one.total),
    };
    let price = |column: &Column| {
        let others = column.equations().saturating_sub(1) as f64;
        let own = each.first().and_then(|one| one.prices.get(column.term));
        own.unwrap_or(&0.0) + 2.0 * REPEATED * others
    };
    let logs = noise.iter().map(|noise| noise.ln()).sum::<f64>() / noise.len() as f64;
    let size = columns.len() + 1;
    let half = |a: usize, b: usize| if a <= b { product(a, b) } else { 0.0 };
    let mut products = DMatrix::from_fn(size, size, half);
    products.fill_lower_triangle_with_upper_triangle();
    Regression::of(
        &products,
        each.iter().map(|one| one.cells).sum(),
        sum(&|one, _| one.floor),
        columns.iter().map(price).collect(),
        // Residuals are in units of the noise.
        trusts(problem.accuracy() * (-0.5 * logs).exp()),
    )
}

/// Whether a column may join those that are `chosen`: a term alone, in an equation that a flow of it is part of, would be the same
/// system written in another way. Flows of one term may meet: what a complex falls apart to is one of two things.
pub(super) fn is_apart(columns: &[Column], chosen: &[usize], column: usize) -> bool {
    let Some(own) = columns.get(column) else {
        return false;
    };
    let meets = |other: &Column| {
        let mut shares = own.shares.iter().zip(&other.shares);
        let alone = own.equations() == 1 || other.equations() == 1;
        other.term == own.term && alone && shares.any(|(a, b)| a * b != 0.0)
    };
    !chosen.iter().filter_map(|i| columns.get(*i)).any(meets)
}

/// Whether a support has a term for each equation.
pub(super) fn is_whole(columns: &[Column], support: &Support, dimension: usize) -> bool {
    let chosen = || support.terms.iter().filter_map(|i| columns.get(*i));
    (0..dimension).all(|state| chosen().any(|c| c.shares.get(state).is_some_and(|s| *s != 0.0)))
}

/// The right-hand sides of a support.
pub(super) fn equations(
    library: &[Expr],
    columns: &[Column],
    support: &Support,
    dimension: usize,
) -> Vec<Expr> {
    let chosen = support.terms.iter().zip(&support.coefficients);
    let chosen: Vec<(&Column, f64)> = chosen
        .filter_map(|(i, c)| Some((columns.get(*i)?, *c)))
        .collect();
    let equation = |state: usize| {
        let parts = chosen.iter().filter_map(|(column, coefficient)| {
            let share = column.shares.get(state).filter(|share| **share != 0.0)?;
            Some(Expr::Number(share * coefficient) * library.get(column.term)?.clone())
        });
        sum_of(parts)
    };
    (0..dimension).map(equation).collect()
}

#[cfg(test)]
mod tests {
    use nsode_parser::Names;

    use super::*;
    use crate::fit::proposal::Proposal;
    use crate::propose::sparse::Sparse;
    use crate::samples::{Sample, canonical};

    #[test]
    fn each_term_is_in_single_equations_and_in_several_with_all_signs() {
        assert_eq!(signs(1), [[1.0]]);
        assert_eq!(signs(2).len(), 4);
        assert!(signs(2).contains(&vec![1.0, -1.0]));
        assert_eq!(signs(3).len(), 13);
        assert_eq!(signs(4).len(), 40);
    }

    /// An enzyme, what it acts on, both together, and the product: two sums are conserved, so an equation alone may be written in
    /// many ways.
    #[test]
    fn what_one_state_loses_another_one_gains() {
        let law = "-0.07*x1*x2 + 5.6*x3; -0.07*x1*x2 + 2.5*x3; 0.07*x1*x2 - 5.6*x3; 3.1*x3";
        let sample = Sample {
            law,
            states: &["x1", "x2", "x3", "x4"],
            initial: &[&[14.5, 96.0, 0.0, 0.0]],
            times: (0.0, 8.0, 60),
            noise: 0.02,
        };
        let problem = sample.problem();
        let (shape, _) = canonical(law, &Names::default_for(4)).parts().unwrap();
        let made = Sparse::default().among(&problem, &[]);
        let place = |list: &[Proposal]| list.iter().position(|system| system.skeleton == shape);
        assert!(place(&made.together).is_some_and(|place| place < 12));
        assert_eq!(place(&made.apart), None);
    }
}
