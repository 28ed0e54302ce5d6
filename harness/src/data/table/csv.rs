//! Reads CSV, one record at a time.

use super::collect::{Collector, Row};
use super::columns::Columns;
use super::values::Cell;
use crate::data::Dataset;
use crate::input_error;
use csv::{ErrorKind, StringRecord};
use std::io::{BufReader, ErrorKind as IoErrorKind, Read};

/// Reads all records of `source` into the collector.
pub(super) fn read(
    source: impl Read,
    columns: &Columns,
    mut collector: Collector,
) -> anyhow::Result<Dataset> {
    let file = collector.place().file;
    let mut reader = csv::ReaderBuilder::new().from_reader(BufReader::with_capacity(1 << 18, source));
    let header = reader.headers().map_err(|error| refuse(&collector, 1, &error))?.clone();
    if header.is_empty() {
        return Err(input_error!("{file} is empty: it has no header"));
    }
    let names: Vec<&str> = header.iter().map(str::trim).collect();
    let places = columns.find(file, &names)?;
    let mut record = StringRecord::new();
    for row in 2.. {
        if !reader.read_record(&mut record).map_err(|error| refuse(&collector, row, &error))? {
            break;
        }
        collector.push(row, &Record { record: &record, places: &places })?;
    }
    collector.finish()
}

struct Record<'a> {
    record: &'a StringRecord,
    places: &'a [usize],
}

impl Row for Record<'_> {
    fn text(&self, slot: usize) -> &str {
        self.record.get(self.places[slot]).unwrap_or_default().trim()
    }

    fn cell(&self, slot: usize) -> Cell<'_> {
        Cell::new(self.text(slot))
    }
}

fn refuse(collector: &Collector, row: u64, error: &csv::Error) -> anyhow::Error {
    let place = collector.place();
    let at = place.row(row);
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            input_error!("{at} has {len} cells, the header has {expected_len}; the file may be truncated")
        }
        ErrorKind::Utf8 { err, .. } => input_error!("{at}, column {}: not UTF-8", err.field() + 1),
        ErrorKind::Io(error) if error.kind() == IoErrorKind::UnexpectedEof => {
            input_error!("{}: ends in the middle, at row {row}: the file is truncated", place.file)
        }
        ErrorKind::Io(error) => input_error!("{}: cannot be read, at row {row}: {error}", place.file),
        _ => input_error!("{at}: {error}"),
    }
}
