//! One cell: from its runs to its row of the table, its curves and its failures.

use super::cell::{CellView, FailureView, SeedCounts};
use super::curve::{Band, DecilePoint, Deciles, LossCurve, Losses};
use super::estimate::{Bounds, Estimate};
use super::judge;
use super::resample::Resampling;
use super::times::{Times, mean};
use crate::metrics::curve::{CurvePoint, qini_curve, uplift_by_group, uplift_curve};
use crate::metrics::{Metric, Prepared};
use crate::record::{EvaluationRows, Record, Status};
use crate::report::material::{CellMaterial, Material, Outcome};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Steps of a drawn curve.
pub const CURVE_POINTS: usize = 200;

/// Everything that a report shows of one cell.
pub struct Study {
    /// The row of the table.
    pub view: CellView,
    /// Share of rows of each point of the curves.
    pub share: Vec<f64>,
    /// Uplift curve, if a run finished.
    pub uplift: Option<Band>,
    /// Qini curve, if a run finished.
    pub qini: Option<Band>,
    /// Uplift by decile, if a run finished.
    pub deciles: Option<Deciles>,
    /// Loss curves, if a run is recorded.
    pub losses: Option<Losses>,
    /// Diverged and crashed runs.
    pub failures: Vec<FailureView>,
}

/// A finished run.
struct Finished<'a> {
    seed: u64,
    record: &'a Record,
    /// Its predictions on its rows, or why they cannot be judged.
    prepared: Result<Prepared, String>,
}

/// Studies a cell. `names` are the metrics to report.
pub fn study(material: &Material, cell: &CellMaterial, names: &[String], resampling: &Resampling) -> Study {
    let finished = finished(material, cell);
    let dataset = &material.experiment.datasets[cell.dataset].name;
    let method = &material.experiment.methods[cell.method];
    let failures: Vec<FailureView> =
        cell.runs.iter().filter_map(|run| failure(run, dataset, &method.name)).collect();
    let measured =
        recorded(cell).map(|(seed, record)| (seed, record.measured.clone())).collect::<BTreeMap<_, _>>();
    let prepared: Vec<&Prepared> = finished.iter().filter_map(|run| run.prepared.as_ref().ok()).collect();
    let points = |curve: fn(&Prepared, usize) -> Vec<CurvePoint>| -> Vec<Vec<CurvePoint>> {
        prepared.par_iter().map(|prepared| curve(prepared, CURVE_POINTS)).collect()
    };
    let uplift = points(uplift_curve);
    let band = |curves: &[Vec<CurvePoint>]| band(&method.name, &method.backbone, curves);
    Study {
        share: uplift
            .first()
            .map(|curve| curve.iter().map(|point| point.share).collect())
            .unwrap_or_default(),
        uplift: band(&uplift),
        qini: band(&points(qini_curve)),
        deciles: deciles(&method.name, &prepared),
        losses: losses(&method.name, cell),
        view: CellView {
            dataset: dataset.clone(),
            method: method.name.clone(),
            backbone: method.backbone.clone(),
            components: method.components.clone(),
            seeds: SeedCounts { found: finished.len(), failed: failures.len(), asked: cell.runs.len() },
            metrics: estimates(&finished, names, resampling),
            times: Times::over(measured.values()),
            measured,
        },
        failures,
    }
}

fn recorded(cell: &CellMaterial) -> impl Iterator<Item = (u64, &Record)> {
    cell.runs.iter().filter_map(|run| match &run.outcome {
        Outcome::Found { record, .. } => Some((run.seed, record.as_ref())),
        Outcome::Failed(_) | Outcome::Missing => None,
    })
}

fn finished<'a>(material: &'a Material, cell: &'a CellMaterial) -> Vec<Finished<'a>> {
    let found = cell.runs.par_iter().filter_map(|run| match &run.outcome {
        Outcome::Found { record, predictions } if matches!(record.status, Status::Finished { .. }) => {
            let rows = material.evaluations.get(&record.evaluation);
            Some(Finished { seed: run.seed, record, prepared: prepare(rows, predictions.as_ref()) })
        }
        Outcome::Found { .. } | Outcome::Failed(_) | Outcome::Missing => None,
    });
    found.collect()
}

fn prepare(
    rows: Option<&EvaluationRows>,
    predictions: Option<&crate::record::Predictions>,
) -> Result<Prepared, String> {
    let rows = rows.ok_or("the rows that the run was judged on are not stored")?;
    let predictions = predictions.ok_or("the run's predictions are not stored")?;
    judge::prepare(rows, predictions).map_err(|error| format!("{error:#}"))
}

fn failure(run: &crate::report::material::RunMaterial, dataset: &str, method: &str) -> Option<FailureView> {
    let (class, message) = match &run.outcome {
        Outcome::Found { record, .. } => match &record.status {
            Status::Diverged { epoch, step, message } => {
                ("diverged".to_string(), format!("epoch {epoch}, step {step}: {message}"))
            }
            Status::Finished { .. } => return None,
        },
        Outcome::Failed(failure) => (failure.class.clone(), failure.message.clone()),
        Outcome::Missing => return None,
    };
    Some(FailureView {
        dataset: dataset.to_string(),
        method: method.to_string(),
        seed: run.seed,
        id: run.id.clone(),
        class,
        message,
    })
}

