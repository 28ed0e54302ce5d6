//! Metrics of rows that count several times, in O(n) per set of weights and without a new sort: for the bootstrap.

use super::concordance::Concordance;
use super::judged::Prepared;
use super::registry::{Compute, Metric, Undefined, Value, finite, no_propensity};
use super::sweep::{Step, Sweep};

/// How often each row counts, by rank.
pub(super) enum Weights {
    /// Once.
    Ones,
    /// As given.
    Ranked(Vec<u8>),
}

impl Weights {
    /// Weight of the row at `rank`.
    pub(super) fn at(&self, rank: usize) -> f64 {
        match self {
            Self::Ones => 1.0,
            Self::Ranked(weights) => f64::from(weights[rank]),
        }
    }
}

/// How a metric follows the weights of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightedForm {
    /// Equals the metric of physically repeated rows.
    Exact,
    /// To first order in the weights: rank correlations, by their projection on single rows.
    Linearised,
    /// Not at all.
    Absent,
}

impl Metric {
    /// How `Resampler` computes it.
    pub fn weighted_form(&self) -> WeightedForm {
        match self.compute {
            Compute::Observed(_) | Compute::Inverse(_) | Compute::Means(_) => WeightedForm::Exact,
            Compute::Correlation(_) => WeightedForm::Linearised,
            Compute::Ranked(_) => WeightedForm::Absent,
        }
    }
}

/// One model, ready to be judged under many sets of row weights.
pub struct Resampler<'a> {
    prepared: &'a Prepared,
    metrics: Vec<&'a Metric>,
    /// One per metric; only rank correlations have one.
    concordances: Vec<Option<Result<Concordance, Undefined>>>,
}

impl<'a> Resampler<'a> {
    /// Prepares what does not depend on the weights.
    pub fn new(prepared: &'a Prepared, metrics: &[&'a Metric]) -> Self {
        let concordance = |metric: &&Metric| match metric.compute {
            Compute::Correlation(column) => {
                Some(column(prepared).map(|truth| Concordance::new(prepared, truth)))
            }
            _ => None,
        };
        Self { prepared, metrics: metrics.to_vec(), concordances: metrics.iter().map(concordance).collect() }
    }

    /// One value per metric for rows that count `weights` times; `weights` in the order of the input rows.
    ///
    /// # Errors
    ///
    /// Internal: `weights` has another length than the rows.
    pub fn values(&self, weights: &[u8]) -> anyhow::Result<Vec<Value>> {
        let rows = self.prepared.rows();
        anyhow::ensure!(weights.len() == rows, "{} weights for {rows} rows", weights.len());
        let ranked = self.prepared.ranking.gather(weights);
        let observed = self
            .needs(|c| matches!(c, Compute::Observed(_)))
            .then(|| self.sweep(&self.prepared.observed, &ranked));
        let inverse =
            self.prepared.inverse.as_ref().filter(|_| self.needs(|c| matches!(c, Compute::Inverse(_))));
        let inverse = inverse.map(|steps| self.sweep(steps, &ranked));
        let weights = Weights::Ranked(ranked);
        let value = |(metric, concordance): (&&Metric, &Option<Result<Concordance, Undefined>>)| match metric
            .compute
        {
            Compute::Observed(compute) => observed.as_ref().map_or_else(|| absent(metric), compute),
            Compute::Inverse(compute) => inverse.as_ref().map_or_else(no_propensity, compute),
            Compute::Means(compute) => compute(self.prepared, &weights),
            Compute::Correlation(_) => match concordance {
                Some(Ok(concordance)) => concordance.tau_b(&weights),
                Some(Err(reason)) => Err(reason.clone()),
                None => absent(metric),
            },
            Compute::Ranked(_) => absent(metric),
        };
        Ok(self.metrics.iter().zip(&self.concordances).map(value).map(finite).collect())
    }

    fn needs(&self, wanted: fn(&Compute) -> bool) -> bool {
        self.metrics.iter().any(|metric| wanted(&metric.compute))
    }

    fn sweep(&self, steps: &[Step], ranked: &[u8]) -> Sweep {
        Sweep::new(&self.prepared.ranking, steps, self.prepared.effect.is_some(), Some(ranked))
    }
}

fn absent(metric: &Metric) -> Value {
    Err(Undefined(format!("{} has no weighted form", metric.name)))
}
