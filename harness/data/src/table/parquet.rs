//! Reads Parquet, one batch of rows at a time and only the declared columns.

mod footer;
mod pages;

use super::arrays::Cells;
use super::collect::Collector;
use super::columns::{Columns, Fault};
use super::features::Row;
use super::role::Role;
use super::value::Value;
use super::{Dialect, Limits, Place, Reading};
use crate::memory;
use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use footer::Footer;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use std::fmt::Display;
use std::fs::File;
use std::sync::Arc;
use valor_base::error::{caught, shown};
use valor_base::input_error;

/// Rows that are decoded at a time.
pub(super) const BATCH: usize = 8192;

/// Reads all rows of `file` into the collector that `collector` makes.
pub(super) fn read<'a>(
    name: &'a str,
    file: File,
    columns: &Columns,
    reading: &Reading,
    collector: impl FnOnce(Place<'a>) -> Collector<'a>,
) -> anyhow::Result<Collector<'a>> {
    let place = Place { file: name, header: 0 };
    let mut batches = Batches::open(name, file, columns, Which::Declared, reading)?;
    let cells = (columns.list.len() * size_of::<f32>()) as u64;
    memory::ask(&format!("{name}: its footer says {} rows", batches.rows()), batches.rows(), cells)?;
    let mut collector = collector(place);
    let mut row = 1;
    while let Some(batch) = batches.next(name)? {
        let slots = batches.slots(place, columns, &batch, row)?;
        for place in 0..batch.num_rows() {
            collector.push(row, &BatchRow { slots: &slots, place })?;
            row += 1;
        }
    }
    Ok(collector)
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
    /// Rows that have been read.
    read: u64,
    dialect: Dialect,
    limits: Limits,
}

impl Batches {
    pub(super) fn open(
        name: &str,
        file: File,
        columns: &Columns,
        which: Which,
        reading: &Reading,
    ) -> anyhow::Result<Self> {
        guarded(name, || Self::open_unguarded(name, file, columns, which, reading))
    }

