//! One table of types and roles: what docs/reference/experiments.md says of each, in every format.

use super::role::{Family, Role};
use super::tests::{comparable, folder, gzip, parquet_bytes};
use super::*;
use crate::DataSpec;
use arrow::array::{
    Array, ArrayRef, FixedSizeBinaryArray, Float64Array, Int64Array, IntervalYearMonthArray, NullArray,
    RecordBatch, StringArray, StructArray, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, TimeUnit};
use std::sync::Arc;
use valor_base::error::is_input;

const ROWS: usize = 8;

/// A column of two values by turns.
struct Kind {
    name: String,
    column: ArrayRef,
    /// The same two values as a CSV file may spell them.
    texts: [&'static str; 2],
    family: Family,
}

impl Kind {
    fn new(column: &ArrayRef, target: &DataType, texts: [&'static str; 2]) -> Self {
        // Arrow reads no text as a dictionary of dates at once.
        let plain = match target {
            DataType::Dictionary(_, values) => cast(column, values).unwrap(),
            _ => column.clone(),
        };
        let column = cast(&plain, target).unwrap();
        assert_eq!(column.null_count(), 0, "{target}");
        Self { name: target.to_string(), family: Family::of(target), column, texts }
    }
}

fn numbers(values: [i64; 2]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn spelled(values: [&str; 2]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn dictionary(values: DataType) -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(values))
}

fn kinds_of_numbers() -> Vec<Kind> {
    use DataType::*;
    let mut kinds = Vec::new();
    for target in
        [Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64, dictionary(Int64), dictionary(UInt8)]
    {
        kinds.push(Kind::new(&numbers([0, 3]), &target, ["0", "3.0"]));
        kinds.push(Kind::new(&numbers([0, 1]), &target, ["-0", "1"]));
    }
    for target in [Int8, Int16, Int32, Int64] {
        kinds.push(Kind::new(&numbers([-3, 7]), &target, ["-3", "7.00"]));
    }
    let largest = spelled(["9007199254740993", "18446744073709551615"]);
    kinds.push(Kind::new(&largest, &UInt64, ["9007199254740993", "18446744073709551615"]));
    let fractions: ArrayRef = Arc::new(Float64Array::from(vec![0.1, 2.5]));
    let whole: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, 1.0]));
    for target in [Float16, Float32, Float64, dictionary(Float32)] {
        kinds.push(Kind::new(&fractions, &target, ["0.10", "2.5"]));
        kinds.push(Kind::new(&whole, &target, ["0", "1"]));
    }
    let large: ArrayRef = Arc::new(Float64Array::from(vec![1e-7, 1e21]));
    kinds.push(Kind::new(&large, &Float64, ["1e-07", "1e+21"]));
    for target in [Decimal32(9, 2), Decimal64(18, 2), Decimal128(20, 2), Decimal256(50, 2)] {
        kinds.push(Kind::new(&spelled(["0.10", "2.00"]), &target, ["0.1", "2"]));
    }
    kinds
}

fn kinds_of_moments() -> Vec<Kind> {
    use DataType::*;
    let mut kinds = Vec::new();
    for target in [Date32, Date64, dictionary(Date32)] {
        kinds.push(Kind::new(&spelled(["2024-01-31", "1969-02-28"]), &target, ["2024-01-31", "1969-02-28"]));
    }
    // 2024-01-31T08:30:00 and 1969-12-31T23:00:00, UTC.
    let seconds = [1_706_689_800, -3_600];
    for (unit, in_second) in [
        (TimeUnit::Second, 1),
        (TimeUnit::Millisecond, 1_000),
        (TimeUnit::Microsecond, 1_000_000),
        (TimeUnit::Nanosecond, 1_000_000_000),
    ] {
        for zone in [
            None,
            Some("UTC"),
            Some("+00:00"),
            Some("+02:00"),
            Some("Europe/Berlin"),
            Some("America/New_York"),
        ] {
            let target = Timestamp(unit, zone.map(Into::into));
            let column = numbers(seconds.map(|seconds| seconds * in_second));
            kinds.push(Kind::new(&column, &target, ["2024-01-31 08:30:00", "1970-01-01T00:00:00+01:00"]));
            kinds.push(Kind::new(&column, &target, ["2024-01-31 10:30:00.000+0200", "1969-12-31 23:00 UTC"]));
        }
    }
    let midnight = numbers([1_706_659_200_000, 0]);
    kinds.push(Kind::new(&midnight, &Timestamp(TimeUnit::Millisecond, None), ["2024-01-31", "1970-01-01"]));
    kinds
}

