//! One state: its data and the law's solution over time, the equation above, the residuals below.

use nsode_generator::Trajectory;
use nsode_parser::Expr;

use super::axis::{Scale, Span, TICK_SIZE, Ticks, extent, padded, power_text, with_power};
use super::shapes::{Anchor, Color, FAINT, GRID, INK, Scene, distinct, text_width, wrapped};
use super::slopes::area;
use crate::answer::ensemble::{Band, Forecast};

/// Sizes of text, in logical pixels.
const EQUATION_SIZE: f64 = 12.5;
pub(super) const LABEL_SIZE: f64 = 12.5;
/// Height of a line of the equation.
const EQUATION_LINE: f64 = 18.0;
/// Most lines of the equation.
const EQUATION_LINES: usize = 3;
/// Room below the axis for its numbers and label.
pub(super) const BELOW: f64 = 44.0;
/// Room between data and residuals.
const BETWEEN: f64 = 14.0;
/// Height of the residuals, as a share.
const RESIDUALS: f64 = 0.24;
/// Most points drawn of one trajectory: more can't be told apart.
const MOST_POINTS: usize = 2000;

/// Where a panel is, in logical pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

/// What a panel shows.
pub(super) struct Panel<'a> {
    pub state: usize,
    /// The equation, for the head.
    pub equation: &'a str,
    /// Lines of the head that all panels of a row have.
    pub head: usize,
    pub time_label: &'a str,
    pub state_label: &'a str,
    /// How the axis of the values runs. On a logarithmic one, residuals are logarithms of observed over solution.
    pub scale: Scale,
    pub observed: &'a [Trajectory],
    pub fitted: &'a [Trajectory],
    /// The solutions to come.
    pub forecast: Option<&'a Forecast>,
    /// The law, whose slopes carry the solution from one of its points to the next.
    pub rhs: &'a [Expr],
}

/// Colours of the data and of the solution of trajectory `k`, of `count`.
pub(super) fn colors(k: usize, count: usize) -> (Color, Color) {
    match count {
        1 => (distinct(0, 2), distinct(1, 2)),
        _ => (distinct(k, count), distinct(k, count)),
    }
}

/// Lines that an equation takes in a panel of this width.
pub(super) fn head_lines(equation: &str, width: f64) -> usize {
    wrapped(equation, EQUATION_SIZE, width, EQUATION_LINES).len()
}

