//! How rows of one arm are ordered by what a model says they are worth, against what they were worth.
//!
//! All follow the weights of rows exactly: a row of weight w counts as w equal rows.

use super::amounts::{buckets, expected, predicted};
use super::buckets::{Bucket, ZERO};
use super::defined::{Undefined, Value};
use super::positions::{DECILES, Order, Positions, Values, deciles};

const NO_TOTAL: &str = "the total outcome is not above zero";
const OUTCOMES_EQUAL: &str = "all outcomes are equal";
const WORTH_EQUAL: &str = "all rows are truly worth the same";

/// Normalised Gini coefficient.
///
/// ```text
/// A(order)/A(order by outcome),   A = mean over k of (share of the outcome in the top k - k/n)
/// ```
///
/// At most 1, 0 for an order that knows nothing; outcomes of equal scores are shared out evenly. Undefined where the total
/// outcome is not above 0 or all outcomes are equal. Source: Wang, Liu, Miao, arXiv 1912.07753 (ties: this project).
pub(super) fn gini(positions: &Positions) -> Result<Values, Undefined> {
    Ok(normalised(positions, positions.outcomes(), positions.by_outcome(), OUTCOMES_EQUAL))
}

/// The same with `E[Y | x]` in the place of the outcome: without its noise.
pub(super) fn gini_true(positions: &Positions) -> Result<Values, Undefined> {
    let truth = expected(positions.prepared())?;
    Ok(normalised(positions, truth, positions.by_expected()?, WORTH_EQUAL))
}

/// The area by score over that of the best order of `amounts`.
fn normalised(positions: &Positions, amounts: &[f64], best: Order, equal: &str) -> Values {
    let (best, found) = (positions.area(amounts, best), positions.area(amounts, positions.by_score()));
    std::array::from_fn(|lane| match (best[lane], found[lane]) {
        (Some(best), Some(found)) if best > 0.0 => Ok(found / best),
        (Some(_), Some(_)) => Err(Undefined::new(equal)),
        (None, _) | (_, None) => Err(Undefined::new(NO_TOTAL)),
    })
}

/// Spearman's rank correlation of score and outcome: Pearson's of the middle ranks, in [-1, 1].
pub(super) fn spearman(positions: &Positions) -> Result<Values, Undefined> {
    Ok(positions.correlation(positions.by_outcome(), OUTCOMES_EQUAL))
}

/// Spearman's rank correlation of score and `E[Y | x]`.
pub(super) fn spearman_true(positions: &Positions) -> Result<Values, Undefined> {
    Ok(positions.correlation(positions.by_expected()?, WORTH_EQUAL))
}

/// Spearman's rank correlation among the rows with a positive outcome.
pub(super) fn spearman_positive(positions: &Positions) -> Result<Values, Undefined> {
    spearman_among(&positions.within(|outcome| outcome > ZERO), "no outcome is above zero")
}

/// Spearman's rank correlation among the rows whose outcome is in a bucket.
pub(super) fn spearman_within(positions: &Positions, bucket: Bucket) -> Result<Values, Undefined> {
    let buckets = buckets(positions.prepared())?;
    let number = buckets.number(bucket)?;
    let inside = positions.within(|outcome| buckets.of_amount(outcome) == number);
    spearman_among(&inside, "no row's outcome is in this bucket")
}

/// Of some of the rows; `none` says why there are none.
fn spearman_among(positions: &Positions, none: &str) -> Result<Values, Undefined> {
    let mut found = spearman(positions)?;
    for (value, total) in found.iter_mut().zip(positions.totals()) {
        if *total == 0.0 {
            *value = Err(Undefined::new(none));
        }
    }
    Ok(found)
}

/// Recall of whales, the rows whose outcome is in the top bucket, among as many rows with the highest scores.
///
/// ```text
/// |whales in the top k| / |whales|,   k = |whales|
/// ```
///
/// In [0, 1]; equal scores at the border are called in part. Undefined where there are no whales.
pub(super) fn recall_top(positions: &Positions) -> Result<Values, Undefined> {
    let (whales, count) = positions.top_bucket()?;
    Ok(positions.recall(&whales, &count))
}

