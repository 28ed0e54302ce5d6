//! table.csv and contrasts.csv: every number of the report at full precision, a line per row and metric.

use anyhow::Result;
use valor_analysis::Analysis;
use valor_analysis::cell::{CellStatus, CellView, ReferenceView};
use valor_analysis::contrasts::ContrastView;
use valor_analysis::decided::Decided;
use valor_analysis::estimate::{MetricEstimate, reason};
use valor_io::csv::{Field, Table};
use valor_runs::spec::Family;
use valor_stats::metrics::Defined;
use valor_stats::stats::Interval;

/// What is said of a method or a reference.
const METHOD: [&str; 10] = [
    "dataset",
    "kind",
    "method",
    "backbone",
    "components",
    "seeds_found",
    "seeds_failed",
    "seeds_diverged",
    "seeds_asked",
    "status",
];

/// What is said of a metric.
const ESTIMATE: [&str; 12] = [
    "metric",
    "mean",
    "sd",
    "ci_low",
    "ci_high",
    "ci_method",
    "ci_rows_low",
    "ci_rows_high",
    "ci_rows_method",
    "ci_rows_resamples",
    "values",
    "reason",
];

const CONTRASTS: [&str; 33] = [
    "dataset",
    "method",
    "baseline",
    "metric",
    "difference",
    "seeds_paired",
    "ci_low",
    "ci_high",
    "ci_method",
    "ci_rows_low",
    "ci_rows_high",
    "ci_rows_method",
    "ci_rows_resamples",
    "share_above_zero",
    "ci_both_low",
    "ci_both_high",
    "component",
    "verdict",
    "declared",
    "p",
    "p_adjusted",
    "margin",
    "probability_better",
    "smallest_detectable",
    "reason",
    "kind",
    "instead",
    "observed_metric",
    "observed_difference",
    "observed_verdict",
    "observed_p_adjusted",
    "test_rows",
    "test_rows_needed",
];

/// The table as CSV.
pub(super) fn render(analysis: &Analysis) -> Result<Vec<u8>> {
    let mut table = Table::new(&[&METHOD[..], &ESTIMATE].concat())?;
    for block in &analysis.blocks {
        for cell in &block.cells {
            for (metric, estimate) in &cell.metrics {
                let absent = reason(&estimate.mean).map(str::to_string).or_else(|| cell.seeds.unconverged());
                table.line(method(cell).into_iter().chain(numbers(metric, estimate, absent)))?;
            }
        }
        for row in &block.references {
            for (metric, estimate) in &row.metrics {
                let absent = reason(&estimate.mean).map(str::to_string);
                table.line(reference(row).into_iter().chain(numbers(metric, estimate, absent)))?;
            }
        }
    }
    table.finish()
}

/// What is said of a group of test rows and of whom it is judged.
const SEGMENT: [&str; 8] =
    ["dataset", "segmentation", "column", "segment", "rows", "zeros", "kind", "method"];

/// Methods on groups of test rows as CSV. A group without numbers is one line with its reason.
pub(super) fn segments(analysis: &Analysis) -> Result<Vec<u8>> {
    let mut table = Table::new(&[&SEGMENT[..], &ESTIMATE].concat())?;
    for view in &analysis.segmentations {
        let start = [(&view.dataset).into(), (&view.name).into(), (&view.column).into()];
        let groups = match &view.segments {
            Ok(groups) => groups.as_slice(),
            Err(reason) => {
                table.line(start.into_iter().chain(unknown(16)).chain([reason.into()]))?;
                continue;
            }
        };
        for group in groups {
            let group_fields = || {
                let start = [(&view.dataset).into(), (&view.name).into(), (&view.column).into()];
                start.into_iter().chain([(&group.segment).into(), group.rows.into(), group.zeros.into()])
            };
            if let Some(reason) = &group.reason {
                table.line(group_fields().chain(unknown(13)).chain([reason.into()]))?;
            }
            let methods = group.methods.iter().map(|found| ("method", &found.method, &found.metrics));
            let references = group.references.iter().map(|row| ("reference", &row.ranker, &row.metrics));
            for (kind, name, metrics) in methods.chain(references) {
                for (metric, estimate) in metrics {
                    let absent = reason(&estimate.mean).map(str::to_string);
                    let named = [kind.into(), name.into()];
                    table.line(group_fields().chain(named).chain(numbers(metric, estimate, absent)))?;
                }
            }
        }
    }
    table.finish()
}

