//! What programs and people read of each verb: shapes of JSON, completions, reports, and data that goes out and comes in.

use crate::workspace::{EXPERIMENT, Workspace, json};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::sync::OnceLock;

const RUN: &str = "run experiments/small.toml --results results";
const REPORT: &str = "report experiments/small.toml --results results --out reports";

/// A workspace in which the small experiment has run and is reported; not to be changed.
fn reported() -> &'static Workspace {
    static REPORTED: OnceLock<Workspace> = OnceLock::new();
    REPORTED.get_or_init(|| {
        let workspace = Workspace::new();
        workspace.succeed(RUN);
        workspace.succeed(&format!("{REPORT} --predictions csv"));
        workspace
    })
}

fn printed(workspace: &Workspace, words: &str) -> Value {
    serde_json::from_str(&workspace.succeed(words)).unwrap()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn assert_keys(value: &Value, expected: &str) {
    assert_eq!(keys(value), expected.split(' ').collect(), "{value:#}");
}

fn items(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[test]
fn a_plan_names_every_run_and_its_state() {
    let options = "plan experiments/small.toml --results results --json --set seeds=[2,3]";
    let plan = printed(reported(), options);
    assert_keys(&plan, "experiment profile runs");
    assert_eq!((&plan["experiment"], &plan["profile"]), (&json!("small"), &json!("full")));
    let runs = items(&plan["runs"]);
    assert_keys(&runs[0], "dataset id method seed state why");
    let cell = |run: &Value| ["dataset", "method", "seed", "state"].map(|key| run[key].clone());
    let row =
        |method: &str, seed: u64, state: &str| [json!("mimic"), json!(method), json!(seed), json!(state)];
    let (plain, full) = ("TARNet", "VALOR (TARNet)");
    let expected =
        [row(plain, 2, "done"), row(plain, 3, "missing"), row(full, 2, "done"), row(full, 3, "missing")];
    assert_eq!(runs.iter().map(cell).collect::<Vec<_>>(), expected);
    let folder = runs[0]["why"].as_str().unwrap();
    assert!(
        folder.ends_with(runs[0]["id"].as_str().unwrap()) && reported().path(folder).is_dir(),
        "{folder}"
    );
    let text = reported().succeed("plan experiments/small.toml --results results");
    assert!(text.contains("VALOR (TARNet)  seed 1") && text.ends_with("4 of 4 runs done\n"), "{text}");
}

#[test]
fn no_more_workers_than_cores_are_started() {
    let output = reported().valor(&format!("{RUN} --workers 9999"));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && message.contains("--workers 9999: only "), "{output:?}");
}

#[test]
fn a_status_counts() {
    let words = "status experiments/small.toml --results results";
    let status = printed(reported(), &format!("{words} --json --set seeds=[2,3,4]"));
    assert_keys(&status, "cells damaged experiment profile total");
    let counts = |asked, finished| json!({ "asked": asked, "finished": finished, "diverged": 0, "damaged": 0, "failed": 0, "missing": asked - finished });
    assert_eq!(status["total"], counts(6, 2));
    assert_eq!(items(&status["cells"]).len(), 2);
    let mut cell = counts(3, 1);
    cell["dataset"] = json!("mimic");
    cell["method"] = json!("TARNet");
    assert_eq!(status["cells"][0], cell);
    assert!(reported().succeed(words).ends_with("small (full): 4/4 done\n"));
}

#[test]
fn planning_and_counting_write_nothing() {
    let workspace = Workspace::new();
    let before = workspace.snapshot(".");
    for words in ["plan experiments/small.toml", "status experiments/small.toml", "gc", "doctor"] {
        workspace.succeed(words);
        assert!(workspace.snapshot(".") == before, "valor {words} wrote something");
    }
}

#[test]
fn a_report_is_whole_and_its_summary_has_the_documented_keys() {
    let files = [
        "contrasts.csv",
        "index.html",
        "predictions.csv",
        "summary.json",
        "table.csv",
        "table.md",
        "table.tex",
    ];
    assert_eq!(reported().names("reports"), files.map(str::to_string).into());
    let summary = json(&reported().path("reports/summary.json"));
    let top = "baseline caption cells claims contrasts datasets decision effects experiment failures left_out measured metrics \
               paper profile question tuning reference seeds version";
    assert_keys(&summary, top);
    let cells = items(&summary["cells"]);
    assert_eq!(cells.len(), 2);
    for cell in cells {
        let expected = "backbone components dataset measured method metrics seeds_asked seeds_diverged seeds_failed \
                        seeds_found status";
        assert_keys(cell, expected);
        assert_eq!((&cell["seeds_found"], &cell["status"]), (&json!(2), &json!("complete")));
        let auuc = &cell["metrics"]["auuc"];
        assert!(["mean", "sd"].iter().all(|key| auuc[key].is_f64()), "{auuc}");
        assert_keys(&auuc["per_seed"], "1 2");
        assert_eq!((&auuc["ci"]["method"], &auuc["ci"]["n"]), (&json!("Student t"), &json!(2)));
        assert_eq!(auuc["ci_rows"]["resamples"], json!(2000));
        assert_keys(&cell["measured"], "mean per_seed");
    }
    assert_eq!(cells[1]["components"], json!(["ziln", "focal", "gti", "wr"]));
    assert_eq!(cells[1]["backbone"], json!("tarnet"));
    let expected = "baseline ci ci_both ci_rows dataset declared difference family family_name margin method metric p p_adjusted \
                    p_equivalence probability_better seeds_paired share_above_zero smallest_detectable variance verdict \
                    verdict_over";
    assert_keys(&summary["contrasts"][0], expected);
    let rankers: Vec<&str> =
        items(&summary["reference"]).iter().map(|row| row["ranker"].as_str().unwrap()).collect();
    let expected = BTreeSet::from(["log-ratio", "oracle", "prognostic", "random"]);
    assert_eq!(rankers.into_iter().collect::<BTreeSet<_>>(), expected);
    for row in items(&summary["reference"]) {
        assert_keys(row, "dataset metrics ranker");
    }
    let page = fs::read_to_string(reported().path("reports/index.html")).unwrap();
    assert!(page.contains("VALOR (TARNet)") && page.contains("<svg"));
    for link in ["src=\"http", "href=\"http", "<script src", "@import", "url(http"] {
        assert!(!page.contains(link), "the page needs the network: {link}");
    }
}

#[test]
fn a_report_of_nothing_says_so() {
    let workspace = Workspace::new();
    workspace.succeed(REPORT);
    let summary = json(&workspace.path("reports/summary.json"));
    let missing = |cell: &Value| cell["status"] == "missing" && cell["metrics"]["auuc"]["mean"].is_null();
    assert!(items(&summary["cells"]).iter().all(missing), "{summary:#}");
    assert!(!workspace.path("results").exists());
}

#[test]
fn a_report_stands_in_the_folder_of_its_profile() {
    let workspace = Workspace::with(&format!("{EXPERIMENT}\n[profile.quick]\ncaption = \"not evidence\"\n"));
    let printed = workspace.succeed("report experiments/small.toml --profile quick");
    assert_eq!(printed, "reports/small/quick/index.html\n");
    let page = fs::read_to_string(workspace.path(printed.trim())).unwrap();
    assert!(page.contains("not evidence"));
}

#[test]
fn completions_of_every_shell_know_the_verbs() {
    for shell in ["bash", "zsh", "fish"] {
        let script = reported().succeed(&format!("completions {shell}"));
        assert!(
            ["plan", "report", "completions", "predictions"].iter().all(|word| script.contains(word)),
            "{shell}"
        );
    }
    reported().refuse("completions tcsh", &["tcsh", "bash"]);
}

#[test]
fn the_doctor_says_what_it_runs_with() {
    let doctor = printed(reported(), "doctor --json");
    assert_keys(&doctor, "cores cuda default_workers libtorch threads_per_worker valor");
    assert!(doctor["libtorch"]["version"].as_str().unwrap().starts_with("2.11"), "{doctor}");
    assert_keys(&doctor["cuda"], "advice devices driver library");
    let count = |key: &str| doctor[key].as_u64().unwrap();
    assert!(count("default_workers") * count("threads_per_worker") <= count("cores"), "{doctor}");
    assert!(reported().succeed("doctor").contains("libtorch   2.11"));
    assert_eq!(reported().succeed("--version"), format!("valor {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_closed_pipe_is_no_crash() {
    let command = format!("{} plan experiments/small.toml | true", env!("CARGO_BIN_EXE_valor"));
    let mut shell = std::process::Command::new("bash");
    let output = shell.args(["-c", &command]).current_dir(reported().path(".")).output().unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
}
