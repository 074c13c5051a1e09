//! What can be wrong with a table, where, and what to do about it.
//!
//! The words are here, so that every program that reads tables says the same; spans under a cell are
//! drawn by the caller from [`Place`].

use std::ops::Range;

use super::lines::Line;

/// A cell or a line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Path, as given.
    pub file: String,
    /// Line, from 1.
    pub line: u64,
    /// Column of the table, from 1; 0 where the whole line is meant.
    pub column: usize,
    /// The column's header, empty if it has none.
    pub name: String,
    /// Offset of `text` in the file.
    pub byte: u64,
    /// The line without its end; cut when very long.
    pub text: String,
    /// Bytes of `text` that are meant.
    pub span: Range<usize>,
}

/// Longest text that a [`Place`] keeps on either side of its span, in bytes.
const CONTEXT: usize = 400;

impl Place {
    /// The whole of `line` in `file`.
    pub(super) fn of_line(file: &str, line: &Line) -> Box<Place> {
        Box::new(Place::of_span(file, line, 0..line.text.len()))
    }

    /// Bytes `span` of `line`. Of a very long line, a part around the span is kept.
    pub(super) fn of_span(file: &str, line: &Line, span: Range<usize>) -> Place {
        let mut from = span.start.saturating_sub(CONTEXT);
        while !line.text.is_char_boundary(from) {
            from -= 1;
        }
        let mut to = (span.end.min(span.start + CONTEXT) + CONTEXT).min(line.text.len());
        while !line.text.is_char_boundary(to) {
            to -= 1;
        }
        Place {
            file: file.to_string(),
            line: line.number,
            column: 0,
            name: String::new(),
            byte: line.byte + from as u64,
            text: line.text.get(from..to).unwrap_or("").to_string(),
            span: span.start.saturating_sub(from)..span.end.min(to).saturating_sub(from),
        }
    }

    /// The text that is meant.
    pub fn found(&self) -> &str {
        self.text.get(self.span.clone()).unwrap_or("")
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)?;
        match (self.column, self.name.as_str()) {
            (0, _) => Ok(()),
            (column, "") => write!(f, ", column {column}"),
            (column, name) => write!(f, ", column {column} ({})", shown(name)),
        }
    }
}

/// What a column is used as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The independent variable.
    Time,
    /// A state that was asked for by name.
    Asked,
    /// A state because it is neither the time nor the group.
    Other,
}

/// Why a cell may not read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Nothing more is known.
    None,
    /// It looks like a calendar date or a time of the day.
    Date,
    /// It has a decimal comma where points were used, or thousands separators, or both.
    Decimal,
    /// It is a bound such as `>0.5`.
    Bound,
}

