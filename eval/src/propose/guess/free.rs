//! Which numbers of a guess are constants to be fitted: those that are written as if measured, and for which no
//! other constant can stand.

use std::f64::consts::{LN_2, LN_10, PI};

use nalgebra::{DMatrix, DVector};
use nsode_parser::calculus::{Variable, derivative};
use nsode_parser::{Binary, Expr, Unary};

use super::Unknown;
use crate::fit::parametrised::Parametrised;
use crate::fit::setting::Setting;
use crate::series::problem::Problem;

/// Points at which derivatives are compared.
const POINTS: usize = 60;

/// Relative size below which what is left of a derivative, beside the others, is nothing.
const NOTHING: f64 = 1e-7;

/// Singular values of such derivatives, each of length 1, below which there are none: their own rounding.
const NOTHING_AT_ALL: f64 = 1e-10;

/// `rhs` with a new constant, which starts there, for every number that may be one: not 0, 1, −1, π, nor the
/// logarithms that functions are expanded with, and no exponent that is whole, half, or written as a fraction.
pub(super) fn numbers(rhs: &[Expr], constants: &mut Vec<Unknown>) -> Vec<Expr> {
    rhs.iter().map(|expr| walk(expr, constants)).collect()
}

fn walk(expr: &Expr, constants: &mut Vec<Unknown>) -> Expr {
    match expr {
        Expr::Number(value) if !is_structural(*value) => {
            constants.push(Unknown {
                name: None,
                start: Some(*value),
                setting: Setting::FREE,
            });
            Expr::Parameter(constants.len() - 1)
        }
        Expr::Unary(function, a) => Expr::unary(*function, walk(a, constants)),
        Expr::Binary(Binary::Pow, a, b) if is_plain_exponent(b) => {
            walk(a, constants).pow(b.as_ref().clone())
        }
        Expr::Binary(op, a, b) => {
            let a = walk(a, constants);
            Expr::binary(*op, a, walk(b, constants))
        }
        leaf => leaf.clone(),
    }
}

fn is_structural(value: f64) -> bool {
    [0.0, 1.0, PI, LN_2, LN_10].contains(&value.abs())
}

fn is_plain_exponent(expr: &Expr) -> bool {
    match expr {
        Expr::Number(value) => (2.0 * value).fract() == 0.0,
        Expr::Unary(Unary::Neg, inner) => is_plain_exponent(inner),
        Expr::Binary(Binary::Div, a, b) => is_plain_exponent(a) && is_plain_exponent(b),
        _ => false,
    }
}

/// The numbers, among the constants, that nothing else can stand for: the derivatives by them are no
/// combinations of those by the others at `values`. Constants with names come first, then numbers in order.
pub(super) fn redundant(
    problem: &Problem,
    rhs: &[Expr],
    constants: &[Unknown],
    values: &[f64],
) -> Vec<usize> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut redundant = Vec::new();
    let is_free = |(_, c): &(usize, &Unknown)| matches!(c.setting, Setting::Free { .. });
    let free = constants.iter().enumerate().filter(is_free);
    let (named, numbers): (Vec<_>, Vec<_>) = free.partition(|(_, c)| c.name.is_some());
    let order: Vec<usize> = named.into_iter().chain(numbers).map(|(k, _)| k).collect();
    let columns = derivatives(problem, rhs, &order, values);
    for (k, mut column) in order.into_iter().zip(columns) {
        let before = norm(&column);
        // Twice, so that rounding of the first time is made good.
        for _ in 0..2 {
            for unit in &basis {
                let along: f64 = unit.iter().zip(&column).map(|(a, b)| a * b).sum();
                for (c, u) in column.iter_mut().zip(unit) {
                    *c -= along * u;
                }
            }
        }
        let left = norm(&column);
        let is_new = before > 0.0 && left > NOTHING * before;
        if is_new {
            column.iter_mut().for_each(|c| *c /= left);
            basis.push(column);
        } else if constants.get(k).is_some_and(|c| c.name.is_none()) {
            redundant.push(k);
        }
    }
    redundant
}

