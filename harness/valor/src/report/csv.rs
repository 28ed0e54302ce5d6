//! table.csv and contrasts.csv: every number of the report at full precision, a line per row and metric.

use anyhow::Result;
use valor_analysis::Analysis;
use valor_analysis::cell::{CellStatus, CellView, ReferenceView};
use valor_analysis::contrasts::ContrastView;
use valor_analysis::decided::Decided;
use valor_analysis::estimate::{Bounds, MetricEstimate};
use valor_base::escape::csv::text;

const HEADER: [&str; 22] = [
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

const CONTRASTS: [&str; 25] = [
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
];

/// The table as CSV.
pub fn render(analysis: &Analysis) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for block in &analysis.blocks {
        for cell in &block.cells {
            for (metric, estimate) in &cell.metrics {
                let reason = estimate.reason.clone().or_else(|| cell.seeds.unconverged());
                writer.write_record(method(cell).into_iter().chain(numbers(metric, estimate, reason)))?;
            }
        }
        for row in &block.references {
            for (metric, estimate) in &row.metrics {
                let reason = estimate.reason.clone();
                writer.write_record(reference(row).into_iter().chain(numbers(metric, estimate, reason)))?;
            }
        }
    }
    Ok(writer.into_inner()?)
}

/// The contrasts as CSV.
pub fn contrasts(analysis: &Analysis) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(CONTRASTS)?;
    for contrast in analysis.contrasts.iter().chain(&analysis.left_out) {
        writer.write_record(contrast_fields(contrast))?;
    }
    Ok(writer.into_inner()?)
}

fn contrast_fields(contrast: &ContrastView) -> [String; 25] {
    let [low, high, method, _] = bounds(&contrast.ci);
    let [rows_low, rows_high, rows_method, resamples] = bounds(&contrast.ci_rows);
    let [both_low, both_high, _, _] = bounds(&contrast.ci_both);
    let decided = contrast.decided.as_ref();
    let number = |value: fn(&Decided) -> Option<f64>| optional(decided.and_then(value));
    [
        text(contrast.dataset.as_deref().unwrap_or_default()).into_owned(),
        text(&contrast.method).into_owned(),
        text(&contrast.baseline).into_owned(),
        text(&contrast.metric).into_owned(),
        optional(contrast.difference),
        contrast.seeds_paired.to_string(),
        low,
        high,
        method,
        rows_low,
        rows_high,
        rows_method,
        resamples,
        optional(contrast.share_above_zero),
        both_low,
        both_high,
        text(contrast.component.as_deref().unwrap_or_default()).into_owned(),
        decided.map(|decided| decided.verdict.word().to_string()).unwrap_or_default(),
        u8::from(decided.is_some_and(|decided| decided.declared)).to_string(),
        number(|decided| decided.p),
        number(|decided| decided.p_adjusted),
        number(|decided| Some(decided.margin)),
        number(|decided| decided.probability_better),
        number(|decided| decided.detectable),
        text(contrast.reason.as_deref().or(contrast.undecided.as_deref()).unwrap_or_default()).into_owned(),
    ]
}

fn method(cell: &CellView) -> Vec<String> {
    let status = match cell.seeds.status() {
        CellStatus::Complete => "complete",
        CellStatus::Partial => "partial",
        CellStatus::Failed => "failed",
        CellStatus::Missing => "missing",
    };
    vec![
        text(&cell.dataset).into_owned(),
        "method".to_string(),
        text(&cell.method).into_owned(),
        text(&cell.backbone).into_owned(),
        text(&cell.components.join(" ")).into_owned(),
        cell.seeds.found.to_string(),
        cell.seeds.failed.to_string(),
        cell.seeds.diverged.to_string(),
        cell.seeds.asked.to_string(),
        status.to_string(),
    ]
}

fn reference(row: &ReferenceView) -> Vec<String> {
    let mut fields =
        vec![text(&row.dataset).into_owned(), "reference".to_string(), text(&row.ranker).into_owned()];
    fields.resize(10, String::new());
    fields
}

fn numbers(metric: &str, estimate: &MetricEstimate, reason: Option<String>) -> Vec<String> {
    let [low, high, method, _] = bounds(&estimate.ci);
    let [rows_low, rows_high, rows_method, resamples] = bounds(&estimate.ci_rows);
    vec![
        text(metric).into_owned(),
        optional(estimate.mean),
        optional(estimate.sd),
        low,
        high,
        method,
        rows_low,
        rows_high,
        rows_method,
        resamples,
        estimate.per_seed.len().to_string(),
        text(&reason.unwrap_or_default()).into_owned(),
    ]
}

fn optional(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Low, high, method, resamples; empty where there is no interval.
fn bounds(bounds: &Bounds) -> [String; 4] {
    match bounds {
        Ok(interval) => [
            interval.low.to_string(),
            interval.high.to_string(),
            interval.method.clone(),
            interval.resamples.map(|count| count.to_string()).unwrap_or_default(),
        ],
        Err(_) => Default::default(),
    }
}
