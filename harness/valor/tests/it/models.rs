//! A model that is kept scores what its run predicted, wherever a row stands; what does not fit is refused and loses nothing.

use crate::workspace::{EXPERIMENT, Workspace, gzip, json};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Output;
use valor_data::DataSpec;
use valor_learn::learner::catalog;
use valor_runs::store::Store;
use valor_runs::trial::{self, Job, Provenance};

const FIT: &str = "fit experiments/small.toml --seed 2 --out model.safetensors --method";
const FULL: &str = "VALOR (TARNet)";
pub(crate) const SCORES: [&str; 5] =
    ["uplift", "expected_control", "expected_treated", "conversion_control", "conversion_treated"];
/// Columns of the rows of the committed model.
const HEADER: &str = "plan,id,age,visits,spend_before,region";

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures").join(name)).unwrap()
}

/// A workspace with the committed model and its rows.
pub(crate) fn accounts() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("model.safetensors", fixture("model.safetensors"));
    workspace.write("rows.csv", fixture("model_rows.csv"));
    workspace
}

/// Fits a method of the small experiment.
fn fit(workspace: &Workspace, method: &str, options: &str) -> Output {
    let mut command = workspace.command(FIT);
    command.arg(method).args(["--device", "cpu"]).args(options.split_whitespace()).output().unwrap()
}

fn fitted(method: &str) -> Workspace {
    let workspace = Workspace::new();
    let output = fit(&workspace, method, "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    workspace
}

/// The columns of a CSV file by name.
pub(crate) fn columns(workspace: &Workspace, file: &str) -> BTreeMap<String, Vec<String>> {
    let mut reader = csv::Reader::from_path(workspace.path(file)).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_string).collect();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column = |place: usize| records.iter().map(|record| record[place].to_string()).collect();
    names.iter().enumerate().map(|(place, name)| (name.clone(), column(place))).collect()
}

fn bits(column: &[String]) -> Vec<u32> {
    column.iter().map(|cell| cell.parse::<f32>().unwrap().to_bits()).collect()
}

/// The scores of a CSV file, bit by bit.
fn scores(workspace: &Workspace, file: &str, prefix: &str) -> Vec<Vec<u32>> {
    let columns = columns(workspace, file);
    SCORES
        .iter()
        .filter_map(|name| columns.get(&format!("{prefix}{name}")))
        .map(|cells| bits(cells))
        .collect()
}

/// Fits a method of an experiment that has run, and scores all rows: the test rows get what the run predicted.
fn assert_as_run(workspace: &Workspace, method: &str, data: &str) {
    let output = fit(workspace, method, "");
    assert_eq!(output.status.code(), Some(0), "{method}: {output:?}");
    let words = format!("score model.safetensors {data} --out scored.csv --prefix my_ --device cpu --json");
    let summary: Value = serde_json::from_str(&workspace.succeed(&words)).unwrap();
    assert_eq!(summary["rows"], 600);
    let found = scores(workspace, "scored.csv", "my_");

    let reader = Store::new(&workspace.path("results")).reader().unwrap();
    let run = reader.run(summary["model"].as_str().unwrap()).unwrap().unwrap();
    let rows = &run.rows.row;
    assert_eq!(rows.len(), 120);
    let expected = run.predictions.unwrap();
    let expected = expected.into_scores();
    assert_eq!(found.len(), expected.len(), "{method}");
    for ((found, expected), name) in found.iter().zip(expected).zip(SCORES) {
        let found: Vec<u32> = rows.iter().map(|&row| found[row as usize]).collect();
        let expected: Vec<u32> = expected.iter().map(|value| value.to_bits()).collect();
        assert_eq!(found, expected, "{method}, {name}");
    }
}

#[test]
fn a_model_scores_what_its_run_predicted() {
    let workspace = Workspace::new();
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    workspace.succeed("data export experiments/small.toml --out rows.csv");
    workspace.succeed("data export experiments/small.toml --out rows.parquet");
    for method in ["TARNet", FULL] {
        assert_as_run(&workspace, method, "rows.csv");
        assert_as_run(&workspace, method, "rows.parquet");
    }
}

