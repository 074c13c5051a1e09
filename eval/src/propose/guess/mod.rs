//! Laws that a person knows already: `r*y*(1 - y/K)`, fitted in the form in which they are written.
//!
//! Names that are no variables are free constants, and numbers are where others start; 0, 1, whole exponents and
//! numbers that another constant can stand for stay as they are (`free`). Constants can be fixed or bounded
//! (`constraint`). Where nothing tells where to start, `start` looks for it; `attempts` fits from several starts by
//! [`crate::fit::parametrised`], and what becomes of the best fit is a [`Refined`] like any other, in `fit`.

mod attempts;
mod constraint;
mod fit;
mod free;
mod start;
#[cfg(test)]
mod tests;

use std::time::Instant;

use nalgebra::DMatrix;
use nsode_parser::infix::parse_law;
use nsode_parser::{CanonicalSystem, Expr, Names, ParseError, Skeleton, System};

use crate::error::Error;
use crate::fit::constant::Constant;
use crate::fit::proposal::Proposal;
use crate::fit::refine::Refined;
use crate::fit::setting::Setting;
use crate::propose::proposer::{Proposer, ProposerKind};
use crate::series::problem::Problem;

pub use constraint::{Bounds, ConstraintError, Fix};
pub use fit::Guessed;

/// What only the time is called.
const TIMES: [&str; 2] = ["t", "time"];

/// Most constants of one guess, numbers among them.
pub const MOST_CONSTANTS: usize = 24;

/// A law in a person's own form.
#[derive(Clone, Debug, PartialEq)]
pub struct Guess {
    text: String,
    /// In the data's units; [`Expr::Parameter`] `k` is constant `k`.
    rhs: Vec<Expr>,
    constants: Vec<Unknown>,
    /// The name of the time, where it occurs and looks like one of a constant.
    time: Option<String>,
}

/// A constant of a guess.
#[derive(Clone, Debug, PartialEq)]
struct Unknown {
    /// Its name; None for one that was written as a number.
    name: Option<String>,
    /// Where it starts.
    start: Option<f64>,
    setting: Setting,
}

/// A constant of a fitted guess, as it is reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its name; None for one that was written as a number.
    pub name: Option<String>,
    /// Value and standard error, 0 for a fixed one, None where the data do not determine it or it is at a bound.
    pub constant: Constant,
    /// Whether it was given and not fitted.
    pub fixed: bool,
    /// Whether the fit ended at one of its bounds.
    pub at_bound: bool,
}

/// A fitted guess in its own form.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// In the data's units; [`Expr::Parameter`] `k` is constant `k`.
    pub rhs: Vec<Expr>,
    /// The constants.
    pub constants: Vec<Known>,
    /// Their covariance; zero for what is fixed.
    pub covariance: DMatrix<f64>,
    /// What may become of each constant in a fit.
    pub settings: Vec<Setting>,
}

/// Why a text is no guess.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GuessError {
    /// It is no formula.
    #[error("{0}")]
    Formula(ParseError),
    /// No right-hand side depends on a state.
    #[error("no right-hand side depends on {states}")]
    NoState {
        /// The states' names.
        states: String,
    },
    /// A constant is called as a variable is, but for upper and lower case.
    #[error("`{name}` is no variable of the data, but `{variable}` is")]
    Case {
        /// The name in the formula.
        name: String,
        /// The variable.
        variable: String,
    },
    /// A constant has the name that the time has elsewhere.
    #[error("`{name}` is no variable of the data, where the time is called `{time}`")]
    Time {
        /// The name in the formula.
        name: String,
        /// The time's name.
        time: String,
    },
    /// It has too many constants.
    #[error("it has {found} constants, and at most {MOST_CONSTANTS} can be fitted")]
    TooMany {
        /// How many it has.
        found: usize,
    },
    /// It has no canonical form, or one that is too long.
    #[error("it is too large, or has no finite value: {0}")]
    NoShape(String),
    /// A constraint is on a constant that no guess has.
    #[error("{option} {name}: no --guess has a constant of this name{known}")]
    NoConstant {
        /// `--fix` or `--bounds`.
        option: &'static str,
        /// The name.
        name: String,
        /// The names that there are, as a continuation of the sentence.
        known: String,
    },
    /// A constant is both fixed and bounded, or twice.
    #[error("{name} is fixed or bounded more than once")]
    Twice {
        /// The constant.
        name: String,
    },
}

/// Whether a law has a variable in it.
fn occurs(system: &System, names: &Names, variable: &str) -> bool {
    let mut found = false;
    for rhs in system.rhs() {
        rhs.visit(&mut |leaf| {
            found |= match leaf {
                Expr::State(i) => names.states.get(*i).is_some_and(|name| name == variable),
                Expr::Time => names.time == variable,
                _ => false,
            }
        });
    }
    found
}