/// Every type that a Parquet file can hold a column of.
fn kinds() -> Vec<Kind> {
    use DataType::*;
    let mut kinds: Vec<Kind> = kinds_of_numbers().into_iter().chain(kinds_of_moments()).collect();
    for texts in [["True", "false"], ["TRUE", "FALSE"], ["true", "False"]] {
        kinds.push(Kind::new(&spelled(["true", "false"]), &Boolean, texts));
    }
    let texts = [Utf8, LargeUtf8, Utf8View, dictionary(Utf8), dictionary(LargeUtf8)];
    for target in texts {
        kinds.push(Kind::new(&spelled([" red", "green"]), &target, ["red", "green "]));
        kinds.push(Kind::new(&spelled(["007", "1.50"]), &target, ["007", "1.5"]));
        kinds.push(Kind::new(&spelled(["True", "FALSE"]), &target, ["true", "false"]));
        kinds.push(Kind::new(
            &spelled(["2024-01-31", "2024-01-31T08:30"]),
            &target,
            ["2024-01-31", "2024-01-31 08:30:00"],
        ));
    }
    for target in [Binary, LargeBinary, BinaryView] {
        kinds.push(Kind::new(&spelled(["red", "1.0"]), &target, ["red", "1"]));
    }
    let fixed: ArrayRef = Arc::new(FixedSizeBinaryArray::try_from_iter(["red", "1.0"].iter()).unwrap());
    kinds.push(Kind {
        name: "FixedSizeBinary".into(),
        column: fixed,
        texts: ["red", "1"],
        family: Family::Bytes,
    });
    for target in [
        Time32(TimeUnit::Second),
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Time64(TimeUnit::Nanosecond),
    ] {
        kinds.push(Kind::new(&spelled(["08:30:00", "23:59:59"]), &target, ["08:30", "23:59:59.000"]));
    }
    for unit in [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond] {
        kinds.push(Kind::new(&numbers([60, 0]), &Duration(unit), ["PT1M", "PT0S"]));
    }
    let months: ArrayRef = Arc::new(IntervalYearMonthArray::from(vec![1, 2]));
    kinds.push(Kind { name: "Interval".into(), column: months, texts: ["a", "b"], family: Family::Span });
    let structs: ArrayRef =
        Arc::new(StructArray::from(RecordBatch::try_from_iter([("a", numbers([1, 2]))]).unwrap()));
    kinds.push(Kind { name: "Struct".into(), column: structs, texts: ["a", "b"], family: Family::Nested });
    let list = DataType::new_list(Int64, true);
    kinds.push(Kind::new(&numbers([1, 2]), &list, ["a", "b"]));
    kinds
}

/// Declares the column `c` in a role. `arms` are the two values.
fn spec(file: &str, role: Role, arms: [&str; 2]) -> TableSpec {
    let (treatment, values) = match role {
        Role::Treatment => ("c", arms.map(|arm| format!("{arm:?}"))),
        _ => ("arm", ["1".to_string(), "0".to_string()]),
    };
    let outcome = if role == Role::Outcome { "c" } else { "spend" };
    let more = match role {
        Role::Treatment | Role::Outcome | Role::Numeric | Role::Categorical => String::new(),
        other => format!("{} = 'c'\n", other.key()),
    };
    let features = match role {
        Role::Numeric => "numeric = ['x', 'c']",
        Role::Categorical => "numeric = ['x']\ncategorical = ['c']",
        _ => "numeric = ['x']",
    };
    let table = format!(
        "path = '{file}'\ntreatment = '{treatment}'\ntreated = [{}]\ncontrol = [{}]\noutcome = '{outcome}'\n{features}\n{more}",
        values[0], values[1]
    );
    toml::from_str(&table).unwrap()
}

fn read(file: &str, bytes: &[u8], role: Role, arms: [&str; 2]) -> anyhow::Result<Dataset> {
    let folder = folder(file, bytes);
    crate::load(&DataSpec::Table(spec(file, role, arms)), folder.path())
}

/// The column by turns; of a column with gaps the last row but one is null.
fn parquet(kind: &Kind, gap: bool) -> Vec<u8> {
    let places: Vec<Option<u32>> =
        (0..ROWS).map(|row| (!gap || row != ROWS - 2).then_some(row as u32 / 2 % 2)).collect();
    let column = take(&kind.column, &UInt32Array::from(places), None).unwrap();
    let whole = |value: fn(usize) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from((0..ROWS).map(value).collect::<Vec<i64>>()))
    };
    parquet_bytes(vec![
        ("arm", whole(|row| row as i64 % 2)),
        ("spend", whole(|row| row as i64 % 3)),
        ("x", whole(|row| row as i64)),
        ("c", column),
    ])
}

