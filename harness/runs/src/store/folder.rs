//! A folder of files that is replaced whole or not at all: built beside its place, then both change places in one step.

use super::layout::{FIGURES, REPORT_FILES, is_figure};
use super::{atomic, owned, scratch::Scratch};
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use valor_base::error::cannot_write;

/// The new folder, inside the folder for work.
const NEW: &str = "report";
/// Files that were in the way, until all new ones are in their places.
const FORMER: &str = "former";
/// The file that shows that a folder holds a report of the program, and what it begins with.
const MARK: &str = "summary.json";
const MARK_WORDS: [&str; 2] = ["\"version\"", "\"experiment\""];
const MARK_BYTES: u64 = 2000;

/// A report's folder while it is built. Dropped before it is published, nothing has changed.
#[derive(Debug)]
pub struct Folder {
    place: PathBuf,
    work: Scratch,
    /// Whether the whole folder changes places; else its files do, because others have files there too.
    whole: bool,
}

impl Folder {
    /// A new folder for `place`, which need not exist.
    ///
    /// # Errors
    ///
    /// An input error when the folder cannot be made or written: the user chose it.
    pub fn new(place: &Path) -> Result<Self> {
        let refuse =
            |error: std::io::Error| cannot_write(format!("report folder {}", place.display()), error);
        let parent = atomic::folder_of(place);
        if let Ok(found) = fs::metadata(place)
            && !found.is_dir()
        {
            return Err(refuse(std::io::Error::from(ErrorKind::NotADirectory)));
        }
        fs::create_dir_all(parent).map_err(refuse)?;
        Scratch::sweep(parent);
        if (is_free(place) || is_report(place))
            && moves(place)
            && let Ok(work) = Scratch::new(parent)
        {
            return Self { place: place.to_path_buf(), work, whole: true }.begin().map_err(refuse);
        }
        // A link, a mount, a folder in one that is not ours, or one that holds other things: its files change places one by one.
        fs::create_dir_all(place).map_err(refuse)?;
        Scratch::sweep(place);
        let work = Scratch::new(place).map_err(refuse)?;
        Self { place: place.to_path_buf(), work, whole: false }.begin().map_err(refuse)
    }

    fn begin(self) -> std::io::Result<Self> {
        fs::create_dir(self.inside())?;
        if let Ok(found) = fs::metadata(&self.place) {
            // Who may read the report stays as it was; not worth failing for.
            let _ = fs::set_permissions(self.inside(), found.permissions());
        }
        Ok(self)
    }

    fn inside(&self) -> PathBuf {
        self.work.path().join(NEW)
    }

