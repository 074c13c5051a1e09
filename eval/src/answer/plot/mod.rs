//! A law beside its data, as a picture: one panel a state, residuals below each, the right-hand side beside it.
//!
//! [`plot`] writes SVG or PNG, whichever the path ends in, and writes it whole or not at all. What is
//! drawn is decided in `scene`, `panel` and `slopes` as a list of shapes in logical pixels, with numbers on
//! `axis` and text measured by `shapes`; `render` hands the list to plotters' back ends. The
//! font is DejaVu Sans, whose licence is beside it in `assets`; colours are those of Okabe and Ito.

pub mod accuracy;
mod axis;
pub mod corpus;
pub mod curves;
mod panel;
mod render;
mod scene;
mod shapes;
mod slopes;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::answer::report::RunInfo;
use crate::discover::Candidate;
use crate::series::problem::Problem;
use crate::series::table::Series;
use crate::whole;

/// Why a picture was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// The path ends in neither `.svg` nor `.png`.
    #[error("{}: pictures are written as .svg or .png, not as {found:?}", file.display())]
    Format {
        /// The path.
        file: PathBuf,
        /// Its extension.
        found: String,
    },
    /// The file can't be written.
    #[error("{}: {source}", file.display())]
    Write {
        /// The path.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The drawing library failed.
    #[error("{}: the picture could not be drawn: {message}", file.display())]
    Draw {
        /// The path.
        file: PathBuf,
        /// What it said.
        message: String,
    },
}

impl PlotError {
    /// What the user can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            PlotError::Format { .. } => "Give the file a name that ends in .svg or .png.",
            PlotError::Write { .. } => {
                "Check that the directory exists, that it can be written to, and that it has space."
            }
            PlotError::Draw { .. } => "Try the other format, .svg or .png.",
        }
    }
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// Normalised values below which a dot lies on the zero line of a picture.
const ON_THE_LINE: f64 = 0.01;

/// For each state, whether its values are best seen on a logarithmic axis: above 0 but for a few that are 0 and those below a limit
/// of detection, so many of them small that they would lie on the zero line of another, and none of those drowned in noise.
pub fn logarithmic(problem: &Problem) -> Vec<bool> {
    let each = problem.noise().iter().enumerate();
    each.map(|(state, noise)| {
        let cells = problem
            .normalised()
            .iter()
            .flat_map(|run| run.column(state));
        let cells: Vec<f64> = cells.filter(|u| !u.is_nan()).collect();
        let positive = cells.iter().copied().filter(|u| *u > 0.0);
        let least = positive.clone().fold(1.0, f64::min);
        let some_below = cells.iter().any(|u| *u < 0.0);
        let few_are_0 = 10 * (cells.len() - positive.count()) <= cells.len();
        let small = cells.iter().filter(|u| **u < ON_THE_LINE).count();
        let drowned =
            !noise.spans_decades() && noise.deviation * noise.shape(least).sqrt() > 0.5 * least;
        !some_below && few_are_0 && !drowned && 3 * small > cells.len()
    })
    .collect()
}

/// Whether a picture can be written to `file`, as far as its name tells: to be asked before a long search.
///
/// # Errors
/// [`PlotError::Format`].
pub fn check_path(file: &Path) -> Result<(), PlotError> {
    format(file).map(|_| ())
}

fn format(file: &Path) -> Result<Format, PlotError> {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    match extension.to_ascii_lowercase().as_str() {
        "svg" => Ok(Format::Svg),
        "png" => Ok(Format::Png),
        _ => Err(PlotError::Format {
            file: file.to_path_buf(),
            found: extension.into_owned(),
        }),
    }
}

/// The picture as text of SVG, for pages that hold it.
///
/// # Errors
/// What the drawing library says.
pub(crate) fn svg(
    series: &Series,
    candidate: &Candidate,
    info: &RunInfo,
) -> Result<String, String> {
    render::svg(&scene::scene(series, candidate, info))
}

/// Draws `candidate` and the data of `series`, with the forecast and the slopes of `info` where it has them, and
/// writes the picture to `file`.
///
/// # Errors
/// [`PlotError`]; then `file` is as it was.
pub fn plot(
    file: &Path,
    series: &Series,
    candidate: &Candidate,
    info: &RunInfo,
) -> Result<(), PlotError> {
    let format = format(file)?;
    let scene = scene::scene(series, candidate, info);
    write(file, format, &scene)
}

/// Draws `scene` to `file`, whole or not at all.
fn write(file: &Path, format: Format, scene: &shapes::Scene) -> Result<(), PlotError> {
    let bytes = match format {
        Format::Svg => render::svg(scene).map(String::into_bytes),
        Format::Png => render::png(scene),
    };
    let bytes = bytes.map_err(|message| PlotError::Draw {
        file: file.to_path_buf(),
        message,
    })?;
    whole::write(file, &bytes).map_err(|source| PlotError::Write {
        file: file.to_path_buf(),
        source,
    })
}
