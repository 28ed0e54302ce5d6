//! Rankings that no method made, judged on the same rows.

use super::cell::ReferenceView;
use super::curve::curves;
use super::curve::{Line, average};
use super::estimate::mean;
use super::estimate::{Bounds, MetricEstimate};
use super::resample::{EstimationPlan, NO_COMMON_ROWS, row_interval};
use anyhow::Result;
use std::collections::BTreeMap;
use valor_base::question::{Arms, Question};
use valor_base::seed::Seeds;
use valor_runs::record::{EvaluationRows, Predictions};
use valor_stats::metrics::curve::{qini_curve, uplift_curve};
use valor_stats::metrics::{Metric, RandomValue, RankedRows, ScoredRows, random_reference};

/// Rows that the permutations of one random reference may rank altogether: fewer permutations of more rows.
const PERMUTED_ROWS: usize = 10_000_000;
const RANDOM: &str = "random";
const PROGNOSTIC: &str = "prognostic";
const FITTED: &str = "prognostic (fitted)";
const LOG_RATIO: &str = "log-ratio";
/// The ranking by the true effect.
pub const ORACLE: &str = "oracle";

/// In the order of the table: from knowing nothing to knowing everything.
pub const RANKERS: [&str; 5] = [RANDOM, PROGNOSTIC, FITTED, LOG_RATIO, ORACLE];

/// Test rows of a dataset with what the baseline method said of them, a prediction per seed.
pub struct Judgement<'a> {
    /// The rows.
    pub rows: &'a EvaluationRows,
    /// The baseline method's predictions.
    pub baseline: Vec<&'a Predictions>,
}

/// The reference rows of a dataset, and their curves.
#[derive(Default)]
pub struct References {
    /// For the table.
    pub views: Vec<ReferenceView>,
    /// Uplift curves.
    pub uplift: Vec<Line>,
    /// Qini curves.
    pub qini: Vec<Line>,
}

/// Judges the references on every split of a dataset; several splits are averaged.
pub fn references(dataset: &str, splits: &[Judgement], plan: &EstimationPlan) -> Result<References> {
    let metrics = plan.registered();
    let mut ranked = splits.iter().map(rankers).collect::<Result<Vec<_>>>()?;
    let random = splits.iter().map(|split| random(split.rows, &metrics, plan)).collect::<Result<Vec<_>>>()?;
    let names: Vec<&'static str> =
        ranked.first().into_iter().flat_map(|split| split.keys().copied()).collect();
    let mut found = References::default();
    for name in RANKERS.into_iter().filter(|name| names.contains(name)) {
        let models: Vec<RankedRows> = ranked.iter_mut().filter_map(|split| split.remove(name)).collect();
        let metrics = match name {
            RANDOM => {
                metrics.iter().map(|metric| (metric.name.to_string(), expected(&random, metric))).collect()
            }
            _ => fixed(&models, &metrics, plan),
        };
        found.views.push(ReferenceView { dataset: dataset.to_string(), ranker: name.to_string(), metrics });
        if splits.iter().any(|split| split.rows.question() == Question::Value) {
            continue;
        }
        found.uplift.push(Line { name: name.to_string(), values: average(&curves(&models, uplift_curve)) });
        found.qini.push(Line { name: name.to_string(), values: average(&curves(&models, qini_curve)) });
    }
    Ok(found)
}