/// The constants, among those that `model` fits, that right-hand sides with other values of other constants can stand
/// for, however accurate the data are: directions in which the right-hand sides `rhs` do not change along the data.
/// Solutions tell that less well, having errors of their own. Also the number of the directions in which they change.
pub(super) fn open(
    problem: &Problem,
    rhs: &[Expr],
    model: &Parametrised,
    values: &[f64],
) -> (Vec<usize>, usize) {
    let columns = derivatives(problem, rhs, model.free(), values);
    if columns.is_empty() {
        return (Vec::new(), 0);
    }
    let all = DMatrix::from_columns(&columns.into_iter().map(unit).collect::<Vec<_>>());
    // Whether the others can stand for a constant, however little of it that takes.
    let is_open = |place: &usize| {
        let mut left = all.column(*place).into_owned();
        if all.ncols() > 1 {
            let found = all.clone().remove_column(*place).svd(true, false);
            let directions = found.u.iter().flat_map(|u| u.column_iter());
            let seen = directions.zip(found.singular_values.iter());
            for (direction, _) in seen.filter(|(_, value)| **value > NOTHING_AT_ALL) {
                left -= direction * direction.dot(&left);
            }
        }
        left.norm() < NOTHING
    };
    let open: Vec<usize> = (0..all.ncols()).filter(is_open).collect();
    let rank = all.svd(false, false).rank(NOTHING_AT_ALL);
    let each = open.iter().filter_map(|place| model.free().get(*place));
    (each.copied().collect(), rank)
}

/// A column of length 1; of zeros, if it is one.
fn unit(column: Vec<f64>) -> DVector<f64> {
    let column = DVector::from_vec(column);
    let norm = column.norm();
    if norm > 0.0 { column / norm } else { column }
}

/// A column of derivatives of the right-hand sides by each of `constants` at `values`, along the data. Places where one of
/// them has no value count as 0 in all.
fn derivatives(
    problem: &Problem,
    rhs: &[Expr],
    constants: &[usize],
    values: &[f64],
) -> Vec<Vec<f64>> {
    let points = samples(problem);
    let column = |k: &usize| {
        let slopes = rhs
            .iter()
            .map(|expr| derivative(expr, Variable::Parameter(*k)));
        let cells = slopes.flat_map(|slope| {
            let each = points.iter();
            let each = each.map(|(t, u)| slope.eval(*t, u, values));
            each.collect::<Vec<f64>>()
        });
        cells.collect()
    };
    let mut columns: Vec<Vec<f64>> = constants.iter().map(column).collect();
    for cell in 0..rhs.len() * points.len() {
        let mut each = columns.iter();
        if !each.all(|column| column.get(cell).is_some_and(|v| v.is_finite())) {
            for column in &mut columns {
                column[cell] = 0.0;
            }
        }
    }
    columns
}

fn norm(column: &[f64]) -> f64 {
    column.iter().map(|c| c * c).sum::<f64>().sqrt()
}

/// Times and states along the smoothed curves, in the data's units, at most [`POINTS`] or a few more.
fn samples(problem: &Problem) -> Vec<(f64, Vec<f64>)> {
    let scaling = problem.scaling();
    let nodes: usize = problem.curves().iter().map(|c| c.times.len()).sum();
    let stride = nodes.div_ceil(POINTS).max(1);
    let mut all = Vec::new();
    for curve in problem.curves() {
        for node in (0..curve.times.len()).step_by(stride) {
            let time = curve.times.get(node).copied().unwrap_or(0.0);
            let states = curve.at(node).iter().zip(&scaling.states);
            let states = states.map(|(u, unit)| u * unit).collect();
            all.push((scaling.origin + scaling.time * time, states));
        }
    }
    all
}
