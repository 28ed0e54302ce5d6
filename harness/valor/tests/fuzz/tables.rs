//! Altered tables: CSV, plain and packed, and Parquet, by every door through which rows come.

use crate::alter;
use crate::survive::{folder, survive};
use arrow::array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use valor_data::DataSpec;
use valor_data::table::stream::Stream;
use valor_data::table::{Reading, TableSpec};

const CSV: &str = "when,id,x,z,kind,t,y\n2024-01-01,1,0.5,-1e3,a,1,0\n2024-01-02,2,,2,\"b, c\",0,12.5\n\
                   2024-01-02,3,-0.25,,a,1,1e4\n2024-02-29,4,16777217,0,\"d \"\"e\"\"\",0,0\n2024-03-01,5,7,1,,1,3\n";

fn spec(path: &str) -> DataSpec {
    let text = format!(
        "path = \"{path}\"\ntreatment = \"t\"\ntreated = [1]\ncontrol = [0]\noutcome = \"y\"\nnumeric = [\"x\", \"z\"]\n\
         categorical = [\"kind\"]\ntime = \"when\"\n"
    );
    let spec: TableSpec = toml::from_str(&text).unwrap();
    DataSpec::Table(spec)
}

/// Loads, describes and encodes the rows, and streams them as `valor score` does.
fn read(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, content)?;
    let mut stream = Stream::open(path, Reading::default(), vec!["x", "z"], vec!["kind"])?;
    while let Some(chunk) = stream.next_chunk()? {
        assert_eq!(chunk.features.numeric.rows, chunk.columns.num_rows());
    }
    let name = path.file_name().unwrap().to_str().unwrap();
    let dataset = valor_data::load(&spec(name), path.parent().unwrap())?;
    assert!(dataset.outcome.iter().all(|outcome| outcome.is_finite()));
    Ok(())
}

#[test]
fn altered_csv_files_are_read_or_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("altered.csv");
    let alter = |source: &[u8], others: &[Vec<u8>], stream: &mut _| {
        alter::text(&String::from_utf8_lossy(source), others, stream)
    };
    let semicolons = CSV.replace(',', ";").replace("b; c", "b, c");
    let seeds = [CSV.as_bytes().to_vec(), CSV.replace('\n', "\r\n").into_bytes(), semicolons.into_bytes()];
    survive("altered.csv", &seeds, alter, |content| read(&path, content));
}

#[test]
fn altered_packed_csv_files_are_read_or_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("altered.csv.gz");
    let pack = |text: &[u8]| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    };
    let seeds = [pack(CSV.as_bytes()), pack(&CSV.as_bytes().repeat(300)), pack(&vec![b'1'; 3_000_000])];
    survive("altered.csv.gz", &seeds, alter::bytes, |content| read(&path, content));
}

/// The rows of `CSV` with types.
fn parquet(compression: Compression, dictionary: bool) -> Vec<u8> {
    let column = |array: ArrayRef| array;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("when", column(Arc::new(Date32Array::from(vec![19723, 19724, 19724, 19782, 19783])))),
        ("id", column(Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5])))),
        ("x", column(Arc::new(Float64Array::from(vec![Some(0.5), None, Some(-0.25), Some(1.5), Some(7.0)])))),
        ("z", column(Arc::new(Int64Array::from(vec![Some(-1000), Some(2), None, Some(0), Some(1)])))),
        (
            "kind",
            column(Arc::new(StringArray::from(vec![Some("a"), Some("b, c"), Some("a"), Some("d"), None]))),
        ),
        ("t", column(Arc::new(Int64Array::from(vec![1, 0, 1, 0, 1])))),
        ("y", column(Arc::new(Float64Array::from(vec![0.0, 12.5, 1e4, 0.0, 3.0])))),
        ("flag", column(Arc::new(BooleanArray::from(vec![true, false, true, true, false])))),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties =
        WriterProperties::builder().set_compression(compression).set_dictionary_enabled(dictionary);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn altered_parquet_files_are_read_or_refused_by_name() {
    let folder = folder();
    let path = folder.path().join("altered.parquet");
    let seeds = [
        parquet(Compression::UNCOMPRESSED, true),
        parquet(Compression::UNCOMPRESSED, false),
        parquet(Compression::SNAPPY, true),
        parquet(Compression::ZSTD(Default::default()), false),
    ];
    survive("altered.parquet", &seeds, alter::bytes, |content| read(&path, content));
}
