//! Files that the user names: what form they have, and that they are there whole or as they were.

use std::fs::File;
use std::path::{Path, PathBuf};
use valor_base::error::cannot_write;
use valor_base::input_error;
use valor_runs::store::Scratch;

/// How rows are written, by the ending of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    CsvGz,
    Parquet,
}

impl Format {
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        match () {
            () if name.ends_with(".csv") => Ok(Self::Csv),
            () if name.ends_with(".csv.gz") => Ok(Self::CsvGz),
            () if name.ends_with(".parquet") => Ok(Self::Parquet),
            () => Err(input_error!(
                "--out {}: allowed are files ending in .csv, .csv.gz or .parquet",
                path.display()
            )),
        }
    }
}

/// A file in a hidden folder beside `--out` that takes its place when it is whole. Dropped before, it is gone; what a stopped
/// process had left there is removed first.
pub(super) struct Staged {
    work: Scratch,
    file: File,
    path: PathBuf,
}

impl Staged {
    /// # Errors
    ///
    /// An input error where no file can be written there; a plain one where the disk is full.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        let refuse = |fault: &str| input_error!("--out {}: {fault}", path.display());
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return Err(refuse("not a file")),
        };
        if path.is_dir() {
            return Err(refuse("is a folder; allowed is a file in a folder that exists"));
        }
        if !folder.is_dir() {
            return Err(refuse("its folder does not exist; allowed is a file in a folder that exists"));
        }
        Scratch::sweep(folder);
        let work = Scratch::new(folder).map_err(|error| cannot(path, error))?;
        let file = work.single().map_err(|error| cannot(path, error))?;
        Ok(Self { work, file, path: path.to_path_buf() })
    }

    /// The file to write.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// An error of writing it.
    pub(super) fn refuse(&self, error: anyhow::Error) -> anyhow::Error {
        cannot(&self.path, error)
    }

    /// Puts it in its place.
    pub(super) fn publish(self) -> anyhow::Result<()> {
        let placed = self.file.sync_all().and_then(|()| self.work.publish_single(&self.path));
        placed.map_err(|error| cannot(&self.path, error))
    }
}

fn cannot(path: &Path, error: impl Into<anyhow::Error>) -> anyhow::Error {
    cannot_write(format!("--out {}", path.display()), error)
}
