//! How a file is written: its delimiter, and whether its first line, or a comment above it, is a header.
//!
//! All of it is decided from the first lines alone, so that a file is read once and may be a pipe.

use super::ReadOptions;
use super::cell::{Cell, Decimal, cells, is_date, split};
use super::index::is_called_time;
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

/// The delimiter that a line `sep=;` says.
pub(super) fn said(text: &str) -> Option<char> {
    let mark = text.trim().strip_prefix("sep=")?;
    DELIMITERS.into_iter().find(|d| mark == d.to_string())
}

/// Whether `cells`, the first line, is a header of what `next`, the second, begins: an option names one of
/// them, or the time's cell is text.
///
/// An option that is a number most likely is a column's number, and a cell that equals it a value. It shows a
/// header only together with a name: text over a number.
pub(super) fn is_header(cells: &[&str], next: &[&str], options: &ReadOptions) -> bool {
    let number = |name: &Option<String>| {
        let number: usize = name.as_deref()?.trim().parse().ok()?;
        number.checked_sub(1)
    };
    let group = number(&options.group);
    let time = number(&options.time).filter(|column| *column < cells.len());
    let time = time.unwrap_or(usize::from(group == Some(0)));
    // A date as a time is an error to be shown at its place, not a column's name.
    let holds = |i: usize| cells.get(i).filter(|text| !is_date(text)).map(kind);
    let names = |i: &usize| Some(*i) != group && holds(*i) == Some(Cell::Text);
    let over_number = |i| matches!(next.get(i).map(kind), Some(Cell::Number(_)));

    let mut asked = [&options.time, &options.group]
        .into_iter()
        .flatten()
        .chain(&options.state)
        .map(|name| name.trim())
        .filter(|name| cells.contains(name));
    let shows = |name: &str| match kind(&name) {
        Cell::Number(_) => (0..cells.len()).filter(names).any(over_number),
        _ => true,
    };
    if asked.any(shows) {
        return true;
    }
    match holds(time) {
        Some(Cell::Text) => true,
        // A table of a program that writes row names has no header above them.
        Some(Cell::Missing) if (0..cells.len()).any(|i| names(&i)) => true,
        _ => is_counted(cells, next),
    }
}

/// Whether `cells` count the columns, `0,1,2`, as pandas does where they have no names: behind an empty cell above row numbers, or
/// above numbers with a fraction, as none of these has. Where there are only two, times that go on from 0 are a table without a header.
fn is_counted(cells: &[&str], next: &[&str]) -> bool {
    let numbered = usize::from(cells.first().is_some_and(|text| text.is_empty()));
    let count = |cells: &[&str]| {
        let mut each = cells.iter().zip(0..);
        cells.len() > 1 && each.all(|(text, number): (_, usize)| *text == number.to_string())
    };
    let fraction = |text: &&str| matches!(kind(text), Cell::Number(_)) && text.contains('.');
    let goes_on = |text: &&str| text.parse().is_ok_and(|time: f64| time > 0.0);
    let below = match (numbered, cells.len()) {
        (0, 2) => next.iter().all(fraction) && !next.first().is_some_and(goes_on),
        (0, _) => next.iter().any(fraction),
        _ => next.first() == Some(&"0"),
    };
    cells.get(numbered..).is_some_and(count) && cells.len() == next.len() && below
}

/// What a cell of the first lines holds; a word for a limit of detection may be a name there.
fn kind(text: &&str) -> Cell {
    match Decimal::Open.read(text) {
        Cell::Below if text.starts_with(char::is_alphabetic) => Cell::Text,
        cell => cell,
    }
}

/// The header of a table of `columns` columns that stands in one of the `comments` above it, and the
/// comment's line: `# t,y`. It is the last of those that have a name for each column, and one of the time if any has; the
/// first may lack a name, since `#,t,y` is a header of numbered rows.
pub(super) fn commented_header(
    comments: &[Line],
    delimiter: char,
    columns: usize,
) -> Option<(u64, Vec<String>)> {
    let found = comments.iter().rev().filter_map(|line| {
        let text = line.text.trim_start().trim_start_matches('#');
        let cells = cells(text, delimiter);
        let named = cells.iter().enumerate().all(|(i, cell)| {
            is_name(cell) && !cells.iter().take(i).any(|other| other == cell)
                || (i == 0 && cell.is_empty())
        });
        (columns >= 2 && cells.len() == columns && named)
            .then(|| (line.number, cells.into_iter().map(header).collect()))
    });
    let found: Vec<(u64, Vec<String>)> = found.collect();
    let timed = |(_, cells): &&(u64, Vec<String>)| cells.iter().any(|cell| is_called_time(cell));
    found.iter().find(timed).or(found.first()).cloned()
}

