//! What the documents show is what stands in the code, and their experiments run.

use crate::workspace::{Workspace, json};
use std::fs;
use std::path::Path;
use valor::objectives::TermKind;

const RUN: &str = "run experiments/small.toml --results results --set rows=600 --set seeds=1 --set training.epochs=1 --set \
                   training.batch=64 --set model.trunk=[8] --set model.heads=[4]";

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Blocks of code in a language, from fences at the start of a line.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let parts = document.split("\n```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

#[test]
fn the_new_loss_is_the_one_that_is_registered() {
    let guide = read("docs/new-loss.md");
    assert_eq!(blocks(&guide, "rust"), [read("harness/src/objectives/poisson.rs").trim_end()]);
    let lines = [
        ("harness/src/objectives/mod.rs", "mod poisson;\n"),
        ("harness/src/objectives/registry.rs", "Poisson(super::poisson::PoissonSpec) = \"poisson\",\n"),
    ];
    for (path, line) in lines {
        assert!(guide.contains(line) && read(path).contains(line), "{path}: {line}");
    }
    assert!(TermKind::NAMES.contains(&"poisson"));
}

#[test]
fn the_experiment_of_the_new_loss_runs() {
    let guide = read("docs/new-loss.md");
    let workspace = Workspace::with(blocks(&guide, "toml")[0]);
    workspace.succeed(RUN);
    workspace.succeed(
        "report experiments/small.toml --results results --out reports --set rows=600 --set seeds=1 --set \
                       training.epochs=1 --set training.batch=64 --set model.trunk=[8] --set model.heads=[4]",
    );
    let summary = json(&workspace.path("reports/summary.json"));
    let cells = summary["cells"].as_array().unwrap();
    assert!(cells.iter().all(|cell| cell["status"] == "complete"), "{cells:#?}");
    for method in ["TARNet squared error", "TARNet poisson", "DragonNet poisson"] {
        assert!(cells.iter().any(|cell| cell["method"] == method), "{method}: {cells:#?}");
        let table = fs::read_to_string(workspace.path("reports/table.md")).unwrap();
        assert!(table.contains(method), "{table}");
    }
}

#[test]
fn complete_examples_are_understood() {
    let format = read("FORMAT.md");
    let examples = blocks(&format, "toml");
    assert!(examples.len() >= 2, "blocks marked as toml are complete files");
    for example in examples {
        let workspace = Workspace::with(example);
        let plan = workspace.succeed("plan experiments/small.toml --results results --set rows=600");
        assert!(plan.contains("missing"), "{plan}");
    }
}

#[test]
fn every_term_stands_in_the_documents() {
    let documents = ["METHODS.md", "FORMAT.md"].map(|path| (path, read(path)));
    for name in TermKind::NAMES {
        for (path, text) in &documents {
            assert!(text.contains(&format!("| `{name}` |")), "{path} has no row for {name}");
        }
    }
}
