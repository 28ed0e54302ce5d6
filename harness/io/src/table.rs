//! Named columns as CSV or Parquet, a batch of rows at a time.

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, RecordBatch, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Schema, SchemaRef, UInt32Type};
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Display;
use std::hash::Hash;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use valor_base::input_error;

/// How rows are stored, by the ending of a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `.csv`.
    Csv,
    /// `.csv.gz`.
    CsvGz,
    /// `.parquet`.
    Parquet,
}

impl Format {
    /// The format of a file by its name, of which `place` says where it stands.
    ///
    /// # Errors
    ///
    /// An input error where the ending is another.
    pub fn of(place: impl Display, name: &str) -> anyhow::Result<Self> {
        let name = name.to_lowercase();
        match () {
            () if name.ends_with(".csv") => Ok(Self::Csv),
            () if name.ends_with(".csv.gz") => Ok(Self::CsvGz),
            () if name.ends_with(".parquet") => Ok(Self::Parquet),
            () => Err(input_error!("{place}: allowed are files ending in .csv, .csv.gz or .parquet")),
        }
    }

    /// Refuses, in words, columns that a file of this format cannot hold: lists in CSV, equal names in Parquet, whose readers
    /// find columns by name.
    ///
    /// # Errors
    ///
    /// What is wrong and which format can hold it.
    pub fn check(self, schema: &Schema) -> Result<(), String> {
        match self {
            Self::Csv | Self::CsvGz => check_text(schema),
            Self::Parquet => check_unique(schema),
        }
    }
}

fn check_text(schema: &Schema) -> Result<(), String> {
    let strange = |kind: &DataType| {
        let nested = kind.is_nested() && !matches!(kind, DataType::Dictionary(_, _));
        nested || !can_cast_types(kind, &DataType::Utf8)
    };
    match schema.fields().iter().find(|field| strange(field.data_type())) {
        Some(field) => Err(format!(
            "the column '{}' is of type {}, which a CSV file cannot hold; write a .parquet file",
            field.name(),
            field.data_type()
        )),
        None => Ok(()),
    }
}

fn check_unique(schema: &Schema) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name())) {
        Some(field) => Err(format!(
            "the column '{}' is there twice, which a Parquet file cannot hold; write a .csv file",
            field.name()
        )),
        None => Ok(()),
    }
}

/// How the pages of a Parquet file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all: a reader can look through it before anything is unpacked.
    Plain,
    /// Snappy, for files that other programs read.
    Snappy,
    /// Snappy with so many rows in a group: what is held in memory until it is written.
    SnappyGroups(usize),
    /// Zstandard, for files that are kept.
    Zstd,
}

impl Packing {
    fn properties(self) -> WriterProperties {
        self.builder().build()
    }

    /// For these rows: values are numbered where that takes less room than they do. Elsewhere the numbers would come on top.
    fn properties_for(self, rows: &RecordBatch) -> WriterProperties {
        let schema = rows.schema();
        let columns = schema.fields().iter().zip(rows.columns());
        let builder = columns.fold(self.builder(), |builder, (field, cells)| {
            builder.set_column_dictionary_enabled(ColumnPath::from(field.name().as_str()), repeats(cells))
        });
        builder.build()
    }

    fn builder(self) -> WriterPropertiesBuilder {
        let builder = WriterProperties::builder();
        match self {
            Self::Plain => builder,
            Self::Snappy => builder.set_compression(Compression::SNAPPY),
            Self::SnappyGroups(rows) => {
                builder.set_compression(Compression::SNAPPY).set_max_row_group_row_count(Some(rows))
            }
            Self::Zstd => builder.set_compression(Compression::ZSTD(ZstdLevel::default())),
        }
    }
}

