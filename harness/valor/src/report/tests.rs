//! The report of a synthetic experiment, whole: what a reader and a program see of good and bad runs.

use super::{Differences, Extras, PredictionFormat, Table, write};
use serde_json::{Value, json};
use std::path::Path;
use valor_analysis::Analysis;
use valor_analysis::cell::{CellStatus, CellView};
use valor_analysis::estimate::reason;
use valor_analysis::sample::{NONE, better, four, weak};
use valor_analysis::sample::{Sample, diverge};
use valor_analysis::{Evidence, Outcome};
use valor_runs::record::{Failure, FailureClass};
use valor_runs::spec::Claim;

fn summary(evidence: &Evidence) -> Value {
    serde_json::from_str(&super::summary::render(&Analysis::new(evidence).unwrap()).unwrap()).unwrap()
}

fn page(evidence: &Evidence) -> String {
    let analysis = Analysis::new(evidence).unwrap();
    let table = Table::new(&analysis);
    super::html::render(&analysis, &table, &Differences::new(&analysis, &table)).unwrap()
}

fn crash(evidence: &mut Evidence, cell: usize, run: usize) {
    let failure = Failure {
        id: "x".to_string(),
        class: FailureClass::OutOfMemory,
        message: "killed <b>& gone</b>".to_string(),
    };
    evidence.cells[cell].runs[run].outcome = Outcome::Failed(failure);
}

/// One diverged seed, one crashed cell, one missing seed.
fn troubled() -> Evidence {
    let mut evidence = Sample::default().evidence();
    diverge(&mut evidence.cells[0].runs[1]);
    for run in 0..3 {
        crash(&mut evidence, 1, run);
    }
    evidence.cells[2].runs[0].outcome = Outcome::Missing;
    evidence
}

fn cell(analysis: &Analysis, index: usize) -> &CellView {
    &analysis.blocks[0].cells[index]
}

