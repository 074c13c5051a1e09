//! Pages of charts with curves: how a training went, how a quantity depends on a setting.
//!
//! What the curves mean is their maker's affair. Here: axes, linear or logarithmic; a legend of the curves that
//! have names, above each chart; values that cannot be drawn left out, and many points merged into as many as there is
//! room for.

use std::path::Path;

pub use super::axis::Scale;
use super::axis::{Span, TICK_SIZE, Ticks, beside, extent, padded, under, with_power};
use super::panel::Frame;
use super::shapes::{Anchor, FAINT, INK, Scene, distinct, fitted, text_width};
use super::{PlotError, format, write};

/// Sizes in logical pixels.
const MARGIN: f64 = 18.0;
const WIDTH: f64 = 390.0;
const HEIGHT: f64 = 250.0;
const GAP: f64 = 26.0;
const TITLE_SIZE: f64 = 12.5;
const LEGEND_SIZE: f64 = 11.0;
const LEGEND_LINE: f64 = 17.0;
/// Length of a curve's sample in the legend.
const SAMPLE: f64 = 16.0;
/// Room for the title, and below the axis for numbers and label.
const TITLE: f64 = 22.0;
const BELOW: f64 = 40.0;
/// Charts side by side.
const COLUMNS: usize = 2;
/// Most points of a curve: more can't be told apart.
const MOST_POINTS: usize = 300;

/// An axis.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// What stands beside it.
    pub label: String,
    /// How it runs.
    pub scale: Scale,
    /// Where its numbers stand; empty: at round ones.
    pub marks: Vec<f64>,
    /// Values that are shown whether or not a curve has them, `[0.0]` for an axis from 0.
    pub holds: Vec<f64>,
}

/// A curve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Its name in the legend; empty: none.
    pub name: String,
    /// Its points, in order.
    pub points: Vec<(f64, f64)>,
    /// Whether the points are marked.
    pub dots: bool,
}

/// A chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// The axis below.
    pub x: Axis,
    /// The axis on the left.
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// Draws `charts`, two a row, to `file`.
///
/// # Errors
/// [`PlotError`]; then `file` is as it was.
pub fn plot(file: &Path, charts: &[Chart]) -> Result<(), PlotError> {
    write(file, format(file)?, &scene(charts))
}

fn scene(charts: &[Chart]) -> Scene {
    let columns = charts.len().clamp(1, COLUMNS);
    let rows = charts.len().div_ceil(COLUMNS);
    let mut scene = Scene {
        width: 2.0 * MARGIN + columns as f64 * (WIDTH + GAP) - GAP,
        height: 2.0 * MARGIN + (rows as f64 * (HEIGHT + GAP) - GAP).max(0.0),
        ..Scene::default()
    };
    for (k, chart) in charts.iter().enumerate() {
        let (row, column) = (k / COLUMNS, k % COLUMNS);
        let frame = Frame {
            left: MARGIN + column as f64 * (WIDTH + GAP),
            top: MARGIN + row as f64 * (HEIGHT + GAP),
            width: WIDTH,
            height: HEIGHT,
        };
        draw(&mut scene, chart, frame);
    }
    scene
}

