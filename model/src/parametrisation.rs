//! Complete(d)P: how initial values, learning rates, AdamW's epsilon and weight decay follow from the
//! width and depth of a network, the size of its batches and the length of its training, so that
//! settings found on a small network hold on a large one (Mlodozeniec et al., 2025, which completes
//! CompleteP, Dey et al., 2025, with depth exponent α = 1).
//!
//! With n the width and l the depth in units of the base network's, and κ the batch in units of the base
//! run's divided by the samples in units of the base run's samples:
//!
//! | what | start (std.) | learning rate | epsilon | weight decay |
//! |---|---|---|---|---|
//! | hidden matrices | n^(−1/2) | n⁻¹ | n⁻¹·l⁻¹ | n |
//! | first layer     | 1        | 1   | n⁻¹     | 1 |
//! | embeddings      | 1        | 1   | n⁻¹     | – |
//! | gains, biases   | –        | 1   | n⁻¹     | – |
//! | head            | n⁻¹      | n⁻¹ | 1       | n |
//!
//! Every residual branch is multiplied by l⁻¹, and attention's scores by √h₀/h with h the width of a head
//! (the weights of queries and keys align as they learn). By the diffusion that AdamW approximates
//! (Malladi et al., 2022) rates and weight decay gain √κ, epsilon 1/√κ, and 1−β each κ.
//!
//! Starts are written where the parameters are declared; the table's n^(−1/2) is their 1/√(fan-in).

use crate::config::{ModelConfig, OptimizerConfig, Shape};
use crate::parameters::Role;

/// AdamW's epsilon in a base run.
pub(crate) const EPSILON: f64 = 1e-8;

/// A network's size in units of its base network's. A network without a base is its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// n.
    width: f64,
    /// l of the encoder.
    encoder: f64,
    /// l of the decoder.
    decoder: f64,
    /// Factor of attention's scores.
    attention: f64,
}

impl Scale {
    /// The scale of a network.
    pub(crate) fn of(config: &ModelConfig) -> Scale {
        let base = base(config);
        let ratio = |own: usize, base: usize| own as f64 / base as f64;
        let head = ratio(config.d_model, config.heads);
        Scale {
            width: ratio(config.d_model, base.d_model),
            encoder: ratio(config.encoder_layers, base.encoder_layers),
            decoder: ratio(config.decoder_layers, base.decoder_layers),
            attention: ratio(base.d_model, base.heads).sqrt() / head,
        }
    }

    /// n.
    pub(crate) fn width(self) -> f64 {
        self.width
    }

    /// Factor of what a block of the encoder adds to the residual stream.
    pub(crate) fn encoder_branch(self) -> f64 {
        1.0 / self.encoder
    }

    /// Factor of what a block of the decoder adds to the residual stream.
    pub(crate) fn decoder_branch(self) -> f64 {
        1.0 / self.decoder
    }

    /// Factor of attention's scores.
    pub(crate) fn attention(self) -> f64 {
        self.attention
    }

    /// l of both stacks together, for epsilon, where it hardly matters.
    fn depth(self) -> f64 {
        (self.encoder * self.decoder).sqrt()
    }
}

/// The base network's shape.
pub(crate) fn base(config: &ModelConfig) -> Shape {
    config.base.unwrap_or(Shape {
        d_model: config.d_model,
        heads: config.heads,
        encoder_layers: config.encoder_layers,
        decoder_layers: config.decoder_layers,
    })
}

/// What AdamW uses for the parameters of one role.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rates {
    /// In units of the schedule's rate.
    pub(crate) learning_rate: f64,
    pub(crate) epsilon: f64,
    /// Decoupled: multiplies the learning rate.
    pub(crate) weight_decay: f64,
}

/// AdamW's settings for a network, a batch and a length of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    scale: Scale,
    /// √κ.
    diffusion: f64,
    weight_decay: f64,
    /// Decay rates of the two moments.
    pub(crate) betas: [f64; 2],
    /// Largest norm of the gradient.
    pub(crate) clip: f64,
}

impl Settings {
    /// Settings for a run of `steps` steps of `batch` samples.
    pub(crate) fn new(
        model: &ModelConfig,
        optimizer: &OptimizerConfig,
        batch: usize,
        steps: u64,
    ) -> Settings {
        let kappa = kappa(optimizer, batch, steps);
        Settings {
            scale: Scale::of(model),
            diffusion: kappa.sqrt(),
            weight_decay: optimizer.weight_decay,
            betas: optimizer.betas.map(|beta| 1.0 - kappa * (1.0 - beta)),
            clip: optimizer.clip,
        }
    }

