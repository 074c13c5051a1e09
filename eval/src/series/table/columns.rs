//! What the columns of one file are: the time, the group, the states, or left out.

use std::collections::HashSet;
use std::ops::Range;

use nsode_parser::token::MAX_STATES;

use super::above;
use super::cell::{Decimal, cells, split};
use super::dialect::{commented_header, delimiter, header, is_header};
use super::error::Place;
use super::index::{self, Steps};
use super::lines::Line;
use super::reading::{Counts, DoubtfulCommas};
use super::{ReadOptions, TableError};

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
    /// Unit of each column, from a row below the header; empty where there is none.
    pub units: Vec<String>,
    /// First and last line of what stands above the table.
    pub above: Option<(u64, u64)>,
    /// Columns without header and values, which are no states.
    pub blank: Vec<usize>,
    /// Nobody asked for the time: it goes by its column's name, which is not the first.
    pub found_time: bool,
    /// The first column numbers the rows and is left out.
    pub numbered: bool,
    /// The states were asked for by name.
    pub asked: bool,
    /// Line of the comment that was taken for the header.
    pub commented: Option<u64>,
    /// The first row, to be shown when a whole column is at fault.
    pub first_row: Line,
    pub delimiter: char,
    pub decimal: Decimal,
    pub commas: DoubtfulCommas,
    pub counts: Counts,
}

impl FileTable {
    /// The roles of the columns, from the first lines and the `comments` above them; and how many of the lines that `head`
    /// then has are no rows. `first` is the first file of this reading, whose columns it must have.
    pub(super) fn new(
        path: &str,
        head: &mut Vec<Line>,
        comments: &[Line],
        options: &ReadOptions,
        first: Option<&FileTable>,
    ) -> Result<(FileTable, usize), TableError> {
        let delimiter = delimiter(head);
        let remarks: Vec<Line> = head
            .drain(..above::preamble(head, delimiter, options))
            .collect();
        let Some(line) = head.first() else {
            return Err(TableError::Empty { file: path.into() });
        };
        let next = head.get(1).map(|next| cells(&next.text, delimiter));
        let cells = cells(&line.text, delimiter);
        let in_first = is_header(&cells, &next.unwrap_or_default(), options);
        let units = match (in_first, head.get(1), head.get(2)) {
            (true, Some(row), Some(below)) => above::units(row, below, delimiter),
            _ => None,
        };
        let skipped = usize::from(in_first) + usize::from(units.is_some());
        let unnamed = || (None, vec![String::new(); cells.len()]);
        let commented = || {
            let found = commented_header(comments, delimiter, cells.len());
            found.map_or_else(unnamed, |(line, headers)| (Some(line), headers))
        };
        let (commented, headers) = match first {
            _ if in_first => (None, cells.iter().map(|cell| header(cell)).collect()),
            // What a comment says of the first file goes for the others, whatever theirs say.
            Some(first) if first.commented.is_some() && first.headers.len() == cells.len() => {
                (None, first.headers.clone())
            }
            Some(first) if first.headers.iter().all(String::is_empty) => unnamed(),
            _ => commented(),
        };
        let mut table = FileTable {
            path: path.into(),
            headers,
            time: 0,
            states: Vec::new(),
            group: None,
            units: units.unwrap_or_default(),
            above: (remarks.first().zip(remarks.last())).map(|(a, b)| (a.number, b.number)),
            blank: Vec::new(),
            found_time: false,
            numbered: false,
            asked: !options.state.is_empty(),
            commented,
            first_row: head.get(skipped).cloned().unwrap_or_default(),
            delimiter,
            decimal: Decimal::for_delimiter(delimiter),
            commas: DoubtfulCommas::default(),
            counts: Counts::default(),
        };
        let rows = head.get(skipped..).unwrap_or(&[]);
        table.assign_roles(rows, options, first)?;
        if table.states.is_empty() {
            return Err(TableError::OneColumn {
                place: Place::of_line(path, line),
            });
        }
        if in_first && head.len() == 1 {
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
        Ok((table, skipped))
    }

    fn assign_roles(
        &mut self,
        rows: &[Line],
        options: &ReadOptions,
        first: Option<&FileTable>,
    ) -> Result<(), TableError> {
        // What was found in the first file is looked for by its name in the others.
        self.group = match (&options.group, first) {
            (Some(name), _) => Some(self.find(name, "--group")?),
            (None, Some(first)) => (first.group).and_then(|group| self.named(&first.title(group))),
            (None, None) => self.find_group(rows, options),
        };
        let leftmost = usize::from(self.group == Some(0));
        let found = match (&options.time, first) {
            (Some(_), _) => None,
            (None, Some(first)) if first.found_time => self.named(&first.title(first.time)),
            (None, Some(_)) => None,
            (None, None) => self.find_time(rows, options, self.group),
        };
        self.found_time = found.is_some();
        self.time = match &options.time {
            Some(name) => self.find(name, "--time")?,
            None => found.unwrap_or(leftmost),
        };
        self.set_row_numbers_aside(rows, options, first);
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
                .filter(|&i| !(self.numbered && i == 0))
                .collect();
            self.set_blank_aside(rows);
        }
        Ok(())
    }

