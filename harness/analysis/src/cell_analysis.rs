//! One cell: from its runs to its row of the table, its curves and its failures.

use super::bands::row_band;
use super::cell::{CellView, FailureView};
use super::curve::{Band, Deciles, LossCurve, Losses, curves, shares};
use super::estimate::mean;
use super::importance::ImportanceView;
use super::learning::Learning;
use super::resample::{EstimationPlan, Resamples};
use super::runs::FinishedRuns;
use super::shown::curve_kinds;
use super::times::Times;
use crate::evidence::{CellEvidence, Evidence, Outcome, RunEvidence};
use rayon::prelude::*;
use std::collections::BTreeMap;
use valor_base::question::Question;
use valor_runs::record::Status;
use valor_stats::metrics::RankedRows;
use valor_stats::metrics::curve::{uplift_by_group, value_by_group};

/// Everything that a report shows of one cell.
pub struct CellAnalysis {
    /// The row of the table.
    pub view: CellView,
    /// Its metrics under resampled rows.
    pub resamples: Resamples,
    /// Share of rows at each point of the curves.
    pub share: Vec<f64>,
    /// Curves by title, if a run finished.
    pub curves: BTreeMap<&'static str, Band>,
    /// Uplift or value by decile, if a run finished.
    pub deciles: Option<Deciles>,
    /// Loss curves, if a run is recorded.
    pub losses: Option<Losses>,
    /// What the ranking is worth after every epoch, where that is recorded.
    pub learning: Option<Learning>,
    /// Diverged and crashed runs.
    pub failures: Vec<FailureView>,
}

impl CellAnalysis {
    /// Those of a dataset, in the order of the table.
    pub fn all(evidence: &Evidence, dataset: usize, plan: &EstimationPlan) -> Vec<Self> {
        let cells = evidence.cells.iter().filter(|cell| cell.dataset == dataset);
        cells.map(|cell| Self::new(evidence, cell, plan)).collect()
    }

    /// Of a cell.
    pub fn new(evidence: &Evidence, cell: &CellEvidence, plan: &EstimationPlan) -> Self {
        let runs = FinishedRuns::of(evidence, cell);
        let resamples = runs.resamples(plan);
        let dataset = &evidence.experiment.datasets[cell.dataset].name;
        let method = &evidence.experiment.methods[cell.method];
        let failures: Vec<FailureView> =
            cell.runs.iter().filter_map(|run| failure(run, dataset, &method.name)).collect();
        let measured = cell.records().map(|(seed, record)| (seed, record.measured.clone()));
        let measured: BTreeMap<_, _> = measured.collect();
        let none = Vec::new();
        let mut share = Vec::new();
        let mut bands = BTreeMap::new();
        let question = runs.models.first().map_or(Question::Uplift, RankedRows::question);
        for kind in curve_kinds(question) {
            let curves = curves(&runs.models, kind.of);
            let rows = row_band(resamples.curves.get(kind.title).unwrap_or(&none), &curves);
            share = curves.first().map(|curve| shares(curve)).unwrap_or_default();
            bands.extend(Band::over_seeds(method, &curves, rows).map(|band| (kind.title, band)));
        }
        let by_group = match question {
            Question::Uplift => uplift_by_group,
            Question::Value => value_by_group,
        };
        let groups: Vec<_> = runs.models.par_iter().map(|model| by_group(model, 10)).collect();
        Self {
            share,
            curves: bands,
            deciles: Deciles::over_seeds(&method.name, question, &groups),
            losses: losses(&method.name, cell),
            learning: Learning::of(method, cell),
            view: CellView {
                dataset: dataset.clone(),
                method: method.name.clone(),
                backbone: method.backbone.clone(),
                components: method.components.clone(),
                seeds: runs.seeds,
                metrics: runs.estimates(plan, &resamples),
                importance: ImportanceView::of(cell.records().map(|(_, record)| record)),
                times: Times::over(measured.values()),
                measured,
            },
            failures,
            resamples,
        }
    }
}

fn failure(run: &RunEvidence, dataset: &str, method: &str) -> Option<FailureView> {
    let (class, message, fall) = match &run.outcome {
        Outcome::Found { record, .. } => match &record.status {
            Status::Diverged(fall) => ("diverged", &fall.message, Some(fall)),
            Status::Finished { .. } => return None,
        },
        Outcome::Failed(failure) => (failure.class.word(), &failure.message, None),
        Outcome::Missing => return None,
    };
    Some(FailureView {
        dataset: dataset.to_string(),
        method: method.to_string(),
        seed: run.seed,
        id: run.id.clone(),
        class: class.to_string(),
        message: message.clone(),
        epoch: fall.map(|fall| fall.epoch),
        step: fall.map(|fall| fall.step),
        term: fall.and_then(|fall| fall.term.clone()),
        last: fall.and_then(|fall| fall.last.clone()),
    })
}

fn losses(name: &str, cell: &CellEvidence) -> Option<Losses> {
    let seeds: Vec<LossCurve> = cell.records().map(|(seed, record)| LossCurve::of(seed, record)).collect();
    let mut terms: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (_, record) in cell.records().filter(|(_, record)| matches!(record.status, Status::Finished { .. })) {
        for (term, value) in record.epochs.last().into_iter().flat_map(|epoch| &epoch.terms) {
            terms.entry(term).or_default().extend(value);
        }
    }
    let last = terms.into_iter().filter_map(|(term, values)| Some((term.clone(), mean(values.into_iter())?)));
    (!seeds.is_empty()).then(|| Losses { name: name.to_string(), seeds, last_terms: last.collect() })
}
