//! Data that goes out and comes in again: descriptions, exports, tables, scores.

use crate::workspace::{EXPERIMENT, Workspace, json};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// An experiment on an exported file, with all that b2b-mimic knows of its rows.
fn table(numeric: &[&str]) -> String {
    format!(
        r#"
seeds = [1]
metrics = ["auuc", "krcc", "auuc.true"]

[[dataset]]
name = "exported"

[dataset.table]
path = "../rows.csv"
treatment = "treatment"
treated = [1]
control = [0]
outcome = "outcome"
numeric = {numeric:?}
effect = "effect"
propensity = 0.5

[[method]]
backbone = "tarnet"
components = ["ziln"]
model = {{ trunk = [8], heads = [4] }}
training = {{ epochs = 1, batch = 64 }}
"#
    )
}

fn lines(workspace: &Workspace, file: &str) -> Vec<String> {
    fs::read_to_string(workspace.path(file)).unwrap().lines().map(str::to_owned).collect()
}

fn printed(workspace: &Workspace, words: &str) -> Value {
    serde_json::from_str(&workspace.succeed(words)).unwrap()
}

/// The columns of a CSV file by place.
fn columns(lines: &[String]) -> Vec<Vec<&str>> {
    let cells: Vec<Vec<&str>> = lines.iter().map(|line| line.split(',').collect()).collect();
    (0..cells[0].len()).map(|place| cells.iter().map(|row| row[place]).collect()).collect()
}

#[test]
fn an_exported_file_is_a_table_with_truth() {
    let workspace = Workspace::new();
    workspace.succeed("data export b2b-mimic --rows 500 --out rows.csv");
    let rows = lines(&workspace, "rows.csv");
    assert_eq!(rows.len(), 501);
    let header: Vec<&str> = rows[0].split(',').collect();
    let known = ["treatment", "outcome", "effect", "expected_control", "expected_treated"];
    assert_eq!(header[header.len() - 5..], known);
    assert_eq!(header.len(), 105);

    workspace.write("experiments/small.toml", table(&header[..100]));
    workspace.succeed("run experiments/small.toml --results results");
    workspace.succeed("report experiments/small.toml --results results --out reports");
    let summary = json(&workspace.path("reports/summary.json"));
    let metrics = &summary["cells"][0]["metrics"];
    assert!(["auuc", "krcc", "auuc.true", "auuc.ipw"].iter().all(|name| metrics[name]["mean"].is_f64()));
    let rankers: Vec<&Value> =
        summary["reference"].as_array().unwrap().iter().map(|row| &row["ranker"]).collect();
    assert!(rankers.contains(&&Value::from("oracle")), "{rankers:?}");

    let source = &printed(&workspace, "data describe b2b-mimic --rows 500 --json")[0];
    let file = &printed(&workspace, "data describe experiments/small.toml --json")[0];
    for key in ["rows", "features", "treated", "control", "zeros", "difference", "positive", "propensity"] {
        assert_eq!(source[key], file[key], "{key}");
    }
    assert_eq!(source["truth"]["average_effect"], file["truth"]["average_effect"]);
}

/// What `data export` writes, `score` takes: columns that are no features may hold anything.
#[test]
fn exported_rows_are_scored() {
    let workspace = Workspace::new();
    workspace.succeed("data export b2b-mimic --rows 300 --out rows.csv");
    workspace.succeed("fit experiments/small.toml --method TARNet --seed 1 --out model.safetensors");
    let output = workspace.valor("score model.safetensors rows.csv --out scores.csv");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let message = String::from_utf8(output.stderr).unwrap();
    for name in ["expected_control", "expected_treated"] {
        assert!(message.contains(&format!(
            "'{name}' is what the model says; the column of that name in rows.csv is left out"
        )));
    }
    let header = lines(&workspace, "scores.csv")[0].clone();
    assert!(
        header.ends_with(",treatment,outcome,effect,uplift,expected_control,expected_treated"),
        "{header}"
    );
    let judged = "metrics scores.csv --score uplift --treatment treatment --outcome outcome --effect effect";
    assert!(workspace.succeed(judged).contains("auuc.true"));

    workspace.succeed("score model.safetensors rows.csv --out both.csv --prefix my_");
    let header = lines(&workspace, "both.csv")[0].clone();
    assert!(
        header.ends_with(
            ",expected_control,expected_treated,my_uplift,my_expected_control,my_expected_treated"
        ),
        "{header}"
    );
}

