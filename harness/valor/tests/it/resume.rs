//! Accidents during a run: whatever is killed at whatever moment, the same command again ends with the summary of an
//! uninterrupted run, and what was recorded before is not trained again.

use crate::workspace::{EXPERIMENT, Workspace, assert_same};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Output};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const RUN: &str = "run experiments/small.toml --results results";
const STATUS: &str = "status experiments/small.toml --results results --json";
/// Cells times seeds of the slow experiment.
const RUNS: usize = 8;

/// Long enough to be stopped in the middle: four jobs of half a second or so.
fn slow() -> Workspace {
    Workspace::with(
        &EXPERIMENT
            .replace("[\"tarnet\"]", "[\"tarnet\", \"t-learner\"]")
            .replace("rows = 600", "rows = 3000")
            .replace("epochs = 2", "epochs = 20"),
    )
}

/// Records and summary of the slow experiment, never interrupted.
fn uninterrupted() -> &'static (Value, Value) {
    static WHOLE: OnceLock<(Value, Value)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let whole = slow();
        whole.succeed(RUN);
        (whole.unmeasured_records(), whole.summary())
    })
}

fn assert_as_uninterrupted(workspace: &Workspace) {
    let (records, summary) = uninterrupted();
    assert_same(&workspace.unmeasured_records(), records);
    assert_same(&workspace.summary(), summary);
    assert!(workspace.names("results/staging").is_empty(), "something is left in the staging folder");
    assert!(workspace.names("results/failures").is_empty(), "a failure is noted of a run that succeeded");
    assert_eq!(Vec::from_iter(workspace.names("results/claims")), ["owners"], "a claim is left");
    assert!(workspace.names("results/claims/owners").is_empty(), "an owner is left");
}

/// Waits until `enough` runs are recorded and a worker is at work.
fn wait_for(workspace: &Workspace, child: &mut Child, enough: usize) {
    let start = Instant::now();
    while workspace.names("results/runs").len() < enough || workers(child.id()).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {enough} runs were recorded");
        assert!(start.elapsed() < Duration::from_secs(120), "{enough} runs were never recorded");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status().unwrap();
    assert!(sent.success(), "no process {process}");
}

/// The words of a process's state; none if it is gone.
fn status(process: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((field("State:")?.to_string(), field("PPid:")?.parse().ok()?))
}

/// Worker processes whose parent is `parent`.
fn workers(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let works = |process: &u32| {
        let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let work = b"\0work\0--child\0";
        command.windows(work.len()).any(|words| words == work)
            && status(*process).is_some_and(|(_, found)| found == parent)
    };
    numbers.filter(works).collect()
}

fn assert_gone(processes: &[u32]) {
    let lives = |&process: &u32| status(process).is_some_and(|(state, _)| !state.starts_with(['Z', 'X']));
    let start = Instant::now();
    while processes.iter().any(lives) {
        assert!(start.elapsed() < Duration::from_secs(10), "workers live on without their parent");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What shows that a file is still the one that it was: its number, its time and its size, by path.
fn stamps(workspace: &Workspace) -> BTreeMap<String, (u64, i64, i64, u64)> {
    let files = workspace.snapshot("results/runs").into_keys().filter(|path| path.is_file());
    let stamp = |file: fs::Metadata| (file.ino(), file.mtime(), file.mtime_nsec(), file.size());
    files.map(|path| (path.display().to_string(), stamp(fs::metadata(&path).unwrap()))).collect()
}

/// Runs again what is missing: that many runs and nothing else.
fn resume(workspace: &Workspace) {
    let before = stamps(workspace);
    let missing = RUNS - workspace.names("results/runs").len();
    let output = workspace.valor(RUN);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(trained(&output), missing);
    let after = stamps(workspace);
    assert!(before.iter().all(|(path, stamp)| after.get(path) == Some(stamp)), "a recorded run was touched");
}

/// How many runs were trained, by the progress lines.
fn trained(output: &Output) -> usize {
    let text = String::from_utf8_lossy(&output.stderr);
    let planned = text.lines().find_map(|line| line.split_once(" runs to train on ")).map(|(count, _)| count);
    let planned = planned.map_or(0, |count| count.parse().unwrap());
    assert_eq!(text.lines().filter(|line| line.contains(" recorded (")).count(), planned, "{text}");
    planned
}

#[test]
fn killing_the_parent_loses_only_what_was_in_flight() {
    let killed = slow();
    for enough in [0, 1, 3] {
        let mut child = killed.command(RUN).spawn().unwrap();
        wait_for(&killed, &mut child, enough);
        let workers = workers(child.id());
        signal("KILL", child.id());
        child.wait().unwrap();
        assert_gone(&workers);
        assert!(killed.names("results/runs").len() < RUNS, "all was done before it was killed");
    }
    resume(&killed);
    assert_as_uninterrupted(&killed);
}

#[test]
fn killing_a_worker_fails_its_runs_until_the_next_time() {
    let killed = slow();
    let mut child = killed.command(&format!("{RUN} --workers 1")).spawn().unwrap();
    wait_for(&killed, &mut child, 1);
    let start = Instant::now();
    while killed.names("results/claims").len() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is claimed");
    }
    workers(child.id()).into_iter().for_each(|worker| signal("KILL", worker));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("failed: mimic, ") && text.contains("killed (signal 9)"), "{text}");
    assert!(text.contains("to continue: valor run experiments/small.toml\n"), "{text}");

    let status: Value = serde_json::from_str(&killed.succeed(STATUS)).unwrap();
    let failed = RUNS - killed.names("results/runs").len();
    assert!(failed > 0);
    assert_eq!(status["total"]["failed"], failed, "{status}");
    assert_eq!(status["total"]["missing"], 0, "{status}");
    let summary = killed.summary();
    let failed_seeds = |cell: &Value| cell["seeds_failed"].as_u64().unwrap();
    assert_eq!(summary["cells"].as_array().unwrap().iter().map(failed_seeds).sum::<u64>(), failed as u64);
    resume(&killed);
    assert_as_uninterrupted(&killed);
}

