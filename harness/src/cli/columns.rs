//! Named numeric columns of a CSV file, plain or gzipped: strict, and precise about what is wrong where.

use crate::error::did_you_mean;
use crate::input_error;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Columns of one file, by name.
pub(super) struct Columns {
    path: String,
    values: BTreeMap<String, Vec<f64>>,
    /// Line of each row in the file.
    lines: Vec<u64>,
}

impl Columns {
    /// Reads the wanted columns; others may hold anything.
    ///
    /// # Errors
    ///
    /// Input errors: a file that is missing, empty, truncated or not UTF-8; rows of unequal length; a wanted
    /// column that is missing or there twice; a cell in one that is not a finite number.
    pub(super) fn read(path: &Path, wanted: &[&str]) -> Result<Self> {
        let name = path.display().to_string();
        let bytes = bytes(path).map_err(|error| input_error!("{name}: cannot be read: {error}"))?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(input_error!("{name}: is empty"));
        }
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes.as_slice());
        let header = reader.headers().map_err(|error| broken(&name, &error))?.clone();
        let places = wanted.iter().map(|column| Ok((*column, place(&name, &header, column)?)));
        let places = places.collect::<Result<BTreeMap<&str, usize>>>()?;
        let mut columns = Self { path: name, values: BTreeMap::new(), lines: Vec::new() };
        for record in reader.records() {
            columns.push(&record.map_err(|error| broken(&columns.path, &error))?, &places)?;
        }
        if columns.lines.is_empty() {
            return Err(input_error!("{}: has a header but no rows", columns.path));
        }
        Ok(columns)
    }

    /// A column that was asked for.
    pub(super) fn get(&self, column: &str) -> &[f64] {
        self.values.get(column).map_or(&[], Vec::as_slice)
    }

    /// That all values of a column are `allowed`, which `rule` says in words.
    pub(super) fn check(&self, column: &str, rule: &str, allowed: impl Fn(f64) -> bool) -> Result<()> {
        let values = self.get(column);
        match values.iter().position(|&value| !allowed(value)) {
            Some(row) => Err(self.bad_cell(row, column, &format!("{} {rule}", values[row]))),
            None => Ok(()),
        }
    }

    fn push(&mut self, record: &csv::StringRecord, places: &BTreeMap<&str, usize>) -> Result<()> {
        let row = self.lines.len();
        self.lines.push(record.position().map_or(0, csv::Position::line));
        for (&column, &place) in places {
            let cell = record.get(place).unwrap_or_default();
            let number = cell.parse().ok().filter(|number: &f64| number.is_finite());
            let number = number.ok_or_else(|| match cell {
                "" => self.bad_cell(row, column, "the cell is empty; a finite number is needed"),
                cell => self.bad_cell(row, column, &format!("'{cell}' is not a finite number")),
            })?;
            self.values.entry(column.to_string()).or_default().push(number);
        }
        Ok(())
    }

    fn bad_cell(&self, row: usize, column: &str, what: &str) -> anyhow::Error {
        input_error!("{}: row {} (line {}), column '{column}': {what}", self.path, row + 1, self.lines[row])
    }
}

fn bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let (mut file, mut bytes) = (File::open(path)?, Vec::new());
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::MultiGzDecoder::new(file).read_to_end(&mut bytes)?;
    } else {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn place(path: &str, header: &csv::StringRecord, column: &str) -> Result<usize> {
    let mut places = header.iter().enumerate().filter(|(_, name)| *name == column).map(|(place, _)| place);
    let Some(place) = places.next() else {
        let known = header.iter().collect::<Vec<_>>().join(", ");
        let hint = did_you_mean(column, header);
        return Err(input_error!("{path}: no column '{column}'{hint} (columns: {known})"));
    };
    match places.next() {
        Some(_) => Err(input_error!("{path}: column '{column}' is there more than once")),
        None => Ok(place),
    }
}

fn broken(path: &str, error: &csv::Error) -> anyhow::Error {
    let at = |position: &Option<csv::Position>| {
        let position = position.as_ref();
        position.map_or_else(String::new, |at| match at.record() {
            0 => "the header: ".to_string(),
            row => format!("row {row} (line {}): ", at.line()),
        })
    };
    match error.kind() {
        csv::ErrorKind::Utf8 { pos, err } => {
            input_error!("{path}: {}is not UTF-8 (cell {})", at(pos), err.field() + 1)
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            input_error!(
                "{path}: {}{len} cells where the header has {expected_len}: ragged or truncated",
                at(pos)
            )
        }
        _ => input_error!("{path}: {error}"),
    }
}
