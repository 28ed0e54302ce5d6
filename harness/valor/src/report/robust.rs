//! Reports that are hard: sixty methods, one of everything, three million rows.

use super::tests::{NASTY, unbalanced};
use super::{Extras, write};
use std::path::Path;
use valor_analysis::Outcome;
use valor_analysis::evidence::Evidence;
use valor_analysis::sample::{Sample, diverge};
use valor_runs::spec::PaperTable;

/// Writes everything and returns the page.
fn written(evidence: &Evidence) -> String {
    let folder = tempfile::tempdir().unwrap();
    let files = write(evidence, folder.path(), &Extras::default()).unwrap();
    let text = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert!(
        files.tables.iter().chain([&files.contrasts, &files.summary]).all(|path| !text(path).contains("NaN"))
    );
    let html = text(&files.html);
    assert_eq!(unbalanced(&html), None);
    assert!(!html.contains("NaN") && !html.contains("inf "), "a number that is none");
    html
}

fn names(count: usize, name: impl Fn(usize) -> String) -> Vec<(&'static str, &'static str)> {
    (0..count).map(|index| (&*name(index).leak(), ["tarnet", "dragonnet", "t-learner"][index % 3])).collect()
}

#[test]
fn sixty_methods_with_names_of_markup_stay_readable_and_small() {
    let methods = names(60, |index| format!("{NASTY} {index}"));
    let mut evidence = Sample { methods, datasets: vec![NASTY, "b"], ..Default::default() }.evidence();
    for index in [3, 17, 70] {
        diverge(&mut evidence.cells[index].runs[0]);
    }
    let html = written(&evidence);
    assert_eq!(html.matches("<script").count(), 1);
    for index in [0, 3, 59] {
        assert!(html.contains(&format!("|&quot;&#39; {index}</th>")), "{index}");
    }
    assert!(html.len() < 5_000_000, "{} bytes", html.len());
}

#[test]
fn one_method_with_one_seed_on_few_rows_says_what_it_cannot_say() {
    let mut evidence = Sample {
        rows: 24,
        methods: vec![("TARNet", "tarnet")],
        seeds: vec![7],
        truth: false,
        ..Default::default()
    }
    .evidence();
    evidence.experiment.paper = Some(PaperTable::Table2);
    let html = written(&evidence);
    assert!(
        html.contains("a share of a total that is hardly there")
            && html.contains("TARNet is the only method")
    );
}

#[test]
fn a_cell_that_failed_everywhere_leaves_the_others_alone() {
    let mut evidence = Sample::default().evidence();
    evidence.experiment.paper = Some(PaperTable::Table1);
    for run in &mut evidence.cells[0].runs {
        diverge(run);
    }
    evidence.cells[1].runs.iter_mut().for_each(|run| run.outcome = Outcome::Missing);
    let html = written(&evidence);
    assert!(html.contains("failed to converge") && html.contains("Not run yet"));
    assert!(html.contains("b2b-mimic: failed to converge"), "the reason stands beside the paper's figure");
}

/// How long it takes: `scripts/bench_report.sh`.
#[test]
fn three_million_rows_are_rendered() {
    let sample = Sample {
        rows: 3_000_000,
        methods: vec![("TARNet", "tarnet"), ("T-learner", "t-learner")],
        seeds: vec![1],
        truth: false,
        metrics: vec!["auuc", "qini", "lift@30"],
        ..Default::default()
    };
    let html = written(&sample.evidence());
    assert!(html.contains("3,000,000 test rows") && html.contains("T-learner"));
}
