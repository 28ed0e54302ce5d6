//! The dataset on the device: features and labels of all rows, uploaded once.

use super::NeuralSpec;
use crate::learner::Task;
use crate::nets::{BucketRows, BucketSpec, Buckets, OutcomeSummary};
use crate::objectives::{Batch, Label, Labels, ranking_label};
use std::collections::BTreeMap;
use tch::{Device, Tensor};

/// Features, labels, and what was learned from the training rows before training.
pub(super) struct DeviceRows {
    /// `[N, d]`
    pub features: Tensor,
    /// `[N, Labels::COLUMNS]`
    labels: Tensor,
    /// Per row, whether its ranking label is not zero.
    pub ranked: Vec<bool>,
    /// Outcomes of the training rows.
    pub summary: OutcomeSummary,
    /// For the record.
    pub fitted: BTreeMap<String, f64>,
    /// Where they are.
    pub device: Device,
}

/// The unit in which networks learn outcomes, in outcome units.
///
/// ```text
/// scale = sd(y) over the training rows (population form);  |y| where all are equal;  1 where all are 0
/// ```
///
/// With it no step size, clipping, weight or start depends on the currency in which outcomes are counted.
pub(super) fn outcome_scale(task: &Task) -> f64 {
    let outcomes: Vec<f64> = task.train.iter().map(|&row| task.outcome[row as usize]).collect();
    let largest = outcomes.iter().fold(0.0_f64, |largest, outcome| largest.max(outcome.abs()));
    // Taken relative to the largest, so that no square overflows or vanishes.
    let relative: Vec<f64> = outcomes.iter().map(|outcome| outcome / largest).collect();
    let constant = outcomes.iter().all(|outcome| *outcome == outcomes[0]);
    match (largest > 0.0, constant) {
        (false, _) => 1.0,
        (true, true) => largest,
        (true, false) => moments(&relative).1 * largest,
    }
}

impl DeviceRows {
    /// Uploads the task's rows, outcomes in units of `scale` (outcome units, above 0).
    pub(super) fn new(spec: &NeuralSpec, task: &Task, scale: f64, device: Device) -> Self {
        let shape = [task.features.rows as i64, task.features.columns as i64];
        let features = Tensor::from_slice(&task.features.values).view(shape).to_device(device);
        let share = training_share(task);
        let ranking = ranking_label(&spec.objective).unwrap_or_default();
        let label = |row: usize| ranking.map_or(0.0, |label| row_label(label, task, row, share) / scale);
        let table: Vec<f32> = (0..task.features.rows)
            .flat_map(|row| Labels::row(task.is_treated(row as u32), task.outcome[row] / scale, label(row)))
            .collect();
        let ranked = table.chunks(Labels::COLUMNS).map(|row| row[Labels::COLUMNS - 1] != 0.0).collect();
        let labels = Tensor::from_slice(&table).view([-1, Labels::COLUMNS as i64]).to_device(device);
        // Rows that give no buckets are refused before.
        let buckets = spec.network.head.buckets().and_then(|spec| buckets(&spec, task, scale).ok());
        let summary = OutcomeSummary { buckets, ..summarise(task, scale) };
        let mut fitted = BTreeMap::from([
            ("training mean outcome".to_string(), summary.mean * scale),
            ("training sd outcome".to_string(), summary.sd * scale),
        ]);
        fitted.extend(summary.buckets.iter().flat_map(|buckets| thresholds(buckets, scale)));
        fitted.extend(task.treatment.map(|_| ("training share treated".to_string(), share)));
        Self { features, labels, ranked, summary, fitted, device }
    }

    /// Features `[S, B, d]` and labels of the rows `[S, B]`.
    pub(super) fn gather(&self, rows: &Tensor, ranked_rows: usize) -> (Tensor, Batch) {
        let (shape, flat) = (rows.size(), rows.reshape([-1]));
        let take = |table: &Tensor| table.index_select(0, &flat).view([shape[0], shape[1], table.size()[1]]);
        (take(&self.features), Batch::new(&take(&self.labels), ranked_rows))
    }
}

/// Buckets of the training outcomes in units of `scale`.
///
/// # Errors
///
/// Input errors where all are in one bucket, and of a window.
pub(super) fn buckets(spec: &BucketSpec, task: &Task, scale: f64) -> anyhow::Result<Buckets> {
    let outcome: Vec<f64> = task.train.iter().map(|&row| task.outcome[row as usize] / scale).collect();
    let time: Option<Vec<f64>> =
        task.time.map(|times| task.train.iter().map(|&row| times[row as usize]).collect());
    spec.fit(BucketRows { outcome: &outcome, time: time.as_deref(), scale })
}

/// Upper ends of the buckets in outcome units, for the record.
fn thresholds(buckets: &Buckets, scale: f64) -> impl Iterator<Item = (String, f64)> {
    let ends = buckets.thresholds.iter().zip(1..);
    ends.map(move |(threshold, number)| (format!("bucket {number} up to"), threshold * scale))
}

fn training_share(task: &Task) -> f64 {
    let treated = task.train.iter().filter(|&&row| task.is_treated(row)).count();
    treated as f64 / task.train.len() as f64
}

/// `z = y (t - e) / (e (1 - e))` with the known propensity, else the training share; or `y (2t - 1)`.
fn row_label(label: Label, task: &Task, row: usize, share: f64) -> f64 {
    let treated = f64::from(u8::from(task.is_treated(row as u32)));
    match label {
        Label::Transformed => {
            let propensity = task.propensity().map_or(share, |known| known[row]);
            task.outcome[row] * (treated - propensity) / (propensity * (1.0 - propensity))
        }
        Label::Signed => task.outcome[row] * (2.0 * treated - 1.0),
    }
}

fn summarise(task: &Task, scale: f64) -> OutcomeSummary {
    let outcomes = || task.train.iter().map(|&row| task.outcome[row as usize] / scale);
    let logs: Vec<f64> = outcomes().filter(|outcome| *outcome > 0.0).map(f64::ln).collect();
    let (mean, sd) = moments(&outcomes().collect::<Vec<f64>>());
    let (log_mean, log_sd) = moments(&logs);
    let rows = task.train.len() as f64;
    OutcomeSummary {
        scale,
        mean,
        sd,
        nonzero_share: outcomes().filter(|outcome| *outcome != 0.0).count() as f64 / rows,
        positive_share: logs.len() as f64 / rows,
        log_mean,
        log_sd,
        treated_share: training_share(task),
        buckets: None,
    }
}

/// Mean and standard deviation (population form); zeros for no values.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}
