//! Differences from the baseline in the report of a synthetic experiment: what readers and programs see of them.

use super::{Differences, Table};
use serde_json::{Value, json};
use valor_analysis::Analysis;
use valor_analysis::contrasts::ContrastView;
use valor_analysis::estimate::reason;
use valor_analysis::sample::{Sample, diverge};
use valor_analysis::{Evidence, Outcome};

fn page(analysis: &Analysis) -> String {
    let table = Table::new(analysis);
    super::html::render(analysis, &table, &Differences::new(analysis, &table)).unwrap()
}

fn summary(analysis: &Analysis) -> Value {
    serde_json::from_str(&super::summary::render(analysis).unwrap()).unwrap()
}

fn find<'a>(analysis: &'a Analysis, dataset: Option<&str>, method: &str, metric: &str) -> &'a ContrastView {
    let same = |contrast: &&ContrastView| {
        contrast.dataset.as_deref() == dataset && contrast.method == method && contrast.metric == metric
    };
    analysis.contrasts.iter().find(same).unwrap()
}

fn two_worlds() -> Sample {
    Sample { datasets: vec!["world A", "world B"], ..Default::default() }
}

fn analysis(evidence: &Evidence) -> Analysis {
    Analysis::new(evidence).unwrap()
}

#[test]
fn contrasts_are_differences_of_the_cells_and_come_in_order() {
    let found = summary(&two_worlds().analysis());
    let contrasts = found["contrasts"].as_array().unwrap();
    assert_eq!(contrasts.len(), 3 * 2 * 8, "two datasets and their average, two methods, eight metrics");
    let mean = |cell: usize, metric: &str| found["cells"][cell]["metrics"][metric]["mean"].as_f64().unwrap();
    for (dataset, expected) in
        [(0, mean(1, "auuc") - mean(0, "auuc")), (1, mean(4, "auuc") - mean(3, "auuc"))]
    {
        let one = &contrasts[dataset * 16 + 1];
        assert_eq!(
            (&one["dataset"], &one["method"]),
            (&json!(["world A", "world B"][dataset]), &json!("TARNet +ziln"))
        );
        assert_eq!((&one["metric"], &one["seeds_paired"]), (&json!("auuc"), &json!(3)));
        assert!((one["difference"].as_f64().unwrap() - expected).abs() < 1e-12);
    }
    let average = &contrasts[33];
    let expected = (mean(1, "auuc") - mean(0, "auuc") + mean(4, "auuc") - mean(3, "auuc")) / 2.0;
    assert_eq!((&average["dataset"], &average["seeds_paired"]), (&Value::Null, &json!(6)));
    assert!((average["difference"].as_f64().unwrap() - expected).abs() < 1e-12);
    assert_eq!((&average["ci_rows"]["n"], &average["ci_rows"]["resamples"]), (&json!(800), &json!(2_000)));
    assert_eq!((&contrasts[3]["metric"], &contrasts[8]["method"]), (&json!("qini"), &json!("T-learner")));
    let decided = &contrasts[32];
    assert_eq!((&decided["metric"], &average["instead"]), (&json!("auuc.true"), &json!("auuc.true")));
    let seen = &decided["observed"];
    assert_eq!((&seen["metric"], &seen["difference"]), (&json!("auuc"), &average["difference"]));
    assert_eq!((&seen["verdict"], &seen["test_rows"]), (&average["verdict"], &json!(400)));
    assert!(seen["test_rows_needed"].as_u64().unwrap() > 0 && average["observed"].is_null());
}

#[test]
fn a_method_that_repeats_the_baseline_differs_by_nothing() {
    let mut evidence = Sample::default().evidence();
    evidence.cells[1].runs = evidence.cells[0].runs.clone();
    let analysis = analysis(&evidence);
    let one = find(&analysis, Some("b2b-mimic"), "TARNet +ziln", "auuc");
    let (ci, rows) = (one.ci.as_ref().unwrap(), one.ci_rows.as_ref().unwrap());
    assert_eq!((one.value(), ci.low, ci.high, rows.low, rows.high), (Some(0.0), 0.0, 0.0, 0.0, 0.0));
    assert_eq!(one.share_above_zero, Some(0.0));
}

