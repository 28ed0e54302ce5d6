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
    assert_keys(&plan, "changed experiment profile results runs");
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
    assert_keys(&status, "cells changed claimed damaged experiment profile results total");
    let counts = |asked, finished| json!({ "asked": asked, "finished": finished, "diverged": 0, "damaged": 0, "failed": 0, "claimed": 0, "missing": asked - finished });
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
    let top = "baseline caption cells claims contrasts datasets decision effects experiment failures gates headline left_out measured metrics \
               paper profile question tuning reference seeds version within_backbone";
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
    let expected = "baseline ci ci_both ci_rows dataset declared difference family family_name margin method metric observed p p_adjusted \
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
    let output = workspace.valor(REPORT);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("small (full): no run is recorded in results"), "{message}");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    assert!(page.contains("No run of this experiment is recorded") && !page.contains("<table"), "{page}");
    assert!(
        fs::read_to_string(workspace.path("reports/table.md")).unwrap().contains("No run of this experiment")
    );
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
fn results_folders_are_named() {
    let words = "experiments/small.toml --results results";
    assert!(reported().succeed(&format!("status {words}")).starts_with("results in results\n"));
    assert!(
        reported()
            .succeed(&format!("plan {words}"))
            .starts_with("small (full): experiments/small.toml, results in results\n")
    );
    assert!(reported().succeed(&format!("run {words}")).ends_with("4/4 runs recorded in results\n"));
}

