//! From rows to trajectories: sorted, repeated times averaged, too short ones left out, and each state
//! checked for having something to say.

use std::collections::HashSet;
use std::path::PathBuf;

use nsode_generator::Trajectory;
use nsode_parser::Names;

use super::cell::Commas;
use super::columns::FileTable;
use super::error::counted;
use super::index;
use super::names::identifiers;
use super::reading::STDIN;
use super::rows::{Rows, Run};
use super::{MIN_POINTS, ReadOptions, Series, TableError};

/// Change of a state below this share of its size is rounding, not a change.
const FLAT: f64 = 1e-12;

/// The series of `files`, whose rows are in `rows`.
pub(super) fn assemble(
    files: Vec<FileTable>,
    rows: Rows,
    options: &ReadOptions,
) -> Result<Series, TableError> {
    let Some(first) = files.first() else {
        return Err(TableError::NoFiles);
    };
    let dimension = first.states.len();
    let header = |column: usize| first.headers.get(column).map_or("", String::as_str);
    let state_headers: Vec<&str> = first.states.iter().map(|&c| header(c)).collect();
    let names = identifiers(header(first.time), &state_headers);
    let mut warnings = Vec::new();
    renamed(&names, header(first.time), &state_headers, &mut warnings);
    let mut known = HashSet::new();
    for (index, file) in files.iter().enumerate() {
        about_file(file, first, index, &rows.runs, options, &mut warnings);
        if !known.insert(origin(&file.path)) {
            warnings.push(format!(
                "{}: the file is given more than once, and counts as measurements that agree exactly: errors come out too \
                 small.",
                file.path
            ));
        }
    }

    let (mut unsorted, mut repeated) = (0, 0);
    let (mut trajectories, mut labels, mut short) = (Vec::new(), Vec::new(), Vec::new());
    let only = rows.runs.len() == 1; // what it lacks is then said of its columns
    for mut run in rows.runs {
        unsorted += sort(&mut run, dimension);
        repeated += average(&mut run, dimension);
        let label = label(&run, &files, options);
        if !only && !usable(&run, dimension) {
            short.push(label);
            continue;
        }
        labels.push(label);
        trajectories.push(trajectory(run, dimension, &files)?);
    }
    if unsorted > 0 {
        warnings.push(format!(
            "{} earlier than the one before; the rows were sorted by time.",
            rows_were(unsorted)
        ));
    }
    if repeated > 0 {
        let advice = match (first.group, files.len()) {
            (None, 1) => {
                " If they are from several runs, name the column that tells them apart with \
                          --group."
            }
            _ => "",
        };
        warnings.push(format!(
            "{} at a time that another row has; their values were averaged.{advice}",
            rows_were(repeated)
        ));
    }
    if !short.is_empty() {
        warnings.push(format!(
            "{} left out, having fewer than two times or two values of a state: {}.",
            counted(short.len(), "trajectory was", "trajectories were"),
            listed(&short)
        ));
    }
    check(first, &trajectories, short.len())?;
    Ok(Series {
        labels: Names {
            time: labelled(first, first.time, &names.time),
            states: (first.states.iter().zip(&names.states))
                .map(|(&column, name)| labelled(first, column, name))
                .collect(),
        },
        names,
        left_out: identifiers("", &first.left_out().collect::<Vec<_>>()).states,
        trajectories,
        warnings,
        files: files.iter().map(|f| f.path.clone()).collect(),
        trajectory_labels: labels,
    })
}

/// Where a path leads, or the path itself where that cannot be told.
fn origin(path: &str) -> PathBuf {
    let file = (path != STDIN).then(|| std::fs::canonicalize(path).ok());
    file.flatten().unwrap_or_else(|| path.into())
}

/// Says which headers are called otherwise in formulas.
fn renamed(names: &Names, time: &str, states: &[&str], warnings: &mut Vec<String>) {
    let mut pairs = vec![(time, &names.time)];
    pairs.extend(states.iter().copied().zip(&names.states));
    let changed: Vec<String> = pairs
        .into_iter()
        .filter(|(header, name)| !header.is_empty() && header != name)
        .map(|(header, name)| format!("\"{header}\" is {name}"))
        .collect();
    if !changed.is_empty() {
        warnings.push(format!("In formulas, {}.", changed.join(", ")));
    }
}

