//! A larger network that computes what a smaller one does: the start of its training, instead of chance.
//!
//! What is new adds nothing at first and can learn at once (the idea of Chen, Goodfellow, Shlens, *Net2Net*, 2016, for
//! this architecture). Everything that reads the residual stream normalises it first, so the stream may be centred:
//! then new coordinates that are 0 change its variance by the ratio of the widths, which the norms' gains take back.
//! What writes into the stream starts at 0 wherever it is new; what reads it starts there by chance, which tells the
//! new coordinates, heads and hidden units from one another.

use super::layout::layout;
use crate::config::ModelConfig;
use crate::parameters::Spec;
use crate::parametrisation::Scale;

/// What a parameter does with the residual stream.
enum Part {
    /// Adds to it: its rows are the stream's coordinates. The number is the factor of what it adds.
    Adds(f64),
    /// Puts rows into it that are looked up: its columns are the stream's coordinates.
    Looked,
    /// Reads it, so many matrices in one, the first of them times a factor.
    Reads(usize, f64),
    /// Gain of a norm of it.
    Gain,
}

/// The weights of a network of the shape `large`, flat, which computes what that of the shape `small` does with
/// `values`; what is new in it is drawn by `seed`. `None` where `large` is narrower or shallower, or differs in more
/// than width and depth: heads are as wide as before, there are only more of them.
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
        base: small.base,
        ..own.clone()
    };
    let fits = same(large) == *small
        && large.d_model >= small.d_model
        && large.encoder_layers >= small.encoder_layers
        && large.decoder_layers >= small.decoder_layers
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
            (Part::Looked, Some(_)) => to.fill(0.0),
            (Part::Gain, Some(_)) => to.fill(ratio),
            _ => {}
        }
        let Some(from) = from else { continue };
        let mut own = values.get(from.range())?.to_vec();
        let ((_, width), (_, wide)) = (sides(from), sides(spec));
        let parts = match part {
            Part::Adds(factor) => {
                centre(&mut own, width);
                own.iter_mut().for_each(|w| *w *= factor as f32);
                1
            }
            Part::Looked => {
                for row in own.chunks_mut(width) {
                    centre(row, 1);
                }
                1
            }
            Part::Reads(parts, factor) => {
                let first = own.len() / parts;
                own.iter_mut().take(first).for_each(|w| *w *= factor as f32);
                parts
            }
            Part::Gain => {
                own.iter_mut().for_each(|w| *w *= ratio);
                1
            }
        };
        let blocks = own.chunks(own.len() / parts);
        for (from, to) in blocks.zip(to.chunks_mut(to.len() / parts)) {
            for (from, to) in from.chunks(width).zip(to.chunks_mut(wide)) {
                to.get_mut(..width)?.copy_from_slice(from);
            }
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
        "tokens" | "positions" => Part::Looked,
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
