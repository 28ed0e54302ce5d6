//! Rankings that no method made, judged on the same rows.

use super::cell::ReferenceView;
use super::curve::Line;
use super::estimate::Estimate;
use super::judge::{judged, wide};
use super::resample::Resampling;
use super::study::{CURVE_POINTS, average};
use super::times::mean;
use crate::metrics::curve::{CurvePoint, qini_curve, uplift_curve};
use crate::metrics::{Judged, Metric, Prepared, RandomValue, random_reference};
use crate::record::{EvaluationRows, Predictions};
use crate::seed::Seeds;
use anyhow::Result;
use std::collections::BTreeMap;

/// Rows that the permutations of one random reference may rank altogether: fewer permutations of more rows.
const PERMUTED_ROWS: usize = 10_000_000;
const RANDOM: &str = "random";

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
pub fn references(
    dataset: &str,
    splits: &[Judgement],
    metrics: &[&'static Metric],
    resampling: &Resampling,
) -> Result<References> {
    let ranked = splits.iter().map(rankers).collect::<Result<Vec<_>>>()?;
    let random = splits.iter().map(|split| random(split.rows, metrics)).collect::<Result<Vec<_>>>()?;
    let mut found = References::default();
    for (name, _) in ranked.first().into_iter().flatten() {
        let find = |split: &'_ Vec<(&str, Prepared)>| split.iter().position(|(other, _)| other == name);
        let of: Vec<&Prepared> = ranked.iter().filter_map(|split| Some(&split[find(split)?].1)).collect();
        let rows =
            if *name == RANDOM { BTreeMap::new() } else { resampling.intervals_of_one_split(&of, metrics) };
        let estimate = |metric: &&'static Metric| {
            let estimate = match rows.get(metric.name) {
                None if *name == RANDOM => {
                    random_estimate(random.iter().filter_map(|split| split.get(metric.name)))
                }
                rows => fixed(&of, metric, rows.cloned()),
            };
            (metric.name.to_string(), estimate)
        };
        found.views.push(ReferenceView {
            dataset: dataset.to_string(),
            ranker: (*name).to_string(),
            metrics: metrics.iter().map(estimate).collect(),
        });
        found.uplift.push(line(name, &of, uplift_curve));
        found.qini.push(line(name, &of, qini_curve));
    }
    Ok(found)
}

/// From the worst to the best that can be expected; the constant score of `random` is its expectation.
fn rankers(split: &Judgement) -> Result<Vec<(&'static str, Prepared)>> {
    let rows = split.rows;
    let plain = |score: &[f64]| Prepared::new(&judged(rows, score));
    let mut found = vec![(RANDOM, plain(&vec![0.0; rows.outcome.len()])?)];
    match &rows.expected_control {
        Some(control) => found.push(("prognostic", plain(control)?)),
        None => {
            if let Some(control) = fitted(&split.baseline) {
                found.push(("prognostic (fitted)", plain(&control)?));
            }
        }
    }
    if let (Some(control), Some(treated)) = (&rows.expected_control, &rows.expected_treated) {
        let ratio = |(control, treated): (&f64, &f64)| floor(*treated).ln() - floor(*control).ln();
        found.push(("log-ratio", plain(&control.iter().zip(treated).map(ratio).collect::<Vec<_>>())?));
    }
    if let Some(effect) = &rows.effect {
        found.push((
            "oracle",
            Prepared::new(&Judged {
                predicted_uplift: Some(effect),
                predicted_control: rows.expected_control.as_deref(),
                predicted_treated: rows.expected_treated.as_deref(),
                ..judged(rows, effect)
            })?,
        ));
    }
    Ok(found)
}

/// An expectation of zero has no logarithm: it counts as the smallest positive number.
fn floor(expectation: f64) -> f64 {
    expectation.max(f64::MIN_POSITIVE)
}

/// The outcome that the baseline method expects without treatment, averaged over its seeds.
fn fitted(baseline: &[&Predictions]) -> Option<Vec<f64>> {
    let seeds: Vec<Vec<f64>> =
        baseline.iter().map(|predictions| wide(&predictions.expected_control)).collect();
    let rows = seeds.first()?.len();
    let score: Vec<f64> =
        (0..rows).filter_map(|row| mean(seeds.iter().filter_map(|seed| seed.get(row).copied()))).collect();
    score.iter().all(|value| value.is_finite()).then_some(score)
}

fn random(rows: &EvaluationRows, metrics: &[&'static Metric]) -> Result<BTreeMap<String, RandomValue>> {
    let names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
    let permutations = (PERMUTED_ROWS / rows.outcome.len().max(1)).clamp(20, 200);
    let blank = vec![0.0; rows.outcome.len()];
    random_reference(&judged(rows, &blank), &names, permutations, &Seeds::new(0).child("random-reference"))
}

/// The expectation, with the standard deviation over permutations; several splits are averaged.
fn random_estimate<'a>(splits: impl Iterator<Item = &'a RandomValue>) -> Estimate {
    let splits: Vec<&RandomValue> = splits.collect();
    let reason = splits.iter().find_map(|split| split.value.reason.clone());
    let Some(value) = mean(splits.iter().filter_map(|split| split.value.value)) else {
        return Estimate::absent(reason.unwrap_or_else(|| "undefined".to_string()));
    };
    Estimate {
        mean: Some(value),
        sd: mean(splits.iter().filter_map(|split| split.sd).map(|sd| sd * sd)).map(f64::sqrt),
        ci: Err("a ranking without seeds".to_string()),
        ci_rows: Err("an expectation; its standard deviation is over permutations".to_string()),
        per_seed: BTreeMap::new(),
        reason: None,
    }
}

/// A ranking that needs no training; several splits are averaged.
fn fixed(splits: &[&Prepared], metric: &Metric, rows: Option<super::estimate::Bounds>) -> Estimate {
    let values: Vec<_> = splits.iter().map(|prepared| metric.compute(prepared)).collect();
    let Some(value) = mean(values.iter().filter_map(|value| value.as_ref().ok().copied())) else {
        let reason = values.iter().find_map(|value| value.as_ref().err()).map(ToString::to_string);
        return Estimate::absent(reason.unwrap_or_else(|| "undefined".to_string()));
    };
    Estimate {
        mean: Some(value),
        sd: None,
        ci: Err("a ranking without seeds".to_string()),
        ci_rows: rows.unwrap_or_else(|| Err(format!("{} has no weighted form", metric.name))),
        per_seed: BTreeMap::new(),
        reason: None,
    }
}

fn line(name: &str, splits: &[&Prepared], curve: fn(&Prepared, usize) -> Vec<CurvePoint>) -> Line {
    let curves: Vec<_> = splits.iter().map(|prepared| curve(prepared, CURVE_POINTS)).collect();
    Line { name: name.to_string(), values: average(&curves) }
}
