//! How much the test rows decide: a bootstrap that draws rows once for all models.

use super::estimate::{Bounds, LEVEL};
use crate::metrics::{Metric, Prepared, WeightedForm};
use crate::seed::Seeds;
use crate::stats::{Interval, RowBootstrap, bootstrap_rows};
use std::collections::BTreeMap;

/// Why a metric has no interval over rows.
pub const NO_WEIGHTS: &str = "not defined for rows that count several times";
/// Why no metric has one.
pub const NO_COMMON_ROWS: &str = "every seed has its own test rows: there are no common rows to resample";
/// Resamples unless rows and runs are too many.
const RESAMPLES: u64 = 2_000;
/// Fewest resamples.
const FEWEST: u64 = 200;
/// Rows that all resamples of all runs may visit.
const VISITS: u64 = 50_000_000_000;

/// A plan of resampling, shared by all models of a report: 2,000 resamples, or as many as keep
/// rows x runs x resamples in bounds, at least 200. `visits` is the sum over runs of their test rows.
pub fn plan(visits: u64) -> RowBootstrap {
    let resamples = (VISITS / visits.max(1)).clamp(FEWEST, RESAMPLES) as usize;
    RowBootstrap { resamples, seeds: Seeds::new(0).child("row-bootstrap") }
}

/// Intervals of each metric averaged over `models`, which were judged on the same rows. A metric that cannot be
/// resampled is absent.
pub fn row_intervals(
    models: &[Prepared],
    metrics: &[&Metric],
    plan: &RowBootstrap,
) -> BTreeMap<String, Bounds> {
    let followed = |metric: &&&Metric| metric.weighted_form() != WeightedForm::Absent;
    let metrics: Vec<&Metric> = metrics.iter().filter(followed).copied().collect();
    let resampled = bootstrap_rows(models, &metrics, plan);
    let bounds = |metric: &&Metric| {
        let found = resampled.as_ref().map_err(|error| format!("{error:#}"));
        let found = found.and_then(|found| found.get(metric.name).ok_or_else(|| NO_WEIGHTS.to_string()));
        let interval =
            found.and_then(|found| found.interval(LEVEL).map_err(|undefined| undefined.to_string()));
        (metric.name.to_string(), interval.map(|interval| explained(interval, metric)))
    };
    metrics.iter().map(bounds).collect()
}

fn explained(interval: Interval, metric: &Metric) -> Interval {
    let first_order = metric.weighted_form() == WeightedForm::Linearised;
    let note = first_order.then(|| "rank correlation, followed to first order".to_string());
    Interval { note: interval.note.clone().or(note), ..interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_usual_size_gets_all_resamples_and_a_huge_one_fewer() {
        assert_eq!(plan(0).resamples, 2_000);
        assert_eq!(plan(3 * 16 * 5 * 47_284).resamples, 2_000);
        assert_eq!(plan(60 * 5 * 600_000).resamples, 277);
        assert_eq!(plan(u64::MAX).resamples, 200);
    }
}
