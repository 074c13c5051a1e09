//! The language of ordinary differential equations: trees, text, tokens, canonical form, derivatives and
//! evaluation. Knows nothing of time series, networks or files.

pub mod expr;
pub mod system;

pub use expr::{Binary, Expr, Unary};
pub use system::{Names, System, SystemError};
