//! One sample as a row of a Parquet file: its columns, there and back. The file is [`crate::shard`]'s.
//!
//! The trajectory is stored as 32-bit floats on its regular grid: `values` holds the states row-major,
//! the times run evenly from `t0` to `t1`. Constants, the initial state and the two times are 64-bit.

use std::sync::Arc;

use arrow_array::builder::{Float32Builder, Float64Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int64Type, UInt8Type, UInt64Type};
use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt64Array,
};
use nsode_parser::print::infix;
use nsode_parser::{Binary, Expr, Names, Skeleton, Token, Unary};
use sha2::{Digest, Sha256};

use crate::sampler::grid;
use crate::{Sample, Trajectory};

/// A sample as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Number of the sample in its distribution.
    pub index: u64,
    /// Seed of the distribution.
    pub seed: u64,
    /// Number of states `D`.
    pub dimension: u8,
    /// [`skeleton_id`] of the tokens.
    pub skeleton_id: i64,
    /// The skeleton as text, `c0*y + c1*y^2`; equations separated by `; `.
    pub skeleton: String,
    /// The skeleton's tokens in prefix order, all equations one after the other, separated by spaces:
    /// `add2 x1 sq x1`.
    pub tokens: String,
    /// The law as text, with its constants, each as short as it can be and still be exact.
    pub law: String,
    /// Constants in slot order.
    pub constants: Vec<f64>,
    /// State at `t0`.
    pub initial: Vec<f64>,
    /// First time.
    pub t0: f64,
    /// Last time.
    pub t1: f64,
    /// States on the regular grid, row-major `n × D`.
    pub values: Vec<f32>,
}

/// A number for a skeleton that is the same in every corpus: the first 8 bytes of the SHA-256 of its
/// tokens, as the column `tokens` has them, big end first.
pub fn skeleton_id(tokens: &str) -> i64 {
    let mut first = [0; 8];
    for (byte, hashed) in first.iter_mut().zip(Sha256::digest(tokens.as_bytes())) {
        *byte = hashed;
    }
    i64::from_be_bytes(first)
}

/// The same expression with every minus sign drawn into the number behind it, so that it is printed
/// `-2*y` and not `-(2*y)`. Its values are the same to the bit.
pub fn signed(expr: &Expr) -> Expr {
    match expr {
        Expr::Unary(Unary::Neg, a) => {
            let a = signed(a);
            negative(&a).unwrap_or(-a)
        }
        Expr::Unary(function, a) => Expr::unary(*function, signed(a)),
        Expr::Binary(operator, a, b) => Expr::binary(*operator, signed(a), signed(b)),
        leaf => leaf.clone(),
    }
}

/// The negative of a number, or of a product or quotient that begins with one.
fn negative(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Number(value) => Some(Expr::Number(-value)),
        Expr::Binary(operator @ (Binary::Mul | Binary::Div), a, b) => {
            Some(Expr::binary(*operator, negative(a)?, (**b).clone()))
        }
        _ => None,
    }
}

impl Row {
    /// The row of a sample from the distribution with `seed`.
    pub fn new(sample: &Sample, seed: u64) -> Row {
        let dimension = sample.system.dimension();
        let names = Names::default_for(dimension);
        let text = |system: &nsode_parser::System| {
            let laws = system.rhs().iter().map(|e| infix(&signed(e), &names));
            let laws: Vec<String> = laws.collect();
            laws.join("; ")
        };
        let times = sample.trajectory.times();
        let tokens: Vec<&str> = sample.skeleton.tokens().iter().map(|t| t.name()).collect();
        let tokens = tokens.join(" ");
        Row {
            index: sample.index,
            seed,
            dimension: dimension as u8,
            skeleton_id: skeleton_id(&tokens),
            skeleton: text(&sample.skeleton.template()),
            tokens,
            law: text(&sample.system.to_system()),
            constants: sample.constants.clone(),
            initial: sample.initial.clone(),
            t0: times.first().copied().unwrap_or(0.0),
            t1: times.last().copied().unwrap_or(0.0),
            values: sample
                .trajectory
                .states()
                .iter()
                .map(|&v| v as f32)
                .collect(),
        }
    }

    /// The skeleton again, from its tokens.
    ///
    /// # Errors
    /// A message for tokens that are no skeleton, or for a `skeleton_id` that is not theirs.
    pub fn decode(&self) -> Result<Skeleton, String> {
        let token = |name| Token::from_name(name).ok_or_else(|| format!("no token {name:?}"));
        let tokens = self.tokens.split(' ').map(token);
        let tokens = tokens.collect::<Result<Vec<Token>, String>>()?;
        let skeleton =
            Skeleton::parse(self.dimension.into(), &tokens).map_err(|e| e.to_string())?;
        if self.skeleton_id != skeleton_id(&self.tokens) {
            return Err("the skeleton's id is not that of its tokens".to_string());
        }
        Ok(skeleton)
    }

