//! From spelt skeletons with constants to distinct, possible laws.
//!
//! The grammar admits spellings that are not canonical (`y^2 + y` beside `y + y^2`) and laws that are none
//! (no state in it). Each is put into canonical form with its constants in place; equal canonical skeletons
//! become one proposal, whose probability is the sum of theirs and whose constants are the most probable
//! one's.

use std::collections::HashMap;

use nsode_parser::canonical::CanonicalSystem;
use nsode_parser::skeleton::Skeleton;

use super::Proposal;

/// Why a spelt law is no proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// It has no canonical form with these constants, or none in the token language.
    NoCanonicalForm,
    /// Its canonical form, multiplied out, is longer than any skeleton that the model can spell, so
    /// it is nothing that the model has ever been shown.
    TooLong {
        /// Tokens of the canonical skeleton.
        tokens: usize,
    },
    /// A constant that is not finite.
    NotFinite,
    /// No state occurs in any right-hand side.
    NoState,
}

/// A spelt law as a proposal of its own, of at most `max_tokens` tokens.
///
/// # Errors
/// The [`Rejection`].
pub fn canonical(
    skeleton: &Skeleton,
    constants: &[f64],
    log_probability: f64,
    max_tokens: usize,
) -> Result<Proposal, Rejection> {
    if constants.iter().any(|c| !c.is_finite()) || log_probability.is_nan() {
        return Err(Rejection::NotFinite);
    }
    let system: CanonicalSystem = skeleton
        .instantiate(constants)
        .map_err(|_| Rejection::NoCanonicalForm)?;
    if !system.rhs().iter().any(|sum| sum.depends_on_state()) {
        return Err(Rejection::NoState);
    }
    let (skeleton, constants) = system.parts().map_err(|_| Rejection::NoCanonicalForm)?;
    let tokens = skeleton.tokens().len();
    if tokens > max_tokens {
        return Err(Rejection::TooLong { tokens });
    }
    // What goes out is read back first, as any text from a model is.
    let read = Skeleton::parse(skeleton.dimension(), skeleton.tokens());
    if read.as_ref() != Ok(&skeleton) || skeleton.slots() != constants.len() {
        return Err(Rejection::NoCanonicalForm);
    }
    if constants.iter().any(|c| !c.is_finite()) {
        return Err(Rejection::NotFinite);
    }
    Ok(Proposal {
        skeleton,
        constants,
        log_probability,
    })
}

/// Joins proposals with equal skeletons, most probable first; ties keep their order.
pub fn merge(proposals: impl IntoIterator<Item = Proposal>) -> Vec<Proposal> {
    let mut merged: Vec<(Proposal, f64)> = Vec::new();
    let mut index: HashMap<Skeleton, usize> = HashMap::new();
    for proposal in proposals {
        let own = proposal.log_probability;
        let place = *index
            .entry(proposal.skeleton.clone())
            .or_insert(merged.len());
        match merged.get_mut(place) {
            None => merged.push((proposal, own)),
            Some((kept, best)) => {
                kept.log_probability = log_sum(kept.log_probability, own);
                if own > *best {
                    *best = own;
                    kept.constants = proposal.constants;
                }
            }
        }
    }
    let mut merged: Vec<Proposal> = merged.into_iter().map(|(proposal, _)| proposal).collect();
    merged.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
    merged
}

/// `ln(eᵃ + eᵇ)`.
fn log_sum(a: f64, b: f64) -> f64 {
    let (high, low) = if a >= b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY {
        return high;
    }
    high + (low - high).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use nsode_parser::token::Token::{self, *};

    use super::*;

    fn skeleton(tokens: &[Token]) -> Skeleton {
        Skeleton::parse(1, tokens).expect("valid")
    }

    #[test]
    fn equal_laws_are_joined_under_their_canonical_skeleton() {
        // y + y^2 and y^2 + y, and between them something else.
        let spelt = [
            (skeleton(&[Add2, X1, Square, X1]), vec![1.5, -2.5], 0.2f64),
            (skeleton(&[Sin, X1]), vec![1.0, 2.0], 0.3),
            (skeleton(&[Add2, Square, X1, X1]), vec![-3.5, 4.5], 0.25),
        ];
        let proposals = spelt.map(|(s, c, p)| canonical(&s, &c, p.ln(), 32).expect("possible"));
        let merged = merge(proposals);
        assert_eq!(merged.len(), 2);
        assert!((merged[0].log_probability - 0.45f64.ln()).abs() < 1e-12);
        assert!((merged[1].log_probability - 0.3f64.ln()).abs() < 1e-12);
        // The constants are those of the more probable spelling, each with its own term.
        let law = merged[0]
            .skeleton
            .instantiate(&merged[0].constants)
            .expect("finite");
        let value = law.to_system().rhs()[0].eval(0.0, &[2.0], &[]);
        assert!((value - (4.5 * 2.0 - 3.5 * 4.0)).abs() < 1e-12);
    }

    #[test]
    fn impossible_laws_are_rejected() {
        let y = skeleton(&[X1]);
        let canonical = |s: &Skeleton, c: &[f64]| canonical(s, c, -1.0, 4);
        assert_eq!(canonical(&y, &[f64::NAN]), Err(Rejection::NotFinite));
        assert_eq!(canonical(&y, &[]), Err(Rejection::NoCanonicalForm));
        assert_eq!(canonical(&y, &[0.0]), Err(Rejection::NoState));
        // The state cancels.
        let gone = skeleton(&[Add2, One, Mul, X1, Inverse, X1]);
        assert_eq!(canonical(&gone, &[1.0, 1.0]), Err(Rejection::NoState));
        // Multiplied out, (1 + y)^4 has five terms.
        let power = skeleton(&[Fourth, Add2, One, X1]);
        let long = canonical(&power, &[1.0, 1.0]);
        assert!(
            matches!(long, Err(Rejection::TooLong { tokens: 9.. })),
            "{long:?}"
        );
        assert!(canonical(&y, &[2.0]).is_ok());
    }

    #[test]
    fn impossible_spellings_add_nothing() {
        assert_eq!(log_sum(-1.0, f64::NEG_INFINITY), -1.0);
        assert_eq!(
            log_sum(f64::NEG_INFINITY, f64::NEG_INFINITY),
            f64::NEG_INFINITY
        );
        assert!((log_sum(0.1f64.ln(), 0.7f64.ln()) - 0.8f64.ln()).abs() < 1e-12);
    }
}
