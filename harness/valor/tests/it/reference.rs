//! The reference against the code: versions, the keys of experiment files, and the default of each.
//!
//! What the code knows is asked of the code: a key that cannot be is refused with the list of those that can, and a default that
//! is written out must leave the experiment what it was.

use crate::documents::read;
use crate::value;
use crate::workspace::{EXPERIMENT, Workspace, json};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use toml::Value;
use valor_runs::spec::{Experiment, declared};

/// Every source, backbone and component, every method of trees, and a claim of each kind that has defaults.
const EVERYTHING: &str = r#"
[[dataset]]
name = "b2b"
b2b-mimic = {}

[[dataset]]
name = "production"
production-sim = {}

[[dataset]]
name = "release"
valor-release = {}

[[grid]]
backbones = ["s-learner", "t-learner", "tarnet", "dragonnet", "cfr-wass", "cfr-mmd", "unite", "euen", "efin", "shared-index"]
components = [[], ["ziln", "focal", "wr"], ["ziln", "focal", "gti", "wr"], ["rerum"]]

[[grid]]
backbones = ["tarnet"]
components = [["cc-or"], ["log1p"], ["embedding", "sequence"]]

[[grid]]
backbones = ["dragonnet"]
objectives = ["squared error"]

[[objective]]
name = "squared error"
terms = [{ mse = {} }]

[[method]]
backbone = "causal-forest"

[[method]]
backbone = "ziln-forest"

[[method]]
backbone = "ziln-gbdt"

[[method]]
backbone = "uplift-tree"

[[segment]]
column = "age"

[reference]
column = "age"

[[claim]]
id = "components"
text = "All is better than nothing."
better = ["ziln", "focal", "wr"]
than = []
metric = "auuc"

[[claim]]
id = "order"
text = "Two metrics order methods alike."
orders-as = "qini"
metric = "auuc"

[[claim]]
id = "times"
text = "One is faster."
faster = "TARNet"
than = "S-Learner"

[[claim]]
id = "failures"
text = "One fails."
fails = ["TARNet"]

[decision]
"#;

/// What stands beside that for rows without a treatment.
const WITHOUT_TREATMENT: &str = r#"
[[dataset]]
name = "customers"
value-sim = {}

[grid]
backbones = ["mlp", "mdme", "deep-fm", "two-stage", "mmoe", "exp-ltv", "opt-dist"]
components = [[]]

[[method]]
backbone = "gbdt"

[[method]]
backbone = "gbdt-tweedie"

[[method]]
backbone = "bg-nbd"
"#;

/// Keys below `model` that only methods for rows without a treatment use.
const OF_VALUE: &[&str] =
    &["mdme", "deep-fm", "two-stage", "mmoe", "exp-ltv", "opt-dist", "gbdt", "gbdt-tweedie", "bg-nbd"];

/// Where a key is allowed: a claim of its kind, of those above.
fn place_of(place: &str, key: &str) -> String {
    match (place, key) {
        ("claim.0", "tau-above") => "claim.1".to_string(),
        ("claim.0", "times" | "latency") => "claim.2".to_string(),
        ("claim.0", "seeds") => "claim.3".to_string(),
        (place, _) => place.to_string(),
    }
}

/// An experiment file in a folder of its own.
struct File {
    folder: tempfile::TempDir,
}

impl File {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("experiment.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("experiment.toml")
    }

    /// What the file means with one assignment, or the refusal.
    fn with(&self, assignment: &str) -> Result<Experiment, String> {
        declared(&self.path(), None, &[assignment.to_string()]).map_err(|error| format!("{error:#}"))
    }

    fn plain(&self) -> Experiment {
        declared(&self.path(), None, &[]).unwrap()
    }

    /// The keys that may stand below a place, by the refusal of one that may not; nothing where no table stands there.
    fn keys(&self, place: &str) -> Option<BTreeSet<String>> {
        let dot = if place.is_empty() { "" } else { "." };
        let refusal = self.with(&format!("{place}{dot}no-such-key={{}}")).unwrap_err();
        let known = refusal.split_once("unknown key 'no-such-key'")?.1;
        let known = known.split_once("expected").map_or("", |(_, known)| known);
        Some(known.split('\'').skip(1).step_by(2).map(str::to_string).collect())
    }
}

