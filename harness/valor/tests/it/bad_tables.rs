//! A bad data file, or one that a method cannot learn from, ends with exit code 2 and a message that names the file, the
//! row or column, what was found and what is allowed, and changes nothing.

use crate::workspace::{EXPERIMENT, Workspace, gzip};

const RUN: &str = "run experiments/small.toml --results results";
const SOURCE: &str = r#"[dataset.table]
path = "NAME"
treatment = "segment"
treated = ["mail"]
control = ["none"]
outcome = "spend"
numeric = ["size"]
categorical = ["kind"]
effect = "tau"
propensity = "e"
group = "who"
time = "when"
"#;
/// Row 6 of the file.
const ROW: &str = "\n4,6,a,mail,0,4,0.5,2024-01-05,w4\n";

/// 200 good rows.
fn table() -> String {
    let row = |i: usize| {
        let outcome = if i.is_multiple_of(3) { i as f64 / 10.0 } else { 0.0 };
        let (size, kind, segment) = ((i * 7) % 11, ["a", "b"][i % 2], ["mail", "none"][(i / 2) % 2]);
        format!("{i},{size},{kind},{segment},{outcome},{},0.5,2024-01-{:02},w{}\n", i % 5, 1 + i % 28, i % 40)
    };
    let rows: String = (0..200).map(row).collect();
    format!("id,size,kind,segment,spend,tau,e,when,who\n{rows}")
}

/// The small experiment on a table, with lines of its declaration replaced.
fn declared(name: &str, changes: &[(&str, &str)]) -> Workspace {
    let declaration = |source: String, (from, to): &(&str, &str)| {
        assert!(source.contains(from), "{from}");
        source.replacen(from, to, 1)
    };
    let source = changes.iter().fold(SOURCE.replace("NAME", name), declaration);
    Workspace::with(&EXPERIMENT.replacen("b2b-mimic = { rows = 600 }\n", &source, 1))
}

/// The small experiment on a file.
fn on_table(name: &str, content: impl AsRef<[u8]>) -> Workspace {
    let workspace = declared(name, &[]);
    workspace.write(&format!("experiments/{name}"), content);
    workspace
}

/// A file is refused.
fn refused(name: &str, content: impl AsRef<[u8]>, parts: &[&str]) {
    let parts: Vec<&str> =
        ["experiments/small.toml", name].into_iter().chain(parts.iter().copied()).collect();
    on_table(name, content).refuse(RUN, &parts);
}

/// The good rows with one text replaced are refused.
fn rows_refused(from: &str, to: &str, parts: &[&str]) {
    let good = table();
    assert!(good.contains(from), "{from}");
    refused("data.csv", good.replacen(from, to, 1), parts);
}

/// The good rows with another row 6 are refused.
fn row_refused(row: &str, parts: &[&str]) {
    rows_refused(ROW, &format!("\n{row}\n"), &[&["row 6"], parts].concat());
}

/// The good rows under another declaration are refused.
fn declaration_refused(from: &str, to: &str, parts: &[&str]) {
    let workspace = declared("data.csv", &[(from, to)]);
    workspace.write("experiments/data.csv", table());
    workspace.refuse(RUN, &[&["small.toml", "data.csv"], parts].concat());
}

#[test]
fn good_rows_are_taken() {
    on_table("data.csv", table()).succeed(RUN);
    on_table("data.csv.gz", gzip(table())).succeed(RUN);
}

#[test]
fn columns_missing_or_twice() {
    rows_refused("id,size,", "id,sise,", &["no column 'size'", "did you mean 'sise'?"]);
    rows_refused("id,size,", "size,size,", &["column 'size'", "twice", "columns 1 and 2"]);
    declaration_refused("\"spend\"", "\"spent\"", &["no column 'spent'", "did you mean 'spend'?"]);
    declaration_refused("[\"size\"]", "[\"size\", \"spend\"]", &["'spend'", "both 'outcome' and 'numeric'"]);
    declaration_refused("[\"size\"]", "[\"size\", \"size\"]", &["'size'", "twice in 'numeric'"]);
    let without = declared("data.csv", &[("[\"size\"]", "[]"), ("[\"kind\"]", "[]")]);
    without.write("experiments/data.csv", table());
    without.refuse(RUN, &["small.toml", "no features", "'numeric'"]);
}

