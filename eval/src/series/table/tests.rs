//! Tables as data (`testdata/tables/index.toml`), and properties of reading.

mod forms;

use std::io::Write;
use std::path::PathBuf;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    table: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    why: String,
    files: Vec<String>,
    time: Option<String>,
    #[serde(default)]
    state: Vec<String>,
    group: Option<String>,
    error: Option<String>,
    line: Option<u64>,
    column: Option<usize>,
    found: Option<String>,
    remedy: Option<String>,
    points: Option<Vec<usize>>,
    observed: Option<Vec<usize>>,
    last: Option<Vec<f64>>,
    time_name: Option<String>,
    states: Option<Vec<String>>,
    labels: Option<Vec<String>>,
    trajectory_labels: Option<Vec<String>>,
    #[serde(default)]
    warnings: Vec<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/tables")
}

#[test]
fn tables_of_the_index() {
    let index = std::fs::read_to_string(folder().join("index.toml")).unwrap();
    let index: Index = toml::from_str(&index).unwrap();
    assert!(index.table.len() > 60);
    for entry in index.table {
        let paths: Vec<PathBuf> = entry.files.iter().map(|f| folder().join(f)).collect();
        let options = ReadOptions {
            time: entry.time.clone(),
            state: entry.state.clone(),
            group: entry.group.clone(),
        };
        let context = format!("{} ({})", entry.files.join(" "), entry.why);
        match (read(&paths, &options), &entry.error) {
            (Ok(series), None) => check_series(&series, &entry, &context),
            (Err(error), Some(_)) => check_error(&error, &entry, &context),
            (Ok(_), Some(kind)) => panic!("{context}: no error, expected {kind}"),
            (Err(error), None) => panic!("{context}: {error}"),
        }
    }
}

fn check_series(series: &Series, entry: &Entry, context: &str) {
    let points: Vec<usize> = series.trajectories.iter().map(|t| t.len()).collect();
    assert_eq!(Some(&points), entry.points.as_ref(), "{context}");
    let last = series.trajectories.last().unwrap();
    if let Some(expected) = &entry.last {
        let mut row = vec![last.times()[last.len() - 1]];
        row.extend(last.state(last.len() - 1));
        assert_eq!(&row, expected, "{context}");
    }
    if let Some(expected) = &entry.observed {
        let observed = (0..last.dimension())
            .map(|d| last.column(d).filter(|v| !v.is_nan()).count())
            .collect::<Vec<_>>();
        assert_eq!(&observed, expected, "{context}");
    }
    if let Some(expected) = &entry.time_name {
        assert_eq!(&series.names.time, expected, "{context}");
    }
    if let Some(expected) = &entry.states {
        assert_eq!(&series.names.states, expected, "{context}");
    }
    if let Some(expected) = &entry.labels {
        assert_eq!(&series.labels.states, expected, "{context}");
    }
    if let Some(expected) = &entry.trajectory_labels {
        assert_eq!(&series.trajectory_labels, expected, "{context}");
    }
    assert_eq!(series.trajectory_labels.len(), points.len(), "{context}");
    let warnings = series.warnings.join("\n");
    for part in &entry.warnings {
        assert!(
            warnings.contains(part),
            "{context}: {part} not in {warnings}"
        );
    }
    assert_eq!(
        entry.warnings.is_empty(),
        series.warnings.is_empty(),
        "{context}: {warnings}"
    );
}

