//! A run is believed when it has been looked at: its id against its spec, the content of its files, its version, lengths, values.

use super::layout::{self, Layout, Part, is_id};
use super::{columns, owned, read};
use crate::record::{EvaluationRows, OLDEST_CHECKED, Predictions, RECORD_VERSION, Record, Status};
use crate::spec;
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A run folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Identity, as the folder's name says.
    pub id: String,
    /// The folder.
    pub folder: PathBuf,
}

/// A run that was looked at.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its folder.
    pub entry: Entry,
    /// The record.
    pub record: Record,
    /// What the model said of each test row; none if it diverged.
    pub predictions: Option<Predictions>,
    /// The rows that it was judged on.
    pub rows: Arc<EvaluationRows>,
}

/// Why a run is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its folder.
    pub entry: Entry,
    /// For the reader: which file, and what is wrong with it.
    pub reason: String,
    /// The id of its test rows, where these are damaged and the run itself is not.
    pub evaluation: Option<String>,
}

/// Rows with their content, or why there are none.
type Rows = Result<(Arc<EvaluationRows>, String), String>;

/// Reads runs and looks at each; test rows that runs share are read once.
#[derive(Debug)]
pub struct Reader {
    layout: Layout,
    entries: BTreeMap<String, Entry>,
    rows: Mutex<BTreeMap<String, Arc<OnceLock<Rows>>>>,
}

impl Reader {
    pub(super) fn new(layout: &Layout) -> anyhow::Result<Self> {
        let entries = entries(layout)?;
        Ok(Self { layout: layout.clone(), entries, rows: Mutex::default() })
    }

    /// Run folders by id, believed or not.
    pub fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// A run, if there is a folder of it.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn run(&self, id: &str) -> Option<Result<Run, Damage>> {
        let entry = self.entries.get(id)?;
        let damage = |error: anyhow::Error, evaluation| Damage {
            entry: entry.clone(),
            reason: format!("{error:#}"),
            evaluation,
        };
        Some(match Folder::open(entry) {
            Err(error) => Err(damage(error, None)),
            Ok(folder) => match self.rows(&folder.record) {
                Err(error) => Err(damage(error, Some(folder.record.evaluation))),
                Ok(rows) => folder.judged_on(rows).map_err(|error| damage(error, None)),
            },
        })
    }

    /// The rows that a run was judged on.
    fn rows(&self, record: &Record) -> anyhow::Result<Arc<EvaluationRows>> {
        let id = &record.evaluation;
        let path = self.layout.evaluation(id);
        let named = || format!("{}", path.display());
        let known =
            self.rows.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default().clone();
        let read = || -> anyhow::Result<(Arc<EvaluationRows>, String)> {
            let rows = columns::decode_evaluation(read::regular(&path, read::LARGEST_ROWS)?)?;
            let content = rows.content();
            Ok((Arc::new(rows), content))
        };
        let rows = known.get_or_init(|| read().map_err(|error| format!("{error:#}"))).clone();
        let (rows, found) = rows.map_err(anyhow::Error::msg).with_context(named)?;
        if let Some(content) = &record.evaluation_content {
            ensure!(
                found == *content,
                "{} is damaged: its rows are not those that the run was judged on",
                path.display()
            );
        }
        Ok(rows)
    }
}

/// Run folders by id.
pub(super) fn entries(layout: &Layout) -> anyhow::Result<BTreeMap<String, Entry>> {
    owned::links(layout)?;
    let mut entries = BTreeMap::new();
    for found in owned::list(&layout.part(Part::Runs))? {
        if let Some(id) = found.file_name().to_str().and_then(layout::id_of) {
            let entry = Entry { id: id.to_string(), folder: found.path() };
            entries.entry(id.to_string()).or_insert(entry);
        }
    }
    Ok(entries)
}

/// The record of a run folder, as it can be read without its rows.
pub(super) fn record(entry: &Entry) -> anyhow::Result<Record> {
    Ok(Folder::open(entry)?.record)
}

/// A folder whose record is believed.
struct Folder<'e> {
    entry: &'e Entry,
    record: Record,
    predictions: Option<Vec<u8>>,
}

