//! The shape that ARCHITECTURE.md promises and Cargo cannot hold: which module of a crate may use which, where external crates and
//! file writing live, and that each file says what it is for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The crates below `harness/`; each may use those before it that ARCHITECTURE.md gives it, which its Cargo.toml holds.
const CRATES: &[&str] = &["base", "io", "stats", "data", "learn", "runs", "analysis", "page", "valor"];

/// External crates that one crate of ours has for some of its modules only.
const ROOMS: &[(&str, &[&str])] = &[
    ("tch", &["nets", "objectives", "learner"]),
    ("safetensors", &["model"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("indicatif", &["cli"]),
];

/// External crates that draw and fill pages, and the only crate that has them.
const DRAWING: &[&str] = &["plotters", "resvg", "tera"];

/// Types of the statistics that printers show. They call none of its functions: a number that is not there yet is decided in
/// analysis.
const PRINTED: &[&str] =
    &["Answer", "Defined", "Direction", "Interval", "SeedInterval", "Undefined", "Verdict"];

/// The only modules that write files, and what writing looks like.
const WRITERS: &[&str] = &["atomic", "store", "report", "cli"];
const WRITING: &[&str] =
    &["fs::write", "fs::rename", "fs::copy", "fs::create_dir", "fs::remove_", "File::create", "OpenOptions"];

/// What `io` alone does, and in which of its modules: everyone else calls it.
const ONCE: &[(&str, &[&str])] = &[
    ("atomic", &["fs::rename", "fs::remove_", "fs::hard_link", "renameat", ".sync_all", ".sync_data"]),
    ("table", &["ArrowWriter", "GzEncoder"]),
    ("time", &["jiff::"]),
];

/// A source file of a crate.
struct Source {
    path: PathBuf,
    /// Folder of its crate: `stats`.
    package: &'static str,
    /// Names of its path: `metrics`, `curve` for `harness/stats/src/metrics/curve.rs`.
    names: Vec<String>,
    text: String,
}

impl Source {
    /// First module of its path; `lib` or `main` for the roots of a crate.
    fn module(&self) -> &str {
        &self.names[0]
    }
}

/// A path below `harness/`.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
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
    let of_a_crate = |package: &&'static str| {
        let root = folder(package).join("src");
        let read = |path: PathBuf| {
            let inside = path.strip_prefix(&root).unwrap().with_extension("");
            let mut names: Vec<_> = inside.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            names.pop_if(|name| name == "mod");
            Source { package, names, text: fs::read_to_string(&path).unwrap(), path }
        };
        rust_files(&root).into_iter().map(read).collect::<Vec<_>>()
    };
    CRATES.iter().flat_map(of_a_crate).collect()
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

/// Modules of its crate that a file names, by `crate::` or by enough `super::`.
fn used_modules(code: &str, depth: usize) -> BTreeSet<&str> {
    let supers = "super::".repeat(depth);
    let from_crate = after(code, "crate::").flat_map(first_names);
    let from_super =
        code.match_indices(&supers).map(|(at, _)| &code[at + supers.len()..]).flat_map(first_names);
    from_crate.chain(from_super).collect()
}

/// The modules of each crate in the order of its `lib.rs`, which is the order of dependency. The rows' crate is one room.
fn modules() -> BTreeMap<&'static str, Vec<String>> {
    let of_a_crate = |package: &&'static str| {
        let text = fs::read_to_string(folder(package).join("src/lib.rs")).unwrap();
        let code = code(&text);
        let names = after(&code, "mod ").flat_map(first_names).map(str::to_owned).collect();
        (*package, names)
    };
    CRATES.iter().filter(|package| **package != "data").map(of_a_crate).collect()
}

