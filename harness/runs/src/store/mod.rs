//! The run store: the only writer of results. A run folder is there if and only if the run is complete.

mod claims;
pub mod columns;
mod folder;
mod garbage;
mod layout;
mod owned;
mod owner;
mod pages;
mod read;
mod scratch;
mod state;
mod verify;

pub use claims::{Claim, Claimed};
pub use folder::Folder;
pub use garbage::Garbage;
pub use layout::{FIGURES, REPORT_FILES, folder_name};
pub use owned::Stranger;
pub use owner::{Beats, LEASE, LEASES, Observer};
pub use scratch::{Replacement, Scratch, replace_file};
pub use state::{KnownRun, RunState, known};
pub use verify::{Damage, Entry, Reader, Run};

use crate::record::{Failure, FailureClass, Record};
use anyhow::{Context, ensure};
use claims::Hand;
use layout::{Layout, Part};
use owner::{Guard, Owner};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use valor_io::atomic;

/// A results folder to read.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Layout,
}

/// A results folder to write, as an owner of claims with a folder for work in progress: both are nobody else's while this lives.
#[derive(Debug)]
pub struct Writer {
    layout: Layout,
    // Before the owner, who is removed last: a folder without an owner is swept.
    work: Scratch,
    owner: Owner,
    /// Ids of the runs that are claimed; none any more when it is closed.
    held: Mutex<Option<BTreeSet<String>>>,
    /// What stopped processes had left, and is removed.
    pub swept: Vec<PathBuf>,
}

/// An owner that is made for another process, and counts as living while this lives: so nobody takes what that process
/// claimed before it is known why it ended.
#[derive(Debug)]
pub struct Reserved(Guard);

impl Reserved {
    /// The owner's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

/// Shows that the note of a failure was written again: no time, for these belong to clocks that differ; it is compared with itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteStamp {
    file: u64,
    seconds: i64,
    nanoseconds: i64,
}

/// What a run hands over: its record and its per-row files, encoded.
pub struct Commit<'a> {
    /// The record.
    pub record: &'a Record,
    /// Name for people.
    pub slug: &'a str,
    /// Encoded predictions; absent for a diverged run.
    pub predictions: Option<&'a [u8]>,
    /// Encoded rows that it was judged on.
    pub evaluation: &'a [u8],
}

impl Store {
    /// A results folder to read; it need not exist.
    pub fn new(root: &Path) -> Self {
        Self { layout: Layout::new(root) }
    }

