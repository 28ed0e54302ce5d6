//! Files that the user names: what form they have, and that they are there whole or as they were.

use crate::input_error;
use std::fmt::Display;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

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

/// A hidden sibling that takes the place of `--out` when it is whole. Dropped before, it is gone.
pub(super) struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// # Errors
    ///
    /// An input error where no file can be written there.
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
        let file = tempfile::Builder::new()
            .prefix(".valor-out-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| cannot(path, &error))?;
        Ok(Self { file, path: path.to_path_buf() })
    }

    /// The file to write.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// An error of writing it, a full disk say.
    pub(super) fn refuse(&self, error: &anyhow::Error) -> anyhow::Error {
        cannot(&self.path, &error.root_cause())
    }

    /// Puts it in its place.
    pub(super) fn publish(self) -> anyhow::Result<()> {
        self.file.as_file().sync_all().map_err(|error| cannot(&self.path, &error))?;
        self.file.persist(&self.path).map_err(|error| cannot(&self.path, &error.error))?;
        Ok(())
    }
}

fn cannot(path: &Path, error: &dyn Display) -> anyhow::Error {
    input_error!("--out {}: cannot be written: {error}", path.display())
}
