//! A system of ordinary differential equations of any dimension, and the names that its text uses.

use crate::expr::Expr;

/// Largest dimension that the crate accepts.
pub const MAX_DIMENSION: usize = 16;

/// Why a list of right-hand sides is no system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SystemError {
    /// No right-hand side, or more than [`MAX_DIMENSION`].
    #[error("a system has 1 to {MAX_DIMENSION} equations, this one has {found}")]
    Dimension {
        /// Number of right-hand sides given.
        found: usize,
    },
    /// A right-hand side uses a state that has no equation.
    #[error("equation {equation} uses state {state}, but there are only {dimension} equations")]
    UnknownState {
        /// The equation, counted from 1.
        equation: usize,
        /// The state, counted from 1.
        state: usize,
        /// Number of equations.
        dimension: usize,
    },
}

/// `dx_i/dt = rhs[i](t, x)`, autonomous or not.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    rhs: Vec<Expr>,
}

impl System {
    /// A system from its right-hand sides, one a state.
    ///
    /// # Errors
    /// [`SystemError`] where there is none, there are too many, or one uses a state without an equation.
    pub fn new(rhs: Vec<Expr>) -> Result<System, SystemError> {
        let dimension = rhs.len();
        if dimension == 0 || dimension > MAX_DIMENSION {
            return Err(SystemError::Dimension { found: dimension });
        }
        for (i, expr) in rhs.iter().enumerate() {
            let states = expr.states();
            if states > dimension {
                return Err(SystemError::UnknownState {
                    equation: i + 1,
                    state: states,
                    dimension,
                });
            }
        }
        Ok(System { rhs })
    }

    /// A system whose right-hand sides this crate made of a valid system's.
    pub(crate) fn from_valid(rhs: Vec<Expr>) -> System {
        debug_assert!(System::new(rhs.clone()).is_ok());
        System { rhs }
    }

    /// The right-hand sides, one a state.
    pub fn rhs(&self) -> &[Expr] {
        &self.rhs
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.rhs.len()
    }
}

/// The names of the time and of the states in text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// Name of the independent variable.
    pub time: String,
    /// Names of the states, in the order of the equations.
    pub states: Vec<String>,
}

impl Names {
    /// `t`, and `y` for one state or `x1 … xD` for several: what a table without a header gets.
    pub fn default_for(dimension: usize) -> Names {
        let states = match dimension {
            1 => vec!["y".to_string()],
            _ => (1..=dimension).map(|i| format!("x{i}")).collect(),
        };
        Names {
            time: "t".to_string(),
            states,
        }
    }

    /// Number of states.
    pub fn dimension(&self) -> usize {
        self.states.len()
    }
}