    /// A results folder to write: tried, and left as it was.
    ///
    /// # Errors
    ///
    /// An input error when it cannot be written, or holds files of others where runs would stand.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        let store = Self::new(root);
        owned::check(&store.layout)?;
        Ok(store)
    }

    /// Makes and marks the folders of the store, and removes work in progress that nobody holds.
    ///
    /// # Errors
    ///
    /// As `open`.
    pub fn prepare(&self, lease: Duration) -> anyhow::Result<Writer> {
        owned::make(&self.layout)?;
        let swept = owned::sweep(&self.layout)?;
        self.writer(Guard::new(&self.layout, lease)?, swept)
    }

    /// The same in the name of an owner that another process of this machine has reserved.
    ///
    /// # Errors
    ///
    /// When it is not there, or its folder cannot be made.
    pub fn prepare_as(&self, owner: &str) -> anyhow::Result<Writer> {
        ensure!(layout::is_owner(owner), "'{owner}' is no owner");
        self.writer(Guard::join(&self.layout, owner)?, Vec::new())
    }

    fn writer(&self, guard: Guard, swept: Vec<PathBuf>) -> anyhow::Result<Writer> {
        let staging = self.layout.part(Part::Staging).join(&guard.name);
        let owner = Owner::start(&self.layout, guard);
        let cannot = || format!("cannot write {}", staging.display());
        let work = Scratch::of_an_owner(staging.clone()).with_context(cannot)?;
        Ok(Writer {
            layout: self.layout.clone(),
            work,
            owner,
            held: Mutex::new(Some(BTreeSet::new())),
            swept,
        })
    }

    /// All claims, by the id of their run.
    ///
    /// # Errors
    ///
    /// When their folder cannot be read.
    pub fn claims(&self) -> anyhow::Result<BTreeMap<String, Claimed>> {
        claims::list(&self.layout)
    }

    /// Whether the owner of a claim is dead, by a look at this moment. Only a lock that is free says so at the first look.
    pub fn is_dead(&self, claimed: &Claimed, observer: &mut Observer, now: Instant) -> bool {
        claims::is_dead(&self.layout, claimed, observer, now)
    }

    /// All heartbeats as they are now.
    ///
    /// # Errors
    ///
    /// When the folder of owners cannot be read.
    pub fn beats(&self) -> anyhow::Result<Beats> {
        owner::beats(&self.layout)
    }

    /// Whether a run is stored, believed or not, as the server of the folder has it now.
    pub fn is_stored(&self, slug: &str, id: &str) -> bool {
        atomic::refresh(&self.layout.part(Part::Runs));
        fs::symlink_metadata(self.layout.run(slug, id)).is_ok()
    }

    /// The notes of failures that are there, by the id of their run.
    ///
    /// # Errors
    ///
    /// When their folder cannot be read.
    pub fn failure_stamps(&self) -> anyhow::Result<BTreeMap<String, NoteStamp>> {
        let mut stamps = BTreeMap::new();
        for entry in owned::list(&self.layout.part(Part::Failures))? {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".json")).filter(|id| layout::is_id(id));
            // One that has gone meanwhile is none.
            let Some((id, found)) = id.zip(entry.metadata().ok()) else { continue };
            let (seconds, nanoseconds) = (found.mtime(), found.mtime_nsec());
            stamps.insert(id.to_string(), NoteStamp { file: found.ino(), seconds, nanoseconds });
        }
        Ok(stamps)
    }

    /// Reads runs, and looks at each.
    ///
    /// # Errors
    ///
    /// When the folder of runs cannot be read, or is a link.
    pub fn reader(&self) -> anyhow::Result<Reader> {
        Reader::new(&self.layout)
    }

    /// How a run last failed, if it did and has not succeeded since.
    pub fn failure(&self, id: &str) -> Option<Failure> {
        let path = self.layout.failure(id);
        fs::symlink_metadata(&path).ok()?;
        let parse = |bytes: Vec<u8>| -> anyhow::Result<Failure> {
            let failure: Failure = serde_json::from_slice(&bytes).context("is not what was written")?;
            ensure!(failure.id == id, "is the note of run {}", failure.id);
            Ok(failure)
        };
        let note = read::regular(&path, read::LARGEST_TEXT).and_then(parse);
        Some(note.unwrap_or_else(|error| Failure {
            id: id.to_string(),
            class: FailureClass::Damaged,
            message: format!("{} {error:#}", path.display()),
        }))
    }

    /// What stands in the folders of the store and is not of the program: it is left alone.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn strangers(&self) -> anyhow::Result<Vec<Stranger>> {
        owned::strangers(&self.layout)
    }

    /// What nothing asks for: runs that are not in `asked`, and what belongs to no run.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn garbage(&self, asked: &BTreeSet<String>) -> anyhow::Result<Garbage> {
        garbage::find(&self.layout, asked)
    }
}

impl Writer {
    /// Name of the owner that this writes as.
    pub fn owner(&self) -> &str {
        &self.owner.name
    }

    /// Makes an owner for another process.
    ///
    /// # Errors
    ///
    /// When its file cannot be written.
    pub fn reserve(&self, lease: Duration) -> anyhow::Result<Reserved> {
        Ok(Reserved(Guard::new(&self.layout, lease)?))
    }

    /// Removes what is left of an owner whose process has ended. Its claims are given back, after something is done for their runs.
    ///
    /// # Errors
    ///
    /// When the folder of claims cannot be read.
    pub fn bury(&self, dead: &Reserved, before: impl FnOnce(&[String])) -> anyhow::Result<()> {
        let claims = claims::list(&self.layout)?;
        let own = |found: &&Claimed| found.claim().is_some_and(|claim| claim.owner == dead.name());
        let ids: Vec<String> = claims.values().filter(own).map(|found| found.id.clone()).collect();
        before(&ids);
        ids.iter().for_each(|id| self.hand().release(id, dead.name()));
        owner::bury(&self.layout, dead.name()).map(drop)
    }

