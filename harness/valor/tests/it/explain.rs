//! Trees explain accounts: tables that add up to the scores, a page that needs nothing, trees as text; what does not fit is
//! refused and loses nothing.

use crate::workspace::{Workspace, gzip};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use valor_learn::learner::catalog;

const HEADER: &str = "account,region,compute_usage,age,called,spent";
const EXPERIMENT: &str = r#"
question = "Who is persuadable, and why?"
seeds = [1, 2]
metrics = ["auuc"]

[[dataset]]
name = "accounts"

[dataset.table]
path = "../accounts.csv"
treatment = "called"
treated = ["1"]
control = ["0"]
outcome = "spent"
numeric = ["compute_usage", "age"]
categorical = ["region"]
propensity = 0.5

[[method]]
backbone = "ziln-forest"
model.ziln-forest.trees = 6

[[method]]
backbone = "ziln-gbdt"
model.ziln-gbdt.rounds = 20

[[method]]
backbone = "causal-forest"
[method.model.causal-forest]
trees = 8
nuisance.trees = 4

[[method]]
backbone = "uplift-tree"

[[method]]
backbone = "tarnet"

[model]
trunk = [8]
heads = [4]

[training]
epochs = 1
"#;

/// Accounts that spend 9 more when called if they compute much, and 4 more in the north; ages have gaps.
fn accounts(count: usize) -> String {
    let line = |row: usize| {
        let draw = |salt: usize, of: usize| (mixed((row * 16 + salt) as u64) % of as u64) as usize;
        let (usage, region) = (draw(1, 1000) as f64 / 100.0, ["north", "south", "east"][draw(2, 3)]);
        let age = if draw(3, 5) == 0 { String::new() } else { draw(4, 40).to_string() };
        let called = draw(5, 2);
        let effect = if usage > 6.0 { 9.0 } else { 0.0 } + if region == "north" { 4.0 } else { 0.0 };
        let spent =
            if draw(6, 10) < 7 { 5.0 + effect * called as f64 + draw(7, 30) as f64 / 10.0 } else { 0.0 };
        format!("a{row},{region},{usage},{age},{called},{spent}\n")
    };
    format!("{HEADER}\n{}", (0..count).map(line).collect::<String>())
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn mixed(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A workspace with the accounts and a fitted model.
fn fitted(method: &str) -> Workspace {
    let workspace = Workspace::with(EXPERIMENT);
    workspace.write("accounts.csv", accounts(2400));
    let words = "fit experiments/small.toml --seed 2 --out model.safetensors --device cpu --method";
    let output = workspace.command(words).arg(method).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    workspace
}

/// The numbers of a CSV file by column; columns with text are left out.
fn numbers(workspace: &Workspace, file: &str) -> BTreeMap<String, Vec<f64>> {
    let mut reader = csv::Reader::from_path(workspace.path(file)).unwrap();
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_string).collect();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column =
        |place: usize| records.iter().map(|record| record[place].parse().ok()).collect::<Option<Vec<f64>>>();
    let columns = names.iter().enumerate().filter_map(|(place, name)| Some((name.clone(), column(place)?)));
    columns.collect()
}

#[test]
fn contributions_add_up_to_the_scores_of_every_method() {
    for row in &catalog::TREES {
        let workspace = fitted(row.name);
        let printed = workspace.succeed("explain model.safetensors accounts.csv --out why --json");
        let summary: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!((&summary["rows"], &summary["method"]), (&2400.into(), &row.key.into()));
        assert_eq!(summary["features"][0]["name"], "compute_usage", "{}", row.key);
        assert_eq!(summary["features"].as_array().unwrap().len(), 3);
        let table = numbers(&workspace, "why/contributions.csv");
        let keys: Vec<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(keys, ["age", "base", "compute_usage", "region", "row", "uplift"]);
        workspace.succeed("score model.safetensors accounts.csv --out scored.csv --device cpu");
        let scored = &numbers(&workspace, "scored.csv")["uplift"];
        for (place, score) in scored.iter().enumerate() {
            let of = |name: &str| table[name][place];
            let sum = of("base") + of("age") + of("compute_usage") + of("region");
            assert!((sum - of("uplift")).abs() <= 1e-9 * of("uplift").abs().max(1.0), "{}", row.key);
            assert_eq!(of("uplift") as f32, *score as f32, "{}, row {place}", row.key);
            assert_eq!(of("row"), place as f64 + 1.0);
        }
        assert_eq!(workspace.names("why").len(), 3, "nothing else is left");
    }
}

#[test]
fn every_file_of_rows_gives_the_same() {
    let workspace = fitted("ZILN-Tree");
    workspace.write("accounts.csv.gz", gzip(accounts(2400)));
    let explain = |data: &str, out: &str| {
        workspace.succeed(&format!("explain model.safetensors {data} --out {out} --id account --unit $"));
        fs::read(workspace.path(out).join("contributions.csv")).unwrap()
    };
    let first = explain("accounts.csv", "first");
    assert!(first.starts_with(b"account,uplift,base,compute_usage,age,region\na0,"));
    assert_eq!(explain("accounts.csv.gz", "second"), first);
    // Parquet knows what CSV knows: explained again through the table that was written.
    workspace.succeed("score model.safetensors accounts.csv --out scored.parquet --prefix my_");
    assert_eq!(explain("scored.parquet", "third"), first);
    let page = |out: &str| fs::read_to_string(workspace.path(out).join("index.html")).unwrap();
    assert_eq!(page("second").replace("accounts.csv.gz", "accounts.csv"), page("first"));
    let again = explain("accounts.csv", "first");
    assert_eq!(again, first, "what was there is replaced");
}

#[test]
fn the_page_needs_nothing_and_says_what_it_shows() {
    for (method, name) in [("Uplift Tree", "exact path-dependent TreeSHAP"), ("ZILN-GBDT", "Aumann-Shapley")]
    {
        let workspace = fitted(method);
        workspace
            .succeed("explain model.safetensors accounts.csv --out why --id account --rows a7,a3 --unit $");
        let page = fs::read_to_string(workspace.path("why/index.html")).unwrap();
        for part in [name, "Accounts asked for", "compute usage", "<h4>a7 ", "SD "] {
            assert!(page.contains(part), "{method}: {part}");
        }
        assert!(page.find("<h4>a7 ").unwrap() < page.find("<h4>a3 ").unwrap(), "in the asked order");
        for foreign in ["<script", "http://", "https://", "NaN", "{{", "@import"] {
            let found = page.replace("http://www.w3.org/2000/svg", "").contains(foreign);
            assert!(!found, "{method}: {foreign}");
        }
        assert_eq!(page.contains("The tree"), method == "Uplift Tree");
        assert_eq!(page.contains("95 % interval"), method == "Uplift Tree");
        assert!(page.contains("+$") && page.contains("\u{2212}$"), "{method}");
    }
}

#[test]
fn trees_print_with_names() {
    let workspace = fitted("Uplift Tree");
    let text = workspace.succeed("explain model.safetensors --tree 1 --out why --unit $");
    assert!(text.starts_with("uplift-tree, tree 1 of 1, "), "{text}");
    assert!(text.contains("compute usage \u{2264} ") && text.contains(" or missing"), "{text}");
    assert!(text.contains("mean spend $") && text.contains("why/tree-1.svg"), "{text}");
    let svg = fs::read_to_string(workspace.path("why/tree-1.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("compute usage") && svg.ends_with("</svg>"));
    let workspace = fitted("ZILN-Tree");
    let text = workspace.succeed("explain model.safetensors --tree 6 --depth 1");
    assert!(text.contains("leaves below are not shown"), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
    let known = ["model.safetensors (ziln-forest) has 6 trees, 1 to 6"];
    workspace.refuse("explain model.safetensors --tree 7", &known);
    workspace.refuse("explain model.safetensors --tree 0", &known);
}

#[test]
fn networks_are_refused_with_what_is_allowed() {
    let workspace = fitted("TARNet");
    let parts = [
        "model.safetensors",
        "network (tarnet-mse)",
        "allowed are models of trees: causal-forest, ziln-forest, ziln-gbdt, uplift-tree",
    ];
    workspace.refuse("explain model.safetensors accounts.csv --out why", &parts);
    workspace.refuse("explain model.safetensors --tree 1", &parts);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let workspace = fitted("ZILN-Tree");
    let explain = |rest: &str| format!("explain model.safetensors accounts.csv --out why {rest}");
    workspace.refuse(&explain("--rows x"), &["--rows x", "numbers of rows from 1", "--id COLUMN"]);
    workspace.refuse(&explain("--rows 1,2401"), &["--rows 2401", "no such row", "2400 rows"]);
    workspace.refuse(&explain("--id accounts"), &["--id accounts", "did you mean 'account'?"]);
    workspace.refuse(&explain("--id account --rows a1,b1"), &["--rows b1", "the column 'account'"]);
    workspace
        .refuse(&explain("--id region --prefix p_ --rows north"), &["--rows north: two rows have this id"]);
    workspace.refuse(&explain("--id age"), &["two columns 'age'", "--prefix"]);
    workspace.write("why/index.html", "what was there");
    workspace.refuse(&explain("--rows 9999"), &["--rows 9999"]);
    workspace.write("file", "a file");
    workspace.refuse("explain model.safetensors accounts.csv --out file", &["--out file", "is a file"]);
    workspace
        .refuse("explain model.safetensors accounts.csv --out no/such", &["--out no/such", "cannot be made"]);
    workspace.write("why/contributions.csv", accounts(5));
    workspace.refuse(
        "explain model.safetensors why/contributions.csv --out why",
        &["why/contributions.csv is the file to explain"],
    );
    workspace.write("bad.csv", accounts(9000).replacen("a8500,", "a8500,,", 1));
    workspace.refuse("explain model.safetensors bad.csv --out new", &["row 8502", "7 cells"]);
    workspace.write("less.csv", accounts(5).replacen(",age,", ",ages,", 1));
    workspace
        .refuse("explain model.safetensors less.csv --out new", &["no column 'age'", "did you mean 'ages'?"]);
    assert!(!workspace.path("new").exists(), "a folder that was made is gone again");
}

#[test]
fn levels_that_nobody_met_are_said() {
    let workspace = fitted("Causal Forest");
    workspace.write("new.csv", accounts(40).replacen(",south,", ",mars,", 1));
    let text = workspace.succeed("explain model.safetensors new.csv --out why --rows 1,2,3,4,5,6");
    assert!(text.contains("region: in 1 rows a level that the training rows lack"), "{text}");
    let page = fs::read_to_string(workspace.path("why/index.html")).unwrap();
    assert!(page.contains("region = mars, which the training rows lack"), "{page}");
}

#[test]
fn one_row_and_none_can_be_explained() {
    let workspace = fitted("ZILN-Tree");
    for count in [0, 1, 4] {
        workspace.write("few.csv", accounts(count));
        workspace.succeed("explain model.safetensors few.csv --out why");
        assert_eq!(numbers(&workspace, "why/contributions.csv")["uplift"].len(), count);
        let page = fs::read_to_string(workspace.path("why/index.html")).unwrap();
        assert!(!page.contains("NaN") && page.matches("<article").count() == count, "{count}");
    }
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let workspace = fitted("ZILN-Tree");
    let peak = |rows: usize| {
        let letters = "x".repeat(1000);
        let wide: String = accounts(rows).lines().map(|line| format!("{line},{letters}\n")).collect();
        workspace.write("many.csv", wide);
        let words = "explain model.safetensors many.csv --out why --json";
        let summary: Value = serde_json::from_str(&workspace.succeed(words)).unwrap();
        assert_eq!(summary["rows"], rows);
        summary["measured"]["peak_memory_bytes"].as_u64().unwrap()
    };
    // 8 MB, then 80 MB; a row group of Parquet is held until it is full.
    let (small, large) = (peak(8_192), peak(81_920));
    assert!(large < small + 30_000_000, "{small} then {large} bytes");
}

/// Importance is recorded of trees alone, and the report shows it.
#[test]
fn importance_of_features_is_recorded_and_reported() {
    let workspace = Workspace::with(EXPERIMENT);
    workspace.write("accounts.csv", accounts(2400));
    workspace.succeed("run experiments/small.toml --results results --device cpu");
    for record in workspace.records("results").values() {
        let importance = &record["importance"];
        if record["spec"]["method"]["neural"].is_object() {
            assert!(importance.is_null());
            continue;
        }
        let features = importance["features"].as_array().unwrap();
        let names: Vec<&str> = features.iter().map(|feature| feature["name"].as_str().unwrap()).collect();
        assert_eq!(
            (names.as_slice(), &importance["rows"]),
            (&["compute_usage", "age", "region"][..], &480.into())
        );
        let of = |place: usize, key: &str| features[place][key].as_f64().unwrap();
        assert!(of(0, "gain") > 0.5 && of(0, "loss") > of(1, "loss"), "{record}");
        let sum: f64 = (0..3).map(|place| of(place, "gain")).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
    let summary = workspace.summary();
    let cells = summary["cells"].as_array().unwrap();
    let known = cells.iter().filter(|cell| cell["importance"]["features"][0]["name"] == "compute_usage");
    assert_eq!(known.count(), catalog::TREES.len());
    assert!(cells.iter().any(|cell| cell["importance"].is_null()), "networks have none");
    let page = fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    assert!(page.contains("What features are worth to trees") && page.contains("Loss of AUUC when permuted"));
}
