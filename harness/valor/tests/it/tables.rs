//! Files as people have them: other dialects of CSV, other formats of scores, files made to take all memory.

use crate::workspace::{EXPERIMENT, Workspace, gzip};
use serde_json::Value;
use std::io::Write;

/// The declaration of the rows below.
const TABLE: &str = r#"[dataset.table]
path = "data.csv"
treatment = "t"
treated = [1]
control = [0]
outcome = "y"
numeric = ["x", "z"]
categorical = ["kind"]
"#;

/// Cells of 120 rows: x, z, kind, t, y; some without x, all amounts in hundredths.
fn cells() -> Vec<[String; 5]> {
    let row = |i: i64| {
        let x = if i % 9 == 4 { String::new() } else { format!("{}.{:02}", i % 7 - 3, (i * 37) % 100) };
        let y = if i % 3 == 0 { format!("{}.{:02}", 1_000 + i * 13, i % 100) } else { "0.00".to_string() };
        [x, format!("{}.5", i % 5), ["a", "b", "c"][i as usize % 3].to_string(), (i / 2 % 2).to_string(), y]
    };
    (0..120).map(row).collect()
}

/// The rows as text, every cell written by `write` from its column and its plain text.
fn text(separator: &str, write: impl Fn(usize, &str) -> String) -> String {
    let line = |cells: &[String; 5]| {
        let cells = cells.iter().enumerate().map(|(column, cell)| write(column, cell));
        cells.collect::<Vec<_>>().join(separator) + "\n"
    };
    let header = ["x", "z", "kind", "t", "y"].join(separator) + "\n";
    header + &cells().iter().map(line).collect::<String>()
}

fn plain() -> String {
    text(",", |_, cell| cell.to_string())
}

/// A workspace with the rows in a file and further keys of their table.
fn workspace(content: impl AsRef<[u8]>, keys: &str) -> Workspace {
    let source = format!("{TABLE}{keys}\n");
    let workspace = Workspace::with(&EXPERIMENT.replacen("b2b-mimic = { rows = 600 }\n", &source, 1));
    workspace.write("experiments/data.csv", content);
    workspace
}

const DESCRIBE: &str = "data describe experiments/small.toml --json";

fn described(content: impl AsRef<[u8]>, keys: &str) -> Value {
    serde_json::from_str(&workspace(content, keys).succeed(DESCRIBE)).unwrap()
}

fn refused(content: impl AsRef<[u8]>, keys: &str, parts: &[&str]) {
    workspace(content, keys).refuse(DESCRIBE, parts);
}

/// Amounts with commas between thousands.
fn grouped(cell: &str, thousands: &str) -> String {
    match cell.split_once('.') {
        Some((whole, decimals)) if whole.len() > 3 => {
            let (front, back) = whole.split_at(whole.len() - 3);
            format!("{front}{thousands}{back}.{decimals}")
        }
        _ => cell.to_string(),
    }
}

/// Writes a cell of a column in another way.
type Spelling = fn(usize, &str) -> String;

fn comma(_: usize, cell: &str) -> String {
    cell.replace('.', ",")
}

fn swapped(_: usize, cell: &str) -> String {
    grouped(cell, "_").replace('.', ",").replace('_', ".")
}

fn dollars(column: usize, cell: &str) -> String {
    if column == 4 { format!("${cell}") } else { cell.to_string() }
}

fn euros(column: usize, cell: &str) -> String {
    if column == 4 { format!("{cell} EUR") } else { cell.to_string() }
}

fn shares(column: usize, cell: &str) -> String {
    if column == 1 { format!("{cell} %") } else { cell.to_string() }
}

fn not_available(_: usize, cell: &str) -> String {
    if cell.is_empty() { "NA".to_string() } else { cell.to_string() }
}