#[test]
fn an_interrupt_stops_cleanly_and_says_how_to_continue() {
    let stopped = slow();
    for (name, enough) in [("INT", 1), ("TERM", 2)] {
        let mut child = stopped.command(&format!("{RUN} --workers 1")).spawn().unwrap();
        wait_for(&stopped, &mut child, enough);
        let workers = workers(child.id());
        signal(name, child.id());
        let output = child.wait_with_output().unwrap();
        assert_gone(&workers);
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("to continue: valor run experiments/small.toml\n"), "{text}");
        assert!(stopped.names("results/failures").is_empty(), "an interrupt is no failure");
    }
    resume(&stopped);
    assert_as_uninterrupted(&stopped);
}

#[test]
fn two_at_once_end_as_one() {
    let workspace = slow();
    let pair = [workspace.command(RUN).spawn().unwrap(), workspace.command(RUN).spawn().unwrap()];
    for child in pair {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert_as_uninterrupted(&workspace);
    resume(&workspace);
}

#[test]
fn only_what_is_new_is_trained() {
    let workspace = Workspace::new();
    let run = |options: &str, expected: usize| {
        let before = stamps(&workspace);
        let output = workspace.valor(&format!("{RUN} {options}"));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(trained(&output), expected, "{options}");
        let after = stamps(&workspace);
        assert!(before.iter().all(|(path, stamp)| after.get(path) == Some(stamp)), "{options}");
    };
    run("", 4);
    run("", 0);
    run("--workers 1", 0);
    run("--set seeds=[1,2,3]", 2);
    run("--set grid.components=[[],['ziln']]", 2);
    let dataset = "[[dataset]]\nname = \"second\"\nb2b-mimic = { rows = 600, world = 2 }\n\n[grid]";
    workspace.write("experiments/small.toml", EXPERIMENT.replace("[grid]", dataset));
    run("", 4);
    workspace.write("experiments/small.toml", EXPERIMENT.replace("\"mimic\"", "\"renamed\""));
    run("", 0);
}

#[test]
fn a_diverged_run_is_a_result() {
    let workspace = Workspace::new();
    let run = format!("{RUN} --set training.learning-rate=1e30");
    workspace.succeed(&run);
    let records = workspace.records("results");
    assert_eq!(records.len(), 4);
    assert!(records.values().all(|record| record["status"]["diverged"]["epoch"].is_u64()), "{records:#?}");
    assert_eq!(trained(&workspace.valor(&run)), 0);
    workspace.succeed("report experiments/small.toml --out out --set training.learning-rate=1e30");
}

/// Runs with files of at most so many KiB: beyond that, writing fails as on a full disk.
fn run_on_a_full_disk(workspace: &Workspace, kibibytes: usize) -> String {
    let binary = env!("CARGO_BIN_EXE_valor");
    let limited = format!("ulimit -f {kibibytes}; exec {binary} {RUN}");
    let output =
        Command::new("bash").args(["-c", &limited]).current_dir(workspace.path(".")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(workspace.names("results/staging").is_empty(), "something is left in the staging folder");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_full_disk_fails_the_run_and_keeps_the_store() {
    let workspace = Workspace::new();
    let text = run_on_a_full_disk(&workspace, 1);
    assert_eq!(text.matches("failed: mimic, ").count(), 4, "{text}");
    assert!(text.contains("disk: cannot write results/staging/"), "{text}");
    assert!(workspace.records("results").is_empty() && workspace.names("results/evaluations").is_empty());
    workspace.succeed(&format!("{RUN} --set seeds=[1]"));
    let before = stamps(&workspace);
    // Predictions of the smaller method fit, its record does not.
    let text = run_on_a_full_disk(&workspace, 4);
    assert_eq!(text.matches("failed: mimic, ").count(), 2, "{text}");
    assert_eq!(workspace.records("results").len(), 2);
    workspace.succeed("report experiments/small.toml --results results --out reports");
    assert_eq!(trained(&workspace.valor(RUN)), 2);
    assert_eq!(workspace.records("results").len(), 4);
    assert!(workspace.names("results/failures").is_empty());
    let after = stamps(&workspace);
    assert!(before.iter().all(|(path, stamp)| after.get(path) == Some(stamp)), "a recorded run was touched");
}
