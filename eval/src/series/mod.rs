//! What was observed: from CSV files to trajectories in normalised units, with their smoothed curves and noise.

pub mod explained;
pub mod independence;
pub mod loss;
pub mod problem;
pub mod smooth;
pub mod table;
