//! What is written reads back as it was; what is not whole is refused.

use super::*;
use crate::learner::catalog::{self, Options};
use crate::learner::{MethodSpec, TrainingSpec, Values};
use rand::Rng;
use valor_base::error::is_input;
use valor_data::{Feature, Matrix};

/// A point head on two encoded columns.
fn model() -> Model {
    let options = Options { trunk: vec![], heads: vec![], ..Options::default() };
    let backbone = catalog::backbone("tarnet").unwrap();
    let method = catalog::compose(backbone, &[], &options, &TrainingSpec::default()).unwrap();
    let MethodSpec::Neural(spec) = method else { panic!() };
    let spec = TrainedSpec::Network(spec);
    let encoder = r#"{"numeric": [{"name": "x", "mean": 0.1, "sd": 3.3333333333333335, "missing": true}],
                      "categorical": []}"#;
    let encoder: Encoder = serde_json::from_str(encoder).unwrap();
    let about = About {
        version: MODEL_VERSION,
        valor: "0.0.0".into(),
        id: "00ff".into(),
        spec: serde_json::json!({ "seed": 1 }),
        evaluation: "11ee".into(),
        rows: RowCounts { train: 3, validation: 0, test: 1 },
        notes: vec!["a \"note\"".into()],
        status: Status::Finished { epochs: 2, kept_epoch: 1 },
        fitted: BTreeMap::from([("share".into(), 1.0 / 3.0)]),
        scoring: Some(spec.scoring().unwrap()),
        model: spec,
        outcome_scale: 2.5,
        recalibration: None,
        buckets: None,
        features: vec![RawColumn { name: "x".into(), kind: ColumnKind::Numeric }],
        columns: encoder.names(),
        encoder,
        dialect: Dialect::default(),
    };
    let tensor = |name: &str, shape: &[usize], values: &[f32]| Parameter {
        name: name.into(),
        shape: shape.to_vec(),
        values: Values::Single(values.to_vec()),
    };
    let tensors = vec![
        tensor("head.control.output.bias", &[1], &[0.5]),
        tensor("head.control.output.weight", &[2, 1], &[1.0, -2.0]),
        tensor("head.treated.output.bias", &[1], &[1.5]),
        tensor("head.treated.output.weight", &[2, 1], &[1e-40, f32::MAX]),
    ];
    Model { about, tensors }
}

fn refusal(bytes: &[u8]) -> String {
    let error = Model::from_bytes("m.safetensors", bytes).unwrap_err();
    assert!(is_input(&error), "{error:#}");
    error.to_string()
}

/// The same file with another text of the same length in its header.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let place = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    let mut bytes = bytes.to_vec();
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn a_model_survives_its_file() {
    let bytes = model().to_bytes().unwrap();
    assert_eq!(Model::from_bytes("m", &bytes).unwrap(), model());
    assert_eq!(Model::from_bytes("m", &bytes).unwrap().to_bytes().unwrap(), bytes, "the same bytes again");
    let ready = model();
    let ready = ready.ready(Device::Cpu).unwrap();
    assert_eq!(ready.scores().names(), ["uplift", "expected_control", "expected_treated"]);
    let feature = Feature { name: "x".into(), kind: FeatureKind::Numeric { column: 0 } };
    let numeric = Matrix { rows: 2, columns: 1, values: vec![0.1, f32::NAN] };
    let scores = ready.score(&Dataset { features: vec![feature], numeric, ..Dataset::default() }).unwrap();
    assert_eq!(scores.expected.control().unwrap()[1], -3.75, "a missing value is its indicator alone");
    assert_eq!(scores.expected.treated().unwrap()[0], 3.75);
}

#[test]
fn an_encoder_that_no_rows_have_is_refused_by_name() {
    let good = serde_json::to_value(&model().about.encoder).unwrap();
    for (key, value) in [("sd", -1.0), ("sd", 1e300), ("mean", 1e308), ("mean", -1e31)] {
        let mut wrong = good.clone();
        wrong["numeric"][0][key] = value.into();
        let mut other = model();
        other.about.encoder = serde_json::from_value(wrong).unwrap();
        let error = other.ready(Device::Cpu).map(drop).unwrap_err().to_string();
        assert!(error.contains("standard deviation of 'x'"), "{error}");
    }
}

/// Networks of formats 1 and 2 learned outcomes as they stand, and their terms could have a scale.
#[test]
fn a_network_of_an_earlier_format_has_no_scale() {
    let mut earlier = model();
    (earlier.about.version, earlier.about.outcome_scale, earlier.about.scoring) = (2, 1.0, None);
    let bytes = earlier.to_bytes().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("outcome_scale"));
    assert_eq!(Model::from_bytes("m", &bytes).unwrap(), earlier);
    let mut about = serde_json::to_value(&earlier.about).unwrap();
    for term in about["model"]["objective"].as_array_mut().unwrap() {
        term["scale"] = "outcome-variance".into();
    }
    super::bytes::drop_scales(&mut about);
    assert_eq!(serde_json::from_value::<About>(about).unwrap(), earlier.about);
}

#[test]
fn every_truncation_is_refused() {
    let bytes = model().to_bytes().unwrap();
    for length in 0..bytes.len() {
        let message = refusal(&bytes[..length]);
        assert!(message.contains("m.safetensors is truncated") || length < 8, "{length}: {message}");
    }
    refusal(&[bytes.as_slice(), b"x"].concat());
}

#[test]
fn damage_is_noticed_and_never_panics() {
    let bytes = model().to_bytes().unwrap();
    let mut stream = valor_base::seed::Seeds::new(1).child("damage").stream();
    for _ in 0..2000 {
        let (place, bit) = (stream.random_range(0..bytes.len()), stream.random_range(0..8));
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << bit;
        match Model::from_bytes("m", &damaged) {
            Err(error) => assert!(is_input(&error), "{error:#}"),
            // The name of a tensor is no part of the hash.
            Ok(found) => assert!(found == model() || found.ready(Device::Cpu).is_err(), "byte {place}"),
        }
    }
}

#[test]
fn files_of_others_and_of_newer_versions_are_refused() {
    let bytes = model().to_bytes().unwrap();
    assert!(refusal(b"PK\x03\x04 a zip file of some length").contains("is not a model"));
    assert!(refusal(b"").contains("is not a model"));
    let other = replaced(&bytes, "\"valor\":\"{", "\"other\":\"{");
    assert!(refusal(&other).contains("no model of valor: its metadata has no key 'valor'"));
    let newer = replaced(&bytes, "\\\"version\\\":3", "\\\"version\\\":7");
    let message = refusal(&newer);
    assert!(message.contains("written by valor 0.0.0") && message.contains("version 7"), "{message}");
    let changed = replaced(&bytes, "0.1,", "0.2,");
    assert!(refusal(&changed).contains("m.safetensors is damaged"));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let mut other = model();
    other.about.columns.pop();
    assert!(other.ready(Device::Cpu).map(drop).unwrap_err().to_string().contains("encoder"));
    let mut other = model();
    other.tensors.pop();
    let error = format!("{:#}", other.ready(Device::Cpu).map(drop).unwrap_err());
    assert!(error.contains("'head.treated.output.weight' is missing"), "{error}");
}
