//! One equation of a system, fitted to the smoothed curves: what it leaves over, and which terms it is made of.

use std::collections::HashMap;

use nsode_parser::calculus::{Variable, derivative};
use nsode_parser::{Expr, Token};

use crate::fit::integral::{Integral, Thoroughness};
use crate::fit::law::Equation;
use crate::fit::proposal::Proposal;
use crate::propose::combine::Trust;
use crate::propose::prior::description;
use crate::series::problem::Problem;

/// An equation as it was proposed, its slots counted from 0.
pub(super) struct Proposed {
    pub state: usize,
    rhs: Expr,
    slots: usize,
    constants: Option<Vec<f64>>,
    pub tokens: Vec<Token>,
}

/// An equation, fitted to the smoothed curves.
pub(super) struct Judged {
    pub state: usize,
    rhs: Expr,
    pub tokens: Vec<Token>,
    pub constants: Vec<f64>,
    /// Mean squared residual.
    pub misfit: f64,
    /// What its constants and its length cost.
    price: f64,
    /// Observed cells of its state.
    cells: f64,
}

impl Judged {
    /// BIC with description length, as sparse regression has it.
    pub fn score(&self, trust: Trust) -> f64 {
        trust.weight(self.misfit, self.cells) + self.price
    }

    /// Its terms, without the constants before them.
    pub fn terms(&self) -> Vec<Expr> {
        let equation = Equation::new(&self.rhs, self.constants.len());
        let slopes = equation
            .linear
            .iter()
            .map(|slot| derivative(&self.rhs, Variable::Parameter(*slot)));
        let bound = slopes.map(|slope| slope.with_parameters(&self.constants));
        bound.collect()
    }
}

/// Scores and places of these equations, best first.
pub(super) fn sorted(own: &[Judged], trust: Trust) -> Vec<(f64, usize)> {
    let each = own.iter().enumerate();
    let mut scored: Vec<(f64, usize)> = each.map(|(i, one)| (one.score(trust), i)).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    scored
}

/// The different equations of all proposals, with the constants of the first that has some.
pub(super) fn equations<'a>(
    dimension: usize,
    proposals: impl Iterator<Item = &'a Proposal>,
) -> Vec<Proposed> {
    let mut places: HashMap<(usize, Vec<Token>), usize> = HashMap::new();
    let mut all: Vec<Proposed> = Vec::new();
    for proposal in proposals.filter(|s| s.skeleton.dimension() == dimension) {
        let template = proposal.skeleton.template();
        let mut first = 0;
        for (state, (tokens, rhs)) in proposal
            .skeleton
            .equations()
            .zip(template.rhs())
            .enumerate()
        {
            let slots = parameters(rhs);
            let own = || {
                let constants = proposal.constants.as_ref()?;
                Some(constants.get(first..first + slots)?.to_vec())
            };
            let key = (state, tokens.to_vec());
            match places.get(&key).and_then(|place| all.get_mut(*place)) {
                Some(known) => known.constants = known.constants.take().or_else(own),
                None => {
                    places.insert(key, all.len());
                    all.push(Proposed {
                        state,
                        rhs: rhs.substitute(&|e| match e {
                            Expr::Parameter(k) => Some(Expr::Parameter(k - first)),
                            _ => None,
                        }),
                        slots,
                        constants: own(),
                        tokens: tokens.to_vec(),
                    });
                }
            }
            first += slots;
        }
    }
    all
}

/// How many constants an equation of a template has: each is in one place.
fn parameters(rhs: &Expr) -> usize {
    let mut count = 0;
    rhs.visit(&mut |e| count += usize::from(matches!(e, Expr::Parameter(_))));
    count
}

/// Fits an equation to the smoothed curves.
pub(super) fn judge(problem: &Problem, one: &Proposed) -> Option<Judged> {
    let equation = Equation::new(&one.rhs, one.slots);
    let integral = Integral::of(problem, &equation, one.state);
    let found = integral.search(one.slots, one.constants.as_deref(), Thoroughness::ONE);
    let found = found.into_iter().next()?;
    let (cells, weights) = problem.weighed(one.state);
    let (cells, observed) = (cells as f64, problem.observed() as f64);
    Some(Judged {
        state: one.state,
        tokens: one.tokens.clone(),
        rhs: one.rhs.clone(),
        misfit: found.sse.max(problem.accuracy().powi(2) * weights) / cells,
        price: one.slots as f64 * observed.ln() + 2.0 * description(&one.tokens),
        constants: found.constants,
        cells,
    })
}
