//! Files as users have them: good ones, and each way to be bad.

use super::*;
use crate::{DataSpec, FeatureKind, MISSING};
use ::parquet::arrow::ArrowWriter;
use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    RecordBatch, StringArray,
};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use std::sync::Arc;
use tempfile::TempDir;
use valor_base::error::is_input;
use valor_base::question::{Arms, Question};

const CSV: &str = "\
user,day,arm,age,colour,spend,effect,share
u1,2024-01-01,a,30,red,0,1.5,0.5
u1,2024-01-02,b,,blue,10.5,-0.5,0.4
u2,2024-01-03,c,50,,0,0,0.5
u3,2024-01-03, a ,41.5,red,3,2,0.6
u2,2024-01-04,b,60,,0,0.25,0.5
";

fn spec(path: &str) -> TableSpec {
    let table = format!(
        "path = '{path}'\ntreatment = 'arm'\ntreated = ['a']\ncontrol = ['b']\ndrop = ['c']\noutcome = 'spend'\n\
         numeric = ['age']\ncategorical = ['colour']\neffect = 'effect'\npropensity = 'share'\ngroup = 'user'\n\
         time = 'day'\n"
    );
    toml::from_str(&table).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "the tests make the files that users have")]
pub(super) fn folder(name: &str, content: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    folder
}

fn load_bytes(name: &str, content: &[u8], change: impl Fn(&mut TableSpec)) -> anyhow::Result<Dataset> {
    let folder = folder(name, content);
    let mut spec = spec(name);
    change(&mut spec);
    crate::load(&DataSpec::Table(spec), folder.path())
}

fn load_csv(content: &str) -> anyhow::Result<Dataset> {
    load_bytes("t.csv", content.as_bytes(), |_| ())
}

fn refusal(result: anyhow::Result<Dataset>) -> String {
    let error = result.expect_err("refused");
    assert!(is_input(&error), "{error:#}");
    error.to_string()
}

/// Asserts that a change of the good file is refused with these words.
fn assert_refused(from: &str, to: &str, words: &[&str]) {
    assert!(CSV.contains(from), "{from}");
    let message = refusal(load_csv(&CSV.replacen(from, to, 1)));
    for word in words {
        assert!(message.contains(word), "{message} lacks {word}");
    }
}

#[test]
fn a_good_file_is_read_as_declared() {
    let dataset = load_csv(CSV).unwrap();
    assert_eq!(dataset.assigned(), [true, false, true, false]);
    assert_eq!(dataset.outcome, [0.0, 10.5, 3.0, 0.0]);
    assert_eq!((dataset.numeric.rows, dataset.numeric.columns), (4, 1));
    assert_eq!([0, 2, 3].map(|row| dataset.numeric.values[row]), [30.0, 41.5, 60.0]);
    assert!(dataset.numeric.values[1].is_nan());
    assert_eq!(dataset.truth.as_ref().unwrap().effect, Some(vec![1.5, -0.5, 2.0, 0.25]));
    assert_eq!(dataset.propensity().unwrap(), [0.5, 0.4, 0.6, 0.5]);
    assert_eq!(dataset.group.unwrap(), [0, 0, 1, 2]);
    assert_eq!(dataset.time.unwrap(), [19_723, 19_724, 19_725, 19_726].map(|day| f64::from(day) * 86_400.0));
    assert_eq!(dataset.features[0].name, "age");
    let FeatureKind::Categorical { levels, codes } = &dataset.features[1].kind else { panic!("categorical") };
    assert_eq!((levels.join(" "), codes.as_slice()), ("blue red".into(), [1, 0, 1, MISSING].as_slice()));
    assert_eq!(dataset.notes, ["1 rows with arm 'c' are left out"]);
}

#[test]
fn gzip_and_a_byte_order_mark_change_nothing() {
    let expected = comparable(load_csv(CSV));
    assert_eq!(comparable(load_bytes("t.csv.gz", &gzip(CSV), |_| ())), expected);
    assert_eq!(comparable(load_csv(&format!("\u{feff}{CSV}"))), expected);
    assert_eq!(comparable(load_csv(&CSV.replace('\n', "\r\n"))), expected);
}

