//! What a metric is, and how one is found by name and computed.

use super::catalog::{METRICS, SHARES, TRUTH};
use super::means::Means;
use super::rank::tau_b;
use super::scored::RankedRows;
use super::sweep::Sweep;
use super::value::Positions;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use valor_base::error::choices;
use valor_base::input_error;
use valor_base::question::Question;

/// A number, an interval, a test, or why there is none: the one form in which something that may be undefined is handed on. Files
/// write it as the value and its reason, of which one is absent.
pub type Defined<T> = Result<T, Undefined>;

/// A metric's value, or why there is none.
pub type Value = Defined<f64>;

/// Why there is no value: what a reader is told in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undefined(pub String);

impl Undefined {
    /// For this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A metric as it is recorded: its value, or why there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricValue {
    /// The value, absent when undefined.
    pub value: Option<f64>,
    /// Why it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl From<Value> for MetricValue {
    fn from(value: Value) -> Self {
        match value {
            Ok(value) => Self { value: Some(value), reason: None },
            Err(Undefined(reason)) => Self { value: None, reason: Some(reason) },
        }
    }
}

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
    Positions(fn(&Positions) -> Value),
    /// From weighted means over rows without a treatment.
    ValueMeans(fn(&RankedRows) -> Result<Means, Undefined>),
}

impl Metric {
    /// Whether it compares with the true effect or the true outcome without treatment.
    pub fn needs_truth(&self) -> bool {
        TRUTH.contains(&self.name)
    }

    /// The total that it is a share of, and the metric that is the same area in outcome units; nothing for what is no share.
    pub fn share_of(&self) -> Option<(Total, &'static str)> {
        SHARES.iter().find(|(share, _, _)| *share == self.name).map(|(_, total, area)| (*total, *area))
    }

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
            (Question::Uplift, Question::Value) => Err(Undefined::new("there is no treatment")),
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
            Compute::Positions(metric) => metric(&Positions::new(prepared)),
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

/// All metrics in the order in which they are explained.
pub fn registry() -> &'static [Metric] {
    METRICS
}

/// Those that judge models of a question, in the same order.
pub fn of_question(question: Question) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(move |metric| metric.question() == question)
}

/// What is shown and decided by where nothing else is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// Metrics of a table, first the primary one.
    pub table: &'static [&'static str],
    /// What tuning decides by, on validation rows.
    pub tuning: &'static str,
    /// What the importance of features is a loss of.
    pub importance: &'static str,
}

/// Those of a question.
pub fn usual(question: Question) -> Usual {
    match question {
        Question::Uplift => {
            Usual { table: &["auuc", "qini", "lift@30", "krcc"], tuning: "qini", importance: "auuc" }
        }
        Question::Value => Usual { table: &["gini", "spearman", "nmae"], tuning: "gini", importance: "gini" },
    }
}

/// The metric called `name`, which must judge models of a question.
///
/// # Errors
///
/// As [`find`]; an input error with those of the question where it judges others.
pub fn find_for(question: Question, name: &str) -> anyhow::Result<&'static Metric> {
    let metric = find(name)?;
    if metric.question() == question {
        return Ok(metric);
    }
    let names: Vec<&str> = of_question(question).map(|metric| metric.name).collect();
    let (judged, rows) = (metric.question().rows(), question.rows());
    Err(input_error!("metric '{name}' judges {judged}; for {rows} allowed are {}", names.join(", ")))
}

/// The metric called `name`.
///
/// # Errors
///
/// An input error with all names when there is none.
pub fn find(name: &str) -> anyhow::Result<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).ok_or_else(|| {
        let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        input_error!("unknown metric '{name}'{}", choices(name, "allowed are", &names))
    })
}

/// The named metrics on these rows.
///
/// # Errors
///
/// An input error for an unknown name.
pub fn evaluate<S: AsRef<str>>(
    names: &[S],
    prepared: &RankedRows,
) -> anyhow::Result<BTreeMap<String, MetricValue>> {
    let entry =
        |name: &S| find(name.as_ref()).map(|metric| (metric.name.into(), metric.compute(prepared).into()));
    names.iter().map(entry).collect()
}

pub(super) fn no_propensity() -> Undefined {
    Undefined::new("the propensity is not known")
}

pub(super) fn finite(value: Value) -> Value {
    value.and_then(|value| {
        let overflows =
            || Undefined::new("the sums overflow: the numbers are too large to be summed or squared");
        if value.is_finite() { Ok(value) } else { Err(overflows()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::ScoredRows;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_everything_is_explained() {
        let names: BTreeSet<&str> = registry().iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), registry().len());
        for metric in registry() {
            assert!(
                [metric.formula, metric.unit, metric.source].iter().all(|text| !text.is_empty()),
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn metrics_that_need_more_than_outcomes_are_known() {
        let score: Vec<f64> = (0..200).map(|row| f64::from(row * 37 % 200)).collect();
        let treatment: Vec<bool> = (0..200).map(|row| row % 2 == 0).collect();
        let outcome: Vec<f64> = (0..200).map(|row| f64::from(row % 7)).collect();
        let half = [0.5; 200];
        let bare = ScoredRows {
            predicted_uplift: Some(&score),
            predicted_control: Some(&score),
            predicted_treated: Some(&score),
            ..ScoredRows::new(&score, &treatment, &outcome)
        };
        let known = ScoredRows { effect: Some(&outcome), expected_control: Some(&outcome), ..bare };
        let weighted = ScoredRows { propensity: Some(&half), ..bare };
        let [bare, known, weighted] = [bare, known, weighted].map(|rows| RankedRows::new(&rows).unwrap());
        for metric in registry() {
            let defined = |rows: &RankedRows| metric.compute(rows).is_ok();
            assert_eq!(defined(&known) && !defined(&bare), metric.needs_truth(), "{}", metric.name);
            assert_eq!(defined(&weighted) && !defined(&bare), metric.needs_propensity(), "{}", metric.name);
        }
    }

    #[test]
    fn every_share_of_a_total_has_its_area_in_outcome_units() {
        for metric in registry().iter().filter(|metric| metric.unit == "share of the total") {
            let (_, area) = metric.share_of().unwrap_or_else(|| panic!("{} has no area", metric.name));
            let area = find(area).unwrap();
            assert_eq!((area.unit, area.direction), ("outcome", metric.direction), "{}", metric.name);
            assert!(area.share_of().is_none());
        }
        assert!(
            registry()
                .iter()
                .all(|metric| metric.unit == "share of the total" || metric.share_of().is_none())
        );
    }

    #[test]
    fn a_stranger_gets_the_closest_name() {
        let error = find("auc").expect_err("no such metric");
        let message = error.to_string();
        let first = "unknown metric 'auc'; did you mean 'auuc'? allowed are n, n_treated, ";
        assert!(message.starts_with(first), "{message}");
    }
}