#[test]
fn declarations_that_cannot_be() {
    let unknown = declared("data.csv", &[("outcome =", "outcom =")]);
    unknown.refuse(RUN, &["small.toml, line 13", "'outcom'", "did you mean 'outcome'?"]);
    declaration_refused("[\"none\"]", "[\"none\", \"mail\"]", &["'mail'", "both 'treated' and 'control'"]);
    declaration_refused("[\"none\"]", "[]", &["control = []", "at least one"]);
    declaration_refused("\"e\"", "1.0", &["propensity = 1", "below 1"]);
    declaration_refused("treatment", "content = \"00\"\ntreatment", &["another file", "'content' says 00"]);
    declared("data.txt", &[]).refuse(RUN, &["small.toml", "data.txt", ".csv, .csv.gz or .parquet"]);
}

#[test]
fn cells_that_are_no_numbers() {
    let finite = "allowed are finite numbers";
    row_refused("4,many,a,mail,0,4,0.5,2024-01-05,w4", &["column 'size'", "'many'", finite]);
    row_refused("4,NaN,a,mail,0,4,0.5,2024-01-05,w4", &["column 'size'", "'NaN'", finite]);
    row_refused("4,-inf,a,mail,0,4,0.5,2024-01-05,w4", &["column 'size'", "'-inf'", finite]);
    row_refused("4,6,a,mail,NaN,4,0.5,2024-01-05,w4", &["column 'spend'", "'NaN'", finite]);
    row_refused("4,6,a,mail,inf,4,0.5,2024-01-05,w4", &["column 'spend'", "'inf'", finite]);
    row_refused("4,6,a,mail,1e999,4,0.5,2024-01-05,w4", &["column 'spend'", "'1e999'", finite]);
    row_refused("4,6,a,mail,,4,0.5,2024-01-05,w4", &["column 'spend'", "empty", finite]);
    row_refused("4,6,a,mail,0,x,0.5,2024-01-05,w4", &["column 'tau'", "'x'", finite]);
    row_refused("4,6,a,mail,0,4,1,2024-01-05,w4", &["column 'e'", "'1'", "below 1"]);
    row_refused("4,6,a,mail,0,4,0.5,2024-13-05,w4", &["column 'when'", "'2024-13-05'", "ISO dates"]);
    row_refused("4,6,a,mail,0,4,0.5,2024-01-05,", &["column 'who'", "empty", "group"]);
}

#[test]
fn outcomes_that_a_method_cannot_learn_from() {
    let negative = ROW.replace("mail,0,", "mail,-3,");
    rows_refused(ROW, &negative, &["row 6", "ziln", "0 or more", "found -3"]);
    let dropped = ["\n2,3,a,none,", "\n3,10,b,none,"].iter().fold(table(), |text, row| {
        assert!(text.contains(row), "{row}");
        text.replacen(row, &row.replace("none", "other"), 1)
    });
    let workspace = declared("data.csv", &[("[\"none\"]", "[\"none\"]\ndrop = [\"other\"]")]);
    workspace.write("experiments/data.csv", dropped.replacen(ROW, &negative, 1));
    workspace.refuse(RUN, &["data.csv", "row 6", "found -3"]);
    workspace.succeed(&format!("{RUN} --set grid.components=[[]]"));

    let zero = |line: &str| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[4] = if cells[0] == "id" { "spend" } else { "0" };
        cells.join(",") + "\n"
    };
    let zeros: String = table().lines().map(zero).collect();
    refused("data.csv", zeros, &["no outcome is positive", "column 'spend'"]);
}

#[test]
fn arms_undeclared_or_empty() {
    row_refused("4,6,a,post,0,4,0.5,2024-01-05,w4", &["column 'segment'", "'post'", "treated = [\"mail\"]"]);
    row_refused("4,6,a,,0,4,0.5,2024-01-05,w4", &["column 'segment'", "''", "control = [\"none\"]"]);
    let all = |from: &str, to: &str| table().replace(from, to);
    refused("data.csv", all("mail", "none"), &["treated arm is empty", "segment in [\"mail\"]"]);
    refused("data.csv", all("none", "mail"), &["control arm is empty", "segment in [\"none\"]"]);
}

#[test]
fn texts_empty_ragged_truncated_or_not_utf8() {
    let good = table();
    refused("data.csv", "", &["empty"]);
    refused("data.csv", "\n\n", &["empty"]);
    refused("data.csv", good.lines().next().unwrap(), &["no rows"]);
    row_refused("4,6,a,mail", &["4 cells", "the header has 9"]);
    row_refused("4,6,a,mail,0,4,0.5,2024-01-05,w4,w4", &["10 cells", "the header has 9"]);
    refused("data.csv", &good[..good.len() - 20], &["row 201", "truncated"]);
    let (head, tail) = good.split_at(good.find(ROW).unwrap() + 6);
    refused("data.csv", [head.as_bytes(), b"\xff", tail.as_bytes()].concat(), &["row 6", "not UTF-8"]);
    declared("absent.csv", &[]).refuse(RUN, &["small.toml", "absent.csv", "no such file", "'path'"]);
    declared("absent.csv", &[]).refuse("plan experiments/small.toml", &["small.toml", "absent.csv"]);
}

