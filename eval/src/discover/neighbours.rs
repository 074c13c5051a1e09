//! Other shapes near a fitted law, as the data ask for them.
//!
//! What a term would do for a fitted law, its sensitivities tell without another fit: the terms of a small library join
//! its equations with constants 0, and the solution is linearised in all constants, the law's and theirs. The initial
//! states are solved for. What is left is a linear regression, whose supports are searched from the law's own by single
//! terms. Unlike sparse regression, it is one of solutions of equations that are coupled, and not along the smoothed curves;
//! unlike variants, it knows what other constants do when a term goes, and it also adds terms.

use std::collections::HashSet;

use nalgebra::{DMatrix, DVector};
use nsode_parser::{Expr, Skeleton, System};

use super::search::Search;
use crate::fit::law::Law;
use crate::fit::proposal::Proposal;
use crate::fit::refine::{MAX_CONSTANTS, Refined};
use crate::fit::shooting::{Normal, Shooter};
use crate::propose::prior::log_prior;
use crate::propose::sparse::monomials;
use crate::series::problem::Problem;

/// Neighbours of one law, at most.
const MOST: usize = 6;

/// Supports that are kept at each step of the search for them, and steps: each adds a term or drops one.
const BEAM: usize = 8;
const STEPS: usize = 10;

/// Nats that a term costs beside its constant while supports are searched. Of those that were found the prior knows better.
const TERM: f64 = 3.0;

/// Share of a column's square that other columns must leave of it.
const OWN: f64 = 1e-9;

/// Numbers of a Jacobian, at most: with more cells or runs the search has other things to do.
const LARGEST: usize = 4_000_000;

impl Search {
    /// Shapes that the data ask for, linearised about `refined`, best first, each with a start for its fit.
    pub fn neighbours(&self, problem: &Problem, refined: &Refined) -> Vec<Proposal> {
        let admitted = |skeleton: &Skeleton| self.filter.admits(skeleton);
        neighbours(problem, refined, admitted).unwrap_or_default()
    }
}

