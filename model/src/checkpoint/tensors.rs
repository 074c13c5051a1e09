//! Numbers as the bytes of a safetensors file, and back.

use std::collections::HashMap;
use std::path::Path;

use half::bf16;
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};

use crate::Error;

/// A tensor to be written: name, shape, little-endian numbers.
pub(super) type Named = (String, Vec<usize>, Vec<u8>);

/// The bytes of a file that holds `tensors`, all of one type; `file` is for the error.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn serialize(
    file: &Path,
    dtype: Dtype,
    tensors: &[Named],
    header: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, Error> {
    let invalid = |error: SafeTensorError| Error::io(file)(std::io::Error::other(error));
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            TensorView::new(dtype, shape.clone(), bytes).map(|view| (name.as_str(), view))
        })
        .collect::<Result<Vec<_>, _>>()
        .map_err(invalid)?;
    safetensors::serialize(views, header).map_err(invalid)
}

/// 32-bit floats as bytes.
pub(super) fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The same, rounded to 16 bits.
pub(super) fn bf16_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|&v| bf16::from_f32(v).to_le_bytes())
        .collect()
}

/// The inverse of [`f32_bytes`]; bytes beyond the last whole number are left out.
pub(super) fn f32_values(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|&number| f32::from_le_bytes(number))
}

/// The inverse of [`bf16_bytes`].
pub(super) fn bf16_values(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    let (numbers, _) = bytes.as_chunks();
    numbers
        .iter()
        .map(|&number| bf16::from_le_bytes(number).to_f32())
}
