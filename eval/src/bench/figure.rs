//! The shares that a table has: of how many cases something is true.

use super::Record;
use crate::metric::{CLOSE, GOOD};

/// Something that is true of a record, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Figure {
    /// R² of the observed run above 0.9.
    Recon,
    /// R² of the observed run above 0.999.
    ReconClose,
    /// R² of the other run above 0.9.
    Generalization,
    /// The true skeleton.
    Skeleton,
    /// The true law for some values of its constants.
    Family,
    /// The true skeleton is among the laws of the answer.
    Listed,
    /// Within 1 % of the true law.
    Law1,
    /// Within 10 % of the true law.
    Law10,
    /// There is an answer.
    Valid,
}

impl Figure {
    /// All of them, in the order of the tables.
    pub const ALL: [Figure; 9] = [
        Figure::Recon,
        Figure::ReconClose,
        Figure::Generalization,
        Figure::Skeleton,
        Figure::Family,
        Figure::Listed,
        Figure::Law1,
        Figure::Law10,
        Figure::Valid,
    ];

    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Recon => "recon",
            Figure::ReconClose => "recon999",
            Figure::Generalization => "gen",
            Figure::Skeleton => "skeleton",
            Figure::Family => "family",
            Figure::Listed => "listed",
            Figure::Law1 => "law1",
            Figure::Law10 => "law10",
            Figure::Valid => "valid",
        }
    }

    /// Whether it is true of `record`; `None` where the case can't tell.
    pub fn of(self, record: &Record) -> Option<bool> {
        match self {
            Figure::Recon => Some(record.recon > GOOD),
            Figure::ReconClose => Some(record.recon > CLOSE),
            Figure::Generalization => record.generalization.map(|r2| r2 > GOOD),
            Figure::Skeleton => Some(record.skeleton),
            Figure::Family => record.law.map(|_| record.family),
            Figure::Listed => Some(record.rank.is_some()),
            Figure::Law1 => record.law.map(|law| law <= 0.01),
            Figure::Law10 => record.law.map(|law| law <= 0.1),
            Figure::Valid => Some(record.valid),
        }
    }
}
