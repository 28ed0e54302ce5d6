//! Rows of customers: made of logs by `valor ltv prepare`, drawn by value-sim, taken from files that people fetch themselves; each through
//! a run.

use crate::workspace::{Workspace, json};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const PREPARE: &str =
    "ltv prepare log.csv --customer id --time date --amount paid --units pieces --first shop";

/// 120 customers who come over 60 days and buy every so often for 200 days; some give back, some come once.
fn log() -> String {
    let mut lines = String::from("id,date,paid,pieces,shop\n");
    for customer in 0..120_i64 {
        for visit in 0..=(customer % 9) {
            let day = customer / 2 + visit * (7 + customer % 11);
            let paid = match (customer + visit) % 13 {
                0 => -5,
                other => 5 + 3 * other * (1 + customer % 4),
            };
            let paid = if visit == 0 { paid.abs() } else { paid };
            let date = valor_io::time::spell(i128::from(19_723 + day) * 86_400 * 1_000_000_000);
            lines.push_str(&format!("c{customer},{date},{paid}.50,{},s{}\n", 1 + visit % 3, customer % 5));
        }
    }
    lines
}

fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("log.csv", log());
    workspace
}

const EXPERIMENT: &str = r#"
seeds = [1]

[[dataset]]
name = "customers"

[dataset.table]
path = "../rows.csv"
outcome = "label_30"
numeric = ["recency", "frequency", "spend", "gap_mean", "w01", "w02", "w03", "w04"]
categorical = ["first_shop"]
time = "cutoff"
known = "label_end"

[split]
test = 0.4

[grid]
backbones = ["mlp"]
components = [[], ["ziln"]]

[model]
trunk = [8]
heads = [4]

[training]
epochs = 1
batch = 16
"#;

#[test]
fn rows_of_a_log_are_prepared_and_learned_from() {
    let workspace = workspace();
    let words = format!("{PREPARE} --since-first 28 --horizon 30 --out rows.csv --until 2024-12-31 --json");
    let told: Value = serde_json::from_str(&workspace.succeed(&words)).unwrap();
    assert_eq!((&told["rows"], &told["customers"]), (&Value::from(120), &Value::from(120)), "{told:#}");
    assert!(told["refunds"].as_u64().unwrap() > 0 && told["labels"][0] == "label_30", "{told:#}");
    let rows = fs::read_to_string(workspace.path("rows.csv")).unwrap();
    let header = "customer,cutoff,label_end,tenure,recency,frequency,spend,spend_mean,spend_max,last_spend,gap_mean,gap_sd,first_spend,\
                  units,first_units,w01,w02,w03,w04,first_shop,label_30";
    assert_eq!(rows.lines().next().unwrap(), header);
    assert!(rows.lines().nth(1).unwrap().starts_with("c0,2024-01-29,2024-02-28,28"), "{rows}");
    workspace
        .succeed(&format!("{PREPARE} --since-first 28 --horizon 30 --out rows.parquet --until 2024-12-31"));
    assert!(workspace.path("rows.parquet").is_file());

    workspace.write("experiments/small.toml", EXPERIMENT);
    workspace.succeed("run experiments/small.toml --results results");
    let counts = |workspace: &Workspace| -> Vec<Value> {
        workspace.records("results").values().map(|record| record["rows"].clone()).collect()
    };
    assert!(counts(&workspace).iter().all(|rows| rows["test"] == 48 && rows["train"] == 72));
    // The test begins on the 36th day; of the others those who came in the first six days were known.
    workspace.succeed(
        "run experiments/small.toml --results mature --set split.mature-only=true --set training.batch=4",
    );
    let mature: Vec<Value> =
        workspace.records("mature").values().map(|record| record["rows"].clone()).collect();
    assert!(mature.iter().all(|rows| rows["test"] == 48 && rows["train"] == 14), "{mature:?}");
    let note = "58 rows are left out: their outcome was not known when the test begins";
    let record = workspace.records("mature").into_values().next().unwrap();
    assert!(record.to_string().contains(note), "{record:#}");
}

