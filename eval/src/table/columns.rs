//! One file: the role of each column, then its rows into [`Rows`].

use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

use nsode_parser::token::MAX_STATES;

use super::cell::{Cell, Decimal, hint, split};
use super::dialect::{SNIFFED, delimiter, is_header};
use super::error::{Hint, Place, Role};
use super::lines::{Line, Lines};
use super::rows::{Pushed, Rows};
use super::{MAX_TRAJECTORIES, ReadOptions, TableError};

/// What one file turned out to be.
pub(super) struct FileTable {
    /// Path, as given.
    pub path: String,
    /// Header of each column, empty where there is none.
    pub headers: Vec<String>,
    /// Column of the times, from 0.
    pub time: usize,
    /// Columns of the states, from 0, in the order of the equations.
    pub states: Vec<usize>,
    /// Column of the group.
    pub group: Option<usize>,
    /// Columns without header and values, which are no states.
    pub blank: Vec<usize>,
    /// The first row, to be shown when a whole column is at fault.
    pub first_row: Line,
    pub delimiter: char,
    pub decimal: Decimal,
    pub counts: Counts,
}

/// Rows by what became of them.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    /// Rows that hold anything.
    pub rows: usize,
    /// Without a time; and the line of the first one.
    pub no_time: (usize, u64),
    /// Without a group; and the line of the first one.
    pub no_group: (usize, u64),
    /// With a time, but without a value of any state.
    pub no_state: usize,
}

/// Reads the file at `path`. `first` is the first file of this reading, whose columns it must have.
pub(super) fn read_file(
    path: &Path,
    options: &ReadOptions,
    first: Option<&FileTable>,
    rows: &mut Rows,
) -> Result<FileTable, TableError> {
    let name = path.display().to_string();
    let reader = File::open(path).map_err(|source| TableError::Io {
        file: name.clone(),
        source,
    })?;
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, reader), &name);
    let mut head = Vec::with_capacity(SNIFFED);
    let mut line = Line::default();
    while head.len() < SNIFFED && lines.next_into(&mut line)? {
        head.push(line.clone());
    }
    let (mut table, header) = FileTable::new(&name, &mut head, options, first)?;
    rows.begin_file();
    let mut reading = Reading {
        table: &mut table,
        rows,
        cells: Vec::new(),
        values: Vec::new(),
    };
    for line in head.iter().skip(usize::from(header)) {
        reading.row(line)?;
    }
    while lines.next_into(&mut line)? {
        reading.row(&line)?;
    }
    Ok(table)
}

impl FileTable {
    /// The roles of the columns, from the first lines; and whether the first of them is a header.
    fn new(
        path: &str,
        head: &mut Vec<Line>,
        options: &ReadOptions,
        first: Option<&FileTable>,
    ) -> Result<(FileTable, bool), TableError> {
        let delimiter = delimiter(head);
        let Some(line) = head.first() else {
            return Err(TableError::Empty { file: path.into() });
        };
        let mut ranges = Vec::new();
        split(&line.text, delimiter, &mut ranges);
        let cells: Vec<&str> = ranges.iter().map(|r| text(line, r)).collect();
        let header = is_header(&cells, options);
        let headers = cells.iter().map(|cell| match header {
            true => cell.replace("\"\"", "\"").replace('\n', " "),
            false => String::new(),
        });
        let mut table = FileTable {
            path: path.into(),
            headers: headers.collect(),
            time: 0,
            states: Vec::new(),
            group: None,
            blank: Vec::new(),
            first_row: head.get(usize::from(header)).cloned().unwrap_or_default(),
            delimiter,
            decimal: Decimal::for_delimiter(delimiter),
            counts: Counts::default(),
        };
        table.assign_roles(head, options)?;
        if table.states.is_empty() {
            return Err(TableError::OneColumn {
                place: Place::of_line(path, line),
            });
        }
        if header && head.len() == 1 {
            return Err(TableError::HeaderOnly { file: path.into() });
        }
        if table.states.len() > MAX_STATES {
            return Err(TableError::TooManyStates {
                file: path.into(),
                found: table.states.len(),
                limit: MAX_STATES,
            });
        }
        if let Some(first) = first {
            table.follow(first)?;
        }
        Ok((table, header))
    }

    fn assign_roles(&mut self, head: &[Line], options: &ReadOptions) -> Result<(), TableError> {
        if let Some(name) = &options.group {
            self.group = Some(self.find(name, "--group")?);
        }
        self.time = match &options.time {
            Some(name) => self.find(name, "--time")?,
            None => usize::from(self.group == Some(0)),
        };
        if self.group == Some(self.time) {
            return Err(self.twice(self.time, "--group", "--time"));
        }
        for name in &options.state {
            let column = self.find(name, "--state")?;
            if self.states.contains(&column) {
                return Err(self.twice(column, "--state", "--state"));
            }
            if column == self.time {
                let first = match options.time {
                    Some(_) => "--time",
                    None => "its place as the time",
                };
                return Err(self.twice(column, first, "--state"));
            }
            if Some(column) == self.group {
                return Err(self.twice(column, "--group", "--state"));
            }
            self.states.push(column);
        }
        if options.state.is_empty() {
            self.states = (0..self.headers.len())
                .filter(|&i| i != self.time && Some(i) != self.group)
                .collect();
            self.set_blank_aside(head);
        }
        Ok(())
    }

