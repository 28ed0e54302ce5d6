//! Writing so that a file or folder is either there and whole, or not there.

use anyhow::Context;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Writes and syncs a new file.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let put = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    put().with_context(|| format!("cannot write {}", path.display()))
}

/// Moves a staged file or folder to its place and syncs the folder above. What already stands there wins.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub(super) fn publish(staged: &Path, place: &Path) -> anyhow::Result<()> {
    if !place.exists() {
        match fs::rename(staged, place) {
            Ok(()) => {}
            Err(_) if place.exists() => {}
            Err(error) => return Err(error).with_context(|| format!("cannot write {}", place.display())),
        }
    }
    remove(staged);
    place.parent().map_or(Ok(()), sync_folder)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let sync = || File::open(folder)?.sync_all();
    sync().with_context(|| format!("cannot sync {}", folder.display()))
}

/// Replaces a file.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub(super) fn replace(staged: &Path, place: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(staged, bytes)?;
    fs::rename(staged, place).with_context(|| format!("cannot write {}", place.display()))
}

/// Takes a folder away in one step, then removes it.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub(super) fn discard(folder: &Path, staged: &Path) -> anyhow::Result<()> {
    fs::rename(folder, staged).with_context(|| format!("cannot remove {}", folder.display()))?;
    remove(staged);
    Ok(())
}

/// Tries whether a folder, which need not exist, can be written. Leaves nothing behind.
pub(super) fn probe(folder: &Path) -> anyhow::Result<()> {
    let missing = folder.ancestors().take_while(|path| !path.exists() && *path != Path::new("")).last();
    let file = folder.join(format!(".probe-{}", std::process::id()));
    let tried = fs::create_dir_all(folder).map_err(Into::into).and_then(|()| write(&file, b"probe"));
    remove(missing.unwrap_or(&file));
    tried
}

/// Removes a file or folder if it is there.
pub(super) fn remove(path: &Path) {
    let gone = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    drop(gone);
}