#[test]
fn so_does_every_network_and_what_is_recalibrated() {
    let backbones: Vec<&str> = catalog::BACKBONES.iter().map(|row| row.key).collect();
    let all = EXPERIMENT
        .replace("[\"tarnet\"]", &format!("{backbones:?}"))
        .replace("[[], [\"ziln\", \"focal\", \"gti\", \"wr\"]]", "[[\"ziln\"]]");
    let focal = |name: &str| {
        let (components, options) = ("[\"ziln\", \"focal\"]", format!("model.recalibration = \"{name}\""));
        format!(
            "\n[[method]]\nname = \"{name}\"\nbackbone = \"tarnet\"\ncomponents = {components}\n{options}\n"
        )
    };
    let workspace = Workspace::with(&format!("{all}{}{}", focal("isotonic"), focal("closed-form")));
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    workspace.succeed("data export experiments/small.toml --out rows.parquet");
    for backbone in &catalog::BACKBONES {
        assert_as_run(&workspace, &format!("{} +ziln", backbone.name), "rows.parquet");
    }
    assert_as_run(&workspace, "closed-form", "rows.parquet");
    assert_as_run(&workspace, "isotonic", "rows.parquet");
    assert!(about(&workspace)["recalibration"]["control"]["knots"]["from"].is_array());
}

#[test]
fn so_do_forests() {
    let forests = "[[method]]\nbackbone = \"ziln-forest\"\n[[method]]\nbackbone = \"causal-forest\"\n\
                   [method.model.causal-forest]\ntrees = 8\nnuisance.trees = 4\n[[method]]\n\
                   backbone = \"ziln-gbdt\"\nmodel.ziln-gbdt.rounds = 5\n[[method]]\nbackbone = \"uplift-tree\"\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}{forests}"));
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    workspace.succeed("data export experiments/small.toml --out rows.parquet");
    for row in &catalog::TREES {
        assert_as_run(&workspace, row.name, "rows.parquet");
        assert_eq!(about(&workspace)["encoder"]["encoding"], "plain");
    }
}

#[test]
fn of_a_tuned_method_the_chosen_candidate_is_kept() {
    let tuning = "[split]\nvalidation = 0.2\n[tuning]\ntrials = 3\nmetric = \"auuc\"\n[tuning.ranges]\n\
                  \"training.learning-rate\" = { low = 1e-4, high = 1e-1, scale = \"log\" }\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}{tuning}"));
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    workspace.succeed("data export experiments/small.toml --out rows.parquet");
    for method in ["TARNet", FULL] {
        assert_as_run(&workspace, method, "rows.parquet");
        let about = about(&workspace);
        let chosen = &about["fitted"]["tuning: training.learning-rate"];
        assert_eq!((&about["model"]["training"]["learning-rate"], chosen.is_f64()), (chosen, true));
    }
}

/// What the model file says of itself.
fn about(workspace: &Workspace) -> Value {
    let header = header(workspace);
    serde_json::from_str(header["__metadata__"]["valor"].as_str().unwrap()).unwrap()
}

fn header(workspace: &Workspace) -> Value {
    let bytes = fs::read(workspace.path("model.safetensors")).unwrap();
    let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    serde_json::from_slice(&bytes[8..8 + size]).unwrap()
}

#[test]
fn a_model_in_memory_and_in_its_file_score_the_same() {
    let workspace = Workspace::with(&EXPERIMENT.replace("trunk = [8]", "trunk = [19]").replace("[4]", "[7]"));
    let experiment = valor_runs::spec::load(&workspace.path("experiments/small.toml"), None, &[]).unwrap();
    let data: DataSpec = experiment.datasets[0].spec.clone();
    let job = Job {
        interval: None,
        data: data.clone(),
        split: experiment.split.clone(),
        method: experiment.methods[1].spec.clone(),
        seeds: vec![2],
        root: workspace.path("experiments"),
        device: "cpu".to_string(),
        provenance: Provenance::default(),
    };
    let model = trial::fit(&job, &mut |_, _| ()).unwrap();
    let rows = valor_data::load(&data, Path::new("")).unwrap();
    let found = model.ready(valor_learn::learner::Device::Cpu).unwrap().score(&rows).unwrap();

    let output = fit(&workspace, FULL, "");
    assert!(output.status.success(), "{output:?}");
    let same = fs::read(workspace.path("model.safetensors")).unwrap() == model.to_bytes().unwrap();
    assert!(same, "a model file is a function of the spec");
    workspace.succeed("data export experiments/small.toml --out rows.parquet");
    workspace.succeed("score model.safetensors rows.parquet --out scored.csv.gz --prefix my_ --device cpu");
    workspace.succeed("score model.safetensors rows.parquet --out scored.csv --prefix my_ --device cpu");
    let expected: Vec<u32> = found.score.iter().map(|value| value.to_bits()).collect();
    assert_eq!(scores(&workspace, "scored.csv", "my_")[0], expected);
    let packed = fs::File::open(workspace.path("scored.csv.gz")).unwrap();
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked == fs::read_to_string(workspace.path("scored.csv")).unwrap());
}