/// Few treated rows, known to `fit`, to the description and to the page.
#[test]
fn little_overlap_is_warned_of() {
    let workspace =
        Workspace::with(&table(&["x"]).replace("effect = \"effect\"\n", "").replace("propensity = 0.5", ""));
    let row = |row: usize| format!("{},{},{}\n", row * 37 % 101, u8::from(row % 60 == 7), row % 5);
    workspace.write("rows.csv", format!("x,treatment,outcome\n{}", (0..1200).map(row).collect::<String>()));
    let said = "little overlap: 20 of 1200 rows (1.7 %) are treated";
    assert!(workspace.succeed("data describe experiments/small.toml").contains(said));
    let stratified = "--set split.stratify=treatment --set metrics=['auuc']";
    let fit = format!(
        "fit experiments/small.toml --method=TARNet+ziln --seed 1 --out model.safetensors {stratified}"
    );
    let mut command = workspace.command(&fit.replace("--method=TARNet+ziln", ""));
    let output = command.args(["--method", "TARNet +ziln"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains(said));
    workspace.succeed(&format!("run experiments/small.toml {stratified}"));
    workspace.succeed(&format!("report experiments/small.toml --out reports {stratified}"));
    assert!(fs::read_to_string(workspace.path("reports/index.html")).unwrap().contains(said));
}

#[test]
fn the_first_rows_do_not_depend_on_how_many_there_are() {
    let workspace = Workspace::new();
    for (source, few, many) in
        [("b2b-mimic", 1_000, 9_000), ("production-sim", 1_000, 9_000), ("valor-release", 1_000, 3_000)]
    {
        workspace.succeed(&format!("data export {source} --rows {few} --out few.csv"));
        workspace.succeed(&format!("data export {source} --rows {many} --out many.csv"));
        let (few, many) = (lines(&workspace, "few.csv"), lines(&workspace, "many.csv"));
        assert_eq!((few.len(), many.len()), (1_001, many.len().max(1_002)));
        assert!(few == many[..few.len()], "{source}");
    }
}

/// Rows by a profile, and the note that goes wherever the rows go.
#[test]
fn a_stand_in_says_so_wherever_it_is_shown() {
    const STAND_IN: &str = "production-sim is a stand-in: the paper's production data is proprietary";
    let workspace = Workspace::with(
        &(EXPERIMENT.replace("b2b-mimic = { rows = 600 }", "production-sim = { world = 2 }")
            + "\n[profile.quick]\nrows = 600\nseeds = [1]\n"),
    );
    workspace.succeed("run experiments/small.toml --profile quick --results results");
    let records = workspace.records("results");
    assert_eq!(records.len(), 2);
    for record in records.values() {
        assert_eq!(record["spec"]["data"]["production-sim"]["rows"], 600, "{record:#}");
        assert_eq!(record["notes"], serde_json::json!([STAND_IN]));
    }
    workspace.succeed("report experiments/small.toml --profile quick --results results --out reports");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    let results = page.split("id=\"differences\"").next().unwrap();
    assert!(results.contains(&STAND_IN.replace('\'', "&#39;")), "the note does not stand beside the table");
    for name in ["table.md", "table.tex", "summary.json"] {
        let text = fs::read_to_string(workspace.path("reports").join(name)).unwrap();
        assert!(text.contains(STAND_IN), "{name}");
    }
    assert!(workspace.succeed("data describe production-sim --rows 1000").contains(STAND_IN));
    let export = workspace.valor("data export production-sim --rows 10 --out rows.csv");
    assert_eq!(export.status.code(), Some(0), "{export:?}");
    assert!(String::from_utf8_lossy(&export.stderr).contains(STAND_IN), "{export:?}");
}

#[test]
fn every_format_of_an_export_holds_the_same_rows() {
    let workspace = Workspace::new();
    let names = ["rows.csv", "rows.csv.gz", "rows.parquet"];
    for name in names {
        workspace.succeed(&format!("data export b2b-mimic --rows 200 --set world=3 --out {name}"));
    }
    workspace.write("experiments/small.toml", table(&["profile_b01", "profile_b02"]));
    let describe = |name: &str| {
        let words =
            format!("data describe experiments/small.toml --json --set dataset.0.table.path=../{name}");
        printed(&workspace, &words)
    };
    let [plain, packed, parquet] = names.map(describe);
    assert_eq!(plain[0]["rows"], 200);
    assert_eq!(plain, packed);
    assert_eq!(plain, parquet);
}

#[test]
fn a_description_has_the_documented_keys_and_changes_with_the_source() {
    let workspace = Workspace::new();
    let words = "data describe b2b-mimic --rows 2000 --json";
    let description = &printed(&workspace, words)[0];
    let mut keys: Vec<&str> = description.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    let documented = "balance columns control difference difference_error difference_interval difference_warning difference_z features groups name notes positive \
                      propensity rows treated truth zeros";
    assert_eq!(keys.join(" "), documented);
    assert_eq!(description["propensity"], serde_json::json!([0.5, 0.5]));
    let confounded = &printed(&workspace, &format!("{words} --set propensity=confounded"))[0];
    assert!(confounded["propensity"][0].as_f64().unwrap() < 0.5);
    let experiment = printed(&workspace, "data describe experiments/small.toml --json --dataset mimic");
    assert_eq!((&experiment[0]["name"], &experiment[0]["rows"]), (&"mimic".into(), &600.into()));
}

#[test]
fn planted_scores_are_judged_as_they_deserve() {
    let workspace = Workspace::new();
    workspace.succeed("data export b2b-mimic --rows 4000 --out rows.csv");
    let judge = |score: &str| {
        let known = "--treatment treatment --outcome outcome --effect effect --propensity 0.5 --json";
        printed(&workspace, &format!("metrics rows.csv --score {score} {known}"))
    };
    let (oracle, spenders) = (judge("effect"), judge("expected_control"));
    assert_eq!(oracle["n"], 4000);
    let value = |metrics: &Value, name: &str| metrics[name].as_f64().unwrap();
    assert!((value(&oracle, "krcc") - 1.0).abs() < 1e-12, "{oracle:#}");
    assert_eq!((value(&oracle, "pehe"), value(&oracle, "ate.error")), (0.0, 0.0));
    assert!(value(&oracle, "auuc.true") > value(&spenders, "auuc.true"));
    assert!((0.0..0.9).contains(&value(&spenders, "krcc")), "{spenders:#}");
    assert!(oracle["qini.sklift"].is_null());
    assert!(oracle["reasons"]["qini.sklift"].as_str().unwrap().contains("binary"), "{oracle:#}");

    let lines = lines(&workspace, "rows.csv");
    let columns = columns(&lines);
    let mean = |name: &str, rows: &dyn Fn(usize) -> bool| {
        let column = columns.iter().find(|column| column[0] == name).unwrap();
        let values: Vec<f64> =
            (1..=4000).filter(|&row| rows(row)).map(|row| column[row].parse().unwrap()).collect();
        values.iter().sum::<f64>() / values.len() as f64
    };
    let treatment = columns.iter().find(|column| column[0] == "treatment").unwrap();
    let difference =
        mean("outcome", &|row| treatment[row] == "1") - mean("outcome", &|row| treatment[row] == "0");
    assert!((value(&oracle, "ate") - difference).abs() < 1e-9, "{difference}");
    assert!((value(&oracle, "ate.true") - mean("effect", &|_| true)).abs() < 1e-9);
    let table = workspace.succeed("metrics rows.csv --score effect --treatment treatment --outcome outcome");
    assert!(table.lines().any(|line| line.starts_with("auuc ")), "{table}");
}

/// Files as IHDP's replications are published: 30 columns, no header.
fn replication(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let row = |_| {
        let x: Vec<f64> =
            (0..25).map(|column| if column < 6 { draw() * 2.0 - 1.0 } else { draw().round() }).collect();
        let (mu0, treated) = (2.0 + x[0] + x[7], draw() < 0.2);
        let mu1 = mu0 + 4.0 + x[1];
        let noise = draw() - 0.5;
        let (own, other) = if treated { (mu1, mu0) } else { (mu0, mu1) };
        let cells = [f64::from(u8::from(treated)), own + noise, other - noise, mu0, mu1].into_iter().chain(x);
        cells.map(|cell| cell.to_string()).collect::<Vec<_>>().join(",") + "\n"
    };
    (0..300).map(row).collect()
}

#[test]
fn the_recipe_of_ihdp_runs_and_averages_the_root_of_pehe_over_replications() {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments/ihdp.toml");
    let workspace = Workspace::new();
    workspace.write("experiments/ihdp.toml", fs::read(recipe).unwrap());
    fs::create_dir_all(workspace.path("data/ihdp")).unwrap();
    for number in 1..=3 {
        workspace.write(&format!("data/ihdp/ihdp_npci_{number}.csv"), replication(number));
    }
    let words = "experiments/ihdp.toml --profile quick --set dataset.0.replications=3 --results results";
    workspace.succeed(&format!("run {words} --device cpu"));
    workspace.succeed(&format!("report {words} --out reports"));
    let summary = json(&workspace.path("reports/summary.json"));
    let cells = summary["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 12);
    let pehe: Vec<f64> = cells
        .iter()
        .filter(|cell| cell["method"] == "TARNet, length 1")
        .map(|cell| cell["metrics"]["pehe"]["mean"].as_f64().unwrap())
        .collect();
    assert_eq!(pehe.len(), 3);
    let mean = pehe.iter().sum::<f64>() / 3.0;
    let table = fs::read_to_string(workspace.path("reports/table.md")).unwrap();
    let averages = table.split("Averages over 3 datasets").nth(1).unwrap();
    let line = averages.lines().find(|line| line.starts_with("| TARNet, length 1 |")).unwrap();
    let said: f64 = line.split('|').nth(2).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    assert!((said / mean - 1.0).abs() < 1e-3, "{line}: {mean}");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    assert!(page.contains("Averages over 3 datasets"));
}

#[test]
fn replications_are_numbered_where_they_say() {
    let workspace = Workspace::new();
    let with = |replications: &str, name: &str, path: &str| {
        let text = format!(
            "seeds = [1]\n[[dataset]]\nname = \"{name}\"\nreplications = {replications}\n[dataset.table]\npath = \"{path}\"\n\
             treatment = \"t\"\ntreated = [1]\ncontrol = [0]\noutcome = \"y\"\nnumeric = [\"x\"]\n[[method]]\nbackbone = \"tarnet\"\n"
        );
        workspace.write("experiments/small.toml", text);
    };
    let refuse = |parts: &[&str]| workspace.refuse("plan experiments/small.toml --results results", parts);
    with("0", "r {}", "../r{}.csv");
    refuse(&["replications = 0", "1 to 1000"]);
    with("2", "r", "../r{}.csv");
    refuse(&["'{}' in 'name'", "found 'r'"]);
    with("2", "r {}", "../r.csv");
    refuse(&["'{}' in 'table.path'", "found '../r.csv'"]);
    with("2", "r {}", "../r{}.csv");
    workspace.write("r1.csv", "t,y,x\n1,2,3\n0,1,2\n");
    refuse(&["../r2.csv", "no such file"]);
    workspace.write("r2.csv", "t,y,x\n1,3,3\n0,1,2\n");
    let plan = workspace.succeed("plan experiments/small.toml --results results");
    assert!(plan.contains("r 1") && plan.contains("r 2"), "{plan}");
}
