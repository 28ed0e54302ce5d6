//! Whole files or none: a temporary sibling, then a rename.

use crate::input_error;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes `content` so that a reader sees the old file or the new one, never a part.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    write_with(path, |file| Ok(file.write_all(content)?))
}

/// The same for content that is made piece by piece.
///
/// # Errors
///
/// An input error when the folder cannot be made or written: the user chose it.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut BufWriter<&File>) -> Result<()>) -> Result<()> {
    let folder = path.parent().context("a report file needs a folder")?;
    let place = || format!("report folder {}", folder.display());
    std::fs::create_dir_all(folder).map_err(|error| input_error!("{} cannot be made: {error}", place()))?;
    let file = tempfile::NamedTempFile::new_in(folder)
        .map_err(|error| input_error!("{} cannot be written: {error}", place()))?;
    let mut buffer = BufWriter::new(file.as_file());
    fill(&mut buffer)
        .and_then(|()| Ok(buffer.flush()?))
        .and_then(|()| Ok(file.as_file().sync_all()?))
        .with_context(|| format!("cannot write {}", path.display()))?;
    drop(buffer);
    readable(file.as_file())?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Temporary files are private to their maker; a report is for everybody who may read its folder.
#[cfg(unix)]
fn readable(file: &File) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644)).context("cannot set permissions")
}

#[cfg(not(unix))]
fn readable(_: &File) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/table.md");
        write(&path, b"first, and longer").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.md");
        write(&path, b"old").unwrap();
        let error = write_with(&path, |_| anyhow::bail!("disk full")).unwrap_err();
        assert!(format!("{error:#}").contains("table.md: disk full"), "{error:#}");
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("file"), b"x").unwrap();
        let error = write(&folder.path().join("file/inside"), b"x").unwrap_err();
        assert!(format!("{error:#}").contains("file"), "{error:#}");
    }
}