/// Draws `panel` into `frame`.
pub(super) fn draw(scene: &mut Scene, panel: &Panel, frame: Frame) {
    let residuals: Vec<Vec<(f64, f64)>> = panel
        .observed
        .iter()
        .zip(panel.fitted)
        .map(|(observed, fitted)| residuals(panel, observed, fitted))
        .collect();

    let top = below_head(panel.head, frame);
    let bottom = frame.top + frame.height - BELOW;
    let below = (bottom - top - BETWEEN) * RESIDUALS;
    let (middle, lower) = (bottom - below - BETWEEN, bottom - below);

    let (low, high) = value_range(panel);
    let value_ticks = match panel.scale {
        Scale::Linear => Ticks::new(low, high, 6),
        Scale::Logarithmic => Ticks::decades(low, high),
    };
    let wide = residuals.iter().flatten().map(|r| r.1.abs());
    let wide = wide.filter(|r| r.is_finite()).fold(0.0, f64::max);
    let wide = if wide > 0.0 { wide * 1.25 } else { 1.0 };
    let residual_ticks = Ticks::symmetric(wide);

    let numbers = value_ticks.width().max(residual_ticks.width());
    let left = frame.left + numbers + 34.0;
    let times = extent(
        panel
            .observed
            .iter()
            .flat_map(|t| t.times().iter().copied())
            .chain(bands(panel).flat_map(|band| band.times.iter().copied())),
    );
    let (start, end) = times.unwrap_or((0.0, 1.0));
    let margin = 0.02 * (end - start);
    let (start, end) = (start - margin, end + margin);
    let (time_ticks, right) = Ticks::below(start, end, left, frame.left + frame.width, 10.0);
    let x = Span {
        low: start,
        high: end,
        from: left,
        to: right,
    };
    let y = Span {
        low,
        high,
        from: middle,
        to: top,
    };
    let r = Span {
        low: -wide,
        high: wide,
        from: bottom,
        to: lower,
    };

    head(scene, panel, frame);
    for (tick, text) in &value_ticks.marks {
        horizontal(scene, x, y.pixel(*tick), text);
    }
    for (tick, text) in &residual_ticks.marks {
        horizontal(scene, x, r.pixel(*tick), text);
    }
    for (tick, text) in &time_ticks.marks {
        let at = x.pixel(*tick);
        scene.path(vec![(at, top), (at, middle)], 1.0, GRID);
        scene.path(vec![(at, lower), (at, bottom)], 1.0, GRID);
        scene.path(vec![(at, bottom), (at, bottom + 4.0)], 1.0, FAINT);
        scene.text(
            (at, bottom + 12.0),
            text.clone(),
            TICK_SIZE,
            Anchor::Middle,
            INK,
        );
    }
    let zero = r.pixel(0.0);
    scene.path(vec![(left, zero), (right, zero)], 1.0, FAINT);
    for (from, to) in [(top, middle), (lower, bottom)] {
        scene.path(vec![(left, from), (left, to), (right, to)], 1.0, FAINT);
    }
    ahead(scene, panel, x, y);
    series(scene, panel, x, y);
    for (k, points) in residuals.iter().enumerate() {
        let (color, _) = colors(k, panel.observed.len());
        dots(scene, points.iter().copied(), points.len(), x, r, color);
    }

    let label =
        |name: &str, ticks: &Ticks, size: f64, room: f64| with_power(name, ticks.power, size, room);
    let time = label(panel.time_label, &time_ticks, LABEL_SIZE, right - left);
    let center = ((left + right) / 2.0, bottom + 32.0);
    scene.text(center, time, LABEL_SIZE, Anchor::Middle, INK);
    let value = label(panel.state_label, &value_ticks, LABEL_SIZE, middle - top);
    scene.upright((frame.left + 10.0, (top + middle) / 2.0), value, LABEL_SIZE);
    let room = below + BETWEEN;
    let name = match panel.scale {
        Scale::Linear => "residual",
        Scale::Logarithmic => "ln ratio",
    };
    let whole = name.to_string() + &power_text(residual_ticks.power);
    let whole = text_width(&whole, TICK_SIZE);
    let size = TICK_SIZE * (room / whole).clamp(0.8, 1.0);
    let residual = label(name, &residual_ticks, size, room);
    scene.upright((frame.left + 10.0, (lower + bottom) / 2.0), residual, size);
}

/// Where the axes of a panel begin.
pub(super) fn below_head(head: usize, frame: Frame) -> f64 {
    frame.top + head as f64 * EQUATION_LINE + 8.0
}

/// The solutions to come, one a trajectory.
fn bands<'a>(panel: &Panel<'a>) -> impl Iterator<Item = &'a Band> {
    panel
        .forecast
        .into_iter()
        .flat_map(|forecast| &forecast.bands)
}

/// One column of the rows of a band, on the axis of the panel.
fn column<'a>(
    band: &'a Band,
    rows: &'a [Vec<f64>],
    panel: &Panel,
) -> impl Iterator<Item = (f64, f64)> + 'a {
    let (scale, state) = (panel.scale, panel.state);
    let cell = move |row: &Vec<f64>| place(scale, row.get(state).copied().unwrap_or(f64::NAN));
    band.times.iter().copied().zip(rows.iter().map(cell))
}

/// The states of a trajectory over time, on the axis of the panel.
fn course<'a>(trajectory: &'a Trajectory, panel: &Panel) -> impl Iterator<Item = (f64, f64)> + 'a {
    let scale = panel.scale;
    let values = trajectory.column(panel.state);
    (trajectory.times().iter().copied()).zip(values.map(move |value| place(scale, value)))
}

/// The place of a value on an axis that runs evenly, infinitely far below for what a logarithmic axis does not have: there bands
/// end at the axis, and lines and dots are not drawn.
fn place(scale: Scale, value: f64) -> f64 {
    match scale {
        Scale::Logarithmic if value <= 0.0 => f64::NEG_INFINITY,
        scale => scale.place(value).unwrap_or(value),
    }
}

