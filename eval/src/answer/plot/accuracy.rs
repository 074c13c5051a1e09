//! How good the answers are, against what makes them hard: noise, dropping, number of points, complexity of the
//! true law, and the time that was taken; and against the probabilities that they are given with.
//!
//! A picture is drawn of each axis on which the records have more than one value. Of one system under test, each
//! figure has a line; of several, each system has one, and each figure a panel. Bars are the 95 % intervals.

use std::path::Path;

use super::axis::{Span, TICK_SIZE};
use super::shapes::{Anchor, FAINT, GRID, INK, Scene, distinct, fitted, text_width};
use super::{Format, PlotError, write};
use crate::bench::summary::share;
use crate::bench::{Figure, Record};
use crate::metric::bootstrap::quantile;
use crate::metric::calibration;

/// Sizes in logical pixels.
const MARGIN: f64 = 16.0;
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 270.0;
const GAP: f64 = 24.0;
const TITLE_SIZE: f64 = 12.5;
const LEGEND_SIZE: f64 = 12.0;
const LEGEND_LINE: f64 = 20.0;
/// Panels side by side.
const COLUMNS: usize = 2;

/// Figures that are drawn.
const FIGURES: [Figure; 4] = [
    Figure::Recon,
    Figure::Generalization,
    Figure::Skeleton,
    Figure::Law10,
];

/// Fewest answers of about the same stated probability whose share is drawn.
const FEWEST: usize = 10;

/// Complexities that count as one, by the largest of each.
const COMPLEXITIES: [usize; 5] = [4, 7, 10, 14, usize::MAX];

/// A share at a place of the axis, with its interval.
#[derive(Clone, Copy, Debug)]
struct Point {
    x: f64,
    share: f64,
    low: f64,
    high: f64,
}

#[derive(Clone, Debug)]
struct Line {
    /// Place of its name in the legend, and its colour.
    name: usize,
    points: Vec<Point>,
}

#[derive(Clone, Debug)]
struct Panel {
    title: String,
    label: String,
    /// Places on the axis from 0 to 1, with their texts.
    ticks: Vec<(f64, String)>,
    lines: Vec<Line>,
}

/// Draws what there is to draw of `records` into `directory`, one picture a suite and axis, as SVG and PNG.
///
/// # Errors
/// [`PlotError`] for the first file that can't be drawn or written.
pub fn plots(directory: &Path, records: &[Record]) -> Result<(), PlotError> {
    for suite in values(records, |r| r.suite.clone()) {
        let records: Vec<&Record> = records.iter().filter(|r| r.suite == suite).collect();
        for (axis, names, panels) in pictures(&records) {
            let scene = scene(&names, &panels);
            for (format, extension) in [(Format::Svg, "svg"), (Format::Png, "png")] {
                let file = directory.join(format!("{suite}-{axis}.{extension}"));
                write(&file, format, &scene)?;
            }
        }
    }
    Ok(())
}

