//! Laws as people write them: `a*y - b*y^2` becomes `a*y*(1 - y/K)`, with K and its standard error.
//!
//! The canonical form is for comparing and fitting; its constants are seldom those with a name. Here a
//! law in canonical shape, with its fitted constants, is written in the customary one: carrying
//! capacities, half-saturations, resting values and decay rates appear as constants of their own, minus
//! signs are written as such, and the constants count in the order in which they are printed. It is the
//! same function. Each new constant is an expression in the old ones, so its standard error follows from
//! their covariance by the delta method, `σ² = gᵀ C g` with the exact gradient `g`. `terms` takes a
//! tree apart and writes it again; which combinations have a customary form is in `shapes`; `digits` rounds, and
//! `ones` leaves out what rounding has made a 1.

mod digits;
mod ones;
mod shapes;
mod terms;
#[cfg(test)]
mod tests;

use nalgebra::{DMatrix, DVector};
use nsode_parser::calculus::{Variable, derivative};
use nsode_parser::{Expr, System, Unary};

use crate::discover::Candidate;
use crate::fit::constant::Constant;
use crate::propose::guess::Form;

/// A law in customary form, or in that of the user who guessed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Presented {
    rhs: Vec<Expr>,
    constants: Vec<Constant>,
    marks: Vec<Mark>,
    covariance: Option<DMatrix<f64>>,
}

/// What there is to say of a constant beside its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Its name, where the user gave one.
    pub name: Option<String>,
    /// Whether the user gave its value.
    pub fixed: bool,
    /// Whether its fit ended at a bound that the user gave.
    pub at_bound: bool,
}

impl Presented {
    /// The law of a candidate.
    pub fn of(candidate: &Candidate) -> Presented {
        if let Some(form) = &candidate.form {
            return Presented::written(form);
        }
        Presented::new(
            candidate.skeleton.template().rhs(),
            &candidate.constants,
            candidate.covariance.as_ref(),
        )
    }

    /// A guess as it was written; numbers that were not fitted stay numbers.
    fn written(form: &Form) -> Presented {
        let kept: Vec<usize> = (form.constants.iter().enumerate())
            .filter(|(_, known)| known.name.is_some() || !known.fixed)
            .map(|(k, _)| k)
            .collect();
        let leaf = |leaf: &Expr| match leaf {
            Expr::Parameter(k) => match kept.iter().position(|kept| kept == k) {
                Some(place) => Some(Expr::Parameter(place)),
                None => form
                    .constants
                    .get(*k)
                    .map(|c| Expr::Number(c.constant.value)),
            },
            _ => None,
        };
        let known = kept.iter().filter_map(|k| form.constants.get(*k));
        Presented {
            rhs: form.rhs.iter().map(|rhs| rhs.substitute(&leaf)).collect(),
            constants: known.clone().map(|known| known.constant).collect(),
            marks: known
                .map(|known| Mark {
                    name: known.name.clone(),
                    fixed: known.fixed,
                    at_bound: known.at_bound,
                })
                .collect(),
            covariance: Some(form.covariance.select_rows(&kept).select_columns(&kept)),
        }
    }

    /// The law `template`, whose [`Expr::Parameter`] `k` has the value `constants[k]`; `covariance` is
    /// theirs, in the same order. Without one, only constants that stay as they are keep their errors.
    pub fn new(
        template: &[Expr],
        constants: &[Constant],
        covariance: Option<&DMatrix<f64>>,
    ) -> Presented {
        let values: Vec<f64> = constants.iter().map(|c| c.value).collect();
        let mut definitions = Definitions {
            values: &values,
            all: Vec::new(),
        };
        let written: Vec<Expr> = template
            .iter()
            .map(|rhs| terms::write(rhs, &mut definitions))
            .collect();

        let mut order: Vec<usize> = Vec::new();
        for rhs in &written {
            rhs.visit(&mut |leaf| match leaf {
                Expr::Parameter(k) if !order.contains(k) => order.push(*k),
                _ => {}
            });
        }
        let number = |leaf: &Expr| match leaf {
            Expr::Parameter(k) => order.iter().position(|j| j == k).map(Expr::Parameter),
            _ => None,
        };
        let rhs = written.iter().map(|rhs| rhs.substitute(&number)).collect();
        let used: Vec<&Expr> = order
            .iter()
            .filter_map(|&k| definitions.all.get(k))
            .collect();
        let covariance = covariance.and_then(|c| propagated(&used, &values, c));
        let constants: Vec<Constant> = used
            .iter()
            .enumerate()
            .map(|(j, definition)| Constant {
                value: definition.eval(0.0, &[], &values),
                stderr: match &covariance {
                    Some(c) => Some(c[(j, j)].max(0.0).sqrt()),
                    None => kept(definition).and_then(|k| constants.get(k)?.stderr),
                },
            })
            .collect();
        Presented {
            rhs,
            marks: vec![Mark::default(); constants.len()],
            constants,
            covariance,
        }
    }