    /// The sample again; its trajectory has the precision of 32-bit floats but for the initial state.
    ///
    /// # Errors
    /// A message for a row that is no sample.
    pub fn sample(&self) -> Result<Sample, String> {
        let dimension = usize::from(self.dimension);
        let skeleton = self.decode()?;
        let system = skeleton
            .instantiate(&self.constants)
            .map_err(|e| e.to_string())?;
        if self.initial.len() != dimension || dimension == 0 {
            return Err(format!(
                "{} initial values of {dimension} states",
                self.initial.len()
            ));
        }
        let times = grid(self.t0, self.t1, self.values.len() / dimension);
        let mut states: Vec<f64> = self.values.iter().map(|&v| f64::from(v)).collect();
        for (state, exact) in states.iter_mut().zip(&self.initial) {
            *state = *exact;
        }
        let trajectory = Trajectory::new(dimension, times, states).map_err(|e| e.to_string())?;
        Ok(Sample {
            index: self.index,
            system,
            skeleton,
            constants: self.constants.clone(),
            initial: self.initial.clone(),
            trajectory,
        })
    }
}

/// Columns of a batch of rows, in the order of the fields of [`Row`].
pub(crate) fn batch(rows: &[Row]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let mut constants = ListBuilder::new(Float64Builder::new());
    let mut initial = ListBuilder::new(Float64Builder::new());
    let mut values = ListBuilder::new(Float32Builder::new());
    for row in rows {
        constants.values().append_slice(&row.constants);
        constants.append(true);
        initial.values().append_slice(&row.initial);
        initial.append(true);
        values.values().append_slice(&row.values);
        values.append(true);
    }
    let text = |of: fn(&Row) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let whole = |of: fn(&Row) -> u64| -> ArrayRef {
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(of)))
    };
    let real = |of: fn(&Row) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(of)))
    };
    let dimension = UInt8Array::from_iter_values(rows.iter().map(|r| r.dimension));
    let id = Int64Array::from_iter_values(rows.iter().map(|r| r.skeleton_id));
    RecordBatch::try_from_iter([
        ("index", whole(|r| r.index)),
        ("seed", whole(|r| r.seed)),
        ("dimension", Arc::new(dimension) as ArrayRef),
        ("skeleton_id", Arc::new(id) as ArrayRef),
        ("skeleton", text(|r| &r.skeleton)),
        ("tokens", text(|r| &r.tokens)),
        ("law", text(|r| &r.law)),
        ("constants", Arc::new(constants.finish()) as ArrayRef),
        ("initial", Arc::new(initial.finish()) as ArrayRef),
        ("t0", real(|r| r.t0)),
        ("t1", real(|r| r.t1)),
        ("values", Arc::new(values.finish()) as ArrayRef),
    ])
}

/// Rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Option<Vec<Row>> {
    let column = |name: &str| batch.column_by_name(name);
    let index = column("index")?.as_primitive_opt::<UInt64Type>()?;
    let seed = column("seed")?.as_primitive_opt::<UInt64Type>()?;
    let dimension = column("dimension")?.as_primitive_opt::<UInt8Type>()?;
    let id = column("skeleton_id")?.as_primitive_opt::<Int64Type>()?;
    let skeleton = column("skeleton")?.as_string_opt::<i32>()?;
    let tokens = column("tokens")?.as_string_opt::<i32>()?;
    let law = column("law")?.as_string_opt::<i32>()?;
    let constants = column("constants")?.as_list_opt::<i32>()?;
    let initial = column("initial")?.as_list_opt::<i32>()?;
    let t0 = column("t0")?.as_primitive_opt::<Float64Type>()?;
    let t1 = column("t1")?.as_primitive_opt::<Float64Type>()?;
    let values = column("values")?.as_list_opt::<i32>()?;
    (0..batch.num_rows())
        .map(|i| {
            let reals = |list: ArrayRef| -> Option<Vec<f64>> {
                Some(list.as_primitive_opt::<Float64Type>()?.values().to_vec())
            };
            Some(Row {
                index: index.value(i),
                seed: seed.value(i),
                dimension: dimension.value(i),
                skeleton_id: id.value(i),
                skeleton: skeleton.value(i).to_string(),
                tokens: tokens.value(i).to_string(),
                law: law.value(i).to_string(),
                constants: reals(constants.value(i))?,
                initial: reals(initial.value(i))?,
                t0: t0.value(i),
                t1: t1.value(i),
                values: values
                    .value(i)
                    .as_primitive_opt::<Float32Type>()?
                    .values()
                    .to_vec(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsode_parser::infix::parse_system;

    #[test]
    fn minus_signs_stand_at_numbers() {
        for (text, expected) in [
            ("-(2)", "-2"),
            ("-(2*y)", "-2*y"),
            ("-(2*y/(1 + y)) - 3*y", "-2*y/(1 + y) - 3*y"),
            ("exp(-(0.2*y))", "exp(-0.2*y)"),
            ("-y - 1", "-y - 1"),
            ("-exp(y)", "-exp(y)"),
            ("1 - 2*y", "1 - 2*y"),
        ] {
            let (system, names) = parse_system(text, None).unwrap();
            let law = signed(&system.rhs()[0]);
            assert_eq!(infix(&law, &names), expected);
            let value = |e: &Expr| e.eval(0.0, &[0.7], &[]);
            assert_eq!(value(&law), value(&system.rhs()[0]), "{text}");
        }
    }

    #[test]
    fn ids_are_those_of_other_programs() {
        // printf '%s' 'add2 x1 sq x1' | sha256sum | cut -c -16
        assert_eq!(skeleton_id("add2 x1 sq x1") as u64, 0x74ab_7833_209a_a766);
    }
}