#[test]
fn modules_use_only_what_stands_before_them() {
    let modules = modules();
    let mut wrong = Vec::new();
    let is_inner = |source: &&Source| !["lib", "main"].contains(&source.module());
    for source in sources().iter().filter(is_inner) {
        let Some(order) = modules.get(source.package) else { continue };
        let place = |module: &str| order.iter().position(|name| name == module);
        let here = place(source.module());
        assert!(here.is_some(), "{}: lib.rs does not name {}", source.path.display(), source.module());
        for used in used_modules(&code(&source.text), source.names.len()) {
            if place(used) > here {
                wrong.push(format!("{}: {} may not use {used}", source.path.display(), source.module()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Folders whose modules may name each other in a circle, and why.
const CIRCLES: &[(&str, &str, &str)] = &[
    (
        "data",
        "table",
        "a dialect says how cells are read; a cell that cannot be read says which dialect it may be of",
    ),
    ("learn", "learner", "what is saved names every kind of model, and each kind saves itself"),
    (
        "runs",
        "store",
        "what is valor's in a results folder is known by the parts that write it, which ask it in turn",
    ),
];

/// By folder of a crate, which of its modules uses which: edges between children of one folder, by paths and by names that a folder's
/// root hands on. Tests do not count.
fn siblings() -> BTreeMap<(&'static str, Vec<String>), BTreeSet<(String, String)>> {
    let sources = sources();
    let is_test = |source: &Source| {
        let last = source.names.last().unwrap();
        [
            "tests",
            "fixtures",
            "checks",
            "findings",
            "cases",
            "properties",
            "simulation",
            "units",
            "golden",
            "sample",
        ]
        .iter()
        .any(|name| last.ends_with(name))
    };
    let mut edges: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for package in CRATES {
        let ours = || sources.iter().filter(|source| source.package == *package);
        let root = |source: &Source| {
            if ["lib", "main"].contains(&source.module()) { vec![] } else { source.names.clone() }
        };
        let modules: BTreeSet<Vec<String>> = ours().map(root).collect();
        // What a root hands on of its children: by name, the child that has it.
        let mut handed: BTreeMap<(Vec<String>, String), Vec<String>> = BTreeMap::new();
        for source in ours() {
            let code = program(source);
            for path in after(&code, "use ") {
                let path = path.split(';').next().unwrap();
                let Some((child, names)) = path.split_once("::") else { continue };
                let child = [root(source), vec![child.to_owned()]].concat();
                if modules.contains(&child) {
                    let names = names.split(|letter| !is_name(letter)).filter(|name| !name.is_empty());
                    handed.extend(names.map(|name| ((root(source), name.to_owned()), child.clone())));
                }
            }
        }
        let resolve = |path: &[String]| {
            let mut at: Vec<String> = Vec::new();
            for name in path {
                let below = [at.clone(), vec![name.clone()]].concat();
                if modules.contains(&below) {
                    at = below;
                } else if let Some(child) = handed.get(&(at.clone(), name.clone())) {
                    at.clone_from(child);
                } else {
                    break;
                }
            }
            at
        };
        for source in ours().filter(|source| !is_test(source)) {
            let (code, here) = (program(source), root(source));
            for target in paths(&code, &here).iter().map(|path| resolve(path)) {
                let common = here.iter().zip(&target).take_while(|(a, b)| a == b).count();
                if common < here.len() && common < target.len() {
                    let edge = (here[common].clone(), target[common].clone());
                    edges.entry((*package, here[..common].to_vec())).or_default().insert(edge);
                }
            }
        }
    }
    edges
}

/// Every path of a file that starts at its crate, at a folder above it or at itself, from the crate's root.
fn paths(code: &str, here: &[String]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for rest in after(code, start) {
            let (mut rest, mut base) = (
                rest,
                match start {
                    "crate::" => Vec::new(),
                    "self::" => here.to_vec(),
                    _ => here[..here.len().saturating_sub(1)].to_vec(),
                },
            );
            while let Some(above) = rest.strip_prefix("super::") {
                base.pop();
                rest = above;
            }
            found.extend(branches(rest).into_iter().map(|path| [base.clone(), path].concat()));
        }
    }
    found
}

/// The paths of a tree of paths: `a, b` and `a, c` of `a::{b, c}`.
fn branches(tree: &str) -> Vec<Vec<String>> {
    let end = tree.find(|letter| !is_name(letter)).unwrap_or(tree.len());
    let (name, rest) = tree.split_at(end);
    let Some(rest) = rest.strip_prefix("::") else { return vec![vec![name.to_owned()]] };
    let below: Vec<Vec<String>> = match rest.strip_prefix('{') {
        None => branches(rest),
        Some(group) => {
            let (mut depth, mut start, mut found) = (0, 0, Vec::new());
            for (at, letter) in group.char_indices() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth > 0 => depth -= 1,
                    ',' | '}' if depth == 0 => {
                        found.extend(branches(group[start..at].trim()));
                        start = at + 1;
                        if letter == '}' {
                            break;
                        }
                    }
                    _ => {}
                }
            }
            found
        }
    };
    below.into_iter().map(|path| [vec![name.to_owned()], path].concat()).collect()
}

/// Modules that reach themselves.
fn in_circles(edges: &BTreeSet<(String, String)>) -> BTreeSet<&str> {
    let reach = |from: &str| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(next) = waiting.pop() {
            for (_, to) in edges.iter().filter(|(start, _)| *start == next) {
                if seen.insert(to.clone()) {
                    waiting.push(to.clone());
                }
            }
        }
        seen
    };
    edges.iter().map(|(from, _)| from.as_str()).filter(|from| reach(from).contains(*from)).collect()
}

#[test]
fn no_modules_of_a_folder_use_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    let mut excused = BTreeSet::new();
    let edges = siblings();
    assert!(edges.len() > 20, "the scanner sees {} folders", edges.len());
    for ((package, place), edges) in &edges {
        let circle = in_circles(edges);
        if circle.is_empty() {
            continue;
        }
        let place = place.join("/");
        match CIRCLES.iter().find(|(crate_of, folder, _)| crate_of == package && *folder == place) {
            Some(row) => drop(excused.insert(row)),
            None => wrong.push(format!("{package}/{place}: {circle:?}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(excused.len(), CIRCLES.len(), "a circle that is excused is gone: {excused:?}");
    let architecture = fs::read_to_string(folder("../ARCHITECTURE.md")).unwrap();
    for (package, place, _) in CIRCLES {
        assert!(
            architecture.contains(&format!("`{package}/{place}`")),
            "ARCHITECTURE.md: why {package}/{place}?"
        );
    }
}

#[test]
fn circles_are_found() {
    let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let edges = BTreeSet::from([edge("a", "b"), edge("b", "c"), edge("c", "b"), edge("d", "a")]);
    assert_eq!(in_circles(&edges), BTreeSet::from(["b", "c"]));
    let here = ["nets".to_owned(), "gate".to_owned()];
    let found = paths("use super::heads::{Head, x::Y}; crate::trees::grow(); super::super::z::w", &here);
    let found: Vec<String> = found.iter().map(|path| path.join("/")).collect();
    assert_eq!(found, ["trees/grow", "nets/heads/Head", "nets/heads/x/Y", "z/w", "nets/z/w"]);
}

/// Names of the packages that a crate's programs and libraries are built with, from its Cargo.toml.
fn dependencies(package: &str) -> Vec<String> {
    let text = fs::read_to_string(folder(package).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = text.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn crates_use_only_crates_before_them_and_statistics_need_no_libtorch() {
    for (place, package) in CRATES.iter().enumerate() {
        let used = dependencies(package);
        let ours = used.iter().filter_map(|name| name.strip_prefix("valor-"));
        for name in ours {
            let before = CRATES.iter().position(|other| *other == name);
            assert!(before < Some(place), "{package} may not use {name}");
        }
        let torch = used.iter().any(|name| name == "tch");
        assert!(!torch || *package == "learn", "{package}: only learn is built with libtorch's bindings");
    }
}

/// Every name of the paths that a file has below a crate: `stats`, `Interval` of `valor_stats::stats::Interval`.
fn names_below<'a>(code: &'a str, package: &'a str) -> impl Iterator<Item = &'a str> {
    let path = |rest: &'a str| {
        let mut depth = 0_i32;
        let end = rest.find(|letter: char| {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            let inside = is_name(letter) || letter == ':' || letter == '{' || letter == '}';
            depth < 0 || !(inside || (depth > 0 && (letter == ',' || letter.is_whitespace())))
        });
        &rest[..end.unwrap_or(rest.len())]
    };
    let names = |path: &'a str| path.split(|letter| !is_name(letter)).filter(|name| !name.is_empty());
    after(code, package).map(path).flat_map(names)
}

/// The program's part of a source file: what stands before its tests, as code.
fn program(source: &Source) -> String {
    let code = code(&source.text);
    code.split("\nmod tests {").next().unwrap_or_default().to_owned()
}

#[test]
fn analysis_decides_page_draws_and_report_does_neither() {
    for package in CRATES {
        let used = dependencies(package);
        let draws = DRAWING.iter().any(|name| used.iter().any(|used| used == name));
        assert!(!draws || *package == "page", "{package} draws, which is left to page");
        if *package == "page" {
            let ours: Vec<_> = used.iter().filter(|name| name.starts_with("valor-")).collect();
            assert_eq!(ours, ["valor-base"], "page knows no experiment and no number's meaning");
        }
    }
    let mut wrong = Vec::new();
    for source in sources() {
        let code = program(&source);
        let name = source.path.display();
        if source.package == "analysis"
            && ["println!", "print!", "eprintln!"].iter().any(|one| code.contains(one))
        {
            wrong.push(format!("{name}: analysis prints nothing"));
        }
        if source.package == "valor" && source.module() == "report" {
            let known = |used: &&str| !PRINTED.contains(used) && !["stats", "metrics"].contains(used);
            let others = names_below(&code, "valor_stats::").filter(known);
            wrong.extend(others.map(|used| format!("{name}: {used} belongs to analysis")));
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
            if named && !rooms.contains(&source.module()) {
                wrong.push(format!("{}: {name} belongs to {rooms:?}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_writers_write_files() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !WRITERS.contains(&source.module())) {
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
fn files_are_handled_in_one_place() {
    let mut wrong = Vec::new();
    for source in sources() {
        let is_test = ["tests", "fixtures"].iter().any(|name| source.names.last().unwrap().ends_with(name));
        let code = if is_test { String::new() } else { program(&source) };
        for (module, done) in ONCE {
            let here = source.package == "io" && source.module() == *module;
            let elsewhere = done.iter().filter(|what| !here && code.contains(**what));
            wrong.extend(
                elsewhere.map(|what| format!("{}: {what} belongs to io::{module}", source.path.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_say_what_they_are_for() {
    let mut wrong = Vec::new();
    let folders = ["src", "tests", "benches"];
    let all = CRATES.iter().flat_map(|package| folders.map(|name| folder(package).join(name)));
    for path in all.flat_map(|folder| rust_files(&folder)) {
        if !fs::read_to_string(&path).unwrap().starts_with("//! ") {
            wrong.push(format!("{}: does not open with `//! ` and its purpose", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Names and features of the packages that `cargo tree` lists for some kinds of edges.
fn features(edges: &str) -> BTreeMap<String, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_string());
    let words = [
        "tree",
        "--offline",
        "--workspace",
        "--no-dedupe",
        "--prefix",
        "none",
        "-f",
        "{p}\t{f}",
        "-e",
        edges,
    ];
    let output = std::process::Command::new(cargo).args(words).current_dir(folder("..")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.trim_end_matches(" (*)").split_once('\t'));
    lines.map(|(package, features)| (package.to_owned(), features.to_owned())).collect()
}

#[test]
fn programs_and_tests_share_one_build() {
    let (program, tests) = (features("normal,build"), features("normal,build,dev"));
    let differ: Vec<_> =
        program.iter().filter(|(name, features)| tests.get(*name) != Some(features)).collect();
    assert!(differ.is_empty(), "the crates of the tests switch features on: {differ:#?}");
}

#[test]
fn the_scanner_reads_rust() {
    let text = "use crate::{data::{a, store}, spec};\n// crate::report\nlet a = \"crate::cli\\\"\"; let b = r#\"crate::cli\"#;\n\
                let c = '\"'; fn f<'a>() { crate::stats::mean(); not_crate::cli::x(); $crate::error::E }\n/* crate::cli */";
    assert_eq!(used_modules(&code(text), 1), BTreeSet::from(["data", "error", "spec", "stats"]));
    let text = "use valor_stats::stats::{Interval, mean}; let a: &valor_stats::metrics::Direction = b;";
    let names = ["stats", "Interval", "mean", "metrics", "Direction"];
    assert_eq!(names_below(text, "valor_stats::").collect::<Vec<_>>(), names);
    let text = "use super::super::report::View; use super::store;";
    assert_eq!(used_modules(text, 2), BTreeSet::from(["report"]));
}
