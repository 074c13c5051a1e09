//! What is in a corpus, as tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table};
use nsode_generator::statistics::{Histogram, Tally};
use nsode_generator::{Manifest, Statistics};
use std::collections::BTreeMap;

/// Skeletons that are listed.
const LISTED: usize = 20;
/// Shares of samples with the so many most frequent skeletons.
const MOST_FREQUENT: [usize; 4] = [10, 50, 200, 800];
/// Columns of a text that are the longest bar.
const BAR: f64 = 24.0;
/// Quantiles.
const QUANTILES: [(f64, &str); 5] = [
    (0.05, "5 %"),
    (0.25, "25 %"),
    (0.5, "median"),
    (0.75, "75 %"),
    (0.95, "95 %"),
];

/// All tables. Ends with a line end.
pub fn tables(corpus: &Manifest) -> String {
    let mut text = head(corpus);
    text.push_str("\nWhat became of the draws\n");
    text.push_str(&fates(corpus));
    if let Some(Statistics { tally, skeletons }) = &corpus.statistics {
        text.push_str("\nHow samples are spread\n");
        text.push_str(&spread(tally));
        text.push_str("\nTokens of the skeletons\n");
        text.push_str(&tokens(tally));
        text.push_str(&format!(
            "\nSkeletons: {} different ones, {} of them once, entropy {:.2} bits\n",
            grouped(skeletons.distinct),
            grouped(skeletons.singletons),
            skeletons.entropy_bits
        ));
        let mut table = table(&["rank", "samples", "share", "skeleton"], 3);
        for (rank, skeleton) in skeletons.top.iter().take(LISTED).enumerate() {
            let cells = [
                (rank + 1).to_string(),
                grouped(skeleton.count),
                percent(skeleton.count, tally.samples),
                skeleton.law.clone(),
            ];
            add(&mut table, cells, 3);
        }
        text.push_str(&shown(&table));
        for most in MOST_FREQUENT
            .into_iter()
            .filter(|&n| (n as u64) < skeletons.distinct)
        {
            let covered = skeletons.top.iter().take(most).map(|s| s.count).sum();
            let share = percent(covered, tally.samples);
            text.push_str(&format!(
                "  the {most} most frequent: {share} of all samples\n"
            ));
        }
    }
    text
}

fn head(corpus: &Manifest) -> String {
    let made_by: Vec<&str> = corpus.made_by.iter().map(|hash| short(hash)).collect();
    format!(
        "{} samples in {} shards, {} of {} draws\nseed {}, configuration {}, made by nsode {}{}\n",
        grouped(corpus.accepted),
        corpus.shards.len(),
        percent(corpus.accepted, corpus.drawn),
        grouped(corpus.drawn),
        corpus.seed,
        short(&corpus.config_sha256),
        corpus.version,
        match made_by.is_empty() {
            true => String::new(),
            false => format!(" ({})", made_by.join(", ")),
        }
    )
}

/// The beginning of a hash.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn fates(corpus: &Manifest) -> String {
    let mut rows = vec![("accepted".to_string(), corpus.accepted, String::new())];
    let reasons = corpus.rejections.iter();
    rows.extend(reasons.map(|(reason, n)| (reason.name().to_string(), *n, reason.to_string())));
    if let Some(rejections) = rows.get_mut(1..) {
        rejections.sort_by_key(|(_, n, _)| std::cmp::Reverse(*n));
    }
    let longest = rows.iter().map(|(_, n, _)| *n).max().unwrap_or(1) as f64;
    let mut table = table(&["", "draws", "share", "", ""], 0);
    for (name, count, meaning) in rows {
        let bar = bar(count as f64 / longest);
        let cells = [
            name,
            grouped(count),
            percent(count, corpus.drawn),
            bar,
            meaning,
        ];
        add(&mut table, cells, 0);
    }
    shown(&table)
}

fn spread(tally: &Tally) -> String {
    let mut header = vec![""];
    header.extend(QUANTILES.map(|(_, name)| name));
    let mut table = table(&header, 0);
    let mut line = |name: &str, at: &dyn Fn(f64) -> Option<String>| {
        let cells = QUANTILES.map(|(share, _)| at(share).unwrap_or_default());
        add(&mut table, [name.to_string()].into_iter().chain(cells), 0);
    };
    let whole = |counts: &BTreeMap<usize, u64>, share| {
        let total: u64 = counts.values().sum();
        let mut seen = 0;
        let found = counts.iter().find(|(_, n)| {
            seen += **n;
            seen as f64 >= share * total as f64
        });
        found.map(|(value, _)| value.to_string())
    };
    let real = |histogram: &Histogram, share| histogram.quantile(share).map(|v| format!("{v:.3}"));
    line("number of states", &|s| whole(&tally.dimensions, s));
    line("tokens a skeleton", &|s| whole(&tally.lengths, s));
    line("constants a law", &|s| whole(&tally.constants_each, s));
    line("constant, normalised", &|s| real(&tally.constants, s));
    line("half of the path done at (share of time)", &|s| {
        real(&tally.half_done, s)
    });
    line("95 % of the path done at", &|s| real(&tally.nearly_done, s));
    line("range of a state / its largest value", &|s| {
        real(&tally.ranges, s)
    });
    shown(&table)
}

fn tokens(tally: &Tally) -> String {
    let mut counts: Vec<(&String, u64)> = tally.tokens.iter().map(|(t, n)| (t, *n)).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let longest = counts.first().map_or(1, |(_, n)| *n) as f64;
    let mut table = table(&["token", "times", "a sample", ""], 0);
    for (name, count) in counts {
        let each = count as f64 / tally.samples.max(1) as f64;
        let cells = [
            name.clone(),
            grouped(count),
            format!("{each:.3}"),
            bar(count as f64 / longest),
        ];
        add(&mut table, cells, 0);
    }
    shown(&table)
}

fn table(header: &[&str], text: usize) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.force_no_tty();
    let cells = header.iter().enumerate();
    table.set_header(cells.map(|(i, name)| aligned(i, name.to_string(), text)));
    table
}

fn add(table: &mut Table, cells: impl IntoIterator<Item = String>, text: usize) {
    let cells = cells.into_iter().enumerate();
    table.add_row(cells.map(|(i, cell)| aligned(i, cell, text)));
}

/// Numbers to the right; the column `text`, and those from the fourth on, to the left.
fn aligned(column: usize, content: String, text: usize) -> Cell {
    let left = column == text
        || (column >= 3 && !content.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    Cell::new(content).set_alignment(match left {
        true => CellAlignment::Left,
        false => CellAlignment::Right,
    })
}

fn shown(table: &Table) -> String {
    table.trim_fmt() + "\n"
}

fn bar(share: f64) -> String {
    "█".repeat((BAR * share).round() as usize)
}

fn percent(part: u64, whole: u64) -> String {
    let share = 100.0 * part as f64 / whole.max(1) as f64;
    match share {
        s if s > 0.0 && s < 0.1 => format!("{s:.3} %"),
        s => format!("{s:.1} %"),
    }
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (k, digit) in digits.chars().enumerate() {
        if k > 0 && (digits.len() - k).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
