//! What nothing asks for any more: looked for first, listed, and then exactly that is removed.

use super::layout::{self, Layout, Part, RUN_FILES};
use super::owned::{self, Stranger, list};
use super::{atomic, claims, scratch, verify};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What can be removed, and what stays though its name is one of the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Garbage {
    /// Folders of runs that are not asked for.
    pub runs: Vec<PathBuf>,
    /// Rows that no run was judged on, notes of failures, what was set aside, what older versions left in `staging`, claims of runs
    /// that are recorded or whose owners are gone.
    pub others: Vec<PathBuf>,
    /// What is left alone, and why.
    pub strangers: Vec<Stranger>,
}

/// Looks for it; removes nothing. `asked` are the ids of all runs that count.
pub(super) fn find(layout: &Layout, asked: &BTreeSet<String>) -> anyhow::Result<Garbage> {
    let mut garbage = Garbage { strangers: owned::strangers(layout)?, ..Garbage::default() };
    let entries = verify::entries(layout)?;
    let claims = claims::list(layout)?;
    // A worker that lives may have written the rows of a run that it is about to record.
    let at_work = claims.values().any(|found| claims::held_on(layout, found).is_some());
    let mut used = (!at_work).then(BTreeSet::new);
    for entry in entries.values() {
        if garbage.is_strange(&entry.folder) {
            continue;
        }
        if !asked.contains(&entry.id) {
            match foreign(&entry.folder) {
                None => {
                    garbage.runs.push(entry.folder.clone());
                    continue;
                }
                Some(why) => garbage.leave(&entry.folder, why),
            }
        }
        if fs::symlink_metadata(entry.folder.join(layout::RECORD)).is_err() {
            continue;
        }
        // Of a run that cannot be read nobody knows which rows it needs: then all rows stay.
        let evaluation = verify::record(entry).ok().map(|record| record.evaluation);
        used = used.zip(evaluation).map(|(mut used, evaluation)| {
            used.insert(evaluation);
            used
        });
    }
    garbage.rows_and_notes(layout, used.as_ref(), &|id| asked.contains(id) && !entries.contains_key(id))?;
    garbage.remains(layout)?;
    for found in claims.values() {
        let over = entries.contains_key(&found.id) || claims::held_on(layout, found).is_none();
        let path = layout.claim(&found.id);
        if over && !garbage.is_strange(&path) {
            garbage.others.push(path);
        }
    }
    Ok(garbage)
}

/// Removes what was found, as far as it is still what it was; what could not be removed.
pub(super) fn remove(work: &scratch::Scratch, garbage: &Garbage) -> anyhow::Result<Vec<Stranger>> {
    let mut left = Vec::new();
    for path in garbage.runs.iter().chain(&garbage.others) {
        let file = fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
        let gone = if file { atomic::remove_file(path) } else { remove_folder(work, path)? };
        if !gone && fs::symlink_metadata(path).is_ok() {
            left.push(Stranger { path: path.clone(), why: "could not be removed".to_string() });
        }
    }
    Ok(left)
}

/// Takes a folder away in one step, then removes the files that the program writes into it.
fn remove_folder(work: &scratch::Scratch, path: &Path) -> anyhow::Result<bool> {
    if foreign(path).is_some() {
        return Ok(false);
    }
    let taken = work.path().join("garbage");
    if !atomic::rename_new(path, &taken)? {
        return Ok(false);
    }
    for name in RUN_FILES {
        atomic::remove_file(&taken.join(name));
    }
    let gone = atomic::remove_empty(&taken);
    if !gone {
        atomic::rename_new(&taken, path)?;
    }
    Ok(gone)
}

/// Why a folder is not simply a run of the program, if it is not: whatever else is in it may be somebody's.
fn foreign(folder: &Path) -> Option<String> {
    if !fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Some("is no folder".to_string());
    }
    let Ok(entries) = list(folder) else { return Some("cannot be read".to_string()) };
    if entries.is_empty() {
        return Some("is empty, and valor leaves no empty folder there".to_string());
    }
    entries.iter().find_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        let file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let known = RUN_FILES.contains(&name.as_str());
        (!known || !file).then(|| format!("holds '{}', which valor did not write", name.escape_debug()))
    })
}

impl Garbage {
    /// What `--yes` removes, in this order.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.runs.iter().chain(&self.others)
    }

    fn leave(&mut self, path: &Path, why: String) {
        self.strangers.push(Stranger { path: path.to_path_buf(), why });
    }

    fn is_strange(&self, path: &Path) -> bool {
        self.strangers.iter().any(|stranger| stranger.path == path)
    }

    /// Rows that no run was judged on, and notes of failures that no run waits for.
    fn rows_and_notes(
        &mut self,
        layout: &Layout,
        used: Option<&BTreeSet<String>>,
        waits: &dyn Fn(&str) -> bool,
    ) -> anyhow::Result<()> {
        for part in [Part::Evaluations, Part::Failures] {
            for entry in list(&layout.part(part))? {
                let (path, name) = (entry.path(), entry.file_name());
                let id = name.to_str().and_then(|name| name.split('.').next()).unwrap_or_default();
                let kept = match part {
                    Part::Evaluations => used.is_none_or(|used| used.contains(id)),
                    Part::Failures
                    | Part::Runs
                    | Part::Staging
                    | Part::SetAside
                    | Part::Claims
                    | Part::Owners => waits(id),
                };
                if !kept && !self.is_strange(&path) {
                    self.others.push(path);
                }
            }
        }
        Ok(())
    }

    /// What was set aside, and what versions before the lock left in `staging`: nobody knows whether its maker lives.
    fn remains(&mut self, layout: &Layout) -> anyhow::Result<()> {
        for part in [Part::SetAside, Part::Staging] {
            for entry in list(&layout.part(part))? {
                let (path, name) = (entry.path(), entry.file_name());
                let older = name.to_str().is_some_and(layout::older_stage);
                if self.is_strange(&path) || (part == Part::Staging && !older) {
                    continue;
                }
                let file = entry.file_type().is_ok_and(|kind| kind.is_file());
                match if file { None } else { foreign(&path) } {
                    None => self.others.push(path),
                    Some(why) => self.leave(&path, why),
                }
            }
        }
        Ok(())
    }
}
