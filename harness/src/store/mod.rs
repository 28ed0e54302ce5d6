//! The run store: the only writer of results. A run folder is there if and only if the run is complete.

mod atomic;
pub mod columns;
mod layout;

use crate::input_error;
use crate::record::{EvaluationRows, Failure, Predictions, Record};
use anyhow::Context;
use layout::Layout;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A results folder.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Layout,
}

/// What a run hands over: its record and its per-row files, encoded.
pub struct Commit<'a> {
    /// The record.
    pub record: &'a Record,
    /// Name for people.
    pub slug: &'a str,
    /// Encoded predictions; absent for a diverged run.
    pub predictions: Option<&'a [u8]>,
    /// Encoded rows that it was judged on.
    pub evaluation: &'a [u8],
}

/// A complete run on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Identity.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
}

impl Store {
    /// A results folder to read; it need not exist.
    pub fn new(root: &Path) -> Self {
        Self { layout: Layout::new(root) }
    }

    /// A results folder to write: tried, and left as it was.
    ///
    /// # Errors
    ///
    /// An input error when it cannot be written.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        atomic::probe(root).map_err(|error| {
            input_error!("results folder {} cannot be written: {error:#}", root.display())
        })?;
        Ok(Self::new(root))
    }

    /// Makes the folders of the store and clears what dead processes left.
    pub fn prepare(&self) -> anyhow::Result<()> {
        let layout = &self.layout;
        for folder in [layout.runs(), layout.evaluations(), layout.failures(), layout.staging()] {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        for path in list(&layout.staging())? {
            let stager = name(&path).as_deref().and_then(Layout::stager);
            if stager.is_none_or(|process| !Path::new(&format!("/proc/{process}")).exists()) {
                atomic::remove(&path);
            }
        }
        Ok(())
    }

    /// All complete runs by id.
    pub fn entries(&self) -> anyhow::Result<BTreeMap<String, Entry>> {
        let mut entries = BTreeMap::new();
        for folder in list(&self.layout.runs())? {
            if let Some(id) = name(&folder).as_deref().and_then(Layout::id_of) {
                entries.insert(id.to_string(), Entry { id: id.to_string(), folder: folder.clone() });
            }
        }
        Ok(entries)
    }

    /// The record of a complete run.
    pub fn record(&self, entry: &Entry) -> anyhow::Result<Record> {
        read_json(&entry.folder.join(layout::RECORD))
    }

    /// The predictions of a complete run; none if it diverged.
    pub fn predictions(&self, entry: &Entry) -> anyhow::Result<Option<Predictions>> {
        let path = entry.folder.join(layout::PREDICTIONS);
        if !path.exists() {
            return Ok(None);
        }
        let decode = |bytes| columns::decode_predictions(bytes);
        read(&path).and_then(decode).with_context(|| format!("cannot read {}", path.display())).map(Some)
    }

    /// The rows that runs were judged on.
    pub fn evaluation(&self, id: &str) -> anyhow::Result<EvaluationRows> {
        let path = self.layout.evaluation(id);
        let decode = |bytes| columns::decode_evaluation(bytes);
        read(&path).and_then(decode).with_context(|| format!("cannot read {}", path.display()))
    }

    /// How a run last failed, if it did and has not succeeded since.
    pub fn failure(&self, id: &str) -> anyhow::Result<Option<Failure>> {
        let path = self.layout.failure(id);
        path.exists().then(|| read_json(&path)).transpose()
    }

    /// Commits a run. A second commit of the same id is discarded. On error nothing of it is visible.
    pub fn commit(&self, commit: &Commit) -> anyhow::Result<()> {
        let id = &commit.record.id;
        let staged = self.layout.staged(id);
        let done = self.stage(commit, &staged).and_then(|()| {
            atomic::publish(&staged, &self.layout.run(commit.slug, id))?;
            atomic::remove(&self.layout.failure(id));
            Ok(())
        });
        atomic::remove(&staged);
        done
    }

    /// Notes a crash.
    pub fn fail(&self, failure: &Failure) -> anyhow::Result<()> {
        let bytes = serde_json::to_vec_pretty(failure)?;
        let staged = self.layout.staged(&format!("{}.json", failure.id));
        atomic::replace(&staged, &self.layout.failure(&failure.id), &bytes)
    }

    /// Removes complete runs, then rows that no other run was judged on and notes of failures of runs that are
    /// not in `asked`.
    pub fn remove(&self, entries: &[Entry], asked: &BTreeSet<String>) -> anyhow::Result<()> {
        self.prepare()?;
        for entry in entries {
            atomic::discard(&entry.folder, &self.layout.staged(&entry.id))?;
        }
        let mut used = BTreeSet::new();
        for entry in self.entries()?.values() {
            used.insert(self.record(entry)?.evaluation);
        }
        let stale = |folder: PathBuf, kept: &BTreeSet<String>| -> anyhow::Result<Vec<PathBuf>> {
            let stem = |path: &PathBuf| path.file_stem().and_then(|stem| stem.to_str()).map(str::to_string);
            let keep = |path: &PathBuf| stem(path).is_none_or(|stem| kept.contains(&stem));
            Ok(list(&folder)?.into_iter().filter(|path| !keep(path)).collect())
        };
        for path in
            stale(self.layout.evaluations(), &used)?.iter().chain(&stale(self.layout.failures(), asked)?)
        {
            atomic::remove(path);
        }
        Ok(())
    }

    fn stage(&self, commit: &Commit, staged: &Path) -> anyhow::Result<()> {
        let evaluation = self.layout.evaluation(&commit.record.evaluation);
        if !evaluation.exists() {
            let file = self.layout.staged(&commit.record.evaluation);
            let put =
                atomic::write(&file, commit.evaluation).and_then(|()| atomic::publish(&file, &evaluation));
            atomic::remove(&file);
            put?;
        }
        fs::create_dir_all(staged).with_context(|| format!("cannot write {}", staged.display()))?;
        if let Some(predictions) = commit.predictions {
            atomic::write(&staged.join(layout::PREDICTIONS), predictions)?;
        }
        atomic::write(&staged.join(layout::RECORD), &serde_json::to_vec_pretty(commit.record)?)?;
        atomic::sync_folder(staged)
    }
}

fn list(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_string())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_slice(&read(path)?)
        .with_context(|| format!("{} is not what was written", path.display()))
}