#[test]
fn a_run_ends_with_one_json_object() {
    let workspace = Workspace::new();
    let small = "--set seeds=1 --set training.epochs=1";
    let words = format!("run experiments/small.toml {small} --json");
    let found = printed(&workspace, &words);
    assert_keys(
        &found,
        "asked claimed command experiment failed interrupted missing profile recorded results unrecorded",
    );
    assert_eq!(
        [&found["asked"], &found["recorded"], &found["failed"], &found["missing"]].map(Value::as_u64),
        [Some(2), Some(2), Some(0), Some(0)]
    );
    assert_eq!(
        (&found["results"], &found["interrupted"], &found["unrecorded"]),
        (&json!("results"), &json!(false), &json!([]))
    );
    assert_eq!(found["command"], json!(format!("valor run experiments/small.toml {small}")));
    let ids: BTreeSet<String> =
        workspace.records("results").values().map(|record| record["id"].to_string()).collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn profiles_are_completed_in_bash() {
    let profiles = "\n[profile.quick]\nseeds = 1\n[profile.quirky]\nseeds = 1\n[profile.\"a b $(touch made)\"]\nseeds = 1\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}{profiles}"));
    let script = workspace.succeed("completions bash");
    workspace.write("valor.bash", script);
    let complete = |words: &str| {
        let valor = env!("CARGO_BIN_EXE_valor");
        let command = format!(
            "source valor.bash; COMP_WORDS=({valor} run experiments/small.toml {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}}-1)); \
             _valor_profiles {valor} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut shell = std::process::Command::new("bash");
        let output = shell.args(["-c", &command]).current_dir(workspace.path(".")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("--profile qui"), "quick\nquirky\n");
    assert_eq!(complete("--profile ''"), "a\\ b\\ \\$\\(touch\\ made\\)\nfull\nquick\nquirky\n");
    assert_eq!(complete("--profile = qui"), "quick\nquirky\n");
    assert!(complete("--wor").contains("--workers"));
    assert!(!workspace.path("made").exists());
}

#[test]
fn the_command_to_rerun_is_read_by_a_shell_as_it_was_meant() {
    let workspace = Workspace::new();
    workspace.write("my experiments/it's $(touch made).toml", EXPERIMENT);
    let mut command = workspace.command("report");
    command.arg("my experiments/it's $(touch made).toml").args([
        "--out",
        "out",
        "--set",
        "question=a; b 'c'",
    ]);
    assert!(command.output().unwrap().status.success());
    let page = fs::read_to_string(workspace.path("out/index.html")).unwrap();
    let shown = page.split("<code>valor run ").nth(1).unwrap().split("</code>").next().unwrap();
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    let shown = named.iter().fold(shown.to_string(), |text, (from, to)| text.replace(from, to));
    let words = shown.split(" && ").next().unwrap();
    let mut shell = std::process::Command::new("sh");
    let output = shell
        .args(["-c", &format!("printf '%s\\n' {words}")])
        .current_dir(workspace.path("."))
        .output()
        .unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    assert_eq!(read, "my experiments/it's $(touch made).toml\n--set\nquestion=a; b 'c'\n");
    assert!(!workspace.path("made").exists());
}

#[test]
fn several_reports_are_checked_before_one_is_written() {
    let small = "report experiments/small.toml";
    let workspace = Workspace::new();
    workspace.refuse(&format!("{small} experiments/missing.toml"), &["experiments/missing.toml"]);
    workspace.write("experiments/broken.toml", "seeds = ");
    workspace.refuse(&format!("{small} experiments/broken.toml"), &["experiments/broken.toml", "line 1"]);
    workspace.write("other/small.toml", EXPERIMENT);
    workspace.refuse(
        &format!("{small} other/small.toml"),
        &["experiments/small.toml", "other/small.toml", "reports/small/full"],
    );
}

/// Names that mean something to a terminal, a shell, a spreadsheet, LaTeX, Markdown and HTML.
const HOSTILE: &str = r#"
question = "A \u001b[2Jquestion"
caption = "cap\n\\input{/etc/passwd}\r\\bad"
seeds = [1]
metrics = ["auuc", "qini"]

[[dataset]]
name = "[d] \u202Eevil\nsecond line"
b2b-mimic = { rows = 300 }

[[method]]
name = "[3cm] x"
backbone = "tarnet"
model = { trunk = [4], heads = [4] }
training = { epochs = 1, batch = 64 }

[[method]]
name = "* star | `b` <i> & 50 % #1 _x_ $y$ ~^\\ \"q\" '--'"
backbone = "tarnet"
model = { trunk = [5], heads = [4] }
training = { epochs = 1, batch = 64 }

[[method]]
name = "=cmd|' /C calc'!A1\u001b[31m"
backbone = "tarnet"
model = { trunk = [6], heads = [4] }
training = { epochs = 1, batch = 64 }
"#;

#[test]
fn names_mean_nothing_to_whatever_reads_them() {
    let workspace = Workspace::with(HOSTILE);
    let mut printed = String::new();
    let words = [
        RUN,
        REPORT,
        "plan experiments/small.toml --results results",
        "status experiments/small.toml",
        "data describe experiments/small.toml",
    ];
    for words in words {
        let output = workspace.valor(words);
        assert!(output.status.success(), "{words}: {output:?}");
        printed += &String::from_utf8(output.stdout).unwrap();
        printed += &String::from_utf8(output.stderr).unwrap();
    }
    let acting = |character: char| character.is_control() && character != '\n' || character == '\u{202e}';
    assert!(!printed.contains(acting), "{printed:?}");
    assert!(
        printed.contains("\\u001b[31m") && !printed.lines().any(|line| line.starts_with("second line")),
        "{printed}"
    );
    let plan: Value = serde_json::from_str(&workspace.succeed("plan experiments/small.toml --json")).unwrap();
    assert_eq!(plan["runs"][2]["method"], json!("=cmd|' /C calc'!A1\u{1b}[31m"));
    assert_eq!(plan["runs"][0]["dataset"], json!("[d] \u{202e}evil\nsecond line"));

    let tex = fs::read_to_string(workspace.path("reports/table.tex")).unwrap();
    assert!(!tex.lines().any(|line| line.starts_with('[') || line.starts_with('*')), "{tex}");
    assert!(tex.lines().filter(|line| line.contains("\\input")).all(|line| line.starts_with('%')), "{tex}");
    let csv = fs::read_to_string(workspace.path("reports/table.csv")).unwrap();
    assert!(csv.contains("'=cmd|"), "{csv}");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    assert!(!page.contains(acting) && !page.contains("<i> &") && page.contains("&lt;i&gt; &amp;"));
    let markdown = fs::read_to_string(workspace.path("reports/table.md")).unwrap();
    assert!(!markdown.contains(acting) && markdown.contains("\\* star \\| \\`b\\`"), "{markdown}");
}

#[test]
fn a_table_of_any_names_compiles() {
    let Ok(found) = std::process::Command::new("pdflatex").arg("--version").output() else {
        println!(
            "skipped: pdflatex is not there (apt-get install texlive-latex-base texlive-latex-recommended)"
        );
        return;
    };
    assert!(found.status.success());
    let workspace = Workspace::with(HOSTILE);
    workspace.succeed(RUN);
    workspace.succeed(REPORT);
    let table = fs::read_to_string(workspace.path("reports/table.tex")).unwrap();
    // Rules as booktabs draws them, for installations without it.
    let rules = r"\let\toprule\hline\let\midrule\hline\let\bottomrule\hline\def\cmidrule(#1)#2{\cline{#2}}";
    let page = format!("\\documentclass{{article}}{rules}\\begin{{document}}\n{table}\n\\end{{document}}\n");
    workspace.write("page.tex", page);
    let mut latex = std::process::Command::new("pdflatex");
    let output = latex
        .args(["-interaction=nonstopmode", "-halt-on-error", "page.tex"])
        .current_dir(workspace.path("."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn planning_the_largest_search_takes_seconds() {
    let big = r#"
seeds = 1000
metrics = ["auuc", "qini"]

[[dataset]]
name = "a"
b2b-mimic = { world = 1 }

[split]
validation = 0.2

[tuning]
trials = 1000

[tuning.ranges]
"training.learning-rate" = { low = 1e-4, high = 1e-2, scale = "log" }
"weight.ranking" = { low = 0.01, high = 1.0, scale = "log" }
"training.weight-decay" = { low = 0.0, high = 1.0 }

[grid]
backbones = ["tarnet", "dragonnet", "cfr-wass", "unite", "euen"]
components = [[], ["ziln"], ["ziln", "focal"], ["ziln", "focal", "gti", "wr"], ["ziln", "wr"]]
"#;
    let workspace = Workspace::with(big);
    let before = std::time::Instant::now();
    let plan = workspace.succeed("plan experiments/small.toml");
    let seconds = before.elapsed().as_secs_f64();
    assert!(plan.ends_with("0 of 25000 runs done\n"));
    // About one on an idle machine; minutes where every run hashes its cell's candidates.
    assert!(seconds < 15.0, "{seconds} s");
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
