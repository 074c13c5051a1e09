//! Which tokens may come next: the grammar of [`crate::token`], one token at a time, for decoding.
//!
//! A sequence built only of allowed tokens always ends as a valid skeleton of the right dimension, within
//! the length that was set.

use crate::token::{Token, TokenSet};

/// What a place in the sequence must be filled with: the non-terminals of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Need {
    Sum,
    Term,
    /// An operand of `mul` that is no product.
    Factor,
    /// The last operand of `mul`.
    Product,
    /// What an exponent applies to.
    Base,
    /// What `abs` applies to: a base whose sign is fixed.
    Unsigned,
    /// What `neg` applies to.
    Group,
}

/// The state of a sequence that is being written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grammar {
    dimension: usize,
    /// Tokens that may still be written.
    left: usize,
    /// What is still needed, the next at the end.
    needs: Vec<Need>,
}

impl Grammar {
    /// At the start of an autonomous system of that many equations, of at most `max_tokens` tokens.
    pub fn new(dimension: usize, max_tokens: usize) -> Grammar {
        Grammar {
            dimension,
            left: max_tokens,
            needs: vec![Need::Sum; dimension],
        }
    }

    /// Whether the sequence is a whole skeleton.
    pub fn is_complete(&self) -> bool {
        self.needs.is_empty()
    }

    /// The tokens that can come next such that the sequence can still be finished within its length.
    /// Empty if it is complete, or the length was too small from the start.
    pub fn allowed(&self) -> TokenSet {
        let Some(&need) = self.needs.last() else {
            return TokenSet::default();
        };
        let fits = |token: &Token| self.needs.len() + token.arity() <= self.left;
        let known = |token: &Token| token.as_state().is_none_or(|i| i < self.dimension);
        let all = Token::ALL.iter().copied();
        all.filter(|token| need.admits(*token) && fits(token) && known(token))
            .collect()
    }

    /// Appends a token; false, and no change, if it is not allowed.
    pub fn push(&mut self, token: Token) -> bool {
        if !self.allowed().contains(token) {
            return false;
        }
        self.needs.pop();
        self.left -= 1;
        match token {
            Token::Mul => self.needs.extend([Need::Product, Need::Factor]),
            Token::Add6 => self.needs.extend([
                Need::Sum,
                Need::Term,
                Need::Term,
                Need::Term,
                Need::Term,
                Need::Term,
            ]),
            Token::Neg => self.needs.push(Need::Group),
            Token::Abs => self.needs.push(Need::Unsigned),
            Token::Sin | Token::Cos | Token::Tan | Token::Tanh | Token::Exp | Token::Log => {
                self.needs.push(Need::Sum);
            }
            _ if token.terms().is_some() => {
                self.needs
                    .extend(std::iter::repeat_n(Need::Term, token.arity()));
            }
            _ if token.is_leaf() => {}
            _ => self.needs.push(Need::Base),
        }
        true
    }
}

impl Need {
    fn admits(self, token: Token) -> bool {
        let is_sum = token.terms().is_some();
        let is_exponent = token == Token::Power || token.exponent().is_some();
        match token {
            Token::Time => false,
            Token::One => matches!(self, Need::Sum | Need::Term),
            Token::Mul => self != Need::Factor,
            Token::Neg => self == Need::Base,
            _ if is_sum => self != Need::Term,
            _ if is_exponent => !matches!(self, Need::Base | Need::Unsigned),
            _ => true,
        }
    }
}
