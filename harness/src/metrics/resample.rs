//! Metrics of rows that count several times, in O(n) per set of weights and without a new sort: for the bootstrap.

use super::concordance::Concordance;
use super::curve::{even, gains};
use super::judged::Prepared;
use super::pass::{Run, weighted};
use super::registry::{Compute, Metric, Undefined, Value, finite, no_propensity};
use super::stretch::{Harmonics, LANES, Lanes, lane, totals, weighted_lanes};
use super::sweep::Sweep;
use std::cell::LazyCell;
use std::sync::Arc;

/// How often each row counts, by rank.
pub(super) enum Weights<'a> {
    /// Once.
    Ones,
    /// As given.
    Ranked(&'a [u8]),
}

impl Weights<'_> {
    /// `[sum of weight x value, sum of weights]` over all ranks.
    pub(super) fn sums(&self, rows: usize, value: impl Fn(usize) -> f64) -> [f64; 2] {
        match self {
            Self::Ones => [(0..rows).fold(0.0, |sum, rank| sum + value(rank)), rows as f64],
            Self::Ranked(weights) => in_lanes(&weights[..rows], value),
        }
    }

    /// Weight of the row at `rank`.
    pub(super) fn at(&self, rank: usize) -> f64 {
        match self {
            Self::Ones => 1.0,
            Self::Ranked(weights) => f64::from(weights[rank]),
        }
    }
}

/// Weighted sums in four lanes, so that an addition need not wait for the one before.
fn in_lanes(weights: &[u8], value: impl Fn(usize) -> f64) -> [f64; 2] {
    let (mut sums, mut count) = ([0.0; 4], 0_u64);
    let whole = weights.len() / 4 * 4;
    for rank in (0..whole).step_by(4) {
        for lane in 0..4 {
            sums[lane] += f64::from(weights[rank + lane]) * value(rank + lane);
            count += u64::from(weights[rank + lane]);
        }
    }
    for (rank, weight) in weights.iter().enumerate().skip(whole) {
        sums[0] += f64::from(*weight) * value(rank);
        count += u64::from(*weight);
    }
    [sums[0] + sums[1] + (sums[2] + sums[3]), count as f64]
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
    runs: Vec<Run>,
    forms: Vec<Form>,
    harmonics: Arc<Harmonics>,
}

/// A model under one set of weights.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// One per metric.
    pub values: Vec<Value>,
    /// Gains of the uplift curve and of the Qini curve at even shares; not finite where an arm is empty.
    pub curves: [Vec<f64>; 2],
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
    /// Prepares what does not depend on the weights, for several models.
    pub fn all(models: &'a [Prepared], metrics: &[&Metric]) -> Vec<Self> {
        let most = models.iter().map(Prepared::rows).max().unwrap_or(0);
        let harmonics = Arc::new(Harmonics::new(most));
        let resampler = |prepared: &'a Prepared| Self {
            prepared,
            runs: Run::all(&prepared.ranking),
            forms: metrics.iter().map(|metric| Form::new(prepared, metric)).collect(),
            harmonics: Arc::clone(&harmonics),
        };
        models.iter().map(resampler).collect()
    }

    /// One value per metric, and the curves at `points + 1` even shares, for rows that count `weights` times; `weights`
    /// in the order of the input rows, each lane a resample of its own. `ranked` is memory that is used again.
    ///
    /// # Errors
    ///
    /// Internal: `weights` has another length than the rows.
    pub fn weighted(
        &self,
        weights: &[Lanes],
        points: usize,
        ranked: &mut Vec<Lanes>,
    ) -> anyhow::Result<[Weighted; LANES]> {
        let rows = self.prepared.rows();
        anyhow::ensure!(weights.len() == rows, "{} weights for {rows} rows", weights.len());
        self.prepared.ranking.gather_into(weights, ranked);
        let at = totals(ranked).map(|total| even(total, points));
        let found = weighted_lanes(self.prepared, &self.runs, ranked, &self.harmonics, &at);
        Ok(std::array::from_fn(|one| {
            let (observed, sums) = &found[one];
            Weighted { values: self.values(observed, ranked, one), curves: gains(&at[one], sums) }
        }))
    }

    /// One value per metric in one lane of `ranked` weights.
    fn values(&self, observed: &Sweep, ranked: &[Lanes], one: usize) -> Vec<Value> {
        let (prepared, truth) = (self.prepared, self.prepared.effect.is_some());
        let ranked = LazyCell::new(|| lane(ranked, one));
        let sweep = |steps| weighted(&self.runs, steps, truth, &ranked, &[]).0;
        let inverse = LazyCell::new(|| prepared.inverse().map(|(steps, _)| sweep(steps)));
        let value = |form: &Form| match form {
            Form::Observed(compute) => compute(observed),
            Form::Inverse(compute) => inverse.as_ref().map_or_else(no_propensity, compute),
            Form::Means(compute) => compute(prepared, &Weights::Ranked(&ranked)),
            Form::Concordance(concordance) => concordance.tau_b(&Weights::Ranked(&ranked)),
            Form::Undefined(reason) => Err(reason.clone()),
        };
        self.forms.iter().map(value).map(finite).collect()
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
