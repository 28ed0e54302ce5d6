//! What a model says each row is worth, against what it was worth: rows of one arm.
//!
//! All three follow the weights of rows exactly: a row of weight w counts as w equal rows.

use super::defined::{Undefined, Value};
use super::means::Means;
use super::ranking::Ranking;
use super::scored::RankedRows;

/// Where each row stands in two orders, among rows that count `weights` times. Rows by rank of the score.
pub(super) struct Positions<'a> {
    prepared: &'a RankedRows,
    weights: Vec<f64>,
    /// Rows in all.
    total: f64,
    /// Middle of the row's tie block, from 0 for the best to `total` for the worst.
    by_score: Vec<f64>,
    by_outcome: Vec<f64>,
}

impl<'a> Positions<'a> {
    /// Every row once.
    pub(super) fn new(prepared: &'a RankedRows) -> Self {
        Self::weighted(prepared, vec![1.0; prepared.rows()])
    }

    /// Rows count `weights` times, by rank.
    pub(super) fn weighted(prepared: &'a RankedRows, weights: Vec<f64>) -> Self {
        let by_score = middles(&prepared.ranking, &weights, |rank| rank);
        let order = prepared.by_outcome();
        let by_outcome = middles(order, &weights, |place| order.order[place] as usize);
        Self { total: weights.iter().sum(), prepared, weights, by_score, by_outcome }
    }

    fn outcomes(&self) -> impl Iterator<Item = f64> {
        self.prepared.outcome.iter().map(|outcome| outcome + self.prepared.origin)
    }

    /// `1/2 - sum w y p / (W sum w y)`: how far the outcome lies above the middle of an order, as a share of rows.
    fn area(&self, positions: &[f64]) -> Value {
        let (mut spent, mut placed) = (0.0, 0.0);
        for ((weight, outcome), position) in self.weights.iter().zip(self.outcomes()).zip(positions) {
            spent += weight * outcome;
            placed += weight * outcome * position;
        }
        match spent > 0.0 {
            true => Ok(0.5 - placed / (self.total * spent)),
            false => Err(Undefined::new("the total outcome is not above zero")),
        }
    }

    fn moment(&self, left: &[f64], right: &[f64]) -> f64 {
        let middle = 0.5 * self.total;
        let products = self.weights.iter().zip(left.iter().zip(right));
        products.map(|(weight, (left, right))| weight * (left - middle) * (right - middle)).sum()
    }
}

/// The middle of each entry's tie block; `row` is the entry's row at a place of the ranking.
fn middles(ranking: &Ranking, weights: &[f64], row: impl Fn(usize) -> usize) -> Vec<f64> {
    let (mut middles, mut before) = (vec![0.0; weights.len()], 0.0);
    for block in ranking.blocks() {
        let size: f64 = block.clone().map(|place| weights[row(place)]).sum();
        block.for_each(|place| middles[row(place)] = before + 0.5 * size);
        before += size;
    }
    middles
}

/// Normalised Gini coefficient.
///
/// ```text
/// A(order)/A(order by outcome),   A = mean over k of (share of the outcome in the top k - k/n)
/// ```
///
/// At most 1, 0 for an order that knows nothing; outcomes of equal scores are shared out evenly. Undefined where the total
/// outcome is not above 0 or all outcomes are equal. Source: Wang, Liu, Miao, arXiv 1912.07753 (ties: this project).
pub(super) fn gini(positions: &Positions) -> Value {
    let best = positions.area(&positions.by_outcome)?;
    match best > 0.0 {
        true => Ok(positions.area(&positions.by_score)? / best),
        false => Err(Undefined::new("all outcomes are equal")),
    }
}

/// Spearman's rank correlation of score and outcome: Pearson's of the middle ranks, in [-1, 1].
pub(super) fn spearman(positions: &Positions) -> Value {
    let scores = positions.moment(&positions.by_score, &positions.by_score);
    let outcomes = positions.moment(&positions.by_outcome, &positions.by_outcome);
    match (scores > 0.0, outcomes > 0.0) {
        (true, true) => {
            Ok(positions.moment(&positions.by_score, &positions.by_outcome) / (scores * outcomes).sqrt())
        }
        (false, _) => Err(Undefined::new("all scores are equal")),
        (true, false) => Err(Undefined::new("all outcomes are equal")),
    }
}

