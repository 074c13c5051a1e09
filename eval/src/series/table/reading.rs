//! The rows of one file into [`Rows`].

use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;

use super::cell::{Cell, Commas, Decimal, hint, number, split};
use super::columns::{FileTable, text};
use super::dialect::SNIFFED;
use super::error::{Hint, Place, Role};
use super::lines::{Line, Lines};
use super::rows::{Pushed, Rows};
use super::{MAX_TRAJECTORIES, ReadOptions, TableError};

/// The path that stands for the standard input.
pub(super) const STDIN: &str = "-";

/// Rows by what became of them.
#[derive(Default)]
pub(super) struct Counts {
    /// Without a time; and the line of the first one.
    pub no_time: (usize, u64),
    /// Without a group; and the line of the first one.
    pub no_group: (usize, u64),
    /// Cells with less than could be seen; and the first of them.
    pub below: (usize, Option<Box<Place>>),
    /// With a time, but without a value of any state.
    pub no_state: usize,
}

/// Commas in numbers, and the first that may separate thousands.
#[derive(Default)]
pub(super) struct DoubtfulCommas {
    pub seen: Commas,
    pub first: Option<Box<Place>>,
}

/// Reads the file at `path`. `first` is the first file of this reading, whose columns it must have.
pub(super) fn read_file(
    path: &Path,
    options: &ReadOptions,
    first: Option<&FileTable>,
    rows: &mut Rows,
) -> Result<FileTable, TableError> {
    let name = path.display().to_string();
    let opened: std::io::Result<Box<dyn Read>> = match name.as_str() {
        STDIN => Ok(Box::new(std::io::stdin())),
        _ => File::open(path).map(|file| Box::new(file) as Box<dyn Read>),
    };
    let reader = opened.map_err(|source| TableError::Io {
        file: name.clone(),
        source,
    })?;
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, reader), &name);
    let mut head = Vec::with_capacity(SNIFFED);
    let mut line = Line::default();
    while head.len() < SNIFFED && lines.next_into(&mut line)? {
        head.push(line.clone());
    }
    let (mut table, skipped) =
        FileTable::new(&name, &mut head, lines.comments_above(), options, first)?;
    rows.begin_file();
    let mut reading = Reading {
        table: &mut table,
        rows,
        cells: Vec::new(),
        values: Vec::new(),
    };
    for line in head.iter().skip(skipped) {
        reading.row(line)?;
    }
    while lines.next_into(&mut line)? {
        reading.row(&line)?;
    }
    Ok(table)
}

/// A file being read.
struct Reading<'a> {
    table: &'a mut FileTable,
    rows: &'a mut Rows,
    cells: Vec<Range<usize>>,
    values: Vec<f64>,
}

impl Reading<'_> {
    fn row(&mut self, line: &Line) -> Result<(), TableError> {
        split(&line.text, self.table.delimiter, &mut self.cells);
        if self.cells.iter().all(Range::is_empty) {
            return Ok(());
        }
        let expected = self.table.headers.len();
        let surplus = self.cells.get(expected..).unwrap_or(&[]);
        if self.cells.len() < expected || !surplus.iter().all(Range::is_empty) {
            return Err(TableError::Ragged {
                place: Place::of_line(&self.table.path, line),
                expected,
                found: self.cells.len(),
            });
        }
        let Some(time) = self.number(line, self.table.time, Role::Time)? else {
            count(&mut self.table.counts.no_time, line);
            return Ok(());
        };
        let empty = 0..0;
        let group = match self.table.group {
            None => "",
            Some(column) => {
                let group = text(line, self.cells.get(column).unwrap_or(&empty));
                if group.is_empty() {
                    count(&mut self.table.counts.no_group, line);
                    return Ok(());
                }
                group
            }
        };
        let role = match self.table.asked {
            true => Role::Asked,
            false => Role::Other,
        };
        self.values.clear();
        for state in 0..self.table.states.len() {
            let column = self.table.states.get(state).copied().unwrap_or(0);
            let value = self.number(line, column, role)?;
            self.values.push(value.unwrap_or(f64::NAN));
        }
        if self.values.iter().all(|v| v.is_nan()) {
            self.table.counts.no_state += 1;
            return Ok(());
        }
        match self.rows.push(group, time, &self.values) {
            Pushed::Kept => Ok(()),
            Pushed::TooManyTrajectories => Err(TableError::TooManyTrajectories {
                place: match self.table.group {
                    Some(column) => self.table.place(line, &self.cells, column),
                    None => Place::of_line(&self.table.path, line),
                },
                limit: MAX_TRAJECTORIES,
            }),
        }
    }

    /// The number in `column`; `None` if it is missing.
    fn number(
        &mut self,
        line: &Line,
        column: usize,
        role: Role,
    ) -> Result<Option<f64>, TableError> {
        let empty = 0..0;
        let cell = text(line, self.cells.get(column).unwrap_or(&empty));
        match self.table.decimal.read(cell) {
            Cell::Number(value) => {
                if self.table.decimal == Decimal::Comma && self.table.commas.seen.note(cell) {
                    self.table.commas.first = Some(self.table.place(line, &self.cells, column));
                }
                Ok(Some(value))
            }
            Cell::Missing => Ok(None),
            Cell::Below if role != Role::Time => {
                if self.table.counts.below.1.is_none() {
                    let first = self.table.place(line, &self.cells, column);
                    self.table.counts.below.1 = Some(first);
                }
                self.table.counts.below.0 += 1;
                Ok(None)
            }
            Cell::Infinite => Err(TableError::Infinite {
                place: self.table.place(line, &self.cells, column),
            }),
            Cell::Text | Cell::Below => Err(TableError::NotANumber {
                place: self.table.place(line, &self.cells, column),
                role,
                hint: match hint(cell) {
                    // A point after decimal commas is a matter of the file, not of the cell.
                    Hint::None if matches!(number(cell), Cell::Number(_)) => Hint::Decimal,
                    hint => hint,
                },
            }),
        }
    }
}

fn count((number, first): &mut (usize, u64), line: &Line) {
    if *number == 0 {
        *first = line.number;
    }
    *number += 1;
}
