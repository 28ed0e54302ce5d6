//! What is written, as readers find it.

use super::*;
use arrow::array::{BooleanArray, Date32Array, ListArray};
use arrow::datatypes::Int32Type;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::io::Read;

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
fn written(format: Format) -> Vec<u8> {
    let mut writer = Writer::new(format, Packing::Snappy, Vec::new(), &rows().schema()).unwrap();
    writer.write(&rows()).unwrap();
    writer.write(&rows()).unwrap();
    writer.finish().unwrap()
}

#[test]
fn every_format_holds_the_same_rows() {
    let (plain, mut unpacked) = (String::from_utf8(written(Format::Csv)).unwrap(), String::new());
    flate2::read::GzDecoder::new(written(Format::CsvGz).as_slice()).read_to_string(&mut unpacked).unwrap();
    assert_eq!(plain, unpacked);
    let small = f32::MIN_POSITIVE;
    let body = format!("\"b, c\",true,2024-01-01,0.1\n,false,1970-01-01,{small}\n");
    assert_eq!(plain, format!("\"a \"\"name\"\"\",yes,day,score\n{body}{body}"));
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(written(Format::Parquet))).unwrap();
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
    assert!(Format::Csv.check(&batch.schema()).unwrap_err().contains("'list'"));
    Format::CsvGz.check(&rows().schema()).unwrap();
    let schema = rows().schema();
    let twice: Vec<_> = schema.fields().iter().chain(schema.fields().iter()).cloned().collect();
    assert!(Format::Parquet.check(&Schema::new(twice)).unwrap_err().contains("there twice"));
    Format::Parquet.check(&schema).unwrap();
}

#[test]
fn numbers_have_one_spelling_whether_others_are_missing_or_not() {
    let text = |cells: Vec<Option<f64>>| {
        let mut columns = Columns::default();
        columns.add_partial(
            "single",
            cells.iter().map(|cell| cell.map(|cell| cell as f32)).collect::<Float32Array>(),
        );
        columns.add_partial("double", Float64Array::from(cells));
        let rows = columns.batch().unwrap();
        let mut writer = Writer::new(Format::Csv, Packing::Plain, Vec::new(), &rows.schema()).unwrap();
        writer.write(&rows).unwrap();
        String::from_utf8(writer.finish().unwrap()).unwrap()
    };
    assert_eq!(text(vec![Some(1.0), Some(1e-7)]), "single,double\n1,1\n0.0000001,0.0000001\n");
    assert_eq!(text(vec![Some(1.0), None]), "single,double\n1,1\n,\n");
}

#[test]
fn rows_stay_in_order_however_many_threads_make_them() {
    let numbers: Vec<f64> = (0..3 * STRETCH + 5).map(|row| row as f64).collect();
    let mut columns = Columns::default();
    columns.add("row", Float64Array::from(numbers.clone()));
    let rows = columns.batch().unwrap();
    let mut writer = Writer::new(Format::Csv, Packing::Plain, Vec::new(), &rows.schema()).unwrap();
    writer.write(&rows).unwrap();
    let text = String::from_utf8(writer.finish().unwrap()).unwrap();
    let found: Vec<f64> = text.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert_eq!(found, numbers);
}

#[test]
fn the_ending_says_the_format() {
    for (name, format) in
        [("a.CSV", Format::Csv), ("b.csv.gz", Format::CsvGz), ("c.x.parquet", Format::Parquet)]
    {
        assert_eq!(Format::of("--out", name).unwrap(), format);
    }
    let refused = Format::of("--out a.txt", "a.txt").unwrap_err();
    assert!(
        valor_base::error::is_input(&refused) && refused.to_string().starts_with("--out a.txt: allowed are")
    );
}

/// Values that are all different are not numbered besides, and a few that come again and again are.
#[test]
fn what_is_written_whole_takes_the_room_of_its_values_at_most() {
    const ROWS: usize = 50_000;
    let size = |value: fn(usize) -> f32| {
        let mut columns = Columns::default();
        columns.add("score", (0..ROWS).map(|row| Some(value(row))).collect::<Float32Array>());
        let file = bytes::Bytes::from(parquet(columns, Packing::Plain).unwrap());
        let size = file.len();
        let read =
            ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(ROWS).build().unwrap();
        let read = read.map(|batch| batch.unwrap()).next().unwrap();
        let found = read.column(0).as_primitive::<Float32Type>().values().to_vec();
        assert_eq!(found, (0..ROWS).map(value).collect::<Vec<f32>>());
        size
    };
    assert!((4 * ROWS..4 * ROWS + 2_000).contains(&size(|row| row as f32)));
    assert!(size(|row| (row % 200) as f32) < ROWS + 4_000);
    assert!(size(|_| 0.5) < 2_000);
}

#[test]
fn columns_that_do_not_fit_together_are_refused() {
    let mut columns = Columns::default();
    columns.add("a", Float64Array::from(vec![1.0]));
    columns.add("b", Float64Array::from(vec![1.0, 2.0]));
    assert!(columns.batch().is_err());
    let mut columns = Columns::default();
    columns.add("a", Float64Array::from(vec![None, Some(1.0)]));
    assert!(parquet(columns, Packing::Plain).is_err());
}
