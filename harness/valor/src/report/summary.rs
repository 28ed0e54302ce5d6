//! summary.json: the report for programs. docs/reference/report.md describes every field.

use super::headline::HeadlineSummary;
use super::verdicts::{ClaimSummary, DecisionSummary, SequenceSummary, VerdictSummary};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use valor_analysis::beside::Beside;
use valor_analysis::block::TestRows;
use valor_analysis::cell::{CellStatus, CellView, FailureView, ReferenceView};
use valor_analysis::contrasts::ContrastView;
use valor_analysis::effects::EffectsView;
use valor_analysis::estimate::{MetricEstimate, reason};
use valor_analysis::gates::GateView;
use valor_analysis::importance::ImportanceView;
use valor_analysis::learning::Learning;
use valor_analysis::machine::Machine;
use valor_analysis::paper::PaperView;
use valor_analysis::segments::{SegmentView, SegmentationView};
use valor_analysis::times::Times;
use valor_analysis::tuning::TuningView;
use valor_analysis::{Analysis, Block, MetricView};
use valor_runs::record::{Measured, RowCounts};
use valor_stats::stats::Interval;

/// Version of the format.
pub(super) const SUMMARY_VERSION: u32 = 6;

/// The summary as JSON. Outside `measured` it is a function of the specs and of what the models said.
pub(super) fn render(analysis: &Analysis) -> Result<String> {
    Ok(serde_json::to_string_pretty(&Summary::new(analysis))? + "\n")
}

#[derive(Serialize)]
struct Summary<'a> {
    version: u32,
    experiment: &'a str,
    profile: &'a str,
    caption: Option<&'a str>,
    question: &'a str,
    headline: HeadlineSummary<'a>,
    baseline: &'a str,
    seeds: &'a [u64],
    decision: DecisionSummary<'a>,
    claims: Vec<ClaimSummary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<SequenceSummary<'a>>,
    tuning: Option<&'a TuningView>,
    #[serde(skip_serializing_if = "<[GateView]>::is_empty")]
    gates: &'a [GateView],
    metrics: &'a [MetricView],
    datasets: Vec<Dataset<'a>>,
    cells: Vec<Cell<'a>>,
    reference: Vec<Reference<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    segments: Vec<SegmentationSummary<'a>>,
    contrasts: Vec<Contrast<'a>>,
    left_out: Vec<Contrast<'a>>,
    within_backbone: Vec<Contrast<'a>>,
    effects: &'a [EffectsView],
    failures: &'a [FailureView],
    paper: Option<&'a PaperView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<&'a Beside>,
    measured: &'a Machine,
}

impl<'a> Summary<'a> {
    fn new(analysis: &'a Analysis) -> Self {
        Self {
            version: SUMMARY_VERSION,
            experiment: &analysis.experiment,
            profile: &analysis.profile,
            caption: analysis.caption.as_deref(),
            question: &analysis.question,
            headline: HeadlineSummary::new(analysis),
            baseline: &analysis.baseline,
            seeds: &analysis.seeds,
            decision: DecisionSummary::new(analysis),
            claims: analysis.claims.iter().map(ClaimSummary::new).collect(),
            sequence: SequenceSummary::new(analysis),
            tuning: analysis.tuning.as_ref(),
            gates: &analysis.gates,
            metrics: &analysis.metrics,
            datasets: analysis.blocks.iter().map(Dataset::new).collect(),
            cells: analysis.blocks.iter().flat_map(|block| &block.cells).map(Cell::new).collect(),
            reference: analysis
                .blocks
                .iter()
                .flat_map(|block| &block.references)
                .map(Reference::new)
                .collect(),
            segments: analysis.segmentations.iter().map(SegmentationSummary::new).collect(),
            contrasts: analysis.contrasts.iter().map(Contrast::new).collect(),
            left_out: analysis.left_out.iter().map(Contrast::new).collect(),
            within_backbone: analysis.within.iter().map(Contrast::new).collect(),
            effects: &analysis.effects,
            failures: &analysis.failures,
            paper: analysis.paper.as_ref(),
            beside: analysis.beside.as_ref(),
            measured: &analysis.machine,
        }
    }
}

/// Groups of a dataset's test rows by one column.
#[derive(Serialize)]
struct SegmentationSummary<'a> {
    dataset: &'a str,
    name: &'a str,
    column: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    groups: Vec<SegmentSummary<'a>>,
}

#[derive(Serialize)]
struct SegmentSummary<'a> {
    segment: &'a str,
    rows: usize,
    zeros: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    methods: Vec<SegmentMethodSummary<'a>>,
    reference: Vec<Reference<'a>>,
}

#[derive(Serialize)]
struct SegmentMethodSummary<'a> {
    method: &'a str,
    metrics: BTreeMap<&'a str, Metric<'a>>,
}

impl<'a> SegmentationSummary<'a> {
    fn new(view: &'a SegmentationView) -> Self {
        let group = |segment: &'a SegmentView| SegmentSummary {
            segment: &segment.segment,
            rows: segment.rows,
            zeros: segment.zeros,
            reason: segment.reason.as_deref(),
            methods: segment
                .methods
                .iter()
                .map(|found| SegmentMethodSummary { method: &found.method, metrics: metrics(&found.metrics) })
                .collect(),
            reference: segment.references.iter().map(Reference::new).collect(),
        };
        Self {
            dataset: &view.dataset,
            name: &view.name,
            column: &view.column,
            reason: view.segments.as_ref().err().map(String::as_str),
            groups: view.segments.iter().flatten().map(group).collect(),
        }
    }
}

