//! What stands above the rows beside a header: lines of an instrument, and a row of units.

use super::ReadOptions;
use super::cell::{Cell, Decimal, cells, is_date};
use super::dialect::is_header;
use super::index::is_called_time;
use super::lines::Line;

/// Longest unit, in characters.
const LONGEST_UNIT: usize = 24;

/// Lines that the table needs below what stands above it.
const FEWEST: usize = 3;

/// How many of the first `lines` are above the table: all to the last one with fewer cells than the rest, and remarks with as
/// many, if a header follows, or numbers alone below words without a delimiter; and if none of them holds more than one number,
/// or a name that an option asks for.
pub(super) fn preamble(lines: &[Line], delimiter: char, options: &ReadOptions) -> usize {
    let rows: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| cells(&line.text, delimiter))
        .collect();
    let width = rows.last().map_or(0, Vec::len);
    let odd = rows.iter().rposition(|row| row.len() != width);
    let mut above = odd.map_or(0, |last| last + 1);
    // A row of names, below ones of which the first would else be the header.
    let is_names = |row: &Vec<&str>| {
        let named = |text: &&str| is_called_time(text) || is_asked(text, options);
        numbers(row) == 0 && row.iter().any(named)
    };
    let names = rows.iter().skip(above + 1).position(is_names);
    let none_yet = !rows.get(above).is_some_and(is_names);
    match names {
        Some(0) => above += 1,
        // All of them are remarks, as is asked below.
        Some(further) if none_yet => above += 1 + further,
        _ => {}
    }
    let is_remark = |row: &Vec<&str>| {
        let asked = row.iter().any(|text| is_asked(text, options));
        row.len() <= width && numbers(row) <= 1 && !asked
    };
    let remarks = rows.iter().take(above).all(is_remark);
    let is_prose = |row: &Vec<&str>| {
        let words = row
            .iter()
            .map(|text| text.split_whitespace().count())
            .sum::<usize>();
        row.len() == 1 && words > 1 && numbers(row) == 0
    };
    let prose = rows.iter().take(above).all(is_prose);
    let follows = match (rows.get(above), rows.get(above + 1)) {
        (Some(first), _) if prose && numbers(first) == width => true,
        (Some(first), Some(second)) => numbers(first) == 0 && is_header(first, second, options),
        _ => false,
    };
    let enough = width > 1 && lines.len() >= above + FEWEST;
    if remarks && follows && enough {
        above
    } else {
        0
    }
}

/// Whether an option names a column so.
fn is_asked(text: &str, options: &ReadOptions) -> bool {
    let asked = [&options.time, &options.group].into_iter().flatten();
    let mut asked = asked.chain(&options.state);
    asked.any(|name| name.trim() == text && !text.is_empty())
}

/// The units in `row`, the first line below a header, if that is what it holds: text that does not come again in the line
/// below, which holds numbers.
pub(super) fn units(row: &Line, below: &Line, delimiter: char) -> Option<Vec<String>> {
    let (row, below) = (cells(&row.text, delimiter), cells(&below.text, delimiter));
    let is_none = |text: &str| text.is_empty() || text == "-";
    let fit = row.len() == below.len() && row.iter().all(|text| is_none(text) || is_unit(text));
    let said = row.iter().any(|text| !is_none(text));
    let again = |(text, below): (&&str, &&str)| !is_none(text) && text == below;
    let repeats = row.iter().zip(&below).any(again);
    let values = below
        .iter()
        .filter(|text| matches!(kind(text), Cell::Number(_) | Cell::Below));
    (fit && said && !repeats && values.count() > 1)
        .then(|| row.iter().map(|text| unit(text).to_string()).collect())
}

/// Whether `text` may be a unit, and is no number that was mistyped.
fn is_unit(text: &str) -> bool {
    let bare = unit(text);
    let inverse = ["1/", "10^", "%"];
    let begins = inverse.iter().any(|start| bare.starts_with(start))
        || !bare.starts_with(|c: char| c.is_ascii_digit() || "<>=+-.,~".contains(c));
    let short = text.chars().count() <= LONGEST_UNIT;
    // `O`, for 0, with digits behind it.
    let mistyped =
        bare.starts_with(['O', 'o', 'l', 'I']) && bare.chars().skip(1).any(|c| c.is_ascii_digit());
    kind(text) == Cell::Text && short && begins && !mistyped && !is_date(text)
}

/// A unit without the brackets around all of it.
fn unit(text: &str) -> &str {
    let pairs = [('(', ')'), ('[', ']')];
    let inside = pairs.into_iter().find_map(|(open, close)| {
        let inside = text.strip_prefix(open)?.strip_suffix(close)?;
        (!inside.contains([open, close])).then_some(inside)
    });
    inside.unwrap_or(text).trim()
}

fn numbers(row: &[&str]) -> usize {
    let is_number = |text: &&&str| matches!(kind(text), Cell::Number(_));
    row.iter().filter(is_number).count()
}

fn kind(text: &str) -> Cell {
    Decimal::Open.read(text)
}