#[test]
fn a_failed_run_is_counted_shown_and_never_averaged() {
    let (good, bad) = (Sample::default().analysis(), Analysis::new(&troubled()).unwrap());
    let counts = |index: usize| {
        let seeds = cell(&bad, index).seeds;
        (seeds.found, seeds.failed, seeds.asked, seeds.status())
    };
    assert_eq!(counts(0), (2, 1, 3, CellStatus::Partial));
    assert_eq!(counts(1), (0, 3, 3, CellStatus::Failed));
    assert_eq!(counts(2), (2, 0, 3, CellStatus::Partial));
    let (whole, part) = (&cell(&good, 0).metrics["auuc"], &cell(&bad, 0).metrics["auuc"]);
    assert_eq!(part.value(), Some((whole.per_seed[&1] + whole.per_seed[&3]) / 2.0));
    assert_eq!(reason(&cell(&bad, 1).metrics["auuc"].mean), Some("no seed finished"), "crashes, all of them");
    let classes: Vec<&str> = bad.failures.iter().map(|failure| failure.class.as_str()).collect();
    assert_eq!(classes, ["diverged", "out-of-memory", "out-of-memory", "out-of-memory"]);
    let fall = &summary(&troubled())["failures"][0];
    assert_eq!((&fall["epoch"], &fall["step"], &fall["term"]), (&json!(3), &json!(17), &json!("mse")));
    assert_eq!(fall["last"], json!({ "total": 6.02e37, "terms": { "mse": 6.02e37 } }));
    let page = page(&troubled());
    for part in ["3, 17", "total 6.020e37; mse 6.020e37", "the term &#39;mse&#39; is not finite"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn incomplete_means_are_marked_everywhere_and_are_never_best() {
    let analysis = Analysis::new(&troubled()).unwrap();
    let table = Table::new(&analysis);
    let texts = [
        super::markdown::render(&analysis, &table, &Differences::new(&analysis, &table)),
        super::html::render(&analysis, &table, &Differences::new(&analysis, &table)).unwrap(),
    ];
    for text in texts {
        for mark in ["2/3 (1 failed)", "0/3 (3 failed)", "2/3 (1 missing)"] {
            assert!(text.contains(mark), "{mark} in {text}");
        }
    }
    assert!(table.blocks[0].methods.iter().flat_map(|row| &row.cells).all(|cell| !cell.best));
}

#[test]
fn failure_to_converge_reads_as_such_in_every_table() {
    let mut evidence = Sample::default().evidence();
    diverge(&mut evidence.cells[0].runs[1]);
    for run in &mut evidence.cells[1].runs {
        diverge(run);
    }
    let analysis = Analysis::new(&evidence).unwrap();
    let (table, csv) = (Table::new(&analysis), super::csv::render(&analysis).unwrap());
    let texts = [
        super::markdown::render(&analysis, &table, &Differences::new(&analysis, &table)),
        page(&evidence),
        String::from_utf8(csv).unwrap(),
    ];
    for text in texts {
        let partly = text.matches("failed to converge: 1 of 3").count();
        assert_eq!(partly, 8, "beside each mean: {text}");
        assert!(text.matches("failed to converge").count() >= partly + 8, "{text}");
    }
    let row = &table.blocks[0].methods;
    assert!(row[0].cells.iter().all(|cell| cell.mean.is_some() && cell.beside.is_some()));
    assert!(row[1].cells.iter().all(|cell| cell.mean.is_none() && cell.mark.is_none()));
    assert!(row[2].cells.iter().all(|cell| cell.instead.is_none() && cell.beside.is_none()));
    let cells = &summary(&evidence)["cells"];
    assert_eq!((&cells[0]["seeds_diverged"], &cells[1]["seeds_diverged"]), (&json!(1), &json!(3)));
    assert_eq!(cells[1]["metrics"]["auuc"]["reason"], "failed to converge");
}

#[test]
fn the_best_complete_method_is_marked_whichever_way_is_better() {
    let table = Table::new(&Sample::default().analysis());
    let best = |metric: &str| -> Vec<&str> {
        let column = table.columns.iter().position(|column| column.name == metric).unwrap();
        let rows = table.blocks[0].methods.iter().filter(|row| row.cells[column].best);
        rows.map(|row| row.name.as_str()).collect()
    };
    assert_eq!(best("auuc.true"), ["TARNet"]);
    assert_eq!(best("pehe"), ["TARNet"]);
    let single = Sample { methods: vec![("TARNet", "tarnet")], ..Default::default() };
    let table = Table::new(&single.analysis());
    assert!(table.blocks[0].methods[0].cells.iter().all(|cell| !cell.best), "nothing to be better than");
}

#[test]
fn one_seed_has_a_mean_and_an_interval_over_rows_only() {
    let analysis = Sample { seeds: vec![7], ..Default::default() }.analysis();
    let estimate = &cell(&analysis, 0).metrics["auuc"];
    assert!(estimate.mean.is_ok() && estimate.sd.is_none() && estimate.ci.is_err());
    let rows = estimate.ci_rows.as_ref().unwrap();
    assert_eq!((rows.resamples, rows.n, rows.over.as_str()), (Some(2_000), 400, "test rows"));
    assert!(rows.low < estimate.value().unwrap() && estimate.value().unwrap() < rows.high);
}

#[test]
fn references_frame_the_methods_where_the_truth_is_known() {
    let analysis = Sample::default().analysis();
    let rankers: Vec<&str> = analysis.blocks[0].references.iter().map(|row| row.ranker.as_str()).collect();
    assert_eq!(rankers, ["random", "prognostic", "log-ratio", "oracle"]);
    let metric = |ranker: usize, name: &str| analysis.blocks[0].references[ranker].metrics[name].clone();
    assert!(metric(0, "auuc.true").value().unwrap().abs() < 0.01 && metric(0, "auuc").sd.unwrap() > 0.0);
    assert_eq!(metric(3, "krcc").value(), Some(1.0));
    assert_eq!(metric(3, "pehe").value(), Some(0.0));
    let best = cell(&analysis, 0).metrics["auuc.true"].value().unwrap();
    assert!(metric(3, "auuc.true").value().unwrap() > best && best > metric(0, "auuc.true").value().unwrap());
}

#[test]
fn without_truth_the_baseline_is_the_prognosis_and_absent_metrics_say_why() {
    let evidence = Sample { truth: false, ..Default::default() }.evidence();
    let analysis = Analysis::new(&evidence).unwrap();
    let rankers: Vec<&str> = analysis.blocks[0].references.iter().map(|row| row.ranker.as_str()).collect();
    assert_eq!(rankers, ["random", "prognostic (fitted)"]);
    let found = summary(&evidence);
    let krcc = &found["cells"][0]["metrics"]["krcc"];
    assert_eq!(
        (&krcc["mean"], krcc["reason"].as_str()),
        (&Value::Null, Some("the true effect is not known"))
    );
    let html = page(&evidence);
    assert!(html.contains("the true effect is not known") && !html.contains("<em>oracle</em>"));
}

#[test]
fn own_splits_refuse_intervals_over_rows() {
    let analysis = Sample { split_per_seed: true, ..Default::default() }.analysis();
    let estimate = &cell(&analysis, 0).metrics["auuc"];
    assert!(estimate.mean.is_ok() && estimate.ci.is_ok());
    assert!(estimate.ci_rows.as_ref().unwrap_err().0.contains("no common rows"));
    assert!(analysis.blocks[0].references[3].metrics["auuc"].ci_rows.is_err());
    assert_eq!(analysis.blocks[0].test.unwrap().splits, 3);
}

#[test]
fn a_metric_that_is_newer_than_the_records_is_computed_from_predictions() {
    let whole = Sample::default();
    let mut old = whole.evidence();
    for run in old.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record.metrics.remove("qini");
        }
    }
    assert_eq!(summary(&old), summary(&whole.evidence()));
}