    /// The column of the time where nobody says and it is not the leftmost one: the only one that is called so, and grows
    /// where the leftmost one does not, or by equal steps where that does not.
    fn find_time(
        &self,
        rows: &[Line],
        options: &ReadOptions,
        group: Option<usize>,
    ) -> Option<usize> {
        let leftmost = usize::from(group == Some(0));
        let named = (self.headers.get(leftmost)).is_some_and(|h| !index::unnamed(h));
        let mut times = self.called(index::is_called_time);
        let (only, None) = (times.next()?, times.next()) else {
            return None;
        };
        let steps = |column: usize| {
            let cells = self.cells(rows, [group.unwrap_or(usize::MAX), column]);
            index::steps(cells.iter().map(|[run, time]| (*run, *time)), self.decimal)
        };
        let looks_better = || {
            let (own, other) = (steps(only), steps(leftmost));
            let is_clock = |steps: Option<Steps>| steps.is_some_and(Steps::are_a_clock);
            let grows = |steps: Option<Steps>| steps.is_some_and(|steps| steps.grows);
            grows(own) && (!grows(other) || (is_clock(own) && !is_clock(other)))
        };
        let is_open = named && only != leftmost && Some(only) != group;
        let found = is_open && !self.is_asked(only, options) && looks_better();
        found.then_some(only)
    }

    /// A column that nobody asked for and that tells runs apart: it is called so, has one value only or values at which the
    /// times begin anew, and no time comes twice with one of them.
    fn find_group(&self, rows: &[Line], options: &ReadOptions) -> Option<usize> {
        let asked = options.time.as_ref().map(|name| self.find(name, "--time"));
        let asked = asked.transpose().ok()?;
        let is_free = |i: &usize| asked != Some(*i) && !self.is_asked(*i, options);
        let tells_runs_apart = |group: &usize| {
            let time = asked
                .or_else(|| self.find_time(rows, options, Some(*group)))
                .unwrap_or(usize::from(*group == 0));
            let mut cells = self.cells(rows, [*group, time]);
            cells.retain(|[run, time]| !run.is_empty() && !time.is_empty());
            let count = |i: usize| cells.iter().map(|c| c[i]).collect::<HashSet<_>>().len();
            let (runs, times) = (count(0), count(1));
            let pairs = cells.iter().collect::<HashSet<_>>().len();
            // With one state at least, and runs of two rows or more.
            self.headers.len() > 2
                && 2 * runs <= cells.len()
                && pairs == cells.len()
                && (runs == 1 || times < pairs)
        };
        let mut candidates = self.called(index::is_called_run).filter(is_free);
        candidates.find(tells_runs_apart)
    }

    /// The columns whose headers are such.
    fn called(&self, is_such: fn(&str) -> bool) -> impl Iterator<Item = usize> {
        let headers = self.headers.iter().enumerate();
        headers
            .filter(move |(_, header)| is_such(header))
            .map(|(column, _)| column)
    }

    /// The column of that title.
    fn named(&self, title: &str) -> Option<usize> {
        (0..self.headers.len()).find(|i| self.title(*i) == title)
    }

