//! Writes batches of rows as CSV or Parquet.

use crate::cli::output::Format;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema, SchemaRef};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression as ParquetCompression;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};

/// Rows of a Parquet row group: what is held in memory until it is written.
const ROW_GROUP: usize = 65_536;

/// An open file.
pub(super) enum Writer<'a> {
    Csv(csv::Writer<BufWriter<&'a File>>),
    CsvGz(csv::Writer<GzEncoder<BufWriter<&'a File>>>),
    Parquet(ArrowWriter<&'a File>),
}

impl<'a> Writer<'a> {
    /// Writes the header.
    pub(super) fn new(format: Format, file: &'a File, schema: &SchemaRef) -> anyhow::Result<Self> {
        let mut writer = match format {
            Format::Csv => Self::Csv(csv::Writer::from_writer(BufWriter::new(file))),
            Format::CsvGz => {
                let packed = GzEncoder::new(BufWriter::new(file), Compression::default());
                Self::CsvGz(csv::Writer::from_writer(packed))
            }
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(ParquetCompression::SNAPPY)
                    .set_max_row_group_row_count(Some(ROW_GROUP));
                Self::Parquet(ArrowWriter::try_new(file, schema.clone(), Some(properties.build()))?)
            }
        };
        let names = schema.fields().iter().map(|field| field.name());
        match &mut writer {
            Self::Csv(csv) => csv.write_record(names)?,
            Self::CsvGz(csv) => csv.write_record(names)?,
            Self::Parquet(_) => {}
        }
        Ok(writer)
    }

    pub(super) fn write(&mut self, rows: &RecordBatch) -> anyhow::Result<()> {
        match self {
            Self::Csv(csv) => write_text(csv, rows),
            Self::CsvGz(csv) => write_text(csv, rows),
            Self::Parquet(parquet) => Ok(parquet.write(rows)?),
        }
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        let whole = |error: csv::IntoInnerError<_>| error.into_error();
        match self {
            Self::Csv(mut csv) => Ok(csv.flush()?),
            Self::CsvGz(csv) => Ok(csv.into_inner().map_err(whole)?.finish()?.flush()?),
            Self::Parquet(parquet) => {
                parquet.close()?;
                Ok(())
            }
        }
    }
}

/// Refuses columns that no cell of a CSV file can hold.
pub(super) fn check_text(schema: &Schema) -> Result<(), String> {
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

/// Refuses names that stand twice: readers of Parquet find columns by name.
pub(super) fn check_unique(schema: &Schema) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name())) {
        Some(field) => Err(format!(
            "the column '{}' is there twice, which a Parquet file cannot hold; write a .csv file",
            field.name()
        )),
        None => Ok(()),
    }
}

/// The cells of a column as text.
enum Cells {
    Texts(StringArray),
    /// Written as the shortest text that reads back as the same number.
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
}

impl Cells {
    fn new(column: &ArrayRef) -> anyhow::Result<Self> {
        if let Some(values) = column.as_primitive_opt::<Float32Type>()
            && values.null_count() == 0
        {
            return Ok(Self::Singles(values.values().to_vec()));
        }
        if let Some(values) = column.as_primitive_opt::<Float64Type>()
            && values.null_count() == 0
        {
            return Ok(Self::Doubles(values.values().to_vec()));
        }
        Ok(Self::Texts(as_text(column)?.as_string::<i32>().clone()))
    }
}

/// A column as text. Moments with a zone are written in UTC: names of zones need a list of their rules, which the moments do not.
pub(super) fn as_text(column: &ArrayRef) -> anyhow::Result<ArrayRef> {
    let in_utc = match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(&cast(column, &DataType::Int64)?, &DataType::Timestamp(*unit, Some("+00:00".into())))?
        }
        _ => column.clone(),
    };
    Ok(cast(&in_utc, &DataType::Utf8)?)
}

fn write_text(csv: &mut csv::Writer<impl Write>, rows: &RecordBatch) -> anyhow::Result<()> {
    let columns = rows.columns().iter().map(Cells::new).collect::<anyhow::Result<Vec<Cells>>>()?;
    let mut number = Vec::new();
    for row in 0..rows.num_rows() {
        for column in &columns {
            match column {
                Cells::Texts(texts) if texts.is_valid(row) => csv.write_field(texts.value(row))?,
                Cells::Texts(_) => csv.write_field("")?,
                Cells::Singles(values) => {
                    number.clear();
                    write!(number, "{}", values[row])?;
                    csv.write_field(&number)?;
                }
                Cells::Doubles(values) => {
                    number.clear();
                    write!(number, "{}", values[row])?;
                    csv.write_field(&number)?;
                }
            }
        }
        csv.write_record(None::<&[u8]>)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Date32Array, Float32Array, ListArray};
    use arrow::datatypes::Int32Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use std::io::{Read, Seek};
    use std::sync::Arc;

    fn rows() -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("a \"name\"", Arc::new(StringArray::from(vec![Some("b, c"), None]))),
            ("yes", Arc::new(BooleanArray::from(vec![true, false]))),
            ("day", Arc::new(Date32Array::from(vec![19_723, 0]))),
            ("score", Arc::new(Float32Array::from(vec![0.1, f32::MIN_POSITIVE]))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    /// Two batches in a file.
    fn written(format: Format) -> File {
        let mut file = tempfile::tempfile().unwrap();
        let mut writer = Writer::new(format, &file, &rows().schema()).unwrap();
        writer.write(&rows()).unwrap();
        writer.write(&rows()).unwrap();
        writer.finish().unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn every_format_holds_the_same_rows() {
        let (mut plain, mut unpacked) = (String::new(), String::new());
        written(Format::Csv).read_to_string(&mut plain).unwrap();
        flate2::read::GzDecoder::new(written(Format::CsvGz)).read_to_string(&mut unpacked).unwrap();
        assert_eq!(plain, unpacked);
        let small = f32::MIN_POSITIVE;
        let body = format!("\"b, c\",true,2024-01-01,0.1\n,false,1970-01-01,{small}\n");
        assert_eq!(plain, format!("\"a \"\"name\"\"\",yes,day,score\n{body}{body}"));
        let reader = ParquetRecordBatchReaderBuilder::try_new(written(Format::Parquet)).unwrap();
        let found: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
        assert_eq!(arrow::compute::concat_batches(&rows().schema(), &found).unwrap().slice(2, 2), rows());
    }

    #[test]
    fn moments_of_any_zone_are_written_in_utc() {
        for zone in ["UTC", "+02:00", "Europe/Berlin"] {
            let moment: ArrayRef = Arc::new(arrow::array::Int64Array::from(vec![Some(1_706_689_800), None]));
            let kind = DataType::Timestamp(arrow::datatypes::TimeUnit::Second, Some(zone.into()));
            let text = as_text(&cast(&moment, &kind).unwrap()).unwrap();
            assert_eq!(text.as_string::<i32>().value(0), "2024-01-31T08:30:00Z");
            assert!(text.is_null(1));
        }
    }

    #[test]
    fn what_a_format_cannot_hold_is_named() {
        let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]);
        let batch = RecordBatch::try_from_iter([("list", Arc::new(list) as ArrayRef)]).unwrap();
        assert!(check_text(&batch.schema()).unwrap_err().contains("'list'"));
        check_text(&rows().schema()).unwrap();
        let schema = rows().schema();
        let twice: Vec<_> = schema.fields().iter().chain(schema.fields().iter()).cloned().collect();
        assert!(check_unique(&Schema::new(twice)).unwrap_err().contains("there twice"));
        check_unique(&schema).unwrap();
    }
}
