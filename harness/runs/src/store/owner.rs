//! Who works in a results folder, and whether they still live: one file per owner, held by a lock and renewed by a heartbeat.
//!
//! An owner is believed to be dead by one of two signs and no other. On its own machine its lock is free: the kernel drops a lock
//! with the last process that held it. From anywhere, its heartbeat stood still for the lease that it promised, measured by the
//! clock of whoever looks. Process numbers say nothing in another container, /proc nothing of another host, and the times
//! of files belong to clocks that may differ: none of them is asked.

use super::layout::{self, Layout, Part};
use super::{atomic, owned, read, scratch};
use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a heartbeat may stand still, unless an owner promises something else.
pub const LEASE: Duration = Duration::from_secs(60);
/// Leases that can be promised, in seconds: one that never ends would never be taken.
pub const LEASES: std::ops::RangeInclusive<u64> = 1..=86_400;
/// Heartbeats in a lease: so many may be late or lost.
const BEATS: u32 = 12;
/// The longest time between two looks that counts as standing still, as a part of the lease. Whoever looks may itself have stood
/// still, or the file system for both.
const LOOKS: u32 = 6;
/// Largest file of an owner, in bytes.
const LARGEST: u64 = 4096;
/// Letters of a host's label.
const LABEL: usize = 64;
/// Tries until an owner of one's own: others may remove a file that is not locked yet.
const TRIES: usize = 100;

/// The machine that a process runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    /// Its name, for people.
    pub host: String,
    /// The kernel's mark of this boot: what has the same sees the same locks. Empty where it is not known.
    pub boot: String,
    /// Number of the file system, as this machine counts: two mounts of one folder may not see each other's locks.
    pub device: u64,
}

impl Machine {
    pub fn of(file: &File) -> io::Result<Self> {
        let line = |path: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let plain = |letter: &char| letter.is_ascii_alphanumeric() || "-._".contains(*letter);
            text.trim().chars().filter(plain).take(LABEL).collect::<String>()
        };
        let (host, boot) = (line("/proc/sys/kernel/hostname"), line("/proc/sys/kernel/random/boot_id"));
        Ok(Self { host, boot, device: file.metadata()?.dev() })
    }

    pub fn sees_locks_of(&self, other: &Self) -> bool {
        !self.boot.is_empty() && self.boot == other.boot && self.device == other.device
    }
}

/// The first line of an owner's file; its heartbeat follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct About {
    #[serde(flatten)]
    machine: Machine,
    /// Seconds that its heartbeat may stand still.
    lease: u64,
}

