//! Where candidate laws come from: one trait, any number of sources.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::fit::proposal::Proposal;
use crate::series::problem::Problem;

/// The sources of candidates, by the names that the command line and the report use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProposerKind {
    /// The network.
    Transformer,
    /// Sparse regression over a library of terms.
    Sparse,
    /// Variants and neighbours of the best candidates: terms dropped, constants snapped, of systems terms added.
    Local,
    /// The most frequent skeletons of the generator, whatever the data: alone, the control for the others.
    Frequent,
    /// The user.
    Guess,
    /// A suite that gives the true shape away, to find how far any search could come.
    Told,
}

impl ProposerKind {
    /// All of them.
    pub const ALL: [ProposerKind; 6] = [
        ProposerKind::Transformer,
        ProposerKind::Sparse,
        ProposerKind::Local,
        ProposerKind::Frequent,
        ProposerKind::Guess,
        ProposerKind::Told,
    ];

    /// Those that are asked unless somebody says otherwise.
    pub const USUAL: [ProposerKind; 4] = [
        ProposerKind::Transformer,
        ProposerKind::Sparse,
        ProposerKind::Frequent,
        ProposerKind::Local,
    ];

    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            ProposerKind::Transformer => "transformer",
            ProposerKind::Sparse => "sparse",
            ProposerKind::Local => "local",
            ProposerKind::Frequent => "frequent",
            ProposerKind::Guess => "guess",
            ProposerKind::Told => "told",
        }
    }
}

impl fmt::Display for ProposerKind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A proposer and how many candidates it is asked for: `frequent:50`, or `frequent` for its usual number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    /// Who.
    pub kind: ProposerKind,
    /// How many, at most; at least 1.
    pub count: Option<usize>,
}

impl Choice {
    /// The usual proposers with their usual numbers.
    pub fn usual() -> Vec<Choice> {
        let usual = ProposerKind::USUAL.into_iter();
        usual.map(|kind| Choice { kind, count: None }).collect()
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.count {
            Some(count) => write!(f, "{}:{count}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

/// Why a text names no proposer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownProposer {
    /// There is none of this name.
    #[error("`{0}` is no proposer: there are transformer, sparse, local, frequent and guess")]
    Name(String),
    /// What follows the colon is no number, or none that is asked for.
    #[error("`{0}` is no number of candidates: write, for example, frequent:50")]
    Count(String),
    /// Variants are made of what there is.
    #[error("the number of local variants is not chosen: write local")]
    Local,
    /// Guesses are those that are given.
    #[error("the number of guesses is not chosen: write guess")]
    Guess,
    /// There is one true shape.
    #[error("there is one true shape: write told")]
    Told,
}

impl FromStr for Choice {
    type Err = UnknownProposer;

    fn from_str(text: &str) -> Result<Choice, UnknownProposer> {
        let (name, count) = match text.trim().split_once(':') {
            Some((name, count)) => (name, Some(count)),
            None => (text.trim(), None),
        };
        let kind = ProposerKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownProposer::Name(name.to_string()))?;
        let count = count
            .map(|text| match text.parse() {
                Ok(count) if count > 0 => Ok(count),
                _ => Err(UnknownProposer::Count(text.to_string())),
            })
            .transpose()?;
        match (kind, count) {
            (ProposerKind::Local, Some(_)) => Err(UnknownProposer::Local),
            (ProposerKind::Guess, Some(_)) => Err(UnknownProposer::Guess),
            (ProposerKind::Told, Some(_)) => Err(UnknownProposer::Told),
            _ => Ok(Choice { kind, count }),
        }
    }
}

/// A source of candidates.
pub trait Proposer: Send + Sync {
    /// Who this is.
    fn kind(&self) -> ProposerKind;

    /// Waits until it is known whether it can propose at all. Where it cannot, nothing is searched: who was asked for was asked
    /// for with a reason.
    fn is_ready(&self) -> bool {
        true
    }

    /// Candidates for `problem`, best first; possibly none.
    ///
    /// # Errors
    /// Whatever keeps the proposer from working; discovery goes on with the others, unless this one is not even ready.
    fn propose(&self, problem: &Problem) -> Result<Vec<Proposal>, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_are_written() {
        for text in ["transformer", "sparse:60", "local", "frequent:800"] {
            assert_eq!(text.parse::<Choice>().unwrap().to_string(), text);
        }
        let wrong = |text: &str| text.parse::<Choice>().unwrap_err();
        assert_eq!(wrong("spars"), UnknownProposer::Name("spars".into()));
        assert_eq!(wrong("sparse:0"), UnknownProposer::Count("0".into()));
        assert_eq!(wrong("sparse:x"), UnknownProposer::Count("x".into()));
        assert_eq!(wrong("local:3"), UnknownProposer::Local);
    }
}
