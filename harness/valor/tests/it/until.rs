//! Claims that are looked at after every seed: seeds are added until each is decided, whoever is killed meanwhile, and the report finds
//! the same again. Without that design nothing is other than it was.

use crate::workspace::{EXPERIMENT, Workspace, assert_same, json, unmeasured};
use serde_json::Value;
use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

const RUN: &str = "run experiments/small.toml --results results --device cpu";
const UNTIL: &str = "run experiments/small.toml --results results --device cpu --until-decided --max-seeds 9";
const REPORT: &str = "report experiments/small.toml --results results --out reports";

/// Networks that learn and two that hardly do; claims of each kind of ending.
fn small() -> Workspace {
    let methods = "\
[[method]]
name = \"fast\"
backbone = \"tarnet\"
training = { learning-rate = 0.03 }

[[method]]
name = \"slow\"
backbone = \"tarnet\"
training = { learning-rate = 0.000001 }

[[method]]
name = \"as slow\"
backbone = \"tarnet\"
training = { learning-rate = 0.000001 }
model = { trunk = [9] }

[decision]
equivalence = 0

[[claim]]
id = \"fast\"
text = \"It learns too fast.\"
better = \"slow\"
than = \"fast\"
metric = \"calibration.treated\"

[[claim]]
id = \"open\"
text = \"Slow is slower.\"
better = \"as slow\"
than = \"slow\"
metric = \"ate.error\"

[[claim]]
id = \"spread\"
text = \"Seeds agree.\"
sd-at-most = 0.000001
methods = [\"slow\"]
metric = \"ate.error\"
";
    let grid = EXPERIMENT.find("[grid]").unwrap();
    let model = EXPERIMENT.find("[model]").unwrap();
    let text = format!("{}{}{methods}", &EXPERIMENT[..grid], &EXPERIMENT[model..]);
    let text = text.replace("seeds = [1, 2]", "seeds = [1, 2, 3, 4, 5]").replace("epochs = 2", "epochs = 4");
    Workspace::with(&text.replace("[\"auuc\", \"krcc\"]", "[\"ate.error\", \"auuc\"]"))
}

fn reported(workspace: &Workspace, flags: &str) -> Value {
    workspace.succeed(&format!("{REPORT}{flags}"));
    unmeasured(&json(&workspace.path("reports/summary.json")))
}

fn claim<'a>(summary: &'a Value, id: &str) -> &'a Value {
    let claims = summary["claims"].as_array().unwrap();
    claims.iter().find(|claim| claim["id"] == id).unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn seeds_are_added_until_claims_are_decided_and_the_report_finds_the_same() {
    let workspace = small();
    workspace.succeed(RUN);
    let (before, records) = (reported(&workspace, ""), workspace.unmeasured_records());
    assert_eq!(workspace.records("results").len(), 15);
    assert!(before.get("sequence").is_none() && before["decision"].get("max_seeds").is_none());
    // Nothing is trained yet beyond the declared seeds, and the report says what the next look needs.
    let first = reported(&workspace, " --until-decided --max-seeds 9");
    assert_eq!(first["sequence"]["seeds"], 5);
    assert_eq!(claim(&first, "open")["ended"]["why"], "missing");
    let page = fs::read_to_string(workspace.path("reports/table.md")).unwrap();
    assert!(page.contains("To go on: valor run") && page.contains("until-decided"), "{page}");

    let output = workspace.valor(UNTIL);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = printed(&output);
    assert!(text.contains("claim open: inconclusive with 9 seeds: the most that are allowed"), "{text}");
    assert!(text.contains("claim spread: ") && text.contains("with 5 seeds"), "{text}");
    let after = reported(&workspace, " --until-decided --max-seeds 9");
    assert_eq!(after["sequence"]["seeds"], 9);
    assert_eq!(after["sequence"]["missing"].as_array().unwrap().len(), 0);
    let ended = |id: &str| {
        (
            claim(&after, id)["ended"]["why"].as_str().unwrap().to_string(),
            &claim(&after, id)["ended"]["seeds"],
        )
    };
    assert_eq!(ended("open"), ("most-seeds".to_string(), &9.into()));
    assert!(ended("fast").0 == "decided" && ended("fast").1.as_u64().unwrap() > 5, "{:?}", ended("fast"));
    assert_eq!(claim(&after, "fast")["verdict"], "supported");
    let fast = claim(&after, "fast");
    assert!(fast["evidence"].as_str().unwrap().contains("seeds, looked at after every one."), "{fast}");
    assert_eq!(claim(&after, "open")["parts"][0]["pairs"], 9);
    let table = fs::read_to_string(workspace.path("reports/table.md")).unwrap();
    assert!(table.contains("5/5, 4 more for claims"), "{table}");
    // As many of `slow` and `as slow` as were asked for, and of `fast` until it was decided.
    let fast = ended("fast").1.as_u64().unwrap() as usize;
    assert_eq!(workspace.records("results").len(), 15 + 4 + 4 + fast - 5);

    // The same again is the same, and trains nothing.
    let again = workspace.valor(UNTIL);
    assert!(
        again.status.success() && !String::from_utf8_lossy(&again.stderr).contains("to train"),
        "{again:?}"
    );
    assert_same(&reported(&workspace, " --until-decided --max-seeds 9"), &after);
    // Without the flag everything is as it was.
    assert_same(&reported(&workspace, ""), &before);
    let records_now = workspace.unmeasured_records();
    for (name, record) in records.as_object().unwrap() {
        assert_same(&records_now[name], record);
    }
    // `status` and `plan` count what is asked for.
    let status = workspace
        .succeed("status experiments/small.toml --results results --until-decided --max-seeds 9 --json");
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["total"]["asked"], workspace.records("results").len());
    assert_eq!(status["until_decided"]["open"], 0);
    // In the file it is the same design, and its runs are asked for.
    let file = fs::read_to_string(workspace.path("experiments/small.toml")).unwrap();
    assert!(workspace.succeed("gc --results results").contains("runs that no experiment asks for"));
    workspace.write("experiments/small.toml", file.replace("[decision]\n", "[decision]\nmax-seeds = 9\n"));
    assert_same(&reported(&workspace, ""), &after);
    assert!(workspace.succeed("gc --results results").contains("0 runs that no experiment asks for"));
}

