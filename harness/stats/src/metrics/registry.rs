//! All metrics: found by name, by question, and computed together.

use super::catalog::{LIMITS, METRICS, SHARES, TRUTH};
use super::defined::MetricValue;
use super::metric::{Metric, Total};
use super::scored::RankedRows;
use std::collections::BTreeMap;
use valor_base::error::choices;
use valor_base::input_error;
use valor_base::question::Question;

impl Metric {
    /// Whether it compares with the true effect or the true outcome without treatment.
    pub fn needs_truth(&self) -> bool {
        TRUTH.contains(&self.name)
    }

    /// The total that it is a share of, and the metric that is the same area in outcome units; nothing for what is no share.
    pub fn share_of(&self) -> Option<(Total, &'static str)> {
        SHARES.iter().find(|(share, _, _)| *share == self.name).map(|(_, total, area)| (*total, *area))
    }

    /// What it tends to over many outcomes and assignments of the same rows: the metric that says the same of the true effects.
    /// Nothing for a metric that has no such limit, or is one.
    pub fn without_noise(&self) -> Option<&'static str> {
        LIMITS.iter().find(|(observed, _)| *observed == self.name).map(|(_, limit)| *limit)
    }

    /// The metric of outcomes that tends to it; nothing where it is no such limit.
    pub fn with_noise(&self) -> Option<&'static str> {
        LIMITS.iter().find(|(_, limit)| *limit == self.name).map(|(observed, _)| *observed)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Buckets, ScoredRows};
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
        let buckets = Buckets::of(&outcome).unwrap();
        let bare = ScoredRows {
            predicted_uplift: Some(&score),
            predicted_control: Some(&score),
            predicted_treated: Some(&score),
            ..ScoredRows::new(&score, &treatment, &outcome)
        };
        let known = ScoredRows { effect: Some(&outcome), expected_control: Some(&outcome), ..bare };
        let weighted = ScoredRows { propensity: Some(&half), ..bare };
        let worth =
            ScoredRows { buckets: Some(&buckets), ..ScoredRows::of_values(&score, &outcome, Some(&score)) };
        let known_worth = ScoredRows { expected: Some(&outcome), ..worth };
        let [bare, known, weighted, worth, known_worth] =
            [bare, known, weighted, worth, known_worth].map(|rows| RankedRows::new(&rows).unwrap());
        for metric in registry() {
            let defined = |rows: &RankedRows| metric.compute(rows).is_ok();
            let (bare, known) = match metric.question() {
                Question::Uplift => (&bare, &known),
                Question::Value => (&worth, &known_worth),
            };
            assert_eq!(defined(known) && !defined(bare), metric.needs_truth(), "{}", metric.name);
            assert_eq!(defined(&weighted) && !defined(bare), metric.needs_propensity(), "{}", metric.name);
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
    fn what_is_left_without_noise_has_the_unit_and_needs_the_truth() {
        for metric in registry() {
            let Some(limit) = metric.without_noise() else { continue };
            let limit = find(limit).unwrap();
            assert!(limit.needs_truth() && !metric.needs_truth(), "{}", metric.name);
            assert_eq!((limit.unit, limit.direction), (metric.unit, metric.direction), "{}", metric.name);
            assert_eq!((limit.without_noise(), metric.with_noise()), (None, None), "{}", metric.name);
            let area = |metric: &Metric| metric.share_of().map(|(_, area)| area);
            let of_area = area(metric).and_then(|area| find(area).unwrap().without_noise());
            assert_eq!(
                of_area,
                area(limit),
                "the limit of the area is the area of the limit: {}",
                metric.name
            );
            assert!(limit.with_noise().is_some_and(|observed| !observed.ends_with(".ipw")));
        }
        assert_eq!(find("auuc.ipw").unwrap().without_noise(), Some("auuc.true"));
        assert_eq!(find("krcc").unwrap().without_noise(), None);
    }

    #[test]
    fn a_stranger_gets_the_closest_name() {
        let error = find("auc").expect_err("no such metric");
        let message = error.to_string();
        let first = "unknown metric 'auc'; did you mean 'auuc'? allowed are n, n_treated, ";
        assert!(message.starts_with(first), "{message}");
    }
}
