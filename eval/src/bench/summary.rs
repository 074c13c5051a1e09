//! What records come to: shares with intervals, for each who answered, suite, condition and number of states.

use std::collections::HashMap;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;

use super::{Figure, Record};
use crate::metric::bootstrap::{interval, quantile};
use crate::metric::calibration;

/// Records of one system under test, on the systems of so many states of one suite, under one condition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Who answered.
    pub system: String,
    /// The suite.
    pub suite: String,
    /// The condition.
    pub condition: String,
    /// Number of states of the suite's systems.
    pub states: usize,
    /// Number of records.
    pub cases: usize,
    /// Number of the suite's systems among them.
    pub problems: usize,
    /// Shares, in the order of [`Figure::ALL`]; those that no record can tell are left out.
    pub shares: Vec<Share>,
    /// Median tokens and constants of the laws found.
    pub complexity: Option<f64>,
    /// Median time of an answer.
    pub seconds: f64,
    /// The time that 95 % of the answers need at most.
    pub seconds_p95: f64,
    /// Answers that the time limit cut short.
    pub late: usize,
    /// Expected calibration error of the stated probabilities, the skeleton counting as right or wrong.
    pub calibration: Option<f64>,
}

/// A share of records, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Of what: [`Figure::name`].
    pub figure: &'static str,
    /// The share, from 0 to 1.
    pub share: f64,
    /// The interval's lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Records that can tell.
    pub cases: usize,
}

impl Group {
    /// The share of a figure.
    pub fn share(&self, figure: Figure) -> Option<&Share> {
        self.shares
            .iter()
            .find(|share| share.figure == figure.name())
    }
}

/// What the records of a group have in common: who answered, suite, condition, number of states.
type Key<'a> = (&'a str, &'a str, &'a str, usize);

/// The groups of some records, in the order in which they occur.
pub fn summarise(records: &[Record]) -> Vec<Group> {
    let mut order: Vec<Key> = Vec::new();
    let mut groups: HashMap<Key, Vec<&Record>> = HashMap::new();
    for record in records {
        let key: Key = (
            &record.system,
            &record.suite,
            &record.condition,
            record.dimension,
        );
        let group = groups.entry(key).or_default();
        if group.is_empty() {
            order.push(key);
        }
        group.push(record);
    }
    let group = |key| groups.get(&key).map(|records| group(key, records));
    order.into_iter().filter_map(group).collect()
}

fn group((system, suite, condition, states): Key, records: &[&Record]) -> Group {
    let sorted = |values: &mut dyn Iterator<Item = f64>| {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let seconds = sorted(&mut records.iter().map(|r| r.seconds));
    let complexity = sorted(&mut records.iter().filter_map(|r| Some(r.complexity? as f64)));
    let stated: Vec<(f64, bool)> = records
        .iter()
        .filter_map(|r| Some((r.posterior?, r.skeleton)))
        .collect();
    Group {
        system: system.to_string(),
        suite: suite.to_string(),
        condition: condition.to_string(),
        states,
        cases: records.len(),
        problems: clusters(records, |_| Some(1.0)).len(),
        shares: Figure::ALL
            .into_iter()
            .filter_map(|figure| share(records, figure))
            .collect(),
        complexity: (!complexity.is_empty()).then(|| quantile(&complexity, 0.5)),
        seconds: quantile(&seconds, 0.5),
        seconds_p95: quantile(&seconds, 0.95),
        late: records.iter().filter(|r| r.late).count(),
        calibration: calibration::error(&stated),
    }
}

/// The share of records of which a figure is true. `None` where none can tell.
pub fn share(records: &[&Record], figure: Figure) -> Option<Share> {
    let lists = clusters(records, |record| {
        figure.of(record).map(|holds| f64::from(u8::from(holds)))
    });
    let (share, low, high) = interval(&lists)?;
    Some(Share {
        figure: figure.name(),
        share,
        low,
        high,
        cases: lists.iter().map(Vec::len).sum(),
    })
}

/// Values of the records, one list a system of a suite, in order of occurrence.
fn clusters(records: &[&Record], value: impl Fn(&Record) -> Option<f64>) -> Vec<Vec<f64>> {
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    let mut lists: Vec<Vec<f64>> = Vec::new();
    for record in records {
        let place = *places
            .entry((&record.suite, &record.problem))
            .or_insert_with(|| {
                lists.push(Vec::new());
                lists.len() - 1
            });
        if let Some(list) = lists.get_mut(place) {
            list.extend(value(record));
        }
    }
    lists
}

/// Shares that the table has; `summary.json` has all.
const SHOWN: [Figure; 7] = [
    Figure::Recon,
    Figure::ReconClose,
    Figure::Generalization,
    Figure::Skeleton,
    Figure::Listed,
    Figure::Law1,
    Figure::Law10,
];

fn header() -> Vec<String> {
    let mut header: Vec<String> = ["system", "suite", "condition", "states", "cases"]
        .map(String::from)
        .to_vec();
    header.extend(SHOWN.map(|figure| figure.name().to_string()));
    header.extend(["ECE", "size", "median s", "p95 s"].map(String::from));
    header
}

fn row(group: &Group) -> Vec<String> {
    let none = || "–".to_string();
    let mut cells = vec![
        group.system.clone(),
        group.suite.clone(),
        group.condition.clone(),
        group.states.to_string(),
        group.cases.to_string(),
    ];
    cells.extend(SHOWN.map(|figure| group.share(figure).map_or_else(none, percent)));
    cells.push(group.calibration.map_or_else(none, |e| format!("{e:.2}")));
    cells.push(group.complexity.map_or_else(none, |c| format!("{c:.0}")));
    cells.push(seconds(group.seconds));
    cells.push(match group.late {
        0 => seconds(group.seconds_p95),
        late => format!("{} ({late} late)", seconds(group.seconds_p95)),
    });
    cells
}

/// `63.0 (52–74)`: percent.
fn percent(share: &Share) -> String {
    let [share, low, high] = [share.share, share.low, share.high].map(|v| 100.0 * v);
    format!("{share:.1} ({low:.0}–{high:.0})")
}

fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 0.1 => format!("{s:.3}"),
        s if s < 10.0 => format!("{s:.2}"),
        s => format!("{s:.1}"),
    }
}

/// What the columns are, for below a table.
pub const LEGEND: &str = "\
Percent of cases, with 95 % intervals by resampling the suite's systems. recon, recon999: R² above 0.9 and 0.999 on
the clean observed run; gen: above 0.9 from another initial state; skeleton: equal to the true one in canonical
form; listed: among the laws of the answer; law1, law10: right-hand side within 1 % and 10 % of the largest slope.
ECE: calibration error of the probabilities. size: median tokens and constants.";

/// The groups as a table for people. Ends with a line end.
pub fn table(groups: &[Group]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.force_no_tty();
    let aligned = |cells: Vec<String>| {
        let cells = cells.into_iter().enumerate();
        cells.map(|(i, text)| {
            Cell::new(text).set_alignment(match i {
                0..=2 => CellAlignment::Left,
                _ => CellAlignment::Right,
            })
        })
    };
    table.set_header(aligned(header()));
    for group in groups {
        table.add_row(aligned(row(group)));
    }
    table.trim_fmt() + "\n"
}

/// The groups as a table in Markdown. Ends with a line end.
pub fn markdown(groups: &[Group]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let rule = header().into_iter().enumerate().map(|(i, _)| match i {
        0..=2 => "---".to_string(),
        _ => "--:".to_string(),
    });
    let mut text = line(header()) + &line(rule.collect());
    for group in groups {
        text += &line(row(group));
    }
    text
}