    /// Writes a file; where it will be.
    ///
    /// # Errors
    ///
    /// When it cannot be written, or the program gives no such names to files of a report.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        self.write_with(name, |file| Ok(file.write_all(content)?))
    }

    /// The same for content that is made piece by piece.
    ///
    /// # Errors
    ///
    /// As `write`.
    pub fn write_with(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
    ) -> Result<PathBuf> {
        let figure = name.strip_prefix(FIGURES).and_then(|name| name.strip_prefix('/'));
        let known = REPORT_FILES.contains(&name) || figure.is_some_and(is_figure);
        ensure!(known, "'{name}' is no name of a file that valor writes");
        let (path, place) = (self.inside().join(name), self.place.join(name));
        let put = || -> Result<()> {
            if figure.is_some() {
                fs::create_dir_all(self.inside().join(FIGURES))?;
            }
            atomic::write_new(&path, fill)
        };
        put().with_context(|| format!("cannot write {}", place.display()))?;
        Ok(place)
    }

    /// Puts all of it in its place.
    ///
    /// # Errors
    ///
    /// When it cannot be put there; then the old files are there.
    pub fn publish(self) -> Result<()> {
        let refuse =
            |error: std::io::Error| cannot_write(format!("report folder {}", self.place.display()), error);
        if self.whole && (is_free(&self.place) || is_report(&self.place)) {
            let inside = self.inside();
            let placed = atomic::rename_new(&inside, &self.place).map_err(refuse)?;
            if placed || atomic::exchange(&inside, &self.place).is_ok() {
                return atomic::sync_folder(atomic::folder_of(&self.place));
            }
        }
        fs::create_dir_all(&self.place).map_err(refuse)?;
        self.one_by_one().map_err(refuse)?;
        atomic::sync_folder(&self.place)
    }

    /// Every file takes its place, or those that did give theirs back.
    fn one_by_one(&self) -> std::io::Result<()> {
        let mut done: Vec<(PathBuf, PathBuf)> = Vec::new();
        let former = self.work.path().join(FORMER);
        fs::create_dir(&former)?;
        let names = files(&self.inside())?;
        for place in names.iter().map(|name| self.place.join(name)) {
            if fs::symlink_metadata(&place).is_ok_and(|found| !found.is_file()) {
                let what = format!("{} is not a regular file, and valor replaces none such", place.display());
                return Err(std::io::Error::new(ErrorKind::AlreadyExists, what));
            }
        }
        for name in names {
            let (from, to) = (self.inside().join(&name), self.place.join(&name));
            let kept = former.join(name.file_name().unwrap_or_default());
            let put = || -> std::io::Result<()> {
                fs::create_dir_all(atomic::folder_of(&to))?;
                if fs::symlink_metadata(&to).is_ok() {
                    atomic::rename(&to, &kept)?;
                }
                atomic::rename(&from, &to)
            };
            let put = put();
            done.push((to, kept));
            if put.is_err() {
                for (to, kept) in done.iter().rev().filter(|(_, kept)| kept.exists()) {
                    // The first error is the one to tell.
                    let _ = atomic::rename(kept, to);
                }
                return put;
            }
        }
        Ok(())
    }
}