/// A dataset as text: a missing value is NaN, which equals nothing.
/// All but the rows of the file, which the formats count differently.
pub(super) fn comparable(dataset: anyhow::Result<Dataset>) -> String {
    format!("{:?}", Dataset { origin: None, ..dataset.unwrap() })
}

pub(super) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn parquet_bytes(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn parquet_columns() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("user", Arc::new(Int64Array::from(vec![i64::MAX, i64::MAX, 5, i64::MAX - 1, 5]))),
        ("unused", Arc::new(BooleanArray::from(vec![true; 5]))),
        ("day", Arc::new(Date32Array::from(vec![19_723, 19_724, 19_725, 19_725, 19_726]))),
        ("arm", Arc::new(StringArray::from(vec!["a", "b", "c", "a", "b"]))),
        ("age", Arc::new(Float32Array::from(vec![Some(30.0), None, Some(50.0), Some(41.5), Some(60.0)]))),
        ("colour", Arc::new(StringArray::from(vec![Some("red"), Some("blue"), None, Some("red"), None]))),
        ("spend", Arc::new(StringArray::from(vec!["0", "10.5", "0", "3", "0"]))),
        ("effect", Arc::new(Float32Array::from(vec![1.5, -0.5, 0.0, 2.0, 0.25]))),
        ("share", Arc::new(StringArray::from(vec!["0.5", "0.4", "0.5", "0.6", "0.5"]))),
    ]
}

#[test]
fn parquet_gives_what_csv_gives() {
    let dataset = load_bytes("t.parquet", &parquet_bytes(parquet_columns()), |_| ());
    assert_eq!(dataset.as_ref().unwrap().origin, Some(vec![1, 2, 4, 5]), "the third row is left out");
    assert_eq!(load_csv(CSV).unwrap().origin, Some(vec![2, 3, 5, 6]), "the header is row 1");
    assert_eq!(comparable(dataset), comparable(load_csv(CSV)));
}

fn packed_bytes(codec: ::parquet::basic::Compression) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(parquet_columns()).unwrap();
    let properties = ::parquet::file::properties::WriterProperties::builder().set_compression(codec).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn every_codec_of_parquet_is_read() {
    use ::parquet::basic::{BrotliLevel, Compression as Codec, GzipLevel, ZstdLevel};
    let expected = comparable(load_csv(CSV));
    let codecs = [
        Codec::UNCOMPRESSED,
        Codec::SNAPPY,
        Codec::GZIP(GzipLevel::default()),
        Codec::ZSTD(ZstdLevel::default()),
        Codec::BROTLI(BrotliLevel::default()),
        Codec::LZ4,
        Codec::LZ4_RAW,
    ];
    for codec in codecs {
        assert_eq!(comparable(load_bytes("t.parquet", &packed_bytes(codec), |_| ())), expected, "{codec:?}");
    }
}

/// Each number 5, the number of rows among them, becomes another: refused, or nothing that is read depends on it.
#[test]
fn a_footer_is_not_believed_to_have_other_rows_than_its_pages() {
    let bytes = parquet_bytes(parquet_columns());
    let expected = comparable(load_bytes("t.parquet", &bytes, |_| ()));
    let length = u32::from_le_bytes(bytes[bytes.len() - 8..bytes.len() - 4].try_into().unwrap()) as usize;
    let mut refused = 0;
    for place in bytes.len() - 8 - length..bytes.len() - 8 {
        for other in [0x08, 0x0c, 0x7e] {
            let mut changed = bytes.clone();
            changed[place] = other;
            match load_bytes("t.parquet", &changed, |_| ()) {
                Ok(dataset) if bytes[place] == 0x0a => assert_eq!(dataset.rows(), 4, "{expected}"),
                Ok(_) => {}
                Err(error) => {
                    assert!(is_input(&error), "{error:#}");
                    refused += usize::from(bytes[place] == 0x0a);
                }
            }
        }
    }
    assert!(refused >= 3, "no number of rows was found");
}