#[test]
fn several_cut_offs_and_horizons_are_rows_and_labels() {
    let workspace = workspace();
    let told = workspace.succeed(&format!(
        "{PREPARE} --cutoff 2024-02-01,2024-03-01,2024-04-01 --horizon 10,30 --window 28 --out rows.csv"
    ));
    assert!(told.contains("cut-offs 2024-02-01 to 2024-04-01") && told.contains("label_10: "), "{told}");
    let rows = fs::read_to_string(workspace.path("rows.csv")).unwrap();
    assert!(
        rows.lines().next().unwrap().ends_with(",w01,w02,w03,w04,first_shop,label_10,label_30"),
        "{rows}"
    );
    assert_eq!(rows.lines().count(), 1 + 62 + 120 + 120);
}

#[test]
fn logs_that_cannot_be_prepared_are_refused() {
    let workspace = workspace();
    let refused = |words: &str, parts: &[&str]| workspace.refuse(words, parts);
    let out = "--horizon 30 --out rows.csv";
    refused(&format!("{PREPARE} {out}"), &["--cutoff", "--since-first"]);
    refused(&format!("{PREPARE} --cutoff 1.2.2024 {out}"), &["--cutoff 1.2.2024", "ISO dates"]);
    refused(&format!("{PREPARE} --cutoff 2024-01-01 {out}"), &["nobody has bought before that day"]);
    refused(
        &format!("{PREPARE} --cutoff 2024-02-01 --horizon 365 --out rows.csv"),
        &["is not covered", "log.csv"],
    );
    let until = format!("{PREPARE} --cutoff 2024-02-01 --until 2024-03-10 {out}");
    refused(&until, &["log.csv: row ", "after the end of the log, 2024-03-10"]);
    refused(&format!("{PREPARE} --cutoff 2024-02-01 --margin 0 {out}"), &["--margin 0"]);
    refused(
        &format!("{PREPARE} --cutoff 2024-02-01 --horizon 30 --out log.csv"),
        &["--out log.csv: is the log"],
    );
    refused(
        &format!("{PREPARE} --cutoff 2024-02-01 --horizon 30 --out rows.xlsx"),
        &["--out rows.xlsx", ".parquet"],
    );
    let words = format!("{} --cutoff 2024-02-01 {out}", PREPARE.replace("--amount paid", "--amount payed"));
    refused(&words, &["log.csv: no column 'payed'; did you mean 'paid'?"]);
    workspace.write("log.csv", log().replacen("c3,", ",", 1));
    refused(&format!("{PREPARE} --cutoff 2024-02-01 {out}"), &["row ", "column 'id': the cell is empty"]);
    workspace.write("log.csv", log().replacen(".50", " EUR", 1));
    refused(
        &format!("{PREPARE} --cutoff 2024-02-01 {out}"),
        &["log.csv: row 2", "column 'paid': found '", "EUR"],
    );
    workspace.succeed(&format!("{PREPARE} --cutoff 2024-02-01 --currency EUR {out}"));
}

