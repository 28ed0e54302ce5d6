//! Rows of one arm through the whole harness, from `experiments/value_smoke.toml`: planned, trained, kept, gone on with, reported, saved,
//! scored and judged; nothing of a treatment is asked for or said.

use crate::workspace::{Workspace, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use valor_base::question::{Arms, Question};
use valor_runs::store::Store;
use valor_stats::metrics::of_question;

const FILE: &str = "experiments/value_smoke.toml";
const ASKED: &str = "experiments/value_smoke.toml --results results";

/// The committed experiment with its rows.
pub fn workspace() -> Workspace {
    let workspace = Workspace::new();
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    for name in ["value_smoke.toml", "value_smoke.csv"] {
        workspace.write(&format!("experiments/{name}"), fs::read(experiments.join(name)).unwrap());
    }
    workspace
}

#[test]
fn rows_of_one_arm_run_through_the_whole_harness() {
    let workspace = workspace();
    // Half of it, then the rest: what is there is not trained again.
    workspace.succeed(&format!("run {ASKED} --set seeds=1"));
    let before = fs::read_dir(workspace.path("results/runs")).unwrap().count();
    let progress = workspace.succeed(&format!("run {ASKED}"));
    assert!(progress.contains("4/4 runs recorded"), "{progress}");
    assert_eq!(before, 2);
    assert_eq!(fs::read_dir(workspace.path("results/runs")).unwrap().count(), 4);

    let plan = serde_json::from_str::<serde_json::Value>(&workspace.succeed(&format!("plan {ASKED} --json")));
    let plan = plan.unwrap();
    let reader = Store::new(&workspace.path("results")).reader().unwrap();
    for run in plan["runs"].as_array().unwrap() {
        let run = reader.run(run["id"].as_str().unwrap()).unwrap().unwrap();
        let names: Vec<&str> = run.record.metrics.keys().map(String::as_str).collect();
        let registered: BTreeSet<&str> = of_question(Question::Value).map(|metric| metric.name).collect();
        assert_eq!(names.into_iter().collect::<BTreeSet<&str>>(), registered);
        for name in ["recall.top", "f1.top", "spearman.bucket2", "decile.mape", "sva.macro"] {
            assert!(run.record.metrics[name].value.is_some(), "{name}: {:?}", run.record.metrics);
        }
        let buckets = run.record.buckets.as_ref().unwrap();
        assert_eq!((buckets.edges.len(), buckets.median), (3, buckets.edges[1]));
        assert!(0.0 < buckets.mean && buckets.mean < buckets.edges[2], "{buckets:?}");
        assert!(run.record.metrics["gini"].value.unwrap() > 0.3, "{:?}", run.record.metrics);
        assert!(run.rows.treatment.is_none() && run.rows.question() == Question::Value);
        let said = run.predictions.unwrap();
        let ziln = run.record.spec.slug().contains("ziln");
        assert_eq!((said.expected.question(), said.conversion.is_some()), (Question::Value, ziln));
        assert!(!run.record.fitted.contains_key("training share treated"));
    }

    workspace.succeed(&format!("report {ASKED} --out reports --predictions csv"));
    let summary = json(&workspace.path("reports/summary.json"));
    for cell in summary["cells"].as_array().unwrap() {
        for metric in ["gini", "spearman", "nmae"] {
            let found = &cell["metrics"][metric];
            for interval in ["ci", "ci_rows", "ci_both"] {
                assert!(found[interval]["low"].is_f64(), "{metric}, {interval}: {found:#}");
            }
        }
    }
    assert!(summary["datasets"][0]["test"].get("treated").is_none());
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    let words = [
        "no treatment",
        "Gain curve",
        "Value by decile",
        "Calibration of value",
        "mean of the training rows",
    ];
    assert!(words.iter().all(|word| page.contains(word)));
    for word in ["Qini", "% treated", "uplift curve", "oracle", "prognostic"] {
        assert!(!page.contains(word), "{word}");
    }
    let predictions = fs::read_to_string(workspace.path("reports/predictions.csv")).unwrap();
    assert!(predictions.starts_with("dataset,method,seed,row,outcome,value,predicted_conversion\n"));
    assert_eq!(predictions.lines().count(), 1 + 4 * 240);
}

/// Rows that say what they are truly worth: the mean of what they spend.
fn with_worth(workspace: &Workspace) {
    let mut rows = "visits,spent,worth\n".to_string();
    for row in 0..900u32 {
        let (visits, luck) = (f64::from(row * 37 % 100) / 50.0 - 1.0, f64::from(row * 91 % 64) / 64.0);
        let amount = 10.0 * f64::exp(visits);
        // Half of all buy.
        let spent = if luck < 0.5 { amount } else { 0.0 };
        writeln!(rows, "{visits},{spent},{}", 0.5 * amount).unwrap();
    }
    workspace.write("experiments/worth.csv", rows.into_bytes());
    let text = fs::read_to_string(workspace.path(FILE)).unwrap();
    let (head, rest) = text.split_once("table = {").unwrap();
    let (_, tail) = rest.split_once('\n').unwrap();
    let table =
        "table = { path = \"worth.csv\", outcome = \"spent\", expected = \"worth\", numeric = [\"visits\"] }";
    workspace.write(FILE, format!("{head}{table}\n{tail}").into_bytes());
}

#[test]
fn what_rows_are_truly_worth_decides_where_it_is_known() {
    let workspace = workspace();
    with_worth(&workspace);
    workspace.succeed(&format!("run {ASKED}"));
    workspace.succeed(&format!("report {ASKED} --out reports"));
    let summary = json(&workspace.path("reports/summary.json"));
    for cell in summary["cells"].as_array().unwrap() {
        assert!(cell["metrics"]["gini.true"]["ci_rows"]["low"].is_f64(), "{cell:#}");
        assert!(cell["metrics"]["rmse.true"]["mean"].is_f64(), "{cell:#}");
    }
    let reference = |name: &str| {
        let found = summary["references"].as_array().or(summary["reference"].as_array()).unwrap();
        found.iter().find(|row| row["ranker"] == name).unwrap_or_else(|| panic!("{name}: {found:#?}")).clone()
    };
    let value = |row: &serde_json::Value, metric: &str| row["metrics"][metric]["mean"].as_f64();
    let (oracle, mean) = (reference("oracle"), reference("mean"));
    assert_eq!((value(&oracle, "gini.true"), value(&oracle, "rmse.true")), (Some(1.0), Some(0.0)));
    assert!(value(&oracle, "gini").unwrap() < 1.0);
    assert_eq!((value(&mean, "gini"), value(&mean, "spearman")), (Some(0.0), None));
    assert!(value(&mean, "tre").unwrap() < 0.2, "{mean:#}");
    let contrasts = summary["contrasts"].as_array().unwrap();
    assert!(contrasts.iter().any(|one| one["metric"] == "gini.true"), "{contrasts:#?}");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    for word in ["oracle: the true expectation", "true expectation", "gini.true is gini without the noise"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn a_model_of_one_arm_is_saved_and_scores_what_its_run_predicted() {
    let workspace = workspace();
    workspace.succeed(&format!("run {ASKED} --set seeds=1"));
    for (method, columns) in [("MLP", "value"), ("MLP +ziln", "value,conversion")] {
        let mut fit = workspace.command(&format!("fit {FILE} --seed 42 --out model.safetensors"));
        assert!(fit.args(["--method", method]).status().unwrap().success());
        let told =
            workspace.succeed("score model.safetensors experiments/value_smoke.csv --out scored.csv --json");
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        let header = format!("visits,age,first,channel,spent,{columns}");
        assert_eq!(scored.lines().next().unwrap(), header);
        let reader = Store::new(&workspace.path("results")).reader().unwrap();
        let run = reader.run(told["model"].as_str().unwrap()).unwrap().unwrap();
        let said = run.predictions.unwrap();
        let value = |row: u32| -> f32 {
            let line = scored.lines().nth(row as usize + 1).unwrap();
            line.split(',').nth(5).unwrap().parse().unwrap()
        };
        let found: Vec<u32> = run.rows.row.iter().map(|row| value(*row).to_bits()).collect();
        let expected: Vec<u32> = said.score.iter().map(|value| value.to_bits()).collect();
        assert_eq!(found, expected, "{method}");
        assert_eq!(said.expected, Arms::One(said.score));
        let judged = workspace.succeed("metrics scored.csv --score value --outcome spent --json");
        let judged: serde_json::Value = serde_json::from_str(&judged).unwrap();
        assert!(judged["gini"].as_f64().unwrap() > 0.5 && judged.get("auuc").is_none(), "{judged:#}");
    }
}

#[test]
fn methods_rows_and_metrics_of_different_questions_are_refused_by_name() {
    let workspace = workspace();
    let refused = |set: &str, parts: &[&str]| workspace.refuse(&format!("plan {ASKED} --set {set}"), parts);
    refused(
        "grid.backbones=[\"tarnet\"] --set baseline=\"TARNet\" --set claim=[]",
        &["dataset 'customers'", "without a treatment", "mlp"],
    );
    refused("metrics=[\"auuc\"]", &["metrics: metric 'auuc'", "gini, gini.true, spearman"]);
    refused("grid.components=[[\"ziln\",\"wr\"]]", &["'ranking'", "with a treatment"]);
    let set = "run experiments/value_smoke.toml --results results --set split.stratify=\"treatment\"";
    workspace.refuse(set, &["these rows have no treatment"]);
    let set = "plan experiments/small.toml --results results --set metrics=[\"gini\"]";
    workspace.refuse(set, &["'gini' judges rows without a treatment"]);
    let effect = "metrics experiments/value_smoke.csv --score visits --outcome spent --effect age";
    workspace.refuse(effect, &["--treatment"]);
}

/// The committed experiment with losses of long tails, MDME and DeepFM in the place of its methods, as they are and with other options.
fn with_long_tails(workspace: &Workspace) {
    let text = fs::read_to_string(workspace.path(FILE)).unwrap();
    let (above, _) = text.split_once("[[claim]]").unwrap();
    let mut text = above.replace(
        "backbones = [\"mlp\"]\ncomponents = [[], [\"ziln\"]]",
        "backbones = [\"mlp\"]\ncomponents = [[], [\"log1p\"], [\"tweedie\"]]",
    );
    text += "\n[[method]]\nbackbone = \"mdme\"\n\n[[method]]\nbackbone = \"deep-fm\"\n";
    for (name, key, option) in [
        ("soft", "mdme", "mdme = { decoding = \"soft\", distributions = 1, buckets = 5, widths = [8] }"),
        ("no order", "mdme", "sub-distributions = { order = 0.0, distillation = 0.0 }"),
        ("segments", "deep-fm", "deep-fm = { segments = 2, rank = 1, widths = [] }"),
        ("rows", "deep-fm", "parts = { balanced = \"rows\", penalty = 0.0 }"),
        ("smeared", "mlp", "log1p = { smearing = true, unit = 1.0 }"),
    ] {
        let components = if key == "mlp" { "components = [\"log1p\"]\n" } else { "" };
        text +=
            &format!("\n[[method]]\nname = \"{name}\"\nbackbone = \"{key}\"\n{components}model.{option}\n");
    }
    let table =
        text.replace("categorical = [\"channel\"]", "categorical = [\"channel\"], log1p = [\"first\"]");
    workspace.write(FILE, table);
}

#[test]
fn methods_of_long_tails_run_and_their_models_score_what_their_runs_predicted() {
    let workspace = workspace();
    with_long_tails(&workspace);
    let progress = workspace.succeed(&format!("run {ASKED} --set seeds=1 --set training.epochs=6"));
    assert!(progress.contains("10/10 runs recorded"), "{progress}");
    let reader = Store::new(&workspace.path("results")).reader().unwrap();
    for method in ["MLP +log1p", "MLP +tweedie", "smeared", "MDME", "soft", "DeepFM", "segments", "rows"] {
        let mut fit = workspace
            .command(&format!("fit {FILE} --seed 42 --set training.epochs=6 --out model.safetensors"));
        assert!(fit.args(["--method", method]).status().unwrap().success());
        let told =
            workspace.succeed("score model.safetensors experiments/value_smoke.csv --out scored.csv --json");
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let run = reader.run(told["model"].as_str().unwrap()).unwrap().unwrap();
        let said = run.predictions.unwrap();
        assert_eq!(said.conversion.is_some(), ["MDME", "soft"].contains(&method), "{method}");
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        let value = |row: u32| -> f32 {
            let line = scored.lines().nth(row as usize + 1).unwrap();
            line.split(',').nth(5).unwrap().parse().unwrap()
        };
        for (row, said) in run.rows.row.iter().zip(&said.score) {
            assert!(said.is_finite(), "{method}");
            assert_eq!(value(*row).to_bits(), said.to_bits(), "{method}, row {row}");
        }
    }
}

#[test]
fn units_and_columns_of_logs_that_cannot_be_are_refused() {
    let workspace = workspace();
    let refused = |set: &str, parts: &[&str]| workspace.refuse(&format!("plan {ASKED} --set {set}"), parts);
    refused(
        "dataset.0.table.log1p=[\"channel\"]",
        &["log1p names the column 'channel', which is not in 'numeric'"],
    );
    refused("dataset.0.table.log1p=[\"age\",\"age\"]", &["'age' stands twice in 'log1p'"]);
    let logs = "--set grid.components=[[],[\"log1p\"]] --set claim=[] --set seeds=1";
    let far = format!("run {ASKED} {logs} --set model.log1p.unit=1e-30");
    workspace.refuse(
        &far,
        &["model.log1p.unit is", "standard deviations of the training outcomes; allowed are 1e-9 to 1e9"],
    );
    let rows = fs::read_to_string(workspace.path("experiments/value_smoke.csv")).unwrap();
    workspace.write("experiments/value_smoke.csv", rows.replacen(",17.24", ",-17.24", 1));
    let negative = format!("run {ASKED} {logs}");
    workspace.refuse(&negative, &["the log1p head needs outcomes of 0 or more"]);
}

/// The committed experiment with heads of buckets in the place of its methods, and CC-OR-Net without each of its parts.
fn with_buckets(workspace: &Workspace) {
    let text = fs::read_to_string(workspace.path(FILE)).unwrap();
    let (above, _) = text.split_once("[[claim]]").unwrap();
    let mut text = above.replace(
        "backbones = [\"mlp\"]\ncomponents = [[], [\"ziln\"]]",
        "backbones = [\"mlp\", \"coral\", \"corn\", \"or-cnn\", \"cc-or-net\"]\ncomponents = [[]]",
    );
    for (name, option) in [
        ("soft", "decoding = \"soft\""),
        ("no distillation", "distillation = \"none\""),
        ("no residual", "residual = \"none\""),
        ("no augmentation", "augmentation = \"none\""),
        ("softmax", "structure = \"softmax\""),
        ("K 5", "buckets.quantiles = [0.5, 0.75, 0.99]"),
    ] {
        text += &format!("\n[[method]]\nname = \"{name}\"\nbackbone = \"cc-or-net\"\nmodel.cc-or.{option}\n");
    }
    workspace.write(FILE, text);
}

#[test]
fn methods_of_buckets_run_and_their_models_score_what_their_runs_predicted() {
    let workspace = workspace();
    with_buckets(&workspace);
    let progress = workspace.succeed(&format!("run {ASKED} --set seeds=1 --set training.epochs=3"));
    assert!(progress.contains("11/11 runs recorded"), "{progress}");
    let plan = workspace.succeed(&format!("plan {ASKED} --set seeds=1 --set training.epochs=3 --json"));
    let plan = serde_json::from_str::<serde_json::Value>(&plan).unwrap();
    let reader = Store::new(&workspace.path("results")).reader().unwrap();
    for run in plan["runs"].as_array().unwrap() {
        let run = reader.run(run["id"].as_str().unwrap()).unwrap().unwrap();
        if run.record.spec.slug().contains("mse") {
            continue;
        }
        assert!(run.record.fitted["bucket 1 up to"] > 0.0, "{:?}", run.record.fitted);
        assert!(run.record.fitted["bucket 2 up to"] > run.record.fitted["bucket 1 up to"]);
        let conversion = run.predictions.unwrap().conversion.unwrap();
        let Arms::One(conversion) = conversion else { panic!() };
        assert!(conversion.iter().all(|share| (0.0..=1.0).contains(share)));
    }
    for method in ["CORAL", "CC-OR-Net", "softmax"] {
        let mut fit = workspace
            .command(&format!("fit {FILE} --seed 42 --set training.epochs=3 --out model.safetensors"));
        assert!(fit.args(["--method", method]).status().unwrap().success());
        workspace.succeed("score model.safetensors experiments/value_smoke.csv --out scored.csv");
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        let header = scored.lines().next().unwrap();
        assert!(header.ends_with(",value,conversion,bucket1,bucket2,bucket3,bucket4"), "{method}: {header}");
        for line in scored.lines().skip(1) {
            let cells: Vec<f64> = line.rsplit(',').take(5).map(|cell| cell.parse().unwrap()).collect();
            assert!(cells.iter().all(|share| (0.0..=1.0).contains(share)), "{method}: {line}");
            assert!((cells[..4].iter().sum::<f64>() - 1.0).abs() < 1e-5, "{method}: {line}");
            // The last of the reversed cells is the conversion, before it the share of zeros.
            assert!((cells[4] + cells[3] - 1.0).abs() < 1e-5, "{method}: {line}");
        }
        assert!(!scored.to_lowercase().contains("nan"), "{method}");
    }
}

#[test]
fn methods_of_towers_run_and_their_models_score_what_their_runs_predicted() {
    let workspace = workspace();
    let text = fs::read_to_string(workspace.path(FILE)).unwrap();
    let (above, _) = text.split_once("[[claim]]").unwrap();
    let text = above.replace(
        "backbones = [\"mlp\"]\ncomponents = [[], [\"ziln\"]]",
        "backbones = [\"two-stage\", \"mmoe\", \"exp-ltv\", \"opt-dist\"]\ncomponents = [[]]",
    );
    workspace.write(FILE, text.replace("baseline = \"MLP\"", "baseline = \"Two-Stage\""));
    let progress = workspace.succeed(&format!("run {ASKED} --set seeds=1"));
    assert!(progress.contains("4/4 runs recorded"), "{progress}");
    let plan = workspace.succeed(&format!("plan {ASKED} --set seeds=1 --json"));
    let plan = serde_json::from_str::<serde_json::Value>(&plan).unwrap();
    let reader = Store::new(&workspace.path("results")).reader().unwrap();
    for run in plan["runs"].as_array().unwrap() {
        let run = reader.run(run["id"].as_str().unwrap()).unwrap().unwrap();
        let losses: Vec<f64> = run.record.epochs.iter().map(|epoch| epoch.total.unwrap()).collect();
        assert!(losses.last() < losses.first(), "{}: {losses:?}", run.record.spec.slug());
        let Arms::One(conversion) = run.predictions.unwrap().conversion.unwrap() else { panic!() };
        assert!(conversion.iter().all(|share| (0.0..=1.0).contains(share)));
        let gini = run.record.metrics["gini"].value.unwrap();
        assert!(gini > 0.3, "{}: gini {gini}", run.record.spec.slug());
    }
    for method in ["MMOE-FocalLoss", "ExpLTV", "OptDist"] {
        let mut fit = workspace.command(&format!("fit {FILE} --seed 42 --out model.safetensors"));
        assert!(fit.args(["--method", method]).status().unwrap().success());
        let told =
            workspace.succeed("score model.safetensors experiments/value_smoke.csv --out scored.csv --json");
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        assert!(scored.lines().next().unwrap().ends_with("value,conversion"), "{method}");
        let run = reader.run(told["model"].as_str().unwrap()).unwrap().unwrap();
        let expected = run.predictions.unwrap().score;
        for (row, expected) in run.rows.row.iter().zip(expected) {
            let line = scored.lines().nth(*row as usize + 1).unwrap();
            let found: f32 = line.split(',').nth(5).unwrap().parse().unwrap();
            assert_eq!(found.to_bits(), expected.to_bits(), "{method}, row {row}");
        }
    }
}

#[test]
fn outcomes_that_give_no_buckets_are_refused() {
    let workspace = workspace();
    with_buckets(&workspace);
    let rows = fs::read_to_string(workspace.path("experiments/value_smoke.csv")).unwrap();
    let spent = rows.lines().next().unwrap().split(',').position(|name| name == "spent").unwrap();
    // The same amount in every row, or in every `apart`th and what stood there in the others.
    let with = |amount: &str, apart: usize| {
        let row = |(number, line): (usize, &str)| {
            if !number.is_multiple_of(apart) {
                return line.to_string();
            }
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[spent] = amount;
            cells.join(",")
        };
        let header = rows.lines().next().unwrap().to_string();
        let all = std::iter::once(header).chain(rows.lines().skip(1).enumerate().map(row));
        workspace.write("experiments/value_smoke.csv", all.collect::<Vec<String>>().join("\n") + "\n");
        let mut fit = workspace.command(&format!("fit {FILE} --seed 42 --out model.safetensors"));
        let output = fit.args(["--method", "CC-OR-Net"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(with("0", 1).contains("no outcome is positive"), "{}", with("0", 1));
    assert!(with("7", 1).contains("the cc-or head: buckets need outcomes that differ"), "{}", with("7", 1));
    assert!(with("-1", 2).contains("the cc-or head needs outcomes of 0 or more"), "{}", with("-1", 2));
}

/// Groups of rows by a text, by cuts of a number and by a column that is not there, a reference by a column, and intervals.
fn with_groups(workspace: &Workspace) {
    let text = fs::read_to_string(workspace.path(FILE)).unwrap();
    let asked = "[evaluation]\ninterval = 0.8\n\n[reference]\ncolumn = \"visits\"\n\n\
                 [[segment]]\ncolumn = \"channel\"\n\n[[segment]]\nname = \"tenure\"\ncolumn = \"age\"\ncuts = [0, 1000]\n\n\
                 [[segment]]\ncolumn = \"gone\"\n\n[[dataset]]";
    workspace.write(FILE, text.replacen("[[dataset]]", asked, 1).into_bytes());
}

#[test]
fn groups_of_rows_a_reference_by_column_and_intervals_are_reported() {
    let workspace = workspace();
    let plan = |set: &str| -> Vec<String> {
        let plan = workspace.succeed(&format!("plan {ASKED}{set} --json"));
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        plan["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_string()).collect()
    };
    let before = plan("");
    with_groups(&workspace);
    let after = plan("");
    // Two seeds of a method without a law, then two of one with it.
    assert_eq!(before[..2], after[..2]);
    assert!(
        before[2..].iter().zip(&after[2..]).all(|(before, after)| before != after),
        "{before:?} {after:?}"
    );
    workspace.succeed(&format!("run {ASKED}"));
    workspace.succeed(&format!("report {ASKED} --out reports"));
    let summary = json(&workspace.path("reports/summary.json"));
    let segments = summary["segments"].as_array().unwrap();
    let names: Vec<&str> = segments.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["channel", "tenure", "gone"]);
    let judged =
        segments[0]["groups"].as_array().unwrap().iter().filter(|group| group.get("reason").is_none());
    for group in judged {
        let methods = group["methods"].as_array().unwrap();
        assert_eq!(methods.len(), 2, "{group:#}");
        for metric in ["gini", "spearman", "nmae"] {
            let found = &methods[0]["metrics"][metric];
            assert!(found["mean"].is_f64() && found["ci_both"]["low"].is_f64(), "{metric}: {found:#}");
        }
        assert!(methods[0]["metrics"]["bucket.accuracy"]["mean"].is_f64());
        let rankers: Vec<&str> = group["reference"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["ranker"].as_str().unwrap())
            .collect();
        assert_eq!(rankers, ["random", "mean", "visits"]);
    }
    let rows: u64 =
        segments[1]["groups"].as_array().unwrap().iter().map(|group| group["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows, 240);
    let last = segments[1]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["segment"] == "above 1000")
        .unwrap();
    assert_eq!(last["reason"], "0 rows; at least 50 are needed");
    assert!(segments[2]["reason"].as_str().unwrap().contains("no column 'gone'"), "{:#}", segments[2]);
    let reference =
        summary["reference"].as_array().unwrap().iter().find(|row| row["ranker"] == "visits").unwrap();
    assert!(reference["metrics"]["gini"]["mean"].is_f64(), "{reference:#}");

    let value = |method: &str, metric: &str| {
        let cells = summary["cells"].as_array().unwrap();
        let cell = cells.iter().find(|cell| cell["method"] == method).unwrap();
        cell["metrics"][metric].clone()
    };
    let coverage = value("MLP +ziln", "coverage")["mean"].as_f64().unwrap();
    assert!((0.5..=1.0).contains(&coverage), "{coverage}");
    assert!(value("MLP +ziln", "coverage.total")["mean"].is_f64());
    assert!(value("MLP +ziln", "interval.width")["mean"].as_f64().unwrap() > 0.0);
    assert_eq!(value("MLP", "coverage")["reason"], "the model predicted no intervals");

    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    for word in ["Groups of rows", "ranking by visits", "by tenure (column age)", "not judged, 0 rows"] {
        assert!(page.contains(word), "{word}");
    }
    let csv = fs::read_to_string(workspace.path("reports/segments.csv")).unwrap();
    assert!(
        csv.starts_with("dataset,segmentation,column,segment,rows,zeros,kind,method,metric,mean,"),
        "{csv}"
    );
    assert!(csv.contains(",reference,visits,gini,"), "{csv}");
}

#[test]
fn groups_and_levels_that_mean_nothing_are_refused() {
    let workspace = workspace();
    with_groups(&workspace);
    let refused = |set: &str, parts: &[&str]| workspace.refuse(&format!("plan {ASKED} --set {set}"), parts);
    refused("evaluation.interval=1.5", &["evaluation.interval: found 1.5", "inside (0, 1)"]);
    refused(
        "grid.components=[[]] --set claim=[]",
        &["evaluation.interval = 0.8: no method of this file gives intervals"],
    );
    refused("evaluation={}", &["neither 'rows' nor 'interval'"]);
    refused("dataset.0.evaluation.interval=0.9", &["unknown key 'interval'"]);
    refused("segment.1.cuts=[5,5]", &["segment 'tenure'", "found 5 after 5"]);
    refused("segment.1.name=\"channel\"", &["segment: 'channel' stands there twice"]);
}

#[test]
fn scores_have_intervals_where_they_are_asked_for_and_there_is_a_law() {
    let workspace = workspace();
    with_buckets(&workspace);
    let fit = |method: &str, file: &str| {
        let mut fit = workspace
            .command(&format!("fit {FILE} --seed 42 --set training.epochs=3 --out model.safetensors"));
        assert!(fit.args(["--method", method]).status().unwrap().success());
        workspace.succeed(&format!(
            "score model.safetensors experiments/value_smoke.csv --interval 0.9 --out {file} --json"
        ))
    };
    for method in ["CORAL", "CC-OR-Net"] {
        let told: serde_json::Value = serde_json::from_str(&fit(method, "scored.csv")).unwrap();
        assert_eq!(told["buckets"].as_array().unwrap().len(), 4, "{told:#}");
        assert!(told["buckets"][0]["above"].is_null() && told["buckets"][3]["up_to"].is_null());
        let total = |key: &str| told["total"][key].as_f64().unwrap();
        assert!(total("low") < total("mean") && total("mean") < total("high"), "{told:#}");
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        assert!(scored.lines().next().unwrap().ends_with("bucket4,value_low,value_high"), "{method}");
        for line in scored.lines().skip(1) {
            let cells: Vec<f64> = line.rsplit(',').take(2).map(|cell| cell.parse().unwrap()).collect();
            assert!(0.0 <= cells[1] && cells[1] <= cells[0] && cells[0].is_finite(), "{method}: {line}");
        }
        // The same columns with others beside them.
        workspace.succeed("score model.safetensors experiments/value_smoke.csv --out plain.csv");
        let plain = fs::read_to_string(workspace.path("plain.csv")).unwrap();
        for (plain, wide) in plain.lines().zip(scored.lines()) {
            assert!(wide.starts_with(&format!("{plain},")), "{method}: {plain} {wide}");
        }
    }
    let mut fit =
        workspace.command(&format!("fit {FILE} --seed 42 --set training.epochs=1 --out point.safetensors"));
    assert!(fit.args(["--method", "MLP"]).status().unwrap().success());
    let score = "score point.safetensors experiments/value_smoke.csv --out no.csv --interval";
    workspace.refuse(&format!("{score} 0.9"), &["has no law of what a row is worth"]);
    workspace.refuse(&format!("{score} 1"), &["--interval 1", "inside (0, 1)"]);
}

#[test]
fn thresholds_come_from_a_window_or_from_the_user() {
    let workspace = workspace();
    with_buckets(&workspace);
    let text = fs::read_to_string(workspace.path(FILE)).unwrap();
    let named = |name: &str, option: &str| {
        format!("\n[[method]]\nname = \"{name}\"\nbackbone = \"cc-or-net\"\nmodel.cc-or.buckets.{option}\n")
    };
    workspace
        .write(FILE, text + &named("fixed", "thresholds = [5.0, 20.0]") + &named("window", "window = 0.25"));
    let fit = |method: &str, set: &str| {
        let mut fit = workspace
            .command(&format!("fit {FILE} --seed 42 --set training.epochs=1{set} --out model.safetensors"));
        fit.args(["--method", method]).output().unwrap()
    };
    assert!(fit("fixed", "").status.success());
    let told =
        workspace.succeed("score model.safetensors experiments/value_smoke.csv --out scored.csv --json");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let upper = |bucket: usize| told["buckets"][bucket]["up_to"].as_f64().unwrap();
    assert!((upper(1) / 5.0 - 1.0).abs() < 1e-6 && (upper(2) / 20.0 - 1.0).abs() < 1e-6, "{told:#}");
    let refused = fit("window", "");
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("buckets.window = 0.25: the rows have no times"), "{told}");
    assert!(fit("window", " --set dataset.0.table.time=\"age\"").status.success());
}
