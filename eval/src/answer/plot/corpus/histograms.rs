//! The page of histograms: six charts with standing bars or curves, two lists with lying ones.

use std::collections::BTreeMap;

use nsode_generator::statistics::{Axis, Frequencies, Histogram, Tally};
use nsode_generator::{Manifest, Statistics};

use super::super::axis::{TICK_SIZE, Ticks};
use super::super::panel::Frame;
use super::super::shapes::{Anchor, Color, INK, Scene, distinct, fitted};
use super::bars::{Chart, Lying, Marks, TITLE_SIZE};

/// Sizes in logical pixels.
const MARGIN: f64 = 18.0;
const WIDTH: f64 = 370.0;
const HEIGHT: f64 = 236.0;
const GAP: f64 = 26.0;
const COLUMNS: usize = 3;

/// Draws what is in a corpus.
pub(super) fn scene(corpus: &Manifest) -> Scene {
    let total = 2.0 * MARGIN + COLUMNS as f64 * (WIDTH + GAP) - GAP;
    let mut scene = Scene {
        width: total,
        height: 3.0 * MARGIN,
        ..Scene::default()
    };
    let room = total - 2.0 * MARGIN;
    let head = fitted(&head(corpus), TITLE_SIZE, room);
    scene.text((MARGIN, MARGIN + 6.0), head, TITLE_SIZE, Anchor::Start, INK);
    let Some(Statistics { tally, skeletons }) = &corpus.statistics else {
        return scene;
    };
    let top = MARGIN + 34.0;
    let frame = |row: usize, column: usize| Frame {
        left: MARGIN + column as f64 * (WIDTH + GAP),
        top: top + row as f64 * (HEIGHT + GAP),
        width: WIDTH,
        height: HEIGHT,
    };
    whole_numbers(
        &mut scene,
        frame(0, 0),
        "Length of skeletons",
        "tokens a skeleton",
        &tally.lengths,
    );
    let each = &tally.constants_each;
    whole_numbers(
        &mut scene,
        frame(0, 1),
        "Number of constants",
        "constants a law",
        each,
    );
    let of = "Constants, normalised";
    standing(
        &mut scene,
        frame(0, 2),
        of,
        "value (linear below 0.02, logarithmic above)",
        &tally.constants,
    );
    speed(&mut scene, frame(1, 0), tally);
    let of = "Range of the states";
    standing(
        &mut scene,
        frame(1, 1),
        of,
        "(largest − smallest) / largest absolute value",
        &tally.ranges,
    );
    ranks(&mut scene, frame(1, 2), skeletons, tally.samples);

    let half = (room - GAP) / 2.0;
    let (tokens, fates) = (tokens(tally), fates(corpus));
    let rows = tokens.len().max(fates.len());
    let lists = [
        ("Tokens, occurrences a skeleton", tokens),
        ("What became of the draws", fates),
    ];
    let top = top + 2.0 * (HEIGHT + GAP);
    let height = Lying::height(rows);
    for (k, (title, bars)) in lists.into_iter().enumerate() {
        let frame = Frame {
            left: MARGIN + k as f64 * (half + GAP),
            top,
            width: half,
            height,
        };
        Lying { title, bars: &bars }.draw(&mut scene, frame);
    }
    scene.height = top + height + MARGIN;
    scene
}