fn neighbours(
    problem: &Problem,
    refined: &Refined,
    admitted: impl Fn(&Skeleton) -> bool,
) -> Option<Vec<Proposal>> {
    let wide = Wide::new(refined)?;
    let mut shooter = Shooter::new(problem, &wide.law);
    let condensed = problem.pieces().len() * (1 + wide.law.constants() + problem.dimension());
    let rows = problem.observed().max(condensed);
    if rows.saturating_mul(shooter.parameters()) > LARGEST {
        return None;
    }
    shooter.weigh(problem.own_deviations(&refined.sse));
    let mut here = refined.constants.clone();
    here.resize(wide.law.constants(), 0.0);
    let normal = shooter.normal(&here, &refined.initial)?;
    let cells = problem.observed();
    let linear = Linear::new(normal, here, cells as f64)?;
    let own = refined.constants.len();
    // The factor of a term with constants inside: without it, the linearised insides would do its work.
    let equations = wide.law.equations().iter();
    let nonlinear = equations.filter(|equation| !equation.inner.is_empty());
    let slots = nonlinear.flat_map(|equation| equation.inner.iter().chain(&equation.linear));
    let mut fixed: HashSet<usize> = slots.copied().filter(|slot| *slot < own).collect();
    // The law's own terms once more.
    fixed.extend((own..wide.law.constants()).filter(|term| linear.is_copy(*term, own)));
    let most = MAX_CONSTANTS.min(cells / 3);
    let mut found: Vec<(f64, Proposal)> = Vec::new();
    for support in linear.search((0..own).collect(), &fixed, most) {
        let there = support.constants(wide.law.constants());
        let Some(proposal) = wide.proposal(&there, linear.initial(&there, &refined.initial)) else {
            continue;
        };
        let known = |(_, other): &(f64, Proposal)| other.skeleton == proposal.skeleton;
        let new = proposal.skeleton != refined.skeleton && !found.iter().any(known);
        if new && admitted(&proposal.skeleton) {
            let constants = proposal.skeleton.slots() as f64 * (cells as f64).ln();
            let cost = support.misfit + constants - 2.0 * log_prior(&proposal.skeleton);
            found.push((cost, proposal));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.truncate(MOST);
    Some(found.into_iter().map(|(_, proposal)| proposal).collect())
}

/// A law with the terms that may join it, whose constants come after its own.
struct Wide {
    system: System,
    law: Law,
}

impl Wide {
    fn new(refined: &Refined) -> Option<Wide> {
        let d = refined.skeleton.dimension();
        let degree = if d > 2 { 2 } else { 3 };
        let terms = monomials(d, degree);
        let mut slots = refined.constants.len();
        let template = refined.skeleton.template();
        let each = template.rhs().iter().map(|rhs| {
            terms.iter().fold(rhs.clone(), |sum, (_, term)| {
                slots += 1;
                sum + Expr::Parameter(slots - 1) * term.clone()
            })
        });
        let system = System::new(each.collect()).ok()?;
        let law = Law::new(&system, slots)?;
        Some(Wide { system, law })
    }

    /// What is left of it with these constants.
    fn proposal(&self, constants: &[f64], initial: Vec<Vec<f64>>) -> Option<Proposal> {
        let rhs = self.system.rhs().iter();
        let rhs = rhs.map(|e| e.with_parameters(constants));
        Some(Proposal::of(rhs.collect())?.starting_at(initial))
    }
}

/// Linear least squares for constants, given which of them are not 0; the initial states are solved for.
struct Linear {
    /// Where the solution is linearised.
    here: DVector<f64>,
    gram: DMatrix<f64>,
    right: DVector<f64>,
    /// Sum of squares with all constants 0.
    total: f64,
    cells: f64,
    /// What the initial states lose here, and with each constant.
    shift: DVector<f64>,
    shifts: DMatrix<f64>,
}

/// Constants that are not 0, in ascending order, and their least squares.
#[derive(Clone, Debug, PartialEq)]
struct Support {
    terms: Vec<usize>,
    values: Vec<f64>,
    /// Cells times the logarithm of the sum of squares.
    misfit: f64,
}

impl Support {
    /// All constants.
    fn constants(&self, count: usize) -> Vec<f64> {
        let mut all = vec![0.0; count];
        for (term, value) in self.terms.iter().zip(&self.values) {
            if let Some(place) = all.get_mut(*term) {
                *place = *value;
            }
        }
        all
    }
}

impl Linear {
    /// From the normal equations at the constants `here`, which come before the initial states; `None` where the
    /// data do not determine these.
    fn new(normal: Normal, here: Vec<f64>, cells: f64) -> Option<Linear> {
        let here = DVector::from_vec(here);
        let (p, all) = (here.len(), normal.gram.nrows());
        let part = |row, column, rows, columns| normal.gram.view((row, column), (rows, columns));
        let states = part(p, p, all - p, all - p).into_owned().cholesky()?;
        let shifts = states.solve(&part(p, 0, all - p, p).into_owned());
        let shift = states.solve(&normal.gradient.rows(p, all - p).into_owned());
        let gram = part(0, 0, p, p) - part(0, p, p, all - p) * &shifts;
        let gradient = normal.gradient.rows(0, p) - part(0, p, p, all - p) * &shift;
        let left = normal.square - normal.gradient.rows(p, all - p).dot(&shift);
        let pull = &gram * &here;
        Some(Linear {
            total: left - 2.0 * here.dot(&gradient) + here.dot(&pull),
            right: pull - gradient,
            here,
            gram,
            cells,
            shift,
            shifts,
        })
    }

    /// The initial states that belong to these constants.
    fn initial(&self, there: &[f64], initial: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let step = DVector::from_column_slice(there) - &self.here;
        let losses = &self.shift + &self.shifts * step;
        let mut moved = initial.to_vec();
        for (state, loss) in moved.iter_mut().flatten().zip(losses.iter()) {
            *state -= loss;
        }
        moved
    }

    /// Least squares on a support, by Cholesky; `None` where its columns depend on each other.
    fn solve(&self, terms: &[usize]) -> Option<Support> {
        let n = terms.len();
        let (mut l, mut z) = (DMatrix::<f64>::zeros(n, n), DVector::<f64>::zeros(n));
        for (i, &ti) in terms.iter().enumerate() {
            for (j, &tj) in terms.iter().enumerate().take(i) {
                let known = l.view((i, 0), (1, j)).dot(&l.view((j, 0), (1, j)));
                l[(i, j)] = (self.gram[(ti, tj)] - known) / l[(j, j)];
            }
            let own = self.gram[(ti, ti)] - l.view((i, 0), (1, i)).norm_squared();
            if own <= OWN * self.gram[(ti, ti)] {
                return None;
            }
            l[(i, i)] = own.sqrt();
            let known = l.view((i, 0), (1, i)).transpose().dot(&z.rows(0, i));
            z[i] = (self.right[ti] - known) / l[(i, i)];
        }
        let values = l.tr_solve_lower_triangular(&z)?;
        let left = (self.total - z.norm_squared()).max(f64::EPSILON * self.total);
        let sound = left > 0.0 && values.iter().all(|v| v.is_finite());
        sound.then(|| Support {
            terms: terms.to_vec(),
            values: values.as_slice().to_vec(),
            misfit: self.cells * left.ln(),
        })
    }

    fn score(&self, support: &Support) -> f64 {
        support.misfit + support.terms.len() as f64 * (self.cells.ln() + 2.0 * TERM)
    }

    /// Whether a column says the same as one of the first ones.
    fn is_copy(&self, term: usize, first: usize) -> bool {
        let own = |k: usize| self.gram[(k, k)] * self.gram[(term, term)];
        (0..first).any(|k| self.gram[(k, term)].powi(2) >= (1.0 - OWN) * own(k))
    }

    /// Supports from `start` on, by single terms, best first, of at most so many terms. Those that are fixed do not come
    /// or go.
    fn search(&self, start: Vec<usize>, fixed: &HashSet<usize>, most: usize) -> Vec<Support> {
        let sort = |list: &mut Vec<Support>| {
            list.sort_by(|a, b| {
                let scores = self.score(a).total_cmp(&self.score(b));
                scores.then_with(|| a.terms.cmp(&b.terms))
            });
        };
        let mut seen = HashSet::from([start.clone()]);
        let mut all: Vec<Support> = Vec::new();
        let mut beam = vec![start];
        for _ in 0..STEPS {
            let mut next: Vec<Support> = Vec::new();
            for parent in &beam {
                for term in (0..self.right.len()).filter(|term| !fixed.contains(term)) {
                    let mut terms = parent.clone();
                    match terms.binary_search(&term) {
                        Ok(place) => {
                            terms.remove(place);
                        }
                        Err(place) => terms.insert(place, term),
                    }
                    if !terms.is_empty() && terms.len() <= most && seen.insert(terms.clone()) {
                        next.extend(self.solve(&terms));
                    }
                }
            }
            sort(&mut next);
            next.truncate(BEAM);
            beam = next.iter().map(|support| support.terms.clone()).collect();
            all.extend(next);
        }
        sort(&mut all);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::refine::{Effort, refine};
    use crate::samples::Sample;
    use nsode_parser::infix::parse_expr;
    use nsode_parser::{CanonicalSystem, Names, Token};
    use proptest::prelude::*;

    fn skeleton(law: &str) -> Skeleton {
        let names = Names::default_for(2);
        let rhs = law.split(';').map(|text| parse_expr(text, &names).unwrap());
        let system = CanonicalSystem::new(&System::new(rhs.collect()).unwrap()).unwrap();
        system.parts().unwrap().0
    }

    /// Predators, and prey that is also limited by itself.
    const TRUE: &str = "x1 - 0.5*x1*x2 - 0.1*x1^2; 0.3*x1*x2 - 0.8*x2";

    #[test]
    fn a_term_is_added_and_surplus_ones_are_dropped_at_once() {
        let sample = Sample {
            law: TRUE,
            states: &["x1", "x2"],
            initial: &[&[2.0, 1.0], &[4.0, 0.5]],
            times: (0.0, 4.0, 60),
            noise: 0.02,
        };
        let problem = sample.problem();
        // Where it lacks something, and lines do not lead straight there, it is one of them; where it has too much, the first.
        for (wrong, most) in [
            ("x1 - x1*x2; x1*x2 - x2", MOST),
            ("1 + x1 - x1*x2 - x1^2; x1*x2 - x2 + x2^2", 1),
        ] {
            let proposal = Proposal::new(skeleton(wrong), None);
            let refined = refine(&problem, &proposal, Effort::Whole, None).unwrap();
            let found = neighbours(&problem, &refined, |_| true).unwrap();
            assert!(found.len() <= MOST);
            let mut first = found[..most.min(found.len())].iter();
            let right = first.find(|proposal| proposal.skeleton == skeleton(TRUE));
            let right = right.unwrap_or_else(|| panic!("{wrong}: {found:?}"));
            let again = refine(&problem, right, Effort::Starts, None).unwrap();
            assert!(again.r2 > 0.99, "{}", again.r2);
            assert!(again.bic < refined.bic);
        }
    }

    #[test]
    fn a_term_with_a_constant_inside_stays() {
        let law = "x1 - 0.8*x1^2 - x1*x2/(0.4 + x1); 1.2*x1*x2/(0.4 + x1) - 0.5*x2";
        let sample = Sample {
            law,
            states: &["x1", "x2"],
            initial: &[&[0.9, 0.2], &[0.3, 0.6]],
            times: (0.0, 15.0, 60),
            noise: 0.02,
        };
        let problem = sample.problem();
        let proposal = Proposal::new(skeleton(law), None);
        let refined = refine(&problem, &proposal, Effort::Whole, None).unwrap();
        let found = neighbours(&problem, &refined, |_| true).unwrap();
        assert!(!found.is_empty());
        for proposal in &found {
            let tokens = proposal.skeleton.tokens().iter();
            let inverses = tokens.filter(|token| **token == Token::Inverse).count();
            assert_eq!(inverses, 2, "{:?}", proposal.skeleton);
        }
        let few = |skeleton: &Skeleton| skeleton.slots() <= refined.skeleton.slots();
        let found = neighbours(&problem, &refined, few).unwrap();
        assert!(found.iter().all(|proposal| few(&proposal.skeleton)));
    }

    proptest! {
        /// With all terms and the initial states, the same as solving for everything at once.
        #[test]
        fn initial_states_are_solved_for(numbers in prop::collection::vec(-2.0..2.0f64, 9 * 5 + 9 + 3)) {
            let jacobian = DMatrix::from_column_slice(9, 5, &numbers[..45]);
            let residuals = DVector::from_column_slice(&numbers[45..54]);
            let here = numbers[54..].to_vec();
            let gram = jacobian.tr_mul(&jacobian);
            let gradient = jacobian.tr_mul(&residuals);
            let step = gram.clone().cholesky().map(|all| -all.solve(&gradient));
            prop_assume!(gram.determinant() > 1e-3);
            let step = step.unwrap();
            let normal = Normal { gram, gradient, square: residuals.norm_squared() };
            let linear = Linear::new(normal, here.clone(), 9.0).unwrap();
            let found = linear.solve(&[0, 1, 2]).unwrap();
            for (k, value) in found.values.iter().enumerate() {
                prop_assert!((value - here[k] - step[k]).abs() < 1e-6);
            }
            let initial = linear.initial(&found.values, &[vec![0.5], vec![0.25]]);
            prop_assert!((initial[0][0] - 0.5 - step[3]).abs() < 1e-6);
            prop_assert!((initial[1][0] - 0.25 - step[4]).abs() < 1e-6);
            let left = (&residuals + &jacobian * step).norm_squared();
            // Without the second constant, as if its column were not there.
            let target = &jacobian * DVector::from_vec([&here[..], &[0.0, 0.0]].concat()) - &residuals;
            let some = jacobian.clone().remove_column(1);
            let dense = (some.tr_mul(&some)).cholesky().unwrap().solve(&some.tr_mul(&target));
            let found_some = linear.solve(&[0, 2]).unwrap();
            prop_assert!((found_some.values[0] - dense[0]).abs() < 1e-6);
            prop_assert!((found_some.values[1] - dense[1]).abs() < 1e-6);
            prop_assert!((found.misfit - 9.0 * left.max(1e-300).ln()).abs() < 1e-3 || left < 1e-9);
        }
    }
}