/// A row of a table: cells by the words above them, backticks and all.
struct Row {
    /// Above the first column.
    head: String,
    key: String,
    /// What stands below `default`, where the table has such a column.
    default: Option<String>,
}

/// The rows of all tables of a document.
fn rows(document: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut heads: Option<Vec<String>> = None;
    for line in document.lines() {
        if !line.starts_with("| ") {
            heads = None;
            continue;
        }
        let cells: Vec<String> = cells(line);
        match &heads {
            None => heads = Some(cells),
            Some(_) if cells.iter().all(|cell| cell.starts_with("---")) => {}
            Some(heads) => rows.push(Row {
                head: heads[0].clone(),
                key: cells[0].clone(),
                default: heads.iter().position(|head| head == "default").map(|at| cells[at].clone()),
            }),
        }
    }
    rows
}

/// The cells of a line; a bar between backticks parts none.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut code) = (Vec::new(), String::new(), false);
    for letter in line.trim().trim_matches('|').chars() {
        code ^= letter == '`';
        match letter {
            '|' if !code => cells.push(std::mem::take(&mut cell).trim().to_string()),
            _ => cell.push(letter),
        }
    }
    cells.push(cell.trim().to_string());
    cells
}

/// What stands between backticks, in order.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Keys of a cell: in `a.b`, `.c` the second is `a.c`.
fn keys_of(cell: &str) -> Vec<String> {
    let names = quoted(cell);
    let stem = names.first().and_then(|first| first.rsplit_once('.')).map_or("", |(stem, _)| stem);
    names
        .iter()
        .map(|name| if name.starts_with('.') { format!("{stem}{name}") } else { name.to_string() })
        .collect()
}

/// A cell as TOML, where it is a value; prose is none.
fn value(cell: &str) -> Option<Value> {
    let text = cell.replace('`', "");
    let text = text.split(':').next().unwrap().trim();
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.get("value").cloned()
}

/// The defaults of a cell for so many keys.
fn values(cell: &str, keys: usize) -> Vec<Option<Value>> {
    let parts = || cell.split(", ").map(value).collect();
    if keys == 1 { vec![value(cell)] } else { parts() }
}

