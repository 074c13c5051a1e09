//! The change of units that makes a series dimensionless, as one value, exact in both directions:
//! τ = (t − origin) / T and u_i = y_i / s_i.
//!
//! Applied to a law: dy/dt = f(t, y) becomes
//! du_i/dτ = (T / s_i) · f_i(origin + T·τ, s·u).
//! [`crate::canonical::CanonicalSystem::rescaled`] does that; what is here is only the numbers.

use serde::{Deserialize, Serialize};

/// Units of time and of each state, in the units of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The time that becomes 0.
    pub origin: f64,
    /// The span of time that becomes 1; positive and finite.
    pub time: f64,
    /// The magnitude of each state that becomes 1; positive and finite.
    pub states: Vec<f64>,
}

impl Scaling {
    /// The scaling that changes nothing.
    pub fn identity(dimension: usize) -> Scaling {
        Scaling {
            origin: 0.0,
            time: 1.0,
            states: vec![1.0; dimension],
        }
    }

    /// The scaling that undoes this one.
    pub fn inverse(&self) -> Scaling {
        Scaling {
            origin: -self.origin / self.time,
            time: 1.0 / self.time,
            states: self.states.iter().map(|s| 1.0 / s).collect(),
        }
    }
}