    /// Whether a column is named among the states.
    fn is_asked(&self, column: usize, options: &ReadOptions) -> bool {
        let mut named = options.state.iter();
        named.any(|name| self.find(name, "--state").ok() == Some(column))
    }

    /// Leaves out a first column that numbers the rows, if a state remains: one without a name, if the column after it looks like
    /// the time or the user names that; one with a name, if only one other is called the time and nothing else, and grows.
    fn set_row_numbers_aside(
        &mut self,
        rows: &[Line],
        options: &ReadOptions,
        first: Option<&FileTable>,
    ) {
        if self.asked && options.time.is_some() {
            return; // nothing is left to guess
        }
        let others: Vec<usize> = (1..self.headers.len())
            .filter(|&i| Some(i) != self.group)
            .filter(|&i| self.headers.get(i).is_some_and(|h| !h.is_empty()))
            .collect();
        let unnamed = self.headers.first().is_some_and(|h| index::unnamed(h));
        let time = match options.time {
            Some(_) => Some(self.time),
            None if unnamed => others.first().copied(),
            None => {
                let mut called = self.called(index::is_called_time);
                called.next().filter(|_| called.next().is_none())
            }
        };
        let Some(time) = time.filter(|&time| {
            time != 0
                && self.group != Some(0)
                && others.iter().any(|&i| i != time)
                && !self.is_asked(0, options)
                && !self.is_asked(time, options)
        }) else {
            return;
        };
        self.numbered = match first {
            // All files have the same columns, wherever their numbers begin.
            Some(first) => first.numbered && first.title(first.time) == self.title(time),
            None => {
                let cells = self.cells(rows, [0, self.group.unwrap_or(usize::MAX), time]);
                let times = || cells.iter().map(|[_, group, time]| (*group, *time));
                let grows = || index::steps(times(), self.decimal).is_some_and(|s| s.grows);
                let looks_like_time = || match unnamed {
                    true => {
                        let title = self.title(time);
                        options.time.is_some() || index::is_time(&title, times(), self.decimal)
                    }
                    false => index::is_plainly_time(&self.title(time)) && grows(),
                };
                index::numbers_rows(cells.iter().map(|[number, ..]| *number)) && looks_like_time()
            }
        };
        if self.numbered {
            self.time = time;
        }
    }

    /// The cells of these columns, blank where there is none.
    fn cells<'a, const N: usize>(
        &self,
        rows: &'a [Line],
        columns: [usize; N],
    ) -> Vec<[&'a str; N]> {
        let mut ranges = Vec::new();
        let mut cells = Vec::with_capacity(rows.len());
        for line in rows {
            split(&line.text, self.delimiter, &mut ranges);
            if !ranges.iter().all(Range::is_empty) {
                let cell = |i: usize| ranges.get(i).map_or("", |range| text(line, range));
                cells.push(columns.map(cell));
            }
        }
        cells
    }

    /// Takes columns without header and values from the states: what a delimiter at the end of each
    /// line leaves.
    fn set_blank_aside(&mut self, rows: &[Line]) {
        let mut blank = self.states.clone();
        blank.retain(|&i| self.headers.get(i).is_some_and(String::is_empty));
        let mut ranges = Vec::new();
        for line in rows {
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

    /// Headers of the columns that are neither time nor group nor states.
    pub(super) fn left_out(&self) -> impl Iterator<Item = &str> {
        let used = |i: &usize| *i == self.time || Some(*i) == self.group || self.states.contains(i);
        let others = self
            .headers
            .iter()
            .enumerate()
            .filter(move |(i, _)| !used(i));
        others
            .map(|(_, header)| header.as_str())
            .filter(|header| !header.is_empty())
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

    pub(super) fn place(&self, line: &Line, ranges: &[Range<usize>], column: usize) -> Box<Place> {
        let span = ranges.get(column).cloned().unwrap_or_default();
        Box::new(Place {
            column: column + 1,
            name: self.headers.get(column).cloned().unwrap_or_default(),
            ..Place::of_span(&self.path, line, span)
        })
    }
}

/// The text of a cell.
pub(super) fn text<'a>(line: &'a Line, range: &Range<usize>) -> &'a str {
    line.text.get(range.clone()).unwrap_or("")
}
