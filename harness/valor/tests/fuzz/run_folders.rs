//! Altered run folders, also under checksums that are right again, so that what stands behind them is reached.

use crate::alter;
use crate::survive::{folder, survive};
use rand::Rng;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use valor_base::seed::Stream;
use valor_runs::store::Store;

const EXPERIMENT: &str = r#"
seeds = [1]
[[dataset]]
name = "mimic"
b2b-mimic = { rows = 200 }
[training]
epochs = 1
batch = 64
[model]
trunk = [4]
heads = [4]
ziln-forest.trees = 2
[grid]
backbones = ["tarnet"]
components = [[], ["ziln"]]
[[method]]
backbone = "ziln-forest"
[[method]]
name = "wild"
backbone = "tarnet"
training.learning-rate = 1e30
"#;

/// A store with a few runs, one of them diverged.
fn store(root: &Path) -> PathBuf {
    fs::write(root.join("small.toml"), EXPERIMENT).unwrap();
    let words = ["run", "small.toml", "--results", "results", "--device", "cpu", "--workers", "1"];
    let output = Command::new(env!("CARGO_BIN_EXE_valor")).args(words).current_dir(root).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    root.join("results")
}

/// Files that stand for a run, by path below the store.
fn files(results: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let parts = [results.join("runs"), results.join("evaluations")];
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = parts.to_vec();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => drop(found.insert(path.clone(), fs::read(&path).unwrap())),
            }
        }
    }
    found
}

/// Where the altered file stands, and its content: one file that holds both, for whoever looks at a failure.
fn packed(path: &Path, content: &[u8]) -> Vec<u8> {
    [path.to_str().unwrap().as_bytes(), b"\n", content].concat()
}

fn unpacked(packed: &[u8]) -> (PathBuf, &[u8]) {
    let end = packed.iter().position(|byte| *byte == b'\n').unwrap();
    (PathBuf::from(String::from_utf8_lossy(&packed[..end]).into_owned()), &packed[end + 1..])
}

fn altered(source: &[u8], others: &[Vec<u8>], stream: &mut Stream) -> Vec<u8> {
    let (path, content) = unpacked(source);
    let json = serde_json::from_slice::<serde_json::Value>(content).ok();
    let content = match json.filter(|_| stream.random_bool(0.8)) {
        Some(json) => alter::json(&json, stream).to_string().into_bytes(),
        None => alter::bytes(content, others, stream),
    };
    packed(&path, &content)
}

/// Puts the altered file in its place, reads every run of its folder or its rows, and puts the place right again.
fn read(results: &Path, whole: &BTreeMap<PathBuf, Vec<u8>>, content: &[u8]) -> anyhow::Result<()> {
    let (path, content) = unpacked(content);
    fs::write(&path, content)?;
    let sums = path.with_file_name("checksums.b3");
    if path != sums && sums.exists() && content.len() % 4 != 0 {
        let mut text = String::new();
        for name in ["predictions.parquet", "record.json"] {
            if let Ok(bytes) = fs::read(path.with_file_name(name)) {
                text += &format!("{}  {name}\n", blake3::hash(&bytes).to_hex());
            }
        }
        fs::write(&sums, text)?;
    }
    let found = (|| {
        let reader = Store::new(results).reader()?;
        for id in reader.entries().keys() {
            if let Some(Err(damage)) = reader.run(id) {
                return Err(valor_base::input_error!("{}", damage.reason));
            }
        }
        Ok(())
    })();
    for place in [&path, &sums] {
        if let Some(bytes) = whole.get(place) {
            fs::write(place, bytes)?;
        }
    }
    found
}

#[test]
fn altered_run_folders_are_read_or_refused_by_the_name_of_the_file() {
    let folder = folder();
    let results = store(folder.path());
    let whole = files(&results);
    let seeds: Vec<Vec<u8>> = whole.iter().map(|(path, content)| packed(path, content)).collect();
    // Every message says which file of the store it is about.
    survive("results", &seeds, altered, |content| read(&results, &whole, content));
}