fn draw(scene: &mut Scene, chart: &Chart, frame: Frame) {
    let title = fitted(&chart.title, TITLE_SIZE, frame.width);
    let place = (frame.left, frame.top + 7.0);
    scene.text(place, title, TITLE_SIZE, Anchor::Start, INK);
    let top = legend(scene, &chart.curves, frame);
    let bottom = frame.top + frame.height - BELOW;

    // places on axes that are even, whatever the scale
    let curves: Vec<Vec<(f64, f64)>> = chart
        .curves
        .iter()
        .map(|curve| merged(&placed(chart, &curve.points)))
        .collect();
    let all = || curves.iter().flatten();
    let y_range = range(&chart.y, all().map(|p| p.1), true);
    let x_range = range(
        &chart.x,
        all().map(|p| p.0),
        curves.iter().all(|c| c.len() < 2),
    );
    let y_ticks = ticks(&chart.y, y_range, |low, high| Ticks::new(low, high, 5));
    let left = frame.left + 20.0 + y_ticks.width() + 8.0;
    let right = frame.left + frame.width - 18.0;
    let x_ticks = ticks(&chart.x, x_range, |low, high| {
        Ticks::side_by_side(low, high, right - left)
    });
    let span = |(low, high): (f64, f64), from: f64, to: f64| Span {
        low,
        high,
        from,
        to,
    };
    let (x, y) = (span(x_range, left, right), span(y_range, bottom, top));

    beside(scene, &y_ticks.marks, x, y);
    under(scene, &x_ticks.marks, x, y);
    scene.path(
        vec![(left, top), (left, bottom), (right, bottom)],
        1.0,
        FAINT,
    );
    let label = with_power(&chart.x.label, x_ticks.power, TICK_SIZE, right - left);
    let place = ((left + right) / 2.0, bottom + 30.0);
    scene.text(place, label, TICK_SIZE, Anchor::Middle, INK);
    let label = with_power(&chart.y.label, y_ticks.power, TICK_SIZE, bottom - top);
    scene.upright((frame.left + 8.0, (top + bottom) / 2.0), label, TICK_SIZE);

    for (k, (curve, points)) in chart.curves.iter().zip(curves).enumerate() {
        let color = distinct(k, chart.curves.len());
        let path: Vec<(f64, f64)> = points
            .iter()
            .filter(|p| x.holds(p.0) && y.holds(p.1))
            .map(|p| (x.pixel(p.0), y.pixel(p.1)))
            .collect();
        if curve.dots || path.len() == 1 {
            for at in &path {
                scene.dot(*at, 2.6, color);
            }
        }
        if path.len() > 1 {
            scene.path(path, 1.8, color);
        }
    }
}

/// The names of the curves, in lines below the title; returns where the chart begins.
fn legend(scene: &mut Scene, curves: &[Curve], frame: Frame) -> f64 {
    let first = frame.top + TITLE + LEGEND_LINE / 2.0 - 2.0;
    if curves.iter().all(|curve| curve.name.is_empty()) {
        return frame.top + TITLE + 6.0;
    }
    let (start, end) = (frame.left + 6.0, frame.left + frame.width);
    let (mut x, mut y) = (start, first);
    for (k, curve) in curves
        .iter()
        .enumerate()
        .filter(|(_, c)| !c.name.is_empty())
    {
        let name = fitted(&curve.name, LEGEND_SIZE, end - start - SAMPLE - 5.0);
        let width = SAMPLE + 5.0 + text_width(&name, LEGEND_SIZE);
        if x > start && x + width > end {
            (x, y) = (start, y + LEGEND_LINE);
        }
        let color = distinct(k, curves.len());
        scene.path(vec![(x, y), (x + SAMPLE, y)], 2.4, color);
        let place = (x + SAMPLE + 5.0, y);
        scene.text(place, name, LEGEND_SIZE, Anchor::Start, INK);
        x += width + 14.0;
    }
    y + LEGEND_LINE / 2.0 + 6.0
}

fn placed(chart: &Chart, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let points = points.iter();
    points
        .filter_map(|(x, y)| Some((chart.x.scale.place(*x)?, chart.y.scale.place(*y)?)))
        .collect()
}

/// Means of neighbours, so that no more than [`MOST_POINTS`] are left.
fn merged(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let together = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |part: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| {
        part.iter().map(|p| of(p) / part.len() as f64).sum()
    };
    points
        .chunks(together)
        .map(|part| (mean(part, |p| p.0), mean(part, |p| p.1)))
        .collect()
}

/// What an axis shows: all of its values, with room around them where that is asked for.
fn range(axis: &Axis, values: impl Iterator<Item = f64>, room: bool) -> (f64, f64) {
    let held = axis.holds.iter().filter_map(|v| axis.scale.place(*v));
    let (low, high) = extent(values.chain(held)).unwrap_or((0.0, 1.0));
    match axis.scale {
        Scale::Linear if room => padded(low, high),
        // a range of a few percent would have no round number in it
        Scale::Logarithmic => {
            let room = (0.04 * (high - low)).max(0.03);
            (low - room, high + room)
        }
        Scale::Linear if high > low => (low, high),
        Scale::Linear => padded(low, high),
    }
}

