//! `[decision]` and `[[claim]]`: what cannot be answered is refused with its reason, and what can is answered in the report.

use crate::workspace::{EXPERIMENT, Workspace, json};
use std::fs;

const RUN: &str = "run experiments/small.toml --results results";

/// The small experiment with more text at its end is refused.
fn added(text: &str, parts: &[&str]) {
    Workspace::with(&format!("{EXPERIMENT}\n{text}")).refuse(RUN, parts);
}

fn claim(keys: &str) -> String {
    format!("[[claim]]\nid = \"c\"\ntext = \"A claim.\"\nmetric = \"auuc\"\n{keys}\n")
}

#[test]
fn tests_that_cannot_reject_and_diagrams_of_seeds_are_refused() {
    let decision = |keys: &str, parts: &[&str]| added(&format!("[decision]\n{keys}"), parts);
    decision(
        "test = \"wilcoxon\"",
        &[
            "decision.test",
            "2 pairs (2 seeds on 1 datasets)",
            "p-value is 0.5000",
            "takes 6 pairs",
            "\"student-t\"",
        ],
    );
    decision("test = \"sign-flip\"", &["decision.test", "cannot reject with 2 pairs"]);
    decision("critical-difference = true", &["at least 6", "found 1", "seeds are not datasets"]);
    decision("test = \"anova\"", &["'anova'", "student-t"]);
    decision("metrics = [\"qini\"]", &["decision.metrics", "'qini'", "auuc, krcc"]);
    decision("metrics = []", &["decision", "at least one entry"]);
    decision("contrasts = [\"baseline\", \"baseline\"]", &["decision.contrasts", "twice"]);
    decision("equivalence = -0.1", &["decision.equivalence", "found -0.1", "0 or more"]);
    decision("equivalence = { lift = 0.1 }", &["decision.equivalence", "'lift'", "auuc, krcc"]);
    decision("familly = 3", &["'familly'"]);
}

#[test]
fn claims_that_mean_nothing_are_refused() {
    let wrong = |keys: &str, parts: &[&str]| added(&claim(keys), parts);
    let pair = "better = \"VALOR (TARNet)\"\nthan = \"TARNet\"";
    wrong("than = \"TARNet\"", &["claim 'c'", "missing key 'better'"]);
    wrong(&format!("{pair}\nby = \"much\""), &["found \"much\"", "a share such as"]);
    wrong(&format!("{pair}\nby = 0.2\nat-most = 0.1"), &["claim 'c', at-most", "larger"]);
    wrong(&format!("{pair}\nby = 0.2\nat-most = \"30 %\""), &["claim 'c', at-most", "same kind"]);
    wrong(&format!("{pair}\nover = \"each\""), &["claim 'c'", "'over' says nothing beside two methods"]);
    wrong(&format!("{pair}\nsd-at-most = 0.1"), &["'better' says nothing beside 'sd-at-most'"]);
    wrong("better = [\"ziln\"]\nthan = \"TARNet\"", &["both be methods, or both lists"]);
    wrong("better = [\"ziln\"]\nthan = []", &["no backbone has methods with all of these components"]);
    wrong("better = [\"zlin\"]\nthan = []", &["claim 'c', better", "'zlin'", "did you mean 'ziln'?"]);
    wrong(
        "better = [\"ziln\"]\nthan = []\nbackbones = [\"tarnet\"]",
        &["claim 'c', backbones", "'tarnet' has no method", "[ziln]"],
    );
    wrong(
        "better = [\"ziln\"]\nthan = []\nbackbones = [\"tarnett\"]",
        &["'tarnett'", "did you mean 'tarnet'?"],
    );
    wrong("better = [\"ziln\"]\nthan = []\nlargest-of = [[], [\"ziln\"]]", &["largest-of", "at least three"]);
    wrong("every-best-has = \"gate\"", &["every-best-has", "'gate'", "gti"]);
    wrong("every-best-has = \"gti\"\nsd-at-most = 0.1", &["give one of them"]);
    wrong("sd-at-most = 0", &["sd-at-most", "found 0", "above 0"]);
    wrong("sd-at-most = 0.1\nmethods = [\"TARNetto\"]", &["claim 'c', methods", "did you mean 'TARNet'?"]);
    added(&claim(pair).replace("auuc", "n"), &["claim 'c', metric", "no value of 'n' is better"]);
    wrong("mean-at-most = 0.1\nbetter = \"TARNet\"", &["'better' says nothing beside 'mean-at-most'"]);
    wrong("orders-as = \"krc\"", &["claim 'c', orders-as", "did you mean 'krcc'?"]);
    wrong("orders-as = \"krcc\"", &["claim 'c', methods", "found 2 methods", "at least 3"]);
    wrong("orders-as = \"krcc\"\ntau-above = 1.5", &["claim 'c', tau-above", "found 1.5", "below 1"]);
    wrong(&format!("{pair}\ntau-above = 0.5"), &["'tau-above' stands beside 'orders-as' only"]);
    let share = format!("{pair}\nby = \"5 %\"");
    added(&claim(&share).replace("auuc", "ate.error"), &["claim 'c', by", "more or less is better"]);
}

