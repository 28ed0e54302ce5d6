//! Reads Parquet, one batch of rows at a time and only the declared columns.

use super::arrays::Cells;
use super::collect::Collector;
use super::columns::Columns;
use super::features::Row;
use super::value::Value;
use crate::data::Dataset;
use crate::error::caught;
use crate::input_error;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use std::fmt::Display;
use std::fs::File;

/// Rows that are decoded at a time.
pub(super) const BATCH: usize = 8192;

/// Reads all rows of `file` into the collector.
pub(super) fn read(file: File, columns: &Columns, mut collector: Collector) -> anyhow::Result<Dataset> {
    let name = collector.place().file;
    let mut batches = Batches::open(name, file, columns, Which::Declared)?;
    let mut row = 1;
    while let Some(batch) = batches.next(name)? {
        let slots = batches.slots(name, columns, &batch)?;
        for place in 0..batch.num_rows() {
            collector.push(row, &BatchRow { slots: &slots, place })?;
            row += 1;
        }
    }
    collector.finish()
}

/// Which columns of a file are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Declared,
    All,
}

/// The rows of a file, a batch at a time.
///
/// The decoder panics on some damaged files; that is caught here and refused like any other damage.
pub(super) struct Batches {
    reader: ParquetRecordBatchReader,
    /// For each slot the place of its column in a batch.
    order: Vec<usize>,
    rows: u64,
}

impl Batches {
    pub(super) fn open(name: &str, file: File, columns: &Columns, which: Which) -> anyhow::Result<Self> {
        guarded(name, || Self::open_unguarded(name, file, columns, which))
    }

    fn open_unguarded(name: &str, file: File, columns: &Columns, which: Which) -> anyhow::Result<Self> {
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| damaged(name, &error))?;
        let header: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().trim()).collect();
        let places = columns.find(name, &header)?;
        let mut chosen = match which {
            Which::Declared => places.clone(),
            Which::All => (0..header.len()).collect(),
        };
        chosen.sort_unstable();
        chosen.dedup();
        let order = places.iter().map(|place| chosen.partition_point(|chosen| chosen < place)).collect();
        let rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
        let mask = ProjectionMask::roots(builder.parquet_schema(), chosen);
        let reader = builder.with_projection(mask).with_batch_size(BATCH).build();
        Ok(Self { reader: reader.map_err(|error| damaged(name, &error))?, order, rows })
    }

    /// The next rows; none at the end.
    pub(super) fn next(&mut self, name: &str) -> anyhow::Result<Option<RecordBatch>> {
        guarded(name, || self.reader.next().transpose().map_err(|error| damaged(name, &error)))
    }

    /// Rows of the file, as it says.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Names and types of the columns that are read.
    pub(super) fn schema(&self) -> SchemaRef {
        arrow::array::RecordBatchReader::schema(&self.reader)
    }

    /// The cells of the declared columns.
    pub(super) fn slots(
        &self,
        name: &str,
        columns: &Columns,
        batch: &RecordBatch,
    ) -> anyhow::Result<Vec<Cells>> {
        guarded(name, || convert(name, columns, &self.order, batch))
    }
}

fn guarded<T>(name: &str, decode: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    caught(decode).unwrap_or_else(|_| Err(damaged(name, &"its pages cannot be decoded")))
}

fn damaged(name: &str, error: &dyn Display) -> anyhow::Error {
    input_error!("{name} is not a whole Parquet file (truncated or damaged?): {error}")
}

fn convert(
    name: &str,
    columns: &Columns,
    order: &[usize],
    batch: &RecordBatch,
) -> anyhow::Result<Vec<Cells>> {
    let slots = columns.list.iter().zip(order);
    slots
        .map(|((column, role), place)| {
            let array = batch.column(*place);
            let cells = role.check(array.data_type()).and_then(|()| Cells::new(array));
            cells.map_err(|fault| input_error!("{name}: the column '{column}' {fault}"))
        })
        .collect()
}

/// A row of a batch.
pub(super) struct BatchRow<'a> {
    pub(super) slots: &'a [Cells],
    pub(super) place: usize,
}

impl Row for BatchRow<'_> {
    fn value(&self, slot: usize) -> Value<'_> {
        self.slots[slot].value(self.place)
    }
}
