//! `[tuning]`: every method gets the same budget, what was chosen is recorded and reported, and what cannot be searched is
//! refused.

use crate::workspace::{EXPERIMENT, Workspace, assert_same, json};
use serde_json::Value;
use std::fs;

const RUN: &str = "run experiments/small.toml --results results";
const REPORT: &str = "report experiments/small.toml --results results --out reports";
const TUNING: &str = r#"
[split]
validation = 0.2

[tuning]
trials = 3
metric = "auuc"

[tuning.ranges]
"training.learning-rate" = { low = 1e-4, high = 1e-1, scale = "log" }
"weight.ranking" = { values = [0.01, 1.0] }

[profile.quick.tuning]
trials = 2
"#;

fn tuned() -> Workspace {
    Workspace::with(&format!("{EXPERIMENT}{TUNING}"))
}

/// What is said when nothing is left to train.
fn trains_nothing(workspace: &Workspace, run: &str) {
    let output = workspace.valor(run);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn every_method_is_tuned_once_and_the_report_says_how() {
    let workspace = tuned();
    workspace.succeed(RUN);
    let records = workspace.records("results");
    assert_eq!(records.len(), 4);
    for (name, record) in &records {
        assert!(name.contains("-tuned_s"), "{name}");
        let spec = &record["spec"]["method"]["tuned"];
        let candidates = spec["candidates"].as_array().unwrap();
        let number = record["fitted"]["tuning: candidate"].as_f64().unwrap();
        let chosen = &candidates[number as usize];
        assert_eq!((candidates.len(), &spec["metric"]), (3, &"auuc".into()));
        assert_eq!(candidates[0]["training"]["learning-rate"], 5e-4);
        assert_eq!(record["fitted"]["tuning: training.learning-rate"], chosen["training"]["learning-rate"]);
        assert!(record["fitted"]["tuning: validation auuc"].is_f64(), "{record}");
        let ranks = name.contains("-ranking-");
        assert_eq!(record["fitted"].get("tuning: weight.ranking").is_some(), ranks, "{name}");
    }
    trains_nothing(&workspace, RUN);

    workspace.succeed(REPORT);
    let tuning = &json(&workspace.path("reports/summary.json"))["tuning"];
    assert_eq!((&tuning["trials"], &tuning["cells"][0]["seeds"]), (&3.into(), &2.into()));
    for (seed, choice) in tuning["cells"][1]["per_seed"].as_object().unwrap() {
        let record = records.iter().find(|(name, _)| name.contains(&format!("-ranking-tuned_s{seed}")));
        let fitted = &record.unwrap().1["fitted"];
        assert_eq!(choice["validation"], fitted["tuning: validation auuc"]);
        assert_eq!(choice["values"]["weight.ranking"], fitted["tuning: weight.ranking"]);
    }
    for file in ["index.html", "table.md"] {
        let text = fs::read_to_string(workspace.path("reports").join(file)).unwrap();
        assert!(text.contains("same budget, 3 candidates") && text.contains("log scale"), "{file}: {text}");
    }
}

#[test]
fn a_seed_alone_and_other_workers_give_the_same_record() {
    let (whole, alone) = (tuned(), tuned());
    whole.succeed(&format!("{RUN} --workers 2"));
    alone.succeed(&format!("{RUN} --workers 1 --set seeds=[2]"));
    let mut records = whole.unmeasured_records();
    let asked = alone.unmeasured_records();
    records.as_object_mut().unwrap().retain(|name, _| asked.get(name).is_some());
    assert_eq!(asked.as_object().unwrap().len(), 2);
    assert_same(&asked, &records);
}

#[test]
fn a_profile_and_an_option_change_the_budget() {
    let workspace = tuned();
    let counts = |options: &str| {
        workspace.succeed(&format!("{RUN} {options} --set seeds=[1]"));
        let candidates =
            |record: &Value| record["spec"]["method"]["tuned"]["candidates"].as_array().unwrap().len();
        workspace.records("results").values().map(candidates).collect::<Vec<usize>>()
    };
    assert_eq!(counts("--profile quick"), [2, 2]);
    trains_nothing(&workspace, &format!("{RUN} --set tuning.trials=2 --set seeds=[1]"));
    let mut counts = counts("--set tuning.trials=1 --set tuning.ranges.training.weight-decay.values=[0.1]");
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 2, 2]);
}

