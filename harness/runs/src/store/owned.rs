//! What belongs to the program in a results folder: folders that it made and marked, names that it gives. The rest is left alone.

use super::layout::{self, Layout, OWNERS, Part};
use super::scratch::{self, Scratch};
use super::{atomic, claims, owner};
use anyhow::Context;
use std::collections::BTreeSet;
use std::fs::{self, DirEntry, FileType, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use valor_base::error::cannot_write;
use valor_base::input_error;

/// What the marker says. One that is empty is being written.
const MARK: &str = "A results folder of valor, which removes nothing here but what it wrote itself.\n";

/// Something in a folder of the store that the program did not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not used.
    pub why: String,
}

/// Whether the folder can be written and holds nothing of others where runs would stand. Leaves it as it was.
///
/// # Errors
///
/// Input errors: a folder that cannot be written, a link in place of a folder, files of others in a folder without marker.
pub(super) fn check(layout: &Layout) -> anyhow::Result<()> {
    let root = layout.root();
    let shown = format!("results folder {}", root.display());
    let base = root.ancestors().find(|path| fs::metadata(path).is_ok()).unwrap_or(Path::new("."));
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    if !base.is_dir() {
        return Err(input_error!("{shown} cannot be written: {} is not a folder", base.display()));
    }
    // A file without a name where that is possible: nothing to clean up, whatever happens.
    tempfile::tempfile_in(base).map_err(|error| match valor_base::error::is_full_disk(&error.into()) {
        true => anyhow::anyhow!("{shown} cannot be written: the disk is full"),
        false => input_error!("{shown} cannot be written: no file can be made in {}", base.display()),
    })?;
    links(layout)?;
    if is_marked(layout)? {
        return Ok(());
    }
    match strangers(layout)?.into_iter().next() {
        None => Ok(()),
        Some(Stranger { path, why }) => Err(input_error!(
            "{shown}: {} {why}; valor uses no folder that holds anything of others: move it, or name another folder with --results",
            path.display()
        )),
    }
}

/// Refuses a link, or anything but a folder, where a folder of the store would be.
pub(super) fn links(layout: &Layout) -> anyhow::Result<()> {
    for part in Part::ALL {
        let path = layout.part(part);
        match fs::symlink_metadata(&path) {
            Err(_) => {}
            Ok(found) if found.is_dir() => {}
            Ok(found) => {
                let what = if found.is_symlink() { "is a link" } else { "is no folder" };
                return Err(input_error!(
                    "results folder {}: {} {what}, and valor writes through none: move it, or name another folder with --results",
                    layout.root().display(),
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

fn is_marked(layout: &Layout) -> anyhow::Result<bool> {
    let path = layout.marker();
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Ok(found) if found.is_file() && found.len() <= MARK.len() as u64 => {
            Ok(MARK.as_bytes().starts_with(&fs::read(&path)?))
        }
        Ok(_) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Makes the folders of the store where they are not there, and marks the results folder. Nothing is removed, whoever else starts.
pub(super) fn make(layout: &Layout) -> anyhow::Result<()> {
    let root = layout.root();
    let refuse =
        |error| cannot_write(format!("results folder {}", root.display()), anyhow::Error::from(error));
    fs::create_dir_all(root).map_err(refuse)?;
    check(layout)?;
    match OpenOptions::new().write(true).create_new(true).open(layout.marker()) {
        Ok(mut marker) => marker.write_all(MARK.as_bytes()).map_err(refuse)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refuse(error)),
    }
    let parts = [Part::Runs, Part::Evaluations, Part::Failures, Part::Staging, Part::Claims, Part::Owners];
    for part in parts {
        make_part(layout, part)?;
    }
    Ok(())
}

/// One folder of the store.
pub(super) fn make_part(layout: &Layout, part: Part) -> anyhow::Result<()> {
    let path = layout.part(part);
    match fs::create_dir(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(cannot_write(path.display(), error)),
        _ => links(layout),
    }
}

/// What stands in the folders of the store and is not of the program.
pub(super) fn strangers(layout: &Layout) -> anyhow::Result<Vec<Stranger>> {
    let mut found = Vec::new();
    for part in Part::ALL {
        for entry in list(&layout.part(part))? {
            if let Some(why) = strange(part, &entry) {
                found.push(Stranger { path: entry.path(), why: why.to_string() });
            }
        }
    }
    Ok(found)
}

/// Why something in a folder of the store is not of the program, if it is not.
fn strange(part: Part, entry: &DirEntry) -> Option<&'static str> {
    let name = entry.file_name();
    if !name.to_str().is_some_and(|name| part.names(name)) {
        return Some("is not what valor writes there");
    }
    let kind = entry.file_type().ok();
    let is = |test: fn(&FileType) -> bool| kind.as_ref().is_some_and(test);
    if is(FileType::is_symlink) && part != Part::SetAside {
        return Some("is a link, and valor makes none");
    }
    let fits = match part {
        Part::Runs => is(FileType::is_dir),
        Part::Evaluations | Part::Failures | Part::Owners => is(FileType::is_file),
        // The folder of owners stands among the claims.
        Part::Claims if name == OWNERS => is(FileType::is_dir),
        Part::Claims => is(FileType::is_file),
        Part::Staging | Part::SetAside => true,
    };
    (!fits).then_some("is not the kind of thing that valor writes there")
}

/// What is in a folder, by name; nothing where there is none.
pub(super) fn list(folder: &Path) -> anyhow::Result<Vec<DirEntry>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read {}", folder.display()))?,
    };
    let mut entries = entries
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}

/// Moves something of the program aside, under a name that is free. Nothing is removed. None where it has gone.
pub(super) fn set_aside(layout: &Layout, path: &Path) -> anyhow::Result<Option<PathBuf>> {
    make_part(layout, Part::SetAside)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for place in layout.set_aside(&name) {
        match atomic::rename_new(path, &place) {
            Ok(true) => return Ok(Some(place)),
            Ok(false) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot set {} aside", path.display())),
        }
    }
    anyhow::bail!("{} cannot be set aside: every name is taken", path.display())
}

/// Removes what dead processes of this machine have left of work in progress, and says which folders that were. Of other machines
/// nothing is removed: their processes are seen by their heartbeats alone, which takes a while.
pub(super) fn sweep(layout: &Layout) -> anyhow::Result<Vec<PathBuf>> {
    let staging = layout.part(Part::Staging);
    let mut swept = Scratch::sweep(&staging);
    let claims = claims::list(layout)?;
    let claiming: BTreeSet<String> = claims.values().filter_map(|found| Some(found.claim()?.owner)).collect();
    let name = |entry: &DirEntry| entry.file_name().to_string_lossy().into_owned();
    let mut owners: BTreeSet<String> = list(&layout.part(Part::Owners))?.iter().map(name).collect();
    owners.retain(|owner| layout::is_owner(owner));
    // An owner's file is made before its folder and removed after it: a folder without one is nobody's.
    let stages = list(&staging)?;
    let nobodys = stages.iter().map(name).filter(|name| layout::is_owner(name) && !owners.contains(name));
    for path in nobodys.map(|name| staging.join(name)) {
        if scratch::remove(&path) {
            swept.push(path);
        }
    }
    for name in owners.iter().filter(|name| owner::is_gone(layout, name)) {
        if claiming.contains(name) {
            // Its claims say that it died of them; the file stays as long as they do.
            swept.extend(owner::clear(layout, name));
        } else {
            swept.extend(owner::bury(layout, name)?);
        }
    }
    swept.sort();
    Ok(swept)
}