#[test]
fn a_dialect_is_named_where_it_is_not_declared_and_read_where_it_is() {
    let expected = described(plain(), "");
    let both = "separator = ';'\ndecimal = ','";
    let all = "separator = ';'\ndecimal = ','\nthousands = '.'";
    let as_is: Spelling = |_, cell| cell.to_string();
    let quoted_comma: Spelling = |column, cell| format!("\"{}\"", comma(column, cell));
    let quoted_groups: Spelling = |_, cell| format!("\"{}\"", grouped(cell, ","));
    let cases: [(&str, Spelling, &str, &[&str]); 10] = [
        (";", comma, both, &["separator = \";\" with decimal = \",\""]),
        ("\t", as_is, "separator = \"\\t\"", &["separator = \"\\t\" reads it"]),
        ("|", as_is, "separator = '|'", &["separator = \"|\" reads it"]),
        (";", swapped, all, &["separator = \";\""]),
        (",", quoted_comma, "decimal = ','", &["column 'y'", "decimal = \",\""]),
        (",", quoted_groups, "thousands = ','", &["'1,000.00'", "thousands = \",\" reads it"]),
        (",", dollars, "currency = ['$']", &["currency = [\"$\"] reads it"]),
        (",", euros, "currency = ['EUR']", &["currency = [\"EUR\"] reads it"]),
        (",", shares, "currency = ['%']", &["currency = [\"%\"] reads it"]),
        (",", not_available, "missing = ['NA']", &["'NA'", "missing = [\"NA\"] reads it"]),
    ];
    for (separator, write, keys, hint) in cases {
        let content =
            text(
                separator,
                |column, cell| {
                    if column != 2 && column != 3 { write(column, cell) } else { cell.to_string() }
                },
            );
        refused(&content, "", &[&["data.csv"], hint].concat());
        assert_eq!(described(&content, keys), expected, "{keys}");
        let whole = format!("\u{feff}{}", content.replace('\n', "\r\n"));
        assert_eq!(described(whole, keys), expected, "{keys} after a byte-order mark");
    }
    refused(plain(), "separator = 'x'", &["separator = 'x'", "allowed is one ASCII character"]);
    refused(plain(), "thousands = '.'", &["thousands = '.' beside decimal = '.'"]);
    refused(plain(), "missing = ['1']", &["'1' stands in both 'treated' and 'missing'"]);
    refused(plain(), "separator = ';'", &["separator = \",\" reads it"]);
    refused(
        text(",", |c, cell| if c == 0 { "1.5".into() } else { cell.into() }),
        "decimal = ','",
        &["found '1000.00'"],
    );
}

#[test]
fn a_model_reads_other_files_as_its_training_rows_were_read() {
    let german = text(";", |_, cell| if cell.is_empty() { "NA".into() } else { cell.replace('.', ",") });
    let keys = "separator = ';'\ndecimal = ','\nmissing = ['NA']";
    let workspace = workspace(&german, keys);
    workspace.succeed("fit experiments/small.toml --method TARNet --seed 1 --out model.safetensors");
    workspace.write("plain.csv", plain());
    workspace.succeed("score model.safetensors experiments/data.csv --out own.parquet");
    workspace
        .refuse("score model.safetensors plain.csv --out other.parquet", &["plain.csv", "separator = \",\""]);
    workspace.succeed("score model.safetensors plain.csv --out other.parquet --separator , --decimal .");
    let judge = |file: &str| {
        let words = format!("metrics {file} --score uplift --treatment t --outcome y --json");
        workspace.succeed(&format!("{words} --decimal {}", if file.starts_with("own") { "," } else { "." }))
    };
    assert_eq!(judge("own.parquet"), judge("other.parquet"));
}

#[test]
fn scores_are_judged_the_same_in_every_format_and_spelling() {
    let workspace = Workspace::new();
    for name in ["rows.csv", "rows.csv.gz", "rows.parquet"] {
        workspace.succeed(&format!("data export b2b-mimic --rows 500 --out {name}"));
    }
    let judge = |file: &str, options: &str| {
        let words =
            format!("metrics {file} --score effect --treatment treatment --outcome outcome --effect effect");
        workspace.succeed(&format!("{words} --json {options}"))
    };
    let expected = judge("rows.csv", "");
    assert_eq!(judge("rows.csv.gz", ""), expected);
    assert_eq!(judge("rows.parquet", ""), expected);
    let rows = std::fs::read_to_string(workspace.path("rows.csv")).unwrap();
    let place = rows.lines().next().unwrap().split(',').position(|name| name == "treatment").unwrap();
    let spelled = |values: [&str; 2]| {
        let line = |line: &str| {
            let mut cells: Vec<&str> = line.split(',').collect();
            cells[place] = cells[place].parse::<usize>().map_or(cells[place], |arm| values[arm]);
            cells.join(",") + "\n"
        };
        rows.lines().map(line).collect::<String>()
    };
    for values in [["0.0", "1.0"], ["false", "true"], ["False", "True"], ["FALSE", "TRUE"]] {
        workspace.write("spelled.csv", spelled(values));
        assert_eq!(judge("spelled.csv", ""), expected, "{values:?}");
    }
    workspace.write("spelled.csv", spelled(["none", "mail"]));
    assert_eq!(judge("spelled.csv", "--treated mail --control none"), expected);
    let words = "metrics spelled.csv --score effect --treatment treatment --outcome outcome";
    workspace.refuse(
        words,
        &["row 2 (the header is row 1)", "--treated = [\"1\", \"true\"", "--control = [\"0\""],
    );
}

