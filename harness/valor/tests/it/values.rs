//! What is lost of values on the way is said, by name and count, wherever someone looks; what is the same is taken as the same.

use crate::workspace::{Workspace, gzip};
use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::fs;
use std::process::Output;
use std::sync::Arc;

/// Two methods on a table of accounts.
fn experiment(file: &str, features: &str) -> String {
    format!(
        r#"
question = "What is lost?"
seeds = 1
metrics = ["auuc"]

[[dataset]]
name = "accounts"

[dataset.table]
path = "../{file}"
treatment = "called"
treated = [true]
control = [false]
outcome = "spent"
propensity = 0.5
{features}

[[method]]
backbone = "uplift-tree"

[[method]]
backbone = "ziln-forest"
model.ziln-forest.trees = 4

[[method]]
backbone = "tarnet"

[model]
trunk = [8]
heads = [4]

[training]
epochs = 1
batch = 64
"#
    )
}

/// 1,500 rows of 400 shops: the first by name are the rarest. Days in January and February, as numbers.
fn shops() -> String {
    let line = |row: usize| {
        let shop = 399 - (row * 7919 % 1500) * (row * 104_729 % 1500) / 5640;
        let (called, day) = ((row * 31 % 7).is_multiple_of(2), 20_240_101 + row % 31 + 100 * (row % 2));
        let spent =
            if row.is_multiple_of(3) { 0 } else { 5 + row % 11 + 4 * usize::from(called) * (shop % 2) };
        format!("s{shop:03},{day},{},{called},{spent}\n", row % 17)
    };
    format!("shop,day,x,called,spent\n{}", (0..1500).map(line).collect::<String>())
}

fn errors(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const MERGED: [&str; 3] = ["column 'day'", "different numbers beyond 16,777,216", "in 32 bits"];
const POOLED: [&str; 3] = ["column 'shop': trees tell 254 levels apart", "rarest", "pooled into one"];

fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        // Pages write an apostrophe as an entity.
        let said = text.contains(word) || text.contains(&word.replace('\'', "&#39;"));
        assert!(said, "'{word}' is not in: {text}");
    }
}

#[test]
fn numbers_that_merge_and_levels_that_are_pooled_are_said_wherever_someone_looks() {
    let features = "numeric = ['day', 'x']\ncategorical = ['shop']";
    let workspace = Workspace::with(&experiment("shops.csv", features));
    workspace.write("shops.csv", shops());
    let described = workspace.succeed("data describe experiments/small.toml");
    assert_says(&described, &[MERGED, POOLED].concat());
    let fit = |method: &str, out: &str| {
        let words = format!("fit experiments/small.toml --seed 1 --device cpu --out {out} --method");
        errors(&workspace.command(&words).arg(method).output().unwrap())
    };
    assert_says(&fit("ZILN-Tree", "forest.safetensors"), &[MERGED, POOLED].concat());
    let of_network = fit("TARNet", "network.safetensors");
    assert_says(&of_network, &MERGED);
    assert!(!of_network.contains("pooled"), "a network has a column per level: {of_network}");
    let explained = workspace.valor("explain forest.safetensors shops.csv --out why");
    assert_says(&errors(&explained), &[MERGED, POOLED].concat());
    let page = fs::read_to_string(workspace.path("why/index.html")).unwrap().replace("&#x27;", "'");
    assert_says(&page, &[MERGED, POOLED].concat());
    workspace.succeed("run experiments/small.toml --workers 1 --device cpu");
    workspace.succeed("report experiments/small.toml");
    let page = fs::read_to_string(workspace.path("reports/small/full/index.html")).unwrap();
    assert_says(&page.replace("&#x27;", "'"), &[MERGED, POOLED].concat());
}

