//! Metrics of rows that count several times, in O(n) per set of weights and without a new sort: for the bootstrap.

use super::concordance::tau_b;
use super::curve::{even, gains};
use super::defined::{Undefined, Value, finite, no_propensity, no_treatment};
use super::means::Means;
use super::metric::{Compute, Metric};
use super::pass::{Run, weighted};
use super::positions::{Positions, Values};
use super::scored::RankedRows;
use super::stretch::{Harmonics, LANES, Lanes, Weights, lane, totals, weighted_lanes};
use super::sweep::Sweep;
use std::cell::LazyCell;
use std::sync::Arc;
use valor_base::question::Question;

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
            Compute::Observed(_)
            | Compute::Inverse(_)
            | Compute::Means(_)
            | Compute::Positions(_)
            | Compute::ValueMeans(_) => WeightedForm::Exact,
            Compute::Correlation(_) => WeightedForm::Linearised,
            Compute::Ranked(_) => WeightedForm::Absent,
        }
    }
}

/// One model, ready to be judged under many sets of row weights.
pub struct Resampler<'a> {
    prepared: &'a RankedRows,
    runs: Vec<Run>,
    forms: Vec<Form>,
    harmonics: Arc<Harmonics>,
}

/// A model under one set of weights.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// One per metric.
    pub values: Vec<Value>,
    /// Gains of the uplift curve and of the Qini curve at even shares; not finite where an arm is empty, no points where there is
    /// no treatment.
    pub curves: [Vec<f64>; 2],
}

/// What is left to do for a metric once the weights are known.
enum Form {
    Observed(fn(&Sweep) -> Value),
    Inverse(fn(&Sweep) -> Value),
    Means(Means),
    Positions(fn(&Positions) -> Result<Values, Undefined>),
    Undefined(Undefined),
}

impl<'a> Resampler<'a> {
    /// Prepares what does not depend on the weights, for several models.
    pub fn all(models: &'a [RankedRows], metrics: &[&Metric]) -> Vec<Self> {
        let most = models.iter().map(RankedRows::rows).max().unwrap_or(0);
        let harmonics = Arc::new(Harmonics::new(most));
        let resampler = |prepared: &'a RankedRows| Self {
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
        let totals = totals(ranked);
        let at = totals.map(|total| even(total, points));
        let weights = Weights { ranked, totals: &totals };
        // Arms are summed where there are some.
        let found = match self.prepared.question() {
            Question::Uplift => {
                Some(weighted_lanes(self.prepared, &self.runs, weights, &self.harmonics, &at))
            }
            Question::Value => None,
        };
        let swept = |one: usize| found.as_ref().map(|found| &found[one]).ok_or_else(no_treatment);
        let inverse = LazyCell::new(|| self.inverse(ranked));
        let positions = LazyCell::new(|| Positions::weighted(self.prepared, ranked));
        let values = |form: &Form| -> [Value; LANES] {
            match form {
                Form::Observed(compute) => std::array::from_fn(|one| compute(&swept(one)?.0)),
                Form::Inverse(compute) => {
                    std::array::from_fn(|one| compute(&inverse.as_ref().ok_or_else(no_propensity)?[one]))
                }
                Form::Positions(compute) => {
                    compute(&positions).unwrap_or_else(|reason| std::array::from_fn(|_| Err(reason.clone())))
                }
                Form::Means(means) => means.weighted(ranked, &totals),
                Form::Undefined(reason) => std::array::from_fn(|_| Err(reason.clone())),
            }
        };
        let values: Vec<[Value; LANES]> = self.forms.iter().map(values).collect();
        Ok(std::array::from_fn(|one| Weighted {
            values: values.iter().map(|values| finite(values[one].clone())).collect(),
            curves: swept(one).map_or_else(|_| Default::default(), |found| gains(&at[one], &found.1)),
        }))
    }

    /// The sums of the inverse-propensity-weighted arms in every lane of `ranked` weights.
    fn inverse(&self, ranked: &[Lanes]) -> Option<[Sweep; LANES]> {
        let (steps, _) = self.prepared.inverse()?;
        let truth = self.prepared.effect.is_some();
        let sweep = |one: usize| weighted(&self.runs, steps, truth, &lane(ranked, one), &[]).0;
        Some(std::array::from_fn(sweep))
    }
}

impl Form {
    fn new(prepared: &RankedRows, metric: &Metric) -> Self {
        if let Err(other) = metric.suits(prepared) {
            return Self::Undefined(other);
        }
        let found = match metric.compute {
            Compute::Observed(compute) => return Self::Observed(compute),
            Compute::Inverse(compute) => return Self::Inverse(compute),
            Compute::Positions(compute) => return Self::Positions(compute),
            Compute::Means(means) | Compute::ValueMeans(means) => means(prepared),
            Compute::Correlation(column) => column(prepared).map(|truth| tau_b(prepared, truth)),
            Compute::Ranked(_) => Err(Undefined(format!("{} has no weighted form", metric.name))),
        };
        found.map_or_else(Self::Undefined, Self::Means)
    }
}
