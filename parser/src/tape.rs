//! Compiled evaluation: several expressions as one straight-line program over one array of numbers.
//!
//! Equal subexpressions are computed once, over all outputs (hash-consing), so a right-hand side and its
//! derivatives compiled together share their work. The values are those of [`Expr::eval`], bit for bit: the
//! only rewrites are the folding of constants by the same operations, the exchange of the arguments of `+`
//! and `*`, and the powers that [`crate::expr::power`] itself multiplies out. Squares, cubes and reciprocals
//! are therefore plain products and quotients here, and `y^3` shares `y^2` with its derivative.

use std::collections::HashMap;

use crate::expr::{Binary, Expr, Unary, power};

/// One step: the operation and where its arguments are. Step `i` writes to the `i`-th computed place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Step {
    op: Op,
    a: u32,
    b: u32,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Op {
    Unary(Unary),
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    /// An integer power that is known in advance.
    Powi(i32),
}

/// Straight-line code for a list of expressions.
///
/// The array that a tape works on ([`Tape::scratch`]) holds the numbers of the program, then time, states and
/// parameters, then one place a step, and is never shorter than 256 numbers.
#[derive(Clone, Debug)]
pub struct Tape {
    numbers: Vec<f64>,
    states: usize,
    parameters: usize,
    steps: Vec<Step>,
    /// Where each output is found.
    outputs: Vec<u32>,
}

/// A value while places are not yet assigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Value {
    Number(u32),
    Time,
    State(u32),
    Parameter(u32),
    Step(u32),
}

#[derive(Default)]
struct Compiler {
    numbers: Vec<f64>,
    number_places: HashMap<u64, u32>,
    steps: Vec<(Op, Value, Value)>,
    step_places: HashMap<(Op, Value, Value), u32>,
    states: usize,
    parameters: usize,
}

impl Compiler {
    fn number(&mut self, value: f64) -> Value {
        let numbers = &mut self.numbers;
        let place = *self
            .number_places
            .entry(value.to_bits())
            .or_insert_with(|| {
                numbers.push(value);
                numbers.len() as u32 - 1
            });
        Value::Number(place)
    }

    fn known(&self, value: Value) -> Option<f64> {
        match value {
            Value::Number(place) => self.numbers.get(place as usize).copied(),
            _ => None,
        }
    }

    fn step(&mut self, op: Op, a: Value, b: Value) -> Value {
        let (a, b) = match op {
            Op::Add | Op::Mul if b < a => (b, a),
            _ => (a, b),
        };
        let steps = &mut self.steps;
        let place = *self.step_places.entry((op, a, b)).or_insert_with(|| {
            steps.push((op, a, b));
            steps.len() as u32 - 1
        });
        Value::Step(place)
    }

    fn expression(&mut self, expr: &Expr) -> Value {
        match expr {
            Expr::Number(v) => self.number(*v),
            Expr::Time => Value::Time,
            Expr::State(i) => {
                self.states = self.states.max(i + 1);
                Value::State(*i as u32)
            }
            Expr::Parameter(k) => {
                self.parameters = self.parameters.max(k + 1);
                Value::Parameter(*k as u32)
            }
            Expr::Unary(function, a) => {
                let a = self.expression(a);
                match self.known(a) {
                    Some(v) => self.number(function.apply(v)),
                    None => self.step(Op::Unary(*function), a, a),
                }
            }
            Expr::Binary(op, a, b) => {
                let (a, b) = (self.expression(a), self.expression(b));
                match (self.known(a), self.known(b)) {
                    (Some(x), Some(y)) => self.number(op.apply(x, y)),
                    (None, Some(y)) if *op == Binary::Pow => self.power(a, b, y),
                    _ => {
                        let op = match op {
                            Binary::Add => Op::Add,
                            Binary::Sub => Op::Sub,
                            Binary::Mul => Op::Mul,
                            Binary::Div => Op::Div,
                            Binary::Pow => Op::Pow,
                        };
                        self.step(op, a, b)
                    }
                }
            }
        }
    }

