//! From a network to laws: search over skeletons, constants for the skeletons found, and their clean-up.
//!
//! Owns the algorithms, written against [`StepModel`] so that they run on a table as well as on a network:
//! - [`search`]: beam search and sampling without replacement over skeletons, under the grammar;
//! - [`constants`]: the constants of given skeletons, and the log-probability of any skeleton;
//! - [`merge`]: equal laws joined, impossible ones dropped.
//!
//! `ensemble` adapts the trained network; [`crate::predictor`] owns one and serves other threads.
//!
//! A skeleton's log-probability is everywhere that of the **masked, renormalised** distribution: at each
//! place the model's scores are restricted to the tokens that the grammar allows there, and normalised
//! again. Over all spellings within the length these probabilities sum to one, and they do not depend on
//! how the search went.

pub mod constants;
pub(crate) mod ensemble;
pub mod merge;
pub mod search;
#[cfg(test)]
pub(crate) mod table;

use nsode_parser::skeleton::Skeleton;

use crate::vocabulary::Symbol;

/// Scores of the next id, one row a sequence: logits or log-probabilities, any common offset a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    columns: usize,
    values: Vec<f32>,
}

/// Scores that can't be used: a damaged model, or a bug.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScoresError {
    /// Not the shape that was asked for.
    #[error("the model gave {found} scores where {rows} rows of at least {columns} are needed")]
    Shape {
        /// Number of scores.
        found: usize,
        /// Rows asked for.
        rows: usize,
        /// Ids that have to be there.
        columns: usize,
    },
    /// A score is NaN or +∞.
    #[error("the model's score of id {id} is {value}")]
    NotFinite {
        /// The id.
        id: usize,
        /// The score.
        value: f32,
    },
}

impl Scores {
    /// Scores from row-major `values`, `columns` a row; column = vocabulary id.
    pub fn new(columns: usize, values: Vec<f32>) -> Scores {
        Scores { columns, values }
    }

    /// Row `i`; empty beyond the last one.
    pub fn row(&self, i: usize) -> &[f32] {
        let start = i.saturating_mul(self.columns);
        let end = start.saturating_add(self.columns);
        self.values.get(start..end).unwrap_or(&[])
    }

    /// These scores, if they are exactly `rows` rows of at least `columns`.
    fn checked(self, rows: usize, columns: usize) -> Result<Scores, ScoresError> {
        if self.columns < columns || self.values.len() != rows * self.columns {
            return Err(ScoresError::Shape {
                found: self.values.len(),
                rows,
                columns,
            });
        }
        Ok(self)
    }
}

/// A model that scores the next id of many sequences at once, and remembers what each was fed.
pub trait StepModel {
    /// What its methods fail with.
    type Error: From<ScoresError>;

    /// Forgets everything, feeds `BOS` to one row a problem, and scores what comes first.
    ///
    /// # Errors
    /// The model's own.
    fn start(&mut self) -> Result<Scores, Self::Error>;

    /// Replaces the rows: new row `i` continues old row `parents[i]` with `fed[i]`. A row may have any
    /// number of children; one without any is gone. Scores what comes next in each new row.
    ///
    /// # Errors
    /// The model's own.
    fn advance(&mut self, parents: &[usize], fed: &[Symbol]) -> Result<Scores, Self::Error>;
}

/// A law that the model proposes, in normalised units.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The canonical skeleton.
    pub skeleton: Skeleton,
    /// Its constants in slot order, all finite.
    pub constants: Vec<f64>,
    /// Natural logarithm of the skeleton's probability, given the observations; see the [module](self).
    pub log_probability: f64,
}
