//! The run store: the only writer of results. A run folder is there if and only if the run is complete.

pub mod columns;
mod folder;
mod garbage;
mod layout;
mod owned;
mod pages;
mod read;
mod scratch;
mod verify;

pub use folder::Folder;
pub use garbage::Garbage;
pub use layout::{FIGURES, REPORT_FILES, folder_name};
pub use owned::Stranger;
pub use scratch::{Replacement, Scratch, replace_file};
pub use verify::{Damage, Entry, Reader, Run};

use crate::record::{Failure, Record};
use anyhow::{Context, ensure};
use layout::Layout;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use valor_io::atomic;

/// A results folder to read.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Layout,
}

/// A results folder to write, with a folder for work in progress that no other start touches while this lives.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    work: Scratch,
    /// What stopped processes had left, and is removed.
    pub swept: Vec<PathBuf>,
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

impl Store {
    /// A results folder to read; it need not exist.
    pub fn new(root: &Path) -> Self {
        Self { layout: Layout::new(root) }
    }

    /// A results folder to write: tried, and left as it was.
    ///
    /// # Errors
    ///
    /// An input error when it cannot be written, or holds files of others where runs would stand.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let store = Self::new(root);
        owned::check(&store.layout)?;
        Ok(store)
    }

    /// Makes and marks the folders of the store, and removes work in progress that nobody holds.
    ///
    /// # Errors
    ///
    /// As `open`.
    pub fn prepare(&self) -> anyhow::Result<Writer> {
        owned::make(&self.layout)?;
        let (work, swept) = owned::work(&self.layout)?;
        Ok(Writer { layout: self.layout.clone(), work, swept })
    }

    /// Reads runs, and looks at each.
    ///
    /// # Errors
    ///
    /// When the folder of runs cannot be read, or is a link.
    pub fn reader(&self) -> anyhow::Result<Reader> {
        Reader::new(&self.layout)
    }

    /// How a run last failed, if it did and has not succeeded since.
    pub fn failure(&self, id: &str) -> Option<Failure> {
        let path = self.layout.failure(id);
        fs::symlink_metadata(&path).ok()?;
        let parse = |bytes: Vec<u8>| -> anyhow::Result<Failure> {
            let failure: Failure = serde_json::from_slice(&bytes).context("is not what was written")?;
            ensure!(failure.id == id, "is the note of run {}", failure.id);
            Ok(failure)
        };
        let note = read::regular(&path, read::LARGEST_TEXT).and_then(parse);
        Some(note.unwrap_or_else(|error| Failure {
            id: id.to_string(),
            class: "damaged".to_string(),
            message: format!("{} {error:#}", path.display()),
        }))
    }

    /// What stands in the folders of the store and is not of the program: it is left alone.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn strangers(&self) -> anyhow::Result<Vec<Stranger>> {
        owned::strangers(&self.layout)
    }

    /// What nothing asks for: runs that are not in `asked`, and what belongs to no run.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn garbage(&self, asked: &BTreeSet<String>) -> anyhow::Result<Garbage> {
        garbage::find(&self.layout, asked)
    }
}

impl Writer {
    /// Commits a run. A second commit of the same id is discarded. On error nothing of it is visible.
    pub fn commit(&self, commit: &Commit) -> anyhow::Result<()> {
        let id = &commit.record.id;
        ensure!(layout::is_id(id) && layout::is_id(&commit.record.evaluation), "'{id}' is no id");
        let staged = self.work.path().join(id);
        let done = self.stage(commit, &staged).and_then(|()| {
            atomic::publish(&staged, &self.layout.run(commit.slug, id))?;
            self.forget_failure(id);
            Ok(())
        });
        for name in layout::RUN_FILES {
            atomic::remove_file(&staged.join(name));
        }
        atomic::remove_empty(&staged);
        done
    }

    /// Notes a crash.
    pub fn fail(&self, failure: &Failure) -> anyhow::Result<()> {
        let place = self.layout.failure(&failure.id);
        let free = fs::symlink_metadata(&place).map_or(true, |found| found.is_file());
        ensure!(layout::is_id(&failure.id) && free, "{} is not a note of valor", place.display());
        let staged = self.work.place(&format!("{}.json", failure.id))?;
        let noted = atomic::replace(&staged, &place, &serde_json::to_vec_pretty(failure)?);
        atomic::remove_file(&staged);
        noted
    }

    /// Removes the note of a crash.
    pub fn forget_failure(&self, id: &str) {
        atomic::remove_file(&self.layout.failure(id));
    }

    /// Moves a damaged run out of the way, or the test rows where only these are damaged; where to. Nothing is removed.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    pub fn set_aside(&self, damage: &Damage) -> anyhow::Result<Option<PathBuf>> {
        match &damage.evaluation {
            None => owned::set_aside(&self.layout, &damage.entry.folder),
            Some(id) => owned::set_aside(&self.layout, &self.layout.evaluation(id)),
        }
    }

    /// Removes exactly what was found; what could not be removed.
    ///
    /// # Errors
    ///
    /// When a folder cannot be moved.
    pub fn remove(&self, garbage: &Garbage) -> anyhow::Result<Vec<Stranger>> {
        garbage::remove(&self.work, garbage)
    }

    fn stage(&self, commit: &Commit, staged: &Path) -> anyhow::Result<()> {
        let evaluation = self.layout.evaluation(&commit.record.evaluation);
        if fs::symlink_metadata(&evaluation).is_err() {
            let file = self.work.place(&format!("{}.parquet", commit.record.evaluation))?;
            let put =
                atomic::write(&file, commit.evaluation).and_then(|()| atomic::publish(&file, &evaluation));
            atomic::remove_file(&file);
            put?;
        }
        fs::create_dir_all(staged).with_context(|| format!("cannot write {}", staged.display()))?;
        if let Some(predictions) = commit.predictions {
            atomic::write(&staged.join(layout::PREDICTIONS), predictions)?;
        }
        let record = serde_json::to_vec_pretty(commit.record)?;
        atomic::write(&staged.join(layout::RECORD), &record)?;
        let sums = verify::sums(&record, commit.predictions);
        atomic::write(&staged.join(layout::SUMS), sums.as_bytes())?;
        atomic::sync_folder(staged)
    }
}
