//! Columns that training never saw do not move scores, whatever the method.

use super::*;
use std::fmt::Write;
use std::path::Path;
use valor_data::table::Reading;
use valor_data::table::stream::Stream;
use valor_learn::learner::catalog::{self, Options};
use valor_learn::learner::{TrainingSpec, device};

const NUMERIC: [&str; 4] = ["x", "same", "never", "gaps"];
const CATEGORICAL: [&str; 3] = ["colour", "one", "none"];

/// 240 rows by day; the last sixth is the test. Before that `same` and `one` are constant, `never` and `none` empty.
fn write_rows(folder: &Path) {
    let mut text = String::from("day,arm,spend,x,same,never,gaps,colour,one,none\n");
    for row in 0..240_usize {
        let late = row >= 200;
        let (arm, x) = (row * 7 % 11 % 2, row * 13 % 37);
        let spend = if row % 3 == 0 { 0 } else { 1 + x * (1 + arm) };
        let (same, never) = if late { ("5", "2.5") } else { ("0.1", "") };
        let gaps = if row % 5 == 0 { String::new() } else { (row % 9).to_string() };
        let (one, none) = if late { ("b", "z") } else { ("a", "") };
        let colour = ["red", "green", "blue"][row % 3];
        writeln!(text, "{row},{arm},{spend},{x},{same},{never},{gaps},{colour},{one},{none}").unwrap();
    }
    write_file(&folder.join("rows.csv"), &text);
}

#[expect(clippy::disallowed_methods, reason = "a file to load")]
fn write_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn job(root: &Path, method: MethodSpec) -> Job {
    let table = format!(
        "path = 'rows.csv'\ntreatment = 'arm'\ntreated = [1]\ncontrol = [0]\noutcome = 'spend'\ntime = 'day'\n\
         propensity = 0.5\nnumeric = {NUMERIC:?}\ncategorical = {CATEGORICAL:?}\n"
    );
    Job {
        interval: None,
        data: DataSpec::Table(toml::from_str(&table).unwrap()),
        split: toml::from_str("test = 0.2").unwrap(),
        method,
        seeds: vec![1],
        root: root.to_path_buf(),
        device: "cpu".to_string(),
        provenance: Provenance::default(),
    }
}

/// Every backbone with squared error and as VALOR, with both gates, and every method of trees.
fn methods() -> Vec<(String, MethodSpec)> {
    let options: Options = toml::from_str(
        "trunk = [8]\nheads = [8]\nunite.widths = [8]\nziln-forest.trees = 3\nziln-gbdt.rounds = 5\ncausal-forest.trees = 4\n",
    )
    .unwrap();
    let training: TrainingSpec = toml::from_str("epochs = 2\nbatch = 64\nlearning-rate = 0.01").unwrap();
    let mut methods = Vec::new();
    let all: Vec<String> = ["ziln", "focal", "gti", "wr"].map(ToString::to_string).to_vec();
    let mut gated = options.clone();
    gated.gate = serde_json::from_str("\"features\"").unwrap();
    for row in &catalog::BACKBONES {
        methods.push((row.key.to_string(), catalog::compose(row, &[], &options, &training).unwrap()));
        for (gate, options) in [("representation", &options), ("features", &gated)] {
            // A backbone that takes no gate takes the rest.
            let valor = catalog::compose(row, &all, options, &training)
                .or_else(|_| catalog::compose(row, &all[..2], options, &training));
            methods.push((format!("VALOR {}, gate on {gate}", row.key), valor.unwrap()));
        }
    }
    for row in &catalog::TREES {
        methods.push((row.key.to_string(), row.method(&options).unwrap()));
    }
    methods
}

fn scores(model: &Model, folder: &Path, text: &str) -> Predictions {
    let path = folder.join("score.csv");
    write_file(&path, text);
    let mut stream = Stream::open(&path, Reading::default(), NUMERIC.to_vec(), CATEGORICAL.to_vec()).unwrap();
    let chunk = stream.next_chunk().unwrap().unwrap();
    model.ready(device::resolve("cpu").unwrap()).unwrap().score(&chunk.features).unwrap()
}

#[test]
fn columns_that_training_never_saw_do_not_move_scores() {
    let folder = tempfile::tempdir().unwrap();
    write_rows(folder.path());
    let header = "x,same,never,gaps,colour,one,none\n";
    let ways = [
        "0.1,,3,red,a,",
        "9e9,,3,red,a,",
        ",,3,red,a,",
        "0.1,4,3,red,a,",
        "0.1,,3,red,b,",
        "0.1,,3,red,,",
        "0.1,,3,red,a,z",
        "-1,8,3,red,c,y",
    ];
    let text: String = ways.iter().map(|way| format!("12,{way}\n")).collect();
    for (name, method) in methods() {
        let model = fit(&job(folder.path(), method), &mut |_, _| {})
            .unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let found = scores(&model, folder.path(), &format!("{header}{text}20,0.1,,3,red,a,\n"));
        for (_, column) in found.columns() {
            let first = column[0];
            assert!(first.is_finite(), "{name}");
            for (way, score) in ways.iter().zip(column) {
                assert_eq!(score.to_bits(), first.to_bits(), "{name}: {way}");
            }
        }
    }
}