/// The bands of the solutions to come, and their medians.
fn ahead(scene: &mut Scene, panel: &Panel, x: Span, y: Span) {
    for (k, band) in bands(panel).enumerate() {
        let (_, color) = colors(k, panel.observed.len());
        let lower: Vec<(f64, f64)> = column(band, &band.lower, panel).collect();
        let upper: Vec<(f64, f64)> = column(band, &band.upper, panel).collect();
        area(scene, &lower, &upper, x, y, color);
        for piece in inside(column(band, &band.median, panel), x, y) {
            scene.path(piece, 1.2, color);
        }
    }
}

/// The equation above.
fn head(scene: &mut Scene, panel: &Panel, frame: Frame) {
    let lines = wrapped(panel.equation, EQUATION_SIZE, frame.width, EQUATION_LINES);
    for (i, line) in lines.into_iter().enumerate() {
        let at = (frame.left, frame.top + (i as f64 + 0.5) * EQUATION_LINE);
        scene.text(at, line, EQUATION_SIZE, Anchor::Start, INK);
    }
}

/// A grid line with its number.
pub(super) fn horizontal(scene: &mut Scene, x: Span, at: f64, text: &str) {
    scene.path(vec![(x.from, at), (x.to, at)], 1.0, GRID);
    scene.path(vec![(x.from - 4.0, at), (x.from, at)], 1.0, FAINT);
    scene.text((x.from - 7.0, at), text, TICK_SIZE, Anchor::End, INK);
}

/// Range of the values: all of the data, and of the solution what is not far from them.
fn value_range(panel: &Panel) -> (f64, f64) {
    let values = |of: &[Trajectory]| -> Vec<f64> {
        let all = of.iter().flat_map(|t| course(t, panel).map(|(_, v)| v));
        all.collect()
    };
    let data = extent(values(panel.observed).into_iter());
    let (low, high) = data.unwrap_or((0.0, 1.0));
    let room = (high - low) * 0.5;
    let (least, most) = (low - room, high + room);
    let solution = values(panel.fitted).into_iter();
    let solution = solution.filter(|v| (least..=most).contains(v));
    let ahead = bands(panel).flat_map(|band| {
        let all = [&band.median, &band.lower, &band.upper];
        all.into_iter().flat_map(|rows| column(band, rows, panel))
    });
    // Solutions to come may go further, but must not squeeze the data.
    let (least, most) = (low - 4.0 * room, high + 4.0 * room);
    let ahead = ahead.map(|(_, v)| v).filter(|v| (least..=most).contains(v));
    let (low, high) = extent(solution.chain(ahead).chain([low, high])).unwrap_or((low, high));
    match panel.scale {
        Scale::Linear => padded(low, high),
        Scale::Logarithmic => {
            let room = (0.06 * (high - low)).max(0.03);
            (low - room, high + room)
        }
    }
}

/// Data and solutions; the latter on top where the former are a cloud.
fn series(scene: &mut Scene, panel: &Panel, x: Span, y: Span) {
    let count = panel.observed.len();
    let cloud = panel.observed.iter().map(Trajectory::len).sum::<usize>() > 100;
    let layers = match cloud {
        true => [false, true],
        false => [true, false],
    };
    for lines in layers {
        for (k, (observed, fitted)) in panel.observed.iter().zip(panel.fitted).enumerate() {
            let (dot, line) = colors(k, count);
            if lines {
                for piece in inside(course(fitted, panel), x, y) {
                    scene.path(piece, 2.0, line);
                }
            } else {
                let points = course(observed, panel);
                dots(scene, points, observed.len(), x, y, dot);
            }
        }
    }
}

/// Dots, smaller and fainter the more there are.
fn dots(
    scene: &mut Scene,
    points: impl Iterator<Item = (f64, f64)>,
    count: usize,
    x: Span,
    y: Span,
    color: Color,
) {
    let (radius, opacity) = match count {
        0..=60 => (3.2, 0.9),
        61..=250 => (2.5, 0.7),
        251..=1000 => (1.9, 0.5),
        _ => (1.6, 0.35),
    };
    let stride = count.div_ceil(MOST_POINTS).max(1);
    for (t, value) in points.step_by(stride) {
        if value.is_finite() && y.holds(value) {
            scene.dot((x.pixel(t), y.pixel(value)), radius, color.faded(opacity));
        }
    }
}

