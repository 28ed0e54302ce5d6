//! What is estimated, and how much the test rows decide: a bootstrap that draws rows once for all models.

use super::estimate::{Bounds, LEVEL};
use crate::metrics::{self, Metric, Prepared, WeightedForm};
use crate::seed::Seeds;
use crate::spec::Experiment;
use crate::stats::{Interval, Resampled, RowBootstrap, SeedInterval, bootstrap_rows};
use std::collections::BTreeMap;

/// Why there is no interval over rows when every seed draws its own split.
pub const NO_COMMON_ROWS: &str = "every seed has its own test rows: there are no common rows to resample";
const NO_WEIGHTS: &str = "not defined for rows that count several times";
const NOT_IN_TABLE: &str = "only the metrics of the table are resampled";

/// Metrics of the models of a cell under every resample of the rows that they share.
#[derive(Clone, Debug, Default)]
pub struct Resamples {
    /// Which rows.
    pub evaluation: String,
    /// By metric, or why there are none.
    pub metrics: BTreeMap<String, Result<Resampled, String>>,
}

/// Resamples unless rows and runs are too many.
const RESAMPLES: u64 = 2_000;
/// Fewest resamples.
const FEWEST: u64 = 200;
/// Rows that all resamples of all runs may visit.
const VISITS: u64 = 50_000_000_000;

/// Which metrics are reported and which of them are resampled, the same for all models of a report.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Metrics to report, those of the table first.
    pub names: Vec<String>,
    table: Vec<String>,
    /// How intervals over seeds are made.
    pub over_seeds: SeedInterval,
    bootstrap: RowBootstrap,
}

impl Plan {
    /// 2,000 resamples, or as many as keep rows x runs x resamples in bounds, at least 200. `visits` is the sum
    /// over runs of their test rows.
    pub fn new(names: Vec<String>, asked: &Experiment, visits: u64) -> Self {
        let resamples = resamples(visits);
        let bootstrap = RowBootstrap { resamples, seeds: Seeds::new(0).child("row-bootstrap") };
        Self { names, table: asked.metrics.clone(), over_seeds: asked.interval, bootstrap }
    }

    /// The reported metrics that this version knows.
    pub fn registered(&self) -> Vec<&'static Metric> {
        self.names.iter().filter_map(|name| metrics::find(name).ok()).collect()
    }

    /// Each metric averaged over `models`, which were judged on the same rows, under every resample.
    pub fn resample(&self, models: &[Prepared]) -> BTreeMap<String, Result<Resampled, String>> {
        let followed = |metric: &&'static Metric| self.refusal(metric).is_none();
        let chosen: Vec<&Metric> = self.registered().into_iter().filter(followed).collect();
        let mut resampled =
            bootstrap_rows(models, &chosen, &self.bootstrap).map_err(|error| format!("{error:#}"));
        let mut found = |name: &String| {
            let metric = metrics::find(name).map_err(|error| error.to_string())?;
            let found = resampled.as_mut().map_err(|error| error.clone())?.remove(name);
            found.ok_or_else(|| self.refusal(metric).unwrap_or(NO_WEIGHTS).to_string())
        };
        self.names.iter().map(|name| (name.clone(), found(name))).collect()
    }

    /// The same reason for every metric.
    pub fn refuse(&self, reason: &str) -> BTreeMap<String, Result<Resampled, String>> {
        self.names.iter().map(|name| (name.clone(), Err(reason.to_string()))).collect()
    }

    fn refusal(&self, metric: &Metric) -> Option<&'static str> {
        match metric.weighted_form() {
            WeightedForm::Absent => Some(NO_WEIGHTS),
            WeightedForm::Exact | WeightedForm::Linearised => {
                (!self.table.iter().any(|name| name == metric.name)).then_some(NOT_IN_TABLE)
            }
        }
    }
}

/// The interval over rows of a metric.
pub fn row_interval(name: &str, resampled: &Result<Resampled, String>) -> Bounds {
    let interval = resampled.as_ref()?.interval(LEVEL).map_err(|undefined| undefined.to_string())?;
    let first_order =
        metrics::find(name).is_ok_and(|metric| metric.weighted_form() == WeightedForm::Linearised);
    let note = first_order.then(|| "rank correlation, followed to first order".to_string());
    Ok(Interval { note: interval.note.clone().or(note), ..interval })
}

fn resamples(visits: u64) -> usize {
    (VISITS / visits.max(1)).clamp(FEWEST, RESAMPLES) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_usual_size_gets_all_resamples_and_a_huge_one_fewer() {
        assert_eq!(resamples(0), 2_000);
        assert_eq!(resamples(3 * 16 * 5 * 47_284), 2_000);
        assert_eq!(resamples(60 * 5 * 600_000), 277);
        assert_eq!(resamples(u64::MAX), 200);
    }
}