/// Another value of the same type.
fn another(value: &Value) -> Option<Value> {
    match value {
        Value::Boolean(truth) => Some(Value::Boolean(!truth)),
        Value::Integer(number) => Some(Value::Integer(number + 1)),
        Value::Float(number) => Some(Value::Float(number / 2.0 + 0.01)),
        Value::Array(items) if items.iter().all(Value::is_integer) => {
            Some(Value::Array(vec![Value::Integer(7)]))
        }
        Value::Array(_) | Value::String(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// That a default that is written out changes nothing, and another value something.
fn check_default(file: &File, key: &str, default: &Value) {
    let stated =
        file.with(&format!("{key}={default}")).unwrap_or_else(|error| panic!("{key} = {default}: {error}"));
    assert!(file.plain() == stated, "{key}: the reference says {default}, the code another default");
    if let Some(other) = another(default)
        && let Ok(changed) = file.with(&format!("{key}={other}"))
    {
        assert!(
            file.plain() != changed,
            "{key} = {other} changes nothing, so nothing is known of its default"
        );
    }
}

/// That the index and the pages of a version name it.
fn check_version(name: &str, version: u32, pages: &[(&str, String)]) {
    let index = [("docs/reference/README.md", format!("| {name} | {version} |"))];
    for (path, words) in index.iter().chain(pages) {
        assert!(read(path).contains(words), "{path} lacks: {words}");
    }
}

#[test]
fn versions_in_the_reference_are_those_of_the_code() {
    let record = valor_runs::record::RECORD_VERSION;
    let model = valor_learn::model::MODEL_VERSION;
    check_version("science", valor_runs::spec::SCIENCE_VERSION, &[]);
    let results = "docs/reference/results.md";
    let pages = [
        (results, format!("## `record.json`, version {record}\n")),
        (results, format!("| `version` | integer | {record};")),
    ];
    check_version("record", record, &pages);
    check_version(
        "model",
        model,
        &[("docs/reference/models.md", format!("| `version` | integer | {model};"))],
    );
}

/// Tables of the reference: the head of a table's first column, and where its keys stand in a file.
const TABLES: &[(&str, &str)] = &[
    ("key of `[[dataset]]`", "dataset.0"),
    ("`b2b-mimic`", "dataset.0.b2b-mimic"),
    ("`production-sim`", "dataset.1.production-sim"),
    ("`valor-release`", "dataset.2.valor-release"),
    ("`value-sim`", "dataset.0.value-sim"),
    ("`table`", "dataset.0.table"),
    ("key of `[split]`", "split"),
    ("key of `[training]`", "training"),
    ("key of `[model]`", "model"),
    ("key of `[grid]`", "grid.0"),
    ("key of `[[objective]]`", "objective.0"),
    ("key of `[[method]]`", "method.0"),
    ("key of `[[claim]]`", "claim.0"),
    ("key of `[[segment]]`", "segment.0"),
    ("key of `[reference]`", "reference"),
    ("key of `[tuning]`", "tuning"),
    ("key of `[decision]`", "decision"),
    ("key", ""),
];

/// Keys below a place, and below those that are tables themselves.
fn known(file: &File, place: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for key in file.keys(place).unwrap_or_default() {
        let path = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        // A table of its own has rows of its own, as have terms.
        let elsewhere = place.is_empty() || TABLES.iter().any(|(_, place)| *place == path);
        let below = if elsewhere { BTreeSet::new() } else { known(file, &path) };
        if below.is_empty() {
            found.insert(key);
        } else {
            found.extend(below.iter().map(|below| format!("{key}.{below}")));
        }
    }
    found
}

/// Whether a row is about a key: itself, the table that it stands in, or all of a table (`ranking.*`).
fn about(row: &str, key: &str) -> bool {
    let row = row.trim_end_matches(".*");
    key == row || key.strip_prefix(row).is_some_and(|rest| rest.starts_with('.'))
}

#[test]
fn every_key_of_experiment_files_stands_in_the_reference_and_no_other() {
    let (file, rows) = (File::new(EVERYTHING), rows(&read("docs/reference/experiments.md")));
    for (head, place) in TABLES {
        let stated: Vec<String> = rows
            .iter()
            .filter(|row| row.head == *head)
            .flat_map(|row| keys_of(&row.key))
            .map(|key| key.trim_matches(['[', ']']).trim_end_matches(".NAME").to_string())
            .collect();
        assert!(!stated.is_empty(), "no table has '{head}' above its first column");
        let known = known(&file, place);
        for key in &known {
            assert!(
                stated.iter().any(|row| about(row, key)),
                "{head}: no row for {key}; there are {stated:?}"
            );
        }
        for row in &stated {
            assert!(known.iter().any(|key| about(row, key)), "{head}: {row} is no key; there are {known:?}");
        }
    }
}

#[test]
fn every_default_in_the_reference_is_that_of_the_code() {
    let (uplift, worth) = (File::new(EVERYTHING), File::new(WITHOUT_TREATMENT));
    let mut checked = 0;
    for row in rows(&read("docs/reference/experiments.md")) {
        let Some((_, place)) = TABLES.iter().find(|(head, _)| *head == row.head) else { continue };
        let Some(default) = &row.default else { continue };
        let keys = keys_of(&row.key);
        for (key, default) in keys.iter().zip(values(default, keys.len())) {
            let Some(default) = default else { continue };
            let of_value = *place == "model" && OF_VALUE.iter().any(|head| about(head, key));
            let file = if of_value || place.ends_with("value-sim") { &worth } else { &uplift };
            let place = place_of(place, key);
            let path = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
            check_default(file, &path, &default);
            checked += 1;
        }
        if let Some(by_backbone) = row.default.as_deref().filter(|default| default.contains(" for `")) {
            check_by_backbone(&row.key, by_backbone);
        }
    }
    assert!(checked > 60, "only {checked} defaults were found");
}

/// Defaults such as "0.01 for `cfr-wass`, 1 for `cfr-mmd`".
fn check_by_backbone(key: &str, cell: &str) {
    let mut default = None;
    for part in cell.split([',', ';']) {
        let (stated, backbone) = part.split_once(" for ").unwrap_or(("", part));
        default = value(stated).or(default);
        let (Some(default), backbone) = (&default, backbone.trim().trim_matches('`')) else { continue };
        let file = File::new(&format!(
            "[[dataset]]\nname = \"b2b\"\nb2b-mimic = {{}}\n[grid]\nbackbones = [\"{backbone}\"]\ncomponents = [[]]\n"
        ));
        check_default(&file, &format!("model.{}", key.trim_matches('`')), default);
    }
}

#[test]
fn every_option_of_a_term_stands_in_the_reference_with_its_default() {
    let text = read("docs/reference/experiments.md");
    let table =
        text.split("\n| term | option | default | allowed |\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let file = |head: &str| {
        File::new(&format!(
            "[[dataset]]\nname = \"b2b\"\nb2b-mimic = {{}}\n[grid]\nbackbones = [\"dragonnet\"]\nobjectives = [\"one\"]\n\
             [[objective]]\nname = \"one\"\n{head}terms = [{{ mse = {{}} }}]\n"
        ))
    };
    // The usual heads, and those of buckets, which some terms need.
    let heads = [
        "coral",
        "corn",
        "or-cnn",
        "softmax",
        "cc-or",
        "log1p",
        "mdme",
        "two-stage",
        "mmoe",
        "exp-ltv",
        "opt-dist",
    ]
    .map(|head| format!("head = \"{head}\"\n"));
    let parts = File::new(
        "[[dataset]]\nname = \"value\"\nvalue-sim = {}\n[grid]\nbackbones = [\"deep-fm\"]\nobjectives = [\"one\"]\n\
         [[objective]]\nname = \"one\"\nterms = [{ mse = {} }]\n",
    );
    let mut files: Vec<File> = std::iter::once(file("")).chain(heads.iter().map(|head| file(head))).collect();
    files.push(parts);
    let terms = |term: &str, options: &str| format!("objective.0.terms=[{{ {term} = {{ {options} }} }}]");
    let mut term = String::new();
    let mut stated: Vec<(String, Vec<String>)> = Vec::new();
    for line in table.lines().skip(1) {
        let [name, option, default, ..] = &cells(line)[..] else { panic!("{line}") };
        if !name.is_empty() {
            term = name.trim_matches('`').to_string();
            stated.push((term.clone(), Vec::new()));
        }
        if option.is_empty() {
            continue;
        }
        let option = option.trim_matches('`').to_string();
        let default = value(default).unwrap_or_else(|| panic!("{term}.{option}: {default} is no value"));
        let file = files.iter().find(|file| file.with(&terms(&term, "")).is_ok());
        let file = file.unwrap_or_else(|| panic!("{term}: {:?}", files[0].with(&terms(&term, "")).err()));
        let plain = file.with(&terms(&term, "")).unwrap();
        let written = file.with(&terms(&term, &format!("{option} = {default}"))).unwrap();
        assert!(plain == written, "{term}.{option}: the reference says {default}, the code another default");
        if let Some(other) = another(&default)
            && let Ok(changed) = file.with(&terms(&term, &format!("{option} = {other}")))
        {
            assert!(plain != changed, "{term}.{option} = {other} changes nothing");
        }
        stated.last_mut().unwrap().1.push(option);
    }
    for (term, stated) in stated {
        let refusal = files[0].with(&terms(&term, "no-such-key = 1")).unwrap_err();
        let known = refusal.split_once("expected").map_or("", |(_, known)| known);
        let known: BTreeSet<&str> = known.split('\'').skip(1).step_by(2).collect();
        assert_eq!(known, stated.iter().map(String::as_str).collect(), "{term}: {refusal}");
    }
}

/// Maps whose keys are names of metrics, terms, seeds or searched keys, and so no words of the format.
const NAMED: &[&str] = &["metrics", "per_seed", "values", "terms", "fitted"];

/// Keys of an object and of what is in it, less those of `NAMED`.
fn keys_within(value: &Json, keys: &mut BTreeSet<String>) {
    match value {
        Json::Object(entries) => {
            for (key, value) in entries {
                keys.insert(key.clone());
                match value {
                    // That is the experiment file's, filled in.
                    Json::Object(_) if key == "spec" => {}
                    Json::Object(named) if NAMED.contains(&key.as_str()) => {
                        named.values().for_each(|value| keys_within(value, keys));
                    }
                    _ => keys_within(value, keys),
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| keys_within(item, keys)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

#[test]
fn every_key_of_records_and_summaries_stands_in_the_reference_with_the_version_of_the_summary() {
    let claim = "\n[[claim]]\nid = \"one\"\ntext = \"It helps.\"\nbetter = \"VALOR (TARNet)\"\nthan = \"TARNet\"\nmetric = \"auuc\"\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}{claim}"));
    workspace.succeed("run experiments/small.toml --results results");
    workspace.succeed("report experiments/small.toml --results results --out reports");
    let values = value::workspace();
    values.succeed("run experiments/value_smoke.toml --results results");
    values.succeed("report experiments/value_smoke.toml --results results --out reports");
    let results = read("docs/reference/results.md");
    let report = results.clone() + &read("docs/reference/report.md");
    let (mut record, mut summary) = (BTreeSet::new(), BTreeSet::new());
    for workspace in [&workspace, &values] {
        for run in fs::read_dir(workspace.path("results/runs")).unwrap() {
            keys_within(&json(&run.unwrap().path().join("record.json")), &mut record);
        }
        keys_within(&json(&workspace.path("reports/summary.json")), &mut summary);
    }
    let written = json(&workspace.path("reports/summary.json"));
    let version = written["version"].as_u64().unwrap() as u32;
    let page = "docs/reference/report.md";
    let pages = [
        (page, format!("## `summary.json`, version {version}\n")),
        (page, format!("| `version` | integer | {version} |")),
    ];
    check_version("summary", version, &pages);
    assert!(record.len() > 30 && summary.len() > 80, "{record:?} {summary:?}");
    for (document, keys) in [(results, record), (report, summary)] {
        let words: BTreeSet<&str> = quoted(&document).into_iter().flat_map(words).collect();
        for key in keys {
            assert!(words.contains(key.as_str()), "the reference does not explain the key '{key}'");
        }
    }
}

#[test]
fn every_key_that_commands_print_stands_in_the_reference() {
    let workspace = Workspace::new();
    let run = workspace.succeed("run experiments/small.toml --results results --json");
    let fit = "fit experiments/small.toml --method TARNet --seed 1 --out model.safetensors --json";
    let trees = "fit experiments/trees.toml --method ZILN-Tree --seed 1 --out trees.safetensors --json";
    workspace.write(
        "experiments/trees.toml",
        "[[dataset]]\nname = \"mimic\"\nb2b-mimic = { rows = 600 }\n[[method]]\nbackbone = \"ziln-forest\"\n",
    );
    workspace.succeed("data export b2b-mimic --rows 300 --out rows.csv");
    let ids: Vec<String> = workspace
        .records("results")
        .into_values()
        .map(|record| record["id"].as_str().unwrap().to_string())
        .collect();
    let compare = format!("compare {} {} --results results --json", ids[0], ids[ids.len() - 1]);
    let fitted = [workspace.succeed(fit), workspace.succeed(trees)];
    let commands = [
        "plan experiments/small.toml --results results --json",
        "status experiments/small.toml --results results --json",
        &compare,
        "score model.safetensors rows.csv --out scores.csv --json",
        "metrics scores.csv --score uplift --treatment treatment --outcome outcome --effect effect --json",
        "explain trees.safetensors rows.csv --out why --json",
        "data describe experiments/small.toml --json",
        "doctor --json",
    ];
    let document = read("docs/reference/command-line.md")
        + &read("docs/reference/results.md")
        + &read("docs/reference/report.md");
    let known: BTreeSet<&str> = quoted(&document).into_iter().flat_map(words).collect();
    let printed = commands.iter().map(|command| workspace.succeed(command));
    let values = value::workspace();
    let of_values = [
        "metrics experiments/value_smoke.csv --score visits --outcome spent --json",
        "data describe experiments/value_smoke.toml --json",
    ];
    let of_values = of_values.iter().map(|command| values.succeed(command));
    for text in fitted.into_iter().chain([run]).chain(printed).chain(of_values) {
        let mut keys = BTreeSet::new();
        keys_within(&serde_json::from_str(&text).unwrap(), &mut keys);
        for key in keys.iter().filter(|key| !key.contains(['.', '@'])) {
            assert!(known.contains(key.as_str()), "the reference does not explain the key '{key}' of {text}");
        }
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '-')
}