#[test]
fn drawn_customers_are_described_exported_and_learned_from() {
    let workspace = Workspace::new();
    let told = workspace.succeed("data describe value-sim --rows 2000 --set domain=2");
    assert!(told.contains("47 (") && told.contains("zeros"), "{told}");
    workspace.refuse("data describe value-sim --set domain=4", &["domain = 4: allowed are 1, 2 and 3"]);
    workspace.succeed("data export value-sim --rows 300 --out rows.csv");
    let rows = fs::read_to_string(workspace.path("rows.csv")).unwrap();
    let header = rows.lines().next().unwrap();
    assert!(header.ends_with("channel,region,item,outcome,expected,expected_conversion,day"), "{header}");
    let source = "value-sim = { rows = 600, domain = 3 }\nevaluation.rows = 300";
    let start = EXPERIMENT.find("\n[dataset.table]").unwrap();
    let end = EXPERIMENT.find("[grid]").unwrap();
    let experiment = format!("{}{source}\n\n{}", &EXPERIMENT[..start], &EXPERIMENT[end..]);
    workspace.write("experiments/small.toml", experiment);
    workspace.succeed("run experiments/small.toml --results results --set split.mature-only=true");
    for record in workspace.records("results").values() {
        let rows = &record["rows"];
        // Of 730 days those up to 550 were known on day 730 or after.
        assert!(rows["test"] == 300 && (400..500).contains(&rows["train"].as_u64().unwrap()), "{rows}");
    }
    workspace.succeed(
        "report experiments/small.toml --results results --out reports --set split.mature-only=true",
    );
    assert_eq!(json(&workspace.path("reports/summary.json"))["cells"].as_array().unwrap().len(), 2);
}

