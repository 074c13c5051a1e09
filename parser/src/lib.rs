//! The language of ordinary differential equations: trees, text, tokens, canonical form, derivatives and
//! evaluation. Knows nothing of time series, networks or files.

pub mod calculus;
pub mod canonical;
pub mod error;
pub mod expr;
pub mod grammar;
pub mod infix;
mod prefix;
pub mod print;
pub mod scaling;
pub mod skeleton;
pub mod system;
pub mod tape;
pub mod token;

pub use canonical::{CanonicalError, CanonicalSystem, Sum};
pub use error::{ParseError, ParseErrorKind, Span};
pub use expr::{Binary, Expr, Unary};
pub use grammar::Grammar;
pub use scaling::Scaling;
pub use skeleton::{PrefixError, Skeleton};
pub use system::{Names, System, SystemError};
pub use token::{Token, TokenSet};
