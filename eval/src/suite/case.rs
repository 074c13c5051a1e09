//! Cases: one run of one system, observed under one condition.
//!
//! What is observed depends on the case's name and a seed only, not on who is asked, in which order, or by how
//! many threads: every system under test sees the very same numbers.

use std::fmt;
use std::str::FromStr;

use nsode_generator::random::{below, chance, log_uniform};
use nsode_generator::{Observer, Trajectory};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{KnownSystem, Runs, Suite};

/// How a run is observed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// Multiplicative noise σ: a value `y` becomes `y·(1 + σ·ε)`, `ε` standard normal.
    pub noise: f64,
    /// Share of the points that are dropped at random.
    pub drop: f64,
    /// Share of the values of each state that are gross errors: moved up or down, at random, by a fifth to five times the
    /// range of the state, small and large ones (in the logarithm) equally often.
    pub outliers: f64,
    /// Points of a run before any is dropped.
    pub points: usize,
    /// Runs that are observed together: that of the case, and others from initial states between it and the next.
    pub runs: usize,
}

/// Points of the named conditions.
pub const POINTS: usize = 150;

/// Sizes of gross errors, in ranges of the state.
const SIZES: [f64; 2] = [0.2, 5.0];

/// The conditions that have a name.
pub const NAMED: [(&str, f64, f64); 4] = [
    ("clean", 0.0, 0.0),
    ("noisy", 0.05, 0.0),
    ("irregular", 0.0, 0.5),
    ("hard", 0.05, 0.5),
];

impl fmt::Display for Condition {
    /// The name, or the numbers; then the share of outliers where there are some, the number of points where it is not
    /// [`POINTS`], and of runs where it is not 1.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let named = NAMED
            .iter()
            .find(|(_, noise, drop)| (*noise, *drop) == (self.noise, self.drop));
        match named {
            Some((name, _, _)) => f.write_str(name)?,
            None => write!(f, "noise={}+drop={}", self.noise, self.drop)?,
        }
        if self.outliers > 0.0 {
            write!(f, "+outliers={}", self.outliers)?;
        }
        match self.points {
            POINTS => {}
            points => write!(f, "+points={points}")?,
        }
        match self.runs {
            1 => Ok(()),
            runs => write!(f, "+runs={runs}"),
        }
    }
}

/// A name that is no condition's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no condition: there are clean, noisy, irregular and hard")]
pub struct UnknownCondition(pub String);

impl FromStr for Condition {
    type Err = UnknownCondition;

    fn from_str(text: &str) -> Result<Condition, UnknownCondition> {
        let named = NAMED.iter().find(|(name, _, _)| *name == text.trim());
        let (_, noise, drop) = named.ok_or_else(|| UnknownCondition(text.trim().to_string()))?;
        Ok(Condition {
            noise: *noise,
            drop: *drop,
            outliers: 0.0,
            points: POINTS,
            runs: 1,
        })
    }
}

/// One run of one system under one condition.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The suite.
    pub suite: &'a Suite,
    /// The system.
    pub system: &'a KnownSystem,
    /// The run that is observed, from 0.
    pub start: usize,
    /// How.
    pub condition: Condition,
}

/// Every run of every system of `suite` under every condition, in this order. A measured series is as it is:
/// one case, of the first condition.
pub fn cases<'a>(suite: &'a Suite, conditions: &[Condition]) -> Vec<Case<'a>> {
    let mut all = Vec::new();
    for system in &suite.systems {
        for start in 0..system.starts() {
            let conditions = match system.runs {
                Runs::Solved { .. } => conditions,
                Runs::Measured(_) => conditions.get(..1).unwrap_or(&[]),
            };
            for &condition in conditions {
                all.push(Case {
                    suite,
                    system,
                    start,
                    condition,
                });
            }
        }
    }
    all
}

