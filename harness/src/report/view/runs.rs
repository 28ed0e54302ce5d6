//! The finished runs of a cell and their estimates.

use super::estimate::{Bounds, Estimate};
use super::judge;
use super::resample::{NO_COMMON_ROWS, Plan};
use crate::metrics::{self, Prepared};
use crate::record::{EvaluationRows, Predictions, Record, Status};
use crate::report::material::{CellMaterial, Material, Outcome};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The finished runs of a cell, ascending by their place in the experiment's seeds.
pub struct Runs<'a> {
    /// Seed, record and the index of its model, or why its predictions cannot be judged.
    finished: Vec<(u64, &'a Record, Result<usize, String>)>,
    /// Predictions on their rows.
    pub models: Vec<Prepared>,
}

impl<'a> Runs<'a> {
    /// Those of a cell.
    pub fn of(material: &'a Material, cell: &'a CellMaterial) -> Self {
        let found: Vec<_> = cell
            .runs
            .par_iter()
            .filter_map(|run| match &run.outcome {
                Outcome::Found { record, predictions }
                    if matches!(record.status, Status::Finished { .. }) =>
                {
                    let rows = material.evaluations.get(&record.evaluation);
                    Some((run.seed, record.as_ref(), prepare(rows, predictions.as_ref())))
                }
                Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
            })
            .collect();
        let mut models = Vec::new();
        let mut keep = |model: Prepared| {
            models.push(model);
            models.len() - 1
        };
        let finished =
            found.into_iter().map(|(seed, record, model)| (seed, record, model.map(&mut keep))).collect();
        Self { finished, models }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.finished.len()
    }

    /// Each metric with its spread.
    pub fn estimates(&self, plan: &Plan) -> BTreeMap<String, Estimate> {
        if self.finished.is_empty() {
            return plan
                .names
                .iter()
                .map(|name| (name.clone(), Estimate::absent("no seed finished")))
                .collect();
        }
        let estimate = |(name, rows): (String, Bounds)| {
            let values =
                self.finished.iter().map(|(seed, record, model)| (*seed, self.value(record, model, &name)));
            let estimate = Estimate::over_seeds(values, plan.over_seeds, rows);
            (name, estimate)
        };
        self.row_intervals(plan).into_iter().map(estimate).collect()
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

    fn row_intervals(&self, plan: &Plan) -> BTreeMap<String, Bounds> {
        let evaluation = |index: usize| &self.finished[index].1.evaluation;
        if (1..self.count()).any(|index| evaluation(index) != evaluation(0)) {
            return plan.refuse(NO_COMMON_ROWS);
        }
        match self.finished.iter().find_map(|(_, _, model)| model.as_ref().err()) {
            Some(reason) => plan.refuse(reason),
            None => plan.row_intervals(&self.models),
        }
    }
}

fn prepare(rows: Option<&EvaluationRows>, predictions: Option<&Predictions>) -> Result<Prepared, String> {
    let rows = rows.ok_or("the rows that the run was judged on are not stored")?;
    let predictions = predictions.ok_or("the run's predictions are not stored")?;
    judge::prepare(rows, predictions).map_err(|error| format!("{error:#}"))
}
