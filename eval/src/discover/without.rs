//! Parts of a search that can be left out, to measure what each of them is worth.

use std::fmt;
use std::str::FromStr;

/// A part of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The fit of constants and initial states: what was proposed, or follows from the integral form, stays.
    Refinement,
    /// The prior of skeletons, [`crate::propose::prior`].
    Prior,
    /// The prior of the constants' sizes, [`crate::fit::sizes`].
    Sizes,
    /// Constants that are exact, [`crate::fit::exact`].
    Exact,
    /// Shapes that the data ask for near the best laws of a system.
    Neighbours,
    /// The weights of residuals: all noise counts as additive.
    Weights,
}

impl Part {
    /// All of them.
    pub const ALL: [Part; 6] = [
        Part::Refinement,
        Part::Prior,
        Part::Sizes,
        Part::Exact,
        Part::Neighbours,
        Part::Weights,
    ];

    /// The name in text.
    pub fn name(self) -> &'static str {
        match self {
            Part::Refinement => "refinement",
            Part::Prior => "prior",
            Part::Sizes => "sizes",
            Part::Exact => "exact",
            Part::Neighbours => "neighbours",
            Part::Weights => "weights",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no part that can be left out: there are refinement, prior, sizes, exact, neighbours and weights"
)]
pub struct UnknownPart(String);

impl FromStr for Part {
    type Err = UnknownPart;

    fn from_str(text: &str) -> Result<Part, UnknownPart> {
        let named = Part::ALL
            .into_iter()
            .find(|part| part.name() == text.trim());
        named.ok_or_else(|| UnknownPart(text.trim().to_string()))
    }
}