/// The committed rows again and again, with a column of `width` letters.
fn many(count: usize, width: usize) -> String {
    let rows = String::from_utf8(fixture("model_rows.csv")).unwrap();
    let lines: Vec<&str> = rows.lines().skip(1).collect();
    let letters = "x".repeat(width);
    let line = |row: usize| format!("{},{letters}\n", lines[row % lines.len()]);
    format!("{HEADER},letters\n{}", (0..count).map(line).collect::<String>())
}

#[test]
fn rows_score_the_same_wherever_they_stand() {
    let workspace = accounts();
    workspace.write("many.csv", many(20_007, 1));
    workspace.write("many.csv.gz", gzip(many(20_007, 1)));
    for (name, data) in [("few", "rows.csv"), ("many", "many.csv"), ("packed", "many.csv.gz")] {
        workspace.succeed(&format!("score model.safetensors {data} --out {name}.scored.csv --device cpu"));
    }
    workspace.succeed("score model.safetensors many.csv --out many.scored.parquet");
    workspace.succeed("score model.safetensors many.scored.parquet --out again.csv --prefix again_");
    let few = scores(&workspace, "few.scored.csv", "");
    let many = scores(&workspace, "many.scored.csv", "");
    for (few, many) in few.iter().zip(&many) {
        assert_eq!(many.len(), 20_007);
        assert!(many.iter().enumerate().all(|(row, score)| *score == few[row % 50]));
    }
    assert_eq!(scores(&workspace, "packed.scored.csv", ""), many);
    assert_eq!(scores(&workspace, "again.csv", ""), many, "through Parquet");
    assert_eq!(scores(&workspace, "again.csv", "again_"), many);
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let workspace = accounts();
    let peak = |rows: usize, out: &str| {
        workspace.write("many.csv", many(rows, 1000));
        let words = format!("score model.safetensors many.csv --out {out} --device cpu --json");
        let summary: Value = serde_json::from_str(&workspace.succeed(&words)).unwrap();
        assert_eq!(summary["rows"], rows);
        summary["measured"]["peak_memory_bytes"].as_u64().unwrap()
    };
    // 8 MB, then 80 MB.
    for out in ["scored.csv", "scored.parquet"] {
        let (small, large) = (peak(8_192, out), peak(81_920, out));
        assert!(large < small + 30_000_000, "{out}: {small} then {large} bytes");
    }
}

#[test]
fn the_output_has_the_columns_of_the_input_and_the_scores() {
    let workspace = accounts();
    let summary = workspace.succeed("score model.safetensors rows.csv --out scored.csv");
    assert!(summary.contains("scored.csv: 50 rows"), "{summary}");
    assert!(summary.contains("region: in 1 rows a level that the training rows lack"), "{summary}");
    let (rows, scored) =
        (fixture("model_rows.csv"), fs::read_to_string(workspace.path("scored.csv")).unwrap());
    let rows = String::from_utf8(rows).unwrap();
    assert_eq!(scored.lines().next().unwrap(), format!("{HEADER},{}", SCORES.join(",")));
    for (row, scored) in rows.lines().zip(scored.lines()) {
        assert!(scored.starts_with(&format!("{row},")), "{scored}");
    }
    workspace.write("none.csv", format!("{HEADER}\n"));
    workspace.succeed("score model.safetensors none.csv --out none.scored.csv");
    assert_eq!(fs::read_to_string(workspace.path("none.scored.csv")).unwrap().lines().count(), 1);
    let names = ["experiments", "model.safetensors", "none.csv", "none.scored.csv", "rows.csv", "scored.csv"];
    assert_eq!(workspace.names("."), names.map(str::to_string).into(), "nothing else is left");
}

#[test]
fn what_a_file_says_of_its_model() {
    let workspace = fitted("TARNet");
    assert_eq!(header(&workspace)["trunk.0.weight"]["shape"], serde_json::json!([100, 8]));
    let about = about(&workspace);
    let mut keys: Vec<&str> = about.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let documented = "columns encoder evaluation features fitted id model notes outcome_scale rows scoring spec status valor version";
    assert_eq!(keys.join(" "), documented);
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    let records = workspace.records("results");
    let record = records.values().find(|record| record["id"] == about["id"]).unwrap();
    for key in ["spec", "status", "evaluation", "rows", "notes", "fitted"] {
        assert_eq!(about[key], record[key], "{key}");
    }
}

