//! The report of a synthetic experiment, whole: what a reader and a program see of good and bad runs.

use super::sample::{Sample, diverge};
use super::view::View;
use super::view::cell::{CellStatus, CellView};
use super::{Differences, Extras, Material, Outcome, PredictionFormat, Table, write};
use serde_json::{Value, json};
use std::path::Path;
use valor_runs::record::{Failure, FailureClass};

fn summary(material: &Material) -> Value {
    serde_json::from_str(&super::summary::render(&View::new(material).unwrap()).unwrap()).unwrap()
}

fn page(material: &Material) -> String {
    let view = View::new(material).unwrap();
    let table = Table::new(&view);
    super::html::render(&view, &table, &Differences::new(&view, &table)).unwrap()
}

fn crash(material: &mut Material, cell: usize, run: usize) {
    let failure = Failure {
        id: "x".to_string(),
        class: FailureClass::OutOfMemory,
        message: "killed <b>& gone</b>".to_string(),
    };
    material.cells[cell].runs[run].outcome = Outcome::Failed(failure);
}

/// One diverged seed, one crashed cell, one missing seed.
fn troubled() -> Material {
    let mut material = Sample::default().material();
    diverge(&mut material.cells[0].runs[1]);
    for run in 0..3 {
        crash(&mut material, 1, run);
    }
    material.cells[2].runs[0].outcome = Outcome::Missing;
    material
}

fn cell(view: &View, index: usize) -> &CellView {
    &view.blocks[0].cells[index]
}

