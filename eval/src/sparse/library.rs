//! The terms that sparse regression chooses from, in normalised units.

use nsode_parser::tape::Tape;
use nsode_parser::{Expr, Unary};

use crate::problem::Problem;

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