    /// What holds for the parameters of a role.
    pub(crate) fn of(&self, role: Role) -> Rates {
        let (n, l) = (self.scale.width, self.scale.depth());
        let (learning_rate, epsilon, weight_decay) = match role {
            Role::Matrix => (1.0 / n, 1.0 / (n * l), n),
            Role::Head => (1.0 / n, 1.0, n),
            Role::Features => (1.0, 1.0 / n, 1.0),
            Role::Embedding | Role::Gain | Role::Bias => (1.0, 1.0 / n, 0.0),
        };
        Rates {
            learning_rate: learning_rate * self.diffusion,
            epsilon: EPSILON * epsilon / self.diffusion,
            weight_decay: weight_decay * self.diffusion * self.weight_decay,
        }
    }
}

/// κ: 1 without a base run.
pub(crate) fn kappa(optimizer: &OptimizerConfig, batch: usize, steps: u64) -> f64 {
    optimizer.base.map_or(1.0, |base| {
        let samples = batch as f64 * steps as f64;
        (batch as f64 / base.batch as f64) * (base.samples as f64 / samples)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Budget, Inputs};

    fn model(width: usize, layers: usize) -> ModelConfig {
        ModelConfig {
            d_model: width,
            heads: width / 16,
            encoder_layers: layers,
            decoder_layers: layers,
            feed_forward: 4,
            max_dimension: 1,
            max_tokens: 32,
            bins: 257,
            constants: Default::default(),
            inputs: Inputs::Ieee754 { max_points: 100 },
            base: Some(Shape {
                d_model: 64,
                heads: 4,
                encoder_layers: 2,
                decoder_layers: 2,
            }),
        }
    }

    fn optimizer(base: Option<Budget>) -> OptimizerConfig {
        OptimizerConfig {
            learning_rate: 0.01,
            warm_up: 10,
            decay_share: 0.2,
            weight_decay: 0.1,
            betas: [0.9, 0.98],
            clip: 1.0,
            average: None,
            base,
        }
    }

    #[test]
    fn the_base_is_untouched() {
        let settings = Settings::new(&model(64, 2), &optimizer(None), 256, 1000);
        for role in Role::ALL {
            let rates = settings.of(role);
            assert_eq!((rates.learning_rate, rates.epsilon), (1.0, EPSILON));
        }
        let scale = Scale::of(&model(64, 2));
        assert_eq!(
            (scale.encoder_branch(), scale.attention()),
            (1.0, 1.0 / 4.0)
        );
    }

    #[test]
    fn without_a_base_a_network_is_its_own() {
        let mut config = model(256, 6);
        config.base = None;
        let scale = Scale::of(&config);
        assert_eq!(
            (scale.width(), scale.decoder_branch(), scale.attention()),
            (1.0, 1.0, 0.25)
        );
    }

    #[test]
    fn four_times_as_wide_and_deep() {
        let settings = Settings::new(&model(256, 8), &optimizer(None), 256, 1000);
        let matrix = settings.of(Role::Matrix);
        assert_eq!(matrix.learning_rate, 0.25);
        assert_eq!(matrix.epsilon, EPSILON / 16.0);
        // what is taken off a weight a step does not change with the width
        assert_eq!(matrix.learning_rate * matrix.weight_decay, 0.1);
        assert_eq!(settings.of(Role::Head).epsilon, EPSILON);
        assert_eq!(settings.of(Role::Embedding).learning_rate, 1.0);
        assert_eq!(Scale::of(&model(256, 8)).encoder_branch(), 0.25);
    }

    #[test]
    fn a_longer_run_takes_smaller_steps_and_a_larger_batch_larger_ones() {
        let base = Some(Budget {
            batch: 64,
            samples: 64_000,
        });
        let longer = Settings::new(&model(64, 2), &optimizer(base), 64, 4000);
        assert_eq!(longer.of(Role::Bias).learning_rate, 0.5);
        assert!((longer.betas[0] - 0.975).abs() < 1e-12);
        // a batch four times as large, as many samples
        let larger = Settings::new(&model(64, 2), &optimizer(base), 256, 250);
        assert_eq!(larger.of(Role::Bias).learning_rate, 2.0);
        assert!((larger.betas[0] - 0.6).abs() < 1e-12);
    }
}