impl Case<'_> {
    /// The name of the case: suite, system, run from 1, condition.
    pub fn id(&self) -> String {
        self.named(&self.condition_name())
    }

    fn named(&self, condition: &str) -> String {
        let (suite, system) = (&self.suite.name, &self.system.id);
        format!("{suite}/{system}/{}/{condition}", self.start + 1)
    }

    /// The name of the condition; of a series that is as it was measured, `measured`.
    pub fn condition_name(&self) -> String {
        match self.system.runs {
            Runs::Solved { .. } => self.condition.to_string(),
            Runs::Measured(_) => "measured".to_string(),
        }
    }

    /// What is seen of `clean`, the solutions at all times of the grid, one a run.
    pub fn observe(&self, clean: &[Trajectory], seed: u64) -> Vec<Trajectory> {
        if let Runs::Measured(series) = &self.system.runs {
            return vec![series.clone()];
        }
        let observer = Observer {
            noise: self.condition.noise,
            drop: self.condition.drop,
            ..Observer::default()
        };
        let random = |name: String| {
            let name = format!("{seed}/{name}");
            ChaCha8Rng::from_seed(Sha256::digest(name.as_bytes()).into())
        };
        // The same points and the same noise with outliers and without.
        let without = Condition {
            outliers: 0.0,
            ..self.condition
        };
        let mut rng = random(self.named(&without.to_string()));
        let seen = clean.iter().map(|path| observer.observe(path, &mut rng));
        let seen: Vec<Trajectory> = seen.collect();
        if self.condition.outliers <= 0.0 {
            return seen;
        }
        let mut rng = random(self.id());
        let spoilt = seen.iter().zip(clean);
        spoilt
            .map(|(path, clean)| spoil(path, clean, self.condition.outliers, &mut rng))
            .collect()
    }
}

/// `path`, an observation of `clean`, with gross errors in a share of each state's values.
fn spoil(path: &Trajectory, clean: &Trajectory, share: f64, rng: &mut ChaCha8Rng) -> Trajectory {
    let (d, rows) = (path.dimension(), path.len());
    let mut states = path.states().to_vec();
    let count = (share * rows as f64).round() as usize;
    for state in 0..d {
        let values = clean.column(state).filter(|y| y.is_finite());
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| {
            (low.min(y), high.max(y))
        });
        let mut left: Vec<usize> = (0..rows).collect();
        for _ in 0..count.min(rows) {
            let row = left.swap_remove(below(rng, left.len()));
            let size = (high - low) * log_uniform(rng, SIZES);
            let sign = if chance(rng, 0.5) { 1.0 } else { -1.0 };
            if let Some(cell) = states.get_mut(row * d + state) {
                *cell += sign * size;
            }
        }
    }
    // Only values that are no numbers would be refused.
    Trajectory::new(d, path.times().to_vec(), states).unwrap_or_else(|_| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_have_names() {
        for (name, noise, drop) in NAMED {
            let condition: Condition = name.parse().unwrap();
            assert_eq!((condition.noise, condition.drop), (noise, drop));
            assert_eq!(condition.to_string(), name);
        }
        let other = Condition {
            noise: 0.1,
            drop: 0.0,
            outliers: 0.05,
            points: 50,
            runs: 3,
        };
        let name = "noise=0.1+drop=0+outliers=0.05+points=50+runs=3";
        assert_eq!(other.to_string(), name);
        assert!("tidy".parse::<Condition>().is_err());
    }
    #[test]
    fn outliers_are_as_many_as_said_and_the_rest_stays_as_it_is() {
        let times: Vec<f64> = (0..80).map(f64::from).collect();
        let states = times.iter().flat_map(|t| [0.5 + t / 80.0, 7.0]).collect();
        let clean = Trajectory::new(2, times, states).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let seen = spoil(&clean, &clean, 0.1, &mut rng);
        let range = 79.0 / 80.0;
        let moved = clean
            .column(0)
            .zip(seen.column(0))
            .map(|(a, b)| (a - b).abs() / range);
        let moved: Vec<f64> = moved.filter(|size| *size > 0.0).collect();
        assert_eq!(moved.len(), 8);
        assert!(
            moved.iter().all(|size| (0.199..5.001).contains(size)),
            "{moved:?}"
        );
        // A state that does not move has no range to go beyond.
        assert!(seen.column(1).all(|y| y == 7.0));
    }
}