/// The same with `k = ceil(n / 20)`.
pub(super) fn recall_top_at_5(positions: &Positions) -> Result<Values, Undefined> {
    let (whales, _) = positions.top_bucket()?;
    Ok(positions.recall(&whales, &positions.twentieth()))
}

/// Recall of whales, the `ceil(n / 100)` rows with the largest outcomes, as far as these are positive, among as many rows with
/// the highest scores. Equal outcomes at the border are whales in part.
pub(super) fn recall_percent(positions: &Positions) -> Result<Values, Undefined> {
    let (whales, count) = positions.top_percent();
    Ok(positions.recall(&whales, &count))
}

/// The same with `k = ceil(n / 20)`.
pub(super) fn recall_percent_at_5(positions: &Positions) -> Result<Values, Undefined> {
    let (whales, _) = positions.top_percent();
    Ok(positions.recall(&whales, &positions.twentieth()))
}

/// Mean absolute percentage error of deciles by prediction.
///
/// ```text
/// mean over ten groups of |mean y_hat - mean y| / mean y
/// ```
///
/// Groups of exactly `n / 10` rows by descending score. A tie block across a border is in both groups, in proportion, and so is the
/// one row that a border parts where n is no multiple of ten: the order of the rows changes nothing. A share, 0 at best. Undefined
/// with fewer than ten rows, and where a group's mean outcome is not above 0. Source: google/lifetime_value, whose groups are those
/// of `pandas.qcut`.
pub(super) fn decile_mape(positions: &Positions) -> Result<Values, Undefined> {
    let said = predicted(positions.prepared())?;
    let groups = deciles(positions, [said, positions.outcomes()]);
    Ok(std::array::from_fn(|lane| {
        if positions.totals()[lane] < DECILES as f64 {
            return Err(Undefined::new("there are fewer than ten rows"));
        }
        mean_error(&groups[lane])
    }))
}

fn mean_error(groups: &[[f64; 2]; DECILES]) -> Value {
    let errors = groups.iter().map(|[said, outcome]| match *outcome > 0.0 {
        true => Ok((said - outcome).abs() / outcome),
        false => Err(Undefined::new("the mean outcome of a decile is not above zero")),
    });
    Ok(errors.sum::<Result<f64, Undefined>>()? / DECILES as f64)
}

#[cfg(test)]
mod tests {
    use super::super::{Buckets, LANES, Metric, RankedRows, Resampler, ScoredRows, find, of_question};
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;
    use valor_base::question::Question;

    #[derive(Deserialize)]
    struct Case {
        score: Vec<f64>,
        outcome: Vec<f64>,
        truth: Vec<f64>,
        /// Outcomes of the rows that were learned from.
        learned: Vec<f64>,
        edges: Vec<f64>,
        median: f64,
        expected: BTreeMap<String, f64>,
    }

    #[derive(Deserialize)]
    struct Fixture {
        cases: Vec<Case>,
    }

