//! Bad input ends with exit code 2 and a message that names file, key, row or column, and changes no results.

use crate::workspace::{EXPERIMENT, Workspace};
use std::io::Write;

const RUN: &str = "run experiments/small.toml --results results";

/// The small experiment with one text replaced.
fn changed(from: &str, to: &str) -> Workspace {
    assert!(EXPERIMENT.contains(from));
    Workspace::with(&EXPERIMENT.replacen(from, to, 1))
}

/// The small experiment with one text replaced is refused.
fn refused(from: &str, to: &str, parts: &[&str]) {
    let parts: Vec<&str> = ["small.toml"].into_iter().chain(parts.iter().copied()).collect();
    changed(from, to).refuse(RUN, &parts);
}

#[test]
fn unknown_keys_and_names() {
    refused("epochs = 2", "epoch = 2", &["line 19", "'epoch'", "did you mean 'epochs'?"]);
    refused("[training]", "[trainings]", &["line 18", "'trainings'", "did you mean 'training'?"]);
    refused("rows = 600", "row = 600", &["line 8", "'row'", "did you mean 'rows'?"]);
    refused("\"focal\"", "\"vocal\"", &["'vocal'", "did you mean 'focal'?"]);
    refused("\"tarnet\"", "\"tarnett\"", &["'tarnett'", "did you mean 'tarnet'?"]);
    refused("\"krcc\"", "\"krc\"", &["'krc'", "did you mean 'krcc'?"]);
    Workspace::new()
        .refuse(&format!("{RUN} --profile quik"), &["small.toml", "profile 'quik' is not defined"]);
    Workspace::new()
        .refuse(&format!("{RUN} --set training.epoch=3"), &["training.epoch=3", "did you mean 'epochs'?"]);
    Workspace::new().refuse(&format!("{RUN} --nope"), &["--nope"]);
}

#[test]
fn values_out_of_range() {
    refused("epochs = 2", "epochs = 0", &["epochs", "0"]);
    refused("epochs = 2", "epochs = \"two\"", &["line 19", "two"]);
    refused("rows = 600", "rows = 0", &["rows", "0"]);
    refused("trunk = [8]", "trunk = [0]", &["trunk", "0"]);
    refused("[1, 2]", "[]", &["seeds", "empty"]);
    refused("[1, 2]", "[1, 1]", &["seeds", "'1'", "twice"]);
}

#[test]
fn impossible_combinations() {
    let log_ratio = "[model]\nranking = { score = \"log-ratio\" }";
    let workspace = changed("[model]", log_ratio);
    workspace.refuse(&format!("{RUN} --set grid.components=[['wr']]"), &["small.toml", "log-ratio", "ziln"]);
    refused("[[], ", "[[\"focal\"], ", &["'focal'", "'ziln'"]);
    refused("batch = 64", "batch = 481", &["batch", "481", "480"]);
    Workspace::new().refuse(&format!("{RUN} --device cuda:99"), &["cuda:99"]);
    Workspace::new().refuse(&format!("{RUN} --device gpu"), &["gpu"]);
}

#[test]
fn experiment_files_that_cannot_be_read() {
    Workspace::new().refuse("run experiments/absent.toml --results results", &["experiments/absent.toml"]);
    Workspace::with("").refuse(RUN, &["small.toml"]);
    Workspace::with("question = \"cut").refuse(RUN, &["small.toml", "line 1"]);
    let workspace = Workspace::new();
    workspace.write("experiments/small.toml", b"question = \"\xff\"");
    workspace.refuse(RUN, &["small.toml", "UTF-8"]);
}

#[test]
fn a_results_folder_that_cannot_be_written() {
    let workspace = Workspace::new();
    workspace.write("results", "a file, not a folder");
    workspace.refuse(RUN, &["results", "cannot be written"]);
}

#[test]
fn bad_input_loses_nothing() {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    assert_eq!(workspace.records("results").len(), 4);
    workspace.refuse(&format!("{RUN} --set training.batch=481"), &["batch"]);
    workspace.refuse(&format!("{RUN} --set dataset.0.b2b-mimic.rows=0"), &["rows"]);
}

/// 200 good rows: an identifier, a number, a letter, treatment, outcome.
fn table() -> String {
    let row = |i: usize| {
        let outcome = if i.is_multiple_of(3) { i as f64 / 10.0 } else { 0.0 };
        format!("{i},{},{},{},{outcome}\n", (i * 7) % 11, ["a", "b"][i % 2], ["mail", "none"][(i / 2) % 2])
    };
    let rows: String = (0..200).map(row).collect();
    format!("id,size,kind,segment,spend\n{rows}")
}

/// The small experiment on `data.csv`.
fn on_table(name: &str, content: impl AsRef<[u8]>) -> Workspace {
    let source = format!(
        "[dataset.table]\npath = \"{name}\"\ntreatment = \"segment\"\ntreated = [\"mail\"]\ncontrol = [\"none\"]\n\
         outcome = \"spend\"\nnumeric = [\"size\"]\ncategorical = [\"kind\"]\n"
    );
    let experiment =
        EXPERIMENT.replacen("b2b-mimic = { rows = 600 }\n", &source, 1).replacen("\"krcc\"", "\"qini\"", 1);
    let workspace = Workspace::with(&experiment);
    workspace.write(&format!("experiments/{name}"), content);
    workspace
}

