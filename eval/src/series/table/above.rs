//! What stands above the rows beside a header: lines of an instrument, and a row of units.

use super::ReadOptions;
use super::cell::{Cell, Decimal, is_date, split};
use super::dialect::is_header;
use super::lines::Line;

/// Longest unit, in characters.
const LONGEST_UNIT: usize = 24;

/// Lines that the table needs below what stands above it.
const FEWEST: usize = 3;

/// How many of the first `lines` are above the table: all to the last one with fewer cells than the rest, if a header
/// follows, and none of them holds more than one number.
pub(super) fn preamble(lines: &[Line], delimiter: char, options: &ReadOptions) -> usize {
    let rows: Vec<Vec<&str>> = lines.iter().map(|line| cells(line, delimiter)).collect();
    let width = rows.last().map_or(0, Vec::len);
    let above = rows.iter().rposition(|row| row.len() != width);
    let Some(above) = above.map(|last| last + 1) else {
        return 0;
    };
    let is_remark = |row: &Vec<&str>| row.len() <= width && numbers(row) <= 1;
    let remarks = rows.iter().take(above).all(is_remark);
    let follows = match (rows.get(above), rows.get(above + 1)) {
        (Some(first), Some(second)) => is_header(first, second, options),
        _ => false,
    };
    let enough = width > 1 && lines.len() >= above + FEWEST;
    if remarks && follows && enough {
        above
    } else {
        0
    }
}

/// The units in `row`, the first line below a header, if that is what it holds: text that does not come again in the line
/// below, which holds numbers.
pub(super) fn units(row: &Line, below: &Line, delimiter: char) -> Option<Vec<String>> {
    let (row, below) = (cells(row, delimiter), cells(below, delimiter));
    let is_unit = |text: &&str| text.chars().count() <= LONGEST_UNIT && !is_date(text);
    let empty = |text: &&str| text.is_empty();
    let fit = row.len() == below.len() && row.iter().all(|text| empty(text) || is_unit(text));
    let said = row.iter().any(|text| kind(text) == Cell::Text);
    let again = |(text, below): (&&str, &&str)| kind(text) == Cell::Text && text == below;
    let repeats = row.iter().zip(&below).any(again);
    (fit && said && !repeats && numbers(&row) == 0 && numbers(&below) > 1)
        .then(|| row.iter().map(|text| unit(text)).collect())
}

/// A unit without the brackets around it.
fn unit(text: &str) -> String {
    let bare = text.trim().trim_start_matches(['(', '[']);
    bare.trim_end_matches([')', ']']).trim().to_string()
}

fn numbers(row: &[&str]) -> usize {
    let is_number = |text: &&&str| matches!(kind(text), Cell::Number(_));
    row.iter().filter(is_number).count()
}

fn kind(text: &str) -> Cell {
    Decimal::Open.read(text)
}

fn cells(line: &Line, delimiter: char) -> Vec<&str> {
    let mut ranges = Vec::new();
    split(&line.text, delimiter, &mut ranges);
    let each = ranges.into_iter();
    each.map(|range| line.text.get(range).unwrap_or("").trim())
        .collect()
}
