//! Answers of other programs: JSON Lines `{"case": …, "rhs": ["-0.07*(T - 21.5)"], "seconds": 1.5}`.
//!
//! `rhs` has one right-hand side a state, in the names of the observations, `^` or `**` for powers; it may be
//! absent or null where there is no answer. `system` says who answers, `posterior` how sure they are, `error`
//! what went wrong. Further fields are passed over. A right-hand side that does not parse is no answer, and the
//! record says why.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use nsode_parser::infix::parse_expr;
use nsode_parser::{Names, System};
use serde::Deserialize;

use super::{Answer, BenchError, Guess};

/// An answer as it is written.
#[derive(Clone, Debug, Deserialize)]
pub struct Written {
    case: String,
    #[serde(default)]
    rhs: Option<Vec<String>>,
    #[serde(default)]
    seconds: f64,
    #[serde(default)]
    posterior: Option<f64>,
    #[serde(default)]
    error: Option<String>,
    /// Who answers.
    #[serde(default)]
    pub system: Option<String>,
}

/// The answers of a file, by case.
///
/// # Errors
/// [`BenchError`] for a file that can't be read, a line that is no answer, a case that is answered twice.
pub fn read(path: &Path) -> Result<HashMap<String, Written>, BenchError> {
    let text = fs::read_to_string(path).map_err(|e| BenchError::io(path, e))?;
    let mut answers = HashMap::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let written: Written =
            serde_json::from_str(line).map_err(|e| BenchError::line(path, i + 1, e))?;
        if !(written.seconds.is_finite() && written.seconds >= 0.0) {
            return Err(BenchError::line(path, i + 1, "seconds is no time"));
        }
        if let Some(first) = answers.insert(written.case.clone(), written) {
            let message = format!("case {} is answered twice", first.case);
            return Err(BenchError::line(path, i + 1, message));
        }
    }
    Ok(answers)
}

impl Written {
    /// The answer, in the names of the case.
    pub fn read(&self, names: &Names) -> Answer {
        let nothing = |error: String| Answer {
            seconds: self.seconds,
            error: Some(error),
            ..Answer::default()
        };
        let Some(texts) = &self.rhs else {
            return nothing(self.error.clone().unwrap_or("no answer".to_string()));
        };
        match law(texts, names) {
            Ok(law) => Answer {
                guesses: vec![Guess {
                    law,
                    posterior: self.posterior,
                    source: None,
                }],
                seconds: self.seconds,
                late: false,
                error: self.error.clone(),
            },
            Err(error) => nothing(error),
        }
    }
}

/// The law that `texts` are the right-hand sides of, or what is wrong with them.
pub fn law(texts: &[String], names: &Names) -> Result<System, String> {
    if texts.len() != names.dimension() {
        let (found, expected) = (texts.len(), names.dimension());
        return Err(format!("{found} right-hand sides for {expected} states"));
    }
    let rhs = texts
        .iter()
        .map(|text| parse_expr(text, names).map_err(|error| format!("{text}: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    System::new(rhs).map_err(|error| error.to_string())
}
