//! When the true skeleton is not first: which way the answer fails.

use nsode_parser::Names;
use nsode_parser::infix::parse_expr;
use nsode_parser::print::{infix, rounded};

use super::{Figure, Record};

/// A way to fail, the mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// The law found is the true function, written in a way that the canonical form does not know to be equal.
    Identity,
    /// The true skeleton is among the laws of the answer, but another one is first.
    Outranked,
    /// Another law, within 10 % of the true one wherever the runs go: the data hardly tell them apart.
    Lookalike,
    /// Another law, which fits the run that was seen and fails beside it.
    Unseen,
    /// Another law, which does not even fit the run that was seen.
    Misfit,
    /// No law at all.
    NoAnswer,
}

impl Failure {
    /// All of them.
    pub const ALL: [Failure; 6] = [
        Failure::Identity,
        Failure::Outranked,
        Failure::Lookalike,
        Failure::Unseen,
        Failure::Misfit,
        Failure::NoAnswer,
    ];

    /// The kind of a record; `None` if its skeleton is right.
    pub fn of(record: &Record) -> Option<Failure> {
        let holds = |figure: Figure| figure.of(record) == Some(true);
        Some(match () {
            () if holds(Figure::Skeleton) => return None,
            () if !holds(Figure::Valid) => Failure::NoAnswer,
            () if holds(Figure::Family) => Failure::Identity,
            () if holds(Figure::Listed) => Failure::Outranked,
            () if holds(Figure::Law10) => Failure::Lookalike,
            () if holds(Figure::Recon) => Failure::Unseen,
            () => Failure::Misfit,
        })
    }

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Failure::Identity => "the true function in another shape",
            Failure::Outranked => "the true shape is listed, another one is first",
            Failure::Lookalike => "another law, within 10 % of the true one on both runs",
            Failure::Unseen => "another law, which fits the run that was seen and fails beside it",
            Failure::Misfit => "another law, which does not fit the run that was seen",
            Failure::NoAnswer => "no law at all",
        }
    }
}

/// The failures of some records, by system, condition and kind, in Markdown: counts, then the cases with both
/// laws. Ends with a line end.
pub fn markdown(records: &[Record]) -> String {
    let mut text = String::new();
    for kind in Failure::ALL {
        let failed: Vec<&Record> = records
            .iter()
            .filter(|record| Failure::of(record) == Some(kind))
            .collect();
        if failed.is_empty() {
            continue;
        }
        text += &format!(
            "\n### {}: {} of {}\n\n",
            kind.words(),
            failed.len(),
            records.len()
        );
        text += "| case | true law | law found | its probability | place of the true shape |\n";
        text += "|---|---|---|--:|--:|\n";
        for record in failed {
            let found = match (&record.found, &record.error) {
                (Some(found), _) => short(found, record),
                (None, Some(error)) => error.replace(['|', '`', '\n'], " "),
                (None, None) => String::new(),
            };
            let number = |v: Option<String>| v.unwrap_or_else(|| "–".to_string());
            text += &format!(
                "| {} | `{}` | `{found}` | {} | {} |\n",
                record.case,
                short(&record.truth, record),
                number(record.posterior.map(|p| format!("{p:.2}"))),
                number(record.rank.map(|r| r.to_string())),
            );
        }
    }
    text
}

/// Right-hand sides with numbers short enough to read.
fn short(rhs: &[String], record: &Record) -> String {
    let names = Names {
        time: record.time.clone(),
        states: record.states.clone(),
    };
    let short = |text: &String| match parse_expr(text, &names) {
        Ok(rhs) => infix(&rounded(&rhs, 5), &names),
        Err(_) => text.clone(),
    };
    rhs.iter().map(short).collect::<Vec<_>>().join("; ")
}
