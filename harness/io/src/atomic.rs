//! Writing so that a file or folder is either there and whole, or not there. Alone renames, removes and syncs.

use anyhow::Context;
use rustix::fs::{AtFlags, CWD, RenameFlags, StatxFlags, renameat_with, statx};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Writes and syncs a new file.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let put = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    put().with_context(|| format!("cannot write {}", path.display()))
}

/// A new file, open for reading and writing, where nothing stood.
pub fn create_new(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).open(path)
}

/// Writes and syncs a new file piece by piece, where nothing stood.
pub fn write_new(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let file = create_new(path)?;
    let mut buffer = BufWriter::new(&file);
    fill(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    Ok(sync(&file)?)
}

/// Makes durable what was written into an open file.
pub fn sync(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// The same without what only dates the file.
pub fn sync_content(file: &File) -> io::Result<()> {
    file.sync_data()
}

/// Puts an open file that was staged in its place, once all that was written into it is durable. A file that stands there is
/// replaced.
pub fn place(file: &File, staged: &Path, place: &Path) -> io::Result<()> {
    sync(file)?;
    rename(staged, place)
}

/// Renames; a file that stands there is replaced.
#[expect(clippy::disallowed_methods, reason = "this is the writer")]
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Renames to a place where nothing stands, not even an empty folder or a link; whether it did.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<bool> {
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
pub fn link_new(from: &Path, to: &Path) -> io::Result<bool> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        // Over NFS the answer may be lost and the question asked again: the number of names says what happened.
        Err(_) if fs::symlink_metadata(from).is_ok_and(|found| found.nlink() == 2) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Copies a small file to a place where nothing stands; whether it did. Others may see it before it is whole.
pub fn copy_new(from: &Path, to: &Path) -> io::Result<bool> {
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
pub fn exchange(new: &Path, old: &Path) -> io::Result<()> {
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
pub fn publish(staged: &Path, place: &Path) -> anyhow::Result<()> {
    rename_new(staged, place).with_context(|| format!("cannot write {}", place.display()))?;
    sync_folder(folder_of(place))
}

/// Asks the server of a folder what is in it now: over NFS what was not there may else be taken to be still not there for a while.
pub fn refresh(folder: &Path) {
    // Where it cannot be asked nothing is remembered either.
    let _ = statx(CWD, folder, AtFlags::STATX_FORCE_SYNC, StatxFlags::BASIC_STATS);
}

/// Makes the names in a folder durable.
pub fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    let sync = || File::open(folder)?.sync_all();
    sync().with_context(|| format!("cannot sync {}", folder.display()))
}

/// Replaces a file.
pub fn replace(staged: &Path, place: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write(staged, bytes)?;
    rename(staged, place).with_context(|| format!("cannot write {}", place.display()))
}

/// Removes a regular file; whether it did. A link, a folder, a device stay.
pub fn remove_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) && fs::remove_file(path).is_ok()
}

/// Removes a folder that is empty; whether it did.
pub fn remove_empty(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) && fs::remove_dir(path).is_ok()
}

/// The folder that a path stands in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_stands_there_is_replaced_or_wins() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(&path("a"), b"old").unwrap();
        replace(&path("staged"), &path("a"), b"new").unwrap();
        assert_eq!((fs::read(path("a")).unwrap(), names(folder.path())), (b"new".to_vec(), vec!["a".into()]));
        write(&path("staged"), b"other").unwrap();
        publish(&path("staged"), &path("a")).unwrap();
        assert_eq!(fs::read(path("a")).unwrap(), b"new");
        assert!(!rename_new(&path("staged"), &path("a")).unwrap());
        assert!(rename_new(&path("staged"), &path("b")).unwrap());
        fs::create_dir_all(path("one/x")).unwrap();
        fs::create_dir_all(path("two/y")).unwrap();
        exchange(&path("one"), &path("two")).unwrap();
        assert_eq!((names(&path("one")), names(&path("two"))), (vec!["y".into()], vec!["x".to_string()]));
    }

    #[test]
    fn new_files_are_new() {
        let folder = tempfile::tempdir().unwrap();
        let (staged, place_) = (folder.path().join("staged"), folder.path().join("a"));
        write_new(&staged, |file| Ok(file.write_all(b"text")?)).unwrap();
        let taken = write_new(&staged, |_| Ok(())).unwrap_err();
        assert_eq!(taken.downcast_ref::<io::Error>().unwrap().kind(), ErrorKind::AlreadyExists);
        write(&place_, b"former").unwrap();
        place(&File::open(&staged).unwrap(), &staged, &place_).unwrap();
        assert_eq!((fs::read(&place_).unwrap(), names(folder.path())), (b"text".to_vec(), vec!["a".into()]));
    }

    #[test]
    fn only_files_and_empty_folders_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write(&path("file"), b"").unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert!(!remove_file(&path("link")) && !remove_file(folder.path()) && !remove_empty(folder.path()));
        assert!(remove_file(&path("file")) && !remove_file(&path("file")));
        assert!(fs::symlink_metadata(path("link")).is_ok());
        fs::create_dir(path("empty")).unwrap();
        assert!(remove_empty(&path("empty")) && !remove_empty(&path("empty")));
        assert_eq!(folder_of(Path::new("a")), Path::new("."));
    }
}
