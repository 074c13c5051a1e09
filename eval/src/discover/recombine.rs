//! Systems put together from equations that were proposed apart.
//!
//! Nobody who proposes a system is often right about all of its equations at once, but each of them is often in some
//! proposal. Along the smoothed curves an equation can be judged without the others, by the integral form
//! ([`crate::fit::integral`]): so every equation that is in any proposal is fitted once, and the best ones of each state are
//! combined.

use std::time::Instant;

use nsode_parser::{Expr, Skeleton, Token};
use rayon::prelude::*;

use super::equation::{Judged, equations, judge, sorted};
use super::words;
use crate::fit::proposal::Proposal;
use crate::propose::combine::{Trust, combine, merged, trusts};
use crate::propose::prior::{description, description_prior};
use crate::series::problem::Problem;

/// Systems made, at most.
const MOST: usize = 64;

/// How many times as many are looked at: some are not admitted, and others gain by terms that two equations have.
const WIDE: usize = 32;

/// Equations of a state that are combined, at most: those that are best by one of the ways to trust residuals.
const BEST: usize = 48;

/// How many times more than the best of its state an equation may leave over, as a root mean square, in a system that may
/// hold; the smoothed curves tell no less than so much apart.
const FAR: f64 = 10.0;
const BLUNT: f64 = 5e-3;

/// The different equations of each state that were proposed, fitted to the smoothed curves.
pub(super) struct Equations {
    states: Vec<Vec<Judged>>,
    /// How closely they are believed.
    trusts: [Trust; 6],
    /// Whether the time was over before all were fitted.
    pub late: bool,
}

impl Equations {
    /// Those of `proposals`, as many as can be fitted until `deadline`.
    pub fn new<'a>(
        problem: &Problem,
        proposals: impl Iterator<Item = &'a Proposal>,
        deadline: Instant,
    ) -> Equations {
        let mut states: Vec<Vec<Judged>> = Vec::new();
        states.resize_with(problem.dimension(), Vec::new);
        let mut all = Equations {
            states,
            trusts: trusts(problem.accuracy()),
            late: false,
        };
        all.join(problem, proposals, deadline);
        all
    }

    /// Adds the equations of `proposals` that are not among these, as many as can be fitted until `deadline`.
    pub fn join<'a>(
        &mut self,
        problem: &Problem,
        proposals: impl Iterator<Item = &'a Proposal>,
        deadline: Instant,
    ) {
        let mut proposed = equations(problem.dimension(), proposals);
        proposed.retain(|one| {
            let own = self.states.get(one.state);
            own.is_none_or(|own| own.iter().all(|known| known.tokens != one.tokens))
        });
        let each = proposed.par_iter();
        let judged = each.map(|one| (Instant::now() < deadline).then(|| judge(problem, one)));
        let judged: Vec<Option<Option<Judged>>> = judged.collect();
        self.late |= judged.iter().any(Option::is_none);
        for one in judged.into_iter().flatten().flatten() {
            if let Some(own) = self.states.get_mut(one.state) {
                own.push(one);
            }
        }
    }

    /// Terms of the best ones, which other equations may have, too.
    pub fn words(&self) -> Vec<Expr> {
        words::words(&self.states, &self.trusts)
    }

    /// Systems of the best ones, best first, of those that are admitted.
    pub fn systems(&self, admitted: impl Fn(&Skeleton) -> bool) -> Vec<Proposal> {
        let lists = self.trusts.map(|trust| {
            let mut best = self.best(trust);
            best.retain(|proposal| admitted(&proposal.skeleton));
            best.truncate(MOST);
            best
        });
        merged(&lists, MOST)
    }

    /// The best systems, as far as residuals are trusted.
    fn best(&self, trust: Trust) -> Vec<Proposal> {
        let first = |own: &Vec<Judged>| {
            let mut scored = sorted(own, trust);
            scored.truncate(BEST);
            scored
        };
        let best: Vec<Vec<(f64, usize)>> = self.states.iter().map(first).collect();
        let scores: Vec<Vec<f64>> = best
            .iter()
            .map(|own| own.iter().map(|(score, _)| *score).collect())
            .collect();
        let system = |choice: Vec<usize>| {
            let each = choice.into_iter().zip(&best).zip(&self.states);
            let parts: Option<Vec<(f64, &Judged)>> = each
                .map(|((i, own), all)| {
                    let (score, place) = own.get(i)?;
                    Some((*score, all.get(*place)?))
                })
                .collect();
            let parts = parts?;
            let proposal = joined(&parts)?;
            let apart: f64 = parts.iter().map(|(_, one)| description(&one.tokens)).sum();
            let saved = apart + description_prior(&proposal.skeleton);
            let score: f64 = parts.iter().map(|(score, _)| score).sum();
            Some((score - 2.0 * saved, proposal))
        };
        let choices = combine(&scores, WIDE * MOST).into_iter();
        let mut systems: Vec<(f64, Proposal)> = choices.filter_map(system).collect();
        systems.sort_by(|a, b| a.0.total_cmp(&b.0));
        systems.into_iter().map(|(_, proposal)| proposal).collect()
    }

    /// Whether a system may explain the data: none of its equations leaves far more over along the smoothed curves than
    /// another one of its state. Nothing is said against what could not be fitted.
    pub fn may_hold(&self, system: &Skeleton) -> bool {
        system.equations().zip(&self.states).all(|(tokens, own)| {
            let least = own
                .iter()
                .map(|one| one.misfit)
                .fold(f64::INFINITY, f64::min);
            let found = own.iter().find(|one| one.tokens == tokens);
            found.is_none_or(|one| one.misfit < FAR * FAR * least.max(BLUNT * BLUNT))
        })
    }
}