/// Why a table was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// No path was given.
    #[error("no file was given")]
    NoFiles,
    /// The file can't be opened or read.
    #[error("{file}: {source}")]
    Io {
        /// Path, as given.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Bytes that are no text in UTF-8.
    #[error("{file}, line {line}: byte {byte} is 0x{value:02x}, which is not text in UTF-8")]
    NotText {
        /// Path, as given.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Offset of the byte in the file.
        byte: u64,
        /// The byte.
        value: u8,
        /// What the file's first bytes look like, if that is known: `a gzip archive`.
        looks_like: Option<&'static str>,
    },
    /// A line longer than any row of a table.
    #[error("{file}, line {line} is longer than {limit} bytes")]
    LongLine {
        /// Path, as given.
        file: String,
        /// Line, from 1.
        line: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A quoted cell that does not end.
    #[error("{place}: the quotation mark is never closed")]
    OpenQuote {
        /// The line in which it opens.
        place: Box<Place>,
    },
    /// No row and no header.
    #[error("{file} has no data")]
    Empty {
        /// Path, as given.
        file: String,
    },
    /// A header without rows.
    #[error("{file} has a header but no rows")]
    HeaderOnly {
        /// Path, as given.
        file: String,
    },
    /// There is a time but nothing beside it.
    #[error("{place}: there is only one column, so there is no measured value beside the time")]
    OneColumn {
        /// The first line of the table.
        place: Box<Place>,
    },
    /// A row with another number of cells than the first.
    #[error("{place}: the row has {}, the first line has {expected}", counted(*found, "cell", "cells"))]
    Ragged {
        /// The row.
        place: Box<Place>,
        /// Cells of the first row.
        expected: usize,
        /// Cells of this one.
        found: usize,
    },
    /// A cell that is neither a number nor missing.
    #[error("{place}: {} is not a number", shown(place.found()))]
    NotANumber {
        /// The cell.
        place: Box<Place>,
        /// What the column is used as.
        role: Role,
        /// Why it may not read as a number.
        hint: Hint,
    },
    /// A number that is infinite, or too large for double precision.
    #[error("{place}: {} is infinite", shown(place.found()))]
    Infinite {
        /// The cell.
        place: Box<Place>,
    },
    /// An option names a column that the file doesn't have.
    #[error("{file} has no column {} for {option}", shown(name))]
    MissingColumn {
        /// Path, as given.
        file: String,
        /// The option, such as `--time`.
        option: &'static str,
        /// What it names.
        name: String,
        /// The columns that there are.
        available: Vec<String>,
    },
    /// An option names a header that several columns have.
    #[error("{file} has more than one column {} for {option}", shown(name))]
    AmbiguousColumn {
        /// Path, as given.
        file: String,
        /// The option.
        option: &'static str,
        /// What it names.
        name: String,
        /// Numbers of the columns, from 1.
        columns: Vec<usize>,
    },
    /// A column is asked for twice.
    #[error(
        "column {} is asked for twice, by {first} and by {second}",
        shown(name)
    )]
    ColumnTwice {
        /// The column's header or number.
        name: String,
        /// One option.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// More states than a system may have.
    #[error("{file} has {found} columns of states, a system has at most {limit}")]
    TooManyStates {
        /// Path, as given.
        file: String,
        /// States found.
        found: usize,
        /// States allowed.
        limit: usize,
    },
    /// A file has other columns than the first file.
    #[error("{file} has the columns {}, but {first} has {}", here.join(", "), there.join(", "))]
    OtherColumns {
        /// Path, as given.
        file: String,
        /// The first file.
        first: String,
        /// Time and states of this one.
        here: Vec<String>,
        /// Time and states of the first.
        there: Vec<String>,
    },
    /// The group column, or the number of files, gives more trajectories than can be fitted.
    #[error("{place}: there are more than {limit} trajectories")]
    TooManyTrajectories {
        /// The row that begins one too many.
        place: Box<Place>,
        /// Trajectories allowed.
        limit: usize,
    },
    /// A state that never changes.
    #[error("{place}: the value is {value} in all {observed} observations")]
    Constant {
        /// Its first cell.
        place: Box<Place>,
        /// The value.
        value: f64,
        /// How often it was observed.
        observed: usize,
    },
    /// A state with too few observed values.
    #[error("{place}: {} points are needed, there {}", needed, there_are(*observed))]
    TooFewPoints {
        /// Its first cell.
        place: Box<Place>,
        /// Values observed, in trajectories that can be used.
        observed: usize,
        /// Values needed.
        needed: usize,
        /// Trajectories that were too short to be used.
        left_out: usize,
    },
    /// Times so far apart that their difference is infinite.
    #[error("{file}: the times from {from} to {to} are too far apart for double precision")]
    Span {
        /// Path, as given.
        file: String,
        /// First time.
        from: f64,
        /// Last time.
        to: f64,
    },
}

/// `is 1` or `are 3`.
fn there_are(n: usize) -> String {
    match n {
        1 => "is 1".to_string(),
        n => format!("are {n}"),
    }
}

/// `1 row was` or `3 rows were`.
pub(super) fn counted(n: usize, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

/// `text` in quotation marks, cut to a length that fits a message, control characters escaped.
fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut cut: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        cut.push('…');
    }
    format!("\"{}\"", cut.escape_debug())
}

impl TableError {
    /// Short name of the kind of error, for tests and programs.
    pub fn kind(&self) -> &'static str {
        match self {
            TableError::NoFiles => "no-files",
            TableError::Io { .. } => "io",
            TableError::NotText { .. } => "not-text",
            TableError::LongLine { .. } => "long-line",
            TableError::OpenQuote { .. } => "open-quote",
            TableError::Empty { .. } => "empty",
            TableError::HeaderOnly { .. } => "header-only",
            TableError::OneColumn { .. } => "one-column",
            TableError::Ragged { .. } => "ragged",
            TableError::NotANumber { .. } => "not-a-number",
            TableError::Infinite { .. } => "infinite",
            TableError::MissingColumn { .. } => "missing-column",
            TableError::AmbiguousColumn { .. } => "ambiguous-column",
            TableError::ColumnTwice { .. } => "column-twice",
            TableError::TooManyStates { .. } => "too-many-states",
            TableError::OtherColumns { .. } => "other-columns",
            TableError::TooManyTrajectories { .. } => "too-many-trajectories",
            TableError::Constant { .. } => "constant",
            TableError::TooFewPoints { .. } => "too-few-points",
            TableError::Span { .. } => "span",
        }
    }

    /// The cell or line that is meant, where there is one.
    pub fn place(&self) -> Option<&Place> {
        match self {
            TableError::OpenQuote { place }
            | TableError::OneColumn { place }
            | TableError::Ragged { place, .. }
            | TableError::NotANumber { place, .. }
            | TableError::Infinite { place }
            | TableError::TooManyTrajectories { place, .. }
            | TableError::Constant { place, .. }
            | TableError::TooFewPoints { place, .. } => Some(place),
            _ => None,
        }
    }

    /// The line, from 1, where one is meant.
    pub fn line(&self) -> Option<u64> {
        match self {
            TableError::NotText { line, .. } | TableError::LongLine { line, .. } => Some(*line),
            other => other.place().map(|p| p.line),
        }
    }

    /// What the user can do about it.
    pub fn remedy(&self) -> String {
        super::remedy::remedy(self)
    }
}
