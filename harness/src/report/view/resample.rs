//! How much the test rows decide: a bootstrap that draws rows once for all models.

use super::estimate::{Bounds, Interval};
use super::times::mean;
use crate::metrics::{Metric, Prepared, weighted};
use crate::seed::Seeds;
use rand::Rng;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Resamples unless rows and runs are too many.
const RESAMPLES: usize = 2_000;
/// Fewest resamples.
const FEWEST: usize = 200;
/// Rows that all resamples of all runs may visit.
const VISITS: u64 = 50_000_000_000;

/// A plan of resampling, shared by all models of a report.
#[derive(Clone, Copy, Debug)]
pub struct Resampling {
    resamples: usize,
    seeds: Seeds,
}

impl Resampling {
    /// 2,000 resamples, or as many as keep rows x runs x resamples in bounds, at least 200. `visits` is the
    /// sum over runs of their test rows.
    pub fn plan(visits: u64) -> Self {
        let affordable = (VISITS / visits.max(1)) as usize;
        Self { resamples: affordable.clamp(FEWEST, RESAMPLES), seeds: Seeds::new(0).child("row-bootstrap") }
    }

    /// Intervals of each metric averaged over `models`, which were judged on the same rows.
    pub fn intervals(&self, models: &[&Prepared], metrics: &[&Metric]) -> BTreeMap<String, Bounds> {
        let metrics: Vec<&Metric> =
            metrics.iter().filter(|metric| metric.has_weighted_form()).copied().collect();
        let Some(first) = models.first() else { return BTreeMap::new() };
        let rows = first.rows();
        let draws: Vec<Vec<Option<f64>>> = (0..self.resamples as u64)
            .into_par_iter()
            .map(|index| averages(models, &metrics, &draw(rows, &self.seeds.at(index))))
            .collect();
        let bounds = |(index, metric): (usize, &&Metric)| {
            let values: Vec<f64> = draws.iter().filter_map(|draw| draw[index]).collect();
            (metric.name.to_string(), self.percentiles(values))
        };
        metrics.iter().enumerate().map(bounds).collect()
    }

    /// The same for a ranking judged on `splits`; refused when there are several.
    pub fn intervals_of_one_split(
        &self,
        splits: &[&Prepared],
        metrics: &[&Metric],
    ) -> BTreeMap<String, Bounds> {
        if splits.len() <= 1 {
            return self.intervals(splits, metrics);
        }
        let refuse = |metric: &&Metric| {
            let reason = "every seed has its own test rows: there are no common rows to resample";
            (metric.name.to_string(), Err(reason.to_string()))
        };
        metrics.iter().map(refuse).collect()
    }

    fn percentiles(&self, mut values: Vec<f64>) -> Bounds {
        if values.len() < self.resamples {
            return Err(format!(
                "undefined in {} of {} resamples",
                self.resamples - values.len(),
                self.resamples
            ));
        }
        values.sort_by(f64::total_cmp);
        Ok(Interval {
            low: quantile(&values, 0.025),
            high: quantile(&values, 0.975),
            method: "percentile bootstrap over test rows".to_string(),
            resamples: Some(self.resamples),
        })
    }
}

/// Each metric's mean over models; absent when it is undefined for one of them.
fn averages(models: &[&Prepared], metrics: &[&Metric], weights: &[u8]) -> Vec<Option<f64>> {
    let values: Vec<_> = models.iter().map(|model| weighted(model, metrics, weights)).collect();
    let of = |index: usize| {
        values.iter().map(move |values| values.as_ref().ok()?.get(index)?.as_ref().ok().copied())
    };
    (0..metrics.len())
        .map(|index| of(index).collect::<Option<Vec<f64>>>().and_then(|all| mean(all.into_iter())))
        .collect()
}

/// How often each row is drawn in `rows` draws with replacement.
fn draw(rows: usize, seeds: &Seeds) -> Vec<u8> {
    let mut stream = seeds.stream();
    let mut counts = vec![0u8; rows];
    for _ in 0..rows {
        let row = stream.random_range(0..rows);
        counts[row] = counts[row].saturating_add(1);
    }
    counts
}

/// Linear interpolation between order statistics.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let position = level * (sorted.len() - 1) as f64;
    let (below, share) = (position.floor() as usize, position.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + share * (sorted[above] - sorted[below])
}
