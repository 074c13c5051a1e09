//! From observed points to the encoder's tokens.
//!
//! A token is a row of numbers, which the network's first layer maps to its width; how many numbers is
//! [`width`]. There are two ways to make them, one a module: [`ieee754`] as in the paper, [`anchors`] as
//! measured better. Both take normalised trajectories, pass over missing cells, and have room for
//! `max_dimension` states, of which a flag each says whether it is there. Several trajectories of one
//! system give their tokens one after the other: the encoder is a function of a set.

pub(crate) mod anchors;
pub(crate) mod ieee754;

use nsode_generator::Trajectory;
use tch::{Kind, Tensor};

use crate::Error;
use crate::config::{Inputs, ModelConfig};

/// Tokens of a trajectory, at most.
pub(crate) fn tokens(config: &ModelConfig) -> usize {
    match &config.inputs {
        Inputs::Ieee754 { max_points } => *max_points,
        Inputs::Anchors { count, .. } => *count,
    }
}

/// Numbers a token.
pub(crate) fn width(config: &ModelConfig) -> usize {
    match &config.inputs {
        Inputs::Ieee754 { .. } => ieee754::width(config.max_dimension),
        Inputs::Anchors {
            neighbours,
            frequencies,
            ..
        } => anchors::width(config.max_dimension, neighbours.len(), *frequencies),
    }
}

/// Whether the model has room for a trajectory's states.
///
/// # Errors
/// [`Error::Observations`] if it does not.
pub(crate) fn check(config: &ModelConfig, trajectory: &Trajectory) -> Result<(), Error> {
    let (states, most) = (trajectory.dimension(), config.max_dimension);
    if states > most {
        return Err(Error::Observations(format!(
            "{states} states, the model was made for at most {most}"
        )));
    }
    Ok(())
}

/// The tokens of one system's trajectories (normalised): a whole number of [`width`]s.
///
/// # Errors
/// [`Error::Observations`] for no trajectory, too many states, or a trajectory without an observed cell.
pub(crate) fn features(
    config: &ModelConfig,
    trajectories: &[Trajectory],
) -> Result<Vec<f32>, Error> {
    if trajectories.is_empty() {
        return Err(Error::Observations("there is no trajectory".to_owned()));
    }
    let mut out = Vec::new();
    for trajectory in trajectories {
        check(config, trajectory)?;
        if trajectory.observed() == 0 {
            return Err(Error::Observations(
                "a trajectory without any observed value".to_owned(),
            ));
        }
        match &config.inputs {
            Inputs::Ieee754 { max_points } => {
                ieee754::features(trajectory, config.max_dimension, *max_points, &mut out);
            }
            Inputs::Anchors {
                count,
                neighbours,
                frequencies,
            } => anchors::features(
                trajectory,
                config.max_dimension,
                *count,
                neighbours,
                *frequencies,
                &mut out,
            ),
        }
    }
    Ok(out)
}

/// Tokens of several systems, padded to the same number.
pub(crate) struct EncoderBatch {
    /// `[systems, tokens, width]`, 32 bits.
    pub(crate) features: Tensor,
    /// 0 for a token, −∞ for padding, `[systems, tokens]`; none where there is no padding.
    pub(crate) mask: Option<Tensor>,
}

impl EncoderBatch {
    /// The batch of these systems, each given by its normalised trajectories.
    ///
    /// # Errors
    /// As [`features`], and [`Error::Torch`] where memory is short.
    pub(crate) fn new(
        config: &ModelConfig,
        systems: &[&[Trajectory]],
    ) -> Result<EncoderBatch, Error> {
        let rows = systems
            .iter()
            .map(|trajectories| features(config, trajectories))
            .collect::<Result<Vec<_>, _>>()?;
        EncoderBatch::from_rows(width(config), &rows)
    }

    /// The batch of rows that [`features`] gave.
    ///
    /// # Errors
    /// [`Error::Torch`] where memory is short.
    pub(crate) fn from_rows<R: AsRef<[f32]>>(
        width: usize,
        rows: &[R],
    ) -> Result<EncoderBatch, Error> {
        let longest = rows.iter().map(|r| r.as_ref().len()).max().unwrap_or(0);
        let tokens = longest / width;
        let mut flat = vec![0.0_f32; rows.len() * longest];
        let mut mask = vec![0.0_f32; rows.len() * tokens];
        let mut padded = false;
        for (i, row) in rows.iter().map(AsRef::as_ref).enumerate() {
            flat[i * longest..][..row.len()].copy_from_slice(row);
            let missing = &mut mask[i * tokens..][row.len() / width..tokens];
            padded |= !missing.is_empty();
            missing.fill(f32::NEG_INFINITY);
        }
        let torch = Error::torch("placing the observations");
        let shape = [rows.len() as i64, tokens as i64, width as i64];
        let features = Tensor::f_from_slice(&flat)
            .and_then(|t| t.f_view(shape))
            .map_err(&torch)?;
        let mask = if padded {
            Some(
                Tensor::f_from_slice(&mask)
                    .and_then(|t| t.f_view(&shape[..2]))
                    .map_err(&torch)?,
            )
        } else {
            None
        };
        debug_assert_eq!(features.kind(), Kind::Float);
        Ok(EncoderBatch { features, mask })
    }

    /// The systems from number `first` on, `count` of them; there must be as many.
    pub(crate) fn part(&self, first: usize, count: usize) -> EncoderBatch {
        let (first, count) = (first as i64, count as i64);
        EncoderBatch {
            features: self.features.narrow(0, first, count),
            mask: self.mask.as_ref().map(|m| m.narrow(0, first, count)),
        }
    }

    /// Number of systems and of tokens a system, padding included.
    pub(crate) fn size(&self) -> (i64, i64) {
        let size = self.features.size();
        (size[0], size[1])
    }
}

/// Fourier features `sin, cos(2^k·π·x)` for `k` from 0, appended.
fn fourier(x: f64, frequencies: usize, out: &mut Vec<f32>) {
    let mut angle = std::f64::consts::PI * x;
    for _ in 0..frequencies {
        let (sin, cos) = angle.sin_cos();
        out.push(sin as f32);
        out.push(cos as f32);
        angle *= 2.0;
    }
}
