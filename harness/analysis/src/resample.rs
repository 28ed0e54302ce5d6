//! What is estimated, and how much the test rows decide: a bootstrap that draws rows once for all models.

use super::estimate::LEVEL;
use super::evidence::Evidence;
use super::shown::CURVES;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use valor_base::question::Question;
use valor_base::seed::Seeds;
use valor_stats::metrics::{self, Defined, Metric, RankedRows, Undefined, WeightedForm};
use valor_stats::stats::{
    Interval, Law, LinearDraws, Resampled, RowBootstrap, RowDraws, SeedInterval, bootstrap_rows,
    linearise_rows,
};

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
    pub metrics: BTreeMap<String, Defined<Resampled>>,
    /// By title the curve of every resample; none where rows are not resampled.
    pub curves: BTreeMap<&'static str, Vec<Vec<f64>>>,
}

/// Resamples unless rows and runs are too many.
const RESAMPLES: u64 = 2_000;
/// So many times fewer visits of rows are left to groups of rows.
const SEGMENTED: u64 = 4;
/// Fewest resamples.
const FEWEST: u64 = 200;
/// Rows that all resamples of all runs may visit.
const VISITS: u64 = 50_000_000_000;
/// Rows that all resamples of one run may visit.
const DRAWN: u64 = 300_000_000;
/// Fewest resamples of very many rows.
const FEWEST_OF_MANY: u64 = 100;
/// Test rows of a run from which on metrics are linearised instead of resampled.
const LINEAR_FROM: u64 = 20_000;
/// Resamples of curves, for their bands, where metrics are linearised.
const RESAMPLED_CURVES: usize = 64;

/// Which metrics are reported and which of them are resampled, the same for all models of a report.
#[derive(Clone, Debug)]
pub struct EstimationPlan {
    /// Metrics to report, those of the table first.
    pub names: Vec<String>,
    table: Vec<String>,
    /// How intervals over seeds are made.
    pub over_seeds: SeedInterval,
    /// How metrics follow their rows.
    law: Law,
    bootstrap: RowBootstrap,
    drawn: Arc<Mutex<BTreeMap<usize, Arc<RowDraws>>>>,
    linear: Arc<Mutex<BTreeMap<usize, Arc<LinearDraws>>>>,
}

/// How many rows are to be resampled.
#[derive(Clone, Copy, Debug)]
pub struct Visits {
    /// What the rows are asked.
    pub asks: Question,
    /// Sum over runs of their test rows.
    pub all: u64,
    /// Most test rows of a run.
    pub most: u64,
}

impl Visits {
    /// What one resample of all asked runs would visit.
    pub fn of(evidence: &Evidence) -> Self {
        let none = Self { asks: evidence.experiment.asks(), all: 0, most: 0 };
        evidence.cells.iter().fold(none, |visits, cell| {
            let rows = evidence.evaluations(cell.dataset).values().map(|rows| rows.outcome.len()).max();
            let rows = rows.unwrap_or(0) as u64;
            Self { all: visits.all + rows * cell.runs.len() as u64, most: visits.most.max(rows), ..visits }
        })
    }

    /// Of no runs.
    pub fn none(asks: Question) -> Self {
        Self { asks, all: 0, most: 0 }
    }

    /// Few rows are resampled, many linearised; metrics of a value have no influence functions.
    fn law(self) -> Law {
        match self.asks {
            Question::Uplift if self.most >= LINEAR_FROM => Law::Linear,
            Question::Uplift | Question::Value => Law::Drawn,
        }
    }
}

impl EstimationPlan {
    /// 2,000 resamples, or as many as keep rows x resamples in bounds, for all runs and for each. Where a run has at least 20,000 test
    /// rows, metrics of rows with a treatment are linearised, all of the report alike, and only curves are resampled.
    pub fn new(names: Vec<String>, table: Vec<String>, over_seeds: SeedInterval, visits: Visits) -> Self {
        let law = visits.law();
        let bootstrap =
            RowBootstrap { resamples: resamples(visits), seeds: Seeds::new(0).child("row-bootstrap") };
        Self { names, table, over_seeds, law, bootstrap, drawn: Arc::default(), linear: Arc::default() }
    }

    /// The same for groups of the rows, with draws of its own and fewer of them: every grouping visits all rows once more.
    #[must_use]
    pub fn of_segments(&self, visits: Visits) -> Self {
        let fewer = Visits { all: visits.all.saturating_mul(SEGMENTED), ..visits };
        Self::new(self.names.clone(), self.table.clone(), self.over_seeds, fewer)
    }

    /// The linear draws of so many rows, likewise.
    fn linear_draws(&self, rows: usize) -> Arc<LinearDraws> {
        let mut drawn = self.linear.lock().unwrap_or_else(PoisonError::into_inner);
        let seeds = Seeds::new(0).child("linear-draws");
        let draws = || Arc::new(LinearDraws::new(rows, RESAMPLES as usize, &seeds));
        Arc::clone(drawn.entry(rows).or_insert_with(draws))
    }

