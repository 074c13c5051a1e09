//! A corpus as pictures: what is in it as histograms, and a page of its trajectories with their equations.

mod bars;
mod histograms;
mod paths;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nsode_generator::{Manifest, Sample};

use super::{PlotError, format, write};

/// How many trajectories the page of them has room for.
pub const PATHS: usize = 24;

/// Draws the histograms of a corpus to `file`, and up to [`PATHS`] of its trajectories to the file of the
/// same name with `-samples` before its extension, whose path is returned.
///
/// # Errors
/// [`PlotError`]; a file that could not be written is as it was.
pub fn plot(file: &Path, corpus: &Manifest, samples: &[Sample]) -> Result<PathBuf, PlotError> {
    let format = format(file)?;
    let second = beside(file);
    write(file, format, &histograms::scene(corpus))?;
    write(&second, format, &paths::scene(samples))?;
    Ok(second)
}

/// `a/b.svg` becomes `a/b-samples.svg`.
fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(file.file_stem().unwrap_or_default());
    name.push("-samples.");
    name.push(file.extension().unwrap_or_default());
    file.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use nsode_generator::{Config, Corpus, Options, generate};

    use super::super::shapes::{Scene, Shape};
    use super::super::tests::bounds;
    use super::*;

    fn corpus(text: &str, samples: u64) -> (Manifest, Vec<Sample>) {
        let directory = tempfile::tempdir().unwrap();
        let options = Options {
            config: Config::from_toml(text).unwrap(),
            ..Options::new(directory.path(), samples, 1)
        };
        let manifest = generate(&options, &mut |_| {}, &AtomicBool::new(false)).unwrap();
        let corpus = Corpus::open(directory.path()).unwrap();
        let read = corpus.samples().take(PATHS).map(|s| s.unwrap()).collect();
        (manifest, read)
    }

    fn check(scene: &Scene) {
        let texts: Vec<(&str, [f64; 4])> = scene.shapes.iter().filter_map(bounds).collect();
        for (i, (text, a)) in texts.iter().enumerate() {
            let inside = a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= scene.width && a[3] <= scene.height;
            assert!(inside, "{text} at {a:?}");
            for (other, b) in &texts[i + 1..] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{text} at {a:?} covers {other} at {b:?}");
            }
        }
        for shape in &scene.shapes {
            if let Shape::Path { points, .. } = shape {
                let inside = |(x, y): &(f64, f64)| {
                    (0.0..=scene.width).contains(x) && (0.0..=scene.height).contains(y)
                };
                assert!(points.iter().all(inside), "{points:?}");
            }
        }
    }

    #[test]
    fn text_is_inside_and_apart() {
        let systems =
            "[system]\ndimensions = [1, 1, 1, 1]\n[horizon]\npoints = 40\n[units]\nshare = 0.7\n";
        for (text, samples) in [("", 400), (systems, 60), ("", 1)] {
            let (manifest, samples) = corpus(text, samples);
            let histograms = histograms::scene(&manifest);
            check(&histograms);
            let bars = |s: &&Shape| matches!(s, Shape::Path { color, .. } if *color == bars::BAR);
            assert!(histograms.shapes.iter().filter(bars).count() > 10);
            let paths = paths::scene(&samples);
            check(&paths);
            let curves = samples
                .iter()
                .map(|s| s.trajectory.dimension())
                .sum::<usize>();
            let drawn =
                |s: &&Shape| matches!(s, Shape::Path { width, .. } if *width == paths::CURVE);
            assert_eq!(paths.shapes.iter().filter(drawn).count(), curves);
        }
    }

    #[test]
    fn two_files_are_written() {
        let (mut manifest, samples) = corpus("", 30);
        let directory = tempfile::tempdir().unwrap();
        for name in ["a.svg", "b.PNG"] {
            let file = directory.path().join(name);
            let second = plot(&file, &manifest, &samples).unwrap();
            assert!(file.is_file() && second.is_file() && second != file);
        }
        assert!(directory.path().join("b-samples.PNG").is_file());
        let wrong = plot(Path::new("a.gif"), &manifest, &samples);
        assert!(matches!(wrong, Err(PlotError::Format { .. })));
        // Nothing to show is no reason to panic.
        manifest.statistics = None;
        plot(&directory.path().join("c.svg"), &manifest, &[]).unwrap();
    }
}
