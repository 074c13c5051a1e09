//! That pictures hold what they should, legibly; that text stays apart and inside; and that files are
//! written whole or not at all.

use proptest::prelude::*;

use super::axis::{Span, TICK_SIZE, Ticks, padded};
use super::shapes::{Anchor, PALETTE, Scene, Shape, distinct, fitted, text_width, wrapped};
use super::*;
use crate::samples::Sample;

/// Series of the kinds that pictures must cope with.
fn samples() -> Vec<(&'static str, Series, Candidate)> {
    let sample = |law, states, initial, times, noise| {
        Sample {
            law,
            states,
            initial,
            times,
            noise,
        }
        .make()
    };
    let mut all = Vec::new();
    let mut add = |name, (series, candidate)| all.push((name, series, candidate));
    add(
        "one state",
        sample(
            "0.55*y*(1 - y/663)",
            &["y"],
            &[&[9.6]],
            (0.0, 18.0, 19),
            0.01,
        ),
    );
    add(
        "two states",
        sample(
            "0.48*hare - 0.025*hare*lynx; 0.028*hare*lynx - 0.93*lynx",
            &["hare", "lynx"],
            &[&[34.9, 3.9]],
            (1900.0, 1920.0, 21),
            0.05,
        ),
    );
    add(
        "eight states",
        sample(
            "1.23456*a*(1 - b/12.3456) - 3.21*a^2/(17 + a^2)*c/(1 + d) + 0.0023*sin(1.2*e + 0.3)*f \
             - 1.5*exp(-0.2*g)*h; a - b; b - c; c - d; d - e; e - f; f - g; g - h",
            &["a", "b", "c", "d", "e", "f", "g", "h"],
            &[&[1.0; 8]],
            (0.0, 3.0, 40),
            0.02,
        ),
    );
    add(
        "many points",
        sample(
            "0.9*y*(1 - y/5)",
            &["y"],
            &[&[0.05]],
            (0.0, 15.0, 3000),
            0.04,
        ),
    );
    add(
        "over decades",
        sample(
            "-x; x - 0.3*y",
            &["x", "y"],
            &[&[5.0, 0.0]],
            (0.0, 40.0, 60),
            0.03,
        ),
    );
    add(
        "tiny",
        sample(
            "0.9*y*(1 - y/3e-9)",
            &["y"],
            &[&[1e-10]],
            (0.0, 9.0, 30),
            0.04,
        ),
    );
    let (mut series, candidate) = sample(
        "9e-5*y*(1 - y/3.3e9)",
        &["y"],
        &[&[3e9]],
        (1.6e9, 1.6e9 + 5e4, 30),
        0.001,
    );
    series.labels.states[0] = "a name <longer> than the axis is high & wide ".repeat(4);
    series.labels.time = "a time \"with\" a long name ".repeat(8);
    add("huge, with long names", (series, candidate));
    let starts: Vec<[f64; 1]> = (0..20).map(|k| [0.1 + 0.5 * f64::from(k)]).collect();
    let starts: Vec<&[f64]> = starts.iter().map(|y| y.as_slice()).collect();
    let (mut series, candidate) = Sample {
        law: "0.9*y*(1 - y/5)",
        states: &["y"],
        initial: &starts,
        times: (0.0, 8.0, 15),
        noise: 0.02,
    }
    .make();
    series.trajectory_labels = (0..20).map(|k| format!("flask number {k}")).collect();
    add("many trajectories", (series, candidate));
    all
}

/// What the program says of the axes of a series.
fn info(series: &Series) -> RunInfo {
    let problem = Problem::new(series.trajectories.clone()).unwrap();
    RunInfo {
        logarithmic: logarithmic(&problem),
        ..RunInfo::default()
    }
}

/// The box around a text: left, top, right, bottom.
pub(super) fn bounds(shape: &Shape) -> Option<(&str, [f64; 4])> {
    let Shape::Text {
        at,
        text,
        size,
        anchor,
        upright,
        ..
    } = shape
    else {
        return None;
    };
    let width = text_width(text, *size);
    let start = match anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => -width / 2.0,
        Anchor::End => -width,
    };
    let (x, y, half) = (at.0, at.1, size / 2.0);
    let horizontal = [x + start, y - half, x + start + width, y + half];
    let vertical = [x - half, y + start, x + half, y + start + width];
    Some((text, if *upright { vertical } else { horizontal }))
}

#[test]
fn text_is_inside_and_apart() {
    for (name, series, candidate) in samples() {
        let scene = scene::scene(&series, &candidate, &info(&series));
        let texts: Vec<(&str, [f64; 4])> = scene.shapes.iter().filter_map(bounds).collect();
        assert!(texts.len() > 10, "{name}");
        for (i, (text, a)) in texts.iter().enumerate() {
            let inside = a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= scene.width && a[3] <= scene.height;
            assert!(inside, "{name}: {text} at {a:?}");
            for (other, b) in &texts[i + 1..] {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{name}: {text} at {a:?} covers {other} at {b:?}");
            }
        }
    }
}