/// Says which rows and columns of `file` are not used.
fn about_file(
    file: &FileTable,
    first: &FileTable,
    index: usize,
    runs: &[Run],
    options: &ReadOptions,
    warnings: &mut Vec<String>,
) {
    let counts = &file.counts;
    let path = &file.path;
    let was = |n| counted(n, "row was", "rows were");
    if let Some(line) = file.commented {
        warnings.push(format!(
            "{path}, line {line}: the comment was taken for the header, since it has a name for each \
             column and no other line does. If it is none, write a header below it."
        ));
    }
    if let Some((from, to)) = file.above {
        let lines = match from == to {
            true => format!("line {from} was"),
            false => format!("lines {from} to {to} were"),
        };
        warnings.push(format!(
            "{path}: {lines} left out, standing above the table."
        ));
    }
    if !file.units.is_empty() {
        let others = match file.units == first.units {
            true => "",
            false => " They are not those of the first file; all values are taken as they are.",
        };
        warnings.push(format!(
            "{path}: the row below the header was taken for the units: {}.{others}",
            listed(&file.units)
        ));
    }
    if file.numbered {
        warnings.push(numbered(file, options));
    }
    if let (true, 0) = (file.found_time, index) {
        warnings.push(format!(
            "{}: the column was taken for the time by its name, as by --time {}.",
            file.first_cell(file.time),
            file.title(file.time)
        ));
    }
    if let (Some(column), None, 0) = (file.group, &options.group, index) {
        warnings.push(format!(
            "{}: the column was taken for what tells runs apart, as by --group {}. If it is a state, name the states with \
             --state.",
            file.first_cell(column),
            file.title(column)
        ));
    }
    if let (Commas::Doubtful, Some(place)) = (file.commas.seen, &file.commas.first) {
        warnings.push(format!(
            "{place}: {} was read as {}, with a decimal comma, and so were all numbers with a comma. \
             Each has three digits behind it, so they may be thousands separators: if so, remove them \
             from the file.",
            place.found(),
            place.found().replace(',', ".")
        ));
    }
    if !file.blank.is_empty() {
        warnings.push(format!(
            "{path}: {} left out, having no header and no values: {}.",
            counted(file.blank.len(), "column was", "columns were"),
            listed(
                &file
                    .blank
                    .iter()
                    .map(|&i| (i + 1).to_string())
                    .collect::<Vec<_>>()
            )
        ));
    }
    for ((number, line), what) in [(counts.no_time, "time"), (counts.no_group, "group")] {
        if number > 0 {
            warnings.push(format!(
                "{path}: {} left out for want of a {what}, the first in line {line}.",
                was(number)
            ));
        }
    }
    if let (number, Some(place)) = &counts.below {
        warnings.push(format!(
            "{place}: {} says that there was less than could be seen, and is left out; such cells: {number}.",
            place.found()
        ));
    }
    if counts.no_state > 0 {
        warnings.push(format!(
            "{path}: {} left out, having a time but no value.",
            was(counts.no_state)
        ));
    }
    let (mut seen, mut kept, mut level) = (0, 0, 0);
    for run in runs.iter().filter(|run| run.file == index) {
        seen += run.seen;
        kept += run.times.len();
        level = level.max(run.level);
    }
    if level > 0 {
        warnings.push(format!(
            "{path}: of {seen} rows, {kept} evenly spread ones are used, about 1 in {}.",
            1u64 << level.min(63)
        ));
    }
}

/// Says that the first column of `file` is not used, being row numbers, and how to use it.
fn numbered(file: &FileTable, options: &ReadOptions) -> String {
    let place = file.first_cell(0);
    let why = match file.headers.first() {
        Some(header) if !index::unnamed(header) => "numbers the rows",
        _ => "has no name and numbers the rows",
    };
    match options.time {
        Some(_) => format!(
            "{place}: the column {why}, so it was left out. To use it, name it with --state, by its number 1."
        ),
        None => format!(
            "{place}: the column {why}, so it was left out, and \"{}\" in column {} was taken for the time. If the row \
             numbers are the time, say --time 1.",
            file.title(file.time),
            file.time + 1
        ),
    }
}

/// Sorts the rows of `run` by time. Returns how many are earlier than the one before.
fn sort(run: &mut Run, dimension: usize) -> usize {
    let descents = run.times.windows(2).filter(|w| w[0] > w[1]).count();
    if descents > 0 {
        let mut order: Vec<usize> = (0..run.times.len()).collect();
        order.sort_by(|&a, &b| run.times[a].total_cmp(&run.times[b]));
        let states = order
            .iter()
            .flat_map(|&i| {
                run.states[i * dimension..(i + 1) * dimension]
                    .iter()
                    .copied()
            })
            .collect();
        run.times = order.iter().map(|&i| run.times[i]).collect();
        run.states = states;
    }
    descents
}