fn unknown<'a>(count: usize) -> impl Iterator<Item = Field<'a>> {
    std::iter::repeat_with(|| Field::Empty).take(count)
}

/// The contrasts as CSV.
pub(super) fn contrasts(analysis: &Analysis) -> Result<Vec<u8>> {
    let mut table = Table::new(&CONTRASTS)?;
    let kinds = [
        (Family::Baseline, &analysis.contrasts),
        (Family::LeaveOneOut, &analysis.left_out),
        (Family::WithinBackbone, &analysis.within),
    ];
    for (kind, contrast) in kinds.iter().flat_map(|(kind, found)| found.iter().map(move |one| (kind, one))) {
        table.line(contrast_fields(*kind, contrast))?;
    }
    table.finish()
}

fn contrast_fields(kind: Family, contrast: &ContrastView) -> [Field<'_>; 33] {
    let [low, high, method, _] = bounds(&contrast.ci);
    let [rows_low, rows_high, rows_method, resamples] = bounds(&contrast.ci_rows);
    let [both_low, both_high, _, _] = bounds(&contrast.ci_both);
    let decided = contrast.decided.as_ref();
    let seen = contrast.observed.as_deref();
    let number = |value: fn(&Decided) -> Option<f64>| decided.and_then(value).into();
    [
        contrast.dataset.as_ref().into(),
        (&contrast.method).into(),
        (&contrast.baseline).into(),
        (&contrast.metric).into(),
        contrast.value().into(),
        contrast.seeds_paired.into(),
        low,
        high,
        method,
        rows_low,
        rows_high,
        rows_method,
        resamples,
        contrast.share_above_zero.into(),
        both_low,
        both_high,
        contrast.component.as_ref().into(),
        decided.map(|decided| decided.verdict.word()).into(),
        decided.is_some_and(|decided| decided.declared).into(),
        number(|decided| decided.p),
        number(|decided| decided.p_adjusted),
        number(|decided| Some(decided.margin)),
        number(|decided| decided.probability_better),
        number(|decided| decided.detectable),
        reason(&contrast.difference).or(contrast.undecided.as_deref()).into(),
        kind.key().into(),
        contrast.instead.as_ref().into(),
        seen.map(|seen| seen.metric.as_str()).into(),
        seen.and_then(|seen| seen.difference.as_ref().ok().copied()).into(),
        seen.and_then(|seen| seen.verdict).map(|verdict| verdict.word()).into(),
        seen.and_then(|seen| seen.p_adjusted).into(),
        seen.and_then(|seen| seen.rows).into(),
        seen.and_then(|seen| seen.needed.as_ref().ok().copied()).map(|needed| needed as usize).into(),
    ]
}

fn method(cell: &CellView) -> Vec<Field<'_>> {
    let status = match cell.seeds.status() {
        CellStatus::Complete => "complete",
        CellStatus::Partial => "partial",
        CellStatus::Failed => "failed",
        CellStatus::Missing => "missing",
    };
    vec![
        (&cell.dataset).into(),
        "method".into(),
        (&cell.method).into(),
        (&cell.backbone).into(),
        cell.components.join(" ").into(),
        cell.seeds.found.into(),
        cell.seeds.failed.into(),
        cell.seeds.diverged.into(),
        cell.seeds.asked.into(),
        status.into(),
    ]
}

fn reference(row: &ReferenceView) -> Vec<Field<'_>> {
    let mut fields = vec![(&row.dataset).into(), "reference".into(), (&row.ranker).into()];
    fields.resize(10, Field::Empty);
    fields
}

fn numbers<'a>(metric: &'a str, estimate: &'a MetricEstimate, reason: Option<String>) -> Vec<Field<'a>> {
    let [low, high, method, _] = bounds(&estimate.ci);
    let [rows_low, rows_high, rows_method, resamples] = bounds(&estimate.ci_rows);
    vec![
        metric.into(),
        estimate.value().into(),
        estimate.sd.into(),
        low,
        high,
        method,
        rows_low,
        rows_high,
        rows_method,
        resamples,
        estimate.per_seed.len().into(),
        reason.into(),
    ]
}

/// Low, high, method, resamples; empty where there is no interval.
fn bounds(bounds: &Defined<Interval>) -> [Field<'_>; 4] {
    match bounds {
        Ok(interval) => {
            [interval.low.into(), interval.high.into(), (&interval.method).into(), interval.resamples.into()]
        }
        Err(_) => [Field::Empty, Field::Empty, Field::Empty, Field::Empty],
    }
}
