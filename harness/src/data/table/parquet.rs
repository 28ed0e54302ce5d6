//! Reads Parquet, one batch of rows at a time and only the declared columns.

use super::collect::Collector;
use super::columns::{Columns, Kind};
use super::features::Row;
use super::values::Cell;
use crate::data::Dataset;
use crate::error::caught;
use crate::input_error;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use arrow::datatypes::{DataType, SchemaRef};
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

/// The cells of one slot in a batch.
pub(super) enum Cells {
    Numbers(Float64Array),
    Texts(StringArray),
}

fn convert(
    name: &str,
    columns: &Columns,
    order: &[usize],
    batch: &RecordBatch,
) -> anyhow::Result<Vec<Cells>> {
    let slots = columns.list.iter().zip(order);
    slots
        .map(|((column, kind), place)| {
            let array = batch.column(*place);
            let texts = is_text(array.data_type()) || *kind == Kind::Text;
            let target = if texts { DataType::Utf8 } else { DataType::Float64 };
            cast(array, &target).ok_or_else(|| {
                let allowed = if *kind == Kind::Text { "text, numbers, dates" } else { "numbers" };
                let found = array.data_type();
                input_error!("{name}: the column '{column}' is of type {found}; allowed are {allowed}")
            })
        })
        .collect()
}

fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, value) => is_text(value),
        _ => false,
    }
}

fn cast(array: &ArrayRef, target: &DataType) -> Option<Cells> {
    let nested = array.data_type().is_nested() && !matches!(array.data_type(), DataType::Dictionary(_, _));
    if nested || !can_cast_types(array.data_type(), target) {
        return None;
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(array, target, &options).ok()?;
    match target {
        DataType::Utf8 => Some(Cells::Texts(array.as_any().downcast_ref::<StringArray>()?.clone())),
        _ => Some(Cells::Numbers(array.as_any().downcast_ref::<Float64Array>()?.clone())),
    }
}

/// A row of a batch.
pub(super) struct BatchRow<'a> {
    pub(super) slots: &'a [Cells],
    pub(super) place: usize,
}

impl Row for BatchRow<'_> {
    fn text(&self, slot: usize) -> &str {
        match &self.slots[slot] {
            Cells::Texts(texts) if texts.is_valid(self.place) => texts.value(self.place).trim(),
            Cells::Texts(_) | Cells::Numbers(_) => "",
        }
    }

    fn cell(&self, slot: usize) -> Cell<'_> {
        match &self.slots[slot] {
            Cells::Numbers(numbers) if numbers.is_valid(self.place) => {
                Cell::Number(numbers.value(self.place))
            }
            Cells::Numbers(_) => Cell::Empty,
            Cells::Texts(_) => Cell::new(self.text(slot)),
        }
    }
}
