//! The terms that sparse regression chooses from, in normalised units.

use nsode_parser::tape::Tape;
use nsode_parser::{Expr, Unary};

use crate::series::problem::Problem;

/// What a term is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Products of at most two states.
    Quadratic,
    /// Higher powers and products.
    Higher,
    /// Saturation, and what another state does in its measure; the inverse.
    Rational,
    /// Sines and cosines.
    Periodic,
    /// Exponentials, logarithms, roots and saturation.
    Transcendental,
    /// Inhibition alone, `1/(k + uⁿ)`.
    Inhibition,
    /// One state in the measure of another: `v/u`, `v²/u`, `u·v/(u + v)`.
    Ratio,
    /// Saturation by two states together: competitors for an enzyme, predators in each other's way, `u·v/(k + u + q·v)`.
    Competition,
    /// Products of sines and cosines, and of these with squares.
    Wave,
    /// Roots of two states: outflow under pressure, drag, attraction.
    Root,
    /// Thresholds, of one state or two together.
    Step,
    /// Rates that depend on a state: exponentially, as a temperature, as a power.
    Rate,
}

impl Kind {
    /// Kinds of which systems are made most often, beside [`Kind::Quadratic`].
    pub const USUAL: [Kind; 4] = [
        Kind::Higher,
        Kind::Rational,
        Kind::Periodic,
        Kind::Transcendental,
    ];

    /// Kinds of which systems are made now and then.
    pub const RARER: [Kind; 7] = [
        Kind::Inhibition,
        Kind::Ratio,
        Kind::Competition,
        Kind::Wave,
        Kind::Root,
        Kind::Step,
        Kind::Rate,
    ];

    /// The kind that this one comes with, beside [`Kind::Quadratic`]: what turns falls, too.
    pub fn companion(self) -> Kind {
        match self {
            Kind::Wave => Kind::Periodic,
            other => other,
        }
    }
}

/// Terms that are finite along the curves of `problem`, in normalised units. They are of the kinds that the generator
/// makes laws of, and textbooks do.
pub fn library(problem: &Problem) -> Vec<(Kind, Expr)> {
    let d = problem.dimension();
    let mut terms = monomials(d, 3);
    if d == 1 {
        terms.push((Kind::Higher, Expr::State(0).pow(number(4.0))));
    }
    for i in 0..d {
        terms.extend(functions(problem, i));
        for j in (0..d).filter(|j| *j != i) {
            terms.extend(couplings(problem, i, j));
        }
    }
    let tape = Tape::compile(&terms.iter().map(|(_, e)| e.clone()).collect::<Vec<_>>());
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
        .filter_map(|(term, finite)| finite.then_some(term))
        .collect()
}

fn number(value: f64) -> Expr {
    Expr::Number(value)
}

/// The least value of state `i` along the curves.
fn lowest(problem: &Problem, i: usize) -> f64 {
    let all = problem.curves().iter().flat_map(|c| {
        let values = c.values.iter().skip(i).step_by(problem.dimension());
        values.copied()
    });
    all.fold(f64::INFINITY, f64::min)
}

/// The unit of state `i`, in which an angle in radians has frequency 1; `None` where it is no angle.
fn unit(problem: &Problem, i: usize) -> Option<f64> {
    let unit = problem.scaling().states.get(i).copied().unwrap_or(1.0);
    (0.5..40.0).contains(&unit).then_some(unit)
}

/// Places where saturation is half.
fn halves(d: usize) -> &'static [f64] {
    match d {
        1 => &[0.1, 0.3, 1.0, 3.0],
        _ => &[0.1, 0.4, 1.5],
    }
}

/// Functions of state `i` alone.
fn functions(problem: &Problem, i: usize) -> Vec<(Kind, Expr)> {
    let (d, lowest) = (problem.dimension(), lowest(problem, i));
    let u = || Expr::State(i);
    let square = || u().pow(number(2.0));
    let call = Expr::unary;
    let mut terms = Vec::new();
    if lowest > 0.0 {
        terms.push((Kind::Transcendental, call(Unary::Log, u())));
        terms.push((Kind::Transcendental, u() * call(Unary::Log, u())));
        terms.push((Kind::Transcendental, call(Unary::Sqrt, u())));
        terms.push((Kind::Rational, number(1.0) / u()));
    }
    for rate in [-3.0, -1.0, 1.0, 3.0] {
        terms.push((Kind::Transcendental, call(Unary::Exp, number(rate) * u())));
    }
    for &k in halves(d) {
        if lowest > -0.5 * k {
            terms.push((Kind::Rational, u() / (number(k) + u())));
        }
        terms.push((Kind::Rational, square() / (number(k * k) + square())));
        if d > 1 {
            terms.push((Kind::Rational, u() / (number(k * k) + square())));
        }
    }
    match d {
        1 => terms.extend(conversions(problem, lowest)),
        _ => terms.extend(inhibitions(i, lowest)),
    }
    let mut angles = if d == 1 {
        vec![1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0]
    } else {
        vec![2.0, 5.0]
    };
    angles.splice(
        0..0,
        unit(problem, i).into_iter().flat_map(|one| match d {
            1 => vec![one],
            _ => vec![one, 2.0 * one],
        }),
    );
    for angle in angles {
        terms.push((Kind::Periodic, call(Unary::Sin, number(angle) * u())));
        terms.push((Kind::Periodic, call(Unary::Cos, number(angle) * u())));
    }
    for k in [1.0, 3.0] {
        terms.push((Kind::Transcendental, call(Unary::Tanh, number(k) * u())));
        if d == 1 {
            terms.push((
                Kind::Transcendental,
                u() * call(Unary::Exp, number(-k) * u()),
            ));
        }
    }
    if lowest < 0.0 {
        terms.push((Kind::Transcendental, u() * call(Unary::Abs, u())));
    }
    terms
}