/// The small experiment with one text of its tuning replaced is refused.
fn refused(from: &str, to: &str, parts: &[&str]) {
    assert!(TUNING.contains(from), "{from}");
    let parts: Vec<&str> = ["experiments/small.toml"].into_iter().chain(parts.iter().copied()).collect();
    Workspace::with(&format!("{EXPERIMENT}{}", TUNING.replacen(from, to, 1))).refuse(RUN, &parts);
}

#[test]
fn bad_budgets_and_metrics() {
    refused("trials = 3", "trials = 0", &["tuning.trials", "found 0", "1 to 1000"]);
    refused("trials = 3", "trials = 1001", &["tuning.trials", "found 1001", "1 to 1000"]);
    refused("trials = 3", "trails = 3", &["line 26", "'trails'", "did you mean 'trials'?"]);
    refused("trials = 3", "", &["tuning.trials is missing"]);
    refused("validation = 0.2", "validation = 0.0", &["tuning", "set split.validation above 0"]);
    refused(
        "validation = 0.2",
        "validation = 0.001",
        &["validation rows of both arms", "raise split.validation"],
    );
    refused("\"auuc\"", "\"auc\"", &["tuning.metric", "unknown metric 'auc'", "did you mean 'auuc'?"]);
    refused(
        "\"auuc\"",
        "\"krcc\"",
        &["tuning.metric", "'krcc' needs the true effect", "allowed are loss, auuc, qini,"],
    );
    refused("\"auuc\"", "\"ate\"", &["tuning.metric", "'ate' is a fact of the rows"]);
}

#[test]
fn bad_ranges() {
    let key = ["tuning.ranges", "'weight.rankin'", "did you mean 'weight.ranking'?"];
    refused("\"weight.ranking\"", "\"weight.rankin\"", &key);
    refused("\"weight.ranking\"", "weight.rankin", &key);
    let absent = ["\"weight.sinkhorn\"", "no method", "focal-ziln, mse, ranking"];
    refused("\"weight.ranking\"", "\"weight.sinkhorn\"", &absent);
    let rate = "\"training.learning-rate\"";
    refused("low = 1e-4", "low = 1e-1", &[rate, "low = 0.1 must be below high = 0.1"]);
    refused("low = 1e-4", "low = 0.0", &[rate, "low: found 0", "above 0"]);
    refused("low = 1e-4, high = 1e-1", "values = [inf]", &[rate, "give low and high", "not both"]);
    refused("low = 1e-4, high = 1e-1, scale = \"log\"", "values = [inf]", &[rate, "found inf", "finite"]);
    refused("low = 1e-4, ", "", &[rate, "give low and high"]);
    refused("scale = \"log\"", "scale = \"logg\"", &["line 30", "'logg'", "did you mean 'log'?"]);
    refused("low = 1e-4", "lo = 1e-4", &["line 30", "'lo'", "did you mean 'low'?"]);
    refused("values = [0.01, 1.0]", "values = []", &["\"weight.ranking\"", "values: the list is empty"]);
    refused("values = [0.01, 1.0]", "values = [-1.0]", &["\"weight.ranking\"", "found -1", "0 or more"]);
    let zero = "low = 0.0, high = 1.0, scale = \"log\"";
    refused(
        "values = [0.01, 1.0]",
        zero,
        &["\"weight.ranking\"", "found 0", "a log scale needs numbers above 0"],
    );
    let twice = "training.learning-rate = { values = [1e-3] }\n\"weight.ranking\"";
    refused("\"weight.ranking\"", twice, &["'training.learning-rate'", "twice"]);
    let none = format!("{EXPERIMENT}[split]\nvalidation = 0.2\n[tuning]\ntrials = 2\n");
    Workspace::with(&none).refuse(RUN, &["small.toml", "tuning.ranges is missing"]);
}