fn check_error(error: &TableError, entry: &Entry, context: &str) {
    assert_eq!(
        Some(error.kind()),
        entry.error.as_deref(),
        "{context}: {error}"
    );
    if entry.line.is_some() {
        assert_eq!(error.line(), entry.line, "{context}: {error}");
    }
    if entry.column.is_some() {
        assert_eq!(
            error.place().map(|p| p.column),
            entry.column,
            "{context}: {error}"
        );
    }
    if let Some(found) = &entry.found {
        let place = error.place().unwrap();
        assert_eq!(place.found(), found, "{context}");
        // The place leads to the same text in the file.
        let bytes = std::fs::read(&place.file).unwrap();
        let start = place.byte as usize + place.span.start;
        assert_eq!(
            &bytes[start..start + found.len()],
            found.as_bytes(),
            "{context}"
        );
    }
    let remedy = error.remedy();
    assert!(remedy.ends_with('.'), "{context}: {remedy}");
    if let Some(part) = &entry.remedy {
        assert!(remedy.contains(part), "{context}: {part} not in {remedy}");
    }
    assert!(
        error
            .to_string()
            .contains(&entry.files[entry.files.len() - 1])
            || matches!(error, TableError::ColumnTwice { .. }),
        "{context}: {error}"
    );
}

#[test]
fn every_kind_of_error_has_its_table() {
    let index = std::fs::read_to_string(folder().join("index.toml")).unwrap();
    for kind in [
        "io",
        "not-text",
        "open-quote",
        "empty",
        "header-only",
        "one-column",
        "ragged",
        "not-a-number",
        "infinite",
        "missing-column",
        "ambiguous-column",
        "column-twice",
        "too-many-states",
        "other-columns",
        "constant",
        "too-few-points",
        "span",
    ] {
        assert!(index.contains(&format!("error = \"{kind}\"")), "{kind}");
    }
    let none = read(&[], &ReadOptions::default());
    assert!(matches!(none, Err(TableError::NoFiles)));
    let folder = read(&[folder()], &ReadOptions::default());
    assert!(matches!(folder, Err(TableError::Io { .. })));
}

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn read_bytes(bytes: &[u8], options: &ReadOptions) -> Result<Series, TableError> {
    read(&[file(bytes).path().to_path_buf()], options)
}

#[test]
fn long_lines_are_refused_whatever_they_hold() {
    let digits = read_bytes(&vec![b'1'; 3 << 20], &ReadOptions::default());
    assert!(matches!(digits, Err(TableError::LongLine { line: 1, .. })));
    let umlauts = "ü".repeat(2 << 20); // cut at the limit within a character
    let umlauts = read_bytes(umlauts.as_bytes(), &ReadOptions::default());
    assert!(matches!(umlauts, Err(TableError::LongLine { .. })));
    let noise: Vec<u8> = (0..3u32 << 20).map(|i| 128 + (i % 100) as u8).collect();
    let noise = read_bytes(&noise, &ReadOptions::default());
    assert!(matches!(noise, Err(TableError::NotText { byte: 0, .. })));
}

#[test]
fn a_long_table_is_thinned_with_a_warning() {
    let mut text = String::from("t,y\n");
    for i in 0..40_000 {
        text.push_str(&format!("{i},{}\n", 2 * i));
    }
    let series = read_limited(
        &[file(text.as_bytes()).path().to_path_buf()],
        &ReadOptions::default(),
        1000,
    )
    .unwrap();
    let only = &series.trajectories[0];
    assert!((500..=1000).contains(&only.len()), "{}", only.len());
    assert!(
        series.warnings[0].contains("of 40000 rows"),
        "{:?}",
        series.warnings
    );
    // Spread evenly: no gap over two blocks, and both ends are near.
    let block = (40_000 / only.len()).next_power_of_two() as f64;
    assert!(only.times().windows(2).all(|w| w[1] - w[0] <= 2.0 * block));
    assert!(only.times()[0] < block && only.times()[only.len() - 1] > 40_000.0 - 2.0 * block);
    assert!(
        only.times()
            .iter()
            .zip(only.states())
            .all(|(t, y)| *y == 2.0 * t)
    );
}

#[test]
fn more_trajectories_than_allowed() {
    let mut text = String::from("id,t,y\n");
    for i in 0..=MAX_TRAJECTORIES {
        text.push_str(&format!("{i},0,1\n"));
    }
    let options = ReadOptions {
        group: Some("id".into()),
        ..ReadOptions::default()
    };
    let error = read_bytes(text.as_bytes(), &options).unwrap_err();
    assert_eq!(error.kind(), "too-many-trajectories");
    assert_eq!(error.line(), Some(MAX_TRAJECTORIES as u64 + 2));
}

