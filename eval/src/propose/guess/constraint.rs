//! What a user says of constants: `r=0.8` and `K=0:100`.

use std::fmt;
use std::str::FromStr;

/// A value that a constant has, from `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// The constant.
    pub name: String,
    /// Its value, in the data's units.
    pub value: f64,
}

/// Bounds of a constant, from `NAME=LOW:HIGH`; a side that is left out has none.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// The constant.
    pub name: String,
    /// Lower bound; −∞ for none.
    pub low: f64,
    /// Upper bound, above the lower one; ∞ for none.
    pub high: f64,
}

/// Why a text says nothing of a constant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConstraintError {
    /// There is no name, or no `=`.
    #[error("`{0}` names no constant: write NAME={1}")]
    Name(String, &'static str),
    /// What should be a number is none.
    #[error("`{0}` is no number")]
    Number(String),
    /// There is no `:`, or nothing on either side.
    #[error("`{0}` has no bounds: write LOW:HIGH, LOW: or :HIGH")]
    NoBounds(String),
    /// The lower bound is not below the upper one.
    #[error("the lower bound {0} is not below the upper one, {1}: use --fix for a value")]
    Order(String, String),
}

fn named<'a>(text: &'a str, form: &'static str) -> Result<(String, &'a str), ConstraintError> {
    match text.split_once('=') {
        Some((name, rest)) if nsode_parser::infix::is_identifier(name.trim()) => {
            Ok((name.trim().to_string(), rest.trim()))
        }
        _ => Err(ConstraintError::Name(text.trim().to_string(), form)),
    }
}

fn number(text: &str) -> Result<f64, ConstraintError> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(ConstraintError::Number(text.trim().to_string())),
    }
}

impl FromStr for Fix {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Fix, ConstraintError> {
        let (name, value) = named(text, "VALUE")?;
        let value = number(value)?;
        Ok(Fix { name, value })
    }
}

impl FromStr for Bounds {
    type Err = ConstraintError;

    fn from_str(text: &str) -> Result<Bounds, ConstraintError> {
        let (name, range) = named(text, "LOW:HIGH")?;
        let Some((low, high)) = range.split_once(':') else {
            return Err(ConstraintError::NoBounds(range.to_string()));
        };
        let side = |text: &str, none: f64| match text.trim() {
            "" => Ok(none),
            text => number(text),
        };
        let low = side(low, f64::NEG_INFINITY)?;
        let high = side(high, f64::INFINITY)?;
        if low.is_infinite() && high.is_infinite() {
            return Err(ConstraintError::NoBounds(range.to_string()));
        }
        if low >= high {
            return Err(ConstraintError::Order(low.to_string(), high.to_string()));
        }
        Ok(Bounds { name, low, high })
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let side = |value: f64| match value.is_finite() {
            true => value.to_string(),
            false => String::new(),
        };
        write!(f, "{}={}:{}", self.name, side(self.low), side(self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_constants() {
        let fix: Fix = " r = 0.8".parse().unwrap();
        assert_eq!((fix.name.as_str(), fix.value), ("r", 0.8));
        let none = f64::INFINITY;
        for (text, low, high) in [
            ("K=0:100", 0.0, 100.0),
            ("K=-1e3:", -1e3, none),
            ("K=:2", -none, 2.0),
        ] {
            let bounds: Bounds = text.parse().unwrap();
            assert_eq!((bounds.low, bounds.high), (low, high));
        }
        for wrong in ["", "r", "=1", "2=1", "r=", "r=x", "r=inf", "r=nan"] {
            assert!(wrong.parse::<Fix>().is_err(), "{wrong}");
        }
        for wrong in [
            "K", "K=1", "K=:", "K=2:1", "K=1:1", "K=a:2", "K=nan:2", "=0:1",
        ] {
            assert!(wrong.parse::<Bounds>().is_err(), "{wrong}");
        }
    }
}