/// Scores by name; the constant score of `random` has the curve of its expectation.
fn rankers(split: &Judgement) -> Result<BTreeMap<&'static str, RankedRows>> {
    let rows = split.rows;
    let plain = |score: &[f64]| RankedRows::new(&rows.judged(score));
    let mut found = BTreeMap::from([(RANDOM, plain(&vec![0.0; rows.outcome.len()])?)]);
    match &rows.expected {
        Some(Arms::Two { control, .. }) => drop(found.insert(PROGNOSTIC, plain(control)?)),
        Some(Arms::One(expected)) => drop(found.insert(ORACLE, plain(expected)?)),
        None => {
            if let Some(control) = fitted(&split.baseline) {
                found.insert(FITTED, plain(&control)?);
            }
        }
    }
    let two = rows.expected.as_ref().and_then(Arms::two);
    if let Some((control, treated)) = two {
        let ratio = |(control, treated): (&f64, &f64)| floor(*treated).ln() - floor(*control).ln();
        found.insert(LOG_RATIO, plain(&control.iter().zip(treated).map(ratio).collect::<Vec<_>>())?);
    }
    if let Some(effect) = &rows.effect {
        let oracle = ScoredRows {
            predicted_uplift: Some(effect),
            predicted_control: two.map(|(control, _)| control.as_slice()),
            predicted_treated: two.map(|(_, treated)| treated.as_slice()),
            ..rows.judged(effect)
        };
        found.insert(ORACLE, RankedRows::new(&oracle)?);
    }
    Ok(found)
}

/// An expectation of zero has no logarithm: it counts as the smallest positive number.
fn floor(expectation: f64) -> f64 {
    expectation.max(f64::MIN_POSITIVE)
}

/// The outcome that the baseline method expects without treatment, averaged over its seeds; nothing where there is no treatment.
fn fitted(baseline: &[&Predictions]) -> Option<Vec<f64>> {
    let wide = |values: &Vec<f32>| values.iter().map(|value| f64::from(*value)).collect();
    let seeds: Vec<Vec<f64>> =
        baseline.iter().filter_map(|predictions| predictions.expected.control().map(wide)).collect();
    let rows = seeds.first()?.len();
    let score: Vec<f64> =
        (0..rows).filter_map(|row| mean(seeds.iter().filter_map(|seed| seed.get(row).copied()))).collect();
    score.iter().all(|value| value.is_finite()).then_some(score)
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
    let values = splits.iter().map(|split| split.value.value.ok_or_else(|| split.value.reason.clone()));
    let variance = mean(splits.iter().filter_map(|split| split.sd).map(|sd| sd * sd));
    let rows = Err("an expectation; its standard deviation is over permutations".to_string());
    MetricEstimate { sd: variance.map(f64::sqrt), ..seedless(values, rows) }
}

/// A ranking that needs no training, judged on each split.
fn fixed(
    models: &[RankedRows],
    metrics: &[&'static Metric],
    plan: &EstimationPlan,
) -> BTreeMap<String, MetricEstimate> {
    let resampled = if models.len() == 1 { plan.resample(models) } else { plan.refuse(NO_COMMON_ROWS) };
    let estimate = |metric: &&'static Metric| {
        let value =
            |model: &RankedRows| metric.compute(model).map_err(|undefined| Some(undefined.to_string()));
        let rows = resampled.metrics.get(metric.name).map(|found| row_interval(metric.name, found));
        let rows = rows.unwrap_or_else(|| Err(NO_COMMON_ROWS.to_string()));
        (metric.name.to_string(), seedless(models.iter().map(value), rows))
    };
    metrics.iter().map(estimate).collect()
}

/// The mean over splits, without anything over seeds.
fn seedless(splits: impl Iterator<Item = Result<f64, Option<String>>>, ci_rows: Bounds) -> MetricEstimate {
    let (values, reasons): (Vec<_>, Vec<_>) = splits.partition(Result::is_ok);
    match mean(values.into_iter().flatten()) {
        None => {
            let reason = reasons.into_iter().find_map(|reason| reason.err().flatten());
            MetricEstimate::absent(reason.unwrap_or_else(|| "undefined".to_string()))
        }
        mean => MetricEstimate {
            mean,
            sd: None,
            ci: Err("a ranking without seeds".to_string()),
            ci_rows,
            ci_both: Err("a ranking without seeds".to_string()),
            sd_rows: None,
            per_seed: BTreeMap::new(),
            reason: None,
        },
    }
}