/// The system of these equations.
fn joined(parts: &[(f64, &Judged)]) -> Option<Proposal> {
    let tokens: Vec<Token> = parts
        .iter()
        .flat_map(|(_, one)| one.tokens.iter().copied())
        .collect();
    let constants = parts
        .iter()
        .flat_map(|(_, one)| one.constants.iter().copied());
    Some(Proposal::new(
        Skeleton::parse(parts.len(), &tokens).ok()?,
        Some(constants.collect()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propose::sparse::Sparse;
    use crate::samples::Sample;
    use nsode_parser::infix::parse_expr;
    use nsode_parser::{CanonicalSystem, Names, System};
    use std::time::Duration;

    fn proposal(law: &str) -> Proposal {
        let names = Names::default_for(2);
        let rhs = law.split(';').map(|text| parse_expr(text, &names).unwrap());
        let system = CanonicalSystem::new(&System::new(rhs.collect()).unwrap()).unwrap();
        let (skeleton, _) = system.parts().unwrap();
        Proposal::new(skeleton, None)
    }

    fn problem() -> Problem {
        let sample = Sample {
            law: "x1 - 0.5*x1*x2; 0.3*x1*x2 - 0.8*x2",
            states: &["x1", "x2"],
            initial: &[&[2.0, 1.0]],
            times: (0.0, 12.0, 80),
            noise: 0.01,
        };
        sample.problem()
    }

    #[test]
    fn each_equation_may_be_from_another_system() {
        let proposals = [
            proposal("x1 - x1*x2; x1 - x2^2"),
            proposal("x2 - x1^2; x2 - x1*x2"),
            proposal("1 - x1; x1*x2"),
        ];
        let equations = Equations::new(
            &problem(),
            proposals.iter(),
            Instant::now() + Duration::from_secs(60),
        );
        let systems = equations.systems(|_| true);
        assert_eq!(systems.len(), 9);
        let first = &systems[0];
        assert_eq!(first.skeleton, proposal("x1 - x1*x2; x2 - x1*x2").skeleton);
        assert_eq!(first.constants.as_ref().map(Vec::len), Some(4));
        assert!(equations.may_hold(&first.skeleton));
        assert!(
            proposals
                .iter()
                .all(|proposal| !equations.may_hold(&proposal.skeleton))
        );
    }

    #[test]
    fn the_terms_of_one_equation_are_offered_to_the_others() {
        let sample = Sample {
            law: "6.1 - x1 - x1*x2/(1 + 0.5*x1^2); 3.7 - x1*x2/(1 + 0.5*x1^2)",
            states: &["x1", "x2"],
            initial: &[&[1.0, 4.0]],
            times: (0.0, 12.0, 120),
            noise: 0.0,
        };
        let problem = sample.problem();
        let later = Instant::now() + Duration::from_secs(60);
        // The second equation is right but for its constants, the first one is not.
        let known = [proposal("1 - x1*x2; 1 - x1*x2/(1 + x1^2)")];
        let mut equations = Equations::new(&problem, known.iter(), later);
        let words = equations.words();
        assert!(!words.is_empty());
        let made = Sparse::default().among(&problem, &words);
        let true_law = proposal("1 - x1 - x1*x2/(1 + x1^2); 1 - x1*x2/(1 + x1^2)");
        let has = |equations: &Equations| {
            let mut systems = equations.systems(|_| true).into_iter();
            systems.any(|system| system.skeleton == true_law.skeleton)
        };
        // Of one shape a state nothing else can be made.
        assert_eq!(equations.systems(|_| true).len(), 1);
        equations.join(&problem, made.apart.iter(), later);
        assert!(has(&equations));
    }
}
