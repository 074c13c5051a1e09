//! What to do about each [`TableError`], in the words of someone who has the file open.

use super::TableError;
use super::error::{Hint, Role};

/// One or two sentences for the user.
pub(super) fn remedy(error: &TableError) -> String {
    match error {
        TableError::NoFiles => "Name one CSV file or more.".into(),
        TableError::Io { source, .. } => match source.kind() {
            std::io::ErrorKind::NotFound => {
                "Check the path; it is taken from the current directory. A table that is piped in is called -.".into()
            }
            std::io::ErrorKind::PermissionDenied => "Check the file's permissions.".into(),
            std::io::ErrorKind::IsADirectory => "Name the CSV files in the directory.".into(),
            _ => "Check that the file can be read.".into(),
        },
        TableError::NotText {
            looks_like, value, ..
        } => match looks_like {
            None if *value == 0 => {
                "The file holds binary data: export the table as CSV text first.".into()
            }
            Some(kind) => format!("The file looks like {kind}: convert it to CSV text first."),
            None => "Save the table as CSV text in UTF-8; if it is in Latin-1, `iconv -f latin1 -t \
                     utf8` converts it."
                .into(),
        },
        TableError::LongLine { .. } => "Check that this is a CSV file with one row a line.".into(),
        TableError::OpenQuote { .. } => {
            "Close the quotation mark, or write two of them for one inside a quoted cell.".into()
        }
        TableError::Empty { .. } | TableError::HeaderOnly { .. } => {
            "Give rows of a time and at least one measured value, separated by commas, semicolons or \
             tabs."
                .into()
        }
        TableError::OneColumn { place } if place.text.trim().contains(char::is_whitespace) => {
            "Separate the columns by commas, semicolons or tabs; spaces alone don't separate columns."
                .into()
        }
        TableError::OneColumn { .. } => {
            "Give at least two columns, the time and one measured value, separated by commas, \
             semicolons or tabs."
                .into()
        }
        TableError::Ragged {
            expected, found, ..
        } => ragged(*expected, *found),
        TableError::NotANumber { place, role, hint } => not_a_number(&place.name, *role, *hint),
        TableError::Infinite { .. } => {
            "Leave the cell blank if there was no observation, or choose units in which the number is \
             smaller."
                .into()
        }
        TableError::MissingColumn { available, .. } => {
            format!(
                "Its columns are {}. A number from 1 to {} names a column too.",
                available.join(", "),
                available.len()
            )
        }
        TableError::AmbiguousColumn { columns, .. } => {
            let numbers: Vec<String> = columns.iter().map(usize::to_string).collect();
            format!("Name it by its number: {}.", numbers.join(" or "))
        }
        TableError::ColumnTwice { .. } => "Name each column once.".into(),
        TableError::TooManyStates { .. } => {
            "Name those that belong to one system, such as --state prey,predator.".into()
        }
        TableError::OtherColumns { .. } => {
            "Give all files the same header, or name the common columns with --time and --state."
                .into()
        }
        TableError::TooManyTrajectories { .. } => {
            "Check that the --group column names experiments, not single points.".into()
        }
        TableError::Constant { place, .. } => format!(
            "There is no change to explain. Leave {} out by naming the others with --state, or give a \
             series in which it changes.",
            column(&place.name)
        ),
        TableError::TooFewPoints { left_out: 0, .. } => {
            "Give more rows, or leave the column out by naming the others with --state.".into()
        }
        TableError::TooFewPoints { left_out, .. } => format!(
            "A trajectory needs two times and two values of each state; {left_out} had fewer. Check \
             that the --group column names experiments, not single points."
        ),
        TableError::Span { .. } => "Choose other units of time.".into(),
    }
}

fn column(name: &str) -> String {
    match name {
        "" => "the column".into(),
        name => format!("\"{name}\""),
    }
}

fn ragged(expected: usize, found: usize) -> String {
    if found < expected {
        "Give every row the same number of cells; a missing value is an empty cell between two \
         delimiters."
            .into()
    } else {
        "Give every row the same number of cells; put cells that hold the delimiter in quotation \
         marks, and write decimals with a point or separate the columns by semicolons."
            .into()
    }
}

fn not_a_number(name: &str, role: Role, hint: Hint) -> String {
    match (hint, role) {
        (Hint::Date, Role::Time) => {
            "Times must be numbers: convert dates to days (or any unit) since the start.".into()
        }
        (Hint::Decimal, _) => "Write all numbers of the file with a decimal point and without \
             thousands separators; a decimal comma is read only where columns are separated by \
             semicolons or tabs and no number has a decimal point."
            .into(),
        (Hint::Bound, _) => {
            "Write the number itself, or leave the cell blank if nothing was measured.".into()
        }
        (_, Role::Time) => {
            "The times must be numbers. If this column says which run a row belongs to, give it as --group; if another \
             one holds the times, name that with --time."
                .into()
        }
        (_, Role::Asked) => format!(
            "Write a number, or leave the cell blank if there was no observation. If {} is not a \
             measured value, leave it out of --state.",
            column(name)
        ),
        (_, Role::Other) => format!(
            "Write a number, or leave the cell blank if there was no observation. If {} is not a \
             measured value, name those that are with --state; if it names the experiment, use --group.",
            column(name)
        ),
    }
}