    /// Takes columns without header and values from the states: what a delimiter at the end of each
    /// line leaves.
    fn set_blank_aside(&mut self, head: &[Line]) {
        let mut blank = self.states.clone();
        blank.retain(|&i| self.headers.get(i).is_some_and(String::is_empty));
        let mut ranges = Vec::new();
        for line in head {
            split(&line.text, self.delimiter, &mut ranges);
            blank.retain(|&i| ranges.get(i).is_none_or(Range::is_empty));
        }
        self.states.retain(|i| !blank.contains(i));
        self.blank = blank;
    }

    /// The column that `name` names, by its header or else by its number.
    fn find(&self, name: &str, option: &'static str) -> Result<usize, TableError> {
        let name = name.trim();
        let mut with = (0..self.headers.len())
            .filter(|&i| !name.is_empty() && self.headers.get(i).is_some_and(|h| h == name));
        match (with.next(), with.next()) {
            (Some(column), None) => return Ok(column),
            (Some(a), Some(b)) => {
                return Err(TableError::AmbiguousColumn {
                    file: self.path.clone(),
                    option,
                    name: name.into(),
                    columns: [a, b].into_iter().chain(with).map(|i| i + 1).collect(),
                });
            }
            _ => {}
        }
        match name.parse::<usize>() {
            Ok(number) if (1..=self.headers.len()).contains(&number) => Ok(number - 1),
            _ => Err(TableError::MissingColumn {
                file: self.path.clone(),
                option,
                name: name.into(),
                available: (0..self.headers.len()).map(|i| self.title(i)).collect(),
            }),
        }
    }

    fn twice(&self, column: usize, first: &'static str, second: &'static str) -> TableError {
        TableError::ColumnTwice {
            name: self.title(column),
            first,
            second,
        }
    }

    /// A column's header, or its number from 1 where it has none.
    pub(super) fn title(&self, column: usize) -> String {
        match self.headers.get(column) {
            Some(header) if !header.is_empty() => header.clone(),
            _ => (column + 1).to_string(),
        }
    }

    /// Headers of time and states.
    fn titles(&self) -> Vec<String> {
        let columns = std::iter::once(self.time).chain(self.states.iter().copied());
        columns.map(|i| self.title(i)).collect()
    }

    /// Puts the states into the order of the `first` file's.
    fn follow(&mut self, first: &FileTable) -> Result<(), TableError> {
        let (here, there) = (self.titles(), first.titles());
        let place = |title: &String| {
            let state = here.iter().skip(1).position(|t| t == title)?;
            self.states.get(state).copied()
        };
        let states: Option<Vec<usize>> = there.iter().skip(1).map(place).collect();
        match states {
            Some(states) if here.len() == there.len() && here.first() == there.first() => {
                self.states = states;
                Ok(())
            }
            _ => Err(TableError::OtherColumns {
                file: self.path.clone(),
                first: first.path.clone(),
                here,
                there,
            }),
        }
    }

    /// The cell of `column` in the first row.
    pub(super) fn first_cell(&self, column: usize) -> Box<Place> {
        let mut ranges = Vec::new();
        split(&self.first_row.text, self.delimiter, &mut ranges);
        self.place(&self.first_row, &ranges, column)
    }

    fn place(&self, line: &Line, ranges: &[Range<usize>], column: usize) -> Box<Place> {
        let span = ranges.get(column).cloned().unwrap_or_default();
        Box::new(Place {
            column: column + 1,
            name: self.headers.get(column).cloned().unwrap_or_default(),
            ..Place::of_span(&self.path, line, span)
        })
    }
}

/// The text of a cell.
fn text<'a>(line: &'a Line, range: &Range<usize>) -> &'a str {
    line.text.get(range.clone()).unwrap_or("")
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
        self.table.counts.rows += 1;
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
        self.values.clear();
        for state in 0..self.table.states.len() {
            let column = self.table.states.get(state).copied().unwrap_or(0);
            let value = self.number(line, column, Role::Other)?;
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
            Cell::Number(value) => Ok(Some(value)),
            Cell::Missing => Ok(None),
            Cell::Infinite => Err(TableError::Infinite {
                place: self.table.place(line, &self.cells, column),
            }),
            Cell::Text => Err(TableError::NotANumber {
                place: self.table.place(line, &self.cells, column),
                role,
                hint: match hint(cell) {
                    // A point after decimal commas is a matter of the file, not of the cell.
                    Hint::None if cell.parse::<f64>().is_ok() => Hint::Decimal,
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
