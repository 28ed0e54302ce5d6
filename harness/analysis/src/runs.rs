//! The finished runs of a cell and their estimates.

use super::cell::SeedCounts;
use super::estimate::MetricEstimate;
use super::resample::{EstimationPlan, NO_COMMON_ROWS, Resamples, row_interval};
use crate::evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
use rayon::prelude::*;
use std::collections::BTreeMap;
use valor_learn::evaluation;
use valor_runs::record::{EvaluationRows, Predictions, Record, Status};
use valor_stats::metrics::{self, Defined, RankedRows, Undefined};
use valor_stats::stats::Resampled;

/// The finished runs of a cell, ascending by their place in the experiment's seeds.
pub(crate) struct FinishedRuns<'a> {
    /// Seed, record and the index of its model, or why its predictions cannot be judged.
    finished: Vec<(u64, &'a Record, Defined<usize>)>,
    /// How many of what.
    pub seeds: SeedCounts,
    /// Predictions on their rows.
    pub models: Vec<RankedRows>,
    /// Whether they are judged on all rows that their records speak of.
    whole: bool,
}

/// A finished run with what it was judged on.
pub(crate) struct FinishedRun<'a> {
    /// What it is paired by.
    pub seed: u64,
    /// Its record.
    pub record: &'a Record,
    /// What its model said, where that is stored.
    pub predictions: Option<&'a Predictions>,
    /// The rows that it was judged on, where they are stored.
    pub rows: Option<&'a EvaluationRows>,
}

impl<'a> FinishedRuns<'a> {
    /// Those of a cell.
    pub(crate) fn of(evidence: &'a Evidence, cell: &'a CellEvidence) -> Self {
        let run = |run: &'a RunEvidence| match &run.outcome {
            Outcome::Found { record, predictions } if matches!(record.status, Status::Finished { .. }) => {
                let rows = evidence.evaluations.get(&record.evaluation);
                Some(FinishedRun { seed: run.seed, record, predictions: predictions.as_ref(), rows })
            }
            Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
        };
        let finished: Vec<FinishedRun> = cell.runs.iter().filter_map(run).collect();
        let seeds = counts(cell, finished.len());
        Self::new(finished, seeds)
    }

    /// These, with what became of the others.
    pub(crate) fn new(runs: Vec<FinishedRun<'a>>, seeds: SeedCounts) -> Self {
        let prepared = |run: FinishedRun<'a>| (run.seed, run.record, prepare(&run));
        Self::gathered(runs.into_par_iter().map(prepared).collect(), seeds)
    }

    /// Those of a cell, judged on some of their rows alone: on `places` of the rows with an id.
    pub(crate) fn on(
        evidence: &'a Evidence,
        cell: &'a CellEvidence,
        places: &BTreeMap<&str, Vec<u32>>,
    ) -> Self {
        let run = |run: &'a RunEvidence| match &run.outcome {
            Outcome::Found { record, predictions } if matches!(record.status, Status::Finished { .. }) => {
                Some((run.seed, record.as_ref(), predictions.as_ref()))
            }
            Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
        };
        let runs: Vec<_> = cell.runs.iter().filter_map(run).collect();
        let seeds = counts(cell, runs.len());
        let judged = |(seed, record, predictions): (u64, &'a Record, Option<&Predictions>)| {
            let places = places.get(record.evaluation.as_str());
            let rows = evidence.evaluations.get(&record.evaluation).zip(places);
            let rows = rows.map(|(rows, places)| rows.select(places));
            let predictions = predictions.zip(places).map(|(said, places)| said.select(places));
            let (predictions, rows) = (predictions.as_ref(), rows.as_ref());
            (seed, record, prepare(&FinishedRun { seed, record, predictions, rows }))
        };
        Self { whole: false, ..Self::gathered(runs.into_par_iter().map(judged).collect(), seeds) }
    }

    fn gathered(found: Vec<(u64, &'a Record, Defined<RankedRows>)>, seeds: SeedCounts) -> Self {
        let mut models = Vec::new();
        let mut keep = |model: RankedRows| {
            models.push(model);
            models.len() - 1
        };
        let finished =
            found.into_iter().map(|(seed, record, model)| (seed, record, model.map(&mut keep))).collect();
        Self { finished, seeds, models, whole: true }
    }

    /// What they are paired by.
    pub(crate) fn keys(&self) -> impl Iterator<Item = u64> {
        self.finished.iter().map(|(seed, _, _)| *seed)
    }

    /// Why there is no number where no run finished.
    fn unfinished(&self) -> Undefined {
        Undefined(self.seeds.unconverged().unwrap_or_else(|| "no seed finished".to_string()))
    }

    /// Each metric with its spread.
    pub(crate) fn estimates(
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
        let estimate = |(name, rows): (&String, &Defined<Resampled>)| {
            let values =
                self.finished.iter().map(|(seed, record, model)| (*seed, self.value(record, model, name)));
            let estimate =
                MetricEstimate::over_seeds(values, plan.over_seeds, rows, row_interval(name, rows));
            (name.clone(), estimate)
        };
        resamples.metrics.iter().map(estimate).collect()
    }

    /// Whether all runs were judged on the same rows.
    pub(crate) fn share_rows(&self) -> bool {
        self.finished.windows(2).all(|pair| pair[0].1.evaluation == pair[1].1.evaluation)
    }

    /// Each metric averaged over the runs, under every resample of their rows.
    pub(crate) fn resamples(&self, plan: &EstimationPlan) -> Resamples {
        let resamples = if self.finished.is_empty() {
            plan.refuse(&self.unfinished())
        } else if !self.share_rows() {
            plan.refuse(&Undefined::new(NO_COMMON_ROWS))
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
    fn value(&self, record: &Record, model: &Defined<usize>, name: &str) -> Defined<f64> {
        if let Some(recorded) = record.metrics.get(name).filter(|_| self.whole) {
            let reason = || Undefined(recorded.reason.clone().unwrap_or_else(|| "undefined".to_string()));
            return recorded.value.filter(|value| value.is_finite()).ok_or_else(reason);
        }
        let model = &self.models[*model.as_ref().map_err(Undefined::clone)?];
        let metric = metrics::find(name).map_err(|error| Undefined(error.to_string()))?;
        metric.compute(model)
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

fn prepare(run: &FinishedRun) -> Defined<RankedRows> {
    let rows =
        run.rows.ok_or_else(|| Undefined::new("the rows that the run was judged on are not stored"))?;
    let predictions =
        run.predictions.ok_or_else(|| Undefined::new("the run's predictions are not stored"))?;
    let buckets = run.record.buckets.as_ref();
    evaluation::prepare(predictions, rows, buckets).map_err(|error| Undefined(format!("{error:#}")))
}