#[test]
fn whoever_is_killed_the_same_command_goes_on_to_the_same_end() {
    let whole = small();
    whole.succeed(UNTIL);
    let killed = small();
    for enough in [3, 16, 18] {
        let mut child = killed.command(UNTIL).spawn().unwrap();
        let start = Instant::now();
        while killed.names("results/runs").len() < enough && child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(120), "{enough} runs were never recorded");
            std::thread::sleep(Duration::from_millis(5));
        }
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
    }
    killed.succeed(UNTIL);
    assert_same(&killed.unmeasured_records(), &whole.unmeasured_records());
    let flags = " --until-decided --max-seeds 9";
    assert_same(&reported(&killed, flags), &reported(&whole, flags));
    let worked = small();
    worked
        .succeed("work experiments/small.toml --results results --device cpu --until-decided --max-seeds 9");
    assert_same(&worked.unmeasured_records(), &whole.unmeasured_records());
}

#[test]
fn what_has_nothing_to_decide_says_so_and_what_cannot_be_is_refused() {
    let workspace = Workspace::new();
    let text = workspace.succeed(&format!("{RUN} --until-decided"));
    assert!(text.contains("no claims: there is nothing to decide"), "{text}");
    assert_eq!(workspace.records("results").len(), 4);
    let most = |number: usize, parts: &[&str]| {
        workspace.refuse(&format!("{RUN} --until-decided --max-seeds {number}"), parts);
    };
    most(2, &["decision.max-seeds", "found 2", "above the 2 declared seeds", "1000"]);
    most(1001, &["found 1001"]);
    workspace.refuse(&format!("{RUN} --max-seeds 9"), &["--until-decided"]);
    let signs = "[decision]\nmax-seeds = 9\ntest = \"sign-flip\"\n";
    let workspace = Workspace::with(&format!("{}\n{signs}", EXPERIMENT.replace("[1, 2]", "7")));
    workspace.refuse(RUN, &["decision.max-seeds", "student-t"]);
}
