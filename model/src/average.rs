//! The mean of a run's weights, late ones counting more: smoother than the last weights while the
//! learning rate is high, so that a run can be judged and used before its rate has fallen.
//!
//! An exponential mean with a half-life in steps, brought up to date every few steps. Early on, when so
//! old weights would be those of the start, the half-life is shorter: a fixed share of the steps done.

use tch::{Device, Kind, Tensor};

use crate::Error;
use crate::parameters::{Parameters, to_host};

/// Steps between two updates.
const EVERY: u64 = 10;
/// Longest half-life, as a share of the steps done.
const SHARE: f64 = 0.1;

/// The mean, flat, 32 bits.
pub(crate) struct Average {
    half_life: f64,
    mean: Tensor,
}

impl Average {
    /// The mean of one: `values`, on `device`.
    pub(crate) fn new(half_life: f64, values: &[f32], device: Device) -> Result<Average, Error> {
        let torch = Error::torch("placing the mean of the weights");
        let mean = Tensor::f_from_slice(values)
            .and_then(|t| t.f_to_device(device))
            .and_then(|t| t.f_to_kind(Kind::Float))
            .map_err(torch)?;
        Ok(Average { half_life, mean })
    }

    /// Takes in the weights after `step` steps.
    pub(crate) fn add(
        &mut self,
        parameters: &mut Parameters,
        step: u64,
    ) -> Result<(), tch::TchError> {
        if !step.is_multiple_of(EVERY) {
            return Ok(());
        }
        let _guard = tch::no_grad_guard();
        let half_life = self.half_life.min(SHARE * step as f64);
        let new = 1.0 - (-(EVERY as f64) / half_life).exp2();
        let _ = self.mean.f_lerp_(parameters.flat(), new)?;
        Ok(())
    }

    /// Puts the mean in the place of the weights, and the weights in its place; twice changes nothing.
    pub(crate) fn swap(&mut self, parameters: &mut Parameters) -> Result<(), tch::TchError> {
        {
            let _guard = tch::no_grad_guard();
            let mut weights = self.mean.f_empty_like()?;
            weights.f_copy_(parameters.flat())?;
            parameters.flat().f_copy_(&self.mean)?;
            self.mean = weights;
        }
        parameters.refresh()
    }

    /// The mean on the host.
    pub(crate) fn values(&self) -> Result<Vec<f32>, tch::TchError> {
        to_host(&self.mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameters::{Layout, Role};

    #[test]
    fn follows_the_weights_and_swaps_with_them() {
        let mut layout = Layout::default();
        layout.declare("matrix", &[2, 2], Role::Matrix, 0.1);
        layout.place();
        let start = [0.0_f32; 4];
        let mut parameters =
            Parameters::new(layout, &start, Device::Cpu, Kind::BFloat16, true).unwrap();
        let mut average = Average::new(20.0, &start, Device::Cpu).unwrap();
        tch::no_grad(|| {
            let _ = parameters.flat().fill_(1.0);
        });
        parameters.refresh().unwrap();
        // half-life 20, updates every 10 steps, no shorter from step 200 on
        for step in 200..220 {
            average.add(&mut parameters, step).unwrap();
        }
        for mean in average.values().unwrap() {
            assert!((mean - 0.5).abs() < 1e-6, "{mean}");
        }
        average.swap(&mut parameters).unwrap();
        for (weight, mean) in parameters
            .values()
            .unwrap()
            .iter()
            .zip(average.values().unwrap())
        {
            assert!((weight - 0.5).abs() < 1e-6 && mean == 1.0);
        }
        average.swap(&mut parameters).unwrap();
        assert_eq!(parameters.values().unwrap(), [1.0; 4]);
    }
}