#[test]
fn blank_lines_are_rows_as_in_a_spreadsheet() {
    let wrong = |content: String| content.replacen("\n3.", "\nmany.", 1);
    let row = |content: &str| 1 + content.lines().position(|line| line.starts_with("many")).unwrap();
    for gaps in ["\n", "\n\n\n", "\r\n\r\n"] {
        let content = wrong(plain().replacen("\n", &format!("\n{gaps}"), 3));
        refused(&content, "", &[&format!("data.csv: row {} (the header is row 1)", row(&content)), "'many."]);
    }
    let content = format!("\n\n{}", wrong(plain()));
    refused(&content, "", &[&format!("data.csv: row {} (the header is row 3)", row(&content))]);
    assert_eq!(described(plain().replace('\n', "\n\n"), ""), described(plain(), ""));
}

#[test]
fn text_in_another_encoding_is_named() {
    let wide = |bytes: fn(u16) -> [u8; 2]| plain().encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    refused([b"\xff\xfe".to_vec(), wide(u16::to_le_bytes)].concat(), "", &["data.csv", "UTF-16", "UTF-8"]);
    refused([b"\xfe\xff".to_vec(), wide(u16::to_be_bytes)].concat(), "", &["data.csv", "UTF-16"]);
    refused(wide(u16::to_le_bytes), "", &["data.csv", "UTF-16"]);
    refused(gzip(plain()), "", &["data.csv", "gzip", ".csv.gz"]);
    refused(b"PK\x03\x04 and so on", "", &["data.csv", "workbook"]);
}

#[test]
fn what_is_too_large_to_be_a_cell_a_name_or_a_table_is_refused() {
    let endless = "a".repeat(3 << 20);
    let cell = plain().replacen("0.00", &endless, 1);
    refused(&cell, "", &["row 2", "limits.cell = 1048576", "--cell-limit"]);
    refused(&endless, "", &["row 1", "limits.header = 1024", "--header-limit"]);
    refused(format!("\"{endless}"), "", &["row 1", "limits.header"]);
    refused(plain().replacen("x,", "x,\"", 1), "", &["row 1", "limits.header", "a quote may be left open"]);
    refused("a,".repeat(70_000), "", &["more than 65536 columns", "limits.columns", "--column-limit"]);
    refused(plain(), "limits = { cell = 6 }", &["limits.cell = 6"]);
    refused(plain(), "limits = { header = 3 }", &["'kind'", "limits.header = 3"]);
    refused(plain(), "limits = { columns = 4 }", &["limits.columns = 4"]);
    let row = plain().replacen("\n", &format!("\n{}", "1,".repeat(100)), 1);
    refused(row, "", &["row 2", "has 105 cells, the header has 5"]);
    refused(plain(), "limits = { cell = 0 }", &["limits.cell = 0: allowed are 1 to"]);
    let long = plain().replacen(",a,", &format!(",{},", "a".repeat(2 << 20)), 1);
    assert_eq!(described(long, "limits = { cell = 4_000_000 }")[0]["rows"], 120);
    let workspace = workspace("", "");
    workspace.write("scores.csv.gz", gzip(format!("s,t,y\n1,1,{endless}")));
    let words = "metrics scores.csv.gz --score s --treatment t --outcome y";
    workspace.refuse(words, &["scores.csv.gz", "row 2", "--cell-limit"]);
    workspace.refuse(
        &format!("{words} --cell-limit 10000000"),
        &["scores.csv.gz", "column 'y'", "(3145728 characters)"],
    );
}