#[test]
fn the_summary_is_deterministic_and_keeps_facts_of_the_machine_apart() {
    let evidence = Sample::default().evidence();
    let mut elsewhere = evidence.clone();
    elsewhere.command = "another command".to_string();
    for run in elsewhere.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record.measured.train_seconds *= 3.0;
            record.measured.host = "elsewhere".to_string();
            record.measured.device = "cuda:0 (a card)".to_string();
            record.measured.commit = "fedcba".to_string();
        }
    }
    let without_measured = |evidence: &Evidence| {
        let mut found = summary(evidence);
        found.as_object_mut().unwrap().remove("measured");
        for cell in found["cells"].as_array_mut().unwrap() {
            cell.as_object_mut().unwrap().remove("measured");
        }
        found.to_string()
    };
    assert_eq!(without_measured(&evidence), without_measured(&elsewhere));
    assert_ne!(summary(&evidence), summary(&elsewhere));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(alone.install(|| summary(&evidence)), summary(&evidence));
}

#[test]
fn numbers_survive_the_summary() {
    let analysis = Sample::default().analysis();
    let found = summary(&Sample::default().evidence());
    let estimate = &cell(&analysis, 1).metrics["auuc"];
    let written = &found["cells"][1]["metrics"]["auuc"];
    assert_eq!(written["mean"].as_f64(), estimate.value());
    assert_eq!(written["per_seed"]["2"].as_f64(), Some(estimate.per_seed[&2]));
    assert_eq!(written["ci"]["method"], "Student t");
    assert_eq!(written["ci_rows"]["low"].as_f64(), estimate.ci_rows.as_ref().ok().map(|rows| rows.low));
    assert_eq!(found["cells"][1]["components"], serde_json::json!(["ziln"]));
    assert_eq!(found["claims"][0]["id"], "ziln-helps");
}

#[test]
fn mixed_devices_are_said() {
    let mut evidence = Sample::default().evidence();
    assert!(!page(&evidence).contains("mixes CPU and GPU"));
    if let Outcome::Found { record, .. } = &mut evidence.cells[0].runs[0].outcome {
        record.measured.device = "cuda:0 (a card)".to_string();
    }
    assert!(page(&evidence).contains("mixes CPU and GPU"));
    assert_eq!(summary(&evidence)["measured"]["mixed_devices"], true);
}

pub(super) const NASTY: &str = "<script>alert(1)</script> a&b 50% x_y \\ {z} $ # ~ ^ |\"'";

#[test]
fn markup_in_names_stays_text_and_the_page_is_well_formed() {
    let mut evidence = Sample {
        datasets: vec![NASTY],
        methods: vec![(NASTY, "tarnet"), ("T-learner", "t-learner")],
        ..Default::default()
    }
    .evidence();
    evidence.experiment.question = NASTY.to_string();
    evidence.command = NASTY.to_string();
    crash(&mut evidence, 0, 0);
    let html = page(&evidence);
    assert!(html.matches("<script").count() == 1 && !html.contains("<b>&"));
    assert!(html.contains("&lt;script&gt;"));
    assert_eq!(unbalanced(&html), None);
    let analysis = Analysis::new(&evidence).unwrap();
    let tex = super::tex::render(&analysis, &Default::default()).unwrap();
    let tex = tex.replace("\\allowbreak{}", "");
    assert!(
        tex.contains(
            "a\\&b 50\\% x\\_y \\textbackslash{} \\{z\\} \\$ \\# \\textasciitilde{} \\textasciicircum{}"
        ),
        "{tex}"
    );
}

