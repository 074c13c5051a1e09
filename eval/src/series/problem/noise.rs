//! The noise of one state: an additive and a multiplicative part, `σ²·(κ + (1 − κ)·u²)`. First guesses of κ and
//! σ come from the smoother's residuals, the last ones from those of the best law.

use super::FLOOR;
use crate::series::loss::Loss;

/// The noise of one state, in normalised units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// Standard deviation at `|u| = 1`.
    pub deviation: f64,
    /// Additive share κ of the variance at `|u| = 1`; 1 for purely additive noise.
    pub additive: f64,
}

/// Additive shares between which noise that is purely relative has one all the same: values of 0 would weigh without bound,
/// and solutions are not computed to more digits.
pub(super) const LEAST_SHARES: (f64, f64) = (1e-16, 1e-6);

/// The least additive share beside values of at least this size.
pub(super) fn least_share(smallest: f64) -> f64 {
    let (least, most) = LEAST_SHARES;
    unseen_share(smallest).clamp(least, most)
}

/// An additive share that does not show beside values of this size.
pub(super) fn unseen_share(smallest: f64) -> f64 {
    0.01 * smallest * smallest
}

impl Noise {
    /// Noise with an additive part of standard deviation `absolute`, in normalised units, and one of `relative`
    /// times the value. One of the two is above 0. `smallest` is the smallest |u| that must not lose its weight
    /// ([`super::Problem::smallest`]).
    pub fn known(absolute: f64, relative: f64, smallest: f64) -> Noise {
        let variance = absolute * absolute + relative * relative;
        Noise {
            deviation: variance.sqrt(),
            additive: (absolute * absolute / variance).max(least_share(smallest)),
        }
    }

    /// Variance at `u` relative to that at `|u| = 1`.
    pub fn shape(&self, u: f64) -> f64 {
        self.additive + (1.0 - self.additive) * u * u
    }

    /// Whether it goes with the value over more than two decades: its additive part is smaller than where values of 0 or both signs
    /// leave it open ([`Noise::known`]).
    pub fn spans_decades(&self) -> bool {
        self.additive < 0.99 * LEAST_SHARES.1
    }

    /// The value that `stable` stands for: the inverse of [`Noise::stable`].
    pub fn value(&self, stable: f64) -> f64 {
        let rest = (1.0 - self.additive).sqrt();
        match rest > 1e-3 {
            true => (stable * rest).sinh() * self.additive.sqrt() / rest,
            false => stable,
        }
    }

    /// What stands for a value so that its noise is the same everywhere, and its slope there: the integral of `1/√shape`,
    /// which is like the value near 0 and like its logarithm elsewhere (a variance-stabilising transformation; M. S. Bartlett,
    /// Biometrics 3, 1947).
    pub fn stable(&self, u: f64) -> (f64, f64) {
        let rest = (1.0 - self.additive).sqrt();
        let slope = self.shape(u).sqrt().recip();
        match rest > 1e-3 {
            true => ((u * rest / self.additive.sqrt()).asinh() / rest, slope),
            false => (u, 1.0),
        }
    }
}

/// Additive shares that a smoother's residuals can show; smaller ones take those of a law.
const USUAL_SHARE: f64 = 1e-3;

/// How small an additive share may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least {
    /// The share itself.
    pub share: f64,
    /// The additive part's standard deviation, normalised.
    pub deviation: f64,
}

impl Least {
    /// What a smoother's residuals can show.
    pub const USUAL: Least = Least {
        share: USUAL_SHARE,
        deviation: 0.0,
    };
}

/// The noise that `(u, residual)` show.
pub(crate) fn noise(residuals: &[(f64, f64)], loss: Loss, least: Least) -> Noise {
    let mut noise = Noise {
        deviation: 0.0,
        additive: additive_share(residuals, loss, least),
    };
    let each = residuals.iter();
    noise.deviation = match loss {
        Loss::Squares => {
            let sum: f64 = each.map(|(u, r)| r * r / noise.shape(*u)).sum();
            (sum / residuals.len().max(1) as f64).sqrt()
        }
        loss => {
            let relative: Vec<f64> = each.map(|(u, r)| r / noise.shape(*u).sqrt()).collect();
            loss.scale(&relative)
        }
    };
    noise
}

/// The additive share κ that makes `(u, residual)` most likely; 1 unless the evidence for less is clear.
pub(crate) fn additive_share(residuals: &[(f64, f64)], loss: Loss, least: Least) -> f64 {
    let additive = deviance(residuals, loss, 1.0);
    let n = residuals.len() as f64;
    let mean_square = match loss {
        Loss::Squares => residuals.iter().map(|(_, r)| r * r).sum::<f64>() / n,
        // Of values over decades the bulk is small, and so are its residuals however large they are for them.
        loss => {
            let shape = of_shape(least.share);
            let relative = residuals.iter().map(|(u, r)| r / shape.shape(*u).sqrt());
            loss.scale(&relative.collect::<Vec<_>>()).powi(2)
        }
    };
    if residuals.is_empty() || mean_square < 25.0 * FLOOR * FLOOR {
        return 1.0;
    }
    let deviation = |share: f64| {
        let noise = of_shape(share);
        let sum: f64 = (residuals.iter())
            .map(|(u, r)| r * r / noise.shape(*u))
            .sum();
        (share * sum / n).sqrt()
    };
    let bearable = |share: f64| {
        share >= USUAL_SHARE || (share >= least.share && deviation(share) >= least.deviation)
    };
    let powers = (0..=16).flat_map(|power| [3.0, 1.0].map(|digit| digit * 0.1_f64.powi(power)));
    powers
        .filter(|share| *share < 0.9 && bearable(*share))
        .map(|share| (deviance(residuals, loss, share), share))
        .filter(|(c, _)| *c < additive - 4.0)
        .fold((f64::INFINITY, 1.0), |a, b| if b.0 < a.0 { b } else { a })
        .1
}

