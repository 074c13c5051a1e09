//! The tokens of the prefix language in which a model writes skeletons.
//!
//! A skeleton is a canonical form without its constants, written in prefix order. Constants have no
//! tokens: every term has one in front of it by definition. So `y' = 2*y - 0.5*y^2` is
//! `add2 x1 sq x1` with the constants 2, −0.5, and `1` alone is a constant.
//!
//! ```text
//! sum    = addN term{N} | add6 term{5} sum | term           each term with a leading constant
//! term   = 1 | product
//! product= mul factor product | factor
//! factor = leaf | function sum | abs base | exponent base | addN …      (the last only below mul)
//! base   = leaf | function sum | abs base | neg group | addN term{N} | mul factor product
//! group  = addN term{N} | product                           below neg: the leading constant is −1
//! ```
//!
//! In a base, the first term that is not `1` has no constant: the canonical form fixes it to 1 (or, below
//! `neg`, to −1). The exponent `pow` has a constant, which comes before those of its base.

use std::fmt;

/// Most states that the token language has names for.
pub const MAX_STATES: usize = 8;
/// Most tokens of one skeleton.
pub const MAX_TOKENS: usize = 256;

macro_rules! tokens {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// A token of the prefix language. Its place in [`Token::ALL`] is its id.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Token {
            $(#[doc = $doc] $variant,)*
        }

        impl Token {
            /// Every token, in the order of the ids.
            pub const ALL: &'static [Token] = &[$(Token::$variant),*];

            /// The name in prefix text.
            pub fn name(self) -> &'static str {
                match self {
                    $(Token::$variant => $name,)*
                }
            }
        }
    };
}

tokens! {
    One "1" "A constant term.",
    Time "t" "The independent variable.",
    X1 "x1" "The first state.",
    X2 "x2" "The second state.",
    X3 "x3" "The third state.",
    X4 "x4" "The fourth state.",
    X5 "x5" "The fifth state.",
    X6 "x6" "The sixth state.",
    X7 "x7" "The seventh state.",
    X8 "x8" "The eighth state.",
    Add2 "add2" "A sum of two terms.",
    Add3 "add3" "A sum of three terms.",
    Add4 "add4" "A sum of four terms.",
    Add5 "add5" "A sum of five terms.",
    Add6 "add6" "Five terms and a sum.",
    Mul "mul" "A factor times a product.",
    Neg "neg" "The negative of a group.",
    Sin "sin" "Sine.",
    Cos "cos" "Cosine.",
    Tan "tan" "Tangent.",
    Tanh "tanh" "Hyperbolic tangent.",
    Exp "exp" "Exponential.",
    Log "log" "Natural logarithm.",
    Abs "abs" "Absolute value.",
    Square "sq" "The power 2.",
    Cube "cube" "The power 3.",
    Fourth "pow4" "The power 4.",
    Fifth "pow5" "The power 5.",
    Inverse "inv" "The power −1.",
    InverseSquare "inv2" "The power −2.",
    InverseCube "inv3" "The power −3.",
    Sqrt "sqrt" "The power 1/2.",
    InverseSqrt "isqrt" "The power −1/2.",
    Power "pow" "A power with a constant of its own.",
}

impl Token {
    /// The id: a small number, dense from 0.
    pub fn id(self) -> u8 {
        self as u8
    }

    /// The token of an id.
    pub fn from_id(id: u8) -> Option<Token> {
        Token::ALL.get(usize::from(id)).copied()
    }

    /// The token of a name.
    pub fn from_name(name: &str) -> Option<Token> {
        Token::ALL
            .iter()
            .copied()
            .find(|token| token.name() == name)
    }

    /// Number of operands in prefix order.
    pub fn arity(self) -> usize {
        match self {
            Token::Mul => 2,
            _ if self.terms().is_some() => self.terms().unwrap_or(0),
            _ if self.is_leaf() => 0,
            _ => 1,
        }
    }

    /// Whether the token is complete without operands.
    pub fn is_leaf(self) -> bool {
        self <= Token::X8
    }

    /// Number of terms of a sum; None for other tokens.
    pub fn terms(self) -> Option<usize> {
        match self {
            Token::Add2 => Some(2),
            Token::Add3 => Some(3),
            Token::Add4 => Some(4),
            Token::Add5 => Some(5),
            Token::Add6 => Some(6),
            _ => None,
        }
    }

    /// The sum of that many terms, 2 to 6.
    pub fn sum(terms: usize) -> Option<Token> {
        [
            Token::Add2,
            Token::Add3,
            Token::Add4,
            Token::Add5,
            Token::Add6,
        ]
        .into_iter()
        .nth(terms.checked_sub(2)?)
    }

    /// The token of a state, counted from 0.
    pub fn state(index: usize) -> Option<Token> {
        if index < MAX_STATES {
            Token::from_id(Token::X1.id() + index as u8)
        } else {
            None
        }
    }

    /// The state that the token names, counted from 0.
    pub fn as_state(self) -> Option<usize> {
        (Token::X1..=Token::X8)
            .contains(&self)
            .then(|| usize::from(self.id() - Token::X1.id()))
    }

    /// The exponent that the token stands for; None for [`Token::Power`], whose exponent is a constant,
    /// and for tokens that are no exponents.
    pub fn exponent(self) -> Option<f64> {
        EXPONENTS
            .iter()
            .find(|(token, _)| *token == self)
            .map(|(_, exponent)| *exponent)
    }

    /// The token of an exponent other than 1: an operator of its own, or [`Token::Power`].
    pub fn of_exponent(exponent: f64) -> Token {
        let known = EXPONENTS.iter().find(|(_, known)| *known == exponent);
        known.map_or(Token::Power, |(token, _)| *token)
    }
}

const EXPONENTS: [(Token, f64); 9] = [
    (Token::Square, 2.0),
    (Token::Cube, 3.0),
    (Token::Fourth, 4.0),
    (Token::Fifth, 5.0),
    (Token::Inverse, -1.0),
    (Token::InverseSquare, -2.0),
    (Token::InverseCube, -3.0),
    (Token::Sqrt, 0.5),
    (Token::InverseSqrt, -0.5),
];

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TokenSet(u64);

impl TokenSet {
    /// Whether the token is in the set.
    pub fn contains(self, token: Token) -> bool {
        self.0 >> token.id() & 1 == 1
    }

    /// The set with the token.
    pub fn with(self, token: Token) -> TokenSet {
        TokenSet(self.0 | 1 << token.id())
    }

    /// The tokens of the set, by id.
    pub fn iter(self) -> impl Iterator<Item = Token> {
        Token::ALL
            .iter()
            .copied()
            .filter(move |token| self.contains(*token))
    }

    /// Whether no token is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Token> for TokenSet {
    fn from_iter<I: IntoIterator<Item = Token>>(tokens: I) -> TokenSet {
        tokens.into_iter().fold(TokenSet::default(), TokenSet::with)
    }
}