    fn metrics() -> Vec<&'static Metric> {
        of_question(Question::Value).collect()
    }

    fn buckets() -> Buckets {
        Buckets { edges: vec![ZERO, 1.0, 2.0], median: 1.0, mean: 1.5 }
    }

    fn prepare(score: &[f64], outcome: &[f64], truth: &[f64], buckets: &Buckets) -> RankedRows {
        let rows = ScoredRows {
            expected: Some(truth),
            buckets: Some(buckets),
            ..ScoredRows::of_values(score, outcome, Some(score))
        };
        RankedRows::new(&rows).unwrap()
    }

    fn values(
        score: &[f64],
        outcome: &[f64],
        truth: &[f64],
        buckets: &Buckets,
    ) -> BTreeMap<&'static str, Value> {
        let prepared = prepare(score, outcome, truth, buckets);
        metrics().iter().map(|metric| (metric.name, metric.compute(&prepared))).collect()
    }

    /// Of what `name` is for these scores and outcomes, with buckets 0, to 1, to 2 and above, by which rows are also truly worth.
    fn value(name: &str, score: &[f64], outcome: &[f64]) -> Value {
        find(name).unwrap().compute(&prepare(score, outcome, outcome, &buckets()))
    }

    #[test]
    fn they_are_what_other_libraries_say() {
        let fixture: Fixture =
            serde_json::from_str(include_str!("../../../fixtures/value_metrics.json")).unwrap();
        assert!(fixture.cases.len() >= 7);
        let mut seen = std::collections::BTreeSet::new();
        for (number, case) in fixture.cases.iter().enumerate() {
            let buckets = Buckets::of(&case.learned).unwrap();
            let close = |found: f64, expected: f64| (found - expected).abs() < 1e-9 * expected.abs().max(1.0);
            assert!(
                buckets.edges.len() == case.edges.len()
                    && buckets
                        .edges
                        .iter()
                        .zip(&case.edges)
                        .all(|(found, expected)| close(*found, *expected))
                    && close(buckets.median, case.median),
                "{buckets:?}"
            );
            let found = values(&case.score, &case.outcome, &case.truth, &buckets);
            for (name, expected) in &case.expected {
                let found = &found[name.as_str()];
                assert!(
                    found.as_ref().is_ok_and(|found| close(*found, *expected)),
                    "{name} of case {number}: {found:?}, {expected}"
                );
                seen.insert(name.clone());
            }
        }
        // Of intervals, which these cases lack: checked in intervals.rs.
        let own = ["coverage", "coverage.gap", "coverage.total", "interval.width"];
        let mut missing: Vec<&str> = metrics().iter().map(|metric| metric.name).collect();
        missing.retain(|name| !seen.contains(*name) && !own.contains(name));
        assert!(missing.is_empty(), "no case of {missing:?}");
    }

    #[test]
    fn what_has_no_value_says_why() {
        let zero = values(&[1.0, 2.0, 3.0], &[0.0; 3], &[0.0; 3], &buckets());
        let defined: Vec<&str> =
            zero.iter().filter(|(_, value)| value.is_ok()).map(|(name, _)| *name).collect();
        assert_eq!(defined, ["ambe", "bucket.accuracy", "rmse.true", "sva", "sva.macro"]);
        let equal = |name| value(name, &[1.0; 3], &[0.0, 1.0, 2.0]);
        assert_eq!(equal("gini"), Ok(0.0), "an order that knows nothing");
        let reason = |value: Value| value.unwrap_err().to_string();
        assert!(reason(equal("spearman")).contains("all scores are equal"));
        assert!(reason(equal("decile.mape")).contains("fewer than ten rows"));
        assert!(reason(equal("f1.top")).contains("no row's outcome is in this bucket"));
        let auuc = find("auuc").unwrap();
        let bare = RankedRows::new(&ScoredRows::of_values(&[1.0, 2.0], &[0.0, 1.0], None)).unwrap();
        assert!(reason(auuc.compute(&bare)).contains("there is no treatment"));
        let of_bare = |name: &str| reason(find(name).unwrap().compute(&bare));
        assert!(of_bare("recall.top").contains("thresholds of buckets"));
        assert!(of_bare("gini.true").contains("truly worth is not known"));
        assert!(of_bare("nmae").contains("predicts no outcome"));
        let treated = ScoredRows::new(&[1.0, 2.0], &[true, false], &[0.0, 1.0]);
        let found = find("gini").unwrap().compute(&RankedRows::new(&treated).unwrap());
        assert!(reason(found).contains("rows without a treatment"));
    }

    #[test]
    fn a_tie_at_the_border_is_called_in_part_and_an_uneven_tenth_is_shared() {
        // One whale at the top, three rows tied for the place of the second call.
        let (score, outcome) = ([9.0, 5.0, 5.0, 5.0, 1.0], [3.0, 4.0, 0.0, 0.0, 0.5]);
        assert_eq!(value("recall.top", &score, &outcome), Ok((1.0 + 1.0 / 3.0) / 2.0));
        assert_eq!(value("recall.p99", &score, &outcome), Ok(0.0), "one row in a hundred, the one with 4");
        // Fifteen rows: every other border parts a row in two. Predictions of twice the outcome are wrong by 1 in every tenth.
        let outcome: Vec<f64> = (1..=15).map(f64::from).collect();
        let twice: Vec<f64> = outcome.iter().map(|outcome| 2.0 * outcome).collect();
        assert!((value("decile.mape", &twice, &outcome).unwrap() - 1.0).abs() < 1e-12);
        let tied: Vec<f64> = outcome.iter().map(|_| 8.0).collect();
        assert!(
            value("decile.mape", &tied, &outcome).unwrap().abs() < 1e-12,
            "equal scores are one block of mean 8"
        );
    }

    #[test]
    fn strata_without_rows_are_left_out_and_a_bucket_too_many_is_named() {
        let (score, outcome) = ([0.0, 0.9, 0.4, 0.0], [0.0, 0.5, 0.5, 0.5]);
        assert_eq!(value("sva", &score, &outcome), Ok(0.75));
        assert_eq!(value("sva.macro", &score, &outcome), Ok((1.0 + 2.0 / 3.0) / 2.0));
        let two = Buckets { edges: vec![ZERO], median: 1.0, mean: 1.0 };
        let found = values(&score, &outcome, &outcome, &two);
        assert!(found["nmae.bucket2"].as_ref().unwrap_err().to_string().contains("there are 2 buckets"));
        assert_eq!(found["f1.top"], Ok(2.0 * 2.0 / (2.0 * 2.0 + 1.0)));
    }

    proptest! {
        #[test]
        fn a_weight_is_so_many_rows_and_their_order_and_unit_change_nothing(
            rows in proptest::collection::vec((0u8..5, 0u8..4, 0u8..3, 0u8..4), 3..40),
            turn in any::<usize>(),
        ) {
            let column = |of: fn(&(u8, u8, u8, u8)) -> u8| -> Vec<f64> { rows.iter().map(|row| f64::from(of(row))).collect() };
            let (score, outcome, truth) = (column(|row| row.0), column(|row| row.1), column(|row| row.3));
            let weights: Vec<u8> = rows.iter().map(|row| row.2).collect();
            let repeated = |column: &[f64]| -> Vec<f64> {
                let copies = column.iter().zip(&weights);
                copies.flat_map(|(value, &weight)| vec![*value; usize::from(weight)]).collect()
            };
            let scores = repeated(&score);
            prop_assume!(scores.len() > 1);
            let prepared = [prepare(&score, &outcome, &truth, &buckets())];
            let resampler = Resampler::all(&prepared, &metrics());
            let lanes: Vec<[u8; LANES]> = weights.iter().map(|&weight| [weight; LANES]).collect();
            let found = resampler[0].weighted(&lanes, 2, &mut Vec::new()).unwrap();
            let expected = values(&scores, &repeated(&outcome), &repeated(&truth), &buckets());
            for (metric, found) in metrics().iter().zip(&found[3].values) {
                match (found, &expected[metric.name]) {
                    (Ok(found), Ok(expected)) => prop_assert!((found - expected).abs() < 1e-9, "{}", metric.name),
                    (found, expected) => prop_assert_eq!(found.is_err(), expected.is_err(), "{}", metric.name),
                }
            }
            let plain = values(&score, &outcome, &truth, &buckets());
            let turned = |column: &[f64]| {
                let mut turned = column.to_vec();
                turned.rotate_left(turn % rows.len());
                turned
            };
            prop_assert_eq!(&values(&turned(&score), &turned(&outcome), &turned(&truth), &buckets()), &plain);
            let scale = |column: &[f64]| column.iter().map(|value| value * 1024.0).collect::<Vec<f64>>();
            let (edges, mean) = ([vec![ZERO], scale(&buckets().edges[1..])].concat(), 1536.0);
            let scaled = values(&scale(&score), &scale(&outcome), &scale(&truth), &Buckets { edges, median: 1024.0, mean });
            for (metric, plain) in &plain {
                let unit = if find(metric).unwrap().unit == "outcome" { 1024.0 } else { 1.0 };
                match (&scaled[metric], plain) {
                    (Ok(found), Ok(plain)) => {
                        // A mean of errors of both signs may be 0 but for rounding.
                        prop_assert!((found - unit * plain).abs() <= 1e-12 * found.abs().max(unit), "{}: {}, {}", metric, found, plain);
                    }
                    (found, plain) => prop_assert_eq!(found, plain, "{}", metric),
                }
            }
        }
    }
}
