//! `valor compare`: two runs, two cells, an index above two reports, and what is refused.

use crate::workspace::Workspace;
use serde_json::Value;
use std::fs;

fn compared(workspace: &Workspace, a: &str, b: &str) -> Value {
    let text = workspace.succeed(&format!("compare {a} {b} --results results --json"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn only_what_differs_is_shown() {
    let workspace = Workspace::new();
    workspace.succeed("run experiments/small.toml --results results");
    let runs: Vec<String> = workspace.names("results/runs").into_iter().collect();
    let [plain, valor] = ["tarnet-mse_s1", "focal"].map(|part| {
        let same = |run: &&String| run.contains(part) && run.contains("_s1");
        runs.iter().find(same).unwrap_or_else(|| panic!("{part}: {runs:?}"))
    });
    let found = compared(&workspace, plain, valor);
    let keys: Vec<&str> =
        found["spec"].as_array().unwrap().iter().map(|line| line["key"].as_str().unwrap()).collect();
    assert!(keys.iter().any(|key| key.contains("head")) && !keys.contains(&"seed"), "{keys:?}");
    assert!(found["data"].as_array().unwrap().is_empty() && found["pairs"] == 1, "{found:#}");
    let auuc = found["metrics"].as_array().unwrap().iter().find(|line| line["metric"] == "auuc").unwrap();
    assert!(auuc["ci"].is_null() && auuc["ci_rows"]["over"] == "test rows", "{auuc}");
    let short = |run: &str| run.rsplit('-').next().unwrap()[..8].to_string();
    assert_eq!(compared(&workspace, &short(plain), &short(valor))["metrics"], found["metrics"]);
    let cell = "experiments/small.toml:mimic:TARNet";
    let with_itself = workspace.succeed(&format!("compare {cell} {cell} --results results"));
    assert!(with_itself.ends_with("nothing differs\n"), "{with_itself}");
    let text = workspace.succeed(&format!("compare {cell} {plain} --results results"));
    assert!(text.contains("over 1 pairs") || text.contains("nothing differs"), "{text}");
    workspace
        .refuse(&format!("compare {cell} 0123nope --results results"), &["no run '0123nope' is recorded"]);
    workspace.refuse(&format!("compare {cell} ab --results results"), &["at least 4 letters"]);
    let stranger = "experiments/small.toml:mimic:TARNt";
    workspace.refuse(
        &format!("compare {cell} {stranger} --results results"),
        &["no method 'TARNt'", "did you mean 'TARNet'"],
    );
}

#[test]
fn several_reports_get_an_index() {
    let workspace = Workspace::new();
    let other = crate::workspace::EXPERIMENT.replace("Does it run?", "Does <it> run too?");
    workspace.write("experiments/other.toml", other);
    workspace.succeed("run experiments/small.toml --results results");
    let printed = workspace.succeed(
        "report experiments/small.toml experiments/other.toml --results results --out pages --figures",
    );
    let expected = "pages/small/full/index.html\npages/other/full/index.html\npages/index.html\n";
    assert_eq!(printed, expected);
    let page = fs::read_to_string(workspace.path("pages/index.html")).unwrap();
    assert!(
        page.contains("href=\"other/full/index.html\"") && page.contains("Does &lt;it&gt; run too?"),
        "{page}"
    );
    let figures = workspace.names("pages/small/full/figures");
    assert!(figures.iter().any(|name| name.ends_with("uplift-curve.svg")), "{figures:?}");
    assert!(figures.iter().filter(|name| name.ends_with(".png")).count() * 2 == figures.len(), "{figures:?}");
}
