//! Runs a reader on altered files and judges how it ends.

use rand::seq::IndexedRandom;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use valor_base::seed::{Seeds, Stream};

/// Time for each kind of file where no number of executions is asked for.
const BUDGET: Duration = Duration::from_secs(8);
/// An execution that takes longer hangs.
const HANG: Duration = Duration::from_secs(20);
/// Private memory of this process: what wants more is killed by its allocation.
const MEMORY: u64 = 6 << 30;

static STARTED: AtomicU64 = AtomicU64::new(0);

/// A folder on a file system in memory, where there is one.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    }
}

/// How often something was tried, and how often it was refused.
#[derive(Debug, Default)]
struct Tally {
    done: u64,
    refused: u64,
}

/// Alters the files of `seeds` over and over and reads each copy. `alter` gives the copy, `read` writes and reads it.
///
/// Panics, errors that are not the user's to mend, and errors that do not contain `name` fail the test, with the file kept beside
/// the build.
pub fn survive(
    name: &str,
    seeds: &[Vec<u8>],
    alter: impl Fn(&[u8], &[Vec<u8>], &mut Stream) -> Vec<u8>,
    mut read: impl FnMut(&[u8]) -> anyhow::Result<()>,
) {
    limit_memory();
    watch();
    let asked: Option<u64> =
        std::env::var("VALOR_FUZZ").ok().map(|text| text.parse().expect("VALOR_FUZZ is a number"));
    let start = Instant::now();
    let mut tally = Tally::default();
    while asked.map_or(start.elapsed() < BUDGET, |asked| tally.done < asked) {
        let mut stream = Seeds::new(20_261_130).child(name).at(tally.done).stream();
        let source = seeds.choose(&mut stream).unwrap();
        let altered = alter(source, seeds, &mut stream);
        STARTED.store(now(), Ordering::Relaxed);
        keep(&altered);
        let ended = catch_unwind(AssertUnwindSafe(|| read(&altered)));
        STARTED.store(0, Ordering::Relaxed);
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tally.refused += 1;
                let text = format!("{error:#}");
                assert!(
                    valor_base::error::is_input(&error),
                    "{}: no error of the input: {text}",
                    kept(name, &altered).display()
                );
                assert!(
                    text.contains(name),
                    "{}: the message does not name it: {text}",
                    kept(name, &altered).display()
                );
                let plain = text.chars().all(|letter| !letter.is_control() || letter == '\n');
                assert!(plain, "{}: control characters: {text:?}", kept(name, &altered).display());
                assert!(
                    text.len() < 4000,
                    "{}: {} bytes of message",
                    kept(name, &altered).display(),
                    text.len()
                );
            }
            Err(_) => panic!("{}: a panic", kept(name, &altered).display()),
        }
        tally.done += 1;
    }
    println!("{name}: {} altered, {} refused, {:.0?}", tally.done, tally.refused, start.elapsed());
    assert!(tally.refused > 0 && tally.refused < tally.done, "{name}: {tally:?} tells nothing");
}

/// Writes a failing file where it can be looked at.
fn kept(name: &str, content: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{}-{name}", &blake3::hash(content).to_hex()[..12]));
    std::fs::write(&path, content).unwrap();
    path
}

/// The file that is being read, for whoever ends the process.
fn keep(content: &[u8]) {
    *CURRENT.lock().unwrap() = content.to_vec();
}

static CURRENT: std::sync::Mutex<Vec<u8>> = std::sync::Mutex::new(Vec::new());

fn now() -> u64 {
    static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    ORIGIN.get_or_init(Instant::now).elapsed().as_millis() as u64 + 1
}

/// Ends the process where one execution takes too long.
fn watch() {
    static WATCH: std::sync::Once = std::sync::Once::new();
    WATCH.call_once(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(1));
                let started = STARTED.load(Ordering::Relaxed);
                if started > 0 && now() > started + HANG.as_millis() as u64 {
                    let path = kept("hang", &CURRENT.lock().unwrap());
                    eprintln!("{}: hangs", path.display());
                    std::process::abort();
                }
            }
        });
    });
}

fn limit_memory() {
    let limit = libc::rlimit { rlim_cur: MEMORY, rlim_max: MEMORY };
    // SAFETY: setrlimit reads the struct and keeps nothing.
    unsafe { libc::setrlimit(libc::RLIMIT_DATA, &raw const limit) };
}