#[test]
fn cells_names_and_columns_of_parquet_have_limits() {
    let large = |bytes: usize, limits: Limits| {
        let mut columns = parquet_columns();
        let levels = (0..5).map(|_| "w".repeat(bytes));
        columns[5].1 = Arc::new(StringArray::from_iter_values(levels));
        load_bytes("t.parquet", &parquet_bytes(columns), move |spec| spec.limits = limits)
    };
    let limits = Limits::default();
    assert!(large(1_000, limits).is_ok());
    let message = refusal(large(6 << 20, limits));
    assert!(message.contains("column 'colour'") && message.contains("limits.cell = 1048576"), "{message}");
    assert!(message.len() < 500, "{message}");
    assert!(large(6 << 20, Limits { cell: 8 << 20, ..limits }).is_ok());
    assert!(refusal(large(50, Limits { cell: 40, ..limits })).contains("limits.cell = 40"));
    assert!(refusal(large(1, Limits { header: 5, ..limits })).contains("'unused'"));
    assert!(refusal(large(1, Limits { columns: 8, ..limits })).contains("limits.columns = 8"));
}

/// Never more than a row may hold is kept of a file without end.
#[test]
fn endless_text_is_refused_at_the_limit() {
    use super::csv::Records;
    let reading = Reading::default();
    let cases: [(&[u8], u8, &str); 5] = [
        (b"", b'a', "limits.header = 1024"),
        (b"", b',', "limits.columns = 65536"),
        (b"x,y\n1,", b'a', "limits.cell = 1048576"),
        (b"x,y\n1,\"", b'\n', "a quote may be left open"),
        (b"x,y\n", b',', "limits.columns = 65536"),
    ];
    for (start, byte, words) in cases {
        let source = std::io::Read::chain(start, std::io::repeat(byte));
        let read = Records::open(source, "t.csv", &reading).and_then(|mut records| {
            let place = records.place("t.csv");
            records.next(place).map(drop)
        });
        let error = read.unwrap_err();
        assert!(is_input(&error) && error.to_string().contains(words), "{error}");
        assert!(error.to_string().len() < 600, "{error}");
    }
}

#[test]
fn missing_marks_hold_for_texts_and_numbers_of_parquet() {
    let mut columns = parquet_columns();
    columns[4].1 = Arc::new(Float32Array::from(vec![30.0, f32::NAN, 50.0, 41.5, 60.0]));
    columns[5].1 = Arc::new(StringArray::from(vec!["red", "blue", "red", "red", "NaN"]));
    let bytes = parquet_bytes(columns);
    let declared = load_bytes("t.parquet", &bytes, |spec| spec.missing = vec!["NaN".into()]);
    assert_eq!(comparable(declared), comparable(load_csv(CSV)));
    assert!(refusal(load_bytes("t.parquet", &bytes, |_| ())).contains("missing = [\"NaN\"]"));
}

#[test]
fn a_mark_of_missing_values_holds_for_its_value_in_every_format() {
    let age = |array: ArrayRef| {
        let mut columns = parquet_columns();
        columns[4].1 = array;
        parquet_bytes(columns)
    };
    let arrays: [ArrayRef; 4] = [
        Arc::new(Float32Array::from(vec![30.0, -999.0, 50.0, 41.5, 60.0])),
        Arc::new(arrow::array::Float64Array::from(vec![30.0, -999.0, 50.0, 41.5, 60.0])),
        Arc::new(StringArray::from(vec!["30", "-999.0", "50", "41.5", "60"])),
        Arc::new(StringArray::from(vec!["30", " -999 ", "50", "41.5", "60"])),
    ];
    for array in arrays {
        let found = load_bytes("t.parquet", &age(array), |spec| spec.missing = vec!["-999".into()]);
        assert_eq!(comparable(found), comparable(load_csv(CSV)));
    }
}