/// What a claim needs whose subject is no metric.
#[test]
fn claims_of_times_and_failures_that_mean_nothing_are_refused() {
    let wrong = |keys: &str, parts: &[&str]| {
        added(&claim(keys).replace("metric = \"auuc\"\n", ""), parts);
    };
    let faster = "faster = \"TARNet\"\nthan = \"VALOR (TARNet)\"";
    wrong("better = \"VALOR (TARNet)\"\nthan = \"TARNet\"", &["claim 'c'", "missing key 'metric'"]);
    wrong("faster = \"TARNet\"", &["claim 'c', than", "the name of a method"]);
    wrong("faster = \"TARNett\"\nthan = \"TARNet\"", &["claim 'c', faster", "did you mean 'TARNet'?"]);
    wrong(&format!("{faster}\ntimes = 0"), &["claim 'c', times", "found 0", "above 0"]);
    wrong(
        &format!("{faster}\ntimes = 6\nat-most = \"8 %\""),
        &["claim 'c', at-most", "found 8 %", "a number of times"],
    );
    wrong(&format!("{faster}\ntimes = 6\nat-most = 5"), &["claim 'c', at-most", "above 'times'"]);
    wrong(&format!("{faster}\nlatency = \"fast\""), &["fast", "single"]);
    added(&claim(faster), &["claim 'c'", "'metric' says nothing beside 'faster'"]);
    wrong("fails = []", &["claim 'c', fails", "at least one method"]);
    wrong("fails = [\"TARNett\"]", &["claim 'c', fails", "did you mean 'TARNet'?"]);
    wrong("fails = [\"TARNet\"]\nseeds = 0", &["claim 'c', seeds", "found 0", "1 or more"]);
    wrong("fails = [\"TARNet\"]\nseeds = \"most\"", &["\"any\"", "\"all\""]);
    wrong("fails = [\"TARNet\"]\nfaster = \"TARNet\"", &["'faster' and 'fails'", "give one of them"]);
    wrong("fails = [\"TARNet\"]\ntimes = 2", &["'times' stands beside 'faster' only"]);
}

#[test]
fn claims_on_other_claims_that_mean_nothing_are_refused() {
    let wrong = |keys: &str, parts: &[&str]| {
        added(&claim(keys).replace("metric = \"auuc\"\n", ""), parts);
    };
    wrong("all-of = []", &["claim 'c', all-of", "at least one claim"]);
    wrong("all-of = [\"d\"]", &["claim 'c', all-of", "'d'"]);
    wrong("all-of = [\"c\"]", &["claim 'c', all-of", "'c'"]);
    added(&claim("all-of = [\"d\"]"), &["'metric' says nothing beside 'all-of'"]);
    let pair = "better = \"VALOR (TARNet)\"\nthan = \"TARNet\"\n";
    wrong(&format!("{pair}metric = []"), &["claim 'c', metric", "at least one metric"]);
    wrong(&format!("{pair}metric = [\"auuc\", \"auuc\"]"), &["claim 'c', metric", "twice"]);
    wrong(&format!("{pair}metric = [\"auuc\", \"auc\"]"), &["metric", "did you mean 'auuc'?"]);
    let list = |than: &str| claim(&format!("better = \"VALOR (TARNet)\"\nthan = [{than}]"));
    added(&list("\"TARNett\""), &["claim 'c', than", "did you mean 'TARNet'?"]);
    added(&list(""), &["claim 'c', than", "at least one method"]);
}

