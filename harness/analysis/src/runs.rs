//! The finished runs of a cell and their estimates.

use super::cell::SeedCounts;
use super::estimate::MetricEstimate;
use super::resample::{EstimationPlan, NO_COMMON_ROWS, Resamples, row_interval};
use crate::evidence::{CellEvidence, Evidence, Outcome};
use rayon::prelude::*;
use std::collections::BTreeMap;
use valor_learn::evaluation;
use valor_runs::record::{EvaluationRows, Predictions, Record, Status};
use valor_stats::metrics::{self, RankedRows};
use valor_stats::stats::Resampled;

/// The finished runs of a cell, ascending by their place in the experiment's seeds.
pub struct FinishedRuns<'a> {
    /// Seed, record and the index of its model, or why its predictions cannot be judged.
    finished: Vec<(u64, &'a Record, Result<usize, String>)>,
    /// How many of what.
    pub seeds: SeedCounts,
    /// Predictions on their rows.
    pub models: Vec<RankedRows>,
}

impl<'a> FinishedRuns<'a> {
    /// Those of a cell.
    pub fn of(evidence: &'a Evidence, cell: &'a CellEvidence) -> Self {
        let found: Vec<_> = cell
            .runs
            .par_iter()
            .filter_map(|run| match &run.outcome {
                Outcome::Found { record, predictions }
                    if matches!(record.status, Status::Finished { .. }) =>
                {
                    let rows = evidence.evaluations.get(&record.evaluation);
                    Some((run.seed, record.as_ref(), prepare(rows, predictions.as_ref())))
                }
                Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
            })
            .collect();
        let mut models = Vec::new();
        let mut keep = |model: RankedRows| {
            models.push(model);
            models.len() - 1
        };
        let finished: Vec<_> =
            found.into_iter().map(|(seed, record, model)| (seed, record, model.map(&mut keep))).collect();
        let seeds = counts(cell, finished.len());
        Self { finished, seeds, models }
    }

    /// Why there is no number where no run finished.
    fn unfinished(&self) -> String {
        self.seeds.unconverged().unwrap_or_else(|| "no seed finished".to_string())
    }

    /// Each metric with its spread.
    pub fn estimates(
        &self,
        plan: &EstimationPlan,
        resamples: &Resamples,
    ) -> BTreeMap<String, MetricEstimate> {
        if self.finished.is_empty() {
            return plan
                .names
                .iter()
                .map(|name| (name.clone(), MetricEstimate::absent(self.unfinished())))
                .collect();
        }
        let estimate = |(name, rows): (&String, &Result<Resampled, String>)| {
            let values =
                self.finished.iter().map(|(seed, record, model)| (*seed, self.value(record, model, name)));
            let estimate =
                MetricEstimate::over_seeds(values, plan.over_seeds, (rows, row_interval(name, rows)));
            (name.clone(), estimate)
        };
        resamples.metrics.iter().map(estimate).collect()
    }

    /// Whether all runs were judged on the same rows.
    pub fn share_rows(&self) -> bool {
        self.finished.windows(2).all(|pair| pair[0].1.evaluation == pair[1].1.evaluation)
    }

    /// Each metric averaged over the runs, under every resample of their rows.
    pub fn resamples(&self, plan: &EstimationPlan) -> Resamples {
        let resamples = if self.finished.is_empty() {
            plan.refuse(&self.unfinished())
        } else if !self.share_rows() {
            plan.refuse(NO_COMMON_ROWS)
        } else {
            match self.finished.iter().find_map(|(_, _, model)| model.as_ref().err()) {
                Some(reason) => plan.refuse(reason),
                None => plan.resample(&self.models),
            }
        };
        let evaluation = self.finished.first().map(|(_, record, _)| record.evaluation.clone());
        Resamples { evaluation: evaluation.unwrap_or_default(), ..resamples }
    }

    /// As recorded; a metric that is newer than the record is computed from the stored predictions.
    fn value(&self, record: &Record, model: &Result<usize, String>, name: &str) -> Result<f64, String> {
        if let Some(recorded) = record.metrics.get(name) {
            let reason = || recorded.reason.clone().unwrap_or_else(|| "undefined".to_string());
            return recorded.value.filter(|value| value.is_finite()).ok_or_else(reason);
        }
        let model = &self.models[*model.as_ref().map_err(Clone::clone)?];
        let metric = metrics::find(name).map_err(|error| error.to_string())?;
        metric.compute(model).map_err(|undefined| undefined.to_string())
    }
}

fn counts(cell: &CellEvidence, found: usize) -> SeedCounts {
    let diverged = |outcome: &Outcome| match outcome {
        Outcome::Found { record, .. } => matches!(record.status, Status::Diverged(_)),
        Outcome::Failed(_) | Outcome::Missing => false,
    };
    let count = |is: &dyn Fn(&Outcome) -> bool| cell.runs.iter().filter(|run| is(&run.outcome)).count();
    let (diverged, crashed) = (count(&diverged), count(&|outcome| matches!(outcome, Outcome::Failed(_))));
    SeedCounts { found, failed: diverged + crashed, diverged, asked: cell.runs.len() }
}

fn prepare(rows: Option<&EvaluationRows>, predictions: Option<&Predictions>) -> Result<RankedRows, String> {
    let rows = rows.ok_or("the rows that the run was judged on are not stored")?;
    let predictions = predictions.ok_or("the run's predictions are not stored")?;
    evaluation::prepare(predictions, rows).map_err(|error| format!("{error:#}"))
}
