//! Fresh rows to be judged on, through everything: plan, run, report, export, models.

use crate::workspace::{EXPERIMENT, Workspace, json};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use valor_runs::store::Store;

const NOTE: &str = "judged on 500 fresh rows of the same world, none of them among those to learn from";

/// The small experiment with trees, judged on fresh rows.
fn experiment() -> String {
    let tree =
        "\n[[method]]\nbackbone = \"uplift-tree\"\n[split]\nvalidation = 0.1\n[evaluation]\nrows = 500\n";
    format!("{EXPERIMENT}{tree}")
}

/// Planned ids of an experiment with these words after the verb.
fn ids(workspace: &Workspace, words: &str) -> Vec<String> {
    let plan = workspace.succeed(&format!("plan experiments/small.toml --json {words}"));
    let plan: Value = serde_json::from_str(&plan).unwrap();
    plan["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_string()).collect()
}

#[test]
fn fresh_rows_are_judged_on_reported_and_exported() {
    let workspace = Workspace::with(&experiment());
    workspace.succeed("run experiments/small.toml --results results");
    let records = workspace.records("results");
    assert_eq!(records.len(), 6);
    for record in records.values() {
        assert_eq!(record["rows"], json!({ "train": 540, "validation": 60, "test": 500 }));
        assert_eq!(
            (&record["spec"]["split"]["test"], &record["notes"]),
            (&json!({ "rows": 500 }), &json!([NOTE]))
        );
    }
    let trees = records.values().filter(|record| record["importance"]["rows"] == 500);
    assert_eq!(trees.count(), 2, "importance looks at test rows");
    assert_eq!(workspace.names("results/evaluations").len(), 1);

    // Other rows to learn from, parted otherwise: the same rows to be judged on, in the same file.
    let otherwise = "--set dataset.0.b2b-mimic.rows=400 --set split.validation=0.2 --set split.per-seed=true";
    assert!(ids(&workspace, otherwise).iter().all(|id| !ids(&workspace, "").contains(id)));
    workspace.succeed(&format!("run experiments/small.toml --results results {otherwise}"));
    let records = workspace.records("results");
    assert_eq!((records.len(), workspace.names("results/evaluations").len()), (12, 1));
    let judged_on: BTreeSet<String> =
        records.values().map(|record| record["evaluation_content"].to_string()).collect();
    assert_eq!(judged_on.len(), 1);
    // More of them are others.
    workspace
        .succeed("run experiments/small.toml --results results --set evaluation.rows=600 --set seeds=[1]");
    assert_eq!(workspace.names("results/evaluations").len(), 2);

    workspace.succeed("report experiments/small.toml --results results --out reports --predictions csv");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    assert!(page.contains(NOTE) && page.contains("540 training rows") && page.contains("500 test rows"));
    let summary = json(&workspace.path("reports/summary.json"));
    assert_eq!(summary["cells"][0]["metrics"]["auuc"]["ci_rows"]["n"], 500);
    let said = fs::read_to_string(workspace.path("reports/predictions.csv")).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let place = |name: &str| lines[0].split(',').position(|column| column == name).unwrap();
    let column = |name: &str| -> Vec<&str> {
        lines[1..=500].iter().map(|line| line.split(',').nth(place(name)).unwrap()).collect()
    };
    assert_eq!(lines.len(), 1 + 6 * 500);
    assert_eq!(column("row"), (0..500).map(|row| row.to_string()).collect::<Vec<String>>());
    workspace.succeed("data export experiments/small.toml --evaluation 500 --out fresh.csv");
    let fresh = fs::read_to_string(workspace.path("fresh.csv")).unwrap();
    let header: Vec<&str> = fresh.lines().next().unwrap().split(',').collect();
    let outcome = header.iter().position(|name| *name == "outcome").unwrap();
    let outcomes: Vec<f64> =
        fresh.lines().skip(1).map(|line| line.split(',').nth(outcome).unwrap().parse().unwrap()).collect();
    let reported: Vec<f64> = column("outcome").iter().map(|cell| cell.parse().unwrap()).collect();
    assert_eq!(outcomes, reported);
    let words =
        "metrics reports/predictions.csv --score uplift --treatment treatment --outcome outcome --json";
    assert!(workspace.succeed(words).contains("\"auuc\""));
}

/// A model scores the exported fresh rows as its run did; its file says what it was judged on.
#[test]
fn a_model_scores_fresh_rows_as_its_run_did() {
    let workspace = Workspace::with(&experiment());
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    workspace.succeed("data export experiments/small.toml --evaluation 500 --out fresh.parquet");
    for method in ["TARNet", "Uplift Tree"] {
        let fit = "fit experiments/small.toml --seed 2 --out model.safetensors --device cpu --json";
        let output = workspace.command(fit).args(["--method", method]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(NOTE), "{output:?}");
        let fitted: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(fitted["rows"], json!({ "train": 540, "validation": 60, "test": 500 }));
        workspace.succeed("score model.safetensors fresh.parquet --out scored.csv --prefix my_ --device cpu");
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        let header: Vec<&str> = scored.lines().next().unwrap().split(',').collect();
        let uplift = header.iter().position(|name| *name == "my_uplift").unwrap();
        let found: Vec<f32> = scored
            .lines()
            .skip(1)
            .map(|line| line.split(',').nth(uplift).unwrap().parse().unwrap())
            .collect();
        let reader = Store::new(&workspace.path("results")).reader().unwrap();
        let run = reader.run(fitted["id"].as_str().unwrap()).unwrap().unwrap();
        assert_eq!(run.predictions.unwrap().score, found, "{method}");
    }
}

/// Two seeds whose splits differ are judged on the same fresh rows, so that there is an interval over rows.
#[test]
fn splits_of_their_own_share_fresh_rows() {
    let workspace = Workspace::with(&experiment());
    let own = "--set split.per-seed=true --results results";
    workspace.succeed(&format!("run experiments/small.toml {own}"));
    workspace.succeed(&format!("report experiments/small.toml {own} --out reports"));
    let summary = json(&workspace.path("reports/summary.json"));
    assert!(
        summary["cells"][0]["metrics"]["auuc"]["ci_rows"]["low"].is_f64(),
        "{}",
        summary["cells"][0]["metrics"]["auuc"]
    );
    assert_eq!(summary["datasets"][0]["test"]["splits"], 1);
}

/// Pinned as the ids without fresh rows are (`store`): a note in a file that nobody reads is no reason to train anew.
#[test]
fn fresh_rows_are_part_of_an_identity_where_they_are_asked_for() {
    let workspace = Workspace::new();
    let [plain, fresh] = ["", "--set evaluation.rows=500"].map(|words| ids(&workspace, words));
    assert!(fresh.iter().all(|id| !plain.contains(id)));
    assert_eq!(fresh[0], "a5449423c1fd5b92");
    assert_eq!(ids(&workspace, "--set dataset.0.evaluation.rows=500"), fresh);
    assert_eq!(ids(&workspace, "--set dataset.0.evaluation.rows=500 --set evaluation.rows=7"), fresh);
    assert_eq!(ids(&workspace, "--set split.test=0.2"), plain);
}

/// Of two datasets one is judged on fresh rows, the other on the share that is held out.
#[test]
fn a_table_beside_a_generator_holds_out_its_share() {
    let table = "[[dataset]]\nname = \"file\"\n[dataset.table]\npath = \"../rows.csv\"\ntreatment = \"treatment\"\n\
                 treated = [1]\ncontrol = [0]\noutcome = \"outcome\"\nnumeric = [\"ai_c01\", \"ai_c02\"]\n\
                 [split]\ntest = 0.3\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}{table}"));
    workspace.succeed("data export b2b-mimic --rows 300 --out rows.csv");
    let words = "--set dataset.0.evaluation.rows=400 --set seeds=[1]";
    workspace.succeed(&format!("run experiments/small.toml --results results {words}"));
    let records = workspace.records("results");
    let rows: BTreeSet<String> = records.values().map(|record| record["rows"]["test"].to_string()).collect();
    assert_eq!(rows, BTreeSet::from(["400".to_string(), "90".to_string()]));
    // The share is that of a dataset which is not looked at here.
    workspace.succeed(&format!("plan experiments/small.toml {words} --set datasets=['mimic']"));
    let parts = [
        "small.toml",
        "dataset 'file'",
        "evaluation: rows = 400",
        "found a table (../rows.csv)",
        "b2b-mimic",
    ];
    workspace.refuse("run experiments/small.toml --set evaluation.rows=400", &parts);
    workspace
        .refuse("data export experiments/small.toml --dataset file --evaluation 9 --out o.csv", &parts[3..]);
}

