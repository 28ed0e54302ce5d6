//! The results folder: identities that must not change, damage that is named, and what is collected as garbage.

use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;
use valor::spec;

const RUN: &str = "run experiments/small.toml --results results";
const REPORT: &str = "report experiments/small.toml --results results --out reports";

/// One cell of every source, all options filled in by their defaults.
const SOURCES: &str = r#"
seeds = [42]

[[dataset]]
name = "mimic"
b2b-mimic = {}

[[dataset]]
name = "production"
production-sim = {}

[[dataset]]
name = "release"
valor-release = {}

[[dataset]]
name = "file"
table = { path = "rows.csv", treatment = "t", treated = [1], control = [0], outcome = "y", numeric = ["x"] }

[[method]]
backbone = "tarnet"
components = ["ziln", "focal", "gti", "wr"]
"#;

/// Ids and slugs of `SOURCES`. Another id means that every recorded run is asked for anew: raise the science version
/// if numbers change, and do not change what a spec contains if they do not.
const GOLDEN: [(&str, &str); 4] = [
    ("96fca024c79dfcdd", "b2b-mimic_tarnet-gate-focal-ziln-ranking_s42"),
    ("68eb6f48f1cbfc1c", "production-sim_tarnet-gate-focal-ziln-ranking_s42"),
    ("ccc4996c5c096578", "valor-release_tarnet-gate-focal-ziln-ranking_s42"),
    ("d7d8ef5dedd8376e", "table_tarnet-gate-focal-ziln-ranking_s42"),
];

#[test]
fn identities_stay_what_they_are() {
    let workspace = Workspace::with(SOURCES);
    workspace.write("experiments/rows.csv", "x,t,y\n1,1,2\n2,0,0\n");
    let experiment = spec::load(&workspace.path("experiments/small.toml"), None, &[]).unwrap();
    let runs = experiment.cells().map(|(dataset, method)| experiment.run(dataset, method, 42));
    let found: Vec<(String, String)> = runs.map(|run| (run.id(), run.slug())).collect();
    let golden = GOLDEN.map(|(id, slug)| (id.to_string(), slug.to_string()));
    assert_eq!(found, golden);
}

#[test]
fn what_is_no_part_of_a_number_is_no_part_of_its_identity() {
    let ids = |words: &str, workspace: &Workspace| {
        let plan: Value = serde_json::from_str(&workspace.succeed(words)).unwrap();
        let runs = plan["runs"].as_array().unwrap();
        runs.iter().map(|run| run["id"].as_str().unwrap().to_string()).collect::<Vec<String>>()
    };
    let plan = "plan experiments/small.toml --json";
    let workspace = Workspace::new();
    let before = ids(plan, &workspace);
    let same = "--set metrics=['qini'] --set question=why --set dataset.0.name=other --set seeds=[1,2]";
    assert_eq!(ids(&format!("{plan} {same}"), &workspace), before);
    for other in ["training.clip=2.0", "split.seed=7", "dataset.0.b2b-mimic.world=2", "model.trunk=[9]"] {
        let ids = ids(&format!("{plan} --set {other}"), &workspace);
        assert!(ids.iter().all(|id| !before.contains(id)), "{other} changes no identity");
    }
    let ranking = ids(&format!("{plan} --set model.ranking-weight=0.2"), &workspace);
    assert_eq!(ranking[..2], before[..2], "a method without the ranking loss has no such option");
    assert!(ranking[2..].iter().all(|id| !before.contains(id)));
}

/// A workspace in which the small experiment has run, and the only run of its first cell and seed.
fn recorded() -> (Workspace, String) {
    let workspace = Workspace::new();
    workspace.succeed(RUN);
    let run = workspace.names("results/runs").into_iter().next().unwrap();
    (workspace, format!("results/runs/{run}"))
}

#[test]
fn damage_is_named() {
    let (workspace, run) = recorded();
    let evaluation = workspace.names("results/evaluations").into_iter().next().unwrap();
    let record = format!("{run}/record.json");
    let files =
        [&record, &format!("{run}/predictions.parquet"), &format!("results/evaluations/{evaluation}")];
    for file in files {
        let whole = fs::read(workspace.path(file)).unwrap();
        workspace.write(file, &whole[..whole.len() / 2]);
        let words: &[&str] =
            if *file == record { &[REPORT, "status experiments/small.toml"] } else { &[REPORT] };
        for words in words {
            let output = workspace.valor(words);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            let message = String::from_utf8(output.stderr).unwrap();
            assert!(message.starts_with("valor: ") && message.contains(file), "{file} is not in: {message}");
        }
        workspace.write(file, whole);
    }
    let unknown = fs::read_to_string(workspace.path(&record)).unwrap().replacen("\"id\"", "\"idd\"", 1);
    workspace.write(&record, unknown);
    let message = String::from_utf8(workspace.valor(REPORT).stderr).unwrap();
    assert!(message.contains(&record) && message.contains("idd"), "{message}");
}

