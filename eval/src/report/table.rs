//! What was found, as a table, and below it the best law with its constants.

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::named::{Named, initial};
use super::{equations, posterior, r2, sources};
use crate::discover::Candidate;
use crate::present::Presented;
use crate::table::Series;

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

/// The result as a table, and below it the constants of the best law. Ends with a line end.
pub fn table(series: &Series, candidates: &[Candidate], layout: Layout) -> String {
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
    text.push_str(&details(series, best));
    text
}

fn aligned(column: usize, text: String) -> Cell {
    let side = match column {
        1 | 6 => CellAlignment::Left,
        _ => CellAlignment::Right,
    };
    Cell::new(text).set_alignment(side)
}

/// The best law with letters for its constants, their values with standard errors, and where it starts.
fn details(series: &Series, best: &Candidate) -> String {
    let named = Named::new(best, &series.names);
    let equations = named.equations;
    let constants = named
        .constants
        .into_iter()
        .map(|(name, value)| format!("{name} = {value}"));
    let mut text = String::from("Best law\n");
    for line in equations
        .into_iter()
        .chain(constants)
        .chain(initial(series, best))
    {
        text.push_str(&format!("  {line}\n"));
    }
    text
}