#[test]
fn the_page_needs_no_network_and_its_only_script_is_its_own() {
    let html = page(&troubled());
    assert_eq!(unbalanced(&html), None);
    for outside in ["<link", "@import", "url(", "src=", "<iframe"] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("content=\"default-src 'none';"), "a network that is asked for is refused");
    let links = html.matches("http").count()
        - html.matches("http-equiv").count()
        - html.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(links, 0);
    assert_eq!((html.matches("<script").count(), html.matches("</script>").count()), (1, 1));
    assert!(!html.contains("#01"), "a placeholder colour was left in a chart");
}

/// The first tag that does not match, if any.
pub(super) fn unbalanced(html: &str) -> Option<String> {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let body = html.split("<style>").next()?.to_string() + html.split("</style>").nth(1)?;
    let body = body.split("<script>").next()?.to_string() + body.split("</script>").nth(1)?;
    let mut open: Vec<String> = Vec::new();
    for tag in body.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let name = tag.split([' ', '\n', '/']).find(|part| !part.is_empty())?.to_string();
        if tag.starts_with('/') {
            if open.pop().as_ref() != Some(&name) {
                return Some(format!("</{name}> closes {:?}", open.last()));
            }
        } else if !tag.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    open.pop()
}

#[test]
fn a_loss_against_negative_values_and_no_runs_at_all_still_make_a_report() {
    let mut evidence = Sample::default().evidence();
    for run in evidence.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record
                .metrics
                .values_mut()
                .for_each(|metric| metric.value = metric.value.map(|value| -value.abs()));
        }
    }
    let html = page(&evidence);
    assert!(html.contains("\u{2212}0."));
    for run in evidence.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        run.outcome = Outcome::Missing;
    }
    evidence.evaluations.clear();
    let found = summary(&evidence);
    assert_eq!(found["cells"][0]["status"], "missing");
    assert_eq!(found["reference"], serde_json::json!([]));
    assert!(page(&evidence).contains("No finished run."));
}

#[test]
fn csv_and_summary_say_the_same() {
    let evidence = troubled();
    let found = summary(&evidence);
    let text = super::csv::render(&Analysis::new(&evidence).unwrap()).unwrap();
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let mut lines = 0;
    for line in reader.deserialize::<std::collections::BTreeMap<String, String>>() {
        let line = line.unwrap();
        let list = if line["kind"] == "method" { "cells" } else { "reference" };
        let name = if line["kind"] == "method" { "method" } else { "ranker" };
        let row =
            found[list].as_array().unwrap().iter().find(|row| row[name] == line["method"].as_str()).unwrap();
        let mean = row["metrics"][&line["metric"]]["mean"].as_f64();
        assert_eq!(line["mean"].parse::<f64>().ok(), mean, "{line:?}");
        lines += 1;
    }
    assert_eq!(lines, (3 + 4) * 8);
}

#[test]
fn files_are_written_and_predictions_come_out_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let evidence = troubled();
    let export = |predictions: Option<PredictionFormat>| {
        write(&evidence, folder.path(), &Extras { predictions, ..Extras::default() }).unwrap()
    };
    let written = export(None);
    assert!(written.html.ends_with("index.html") && written.html.is_file());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 6);
    let path = export(Some(PredictionFormat::Csv)).predictions.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 7);
    let mut reader = csv::Reader::from_path(path).unwrap();
    let rows: Vec<std::collections::BTreeMap<String, String>> =
        reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 4 * 400);
    let Outcome::Found { predictions: Some(said), .. } = &evidence.cells[0].runs[0].outcome else { panic!() };
    assert_eq!(rows[17]["uplift"].parse::<f32>().unwrap(), said.score[17]);
    assert_eq!(rows[17]["predicted_conversion_control"], "");
    let path = export(Some(PredictionFormat::Parquet)).predictions.unwrap();
    assert_eq!(parquet_rows(&path), 4 * 400);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 7, "the report before is replaced whole");
}

fn parquet_rows(path: &Path) -> usize {
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    reader.map(|batch| batch.unwrap().num_rows()).sum()
}

