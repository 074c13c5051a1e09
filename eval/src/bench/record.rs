//! One case with its answer and what that is worth: a line of `results.jsonl`.

use nsode_generator::Trajectory;
use nsode_parser::print::infix;
use nsode_parser::{Names, System};
use serde::{Deserialize, Serialize};

use super::Answer;
use crate::metric::{Reference, Score, WORST};
use crate::suite::Case;

/// Distances of laws beyond this, infinite ones too, are written as this.
pub const FARTHEST: f64 = 1e9;

/// A judged case. Shares and distances as in [`Score`]; `gen` and `law` are null where there is nothing to
/// compare with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub case: String,
    /// Who answered.
    pub system: String,
    /// The suite.
    pub suite: String,
    /// The suite's system.
    pub problem: String,
    /// Where that comes from.
    pub field: String,
    /// Number of states.
    pub dimension: usize,
    /// The run that was observed, from 1.
    pub run: usize,
    /// The condition's name.
    pub condition: String,
    /// Multiplicative noise σ.
    pub noise: f64,
    /// Share of the points dropped.
    pub drop: f64,
    /// Points before any was dropped.
    pub points: usize,
    /// Points that were seen.
    pub observed: usize,
    /// Name of the time in both laws.
    #[serde(default)]
    pub time: String,
    /// Names of the states.
    #[serde(default)]
    pub states: Vec<String>,
    /// The true law.
    pub truth: Vec<String>,
    /// Its tokens and constants.
    pub truth_complexity: usize,
    /// The best law of the answer.
    pub found: Option<Vec<String>>,
    /// Whether there is one.
    pub valid: bool,
    /// R² of the clean observed run.
    pub recon: f64,
    /// R² of the other run.
    #[serde(rename = "gen")]
    pub generalization: Option<f64>,
    /// Whether the skeleton is the true one.
    pub skeleton: bool,
    /// Whether the law is the true one for some values of its constants.
    pub family: bool,
    /// How far the law is from the true one, as a share.
    pub law: Option<f64>,
    /// Tokens and constants of the law.
    pub complexity: Option<usize>,
    /// How probable it was said to be.
    pub posterior: Option<f64>,
    /// Which part of the program found it.
    pub source: Option<String>,
    /// How long the answer took.
    pub seconds: f64,
    /// Whether the time was over before the search was.
    pub late: bool,
    /// What went wrong.
    pub error: Option<String>,
    /// Place of the first law in the answer that has the true skeleton, from 1.
    pub rank: Option<usize>,
    /// The best that the answer holds, whatever its place.
    pub oracle: Option<Oracle>,
    /// The laws of the answer, best first.
    pub candidates: Vec<Listed>,
}

/// The best values among all laws of an answer, each for itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Oracle {
    /// The highest R² of the observed run.
    pub recon: f64,
    /// The highest R² of the other run.
    #[serde(rename = "gen")]
    pub generalization: Option<f64>,
    /// The smallest distance.
    pub law: Option<f64>,
}

/// A law of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// The law.
    pub rhs: Vec<String>,
    /// R² of the clean observed run.
    pub recon: f64,
    /// R² of the other run.
    #[serde(rename = "gen")]
    pub generalization: Option<f64>,
    /// Whether the skeleton is the true one.
    pub skeleton: bool,
    /// How far the law is from the true one.
    pub law: Option<f64>,
    /// Tokens and constants.
    pub complexity: usize,
    /// How probable it was said to be.
    pub posterior: Option<f64>,
    /// Who found it.
    pub source: Option<String>,
}

/// The record of an answer. The first `top` laws are judged.
pub fn judge(
    case: &Case,
    who: &str,
    observed: &[Trajectory],
    reference: &Reference,
    answer: &Answer,
    top: usize,
) -> Record {
    let names = &case.system.names;
    let judged = || answer.guesses.iter().take(top.max(1));
    let scores: Vec<Score> = judged().map(|guess| reference.score(&guess.law)).collect();
    let listed: Vec<Listed> = judged()
        .zip(&scores)
        .map(|(guess, score)| Listed {
            rhs: texts(&guess.law, names),
            recon: score.recon,
            generalization: score.generalization,
            skeleton: score.skeleton,
            law: distance(score.law),
            complexity: score.complexity,
            posterior: guess.posterior.filter(|p| p.is_finite()),
            source: guess.source.clone(),
        })
        .collect();
    let oracle = (!listed.is_empty()).then(|| Oracle {
        recon: scores.iter().map(|s| s.recon).fold(WORST, f64::max),
        generalization: scores
            .iter()
            .filter_map(|s| s.generalization)
            .reduce(f64::max),
        law: listed.iter().filter_map(|l| l.law).reduce(f64::min),
    });
    let (first, best) = (scores.first(), listed.first());
    Record {
        case: case.id(),
        system: who.to_string(),
        suite: case.suite.name.clone(),
        problem: case.system.id.clone(),
        field: case.system.field.clone(),
        dimension: case.system.dimension(),
        run: case.start + 1,
        condition: case.condition_name(),
        noise: case.condition.noise,
        drop: case.condition.drop,
        points: reference.own.len(),
        observed: observed.iter().map(Trajectory::len).sum(),
        time: names.time.clone(),
        states: names.states.clone(),
        truth: texts(&case.system.law, names),
        truth_complexity: reference.complexity,
        found: best.map(|b| b.rhs.clone()),
        valid: best.is_some(),
        recon: first.map_or(WORST, |s| s.recon),
        generalization: match first {
            Some(score) => score.generalization,
            None => reference.other.as_ref().map(|_| WORST),
        },
        skeleton: first.is_some_and(|s| s.skeleton),
        family: first.is_some_and(|s| s.family),
        law: match best {
            Some(best) => best.law,
            None => reference.known().then_some(FARTHEST),
        },
        complexity: best.map(|b| b.complexity),
        posterior: best.and_then(|b| b.posterior),
        source: best.and_then(|b| b.source.clone()),
        seconds: answer.seconds,
        late: answer.late,
        error: answer.error.clone(),
        rank: scores.iter().position(|s| s.skeleton).map(|i| i + 1),
        oracle,
        candidates: listed,
    }
}

fn texts(law: &System, names: &Names) -> Vec<String> {
    law.rhs().iter().map(|rhs| infix(rhs, names)).collect()
}

fn distance(law: Option<f64>) -> Option<f64> {
    law.map(|law| if law < FARTHEST { law } else { FARTHEST })
}