fn estimates(finished: &[Finished], names: &[String], resampling: &Resampling) -> BTreeMap<String, Estimate> {
    if finished.is_empty() {
        return names.iter().map(|name| (name.clone(), Estimate::absent("no seed finished"))).collect();
    }
    let rows = row_intervals(finished, names, resampling);
    let estimate = |name: &String| {
        let values = finished.iter().map(|run| (run.seed, value(run, name)));
        let rows = rows.get(name).cloned().unwrap_or_else(|| Err(format!("{name} has no weighted form")));
        (name.clone(), Estimate::over_seeds(values, rows))
    };
    names.iter().map(estimate).collect()
}

/// As recorded; a metric that is newer than the record is computed from the stored predictions.
fn value(run: &Finished, name: &str) -> Result<f64, String> {
    if let Some(recorded) = run.record.metrics.get(name) {
        let reason = || recorded.reason.clone().unwrap_or_else(|| "undefined".to_string());
        return recorded.value.filter(|value| value.is_finite()).ok_or_else(reason);
    }
    let prepared = run.prepared.as_ref().map_err(Clone::clone)?;
    let metric = crate::metrics::find(name).map_err(|error| error.to_string())?;
    metric.compute(prepared).map_err(|undefined| undefined.to_string())
}

fn row_intervals(
    finished: &[Finished],
    names: &[String],
    resampling: &Resampling,
) -> BTreeMap<String, Bounds> {
    let metrics: Vec<&Metric> = names.iter().filter_map(|name| crate::metrics::find(name).ok()).collect();
    let refuse = |reason: &str| names.iter().map(|name| (name.clone(), Err(reason.to_string()))).collect();
    if finished.iter().any(|run| run.record.evaluation != finished[0].record.evaluation) {
        return refuse("every seed has its own test rows: there are no common rows to resample");
    }
    match finished.iter().map(|run| run.prepared.as_ref()).collect::<Result<Vec<_>, _>>() {
        Ok(prepared) => resampling.intervals(&prepared, &metrics),
        Err(reason) => refuse(reason),
    }
}

/// Mean gain of curves with the same number of points.
pub fn average(curves: &[Vec<CurvePoint>]) -> Vec<f64> {
    let points = curves.iter().map(Vec::len).min().unwrap_or(0);
    (0..points).filter_map(|index| mean(curves.iter().map(|curve| curve[index].gain))).collect()
}

fn band(name: &str, backbone: &str, curves: &[Vec<CurvePoint>]) -> Option<Band> {
    let points = curves.first()?.len();
    let at = |index: usize| curves.iter().map(move |curve| curve[index].gain);
    Some(Band {
        name: name.to_string(),
        backbone: backbone.to_string(),
        mean: average(curves),
        low: (0..points).map(|index| at(index).fold(f64::INFINITY, f64::min)).collect(),
        high: (0..points).map(|index| at(index).fold(f64::NEG_INFINITY, f64::max)).collect(),
    })
}

fn deciles(name: &str, prepared: &[&Prepared]) -> Option<Deciles> {
    let seeds: Vec<_> = prepared.par_iter().map(|prepared| uplift_by_group(prepared, 10)).collect();
    let groups = seeds.iter().map(Vec::len).min().filter(|groups| *groups > 0)?;
    let points = (0..groups).filter_map(|index| {
        let of = || seeds.iter().map(move |groups| groups[index]);
        Some(DecilePoint {
            decile: index + 1,
            observed: mean(of().filter_map(|group| group.observed)),
            standard_error: mean(of().filter_map(|group| group.standard_error)),
            predicted: mean(of().map(|group| group.predicted))?,
            truth: mean(of().filter_map(|group| group.effect)),
        })
    });
    Some(Deciles { name: name.to_string(), points: points.collect() })
}

fn losses(name: &str, cell: &CellMaterial) -> Option<Losses> {
    let seeds: Vec<LossCurve> = recorded(cell).map(|(seed, record)| loss_curve(seed, record)).collect();
    let finished: Vec<_> = recorded(cell)
        .filter(|(_, record)| matches!(record.status, Status::Finished { .. }))
        .filter_map(|(_, record)| record.epochs.last())
        .collect();
    let terms =
        finished.first().map(|epoch| epoch.terms.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    let last = |term: String| {
        let values = finished.iter().filter_map(|epoch| epoch.terms.get(&term).copied().flatten());
        mean(values).map(|mean| (term, mean))
    };
    (!seeds.is_empty()).then(|| Losses {
        name: name.to_string(),
        seeds,
        last_terms: terms.into_iter().filter_map(last).collect(),
    })
}

fn loss_curve(seed: u64, record: &Record) -> LossCurve {
    let epochs = || record.epochs.iter();
    let finite = |value: f64| value.is_finite().then_some(value);
    LossCurve {
        seed,
        total: epochs().filter_map(|epoch| Some((epoch.epoch as f64, finite(epoch.total?)?))).collect(),
        validation: epochs()
            .filter_map(|epoch| Some((epoch.epoch as f64, finite(epoch.validation?)?)))
            .collect(),
        diverged: match record.status {
            Status::Diverged { epoch, .. } => Some(epoch),
            Status::Finished { .. } => None,
        },
    }
}