/// Files of a new report, from its folder.
fn files(inside: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut names = Vec::new();
    for folder in ["", FIGURES] {
        for entry in fs::read_dir(inside.join(folder)).into_iter().flatten() {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(Path::new(folder).join(entry.file_name()));
            }
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a folder of this name can change places with another one: not `.`, and no other file system.
fn moves(place: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    let same = match (device(place), device(atomic::folder_of(place))) {
        (Ok(own), Ok(above)) => own == above,
        (Err(_), _) => true,
        (Ok(_), Err(_)) => false,
    };
    place.file_name().is_some() && same
}

/// Whether there is nothing, or an empty folder.
fn is_free(place: &Path) -> bool {
    match fs::symlink_metadata(place) {
        Err(error) => error.kind() == ErrorKind::NotFound,
        Ok(found) => found.is_dir() && owned::list(place).is_ok_and(|entries| entries.is_empty()),
    }
}

/// Whether a folder holds a report of the program and nothing else.
fn is_report(place: &Path) -> bool {
    let only = |folder: &Path, known: &dyn Fn(&str) -> bool| {
        owned::list(folder).is_ok_and(|entries| {
            entries.iter().all(|entry| {
                let file = entry.file_type().is_ok_and(|kind| kind.is_file());
                file && entry.file_name().to_str().is_some_and(known)
            })
        })
    };
    let real = fs::symlink_metadata(place).is_ok_and(|found| found.is_dir());
    let figures = place.join(FIGURES);
    let drawn = match fs::symlink_metadata(&figures) {
        Err(_) => true,
        Ok(found) => found.is_dir() && only(&figures, &is_figure),
    };
    let listed = owned::list(place).is_ok_and(|entries| {
        entries.iter().all(|entry| {
            let name = entry.file_name();
            let file = entry.file_type().is_ok_and(|kind| kind.is_file());
            name == FIGURES || (file && name.to_str().is_some_and(|name| REPORT_FILES.contains(&name)))
        })
    });
    real && drawn && listed && is_marked(&place.join(MARK))
}

/// Whether the beginning of a summary is that of one of the program.
fn is_marked(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MARK_BYTES).read_to_end(&mut bytes));
    let text = String::from_utf8_lossy(&bytes);
    read.is_ok() && MARK_WORDS.iter().all(|word| text.contains(word))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they need")]
mod tests {
    use super::*;

    const SUMMARY: &[u8] = b"{ \"version\": 4, \"experiment\": \"a\" }";

    fn publish(place: &Path, page: &str) -> Result<()> {
        let folder = Folder::new(place)?;
        folder.write("index.html", page.as_bytes())?;
        folder.write("summary.json", SUMMARY)?;
        folder.publish()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn page(place: &Path) -> String {
        fs::read_to_string(place.join("index.html")).unwrap()
    }

    #[test]
    fn a_report_is_replaced_whole() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("deep/quick");
        let folder = Folder::new(&place).unwrap();
        folder.write("index.html", b"first").unwrap();
        folder.write("summary.json", SUMMARY).unwrap();
        folder.write("paper.tex", b"old").unwrap();
        folder.write("figures/001-a.svg", b"old").unwrap();
        assert!(!place.exists());
        folder.publish().unwrap();
        assert_eq!(names(&place), ["figures", "index.html", "paper.tex", "summary.json"]);
        publish(&place, "second").unwrap();
        assert_eq!(
            (page(&place).as_str(), names(&place)),
            ("second", vec!["index.html".into(), "summary.json".into()])
        );
        assert_eq!(names(&parent.path().join("deep")), ["quick"]);
    }

    #[test]
    fn a_report_that_is_not_whole_changes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("quick");
        publish(&place, "old").unwrap();
        let folder = Folder::new(&place).unwrap();
        folder.write("index.html", b"new").unwrap();
        let error = folder.write_with("table.md", |_| anyhow::bail!("disk full")).unwrap_err();
        assert!(format!("{error:#}").contains("table.md: disk full"), "{error:#}");
        assert!(folder.write("../table.md", b"").is_err() && folder.write("figures/../x.svg", b"").is_err());
        drop(folder);
        assert_eq!((page(&place).as_str(), names(parent.path())), ("old", vec!["quick".to_string()]));
    }

    #[test]
    fn what_others_have_in_the_folder_stays() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("site");
        fs::create_dir_all(place.join("figures")).unwrap();
        fs::write(place.join("figures/mine.svg"), "mine").unwrap();
        fs::write(place.join("notes.txt"), "mine").unwrap();
        publish(&place, "first").unwrap();
        publish(&place, "second").unwrap();
        assert_eq!(names(&place), ["figures", "index.html", "notes.txt", "summary.json"]);
        assert_eq!(page(&place), "second");
        assert!(place.join("figures/mine.svg").exists());
        let linked = parent.path().join("linked");
        std::os::unix::fs::symlink(&place, &linked).unwrap();
        publish(&linked, "third").unwrap();
        assert_eq!(page(&place), "third");
        assert!(fs::symlink_metadata(&linked).unwrap().is_symlink());
    }

    #[test]
    fn files_that_cannot_all_be_placed_are_all_as_they_were() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("notes.txt"), "mine").unwrap();
        publish(parent.path(), "old").unwrap();
        fs::remove_file(parent.path().join("summary.json")).unwrap();
        fs::create_dir(parent.path().join("summary.json")).unwrap();
        let error = publish(parent.path(), "new").unwrap_err();
        assert!(
            valor_base::error::is_input(&error) && error.to_string().contains("summary.json"),
            "{error:#}"
        );
        assert_eq!(page(parent.path()), "old");
        assert_eq!(names(parent.path()), ["index.html", "notes.txt", "summary.json"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("file"), "x").unwrap();
        for place in ["file", "file/inside"] {
            let error = publish(&parent.path().join(place), "x").unwrap_err();
            assert!(valor_base::error::is_input(&error) && error.to_string().contains("file"), "{error:#}");
        }
    }
}
