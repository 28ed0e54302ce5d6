//! Reads files of the store: regular files of a size that the program can have written, and nothing through links.

use anyhow::{Context, bail, ensure};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Largest record or note, in bytes.
pub(super) const LARGEST_TEXT: u64 = 64 << 20;
/// Largest file of per-row values, in bytes.
pub(super) const LARGEST_ROWS: u64 = 8 << 30;

/// The content of a regular file of at most so many bytes. The path is not in the message.
pub(super) fn regular(path: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let found = fs::symlink_metadata(path).map_err(plain)?;
    ensure!(!found.is_symlink(), "is a link; valor writes none, and reads through none");
    ensure!(found.is_file(), "is not a regular file");
    let file = open(path)?;
    let size = file.metadata()?.len();
    ensure!(size <= most, "has {size} bytes; valor writes at most {most}");
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size as usize).ok().with_context(|| format!("needs {size} bytes of memory"))?;
    file.take(size).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 == size, "became shorter while it was read");
    Ok(bytes)
}

/// A file that is regular also once it is open: what stands at the path may have changed.
fn open(path: &Path) -> anyhow::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(plain)?;
    if !file.metadata()?.is_file() {
        bail!("is not a regular file");
    }
    Ok(file)
}

fn plain(error: io::Error) -> anyhow::Error {
    match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("is not there"),
        _ => anyhow::Error::new(error).context("cannot be read"),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make the files they need")]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_likely_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "12345").unwrap();
        assert_eq!(regular(&path("file"), 5).unwrap(), b"12345");
        std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
        std::os::unix::fs::symlink(path("file"), path("link")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        File::create(path("sparse")).unwrap().set_len(1 << 40).unwrap();
        let refused = |name: &str, most: u64| format!("{:#}", regular(&path(name), most).unwrap_err());
        assert!(refused("file", 4).contains("at most 4"));
        assert!(refused("zero", 9).contains("is a link") && refused("link", 9).contains("is a link"));
        assert!(refused("pipe", 9).contains("not a regular file"));
        assert!(regular(folder.path(), 9).unwrap_err().to_string().contains("not a regular file"));
        assert!(refused("sparse", LARGEST_ROWS).contains("at most"));
        assert!(refused("absent", 9).contains("is not there"));
    }
}
