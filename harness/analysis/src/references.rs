//! Rankings that no method made, judged on the same rows.

use super::cell::ReferenceView;
use super::curve::{Line, average, curves};
use super::estimate::MetricEstimate;
use super::estimate::mean;
use super::evidence::Evidence;
use super::resample::{EstimationPlan, NO_COMMON_ROWS, row_interval};
use super::shown::{COLUMN, DRAWN, Judgement, RANDOM, RANKERS, curve_kinds, rankers};
use anyhow::Result;
use std::collections::BTreeMap;
use valor_base::question::Question;
use valor_base::seed::Seeds;
use valor_runs::record::EvaluationRows;
use valor_stats::metrics::{Defined, Metric, RandomValue, RankedRows, Undefined, random_reference};
use valor_stats::stats::Interval;

/// Rows that the permutations of one random reference may rank altogether: fewer permutations of more rows.
const PERMUTED_ROWS: usize = 2_000_000;
/// Where a metric does not say why it has no value.
const UNDEFINED: &str = "undefined";
/// The reference rows of a dataset, and their curves.
#[derive(Default)]
pub struct References {
    /// For the table.
    pub views: Vec<ReferenceView>,
    /// Curves by title.
    pub curves: BTreeMap<&'static str, Vec<Line>>,
}

/// Judges the references on every split of a dataset; several splits are averaged.
pub fn references(
    evidence: &Evidence,
    dataset: usize,
    splits: &[Judgement],
    plan: &EstimationPlan,
) -> Result<References> {
    let (asked, dataset) = (&evidence.experiment, &evidence.experiment.datasets[dataset].name);
    let metrics = plan.registered();
    let mut ranked = splits.iter().map(rankers).collect::<Result<Vec<_>>>()?;
    let random = splits.iter().map(|split| random(split.rows, &metrics, plan)).collect::<Result<Vec<_>>>()?;
    let names: Vec<&'static str> =
        ranked.first().into_iter().flat_map(|split| split.keys().copied()).collect();
    let question = splits.first().map_or(Question::Uplift, |split| split.rows.question());
    let mut found = References::default();
    for name in RANKERS.into_iter().filter(|name| names.contains(name)) {
        let models: Vec<RankedRows> = ranked.iter_mut().filter_map(|split| split.remove(name)).collect();
        let metrics = match name {
            RANDOM => {
                metrics.iter().map(|metric| (metric.name.to_string(), expected(&random, metric))).collect()
            }
            _ => fixed(&models, &metrics, plan),
        };
        let ranker = match (name, &asked.reference) {
            (COLUMN, Some(column)) => column.clone(),
            (_, _) => name.to_string(),
        };
        found.views.push(ReferenceView { dataset: dataset.clone(), ranker: ranker.clone(), metrics });
        let drawn = if DRAWN.contains(&name) { curve_kinds(question) } else { &[] };
        for kind in drawn {
            let line = Line { name: ranker.clone(), values: average(&curves(&models, kind.of)) };
            found.curves.entry(kind.title).or_default().push(line);
        }
    }
    Ok(found)
}

/// Expectations; of the metrics of the table also their spread over permutations.
fn random(
    rows: &EvaluationRows,
    metrics: &[&'static Metric],
    plan: &EstimationPlan,
) -> Result<BTreeMap<String, RandomValue>> {
    let (shown, others): (Vec<&str>, Vec<&str>) =
        metrics.iter().map(|metric| metric.name).partition(|name| plan.in_table(name));
    let permutations = (PERMUTED_ROWS / rows.outcome.len().max(1)).clamp(10, 200);
    let blank = vec![0.0; rows.outcome.len()];
    let (rows, seeds) = (rows.judged(&blank), Seeds::new(0).child("random-reference"));
    let mut found = random_reference(&rows, &shown, permutations, &seeds)?;
    found.extend(random_reference(&rows, &others, 0, &seeds)?);
    Ok(found)
}

/// The expectation, with the standard deviation over permutations; several splits are averaged.
fn expected(splits: &[BTreeMap<String, RandomValue>], metric: &Metric) -> MetricEstimate {
    let splits: Vec<&RandomValue> = splits.iter().filter_map(|split| split.get(metric.name)).collect();
    let reason =
        |split: &RandomValue| Undefined(split.value.reason.clone().unwrap_or_else(|| UNDEFINED.to_string()));
    let values = splits.iter().map(|split| split.value.value.ok_or_else(|| reason(split)));
    let variance = mean(splits.iter().filter_map(|split| split.sd).map(|sd| sd * sd));
    let rows = Err(Undefined::new("an expectation; its standard deviation is over permutations"));
    MetricEstimate { sd: variance.map(f64::sqrt), ..seedless(values, rows) }
}

/// A ranking that needs no training, judged on each split.
fn fixed(
    models: &[RankedRows],
    metrics: &[&'static Metric],
    plan: &EstimationPlan,
) -> BTreeMap<String, MetricEstimate> {
    let resampled =
        if models.len() == 1 { plan.resample(models) } else { plan.refuse(&Undefined::new(NO_COMMON_ROWS)) };
    let estimate = |metric: &&'static Metric| {
        let value = |model: &RankedRows| metric.compute(model);
        let rows = resampled.metrics.get(metric.name).map(|found| row_interval(metric.name, found));
        let rows = rows.unwrap_or_else(|| Err(Undefined::new(NO_COMMON_ROWS)));
        (metric.name.to_string(), seedless(models.iter().map(value), rows))
    };
    metrics.iter().map(estimate).collect()
}

/// The mean over splits, without anything over seeds.
fn seedless(splits: impl Iterator<Item = Defined<f64>>, ci_rows: Defined<Interval>) -> MetricEstimate {
    let (values, reasons): (Vec<_>, Vec<_>) = splits.partition(Result::is_ok);
    match mean(values.into_iter().flatten()) {
        None => {
            let reason = reasons.into_iter().find_map(Result::err);
            MetricEstimate::absent(reason.unwrap_or_else(|| Undefined::new(UNDEFINED)))
        }
        Some(mean) => MetricEstimate {
            mean: Ok(mean),
            sd: None,
            ci: Err(Undefined::new("a ranking without seeds")),
            ci_rows,
            ci_both: Err(Undefined::new("a ranking without seeds")),
            sd_rows: None,
            per_seed: BTreeMap::new(),
        },
    }
}