/// A number as a program may write it.
fn written(value: f64, style: u8) -> String {
    match style {
        0 => format!("{value}"),
        1 => format!("{value:e}"),
        2 => format!("\"{value}\""),
        _ => format!("  {value} "),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(
        dimension in 1..5usize,
        rows in prop::collection::vec((prop::num::f64::NORMAL, 0..4u8), 30..120),
        missing in prop::collection::vec(any::<bool>(), 120),
        delimiter in prop::sample::select(vec![',', ';', '\t']),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        header in any::<bool>(),
        comma in any::<bool>(),
    ) {
        let comma = comma && delimiter != ',';
        let number = |value: f64, style: u8| {
            let text = written(value, style);
            if comma { text.replace('.', ",") } else { text }
        };
        let mut text = String::new();
        if header {
            let names: Vec<String> = (0..=dimension).map(|i| format!("v{i}")).collect();
            text = names.join(&delimiter.to_string()) + end;
        }
        let (mut times, mut states) = (Vec::new(), Vec::new());
        for (i, row) in rows.chunks_exact(dimension).enumerate() {
            let time = i as f64 * 0.375 - 3.0;
            let mut cells = vec![number(time, row[0].1)];
            for (d, (value, style)) in row.iter().enumerate() {
                // The first state is always there, and the first rows are whole.
                let gone = d > 0 && i > 6 && missing[i];
                states.push(if gone { f64::NAN } else { *value });
                cells.push(if gone { "NA".into() } else { number(*value, *style) });
            }
            times.push(time);
            text += &(cells.join(&delimiter.to_string()) + end);
        }
        let read = read_bytes(text.as_bytes(), &ReadOptions::default());
        if times.len() <= 6 {
            return Ok(());
        }
        let series = match read {
            Ok(series) => series,
            Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}"))),
        };
        let only = &series.trajectories[0];
        prop_assert_eq!(only.times(), &times);
        for (a, b) in only.states().iter().zip(&states) {
            prop_assert!(a == b || (a.is_nan() && b.is_nan()), "{a} {b}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Err(error) = read_bytes(&bytes, &ReadOptions::default()) {
            prop_assert!(!error.to_string().is_empty() && !error.remedy().is_empty());
        }
    }

    /// Text made of what tables are made of gets further than bytes do.
    #[test]
    fn text_of_any_kind_is_read_or_refused(
        pieces in prop::collection::vec(prop::sample::select(vec![
            ",", ";", "\t", "\n", "\r\n", "\r", "\"", "\"\"", "#", " ", "0", "1", "2.5", "-3", "1e300",
            "1e999", "inf", "nan", "NA", "t", "y", "ü", "(", "sep=;", "\u{feff}", "2024-01-01", "<", ".",
            "0,1\n", "1,2\n", "2,3\n", "3;4\n",
        ]), 0..120),
        options in 0..4u8,
    ) {
        let name = |on: bool, text: &str| on.then(|| text.to_string());
        let options = ReadOptions {
            time: name(options & 1 == 1, "2"),
            state: Vec::new(),
            group: name(options & 2 == 2, "1"),
        };
        match read_bytes(pieces.concat().as_bytes(), &options) {
            Ok(series) => {
                prop_assert!(series.points() >= MIN_POINTS);
                let mut all = series.names.states.clone();
                all.push(series.names.time.clone());
                for name in &all {
                    prop_assert!(nsode_parser::infix::is_identifier(name), "{name}");
                }
                all.sort();
                all.dedup();
                prop_assert_eq!(all.len(), series.names.dimension() + 1);
            }
            Err(error) => {
                if let Some(place) = error.place() {
                    prop_assert!(place.text.get(place.span.clone()).is_some());
                }
                prop_assert!(!error.to_string().is_empty() && !error.remedy().is_empty());
            }
        }
    }
}