/// Whether `text` may be a column's name and is not part of a remark that happens to have a comma.
fn is_name(text: &&str) -> bool {
    const WORDS: usize = 3;
    let bare = text.split(['(', '[', '{']).next().unwrap_or("");
    kind(text) == Cell::Text && !is_date(text) && bare.split_whitespace().count() <= WORDS
}

/// A cell as a header.
pub(super) fn header(cell: &str) -> String {
    cell.replace("\"\"", "\"").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_options_are_columns() {
        let options = |time: &str, group: &str, state: &str| ReadOptions {
            time: Some(time.to_string()).filter(|t| !t.is_empty()),
            group: Some(group.to_string()).filter(|g| !g.is_empty()),
            state: state
                .split(',')
                .filter(|s| !s.is_empty())
                .map(String::from)
                .collect(),
        };
        for (first, second, options, expected) in [
            (
                ["1", "0", "5.0"],
                ["1", "1", "6.0"],
                options("", "1", ""),
                false,
            ),
            (
                ["0", "2", "3"],
                ["1", "4", "5"],
                options("", "", "2,3"),
                false,
            ),
            (
                ["2", "0", "7"],
                ["3", "1", "8"],
                options("2", "", ""),
                false,
            ),
            (
                ["0", "0", "5.0"],
                ["0", "1", "6.0"],
                options("", "0", ""),
                false,
            ),
            // Text that stays text is a group's label or a remark.
            (
                ["A", "2", "5.0"],
                ["A", "3", "6.0"],
                options("2", "1", ""),
                false,
            ),
            (
                ["0", "2", "dry"],
                ["1", "3", "wet"],
                options("", "", "2"),
                false,
            ),
            // Columns that are called by numbers.
            (["t", "1", "2"], ["0", "5", "6"], options("", "", "2"), true),
            (["2", "x", "1"], ["0", "5", "6"], options("1", "", ""), true),
            (
                ["id", "10", "20"],
                ["0", "5", "6"],
                options("10", "", ""),
                true,
            ),
            // Names are enough by themselves.
            (
                ["2024", "y", "z"],
                ["0", "5", "6"],
                options("", "", "y"),
                true,
            ),
        ] {
            assert_eq!(is_header(&first, &second, &options), expected, "{first:?}");
        }
    }

    #[test]
    fn comments_that_are_headers() {
        let found = |comments: &[&str], columns: usize| {
            let comments: Vec<Line> = (1..)
                .zip(comments)
                .map(|(number, text)| Line {
                    number,
                    byte: 0,
                    text: text.to_string(),
                })
                .collect();
            commented_header(&comments, ',', columns)
        };
        let header =
            |line: u64, names: &[&str]| Some((line, names.iter().map(|n| n.to_string()).collect()));
        assert_eq!(found(&["# t,y"], 2), header(1, &["t", "y"]));
        assert_eq!(found(&["#,time,y"], 3), header(1, &["", "time", "y"]));
        assert_eq!(
            found(&["#\"t [h]\",\"a, b\""], 2),
            header(1, &["t [h]", "a, b"])
        );
        assert_eq!(
            found(&["# time,conc", "# s,mol"], 2),
            header(1, &["time", "conc"])
        );
        // The last one that fits.
        let several = ["# Jena, Germany", "# t, y", "# taken by hand"];
        assert_eq!(found(&several, 2), header(2, &["t", "y"]));
        for none in [
            "# t",
            "# t,y,z",
            "# t,1",
            "# 2024-05-01,y",
            "# t,",
            "# y,y",
            "#",
            "# t,NA",
        ] {
            assert_eq!(found(&[none], 2), None, "{none}");
        }
        assert_eq!(found(&["# data from Smith et al., Table 2"], 2), None);
    }
}