#[test]
fn every_observation_is_drawn_twice() {
    for (name, series, candidate) in samples() {
        let scene = scene::scene(&series, &candidate, &info(&series));
        let dots = scene
            .shapes
            .iter()
            .filter(|s| matches!(s, Shape::Dot { .. }));
        let legend = match series.trajectories.len() {
            1 => 1,
            n => 1 + n.min(14),
        };
        let observed: usize = series.trajectories.iter().map(|t| t.observed()).sum();
        // As data and as residual; of 3000 points, every second one.
        let drawn = match name {
            "many points" => observed / 2,
            // The 0 that one of them begins with is on no logarithmic axis.
            "over decades" => observed - 1,
            _ => observed,
        };
        assert_eq!(dots.count(), 2 * drawn + legend, "{name}");
    }
}

#[test]
fn equations_and_labels_are_there() {
    let (_, series, candidate) = samples().swap_remove(1);
    let scene = scene::scene(&series, &candidate, &RunInfo::default());
    let texts: Vec<&str> = scene
        .shapes
        .iter()
        .filter_map(|s| Some(bounds(s)?.0))
        .collect();
    for text in [
        "dhare/dt = 0.48*hare - 0.025*hare*lynx",
        "dlynx/dt = 0.028*hare*lynx - 0.93*lynx",
        "hare",
        "lynx",
        "t",
        "residual",
        "observed",
        "law, R² = 0.9988",
    ] {
        assert!(texts.contains(&text), "{text} not in {texts:?}");
    }
}

#[test]
fn states_over_decades_have_logarithmic_axes_and_no_others() {
    for (name, series, candidate) in samples() {
        let scene = scene::scene(&series, &candidate, &info(&series));
        let texts = || scene.shapes.iter().filter_map(|s| Some(bounds(s)?.0));
        let ratios = texts().filter(|text| text.starts_with("ln ratio")).count();
        let expected = if name == "over decades" { 2 } else { 0 };
        assert_eq!(ratios, expected, "{name}");
        if name == "over decades" {
            for number in ["1e−15", "0.1"] {
                assert!(texts().any(|text| text == number), "{number}");
            }
        }
    }
}

#[test]
fn residuals_vanish_on_the_law_itself() {
    let (_, series, candidate) = samples().swap_remove(0);
    let exact = Sample {
        law: "0.55*y*(1 - y/663)",
        states: &["y"],
        initial: &[&[9.6]],
        times: (0.0, 18.0, 19),
        noise: 0.0,
    };
    let (exact, _) = exact.make();
    let deviation = |series: &Series| {
        let scene = scene::scene(series, &candidate, &RunInfo::default());
        let texts = scene.shapes.iter().filter_map(|s| Some(bounds(s)?.0));
        let power = texts.rev().find(|t| t.starts_with("residual"));
        power.unwrap_or_default().to_string()
    };
    // The axis of the residuals is as fine as the integrator, not as the grid of the curve.
    assert_eq!(deviation(&series), "residual");
    let fine = deviation(&exact);
    assert!(fine.contains("10⁻"), "{fine}");
    assert!(!["⁻³", "⁻⁴"].iter().any(|p| fine.ends_with(p)), "{fine}");
}

#[test]
fn colors_are_different() {
    for count in 1..60 {
        let colors: Vec<_> = (0..count).map(|k| distinct(k, count)).collect();
        for (i, a) in colors.iter().enumerate() {
            assert!(!colors[i + 1..].contains(a), "{i} of {count}");
        }
    }
    assert_eq!(distinct(0, 2), PALETTE[0]);
}

