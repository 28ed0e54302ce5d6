//! Networks that really diverge: a recorded result with its step, term and last finite losses, shown as such, and never
//! tried again.

use crate::workspace::{EXPERIMENT, Workspace, json};
use serde_json::Value;
use std::fs;

const RUN: &str = "run experiments/small.toml --results results";
const REPORT: &str = "report experiments/small.toml --results results --out reports";

/// The text of every printed table.
fn tables(workspace: &Workspace) -> [(&'static str, String); 4] {
    ["index.html", "table.md", "table.tex", "table.csv"]
        .map(|name| (name, fs::read_to_string(workspace.path("reports").join(name)).unwrap()))
}

#[test]
fn a_huge_learning_rate_fails_to_converge() {
    let wild = "\n[[method]]\nname = \"wild\"\nbackbone = \"tarnet\"\ntraining.learning-rate = 1e30\n";
    let workspace = Workspace::with(&(EXPERIMENT.to_string() + wild));
    workspace.succeed(RUN);
    let records = workspace.records("results");
    let falls: Vec<&Value> = records
        .values()
        .map(|record| &record["status"]["diverged"])
        .filter(|fall| fall.is_object())
        .collect();
    assert_eq!((records.len(), falls.len()), (6, 2), "{records:#?}");
    for fall in &falls {
        // The first step is made from finite losses, and no loss survives it.
        assert_eq!((&fall["epoch"], &fall["step"], &fall["term"]), (&1.into(), &2.into(), &"mse".into()));
        assert!(fall["message"].as_str().unwrap().contains("'mse'"), "{fall}");
        let last = &fall["last"];
        assert!(last["total"].as_f64().unwrap() > 0.0 && last["total"] == last["terms"]["mse"], "{last}");
    }
    assert!(String::from_utf8_lossy(&workspace.valor(RUN).stderr).is_empty(), "something was tried again");

    workspace.succeed(REPORT);
    for (name, text) in tables(&workspace) {
        assert!(
            text.contains("failed to converge") && !text.contains("failed to converge:"),
            "{name}: {text}"
        );
    }
    let summary = json(&workspace.path("reports/summary.json"));
    let failures = summary["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 2);
    for (failure, fall) in failures.iter().zip(&falls) {
        assert_eq!((&failure["class"], &failure["method"]), (&"diverged".into(), &"wild".into()));
        assert!(["epoch", "step", "term"].iter().all(|key| failure[*key] == fall[*key]), "{failure}");
        assert!(falls.iter().any(|fall| failure["last"] == fall["last"]), "{failure}");
    }
    let markdown = &tables(&workspace)[1].1;
    assert!(markdown.contains("| wild | 1 | diverged | 1, 2 | mse | total "), "{markdown}");
}

/// 200 rows, one of which spends more than a 32-bit float can square, and a term that counts in outcome units; every seed
/// has its own split.
#[test]
fn seeds_that_meet_an_extreme_outcome_diverge_and_the_others_are_averaged() {
    let row = |row: usize| {
        let spent = if row == 77 { 1e30 } else { (row % 5) as f64 };
        format!("{},{},{spent}\n", row % 7, row % 2)
    };
    let experiment = r#"
seeds = 6
metrics = ["auuc", "qini"]

[[dataset]]
name = "rows"
table = { path = "rows.csv", treatment = "t", treated = [1], control = [0], outcome = "y", numeric = ["x"] }

[split]
test = 0.5
per-seed = true

[[objective]]
name = "pairs in outcome units"
terms = [{ mse = {} }, { within-group = { unit = 1.0 } }]

[grid]
backbones = ["tarnet"]
objectives = ["pairs in outcome units"]

[model]
trunk = [8]
heads = [4]

[training]
epochs = 1
batch = 50
"#;
    let workspace = Workspace::with(experiment);
    workspace.write("experiments/rows.csv", "x,t,y\n".to_string() + &(0..200).map(row).collect::<String>());
    workspace.succeed(RUN);
    let records = workspace.records("results");
    let fell = |record: &&Value| record["status"]["diverged"]["term"] == "within-group";
    let diverged = records.values().filter(fell).count();
    assert!((1..6).contains(&diverged), "{diverged} of 6: choose another row");
    assert!(records.values().filter(fell).all(|record| record["status"]["diverged"]["last"].is_null()));

    workspace.succeed(REPORT);
    for (name, text) in tables(&workspace) {
        assert!(text.contains(&format!("failed to converge: {diverged} of 6")), "{name}: {text}");
    }
    let summary = json(&workspace.path("reports/summary.json"));
    let cell = &summary["cells"][0];
    assert_eq!((&cell["seeds_diverged"], &cell["seeds_found"]), (&diverged.into(), &(6 - diverged).into()));
    assert_eq!(cell["metrics"]["auuc"]["per_seed"].as_object().unwrap().len(), 6 - diverged);
    assert!(cell["metrics"]["auuc"]["mean"].is_f64(), "{cell}");
}

/// What a record of version 1 says of a divergence is less, and enough for a report.
#[test]
fn records_of_version_1_still_load() {
    let workspace = Workspace::new();
    let wild = "--set training.learning-rate=1e30";
    workspace.succeed(&format!("{RUN} {wild}"));
    for run in workspace.names("results/runs") {
        let path = format!("results/runs/{run}/record.json");
        let mut record = json(&workspace.path(&path));
        assert_eq!(record["version"], 5);
        record["version"] = 1.into();
        record.as_object_mut().unwrap().remove("evaluation_content");
        std::fs::remove_file(workspace.path(&format!("results/runs/{run}/checksums.b3"))).unwrap();
        let fall = record["status"]["diverged"].as_object_mut().unwrap();
        assert!(fall.remove("term").is_some());
        fall.remove("last");
        workspace.write(&path, record.to_string());
    }
    workspace.succeed(&format!("{REPORT} {wild}"));
    let summary = json(&workspace.path("reports/summary.json"));
    let failures = summary["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 4);
    assert!(failures.iter().all(|failure| failure["term"].is_null() && failure["epoch"].is_u64()));
    assert!(tables(&workspace).iter().all(|(_, text)| text.contains("failed to converge")));
}