/// The numbers at an axis that shows this range; `even` finds them for one that runs evenly.
fn ticks(axis: &Axis, (low, high): (f64, f64), even: impl Fn(f64, f64) -> Ticks) -> Ticks {
    match (axis.scale, axis.marks.is_empty()) {
        (Scale::Linear, true) => even(low, high),
        (Scale::Logarithmic, true) => Ticks::decades(low, high),
        (scale, false) => Ticks::at(&axis.marks, scale, low, high),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shapes::Shape;
    use super::super::tests::bounds;
    use super::*;

    fn curve(name: &str, points: impl Iterator<Item = (f64, f64)>) -> Curve {
        Curve {
            name: name.to_owned(),
            points: points.collect(),
            dots: false,
        }
    }

    fn charts() -> Vec<Chart> {
        let steps = || (1..5000).map(|i| f64::from(i) * 100.0);
        let loss = |floor: f64| steps().map(move |s| (s, floor + 5.0 / (1.0 + s / 1000.0)));
        let mut charts = vec![Chart {
            title: "Loss".to_owned(),
            x: Axis {
                label: "steps".to_owned(),
                ..Axis::default()
            },
            y: Axis {
                label: "nats a token".to_owned(),
                scale: Scale::Logarithmic,
                ..Axis::default()
            },
            curves: vec![
                curve("training", loss(0.5)),
                curve("unseen, clean, with a long name", loss(0.6)),
                curve("unseen, noisy, with a long name", loss(0.8)),
                curve(
                    "of values that an axis does not have",
                    [(1.0, -1.0), (f64::NAN, 1.0)].into_iter(),
                ),
            ],
        }];
        charts.push(Chart {
            curves: vec![curve("alone", [(3.0, 7.0)].into_iter())],
            ..charts[0].clone()
        });
        charts.push(Chart::default());
        charts.push(Chart {
            y: Axis {
                holds: vec![0.0, 100.0],
                ..Axis::default()
            },
            x: Axis {
                scale: Scale::Logarithmic,
                marks: vec![64.0, 128.0, 256.0, 512.0],
                ..Axis::default()
            },
            curves: vec![curve("flat", [(64.0, 20.0), (512.0, 20.1)].into_iter())],
            ..Chart::default()
        });
        charts
    }

    #[test]
    fn text_is_inside_and_apart_and_curves_are_there() {
        let charts = charts();
        let scene = scene(&charts);
        let texts: Vec<(&str, [f64; 4])> = scene.shapes.iter().filter_map(bounds).collect();
        for (i, (text, a)) in texts.iter().enumerate() {
            let inside = a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= scene.width && a[3] <= scene.height;
            assert!(inside, "{text} at {a:?}");
            for (other, b) in &texts[i + 1..] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{text} at {a:?} covers {other} at {b:?}");
            }
        }
        let (mut lines, mut dots) = (0, 0);
        for shape in &scene.shapes {
            match shape {
                Shape::Path { points, width, .. } if *width == 1.8 => {
                    lines += 1;
                    assert!(points.len() <= MOST_POINTS);
                    for (x, y) in points {
                        assert!(
                            (0.0..=scene.width).contains(x) && (0.0..=scene.height).contains(y)
                        );
                    }
                }
                Shape::Dot { .. } => dots += 1,
                _ => {}
            }
        }
        assert_eq!((lines, dots), (4, 1));
        for mark in ["64", "128", "256", "512"] {
            assert!(texts.iter().any(|(text, _)| *text == mark), "{mark}");
        }
    }

    #[test]
    fn files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.svg", "a.png"] {
            let file = folder.path().join(name);
            plot(&file, &charts()).unwrap();
            assert!(std::fs::metadata(&file).unwrap().len() > 2000);
        }
        let wrong = plot(&folder.path().join("a.gif"), &charts());
        assert!(matches!(wrong, Err(PlotError::Format { .. })));
        plot(&folder.path().join("b.svg"), &[]).unwrap();
    }
}
