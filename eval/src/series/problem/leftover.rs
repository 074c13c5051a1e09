//! What a fit leaves over, in the figures that everything else goes by.

use nalgebra::DVector;

use super::{Problem, RESOLUTION};
use crate::series::loss::Loss;

/// Fits by a robust loss, at most, each weighed by the residuals of the one before, and the change of these, in the
/// logarithm, that needs no other.
const ROUNDS: usize = 8;
const STEADY: f64 = 0.05;

/// What a fit leaves over, by the loss of its problem.
#[derive(Clone, Debug)]
pub struct Leftover {
    /// Sum of squared residuals a state, each over its relative variance; of a robust loss, the number of cells times
    /// the square of the bulk's scale, which is that sum where there are no outliers.
    pub sse: Vec<f64>,
    /// Minus twice the log-likelihood a state, up to the logarithms of the relative variances and a constant that
    /// depends on the cells alone.
    pub deviance: Vec<f64>,
    /// What the weighted residuals cost together.
    pub cost: f64,
    /// What fits of the same law are compared by, the smaller the better: of squares the cost, of a robust loss the
    /// deviance, as their residuals may be weighed differently.
    pub order: f64,
    /// Sum of squares of the weighted residuals; of a robust loss, what stands for it in the covariance of a fit
    /// ([`Loss::spread`]).
    pub square: f64,
}

impl Problem {
    /// What is left over, from the weighted `residuals` of the observed cells, in their order; `deviations` are the
    /// states' that weighed them. `None` for too few of either.
    pub fn leftover(&self, residuals: &DVector<f64>, deviations: &[f64]) -> Option<Leftover> {
        let each = self.by_state(residuals, deviations)?;
        let sse = match self.loss {
            Loss::Squares => sums_of_squares(&each),
            loss => {
                let scales = each.iter().map(|list| (loss.scale(list), list.len()));
                scales.map(|(scale, n)| n as f64 * scale * scale).collect()
            }
        };
        let deviance: Vec<f64> = self.deviances(&each, &sse);
        let square = self.loss.spread(residuals);
        let (cost, order) = match self.loss {
            Loss::Squares => (square, square),
            loss => {
                let cost = residuals.iter().map(|r| loss.rho(*r)).sum();
                (cost, deviance.iter().sum())
            }
        };
        Some(Leftover {
            sse,
            deviance,
            cost,
            order,
            square,
        })
    }

    /// Whether the scale of the residuals is found together with the fit: by a robust loss, where the noise isn't known.
    pub fn finds_scale(&self) -> bool {
        self.loss.is_robust() && !self.known
    }

    /// Standard deviations that weigh the states' residuals in a fit whose start leaves `start` over, `None` for one
    /// without a solution: what that is, where it is more than the noise. By the noise alone, everything would be an
    /// outlier to a start that is far off.
    pub fn start_deviations(&self, start: Option<&Leftover>) -> Vec<f64> {
        let here = match start {
            Some(leftover) => self.deviations(&leftover.sse),
            None => self.spread(),
        };
        let first = self.first_deviations().into_iter();
        first.zip(here).map(|(a, b)| a.max(b)).collect()
    }

    /// A fit by a robust loss, weighed by `deviations`, repeated until it is weighed by its own residuals: what is far off
    /// at first looks like noise, and less and less so. `again` fits from where a fit is, with other weights.
    pub fn until_steady<F>(
        &self,
        mut fit: F,
        deviations: &[f64],
        left: impl Fn(&F) -> &Leftover,
        mut again: impl FnMut(&F, &[f64]) -> Option<F>,
    ) -> F {
        if !self.finds_scale() {
            return fit;
        }
        let mut here = deviations.to_vec();
        for _ in 0..ROUNDS {
            let own = self.last_deviations(&left(&fit).sse);
            let mut pairs = own.iter().zip(&here);
            if pairs.all(|(own, here)| (own / here).ln().abs() < STEADY) {
                break;
            }
            match again(&fit, &own) {
                Some(next) => fit = next,
                None => break,
            }
            here = own;
        }
        fit
    }

    /// Residuals a state, over their relative standard deviations.
    fn by_state(&self, residuals: &DVector<f64>, deviations: &[f64]) -> Option<Vec<Vec<f64>>> {
        let d = self.dimension;
        let mut each = vec![Vec::new(); d];
        let mut rows = residuals.iter();
        for weights in &self.weights {
            for (cell, w) in weights.iter().enumerate() {
                if *w > 0.0 {
                    let deviation = deviations.get(cell % d)?;
                    each.get_mut(cell % d)?.push(rows.next()? * deviation);
                }
            }
        }
        Some(each)
    }

    fn deviances(&self, each: &[Vec<f64>], sse: &[f64]) -> Vec<f64> {
        let states = each.iter().zip(sse).zip(self.floors()).zip(&self.noise);
        let one = |(((list, sse), floor), noise): (((&Vec<f64>, &f64), f64), &super::Noise)| {
            let n = list.len() as f64;
            let known = noise.deviation.max(RESOLUTION);
            match (self.loss, self.known) {
                (Loss::Squares, false) => n * (sse / n).max(floor).ln(),
                // The Gaussian's exponent, up to a constant that makes it equal to the other where they agree.
                (Loss::Squares, true) => {
                    let variance = known * known;
                    sse / variance - n + n * variance.ln()
                }
                (loss, false) => loss.deviance(list, floor.sqrt()),
                (loss, true) => loss.deviance_at(list, known),
            }
        };
        states.map(one).collect()
    }
}

fn sums_of_squares(each: &[Vec<f64>]) -> Vec<f64> {
    each.iter()
        .map(|list| list.iter().map(|r| r * r).sum())
        .collect()
}
