//! How residuals are weighed, against each other and against nothing.

use super::{Leftover, Problem, RESOLUTION};

impl Problem {
    /// Residual of a solution's value `u` beside the observed `y` of a state, in standard deviations at `|u| = 1`, and its derivative by
    /// `u`; `weight` is the cell's. Where noise goes with the value over decades it is one of logarithms: a share of the observed
    /// value would be at most 1 however small `u` is, and solutions that collapse would pass for near.
    pub fn residual(&self, state: usize, weight: f64, u: f64, y: f64) -> (f64, f64) {
        match self.noise.get(state) {
            Some(noise) if noise.spans_decades() => {
                let (stable, slope) = noise.stable(u);
                (stable - noise.stable(y).0, slope)
            }
            _ => (weight * (u - y), weight),
        }
    }

    /// Standard deviation of each state's screened values, in the fit's weights.
    pub fn spread(&self) -> Vec<f64> {
        let d = self.dimension;
        (0..d)
            .map(|state| {
                let (mut sum, mut mean, mut square) = (0.0, 0.0, 0.0);
                for (path, weights) in self.screened.iter().zip(&self.weights) {
                    for (y, w) in path
                        .column(state)
                        .zip(weights.iter().skip(state).step_by(d))
                    {
                        if *w > 0.0 && !y.is_nan() {
                            let stable =
                                self.noise.get(state).filter(|noise| noise.spans_decades());
                            let (y, w) = match stable {
                                Some(noise) => (noise.stable(y).0, 1.0),
                                None => (y, w * w),
                            };
                            sum += w;
                            let step = y - mean;
                            mean += w * step / sum;
                            square += w * step * (y - mean);
                        }
                    }
                }
                let cells = self.cells.get(state).copied().unwrap_or(1).max(1);
                (square / cells as f64).sqrt()
            })
            .collect()
    }

    /// Standard deviations that weigh the states' residuals at first. The smoother may take the noise of a short
    /// series for signal, or overlook it in one state; a known noise is what it is.
    pub fn first_deviations(&self) -> Vec<f64> {
        let each = self.noise.iter().map(|n| n.deviation);
        let most = each.clone().fold(0.0, f64::max);
        each.map(|deviation| match self.knows_noise() {
            true => deviation.max(RESOLUTION),
            false => deviation.max(0.3 * most).max(1e-3),
        })
        .collect()
    }

    /// Standard deviations that weigh the states' residuals once a fit has told them, from its sums of squares.
    pub fn last_deviations(&self, sums: &[f64]) -> Vec<f64> {
        let own = self.deviations(sums).into_iter();
        own.map(|deviation| deviation.max(RESOLUTION)).collect()
    }

    /// Standard deviations that residuals are measured by once a fit has told them: its own, or the known noise.
    pub fn own_deviations(&self, sums: &[f64]) -> Vec<f64> {
        match self.knows_noise() {
            true => self.first_deviations(),
            false => self.last_deviations(sums),
        }
    }

    /// Whether a fit's own residuals decide how the next one is weighed: those of several states against each other, and
    /// what counts as large for a robust loss. For squares one state needs no weight.
    pub fn is_weighed_by_residuals(&self) -> bool {
        self.finds_scale() || (self.dimension > 1 && !self.known)
    }

    /// Variance of a fit's weighted residuals, those that its covariance is taken from; `parameters` were fitted. By a
    /// known noise, the residuals' variance is 1 whatever they are.
    pub fn residual_variance(&self, leftover: &Leftover, parameters: usize) -> f64 {
        let freedom = self.observed().saturating_sub(parameters).max(1) as f64;
        match self.known && !self.loss.is_robust() {
            true => 1.0,
            false => leftover.square / freedom,
        }
    }

    /// Means a state of squared residuals over relative variances below which residuals say nothing: of the accuracy
    /// of solutions, and of the digits in which the data were written down.
    pub fn floors(&self) -> Vec<f64> {
        let d = self.dimension;
        let resolution = RESOLUTION * RESOLUTION;
        let mut sums = vec![0.0; d];
        for (weights, rounding) in self.weights.iter().zip(&self.rounding) {
            for (cell, (w, variance)) in weights.iter().zip(rounding).enumerate() {
                let square = w * w;
                if square == 0.0 {
                    continue;
                }
                if let (Some(sum), Some(noise)) = (sums.get_mut(cell % d), self.noise.get(cell % d))
                {
                    *sum += match noise.spans_decades() {
                        // Solutions are as accurate near 0 as the noise is small there.
                        true => (square * variance).max(resolution),
                        false => square * variance.max(resolution),
                    };
                }
            }
        }
        let each = sums.iter().zip(&self.cells);
        each.map(|(sum, n)| sum / *n as f64).collect()
    }

    /// Root mean squares a state of such sums.
    pub fn deviations(&self, sums: &[f64]) -> Vec<f64> {
        let each = sums.iter().zip(&self.cells);
        each.map(|(sum, n)| (sum / *n as f64).sqrt()).collect()
    }
}