/// Scoring the committed rows, changed, with the committed model is refused.
fn rows_refused(from: &str, to: &str, parts: &[&str]) {
    let workspace = accounts();
    let rows = String::from_utf8(fixture("model_rows.csv")).unwrap();
    assert!(rows.contains(from), "{from}");
    workspace.write("rows.csv", rows.replacen(from, to, 1));
    workspace.write("scored.csv", "what was there");
    workspace.refuse("score model.safetensors rows.csv --out scored.csv", &[&["rows.csv"], parts].concat());
}

#[test]
fn rows_that_do_not_fit() {
    rows_refused("age", "ages", &["no column 'age'", "did you mean 'ages'?"]);
    rows_refused("id,age", "age,age", &["the column 'age' is there twice"]);
    rows_refused("id", "uplift", &["already has a column 'uplift'", "--prefix"]);
    rows_refused("id", "conversion_treated", &["already has a column 'conversion_treated'"]);
    rows_refused("30.49", "thirty", &["row 3 (the header is row 1), column 'age'", "'thirty'", "finite"]);
    rows_refused("30.49", "inf", &["row 3", "column 'age'", "'inf'"]);
    rows_refused("pro,a1,30.49", "pro,a1", &["row 3", "5 cells", "the header has 6"]);
    rows_refused("free,a0", "fr\u{0}ee,a0,x", &["row 2", "7 cells"]);
    let workspace = accounts();
    let refuse = |words: &str, parts: &[&str]| workspace.refuse(&format!("score {words}"), parts);
    refuse("model.safetensors absent.csv --out s.csv", &["absent.csv", "no such file"]);
    refuse("model.safetensors rows.csv --out s.txt", &["--out s.txt", ".csv, .csv.gz or .parquet"]);
    refuse("model.safetensors model.safetensors --out s.csv", &["'model.safetensors'", ".csv"]);
    refuse("model.safetensors rows.csv --out absent/s.csv", &["--out absent/s.csv", "does not exist"]);
    refuse("model.safetensors rows.csv --out /proc/s.csv", &["--out /proc/s.csv", "cannot be written"]);
    refuse("model.safetensors rows.csv --out rows.csv", &["--out rows.csv", "the file to score"]);
    refuse("model.safetensors rows.csv --out s.csv --device gpu", &["--device gpu", "allowed are"]);
    workspace.write("twice.csv", many(3, 1).replace("id,", "letters,"));
    refuse("model.safetensors twice.csv --out s.parquet", &["'letters' is there twice", ".csv"]);
    workspace.write("empty.csv", "");
    refuse("model.safetensors empty.csv --out s.csv", &["empty.csv is empty"]);
    let packed = gzip(many(3000, 9));
    workspace.write("cut.csv.gz", &packed[..packed.len() / 2]);
    refuse("model.safetensors cut.csv.gz --out s.csv", &["cut.csv.gz", "truncated"]);
}