#[test]
fn parquet_columns_of_a_strange_type_or_value_are_refused() {
    let with = |name: &str, array: ArrayRef| {
        let mut columns = parquet_columns();
        columns.iter_mut().find(|column| column.0 == name).unwrap().1 = array;
        refusal(load_bytes("t.parquet", &parquet_bytes(columns), |_| ()))
    };
    let nested = arrow::array::StructArray::from(RecordBatch::try_from_iter(parquet_columns()).unwrap());
    let message = with("age", Arc::new(nested));
    assert!(message.contains("'age'") && message.contains("type"), "{message}");
    let message = with("age", Arc::new(Float32Array::from(vec![1.0, 2.0, 3.0, f32::NAN, 5.0])));
    assert!(message.contains("row 4 (counted from 1), column 'age': found 'NaN'"), "{message}");
}

#[test]
fn a_missing_or_duplicate_column_is_named() {
    assert_refused("age", "agee", &["t.csv", "no column 'age'", "user, day, arm", "did you mean 'agee'?"]);
    assert_refused("user", "spend", &["t.csv", "'spend'", "columns 1 and 6"]);
    let twice_but_unused: String = CSV
        .lines()
        .enumerate()
        .map(|(row, line)| format!("{0},{0},{line}\n", if row == 0 { "x" } else { "1" }))
        .collect();
    assert_eq!(comparable(load_csv(&twice_but_unused)), comparable(load_csv(CSV)));
}

#[test]
fn odd_numbers_are_named_with_row_and_column() {
    assert_refused("41.5", "n/a", &["t.csv: row 5 (the header is row 1)", "column 'age'", "'n/a'", "finite"]);
    assert_refused("41.5", "NaN", &["row 5", "'age'", "'NaN'"]);
    assert_refused("41.5", "inf", &["row 5", "'age'", "'inf'"]);
    assert_refused("10.5", "-inf", &["row 3", "'spend'", "'-inf'"]);
    assert_refused("10.5", "", &["row 3", "'spend'", "empty"]);
    assert_refused("0.25", "nan", &["row 6", "'effect'", "'nan'"]);
    assert_refused("0.4", "1", &["row 3", "'share'", "'1'", "below 1"]);
    assert_refused("u3", "", &["row 5", "'user'", "empty"]);
    assert_refused("2024-01-02", "yesterday", &["row 3", "'day'", "'yesterday'", "ISO"]);
    assert_refused("2024-01-02", "7", &["row 3", "'day'", "'7'", "only dates"]);
}

#[test]
fn treatment_values_must_be_declared() {
    let words = ["row 4", "column 'arm'", "'q'", "treated = [\"a\"], control = [\"b\"]", "'drop'"];
    assert_refused(",c,", ",q,", &words);
    assert_refused(",c,", ",,", &["row 4", "column 'arm'", "''"]);
    let numbers = CSV.replace(",a,", ",1,").replace(", a ,", ",1.0,").replace(",b,", ",0.0,");
    let by_number = |spec: &mut TableSpec| {
        spec.treated = vec!["1".into()];
        spec.control = vec!["0".into()];
    };
    let dataset = load_bytes("t.csv", numbers.as_bytes(), by_number).unwrap();
    assert_eq!(dataset.assigned(), [true, false, true, false]);
}

#[test]
fn values_may_be_written_as_text_numbers_or_truth() {
    #[derive(Deserialize)]
    struct List {
        #[serde(deserialize_with = "value::texts")]
        list: Vec<String>,
    }
    let list: List = toml::from_str("list = ['x', 1, 2.5, true]").unwrap();
    assert_eq!(list.list, ["x", "1", "2.5", "true"]);
    assert!(toml::from_str::<List>("list = [[1]]").err().unwrap().to_string().contains("a text, a number"));
}

