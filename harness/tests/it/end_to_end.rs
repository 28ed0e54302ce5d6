//! Whole experiments through the binary: run, report, kill, resume. Nothing is trained twice, and nothing that is not
//! measured depends on workers, threads or accidents.

use crate::workspace::{EXPERIMENT, Snapshot, Workspace, assert_same, json, unmeasured};
use serde_json::Value;
use std::fs;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const RUN: &str = "run experiments/small.toml --results results";
const REPORT: &str = "report experiments/small.toml --results results --out reports/small";

/// Long enough to be killed in the middle: eight runs of a second or so.
fn slow() -> Workspace {
    Workspace::with(
        &EXPERIMENT
            .replace("[\"tarnet\"]", "[\"tarnet\", \"t-learner\"]")
            .replace("rows = 600", "rows = 3000")
            .replace("epochs = 2", "epochs = 12"),
    )
}

/// All records, without what is measured.
fn records(workspace: &Workspace) -> Value {
    Value::Object(
        workspace
            .records("results")
            .iter()
            .map(|(name, record)| (name.clone(), unmeasured(record)))
            .collect(),
    )
}

fn summary(workspace: &Workspace) -> Value {
    workspace.succeed(REPORT);
    unmeasured(&json(&workspace.path("reports/small/summary.json")))
}

/// Waits until at least one run is committed.
fn wait_for_a_run(workspace: &Workspace, child: &mut Child) {
    let start = Instant::now();
    while workspace.records("results").is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before the first run was committed");
        assert!(start.elapsed() < Duration::from_secs(300), "no run was ever committed");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kill(process: u32) {
    Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
}

/// Processes whose parent is `parent`.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |process: &u32| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        status.lines().any(|line| line.split_whitespace().eq(["PPid:", &parent.to_string()]))
    };
    numbers.filter(is_child).collect()
}

/// Files that were there are there unchanged.
fn assert_kept(before: &Snapshot, after: &Snapshot) {
    for (path, content) in before {
        assert!(after.get(path) == Some(content), "{} is gone or was written again", path.display());
    }
}

#[test]
fn a_second_run_trains_nothing_and_a_new_seed_only_itself() {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    let first = workspace.snapshot("results/runs");
    assert_eq!(workspace.records("results").len(), 4);
    workspace.succeed(RUN);
    assert!(workspace.snapshot("results/runs") == first);
    workspace.succeed(&format!("{RUN} --set seeds=[1,2,3]"));
    assert_eq!(workspace.records("results").len(), 6);
    assert_kept(&first, &workspace.snapshot("results/runs"));
}

#[test]
fn workers_and_threads_change_no_number() {
    let one = Workspace::new();
    one.succeed(&format!("{RUN} --workers 1"));
    let two = Workspace::new();
    two.succeed(&format!("{RUN} --workers 2"));
    assert_same(&records(&one), &records(&two));
    assert_same(&summary(&one), &summary(&two));
}

#[test]
fn the_same_seed_alone_or_in_company_gives_the_same_record() {
    let together = Workspace::new();
    together.succeed(RUN);
    let alone = Workspace::new();
    alone.succeed(&format!("{RUN} --set seeds=[2]"));
    assert_eq!(alone.records("results").len(), 2);
    let mut both = records(&together);
    both.as_object_mut().unwrap().retain(|name, _| alone.records("results").contains_key(name));
    assert_same(&records(&alone), &both);
}

#[test]
fn killing_the_parent_loses_only_what_was_in_flight() {
    let whole = slow();
    whole.succeed(RUN);
    let killed = slow();
    for _ in 0..2 {
        let mut child = killed.command(RUN).spawn().unwrap();
        wait_for_a_run(&killed, &mut child);
        let workers = children(child.id());
        kill(child.id());
        child.wait().unwrap();
        for worker in workers {
            kill(worker);
        }
    }
    let committed = killed.snapshot("results/runs");
    assert!(killed.records("results").len() < 8, "all was done before it was killed");
    killed.succeed(RUN);
    assert_kept(&committed, &killed.snapshot("results/runs"));
    assert_same(&records(&killed), &records(&whole));
    assert_same(&summary(&killed), &summary(&whole));
}

#[test]
fn killing_a_worker_loses_only_what_was_in_flight() {
    let whole = slow();
    whole.succeed(RUN);
    let killed = slow();
    let mut child = killed.command(&format!("{RUN} --workers 1")).spawn().unwrap();
    wait_for_a_run(&killed, &mut child);
    let committed = killed.snapshot("results/runs");
    children(child.id()).into_iter().for_each(kill);
    let output = child.wait_with_output().unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    killed.succeed(RUN);
    assert_kept(&committed, &killed.snapshot("results/runs"));
    assert_same(&summary(&killed), &summary(&whole));
}

#[test]
fn a_diverged_run_is_a_result() {
    let workspace = Workspace::new();
    workspace.succeed(&format!("{RUN} --set training.learning-rate=1e30"));
    let records = workspace.records("results");
    assert_eq!(records.len(), 4);
    assert!(records.values().all(|record| record["status"]["diverged"]["epoch"].is_u64()), "{records:#?}");
    workspace.succeed(&format!("{REPORT} --set training.learning-rate=1e30"));
}

#[test]
fn a_full_disk_fails_the_run_and_keeps_the_store() {
    let workspace = Workspace::new();
    let binary = env!("CARGO_BIN_EXE_valor");
    let limited = format!("trap '' XFSZ; ulimit -f 1; exec {binary} {RUN}");
    let output =
        Command::new("bash").args(["-c", &limited]).current_dir(workspace.path(".")).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(workspace.records("results").is_empty());
    workspace.succeed(RUN);
    assert_eq!(workspace.records("results").len(), 4);
}
