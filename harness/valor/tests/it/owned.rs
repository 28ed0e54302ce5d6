//! What is not valor's stays: nothing is removed but what it wrote, nothing is written outside of the folders that were named, and
//! what lives on the machine is not taken for dead. A full disk ends with exit code 1 and leaves what was there.

use crate::workspace::{EXPERIMENT, Workspace, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

const RUN: &str = "run experiments/small.toml --results results";
const PARTS: [&str; 7] =
    ["staging", "runs", "evaluations", "failures", "set-aside", "claims", "claims/owners"];

fn heard(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn folders_with_files_of_others_are_not_used_and_the_reason_is_said() {
    for part in PARTS {
        let workspace = Workspace::new();
        workspace.write(&format!("results/{part}/notes.txt"), "keep");
        workspace.refuse(RUN, &[&format!("results/{part}/notes.txt"), "not what valor writes", "--results"]);
        workspace.refuse("gc --yes", &["notes.txt"]);
    }
    for part in PARTS {
        let workspace = Workspace::new();
        workspace.write("precious/a", "keep");
        let place = workspace.path(&format!("results/{part}"));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        symlink(workspace.path("precious"), place).unwrap();
        workspace.refuse(RUN, &[&format!("results/{part} is a link"), "--results"]);
        workspace.refuse("gc --yes", &["is a link"]);
    }
    // Beside the folders of the store anything may stand.
    let workspace = Workspace::new();
    workspace.write("results/notes.txt", "keep");
    workspace.write("results/published/table.md", "keep");
    workspace.succeed(RUN);
    assert!(
        workspace.path("results/notes.txt").exists() && workspace.path("results/published/table.md").exists()
    );
}

#[test]
fn files_of_others_in_a_store_stay_and_are_told_of() {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    let run = workspace.names("results/runs").into_iter().next().unwrap();
    let strange = [
        "results/staging/notes.txt".to_string(),
        "results/staging/folder/a".to_string(),
        "results/runs/a-b/a".to_string(),
        "results/runs/mine-0123456789abcdef/a".to_string(),
        format!("results/runs/{run}/notes.txt"),
        "results/evaluations/notes.txt".to_string(),
        "results/evaluations/0123456789abcdef.parquet/a".to_string(),
        "results/failures/notes.json".to_string(),
        "results/set-aside/mine/a".to_string(),
        "results/claims/notes.txt".to_string(),
        "results/claims/0123456789abcdef/a".to_string(),
        "results/claims/owners/notes.txt".to_string(),
    ];
    strange.iter().for_each(|path| workspace.write(path, "keep"));
    workspace.write("outside/record.json", "keep");
    symlink(workspace.path("outside"), workspace.path("results/runs/linked-fedcba9876543210")).unwrap();
    symlink(workspace.path("outside/record.json"), workspace.path("results/failures/fedcba9876543210.json"))
        .unwrap();
    // Nothing is asked for, so everything that is valor's may go.
    workspace.write("experiments/small.toml", EXPERIMENT.replace("[1, 2]", "[9]"));
    let listed = workspace.valor("gc");
    let removed = workspace.valor("gc --yes");
    for output in [&listed, &removed] {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for path in [
            "notes.txt",
            "a-b",
            "mine-0123456789abcdef",
            "linked-fedcba9876543210",
            "set-aside/mine",
            "claims/owners/notes.txt",
        ] {
            let line = |line: &str| line.starts_with("left as it is: ") && line.contains(path);
            assert!(heard(output).lines().any(line), "{path} is not in {}", heard(output));
        }
    }
    let paths = |output: &Output| -> Vec<String> {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter(|line| line.starts_with("results/")).map(str::to_string).collect()
    };
    assert_eq!(paths(&listed), paths(&removed), "what is listed is what is removed");
    assert!(paths(&removed).iter().all(|path| fs::symlink_metadata(workspace.path(path)).is_err()));
    strange.iter().for_each(|path| assert!(workspace.path(path).exists(), "{path} is gone"));
    assert!(workspace.path("outside/record.json").exists());
    assert_eq!(
        workspace.names("results/runs").len(),
        4,
        "three that are strange, and one with a file of others"
    );
    let output = workspace.valor(RUN);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(heard(&output).contains("left as it is: results/staging/notes.txt"), "{}", heard(&output));
    strange.iter().for_each(|path| assert!(workspace.path(path).exists(), "{path} is gone"));
}

#[test]
fn names_in_files_lead_nowhere_else() {
    let long = "p".repeat(300);
    let profiles =
        ["../../../escape", "/absolute/place", "a/b", "a-b", "A-B", "", ".", "..", long.as_str(), "a\\\\b"];
    let mut experiment = EXPERIMENT.to_string();
    for profile in profiles {
        experiment.push_str(&format!("[profile.\"{profile}\"]\nseeds = [1]\n"));
    }
    let workspace = Workspace::with(&experiment);
    workspace.write("experiments/...toml", EXPERIMENT);
    workspace
        .refuse("report experiments/...toml --results results", &["an experiment cannot be called '..'"]);
    for profile in profiles {
        let mut command = workspace.command("report experiments/small.toml --results results --profile");
        let output = command.arg(profile.replace("\\\\", "\\")).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{profile}: {output:?}");
        let page = String::from_utf8(output.stdout).unwrap();
        assert!(page.starts_with("reports/small/") && !page.contains(".."), "{profile}: {page}");
        assert!(workspace.path(page.trim()).is_file());
    }
    assert_eq!(workspace.names(".").len(), 2, "{:?}", workspace.names("."));
    assert_eq!(workspace.names("reports").len(), 1);
    assert_eq!(workspace.names("reports/small").len(), profiles.len(), "no report overwrites another's");
    let summary = |folder: &str| json(&workspace.path(&format!("reports/small/{folder}/summary.json")));
    assert_eq!(
        (summary("a-b")["profile"].as_str(), summary("A-B")["profile"].as_str()),
        (Some("a-b"), Some("A-B"))
    );
}

#[test]
fn a_long_slug_is_still_a_folder() {
    let terms = "{ ziln = {} }, { ranking = { sample = 10 }, weight = 0.1 }, ".repeat(12);
    let objective = format!("[[objective]]\nname = \"long\"\nterms = [{terms}]\n");
    let experiment = EXPERIMENT
        .replace("components = [[], [\"ziln\", \"focal\", \"gti\", \"wr\"]]", "objectives = [\"long\"]")
        .replace("seeds = [1, 2]", "seeds = [1]");
    let workspace = Workspace::with(&format!("{experiment}\n{objective}"));
    workspace.succeed(RUN);
    assert_eq!(workspace.names("results/runs").len(), 1);
}

#[test]
fn two_first_starts_at_once_lose_nothing() {
    let workspace = Workspace::new();
    for results in ["deep/er/one", "deep/er/two", "deep/three"] {
        let run = format!("run experiments/small.toml --results {results}");
        let starts = [0, 1, 2].map(|_| workspace.command(&run).spawn().unwrap());
        let mine = format!("{results}/mine.txt");
        workspace.write(&mine, "x");
        for start in starts {
            let output = start.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
        }
        assert!(workspace.path(&mine).exists());
        assert_eq!(workspace.records(results).len(), 4);
        assert!(workspace.names(&format!("{results}/staging")).is_empty());
    }
}

/// Slow enough to be at work for a while.
fn slow() -> Workspace {
    Workspace::with(&EXPERIMENT.replace("rows = 600", "rows = 3000").replace("epochs = 2", "epochs = 60"))
}

fn wait_for_work(workspace: &Workspace, child: &mut Child) -> String {
    let start = Instant::now();
    loop {
        if let Some(name) = workspace.names("results/staging").into_iter().next() {
            return name;
        }
        assert!(child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_lives_is_not_taken_for_dead_in_another_namespace() {
    let namespace = ["--pid", "--fork", "--mount-proc"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no namespaces here");
        return;
    }
    let workspace = slow();
    let mut living = workspace.command(RUN).spawn().unwrap();
    let work = wait_for_work(&workspace, &mut living);
    let other = format!("{RUN} --set dataset.0.b2b-mimic.rows=300 --set training.epochs=1 --set seeds=[5]");
    let binary = env!("CARGO_BIN_EXE_valor");
    let mut command = Command::new("unshare");
    command.args(namespace).arg(binary).args(other.split_whitespace()).current_dir(workspace.path("."));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(workspace.names("results/staging").contains(&work), "work of a living process was removed");
    assert!(!heard(&output).contains("removed what"), "{}", heard(&output));
    let output = living.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(workspace.records("results").len(), 4 + 2);
}

#[test]
fn what_a_killed_process_left_is_removed_by_the_next_start_and_named() {
    let workspace = slow();
    let mut killed = workspace.command(RUN).spawn().unwrap();
    let work = wait_for_work(&workspace, &mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(workspace.path(&format!("results/staging/{work}")).exists());
    let output = workspace.valor(&format!("{RUN} --set seeds=[1]"));
    let line = format!("removed what a stopped process had left: results/staging/{work}\n");
    assert!(heard(&output).contains(&line), "{}", heard(&output));
    assert!(workspace.names("results/staging").is_empty());
}

#[test]
fn temporary_files_beside_an_output_are_removed_by_the_next_start() {
    let workspace = Workspace::new();
    let export = "data export b2b-mimic --rows 3000000 --out out/rows.csv";
    fs::create_dir(workspace.path("out")).unwrap();
    let mut killed = workspace.command(export).spawn().unwrap();
    let start = Instant::now();
    while workspace.names("out").is_empty() {
        assert!(start.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(workspace.names("out").len(), 1);
    workspace.write("out/.valor-mine", "keep");
    workspace.succeed("data export b2b-mimic --rows 100 --out out/rows.csv");
    let names: Vec<String> = workspace.names("out").into_iter().collect();
    assert_eq!(names, [".valor-mine", "rows.csv"]);
}

#[test]
fn a_standard_output_that_takes_no_more_is_an_error_not_a_panic() {
    let workspace = Workspace::new();
    for words in ["plan experiments/small.toml", "status experiments/small.toml", "gc", "doctor --json"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = workspace.command(words).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{words}: {output:?}");
        assert!(
            heard(&output).contains("No space left") && !heard(&output).contains("panicked"),
            "{output:?}"
        );
    }
}

/// A command with files of at most so many KiB: beyond that, writing fails as on a full disk.
fn limited(workspace: &Workspace, kibibytes: usize, words: &str) -> Output {
    let binary = env!("CARGO_BIN_EXE_valor");
    let script = format!("ulimit -f {kibibytes}; exec {binary} {words}");
    Command::new("bash").args(["-c", &script]).current_dir(workspace.path(".")).output().unwrap()
}

#[test]
fn a_full_disk_is_exit_code_1_whatever_was_asked_and_changes_nothing() {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    workspace.succeed("report experiments/small.toml --results results --out reports/small --figures");
    workspace.succeed("data export experiments/small.toml --out rows.csv");
    let fit = "fit experiments/small.toml --method TARNet --seed 1 --device cpu";
    workspace.succeed(&format!("{fit} --out model.safetensors"));
    workspace.write("experiments/other.toml", EXPERIMENT);
    let before = workspace.snapshot(".");
    for words in [
        "data export experiments/small.toml --out more.csv",
        "data export experiments/small.toml --out rows.parquet",
        "data export experiments/small.toml --out rows.csv.gz",
        "score model.safetensors rows.csv --out scores.csv --device cpu",
        "score model.safetensors rows.csv --out scores.parquet --device cpu",
        &format!("{fit} --out again.safetensors"),
        "report experiments/small.toml --results results --out reports/small --figures",
        "report experiments/small.toml --results results --out reports/small --predictions csv",
        "report experiments/small.toml experiments/other.toml --results results --out other",
    ] {
        let output = limited(&workspace, 1, words);
        assert_eq!(output.status.code(), Some(1), "{words}: {output:?}");
        assert!(heard(&output).contains("File too large"), "{words}: {output:?}");
        let _ = fs::remove_dir(workspace.path("other/small"));
        let _ = fs::remove_dir(workspace.path("other"));
        assert!(workspace.snapshot(".") == before, "{words} changed something");
    }
}

#[test]
fn a_report_is_replaced_whole_or_stays_as_it_was() {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    let report = "report experiments/small.toml --results results --out reports/small";
    workspace.succeed(&format!("{report} --figures"));
    let whole = workspace.snapshot("reports");
    // Killed at many moments: what stands there is one report or the other.
    for wait in [0, 20, 60, 100, 150, 200, 260, 330] {
        let mut child = workspace.command(&format!("{report} --set question=other")).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
        let page = fs::read_to_string(workspace.path("reports/small/index.html")).unwrap();
        let summary = json(&workspace.path("reports/small/summary.json"));
        assert_eq!(page.contains("Does it run?"), summary["question"] == "Does it run?");
        assert_eq!(
            Path::new(&workspace.path("reports/small/figures")).exists(),
            page.contains("Does it run?")
        );
    }
    workspace.succeed(&format!("{report} --figures"));
    assert!(workspace.snapshot("reports").keys().eq(whole.keys()), "something is left beside the report");
}
