//! Writing so that a file or folder is either there and whole, or not there. Alone renames and removes.

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, RenameFlags, StatxFlags, renameat_with, statx};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
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

/// Renames; a file that stands there is replaced.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Renames to a place where nothing stands, not even an empty folder or a link; whether it did.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<bool> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        // A file system that cannot ask and rename at once.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::symlink_metadata(to) {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::NotFound => rename(from, to).map(|()| true),
            Err(error) => Err(error),
        },
        Err(error) => Err(error.into()),
    }
}

/// Gives a file a second name where nothing has that name; whether it did.
pub(super) fn link_new(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        // Over NFS the answer may be lost and the question asked again: the number of names says what happened.
        Err(_) if fs::symlink_metadata(from).is_ok_and(|found| found.nlink() == 2) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies a small file to a place where nothing stands; whether it did. Others may see it before it is whole.
pub(super) fn copy_new(from: &Path, to: &Path) -> io::Result<bool> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(to) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    };
    let put = fs::read(from).and_then(|bytes| file.write_all(&bytes)).and_then(|()| file.sync_all());
    if put.is_err() {
        remove_file(to);
    }
    put.map(|()| true)
}

/// Lets two folders change places in one step; where the file system cannot, in two, with the first one's place empty between.
pub(super) fn exchange(new: &Path, old: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            let aside = new.with_extension("former");
            rename(old, &aside)?;
            if let Err(error) = rename(new, old) {
                rename(&aside, old)?;
                return Err(error);
            }
            rename(&aside, new)
        }
        other => Ok(other?),
    }
}

/// Moves a staged file or folder to its place and syncs the folder above. What already stands there wins.
pub(super) fn publish(staged: &Path, place: &Path) -> anyhow::Result<()> {
    rename_new(staged, place).with_context(|| format!("cannot write {}", place.display()))?;
    sync_folder(folder_of(place))
}

/// Asks the server of a folder what is in it now: over NFS what was not there may else be taken to be still not there for a while.
pub(super) fn refresh(folder: &Path) {
    // Where it cannot be asked nothing is remembered either.
    let _ = statx(CWD, folder, AtFlags::STATX_FORCE_SYNC, StatxFlags::BASIC_STATS);
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let sync = || File::open(folder)?.sync_all();
    sync().with_context(|| format!("cannot sync {}", folder.display()))
}

/// Replaces a file.
pub(super) fn replace(staged: &Path, place: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(staged, bytes)?;
    rename(staged, place).with_context(|| format!("cannot write {}", place.display()))
}

/// Removes a regular file; whether it did. A link, a folder, a device stay.
pub(super) fn remove_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) && fs::remove_file(path).is_ok()
}

/// Removes a folder that is empty; whether it did.
pub(super) fn remove_empty(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) && fs::remove_dir(path).is_ok()
}

/// The folder that a path stands in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
