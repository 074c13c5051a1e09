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
/// parameters, then one place a step.
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

    /// The working array of [`Tape::eval`], with the numbers of this tape in place. The caller keeps it, one
    /// a thread, and passes it to every evaluation of this tape.
    pub fn scratch(&self) -> Vec<f64> {
        let mut scratch = self.numbers.clone();
        scratch.resize(
            self.numbers.len() + self.inputs() + self.steps.len(),
            f64::NAN,
        );
        scratch
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
        let first_step = self.numbers.len() + self.inputs();
        if scratch.len() != first_step + self.steps.len() {
            out.iter_mut()
                .take(self.outputs.len())
                .for_each(|o| *o = f64::NAN);
            return;
        }
        if let Some(inputs) = scratch.get_mut(self.numbers.len()..first_step)
            && let Some((time, rest)) = inputs.split_first_mut()
            && let Some((x, c)) = rest.split_at_mut_checked(self.states)
        {
            *time = t;
            fill(x, states);
            fill(c, parameters);
        }
        for (i, step) in self.steps.iter().enumerate() {
            // Places before this step's own are complete; a missing one cannot occur, and reads as NaN.
            let Some((done, rest)) = scratch.split_at_mut_checked(first_step + i) else {
                return;
            };
            let a = done.get(step.a as usize).copied().unwrap_or(f64::NAN);
            let b = done.get(step.b as usize).copied().unwrap_or(f64::NAN);
            let value = match step.op {
                Op::Add => a + b,
                Op::Sub => a - b,
                Op::Mul => a * b,
                Op::Div => a / b,
                Op::Pow => power(a, b),
                Op::Powi(n) => a.powi(n),
                Op::Unary(function) => function.apply(a),
            };
            if let Some(place) = rest.first_mut() {
                *place = value;
            }
        }
        for (o, &place) in out.iter_mut().zip(&self.outputs) {
            *o = scratch.get(place as usize).copied().unwrap_or(f64::NAN);
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
