//! Our values beside those of causalml, scikit-uplift, scipy, pandas and the released code of VALOR and RERUM.

use super::{RankedRows, ScoredRows, find};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Case {
    name: String,
    columns: BTreeMap<String, Vec<f64>>,
    expected: BTreeMap<String, Option<f64>>,
}

impl Case {
    fn prepare(&self) -> RankedRows {
        let column = |name: &str| self.columns[name].as_slice();
        let treatment: Vec<bool> = column("treatment").iter().map(|&value| value == 1.0).collect();
        let judged = ScoredRows {
            effect: Some(column("effect")),
            expected_control: Some(column("expected_control")),
            propensity: Some(column("propensity")),
            predicted_uplift: Some(column("score")),
            predicted_control: Some(column("expected_control")),
            predicted_treated: Some(column("expected_control")),
            ..ScoredRows::new(column("score"), &treatment, column("outcome"))
        };
        RankedRows::new(&judged).unwrap()
    }
}

#[test]
fn other_peoples_code_agrees() {
    let text = include_str!("../../../fixtures/metrics.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        let prepared = case.prepare();
        for (name, expected) in &case.expected {
            let found = find(name).unwrap().compute(&prepared);
            match (expected, &found) {
                (Some(expected), Ok(found)) => {
                    let error = (expected - found).abs() / expected.abs().max(1.0);
                    assert!(error < 1e-11, "{}: {name} is {found}, expected {expected}", case.name);
                }
                (None, Err(_)) => {}
                _ => panic!("{}: {name} is {found:?}, expected {expected:?}", case.name),
            }
        }
    }
}