    fn open_unguarded(
        name: &str,
        file: File,
        columns: &Columns,
        which: Which,
        reading: &Reading,
    ) -> anyhow::Result<Self> {
        let limits = reading.limits;
        let pages = file.try_clone().map_err(|error| input_error!("{name} cannot be read: {error}"))?;
        let builder = builder(file).map_err(|error| damaged(name, &error))?;
        let header: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().trim()).collect();
        limits.check_columns(name, header.len())?;
        if let Some(long) = header.iter().find(|column| column.len() > limits.header) {
            return Err(input_error!(
                "{name}: a column's name is longer than limits.header = {} bytes (--header-limit): '{}'",
                limits.header,
                shown(long)
            ));
        }
        let places = columns.find(name, &header, "")?;
        let mut chosen = match which {
            Which::Declared => places.clone(),
            Which::All => (0..header.len()).collect(),
        };
        chosen.sort_unstable();
        chosen.dedup();
        let order = places.iter().map(|place| chosen.partition_point(|chosen| chosen < place)).collect();
        let footer = Footer { name, file: &pages, metadata: builder.metadata(), limits };
        let (rows, batch) = (footer.rows()?, footer.batch(&chosen)?);
        let mask = ProjectionMask::roots(builder.parquet_schema(), chosen);
        let reader = builder.with_projection(mask).with_batch_size(batch).build();
        let reader = reader.map_err(|error| damaged(name, &error))?;
        Ok(Self { reader, order, rows, read: 0, dialect: reading.dialect.clone(), limits })
    }

    /// The next rows; none at the end.
    pub(super) fn next(&mut self, name: &str) -> anyhow::Result<Option<RecordBatch>> {
        let batch = guarded(name, || self.reader.next().transpose().map_err(|error| damaged(name, &error)))?;
        self.read += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        let (rows, read) = (self.rows, self.read);
        if read > rows || (batch.is_none() && read < rows) {
            return Err(damaged(name, &format!("its footer says {rows} rows, its pages have {read}")));
        }
        Ok(batch)
    }

    /// Rows of the file, as it says.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Names and types of the columns that are read.
    pub(super) fn schema(&self) -> SchemaRef {
        arrow::array::RecordBatchReader::schema(&self.reader)
    }

    /// The cells of the declared columns of a batch, whose first row is `first`.
    pub(super) fn slots(
        &self,
        place: Place,
        columns: &Columns,
        batch: &RecordBatch,
        first: u64,
    ) -> anyhow::Result<Vec<Cells>> {
        let mut slots = guarded(place.file, || self.convert(place.file, columns, batch))?;
        for (slot, cells) in slots.iter_mut().enumerate() {
            let plain = self.plain(cells, columns.list[slot].1);
            plain.map_err(|(row, text)| columns.refuse(place, first + row as u64, &Fault { slot, text }))?;
        }
        Ok(slots)
    }

    /// The cells of the declared columns as they stand, those that a mark says are missing left out.
    fn convert(&self, name: &str, columns: &Columns, batch: &RecordBatch) -> anyhow::Result<Vec<Cells>> {
        let slots = columns.list.iter().zip(&self.order);
        slots
            .map(|((column, role), place)| {
                let array = batch.column(*place);
                let cells = role.check(array.data_type()).and_then(|()| self.present(array));
                cells.map_err(|fault| input_error!("{name}: the column '{}' {fault}", shown(column)))
            })
            .collect()
    }

    fn present(&self, array: &ArrayRef) -> Result<Cells, String> {
        let cells = Cells::new(array)?;
        if self.dialect.missing.is_empty() {
            return Ok(cells);
        }
        let absent = |row| Some(self.dialect.means_missing(&cells.value(row)));
        let absent: BooleanArray = (0..array.len()).map(absent).collect();
        match absent.true_count() {
            0 => Ok(cells),
            _ => Cells::new(&nullif(array, &absent).map_err(|error| error.to_string())?),
        }
    }

    /// Puts cells into the default dialect. On error says in which row the fault is, and what it is.
    fn plain(&self, cells: &mut Cells, role: Role) -> Result<(), (usize, String)> {
        if let Some((row, text)) = cells.longer_than(self.limits.cell) {
            let start: String = shown(text).chars().take(60).collect();
            let most = self.limits.cell;
            let fault = format!(
                "the cell begins with '{start}' and is longer than limits.cell = {most} bytes (--cell-limit)"
            );
            return Err((row, fault));
        }
        match self.dialect.usual_cells() {
            true => Ok(()),
            false => cells.respell(|text| self.dialect.plain(text, role)),
        }
    }
}

/// A reader of the file. Dictionaries are read as their values: the decoder keeps those of texts and whole numbers only, and
/// fails on others.
fn builder(file: File) -> parquet::errors::Result<ParquetRecordBatchReaderBuilder<File>> {
    let found = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let values = |field: &FieldRef| match field.data_type() {
        DataType::Dictionary(_, value) if !is_text(value) => {
            Arc::new(field.as_ref().clone().with_data_type(value.as_ref().clone()))
        }
        _ => field.clone(),
    };
    let fields: Vec<FieldRef> = found.schema().fields().iter().map(values).collect();
    if fields.iter().zip(found.schema().fields()).all(|(read, field)| read == field) {
        return Ok(ParquetRecordBatchReaderBuilder::new_with_metadata(file, found));
    }
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
}

fn is_text(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn guarded<T>(name: &str, decode: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    caught(decode).unwrap_or_else(|_| Err(damaged(name, &"its pages cannot be decoded")))
}

fn damaged(name: &str, error: &dyn Display) -> anyhow::Error {
    input_error!("{name} is not a whole Parquet file (truncated or damaged?): {}", shown(&error.to_string()))
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