fn csv(texts: [&str; 2], gap: bool) -> String {
    let row = |row: usize| {
        let text = if gap && row == ROWS - 2 { "" } else { texts[row / 2 % 2] };
        format!("{},{},{row},{text}\n", row % 2, row % 3)
    };
    format!("arm,spend,x,c\n{}", (0..ROWS).map(row).collect::<String>())
}

const ROLES: [Role; 7] =
    [Role::Treatment, Role::Outcome, Role::Effect, Role::Group, Role::Time, Role::Numeric, Role::Categorical];

/// docs/reference/experiments.md, Datasets: which families a role takes.
fn takes(role: Role, family: Family) -> bool {
    match role {
        Role::Outcome | Role::Effect | Role::Propensity | Role::Numeric | Role::Score => {
            matches!(family, Family::Nothing | Family::Truth | Family::Number | Family::Text)
        }
        Role::Treatment | Role::Group | Role::Categorical => !matches!(family, Family::Span | Family::Nested),
        Role::Time | Role::Known => {
            matches!(family, Family::Nothing | Family::Number | Family::Text | Family::Moment)
        }
    }
}

/// Text columns are judged cell by cell; these are the same in every format.
fn outcome_of(result: anyhow::Result<Dataset>) -> Result<String, String> {
    match result {
        Ok(dataset) => Ok(comparable(Ok(dataset))),
        Err(error) => {
            assert!(is_input(&error), "{error:#}");
            let text = error.to_string();
            Err(text.split_once("found").map_or(text.clone(), |(_, fault)| fault.to_string()))
        }
    }
}