/// Averages rows of the same time, cell by cell over what was observed. Returns how many rows vanish.
fn average(run: &mut Run, dimension: usize) -> usize {
    let before = run.times.len();
    if !run.times.windows(2).any(|w| w[0] == w[1]) {
        return 0;
    }
    let (mut times, mut states) = (Vec::new(), Vec::new());
    let mut row = 0;
    for same in run.times.chunk_by(|a, b| a == b) {
        let block = &run.states[row * dimension..(row + same.len()) * dimension];
        times.push(same[0]);
        for state in 0..dimension {
            let seen = block.iter().skip(state).step_by(dimension);
            let seen: Vec<f64> = seen.copied().filter(|v| !v.is_nan()).collect();
            let share = seen.len() as f64;
            // Divided before adding, so that large values don't overflow; NaN if nothing was seen.
            states.push(match seen.as_slice() {
                [] => f64::NAN,
                [one] => *one,
                many => many.iter().map(|v| v / share).sum(),
            });
        }
        row += same.len();
    }
    run.times = times;
    run.states = states;
    before - run.times.len()
}

/// Whether `run` has two times, and two values of each state: less shows no change.
fn usable(run: &Run, dimension: usize) -> bool {
    run.times.len() >= 2
        && (0..dimension).all(|state| {
            let cells = run.states.iter().skip(state).step_by(dimension);
            cells.filter(|v| !v.is_nan()).count() >= 2
        })
}

/// What tells `run` from the others.
fn label(run: &Run, files: &[FileTable], options: &ReadOptions) -> String {
    let file = files.get(run.file);
    let found = file.and_then(|file| file.group.map(|column| file.title(column)));
    let asked = options.group.clone().or(found);
    let stem = file.map_or("", |f| f.path.as_str());
    let stem = std::path::Path::new(stem)
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let numeric = run.group.parse::<f64>().is_ok();
    let group = match (asked.as_deref(), numeric) {
        (Some(name), true) if name.parse::<usize>().is_err() => format!("{name} {}", run.group),
        _ => run.group.clone(),
    };
    match (files.len(), asked.is_some()) {
        (1, true) => group,
        (_, false) => stem.into_owned(),
        (_, true) => format!("{stem}, {group}"),
    }
}

/// `run` as a trajectory.
fn trajectory(run: Run, dimension: usize, files: &[FileTable]) -> Result<Trajectory, TableError> {
    let from = run.times.first().copied().unwrap_or(0.0);
    let to = run.times.last().copied().unwrap_or(0.0);
    let span = || TableError::Span {
        file: files
            .get(run.file)
            .map(|f| f.path.clone())
            .unwrap_or_default(),
        from,
        to,
    };
    if !(to - from).is_finite() {
        return Err(span());
    }
    // Times are sorted and different, states finite or NaN, so only the span could be refused.
    Trajectory::new(dimension, run.times, run.states).map_err(|_| span())
}

/// Whether each state was observed often enough, and changes.
fn check(
    first: &FileTable,
    trajectories: &[Trajectory],
    left_out: usize,
) -> Result<(), TableError> {
    for (state, &column) in first.states.iter().enumerate() {
        let seen = trajectories
            .iter()
            .flat_map(|t| t.column(state))
            .filter(|v| !v.is_nan());
        let (mut observed, mut low, mut high) = (0, f64::INFINITY, f64::NEG_INFINITY);
        for value in seen {
            observed += 1;
            low = value.min(low);
            high = value.max(high);
        }
        if observed < MIN_POINTS {
            return Err(TableError::TooFewPoints {
                place: first.first_cell(column),
                observed,
                needed: MIN_POINTS,
                left_out,
            });
        }
        if high / 2.0 - low / 2.0 <= FLAT * high.abs().max(low.abs()) {
            return Err(TableError::Constant {
                place: first.first_cell(column),
                value: low,
                observed,
            });
        }
    }
    Ok(())
}

fn or(text: &str, default: &str) -> String {
    match text {
        "" => default.to_string(),
        text => text.to_string(),
    }
}

/// What an axis says of a column: its header with its unit, or else its name in formulas.
fn labelled(file: &FileTable, column: usize, name: &str) -> String {
    let label = or(file.headers.get(column).map_or("", String::as_str), name);
    match file.units.get(column).map_or("", String::as_str) {
        "" => label,
        unit if label.ends_with([']', ')']) || label == unit => label,
        unit => format!("{label} [{unit}]"),
    }
}

/// `1 row is` or `7 rows are`.
fn rows_were(n: usize) -> String {
    counted(n, "row is", "rows are")
}

/// The first few of `names`.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    match names.get(..SHOWN) {
        Some(some) if names.len() > SHOWN => format!("{}, …", some.join(", ")),
        _ => names.join(", "),
    }
}