#[test]
fn neighbouring_cuts_of_a_printed_tree_are_told_apart() {
    let workspace = Workspace::with(&experiment("days.csv", "numeric = ['day']"));
    let line = |row: usize| {
        let (called, day) = (row.is_multiple_of(2), 20_240_100 + 2 * (row / 2 % 4));
        let spent = 5 + usize::from(called) * (row / 2 % 4) * 20 + row % 5;
        format!("{day},{called},{spent}\n")
    };
    workspace.write("days.csv", format!("day,called,spent\n{}", (0..4000).map(line).collect::<String>()));
    let words =
        "fit experiments/small.toml --seed 1 --device cpu --out forest.safetensors --method ZILN-Tree";
    workspace.succeed(words);
    let tree = workspace.succeed("explain forest.safetensors --tree 1");
    let cuts: Vec<&str> =
        tree.lines().filter_map(|line| line.split("\u{2264} ").nth(1)?.split(':').next()).collect();
    assert!(cuts.len() > 1, "{tree}");
    for (place, cut) in cuts.iter().enumerate() {
        let number = cut.split(' ').next().unwrap().parse::<f64>().unwrap();
        assert!((20_240_100.0..20_240_106.0).contains(&number), "{tree}");
        assert!(!cuts[..place].contains(cut), "{tree}");
    }
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// The last three columns of a file of scores.
fn scores(workspace: &Workspace, model: &str, data: &str) -> Vec<String> {
    workspace.succeed(&format!("score {model} {data} --out scores.csv --device cpu"));
    let text = fs::read_to_string(workspace.path("scores.csv")).unwrap();
    text.lines().skip(1).map(|line| line.rsplitn(4, ',').take(3).collect::<Vec<_>>().join(",")).collect()
}

#[test]
fn the_same_table_in_every_format_gives_the_same_model_and_the_same_scores() {
    let rows = 0..200_i64;
    let truth = |row: i64| row * 7 % 5 < 2;
    let (plan, x, spent) =
        (|row: i64| row % 3, |row: i64| (row % 13) as f64 * 0.1, |row: i64| row * row % 17);
    let text = |row: i64| {
        let spelled = if truth(row) { "True" } else { "False" };
        let called = if row % 2 == 0 { "TRUE" } else { "FALSE" };
        format!("{called},{}.0,{},{spelled},{spelled},{}\n", plan(row), x(row), spent(row))
    };
    let csv = format!("called,plan,x,vip,kind,spent\n{}", rows.clone().map(text).collect::<String>());
    let truths =
        || -> ArrayRef { Arc::new(rows.clone().map(|row| Some(truth(row))).collect::<BooleanArray>()) };
    let packed = parquet(vec![
        ("called", Arc::new(rows.clone().map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        ("plan", Arc::new(Int64Array::from_iter_values(rows.clone().map(plan)))),
        ("x", Arc::new(Float64Array::from_iter_values(rows.clone().map(x)))),
        ("vip", truths()),
        ("kind", truths()),
        (
            "spent",
            Arc::new(StringArray::from_iter_values(rows.clone().map(|row| format!("{}.00", spent(row))))),
        ),
    ]);
    let features = "numeric = ['x', 'vip']\ncategorical = ['kind', 'plan']";
    let files = [("t.csv", csv.clone().into_bytes()), ("t.csv.gz", gzip(&csv)), ("t.parquet", packed)];
    for method in ["TARNet", "ZILN-Tree"] {
        let mut found: Vec<Vec<String>> = Vec::new();
        for (file, content) in &files {
            let workspace = Workspace::with(&experiment(file, features));
            files.iter().for_each(|(file, content)| workspace.write(file, content));
            assert!(!content.is_empty());
            let words = "fit experiments/small.toml --seed 1 --device cpu --out model.safetensors --method";
            errors(&workspace.command(words).arg(method).output().unwrap());
            found.extend(files.iter().map(|(data, _)| scores(&workspace, "model.safetensors", data)));
        }
        assert_eq!(found[0].len(), 200);
        for (place, scores) in found.iter().enumerate() {
            assert_eq!(*scores, found[0], "{method}: {place}");
        }
    }
}