#[test]
fn a_cell_has_one_value_whatever_the_format_and_type_in_every_role() {
    let mut compared = 0;
    for kind in kinds() {
        for role in ROLES {
            let gaps: &[bool] =
                if matches!(role, Role::Numeric | Role::Categorical) { &[false, true] } else { &[false] };
            for &gap in gaps {
                let found = read("t.parquet", &parquet(&kind, gap), role, kind.texts);
                let place = format!("{} {:?} as {}", kind.name, kind.texts, role.key());
                if !takes(role, kind.family) {
                    let fault = found.expect_err(&place);
                    assert!(is_input(&fault), "{fault:#}");
                    let fault = fault.to_string();
                    let named = fault.contains("column 'c' is of type")
                        && fault.contains(&format!("as '{}' allowed are", role.key()));
                    assert!(named, "{place}: {fault}");
                    continue;
                }
                let text = csv(kind.texts, gap);
                let expected = outcome_of(read("t.csv", text.as_bytes(), role, kind.texts));
                let packed = outcome_of(read("t.csv.gz", &gzip(&text), role, kind.texts));
                let found = outcome_of(found);
                assert_eq!(packed, expected, "{place}");
                match kind.family {
                    Family::Text => {
                        assert_eq!(found.is_ok(), expected.is_ok(), "{place}: {found:?} {expected:?}")
                    }
                    _ => assert!(expected.is_ok() || role == Role::Outcome, "{place}: {expected:?}"),
                }
                if expected.is_ok() {
                    assert_eq!(found, expected, "{place}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn types_without_a_meaning_as_a_number_are_refused_by_name_with_advice() {
    for kind in kinds_of_moments() {
        let fault =
            read("t.parquet", &parquet(&kind, false), Role::Numeric, kind.texts).unwrap_err().to_string();
        assert!(
            fault.contains("t.parquet: the column 'c' is of type") && fault.contains("under 'time'"),
            "{fault}"
        );
        let text = csv(kind.texts, false);
        let fault = read("t.csv", text.as_bytes(), Role::Numeric, kind.texts).unwrap_err().to_string();
        assert!(fault.contains("column 'c': found") && fault.contains("under 'time'"), "{fault}");
    }
}

#[test]
fn a_column_of_nulls_alone_is_missing_everywhere() {
    let nulls = Kind {
        name: "Null".into(),
        column: Arc::new(NullArray::new(2)),
        texts: ["", ""],
        family: Family::Nothing,
    };
    for role in [Role::Numeric, Role::Categorical] {
        let expected = comparable(read("t.csv", csv(["", ""], false).as_bytes(), role, ["a", "b"]));
        assert_eq!(comparable(read("t.parquet", &parquet(&nulls, false), role, ["a", "b"])), expected);
    }
    for role in [Role::Outcome, Role::Effect, Role::Group, Role::Time] {
        let fault = read("t.parquet", &parquet(&nulls, false), role, ["a", "b"]).unwrap_err().to_string();
        assert!(fault.contains("column 'c'") && fault.contains("empty"), "{fault}");
    }
}

#[test]
fn a_propensity_is_a_number_of_any_type() {
    let column: ArrayRef = Arc::new(Float64Array::from(vec![0.25, 0.5]));
    let expected =
        read("t.csv", csv(["0.25", "0.50"], false).as_bytes(), Role::Propensity, ["", ""]).unwrap();
    for target in [DataType::Float16, DataType::Float32, DataType::Float64, DataType::Decimal128(9, 3)] {
        let kind = Kind::new(&column, &target, ["0.25", "0.50"]);
        let found = read("t.parquet", &parquet(&kind, false), Role::Propensity, ["", ""]).unwrap();
        assert_eq!(found.propensity(), expected.propensity());
    }
    let days = Kind::new(&numbers([1, 2]), &DataType::Date64, ["", ""]);
    let fault =
        read("t.parquet", &parquet(&days, false), Role::Propensity, ["", ""]).unwrap_err().to_string();
    assert!(fault.contains("as 'propensity' allowed are numbers"), "{fault}");
}

#[test]
fn bytes_that_are_no_text_are_refused_by_name() {
    let column: ArrayRef = Arc::new(arrow::array::BinaryArray::from_vec(vec![b"\xff\xfe", b"ok"]));
    let kind = Kind { name: "Binary".into(), column, texts: ["", ""], family: Family::Bytes };
    let fault = read("t.parquet", &parquet(&kind, false), Role::Categorical, ["", ""]).unwrap_err();
    assert!(is_input(&fault) && fault.to_string().contains("column 'c' is of type Binary"), "{fault:#}");
}

#[test]
fn numbers_that_merge_in_32_bits_are_counted_by_column() {
    let note = |texts: &[&str], numeric: bool| {
        let rows: String = texts
            .iter()
            .enumerate()
            .map(|(row, text)| format!("{},{},{row},{text}\n", row % 2, row % 3))
            .collect();
        let role = if numeric { Role::Numeric } else { Role::Categorical };
        read("t.csv", format!("arm,spend,x,c\n{rows}").as_bytes(), role, ["", ""]).unwrap().notes
    };
    let days = ["20240128", "20240129", "20240130", "20240131", "20240128", "20240129.0"];
    let found = note(&days, true);
    assert_eq!(found.len(), 1);
    let words = ["column 'c'", "4 different numbers", "become 3 in 32 bits", "1 merge"];
    assert!(words.iter().all(|word| found[0].contains(word)), "{found:?}");
    assert!(note(&days, false).is_empty(), "levels are exact");
    let apart = ["16777216", "16777218", "0.1", "0.10000000001", "-16777218", ""];
    assert!(note(&apart, true).is_empty());
    let signed =
        ["-20240128", "-20240129", "9007199254740992", "9007199254740993", "1706689800.5", "1706689801"];
    assert!(
        note(&signed, true)[0].contains("6 different numbers beyond 16,777,216 become 3"),
        "{:?}",
        note(&signed, true)
    );
}

/// Of the file of `scripts/fixtures/dictionaries.py`.
#[test]
fn a_dictionary_is_read_as_its_values_whatever_their_type() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
    let load = |prefix: &str, numeric: &[&str], categorical: &[&str]| {
        let named = |names: &[&str]| {
            let names = names.iter().map(|name| format!("'{prefix}{name}'"));
            names.collect::<Vec<String>>().join(", ")
        };
        let text = format!(
            "path = 'dictionaries.parquet'\ntreatment = 't'\ntreated = [1]\ncontrol = [0]\noutcome = 'y'\n\
             numeric = [{}]\ncategorical = [{}]\n",
            named(numeric),
            named(categorical)
        );
        let spec: TableSpec = toml::from_str(&text).unwrap();
        let mut found = crate::load(&DataSpec::Table(spec), &path).unwrap();
        found.features.iter_mut().for_each(|feature| feature.name = feature.name.replace("plain_", ""));
        format!("{found:?}")
    };
    for (numeric, categorical) in [
        (&["truth", "amount", "half", "count"][..], &["word"][..]),
        (&["count"], &["truth", "amount", "half", "word"]),
    ] {
        assert_eq!(load("", numeric, categorical), load("plain_", numeric, categorical));
    }
}