/// The good rows with one text replaced are refused.
fn rows_refused(from: &str, to: &str, parts: &[&str]) {
    let good = table();
    assert!(good.contains(from), "{from}");
    let parts: Vec<&str> = ["data.csv"].into_iter().chain(parts.iter().copied()).collect();
    on_table("data.csv", good.replacen(from, to, 1)).refuse(RUN, &parts);
}

#[test]
fn good_rows_are_taken() {
    on_table("data.csv", table()).succeed(RUN);
}

#[test]
fn columns_missing_or_twice() {
    rows_refused("id,size,", "id,sise,", &["no column 'size'", "did you mean 'sise'?"]);
    rows_refused("id,size,", "size,size,", &["'size'"]);
    let workspace = on_table("data.csv", table());
    workspace.refuse(
        &format!("{RUN} --set dataset.0.table.outcome=spent"),
        &["data.csv", "no column 'spent'", "'spend'"],
    );
}

#[test]
fn cells_that_are_no_numbers() {
    let cell = "\n4,6,a,mail,0\n";
    rows_refused(cell, "\n4,many,a,mail,0\n", &["row 6", "column 'size'", "many"]);
    rows_refused(cell, "\n4,inf,a,mail,0\n", &["row 6", "column 'size'", "inf"]);
    rows_refused(cell, "\n4,6,a,mail,NaN\n", &["row 6", "column 'spend'", "NaN"]);
    rows_refused(cell, "\n4,6,a,mail,\n", &["row 6", "column 'spend'"]);
    rows_refused(cell, "\n4,6,a\n", &["row 6"]);
}

#[test]
fn outcomes_that_a_method_cannot_learn_from() {
    rows_refused("\n4,6,a,mail,0\n", "\n4,6,a,mail,-3\n", &["small.toml", "row 5", "outcomes", "-3", "ziln"]);
    let zeros =
        table().lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned() + ",0\n").collect::<String>();
    on_table("data.csv", zeros.replacen(",0\n", ",spend\n", 1))
        .refuse(RUN, &["data.csv", "positive", "'spend'"]);
}

#[test]
fn arms_undeclared_or_empty() {
    rows_refused("\n4,6,a,mail,0\n", "\n4,6,a,post,0\n", &["row 6", "column 'segment'", "'post'"]);
    on_table("data.csv", table().replace("mail", "none"))
        .refuse(RUN, &["data.csv", "treated arm is empty", "segment"]);
}

#[test]
fn files_empty_truncated_or_not_text() {
    on_table("data.csv", "").refuse(RUN, &["data.csv", "empty"]);
    on_table("data.csv", "id,size,kind,segment,spend\n").refuse(RUN, &["data.csv", "no rows"]);
    let good = table().into_bytes();
    let (head, tail) = good.split_at(60);
    on_table("data.csv", [head, b"\xff", tail].concat()).refuse(RUN, &["data.csv", "UTF-8"]);

    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(&good).unwrap();
    let packed = packer.finish().unwrap();
    on_table("data.csv.gz", &packed).succeed(RUN);
    on_table("data.csv.gz", &packed[..packed.len() / 2]).refuse(RUN, &["data.csv.gz", "truncated"]);
    on_table("data.parquet", b"PAR1 and then nothing").refuse(RUN, &["data.parquet", "Parquet"]);
    on_table("absent/../data.csv", "").refuse("plan experiments/small.toml", &["data.csv"]);
}

#[test]
fn scores_that_cannot_be_judged() {
    let good = "s,t,y\n0.3,1,2\n0.2,0,0\n0.1,1,0\n0.4,0,1\n";
    let judge = |from: &str, to: &str, options: &str, parts: &[&str]| {
        let workspace = Workspace::new();
        workspace.write("scores.csv", good.replacen(from, to, 1));
        let words = format!("metrics scores.csv --score s --treatment t --outcome y --json {options}");
        workspace.refuse(&words, parts);
    };
    judge("s,t,y", "score,t,y", "", &["scores.csv", "'s'"]);
    judge("s,t,y", "s,s,y", "", &["scores.csv", "'s'"]);
    judge("0.2,0,0", "high,0,0", "", &["scores.csv", "line 3", "'s'", "high"]);
    judge("0.2,0,0", "NaN,0,0", "", &["scores.csv", "line 3", "'s'"]);
    judge("0.2,0,0", "0.2,0,inf", "", &["scores.csv", "line 3", "'y'", "inf"]);
    judge("0.2,0,0", "0.2,2,0", "", &["scores.csv", "line 3", "'t'", "2"]);
    judge("0.2,0,0\n0.1,1,0\n0.4,0,1", "0.2,1,0", "", &["scores.csv", "control"]);
    judge(good, "", "", &["scores.csv", "empty"]);
    judge(good, good, "--effect tau", &["scores.csv", "'tau'"]);
    judge(good, good, "--propensity 1.5", &["propensity", "1.5"]);
}