#[test]
fn files_that_are_no_models() {
    let workspace = accounts();
    let whole = fixture("model.safetensors");
    let refuse = |content: &[u8], parts: &[&str]| {
        workspace.write("bad.safetensors", content);
        workspace.write("scored.csv", "what was there");
        let parts = [&["bad.safetensors"], parts].concat();
        workspace.refuse("score bad.safetensors rows.csv --out scored.csv", &parts);
    };
    refuse(b"", &["is not a model"]);
    refuse(&fixture("model_rows.csv"), &["is not a model", "valor fit"]);
    refuse(&whole[..whole.len() - 1], &["truncated"]);
    refuse(&whole[..1000], &["truncated"]);
    let mut damaged = whole.clone();
    damaged[whole.len() - 10] ^= 1;
    refuse(&damaged, &["is damaged"]);
    let other = br#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    refuse(&[&(other.len() as u64).to_le_bytes()[..], other, &[0; 4]].concat(), &["no model of valor"]);
    let place = whole.windows(12).position(|text| text == br#"\"version\":1"#.split_at(12).0).unwrap();
    let mut newer = whole.clone();
    newer[place + 12] = b'9';
    refuse(&newer, &["written by valor", "version 9", "reads versions 1 to"]);
    workspace
        .refuse("score absent.safetensors rows.csv --out s.csv", &["absent.safetensors", "No such file"]);
    workspace.refuse("score experiments rows.csv --out s.csv", &["experiments cannot be read"]);
}

#[test]
fn a_fit_that_cannot_be() {
    let workspace = Workspace::new();
    workspace.write("model.safetensors", "what was there");
    let refuse = |method: &str, options: &str, parts: &[&str]| {
        let mut command = workspace.command(FIT);
        command.arg(method).args(options.split_whitespace());
        workspace.refuse_command(command, options, parts);
    };
    refuse(
        "TARNett",
        "",
        &["--method 'TARNett'", "allowed are TARNet, VALOR (TARNet)", "did you mean 'TARNet'?"],
    );
    refuse("TARNet", "--dataset mimc", &["--dataset 'mimc'", "did you mean 'mimic'?"]);
    refuse("TARNet", "--set training.epoch=3", &["small.toml", "did you mean 'epochs'?"]);
    refuse("TARNet", "--set training.batch=481", &["training.batch", "480 training rows"]);
    refuse("TARNet", "--device gpu", &["--device gpu"]);
    refuse("TARNet", "--profile quick", &["profile 'quick'"]);
    let out = |out: &str, parts: &[&str]| {
        let words = format!("fit experiments/small.toml --method TARNet --seed 1 --out {out}");
        workspace.refuse(&words, parts);
    };
    out("model.bin", &["--out model.bin", ".safetensors"]);
    out("absent/model.safetensors", &["does not exist"]);
    out("/proc/model.safetensors", &["cannot be written"]);

    let second = "[[dataset]]\nname = \"second\"\nb2b-mimic = { rows = 600, world = 2 }\n\n[grid]";
    workspace.write("experiments/small.toml", EXPERIMENT.replace("[grid]", second));
    refuse("TARNet", "", &["2 datasets", "--dataset: mimic, second"]);
    assert!(fit(&workspace, "TARNet", "--dataset second").status.success());
}

#[test]
fn a_training_that_diverges_writes_nothing() {
    let workspace = Workspace::new();
    workspace.write("model.safetensors", "what was there");
    let before = workspace.snapshot(".");
    let output = fit(&workspace, "TARNet", "--set training.learning-rate=1e30");
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = message.contains("model.safetensors is not written") && message.contains("diverged in epoch");
    assert!(told, "{message}");
    assert!(workspace.snapshot(".") == before);
}

/// Runs with files of at most so many KiB: beyond that, writing fails as on a full disk.
fn on_a_full_disk(workspace: &Workspace, words: &str) {
    let before = workspace.snapshot(".");
    let limited = format!("ulimit -f 2; exec {} {words}", env!("CARGO_BIN_EXE_valor"));
    let mut shell = std::process::Command::new("bash");
    let output = shell.args(["-c", &limited]).current_dir(workspace.path(".")).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        message.contains("--out ")
            && message.contains("cannot be written: ")
            && message.contains("File too large"),
        "{message}"
    );
    assert!(workspace.snapshot(".") == before, "{words}");
}

#[test]
fn a_full_disk_keeps_what_was_there() {
    let workspace = accounts();
    for out in ["scored.csv", "scored.csv.gz", "scored.parquet"] {
        workspace.write(out, "what was there");
        workspace.write("many.csv", many(5000, 20));
        on_a_full_disk(&workspace, &format!("score model.safetensors many.csv --out {out}"));
    }
    let words = "fit experiments/small.toml --method TARNet --seed 1 --out model.safetensors";
    on_a_full_disk(&workspace, words);
}

#[test]
fn a_summary_has_the_documented_keys() {
    let workspace = Workspace::new();
    let keys = |text: &[u8]| {
        let value: Value = serde_json::from_slice(text).unwrap();
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    let output = fit(&workspace, "TARNet", "--json");
    assert_eq!(keys(&output.stdout), "features id inputs method out parameters rows seed status");
    workspace.succeed("data export experiments/small.toml --out rows.csv");
    let printed = workspace.succeed("score model.safetensors rows.csv --out scored.csv --prefix my_ --json");
    assert_eq!(keys(printed.as_bytes()), "measured model out rows scores unseen");
    workspace.write("summary.json", &printed);
    let summary = json(&workspace.path("summary.json"));
    assert_eq!(
        summary["scores"],
        serde_json::json!(["my_uplift", "my_expected_control", "my_expected_treated"])
    );
    assert_eq!(
        keys(summary["measured"].to_string().as_bytes()),
        "device peak_memory_bytes rows_per_second seconds"
    );
}