/// A value for constant `k` where none is given: of no special size, and another one for each.
fn no_particular(k: usize) -> f64 {
    0.731 + 0.217 * k as f64
}

impl Guess {
    /// Reads `text` in the variables of `names`.
    ///
    /// # Errors
    /// [`GuessError`] but for the last two.
    pub fn parse(text: &str, names: &Names) -> Result<Guess, GuessError> {
        let (system, letters) = parse_law(text, names).map_err(GuessError::Formula)?;
        for name in &letters {
            // One that stands beside the variable is meant as it is written: the `s` of `b*S*I - s*E`.
            let same = |variable: &&String| {
                variable.to_lowercase() == name.to_lowercase() && !occurs(&system, names, variable)
            };
            let mut variables = names.states.iter().chain([&names.time]);
            if let Some(variable) = variables.find(same) {
                return Err(GuessError::Case {
                    name: name.clone(),
                    variable: variable.clone(),
                });
            }
        }
        if let Some(name) = letters.iter().find(|name| TIMES.contains(&name.as_str())) {
            return Err(GuessError::Time {
                name: name.clone(),
                time: names.time.clone(),
            });
        }
        if system.rhs().iter().all(|rhs| rhs.states() == 0) {
            return Err(GuessError::NoState {
                states: names.states.join(" or "),
            });
        }
        let mut constants: Vec<Unknown> = letters
            .into_iter()
            .map(|name| Unknown {
                name: Some(name),
                start: None,
                setting: Setting::FREE,
            })
            .collect();
        let rhs = free::numbers(system.rhs(), &mut constants);
        if constants.len() > MOST_CONSTANTS {
            return Err(GuessError::TooMany {
                found: constants.len(),
            });
        }
        let plain = TIMES.contains(&names.time.as_str());
        let guess = Guess {
            text: text.trim().to_string(),
            rhs,
            constants,
            time: (!plain && occurs(&system, names, &names.time)).then(|| names.time.clone()),
        };
        guess.shape()?;
        Ok(guess)
    }

    /// The names of its constants.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.constants.iter().filter_map(|c| c.name.as_deref())
    }

    /// Fixes and bounds the constants of `guesses`.
    ///
    /// # Errors
    /// [`GuessError::NoConstant`], [`GuessError::Twice`].
    pub fn constrain(
        guesses: &mut [Guess],
        fixes: &[Fix],
        bounds: &[Bounds],
    ) -> Result<(), GuessError> {
        let fixed = fixes
            .iter()
            .map(|fix| ("--fix", &fix.name, Setting::Fixed(fix.value)));
        let bounded = bounds.iter().map(|b| {
            let (low, high) = (b.low, b.high);
            ("--bounds", &b.name, Setting::Free { low, high })
        });
        for (option, name, setting) in fixed.chain(bounded) {
            let mut found = false;
            for constant in guesses.iter_mut().flat_map(|g| &mut g.constants) {
                if constant.name.as_ref() == Some(name) {
                    if constant.setting != Setting::FREE {
                        return Err(GuessError::Twice { name: name.clone() });
                    }
                    constant.setting = setting;
                    found = true;
                }
            }
            if !found {
                let mut known: Vec<&str> = Vec::new();
                let constants = guesses.iter().flat_map(|g| &g.constants);
                for name in constants.filter_map(|c| c.name.as_deref()) {
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
                return Err(GuessError::NoConstant {
                    option,
                    name: name.clone(),
                    known: match known.is_empty() {
                        true => String::new(),
                        false => format!(": there are {}", known.join(", ")),
                    },
                });
            }
        }
        Ok(())
    }

    /// The text as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The shape, with constants that stand for no particular values.
    fn shape(&self) -> Result<Skeleton, GuessError> {
        let general = |k: usize| match self.constants.get(k) {
            Some(Unknown {
                setting: Setting::Fixed(value),
                ..
            }) => *value,
            Some(Unknown {
                start: Some(value), ..
            }) => *value,
            _ => no_particular(k),
        };
        let values: Vec<f64> = (0..self.constants.len()).map(general).collect();
        self.with(&values)
            .and_then(|system| system.parts().map_err(|e| e.to_string()))
            .map(|(skeleton, _)| skeleton)
            .map_err(GuessError::NoShape)
    }

    /// The law with these constants, in canonical form.
    fn with(&self, values: &[f64]) -> Result<CanonicalSystem, String> {
        let rhs = self.rhs.iter().map(|rhs| rhs.with_parameters(values));
        let system = System::new(rhs.collect()).map_err(|e| e.to_string())?;
        CanonicalSystem::new(&system).map_err(|e| e.to_string())
    }

    /// Whether some constant has bounds.
    fn is_bounded(&self) -> bool {
        self.constants.iter().any(|c| c.setting.is_bounded())
    }

    /// Whether its constants can become whatever those of its shape can, or could but for bounds.
    fn is_free(&self) -> bool {
        let fixed = |c: &Unknown| matches!(c.setting, Setting::Fixed(_));
        let free = !self.constants.iter().any(fixed);
        let slots = self.shape().map(|shape| shape.slots());
        free && slots.is_ok_and(|slots| self.constants.len() >= slots)
    }
}

