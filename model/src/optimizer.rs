//! AdamW (Loshchilov & Hutter, 2019) over the flat buffer, with gradient clipping.
//!
//! Nothing here waits for the device: the norm, the clipping and the decision to leave out a step whose
//! gradient is not finite are tensor operations. The counts of such steps are read when a log line is
//! written.

use tch::{Device, Kind, Tensor};

use crate::Error;
use crate::parameters::{Parameters, to_host};
use crate::parametrisation::Settings;

/// Moments of the gradient and what is counted.
pub(crate) struct AdamW {
    settings: Settings,
    /// First moment, flat.
    first: Tensor,
    /// Second moment, flat.
    second: Tensor,
    /// Three numbers: steps taken, steps left out, steps left out in a row. 64 bits, on the device.
    counts: Tensor,
}

/// What [`AdamW`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) taken: u64,
    pub(crate) skipped: u64,
    pub(crate) skipped_in_a_row: u64,
}

/// The state of [`AdamW`] on the host.
pub(crate) struct Moments {
    /// First moment, flat.
    pub(crate) first: Vec<f32>,
    /// Second moment, flat.
    pub(crate) second: Vec<f32>,
    /// Steps taken, left out, left out in a row.
    pub(crate) counts: [f64; 3],
}

impl AdamW {
    /// A fresh state for `parameters`.
    pub(crate) fn new(settings: Settings, parameters: &Parameters) -> Result<AdamW, Error> {
        let total = parameters.layout().total();
        let device = parameters.device();
        let torch = Error::torch("placing the optimizer");
        Ok(AdamW {
            settings,
            first: Tensor::f_zeros([total], (Kind::Float, device)).map_err(&torch)?,
            second: Tensor::f_zeros([total], (Kind::Float, device)).map_err(&torch)?,
            counts: Tensor::f_zeros([3], (Kind::Double, device)).map_err(&torch)?,
        })
    }

    /// One step down `gradient` (flat). Returns the gradient's norm before clipping, still on the device.
    pub(crate) fn step(
        &mut self,
        parameters: &mut Parameters,
        gradient: &Tensor,
        rate: f64,
    ) -> Result<Tensor, tch::TchError> {
        let _guard = tch::no_grad_guard();
        let [beta1, beta2] = self.settings.betas;
        let norm = gradient.f_norm()?;
        let finite = norm.f_isfinite()?;
        // 1 for a step that counts, 0 for one that is left out
        let counts = finite.f_to_kind(Kind::Double)?;
        let left_out = counts.f_rsub_scalar(1.0)?;
        let run = self.counts.f_select(0, 2)?;
        self.counts = Tensor::f_stack(
            &[
                self.counts.f_select(0, 0)?.f_add(&counts)?,
                self.counts.f_select(0, 1)?.f_add(&left_out)?,
                run.f_add_scalar(1.0)?.f_mul(&left_out)?,
            ],
            0,
        )?;

        let clipped = norm
            .f_add_scalar(1e-12)?
            .f_reciprocal()?
            .f_mul_scalar(self.settings.clip)?
            .f_clamp_max(1.0)?;
        let gradient = gradient
            .f_mul(&clipped)?
            .f_where_self(&finite, &gradient.f_zeros_like()?)?;
        let counts = counts.f_to_kind(Kind::Float)?;
        let _ = self
            .first
            .f_lerp_tensor_(&gradient, &counts.f_mul_scalar(1.0 - beta1)?)?;
        let _ = self
            .second
            .f_lerp_tensor_(&gradient.f_square()?, &counts.f_mul_scalar(1.0 - beta2)?)?;

        // bias corrections, for at least one step so that a first step left out divides by no zero
        let taken = self.counts.f_select(0, 0)?.f_clamp_min(1.0)?;
        let correction = |beta: f64| -> Result<Tensor, tch::TchError> {
            // 1 − βᵗ = −expm1(t·ln β)
            taken.f_mul_scalar(beta.ln())?.f_expm1()?.f_neg()
        };
        let (c1, c2) = if beta1 == 0.0 {
            (taken.f_ones_like()?, correction(beta2)?)
        } else {
            (correction(beta1)?, correction(beta2)?)
        };
        let c2 = c2.f_to_kind(Kind::Float)?;
        let factor = c1
            .f_reciprocal()?
            .f_to_kind(Kind::Float)?
            .f_mul(&counts)?
            .f_mul_scalar(-rate)?;
        for (role, first, length) in parameters.layout().segments() {
            let rates = self.settings.of(role);
            let root = self
                .second
                .f_narrow(0, first, length)?
                .f_div(&c2)?
                .f_sqrt()?
                .f_add_scalar(rates.epsilon)?;
            let change = self
                .first
                .f_narrow(0, first, length)?
                .f_div(&root)?
                .f_mul(&factor.f_mul_scalar(rates.learning_rate)?)?;
            let mut weights = parameters.flat().f_narrow(0, first, length)?;
            if rates.weight_decay > 0.0 {
                let kept = counts
                    .f_mul_scalar(-rate * rates.learning_rate * rates.weight_decay)?
                    .f_add_scalar(1.0)?;
                let _ = weights.f_mul_(&kept)?;
            }
            let _ = weights.f_add_(&change)?;
        }
        parameters.refresh()?;
        Ok(norm)
    }

    /// What was counted; waits for the device.
    pub(crate) fn counts(&self) -> Result<Counts, tch::TchError> {
        let [taken, skipped, skipped_in_a_row] = self.raw_counts()?.map(|count| count as u64);
        Ok(Counts {
            taken,
            skipped,
            skipped_in_a_row,
        })
    }