/// The parts of a line that are in the range of `y`, in pixels.
pub(super) fn inside(
    points: impl Iterator<Item = (f64, f64)>,
    x: Span,
    y: Span,
) -> Vec<Vec<(f64, f64)>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<(f64, f64)> = Vec::new();
    let mut before: Option<(f64, f64)> = None;
    for point in points {
        let (t, value) = point;
        let edge = |from: (f64, f64), to: (f64, f64)| {
            let bound = if to.1 > y.high { y.high } else { y.low };
            let share = (bound - from.1) / (to.1 - from.1);
            (x.pixel(from.0 + share * (to.0 - from.0)), y.pixel(bound))
        };
        match (before.filter(|b| b.1.is_finite()), value) {
            (_, v) if !v.is_finite() => {}
            (Some(b), v) if y.holds(v) => {
                if !y.holds(b.1) {
                    piece.push(edge(point, b));
                }
                piece.push((x.pixel(t), y.pixel(v)));
            }
            (Some(b), _) => {
                if y.holds(b.1) {
                    piece.push(edge(b, point));
                }
            }
            (None, v) => {
                if y.holds(v) {
                    piece.push((x.pixel(t), y.pixel(v)));
                }
            }
        }
        if !y.holds(value) && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        before = Some(point);
    }
    pieces.push(piece);
    pieces.retain(|piece| piece.len() > 1);
    pieces
}

/// Observed minus solution at each observation of the panel's state, or the logarithm of their ratio.
fn residuals(panel: &Panel, observed: &Trajectory, solution: &Trajectory) -> Vec<(f64, f64)> {
    let times = observed.times().iter().copied();
    times
        .zip(observed.column(panel.state))
        .filter(|(_, value)| !value.is_nan())
        .map(|(t, value)| (t, value, between(panel, solution, t)))
        .map(|(t, value, solution)| match panel.scale {
            Scale::Linear => (t, value - solution),
            Scale::Logarithmic => (t, (value / solution).ln()),
        })
        .collect()
}

/// The solution at time `t`: the cubic through the points of the curve around it, with the slopes that the
/// law gives there (Hermite); NaN outside.
fn between(panel: &Panel, solution: &Trajectory, t: f64) -> f64 {
    let times = solution.times();
    let (Some(&first), Some(&last)) = (times.first(), times.last()) else {
        return f64::NAN;
    };
    // The curve may end a rounding error before the last observation.
    let near = 1e-6 * (last - first);
    let t = match (t - first).abs() <= near || (t - last).abs() <= near {
        true => t.clamp(first, last),
        false => t,
    };
    let right = times.partition_point(|&node| node < t);
    let (Some(left), Some(&to)) = (right.checked_sub(1), times.get(right)) else {
        return match first == t {
            true => at(solution, 0, panel.state),
            false => f64::NAN,
        };
    };
    if to - t <= near {
        return at(solution, right, panel.state);
    }
    let from = times.get(left).copied().unwrap_or(f64::NAN);
    if t - from <= near {
        return at(solution, left, panel.state);
    }
    let h = to - from;
    let s = (t - from) / h;
    let slope = |node: usize| {
        let time = times.get(node).copied().unwrap_or(f64::NAN);
        let rhs = panel.rhs.get(panel.state);
        rhs.map_or(f64::NAN, |e| e.eval(time, solution.state(node), &[])) * h
    };
    let (a, b) = (
        at(solution, left, panel.state),
        at(solution, right, panel.state),
    );
    let (m, n) = (slope(left), slope(right));
    let r = 1.0 - s;
    r * r * (1.0 + 2.0 * s) * a + s * s * (1.0 + 2.0 * r) * b + s * r * (r * m - s * n)
}

fn at(solution: &Trajectory, node: usize, state: usize) -> f64 {
    solution.state(node).get(state).copied().unwrap_or(f64::NAN)
}
