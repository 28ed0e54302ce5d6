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
    let format = read("docs/reference/experiments.md");
    let examples = blocks(&format, "toml");
    assert!(examples.len() >= 2, "blocks marked as toml are complete files");
    for example in examples {
        let workspace = Workspace::with(example);
        let plan = workspace.succeed("plan experiments/small.toml --results results --set rows=600");
        assert!(plan.contains("missing"), "{plan}");
    }
}

/// The lines of the README's tour, as they are typed.
fn tour(readme: &str) -> Vec<String> {
    let tour = readme.split("\n## Tour\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let lines = tour.lines().filter_map(|line| line.strip_prefix("    valor "));
    lines.map(|line| format!("valor {}", line.split("  #").next().unwrap().trim_end())).collect()
}

#[test]
fn the_tour_of_the_readme_runs_as_written() {
    let workspace = Workspace::new();
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments");
    for entry in fs::read_dir(experiments).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        workspace.write(&format!("experiments/{name}"), fs::read(&path).unwrap());
    }
    fs::remove_file(workspace.path("experiments/small.toml")).unwrap();
    let lines = tour(&read("README.md"));
    assert!(lines.len() > 15, "{lines:?}");
    for verb in
        ["plan", "run", "status", "report", "compare", "fit", "score", "explain", "metrics", "data", "gc"]
    {
        assert!(lines.iter().any(|line| line.starts_with(&format!("valor {verb}"))), "the tour lacks {verb}");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_valor")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    for line in lines {
        let mut shell = std::process::Command::new("bash");
        let shell = shell.args(["-c", &line]).current_dir(workspace.path(".")).env("PATH", &path);
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }
    let made = ["reports/smoke/full/index.html", "reports/index.html", "scores.csv", "why/index.html"];
    assert!(made.iter().all(|file| workspace.path(file).is_file()), "{made:?}");
}

#[test]
fn every_term_stands_in_the_documents() {
    let documents =
        ["docs/methods/objectives.md", "docs/reference/experiments.md"].map(|path| (path, read(path)));
    for name in TermKind::NAMES {
        for (path, text) in &documents {
            assert!(text.contains(&format!("| `{name}` |")), "{path} has no row for {name}");
        }
    }
}
