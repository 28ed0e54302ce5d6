//! A checkout in a temporary folder, with the binary run inside it.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Two methods on a small synthetic dataset, seconds for all of it.
pub const EXPERIMENT: &str = r#"
question = "Does it run?"
seeds = [1, 2]
metrics = ["auuc", "krcc"]

[[dataset]]
name = "mimic"
b2b-mimic = { rows = 600 }

[grid]
backbones = ["tarnet"]
components = [[], ["ziln", "focal", "gti", "wr"]]

[model]
trunk = [8]
heads = [4]

[training]
epochs = 2
batch = 64
"#;

/// What stands in a folder: by path the content of a file, nothing for a folder.
pub type Snapshot = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A folder with `experiments/small.toml`.
pub struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    /// The small experiment.
    pub fn new() -> Self {
        Self::with(EXPERIMENT)
    }

    /// Another experiment under the same name.
    pub fn with(experiment: &str) -> Self {
        let workspace = Self { folder: tempfile::tempdir().unwrap() };
        workspace.write("experiments/small.toml", experiment);
        workspace
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// The binary with words as arguments, ready to start.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valor"));
        command.args(words.split_whitespace()).current_dir(self.folder.path());
        // As a user starts it: cargo sets this for tests that call the library.
        command.env_remove("MKL_CBWR");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to the end.
    pub fn valor(&self, words: &str) -> Output {
        self.command(words).output().unwrap()
    }

    /// Runs to the end, expects exit code 0, and returns what was printed.
    pub fn succeed(&self, words: &str) -> String {
        let output = self.valor(words);
        assert_eq!(output.status.code(), Some(0), "valor {words}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs to the end and expects that the input is refused: exit code 2, one message with all `parts`, and
    /// nothing written or removed anywhere.
    pub fn refuse(&self, words: &str, parts: &[&str]) {
        self.refuse_command(self.command(words), words, parts);
    }

    /// The same for a command that is more than words.
    pub fn refuse_command(&self, mut command: Command, words: &str, parts: &[&str]) {
        let before = self.snapshot(".");
        let output = command.output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "valor {words}: {output:?}");
        for part in parts {
            assert!(message.contains(part), "valor {words}: '{part}' is not in: {message}");
        }
        assert!(!message.contains("panicked"), "{message}");
        assert!(self.snapshot(".") == before, "valor {words} changed files");
    }

    /// A folder and everything below it; nothing if it is not there.
    pub fn snapshot(&self, name: &str) -> Snapshot {
        let mut found = Snapshot::new();
        let mut waiting = vec![self.path(name)];
        while let Some(path) = waiting.pop() {
            if path.is_dir() {
                waiting.extend(fs::read_dir(&path).into_iter().flatten().map(|entry| entry.unwrap().path()));
                found.insert(path, None);
            } else if let Ok(content) = fs::read(&path) {
                found.insert(path, Some(content));
            }
        }
        found
    }

    /// Names of what stands in a folder; none if it is not there.
    pub fn names(&self, folder: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        entries.map(|entry| name_of(&entry.unwrap().path())).collect()
    }

    /// Records of complete runs by folder name.
    pub fn records(&self, results: &str) -> BTreeMap<String, Value> {
        let runs = fs::read_dir(self.path(results).join("runs")).into_iter().flatten();
        let folders = runs.map(|run| run.unwrap().path());
        folders.map(|run| (name_of(&run), json(&run.join("record.json")))).collect()
    }

    /// Everything in the records that is not measured, by folder name.
    pub fn unmeasured_records(&self) -> Value {
        self.records("results").iter().map(|(name, record)| (name.clone(), unmeasured(record))).collect()
    }

    /// What is not measured in the summary of a fresh report.
    pub fn summary(&self) -> Value {
        self.succeed("report experiments/small.toml --results results --out reports");
        unmeasured(&json(&self.path("reports/summary.json")))
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// A JSON file.
pub fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// The same without everything called `measured`.
pub fn unmeasured(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let kept = entries.iter().filter(|(key, _)| *key != "measured");
            Value::Object(kept.map(|(key, value)| (key.clone(), unmeasured(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(unmeasured).collect()),
        other => other.clone(),
    }
}

/// Panics with the first place where two values differ.
pub fn assert_same(left: &Value, right: &Value) {
    if let Some(place) = difference(left, right) {
        panic!("{place}");
    }
}

fn difference(left: &Value, right: &Value) -> Option<String> {
    let under = |key: String, place: Option<String>| place.map(|place| format!("{key} / {place}"));
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
            left.iter().find_map(|(key, value)| under(key.clone(), difference(value, &right[key])))
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .map(|(at, (left, right))| under(at.to_string(), difference(left, right)))
                .find_map(|place| place)
        }
        _ => (left != right).then(|| format!("{left} is not {right}")),
    }
}

/// The content packed by gzip.
pub fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(content.as_ref()).unwrap();
    packer.finish().unwrap()
}