#[test]
fn pages_and_files_show_answers_with_markup_escaped() {
    let mut evidence = four();
    let text = "Is <b>high</b> | better?".to_string();
    let statement = better("high", "base", NONE, None);
    evidence.experiment.claims = vec![Claim {
        id: "c".to_string(),
        text,
        source: Some("a <i>book</i>".to_string()),
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement,
    }];
    let analysis = Analysis::new(&evidence).unwrap();
    let table = Table::new(&analysis);
    let differences = Differences::new(&analysis, &table);
    let html = super::html::render(&analysis, &table, &differences).unwrap();
    assert!(
        html.contains("Is &lt;b&gt;high&lt;/b&gt;")
            && html.contains("a &lt;i&gt;book")
            && !html.contains("<b>high")
    );
    assert!(
        html.contains("supported <span class=\"of\">1</span></h3>")
            && html.contains("verdict better\">better")
    );
    let markdown = super::markdown::render(&analysis, &table, &differences);
    assert!(
        markdown.contains("## Claims\n\n### supported (1)\n\n- c: Is \\<b\\>high")
            && markdown.contains("equivalent")
    );
    let found: Value = serde_json::from_str(&super::summary::render(&analysis).unwrap()).unwrap();
    assert_eq!(
        (&found["claims"][0]["verdict"], &found["contrasts"][0]["verdict"]),
        (&"supported".into(), &"better".into())
    );
    assert_eq!((&found["decision"]["family"], &found["decision"]["metrics"][0]), (&4.into(), &"auuc".into()));
    assert!(found["claims"][0]["parts"][0]["interval"][0].as_f64().unwrap() > 0.0);
    let csv = String::from_utf8(super::csv::contrasts(&analysis).unwrap()).unwrap();
    assert!(csv.lines().nth(1).unwrap().contains(",better,1,"), "{csv}");
}

#[test]
fn readers_are_told_that_claims_are_looked_at_after_every_seed() {
    let mut evidence = four();
    let claim = |(id, better_one): (&str, &str)| Claim {
        id: id.to_string(),
        text: "It is better.".to_string(),
        source: None,
        family: valor_runs::spec::OWN_CLAIMS.to_string(),
        metric: "auuc".to_string(),
        datasets: Vec::new(),
        statement: better(better_one, "base", NONE, None),
    };
    evidence.experiment.claims = [("found", "high"), ("open", "noisy")].map(claim).to_vec();
    let told = "Claims about differences of methods are looked at after every seed, from 5 to at most 9";
    assert!(!page(&evidence).contains("looked at after every seed"));
    assert!(summary(&evidence)["sequence"].is_null() && summary(&evidence)["claims"][0]["ended"].is_null());
    evidence.experiment.decision.max_seeds = Some(9);
    let html = page(&evidence);
    let claims = &html[html.find("id=\"claims-heading\"").unwrap()..];
    assert!(claims.find(told) < claims.find("verdict-heading"), "before the claims");
    assert!(claims.contains("1 claim is open") && claims.contains("Decided with 5 seeds"), "{claims}");
    let analysis = Analysis::new(&evidence).unwrap();
    let table = Table::new(&analysis);
    let markdown = super::markdown::render(&analysis, &table, &Differences::new(&analysis, &table));
    assert!(markdown.contains(&format!("## Claims\n\n{told}")), "{markdown}");
    assert!(markdown.contains("\n\n### supported (1)"), "{markdown}");
    let found = summary(&evidence);
    assert_eq!(found["sequence"]["missing"][0], json!({"dataset": "world", "method": "base", "seed": 6}));
    assert_eq!(
        (&found["claims"][0]["ended"], &found["claims"][1]["ended"]),
        (&json!({"seeds": 5, "why": "decided"}), &json!({"seeds": 5, "why": "missing"}))
    );
}

#[test]
fn readers_are_warned_of_a_share_of_a_total_that_is_hardly_there() {
    let found = Analysis::new(&weak()).unwrap();
    let table = Table::new(&found);
    let differences = Differences::new(&found, &table);
    for text in [
        super::markdown::render(&found, &table, &differences),
        super::html::render(&found, &table, &differences).unwrap(),
    ] {
        assert!(
            text.contains("Average effect on the test rows: ") && text.contains("hardly there"),
            "{text}"
        );
    }
    assert!(table.blocks[0].methods.iter().all(|row| !row.cells[2].best), "no share is marked as best");
    let summary: Value = serde_json::from_str(&super::summary::render(&found).unwrap()).unwrap();
    let test = &summary["datasets"][0]["test"];
    assert!(
        test["hardly_there"] == true && test["observed_effect_z"].as_f64().unwrap().abs() < 3.0,
        "{test}"
    );
    assert!(test["observed_effect_interval"][0].is_f64());
}

#[test]
fn where_the_total_is_there_its_size_is_said_and_no_warning() {
    let found = Sample::default().analysis();
    let summary: Value = serde_json::from_str(&super::summary::render(&found).unwrap()).unwrap();
    assert_eq!(summary["datasets"][0]["test"]["hardly_there"], false);
    let table = Table::new(&found);
    assert!(
        table.blocks[0].totals.len() == 1
            && table.blocks[0].totals[0].starts_with("Average effect on the test rows: ")
    );
}
