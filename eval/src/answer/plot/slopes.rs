//! One right-hand side: the slope over the state that it depends on, or along the solution, with its band.

use super::axis::{Span, TICK_SIZE, Ticks, extent, padded, with_power};
use super::panel::{BELOW, Frame, LABEL_SIZE, colors, horizontal};
use super::shapes::{Anchor, FAINT, GRID, INK, Scene};
use crate::answer::ensemble::SlopeBand;

/// What a panel shows.
pub(super) struct Slopes<'a> {
    /// The equation, counted from 0.
    pub equation: usize,
    pub band: &'a SlopeBand,
    /// What is below: the state, or the time.
    pub place_label: &'a str,
    /// What is beside: `dy/dt`.
    pub slope_label: String,
}

/// Draws `panel` into `frame`, its axes between `top` and the bottom of the frame.
pub(super) fn draw(scene: &mut Scene, panel: &Slopes, frame: Frame, top: f64) {
    let cells = |rows: &[Vec<f64>]| -> Vec<f64> {
        let cell = |row: &Vec<f64>| row.get(panel.equation).copied().unwrap_or(f64::NAN);
        rows.iter().map(cell).collect()
    };
    let band = panel.band;
    let (best, lower, upper) = (cells(&band.best), cells(&band.lower), cells(&band.upper));
    let bottom = frame.top + frame.height - BELOW;

    // The whole of the law, and of its band what is not far from it.
    let (low, high) = extent(best.iter().copied().chain([0.0])).unwrap_or((0.0, 1.0));
    let room = 0.6 * (high - low);
    let near = |v: &f64| (low - room..=high + room).contains(v);
    let ends = lower.iter().chain(&upper).copied().filter(near);
    let (low, high) = extent(ends.chain([low, high])).unwrap_or((low, high));
    let (low, high) = match low < 0.0 {
        true => padded(low, high),
        // Room below 0, where a law that ends there is seen to touch it.
        false => (low - 0.04 * (high - low), high + 0.06 * (high - low)),
    };
    let ticks = Ticks::new(low, high, 6);
    let left = frame.left + ticks.width() + 34.0;
    let (start, end) = extent(band.places.iter().copied()).unwrap_or((0.0, 1.0));
    let margin = 0.02 * (end - start).max(f64::MIN_POSITIVE);
    let (start, end) = (start - margin, end + margin);
    let (places, right) = Ticks::below(start, end, left, frame.left + frame.width, 10.0);
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
    for (tick, text) in &ticks.marks {
        horizontal(scene, x, y.pixel(*tick), text);
    }
    for (tick, text) in &places.marks {
        let at = x.pixel(*tick);
        scene.path(vec![(at, top), (at, bottom)], 1.0, GRID);
        scene.path(vec![(at, bottom), (at, bottom + 4.0)], 1.0, FAINT);
        let below = (at, bottom + 12.0);
        scene.text(below, text.clone(), TICK_SIZE, Anchor::Middle, INK);
    }
    let (_, color) = colors(0, 1);
    let points = |values: &[f64]| -> Vec<(f64, f64)> {
        band.places
            .iter()
            .copied()
            .zip(values.iter().copied())
            .collect()
    };
    area(scene, &points(&lower), &points(&upper), x, y, color);
    if y.holds(0.0) {
        let zero = y.pixel(0.0);
        scene.path(vec![(left, zero), (right, zero)], 1.0, FAINT);
    }
    scene.path(
        vec![(left, top), (left, bottom), (right, bottom)],
        1.0,
        FAINT,
    );
    for piece in super::panel::inside(points(&best).into_iter(), x, y) {
        scene.path(piece, 2.0, color);
    }
    let label = with_power(panel.place_label, places.power, LABEL_SIZE, right - left);
    let below = ((left + right) / 2.0, bottom + 32.0);
    scene.text(below, label, LABEL_SIZE, Anchor::Middle, INK);
    let label = with_power(&panel.slope_label, ticks.power, LABEL_SIZE, bottom - top);
    scene.upright((frame.left + 10.0, (top + bottom) / 2.0), label, LABEL_SIZE);
}

/// The area between two lines, cut at the range of `y`; places where an end is no number are left out.
pub(super) fn area(
    scene: &mut Scene,
    lower: &[(f64, f64)],
    upper: &[(f64, f64)],
    x: Span,
    y: Span,
    color: super::shapes::Color,
) {
    let mut pieces: Vec<Vec<[(f64, f64); 2]>> = vec![Vec::new()];
    for (low, high) in lower.iter().zip(upper) {
        if low.1.is_nan() || high.1.is_nan() {
            pieces.push(Vec::new());
            continue;
        }
        let pixel =
            |(place, value): (f64, f64)| (x.pixel(place), y.pixel(value.clamp(y.low, y.high)));
        if let Some(piece) = pieces.last_mut() {
            piece.push([pixel(*low), pixel(*high)]);
        }
    }
    for piece in pieces.into_iter().filter(|piece| piece.len() > 1) {
        let forth = piece.iter().map(|[low, _]| *low);
        let back = piece.iter().rev().map(|[_, high]| *high);
        scene.area(forth.chain(back).collect(), color.faded(0.2));
    }
}
