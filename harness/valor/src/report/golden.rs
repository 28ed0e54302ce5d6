//! Small tables, letter by letter.

use super::differences::Differences;
use super::table::Table;
use std::collections::BTreeMap;
use valor_analysis::cell::FailureView;
use valor_analysis::cell::{CellView, ReferenceView, SeedCounts};
use valor_analysis::contrasts::{ContrastView, contrast, with_baseline};
use valor_analysis::estimate::MetricEstimate;
use valor_analysis::headline::{Column, Headline, KindMean, KindMethod, KindReference, KindView};
use valor_analysis::linear_contrast::{DatasetCells, Place, ResampledCell};
use valor_analysis::resample::Resamples;
use valor_analysis::{Analysis, Block, MetricView};
use valor_runs::record::LastFinite;
use valor_runs::spec::Decision;
use valor_stats::metrics::{Direction, Undefined};
use valor_stats::stats::SeedInterval;

fn estimate(values: &[f64]) -> MetricEstimate {
    let seeds = (1..).zip(values.iter().map(|value| Ok(*value)));
    let absent = Undefined::new("not resampled");
    MetricEstimate::over_seeds(seeds, SeedInterval::StudentT, &Err(absent.clone()), Err(absent))
}

/// Of two seeds; those that did not finish diverged, so many of them.
fn method(name: &str, [found, diverged]: [usize; 2], values: &[f64]) -> CellView {
    let seeds = SeedCounts { found, failed: 2 - found, diverged, asked: 2 };
    let reason = || Undefined(seeds.unconverged().unwrap_or_else(|| "no seed finished".to_string()));
    let defined = if values.is_empty() { MetricEstimate::absent(reason()) } else { estimate(values) };
    CellView {
        dataset: "b2b_mimic".to_string(),
        method: name.to_string(),
        backbone: "tarnet".to_string(),
        components: vec!["ziln".to_string()],
        seeds,
        metrics: BTreeMap::from([("auuc".to_string(), defined)]),
        importance: None,
        measured: BTreeMap::new(),
        times: None,
    }
}

/// A divergence with the losses before it, or a crash.
fn failure(method: &str, total: Option<f64>) -> FailureView {
    let last = total.map(|total| LastFinite { total, terms: [("mse".to_string(), 1e-9)].into() });
    FailureView {
        dataset: "b2b_mimic".to_string(),
        method: method.to_string(),
        seed: 1,
        id: "0123456789abcdef".to_string(),
        class: if last.is_some() { "diverged" } else { "killed" }.to_string(),
        message: "it ended".to_string(),
        epoch: last.as_ref().map(|_| 3),
        step: last.as_ref().map(|_| 17),
        term: last.as_ref().map(|_| "mse".to_string()),
        last,
    }
}

/// Without resampled rows and verdicts.
fn compared(cells: &[CellView]) -> Vec<ContrastView> {
    let resamples = Resamples::default();
    let cells = cells.iter().map(|cell| ResampledCell { cell, resamples: &resamples }).collect();
    let cells = DatasetCells { dataset: "b2b_mimic", cells };
    let questions = with_baseline("TARNet", &cells);
    let place = Place { datasets: vec![&cells], looks: Default::default() };
    questions.iter().filter_map(|question| contrast(question, "auuc", &place)).collect()
}

/// The same methods and reference on their only kind of datasets.
fn headline(cells: &[CellView], random: &MetricEstimate) -> Headline {
    let method = |cell: &CellView| KindMethod {
        method: cell.method.clone(),
        backbone: cell.backbone.clone(),
        components: cell.components.clone(),
        seeds: cell.seeds,
        metrics: cell
            .metrics
            .iter()
            .map(|(name, found)| {
                let (mean, ci, ci_both) = (found.mean.clone(), found.ci.clone(), found.ci_both.clone());
                (name.clone(), KindMean { mean, sd: found.sd, ci, ci_both })
            })
            .collect(),
        beside: None,
    };
    let random = KindReference {
        ranker: "random".to_string(),
        metrics: random.value().map(|value| ("auuc".to_string(), value)).into_iter().collect(),
    };
    let kind = KindView {
        name: "b2b_mimic".to_string(),
        datasets: vec!["b2b_mimic".to_string()],
        notes: Vec::new(),
        metric: "auuc".to_string(),
        methods: cells.iter().map(method).collect(),
        references: vec![random],
    };
    let column = Column { kind: 0, metric: "auuc".to_string(), decides: true };
    Headline { kinds: vec![kind], columns: vec![column], ..Headline::default() }
}

fn analysis() -> Analysis {
    let cells = vec![
        method("TARNet", [2, 0], &[0.4, 0.42]),
        method("A & B", [2, 0], &[-0.1, -0.12]),
        method("C", [1, 0], &[0.9]),
        method("D", [0, 0], &[]),
        method("E", [1, 1], &[0.3]),
        method("F", [0, 2], &[]),
    ];
    let random = MetricEstimate { mean: Ok(-0.00001), sd: Some(0.02), ..estimate(&[0.0]) };
    Analysis {
        reference: None,
        segmentations: Vec::new(),
        averages: Vec::new(),
        contrasts: compared(&cells),
        experiment: "tiny".to_string(),
        profile: "quick".to_string(),
        caption: Some("not evidence".to_string()),
        question: String::new(),
        headline: headline(&cells, &random),
        asks: valor_base::question::Question::Uplift,
        baseline: "TARNet".to_string(),
        seeds: vec![1, 2],
        decision: Decision::silent(&["auuc".to_string()]),
        declared: 5,
        primary: vec!["auuc".to_string()],
        claims: Vec::new(),
        effects: Vec::new(),
        left_out: Vec::new(),
        within: Vec::new(),
        sequence: None,
        tuning: None,
        gates: Vec::new(),
        metrics: vec![MetricView {
            name: "auuc".to_string(),
            formula: String::new(),
            unit: String::new(),
            direction: Direction::Higher,
            source: String::new(),
            in_table: true,
        }],
        blocks: vec![Block {
            dataset: "b2b_mimic".to_string(),
            cells,
            references: vec![ReferenceView {
                dataset: "b2b_mimic".to_string(),
                ranker: "random".to_string(),
                metrics: BTreeMap::from([("auuc".to_string(), random)]),
            }],
            ..Block::default()
        }],
        failures: vec![failure("D", None), failure("F", Some(37.25))],
        paper: None,
        beside: None,
        machine: Default::default(),
    }
}

#[test]
fn markdown() {
    let analysis = analysis();
    let table = Table::new(&analysis);
    let text = super::markdown::render(&analysis, &table, &Differences::new(&analysis, &table));
    assert_eq!(text, include_str!("../../../fixtures/report/table.md"));
}

#[test]
fn latex() {
    let analysis = analysis();
    let text = super::tex::render(&analysis, &Default::default()).unwrap();
    assert_eq!(text, include_str!("../../../fixtures/report/table.tex"));
}

#[test]
fn comma_separated() {
    let text = super::csv::render(&analysis()).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), include_str!("../../../fixtures/report/table.csv"));
    let text = super::csv::contrasts(&analysis()).unwrap();
    assert_eq!(String::from_utf8(text).unwrap(), include_str!("../../../fixtures/report/contrasts.csv"));
}
