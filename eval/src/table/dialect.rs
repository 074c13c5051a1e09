//! How a file is written: its delimiter, and whether its first line is a header.
//!
//! Both are decided from the first lines alone, so that a file is read once and may be a pipe.

use super::ReadOptions;
use super::cell::{Cell, Decimal, is_date, split};
use super::lines::Line;

/// Lines that the delimiter is decided from.
pub(super) const SNIFFED: usize = 32;

/// In the order in which they are preferred when several would do: a comma may be a decimal mark.
const DELIMITERS: [char; 3] = ['\t', ';', ','];

/// The delimiter of `lines`: the one that gives every line the same number of cells, two or more. If none
/// does, the one that occurs in most lines. Spreadsheets may say it in a first line `sep=;`, which is
/// then removed.
pub(super) fn delimiter(lines: &mut Vec<Line>) -> char {
    if let Some(said) = lines.first().and_then(|l| said(&l.text)) {
        lines.remove(0);
        return said;
    }
    let mut cells = Vec::new();
    let mut best = (',', 0);
    for delimiter in DELIMITERS {
        let mut counts = lines.iter().map(|line| {
            split(&line.text, delimiter, &mut cells);
            cells.len()
        });
        let first = counts.next().unwrap_or(1);
        let (mut with, mut even) = (usize::from(first > 1), first > 1);
        for count in counts {
            with += usize::from(count > 1);
            even &= count == first;
        }
        if even {
            return delimiter;
        }
        if with > best.1 {
            best = (delimiter, with);
        }
    }
    best.0
}

fn said(text: &str) -> Option<char> {
    let mark = text.trim().strip_prefix("sep=")?;
    DELIMITERS.into_iter().find(|d| mark == d.to_string())
}

/// Whether `cells`, the first line, is a header: an option names one of them, or the time's cell is text.
pub(super) fn is_header(cells: &[&str], options: &ReadOptions) -> bool {
    let asked = [&options.time, &options.group]
        .into_iter()
        .flatten()
        .chain(&options.state);
    if asked.clone().any(|name| cells.contains(&name.as_str())) {
        return true;
    }
    let number = |name: &Option<String>| {
        let number: usize = name.as_deref()?.trim().parse().ok()?;
        number.checked_sub(1)
    };
    let group = number(&options.group);
    let time = number(&options.time).unwrap_or(usize::from(group == Some(0)));
    let holds = |i: usize| -> Option<Cell> {
        let text = cells.get(i)?;
        // A date as a time is an error to be shown at its place, not a column's name.
        (!is_date(text)).then(|| Decimal::Open.read(text))
    };
    match holds(time) {
        Some(Cell::Text) => true,
        // A table of a program that writes row names has no header above them.
        Some(Cell::Missing) => {
            (0..cells.len()).any(|i| Some(i) != group && holds(i) == Some(Cell::Text))
        }
        _ => false,
    }
}
