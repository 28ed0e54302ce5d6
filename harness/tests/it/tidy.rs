//! The shape that ARCHITECTURE.md promises: which module may use which, where external crates and file writing live,
//! how long files are, and that each says what it is for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All modules of the crate; each may use those before it.
const ORDER: &[&str] = &[
    "error",
    "escape",
    "seed",
    "metrics",
    "stats",
    "data",
    "nets",
    "objectives",
    "trees",
    "learner",
    "spec",
    "record",
    "model",
    "trial",
    "store",
    "executor",
    "report",
    "cli",
];

/// External crates and the only modules that may name them.
const ROOMS: &[(&str, &[&str])] = &[
    ("tch", &["nets", "objectives", "learner"]),
    ("safetensors", &["model"]),
    ("plotters", &["report"]),
    ("resvg", &["report"]),
    ("tera", &["report"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("indicatif", &["cli"]),
];

/// The only modules that write files, and what writing looks like.
const WRITERS: &[&str] = &["store", "report", "cli"];
const WRITING: &[&str] =
    &["fs::write", "fs::rename", "fs::copy", "fs::create_dir", "fs::remove_", "File::create", "OpenOptions"];

const LONGEST_FILE: usize = 700;
const MEDIAN_FILE: usize = 150;

/// A source file of the crate.
struct Source {
    path: PathBuf,
    /// First module of its path: `data` for `src/data/table.rs`.
    module: String,
    /// How many modules deep it stands: 2 for `src/data/table.rs`.
    depth: usize,
    text: String,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false if path.extension().is_some_and(|extension| extension == "rs") => files.push(path),
            false => {}
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<Source> {
    let root = folder("src");
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&root).unwrap().with_extension("");
        let mut names: Vec<_> = inside.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
        names.pop_if(|name| name == "mod");
        Source {
            module: names[0].clone(),
            depth: names.len(),
            text: fs::read_to_string(&path).unwrap(),
            path,
        }
    };
    rust_files(&root).into_iter().map(read).collect()
}

/// The text without comments and without what is between quotes.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = blank(rest);
        let taken = if skipped > 0 { skipped } else { first.len_utf8() };
        code.push_str(if skipped > 0 { " " } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    code
}

/// Bytes of the comment or quoted text that `rest` begins with; 0 if it begins with neither.
fn blank(rest: &str) -> usize {
    let until =
        |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    for fence in ["r###\"", "r##\"", "r#\"", "r\""] {
        if rest.starts_with(fence) {
            let hashes = fence.len() - 2;
            return until(&format!("\"{}", "#".repeat(hashes)), fence.len());
        }
    }
    let bytes = rest.as_bytes();
    let character = bytes[0] == b'\'' && (bytes.get(1) == Some(&b'\\') || rest.chars().nth(2) == Some('\''));
    if bytes[0] != b'"' && !character {
        return 0;
    }
    let mut at = 1;
    while at < bytes.len() && bytes[at] != bytes[0] {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// What follows each `prefix` that is not the end of a longer name.
fn after<'a>(code: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let starts = code.match_indices(prefix).filter(|(at, _)| !code[..*at].ends_with(is_name));
    starts.map(move |(at, _)| &code[at + prefix.len()..])
}

/// First names of a path or of a group of paths: `a` of `a::b`, `a` and `c` of `{a::{b, d}, c}`.
fn first_names(path: &str) -> Vec<&str> {
    let head = |path: &'_ str| path.len() - path.trim_start_matches(is_name).len();
    let Some(group) = path.strip_prefix('{') else { return vec![&path[..head(path)]] };
    let mut names = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                let item = group[start..at].trim();
                names.push(&item[..head(item)]);
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// Modules of the crate that a file names, by `crate::` or by enough `super::`.
fn used_modules(code: &str, depth: usize) -> BTreeSet<&str> {
    let supers = "super::".repeat(depth);
    let from_crate = after(code, "crate::").flat_map(first_names);
    let from_super =
        code.match_indices(&supers).map(|(at, _)| &code[at + supers.len()..]).flat_map(first_names);
    from_crate.chain(from_super).filter(|name| ORDER.contains(name)).collect()
}

fn place(module: &str) -> Option<usize> {
    ORDER.iter().position(|name| *name == module)
}

#[test]
fn the_list_of_modules_is_in_dependency_order() {
    let text = fs::read_to_string(folder("src/lib.rs")).unwrap();
    let code = code(&text);
    let modules: Vec<&str> = after(&code, "mod ").flat_map(first_names).collect();
    assert!(modules.contains(&"seed"), "{modules:?}");
    let places: Vec<_> = modules.iter().map(|module| place(module)).collect();
    assert!(places.iter().all(Option::is_some), "a module of lib.rs has no place in ORDER: {modules:?}");
    assert!(places.is_sorted(), "lib.rs is not in the order of ORDER: {modules:?}");
}

#[test]
fn modules_use_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !["lib", "main"].contains(&&*source.module)) {
        let here = place(&source.module);
        assert!(here.is_some(), "{}: module {} has no place in ORDER", source.path.display(), source.module);
        for used in used_modules(&code(&source.text), source.depth) {
            if place(used) > here {
                wrong.push(format!("{}: {} may not use {used}", source.path.display(), source.module));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn external_crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        let code = code(&source.text);
        for (name, rooms) in ROOMS {
            let named = after(&code, &format!("{name}::")).next().is_some()
                || after(&code, &format!("use {name};")).next().is_some();
            if named && !rooms.contains(&&*source.module) {
                wrong.push(format!("{}: {name} belongs to {rooms:?}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_writers_write_files() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !WRITERS.contains(&&*source.module)) {
        let code = code(&source.text);
        let is_test = source.path.ends_with("tests.rs");
        let program = if is_test { "" } else { code.split("#[cfg(test)]\nmod tests {").next().unwrap() };
        for writing in WRITING.iter().filter(|writing| program.contains(**writing)) {
            wrong.push(format!("{}: {writing} belongs to {WRITERS:?}", source.path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut lengths = Vec::new();
    let mut wrong = Vec::new();
    for path in ["src", "tests", "benches"].iter().flat_map(|name| rust_files(&folder(name))) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        if !text.starts_with("//! ") {
            wrong.push(format!("{}: does not open with `//! ` and its purpose", path.display()));
        }
        if lines > LONGEST_FILE {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST_FILE}", path.display()));
        }
        lengths.push(lines);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median < MEDIAN_FILE, "the median file has {median} lines; it should stay under {MEDIAN_FILE}");
}

#[test]
fn the_scanner_reads_rust() {
    let text = "use crate::{data::{a, store}, spec};\n// crate::report\nlet a = \"crate::cli\\\"\"; let b = r#\"crate::cli\"#;\n\
                let c = '\"'; fn f<'a>() { crate::stats::mean(); not_crate::cli::x(); $crate::error::E }\n/* crate::cli */";
    assert_eq!(used_modules(&code(text), 1), BTreeSet::from(["data", "error", "spec", "stats"]));
    let text = "use super::super::report::View; use super::store;";
    assert_eq!(used_modules(text, 2), BTreeSet::from(["report"]));
}
