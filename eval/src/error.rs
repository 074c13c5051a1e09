//! What can go wrong in discovery and is not an answer. That no law fits is an answer: an empty list.

/// Why a call of this crate's discovery failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to explain.
    #[error("no trajectory was given")]
    NoTrajectory,
    /// Trajectories of one system have the same states.
    #[error("trajectory {index} has {found} states, the first one has {expected}")]
    Dimension {
        /// The offending trajectory, counted from 0.
        index: usize,
        /// Its number of states.
        found: usize,
        /// That of the first trajectory.
        expected: usize,
    },
    /// A state has too few observed values for any law.
    #[error(
        "state {state} is observed {found} times over all trajectories, at least {needed} are needed"
    )]
    TooFewCells {
        /// The state, counted from 0.
        state: usize,
        /// Its number of observed values.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// A state that is zero or missing everywhere has no scale.
    #[error("state {state} is zero or missing everywhere, so it has no scale")]
    NoScale {
        /// The state, counted from 0.
        state: usize,
    },
    /// Squares of a state's values are no numbers.
    #[error("state {state} reaches {scale:e}, which is out of range")]
    Scale {
        /// The state, counted from 0.
        state: usize,
        /// Its largest magnitude.
        scale: f64,
    },
    /// The times have no span.
    #[error("the trajectories span no time")]
    NoSpan,
    /// The data could not be put into normalised units.
    #[error(transparent)]
    Trajectory(#[from] nsode_generator::Error),
    /// A proposer failed. The others' proposals are still used, unless it was not even ready.
    #[error("{proposer} could not propose: {message}")]
    Proposer {
        /// The proposer's name.
        proposer: &'static str,
        /// What it said.
        message: String,
    },
}
