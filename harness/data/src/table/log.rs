//! A log of transactions: a line per purchase or refund, any number of them per customer.

use super::collect::Collector;
use super::columns::Columns;
use super::time::TimeKind;
use super::{Reading, TableSpec, open, read};
use crate::Feature;
use std::path::Path;
use valor_base::error::shown;
use valor_base::input_error;

/// Which columns of a log say what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogColumns {
    /// Who bought; a label.
    pub customer: String,
    /// When; ISO dates, or numbers of days.
    pub time: String,
    /// For how much; below 0 for a refund.
    pub amount: String,
    /// How many pieces, where it is known; an empty cell counts 0.
    pub units: Option<String>,
    /// Levels of the line, of which those of a customer's first line are kept.
    pub levels: Vec<String>,
}

/// A log in the order of its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// Labels of customers, by number.
    pub customers: Vec<String>,
    /// The lines.
    pub lines: Vec<Line>,
    /// Categorical columns, a code per line.
    pub levels: Vec<Feature>,
    /// Whether days are counted from 1970-01-01, or are numbers of their own.
    pub dates: bool,
}

/// A line of a log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Number of the customer.
    pub customer: usize,
    /// The day, UTC.
    pub day: i64,
    /// What was paid; below 0 where it was paid back.
    pub amount: f64,
    /// Pieces; absent where no column says so, 0 where its cell is empty.
    pub units: Option<f64>,
    /// Row of the file, as messages count.
    pub row: u64,
}

const SECONDS: f64 = 86_400.0;

/// Days as numbers lie within this of 0.
const FARTHEST: f64 = 4e6;

impl LogColumns {
    fn spec(&self, path: &str, reading: Reading) -> TableSpec {
        TableSpec {
            path: Some(path.to_string()),
            outcome: self.amount.clone(),
            group: Some(self.customer.clone()),
            time: Some(self.time.clone()),
            numeric: self.units.iter().cloned().collect(),
            categorical: self.levels.clone(),
            ..TableSpec::read_as(reading)
        }
    }

    /// Refuses a column that is named twice.
    fn validate(&self, path: &str) -> anyhow::Result<()> {
        let first = [("--customer", &self.customer), ("--time", &self.time), ("--amount", &self.amount)];
        let units = self.units.iter().map(|name| ("--units", name));
        let levels = self.levels.iter().map(|name| ("--first", name));
        let mut seen: Vec<(&str, &String)> = Vec::new();
        for (option, name) in first.into_iter().chain(units).chain(levels) {
            if let Some((other, _)) = seen.iter().find(|(_, known)| *known == name) {
                return Err(input_error!(
                    "{path}: the column '{}' is named by {other} and {option}; allowed is once",
                    shown(name)
                ));
            }
            seen.push((option, name));
        }
        Ok(())
    }
}

impl Log {
    /// Reads a whole log.
    ///
    /// # Errors
    ///
    /// Input errors that name the file, and the row and column where there is one: columns that are missing or named twice, amounts
    /// that are no numbers, times that are no dates and no days, customers without a label.
    pub fn read(path: &Path, reading: Reading, columns: &LogColumns) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        reading.validate(&name)?;
        columns.validate(&name)?;
        let spec = columns.spec(&name, reading);
        let file = open(&name, path, "")?;
        let found = Columns::new(&spec);
        let collector = |place| Collector::new(&spec, found.clone(), place);
        read_all(read(&name, file, &found, &spec.reading(), collector)?, &name, columns)
    }

    /// A day as people write it.
    pub fn spell(&self, day: i64) -> String {
        match self.dates {
            true => super::time::spell(i128::from(day) * 86_400 * 1_000_000_000),
            false => day.to_string(),
        }
    }

    /// The day that a text says, as the days of this log are written.
    ///
    /// # Errors
    ///
    /// What is allowed.
    pub fn day(&self, text: &str) -> Result<i64, String> {
        let found = match self.dates {
            true => super::time::moment(text.trim()).map(|moment| super::time::seconds(moment) / SECONDS),
            false => text.trim().parse().ok().filter(|day: &f64| day.abs() <= FARTHEST),
        };
        let allowed = match self.dates {
            true => "allowed are ISO dates such as 2024-01-31, as the log has them",
            false => "allowed are numbers of days, as the log has them",
        };
        found.map(|day| day.floor() as i64).ok_or_else(|| allowed.to_string())
    }
}

fn read_all(collector: Collector, name: &str, columns: &LogColumns) -> anyhow::Result<Log> {
    let raw = collector.finish_log()?;
    let dates = raw.kind == TimeKind::Date;
    let (times, rows) = (raw.dataset.time.unwrap_or_default(), raw.dataset.origin.unwrap_or_default());
    let groups = raw.dataset.group.unwrap_or_default();
    if !dates {
        check_days(&times, &rows, name, &columns.time)?;
    }
    let units = |line: usize| {
        let units = columns.units.as_ref().map(|_| f64::from(raw.dataset.numeric.row(line)[0]));
        units.map(|units| if units.is_nan() { 0.0 } else { units })
    };
    let line = |line: usize| Line {
        customer: groups[line] as usize,
        day: if dates { (times[line] / SECONDS).floor() } else { times[line].floor() } as i64,
        amount: raw.dataset.outcome[line],
        units: units(line),
        row: rows[line],
    };
    let lines = (0..times.len()).map(line).collect();
    let levels = raw.dataset.features.into_iter().skip(usize::from(columns.units.is_some())).collect();
    Ok(Log { customers: raw.groups, lines, levels, dates })
}

/// Numbers of days, not dates written as one number and not seconds.
fn check_days(times: &[f64], rows: &[u64], name: &str, column: &str) -> anyhow::Result<()> {
    let Some(place) = times.iter().position(|time| time.abs() > FARTHEST) else { return Ok(()) };
    let found = times[place];
    let (month, day) = ((found / 100.0).floor() % 100.0, found % 100.0);
    let as_date = (1e7..1e8).contains(&found) && (1.0..=12.0).contains(&month) && (1.0..=31.0).contains(&day);
    let advice = match as_date {
        true => "a date written as one number is not read as one: write 2024-01-31 for 20240131",
        false => "write seconds since 1970 as ISO dates such as 2024-01-31T08:30:00",
    };
    Err(input_error!(
        "{name}: row {}, column '{}': found '{found}'; allowed are ISO dates, or numbers of days from -4,000,000 to 4,000,000; {advice}",
        rows.get(place).copied().unwrap_or_default(),
        shown(column)
    ))
}
