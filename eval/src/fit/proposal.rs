//! What is to be fitted: a shape, and where to begin.

use nsode_parser::{CanonicalSystem, Expr, Skeleton, System};

use crate::fit::refine::Refined;

/// A law to be refined, in normalised units.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Its shape.
    pub skeleton: Skeleton,
    /// Where to start its constants, in slot order.
    pub constants: Option<Vec<f64>>,
    /// Where to start the initial states, one a trajectory; if nobody knows, that is where the smoothed curves begin.
    pub initial: Option<Vec<Vec<f64>>>,
}

impl Proposal {
    /// One whose initial states nobody knows.
    pub fn new(skeleton: Skeleton, constants: Option<Vec<f64>>) -> Proposal {
        Proposal {
            skeleton,
            constants,
            initial: None,
        }
    }

    /// The law of these right-hand sides, which starts from its own constants; `None` for what is no law.
    pub fn of(rhs: Vec<Expr>) -> Option<Proposal> {
        let system = CanonicalSystem::new(&System::new(rhs).ok()?).ok()?;
        let (skeleton, constants) = system.parts().ok()?;
        Some(Proposal::new(skeleton, Some(constants)))
    }

    /// The same, with initial states that start here.
    #[must_use]
    pub fn starting_at(self, initial: Vec<Vec<f64>>) -> Proposal {
        Proposal {
            initial: Some(initial),
            ..self
        }
    }

    /// One that starts where a fit ended.
    pub fn again(refined: &Refined) -> Proposal {
        let constants = Some(refined.constants.clone());
        Proposal::new(refined.skeleton.clone(), constants).starting_at(refined.initial.clone())
    }
}