/// How fast a share of what there is converts, by orders of reaction of what has been made and what is left (Šesták and
/// Berggren, Thermochimica Acta 3, 1971): `uᵐ·(1 − u)ⁿ` where the only state is one from 0 to 1.
fn conversions(problem: &Problem, lowest: f64) -> Vec<(Kind, Expr)> {
    let largest = problem.scaling().states.first().copied().unwrap_or(1.0);
    if lowest < 0.0 || largest > 1.0 {
        return Vec::new();
    }
    let power = |of: Expr, n: f64| if n == 1.0 { of } else { of.pow(number(n)) };
    let left = || number(1.0 / largest) - Expr::State(0);
    let mut terms = Vec::new();
    for n in [0.5, 1.0, 1.5, 2.0] {
        for m in [0.3, 0.7, 1.0, 1.5] {
            let term = power(Expr::State(0), m) * power(left(), n);
            terms.push((Kind::Rate, term));
        }
    }
    terms
}

/// Inhibition by state `i`, more or less cooperative.
fn inhibitions(i: usize, lowest: f64) -> Vec<(Kind, Expr)> {
    let u = || Expr::State(i);
    let mut terms = Vec::new();
    for k in [0.1f64, 0.2, 0.4, 0.8, 1.6] {
        for n in if lowest >= 0.0 { 1..=4 } else { 2..=2 } {
            let power = match n {
                1 => u(),
                n => u().pow(number(f64::from(n))),
            };
            let term = number(1.0) / (number(k.powi(n)) + power);
            terms.push((Kind::Inhibition, term));
        }
    }
    terms
}

/// What state `j` does in the measure of a function of state `i`: eats, drives, pulls.
fn couplings(problem: &Problem, i: usize, j: usize) -> Vec<(Kind, Expr)> {
    let (lowest, other) = (lowest(problem, i), lowest(problem, j));
    let (u, v) = (|| Expr::State(i), || Expr::State(j));
    let square = || u().pow(number(2.0));
    let mut terms = Vec::new();
    for &k in halves(problem.dimension()) {
        if lowest > -0.5 * k {
            terms.push((Kind::Rational, v() * (u() / (number(k) + u()))));
        }
        terms.push((
            Kind::Rational,
            v() * (square() / (number(k * k) + square())),
        ));
        terms.push((Kind::Rational, v() * (u() / (number(k * k) + square()))));
    }
    if let Some(angle) = unit(problem, i) {
        for function in [Unary::Sin, Unary::Cos] {
            let wave = || Expr::unary(function, number(angle) * u());
            terms.push((Kind::Periodic, v() * wave()));
            terms.push((Kind::Wave, v().pow(number(2.0)) * wave()));
            if other > 0.0 {
                terms.push((Kind::Wave, wave() / v()));
            }
        }
        // What turns is thrown outwards.
        let twice = Expr::unary(Unary::Sin, number(2.0 * angle) * u());
        terms.push((Kind::Wave, v().pow(number(2.0)) * twice));
        if i < j
            && let Some(other) = unit(problem, j)
        {
            let apart = number(angle) * u() - number(other) * v();
            terms.push((Kind::Periodic, Expr::unary(Unary::Sin, apart)));
            for function in [Unary::Sin, Unary::Cos] {
                for second in [Unary::Sin, Unary::Cos] {
                    let wave = Expr::unary(function, number(angle) * u());
                    let across = Expr::unary(second, number(other) * v());
                    terms.push((Kind::Wave, wave * across));
                }
            }
        }
    }
    terms.extend(ratios(problem, i, j));
    terms.extend(competitions(problem, i, j));
    terms.extend(roots(problem, i, j));
    terms.extend(steps(problem, i, j));
    terms.extend(rates(problem, i, j));
    terms
}

/// The mean of state `i` along the curves.
fn mean(problem: &Problem, i: usize) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for curve in problem.curves() {
        for value in curve.values.iter().skip(i).step_by(problem.dimension()) {
            sum += value;
            count += 1.0;
        }
    }
    sum / f64::max(count, 1.0)
}