/// A script of the checkout, in the workspace; nothing where there is no Python.
fn script(workspace: &Workspace, name: &str, arguments: &[&str]) -> Option<()> {
    let mut command = Command::new("python3");
    let command = command.arg(checkout("scripts").join(name)).args(arguments);
    let Ok(output) = command.current_dir(workspace.path(".")).output() else {
        eprintln!("skipped: there is no python3");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(())
}

/// Files in the form of the contest's, small: the recipe makes rows of them, and its experiment learns from these.
#[test]
fn the_recipe_of_kdd98_runs_on_files_of_its_form() {
    let workspace = Workspace::new();
    let recipe = fs::read_to_string(checkout("experiments/kdd98.toml")).unwrap();
    let columns = [
        "ODATEDW",
        "OSOURCE",
        "TCODE",
        "STATE",
        "DOMAIN",
        "CLUSTER",
        "GENDER",
        "MAXADATE",
        "MINRDATE",
        "LASTDATE",
        "FIRSTDATE",
        "RFA_2F",
        "RFA_2A",
        "AGE",
        "INCOME",
        "WEALTH1",
        "HIT",
        "NUMPROM",
        "CARDPROM",
        "NUMPRM12",
        "CARDPM12",
        "RAMNTALL",
        "NGIFTALL",
        "CARDGIFT",
        "MINRAMNT",
        "MAXRAMNT",
        "LASTGIFT",
        "AVGGIFT",
        "TIMELAG",
    ];
    let file = |learn: bool| {
        let targets = if learn { ",TARGET_B,TARGET_D" } else { "" };
        let mut text = format!("{}{targets},CONTROLN,OTHER\n", columns.join(","));
        for row in 0..150 {
            let cells: Vec<String> =
                (0..columns.len()).map(|place| (row * (place + 3) % 17).to_string()).collect();
            let gift = if row % 7 == 0 { row % 20 + 1 } else { 0 };
            let targets = if learn { format!(",{},{gift}", u8::from(gift > 0)) } else { String::new() };
            text.push_str(&format!(
                "{}{targets},{},  \n",
                cells.join(","),
                row + if learn { 0 } else { 1_000 }
            ));
        }
        text
    };
    workspace.write("data/kdd98/cup98LRN.txt", file(true));
    workspace.write("data/kdd98/cup98VAL.txt", file(false));
    let gift = |row: usize| if row.is_multiple_of(9) { row % 30 + 1 } else { 0 };
    let target = |row: usize| format!("{},{},{}\n", row + 1_000, u8::from(gift(row) > 0), gift(row));
    let targets = (0..150).rev().map(target).collect::<String>();
    workspace.write("data/kdd98/valtargt.txt", format!("CONTROLN,TARGET_B,TARGET_D\n{targets}"));
    if script(&workspace, "kdd98.py", &["data/kdd98", "data/kdd98.csv"]).is_none() {
        return;
    }
    workspace.write("experiments/small.toml", recipe);
    workspace.succeed("run experiments/small.toml --results results --set seeds=1 --set training.epochs=1 --set training.batch=32 \
         --set split.test=0.5");
    for record in workspace.records("results").values() {
        assert_eq!(record["rows"]["test"], 150, "those of the contest's second file");
    }
}

#[test]
fn the_recipe_of_criteo_runs_on_files_of_its_form() {
    let workspace = Workspace::new();
    let recipe = fs::read_to_string(checkout("experiments/criteo_search.toml")).unwrap();
    let mut text = String::new();
    for row in 0..400 {
        let sold = row % 8 == 0;
        let mut cells = vec![
            u8::from(sold).to_string(),
            if sold { format!("{}.5", row % 50 + 1) } else { "-1".into() },
            if sold { "3600".into() } else { "-1".into() },
            (1_596_439_471 + row * 9_000).to_string(),
            if row % 3 == 0 { "-1".into() } else { (row % 5).to_string() },
            if sold { "9.9".into() } else { "0.0".into() },
        ];
        cells.extend((6..23).map(|place| {
            if (row + place) % 6 == 0 { "-1".into() } else { format!("V{}", row * place % 11) }
        }));
        text.push_str(&format!("{}\n", cells.join("\t")));
    }
    workspace.write("data/CriteoSearchData", text);
    if script(&workspace, "criteo_search.py", &["data/CriteoSearchData", "data/criteo_search.csv.gz"])
        .is_none()
    {
        return;
    }
    workspace.write("experiments/small.toml", recipe);
    workspace.succeed("run experiments/small.toml --results results --set seeds=1 --set training.epochs=1 --set training.batch=32");
    for record in workspace.records("results").values() {
        assert_eq!(record["rows"]["test"], 160, "the latest 40 %");
    }
}

/// What is learned from purchases alone, and boosted trees, on rows of a log.
const OF_PURCHASES: &str = r#"
seeds = [1]

[[dataset]]
name = "customers"

[dataset.table]
path = "../rows.csv"
outcome = "label_30"
numeric = ["tenure", "recency", "frequency", "spend", "first_spend", "spend_mean"]

[split]
test = 0.3
validation = 0.2

[model]
bg-nbd.horizon = 30
gbdt = { rounds = 30, patience = 5, leaf-rows = 5 }

[grid]
backbones = ["bg-nbd", "gbdt", "gbdt-tweedie", "gbdt-two-stage"]
components = [[]]
"#;

#[test]
fn laws_of_purchases_and_boosted_trees_learn_from_rows_of_a_log_and_score_raw_ones() {
    let workspace = workspace();
    workspace.succeed(&format!("{PREPARE} --cutoff 2024-03-15,2024-04-15 --horizon 30 --out rows.csv"));
    workspace.write("experiments/small.toml", OF_PURCHASES);
    workspace.succeed("run experiments/small.toml --results results");
    let records = workspace.records("results");
    assert_eq!(records.len(), 4);
    let names = ["BG/NBD + Gamma-Gamma", "GBDT", "GBDT (Tweedie)", "GBDT (two-stage)"];
    for (place, name) in names.into_iter().enumerate() {
        let words = "fit experiments/small.toml --seed 1 --out model.safetensors --method";
        let output = workspace.command(words).arg(name).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        workspace.succeed("score model.safetensors rows.csv --out scored.csv");
        let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
        let header = scored.lines().next().unwrap();
        assert!(header.contains(",value"), "{name}: {header}");
        assert_eq!(header.contains(",conversion"), place == 0 || place == 3, "{name}: {header}");
        assert!(!scored.contains("NaN") && !scored.contains("inf"), "{name}");
        if place > 0 {
            workspace.succeed("explain model.safetensors rows.csv --out why");
            let page = fs::read_to_string(workspace.path("why/index.html")).unwrap();
            let words = ["What accounts are worth", "Highest value", "raises value"];
            assert!(words.iter().all(|words| page.contains(words)), "{name}");
            assert!(!page.contains("raises uplift") && !page.contains("persuad"), "{name}");
            let table = fs::read_to_string(workspace.path("why/contributions.csv")).unwrap();
            assert!(table.starts_with("row,value,base,tenure,"), "{}", table.lines().next().unwrap());
            workspace.succeed("explain model.safetensors --tree 1");
        } else {
            let parts = ["a law of purchases (bg-nbd)", "whose value has no contributions", "gbdt-two-stage"];
            workspace.refuse("explain model.safetensors rows.csv --out why", &parts);
        }
    }
    // A scored row is answered whatever it holds.
    let rows = "tenure,recency,frequency,spend,first_spend,spend_mean\n90,200,3,9,1,3\n,,,,,\n90,90,1,5,5,5\n-4,-4,-4,-4,-4,-4\n";
    workspace.write("strange.csv", rows);
    let output = workspace
        .command("fit experiments/small.toml --seed 1 --out model.safetensors --method")
        .arg(names[0])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    workspace.succeed("score model.safetensors strange.csv --out scored.csv");
    let scored = fs::read_to_string(workspace.path("scored.csv")).unwrap();
    assert!(scored.lines().count() == 5 && !scored.contains("NaN"), "{scored}");
}

#[test]
fn rows_that_no_law_of_purchases_can_have_are_refused_by_row_and_column() {
    let workspace = Workspace::new();
    let experiment = OF_PURCHASES
        .replace("\"gbdt\", \"gbdt-tweedie\", \"gbdt-two-stage\"", "")
        .replace("bg-nbd\", ]", "bg-nbd\"]");
    workspace.write("experiments/small.toml", &experiment);
    let line = |row: usize, frequency: i64, recency: i64| {
        let spend = 10 * frequency + (row as i64 % 3);
        format!("90,{recency},{frequency},{spend},10,10,{}\n", row % 4)
    };
    let header = "tenure,recency,frequency,spend,first_spend,spend_mean,label_30\n";
    let refused = |frequency: &dyn Fn(usize) -> i64, recency: &dyn Fn(usize) -> i64, parts: &[&str]| {
        let rows: String = (0..40).map(|row| line(row, frequency(row), recency(row))).collect();
        workspace.write("rows.csv", format!("{header}{rows}"));
        let output = workspace
            .command("fit experiments/small.toml --seed 1 --out model.safetensors --method")
            .arg("BG/NBD + Gamma-Gamma")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(parts.iter().all(|part| told.contains(part)), "{told}");
        assert!(!workspace.path("model.safetensors").exists());
    };
    let (some, early) =
        (|row: usize| 1 + (row as i64 % 4), |row: usize| if row.is_multiple_of(4) { 90 } else { 20 });
    refused(&|_| 1, &|_| 90, &["in none of", "purchase after the first"]);
    refused(&|_| 3, &|_| 20, &["there are 2 purchases after the first"]);
    refused(
        &|row| if row == 6 { -2 } else { some(row) },
        &early,
        &["rows.csv", "row 8, column 'frequency': found -2"],
    );
    refused(
        &some,
        &|row| if row == 5 { 95 } else { early(row) },
        &["row 7, column 'recency': found 95", "age, 90"],
    );
    refused(&some, &|_| 20, &["column 'recency': found 20", "--window"]);
    workspace.write("experiments/small.toml", experiment.replace("\"tenure\", ", ""));
    refused(&some, &early, &["'tenure' (model.bg-nbd.age) is not among the rows' features"]);
    let fixed = experiment
        .replace("\"tenure\", ", "")
        .replace("bg-nbd.horizon = 30", "bg-nbd = { horizon = 30, age = 90 }");
    workspace.write("experiments/small.toml", fixed);
    let rows: String = (0..40).map(|row| line(row, some(row), early(row))).collect();
    workspace.write("rows.csv", format!("{header}{rows}"));
    let words = "fit experiments/small.toml --seed 1 --out model.safetensors --method";
    let output = workspace.command(words).arg("BG/NBD + Gamma-Gamma").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
