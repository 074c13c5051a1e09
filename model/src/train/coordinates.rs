//! The coordinate check of Yang et al. (2022): how large activations are, and how far some steps of training
//! move them, in networks of several sizes. Where the parametrisation is right (see `parametrisation.rs`),
//! both are the same at each width and depth, and settings found on a small network hold on a large one.
//!
//! Sizes are root mean squares over the places of one batch, the same for every size of network; the network
//! is trained on other batches, in 32 bits, without warm-up.

use tch::{Kind, Tensor};

use super::gradient::gradient;
use super::samples::Samples;
use crate::batch::Batch;
use crate::config::{TrainConfig, Valid};
use crate::network::Network;
use crate::optimizer::AdamW;
use crate::parametrisation::Settings;
use crate::{Error, checkpoint, device};

/// Where activations are measured.
pub const PLACES: [&str; 3] = ["encoder", "decoder", "logits"];

/// Sizes after some steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinates {
    /// Steps done.
    pub step: u64,
    /// Of the residual stream after the encoder's last block and after the decoder's, and of the logits.
    pub size: [f64; 3],
    /// Of their difference from what they were before the first step.
    pub moved: [f64; 3],
}

/// Sizes before the first step, and after each of `steps` steps of a training as `config` says.
///
/// # Errors
/// [`Error::Io`], [`Error::Generator`] and [`Error::Starved`] for the samples, [`Error::Torch`].
pub fn coordinates(config: &Valid<TrainConfig>, steps: u64) -> Result<Vec<Coordinates>, Error> {
    let torch = Error::torch("the coordinate check");
    device::set_threads(config.threads);
    let model = TrainConfig::valid_model(config);
    let vocabulary = checkpoint::vocabulary(&model)?;
    let samples = Samples::new(config, &model, vocabulary)?;
    let probe = samples.unseen(1.0)?;
    let source = samples.training(None);
    let values = Network::layout(&model, vocabulary.size()).initial(config.seed);
    let settings = Settings::new(&model, &config.optimizer, config.batch, config.steps);
    let mut network = Network::new(
        model.clone(),
        vocabulary.size(),
        &values,
        tch::Device::Cpu,
        Kind::Float,
        true,
    )?;
    let mut optimizer = AdamW::new(settings, network.parameters())?;
    let rate = config.optimizer.learning_rate;

    let start = activations(&network, &probe).map_err(&torch)?;
    let measure = |network: &Network, step: u64| -> Result<Coordinates, tch::TchError> {
        let now = activations(network, &probe)?;
        let (mut size, mut moved) = ([0.0; 3], [0.0; 3]);
        for (place, (now, start)) in now.iter().zip(&start).enumerate() {
            size[place] = root_mean_square(now)?;
            moved[place] = root_mean_square(&now.f_sub(start)?)?;
        }
        Ok(Coordinates { step, size, moved })
    };
    let mut all = vec![measure(&network, 0).map_err(&torch)?];
    let mut pool = 0;
    while all.len() as u64 <= steps {
        for parts in source.pool(pool)?.steps {
            if all.len() as u64 > steps {
                break;
            }
            let weight = config.constants_weight;
            let (slope, _) = gradient(&network, &parts, weight).map_err(&torch)?;
            let _ = optimizer
                .step(network.parameters_mut(), &slope, rate)
                .map_err(&torch)?;
            all.push(measure(&network, all.len() as u64).map_err(&torch)?);
        }
        pool += 1;
    }
    Ok(all)
}

/// Activations at [`PLACES`], all places of all batches after each other.
fn activations(network: &Network, batches: &[Batch]) -> Result<[Tensor; 3], tch::TchError> {
    let _guard = tch::no_grad_guard();
    let mut parts: [Vec<Tensor>; 3] = Default::default();
    for batch in batches {
        let targets = &batch.targets;
        let d = [-1, network.config().d_model as i64];
        let memory = network.encode(&batch.encoder);
        let (encoded, _) = network.encoded(&batch.encoder);
        let decoded = network.decode(&memory, &targets.ids, &targets.upper);
        parts[0].push(encoded.f_reshape(d)?);
        parts[1].push(decoded.f_reshape(d)?.f_index_select(0, &targets.places)?);
        parts[2].push(network.predictions(&memory, targets));
    }
    let [encoder, decoder, logits] = parts;
    Ok([
        Tensor::f_cat(&encoder, 0)?,
        Tensor::f_cat(&decoder, 0)?,
        Tensor::f_cat(&logits, 0)?,
    ])
}

fn root_mean_square(tensor: &Tensor) -> Result<f64, tch::TchError> {
    let mean = tensor.f_square()?.f_mean(Kind::Double)?;
    Ok(mean.f_double_value(&[])?.sqrt())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Shape;

    /// Of a network this wide, in units of one a quarter as wide with a base, or of itself without.
    fn measured(width: usize, depth: usize, with_base: bool) -> Coordinates {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/configs/train-tiny.toml");
        let mut config = (*TrainConfig::from_file(&file).unwrap()).clone();
        config.model.d_model = width;
        config.model.heads = width / 16;
        config.model.encoder_layers = depth;
        config.model.decoder_layers = depth;
        config.optimizer.learning_rate = 0.01;
        config.model.base = with_base.then_some(Shape {
            d_model: 32,
            heads: 2,
            encoder_layers: 1,
            decoder_layers: 1,
        });
        let all = coordinates(&config.validated().unwrap(), 4).unwrap();
        assert_eq!(all.len(), 5);
        assert_eq!(all[0].moved, [0.0; 3]);
        all[4]
    }

    #[test]
    fn sizes_do_not_depend_on_the_width_or_the_depth_and_would_without_the_parametrisation() {
        let small = measured(32, 1, true);
        let ratio = |other: &Coordinates| {
            let ratios = other.moved.iter().zip(small.moved).map(|(a, b)| a / b);
            ratios.fold(1.0, |worst: f64, r| worst.max(r.max(1.0 / r)))
        };
        let wide = ratio(&measured(256, 1, true));
        assert!(wide < 2.0, "{wide}");
        let deep = ratio(&measured(32, 6, true));
        assert!(deep < 2.0, "{deep}");
        let plain = ratio(&measured(256, 1, false));
        assert!(plain > 2.5, "{plain}");
    }
}
