//! The page of trajectories: one small chart a sample, its equations above it in the colours of its curves.

use nsode_generator::Sample;
use nsode_generator::row::signed;
use nsode_parser::Names;
use nsode_parser::print::infix_rounded;

use super::super::axis::{Span, TICK_SIZE, Ticks, beside, extent, padded, with_power};
use super::super::panel::Frame;
use super::super::shapes::{Anchor, Color, FAINT, GRID, INK, Scene, distinct, text_width, wrapped};
use super::PATHS;

/// Sizes in logical pixels.
const MARGIN: f64 = 18.0;
const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 150.0;
const GAP: f64 = 22.0;
const COLUMNS: usize = 4;
const EQUATION_SIZE: f64 = 11.0;
const EQUATION_LINE: f64 = 15.5;
/// Room below the axis for its numbers and label.
const BELOW: f64 = 38.0;
/// Width of a curve.
pub(super) const CURVE: f64 = 1.9;
/// Digits of constants.
const DIGITS: usize = 3;

/// Draws the first [`PATHS`] samples.
pub(super) fn scene(samples: &[Sample]) -> Scene {
    let mut scene = Scene {
        width: 2.0 * MARGIN + COLUMNS as f64 * (WIDTH + GAP) - GAP,
        ..Scene::default()
    };
    let samples: Vec<&Sample> = samples.iter().take(PATHS).collect();
    let mut top = MARGIN;
    for row in samples.chunks(COLUMNS) {
        let heads: Vec<Vec<(String, Color)>> = row.iter().map(|s| head(s)).collect();
        let lines = heads.iter().map(Vec::len).max().unwrap_or(0);
        let above = lines as f64 * EQUATION_LINE + 6.0;
        for (column, (sample, head)) in row.iter().zip(heads).enumerate() {
            let left = MARGIN + column as f64 * (WIDTH + GAP);
            // Short heads stand right above their chart.
            let first = top + (lines - head.len()) as f64 * EQUATION_LINE;
            for (line, (text, color)) in head.into_iter().enumerate() {
                let y = first + (line as f64 + 0.5) * EQUATION_LINE;
                scene.text((left, y), text, EQUATION_SIZE, Anchor::Start, color);
            }
            let frame = Frame {
                left,
                top: top + above,
                width: WIDTH,
                height: HEIGHT,
            };
            chart(&mut scene, sample, frame);
        }
        top += above + HEIGHT + GAP;
    }
    scene.height = top - GAP + MARGIN;
    if samples.is_empty() {
        scene.height = 2.0 * MARGIN;
    }
    scene
}

/// Colours of the curves, and of their equations.
fn color(state: usize, dimension: usize) -> Color {
    distinct(state, dimension.max(2))
}

/// The equations in lines that fit, with their colours.
fn head(sample: &Sample) -> Vec<(String, Color)> {
    let dimension = sample.trajectory.dimension();
    let names = Names::default_for(dimension);
    let most = if dimension == 1 { 3 } else { 2 };
    let system = sample.system.to_system();
    let equations = system.rhs().iter().zip(&names.states).enumerate();
    equations
        .flat_map(|(state, (rhs, name))| {
            let text = format!("{name}' = {}", infix_rounded(&signed(rhs), &names, DIGITS));
            let ink = if dimension == 1 {
                INK
            } else {
                color(state, dimension)
            };
            let lines = wrapped(&text, EQUATION_SIZE, WIDTH, most).into_iter();
            lines.map(move |line| (line, ink))
        })
        .collect()
}

fn chart(scene: &mut Scene, sample: &Sample, frame: Frame) {
    let path = &sample.trajectory;
    let dimension = path.dimension();
    let (low, high) = extent(path.states().iter().copied()).unwrap_or((0.0, 1.0));
    let (low, high) = padded(low, high);
    let values = Ticks::new(low, high, 5);
    let (start, end) = extent(path.times().iter().copied()).unwrap_or((0.0, 1.0));
    let names = Names::default_for(dimension);
    let label = 20.0;
    let left = frame.left + label + values.width() + 8.0;
    let (times, right) = Ticks::below(start, end, left, frame.left + frame.width, 6.0);
    let (top, bottom) = (frame.top + 4.0, frame.top + frame.height - BELOW);
    let x = Span {
        low: start,
        high: end,
        from: left,
        to: right,
    };
    let y = Span {
        low,
        high,
        from: bottom,
        to: top,
    };
    beside(scene, &values.marks, x, y);
    for (value, text) in &times.marks {
        let at = x.pixel(*value);
        scene.path(vec![(at, top), (at, bottom)], 1.0, GRID);
        scene.text(
            (at, bottom + 11.0),
            text.clone(),
            TICK_SIZE,
            Anchor::Middle,
            INK,
        );
    }
    scene.path(vec![(left, bottom), (right, bottom)], 1.0, FAINT);
    let place = ((left + right) / 2.0, bottom + 27.0);
    let time = with_power(&names.time, times.power, TICK_SIZE, right - left);
    scene.text(place, time, TICK_SIZE, Anchor::Middle, INK);
    let states = with_power(
        &names.states.join(", "),
        values.power,
        TICK_SIZE,
        bottom - top,
    );
    let half = text_width(&states, TICK_SIZE) / 2.0;
    let middle = ((top + bottom) / 2.0).max(top - 4.0 + half);
    scene.upright((frame.left + label / 2.0, middle), states, TICK_SIZE);
    for state in 0..dimension {
        let points = path.times().iter().zip(path.column(state));
        let points = points.map(|(&t, value)| (x.pixel(t), y.pixel(value)));
        scene.path(points.collect(), CURVE, color(state, dimension));
    }
}