#[test]
fn empty_arms_and_outcomes_without_a_sale_are_refused() {
    let only = |value: &'static str| move |spec: &mut TableSpec| spec.treated = vec![value.into()];
    let no_treated = CSV.replace(",a,", ",b,").replace(", a ,", ",b,");
    assert!(refusal(load_csv(&no_treated)).contains("the treated arm is empty: no row has arm in [\"a\"]"));
    let no_control = CSV.replace(",b,", ",a,");
    assert!(refusal(load_csv(&no_control)).contains("the control arm is empty"));
    assert!(refusal(load_bytes("t.csv", CSV.as_bytes(), only("z"))).contains("'a' is declared in none"));
    let no_sale = CSV.replace("10.5", "-1").replace(",red,3", ",red,0");
    assert!(refusal(load_csv(&no_sale)).contains("no outcome is positive: column 'spend'"));
}

#[test]
fn files_that_are_empty_truncated_or_no_text_are_refused() {
    let load = |name: &str, bytes: &[u8]| refusal(load_bytes(name, bytes, |_| ()));
    assert!(load("t.csv", b"").contains("t.csv is empty"));
    assert!(load("t.csv", b"\n\n").contains("t.csv is empty"));
    let header = CSV.lines().next().unwrap();
    assert!(load("t.csv", header.as_bytes()).contains("t.csv has no rows"));
    assert!(
        load("t.csv", &CSV.as_bytes()[..CSV.len() - 12])
            .contains("row 6 (the header is row 1) has 5 cells, the header has 8")
    );
    assert!(
        load("t.csv", &CSV.replace("blue", "bl\u{e9}").chars().map(|c| c as u8).collect::<Vec<u8>>())
            .contains("row 3 (the header is row 1), column 5: not UTF-8")
    );
    let gzip = gzip(CSV);
    assert!(load("t.csv.gz", &gzip[..gzip.len() / 2]).contains("t.csv.gz: ends in the middle"));
    assert!(load("t.csv.gz", CSV.as_bytes()).contains("t.csv.gz: cannot be read"));
    assert!(load("t.parquet", CSV.as_bytes()).contains("t.parquet is not a whole Parquet file"));
    let parquet = parquet_bytes(parquet_columns());
    assert!(
        load("t.parquet", &parquet[..parquet.len() - 100]).contains("t.parquet is not a whole Parquet file")
    );
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = folder("t.csv", CSV.as_bytes());
    let load = |path: &str| refusal(crate::load(&DataSpec::Table(spec(path)), folder.path()));
    assert!(load("u.csv").contains("u.csv: no such file"));
    assert!(load("t.xlsx").contains("path = 't.xlsx': allowed are files ending in"));
    std::fs::create_dir(folder.path().join("d.csv")).unwrap();
    assert!(load("d.csv").contains("d.csv is a folder"));
}

#[test]
fn the_content_hash_is_filled_in_and_checked() {
    let folder = folder("t.csv", CSV.as_bytes());
    let mut spec = DataSpec::Table(spec("t.csv"));
    spec.resolve(folder.path()).unwrap();
    let DataSpec::Table(table) = &spec else { panic!("a table") };
    assert_eq!(table.content.as_deref(), Some(blake3::hash(CSV.as_bytes()).to_hex().as_str()));
    assert!(crate::load(&spec, folder.path()).is_ok());
    let other = super::tests::folder("t.csv", CSV.replace("red", "pink").as_bytes());
    assert!(refusal(crate::load(&spec, other.path())).contains("t.csv is another file"));
}

