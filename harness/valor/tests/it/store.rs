//! The results folder: identities that must not change, damage that is named, and what is collected as garbage.

use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;
use valor_runs::spec;

const STATUS: &str = "status experiments/small.toml --results results";
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
    ("b6cabfe912131c05", "b2b-mimic_tarnet-gate-focal-ziln-ranking_s42"),
    ("25b44a7207dd0007", "production-sim_tarnet-gate-focal-ziln-ranking_s42"),
    ("66254e8cecb3512b", "valor-release_tarnet-gate-focal-ziln-ranking_s42"),
    ("6625338709317aeb", "table_tarnet-gate-focal-ziln-ranking_s42"),
];

#[test]
fn identities_stay_what_they_are() {
    let workspace = Workspace::with(SOURCES);
    workspace.write("experiments/rows.csv", "x,t,y\n1,1,2\n2,0,0\n");
    let experiment = spec::load(&workspace.path("experiments/small.toml"), None, &[]).unwrap();
    let runs = experiment.cells().map(|cell| experiment.run(cell, 42));
    let found: Vec<(String, String)> = runs.map(|run| (run.id(), run.slug())).collect();
    let golden = GOLDEN.map(|(id, slug)| (id.to_string(), slug.to_string()));
    assert_eq!(found, golden);
    let planned: Vec<String> = experiment.runs().into_iter().map(|run| run.id).collect();
    assert_eq!(planned, GOLDEN.map(|(id, _)| id));
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

/// What `status` says of a run that is not believed.
fn why(workspace: &Workspace) -> String {
    let status: Value = serde_json::from_str(&workspace.succeed(&format!("{STATUS} --json"))).unwrap();
    assert_eq!(
        status["damaged"].as_array().unwrap().len() as u64,
        status["total"]["damaged"].as_u64().unwrap()
    );
    status["damaged"].to_string()
}

/// A change to a store that has run must be seen, said and mended.
#[track_caller]
fn mends(what: &str, change: impl Fn(&Workspace, &str), reason: &str) {
    let (workspace, run) = recorded();
    let whole = workspace.unmeasured_records();
    change(&workspace, &run);
    let said = why(&workspace);
    assert!(said.contains(reason), "{what}: '{reason}' is not in {said}");
    let plan = workspace.succeed("plan experiments/small.toml --json");
    assert!(plan.contains("\"damaged\""), "{what}: {plan}");
    workspace.succeed(REPORT);
    let summary = crate::workspace::json(&workspace.path("reports/summary.json"));
    assert_eq!(summary["failures"][0]["class"], "damaged", "{what}: {}", summary["failures"]);
    let before = workspace.snapshot("results/runs");
    let output = workspace.valor(RUN);
    let heard = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
    assert!(
        heard.contains("set aside: results/set-aside/") && !heard.contains("panicked"),
        "{what}: {heard}"
    );
    assert_eq!(why(&workspace), "[]", "{what}");
    crate::workspace::assert_same(&workspace.unmeasured_records(), &whole);
    let kept = workspace.snapshot("results/set-aside");
    let lost =
        before.values().flatten().filter(|content| !kept.values().flatten().any(|kept| kept == *content));
    let still = workspace.snapshot("results/runs");
    let lost = lost.filter(|content| !still.values().flatten().any(|still| still == *content));
    assert_eq!(lost.count(), 0, "{what}: something was removed");
    // Offered, or left with the reason where it holds what valor did not write.
    let output = workspace.valor("gc");
    let listed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(listed.contains("results/set-aside/"), "{what}: {listed}");
}

fn edit(workspace: &Workspace, file: &str, change: impl Fn(&mut Value)) {
    let mut record = crate::workspace::json(&workspace.path(file));
    change(&mut record);
    workspace.write(file, serde_json::to_vec_pretty(&record).unwrap());
}

fn cut(workspace: &Workspace, file: &str) {
    let whole = fs::read(workspace.path(file)).unwrap();
    workspace.write(file, &whole[..whole.len() / 2]);
}

fn evaluation(workspace: &Workspace) -> String {
    format!("results/evaluations/{}", workspace.names("results/evaluations").into_iter().next().unwrap())
}

#[test]
fn a_record_that_is_not_what_was_written_is_a_row_and_trained_again() {
    let record = |run: &str| format!("{run}/record.json");
    let edited = |change: fn(&mut Value)| {
        move |workspace: &Workspace, run: &str| edit(workspace, &record(run), change)
    };
    mends("cut", |workspace, run| cut(workspace, &record(run)), "it is no JSON");
    mends("seed", edited(|record| record["spec"]["seed"] = 77.into()), "has the spec of run");
    mends(
        "id",
        edited(|record| record["id"] = "0123456789abcdef".into()),
        "is the record of run 0123456789abcdef",
    );
    mends("metric", edited(|record| record["metrics"]["auuc"]["value"] = 0.9.into()), "is damaged");
    mends("measured", edited(|record| record["measured"]["train_seconds"] = 0.1.into()), "is damaged");
    mends("unknown key", edited(|record| record["idd"] = 1.into()), "is not what was written");
    mends("version 0", edited(|record| record["version"] = 0.into()), "version 0, which no valor wrote");
    mends("version 3", edited(|record| record["version"] = 3.into()), "is not what was written");
    mends(
        "version 99",
        edited(|record| record["version"] = 99.into()),
        "was written by a later valor: its version is 99",
    );
    mends(
        "a path",
        edited(|record| record["evaluation"] = "../../../etc/passwd".into()),
        "names no test rows",
    );
    let other = |workspace: &Workspace, run: &str| {
        let other = workspace.names("results/runs").into_iter().nth(1).unwrap();
        fs::copy(workspace.path(&format!("results/runs/{other}/record.json")), workspace.path(&record(run)))
            .unwrap();
    };
    mends("another run's", other, "is the record of run");
}

#[test]
fn files_of_a_run_that_are_not_what_was_written_are_a_row_and_trained_again() {
    let file = |run: &str| format!("{run}/predictions.parquet");
    mends("cut", |workspace, run| cut(workspace, &file(run)), "predictions.parquet is damaged");
    mends("gone", |workspace, run| fs::remove_file(workspace.path(&file(run))).unwrap(), "is not there");
    let linked = |workspace: &Workspace, run: &str| {
        fs::remove_file(workspace.path(&file(run))).unwrap();
        std::os::unix::fs::symlink("/dev/null", workspace.path(&file(run))).unwrap();
    };
    mends("a link", linked, "is a link");
    let reversed = |workspace: &Workspace, run: &str| {
        let bytes = fs::read(workspace.path(&file(run))).unwrap();
        let mut found = valor_runs::store::columns::decode_predictions(bytes, 120, None).unwrap();
        found.score.reverse();
        workspace.write(&file(run), valor_runs::store::columns::encode_predictions(&found).unwrap());
    };
    mends("reversed", reversed, "predictions.parquet is damaged");
    let sums = |workspace: &Workspace, run: &str| {
        fs::remove_file(workspace.path(&format!("{run}/checksums.b3"))).unwrap();
    };
    mends("no hashes", sums, "checksums.b3: is not there");
    let moved = |workspace: &Workspace, run: &str| {
        fs::rename(workspace.path(run), workspace.path("elsewhere")).unwrap();
        std::os::unix::fs::symlink(workspace.path("elsewhere"), workspace.path(run)).unwrap();
    };
    mends("a folder that is a link", moved, "is a link or a file");
}

#[test]
fn test_rows_that_are_not_what_was_written_are_mended_by_one_run() {
    let rows = |change: fn(&mut valor_runs::record::EvaluationRows)| {
        move |workspace: &Workspace, _: &str| {
            let file = evaluation(workspace);
            let bytes = fs::read(workspace.path(&file)).unwrap();
            let mut found = valor_runs::store::columns::decode_evaluation(bytes).unwrap();
            change(&mut found);
            workspace.write(&file, valor_runs::store::columns::encode_evaluation(&found).unwrap());
        }
    };
    mends("cut", |workspace, _| cut(workspace, &evaluation(workspace)), "is not a whole Parquet file");
    mends("fewer", rows(|rows| rows.outcome.fill(0.0)), "not those that the run was judged on");
    mends("disorder", rows(|rows| rows.row.reverse()), "not in order");
    mends("not finite", rows(|rows| rows.outcome[0] = f64::NAN), "not finite");
    let (workspace, _) = recorded();
    cut(&workspace, &evaluation(&workspace));
    let output = workspace.valor(RUN);
    let heard = String::from_utf8(output.stderr).unwrap();
    assert!(heard.contains("1 runs to train"), "{heard}");
}

#[test]
fn records_of_older_versions_are_read_where_their_id_fits() {
    let (workspace, run) = recorded();
    for version in 1..=3 {
        edit(&workspace, &format!("{run}/record.json"), |record| {
            record["version"] = version.into();
            record.as_object_mut().unwrap().remove("evaluation_content");
        });
        let _ = fs::remove_file(workspace.path(&format!("{run}/checksums.b3")));
        assert_eq!(why(&workspace), "[]", "version {version}");
    }
    edit(&workspace, &format!("{run}/record.json"), |record| record["spec"]["seed"] = 77.into());
    assert!(why(&workspace).contains("has the spec of run"));
}

#[test]
fn a_note_of_a_failure_beside_a_finished_run_is_cleared() {
    let (workspace, run) = recorded();
    let id = run.rsplit('-').next().unwrap();
    let note = format!("results/failures/{id}.json");
    workspace.write(&note, format!("{{\"id\": \"{id}\", \"class\": \"killed\", \"message\": \"old\"}}"));
    assert!(workspace.succeed("gc").contains(&note));
    workspace.succeed(RUN);
    assert!(!workspace.path(&note).exists());
    workspace.write("results/failures/0123456789abcdef.json", "no note");
    workspace.succeed(STATUS);
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
    let rows = listed.lines().filter(|line| line.starts_with("results/evaluations/")).count();
    assert_eq!(rows, 1, "rows that are removed are listed: {listed}");
    let last = "2 runs and 1 other files or folders that no experiment asks for; --yes removes them\n";
    assert!(listed.ends_with(last), "{listed}");
    assert!(workspace.snapshot("results") == everything, "listing changed something");

    workspace.write("experiments/broken.toml", "seeds = ");
    workspace.refuse("gc --yes", &["experiments/broken.toml", "line 1"]);
    fs::remove_file(workspace.path("experiments/broken.toml")).unwrap();

    assert!(workspace.succeed("gc --yes").ends_with("2 runs and 1 other files or folders removed\n"));
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
