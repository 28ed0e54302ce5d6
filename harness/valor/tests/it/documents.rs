//! What the documents show is what stands in the code, and their experiments run.

use crate::workspace::{Workspace, json};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use valor_base::question::Question;
use valor_learn::learner::catalog::{self, HeadKey};
use valor_learn::objectives::TermKind;
use valor_stats::metrics::of_question;

const RUN: &str = "run experiments/small.toml --results results --set rows=600 --set seeds=1 --set training.epochs=1 --set \
                   training.batch=64 --set model.trunk=[8] --set model.heads=[4]";

/// The checkout.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the checkout.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn fixture(name: &str) -> String {
    read(&format!("harness/fixtures/{name}"))
}

/// Blocks of code in a language, from fences at the start of a line.
fn blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let parts = document.split("\n```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

#[test]
fn the_new_loss_is_the_one_that_is_registered() {
    let guide = read("docs/new-loss.md");
    assert_eq!(blocks(&guide, "rust"), [read("harness/learn/src/objectives/poisson.rs").trim_end()]);
    let lines = [
        ("harness/learn/src/objectives/mod.rs", "mod poisson;\n"),
        ("harness/learn/src/objectives/registry.rs", "Poisson(super::poisson::PoissonSpec) = \"poisson\",\n"),
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
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
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

/// Folders and files of the checkout in which people write; what is built or trained stands elsewhere.
const WRITTEN: &[&str] = &[
    "docs",
    "experiments",
    "harness",
    "reports",
    "scripts",
    "results/published/README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "README.md",
    "Makefile",
];

/// All written files below a path that end so.
fn written(path: &Path, endings: &[&str], files: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            written(&entry.unwrap().path(), endings, files);
        }
    } else if endings.iter().any(|ending| path.to_str().unwrap().ends_with(ending)) {
        files.push(path.to_path_buf());
    }
}

fn all_written(endings: &[&str]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in WRITTEN {
        written(&root().join(path), endings, &mut files);
    }
    files.sort();
    files
}

/// The name of a heading in links, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |letter: char| letter.is_alphanumeric() || "-_ ".contains(letter);
    heading.to_lowercase().chars().filter(|letter| kept(*letter)).collect::<String>().replace(' ', "-")
}

/// Headings of a document by the names that links have for them.
fn anchors(document: &str) -> Vec<String> {
    let mut code = false;
    let mut found = Vec::new();
    for line in document.lines() {
        code ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if !code && heading.len() < line.len() && heading.starts_with(' ') {
            found.push(anchor(heading.trim()));
        }
    }
    found
}

/// Where the links of a document lead.
fn links(document: &str) -> impl Iterator<Item = &str> {
    document.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link)
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let mut checked = 0;
    for path in all_written(&[".md"]) {
        let document = fs::read_to_string(&path).unwrap();
        for link in links(&document).filter(|link| !link.starts_with("https://")) {
            let (file, place) =
                link.split_once('#').map_or((link, None), |(file, place)| (file, Some(place)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link} leads nowhere", path.display());
            if let Some(place) = place {
                let headings = anchors(&fs::read_to_string(&target).unwrap());
                assert!(
                    headings.iter().any(|heading| heading == place),
                    "{}: {link}: {headings:?}",
                    path.display()
                );
            }
            checked += 1;
        }
    }
    assert!(checked > 100, "only {checked} links were found");
}

