//! The one place where predictions become what metrics read.

use super::{EvaluationRows, Predictions};
use std::collections::BTreeMap;
use valor_base::question::Arms;
use valor_stats::metrics::{self, Buckets, MetricValue, RankedRows, RowIntervals, ScoredRows};

/// Every metric of the rows' question, by name. `buckets` are those of the rows that the model learned from.
///
/// # Errors
///
/// As [`prepare`].
pub fn judge(
    predictions: &Predictions,
    rows: &EvaluationRows,
    buckets: Option<&Buckets>,
) -> anyhow::Result<BTreeMap<String, MetricValue>> {
    let prepared = prepare(predictions, rows, buckets)?;
    let names: Vec<&str> = metrics::of_question(rows.question()).map(|metric| metric.name).collect();
    metrics::evaluate(&names, &prepared)
}

/// What a model says of the rows, ranked and ready for any metric. `buckets` are those of the rows that it learned from, where they are
/// known.
///
/// # Errors
///
/// Predictions of another question or of another number of rows; what [`RankedRows::new`] refuses.
pub fn prepare(
    predictions: &Predictions,
    rows: &EvaluationRows,
    buckets: Option<&Buckets>,
) -> anyhow::Result<RankedRows> {
    let wide = |values: &Vec<f32>| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let (asked, answered) = (rows.question(), predictions.question());
    anyhow::ensure!(asked == answered, "predictions of {answered} for rows that are asked for {asked}");
    let (score, expected) = (wide(&predictions.score), predictions.expected.as_ref().map(wide));
    let judged = rows.judged(&score);
    let intervals = predictions.intervals.as_ref();
    let columns = intervals
        .map(|found| found.columns().map(|column| column.iter().map(|&end| f64::from(end)).collect()));
    let columns: Option<[Vec<f64>; 4]> = columns;
    let intervals = intervals.zip(columns.as_ref()).map(|(found, [low, high, mean, sd])| RowIntervals {
        level: found.level,
        low,
        high,
        mean,
        sd,
    });
    RankedRows::new(&match &expected {
        Arms::Two { control, treated } => ScoredRows {
            predicted_uplift: Some(&score),
            predicted_control: Some(control),
            predicted_treated: Some(treated),
            ..judged
        },
        Arms::One(expected) => ScoredRows { predicted_value: Some(expected), buckets, intervals, ..judged },
    })
}