#[test]
fn rows_are_paired_so_the_interval_is_narrower_than_that_of_unrelated_rows() {
    let analysis = Sample::default().analysis();
    let width = |interval: &valor_stats::stats::Interval| interval.high - interval.low;
    let rows =
        |cell: usize| width(analysis.blocks[0].cells[cell].metrics["auuc.true"].ci_rows.as_ref().unwrap());
    let one = find(&analysis, Some("b2b-mimic"), "T-learner", "auuc.true");
    let interval = one.ci_rows.as_ref().unwrap();
    assert!(width(interval) < rows(0).hypot(rows(2)));
    let difference = one.value().unwrap();
    assert!(interval.low < difference && difference < interval.high, "{difference} {interval:?}");
}

#[test]
fn without_a_common_split_seeds_are_paired_and_rows_are_not() {
    let analysis = Sample { split_per_seed: true, ..two_worlds() }.analysis();
    for dataset in [Some("world A"), None] {
        let one = find(&analysis, dataset, "T-learner", "auuc");
        assert!(one.ci.is_ok() && one.share_above_zero.is_none());
        assert!(one.ci_rows.as_ref().unwrap_err().0.contains("no common rows"));
    }
}

#[test]
fn one_seed_has_differences_over_rows_only() {
    let analysis = Sample { seeds: vec![7], ..Default::default() }.analysis();
    let one = find(&analysis, Some("b2b-mimic"), "T-learner", "auuc");
    assert!(one.difference.is_ok() && one.ci.is_err() && one.ci_rows.is_ok());
    let html = page(&analysis);
    assert!(html.contains("an interval needs at least 2 pairs, found 1") && !html.contains("NaN"));
}

#[test]
fn failed_seeds_of_either_side_are_not_paired_and_readers_see_how_many_were() {
    let mut evidence = Sample::default().evidence();
    diverge(&mut evidence.cells[0].runs[0]);
    diverge(&mut evidence.cells[1].runs[2]);
    let found = analysis(&evidence);
    let one = find(&found, Some("b2b-mimic"), "TARNet +ziln", "auuc");
    let value = |cell: usize| found.blocks[0].cells[cell].metrics["auuc"].per_seed[&2];
    assert_eq!((one.value(), one.seeds_paired), (Some(value(1) - value(0)), 1));
    assert!(page(&found).contains("(1/3)"));
    for run in &mut evidence.cells[0].runs {
        run.outcome = Outcome::Missing;
    }
    let found = analysis(&evidence);
    assert!(
        found
            .contrasts
            .iter()
            .all(|contrast| reason(&contrast.difference) == Some("TARNet: no seed finished"))
    );
    let html = page(&found);
    assert!(html.contains("TARNet: no seed finished") && !html.contains("method minus TARNet</text>"));
}

#[test]
fn the_page_and_the_markdown_show_the_average_and_a_single_method_shows_nothing() {
    let analysis = two_worlds().analysis();
    let (html, table) = (page(&analysis), Table::new(&analysis));
    assert!(html.contains("data-better=\"higher\">average</th>"));
    assert_eq!(html.matches("<summary>Other metrics</summary>").count(), 1, "metrics after the fourth");
    assert_eq!(html.matches("class=\"difference\"").count(), 8);
    let differences = Differences::new(&analysis, &table);
    let text = super::markdown::render(&analysis, &table, &differences);
    let average = differences.metrics[0].rows[1].cells[2].value.clone().unwrap();
    let line = text.lines().rfind(|line| line.starts_with("| T-learner |")).unwrap();
    assert!(text.contains("averaged over datasets") && line.contains(&average), "{line}");
    assert!(
        !text.contains("pehe") || text.rfind("pehe") < text.find("## Differences"),
        "only the first four"
    );

    let single = Sample { methods: vec![("TARNet", "tarnet")], ..Default::default() }.analysis();
    assert_eq!((summary(&single)["contrasts"].clone(), single.contrasts.len()), (json!([]), 0));
    assert!(page(&single).contains("TARNet is the only method"));
    let table = Table::new(&single);
    let text = super::markdown::render(&single, &table, &Differences::new(&single, &table));
    assert!(!text.contains("Differences"));
}
