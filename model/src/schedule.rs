//! The learning rate of a step: rise, plateau, fall. A trapezoid: the plateau can be prolonged, or left
//! early, without having spoilt what came before; most of the gain comes in the fall.

use serde::{Deserialize, Serialize};

/// Where the three parts of the schedule are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Height of the plateau.
    pub peak: f64,
    /// Steps of the rise.
    pub warm_up: u64,
    /// All steps.
    pub steps: u64,
    /// Share of all steps that the fall takes.
    pub decay_share: f64,
    /// A fall that was asked for on the way, in place of the one at the end.
    pub decay: Option<Decay>,
}

/// A fall to zero from wherever the rate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decay {
    /// Steps done when it begins.
    pub from: u64,
    /// Steps that it takes.
    pub steps: u64,
}

impl Decay {
    /// Steps done when the rate has fallen to zero.
    pub fn end(self) -> u64 {
        self.from.saturating_add(self.steps)
    }
}

impl Schedule {
    /// Learning rate of `step`, counted from 0. Linear from `peak/warm_up` to `peak`, constant, linear
    /// to `peak/fall` at the last step; 0 from there on. Where rise and fall overlap, the lower one.
    /// In a [`Decay`]: linear from the rate at its beginning.
    pub fn at(&self, step: u64) -> f64 {
        match self.decay {
            Some(decay) if step >= decay.from => {
                let left = decay.end().saturating_sub(step) as f64 / decay.steps.max(1) as f64;
                self.planned(decay.from) * left
            }
            _ => self.planned(step),
        }
    }

    fn planned(&self, step: u64) -> f64 {
        if step >= self.steps {
            return 0.0;
        }
        let rise = if step < self.warm_up {
            (step + 1) as f64 / self.warm_up as f64
        } else {
            1.0
        };
        let fall = (self.steps as f64 * self.decay_share).max(1.0);
        let left = (self.steps - step) as f64;
        self.peak * rise.min(left / fall).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn corners() {
        let schedule = Schedule {
            peak: 2.0,
            warm_up: 10,
            steps: 100,
            decay_share: 0.2,
            decay: None,
        };
        assert_eq!(schedule.at(0), 0.2);
        assert_eq!(schedule.at(9), 2.0);
        assert_eq!(schedule.at(50), 2.0);
        assert_eq!(schedule.at(80), 2.0);
        assert_eq!(schedule.at(90), 1.0);
        assert_eq!(schedule.at(99), 0.1);
        assert_eq!(schedule.at(100), 0.0);
        let early = Schedule {
            decay: Some(Decay {
                from: 40,
                steps: 20,
            }),
            ..schedule
        };
        let rates = [39, 40, 50, 59, 60].map(|step| early.at(step));
        assert_eq!(rates, [2.0, 2.0, 1.0, 0.1, 0.0]);
    }

    proptest! {
        #[test]
        fn positive_bounded_and_unimodal(
            steps in 1u64..2000, warm in 0.0..1.0f64, decay_share in 0.0..1.0f64,
        ) {
            let warm_up = (warm * steps as f64) as u64;
            let schedule = Schedule { peak: 1.0, warm_up, steps, decay_share, decay: None };
            let rates: Vec<f64> = (0..steps).map(|step| schedule.at(step)).collect();
            prop_assert!(rates.iter().all(|&r| r > 0.0 && r <= 1.0));
            let falls = rates.windows(2).position(|w| w[1] < w[0]).unwrap_or(rates.len());
            prop_assert!(rates.windows(2).skip(falls).all(|w| w[1] <= w[0]));
        }
    }
}