#[test]
fn roles_that_exclude_each_other_are_refused() {
    let refused = |change: fn(&mut TableSpec)| refusal(load_bytes("t.csv", CSV.as_bytes(), change));
    assert!(
        refused(|spec| spec.control.push("a".into())).contains("'a' stands in both 'treated' and 'control'")
    );
    assert!(refused(|spec| spec.drop.push(" b ".into())).contains("stands in both 'control' and 'drop'"));
    assert!(refused(|spec| spec.treated.clear()).contains("treated = []"));
    assert!(
        refused(|spec| spec.numeric.push("spend".into()))
            .contains("'spend' stands in both 'outcome' and 'numeric'")
    );
    assert!(refused(|spec| spec.numeric.push("age".into())).contains("'age' stands twice in 'numeric'"));
    assert!(refused(|spec| spec.categorical.push("arm".into())).contains("'arm' stands in both 'treatment'"));
    assert!(refused(|spec| spec.propensity = Some(Propensity::Constant(1.0))).contains("propensity = 1"));
    assert!(refused(|spec| spec.rows = Some(0)).contains("rows = 0"));
    assert!(refused(|spec| spec.path = None).contains("'path'"));
    assert!(refused(|spec| (spec.numeric, spec.categorical) = (vec![], vec![])).contains("no features"));
}

#[test]
fn a_sample_is_fixed_nested_and_in_order() {
    let mut csv = String::from("user,day,arm,age,colour,spend,effect,share\n");
    for row in 0..200 {
        csv += &format!("u{row},{row},{},{row},red,1,0,0.5\n", if row % 2 == 0 { "a" } else { "b" });
    }
    let sample = |rows| load_bytes("t.csv", csv.as_bytes(), move |spec| spec.rows = Some(rows)).unwrap();
    let (few, more) = (sample(20).time.unwrap(), sample(50).time.unwrap());
    assert!(few.is_sorted() && few.len() == 20 && few.iter().all(|row| more.contains(row)));
    assert_eq!(sample(20).notes, ["a fixed random sample of 20 of 200 rows"]);
    assert_eq!(sample(500).rows(), 200);
    let alone = load_bytes("t.csv", csv.as_bytes(), |spec| spec.rows = Some(1));
    assert!(refusal(alone).contains("arm is empty in the sample of 1 rows"));
}

#[test]
fn an_identifier_is_not_a_category() {
    let mut csv = String::from("user,day,arm,age,colour,spend,effect,share\n");
    for row in 0..1_001 {
        csv += &format!("u,1,{},1,c{row},1,0,0.5\n", if row % 2 == 0 { "a" } else { "b" });
    }
    assert!(refusal(load_csv(&csv)).contains("column 'colour' has 1001 different values"));
}

/// Damage of any kind is an input error, never a panic.
#[test]
fn garbage_never_panics() {
    let sources = [
        ("t.csv", CSV.as_bytes().to_vec()),
        ("t.csv.gz", gzip(CSV)),
        ("t.parquet", parquet_bytes(parquet_columns())),
    ];
    let mut stream = valor_base::seed::Seeds::new(1).child("garbage").stream();
    for (name, bytes) in sources {
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..=rand::Rng::random_range(&mut stream, 0..4) {
                let place = rand::Rng::random_range(&mut stream, 0..damaged.len());
                match rand::Rng::random_range(&mut stream, 0..3) {
                    0 => damaged[place] = rand::Rng::random(&mut stream),
                    1 => damaged.truncate(place.max(1)),
                    _ => drop(damaged.splice(place..place, [0xff, b',', b'\n'])),
                }
            }
            if let Err(error) = load_bytes(name, &damaged, |_| ()) {
                assert!(is_input(&error), "{error:#}");
            }
        }
    }
}

/// A file without a header, and the spec of its columns.
fn nameless(content: &str, change: impl Fn(&mut TableSpec)) -> anyhow::Result<Dataset> {
    load_bytes("t.csv", content.as_bytes(), |spec| {
        *spec = toml::from_str(
            "path = 't.csv'\ncolumns = ['t', 'y', 'm0', 'm1', 'x']\ntreatment = 't'\ntreated = [1]\ncontrol = [0]\n\
             outcome = 'y'\nnumeric = ['x']\nexpected-control = 'm0'\nexpected-treated = 'm1'\n",
        )
        .unwrap();
        change(spec);
    })
}