/// Two fits of one shape whose R² differ by no more than this differ in the last digits only.
const SAME: f64 = 1e-6;

/// Puts fitted guesses among the other fits, best first. A guess that is as free as its shape, or ended within its
/// bounds, takes the place of the search's fit of the same shape, with its weight if that is larger, since the search's
/// last digits are the better ones; unless the guess is clearly worse, as a fit that got stuck is. So does one that says more, as
/// that two constants are one, if the search found as many to be one, or if the criterion is for it.
pub(crate) fn enter<'a>(
    guessed: &'a [Guessed],
    ranked: &mut Vec<(f64, &'a Refined)>,
    weight: impl Fn(&Refined) -> f64,
) {
    for guess in guessed {
        let own = &guess.refined;
        let worse =
            |other: &Refined| own.criterion() > other.criterion() + 2.0 && own.r2 < other.r2 - SAME;
        let replaces = |other: &Refined| {
            let no_worse = match guess.free || own.parameters == other.parameters {
                true => !worse(other),
                false => own.criterion() <= other.criterion(),
            };
            other.skeleton == own.skeleton && no_worse
        };
        let inherited = ranked.iter().filter(|(_, other)| replaces(other));
        let most = inherited.map(|(w, _)| *w).fold(weight(own), f64::max);
        ranked.retain(|(_, other)| !replaces(other));
        ranked.push((most, own));
    }
    ranked.retain(|(weight, _)| weight.is_finite());
    ranked.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then_with(|| a.1.skeleton.cmp(&b.1.skeleton))
    });
}

/// Fits all guesses until `deadline`; of those that can't be fitted, warnings tell.
pub(crate) fn fit_all(
    guesses: &[Guess],
    problem: &Problem,
    deadline: Instant,
    warnings: &mut Vec<String>,
) -> Vec<Guessed> {
    let mut fitted = Vec::new();
    for guess in guesses {
        if let Some(time) = &guess.time {
            warnings.push(format!(
                "--guess {}: `{time}` is the time here; a constant must be called otherwise",
                guess.text
            ));
        }
        match guess.fit(problem, deadline) {
            Some(guessed) => fitted.push(guessed),
            None if Instant::now() >= deadline => warnings.push(format!(
                "--guess {}: the time was over before it was fitted; give it more by --seconds",
                guess.text
            )),
            None => warnings.push(format!(
                "--guess {}: no constants were found with which it follows the data",
                guess.text
            )),
        }
    }
    fitted
}

/// The shapes of guesses, as proposals of a search: those of guesses that are as free as their shapes, and without bounds,
/// are proposed by the guess, the others are variants of it.
#[derive(Clone, Debug)]
pub struct Shapes {
    kind: ProposerKind,
    skeletons: Vec<Skeleton>,
}

impl Shapes {
    /// Proposers of the shapes; constrained ones only where variants are wanted.
    pub fn of(guesses: &[Guess], variants: bool) -> Vec<Shapes> {
        let is_free = |guess: &Guess| guess.is_free() && !guess.is_bounded();
        let shapes = |free: bool| {
            let list = guesses.iter().filter(|guess| is_free(guess) == free);
            list.filter_map(|guess| guess.shape().ok()).collect()
        };
        let mut all = vec![Shapes {
            kind: ProposerKind::Guess,
            skeletons: shapes(true),
        }];
        if variants {
            all.push(Shapes {
                kind: ProposerKind::Local,
                skeletons: shapes(false),
            });
        }
        all
    }
}

impl Proposer for Shapes {
    fn kind(&self) -> ProposerKind {
        self.kind
    }

    fn propose(&self, _: &Problem) -> Result<Vec<Proposal>, Error> {
        let proposal = |skeleton: &Skeleton| Proposal::new(skeleton.clone(), None);
        Ok(self.skeletons.iter().map(proposal).collect())
    }
}
