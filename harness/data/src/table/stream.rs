//! The rows of a file of any size, a chunk at a time: all its columns as they stand, and the features among them.

use super::columns::Columns;
use super::csv::{Cells, Records};
use super::features::Features;
use super::parquet::{BATCH, BatchRow, Batches, Which};
use super::{Place, Reading, format_of};
use crate::{Dataset, Feature, Matrix};
use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use valor_io::table::Format;

/// A file being read.
pub struct Stream<'a> {
    file: String,
    reading: Reading,
    /// Row of the header; 0 where there is none.
    header: u64,
    columns: Columns<'a>,
    source: Source,
    schema: SchemaRef,
    /// Row of the next chunk's first row in a Parquet file, from 1.
    row: u64,
    extent: Extent,
}

/// Bytes of a chunk's text, about: rows may be long.
const LARGEST_CHUNK: usize = 1 << 28;

/// How much there is to read: bytes of a CSV file, rows of a Parquet file.
struct Extent {
    whole: u64,
    read: Arc<AtomicU64>,
}

/// Counts the bytes that pass.
struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

enum Source {
    Csv { records: Box<Records<Box<dyn Read>>>, places: Vec<usize> },
    Parquet(Batches),
}

/// Some rows.
pub struct Chunk {
    /// All columns as the file has them; those of a CSV file are text.
    pub columns: RecordBatch,
    /// The features, and nothing else of a dataset.
    pub features: Dataset,
}

impl<'a> Stream<'a> {
    /// Opens a file that has the given features, read as `reading` says. Other columns may hold anything.
    ///
    /// # Errors
    ///
    /// Input errors: a file that cannot be read, a column that is missing or there twice.
    pub fn open(
        path: &Path,
        reading: Reading,
        numeric: Vec<&'a str>,
        categorical: Vec<&'a str>,
    ) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let format = format_of(&name)?;
        let file = super::open(&name, path, "")?;
        let columns = Columns::of_features(numeric, categorical);
        reading.validate(&name)?;
        let read = Arc::new(AtomicU64::new(0));
        let mut whole = file.metadata().map_or(0, |metadata| metadata.len());
        let counted = |file: File| Counted { file, read: read.clone() };
        let (source, schema) = match format {
            Format::Csv => open_csv(Box::new(counted(file)), &name, &columns, &reading)?,
            Format::CsvGz => {
                let unpacked = Box::new(flate2::read::MultiGzDecoder::new(counted(file)));
                open_csv(unpacked, &name, &columns, &reading)?
            }
            Format::Parquet => open_parquet(file, &name, &columns, &reading)?,
        };
        let header = match &source {
            Source::Csv { records, .. } => records.place(&name).header,
            Source::Parquet(batches) => {
                whole = batches.rows();
                0
            }
        };
        let extent = Extent { whole, read };
        Ok(Self { file: name, reading, header, columns, source, schema, row: 1, extent })
    }

    /// How much of the file has been read, in [0, 1].
    pub fn share(&self) -> f64 {
        self.extent.read.load(Ordering::Relaxed) as f64 / self.extent.whole.max(1) as f64
    }

    /// Names and types of all columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next rows; none at the end.
    ///
    /// # Errors
    ///
    /// Input errors that name the row and the column.
    pub fn next_chunk(&mut self) -> anyhow::Result<Option<Chunk>> {
        let place = Place { file: &self.file, header: self.header };
        let mut features = Features::default();
        let columns = match &mut self.source {
            Source::Csv { records, places } => {
                let mut texts: Vec<StringBuilder> =
                    self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
                let mut cells = Cells::new(&self.columns, places, &self.reading);
                let (mut rows, mut size) = (0, 0);
                while rows < BATCH
                    && size < LARGEST_CHUNK
                    && let Some((number, record)) = records.next(place)?
                {
                    let pushed = cells.of(record).and_then(|row| features.push(&self.columns, &row));
                    pushed.map_err(|fault| self.columns.refuse(place, number, &fault))?;
                    texts.iter_mut().zip(record.iter()).for_each(|(column, cell)| column.append_value(cell));
                    (rows, size) = (rows + 1, size + record.size());
                }
                let arrays = texts.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
                RecordBatch::try_new(self.schema.clone(), arrays.collect())?
            }
            Source::Parquet(batches) => {
                let Some(batch) = batches.next(&self.file)? else { return Ok(None) };
                let slots = batches.slots(place, &self.columns, &batch, self.row)?;
                for row in 0..batch.num_rows() {
                    let pushed = features.push(&self.columns, &BatchRow { slots: &slots, place: row });
                    pushed.map_err(|fault| self.columns.refuse(place, self.row + row as u64, &fault))?;
                }
                self.extent.read.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                batch
            }
        };
        self.row += columns.num_rows() as u64;
        let (features, numeric) = features.finish(&self.columns);
        Ok((columns.num_rows() > 0).then(|| Chunk::new(columns, features, numeric)))
    }
}

impl Chunk {
    fn new(columns: RecordBatch, features: Vec<Feature>, numeric: Matrix) -> Self {
        Self { columns, features: Dataset { features, numeric, ..Dataset::default() } }
    }
}