    /// The resamples of so many rows: drawn when first asked for, then shared.
    pub fn draws(&self, rows: usize) -> Arc<RowDraws> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let draws = drawn.entry(rows).or_insert_with(|| Arc::new(RowDraws::new(rows, &self.bootstrap)));
        Arc::clone(draws)
    }

    /// Whether the table shows a metric.
    pub fn in_table(&self, name: &str) -> bool {
        self.table.iter().any(|shown| shown == name)
    }

    /// The reported metrics that this version knows.
    pub fn registered(&self) -> Vec<&'static Metric> {
        self.names.iter().filter_map(|name| metrics::find(name).ok()).collect()
    }

    /// Each metric and curve averaged over `models`, which were judged on the same rows, under every resample; metrics linearised
    /// where there are many rows.
    pub fn resample(&self, models: &[RankedRows]) -> Resamples {
        let followed = |metric: &&'static Metric| self.refusal(metric).is_none();
        let chosen: Vec<&Metric> = self.registered().into_iter().filter(followed).collect();
        let rows = models.first().map_or(0, RankedRows::rows);
        let found = match self.law {
            Law::Drawn => bootstrap_rows(models, &chosen, &self.draws(rows)).map(|found| {
                let metrics = found.metrics.into_iter().map(|(name, found)| (name, Ok(found)));
                (metrics.collect::<BTreeMap<_, _>>(), found.curves)
            }),
            Law::Linear => linearise_rows(models, &chosen, &self.linear_draws(rows)).and_then(|metrics| {
                let curves = bootstrap_rows(models, &[], &self.draws(rows))?;
                Ok((metrics, curves.curves))
            }),
        };
        let (mut resampled, curves) = match found {
            Ok(found) => found,
            Err(error) => return self.refuse(&Undefined(format!("{error:#}"))),
        };
        let mut found = |name: &String| {
            let metric = metrics::find(name).map_err(|error| Undefined(error.to_string()))?;
            let found = resampled.remove(name);
            found.unwrap_or_else(|| Err(Undefined::new(self.refusal(metric).unwrap_or(NO_WEIGHTS))))
        };
        let metrics = self.names.iter().map(|name| (name.clone(), found(name))).collect();
        let curves = CURVES.iter().map(|kind| kind.title).zip(curves).collect();
        Resamples { metrics, curves, evaluation: String::new() }
    }

    /// The same reason for every metric.
    pub fn refuse(&self, reason: &Undefined) -> Resamples {
        let metrics = self.names.iter().map(|name| (name.clone(), Err(reason.clone()))).collect();
        Resamples { metrics, ..Resamples::default() }
    }

    fn refusal(&self, metric: &Metric) -> Option<&'static str> {
        match metric.weighted_form() {
            WeightedForm::Absent => Some(NO_WEIGHTS),
            WeightedForm::Exact | WeightedForm::Linearised => {
                (!self.in_table(metric.name)).then_some(NOT_IN_TABLE)
            }
        }
    }
}

/// The interval over rows of a metric.
pub fn row_interval(name: &str, resampled: &Defined<Resampled>) -> Defined<Interval> {
    let interval = resampled.as_ref().map_err(Undefined::clone)?.interval(LEVEL)?;
    let first_order = resampled.as_ref().is_ok_and(|found| found.law == Law::Drawn)
        && metrics::find(name).is_ok_and(|metric| metric.weighted_form() == WeightedForm::Linearised);
    let note = first_order.then(|| "rank correlation, followed to first order".to_string());
    Ok(Interval { note: interval.note.clone().or(note), ..interval })
}

/// 2,000, or as many as keep the rows that are visited in bounds: at least 200, above 1,500,000 rows at least 100; 64 where only
/// curves are resampled.
pub fn resamples(visits: Visits) -> usize {
    if visits.law() == Law::Linear {
        return RESAMPLED_CURVES;
    }
    let of_one = (DRAWN / visits.most.max(1)).max(FEWEST_OF_MANY);
    (VISITS / visits.all.max(1)).clamp(FEWEST, RESAMPLES).min(of_one) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_usual_size_gets_all_resamples_and_a_huge_one_fewer() {
        let asked =
            |asks, runs: u64, most: u64| resamples(Visits { asks, all: runs.saturating_mul(most), most });
        assert_eq!(asked(Question::Uplift, 3 * 42 * 5, 8_000), 2_000);
        assert_eq!(asked(Question::Uplift, 3 * 42 * 5, 19_999), 2_000);
        assert_eq!(asked(Question::Uplift, 3 * 42 * 5, 20_000), 64, "curves alone");
        let resamples = |runs: u64, most: u64| asked(Question::Value, runs, most);
        assert_eq!(resamples(0, 0), 2_000);
        assert_eq!(resamples(3 * 16 * 5, 47_284), 2_000);
        assert_eq!(resamples(60 * 5, 600_000), 277);
        assert_eq!(resamples(2, 600_000), 500);
        assert_eq!(resamples(1, 3_000_000), 100);
        assert_eq!(resamples(u64::MAX, 1), 200);
    }
}
