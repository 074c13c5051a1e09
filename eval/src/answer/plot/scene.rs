//! The whole picture: panels in rows, the legend below them.

use super::axis::Scale;
use super::panel::{self, Frame, Panel, colors, head_lines};
use super::shapes::{Anchor, Color, FAINT, INK, Scene, fitted, text_width};
use super::slopes::{self, Slopes};
use crate::answer::present::Presented;
use crate::answer::report::{RunInfo, equations};
use crate::discover::Candidate;
use crate::series::table::Series;

/// Sizes in logical pixels.
const MARGIN: f64 = 16.0;
const GAP: f64 = 26.0;
const LEGEND_SIZE: f64 = 12.0;
const LEGEND_LINE: f64 = 20.0;
/// Most trajectories that the legend names.
const NAMED: usize = 14;

/// Panels in a row, width of one, and height of one without its equation, for a number of states.
fn grid(states: usize) -> (usize, f64, f64) {
    match states {
        0 | 1 => (1, 720.0, 440.0),
        2 => (2, 500.0, 380.0),
        3 | 4 => (2, 500.0, 330.0),
        _ => (3, 410.0, 300.0),
    }
}

/// Width of the slopes beside the only panel, and height of those below others.
const SLOPES_BESIDE: f64 = 400.0;
const SLOPES_BELOW: f64 = 220.0;

/// Draws the data of `series` and the solution of `candidate`; of `info`, forecast and slopes.
pub(super) fn scene(series: &Series, candidate: &Candidate, info: &RunInfo) -> Scene {
    let dimension = series.names.dimension();
    let (columns, width, height) = grid(dimension);
    let equations = equations(&Presented::of(candidate).rounded(), &series.names);
    let system = candidate.system.to_system();
    let beside = match (&info.slopes, dimension) {
        (Some(_), 1) => GAP + SLOPES_BESIDE,
        _ => 0.0,
    };
    let total = 2.0 * MARGIN + columns as f64 * (width + GAP) - GAP + beside;
    let mut scene = Scene {
        width: total,
        ..Scene::default()
    };

    let mut top = MARGIN;
    let states: Vec<usize> = (0..dimension).collect();
    for row in states.chunks(columns) {
        let equation = |state: usize| equations.get(state).map_or("", String::as_str);
        let heads = row.iter().map(|&s| head_lines(equation(s), width));
        let head = heads.max().unwrap_or(0);
        let tall = height + 18.0 * head as f64;
        for (column, &state) in row.iter().enumerate() {
            let frame = Frame {
                left: MARGIN + column as f64 * (width + GAP),
                top,
                width,
                height: tall,
            };
            let panel = Panel {
                state,
                equation: equation(state),
                head,
                time_label: &series.labels.time,
                state_label: series.labels.states.get(state).map_or("", String::as_str),
                observed: &series.trajectories,
                fitted: &candidate.fitted,
                scale: match info.logarithmic.get(state) {
                    Some(true) => Scale::Logarithmic,
                    _ => Scale::Linear,
                },
                forecast: info.forecast.as_ref(),
                rhs: system.rhs(),
            };
            panel::draw(&mut scene, &panel, frame);
        }
        if let Some(band) = &info.slopes {
            for (column, &state) in row.iter().enumerate() {
                let left = MARGIN + column as f64 * (width + GAP);
                let name = |names: &[String]| names.get(state).cloned().unwrap_or_default();
                let slopes = Slopes {
                    equation: state,
                    band,
                    place_label: match band.over_time {
                        true => &series.labels.time,
                        false => series.labels.states.get(state).map_or("", String::as_str),
                    },
                    slope_label: format!("d{}/d{}", name(&series.names.states), series.names.time),
                };
                let (frame, start) = match dimension {
                    1 => {
                        let frame = Frame {
                            left: left + width + GAP,
                            top,
                            width: SLOPES_BESIDE,
                            height: tall,
                        };
                        (frame, panel::below_head(head, frame))
                    }
                    _ => {
                        let frame = Frame {
                            left,
                            top: top + tall + 4.0,
                            width,
                            height: SLOPES_BELOW,
                        };
                        (frame, frame.top + 8.0)
                    }
                };
                slopes::draw(&mut scene, &slopes, frame, start);
            }
            if dimension > 1 {
                top += SLOPES_BELOW + 4.0;
            }
        }
        top += tall + 10.0;
    }
    scene.height = legend(&mut scene, series, candidate, info, top) + MARGIN - 4.0;
    scene
}

/// An entry of the legend.
struct Entry {
    text: String,
    dot: Option<Color>,
    line: Option<Color>,
    /// Whether the mark is an area.
    area: Option<Color>,
}

/// The legend from `top` down; returns where it ends.
fn legend(
    scene: &mut Scene,
    series: &Series,
    candidate: &Candidate,
    info: &RunInfo,
    top: f64,
) -> f64 {
    let count = series.trajectories.len();
    let (observed, solution) = colors(0, count);
    let plain = |text: &str, dot, line| Entry {
        text: text.to_string(),
        dot,
        line,
        area: None,
    };
    let quality = format!("law, R² = {}", crate::answer::report::r2(candidate.r2));
    let mut entries = match count {
        1 => vec![
            plain("observed", Some(observed), None),
            plain(&quality, None, Some(solution)),
        ],
        _ => vec![
            plain("observed", Some(FAINT), None),
            plain(&quality, None, Some(FAINT)),
        ],
    };
    let level = info.forecast.as_ref().map(|f| f.level).or(info.level);
    if let (true, Some(level)) = (info.forecast.is_some() || info.slopes.is_some(), level) {
        let percent = crate::answer::figures::significant(100.0 * level, 3);
        let color = if count == 1 { solution } else { FAINT };
        entries.push(Entry {
            area: Some(color.faded(0.2)),
            ..plain(&format!("{percent} % band"), None, None)
        });
    }
    if count > 1 {
        for (k, label) in series.trajectory_labels.iter().take(NAMED).enumerate() {
            let (dot, line) = colors(k, count);
            entries.push(plain(label, Some(dot), Some(line)));
        }
        if count > NAMED {
            entries.push(plain(&format!("and {} more", count - NAMED), None, None));
        }
    }

    const MARK: f64 = 26.0;
    let room = scene.width - 2.0 * MARGIN;
    let (mut x, mut y) = (MARGIN, top + LEGEND_LINE / 2.0);
    for entry in entries {
        let text = fitted(&entry.text, LEGEND_SIZE, (room - MARK).min(260.0));
        let mark = match (entry.dot, entry.line, entry.area) {
            (None, None, None) => 0.0,
            _ => MARK,
        };
        let width = mark + text_width(&text, LEGEND_SIZE);
        if x > MARGIN && x + width > MARGIN + room {
            (x, y) = (MARGIN, y + LEGEND_LINE);
        }
        if let Some(color) = entry.area {
            let (left, right, top, bottom) = (x, x + 20.0, y - 5.0, y + 5.0);
            let corners = vec![(left, top), (right, top), (right, bottom), (left, bottom)];
            scene.area(corners, color);
        }
        if let Some(color) = entry.line {
            scene.path(vec![(x, y), (x + 20.0, y)], 2.0, color);
        }
        if let Some(color) = entry.dot {
            scene.dot((x + 10.0, y), 3.2, color);
        }
        scene.text((x + mark, y), text, LEGEND_SIZE, Anchor::Start, INK);
        x += width + 22.0;
    }
    y + LEGEND_LINE / 2.0
}
