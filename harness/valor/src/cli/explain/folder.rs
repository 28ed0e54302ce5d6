//! The folder that is written: all of its new files are there, or it is as it was.

use crate::cli::output::Staged;
use std::path::{Path, PathBuf};
use valor_base::input_error;
use valor_io::atomic;

/// A folder, made if it was not there. Dropped before anything is in it, it is gone again.
pub(super) struct Folder {
    path: PathBuf,
    made: bool,
}

impl Folder {
    /// # Errors
    ///
    /// An input error where there can be no such folder.
    pub(super) fn new(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        if path.is_dir() {
            return Ok(Self { path: path.to_path_buf(), made: false });
        }
        if path.exists() {
            return Err(input_error!("--out {shown}: is a file; allowed is a folder, new or not"));
        }
        std::fs::create_dir(path).map_err(|error| {
            input_error!("--out {shown}: cannot be made: {error}; allowed is a folder in one that exists")
        })?;
        Ok(Self { path: path.to_path_buf(), made: true })
    }

    /// A file that takes its place with all the others.
    pub(super) fn stage(&self, file: &str) -> anyhow::Result<Staged> {
        Staged::new(&self.path.join(file))
    }

    /// Puts all files in their places.
    pub(super) fn publish<const N: usize>(self, files: [Staged; N]) -> anyhow::Result<()> {
        files.into_iter().try_for_each(Staged::publish)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.made {
            // Only an empty folder can be removed so.
            let _ = atomic::remove_empty(&self.path);
        }
    }
}
