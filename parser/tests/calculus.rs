//! Derivatives against forward-mode dual numbers, and compiled evaluation against the recursive one, over
//! many random trees.

mod common;

use common::{Random, tree};
use num_dual::{Dual64, DualNum};

use nsode_parser::calculus::{Variable, derivative};
use nsode_parser::tape::Tape;
use nsode_parser::{Binary, Expr, Unary};

const TREES: u64 = 120_000;

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Value and derivative by dual numbers; the value's own rules for powers of negative bases.
fn dual(expr: &Expr, t: Dual64, x: &[Dual64], c: &[Dual64]) -> Dual64 {
    match expr {
        Expr::Number(v) => Dual64::from(*v),
        Expr::Parameter(k) => c[*k],
        Expr::State(i) => x[*i],
        Expr::Time => t,
        Expr::Unary(f, a) => {
            let a = dual(a, t, x, c);
            match f {
                Unary::Neg => -a,
                Unary::Sin => a.sin(),
                Unary::Cos => a.cos(),
                Unary::Tan => a.tan(),
                Unary::Tanh => a.tanh(),
                Unary::Exp => a.exp(),
                Unary::Log => a.ln(),
                Unary::Sqrt => a.sqrt(),
                Unary::Abs if a.re < 0.0 => -a,
                Unary::Abs => a,
            }
        }
        Expr::Binary(op, a, b) => {
            let (a, b) = (dual(a, t, x, c), dual(b, t, x, c));
            match op {
                Binary::Add => a + b,
                Binary::Sub => a - b,
                Binary::Mul => a * b,
                Binary::Div => a / b,
                Binary::Pow if b.eps == 0.0 && b.re.fract() == 0.0 && b.re.abs() < 1e6 => {
                    a.powi(b.re as i32)
                }
                Binary::Pow if b.eps == 0.0 => a.powf(b.re),
                Binary::Pow => a.powd(b),
            }
        }
    }
}

#[test]
fn derivatives_agree_with_dual_numbers() {
    let mut compared = 0u64;
    let mut nonzero = 0u64;
    for number in 0..TREES {
        let mut random = Random(number);
        let expr = tree(&mut random, 4, true);
        let x = [random.uniform(-2.0, 2.0), random.uniform(0.1, 2.0)];
        let c = [random.uniform(-2.0, 2.0), random.uniform(0.1, 2.0)];
        let t = random.uniform(0.0, 1.0);
        for (by, seed) in [
            (Variable::State(0), 0),
            (Variable::State(1), 1),
            (Variable::Parameter(0), 2),
            (Variable::Parameter(1), 3),
            (Variable::Time, 4),
        ] {
            let lift = |v: f64, i: usize| Dual64::new(v, f64::from(i == seed));
            let expected = dual(
                &expr,
                lift(t, 4),
                &[lift(x[0], 0), lift(x[1], 1)],
                &[lift(c[0], 2), lift(c[1], 3)],
            );
            let found = derivative(&expr, by).eval(t, &x, &c);
            // Where the function has no value or the numbers lie beyond any scale that a trajectory has,
            // there is nothing to compare.
            let well_scaled = |v: f64| v.is_finite() && v.abs() < 1e6;
            if !(well_scaled(expected.re)
                && well_scaled(expected.eps)
                && well_conditioned(&expr, t, &x, &c))
            {
                continue;
            }
            compared += 1;
            nonzero += u64::from(expected.eps != 0.0);
            let error = (found - expected.eps).abs();
            assert!(
                error <= 1e-9 * (1.0 + expected.eps.abs()),
                "tree {number}: d/d{by:?} of {expr:?} is {found}, dual numbers say {}",
                expected.eps
            );
        }
    }
    assert!(
        compared > TREES && nonzero > TREES / 2,
        "only {compared} comparisons, {nonzero} of them with a derivative that is not 0"
    );
}

/// Whether every subexpression of `expr` is well away from its poles, jumps and overflow, so that rounding
/// differs by no more than a few ulps between two correct derivatives.
fn well_conditioned(expr: &Expr, t: f64, x: &[f64], c: &[f64]) -> bool {
    let mut fine = true;
    expr.visit(&mut |e| {
        let v = e.eval(t, x, c);
        fine &= v.is_finite() && v.abs() < 1e4;
        if let Expr::Binary(Binary::Pow, a, b) = e {
            // A negative base has a power only at isolated exponents, so no derivative by the exponent.
            let fixed = b.states() == 0 && b.parameters() == 0 && !uses_time(b);
            fine &= fixed || a.eval(t, x, c) > 0.0;
        }
        match e {
            Expr::Unary(Unary::Log | Unary::Sqrt | Unary::Abs, a)
            | Expr::Binary(Binary::Div, _, a)
            | Expr::Binary(Binary::Pow, a, _) => fine &= a.eval(t, x, c).abs() > 1e-2,
            Expr::Unary(Unary::Tan, a) => fine &= a.eval(t, x, c).cos().abs() > 1e-2,
            _ => {}
        }
    });
    fine
}