impl<'e> Folder<'e> {
    fn open(entry: &'e Entry) -> anyhow::Result<Self> {
        let shown = entry.folder.display();
        let found = fs::symlink_metadata(&entry.folder).with_context(|| format!("{shown} cannot be read"))?;
        ensure!(found.is_dir(), "{shown} is a link or a file; a run is a folder");
        let path = entry.folder.join(layout::RECORD);
        let named = || format!("{}", path.display());
        let bytes = read::regular(&path, read::LARGEST_TEXT).with_context(named)?;
        let record = parse(&bytes, &entry.id).with_context(named)?;
        let place = entry.folder.join(layout::PREDICTIONS);
        let predictions = predictions(&place, &record).with_context(|| format!("{}", place.display()))?;
        check_sums(&entry.folder, &record, [Some(&bytes), predictions.as_ref()])?;
        Ok(Self { entry, record, predictions })
    }

    fn judged_on(self, rows: Arc<EvaluationRows>) -> anyhow::Result<Run> {
        let Self { entry, record, predictions } = self;
        let path = entry.folder.join(layout::RECORD);
        let (said, found) = (record.rows.test, rows.row.len());
        ensure!(said == found, "{}: it was judged on {said} rows; found {found}", path.display());
        let decode = |bytes| columns::decode_predictions(bytes, found, record.spec.interval);
        let path = entry.folder.join(layout::PREDICTIONS);
        let predictions =
            predictions.map(decode).transpose().with_context(|| format!("{}", path.display()))?;
        Ok(Run { entry: entry.clone(), record, predictions, rows })
    }
}

/// A record that belongs into the folder of this id.
fn parse(bytes: &[u8], id: &str) -> anyhow::Result<Record> {
    let value: Value = serde_json::from_slice(bytes).context("is damaged: it is no JSON")?;
    let version = value.get("version").and_then(Value::as_u64).context("has no version")?;
    match version {
        0 => bail!("has version 0, which no valor wrote; versions 1 to {RECORD_VERSION} are read"),
        version if version > u64::from(RECORD_VERSION) => bail!(
            "was written by a later valor: its version is {version}, versions 1 to {RECORD_VERSION} are read"
        ),
        _ => {}
    }
    let spec = identity(value.get("spec").unwrap_or(&Value::Null));
    let record: Record = serde_json::from_value(value).context("is not what was written")?;
    ensure!(record.id == id, "is the record of run {}, not of {id}", record.id);
    ensure!(spec == id, "has the spec of run {spec}, not of {id}");
    ensure!(is_id(&record.evaluation), "names no test rows: '{}' is no id", quoted(&record.evaluation));
    let known = record.evaluation_content.is_some();
    ensure!(known == (record.version >= OLDEST_CHECKED), "is not what was written: evaluation_content");
    Ok(record)
}

/// The id of a spec as it was written: a later version may have more keys, so it is not taken from the parsed one.
fn identity(spec: &Value) -> String {
    let mut spec = spec.clone();
    if let Some(table) = spec.pointer_mut("/data/table").and_then(Value::as_object_mut) {
        table.remove("path");
    }
    spec::hash(&spec)
}

fn quoted(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(60).collect()
}

/// The bytes of the predictions of a finished run; a diverged one has none.
fn predictions(path: &Path, record: &Record) -> anyhow::Result<Option<Vec<u8>>> {
    let there = fs::symlink_metadata(path).is_ok();
    match &record.status {
        Status::Diverged(_) => {
            ensure!(!there, "is there, and the run diverged");
            Ok(None)
        }
        Status::Finished { .. } => read::regular(path, read::LARGEST_ROWS).map(Some),
    }
}

/// What `b3sum` prints of the files of a run.
pub(super) fn sums(record: &[u8], predictions: Option<&[u8]>) -> String {
    let line = |name: &str, bytes: &[u8]| format!("{}  {name}\n", blake3::hash(bytes).to_hex());
    let predictions = predictions.map(|bytes| line(layout::PREDICTIONS, bytes));
    format!("{}{}", predictions.unwrap_or_default(), line(layout::RECORD, record))
}

/// Compares the files with the hashes that were written with them. Records before version 4 have none.
fn check_sums(folder: &Path, record: &Record, files: [Option<&Vec<u8>>; 2]) -> anyhow::Result<()> {
    let path = folder.join(layout::SUMS);
    if record.version < OLDEST_CHECKED && fs::symlink_metadata(&path).is_err() {
        return Ok(());
    }
    let bytes = read::regular(&path, read::LARGEST_TEXT).with_context(|| format!("{}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let said: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once("  ").map(|(hash, name)| (name, hash))).collect();
    for (name, bytes) in [layout::RECORD, layout::PREDICTIONS].into_iter().zip(files) {
        let found = bytes.map(|bytes| blake3::hash(bytes).to_hex().to_string());
        let same = said.get(name).copied() == found.as_deref();
        ensure!(same, "{} is damaged: its content is not what was written", folder.join(name).display());
    }
    Ok(())
}
