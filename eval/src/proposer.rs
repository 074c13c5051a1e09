//! Where candidate laws come from: one trait, any number of sources.

use std::fmt;
use std::str::FromStr;

use nsode_parser::Skeleton;

use crate::error::Error;
use crate::problem::Problem;

/// The sources of candidates, by the names that the command line and the report use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProposerKind {
    /// The network.
    Transformer,
    /// Sparse regression over a library of terms.
    Sparse,
    /// Variants of the best candidates: terms dropped, constants snapped.
    Local,
}

impl ProposerKind {
    /// All of them.
    pub const ALL: [ProposerKind; 3] = [
        ProposerKind::Transformer,
        ProposerKind::Sparse,
        ProposerKind::Local,
    ];

    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            ProposerKind::Transformer => "transformer",
            ProposerKind::Sparse => "sparse",
            ProposerKind::Local => "local",
        }
    }
}

impl fmt::Display for ProposerKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no proposer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no proposer: there are transformer, sparse and local")]
pub struct UnknownProposer(pub String);

impl FromStr for ProposerKind {
    type Err = UnknownProposer;

    fn from_str(text: &str) -> Result<ProposerKind, UnknownProposer> {
        ProposerKind::ALL
            .into_iter()
            .find(|kind| kind.name() == text.trim())
            .ok_or_else(|| UnknownProposer(text.trim().to_string()))
    }
}

/// A law to be refined, in normalised units.
#[derive(Clone, Debug, PartialEq)]
pub struct Seed {
    /// Its shape.
    pub skeleton: Skeleton,
    /// Where to start its constants, in slot order.
    pub constants: Option<Vec<f64>>,
}

/// A source of candidates.
pub trait Proposer: Send + Sync {
    /// Who this is.
    fn kind(&self) -> ProposerKind;

    /// Candidates for `problem`, best first; possibly none.
    ///
    /// # Errors
    /// Whatever keeps the proposer from working; discovery goes on with the others.
    fn propose(&self, problem: &Problem) -> Result<Vec<Seed>, Error>;
}