#[test]
fn what_is_asked_wrongly_is_refused() {
    let workspace = Workspace::with(&experiment());
    let refuse = |words: &str, parts: &[&str]| {
        workspace.refuse(&format!("plan experiments/small.toml {words}"), parts)
    };
    refuse("--set evaluation.rows=0", &["small.toml", "evaluation: rows = 0", "from 1 to"]);
    refuse("--set evaluation.rows=many", &["evaluation.rows", "whole number"]);
    refuse("--set evaluation.row=5", &["unknown key 'row'", "did you mean 'rows'?"]);
    refuse("--set split.test=0.3", &["split.test = 0.3 beside evaluation.rows = 500", "one of the two"]);
    refuse("--set split.validation=1.0", &["validation = 1", "from 0 to below 1"]);
    let run = "run experiments/small.toml --set evaluation.rows=1";
    workspace.refuse(run, &["evaluation: rows = 1", "both arms"]);
    let run = "run experiments/small.toml --set evaluation.rows=4000000000";
    workspace.refuse(run, &["b2b-mimic: rows = 600, evaluation.rows = 4000000000", "of memory"]);
    workspace.refuse("data describe b2b-mimic --evaluation 0", &["evaluation: rows = 0"]);
}

#[test]
fn rows_are_described_and_exported_for_either_purpose() {
    let workspace = Workspace::with(&experiment());
    assert!(workspace.succeed("data describe experiments/small.toml").contains(NOTE));
    let describe = |words: &str| -> Value {
        serde_json::from_str(&workspace.succeed(&format!("data describe {words} --json"))).unwrap()
    };
    for source in ["b2b-mimic", "production-sim", "valor-release"] {
        let [known, fresh] =
            ["--rows 20000", "--evaluation 20000"].map(|rows| describe(&format!("{source} {rows}")));
        assert_eq!((&known[0]["rows"], &fresh[0]["rows"]), (&json!(20_000), &json!(20_000)));
        assert_eq!(known[0]["features"], fresh[0]["features"]);
        let of = |found: &Value| found[0]["truth"]["average_effect"].as_f64().unwrap();
        let spread = known[0]["truth"]["effect_sd"].as_f64().unwrap();
        assert!(of(&known) != of(&fresh) && (of(&known) - of(&fresh)).abs() < 0.1 * spread, "{source}");
    }
}
