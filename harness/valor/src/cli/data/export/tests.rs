//! What is exported reads back as it was.

use super::*;
use crate::cli::output::format as format_of;
use tempfile::TempDir;
use valor_data::table::{Limits, Propensity, TableSpec};
use valor_data::{DataSpec, Feature, Treatment, Truth, load};

/// Awkward numbers, a level with a comma and quotes, missing values.
fn dataset() -> Dataset {
    let numbers = [0.1, f32::NAN, -0.75, f32::MIN_POSITIVE, 16_777_217.0, 1e-40, 1e30, 1.0 / 3.0];
    Dataset {
        features: vec![
            Feature { name: "x".into(), kind: FeatureKind::Numeric { column: 0 } },
            Feature {
                name: "a \"level\"".into(),
                kind: FeatureKind::Categorical {
                    levels: vec!["b, c".into(), "say \"d\"".into()],
                    codes: vec![0, 1, MISSING, 0, 1, 0, MISSING, 1],
                },
            },
        ],
        numeric: Matrix { rows: 8, columns: 1, values: numbers.to_vec() },
        treatment: Some(Treatment { assigned: [true, false].repeat(4), propensity: Some(vec![0.5; 8]) }),
        outcome: vec![0.0, 1e-300, 0.1 + 0.2, 1e22, 0.0, 1.0, 2.0, 3.5],
        truth: Some(Truth { effect: Some([-0.25, 1.0 / 3.0].repeat(4)), ..Truth::default() }),
        ..Dataset::default()
    }
}

fn read_back(folder: &Path, name: &str) -> Dataset {
    let spec = TableSpec {
        path: Some(name.into()),
        columns: vec![],
        content: None,
        treatment: Some("treatment".into()),
        treated: vec!["1".into()],
        control: vec!["0".into()],
        drop: vec![],
        outcome: "outcome".into(),
        numeric: vec!["x".into()],
        log1p: vec![],
        categorical: vec!["a \"level\"".into()],
        effect: Some("effect".into()),
        expected_control: None,
        expected: None,
        expected_treated: None,
        propensity: Some(Propensity::Constant(0.5)),
        group: None,
        time: None,
        known: None,
        sequence: Vec::new(),
        rows: None,
        separator: None,
        decimal: None,
        thousands: None,
        currency: vec![],
        missing: vec![],
        limits: Limits::default(),
    };
    Dataset { origin: None, ..load(&DataSpec::Table(spec), folder).unwrap() }
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_format_reads_back_exactly() {
    for name in ["t.csv", "t.csv.gz", "t.parquet"] {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        export(&dataset(), format_of(&path).unwrap(), &path).unwrap();
        assert_eq!(files(folder.path()), [name], "nothing else is left");
        assert_eq!(format!("{:?}", read_back(folder.path(), name)), format!("{:?}", dataset()));
    }
}

#[test]
fn columns_come_in_the_promised_order() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("t.csv");
    let spec: DataSpec = serde_json::from_str(r#"{"b2b-mimic": {"rows": 10000}}"#).unwrap();
    let rows = load(&spec, Path::new("")).unwrap();
    export(&rows, Format::Csv, &path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let header: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    assert_eq!(header[..2], ["profile_b01", "profile_b02"]);
    assert_eq!(
        header[99..],
        ["ai_c20", "treatment", "outcome", "effect", "expected_control", "expected_treated"]
    );
    let last: Vec<f64> = text.lines().last().unwrap().split(',').map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(text.lines().count(), 10_001);
    let numbers: Vec<f32> = last[..100].iter().map(|cell| *cell as f32).collect();
    assert_eq!(numbers, rows.numeric.row(9_999));
    assert_eq!(last[101..103], [rows.outcome[9_999], rows.truth.unwrap().effect.unwrap()[9_999]]);
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let refusal = |path: &Path| {
        let error = format_of(path).and_then(|format| export(&dataset(), format, path)).unwrap_err();
        assert!(valor_base::error::is_input(&error));
        error.to_string()
    };
    assert!(refusal(&folder.path().join("t.xlsx")).contains("allowed are files ending in .csv"));
    assert!(refusal(&folder.path().join("no/t.csv")).contains("its folder does not exist"));
    let mut twice = dataset();
    twice.features[0].name = "outcome".into();
    let error = export(&twice, Format::Csv, &folder.path().join("t.csv")).unwrap_err();
    assert!(error.to_string().contains("a feature is called 'outcome'"));
    assert!(files(folder.path()).is_empty());
}
