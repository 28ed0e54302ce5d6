//! Metrics of rows that count several times, in O(n) per set of weights and without a new sort: for the bootstrap.

use super::concordance::Concordance;
use super::judged::Prepared;
use super::registry::{Compute, Metric, Undefined, Value, finite, no_propensity};
use super::sweep::{Step, Sweep};
use std::cell::LazyCell;

/// How often each row counts, by rank.
pub(super) enum Weights<'a> {
    /// Once.
    Ones,
    /// As given.
    Ranked(&'a [u8]),
}

impl Weights<'_> {
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
    forms: Vec<Form>,
}

/// What is left to do for a metric once the weights are known.
enum Form {
    Observed(fn(&Sweep) -> Value),
    Inverse(fn(&Sweep) -> Value),
    Means(fn(&Prepared, &Weights) -> Value),
    Concordance(Concordance),
    Undefined(Undefined),
}

impl<'a> Resampler<'a> {
    /// Prepares what does not depend on the weights.
    pub fn new(prepared: &'a Prepared, metrics: &[&Metric]) -> Self {
        Self { prepared, forms: metrics.iter().map(|metric| Form::new(prepared, metric)).collect() }
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
        let truth = self.prepared.effect.is_some();
        let sweep = |steps: &Vec<Step>| Sweep::new(&self.prepared.ranking, steps, truth, Some(&ranked));
        let observed = LazyCell::new(|| sweep(&self.prepared.observed));
        let inverse = LazyCell::new(|| self.prepared.inverse.as_ref().map(sweep));
        let by_rank = Weights::Ranked(&ranked);
        let value = |form: &Form| match form {
            Form::Observed(compute) => compute(&observed),
            Form::Inverse(compute) => inverse.as_ref().map_or_else(no_propensity, compute),
            Form::Means(compute) => compute(self.prepared, &by_rank),
            Form::Concordance(concordance) => concordance.tau_b(&by_rank),
            Form::Undefined(reason) => Err(reason.clone()),
        };
        Ok(self.forms.iter().map(value).map(finite).collect())
    }
}

impl Form {
    fn new(prepared: &Prepared, metric: &Metric) -> Self {
        match metric.compute {
            Compute::Observed(compute) => Self::Observed(compute),
            Compute::Inverse(compute) => Self::Inverse(compute),
            Compute::Means(compute) => Self::Means(compute),
            Compute::Correlation(column) => match column(prepared) {
                Ok(truth) => Self::Concordance(Concordance::new(prepared, truth)),
                Err(reason) => Self::Undefined(reason),
            },
            Compute::Ranked(_) => Self::Undefined(Undefined(format!("{} has no weighted form", metric.name))),
        }
    }
}
