//! Reads CSV, one record at a time.

use super::Place;
use super::collect::Collector;
use super::columns::Columns;
use super::features::Row;
use super::value::Value;
use crate::data::Dataset;
use crate::input_error;
use csv::{ErrorKind, Reader, StringRecord};
use std::io::{BufReader, ErrorKind as IoErrorKind, Read};

/// Reads all records of `source` into the collector.
pub(super) fn read(
    source: impl Read,
    (columns, names): (&Columns, &[String]),
    mut collector: Collector,
) -> anyhow::Result<Dataset> {
    let place = collector.place();
    let mut records = Records::named(source, place, names)?;
    let places = columns.find(place.file, &records.names())?;
    while let Some((number, record)) = records.next(place)? {
        collector.push(number, &Record { record, places: &places })?;
    }
    collector.finish()
}

/// The records of a file below its header.
pub(super) struct Records<R> {
    reader: Reader<BufReader<R>>,
    header: StringRecord,
    record: StringRecord,
    /// Of the last record; a header is row 1.
    row: u64,
}

impl<R: Read> Records<R> {
    /// Reads the header.
    pub(super) fn open(source: R, place: Place) -> anyhow::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().from_reader(BufReader::with_capacity(1 << 18, source));
        let header = reader.headers().map_err(|error| refuse(place, 1, &error))?.clone();
        if header.is_empty() {
            return Err(input_error!("{} is empty: it has no header", place.file));
        }
        Ok(Self { reader, header, record: StringRecord::new(), row: 1 })
    }

    /// Reads the header, or takes these names where there are any: then the file has none.
    pub(super) fn named(source: R, place: Place, names: &[String]) -> anyhow::Result<Self> {
        if names.is_empty() {
            return Self::open(source, place);
        }
        let source = BufReader::with_capacity(1 << 18, source);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(source);
        // The reader gives the first record again.
        let first = reader.headers().map_err(|error| refuse(place, 1, &error))?.len();
        if first != names.len() && first > 0 {
            let at = place.row(1);
            return Err(input_error!("{at} has {first} cells; the key 'columns' names {}", names.len()));
        }
        Ok(Self { reader, header: StringRecord::from(names.to_vec()), record: StringRecord::new(), row: 0 })
    }

    /// Names of all columns.
    pub(super) fn names(&self) -> Vec<&str> {
        self.header.iter().map(str::trim).collect()
    }

    /// The next record and its row; none at the end.
    pub(super) fn next(&mut self, place: Place) -> anyhow::Result<Option<(u64, &StringRecord)>> {
        self.row += 1;
        let more = self.reader.read_record(&mut self.record);
        Ok(more.map_err(|error| refuse(place, self.row, &error))?.then_some((self.row, &self.record)))
    }
}

/// A record, and for each slot the place of its column.
pub(super) struct Record<'a> {
    pub(super) record: &'a StringRecord,
    pub(super) places: &'a [usize],
}

impl Row for Record<'_> {
    fn value(&self, slot: usize) -> Value<'_> {
        Value::text(self.record.get(self.places[slot]).unwrap_or_default())
    }
}

fn refuse(place: Place, row: u64, error: &csv::Error) -> anyhow::Error {
    let at = place.row(row);
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let first = if place.header { "header" } else { "first row" };
            input_error!("{at} has {len} cells, the {first} has {expected_len}; the file may be truncated")
        }
        ErrorKind::Utf8 { err, .. } => input_error!("{at}, column {}: not UTF-8", err.field() + 1),
        ErrorKind::Io(error) if error.kind() == IoErrorKind::UnexpectedEof => {
            input_error!("{}: ends in the middle, at row {row}: the file is truncated", place.file)
        }
        ErrorKind::Io(error) => input_error!("{}: cannot be read, at row {row}: {error}", place.file),
        _ => input_error!("{at}: {error}"),
    }
}
