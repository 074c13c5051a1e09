//! A constant with what the data say of it.

/// A fitted constant in physical units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// Its value.
    pub value: f64,
    /// Its standard error; None where the data do not determine it.
    pub stderr: Option<f64>,
}