#[test]
fn a_failed_run_is_counted_shown_and_never_averaged() {
    let (good, bad) = (Sample::default().view(), View::new(&troubled()).unwrap());
    let counts = |index: usize| {
        let seeds = cell(&bad, index).seeds;
        (seeds.found, seeds.failed, seeds.asked, seeds.status())
    };
    assert_eq!(counts(0), (2, 1, 3, CellStatus::Partial));
    assert_eq!(counts(1), (0, 3, 3, CellStatus::Failed));
    assert_eq!(counts(2), (2, 0, 3, CellStatus::Partial));
    let (whole, part) = (&cell(&good, 0).metrics["auuc"], &cell(&bad, 0).metrics["auuc"]);
    assert_eq!(part.mean, Some((whole.per_seed[&1] + whole.per_seed[&3]) / 2.0));
    assert_eq!(
        cell(&bad, 1).metrics["auuc"].reason.as_deref(),
        Some("no seed finished"),
        "crashes, all of them"
    );
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
    let view = View::new(&troubled()).unwrap();
    let table = Table::new(&view);
    let texts = [
        super::markdown::render(&view, &table, &Differences::new(&view, &table)),
        super::tex::render(&view, &table),
        super::html::render(&view, &table, &Differences::new(&view, &table)).unwrap(),
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
    let mut material = Sample::default().material();
    diverge(&mut material.cells[0].runs[1]);
    for run in &mut material.cells[1].runs {
        diverge(run);
    }
    let view = View::new(&material).unwrap();
    let (table, csv) = (Table::new(&view), super::csv::render(&view).unwrap());
    let texts = [
        super::markdown::render(&view, &table, &Differences::new(&view, &table)),
        super::tex::render(&view, &table),
        page(&material),
        String::from_utf8(csv).unwrap(),
    ];
    for text in texts {
        let partly = text.matches("failed to converge: 1 of 3").count();
        assert_eq!(partly, 6, "beside each mean: {text}");
        assert!(text.matches("failed to converge").count() >= partly + 6, "{text}");
    }
    let row = &table.blocks[0].methods;
    assert!(row[0].cells.iter().all(|cell| cell.mean.is_some() && cell.beside.is_some()));
    assert!(row[1].cells.iter().all(|cell| cell.mean.is_none() && cell.mark.is_none()));
    assert!(row[2].cells.iter().all(|cell| cell.instead.is_none() && cell.beside.is_none()));
    let cells = &summary(&material)["cells"];
    assert_eq!((&cells[0]["seeds_diverged"], &cells[1]["seeds_diverged"]), (&json!(1), &json!(3)));
    assert_eq!(cells[1]["metrics"]["auuc"]["reason"], "failed to converge");
}

#[test]
fn the_best_complete_method_is_marked_whichever_way_is_better() {
    let table = Table::new(&Sample::default().view());
    let best = |metric: &str| -> Vec<&str> {
        let column = table.columns.iter().position(|column| column.name == metric).unwrap();
        let rows = table.blocks[0].methods.iter().filter(|row| row.cells[column].best);
        rows.map(|row| row.name.as_str()).collect()
    };
    assert_eq!(best("auuc.true"), ["TARNet"]);
    assert_eq!(best("pehe"), ["TARNet"]);
    let single = Sample { methods: vec![("TARNet", "tarnet")], ..Default::default() };
    let table = Table::new(&single.view());
    assert!(table.blocks[0].methods[0].cells.iter().all(|cell| !cell.best), "nothing to be better than");
}

#[test]
fn one_seed_has_a_mean_and_an_interval_over_rows_only() {
    let view = Sample { seeds: vec![7], ..Default::default() }.view();
    let estimate = &cell(&view, 0).metrics["auuc"];
    assert!(estimate.mean.is_some() && estimate.sd.is_none() && estimate.ci.is_err());
    let rows = estimate.ci_rows.as_ref().unwrap();
    assert_eq!((rows.resamples, rows.n, rows.over.as_str()), (Some(2_000), 400, "test rows"));
    assert!(rows.low < estimate.mean.unwrap() && estimate.mean.unwrap() < rows.high);
}

#[test]
fn references_frame_the_methods_where_the_truth_is_known() {
    let view = Sample::default().view();
    let rankers: Vec<&str> = view.blocks[0].references.iter().map(|row| row.ranker.as_str()).collect();
    assert_eq!(rankers, ["random", "prognostic", "log-ratio", "oracle"]);
    let metric = |ranker: usize, name: &str| view.blocks[0].references[ranker].metrics[name].clone();
    assert!(metric(0, "auuc.true").mean.unwrap().abs() < 0.01 && metric(0, "auuc").sd.unwrap() > 0.0);
    assert_eq!(metric(3, "krcc").mean, Some(1.0));
    assert_eq!(metric(3, "pehe").mean, Some(0.0));
    let best = cell(&view, 0).metrics["auuc.true"].mean.unwrap();
    assert!(metric(3, "auuc.true").mean.unwrap() > best && best > metric(0, "auuc.true").mean.unwrap());
}

#[test]
fn without_truth_the_baseline_is_the_prognosis_and_absent_metrics_say_why() {
    let material = Sample { truth: false, ..Default::default() }.material();
    let view = View::new(&material).unwrap();
    let rankers: Vec<&str> = view.blocks[0].references.iter().map(|row| row.ranker.as_str()).collect();
    assert_eq!(rankers, ["random", "prognostic (fitted)"]);
    let found = summary(&material);
    let krcc = &found["cells"][0]["metrics"]["krcc"];
    assert_eq!(
        (&krcc["mean"], krcc["reason"].as_str()),
        (&Value::Null, Some("the true effect is not known"))
    );
    let html = page(&material);
    assert!(html.contains("the true effect is not known") && !html.contains("<em>oracle</em>"));
}

#[test]
fn own_splits_refuse_intervals_over_rows() {
    let view = Sample { split_per_seed: true, ..Default::default() }.view();
    let estimate = &cell(&view, 0).metrics["auuc"];
    assert!(estimate.mean.is_some() && estimate.ci.is_ok());
    assert!(estimate.ci_rows.as_ref().unwrap_err().contains("no common rows"));
    assert!(view.blocks[0].references[3].metrics["auuc"].ci_rows.is_err());
    assert_eq!(view.blocks[0].test.unwrap().splits, 3);
}

#[test]
fn a_metric_that_is_newer_than_the_records_is_computed_from_predictions() {
    let whole = Sample::default();
    let mut old = whole.material();
    for run in old.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record.metrics.remove("qini");
        }
    }
    assert_eq!(summary(&old), summary(&whole.material()));
}

