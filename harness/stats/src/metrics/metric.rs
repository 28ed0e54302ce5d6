//! What a metric is, and how it is computed.

use super::defined::{Undefined, Value, finite, no_propensity, no_treatment};
use super::means::Means;
use super::positions::{Positions, Values};
use super::rank::tau_b;
use super::scored::RankedRows;
use super::sweep::Sweep;
use serde::{Deserialize, Serialize};
use valor_base::question::Question;

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Closer to 0 is better.
    Zero,
    /// Closer to 1 is better.
    One,
    /// A fact of the rows, not of the model.
    Neither,
}

impl Direction {
    /// A number that is larger for a better value; always 0 where no value is better.
    pub fn merit(self, value: f64) -> f64 {
        match self {
            Direction::Higher => value,
            Direction::Lower => -value,
            Direction::Zero => -value.abs(),
            Direction::One => -(value - 1.0).abs(),
            Direction::Neither => 0.0,
        }
    }
}

/// A registered metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Unique name.
    pub name: &'static str,
    /// Definition; symbols as in docs/methods/metrics.md.
    pub formula: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Which values are good.
    pub direction: Direction,
    /// Whose definition it is.
    pub source: &'static str,
    pub(super) compute: Compute,
}

/// What a metric is a share of: nothing is known of the share where little is there of this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// The difference in means of the arms.
    Observed,
    /// The same with inverse-propensity weights.
    Inverse,
    /// The mean true effect.
    True,
}

impl Total {
    /// The metric that is this total, per row.
    pub fn metric(self) -> &'static str {
        match self {
            Total::Observed => "ate",
            Total::Inverse => "ate.ipw",
            Total::True => "ate.true",
        }
    }
}

/// How a metric is computed, and so whether rows can be weighted without a new sort.
#[derive(Clone, Copy, Debug)]
pub(super) enum Compute {
    /// From one pass over the arms as observed.
    Observed(fn(&Sweep) -> Value),
    /// From one pass over the inverse-propensity-weighted arms.
    Inverse(fn(&Sweep) -> Value),
    /// From weighted means over rows.
    Means(fn(&RankedRows) -> Result<Means, Undefined>),
    /// Tau-b of the score and this column.
    Correlation(fn(&RankedRows) -> Result<&[f64], Undefined>),
    /// From the ranked rows; has no weighted form.
    Ranked(fn(&RankedRows) -> Value),
    /// From where rows without a treatment stand by score and by outcome.
    Positions(fn(&Positions) -> Result<Values, Undefined>),
    /// From weighted means over rows without a treatment.
    ValueMeans(fn(&RankedRows) -> Result<Means, Undefined>),
}

impl Metric {
    /// Whether it weights rows by their propensity.
    pub fn needs_propensity(&self) -> bool {
        matches!(self.compute, Compute::Inverse(_))
    }

    /// Which question's models it judges.
    pub fn question(&self) -> Question {
        match self.compute {
            Compute::Observed(_)
            | Compute::Inverse(_)
            | Compute::Means(_)
            | Compute::Correlation(_)
            | Compute::Ranked(_) => Question::Uplift,
            Compute::Positions(_) | Compute::ValueMeans(_) => Question::Value,
        }
    }

    /// Why it says nothing of models of the other question.
    pub(super) fn suits(&self, prepared: &RankedRows) -> Result<(), Undefined> {
        match (self.question(), prepared.question()) {
            (Question::Uplift, Question::Value) => Err(no_treatment()),
            (Question::Value, Question::Uplift) => {
                Err(Undefined::new("it judges what rows without a treatment are worth"))
            }
            (Question::Uplift, Question::Uplift) | (Question::Value, Question::Value) => Ok(()),
        }
    }

    /// The value on these rows.
    pub fn compute(&self, prepared: &RankedRows) -> Value {
        self.suits(prepared)?;
        let value = match self.compute {
            Compute::Observed(metric) => metric(&prepared.observed_sweep),
            Compute::Inverse(metric) => {
                prepared.inverse().ok_or_else(no_propensity).and_then(|(_, sweep)| metric(sweep))
            }
            Compute::Positions(metric) => {
                // Every lane has the same.
                metric(&Positions::new(prepared)).and_then(|[value, ..]| value)
            }
            Compute::Means(metric) | Compute::ValueMeans(metric) => {
                metric(prepared).and_then(|means| means.value())
            }
            Compute::Correlation(column) => {
                column(prepared).and_then(|truth| tau_b(&prepared.ranking, truth))
            }
            Compute::Ranked(metric) => metric(prepared),
        };
        finite(value)
    }
}