#[test]
fn a_file_without_a_header_has_the_columns_that_are_named() {
    let content = "1,5.5,1.5,4,0.1\n0,1,2,2.5,-3\n";
    let found = nameless(content, |_| ()).unwrap();
    assert_eq!((found.assigned(), &*found.outcome), (&[true, false][..], &[5.5, 1.0][..]));
    assert_eq!((found.origin, found.numeric.values), (Some(vec![1, 2]), vec![0.1, -3.0]));
    let truth = found.truth.unwrap();
    assert_eq!(truth.effect, Some(vec![2.5, 0.5]));
    assert_eq!(truth.expected, Some(Arms::Two { control: vec![1.5, 2.0], treated: vec![4.0, 2.5] }));

    let refused = |content: &str, change: fn(&mut TableSpec)| refusal(nameless(content, change));
    let short = refused("1,5.5,1.5,4\n0,1,2,2.5\n", |_| ());
    assert!(short.contains("row 1 (counted from 1) has 4 cells; the key 'columns' names 5"), "{short}");
    let cut = refused("1,5.5,1.5,4,0.1\n0,1\n", |_| ());
    assert!(cut.contains("row 2 (counted from 1) has 2 cells, the first row has 5"), "{cut}");
    let wrong = refused("1,5.5,1.5,4,0.1\n0,1,much,2.5,-3\n", |_| ());
    assert!(wrong.contains("row 2 (counted from 1), column 'm0': found 'much'"), "{wrong}");
    let twice = refused(content, |spec| spec.columns[1] = "t".into());
    assert!(twice.contains("columns: 't' stands there twice"), "{twice}");
    let parquet = refused(content, |spec| spec.path = Some("t.parquet".into()));
    assert!(parquet.contains("a Parquet file names its columns"), "{parquet}");
    assert!(refused("", |_| ()).contains("is empty"));
    let parted = refused(&content.replace(',', ";"), |_| ());
    assert!(
        parted.contains("has 1 cells; the key 'columns' names 5; separator = \";\" reads it"),
        "{parted}"
    );
    let blank = refused("\n1,5.5,1.5,4,0.1\n\n0,1,much,2.5,-3\n", |_| ());
    assert!(blank.contains("row 4 (counted from 1), column 'm0'"), "{blank}");
}

#[test]
fn a_file_without_a_header_may_be_in_another_dialect() {
    let plain = nameless("1,5.5,1.5,4,0.1\n0,1,2,2.5,-3\n", |_| ()).unwrap();
    let german = nameless("\u{feff}1;5,5;1,5;4;0,1\r\n0;1;2;2,5;-3\r\n", |spec| {
        (spec.separator, spec.decimal) = (Some(';'), Some(','));
    });
    assert_eq!(german.unwrap(), plain);
}

#[test]
fn another_decimal_mark_changes_texts_and_nothing_that_has_a_type() {
    let batch = RecordBatch::try_from_iter(vec![
        ("t", Arc::new(BooleanArray::from(vec![true, false])) as ArrayRef),
        ("y", Arc::new(StringArray::from(vec!["5,5", "TRUE"]))),
        ("m0", Arc::new(Float32Array::from(vec![1.5, 2.0]))),
        ("m1", Arc::new(Decimal128Array::from(vec![40, 25]).with_precision_and_scale(5, 1).unwrap())),
        ("x", Arc::new(Float64Array::from(vec![0.1, f64::NAN]))),
    ])
    .unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    let spec = "path = 't.parquet'\ntreatment = 't'\ntreated = ['True']\ncontrol = [false]\noutcome = 'y'\nnumeric = ['x']\n\
                expected-control = 'm0'\nexpected-treated = 'm1'\ndecimal = ','\nmissing = ['NaN']\n";
    let found =
        load_bytes("t.parquet", &writer.into_inner().unwrap(), |to| *to = toml::from_str(spec).unwrap());
    let found = found.unwrap();
    assert_eq!((found.assigned(), &*found.outcome), (&[true, false][..], &[5.5, 1.0][..]));
    assert_eq!(found.truth.unwrap().effect, Some(vec![2.5, 0.5]));
    assert!(found.numeric.values[0] == 0.1 && found.numeric.values[1].is_nan());
}

