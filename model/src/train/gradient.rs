//! The gradient of a step: of its whole batch at once, or added up over parts, which takes less memory.
//!
//! Each part's loss is divided by the skeleton tokens of the whole step, so that the sum over parts is the
//! loss of the whole, however long the sequences of each part are.

use tch::{TchError, Tensor};

use crate::batch::Batch;
use crate::network::Network;
use crate::network::loss::Losses;

/// The gradient by the flat buffer, and the losses of each part.
///
/// # Errors
/// Those of libtorch.
pub(super) fn gradient(
    network: &Network,
    parts: &[Batch],
    constants_weight: f64,
) -> Result<(Tensor, Vec<Losses>), TchError> {
    let tokens = parts.iter().map(|part| part.targets.counts()[0]).sum();
    let mut sum: Option<Tensor> = None;
    let mut all = Vec::with_capacity(parts.len());
    for part in parts {
        let memory = network.encode(&part.encoder);
        let (loss, losses) = network.loss(&memory, &part.targets, constants_weight, tokens);
        let gradient = network.parameters().gradient(&loss)?;
        sum = Some(match sum {
            None => gradient,
            Some(sum) => sum.f_add(&gradient)?,
        });
        all.push(losses);
    }
    let sum = match sum {
        Some(sum) => sum,
        None => network.parameters().zeros()?,
    };
    Ok((sum, all))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tch::{Device, Kind};

    use super::super::samples::Samples;
    use super::*;
    use crate::checkpoint;
    use crate::config::TrainConfig;
    use crate::parameters::to_host;

    /// Gradient and sums of losses of the first step in so many parts, and the rows of each part.
    fn first_step(accumulate: usize) -> (Vec<f32>, [f64; 2], Vec<usize>) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
        let mut config = (*TrainConfig::from_file(&file).unwrap()).clone();
        config.batch = 64;
        config.accumulate = accumulate;
        let config = config.validated().unwrap();
        let model = TrainConfig::valid_model(&config);
        let vocabulary = checkpoint::vocabulary(&model).unwrap();
        let samples = Samples::new(&config, &model, vocabulary).unwrap();
        let step = samples.training(None).pool(0).unwrap().steps.swap_remove(0);
        let values = Network::layout(&model, vocabulary.size()).initial(1);
        let network = Network::new(
            model,
            vocabulary.size(),
            &values,
            Device::Cpu,
            Kind::Float,
            true,
        )
        .unwrap();
        let (gradient, losses) = gradient(&network, &step, 0.3).unwrap();
        let mut sums = [0.0; 2];
        for losses in &losses {
            for (sum, part) in sums.iter_mut().zip(to_host(&losses.sums).unwrap()) {
                *sum += f64::from(part);
            }
        }
        let rows = step.iter().map(|part| part.rows).collect();
        (to_host(&gradient).unwrap(), sums, rows)
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let (whole, sums, rows) = first_step(1);
        assert_eq!(rows, [64]);
        let size = whole
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!(size > 1e-3, "{size}");
        for (accumulate, expected) in [(4, vec![16; 4]), (64, vec![1; 64]), (3, vec![22, 22, 20])] {
            let (parts, part_sums, rows) = first_step(accumulate);
            assert_eq!(rows, expected);
            let apart = whole
                .iter()
                .zip(&parts)
                .map(|(a, b)| f64::from(a - b).powi(2))
                .sum::<f64>()
                .sqrt();
            assert!(apart < 1e-5 * size, "{apart} of {size}");
            for (a, b) in sums.iter().zip(part_sums) {
                assert!((a - b).abs() < 1e-4 * a, "{a} {b}");
            }
        }
    }
}
