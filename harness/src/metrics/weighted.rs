//! Metrics of rows that count several times, in O(n) and without a new sort: for the bootstrap.

use super::judged::Prepared;
use super::registry::{Compute, Metric, Undefined, Value, finite, no_propensity};
use super::sweep::Sweep;

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

/// The metrics of the rows repeated `weights` times; `weights` in the order of the input rows.
///
/// Equals the metric of physically repeated rows. Metrics without a weighted form are undefined.
///
/// # Errors
///
/// Internal: `weights` has another length than the rows.
pub fn weighted(prepared: &Prepared, metrics: &[&Metric], weights: &[u8]) -> anyhow::Result<Vec<Value>> {
    anyhow::ensure!(
        weights.len() == prepared.rows(),
        "{} weights for {} rows",
        weights.len(),
        prepared.rows()
    );
    let ranked = prepared.ranking.gather(weights);
    let sweep = |steps| Sweep::weighted(&prepared.ranking, steps, prepared.effect.is_some(), &ranked);
    let needs = |wanted: fn(&Compute) -> bool| metrics.iter().any(|metric| wanted(&metric.compute));
    let observed = needs(|c| matches!(c, Compute::Observed(_))).then(|| sweep(&prepared.observed));
    let inverse = prepared.inverse.as_ref().filter(|_| needs(|c| matches!(c, Compute::Inverse(_))));
    let inverse = inverse.map(|steps| sweep(steps));
    let ranked = Weights::Ranked(ranked);
    let value = |metric: &&Metric| match metric.compute {
        Compute::Observed(compute) => observed.as_ref().map_or_else(no_propensity, compute),
        Compute::Inverse(compute) => inverse.as_ref().map_or_else(no_propensity, compute),
        Compute::Means(compute) => compute(prepared, &ranked),
        Compute::Ranked(_) => Err(Undefined(format!("{} has no weighted form", metric.name))),
    };
    Ok(metrics.iter().map(|metric| finite(value(metric))).collect())
}