/// Thresholds: of state `i`, and of what both states are together or apart.
fn steps(problem: &Problem, i: usize, j: usize) -> Vec<(Kind, Expr)> {
    let from = |k: usize| number(3.0) * Expr::State(k) - number(3.0 * mean(problem, k));
    let call = |of: Expr| (Kind::Step, Expr::unary(Unary::Tanh, of));
    let mut terms = Vec::new();
    // Once a state.
    if j == usize::from(i == 0) {
        terms.push(call(from(i)));
    }
    if i < j {
        terms.push(call(from(i) + from(j)));
        terms.push(call(from(i) - from(j)));
    }
    terms
}

/// How fast state `j` reacts by state `i`: exponentially, as a temperature in Arrhenius' law, as a power.
fn rates(problem: &Problem, i: usize, j: usize) -> Vec<(Kind, Expr)> {
    let (u, v) = (|| Expr::State(i), || Expr::State(j));
    let exp = |of: Expr| Expr::unary(Unary::Exp, of);
    let mut terms: Vec<(Kind, Expr)> = [-3.0, 3.0]
        .into_iter()
        .map(|rate| (Kind::Rate, v() * exp(number(rate) * u())))
        .collect();
    if lowest(problem, i) > HOT {
        let hot = || exp(number(-ACTIVATION) / u());
        terms.push((Kind::Rate, v() * hot()));
        terms.push((Kind::Rate, hot()));
    }
    if i < j && lowest(problem, i) > 0.0 && lowest(problem, j) > 0.0 {
        let power = |of: Expr| of.pow(number(0.4));
        terms.push((Kind::Rate, power(u()) * power(v())));
    }
    terms
}

/// A state may be an absolute temperature if it is never below this share of its largest value; and the usual temperature of
/// an activation, as a multiple of that.
const HOT: f64 = 0.5;
const ACTIVATION: f64 = 20.0;

/// State `j` in the measure of state `i`, which is positive: what one has of another, or finds of it.
fn ratios(problem: &Problem, i: usize, j: usize) -> Vec<(Kind, Expr)> {
    if lowest(problem, i) <= 0.0 {
        return Vec::new();
    }
    let (u, v) = (|| Expr::State(i), || Expr::State(j));
    let mut terms = vec![
        v() / u(),
        v().pow(number(2.0)) / u(),
        v() / u().pow(number(2.0)),
    ];
    if i < j && lowest(problem, j) > 0.0 {
        terms.push(u() * v() / (u() + v()));
    }
    terms.into_iter().map(|term| (Kind::Ratio, term)).collect()
}

/// What saturates by states `i` and `j` together, neither of which is negative.
fn competitions(problem: &Problem, i: usize, j: usize) -> Vec<(Kind, Expr)> {
    if i > j || lowest(problem, i) < 0.0 || lowest(problem, j) < 0.0 {
        return Vec::new();
    }
    let (u, v) = (|| Expr::State(i), || Expr::State(j));
    let mut terms = Vec::new();
    for half in [0.1, 0.4, 1.5] {
        for share in [0.3, 1.0, 3.0] {
            let both = || number(half) + u() + number(share) * v();
            terms.extend([u(), v(), u() * v()].map(|above| (Kind::Competition, above / both())));
        }
    }
    terms
}

/// Roots of two states: outflow under pressure, drag in two dimensions, attraction to the origin.
fn roots(problem: &Problem, i: usize, j: usize) -> Vec<(Kind, Expr)> {
    let (u, v) = (|| Expr::State(i), || Expr::State(j));
    let root = |of: Expr| Expr::unary(Unary::Sqrt, of);
    let mut terms = Vec::new();
    if lowest(problem, i) > 0.0 {
        terms.push(v() * root(u()));
    }
    let units = &problem.scaling().states;
    if let (Some(a), Some(b)) = (units.get(i), units.get(j)) {
        // A length in the units of the data.
        let square = || u().pow(number(2.0)) + (number(b / a) * v()).pow(number(2.0));
        terms.push(u() * root(square()));
        terms.push(u() / root(square()));
        terms.push(u() / square().pow(number(1.5)));
    }
    terms.into_iter().map(|term| (Kind::Root, term)).collect()
}

/// All monomials of total degree 0 to `degree` in `d` states.
pub(crate) fn monomials(d: usize, degree: usize) -> Vec<(Kind, Expr)> {
    let power = |i: usize, n: usize| match n {
        1 => Expr::State(i),
        n => Expr::State(i).pow(Expr::Number(n as f64)),
    };
    let mut exponents: Vec<Vec<usize>> = vec![vec![]];
    for _ in 0..d {
        exponents = exponents
            .into_iter()
            .flat_map(|e| {
                let left = degree - e.iter().sum::<usize>();
                (0..=left).map(move |n| e.iter().copied().chain([n]).collect())
            })
            .collect();
    }
    exponents.sort_by_key(|e| e.iter().sum::<usize>());
    exponents
        .iter()
        .map(|e| {
            let kind = match e.iter().sum() {
                0..=2usize => Kind::Quadratic,
                _ => Kind::Higher,
            };
            let factors = e.iter().enumerate().filter(|(_, n)| **n > 0);
            let product = factors
                .map(|(i, n)| power(i, *n))
                .reduce(|a, b| a * b)
                .unwrap_or(Expr::Number(1.0));
            (kind, product)
        })
        .collect()
}