#[test]
fn packed_files_truncated_or_damaged() {
    let packed = gzip(table());
    refused("data.csv.gz", &packed[..packed.len() / 2], &["row", "truncated"]);
    refused("data.csv.gz", &packed[..packed.len() - 4], &["truncated"]);
    let mut damaged = packed.clone();
    let checksum = packed.len() - 8;
    damaged[checksum] ^= 1;
    refused("data.csv.gz", damaged, &["corrupt gzip", "checksum"]);
    refused("data.csv.gz", table(), &["gzip"]);
    refused("data.parquet", "", &["empty"]);
    refused("data.parquet", b"PAR1 and then nothing", &["not a whole Parquet file"]);
    let workspace = Workspace::new();
    workspace.succeed("data export b2b-mimic --rows 300 --out rows.parquet");
    let whole = std::fs::read(workspace.path("rows.parquet")).unwrap();
    refused("data.parquet", &whole[..whole.len() / 2], &["not a whole Parquet file", "truncated"]);
    refused("data.parquet", &whole[..whole.len() - 1], &["not a whole Parquet file", "truncated"]);
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
    let row = |column: &str| format!("scores.csv: row 3 (the header is row 1), column '{column}'");
    judge("s,t,y", "score,t,y", "", &["scores.csv", "no column 's'", "it has score, t, y"]);
    judge("s,t,y", "s,t,y,s", "", &["scores.csv", "'s'", "twice", "columns 1 and 4"]);
    judge("0.2,0,0", "high,0,0", "", &[&row("s"), "'high'", "finite number"]);
    judge("0.2,0,0", "NaN,0,0", "", &[&row("s"), "'NaN'", "finite number", "missing = [\"NaN\"]"]);
    judge("0.2,0,0", "0.2,0,inf", "", &[&row("y"), "'inf'", "finite number"]);
    judge("0.2,0,0", "0.2,,0", "", &[&row("t"), "''", "--treated = [\"1\""]);
    judge("0.2,0,0", "0.2,2,0", "", &[&row("t"), "'2'", "--control = [\"0\""]);
    judge("0.2,0,0", "0.2,0", "", &["scores.csv: row 3", "2 cells", "header has 3"]);
    judge("0.2,0,0\n0.1,1,0\n0.4,0,1", "0.2,1,0", "", &["scores.csv", "control arm is empty"]);
    judge(good, "", "", &["scores.csv", "empty"]);
    judge(good, "s,t,y\n", "", &["scores.csv", "no rows"]);
    judge(good, good, "--effect tau", &["scores.csv", "no column 'tau'"]);
    judge(good, good, "--treated 1", &["--control"]);
    judge(good, good, "--propensity 1.5", &["--propensity 1.5", "between 0 and 1"]);
    judge(good, good, "--propensity y", &["scores.csv: row 2", "'y'", "'2'", "below 1"]);
    Workspace::new().refuse("metrics scores.csv --score s --treatment t", &["--outcome"]);
    let absent = "metrics absent.csv --score s --treatment t --outcome y";
    Workspace::new().refuse(absent, &["absent.csv", "no such file"]);
}

#[test]
fn data_that_cannot_be_described_or_exported() {
    let refuse = |words: &str, parts: &[&str]| Workspace::new().refuse(words, parts);
    refuse("data describe b2b-mimik", &["'b2b-mimik'", "allowed are", "did you mean 'b2b-mimic'?"]);
    refuse("data describe b2b-mimic --set wrld=3", &["--set wrld=3", "did you mean 'world'?"]);
    refuse("data describe b2b-mimic --rows 0", &["rows = 0", "from 1"]);
    refuse("data describe experiments/small.toml --dataset mimc", &["--dataset mimc", "'mimic'"]);
    let export = |out: &str| format!("data export b2b-mimic --rows 50 --out {out}");
    refuse(&export("rows.txt"), &["--out rows.txt", ".csv, .csv.gz or .parquet"]);
    refuse(&export("absent/rows.csv"), &["--out absent/rows.csv", "does not exist"]);
    refuse(&export("/proc/rows.csv"), &["--out /proc/rows.csv", "cannot be written"]);
}
