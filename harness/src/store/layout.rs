//! The only file that spells a path of the results folder.

use std::path::{Path, PathBuf};

/// Where things are in a results folder.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

pub(super) const RECORD: &str = "record.json";
pub(super) const PREDICTIONS: &str = "predictions.parquet";

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    /// One folder per complete run.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The slug is for people; the id is what counts.
    pub fn run(&self, slug: &str, id: &str) -> PathBuf {
        self.runs().join(format!("{slug}-{id}"))
    }

    /// The id in a run folder's name.
    pub fn id_of(folder: &str) -> Option<&str> {
        folder.rsplit_once('-').map(|(_, id)| id)
    }

    /// Rows that runs are judged on.
    pub fn evaluations(&self) -> PathBuf {
        self.root.join("evaluations")
    }

    pub fn evaluation(&self, id: &str) -> PathBuf {
        self.evaluations().join(format!("{id}.parquet"))
    }

    /// Crashes, until the run succeeds.
    pub fn failures(&self) -> PathBuf {
        self.root.join("failures")
    }

    pub fn failure(&self, id: &str) -> PathBuf {
        self.failures().join(format!("{id}.json"))
    }

    /// Work in progress; what a dead process left here means nothing.
    pub fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    pub fn staged(&self, id: &str) -> PathBuf {
        self.staging().join(format!("{}.{id}", std::process::id()))
    }

    /// The process that staged something.
    pub fn stager(name: &str) -> Option<u32> {
        name.split('.').next()?.parse().ok()
    }
}
