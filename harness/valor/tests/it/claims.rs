//! Many workers on one experiment: nothing is trained twice, who lives is left alone, and what is dead is taken by one. Clocks, process
//! numbers and times of files say nothing.

use crate::workspace::{EXPERIMENT, Workspace, assert_same};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

const RUN: &str = "run experiments/small.toml --results results --device cpu";
const WORK: &str = "work experiments/small.toml --results results --device cpu";

/// Quick to train, many cells.
fn many() -> Workspace {
    let grid = "backbones = [\"tarnet\", \"t-learner\"]\ncomponents = [[], [\"ziln\"], [\"ziln\", \"wr\"]]";
    let text = EXPERIMENT
        .replace("backbones = [\"tarnet\"]\ncomponents = [[], [\"ziln\", \"focal\", \"gti\", \"wr\"]]", grid);
    Workspace::with(&text.replace("epochs = 2", "epochs = 1").replace("rows = 600", "rows = 300"))
}

/// Two seeds of one method, at work for half a second or so.
fn slow() -> Workspace {
    let text = EXPERIMENT.replace("[[], [\"ziln\", \"focal\", \"gti\", \"wr\"]]", "[[]]");
    Workspace::with(&text.replace("rows = 600", "rows = 3000").replace("epochs = 2", "epochs = 20"))
}