#[test]
fn garbage_is_listed_then_removed_and_nothing_else() {
    let (workspace, _) = recorded();
    let asked = workspace.snapshot("results");
    workspace.write("experiments/second.toml", crate::workspace::EXPERIMENT.replace("[1, 2]", "[3]"));
    workspace.succeed("run experiments/second.toml --results results");
    workspace.succeed(&format!("{RUN} --set dataset.0.b2b-mimic.world=2 --set seeds=[1]"));
    let everything = workspace.snapshot("results");
    assert_eq!(workspace.names("results/runs").len(), 8);

    let listed = workspace.succeed("gc");
    assert_eq!(listed.lines().filter(|line| line.starts_with("results/runs/")).count(), 2, "{listed}");
    assert!(listed.ends_with("2 runs that no experiment asks for; --yes removes them\n"), "{listed}");
    assert!(workspace.snapshot("results") == everything, "listing changed something");

    workspace.write("experiments/broken.toml", "seeds = ");
    workspace.refuse("gc --yes", &["experiments/broken.toml", "line 1"]);
    fs::remove_file(workspace.path("experiments/broken.toml")).unwrap();

    assert!(workspace.succeed("gc --yes").ends_with("2 runs removed\n"));
    assert_eq!(workspace.names("results/runs").len(), 6);
    assert_eq!(workspace.names("results/evaluations").len(), 1, "rows that no run was judged on any more");
    fs::remove_file(workspace.path("experiments/second.toml")).unwrap();
    assert!(workspace.succeed("gc --yes").ends_with("2 runs removed\n"));
    assert!(workspace.snapshot("results") == asked, "more or less than the unasked runs was removed");
    assert!(workspace.succeed("gc --yes").ends_with("0 runs removed\n"));
}

/// A table on rows.csv, beside the experiment.
const ON_A_FILE: &str = r#"
seeds = [1]
metrics = ["auuc"]

[[dataset]]
name = "file"
table = { path = "rows.csv", treatment = "t", treated = [1], control = [0], outcome = "y", numeric = ["x"], propensity = 0.5 }

[[method]]
backbone = "tarnet"
model = { trunk = [4], heads = [4] }
training = { epochs = 1, batch = 32 }
"#;

/// So many rows; their content depends on it.
fn rows(count: usize) -> String {
    let row = |row: usize| format!("{},{},{}\n", row * 37 % 101, row % 2, row % 5);
    format!("x,t,y\n{}", (0..count).map(row).collect::<String>())
}

#[test]
fn runs_on_a_data_file_that_is_not_there_are_kept() {
    let workspace = Workspace::with(ON_A_FILE);
    workspace.write("experiments/rows.csv", rows(200));
    workspace.succeed(RUN);
    workspace.succeed(&format!("{RUN} --set method.0.model.trunk=[5]"));
    fs::remove_file(workspace.path("experiments/rows.csv")).unwrap();
    let output = workspace.valor("gc --yes");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("experiments/small.toml: its data file experiments/rows.csv is not there"),
        "{message}"
    );
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("1 runs removed\n"));
    let names = workspace.names("results/runs");
    workspace.write("experiments/rows.csv", rows(200));
    assert!(workspace.succeed("status experiments/small.toml").ends_with("1/1 done\n"), "{names:?}");
    workspace.write("experiments/broken.toml", "seeds = ");
    workspace.refuse("gc --yes", &["experiments/broken.toml"]);
}

#[test]
fn a_data_file_that_changed_is_said() {
    let workspace = Workspace::with(ON_A_FILE);
    workspace.write("experiments/rows.csv", rows(200));
    workspace.succeed(RUN);
    let said = "rows.csv has changed since 1 run was recorded";
    for verb in ["plan", "status"] {
        assert!(!workspace.succeed(&format!("{verb} experiments/small.toml")).contains("changed"));
    }
    workspace.write("experiments/rows.csv", rows(220));
    for verb in ["plan", "status"] {
        let text = workspace.succeed(&format!("{verb} experiments/small.toml"));
        assert!(text.contains(said), "{text}");
        let found: Value =
            serde_json::from_str(&workspace.succeed(&format!("{verb} experiments/small.toml --json")))
                .unwrap();
        assert!(found["changed"][0].as_str().unwrap().contains(said), "{found}");
    }
    // Another cell on the same file was never recorded.
    assert!(
        !workspace
            .succeed("plan experiments/small.toml --set training.epochs=2 --set method.0.training.epochs=2")
            .contains(said)
    );
}

#[test]
fn every_profile_of_an_experiment_is_asked_for() {
    let profile = "\n[profile.other]\nseeds = [9]\n";
    let workspace = Workspace::with(&format!("{}{profile}", crate::workspace::EXPERIMENT));
    workspace.succeed(RUN);
    workspace.succeed(&format!("{RUN} --profile other"));
    assert_eq!(workspace.names("results/runs").len(), 6);
    assert!(workspace.succeed("gc").starts_with("0 runs that no experiment asks for"));
}