/// Several methods and several metrics in one claim: one claim per metric, and the claim that all hold.
#[test]
fn a_claim_on_several_metrics_is_one_on_each_and_one_on_all() {
    let claims = "[[claim]]\nid = \"p\"\ntext = \"P.\"\nbetter = \"VALOR (TARNet)\"\nthan = [\"TARNet\", \"TARNet\"]\nmetric = [\"auuc\", \"krcc\"]\n";
    added(claims, &["claim 'p: auuc', than", "twice"]);
    let claims = claims.replace("[\"TARNet\", \"TARNet\"]", "[\"TARNet\"]");
    let workspace = Workspace::with(&format!("{EXPERIMENT}\n{claims}"));
    workspace.succeed(RUN);
    workspace.succeed("report experiments/small.toml --results results --out reports");
    let summary = json(&workspace.path("reports/summary.json"));
    let found = summary["claims"].as_array().unwrap();
    let ids: Vec<&str> = found.iter().map(|claim| claim["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["p: auuc", "p: krcc", "p"]);
    let verdicts: Vec<&str> = found.iter().map(|claim| claim["verdict"].as_str().unwrap()).collect();
    let worst = ["refuted", "too small to matter", "inconclusive", "supported"];
    let all = worst.iter().find(|word| verdicts[..2].contains(*word)).unwrap();
    assert_eq!(verdicts[2], *all, "{verdicts:?}");
    let parts: Vec<&str> =
        found[2]["parts"].as_array().unwrap().iter().map(|part| part["what"].as_str().unwrap()).collect();
    assert_eq!(parts, ids[..2]);
    let page = std::fs::read_to_string(workspace.path("reports/index.html")).unwrap();
    assert!(page.contains("all of these claims hold: p: auuc; p: krcc"));
}

#[test]
fn claims_of_times_and_failures_are_answered() {
    let claims = "[[claim]]\nid = \"f\"\ntext = \"F.\"\nfails = [\"TARNet\"]\n\n[[claim]]\nid = \"t\"\ntext = \"T.\"\nfaster = \"TARNet\"\nthan = \"VALOR (TARNet)\"\nlatency = \"single\"\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}\n{claims}"));
    workspace.succeed(RUN);
    workspace.succeed("report experiments/small.toml --results results --out reports");
    let summary = json(&workspace.path("reports/summary.json"));
    let (fails, times) = (&summary["claims"][0], &summary["claims"][1]);
    assert_eq!((&fails["verdict"], &fails["metric"]), (&"refuted".into(), &"failed seeds".into()), "{fails}");
    assert_eq!(times["metric"], "latency");
    assert!(
        times["statement"].as_str().unwrap().contains("single latency, a fact of the machine"),
        "{times}"
    );
    assert!(
        times["evidence"].as_str().unwrap().contains("time per row, single, of VALOR (TARNet)"),
        "{times}"
    );
}

#[test]
fn claims_are_answered_in_every_file_of_the_report() {
    let full =
        "better = [\"ziln\", \"focal\", \"gti\", \"wr\"]\nthan = []\nby = \"2 %\"\nsource = \"someone\"";
    let decision = "[decision]\ncontrasts = [\"baseline\"]\nequivalence = { auuc = 0.5 }\n";
    let workspace = Workspace::with(&format!("{EXPERIMENT}\n{decision}\n{}", claim(full)));
    workspace.succeed(RUN);
    workspace.succeed("report experiments/small.toml --results results --out reports");
    let summary = json(&workspace.path("reports/summary.json"));
    let answer = &summary["claims"][0];
    let words = ["supported", "refuted", "too small to matter", "inconclusive"];
    assert!(words.contains(&answer["verdict"].as_str().unwrap()), "{answer}");
    assert_eq!((&answer["source"], answer["parts"].as_array().unwrap().len()), (&"someone".into(), 1));
    assert!(answer["evidence"].as_str().unwrap().contains("VALOR (TARNet) minus TARNet: "), "{answer}");
    assert_eq!(
        (&summary["decision"]["family"], &summary["decision"]["equivalence"]["auuc"]),
        (&1.into(), &0.5.into())
    );
    // The truth decides, with the region of what it stands in for. What is observed of so few rows holds no total to take shares of:
    // its area stands beside.
    let first = &summary["contrasts"][0];
    assert_eq!((&first["metric"], &first["margin"]), (&"auuc.true".into(), &0.5.into()));
    assert_eq!(
        (&first["observed"]["metric"], &answer["observed"]["metric"]),
        (&"auuc.area".into(), &"auuc.area".into())
    );
    assert_eq!((&answer["instead"], &answer["family"]), (&"auuc.true".into(), &"claims of someone".into()));
    let share = &summary["contrasts"][1];
    assert_eq!((&share["metric"], &share["verdict"]), (&"auuc".into(), &serde_json::Value::Null));
    assert!(share["verdict_reason"].as_str().unwrap().contains("hardly there"), "{share}");
    for file in ["index.html", "table.md"] {
        let text = fs::read_to_string(workspace.path(&format!("reports/{file}"))).unwrap();
        assert!(text.contains("A claim.") && text.contains("someone"), "{file}");
    }
}
