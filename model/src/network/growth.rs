//! A larger network that computes what a smaller one does: the start of its training, instead of chance.
//!
//! What is new adds nothing at first and can learn at once (the idea of Chen, Goodfellow, Shlens, *Net2Net*, 2016, for
//! this architecture). Everything that reads the residual stream normalises it first, so the stream may be centred:
//! then new coordinates that are 0 change its variance by the ratio of the widths, which the norms' gains take back.
//! What writes into the stream starts at 0 wherever it is new; what reads it starts there by chance, which tells the
//! new coordinates, heads and hidden units from one another. What reads a state that the smaller network had no room
//! for starts at 0, like what its longer skeletons have places for.

use super::layout::layout;
use crate::config::{Inputs, ModelConfig};
use crate::parameters::Spec;
use crate::parametrisation::Scale;

/// What a parameter does with the residual stream.
enum Part {
    /// Adds to it: its rows are the stream's coordinates. The number is the factor of what it adds.
    Adds(f64),
    /// Puts rows into it that are looked up: its columns are the stream's coordinates.
    Looked,
    /// The same, rows for places: `BOS` and the skeleton's tokens, then as many as these for constants.
    Places,
    /// Reads it, so many matrices in one, the first of them times a factor.
    Reads(usize, f64),
    /// Gain of a norm of it.
    Gain,
}

/// The weights of a network of the shape `large`, flat, which computes what that of the shape `small` does with
/// `values`; what is new in it is drawn by `seed`. It may be wider (heads stay as wide, there are only more of them)
/// and deeper, have room for more states and longer skeletons, and look at more anchors. `None` where it has less of
/// anything but anchors, or differs in something else; with another number of anchors it sees other tokens, and computes
/// nearly the same.
pub(crate) fn grown(
    (small, values): (&ModelConfig, &[f32]),
    large: &ModelConfig,
    vocabulary: usize,
    seed: u64,
) -> Option<Vec<f32>> {
    let same = |own: &ModelConfig| ModelConfig {
        d_model: small.d_model,
        heads: small.heads,
        encoder_layers: small.encoder_layers,
        decoder_layers: small.decoder_layers,
        max_dimension: small.max_dimension,
        max_tokens: small.max_tokens,
        base: small.base,
        ..own.clone()
    };
    let mut seen = same(large);
    if let (Inputs::Anchors { count, .. }, Inputs::Anchors { count: own, .. }) =
        (&mut seen.inputs, &small.inputs)
    {
        *count = *own;
    }
    let fits = seen == *small
        && large.d_model >= small.d_model
        && large.encoder_layers >= small.encoder_layers
        && large.decoder_layers >= small.decoder_layers
        && large.max_dimension >= small.max_dimension
        && large.max_tokens >= small.max_tokens
        && large.d_model * small.heads == small.d_model * large.heads;
    let (old, _) = layout(small, vocabulary);
    let (new, _) = layout(large, vocabulary);
    if !fits || values.len() as i64 != old.total() {
        return None;
    }
    let ratio = (small.d_model as f64 / large.d_model as f64).sqrt() as f32;
    let mut grown = new.initial(seed);
    for spec in new.specs() {
        let part = part(&spec.name, Scale::of(small), Scale::of(large));
        let to = grown.get_mut(spec.range())?;
        let from = old.specs().iter().find(|own| own.name == spec.name);
        match (&part, from) {
            (Part::Adds(_), _) => to.fill(0.0),
            (Part::Looked | Part::Places, Some(_)) => to.fill(0.0),
            (Part::Gain, Some(_)) => to.fill(ratio),
            _ => {}
        }
        let Some(from) = from else { continue };
        let mut own = values.get(from.range())?.to_vec();
        let ((rows, width), (more, wide)) = (sides(from), sides(spec));
        match part {
            Part::Adds(factor) => {
                centre(&mut own, width);
                own.iter_mut().for_each(|w| *w *= factor as f32);
            }
            Part::Looked | Part::Places => {
                for row in own.chunks_mut(width) {
                    centre(row, 1);
                }
            }
            Part::Reads(parts, factor) => {
                let first = own.len() / parts;
                own.iter_mut().take(first).for_each(|w| *w *= factor as f32);
            }
            Part::Gain => own.iter_mut().for_each(|w| *w *= ratio),
        };
        // Where a row of the smaller network is in the larger one.
        let moved = |row: usize| match part {
            Part::Reads(parts, _) => row + row / (rows / parts) * ((more - rows) / parts),
            Part::Places if row > small.max_tokens => row + large.max_tokens - small.max_tokens,
            _ => row,
        };
        for (row, from) in own.chunks(width).enumerate() {
            let at = moved(row) * wide;
            to.get_mut(at..at + width)?.copy_from_slice(from);
        }
    }
    Some(grown)
}

/// What the parameter of this name does, and by which factors the smaller network's differs.
fn part(name: &str, small: Scale, large: Scale) -> Part {
    let branch = match name.starts_with("encoder") {
        true => small.encoder_branch() / large.encoder_branch(),
        false => small.decoder_branch() / large.decoder_branch(),
    };
    let scores = small.attention() / large.attention();
    match name.rsplit('.').next().unwrap_or(name) {
        "weight" | "bias" => Part::Adds(1.0),
        "tokens" => Part::Looked,
        "positions" => Part::Places,
        "norm" => Part::Gain,
        "out" | "down" => Part::Adds(branch),
        "qkv" => Part::Reads(3, scores),
        "query" => Part::Reads(1, scores),
        "kv" => Part::Reads(2, 1.0),
        _ => Part::Reads(1, 1.0),
    }
}

/// Rows and columns of a parameter. The bias is a column, as it adds to the stream; gains are a row.
fn sides(spec: &Spec) -> (usize, usize) {
    match *spec.dimensions().as_slice() {
        [rows, columns] => (rows, columns),
        _ if spec.name.ends_with("bias") => (spec.len() as usize, 1),
        _ => (1, spec.len() as usize),
    }
}

/// Takes from each column of a matrix of so many columns its mean.
fn centre(values: &mut [f32], columns: usize) {
    let rows = values.len() / columns;
    for column in 0..columns {
        let each = values.iter().skip(column).step_by(columns);
        let mean = each.map(|w| f64::from(*w)).sum::<f64>() / rows as f64;
        let each = values.iter_mut().skip(column).step_by(columns);
        each.for_each(|w| *w -= mean as f32);
    }
}