#[test]
fn a_solution_far_from_the_data_is_cut_off() {
    let (mut series, mut candidate) = Sample {
        law: "0.5*y",
        states: &["y"],
        initial: &[&[1.0]],
        times: (0.0, 40.0, 20),
        noise: 0.0,
    }
    .make();
    let flat = (0..20).map(|k| 1.0 + 0.01 * f64::from(k)).collect();
    let times = series.trajectories[0].times().to_vec();
    series.trajectories[0] = nsode_generator::Trajectory::new(1, times, flat).unwrap();
    candidate.r2 = -3.0;
    let scene = scene::scene(&series, &candidate, &RunInfo::default());
    for shape in &scene.shapes {
        if let Shape::Path { points, .. } = shape {
            for &(x, y) in points {
                assert!(x >= 0.0 && x <= scene.width && y >= 0.0 && y <= scene.height);
            }
        }
    }
    assert!(
        scene
            .shapes
            .iter()
            .any(|s| matches!(s, Shape::Path { width, .. } if *width == 2.0))
    );
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for (k, (_, series, candidate)) in samples().into_iter().enumerate() {
        if k > 1 && k != 5 {
            continue;
        }
        let svg = folder.path().join(format!("plot-{k}.SVG"));
        plot(&svg, &series, &candidate, &RunInfo::default()).unwrap();
        let text = std::fs::read_to_string(&svg).unwrap();
        assert!(text.starts_with("<svg width=\"") && text.trim_end().ends_with("</svg>"));
        assert!(!text.contains("<longer>"));
        let png = folder.path().join(format!("plot-{k}.png"));
        plot(&png, &series, &candidate, &RunInfo::default()).unwrap();
        let bytes = std::fs::read(&png).unwrap();
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        let scene = scene::scene(&series, &candidate, &RunInfo::default());
        let width = u32::from_be_bytes([bytes[16], bytes[17], bytes[18], bytes[19]]);
        assert_eq!(width, 2 * scene.width.round() as u32);
    }
    let (_, series, candidate) = samples().swap_remove(0);
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    let before = count();
    for name in ["plot.pdf", "plot"] {
        let result = plot(
            &folder.path().join(name),
            &series,
            &candidate,
            &RunInfo::default(),
        );
        assert!(matches!(result, Err(PlotError::Format { .. })), "{name}");
    }
    let missing = folder.path().join("nowhere").join("plot.svg");
    let error = plot(&missing, &series, &candidate, &RunInfo::default()).unwrap_err();
    assert!(matches!(error, PlotError::Write { .. }), "{error}");
    assert!(!error.remedy().is_empty());
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    let result = plot(
        &folder.path().join("folder.png"),
        &series,
        &candidate,
        &RunInfo::default(),
    );
    assert!(matches!(result, Err(PlotError::Write { .. })));
    assert_eq!(count(), before + 1, "a temporary file was left behind");
    assert!(check_path(Path::new("a/b.png")).is_ok() && check_path(Path::new("a/b.gif")).is_err());
}

#[test]
fn long_texts_are_wrapped_and_cut() {
    let text = "dy/dt = 0.5*y*(1 - y/663) - 3.21*y^2/(17 + y^2) + 0.002*sin(1.2*z + 0.3)";
    for room in [40.0, 120.0, 300.0, 2000.0] {
        let lines = wrapped(text, 12.0, room, 3);
        assert!((1..=3).contains(&lines.len()));
        assert!(
            lines.iter().all(|line| text_width(line, 12.0) <= room),
            "{lines:?}"
        );
        if lines.iter().all(|line| !line.contains('…')) {
            assert_eq!(lines.join(" "), text);
        }
    }
    assert_eq!(wrapped(text, 12.0, 2000.0, 3), [text]);
    assert!(wrapped(text, 12.0, 300.0, 3).len() > 1);
    assert_eq!(fitted("abc", 12.0, 0.0), "…");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn ticks_are_round_few_and_inside(
        middle in -1e3..1e3f64,
        width in 1e-6..1e3f64,
        power in -250..250i32,
        most in 2..9usize,
    ) {
        let unit = 10f64.powi(power);
        let (low, high) = ((middle - width) * unit, (middle + width) * unit);
        let ticks = Ticks::new(low, high, most);
        let slack = 1e-8 * (high - low);
        prop_assert!(ticks.marks.len() <= most);
        prop_assert!(!ticks.marks.is_empty());
        for (value, text) in &ticks.marks {
            prop_assert!(*value >= low - slack && *value <= high + slack);
            let read: f64 = text.replace('−', "-").parse().unwrap();
            let read = read * 10f64.powi(ticks.power);
            prop_assert!((read - value).abs() <= 1e-9 * value.abs() + slack, "{text} {value}");
        }
        for pair in ticks.marks.windows(2) {
            prop_assert!(pair[0].0 < pair[1].0 && pair[0].1 != pair[1].1);
        }
        let row = Ticks::side_by_side(low, high, 300.0);
        let total: f64 = row.marks.iter().map(|(_, text)| text_width(text, TICK_SIZE)).sum();
        prop_assert!(row.marks.len() < 2 || total < 300.0 + 200.0);
    }

    #[test]
    fn ranges_hold_their_data(low in prop::num::f64::NORMAL, high in prop::num::f64::NORMAL) {
        let (low, high) = (low.min(high), low.max(high));
        let (from, to) = padded(low, high);
        prop_assert!(from <= low && high <= to && from < to);
        let span = Span { low: from, high: to, from: 100.0, to: 0.0 };
        for value in [low, high] {
            prop_assert!((-1e-6..=100.0 + 1e-6).contains(&span.pixel(value)));
        }
        Ticks::new(from, to, 6);
    }
}

#[test]
fn an_empty_series_is_no_reason_to_panic() {
    let (_, mut series, mut candidate) = samples().swap_remove(0);
    series.trajectories.clear();
    series.trajectory_labels.clear();
    candidate.fitted.clear();
    let scene: Scene = scene::scene(&series, &candidate, &RunInfo::default());
    assert!(scene.height > 0.0);
    assert!(render::svg(&scene).is_ok());
}
