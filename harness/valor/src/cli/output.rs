//! Files that the user names: what form they have, and that they are there whole or as they were.

use arrow::datatypes::SchemaRef;
use std::fs::File;
use std::path::{Path, PathBuf};
use valor_base::error::cannot_write;
use valor_base::input_error;
use valor_io::atomic;
use valor_io::table::{Format, Packing, Writer};
use valor_runs::store::Replacement;

/// How rows are written to `--out`, by the ending of the path.
pub(super) fn format(path: &Path) -> anyhow::Result<Format> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Format::of(format_args!("--out {}", path.display()), &name)
}

/// A file in a hidden folder beside `--out` that takes its place when it is whole. Dropped before, it is gone; what a stopped
/// process had left there is removed first.
pub(super) struct Staged {
    new: Replacement,
    path: PathBuf,
}

impl Staged {
    /// # Errors
    ///
    /// An input error where no file can be written there; a plain one where the disk is full.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        let refuse = |fault: &str| input_error!("--out {}: {fault}", path.display());
        if path.parent().is_none() {
            return Err(refuse("not a file"));
        }
        if path.is_dir() {
            return Err(refuse("is a folder; allowed is a file in a folder that exists"));
        }
        if !atomic::folder_of(path).is_dir() {
            return Err(refuse("its folder does not exist; allowed is a file in a folder that exists"));
        }
        let new = Replacement::new(path).map_err(|error| cannot(path, error))?;
        Ok(Self { new, path: path.to_path_buf() })
    }

    /// The file to write.
    pub(super) fn file(&self) -> &File {
        self.new.file()
    }

    /// An error of writing it.
    pub(super) fn refuse(&self, error: anyhow::Error) -> anyhow::Error {
        cannot(&self.path, error)
    }

    /// Puts it in its place.
    pub(super) fn publish(self) -> anyhow::Result<()> {
        self.new.publish().map_err(|error| cannot(&self.path, error))
    }
}

/// Rows of a Parquet row group: what is held in memory until it is written.
const ROW_GROUP: usize = 65_536;

/// Begins a file of rows.
pub(super) fn writer<'a>(
    format: Format,
    staged: &'a Staged,
    schema: &SchemaRef,
) -> anyhow::Result<Writer<&'a File>> {
    let packing = Packing::SnappyGroups(ROW_GROUP);
    Writer::new(format, packing, staged.file(), schema).map_err(|error| staged.refuse(error))
}

fn cannot(path: &Path, error: impl Into<anyhow::Error>) -> anyhow::Error {
    cannot_write(format!("--out {}", path.display()), error)
}