/// Whether the different values of a column, and the number of its own in each row, take less room than the values do.
fn repeats(cells: &dyn Array) -> bool {
    let different = match cells.data_type() {
        DataType::Float32 => {
            different(cells.as_primitive::<Float32Type>().values().iter().map(|value| value.to_bits()))
        }
        DataType::Float64 => {
            different(cells.as_primitive::<Float64Type>().values().iter().map(|value| value.to_bits()))
        }
        DataType::UInt32 => different(cells.as_primitive::<UInt32Type>().values().iter()),
        _ => return true,
    };
    let width = cells.data_type().primitive_width().unwrap_or_default();
    let bits = different.next_power_of_two().ilog2() as usize;
    different * width + cells.len() * bits / 8 < cells.len() * width
}

fn different<T: Eq + Hash>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<HashSet<T>>().len()
}

/// Named columns of one length, in order.
#[derive(Default)]
pub struct Columns {
    fields: Vec<Field>,
    cells: Vec<ArrayRef>,
}

impl Columns {
    /// Adds a column of which every cell is known.
    pub fn add(&mut self, name: &str, cells: impl Array + 'static) {
        self.push(name, Arc::new(cells), false);
    }

    /// Adds a column of which cells may be missing.
    pub fn add_partial(&mut self, name: &str, cells: impl Array + 'static) {
        self.push(name, Arc::new(cells), true);
    }

    /// Adds a column of a type that is known when it runs; `partial` says whether cells may be missing.
    pub fn push(&mut self, name: &str, cells: ArrayRef, partial: bool) {
        self.fields.push(Field::new(name, cells.data_type().clone(), partial));
        self.cells.push(cells);
    }

    /// All of them.
    ///
    /// # Errors
    ///
    /// Columns of different lengths, or a missing cell where each is known.
    pub fn batch(self) -> anyhow::Result<RecordBatch> {
        Ok(RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.cells)?)
    }
}

/// A file of named columns that is being written.
pub struct Writer<W: Write + Send>(Kind<W>);

enum Kind<W: Write + Send> {
    Csv(W),
    CsvGz(GzEncoder<W>),
    Parquet(Box<ArrowWriter<Held<W>>>, Held<W>),
}

/// What a Parquet writer writes to, which it does not give back with what the system said of it.
struct Held<W>(Arc<Mutex<W>>);

impl<W> Held<W> {
    fn lock(&self) -> MutexGuard<'_, W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Once nobody else holds it.
    fn into_inner(self) -> anyhow::Result<W> {
        let held = Arc::into_inner(self.0).ok_or_else(|| anyhow::anyhow!("the file is still written"))?;
        Ok(held.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<W> Clone for Held<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Write for Held<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.lock().flush()
    }
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file; `packing` is for Parquet.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn new(format: Format, packing: Packing, mut out: W, schema: &SchemaRef) -> anyhow::Result<Self> {
        let header = || -> anyhow::Result<Vec<u8>> {
            let mut header = ::csv::Writer::from_writer(Vec::new());
            header.write_record(schema.fields().iter().map(|field| field.name()))?;
            Ok(header.into_inner()?)
        };
        Ok(Self(match format {
            Format::Csv => {
                out.write_all(&header()?)?;
                Kind::Csv(out)
            }
            Format::CsvGz => {
                let mut out = GzEncoder::new(out, flate2::Compression::default());
                out.write_all(&header()?)?;
                Kind::CsvGz(out)
            }
            Format::Parquet => {
                return Self::parquet(packing.properties(), out, schema);
            }
        }))
    }

    fn parquet(properties: WriterProperties, out: W, schema: &SchemaRef) -> anyhow::Result<Self> {
        let out = Held(Arc::new(Mutex::new(out)));
        let writer = ArrowWriter::try_new(out.clone(), schema.clone(), Some(properties))?;
        Ok(Self(Kind::Parquet(Box::new(writer), out)))
    }

    /// Writes rows that have the columns of the file.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        match &mut self.0 {
            Kind::Csv(out) => write_text(out, rows),
            Kind::CsvGz(out) => write_text(out, rows),
            Kind::Parquet(parquet, _) => Ok(parquet.write(rows)?),
        }
    }

    /// Writes what the end of a file needs; what it was written to.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn finish(self) -> anyhow::Result<W> {
        let mut out = match self.0 {
            Kind::Csv(out) => out,
            Kind::CsvGz(out) => out.finish()?,
            Kind::Parquet(mut parquet, out) => {
                // Not `into_inner`, which turns what the system says into a text.
                parquet.finish()?;
                drop(parquet);
                out.into_inner()?
            }
        };
        out.flush()?;
        Ok(out)
    }
}