fn head(corpus: &Manifest) -> String {
    let mut text = format!(
        "{} samples, {:.1} % of {} draws",
        grouped(corpus.accepted),
        100.0 * corpus.acceptance,
        grouped(corpus.drawn)
    );
    if let Some(Statistics { tally, skeletons }) = &corpus.statistics {
        text.push_str(&format!(
            "; {} skeletons, {} of them once, entropy {:.1} bits",
            grouped(skeletons.distinct),
            grouped(skeletons.singletons),
            skeletons.entropy_bits
        ));
        if tally.dimensions.len() > 1 || !tally.dimensions.contains_key(&1) {
            let share = |n: &u64| 100.0 * *n as f64 / tally.samples.max(1) as f64;
            let each = tally
                .dimensions
                .iter()
                .map(|(d, n)| format!("{d}: {:.0} %", share(n)));
            let each: Vec<String> = each.collect();
            text.push_str(&format!("; states {}", each.join(", ")));
        }
    }
    text
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Marks of an axis of shares, in percent.
fn percent(high: f64) -> Marks {
    let ticks = Ticks::new(0.0, 100.0 * high, 5);
    let marks = ticks.marks.into_iter();
    marks
        .map(|(value, text)| (value / 100.0, format!("{text} %")))
        .collect()
}

fn linear(low: f64, high: f64, most: usize) -> Marks {
    Ticks::new(low, high, most).marks
}

/// Room above the highest bar.
fn headroom(highest: f64) -> f64 {
    if highest > 0.0 { highest * 1.08 } else { 1.0 }
}

fn whole_numbers(
    scene: &mut Scene,
    frame: Frame,
    title: &str,
    label: &str,
    counts: &BTreeMap<usize, u64>,
) {
    let total = counts.values().sum::<u64>().max(1) as f64;
    let low = counts.keys().next().copied().unwrap_or(0) as f64 - 0.5;
    let high = counts.keys().next_back().copied().unwrap_or(0) as f64 + 0.5;
    let highest = headroom(counts.values().max().copied().unwrap_or(0) as f64 / total);
    let whole = linear(low, high, 8)
        .into_iter()
        .filter(|(v, _)| v.fract() == 0.0);
    let chart = Chart {
        title,
        label,
        x: (low, high),
        y: (0.0, highest),
        x_marks: whole.collect(),
        y_marks: percent(highest),
    };
    let inside = chart.draw(scene, frame);
    for (&number, &count) in counts {
        let number = number as f64;
        inside.bar(scene, (number - 0.5, number + 0.5), count as f64 / total);
    }
}

/// Marks in the coordinate of a histogram's axis, from 0 to 1.
fn marks(axis: Axis) -> Marks {
    let values: Marks = match axis {
        Axis::Linear { low, high } => linear(low, high, 6),
        Axis::Asinh { high, .. } => {
            let sizes = [100.0, 10.0, 1.0, 0.1].into_iter().filter(|v| *v < high);
            let below = sizes.clone().map(|v: f64| (-v, format!("−{v}")));
            let above = sizes.map(|v: f64| (v, v.to_string()));
            below
                .chain([(0.0, "0".to_string())])
                .chain(above.rev())
                .collect()
        }
    };
    values
        .into_iter()
        .map(|(v, text)| (axis.place(v), text))
        .collect()
}

fn standing(scene: &mut Scene, frame: Frame, title: &str, label: &str, histogram: &Histogram) {
    let total = histogram.total().max(1) as f64;
    let highest = headroom(histogram.counts.iter().max().copied().unwrap_or(0) as f64 / total);
    let chart = Chart {
        title,
        label,
        x: (0.0, 1.0),
        y: (0.0, highest),
        x_marks: marks(histogram.axis),
        y_marks: percent(highest),
    };
    let inside = chart.draw(scene, frame);
    let bins = histogram.counts.len() as f64;
    for (bin, &count) in histogram.counts.iter().enumerate() {
        let bin = bin as f64;
        inside.bar(
            scene,
            (bin / bins, (bin + 1.0) / bins),
            count as f64 / total,
        );
    }
}

/// When half of the path is done, and when nearly all of it: two outlines.
fn speed(scene: &mut Scene, frame: Frame, tally: &Tally) {
    let outlines = [(&tally.half_done, "half"), (&tally.nearly_done, "95 %")];
    let share = |h: &Histogram| {
        let total = h.total().max(1) as f64;
        h.counts
            .iter()
            .map(|&n| n as f64 / total)
            .collect::<Vec<f64>>()
    };
    let shares = outlines.map(|(h, _)| share(h));
    let highest = headroom(shares.iter().flatten().copied().fold(0.0, f64::max));
    let chart = Chart {
        title: "When half of the path is done, and 95 % of it",
        label: "share of the time",
        x: (0.0, 1.0),
        y: (0.0, highest),
        x_marks: linear(0.0, 1.0, 6),
        y_marks: percent(highest),
    };
    let inside = chart.draw(scene, frame);
    for (k, (shares, (_, name))) in shares.iter().zip(outlines).enumerate() {
        let color: Color = distinct(k, 2);
        let bins = shares.len() as f64;
        let mut points = vec![(inside.x.pixel(0.0), inside.y.pixel(0.0))];
        for (bin, &share) in shares.iter().enumerate() {
            let y = inside.y.pixel(share);
            points.push((inside.x.pixel(bin as f64 / bins), y));
            points.push((inside.x.pixel((bin as f64 + 1.0) / bins), y));
        }
        points.push((inside.x.pixel(1.0), inside.y.pixel(0.0)));
        scene.path(points, 1.6, color);
        let y = frame.top + 34.0 + 17.0 * k as f64;
        let x = inside.x.pixel(0.42);
        scene.path(vec![(x, y), (x + 20.0, y)], 2.0, color);
        scene.text((x + 26.0, y), name, TICK_SIZE, Anchor::Start, INK);
    }
}

/// How frequent the skeletons are, by rank, on logarithmic axes.
fn ranks(scene: &mut Scene, frame: Frame, skeletons: &Frequencies, samples: u64) {
    let share = |count: u64| count as f64 / samples.max(1) as f64;
    let shares: Vec<f64> = skeletons.top.iter().map(|s| share(s.count)).collect();
    let high = shares.first().copied().unwrap_or(1.0);
    let low = shares.last().copied().unwrap_or(high);
    let decade = |exponent: i32| match exponent {
        0 => (0.0, "100 %".to_string()),
        -1 => (-1.0, "10 %".to_string()),
        -2 => (-2.0, "1 %".to_string()),
        e => (
            f64::from(e),
            format!("{:.*} %", (-e - 2) as usize, 10f64.powi(e + 2)),
        ),
    };
    let (low, high) = (
        low.log10().floor() as i32,
        (high.log10().ceil() as i32).min(0),
    );
    let low = low.min(high - 1);
    let last = (shares.len().max(2) as f64).log10();
    let powers = [1u64, 10, 100, 1000].map(|n| ((n as f64).log10(), n.to_string()));
    let chart = Chart {
        title: "Frequency of skeletons, by rank",
        label: "rank",
        x: (0.0, last * 1.001),
        y: (f64::from(low), f64::from(high)),
        x_marks: powers.to_vec(),
        y_marks: (low..=high).map(decade).collect(),
    };
    let inside = chart.draw(scene, frame);
    let place = |(k, share): (usize, &f64)| {
        let x = inside.x.pixel(((k + 1) as f64).log10());
        (x, inside.y.pixel(share.log10()))
    };
    let points: Vec<(f64, f64)> = shares.iter().enumerate().map(place).collect();
    for &point in points.iter().take(10) {
        scene.dot(point, 2.6, distinct(0, 2));
    }
    scene.path(points, 1.8, distinct(0, 2));
}

fn tokens(tally: &Tally) -> Vec<(String, f64, String)> {
    let mut counts: Vec<(&String, u64)> = tally.tokens.iter().map(|(t, n)| (t, *n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let each = |n: u64| n as f64 / tally.samples.max(1) as f64;
    let bars = counts.into_iter();
    bars.map(|(name, n)| (name.clone(), each(n), significant(each(n))))
        .collect()
}

fn fates(corpus: &Manifest) -> Vec<(String, f64, String)> {
    let share = |n: u64| n as f64 / corpus.drawn.max(1) as f64;
    let text = |n: u64| format!("{} %", significant(100.0 * share(n)));
    let mut counts: Vec<(String, u64)> = corpus
        .rejections
        .iter()
        .map(|(reason, n)| (reason.name().to_string(), *n))
        .collect();
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let accepted = ("accepted".to_string(), corpus.accepted);
    let all = [accepted].into_iter().chain(counts);
    all.map(|(name, n)| (name, share(n), text(n))).collect()
}

/// Two digits at least.
fn significant(value: f64) -> String {
    let decimals = match value {
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v if v >= 0.001 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}