#[test]
fn the_summary_is_deterministic_and_keeps_facts_of_the_machine_apart() {
    let material = Sample::default().material();
    let mut elsewhere = material.clone();
    elsewhere.command = "another command".to_string();
    for run in elsewhere.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record.measured.train_seconds *= 3.0;
            record.measured.host = "elsewhere".to_string();
            record.measured.device = "cuda:0 (a card)".to_string();
            record.measured.commit = "fedcba".to_string();
        }
    }
    let without_measured = |material: &Material| {
        let mut found = summary(material);
        found.as_object_mut().unwrap().remove("measured");
        for cell in found["cells"].as_array_mut().unwrap() {
            cell.as_object_mut().unwrap().remove("measured");
        }
        found.to_string()
    };
    assert_eq!(without_measured(&material), without_measured(&elsewhere));
    assert_ne!(summary(&material), summary(&elsewhere));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(alone.install(|| summary(&material)), summary(&material));
}

#[test]
fn numbers_survive_the_summary() {
    let view = Sample::default().view();
    let found = summary(&Sample::default().material());
    let estimate = &cell(&view, 1).metrics["auuc"];
    let written = &found["cells"][1]["metrics"]["auuc"];
    assert_eq!(written["mean"].as_f64(), estimate.mean);
    assert_eq!(written["per_seed"]["2"].as_f64(), Some(estimate.per_seed[&2]));
    assert_eq!(written["ci"]["method"], "Student t");
    assert_eq!(written["ci_rows"]["low"].as_f64(), estimate.ci_rows.as_ref().ok().map(|rows| rows.low));
    assert_eq!(found["cells"][1]["components"], serde_json::json!(["ziln"]));
    assert_eq!(found["claims"][0]["id"], "ziln-helps");
}

#[test]
fn mixed_devices_are_said() {
    let mut material = Sample::default().material();
    assert!(!page(&material).contains("mixes CPU and GPU"));
    if let Outcome::Found { record, .. } = &mut material.cells[0].runs[0].outcome {
        record.measured.device = "cuda:0 (a card)".to_string();
    }
    assert!(page(&material).contains("mixes CPU and GPU"));
    assert_eq!(summary(&material)["measured"]["mixed_devices"], true);
}

pub(super) const NASTY: &str = "<script>alert(1)</script> a&b 50% x_y \\ {z} $ # ~ ^ |\"'";

#[test]
fn markup_in_names_stays_text_and_the_page_is_well_formed() {
    let mut material = Sample {
        datasets: vec![NASTY],
        methods: vec![(NASTY, "tarnet"), ("T-learner", "t-learner")],
        ..Default::default()
    }
    .material();
    material.experiment.question = NASTY.to_string();
    material.command = NASTY.to_string();
    crash(&mut material, 0, 0);
    let html = page(&material);
    assert!(html.matches("<script").count() == 1 && !html.contains("<b>&"));
    assert!(html.contains("&lt;script&gt;"));
    assert_eq!(unbalanced(&html), None);
    let view = View::new(&material).unwrap();
    let tex = super::tex::render(&view, &Table::new(&view));
    assert!(tex.contains(
        "a\\&b 50\\% x\\_y \\textbackslash{} \\{z\\} \\$ \\# \\textasciitilde{} \\textasciicircum{}"
    ));
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
    let mut material = Sample::default().material();
    for run in material.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        if let Outcome::Found { record, .. } = &mut run.outcome {
            record
                .metrics
                .values_mut()
                .for_each(|metric| metric.value = metric.value.map(|value| -value.abs()));
        }
    }
    let html = page(&material);
    assert!(html.contains("\u{2212}0."));
    for run in material.cells.iter_mut().flat_map(|cell| &mut cell.runs) {
        run.outcome = Outcome::Missing;
    }
    material.evaluations.clear();
    let found = summary(&material);
    assert_eq!(found["cells"][0]["status"], "missing");
    assert_eq!(found["reference"], serde_json::json!([]));
    assert!(page(&material).contains("No finished run."));
}

#[test]
fn csv_and_summary_say_the_same() {
    let material = troubled();
    let found = summary(&material);
    let text = super::csv::render(&View::new(&material).unwrap()).unwrap();
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
    assert_eq!(lines, (3 + 4) * 6);
}

#[test]
fn files_are_written_and_predictions_come_out_as_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let material = troubled();
    let export = |predictions: Option<PredictionFormat>| {
        write(&material, folder.path(), Extras { figures: false, predictions }).unwrap()
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
    let Outcome::Found { predictions: Some(said), .. } = &material.cells[0].runs[0].outcome else { panic!() };
    assert_eq!(rows[17]["uplift"].parse::<f32>().unwrap(), said.uplift[17]);
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