/// A whole Parquet file.
///
/// # Errors
///
/// As [`Columns::batch`].
pub fn parquet(columns: Columns, packing: Packing) -> anyhow::Result<Vec<u8>> {
    let rows = columns.batch()?;
    let mut writer = Writer::parquet(packing.properties_for(&rows), Vec::new(), &rows.schema())?;
    writer.write(&rows)?;
    writer.finish()
}

/// Rows of CSV that one thread makes at a time.
const STRETCH: usize = 4096;

/// A column whose cells become text one by one.
enum Cells {
    /// Numbers are written as the shortest text that reads back as the same number.
    Singles(Float32Array),
    Doubles(Float64Array),
    Texts(StringArray),
}

impl Cells {
    fn new(column: &ArrayRef) -> anyhow::Result<Self> {
        if let Some(values) = column.as_primitive_opt::<Float32Type>() {
            return Ok(Self::Singles(values.clone()));
        }
        if let Some(values) = column.as_primitive_opt::<Float64Type>() {
            return Ok(Self::Doubles(values.clone()));
        }
        Ok(Self::Texts(as_text(column)?.as_string::<i32>().clone()))
    }

    /// A missing cell is empty.
    fn write(&self, row: usize, text: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Self::Singles(values) if values.is_valid(row) => write!(text, "{}", values.value(row)),
            Self::Doubles(values) if values.is_valid(row) => write!(text, "{}", values.value(row)),
            Self::Texts(values) if values.is_valid(row) => text.write_all(values.value(row).as_bytes()),
            Self::Singles(_) | Self::Doubles(_) | Self::Texts(_) => Ok(()),
        }
    }
}

/// A column as text. Moments with a zone are written in UTC: names of zones need a list of their rules, which the moments do not.
///
/// # Errors
///
/// A type that cannot be text, lists say.
pub fn as_text(column: &ArrayRef) -> anyhow::Result<ArrayRef> {
    let in_utc = match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(&cast(column, &DataType::Int64)?, &DataType::Timestamp(*unit, Some("+00:00".into())))?
        }
        _ => column.clone(),
    };
    Ok(cast(&in_utc, &DataType::Utf8)?)
}

fn write_text(out: &mut impl Write, rows: &RecordBatch) -> anyhow::Result<()> {
    let columns = rows.columns().iter().map(Cells::new).collect::<anyhow::Result<Vec<Cells>>>()?;
    let stretch = |start: usize| -> anyhow::Result<Vec<u8>> {
        let mut lines = ::csv::Writer::from_writer(Vec::new());
        let mut cell = Vec::new();
        for row in start..(start + STRETCH).min(rows.num_rows()) {
            for column in &columns {
                cell.clear();
                column.write(row, &mut cell)?;
                lines.write_field(&cell)?;
            }
            lines.write_record(None::<&[u8]>)?;
        }
        Ok(lines.into_inner()?)
    };
    let starts: Vec<usize> = (0..rows.num_rows()).step_by(STRETCH).collect();
    // As many stretches at a time as there are threads: no more of the text is in memory than is made at once.
    for starts in starts.chunks(rayon::current_num_threads()) {
        let texts: Vec<anyhow::Result<Vec<u8>>> = starts.par_iter().map(|start| stretch(*start)).collect();
        for text in texts {
            out.write_all(&text?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