fn heard(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs that a command had trained, each as often as it was.
fn trained(output: &Output) -> Vec<String> {
    let recorded = |line: &str| line.split_once(" recorded (").map(|(slug, _)| slug.to_string());
    heard(output).lines().filter_map(recorded).collect()
}

/// That every run was trained once, by whichever command, and nothing is left of their work.
fn assert_trained_once(workspace: &Workspace, outputs: &[Output], runs: usize) {
    for output in outputs {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let mut slugs: Vec<String> = outputs.iter().flat_map(trained).collect();
    slugs.sort();
    let all = slugs.len();
    slugs.dedup();
    assert_eq!((all, slugs.len()), (runs, runs), "trained: {slugs:?}");
    assert_eq!(workspace.records("results").len(), runs);
    assert_nothing_left(workspace);
}

fn assert_nothing_left(workspace: &Workspace) {
    assert_eq!(Vec::from_iter(workspace.names("results/claims")), ["owners"], "a claim is left");
    for folder in ["claims/owners", "staging", "failures"] {
        let names = workspace.names(&format!("results/{folder}"));
        assert!(names.is_empty(), "{folder}: {names:?}");
    }
}

fn spawn(workspace: &Workspace, words: &str) -> Child {
    workspace.command(words).spawn().unwrap()
}

fn signal(name: &str, child: &Child) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Waits until something is true.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(120), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn claims(workspace: &Workspace) -> Vec<String> {
    workspace.names("results/claims").into_iter().filter(|name| name.len() == 16).collect()
}

fn ids(workspace: &Workspace) -> Vec<String> {
    let plan: Value = serde_json::from_str(&workspace.succeed("plan experiments/small.toml --json")).unwrap();
    plan["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_string()).collect()
}

#[test]
fn sixty_four_starts_at_once_train_nothing_twice() {
    let workspace = many();
    let starts: Vec<Child> = (0..64).map(|_| spawn(&workspace, &format!("{RUN} --workers 1"))).collect();
    let outputs: Vec<Output> = starts.into_iter().map(|start| start.wait_with_output().unwrap()).collect();
    assert_trained_once(&workspace, &outputs, 12);
}

#[test]
fn a_worker_alone_does_an_experiment() {
    let (alone, ran) = (many(), many());
    let output = alone.valor(WORK);
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("12 runs recorded by this worker, 12/12"),
        "{output:?}"
    );
    assert_trained_once(&alone, &[output], 12);
    ran.succeed(RUN);
    assert_same(&alone.unmeasured_records(), &ran.unmeasured_records());
    let again: Value = serde_json::from_str(&alone.succeed(&format!("{WORK} --json"))).unwrap();
    assert_eq!(
        (&again["recorded"], &again["recorded_here"], &again["failed_here"]),
        (&json!(12), &json!(0), &json!(0))
    );
}

#[test]
fn workers_side_by_side_train_nothing_twice() {
    let workspace = many();
    let starts = [WORK, WORK, RUN].map(|words| spawn(&workspace, words));
    let outputs = starts.map(|start| start.wait_with_output().unwrap());
    assert_trained_once(&workspace, &outputs, 12);
}

#[test]
fn a_worker_refuses_bad_input_before_it_writes() {
    let workspace = many();
    workspace.refuse(&format!("{WORK} --set training.batch=4810"), &["small.toml", "training.batch"]);
    workspace.refuse("work experiments/small.toml --device gpu", &["--device gpu"]);
    workspace.refuse(&format!("{WORK} --workers 0"), &["--workers 0"]);
    for lease in ["0", "86401"] {
        workspace.refuse(&format!("{RUN} --lease {lease}"), &["--lease", lease, "1 to 86400"]);
    }
}

/// A worker of another host: a claim and a heartbeat, under clocks that are far off.
struct Foreign {
    owner: PathBuf,
    beating: Arc<AtomicBool>,
    heart: Option<std::thread::JoinHandle<()>>,
}

impl Foreign {
    /// Claims a run and promises to beat within a second.
    fn claim(workspace: &Workspace, id: &str) -> Self {
        Self::named(workspace, id, "0123456789abcdef", 1)
    }

    fn named(workspace: &Workspace, id: &str, name: &str, attempt: u32) -> Self {
        let name = name.repeat(2);
        let owner = workspace.path(&format!("results/claims/owners/{name}"));
        workspace.write("results/.valor-results", "");
        fs::create_dir_all(owner.parent().unwrap()).unwrap();
        let head = json!({ "host": "far-away", "boot": "another", "device": 1, "lease": 1 }).to_string();
        let beat = move |owner: &PathBuf, count: u64| {
            fs::write(owner, format!("{head}\n{count:020}\n")).unwrap();
            let far = Duration::from_secs(3_000_000_000);
            let time = if count % 2 == 0 { SystemTime::UNIX_EPOCH } else { SystemTime::UNIX_EPOCH + far };
            File::options().write(true).open(owner).unwrap().set_modified(time).unwrap();
        };
        beat(&owner, 0);
        let claim = json!({ "owner": name, "host": "far-away", "attempt": attempt });
        let staged = workspace.path("results/staged");
        fs::write(&staged, claim.to_string()).unwrap();
        fs::rename(staged, workspace.path(&format!("results/claims/{id}"))).unwrap();
        let beating = Arc::new(AtomicBool::new(true));
        let (goes, place) = (beating.clone(), owner.clone());
        let heart = std::thread::spawn(move || {
            for count in 1.. {
                std::thread::sleep(Duration::from_millis(50));
                if !goes.load(Ordering::Relaxed) {
                    return;
                }
                beat(&place, count);
            }
        });
        Self { owner, beating, heart: Some(heart) }
    }

    fn stop(&mut self) {
        self.beating.store(false, Ordering::Relaxed);
        self.heart.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_claim_of_another_host_stands_while_its_heart_beats_and_falls_after_its_lease_whatever_clocks_say() {
    let workspace = many();
    let id = ids(&workspace)[3].clone();
    let mut foreign = Foreign::claim(&workspace, &id);
    let mut run = spawn(&workspace, &format!("{RUN} --workers 1"));
    until("all others are recorded", || workspace.names("results/runs").len() == 11);
    std::thread::sleep(Duration::from_secs(3));
    assert!(run.try_wait().unwrap().is_none(), "it did not wait");
    assert_eq!(workspace.names("results/runs").len(), 11, "a living claim was taken");
    let status = "status experiments/small.toml --results results";
    let text = workspace.succeed(status);
    assert!(
        text.contains("claimed: mimic, ") && text.contains("a worker on far-away is at work on it"),
        "{text}"
    );
    assert!(text.ends_with("11/12 done, 1 claimed\n"), "{text}");
    let found: Value = serde_json::from_str(&workspace.succeed(&format!("{status} --json"))).unwrap();
    assert_eq!((&found["total"]["claimed"], &found["total"]["missing"]), (&json!(1), &json!(0)));
    assert_eq!((&found["claimed"][0]["id"], &found["claimed"][0]["host"]), (&json!(id), &json!("far-away")));
    foreign.stop();
    let output = run.wait_with_output().unwrap();
    assert!(heard(&output).contains("waiting for 1 runs that other workers train"), "{output:?}");
    assert_eq!(heard(&output).matches("waiting for").count(), 1, "{output:?}");
    assert_trained_once(&workspace, &[output], 12);
    assert!(!foreign.owner.exists(), "the file of a dead owner stays");
}

#[test]
fn a_dead_owner_of_this_machine_is_taken_at_once() {
    let workspace = slow();
    for _ in 0..3 {
        let mut killed = spawn(&workspace, WORK);
        until("it claims", || !claims(&workspace).is_empty());
        signal("KILL", &killed);
        killed.wait().unwrap();
        assert!(!claims(&workspace).is_empty(), "nothing was in flight");
        let status = workspace.succeed("status experiments/small.toml");
        assert!(status.ends_with("0/2 done, 2 missing\n"), "the dead claim nothing: {status}");
    }
    let quick = "--set training.epochs=1";
    workspace.succeed(&format!("{RUN} {quick}"));
    // Asked for anew after every death: that is no attempt of the same start.
    let output = workspace.valor(RUN);
    assert!(!heard(&output).contains("waiting"), "{output:?}");
    assert_eq!(trained(&output).len(), 2, "{output:?}");
    assert_nothing_left(&workspace);
}

#[test]
fn an_interrupted_worker_gives_its_claims_back() {
    let workspace = slow();
    for name in ["INT", "TERM"] {
        let mut stopped = spawn(&workspace, WORK);
        until("it claims", || !claims(&workspace).is_empty());
        signal(name, &stopped);
        assert_eq!(stopped.wait().unwrap().code(), Some(130));
        assert!(claims(&workspace).is_empty(), "a claim is left");
    }
}

#[test]
fn a_worker_that_stood_still_for_longer_than_its_lease_corrupts_nothing() {
    let whole = slow();
    whole.succeed(RUN);
    let workspace = slow();
    let stopped = spawn(&workspace, &format!("{WORK} --lease 1"));
    until("it claims", || !claims(&workspace).is_empty());
    signal("STOP", &stopped);
    let output = workspace.valor(RUN);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(trained(&output).len(), 2, "{output:?}");
    let before = workspace.snapshot("results/runs");
    signal("CONT", &stopped);
    let output = stopped.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(workspace.snapshot("results/runs") == before, "what was recorded is changed");
    assert_same(&workspace.unmeasured_records(), &whole.unmeasured_records());
    assert_same(&workspace.summary(), &whole.summary());
    assert_nothing_left(&workspace);
}

#[test]
fn a_run_whose_workers_died_twice_without_a_word_is_a_failure_until_the_next_time() {
    let workspace = many();
    let id = ids(&workspace)[3].clone();
    let mut first = Foreign::claim(&workspace, &id);
    let run = spawn(&workspace, &format!("{RUN} --workers 1"));
    until("all others are recorded", || workspace.names("results/runs").len() == 11);
    // Claimed a second time since the run was asked for, and then no word.
    Foreign::named(&workspace, &id, "fedcba9876543210", 2).stop();
    first.stop();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("failed: mimic, ") && text.contains("killed: its worker ended 2 times without a word"),
        "{text}"
    );
    assert_eq!(Vec::from_iter(workspace.names("results/failures")), [format!("{id}.json")]);
    let output = workspace.valor(RUN);
    assert_eq!((output.status.code(), trained(&output).len()), (Some(0), 1), "{output:?}");
}

#[test]
fn an_experiment_that_changes_meanwhile_is_not_trained_half_and_half() {
    let workspace = slow();
    let mut run = spawn(&workspace, &format!("{RUN} --workers 1"));
    until("it claims", || !claims(&workspace).is_empty());
    let text = fs::read_to_string(workspace.path("experiments/small.toml")).unwrap();
    workspace.write("experiments/small.toml", text.replace("epochs = 20", "epochs = 1"));
    // A fresh worker, for one that dies, reads the file again.
    let worker =
        Command::new("pgrep").args(["-P", &run.id().to_string(), "-f", "work --child"]).output().unwrap();
    let worker = String::from_utf8(worker.stdout).unwrap();
    assert!(Command::new("kill").args(["-9", worker.trim()]).status().unwrap().success(), "{worker}");
    until("it ends", || run.try_wait().unwrap().is_some());
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(heard(&output).contains("small.toml: it or its data has changed since this began"), "{output:?}");
    assert_eq!(workspace.names("results/runs").len(), 0);
    assert_eq!(workspace.names("results/failures").len(), 1);
}

#[test]
fn a_disk_that_takes_no_claim_is_exit_code_1_and_leaves_the_store_as_it_was() {
    let workspace = many();
    workspace.succeed(&format!("{RUN} --set seeds=[1]"));
    let before = workspace.snapshot("results");
    for words in [RUN, WORK] {
        let mut limited = Command::new("prlimit");
        limited.arg("--fsize=40").arg(env!("CARGO_BIN_EXE_valor")).args(words.split_whitespace());
        let output = limited.current_dir(workspace.path(".")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(
            heard(&output).contains("File too large") && !heard(&output).contains("panicked"),
            "{output:?}"
        );
        assert!(workspace.snapshot("results") == before, "{words} changed something");
    }
    assert_eq!(trained(&workspace.valor(RUN)).len(), 6);
    assert_nothing_left(&workspace);
}
