//! Folders for work in progress: held by a lock on a file inside while their maker lives, removed by the next start.
//!
//! The lock is the kernel's and hangs on the open file: it ends with the process, whatever ends that, and it is seen from other
//! containers and namespaces of the machine, where a process number says nothing. Of another machine, whose locks may not be seen
//! here, nothing is removed.

use super::owner::Machine;
use super::{atomic, layout};
use anyhow::{Context, ensure};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

const PREFIX: &str = ".valor-work-";
/// Letters drawn for a name.
const DRAWN: usize = 12;
const LOCK: &str = "lock";
const MARK: &str =
    "Work in progress of valor. Its next start removes this folder if nobody holds a lock on this file.\n";
/// Largest text of a lock, in bytes.
const LARGEST: u64 = 4096;
/// How deep folders stand in a folder for work: a report in it, its figures in that.
const DEEPEST: usize = 3;
/// Tries until a folder of one's own: others may sweep one that is not locked yet.
const TRIES: usize = 100;

/// A folder for work in progress. Dropped, it is removed with all that the program wrote into it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    /// Open as long as the folder is in use; none where the file of an owner says who lives.
    _lock: Option<File>,
}

/// Whether a folder for work has such a name.
pub(super) fn names(name: &str) -> bool {
    name.strip_prefix(PREFIX)
        .is_some_and(|drawn| drawn.len() == DRAWN && drawn.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

impl Scratch {
    /// A new folder inside `parent`.
    pub fn new(parent: &Path) -> io::Result<Self> {
        for _ in 0..TRIES {
            let made = tempfile::Builder::new().prefix(PREFIX).rand_bytes(DRAWN).tempdir_in(parent)?;
            // From here on the lock says whose it is.
            let path = made.keep();
            match claim(&path) {
                Ok(Some(lock)) => return Ok(Self { path, _lock: Some(lock) }),
                Ok(None) => {}
                Err(error) => {
                    remove(&path);
                    return Err(error);
                }
            }
        }
        Err(io::Error::other("every new folder was taken away"))
    }

    /// The folder of an owner, who is locked elsewhere.
    pub(super) fn of_an_owner(path: PathBuf) -> io::Result<Self> {
        fs::create_dir(&path)?;
        Ok(Self { path, _lock: None })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place inside for a file or folder that the program writes.
    ///
    /// # Errors
    ///
    /// Where the program does not know the name, and so would not remove it.
    pub fn place(&self, name: &str) -> anyhow::Result<PathBuf> {
        ensure!(layout::is_written(name), "'{name}' is no name of a file that valor writes");
        Ok(self.path.join(name))
    }

    /// Removes the folders for work inside `parent` that nobody holds, and says which.
    pub fn sweep(parent: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let mut swept: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(names))
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .filter(|path| match seize(path) {
                Some(_lock) => remove(path),
                // Its maker was stopped before there was a lock; only an empty folder can be removed so.
                None => !path.join(LOCK).exists() && atomic::remove_empty(path),
            })
            .collect();
        swept.sort();
        swept
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// The lock of a new folder; none where another start has swept it meanwhile.
fn claim(path: &Path) -> io::Result<Option<File>> {
    let mut lock = match OpenOptions::new().write(true).create_new(true).open(path.join(LOCK)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        // Where there are no locks nothing can be seized either.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    if lock.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    let machine = serde_json::to_string(&Machine::of(&lock)?)?;
    lock.write_all(format!("{MARK}{machine}\n").as_bytes())?;
    Ok(Some(lock))
}

/// The lock of a folder whose maker is gone.
fn seize(path: &Path) -> Option<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    // Over NFS only a file that is open for writing can be locked against others.
    let mut lock =
        OpenOptions::new().read(true).write(true).custom_flags(flags).open(path.join(LOCK)).ok()?;
    if !lock.metadata().ok()?.is_file() {
        return None;
    }
    lock.try_lock().ok()?;
    let mut mark = String::new();
    (&mut lock).take(LARGEST).read_to_string(&mut mark).ok()?;
    let ours = match mark.strip_prefix(MARK) {
        // Written before the machine stood there, or not to its end.
        None | Some("") => MARK.starts_with(&mark),
        Some(machine) => Machine::of(&lock).ok()?.sees_locks_of(&serde_json::from_str(machine).ok()?),
    };
    (ours && lock.metadata().ok()?.nlink() > 0).then_some(lock)
}

/// Removes what the program writes into such folders, then the folder; whether that was all. Never through links.
pub(super) fn remove(path: &Path) -> bool {
    let others = clear(path, DEEPEST);
    if others {
        return false;
    }
    atomic::remove_file(&path.join(LOCK));
    atomic::remove_empty(path)
}

/// Whether something is left that the program does not write.
fn clear(folder: &Path, depth: usize) -> bool {
    let mut left = false;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let known = name.to_str().is_some_and(layout::is_written);
        let gone = match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth > 0 => !clear(&path, depth - 1) && atomic::remove_empty(&path),
            Ok(kind) if kind.is_file() => known && atomic::remove_file(&path),
            _ => false,
        };
        left |= !gone && name != LOCK;
    }
    left
}

/// A file in a folder for work beside its place, which it takes when it is whole. Dropped before, it is gone; what stopped
/// processes had left there is removed first.
#[derive(Debug)]
pub struct Replacement {
    work: Scratch,
    file: File,
    place: PathBuf,
}

impl Replacement {
    /// # Errors
    ///
    /// Where no file can be written there.
    pub fn new(place: &Path) -> io::Result<Self> {
        let folder = atomic::folder_of(place);
        Scratch::sweep(folder);
        let work = Scratch::new(folder)?;
        let file = atomic::create_new(&work.path.join(layout::SINGLE))?;
        Ok(Self { work, file, place: place.to_path_buf() })
    }

    /// The file to write.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts it in its place, whatever stands there.
    ///
    /// # Errors
    ///
    /// When it cannot be made durable or put there; then the old file is there.
    pub fn publish(self) -> io::Result<()> {
        atomic::place(&self.file, &self.work.path.join(layout::SINGLE), &self.place)
    }
}

/// Writes one file that takes the place of `place` when it is whole.
///
/// # Errors
///
/// Where no file can be written there, or `fill` fails.
pub fn replace_file(place: &Path, fill: impl FnOnce(&File) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let new = Replacement::new(place)?;
    fill(new.file())?;
    new.publish().with_context(|| format!("cannot write {}", place.display()))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they need")]
mod tests {
    use super::*;

    fn count(folder: &Path) -> usize {
        fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn what_lives_is_kept_and_what_is_dead_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::new(parent.path()).unwrap();
        fs::write(living.place("record.json").unwrap(), "{}").unwrap();
        assert!(Scratch::sweep(parent.path()).is_empty());
        assert!(living.place("record.json").unwrap().exists());
        // Dead: the folder is there, and nobody has its lock.
        let dead = parent.path().join(".valor-work-abcdefghijkl");
        fs::create_dir_all(dead.join("report/figures")).unwrap();
        fs::write(dead.join(LOCK), MARK).unwrap();
        fs::write(dead.join("report/figures/001-a.svg"), "x").unwrap();
        let unlocked = parent.path().join(".valor-work-mnopqrstuvwx");
        fs::create_dir(&unlocked).unwrap();
        assert_eq!(Scratch::sweep(parent.path()), [dead, unlocked]);
        assert_eq!(count(parent.path()), 1);
        drop(living);
        assert_eq!(count(parent.path()), 0);
    }

    #[test]
    fn what_another_machine_works_on_is_kept_whatever_its_lock_says() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(".valor-work-abcdefghijkl");
        fs::create_dir(&folder).unwrap();
        let machine = |boot: &str, file: &File| {
            let machine = Machine { boot: boot.to_string(), ..Machine::of(file).unwrap() };
            let text = format!("{MARK}{}\n", serde_json::to_string(&machine).unwrap());
            fs::write(folder.join(LOCK), text).unwrap();
        };
        let file = File::create(folder.join(LOCK)).unwrap();
        machine("another-boot", &file);
        assert!(Scratch::sweep(parent.path()).is_empty() && folder.exists());
        machine(&Machine::of(&file).unwrap().boot, &file);
        assert_eq!(Scratch::sweep(parent.path()), [folder]);
    }

    #[test]
    fn nothing_of_others_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let precious = tempfile::tempdir().unwrap();
        fs::write(precious.path().join("record.json"), "keep").unwrap();
        let make = |name: &str, mark: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join(LOCK), mark).unwrap();
            path
        };
        fs::write(make(".valor-work-aaaaaaaaaaaa", MARK).join("notes.txt"), "mine").unwrap();
        make(".valor-work-bbbbbbbbbbbb", "a lock of another program");
        make(".valor-work-short", MARK);
        make("valor", MARK);
        let linked = make(".valor-work-cccccccccccc", MARK);
        std::os::unix::fs::symlink(precious.path(), linked.join("report")).unwrap();
        std::os::unix::fs::symlink(precious.path(), parent.path().join(".valor-work-dddddddddddd")).unwrap();
        let before = count(parent.path());
        assert!(Scratch::sweep(parent.path()).is_empty());
        assert_eq!(count(parent.path()), before);
        assert!(parent.path().join(".valor-work-aaaaaaaaaaaa/notes.txt").exists());
        assert!(linked.join("report").exists() && precious.path().join("record.json").exists());
    }

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("scores.csv");
        replace_file(&place, |mut file| Ok(file.write_all(b"old")?)).unwrap();
        assert!(replace_file(&place, |_| anyhow::bail!("full")).is_err());
        assert_eq!((fs::read(&place).unwrap(), count(parent.path())), (b"old".to_vec(), 1));
        replace_file(&place, |mut file| Ok(file.write_all(b"new")?)).unwrap();
        assert_eq!((fs::read(&place).unwrap(), count(parent.path())), (b"new".to_vec(), 1));
    }
}