#[derive(Serialize)]
struct Dataset<'a> {
    name: &'a str,
    rows: Option<RowCounts>,
    test: Option<TestSummary>,
    notes: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    learning: &'a [Learning],
}

impl<'a> Dataset<'a> {
    fn new(block: &'a Block) -> Self {
        let test = block.test.map(|test| TestSummary::new(test, block));
        Self { name: &block.dataset, rows: block.rows, test, notes: &block.notes, learning: &block.learning }
    }
}

#[derive(Serialize)]
struct TestSummary {
    observed_effect: Option<f64>,
    observed_effect_error: Option<f64>,
    observed_effect_interval: Option<[f64; 2]>,
    observed_effect_z: Option<f64>,
    hardly_there: bool,
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    treated: Option<usize>,
    zeros: f64,
    true_effect: Option<f64>,
    splits: usize,
}

impl TestSummary {
    fn new(test: TestRows, block: &Block) -> Self {
        let observed = test.observed;
        Self {
            observed_effect: observed.map(|found| found.effect),
            observed_effect_error: observed.and_then(|found| found.standard_error),
            observed_effect_interval: observed.and_then(|found| found.interval),
            observed_effect_z: observed.and_then(|found| found.z),
            hardly_there: block.totals.observed.is_some_and(|found| found.is_hardly_there()),
            rows: test.rows,
            treated: test.treated,
            zeros: test.zeros,
            true_effect: test.true_effect,
            splits: test.splits,
        }
    }
}

#[derive(Serialize)]
struct Cell<'a> {
    dataset: &'a str,
    method: &'a str,
    backbone: &'a str,
    components: &'a [String],
    seeds_found: usize,
    seeds_failed: usize,
    seeds_diverged: usize,
    seeds_asked: usize,
    status: CellStatus,
    metrics: BTreeMap<&'a str, Metric<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    importance: Option<&'a ImportanceView>,
    measured: CellMeasured<'a>,
}

impl<'a> Cell<'a> {
    fn new(cell: &'a CellView) -> Self {
        Self {
            dataset: &cell.dataset,
            method: &cell.method,
            backbone: &cell.backbone,
            components: &cell.components,
            seeds_found: cell.seeds.found,
            seeds_failed: cell.seeds.failed,
            seeds_diverged: cell.seeds.diverged,
            seeds_asked: cell.seeds.asked,
            status: cell.seeds.status(),
            metrics: metrics(&cell.metrics),
            importance: cell.importance.as_ref(),
            measured: CellMeasured { mean: cell.times.as_ref(), per_seed: &cell.measured },
        }
    }
}

#[derive(Serialize)]
struct CellMeasured<'a> {
    mean: Option<&'a Times>,
    per_seed: &'a BTreeMap<u64, Measured>,
}

#[derive(Serialize)]
struct Reference<'a> {
    dataset: &'a str,
    ranker: &'a str,
    metrics: BTreeMap<&'a str, Metric<'a>>,
}

impl<'a> Reference<'a> {
    fn new(row: &'a ReferenceView) -> Self {
        Self { dataset: &row.dataset, ranker: &row.ranker, metrics: metrics(&row.metrics) }
    }
}

#[derive(Serialize)]
struct Metric<'a> {
    mean: Option<f64>,
    sd: Option<f64>,
    ci: Option<&'a Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_reason: Option<&'a str>,
    ci_rows: Option<&'a Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_rows_reason: Option<&'a str>,
    sd_rows: Option<f64>,
    ci_both: Option<&'a Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_both_reason: Option<&'a str>,
    per_seed: &'a BTreeMap<u64, f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> Metric<'a> {
    fn new(estimate: &'a MetricEstimate) -> Self {
        Self {
            mean: estimate.value(),
            sd: estimate.sd,
            ci: estimate.ci.as_ref().ok(),
            ci_reason: reason(&estimate.ci),
            ci_rows: estimate.ci_rows.as_ref().ok(),
            ci_rows_reason: reason(&estimate.ci_rows),
            sd_rows: estimate.sd_rows,
            ci_both: estimate.ci_both.as_ref().ok(),
            ci_both_reason: reason(&estimate.ci_both),
            per_seed: &estimate.per_seed,
            reason: reason(&estimate.mean),
        }
    }
}

#[derive(Serialize)]
struct Contrast<'a> {
    dataset: Option<&'a str>,
    method: &'a str,
    baseline: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<&'a str>,
    metric: &'a str,
    difference: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    seeds_paired: usize,
    ci: Option<&'a Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_reason: Option<&'a str>,
    ci_rows: Option<&'a Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ci_rows_reason: Option<&'a str>,
    share_above_zero: Option<f64>,
    #[serde(flatten)]
    decided: VerdictSummary<'a>,
}

impl<'a> Contrast<'a> {
    fn new(contrast: &'a ContrastView) -> Self {
        Self {
            dataset: contrast.dataset.as_deref(),
            method: &contrast.method,
            baseline: &contrast.baseline,
            component: contrast.component.as_deref(),
            metric: &contrast.metric,
            difference: contrast.value(),
            reason: reason(&contrast.difference),
            seeds_paired: contrast.seeds_paired,
            ci: contrast.ci.as_ref().ok(),
            ci_reason: reason(&contrast.ci),
            ci_rows: contrast.ci_rows.as_ref().ok(),
            ci_rows_reason: reason(&contrast.ci_rows),
            share_above_zero: contrast.share_above_zero,
            decided: VerdictSummary::new(contrast),
        }
    }
}

fn metrics(estimates: &BTreeMap<String, MetricEstimate>) -> BTreeMap<&str, Metric<'_>> {
    estimates.iter().map(|(name, estimate)| (name.as_str(), Metric::new(estimate))).collect()
}