#[test]
fn nothing_names_documents_that_are_gone() {
    // Spelled in two parts, because this file is looked at too.
    let gone = [concat!("METHODS", ".md"), concat!("FORMAT", ".md")];
    for path in all_written(&[".md", ".rs", ".py", ".sh", ".toml", ".html", "Makefile"]) {
        let text = fs::read_to_string(&path).unwrap();
        for name in gone {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

/// Words of a document that end in `.rs`: files, as documents name them.
fn sources(document: &str) -> impl Iterator<Item = &str> {
    let in_path = |letter: char| letter.is_alphanumeric() || "_-/.".contains(letter);
    document.split(move |letter: char| !in_path(letter)).filter(|word| word.ends_with(".rs"))
}

/// A file is named from its room: `nets/tarnet.rs` is `harness/learn/src/nets/tarnet.rs`.
#[test]
fn files_that_documents_name_are_there() {
    let there = all_written(&[".rs"]).into_iter();
    let there: Vec<String> = there.map(|path| path.to_str().unwrap().replace("/src/", "/")).collect();
    let mut documents = vec![root().join("ARCHITECTURE.md")];
    written(&root().join("docs"), &[".md"], &mut documents);
    for path in documents {
        for source in sources(&fs::read_to_string(&path).unwrap()) {
            let end = format!("/{}", source.replace("/src/", "/"));
            assert!(
                there.iter().any(|file| file.ends_with(&end)),
                "{}: {source} is not there",
                path.display()
            );
        }
    }
}

#[test]
fn the_readme_is_a_page() {
    let readme = read("README.md");
    assert!(readme.lines().count() <= 80, "{} lines", readme.lines().count());
    let long: Vec<&str> = readme.lines().filter(|line| line.chars().count() > 180).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The page of the published reports is what their summaries say.
#[test]
fn the_published_page_is_written_from_the_summaries() {
    let script = root().join("scripts/published.py");
    let python = std::process::Command::new("python3").arg(&script).arg("--check").output();
    let Ok(output) = python else { return eprintln!("skipped: there is no python3") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_term_stands_in_the_documents() {
    for path in ["docs/methods/objectives.md", "docs/reference/experiments.md"] {
        let text = read(path);
        for name in TermKind::NAMES {
            assert!(text.contains(&format!("| `{name}` |")), "{path} has no row for {name}");
        }
    }
}

/// Metrics whose values no fixture holds, and why.
const METRICS_WITHOUT_FIXTURE: &[(&str, &str)] = &[
    ("coverage", "a share, in stats/metrics/intervals.rs"),
    ("coverage.gap", "the same less a constant"),
    ("coverage.total", "cohorts by rank are ours, in stats/metrics/intervals.rs"),
    ("interval.width", "a mean, in stats/metrics/intervals.rs"),
];

/// What fixtures hold of the metrics of a question: a value by name, per case.
fn cases(question: Question) -> Vec<Value> {
    match question {
        Question::Uplift => {
            let cases: Vec<Value> = serde_json::from_str(&fixture("metrics.json")).unwrap();
            cases.into_iter().map(|case| case["expected"].clone()).collect()
        }
        Question::Value => {
            let found: Value = serde_json::from_str(&fixture("value_metrics.json")).unwrap();
            let cases = found["cases"].as_array().unwrap();
            cases.iter().map(|case| case["expected"].clone()).collect()
        }
    }
}

#[test]
fn every_metric_stands_in_documents_and_fixtures() {
    let (methods, reference) = (read("docs/methods/metrics.md"), read("docs/reference/command-line.md"));
    for (question, words) in [(Question::Uplift, "Keys: `"), (Question::Value, "Keys without a treatment: `")]
    {
        let cases = cases(question);
        let keys = reference.split(words).nth(1).unwrap().split("`.").next().unwrap();
        let keys: Vec<&str> = keys.split_whitespace().collect();
        for metric in of_question(question) {
            let name = metric.name;
            assert!(methods.contains(&format!("`{name}`")), "docs/methods/metrics.md lacks {name}");
            assert!(
                keys.contains(&name),
                "docs/reference/command-line.md: `valor metrics --json` lacks {name}"
            );
            let excused = METRICS_WITHOUT_FIXTURE.iter().any(|(excused, _)| *excused == name);
            let held = cases.iter().any(|case| !case[name].is_null());
            assert!(held != excused, "fixtures and {name}: held {held}, excused {excused}");
        }
        for key in keys {
            let known = of_question(question).any(|metric| metric.name == key);
            assert!(known, "{key} in the reference is no metric of {}", question.rows());
        }
    }
}

#[test]
fn every_backbone_and_method_of_trees_stands_in_documents_and_fixtures() {
    let (networks, trees) = (read("docs/methods/networks.md"), read("docs/methods/trees.md"));
    let (reference, models) = (read("docs/reference/experiments.md"), read("docs/reference/models.md"));
    let files = ["networks.json", "buckets.json", "values.json", "towers.json"].map(fixture);
    let files = files.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let cases: Vec<&Value> =
        files.iter().flat_map(|file| file["cases"].as_object().unwrap().values()).collect();
    for row in catalog::BACKBONES.iter().chain(&catalog::ONE_ARM) {
        let (key, name) = (row.key, row.name);
        assert!(
            networks.contains(&format!("| `{key}` | {name} |")),
            "docs/methods/networks.md: no row for {key}"
        );
        assert!(reference.contains(&format!("`\"{key}\"`")), "docs/reference/experiments.md lacks {key}");
        assert!(
            cases.iter().any(|case| case["method"]["backbone"] == key),
            "no fixture of networks has a case of {key}"
        );
    }
    for row in catalog::TREES.iter().chain(&catalog::ONE_ARM_TREES) {
        let key = row.key;
        assert!(trees.contains(&format!("\n## {key}\n")), "docs/methods/trees.md: no section {key}");
        assert!(reference.contains(&format!("`\"{key}\"`")), "docs/reference/experiments.md lacks {key}");
        assert!(models.contains(&format!("({key})")), "docs/reference/models.md: no answer of {key}");
    }
    let ltv = read("docs/methods/ltv.md");
    for row in &catalog::PURCHASES {
        let (key, name) = (row.key, row.name);
        assert!(ltv.contains(&format!("key `{key}`, in tables {name}")), "docs/methods/ltv.md lacks {key}");
        assert!(reference.contains(&format!("`\"{key}\"`")), "docs/reference/experiments.md lacks {key}");
        assert!(models.contains(&format!("Of a {key}: ")), "docs/reference/models.md: no answer of {key}");
    }
}

#[test]
fn every_head_stands_in_documents_and_fixtures() {
    let (networks, reference) = (read("docs/methods/networks.md"), read("docs/reference/experiments.md"));
    let models = read("docs/reference/models.md");
    let files = ["networks.json", "buckets.json", "values.json", "towers.json"].map(fixture);
    let files = files.map(|text| serde_json::from_str::<Value>(&text).unwrap());
    let cases: Vec<&Value> =
        files.iter().flat_map(|file| file["cases"].as_object().unwrap().values()).collect();
    for head in heads() {
        assert!(
            networks.contains(&format!("\n    {head}: ")),
            "docs/methods/networks.md: no equation of {head}"
        );
        assert!(reference.contains(&format!("`\"{head}\"`")), "docs/reference/experiments.md lacks {head}");
        assert!(models.contains(&format!("| `\"{head}\"` |")), "docs/reference/models.md: no row for {head}");
        let is = |case: &&&Value| {
            let found = &case["network"]["head"];
            *found == head
                || found.get(&head).is_some()
                || found["ordinal"]["kind"] == head
                || found["towers"].get(&head).is_some()
        };
        assert!(cases.iter().any(|case| is(&case)), "no fixture of networks has a case of {head}");
    }
}

/// Keys of all heads: a word that is none is refused with them.
fn heads() -> Vec<String> {
    let refusal = serde_json::from_str::<HeadKey>("\"no such head\"").unwrap_err().to_string();
    let heads: Vec<String> = refusal.split('`').skip(3).step_by(2).map(str::to_string).collect();
    assert!(heads.len() >= 3, "{refusal}");
    heads
}