/// Mean absolute error over the mean outcome.
///
/// ```text
/// mean |y_hat - y| / mean y
/// ```
///
/// 0 at best; predicting 0 for all rows gives 1. Undefined where the mean outcome is not above 0.
pub(super) fn nmae(prepared: &RankedRows) -> Result<Means, Undefined> {
    let predicted = prepared.predicted_value.as_ref();
    let predicted = predicted.ok_or_else(|| Undefined::new("the model predicts no outcome"))?;
    let outcomes: Vec<f64> = prepared.outcome.iter().map(|outcome| outcome + prepared.origin).collect();
    let errors = predicted.iter().zip(&outcomes).map(|(predicted, outcome)| (predicted - outcome).abs());
    Ok(Means::new(vec![errors.collect(), outcomes], |means| match means[1] > 0.0 {
        true => Ok(means[0] / means[1]),
        false => Err(Undefined::new("the mean outcome is not above zero")),
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{LANES, Metric, Resampler, ScoredRows, find};
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    const NAMES: [&str; 3] = ["gini", "spearman", "nmae"];

    fn metrics() -> Vec<&'static Metric> {
        NAMES.iter().map(|name| find(name).unwrap()).collect()
    }

    fn values(score: &[f64], outcome: &[f64]) -> Vec<Value> {
        let prepared = RankedRows::new(&ScoredRows::of_values(score, outcome, Some(score))).unwrap();
        metrics().iter().map(|metric| metric.compute(&prepared)).collect()
    }

    #[test]
    fn they_are_what_other_libraries_say() {
        let cases: Json = serde_json::from_str(include_str!("../../../fixtures/value_metrics.json")).unwrap();
        let numbers = |case: &Json, key: &str| -> Vec<f64> {
            case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
        };
        let cases = cases["cases"].as_array().unwrap();
        assert!(cases.len() >= 4);
        for case in cases {
            let found = values(&numbers(case, "score"), &numbers(case, "outcome"));
            for (name, found) in NAMES.iter().zip(found) {
                let expected = case[*name].as_f64().unwrap();
                assert!((found.clone().unwrap() - expected).abs() < 1e-9, "{name}: {found:?}, {expected}");
            }
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        let zero = values(&[1.0, 2.0, 3.0], &[0.0; 3]);
        assert!(zero.iter().all(Result::is_err), "{zero:?}");
        let equal = values(&[1.0; 3], &[0.0, 1.0, 2.0]);
        assert_eq!(equal[0], Ok(0.0), "an order that knows nothing");
        assert!(equal[1].as_ref().unwrap_err().to_string().contains("all scores are equal"));
        let auuc = find("auuc").unwrap();
        let prepared = RankedRows::new(&ScoredRows::of_values(&[1.0, 2.0], &[0.0, 1.0], None)).unwrap();
        assert!(auuc.compute(&prepared).unwrap_err().to_string().contains("there is no treatment"));
        let treated = ScoredRows::new(&[1.0, 2.0], &[true, false], &[0.0, 1.0]);
        let found = find("gini").unwrap().compute(&RankedRows::new(&treated).unwrap());
        assert!(found.unwrap_err().to_string().contains("rows without a treatment"));
    }

    proptest! {
        #[test]
        fn a_weight_is_so_many_rows_and_their_order_and_unit_change_nothing(
            rows in proptest::collection::vec((0u8..5, 0u8..4, 0u8..3), 3..30),
            turn in any::<usize>(),
        ) {
            let score: Vec<f64> = rows.iter().map(|row| f64::from(row.0)).collect();
            let outcome: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
            let weights: Vec<u8> = rows.iter().map(|row| row.2).collect();
            let repeated = |column: &[f64]| -> Vec<f64> {
                let copies = column.iter().zip(&weights);
                copies.flat_map(|(value, &weight)| vec![*value; usize::from(weight)]).collect()
            };
            let (scores, outcomes) = (repeated(&score), repeated(&outcome));
            prop_assume!(scores.len() > 1);
            let prepared = [RankedRows::new(&ScoredRows::of_values(&score, &outcome, Some(&score))).unwrap()];
            let resampler = Resampler::all(&prepared, &metrics());
            let lanes: Vec<[u8; LANES]> = weights.iter().map(|&weight| [weight; LANES]).collect();
            let found = resampler[0].weighted(&lanes, 2, &mut Vec::new()).unwrap();
            for (found, expected) in found[3].values.iter().zip(values(&scores, &outcomes)) {
                match (found, expected) {
                    (Ok(found), Ok(expected)) => prop_assert!((found - expected).abs() < 1e-9),
                    (found, expected) => prop_assert_eq!(found.is_err(), expected.is_err()),
                }
            }
            let (mut turned, mut moved) = (score.clone(), outcome.clone());
            turned.rotate_left(turn % rows.len());
            moved.rotate_left(turn % rows.len());
            prop_assert_eq!(values(&turned, &moved), values(&score, &outcome));
            let scale = |column: &[f64]| column.iter().map(|value| value * 1024.0).collect::<Vec<f64>>();
            prop_assert_eq!(values(&scale(&score), &scale(&outcome)), values(&score, &outcome));
        }
    }
}
