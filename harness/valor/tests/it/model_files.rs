//! A model file can be read from itself and docs/reference/models.md alone; one that contradicts what is computed is refused.

use crate::models::{accounts, columns, fixture};
use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;
use std::path::Path;
use valor_base::question::Question;
use valor_learn::evaluation::Predictions;
use valor_learn::learner::catalog;

/// That a model file of the fixtures scores the committed rows as plain numpy does.
fn assert_as_numpy(model: &str, scores: &str) {
    let workspace = Workspace::new();
    workspace.write("model.safetensors", fixture(model));
    workspace.write("rows.csv", fixture("model_rows.csv"));
    workspace.succeed("score model.safetensors rows.csv --out scored.csv --device cpu");
    let expected: Value = serde_json::from_slice(&fixture(scores)).unwrap();
    let found = columns(&workspace, "scored.csv");
    let known = [Question::Uplift, Question::Value].map(|question| Predictions::names(question, true));
    let names: Vec<&str> = known.concat().into_iter().filter(|name| found.contains_key(*name)).collect();
    assert_eq!(names.len(), expected.as_object().unwrap().len(), "{model}");
    let numbers = |name: &str| -> Vec<f64> { found[name].iter().map(|cell| cell.parse().unwrap()).collect() };
    for name in names {
        let expected = expected[name].as_array().unwrap();
        assert_eq!(expected.len(), 50);
        for (row, (found, expected)) in numbers(name).iter().zip(expected).enumerate() {
            let expected = expected.as_f64().unwrap();
            // A difference of two expectations is as good as they are.
            let size = if name == "uplift" {
                numbers("expected_treated")[row].abs() + numbers("expected_control")[row].abs()
            } else {
                expected.abs()
            };
            assert!(
                (found - expected).abs() <= 1e-5 * size,
                "{model}, {name}, row {row}: {found} {expected}"
            );
        }
    }
}

/// Names of the models in the fixtures.
fn kept_models() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/models");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".safetensors").map(str::to_string)).collect();
    names.sort();
    names
}

/// Against scripts/fixtures/numpy_score.py, which knows docs/reference/models.md and the files.
#[test]
fn who_reads_the_file_and_the_page_scores_the_same() {
    for name in kept_models() {
        assert_as_numpy(&format!("models/{name}.safetensors"), &format!("models/{name}.json"));
    }
}

#[test]
fn every_backbone_and_every_kind_of_trees_is_among_the_models_that_others_read() {
    let names = kept_models();
    let networks = catalog::BACKBONES.iter().chain(&catalog::ONE_ARM).map(|row| row.key);
    let trees = catalog::TREES.iter().chain(&catalog::ONE_ARM_TREES).map(|row| row.key);
    for key in networks.chain(trees).chain(catalog::PURCHASES.iter().map(|row| row.key)) {
        assert!(names.iter().any(|name| name == key), "{key}: {names:?}");
    }
    let abouts = names.iter().map(|name| {
        let bytes = fixture(&format!("models/{name}.safetensors"));
        let (_, header) = parts(&bytes);
        serde_json::from_str::<Value>(header["__metadata__"]["valor"].as_str().unwrap()).unwrap()
    });
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/models.md"))
            .unwrap();
    for about in abouts {
        assert_eq!(about["version"], valor_learn::model::MODEL_VERSION);
        explained(&about["scoring"], &page);
    }
}

/// That every key and every word that says how is computed stands on the page.
fn explained(value: &Value, page: &str) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                assert!(page.contains(&format!("`{key}`")), "the page does not explain the key '{key}'");
                if ["operation", "kind", "activation", "function"].contains(&key.as_str()) {
                    let word = value.as_str().unwrap();
                    let told = [format!("`{word}`"), format!("\"{word}\""), format!("{word}(")];
                    assert!(
                        told.iter().any(|told| page.contains(told)),
                        "the page does not explain '{word}'"
                    );
                }
                explained(value, page);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| explained(item, page)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Files of earlier formats are read, and score what they always did.
#[test]
fn a_model_of_version_1_scores_as_it_did() {
    assert_as_numpy("model.safetensors", "model_scores.json");
}

/// The size of the header and the header of a model file.
fn parts(bytes: &[u8]) -> (usize, Value) {
    let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (size, serde_json::from_slice(&bytes[8..8 + size]).unwrap())
}

/// Another text in the metadata, with the hash that belongs to it: what a writer would make who errs.
fn rewritten(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let (size, mut header) = parts(bytes);
    let data = &bytes[8 + size..];
    let text = header["__metadata__"]["valor"].as_str().unwrap();
    assert!(text.contains(from), "{from}: {text}");
    let text = text.replace(from, to);
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.as_bytes()).update(data);
    header["__metadata__"]["blake3"] = hasher.finalize().to_hex().to_string().into();
    header["__metadata__"]["valor"] = text.into();
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
}

#[test]
fn a_file_that_contradicts_what_is_computed_is_refused_by_name() {
    let workspace = accounts();
    let refuse = |model: &str, from: &str, to: &str, parts: &[&str]| {
        let bytes = rewritten(&fixture(&format!("models/{model}.safetensors")), from, to);
        workspace.write("bad.safetensors", bytes);
        let parts = [&["bad.safetensors"], parts].concat();
        workspace.refuse("score bad.safetensors rows.csv --out s.csv --device cpu", &parts);
    };
    let steps = "scoring.network.steps";
    refuse("tarnet", r#""activation":"elu""#, r#""activation":"relu""#, &[steps, "activation is \"relu\""]);
    refuse("tarnet", r#""backbone":"cfr""#, r#""backbone":"tarnet""#, &[steps, "entries"]);
    refuse("cfr-wass", r#""least-square":1e-10"#, r#""least-square":0.5"#, &[steps, "least-square is 0.5"]);
    refuse(
        "cfr-wass",
        r#""sigma-square":0.0"#,
        r#""sigma-square":0.5"#,
        &["scoring.network.head.sigma-square"],
    );
    refuse("efin", r#""divisor":2.0"#, r#""divisor":4.0"#, &[steps, "divisor is 4.0"]);
    refuse("ziln-gbdt", r#""most":15.0"#, r#""most":16.0"#, &["scoring.trees.answer.logit.most is 16.0"]);
    refuse(
        "uplift-tree",
        r#""largest-code":254"#,
        r#""largest-code":9"#,
        &["scoring.trees.set.largest-code"],
    );
    refuse("uplift-tree", r#""features":"#, r#""outcome_scale":2.0,"features":"#, &["'outcome_scale'"]);
    refuse("tarnet", r#""scoring":{"#, r#""scouring":{"#, &["the key 'scoring' is missing"]);
    refuse("ziln-forest", r#""scoring":{"#, r#""scoring":{"more":1,"#, &["scoring.more is not known"]);
    refuse("dragonnet", r#""focal":{"alpha":0.75"#, r#""focal":{"alpha":0.5"#, &["recalibration.control"]);
    refuse("mlp-ziln", r#""value":"raw.value""#, r#""value":"phi""#, &["scoring.network.value is \"phi\""]);
    refuse(
        "mlp-ziln",
        r#""all":{"knots""#,
        r#""control":{"knots""#,
        &["neither maps of control and treated"],
    );
    let recalibration = r#""recalibration":{"control""#;
    let one = r#""recalibration":{"all""#;
    refuse("dragonnet", recalibration, one, &["recalibration is that of a method for value"]);
}
