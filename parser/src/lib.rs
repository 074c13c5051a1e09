//! The language of ordinary differential equations: trees, text, tokens, canonical form, derivatives and
//! evaluation. Knows nothing of time series, networks or files.

pub mod calculus;
pub mod expr;
pub mod system;
pub mod tape;

pub use expr::{Binary, Expr, Unary};
pub use system::{Names, System, SystemError};