/// 128 random bits: no two are alike, on whatever hosts.
fn draw() -> io::Result<String> {
    let mut bytes = [0; layout::OWNER / 2];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// An owner's file and a lock on it. As long as any process holds one, the owner counts as living on this machine.
#[derive(Debug)]
pub(super) struct Guard {
    pub name: String,
    file: File,
    /// Bytes of the first line.
    head: u64,
}

impl Guard {
    /// A new owner that promises to beat within so many seconds.
    pub fn new(layout: &Layout, lease: Duration) -> anyhow::Result<Self> {
        for _ in 0..TRIES {
            let name = draw().context("no random name could be drawn")?;
            let path = layout.owner(&name);
            let made = Self::make(&path, name, lease);
            if let Some(guard) = made.with_context(|| format!("cannot write {}", path.display()))? {
                return Ok(guard);
            }
        }
        anyhow::bail!("{}: every new file was taken away", layout.part(Part::Owners).display())
    }

    fn make(path: &Path, name: String, lease: Duration) -> io::Result<Option<Self>> {
        let mut file = atomic::create_new(path)?;
        // First the lock, then the words: who finds no whole words asks for no lock.
        hold(&file)?;
        let about = About { machine: Machine::of(&file)?, lease: lease.as_secs() };
        let head = format!("{}\n", serde_json::to_string(&about)?);
        let put = file.write_all(format!("{head}{}", beat(0)).as_bytes()).and_then(|()| atomic::sync(&file));
        if let Err(error) = put {
            atomic::remove_file(path);
            return Err(error);
        }
        let ours = file.metadata()?.nlink() > 0;
        Ok(ours.then_some(Self { name, file, head: head.len() as u64 }))
    }

    /// Another hold on an owner that a process of this machine has made.
    pub fn join(layout: &Layout, name: &str) -> anyhow::Result<Self> {
        let path = layout.owner(name);
        let join = || -> anyhow::Result<Self> {
            let file = open(&path)?;
            hold(&file)?;
            let (head, _) = words(&read_whole(&file)?).context("is not what was written")?;
            Ok(Self { name: name.to_string(), file, head })
        };
        join().with_context(|| format!("{}", path.display()))
    }
}

/// A shared lock: parent and worker hold one each. Where there are none the heartbeat alone counts.
fn hold(file: &File) -> io::Result<()> {
    match file.lock_shared() {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(()),
        held => held,
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Written to, because over NFS only such a file can be locked against others.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)
}

fn read_whole(file: &File) -> io::Result<String> {
    let mut text = String::new();
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

/// Always of the same length, so that it is written over in place: that needs no room on a full disk.
fn beat(count: u64) -> String {
    format!("{count:020}\n")
}

/// Bytes of the first line, and what it says; none where the file is not whole.
fn words(text: &str) -> Option<(u64, About)> {
    let (head, rest) = text.split_once('\n')?;
    let about = serde_json::from_str(head).ok()?;
    (rest.len() == beat(0).len()).then_some((head.len() as u64 + 1, about))
}

/// An owner that lives: its heartbeat is renewed until it is dropped, which removes its file.
#[derive(Debug)]
pub(super) struct Owner {
    pub name: String,
    layout: Layout,
    stop: Option<Sender<()>>,
    heart: Option<JoinHandle<()>>,
}

impl Owner {
    /// Begins to beat.
    pub fn start(layout: &Layout, guard: Guard) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let name = guard.name.clone();
        let heart = std::thread::spawn(move || {
            let lease = read_about(&guard).map_or(LEASE, |about| Duration::from_secs(about.lease));
            for count in 1.. {
                match stopped.recv_timeout(lease / BEATS) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
                // One that cannot be written is late, and may be the last: others then take what is claimed.
                let put = guard.file.write_all_at(beat(count).as_bytes(), guard.head);
                // Over NFS others see what was synced.
                let _ = put.and_then(|()| atomic::sync_content(&guard.file));
            }
        });
        Self { name, layout: layout.clone(), stop: Some(stop), heart: Some(heart) }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(heart) = self.heart.take() {
            let _ = heart.join();
        }
        atomic::remove_file(&self.layout.owner(&self.name));
    }
}

fn read_about(guard: &Guard) -> Option<About> {
    let mut bytes = vec![0; guard.head as usize];
    guard.file.read_exact_at(&mut bytes, 0).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What stands in an owner's file; empty where there is none.
fn content(layout: &Layout, name: &str) -> String {
    let bytes = read::regular(&layout.owner(name), LARGEST).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether an owner is dead by the first sign: this machine would see its lock, and there is none.
pub(super) fn is_gone(layout: &Layout, name: &str) -> bool {
    let gone = || -> Option<bool> {
        let file = open(&layout.owner(name)).ok()?;
        let found = file.metadata().ok()?;
        let (_, about) = words(&read_whole(&file).ok()?)?;
        if !found.is_file() || !Machine::of(&file).ok()?.sees_locks_of(&about.machine) {
            return Some(false);
        }
        match file.try_lock() {
            Ok(()) => Some(file.metadata().ok()?.nlink() > 0),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Some(false),
        }
    };
    gone().unwrap_or(false)
}

/// The name of the host that an owner works on, for people; empty where it is not known.
pub(super) fn host(layout: &Layout, name: &str) -> String {
    words(&content(layout, name)).map(|(_, about)| about.machine.host).unwrap_or_default()
}

/// Heartbeats as they were at some moment, by owner: for a process to tell another what it has seen.
pub type Beats = BTreeMap<String, String>;

/// All heartbeats of a results folder.
pub(super) fn beats(layout: &Layout) -> anyhow::Result<Beats> {
    let entries = owned::list(&layout.part(Part::Owners))?;
    let names = entries.iter().filter_map(|entry| entry.file_name().to_str().map(str::to_string));
    Ok(names
        .filter(|name| layout::is_owner(name))
        .map(|name| (name.clone(), content(layout, &name)))
        .collect())
}

/// Watches owners, and says which are dead.
#[derive(Clone, Debug, Default)]
pub struct Observer {
    seen: BTreeMap<String, Seen>,
    /// Seen dead by another process.
    dead: Beats,
}

/// A heartbeat that was seen.
#[derive(Clone, Debug)]
struct Seen {
    beat: String,
    last: Instant,
    /// For how long it stood still, by the looks at it.
    still: Duration,
}

impl Observer {
    /// One that believes what another has seen.
    pub fn believing(dead: Beats) -> Self {
        Self { seen: BTreeMap::new(), dead }
    }

    /// Owners that were found dead, with the heartbeats that they had.
    pub fn dead(&self) -> &Beats {
        &self.dead
    }

    /// Whether an owner is dead, by a look at this moment.
    pub(super) fn is_dead(&mut self, layout: &Layout, name: &str, now: Instant) -> bool {
        let beat = content(layout, name);
        if self.dead.get(name) == Some(&beat) {
            return true;
        }
        let lease = words(&beat).map_or(LEASE, |(_, about)| Duration::from_secs(about.lease));
        let lease = lease.min(Duration::from_secs(*LEASES.end()));
        let fresh = Seen { beat: beat.clone(), last: now, still: Duration::ZERO };
        let seen = self.seen.entry(name.to_string()).or_insert_with(|| fresh.clone());
        if seen.beat != beat {
            *seen = fresh;
        }
        seen.still += now.saturating_duration_since(seen.last).min(lease / LOOKS);
        seen.last = now;
        let dead = seen.still >= lease || is_gone(layout, name);
        if dead {
            self.dead.insert(name.to_string(), beat);
        }
        dead
    }
}

/// Removes the folder that an owner worked in; where that was, if there was one.
pub(super) fn clear(layout: &Layout, name: &str) -> Option<PathBuf> {
    let work = layout.part(Part::Staging).join(name);
    (fs::symlink_metadata(&work).is_ok() && scratch::remove(&work)).then_some(work)
}

/// The same, and the owner's file: for one that is dead and claims nothing.
pub(super) fn bury(layout: &Layout, name: &str) -> anyhow::Result<Option<PathBuf>> {
    ensure!(layout::is_owner(name), "'{name}' is no owner");
    let work = clear(layout, name);
    atomic::remove_file(&layout.owner(name));
    Ok(work)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they need")]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Layout) {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        owned::make(&layout).unwrap();
        (folder, layout)
    }

    const NAME: &str = "0123456789abcdef0123456789abcdef";

    /// The file of an owner of another machine.
    fn foreign(layout: &Layout, lease: u64, count: u64) {
        let machine = Machine { host: "far".to_string(), boot: "another".to_string(), device: 1 };
        let head = serde_json::to_string(&About { machine, lease }).unwrap();
        fs::write(layout.owner(NAME), format!("{head}\n{}", beat(count))).unwrap();
    }

    #[test]
    fn an_owner_lives_as_long_as_any_process_holds_it() {
        let (_folder, layout) = store();
        let parent = Guard::new(&layout, LEASE).unwrap();
        let name = parent.name.clone();
        let worker = Guard::join(&layout, &name).unwrap();
        assert!(!is_gone(&layout, &name));
        drop(worker);
        assert!(
            !is_gone(&layout, &name),
            "nobody takes what it claimed before its parent knows why it ended"
        );
        drop(parent);
        assert!(is_gone(&layout, &name), "nobody holds it");
        let mut observer = Observer::default();
        assert!(observer.is_dead(&layout, &name, Instant::now()), "at the first look");
        assert_eq!(bury(&layout, &name).unwrap(), None);
        assert!(beats(&layout).unwrap().is_empty());
    }

    #[test]
    fn a_heart_beats_until_its_owner_is_dropped() {
        let (_folder, layout) = store();
        let owner = Owner::start(&layout, Guard::new(&layout, Duration::from_secs(1)).unwrap());
        let (first, start) = (content(&layout, &owner.name), Instant::now());
        while content(&layout, &owner.name) == first {
            assert!(start.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(host(&layout, &owner.name), words(&first).unwrap().1.machine.host);
        let name = owner.name.clone();
        drop(owner);
        assert!(!layout.owner(&name).exists());
    }

    #[test]
    fn a_heart_that_stands_still_for_its_lease_is_dead_by_the_observers_clock_alone() {
        let (_folder, layout) = store();
        let (mut observer, start) = (Observer::default(), Instant::now());
        let mut look = |second: u64| observer.is_dead(&layout, NAME, start + Duration::from_secs(second));
        for second in 0..100 {
            foreign(&layout, 30, second);
            // What its clock says is not asked.
            let file = OpenOptions::new().write(true).open(layout.owner(NAME)).unwrap();
            let far = Duration::from_secs(second % 2 * 4_000_000_000);
            file.set_modified(std::time::SystemTime::UNIX_EPOCH + far).unwrap();
            assert!(!look(second), "it beats");
        }
        for second in 100..129 {
            assert!(!look(second), "second {second}");
        }
        assert!(look(129));
        foreign(&layout, 30, 100);
        assert!(!look(130), "it wakes");
    }

    #[test]
    fn an_observer_that_stood_still_itself_does_not_count_that_time() {
        let (_folder, layout) = store();
        foreign(&layout, 60, 1);
        let (mut observer, start) = (Observer::default(), Instant::now());
        let mut look = |second: u64| observer.is_dead(&layout, NAME, start + Duration::from_secs(second));
        assert!(!look(0) && !look(10_000) && !look(20_000));
        assert!((0..39).all(|second| !look(20_001 + second)) && look(20_040));
    }

    #[test]
    fn what_another_has_seen_dead_is_dead_until_it_beats() {
        let (_folder, layout) = store();
        foreign(&layout, 60, 1);
        let mut observer = Observer::believing(beats(&layout).unwrap());
        assert!(observer.is_dead(&layout, NAME, Instant::now()));
        foreign(&layout, 60, 2);
        assert!(!observer.is_dead(&layout, NAME, Instant::now()));
    }

    #[test]
    fn an_owner_that_is_just_being_made_is_asked_for_no_lock() {
        let (_folder, layout) = store();
        for text in ["", "{\"host\":", "no owner\n"] {
            fs::write(layout.owner(NAME), text).unwrap();
            assert!(!is_gone(&layout, NAME), "{text}");
        }
    }
}
