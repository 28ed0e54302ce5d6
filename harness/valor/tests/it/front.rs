//! Columns through embeddings and attention: runs, kept models and raw rows, identities, and what is refused.

use crate::models::columns;
use crate::workspace::Workspace;
use std::fmt::Write as _;
use valor_runs::spec;
use valor_runs::store::Store;

const TABLE: &str = r#"
seeds = [1, 2]
metrics = ["gini"]

[[dataset]]
name = "customers"

[dataset.table]
path = "rows.csv"
outcome = "spent"
numeric = ["x", "w1", "w2", "w3"]
categorical = ["shop"]
sequence = [["w1", "w2", "w3"]]

[model]
trunk = [9]
heads = [7]

[training]
epochs = 2
batch = 50
"#;
const METHODS: &str = r#"
[grid]
backbones = ["mlp"]
components = [[], ["embedding"], ["sequence"], ["ziln", "embedding", "sequence"]]
"#;
const RUN: &str = "run experiments/small.toml --results results --device cpu";

/// Customers of shops of which some are rare; in some rows there is none.
fn workspace() -> Workspace {
    let workspace = Workspace::with(&format!("{TABLE}{METHODS}"));
    let mut rows = "x,w1,w2,w3,shop,spent\n".to_string();
    for row in 0..500_u32 {
        let shop = match row % 9 {
            0 => String::new(),
            1 => format!("rare{}", row % 80),
            other => format!("shop{}", other % 4),
        };
        let weeks = [row % 3, row % 5, row * 7 % 4];
        let spent = if row % 2 == 0 { 0 } else { 5 + row % 9 * (weeks[2] + 1) };
        writeln!(rows, "{},{},{},{},{shop},{spent}", row % 13, weeks[0], weeks[1], weeks[2]).unwrap();
    }
    workspace.write("experiments/rows.csv", rows);
    workspace
}

/// Of a stack of two seeds the second is what it is alone in a model, and raw rows get the bits that the run predicted.
#[test]
fn models_score_raw_rows_as_their_runs_predicted() {
    let workspace = workspace();
    workspace.succeed(RUN);
    let reader = Store::new(&workspace.path("results")).reader().unwrap();
    for method in ["MLP", "MLP +embedding", "MLP +sequence", "MLP +ziln+embedding+sequence"] {
        let fit = "fit experiments/small.toml --seed 2 --device cpu --out model.safetensors --method";
        let output = workspace.command(fit).arg(method).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{method}: {output:?}");
        let score = "score model.safetensors experiments/rows.csv --out scored.csv --device cpu --json";
        let summary: serde_json::Value = serde_json::from_str(&workspace.succeed(score)).unwrap();
        let run = reader.run(summary["model"].as_str().unwrap()).unwrap().unwrap();
        let scored: Vec<u32> =
            columns(&workspace, "scored.csv")["value"].iter().map(|cell| bits(cell)).collect();
        let found: Vec<u32> = run.rows.row.iter().map(|&row| scored[row as usize]).collect();
        let expected = run.predictions.unwrap().into_scores().remove(0);
        let expected: Vec<u32> = expected.iter().map(|value| value.to_bits()).collect();
        assert!(!found.is_empty() && found == expected, "{method}");
    }
}

fn bits(cell: &str) -> u32 {
    cell.parse::<f32>().unwrap().to_bits()
}

/// Ids of the runs with one seed, method by method.
fn ids(workspace: &Workspace) -> Vec<String> {
    let experiment = spec::load(&workspace.path("experiments/small.toml"), None, &[]).unwrap();
    experiment.cells().map(|cell| experiment.run(cell, 42).id()).collect()
}

#[test]
fn a_sequence_is_part_of_the_identity_of_those_alone_who_ask() {
    let workspace = workspace();
    let with = |sequence: &str| {
        let declared = "sequence = [[\"w1\", \"w2\", \"w3\"]]\n";
        let text = format!("{TABLE}{METHODS}");
        assert!(text.contains(declared));
        workspace.write("experiments/small.toml", text.replace(declared, sequence));
        ids(&workspace)
    };
    let (none, one) = (with(""), with("sequence = [[\"w1\", \"w2\", \"w3\"]]\n"));
    let other = with("sequence = [[\"w2\", \"w1\", \"w3\"]]\n");
    assert_eq!((&none[..2], &one[..2]), (&one[..2], &other[..2]));
    for method in [2, 3] {
        assert!(none[method] != one[method] && one[method] != other[method]);
    }
}

#[test]
fn what_columns_cannot_be_is_refused_by_the_key() {
    let workspace = workspace();
    let refuse = |set: &str, parts: &[&str]| workspace.refuse(&format!("{RUN} --set {set}"), parts);
    let columns = "model.embedding.columns";
    refuse("model.embedding.columns=['x']", &["rows.csv", columns, "'x' is numeric", "shop"]);
    refuse("model.embedding.columns=['shp']", &[columns, "'shp' is no column", "did you mean 'shop'?"]);
    refuse("model.embedding.width=0", &["model.embedding.width: found 0", "1 to 1024"]);
    refuse("model.embedding.widht=3", &["widht", "did you mean 'width'?"]);
    refuse("model.sequence.width=0", &["model.sequence.width: found 0", "1 to 1024"]);
    let table = "dataset.0.table.sequence";
    refuse(&format!("{table}=[]"), &["rows.csv", "component 'sequence'", "the data have no sequence"]);
    refuse(&format!("{table}=[['w1','w9']]"), &["sequence", "'w9' is not among"]);
    refuse(&format!("{table}=[['w1','shop']]"), &["sequence", "'shop' is categorical"]);
    refuse(&format!("{table}=[['w1','w2'],['w2','w3']]"), &["'w2' stands there twice"]);
}