    /// The right-hand sides, with [`Expr::Parameter`] `j` for the constant `j`.
    pub fn rhs(&self) -> &[Expr] {
        &self.rhs
    }

    /// The constants, in the order in which they are printed first.
    pub fn constants(&self) -> &[Constant] {
        &self.constants
    }

    /// What there is to say of each constant.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The right-hand sides with all digits of the constants in place.
    pub fn exact(&self) -> Vec<Expr> {
        let values: Vec<f64> = self.constants.iter().map(|c| c.value).collect();
        self.with(&values)
    }

    /// The right-hand sides for people: constants rounded to what their standard errors leave of them, or to as many
    /// more digits as the law needs to follow the data, and not written where that is a factor or an exponent of 1.
    pub fn rounded(&self) -> Vec<Expr> {
        let values = digits::rounded(&self.constants, self.covariance.as_ref());
        let rhs = self.with(&values);
        rhs.iter().map(ones::without_ones).collect()
    }

    fn with(&self, values: &[f64]) -> Vec<Expr> {
        self.rhs
            .iter()
            .map(|rhs| rhs.with_parameters(values))
            .collect()
    }

    /// The law as a system, with the numbers in place; `None` for no equations.
    pub fn system(&self) -> Option<System> {
        System::new(self.exact()).ok()
    }
}

/// The constants of the new form, as expressions in those of the old.
struct Definitions<'a> {
    values: &'a [f64],
    all: Vec<Expr>,
}

impl Definitions<'_> {
    /// Value of the old constant `k`.
    fn old(&self, k: usize) -> f64 {
        self.values.get(k).copied().unwrap_or(f64::NAN)
    }

    /// Value of an expression in old constants.
    fn value(&self, definition: &Expr) -> f64 {
        definition.eval(0.0, &[], self.values)
    }

    /// The new constant of this definition; the same one for the same definition.
    fn constant(&mut self, definition: Expr) -> Expr {
        if let Expr::Number(_) = definition {
            return definition;
        }
        let known = self.all.iter().position(|d| *d == definition);
        Expr::Parameter(known.unwrap_or_else(|| {
            self.all.push(definition);
            self.all.len() - 1
        }))
    }
}

/// The old constant that a definition hands on, perhaps with the other sign.
fn kept(definition: &Expr) -> Option<usize> {
    match definition {
        Expr::Parameter(k) => Some(*k),
        Expr::Unary(Unary::Neg, inner) => kept(inner),
        _ => None,
    }
}

/// `J C Jᵀ`, with the exact Jacobian `J` of the definitions; `None` if it is not finite.
fn propagated(
    definitions: &[&Expr],
    values: &[f64],
    covariance: &DMatrix<f64>,
) -> Option<DMatrix<f64>> {
    if covariance.shape() != (values.len(), values.len()) {
        return None;
    }
    let rows: Vec<DVector<f64>> = definitions
        .iter()
        .map(|definition| {
            DVector::from_iterator(
                values.len(),
                (0..values.len())
                    .map(|k| derivative(definition, Variable::Parameter(k)).eval(0.0, &[], values)),
            )
        })
        .collect();
    let result = DMatrix::from_fn(rows.len(), rows.len(), |i, j| {
        rows[i].dot(&(covariance * &rows[j]))
    });
    result.iter().all(|v| v.is_finite()).then_some(result)
}