fn uses_time(expr: &Expr) -> bool {
    let mut found = false;
    expr.visit(&mut |e| found |= *e == Expr::Time);
    found
}

#[test]
fn compiled_evaluation_is_the_recursive_one_bit_for_bit() {
    let mut finite = 0u64;
    for number in 0..TREES {
        let mut random = Random(number ^ 0xABCD_0000);
        let count = 1 + random.below(3) as usize;
        let exprs: Vec<Expr> = (0..count).map(|_| tree(&mut random, 5, true)).collect();
        let tape = Tape::compile(&exprs);
        assert_eq!(tape.outputs(), count);
        let mut scratch = tape.scratch();
        let mut out = vec![0.0; count];
        let c = [random.uniform(-3.0, 3.0), 0.0];
        let mut points = Vec::new();
        for _ in 0..2 {
            let x = [random.uniform(-3.0, 3.0), random.uniform(-1.0, 3.0)];
            let t = random.uniform(-1.0, 1.0);
            tape.eval(t, &x, &c, &mut scratch, &mut out);
            points.push((t, x, out.clone()));
            for (expr, &found) in exprs.iter().zip(&out) {
                let expected = expr.eval(t, &x, &c);
                finite += u64::from(expected.is_finite());
                assert!(
                    same(expected, found),
                    "tree {number}: {expr:?} is {expected}, compiled {found}"
                );
            }
        }
        let times: Vec<f64> = points.iter().map(|(t, ..)| *t).collect();
        let states = [0, 1].map(|i| points.iter().map(|(_, x, _)| x[i]).collect());
        let table = tape.table(&times, &states, &c);
        assert_eq!(table.len(), count * points.len());
        for (k, (.., out)) in points.iter().enumerate() {
            for (i, &expected) in out.iter().enumerate() {
                assert!(same(expected, table[i * points.len() + k]), "tree {number}");
            }
        }
    }
    assert!(finite > TREES, "only {finite} finite values");
}

#[test]
fn the_longest_tapes_are_right_too() {
    for terms in [40, 80, 81, 82, 83, 84, 85, 86, 400] {
        let sum = (1..=terms)
            .map(|k| Expr::Number(f64::from(k)).pow(Expr::State(0)))
            .reduce(|a, b| a + b);
        let sum = sum.unwrap();
        let tape = Tape::compile(std::slice::from_ref(&sum));
        let (mut scratch, mut out) = (tape.scratch(), [0.0]);
        for y in [0.5, 2.0] {
            tape.eval(0.0, &[y], &[], &mut scratch, &mut out);
            let expected = sum.eval(0.0, &[y], &[]);
            assert_eq!(out, [expected], "{terms} terms");
            assert_eq!(tape.table(&[0.0], &[vec![y]], &[]), [expected]);
        }
    }
}

#[test]
fn common_subexpressions_are_computed_once() {
    let y = || Expr::State(0);
    let cube = y().pow(3.0.into());
    let outputs = [
        cube.clone(),
        derivative(&cube, Variable::State(0)),
        Expr::State(1) * y(),
        y() * Expr::State(1),
    ];
    // y*y, (y*y)*y, 3*(y*y), x*y
    assert_eq!(Tape::compile(&outputs).operations(), 4);
}

#[test]
fn missing_inputs_and_wrong_arrays_give_nan_not_a_panic() {
    let tape = Tape::compile(&[
        Expr::State(3) + Expr::Parameter(1),
        Expr::State(0) * 2.0.into(),
    ]);
    let mut scratch = tape.scratch();
    let mut out = [0.0; 2];
    tape.eval(0.0, &[4.0], &[], &mut scratch, &mut out);
    assert!(out[0].is_nan());
    assert_eq!(out[1], 8.0);
    tape.eval(0.0, &[4.0], &[], &mut [], &mut out);
    assert!(out[0].is_nan() && out[1].is_nan());
    let mut short = [0.0; 1];
    tape.eval(
        0.0,
        &[1.0, 0.0, 0.0, 5.0],
        &[0.0, 1.5],
        &mut scratch,
        &mut short,
    );
    assert_eq!(short, [6.5]);
}

#[test]
fn powers_with_constant_exponents_need_no_logarithm() {
    for exponent in [-3.0, -1.0, 0.0, 1.0, 2.0, 3.0, 7.0] {
        let expr = Expr::State(0).pow(exponent.into());
        let slope = derivative(&expr, Variable::State(0)).eval(0.0, &[-1.5], &[]);
        let expected = exponent * (-1.5f64).powf(exponent - 1.0);
        assert!((slope - expected).abs() <= 1e-12 * expected.abs());
    }
    let free = Expr::State(0).pow(Expr::Parameter(0));
    let slope = derivative(&free, Variable::State(0)).eval(0.0, &[-1.5], &[2.0]);
    assert_eq!(slope, -3.0);
}