fn open_csv(
    file: Box<dyn Read>,
    name: &str,
    columns: &Columns,
    reading: &Reading,
) -> anyhow::Result<(Source, SchemaRef)> {
    let mut records = Box::new(Records::open(file, name, reading)?);
    let places = records.find(name, columns)?;
    let fields: Vec<Field> =
        records.names().iter().map(|name| Field::new(*name, DataType::Utf8, false)).collect();
    Ok((Source::Csv { records, places }, Arc::new(Schema::new(fields))))
}

fn open_parquet(
    file: File,
    name: &str,
    columns: &Columns,
    reading: &Reading,
) -> anyhow::Result<(Source, SchemaRef)> {
    let batches = Batches::open(name, file, columns, Which::All, reading)?;
    let schema = batches.schema();
    Ok((Source::Parquet(batches), schema))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FeatureKind;
    use arrow::array::{AsArray, Float32Array, Int64Array, StringArray};
    use parquet::arrow::ArrowWriter;
    use tempfile::TempDir;
    use valor_base::error::is_input;

    fn file(name: &str, content: &[u8]) -> TempDir {
        let folder = TempDir::new().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a file to read")]
        std::fs::write(folder.path().join(name), content).unwrap();
        folder
    }

    fn chunks(name: &str, content: &[u8]) -> anyhow::Result<Vec<Chunk>> {
        let folder = file(name, content);
        let mut stream =
            Stream::open(&folder.path().join(name), Reading::default(), vec!["x", "y"], vec!["colour"])?;
        let mut chunks = Vec::new();
        while let Some(chunk) = stream.next_chunk()? {
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    fn refusal(name: &str, content: &[u8]) -> String {
        let error = chunks(name, content).map(drop).unwrap_err();
        assert!(is_input(&error), "{error:#}");
        error.to_string()
    }

    /// One more row than two chunks hold, every third without x.
    fn csv() -> String {
        let row = |row: usize| {
            let x = if row.is_multiple_of(3) { String::new() } else { format!("{}.5", row) };
            format!("note {row},{},{x},7\n", ["red", " blue ", ""][row % 3])
        };
        format!("what, colour ,x,y\n{}", (0..2 * BATCH + 1).map(row).collect::<String>())
    }

    #[test]
    fn chunks_hold_all_rows_with_all_their_columns() {
        let chunks = chunks("t.csv", csv().as_bytes()).unwrap();
        let sizes: Vec<usize> = chunks.iter().map(|chunk| chunk.columns.num_rows()).collect();
        assert_eq!(sizes, [BATCH, BATCH, 1]);
        let last = &chunks[1];
        assert_eq!(last.columns.column(0).as_string::<i32>().value(1), format!("note {}", BATCH + 1));
        assert_eq!(last.columns.column(1).as_string::<i32>().value(2), " blue ", "as it stands");
        assert_eq!(last.columns.schema().field(1).name(), "colour");
        let numeric = &last.features.numeric;
        assert_eq!((numeric.rows, numeric.columns), (BATCH, 2));
        assert_eq!(numeric.row(0), [BATCH as f32 + 0.5, 7.0]);
        assert!(numeric.row(1)[0].is_nan());
        let FeatureKind::Categorical { levels, codes } = &last.features.features[2].kind else { panic!() };
        assert_eq!((levels.as_slice(), codes.len()), (&["blue".to_string(), "red".to_string()][..], BATCH));
    }

    #[test]
    fn parquet_gives_what_csv_gives() {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from(vec![7, 8, 9]))),
            ("x", Arc::new(Float32Array::from(vec![Some(0.1), None, Some(-3.0)]))),
            ("colour", Arc::new(StringArray::from(vec![None, Some("red"), Some("blue")]))),
            ("y", Arc::new(StringArray::from(vec!["1", "2.5", ""]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        let parquet = chunks("t.parquet", &writer.into_inner().unwrap()).unwrap();
        let csv = chunks("t.csv", b"id,x,colour,y\n7,0.1,,1\n8,,red,2.5\n9,-3,blue,\n").unwrap();
        assert_eq!(format!("{:?}", parquet[0].features), format!("{:?}", csv[0].features));
        assert_eq!(parquet[0].columns, batch, "nothing is left out or changed");
    }

    #[test]
    fn faults_are_named_in_every_chunk() {
        let row = 2 * BATCH + 2;
        let wrong = csv().replace(&format!("{}.5,7", 2 * BATCH), "many,7");
        let expected = format!("row {row} (the header is row 1), column 'x': found 'many'");
        assert!(refusal("t.csv", wrong.as_bytes()).contains(&expected));
        let short = csv().trim_end().trim_end_matches(",7").to_string();
        assert!(refusal("t.csv", short.as_bytes()).contains(&format!("row {row}")));
        assert!(
            refusal("t.csv", b"colour,xx,y\n")
                .contains("no column 'x'; did you mean 'xx'? it has colour, xx, y")
        );
        assert!(refusal("t.csv", b"colour,colour,x,y\n").contains("columns 1 and 2"));
        assert!(refusal("t.parquet", b"PAR1").contains("not a whole Parquet file"));
        assert!(refusal("t.xlsx", b"x").contains("allowed are files ending in .csv"));
        assert!(chunks("t.csv", b"colour,x,y\n").unwrap().is_empty(), "no rows are no fault");
    }
}