#[test]
fn the_true_effect_is_a_column_or_the_difference_of_two() {
    let content = "1,5.5,1.5,4,0.1\n0,1,2,2.5,-3\n";
    let refused = |change: fn(&mut TableSpec)| refusal(nameless(content, change));
    let one = refused(|spec| spec.expected_treated = None);
    assert!(one.contains("expected-control and expected-treated go together"), "{one}");
    let three = refused(|spec| spec.effect = Some("x".into()));
    assert!(three.contains("give these two or 'effect'"), "{three}");
    let role = refused(|spec| spec.expected_control = Some("x".into()));
    assert!(role.contains("the column 'x' stands in both"), "{role}");
    let worth = refused(|spec| spec.expected = Some("m0".into()));
    assert!(worth.contains("'expected' speaks of rows without a treatment"), "{worth}");
}

#[test]
fn rows_without_a_treatment_are_of_the_question_value() {
    let content = "x,spent\n1.5,0\n2,7\n3,0\n";
    let table = "path = 't.csv'\noutcome = 'spent'\nnumeric = ['x']\n";
    let load = |more: &str| {
        let spec: TableSpec = toml::from_str(&format!("{table}{more}")).unwrap();
        load_bytes("t.csv", content.as_bytes(), |to| to.clone_from(&spec))
    };
    let found = load("").unwrap();
    assert_eq!((found.question(), found.rows(), found.assigned().len()), (Question::Value, 3, 0));
    assert_eq!(found.outcome, [0.0, 7.0, 0.0]);
    for (key, value) in [
        ("treated", "[1]"),
        ("control", "[0]"),
        ("drop", "[2]"),
        ("effect", "'e'"),
        ("propensity", "0.5"),
        ("expected-control", "'m'"),
    ] {
        let message = refusal(load(&format!("{key} = {value}")));
        assert!(message.contains(&format!("'{key}' speaks of a treatment")), "{message}");
    }
    let spec = toml::from_str::<TableSpec>(table).unwrap();
    let written = serde_json::to_string(&spec).unwrap();
    assert!(!["treat", "control", "expected"].iter().any(|word| written.contains(word)), "{written}");
    let content = "x,spent,worth\n1.5,0,1\n2,7,2.5\n";
    let spec: TableSpec = toml::from_str(&format!("{table}expected = 'worth'\n")).unwrap();
    let found = load_bytes("t.csv", content.as_bytes(), |to| to.clone_from(&spec)).unwrap();
    assert_eq!(found.truth.unwrap().expected, Some(Arms::One(vec![1.0, 2.5])));
}

#[test]
fn a_sequence_is_of_numeric_columns_and_of_one_group() {
    let refused = |sequence: &[&[&str]]| {
        let group = |names: &&[&str]| names.iter().map(ToString::to_string).collect();
        let mut spec = spec("t.csv");
        spec.numeric = vec!["age".into(), "week1".into(), "week2".into()];
        spec.sequence = sequence.iter().map(group).collect();
        let error = spec.validate().map_err(|error| {
            assert!(is_input(&error), "{error:#}");
            error.to_string()
        });
        error.err().unwrap_or_default()
    };
    assert_eq!(refused(&[&["week1", "week2"]]), "");
    assert!(refused(&[&["week1", "wek2"]]).contains("'wek2' is not among the columns of 'numeric'"));
    assert!(refused(&[&["week1", "wek2"]]).contains("did you mean 'week2'?"));
    assert!(refused(&[&["week1", "colour"]]).contains("'colour' is categorical"));
    assert!(refused(&[&["week1", "week2"], &["age", "week2"]]).contains("'week2' stands there twice"));
    assert!(refused(&[&["week1"]]).contains("a group of 1 columns; allowed are 2 or more"));
}