/// The different values, in the order in which they occur.
fn values<'a, T: PartialEq>(
    records: impl IntoIterator<Item = &'a Record>,
    of: impl Fn(&Record) -> T,
) -> Vec<T> {
    let mut values = Vec::new();
    for record in records {
        let value = of(record);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

type Picture = (&'static str, Vec<String>, Vec<Panel>);

fn pictures(records: &[&Record]) -> Vec<Picture> {
    let mut all = Vec::new();
    let extreme = |of: fn(&Record) -> f64, pick: fn(f64, f64) -> f64| {
        records.iter().map(|r| of(r)).reduce(pick).unwrap_or(0.0)
    };
    let noise: fn(&Record) -> f64 = |r| r.noise;
    let drop: fn(&Record) -> f64 = |r| r.drop;
    let points: fn(&Record) -> f64 = |r| r.points as f64;
    // Along one axis, the others are as easy as they get.
    let quiet = (noise, extreme(noise, f64::min));
    let whole = (drop, extreme(drop, f64::min));
    let dense = (points, extreme(points, f64::max));
    for (axis, label, of, others) in [
        ("noise", "multiplicative noise σ", noise, [whole, dense]),
        ("dropping", "share of points dropped", drop, [quiet, dense]),
        ("points", "number of points", points, [quiet, whole]),
    ] {
        let chosen: Vec<&Record> = records
            .iter()
            .filter(|r| others.iter().all(|(other, value)| other(r) == *value))
            .copied()
            .collect();
        let mut places = values(chosen.iter().copied(), of);
        places.sort_by(f64::total_cmp);
        if places.len() > 1 {
            let texts: Vec<String> = places.iter().map(f64::to_string).collect();
            let (names, panels) = along(&chosen, label, &texts, "", |record| {
                places.iter().position(|v| *v == of(record))
            });
            all.push((axis, names, panels));
        }
    }
    let bin = |r: &Record| {
        COMPLEXITIES
            .iter()
            .position(|most| r.truth_complexity <= *most)
    };
    let mut bins: Vec<usize> = values(records.iter().copied(), bin)
        .into_iter()
        .flatten()
        .collect();
    bins.sort_unstable();
    if bins.len() > 1 {
        let text = |bin: &usize| {
            let low = match bin.checked_sub(1) {
                Some(before) => COMPLEXITIES.get(before).map_or(1, |most| most + 1),
                None => 1,
            };
            match COMPLEXITIES.get(*bin) {
                Some(&most) if most < usize::MAX => format!("{low}–{most}"),
                _ => format!("≥ {low}"),
            }
        };
        let texts: Vec<String> = bins.iter().map(text).collect();
        let (mut legend, mut panels) = (Vec::new(), Vec::new());
        for condition in values(records.iter().copied(), |r| r.condition.clone()) {
            let chosen: Vec<&Record> = records
                .iter()
                .filter(|r| r.condition == condition)
                .copied()
                .collect();
            let label = "tokens and constants of the true law";
            let (names, more) = along(&chosen, label, &texts, &condition, |record| {
                bins.iter().position(|b| Some(*b) == bin(record))
            });
            legend = names;
            panels.extend(more);
        }
        all.push(("complexity", legend, panels));
    }
    if values(records.iter().copied(), |r| r.system.clone()).len() > 1 {
        all.push(time(records));
    }
    let reliability = calibration(records);
    if reliability.2.iter().any(|panel| panel.lines.len() > 1) {
        all.push(reliability);
    }
    all
}

/// The reliability diagram: the share of true skeletons among answers of about the same stated probability, a line a
/// system and the line on which these are equal, a panel a condition.
fn calibration(records: &[&Record]) -> Picture {
    let systems = values(records.iter().copied(), |r| r.system.clone());
    let equal = |x: f64| Point {
        x,
        share: x,
        low: x,
        high: x,
    };
    let panel = |condition: &String| {
        let mut lines: Vec<Line> = Vec::new();
        for (name, system) in systems.iter().enumerate() {
            let here = records
                .iter()
                .filter(|r| r.system == *system && r.condition == *condition);
            let stated: Vec<(f64, &Record)> =
                here.filter_map(|r| Some((r.posterior?, *r))).collect();
            let cases: Vec<(f64, bool)> = stated.iter().map(|(p, r)| (*p, r.skeleton)).collect();
            let bins = calibration::bins(&cases);
            let points: Vec<Point> = (bins.iter().enumerate())
                .filter_map(|(place, bin)| {
                    let inside = stated.iter().filter(|(p, _)| calibration::bin(*p) == place);
                    let inside: Vec<&Record> = inside.map(|(_, r)| *r).collect();
                    let share = share(&inside, Figure::Skeleton)?;
                    (bin.cases >= FEWEST).then_some(Point {
                        x: bin.stated,
                        share: share.share,
                        low: share.low,
                        high: share.high,
                    })
                })
                .collect();
            if points.len() > 1 {
                lines.push(Line { name, points });
            }
        }
        lines.push(Line {
            name: systems.len(),
            points: vec![equal(0.0), equal(1.0)],
        });
        Panel {
            title: format!("skeleton ({condition})"),
            label: "stated probability of the first law, %".to_string(),
            ticks: (0..=5)
                .map(|i| (f64::from(i) / 5.0, (20 * i).to_string()))
                .collect(),
            lines,
        }
    };
    let conditions = values(records.iter().copied(), |r| r.condition.clone());
    let panels = conditions.iter().map(panel).collect();
    let names = systems.iter().cloned().chain(["as stated".to_string()]);
    ("calibration", names.collect(), panels)
}

/// Panels of shares along an axis whose places have these texts; `place` says at which a record is.
fn along(
    records: &[&Record],
    label: &str,
    texts: &[String],
    condition: &str,
    place: impl Fn(&Record) -> Option<usize>,
) -> (Vec<String>, Vec<Panel>) {
    let systems = values(records.iter().copied(), |r| r.system.clone());
    let last = (texts.len() - 1).max(1) as f64;
    let ticks: Vec<(f64, String)> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| (i as f64 / last, text.clone()))
        .collect();
    let line = |name: usize, system: &str, figure: Figure| {
        let points = (0..texts.len()).filter_map(|i| {
            let here: Vec<&Record> = records
                .iter()
                .filter(|r| r.system == system && place(r) == Some(i))
                .copied()
                .collect();
            let share = share(&here, figure)?;
            Some(Point {
                x: i as f64 / last,
                share: share.share,
                low: share.low,
                high: share.high,
            })
        });
        Line {
            name,
            points: points.collect(),
        }
    };
    let panel = |title: String, lines: Vec<Line>| Panel {
        title,
        label: label.to_string(),
        ticks: ticks.clone(),
        lines,
    };
    let titled = |what: &str| match condition.is_empty() {
        true => what.to_string(),
        false => format!("{what} ({condition})"),
    };
    match systems.as_slice() {
        [system] => {
            let lines = FIGURES.iter().enumerate();
            let lines = lines.map(|(i, figure)| line(i, system, *figure)).collect();
            let names = FIGURES.iter().map(|figure| figure.name().to_string());
            (names.collect(), vec![panel(titled(system), lines)])
        }
        _ => {
            let panels = FIGURES.iter().map(|figure| {
                let lines = systems.iter().enumerate();
                let lines = lines.map(|(i, system)| line(i, system, *figure)).collect();
                panel(titled(figure.name()), lines)
            });
            let panels = panels.collect();
            (systems, panels)
        }
    }
}

/// Share of true skeletons against the median time, a dot a system, a panel a condition.
fn time(records: &[&Record]) -> Picture {
    let systems = values(records.iter().copied(), |r| r.system.clone());
    let mut panels = Vec::new();
    for condition in values(records.iter().copied(), |r| r.condition.clone()) {
        let mut dots = Vec::new();
        for (name, system) in systems.iter().enumerate() {
            let here: Vec<&Record> = records
                .iter()
                .filter(|r| r.system == *system && r.condition == condition)
                .copied()
                .collect();
            let mut seconds: Vec<f64> = here.iter().map(|r| r.seconds.max(1e-3)).collect();
            seconds.sort_by(f64::total_cmp);
            if let Some(share) = share(&here, Figure::Skeleton) {
                dots.push((name, quantile(&seconds, 0.5).log10(), share));
            }
        }
        let low = dots
            .iter()
            .map(|d| d.1)
            .fold(f64::INFINITY, f64::min)
            .floor();
        let high = dots.iter().map(|d| d.1).fold(low + 1.0, f64::max).ceil();
        let place = |decade: f64| (decade - low) / (high - low);
        let decades = (0..=(high - low) as i32).map(|i| low + f64::from(i));
        panels.push(Panel {
            title: format!("skeleton ({condition})"),
            label: "median seconds a case".to_string(),
            ticks: decades
                .map(|d| (place(d), format!("{}", 10f64.powf(d))))
                .collect(),
            lines: dots
                .into_iter()
                .map(|(name, decade, share)| Line {
                    name,
                    points: vec![Point {
                        x: place(decade),
                        share: share.share,
                        low: share.low,
                        high: share.high,
                    }],
                })
                .collect(),
        });
    }
    ("time", systems, panels)
}

fn scene(names: &[String], panels: &[Panel]) -> Scene {
    let columns = panels.len().min(COLUMNS);
    let mut scene = Scene {
        width: 2.0 * MARGIN + columns as f64 * (WIDTH + GAP) - GAP,
        ..Scene::default()
    };
    let mut top = MARGIN;
    for row in panels.chunks(COLUMNS) {
        for (column, panel) in row.iter().enumerate() {
            let left = MARGIN + column as f64 * (WIDTH + GAP);
            draw(&mut scene, panel, names.len(), left, top);
        }
        top += HEIGHT + GAP;
    }
    let room = scene.width - 2.0 * MARGIN;
    let (mut x, mut y) = (MARGIN, top);
    for (i, name) in names.iter().enumerate() {
        let text = fitted(name, LEGEND_SIZE, room - 26.0);
        let width = 26.0 + text_width(&text, LEGEND_SIZE);
        if x > MARGIN && x + width > MARGIN + room {
            (x, y) = (MARGIN, y + LEGEND_LINE);
        }
        let color = distinct(i, names.len());
        scene.path(vec![(x, y), (x + 20.0, y)], 2.0, color);
        scene.dot((x + 10.0, y), 3.2, color);
        scene.text((x + 26.0, y), text, LEGEND_SIZE, Anchor::Start, INK);
        x += width + 22.0;
    }
    scene.height = y + LEGEND_LINE / 2.0 + MARGIN;
    scene
}

fn draw(scene: &mut Scene, panel: &Panel, names: usize, left: f64, top: f64) {
    let title = fitted(&panel.title, TITLE_SIZE, WIDTH);
    scene.text((left, top + 8.0), title, TITLE_SIZE, Anchor::Start, INK);
    let (upper, lower) = (top + 26.0, top + HEIGHT - 42.0);
    let (from, to) = (left + 52.0, left + WIDTH - 24.0);
    let y = Span {
        low: 0.0,
        high: 1.0,
        from: lower,
        to: upper,
    };
    let x = Span {
        low: -0.05,
        high: 1.05,
        from,
        to,
    };
    for percent in [0, 20, 40, 60, 80, 100] {
        let at = y.pixel(f64::from(percent) / 100.0);
        scene.path(vec![(from, at), (to, at)], 1.0, GRID);
        scene.text(
            (from - 7.0, at),
            percent.to_string(),
            TICK_SIZE,
            Anchor::End,
            INK,
        );
    }
    for (place, text) in &panel.ticks {
        let at = x.pixel(*place);
        scene.path(vec![(at, lower), (at, lower + 4.0)], 1.0, FAINT);
        let text = text.clone();
        scene.text((at, lower + 13.0), text, TICK_SIZE, Anchor::Middle, INK);
    }
    scene.path(vec![(from, upper), (from, lower), (to, lower)], 1.0, FAINT);
    let center = ((from + to) / 2.0, lower + 32.0);
    let label = fitted(&panel.label, LEGEND_SIZE, to - from);
    scene.text(center, label, LEGEND_SIZE, Anchor::Middle, INK);
    scene.upright(
        (left + 10.0, (upper + lower) / 2.0),
        "% of cases",
        LEGEND_SIZE,
    );
    for line in &panel.lines {
        let color = distinct(line.name, names);
        // Beside each other, so that bars of equal places can be told apart.
        let aside = 3.0 * (line.name as f64 - (names.max(1) - 1) as f64 / 2.0);
        let pixel = |point: &Point, share: f64| (x.pixel(point.x) + aside, y.pixel(share));
        for point in &line.points {
            let bar = vec![pixel(point, point.low), pixel(point, point.high)];
            scene.path(bar, 1.2, color.faded(0.6));
        }
        let path: Vec<(f64, f64)> = line.points.iter().map(|p| pixel(p, p.share)).collect();
        for at in &path {
            scene.dot(*at, 3.2, color);
        }
        if path.len() > 1 {
            scene.path(path, 2.0, color);
        }
    }
}