    fn hand(&self) -> Hand<'_> {
        Hand { layout: &self.layout, work: self.work.path(), owner: &self.owner.name }
    }

    /// Claims a run that nobody has claimed; whether it did.
    ///
    /// # Errors
    ///
    /// When the claim cannot be written, on a full disk say.
    pub fn claim(&self, id: &str) -> anyhow::Result<bool> {
        ensure!(layout::is_id(id), "'{id}' is no id");
        self.keep(id, || self.hand().claim(id, 1))
    }

    /// Claims a run whose claim is dead, in its place; whether it did: of many only one does.
    ///
    /// # Errors
    ///
    /// As `claim`.
    pub fn take_over(&self, dead: &Claimed, attempt: u32) -> anyhow::Result<bool> {
        self.keep(&dead.id, || self.hand().take_over(dead, attempt))
    }

    /// Makes a claim, which is known before another thread can give all of them back.
    fn keep(&self, id: &str, claim: impl FnOnce() -> anyhow::Result<bool>) -> anyhow::Result<bool> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = held.as_mut() else { return Ok(false) };
        let claimed = claim()?;
        if claimed {
            held.insert(id.to_string());
        }
        Ok(claimed)
    }

    /// Whether a run is still claimed by this: one that stood still for longer than its lease may have lost it.
    pub fn holds(&self, id: &str) -> bool {
        self.hand().holds(id)
    }

    /// Gives a claim back.
    pub fn release(&self, id: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.hand().release(id, &self.owner.name);
        held.as_mut().map(|held| held.remove(id));
    }

    /// Gives all claims back, and makes no more.
    pub fn close(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for id in held.take().unwrap_or_default() {
            self.hand().release(&id, &self.owner.name);
        }
    }

    /// Whether others take this for living: one that stood still for longer than its lease is removed with what it worked on.
    pub fn lives(&self) -> bool {
        let there = |path: &Path| fs::symlink_metadata(path).is_ok();
        there(&self.layout.owner(&self.owner.name)) && there(self.work.path())
    }

    /// Removes what owners that were found dead have left, once nothing is claimed by them, and frees turns that died with them.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub fn bury_dead(&self, observer: &mut Observer, now: Instant) -> anyhow::Result<()> {
        self.hand().free_turns(observer, now)?;
        let claims = claims::list(&self.layout)?;
        let claiming: BTreeSet<String> =
            claims.values().filter_map(|found| Some(found.claim()?.owner)).collect();
        for name in owner::beats(&self.layout)?.into_keys() {
            if name != self.owner.name
                && observer.is_dead(&self.layout, &name, now)
                && !claiming.contains(&name)
            {
                owner::bury(&self.layout, &name)?;
            }
        }
        Ok(())
    }

    /// Commits a run. A second commit of the same id is discarded. On error nothing of it is visible.
    pub fn commit(&self, commit: &Commit) -> anyhow::Result<()> {
        let id = &commit.record.id;
        ensure!(layout::is_id(id) && layout::is_id(&commit.record.evaluation), "'{id}' is no id");
        let staged = self.work.path().join(id);
        let done = self.stage(commit, &staged).and_then(|()| {
            atomic::publish(&staged, &self.layout.run(commit.slug, id))?;
            self.forget_failure(id);
            Ok(())
        });
        for name in layout::RUN_FILES {
            atomic::remove_file(&staged.join(name));
        }
        atomic::remove_empty(&staged);
        done
    }

    /// Notes a crash.
    pub fn fail(&self, failure: &Failure) -> anyhow::Result<()> {
        let place = self.layout.failure(&failure.id);
        let free = fs::symlink_metadata(&place).map_or(true, |found| found.is_file());
        ensure!(layout::is_id(&failure.id) && free, "{} is not a note of valor", place.display());
        let staged = self.work.place(&format!("{}.json", failure.id))?;
        let noted = atomic::replace(&staged, &place, &serde_json::to_vec_pretty(failure)?);
        atomic::remove_file(&staged);
        noted
    }

    /// Removes the note of a crash.
    pub fn forget_failure(&self, id: &str) {
        atomic::remove_file(&self.layout.failure(id));
    }

    /// Moves a damaged run out of the way, or the test rows where only these are damaged; where to. Nothing is removed.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    pub fn set_aside(&self, damage: &Damage) -> anyhow::Result<Option<PathBuf>> {
        match &damage.evaluation {
            None => owned::set_aside(&self.layout, &damage.entry.folder),
            Some(id) => owned::set_aside(&self.layout, &self.layout.evaluation(id)),
        }
    }

    /// Removes exactly what was found; what could not be removed.
    ///
    /// # Errors
    ///
    /// When a folder cannot be moved.
    pub fn remove(&self, garbage: &Garbage) -> anyhow::Result<Vec<Stranger>> {
        garbage::remove(&self.work, garbage)
    }

    fn stage(&self, commit: &Commit, staged: &Path) -> anyhow::Result<()> {
        let evaluation = self.layout.evaluation(&commit.record.evaluation);
        if fs::symlink_metadata(&evaluation).is_err() {
            let file = self.work.place(&format!("{}.parquet", commit.record.evaluation))?;
            let put =
                atomic::write(&file, commit.evaluation).and_then(|()| atomic::publish(&file, &evaluation));
            atomic::remove_file(&file);
            put?;
        }
        fs::create_dir_all(staged).with_context(|| format!("cannot write {}", staged.display()))?;
        if let Some(predictions) = commit.predictions {
            atomic::write(&staged.join(layout::PREDICTIONS), predictions)?;
        }
        let record = serde_json::to_vec_pretty(commit.record)?;
        atomic::write(&staged.join(layout::RECORD), &record)?;
        let sums = verify::sums(&record, commit.predictions);
        atomic::write(&staged.join(layout::SUMS), sums.as_bytes())?;
        atomic::sync_folder(staged)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}
