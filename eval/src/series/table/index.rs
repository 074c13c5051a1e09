//! What is no measurement although it stands in a column.
//!
//! What tells runs apart is known by its name. Row numbers are what a program wrote beside a table: pandas and R put
//! them, without a header, into the first column unless they are told not to. Nor are they the time if the column next to them is; but where it isn't, rows
//! taken at regular times are numbered by what is as good as a time.

use std::collections::HashMap;

use super::cell::{Cell, Decimal};

/// Fewest rows from which equal steps tell a time from a state.
const ENOUGH: usize = 4;

/// Steps that differ by less than this share of the first are equal but for rounding.
const ROUNDING: f64 = 0.01;

/// First words of headers of times. Abbreviations that are as good for a state (`min`, `h`, `T`) are not
/// among them.
const TIMES: [&str; 31] = [
    "time",
    "times",
    "elapsed",
    "timestamp",
    "seconds",
    "sec",
    "minute",
    "minutes",
    "hour",
    "hours",
    "hr",
    "hrs",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "date",
    "zeit",
    "tag",
    "tage",
    "stunde",
    "stunden",
    "jahr",
    "temps",
    "tiempo",
    "tempo",
    "jour",
];

/// First words of headers of what tells runs apart.
const RUNS: [&str; 16] = [
    "run",
    "runs",
    "trial",
    "trajectory",
    "experiment",
    "replicate",
    "group",
    "batch",
    "flask",
    "subject",
    "patient",
    "individual",
    "animal",
    "series",
    "id",
    "versuch",
];

/// Whether a column with this header most likely tells runs apart.
pub(super) fn is_called_run(header: &str) -> bool {
    let mut words = header.split(|c: char| !c.is_alphanumeric());
    let is_number =
        |word: &str| ["", "id", "no", "nr", "number"].contains(&word.to_lowercase().as_str());
    let first = first_word(header);
    RUNS.contains(&first.to_lowercase().as_str()) && words.all(|w| w == first || is_number(w))
}

/// Whether the first column has no name of its own.
pub(super) fn unnamed(header: &str) -> bool {
    header.is_empty() || header == "Unnamed: 0" // pandas, of a table that it read and wrote again
}

/// Whether `cells`, those of a column from the top, number the rows from 0 or 1. Tables that were put
/// together may begin anew.
pub(super) fn numbers_rows<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let mut cells = cells.map(|cell| cell.parse::<u64>().ok());
    let Some(Some(first @ 0..=1)) = cells.next() else {
        return false;
    };
    let mut last = first;
    cells.all(|cell| {
        let follows = cell == Some(last + 1) || (cell == Some(first) && last > first);
        last = cell.unwrap_or(0);
        follows
    }) && last > first
}

/// How the numbers of a column go on from row to row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    /// Cells with a number.
    rows: usize,
    /// There are steps, and all go up.
    pub grows: bool,
    /// All steps are alike but for rounding.
    equal: bool,
}

impl Steps {
    /// Whether the column grows by equal steps, and enough of them.
    pub(super) fn are_a_clock(self) -> bool {
        self.grows && self.equal && self.rows >= ENOUGH
    }
}

/// The steps of the cells of a column from the top, each with the group of its row, within the groups. `None` where a cell is
/// neither a number nor missing.
pub(super) fn steps<'a>(
    cells: impl Iterator<Item = (&'a str, &'a str)>,
    mut decimal: Decimal,
) -> Option<Steps> {
    let mut last: HashMap<&str, f64> = HashMap::new();
    let (mut step, mut rows) = (None, 0);
    let (mut grows, mut equal) = (true, true);
    for (group, cell) in cells {
        let value = match decimal.read(cell) {
            Cell::Number(value) => value,
            Cell::Missing => continue,
            _ => return None,
        };
        rows += 1;
        if let Some(before) = last.insert(group, value) {
            let now = value - before;
            grows &= now > 0.0;
            let step = *step.get_or_insert(now);
            equal &= (now - step).abs() <= ROUNDING * step.abs();
        }
    }
    Some(Steps {
        rows,
        grows: grows && step.is_some(),
        equal,
    })
}

/// Whether a column is more likely the time than a state, from its header and its cells as [`steps`] has them: it is called
/// so, or grows by equal steps.
pub(super) fn is_time<'a>(
    header: &str,
    cells: impl Iterator<Item = (&'a str, &'a str)>,
    decimal: Decimal,
) -> bool {
    steps(cells, decimal)
        .is_some_and(|steps| steps.rows > 0 && (is_called_time(header) || steps.are_a_clock()))
}

/// Whether a column with this header is most likely the time.
pub(super) fn is_called_time(header: &str) -> bool {
    let first = first_word(header);
    first == "t" || TIMES.contains(&first.to_lowercase().as_str())
}

/// Whether a header is a word for the time and nothing else but a unit in brackets.
pub(super) fn is_plainly_time(header: &str) -> bool {
    let name = header.split(['(', '[', '/', ',']).next().unwrap_or("");
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    is_called_time(name) && words.all(|word| word.is_empty() || is_called_time(word))
}

fn first_word(header: &str) -> &str {
    let mut words = header.split(|c: char| !c.is_alphanumeric());
    words.find(|word| !word.is_empty()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_numbers() {
        for (cells, expected) in [
            (&["0", "1", "2", "3"][..], true),
            (&["1", "2", "3"], true),
            (&["0", "1", "2", "0", "1", "2"], true),
            (&["2", "3", "4"], false),
            (&["0", "2", "4"], false),
            (&["0", "0", "0"], false),
            (&["0", "1", ""], false),
            (&["0.0", "1.0"], false),
            (&["0"], false),
            (&[], false),
        ] {
            assert_eq!(numbers_rows(cells.iter().copied()), expected, "{cells:?}");
        }
    }

    #[test]
    fn plain_times() {
        for (header, expected) in [
            ("Time (s)", true),
            ("elapsed time", true),
            ("t [h]", true),
            ("t_cells", false),
            ("day length", false),
            ("biomass", false),
        ] {
            assert_eq!(is_plainly_time(header), expected, "{header}");
        }
    }

    #[test]
    fn times_and_states() {
        for (header, cells, expected) in [
            ("t", "0 3 1", true),
            ("Time [h]", "5 9 9", true),
            ("Jahr", "1790 1801 1850 1900", true),
            ("time", "now later", false),
            ("x", "2 2.5 3 3.5", true),
            ("cases", "0 1 5 9", false),
            ("hare", "9.6 18.3 29 47.2", false),
            ("hare", "30 47.2 70.2 35.4", false),
            ("T", "290 291 295 293", false),
            ("second", "5 4 3 2", false),
            ("time_constant", "", false),
        ] {
            let cells = cells.split_whitespace().map(|cell| ("", cell));
            assert_eq!(is_time(header, cells, Decimal::Point), expected, "{header}");
        }
        let two = [("a", "0"), ("a", "1"), ("b", "0"), ("b", "1")];
        assert!(is_time("x", two.into_iter(), Decimal::Point));
    }
}
