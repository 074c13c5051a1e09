//! Where a law's constants stand in its sequence: after the whole skeleton, or after each term.
//!
//! The paper has them inline. There the model knows the constants of earlier terms when it writes the next one; but a
//! search has to settle them before it has seen the rest, and prefixes that differ in nothing but a late token cost a
//! place more for each constant. Which is better is a matter of measurement (docs/model.md).

use nsode_parser::skeleton::{Skeleton, pieces};
use nsode_parser::token::Token;
use serde::{Deserialize, Serialize};

/// Where the constants stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// After the last token of the skeleton, in slot order.
    #[default]
    After,
    /// After the last token of their term; terms are those of a whole right-hand side.
    Inline,
}

/// What stands at a place of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A token of the skeleton.
    Token(Token),
    /// The next constant.
    Constant,
}

impl Order {
    /// The places of a law's sequence: all tokens, and a constant a slot.
    pub fn places(self, skeleton: &Skeleton) -> Vec<Place> {
        let tokens = skeleton.tokens();
        let constants = |count| std::iter::repeat_n(Place::Constant, count);
        let mut places = Vec::with_capacity(tokens.len() + skeleton.slots());
        for (i, &token) in tokens.iter().enumerate() {
            places.push(Place::Token(token));
            places.extend(constants(self.due(&tokens[..=i])));
        }
        places.extend(constants(tokens.len() + skeleton.slots() - places.len()));
        places
    }

    /// How many constants stand right after these first tokens of a skeleton, or all of them. 0 if they are no such tokens.
    pub(crate) fn due(self, tokens: &[Token]) -> usize {
        if self == Order::After {
            return 0;
        }
        // Neither the head of a sum nor a term that does not end has any.
        let last = pieces(tokens).last();
        last.and_then(Skeleton::slots_of).unwrap_or(0)
    }
}