    /// `a^y` for a known `y`, held at `b`: the same cases as [`power`].
    fn power(&mut self, a: Value, b: Value, y: f64) -> Value {
        if y == 2.0 {
            self.step(Op::Mul, a, a)
        } else if y == 3.0 {
            let square = self.step(Op::Mul, a, a);
            self.step(Op::Mul, square, a)
        } else if y == -1.0 {
            let one = self.number(1.0);
            self.step(Op::Div, one, a)
        } else if y.fract() == 0.0 && y.abs() <= 64.0 {
            self.step(Op::Powi(y as i32), a, a)
        } else {
            self.step(Op::Pow, a, b)
        }
    }
}

impl Tape {
    /// Code that computes every expression of `outputs`, in their order.
    pub fn compile(outputs: &[Expr]) -> Tape {
        let mut compiler = Compiler::default();
        let values: Vec<Value> = outputs.iter().map(|e| compiler.expression(e)).collect();
        let Compiler {
            numbers,
            steps,
            states,
            parameters,
            ..
        } = compiler;
        let time = numbers.len() as u32;
        let first_parameter = time + 1 + states as u32;
        let first_step = first_parameter + parameters as u32;
        let place = |value: Value| match value {
            Value::Number(n) => n,
            Value::Time => time,
            Value::State(i) => time + 1 + i,
            Value::Parameter(k) => first_parameter + k,
            Value::Step(s) => first_step + s,
        };
        Tape {
            steps: steps
                .iter()
                .map(|&(op, a, b)| Step {
                    op,
                    a: place(a),
                    b: place(b),
                })
                .collect(),
            outputs: values.into_iter().map(place).collect(),
            numbers,
            states,
            parameters,
        }
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// One more than the largest state index that the code reads; 0 if it reads none.
    pub fn states(&self) -> usize {
        self.states
    }

    /// One more than the largest parameter index that the code reads; 0 if it reads none.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Number of operations of one evaluation.
    pub fn operations(&self) -> usize {
        self.steps.len()
    }

    fn inputs(&self) -> usize {
        1 + self.states + self.parameters
    }

    /// Length of the working array: [`FEW`] places, or as many as are needed if that is more.
    fn places(&self) -> usize {
        FEW.max(self.numbers.len() + self.inputs() + self.steps.len())
    }

    /// The working array of [`Tape::eval`], with the numbers of this tape in place. The caller keeps it, one
    /// a thread, and passes it to every evaluation of this tape.
    pub fn scratch(&self) -> Vec<f64> {
        let mut scratch = Vec::with_capacity(self.places());
        scratch.extend_from_slice(&self.numbers);
        scratch.resize(self.places(), f64::NAN);
        scratch
    }

    /// Puts values of parameters into a working array, for [`Tape::eval_at`]. One that the slice lacks
    /// counts as NaN.
    pub fn set_parameters(&self, parameters: &[f64], scratch: &mut [f64]) {
        let first = self.numbers.len() + 1 + self.states;
        if let Some(c) = scratch.get_mut(first..first + self.parameters) {
            fill(c, parameters);
        }
    }

    /// Evaluates all outputs at time `t` into `out`, without allocating.
    ///
    /// A state or parameter that the slices lack counts as NaN. `scratch` must come from
    /// [`Tape::scratch`] of this tape; with one of another length every output is NaN. Places of `out`
    /// beyond the number of outputs are left alone, outputs beyond its length are dropped.
    pub fn eval(
        &self,
        t: f64,
        states: &[f64],
        parameters: &[f64],
        scratch: &mut [f64],
        out: &mut [f64],
    ) {
        self.set_parameters(parameters, scratch);
        self.eval_at(t, states, scratch, out);
    }

    /// [`Tape::eval`] with the parameters that [`Tape::set_parameters`] has put into `scratch`: for many
    /// evaluations with the same ones.
    pub fn eval_at(&self, t: f64, states: &[f64], scratch: &mut [f64], out: &mut [f64]) {
        if scratch.len() != self.places() {
            out.iter_mut()
                .take(self.outputs.len())
                .for_each(|o| *o = f64::NAN);
        } else if let Ok(few) = <&mut [f64; FEW]>::try_from(&mut *scratch) {
            self.run(t, states, few, out);
        } else {
            self.run(t, states, scratch, out);
        }
    }

    /// Evaluates all outputs at `n` points at once, one operation after the other over all points, which is
    /// several times faster than point by point.
    ///
    /// `times` has `n` values, `states` one column of `n` values a state. Returns the columns of the
    /// outputs, one after the other. States and parameters that are not there count as NaN.
    pub fn table(&self, times: &[f64], states: &[Vec<f64>], parameters: &[f64]) -> Vec<f64> {
        let n = times.len();
        let mut columns =
            Vec::with_capacity(n * (self.numbers.len() + self.inputs() + self.steps.len()));
        for &number in &self.numbers {
            columns.resize(columns.len() + n, number);
        }
        columns.extend_from_slice(times);
        for i in 0..self.states {
            let known = states.get(i).map_or(&[][..], Vec::as_slice);
            let end = columns.len() + n;
            columns.extend(known.iter().take(n));
            columns.resize(end, f64::NAN);
        }
        for k in 0..self.parameters {
            let parameter = parameters.get(k).copied().unwrap_or(f64::NAN);
            columns.resize(columns.len() + n, parameter);
        }
        let range = |place: u32| place as usize * n..(place as usize + 1) * n;
        for step in &self.steps {
            // The first argument is copied to where the result will be.
            let end = columns.len();
            columns.extend_from_within(range(step.a));
            let (done, a) = columns.split_at_mut(end);
            let b = done.get(range(step.b)).unwrap_or_default();
            let pairs = a.iter_mut().zip(b);
            match step.op {
                Op::Add => pairs.for_each(|(a, b)| *a += b),
                Op::Sub => pairs.for_each(|(a, b)| *a -= b),
                Op::Mul => pairs.for_each(|(a, b)| *a *= b),
                Op::Div => pairs.for_each(|(a, b)| *a /= b),
                Op::Pow => pairs.for_each(|(a, b)| *a = power(*a, *b)),
                Op::Powi(exponent) => pairs.for_each(|(a, _)| *a = a.powi(exponent)),
                Op::Unary(function) => pairs.for_each(|(a, _)| *a = function.apply(*a)),
            }
        }
        let outputs = self.outputs.iter();
        let column = |&place: &u32| columns.get(range(place)).unwrap_or_default();
        outputs.flat_map(column).copied().collect()
    }

    fn run(&self, t: f64, states: &[f64], places: &mut (impl Places + ?Sized), out: &mut [f64]) {
        let mut place = self.numbers.len();
        places.set(place, t);
        for i in 0..self.states {
            place += 1;
            places.set(place, states.get(i).copied().unwrap_or(f64::NAN));
        }
        place += self.parameters;
        for step in &self.steps {
            let a = places.at(step.a);
            let b = places.at(step.b);
            let value = match step.op {
                Op::Add => a + b,
                Op::Sub => a - b,
                Op::Mul => a * b,
                Op::Div => a / b,
                Op::Pow => power(a, b),
                Op::Powi(n) => a.powi(n),
                Op::Unary(function) => function.apply(a),
            };
            place += 1;
            places.set(place, value);
        }
        for (o, &place) in out.iter_mut().zip(&self.outputs) {
            *o = places.at(place);
        }
    }
}

/// Almost every tape fits into so many places, and an index into an array of 256 needs no check.
const FEW: usize = 256;

/// The working array. No tape names a place that its array lacks; should one, it reads as any other.
trait Places {
    fn at(&self, place: u32) -> f64;
    fn set(&mut self, place: usize, value: f64);
}

impl Places for [f64; FEW] {
    fn at(&self, place: u32) -> f64 {
        self[place as usize % FEW]
    }

    fn set(&mut self, place: usize, value: f64) {
        self[place % FEW] = value;
    }
}

impl Places for [f64] {
    fn at(&self, place: u32) -> f64 {
        self.get(place as usize).copied().unwrap_or(f64::NAN)
    }

    fn set(&mut self, place: usize, value: f64) {
        if let Some(cell) = self.get_mut(place) {
            *cell = value;
        }
    }
}

/// Copies `from` into `to`; what `from` lacks is NaN.
fn fill(to: &mut [f64], from: &[f64]) {
    if let Some(from) = from.get(..to.len()) {
        to.copy_from_slice(from);
    } else {
        for (i, x) in to.iter_mut().enumerate() {
            *x = from.get(i).copied().unwrap_or(f64::NAN);
        }
    }
}
