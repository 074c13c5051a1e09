//! What the user knows before the search, put to the data: guesses in the names of the columns, the noise in their
//! units.

use nsode_eval::Problem;
use nsode_eval::propose::guess::{Guess, GuessError};
use nsode_eval::series::problem::Noise;
use nsode_eval::series::table::Series;
use nsode_parser::Names;

use super::arguments::Beliefs;
use crate::fault::Fault;

/// The guesses, constrained.
///
/// # Errors
/// A problem with the place in the formula, or that names a constant.
pub fn guesses(user: &Beliefs, series: &Series) -> Result<Vec<Guess>, Fault> {
    let names = &series.names;
    let mut guesses = Vec::new();
    for text in &user.guesses {
        let guess = Guess::parse(text, names).map_err(|error| refused(text, names, error))?;
        let mut left_out = series.left_out.iter();
        if let Some(column) = left_out.find(|column| guess.names().any(|name| name == *column)) {
            return Err(Fault::new(
                format!("--guess {text}: `{column}` is a column that is not among the states"),
                format!(
                    "Name it with --state, too; or call the constant otherwise, such as k_{column}."
                ),
            ));
        }
        guesses.push(guess);
    }
    Guess::constrain(&mut guesses, &user.fixes, &user.bounds)
        .map_err(|error| Fault::new(error.to_string(), remedy(&error, names)))?;
    Ok(guesses)
}

fn refused(text: &str, names: &Names, error: GuessError) -> Fault {
    match error {
        GuessError::Formula(error) => Fault::formula("--guess", text, &error),
        error => Fault::new(format!("--guess {text}: {error}"), remedy(&error, names)),
    }
}

fn remedy(error: &GuessError, names: &Names) -> String {
    match error {
        GuessError::NoState { .. } => format!(
            "Write the right-hand side in the names of the columns: {}.",
            names.states.join(", ")
        ),
        GuessError::Case { variable, .. } => {
            format!("Write {variable}, or call the constant otherwise.")
        }
        GuessError::Time { time, .. } => {
            format!("Write {time} for the time, or call the constant otherwise.")
        }
        GuessError::NoConstant { .. } => "Name a constant of the formula.".to_string(),
        GuessError::Twice { .. } => "Say one thing of each constant, once.".to_string(),
        _ => "Write a smaller formula.".to_string(),
    }
}

/// `problem` with the noise that the user knows.
///
/// # Errors
/// A problem for a number of deviations that is neither 1 nor that of the states.
pub fn with_noise(user: &Beliefs, problem: Problem, series: &Series) -> Result<Problem, Fault> {
    let states = &series.names.states;
    if user.sigma.is_empty() && user.relative_sigma.is_none() {
        return Ok(problem);
    }
    if user.sigma.len() > 1 && user.sigma.len() != states.len() {
        return Err(Fault::new(
            format!(
                "--sigma has {} values, the data have {} columns of values",
                user.sigma.len(),
                states.len()
            ),
            format!(
                "Give one for all, or one for each of {}.",
                states.join(", ")
            ),
        ));
    }
    let relative = user.relative_sigma.unwrap_or(0.0);
    let noise = problem
        .scaling()
        .states
        .iter()
        .enumerate()
        .map(|(i, unit)| {
            let given = user.sigma.get(i).or(user.sigma.first());
            // Values are no better known than they are written; of those known in proportion, the small ones are meant.
            let (finest, coarsest) = problem.rounded(i);
            let rounded = if relative > 0.0 { finest } else { coarsest };
            let absolute = (given.copied().unwrap_or(0.0) / unit).hypot(rounded);
            Noise::known(absolute, relative, problem.smallest(i))
        });
    Ok(problem.with_known_noise(noise.collect()))
}