#[test]
fn no_message_repeats_much_of_a_file_or_its_control_characters() {
    let longest = |content: String, keys: &str| {
        let output = workspace(content, keys).valor(DESCRIBE);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(!message.trim_end().contains(|c: char| c.is_control() && c != '\n'), "{message:?}");
        assert!(message.len() < 2_000, "{message}");
    };
    let long = format!("\u{1b}[2J{}", "w".repeat(900));
    longest(plain().replacen("x,", &format!("{long},"), 1), "");
    longest(plain().replacen("0.00", &long, 1), "");
    longest(plain().replacen("\n3.", &format!("\n{long}"), 1), "");
    longest(plain().replacen(",0,", &format!(",{long},"), 1), "");
    longest(format!("{}\n", vec![long.as_str(); 60].join(",")), "");
    longest(plain(), &format!("group = \"{}\"", "w".repeat(5_000)));
    longest(plain(), &format!("{} = 1", "w".repeat(5_000)));
    longest(plain(), &format!("rows = \"{}\"", "w ".repeat(5_000)));
    longest(plain(), &format!("time = \"{}", "\\\"'".repeat(5_000)));
}

#[test]
fn numbers_that_32_bits_cannot_train_on_are_refused_at_the_door() {
    let allowed = "allowed are finite numbers from -1e30 to 1e30";
    for value in ["1e31", "-1e31", "1e60", "-1e300"] {
        let outcome = plain().replacen("1000.00", value, 1);
        refused(outcome, "", &["data.csv", "row 2", "column 'y'", &format!("'{value}'"), allowed]);
        let feature = plain().replacen("\n-3.00", &format!("\n{value}"), 1);
        refused(feature, "", &["data.csv", "row 2", "column 'x'", &format!("'{value}'"), allowed]);
    }
    let large = plain().replacen("\n-3.00", "\n1e30", 1).replacen("1000.00", "1e30", 1);
    assert_eq!(described(large, "")[0]["rows"], 120);
}

#[test]
fn more_rows_than_memory_holds_are_refused_with_the_figure() {
    let workspace = Workspace::new();
    let figure = ["rows = 4000000000", "TiB of memory", "are available", "allowed are about"];
    for source in ["b2b-mimic", "production-sim"] {
        workspace.refuse(&format!("data describe {source} --rows 4000000000"), &figure);
        workspace.refuse(&format!("data export {source} --rows 4000000000 --out rows.csv"), &figure);
    }
    workspace
        .refuse("data describe valor-release --set users=70000000", &["users = 70000000", "TiB of memory"]);
    workspace.refuse("run experiments/small.toml --set rows=4000000000", &figure);
    let fit = "fit experiments/small.toml --method TARNet --seed 1 --out m.safetensors --set rows=4000000000";
    workspace.refuse(fit, &figure);
}

/// A gzip of `length` times the same byte after some others, made without holding it.
fn bomb(start: &[u8], length: usize) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(start).unwrap();
    let block = vec![b'a'; 1 << 20];
    (0..length >> 20).for_each(|_| packer.write_all(&block).unwrap());
    packer.finish().unwrap()
}

/// 1 GiB of one cell in a few MB: refused in less memory than it would take.
#[test]
fn a_small_file_that_unpacks_to_an_endless_cell_takes_little_memory() {
    let workspace = Workspace::new();
    workspace.write("scores.csv.gz", bomb(b"s,t,y\n1,1,", 1 << 30));
    workspace.write("names.csv.gz", bomb(b"s,t,y", 1 << 30));
    for name in ["scores.csv.gz", "names.csv.gz"] {
        let valor = env!("CARGO_BIN_EXE_valor");
        let script = format!(
            "import resource, subprocess, sys\n\
             r = subprocess.run(['{valor}', 'metrics', '{name}', '--score', 's', '--treatment', 't', '--outcome', 'y'])\n\
             print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n\
             sys.exit(r.returncode)"
        );
        let mut python = std::process::Command::new("python3");
        let output = python.args(["-c", &script]).current_dir(workspace.path(".")).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let kilobytes: u64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
        assert!(kilobytes < 700_000, "{name}: {kilobytes} kB");
    }
}
