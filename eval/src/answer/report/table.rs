//! What was found, as a table, and below it the best law with its constants.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::named::{Named, initial};
use super::{RunInfo, equations, posterior, r2, sources};
use crate::answer::ensemble::{Band, Forecast};
use crate::answer::figures;
use crate::answer::present::Presented;
use crate::discover::Candidate;
use crate::series::table::Series;
use nsode_parser::print::number;

/// Where a table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A terminal of this many columns: with lines, and wrapped to fit.
    Terminal(u16),
    /// A file or a pipe: one line an equation, columns set apart by spaces.
    Plain,
}

/// Lines above, below and under the header.
const RULED: TableStyle = {
    let line = LineStyle::none().fill('─').junction('─');
    TableStyle::new()
        .top_border(line)
        .header_separator(line)
        .bottom_border(line)
};

/// The result as a table, and below it the constants of the best law and of what the user guessed, the forecast,
/// and the notes. Ends with a line end.
pub fn table(series: &Series, candidates: &[Candidate], info: &RunInfo, layout: Layout) -> String {
    let Some(best) = candidates.first() else {
        return "No law found.\n".to_string();
    };
    let mut table = Table::new();
    match layout {
        Layout::Terminal(width) => {
            table.load_style(RULED);
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width.max(40));
        }
        Layout::Plain => {
            table.load_style(NOTHING);
            table.force_no_tty();
        }
    }
    let header = ["#", "law", "R²", "BIC", "posterior", "complexity", "source"];
    table.set_header(
        header
            .iter()
            .enumerate()
            .map(|(i, text)| aligned(i, text.to_string())),
    );
    for (i, candidate) in candidates.iter().enumerate() {
        let cells = [
            (i + 1).to_string(),
            equations(&Presented::of(candidate).rounded(), &series.names).join("\n"),
            r2(candidate.r2),
            format!("{:.1}", candidate.bic),
            posterior(candidate.posterior),
            candidate.complexity.to_string(),
            sources(candidate),
        ];
        table.add_row(
            cells
                .into_iter()
                .enumerate()
                .map(|(i, text)| aligned(i, text)),
        );
    }
    let mut text = table.trim_fmt();
    text.push_str("\n\n");
    text.push_str(&details("Best law", series, best));
    for (i, guess) in candidates.iter().enumerate().skip(1) {
        if guess.form.is_some() {
            text.push_str(&details(&format!("Guess, law {}", i + 1), series, guess));
        }
    }
    if let Some(forecast) = &info.forecast {
        text.push_str(&course(series, forecast));
    }
    if !info.notes.is_empty() {
        text.push_str("Notes\n");
        for note in &info.notes {
            text.push_str(&format!("  {note}\n"));
        }
    }
    text
}

fn aligned(column: usize, text: String) -> Cell {
    let side = match column {
        1 | 6 => CellAlignment::Left,
        _ => CellAlignment::Right,
    };
    Cell::new(text).set_alignment(side)
}

/// A law with names for its constants, their values with standard errors, and where it starts.
fn details(title: &str, series: &Series, best: &Candidate) -> String {
    let named = Named::new(best, &series.names);
    let equations = named.equations;
    let constants = named
        .constants
        .into_iter()
        .map(|(name, value)| format!("{name} = {value}"));
    let mut text = format!("{title}\n");
    for line in equations
        .into_iter()
        .chain(constants)
        .chain(initial(series, best))
    {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// Rows of a forecast that are shown.
const ROWS: usize = 5;

/// A few rows of the forecast of each of the first trajectories.
fn course(series: &Series, forecast: &Forecast) -> String {
    const SHOWN: usize = 4;
    let names = &series.names;
    let mut text = format!(
        "Forecast (median and {} % band of the solution, {} draws)\n",
        figures::significant(100.0 * forecast.level, 4),
        forecast.draws
    );
    let several = forecast.bands.len() > 1;
    let labels = series.trajectory_labels.iter();
    for (band, label) in forecast.bands.iter().zip(labels).take(SHOWN) {
        if several {
            text.push_str(&format!("  {label}\n"));
        }
        for row in rows(band) {
            let states: Vec<String> = (names.states.iter().enumerate())
                .map(|(i, name)| {
                    let cell = |rows: &[Vec<f64>]| {
                        let value = rows.get(row).and_then(|r| r.get(i)).copied();
                        value.unwrap_or(f64::NAN)
                    };
                    let (low, high) = (cell(&band.lower), cell(&band.upper));
                    let digits = |value: f64| match (low.is_finite() && high.is_finite(), value) {
                        // As many as tell the ends of the band apart, and no more than they are worth.
                        (true, v) => number(figures::rounded(v, Some((high - low) / 20.0))),
                        (_, v) => figures::significant(v, 4),
                    };
                    let [low, middle, high] = [low, cell(&band.median), high].map(digits);
                    format!("{name} = {middle} [{low}, {high}]")
                })
                .collect();
            let time = |row: usize| band.times.get(row).copied().unwrap_or(f64::NAN);
            let time = figures::place_on_axis(time(row), time(1) - time(0));
            text.push_str(&format!(
                "  {} at {} = {time}\n",
                states.join(", "),
                names.time
            ));
        }
    }
    text
}

/// Rows of a band at even distances, the last one among them.
fn rows(band: &Band) -> Vec<usize> {
    let last = band.times.len().saturating_sub(1);
    (1..=ROWS).map(|i| i * last / ROWS).collect()
}
