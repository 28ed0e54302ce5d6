//! Hillstrom's e-mail test: the committed excerpt, and the whole file where `make data` has fetched it.

use super::*;
use crate::describe::{ArmSummaries, ArmSummary, Description, describe};
use crate::{DataSpec, load};

const TABLE: &str = "
    treatment = 'segment'
    treated = ['Mens E-Mail']
    control = ['No E-Mail']
    drop = ['Womens E-Mail']
    outcome = 'spend'
    numeric = ['recency', 'history', 'mens', 'womens', 'newbie']
    categorical = ['history_segment', 'zip_code', 'channel']
    propensity = 0.5
";

fn described(path: &str) -> Description {
    let mut spec: TableSpec = toml::from_str(TABLE).unwrap();
    spec.path = Some(path.into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    describe(&load(&DataSpec::Table(spec), &root).unwrap()).unwrap()
}

/// Treated, control.
fn arms(found: &Description) -> [ArmSummary; 2] {
    let ArmSummaries::Two { treated, control } = found.arms else { panic!() };
    [treated, control]
}

fn difference(found: &Description) -> f64 {
    found.contrast.as_ref().unwrap().difference
}

#[test]
fn the_excerpt_has_the_figures_that_python_found() {
    let text = include_str!("../../../fixtures/hillstrom_excerpt.json");
    let expected: serde_json::Value = serde_json::from_str(text).unwrap();
    let found = described("harness/fixtures/hillstrom_excerpt.csv");
    assert_eq!(found.rows as u64, expected["rows"].as_u64().unwrap());
    assert_eq!(arms(&found)[0].rows as u64, expected["treated"].as_u64().unwrap());
    assert!((difference(&found) - expected["effect"].as_f64().unwrap()).abs() < 1e-12);
    assert!((found.zeros - expected["zeros"].as_f64().unwrap()).abs() < 1e-12);
    assert_eq!(
        found.notes,
        [format!("{} rows with segment 'Womens E-Mail' are left out", expected["dropped"])]
    );
    assert_eq!((found.features, found.columns), (8, 5 + 7 + 3 + 3));
}

#[test]
fn the_whole_file_has_its_published_figures() {
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/hillstrom.csv").exists() {
        println!("skipped: data/hillstrom.csv is not there (make data)");
        return;
    }
    let found = described("data/hillstrom.csv");
    assert_eq!(found.rows, 42_613);
    assert!((difference(&found) - 0.7698).abs() < 5e-5, "{}", difference(&found));
    assert!((found.zeros - 0.991).abs() < 5e-4, "{}", found.zeros);
    let balance = found.balance.unwrap();
    assert!(balance.largest[0].difference.abs() < 1.5 * balance.expected_largest, "{balance:?}");
}