/// Noise of this additive share and no particular size.
pub(super) fn of_shape(additive: f64) -> Noise {
    Noise {
        deviation: 1.0,
        additive,
    }
}

/// −2 times the log likelihood of `(u, residual)` under noise of this additive share and its most likely size, but for a
/// constant.
pub(crate) fn deviance(residuals: &[(f64, f64)], loss: Loss, additive: f64) -> f64 {
    // Huber's deviance is no likelihood: it cuts off what a share makes too large, which costs nothing then.
    let loss = match loss {
        Loss::Huber => Loss::Student,
        other => other,
    };
    let noise = of_shape(additive);
    let n = residuals.len() as f64;
    let (mut sum, mut logs) = (0.0, 0.0);
    let mut relative = Vec::new();
    for (u, r) in residuals {
        let v = noise.shape(*u);
        sum += r * r / v;
        logs += v.ln();
        if loss.is_robust() {
            relative.push(r / v.sqrt());
        }
    }
    match loss.is_robust() {
        true => loss.deviance(&relative, FLOOR) + logs,
        false => n * (sum / n).max(FLOOR * FLOOR).ln() + logs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::problem::Problem;
    use nsode_generator::Trajectory;
    use proptest::prelude::*;

    /// A problem of one state with these values.
    fn problem(values: &[f64]) -> Problem {
        let times = (0..values.len()).map(|i| i as f64).collect();
        Problem::new(vec![Trajectory::new(1, times, values.to_vec()).unwrap()]).unwrap()
    }

    proptest! {
        #[test]
        fn stable_values_have_the_slope_of_their_noise_and_lead_back(
            u in -1.0..1.0f64,
            power in 0..17i32,
        ) {
            let noise = of_shape(0.1_f64.powi(power));
            let (stable, slope) = noise.stable(u);
            prop_assert!((noise.value(stable) - u).abs() < 1e-9 * (u.abs() + 1e-6));
            let step = 1e-4 * noise.shape(u).sqrt();
            let around = (noise.stable(u + step).0 - noise.stable(u - step).0) / (2.0 * step);
            prop_assert!((around / slope - 1.0).abs() < 1e-4, "{around} {slope}");
        }
    }

    #[test]
    fn noise_in_proportion_is_found_over_decades_and_not_below_the_rounding() {
        // A decay over six decades with residuals of 2 % of the value, up and down.
        let value = |i: i32| 10_f64.powf(-0.1 * f64::from(i));
        let residual = |i: i32| 0.02 * value(i) * [1.0, -0.7, 0.4, -1.2][i as usize % 4];
        let shown: Vec<(f64, f64)> = (0..60).map(|i| (value(i), residual(i))).collect();
        let least = |share, deviation| Least { share, deviation };
        let found = noise(&shown, Loss::Squares, least(1e-16, 0.0));
        assert!(found.additive < 1e-9, "{found:?}");
        assert!((0.01..0.03).contains(&found.deviation), "{found:?}");
        let rounded = noise(&shown, Loss::Squares, least(1e-16, 1e-4));
        assert!(
            rounded.deviation * rounded.additive.sqrt() >= 1e-4,
            "{rounded:?}"
        );
        assert!(noise(&shown, Loss::Squares, Least::USUAL).additive >= USUAL_SHARE);
        // As large at small values as at large ones.
        let additive: Vec<(f64, f64)> = (0..60)
            .map(|i| (value(i), residual(i) / value(i)))
            .collect();
        assert_eq!(
            additive_share(&additive, Loss::Squares, least(1e-16, 0.0)),
            1.0
        );
    }

    #[test]
    fn relative_noise_is_that_of_the_smallest_value_unless_values_pass_zero() {
        let decay: Vec<f64> = (0..30).map(|i| 10_f64.powf(-0.1 * f64::from(i))).collect();
        let smallest = problem(&decay).smallest(0);
        assert!((smallest / decay[29] - 1.0).abs() < 1e-9);
        let known = Noise::known(0.0, 0.02, smallest);
        let relative = (known.deviation * known.shape(smallest).sqrt()) / smallest;
        assert!((relative / 0.02 - 1.0).abs() < 0.01, "{relative}");
        let mut ended = decay.clone();
        ended[29] = 0.0;
        let mut swung = decay;
        swung[29] = -1e-9;
        for values in [ended, swung] {
            let smallest = problem(&values).smallest(0);
            assert_eq!(Noise::known(0.0, 0.02, smallest).additive, 1e-6);
        }
    }
}