    /// The state on the host; waits for the device.
    pub(crate) fn moments(&self) -> Result<Moments, tch::TchError> {
        Ok(Moments {
            first: to_host(&self.first)?,
            second: to_host(&self.second)?,
            counts: self.raw_counts()?,
        })
    }

    fn raw_counts(&self) -> Result<[f64; 3], tch::TchError> {
        let mut counts = [0.0; 3];
        self.counts
            .f_to_device(Device::Cpu)?
            .f_copy_data(&mut counts, 3)?;
        Ok(counts)
    }

    /// Puts back what [`AdamW::moments`] gave.
    pub(crate) fn restore(
        &mut self,
        first: &[f32],
        second: &[f32],
        counts: &[f64; 3],
    ) -> Result<(), tch::TchError> {
        let device = self.first.device();
        self.first = Tensor::f_from_slice(first)?.f_to_device(device)?;
        self.second = Tensor::f_from_slice(second)?.f_to_device(device)?;
        self.counts = Tensor::f_from_slice(counts)?.f_to_device(device)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Inputs, ModelConfig, OptimizerConfig};
    use crate::parameters::{Layout, Role};
    use crate::parametrisation::EPSILON;

    fn settings(clip: f64) -> Settings {
        let optimizer = OptimizerConfig {
            learning_rate: 0.1,
            warm_up: 0,
            decay_share: 0.0,
            weight_decay: 0.1,
            betas: [0.9, 0.99],
            clip,
            average: None,
            base: None,
        };
        let model = ModelConfig {
            d_model: 8,
            heads: 1,
            encoder_layers: 1,
            decoder_layers: 1,
            feed_forward: 1,
            max_dimension: 1,
            max_tokens: 8,
            bins: 9,
            constants: Default::default(),
            inputs: Inputs::Ieee754 { max_points: 9 },
            base: None,
        };
        Settings::new(&model, &optimizer, 1, 1)
    }

    fn parameters(values: &[f32]) -> Parameters {
        let mut layout = Layout::default();
        layout.declare("matrix", &[2], Role::Matrix, 0.1);
        layout.declare("gain", &[2], Role::Gain, 0.1);
        layout.place();
        Parameters::new(layout, values, Device::Cpu, Kind::Float, true).unwrap()
    }

    /// The textbook's update, one number at a time in 64 bits.
    fn reference(values: &mut [f64], gradients: &[[f64; 4]], clip: f64, rate: f64) {
        let (mut m, mut v) = ([0.0; 4], [0.0; 4]);
        for (t, gradient) in gradients.iter().enumerate() {
            let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            let scale = (clip / norm).min(1.0);
            for i in 0..4 {
                let g = gradient[i] * scale;
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.99 * v[i] + 0.01 * g * g;
                let t = t as i32 + 1;
                let (mh, vh) = (
                    m[i] / (1.0 - 0.9f64.powi(t)),
                    v[i] / (1.0 - 0.99f64.powi(t)),
                );
                if i < 2 {
                    values[i] *= 1.0 - rate * 0.1;
                }
                values[i] -= rate * mh / (vh.sqrt() + EPSILON);
            }
        }
    }

    #[test]
    fn agrees_with_the_textbook() {
        let start = [1.0_f32, -2.0, 0.5, 3.0];
        let gradients = [
            [0.1, 0.2, -0.3, 0.4],
            [10.0, -20.0, 5.0, 1.0],
            [0.0, 0.0, 0.1, 0.0],
        ];
        let mut expected: Vec<f64> = start.iter().map(|&v| v.into()).collect();
        reference(&mut expected, &gradients, 1.0, 0.05);
        let mut parameters = parameters(&start);
        let mut optimizer = AdamW::new(settings(1.0), &parameters).unwrap();
        for gradient in &gradients {
            let gradient = Tensor::from_slice(gradient).to_kind(Kind::Float);
            let _ = optimizer.step(&mut parameters, &gradient, 0.05).unwrap();
        }
        for (found, expected) in parameters.values().unwrap().iter().zip(&expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let start = [1.0_f32, -2.0, 0.5, 3.0];
        for poison in [f32::NAN, f32::INFINITY] {
            let mut parameters = parameters(&start);
            let mut optimizer = AdamW::new(settings(1.0), &parameters).unwrap();
            let bad = Tensor::from_slice(&[0.1, poison, 0.0, 0.0]);
            let _ = optimizer.step(&mut parameters, &bad, 0.05).unwrap();
            let _ = optimizer.step(&mut parameters, &bad, 0.05).unwrap();
            assert_eq!(parameters.values().unwrap(), start);
            let counts = optimizer.counts().unwrap();
            assert_eq!(
                (counts.taken, counts.skipped, counts.skipped_in_a_row),
                (0, 2, 2)
            );
            let good = Tensor::from_slice(&[0.1_f32, 0.2, -0.3, 0.4]);
            let _ = optimizer.step(&mut parameters, &good, 0.05).unwrap();
            let counts = optimizer.counts().unwrap();
            assert_eq!(
                (counts.taken, counts.skipped, counts.skipped_in_a_row),
                (1, 2, 0)
            );
            let mut expected: Vec<f64> = start.iter().map(|&v| v.into()).collect();
            reference(&mut expected, &[[0.1, 0.2, -0.3, 0.4]], 1.0, 0.05);
            for (found, expected) in parameters.values().unwrap().iter().zip(&expected) {
                assert!((f64::from(*found) - expected).abs() < 1e-5);
            }
        }
    }
}
