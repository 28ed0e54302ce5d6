//! Pairs of rows, weighted by what their order is worth: how often a ranking is right, and the loss that stands for that.

use super::defined::{Undefined, Value};
use super::means::Means;
use super::rank::effect;
use super::scored::RankedRows;

/// All pairs of so many rows are looked at: two million.
const MOST_ROWS: usize = 2_048;
/// Pairs that are looked at where there are more rows.
const MOST_PAIRS: usize = MOST_ROWS * MOST_ROWS / 2;
/// Each row is paired with the rows at so many distances at least.
const LEAST_OFFSETS: usize = 8;

const ALL_EQUAL: &str = "the true effect is the same for all rows: no order is worth more";

/// Spread of the predicted effects over that of the true ones.
///
/// ```text
/// sd(tau_hat) / sd(tau)        population standard deviations over the rows
/// ```
///
/// No unit, 1 at best; 0 where all rows get the same prediction. Right predictions of a noisy learner lie below 1: the best
/// predictor of a column has no larger spread than the column. Undefined where the model predicts no uplift in outcome units,
/// and where all true effects are equal.
pub(super) fn sd_ratio(prepared: &RankedRows) -> Result<Means, Undefined> {
    let (predicted, tau) = (centred(predicted(prepared)?), centred(effect(prepared)?));
    let squares = |values: &[f64]| values.iter().map(|value| value * value).collect::<Vec<f64>>();
    let columns = vec![squares(&predicted), squares(&tau), predicted, tau];
    Ok(Means::new(columns, |means| {
        let variance = |square: f64, mean: f64| (square - mean * mean).max(0.0);
        let (found, truth) = (variance(means[0], means[2]), variance(means[1], means[3]));
        // Equal effects, of all rows or of a resample, leave what rounding leaves.
        if truth <= 1e-12 * means[1] {
            return Err(Undefined::new(ALL_EQUAL));
        }
        Ok((found / truth).sqrt())
    }))
}

/// Value-weighted pairwise accuracy against the true effect.
///
/// ```text
/// sum over pairs |tau_i - tau_j| c_ij / sum over pairs |tau_i - tau_j|
/// c_ij = 1 where the score has the order of the effects, 1/2 where the scores are equal, else 0
/// ```
///
/// No unit, in [0, 1]; 1/2 for a constant score. Exact on all rows in O(n log n): a pair in the right order adds its
/// difference and one in the wrong order takes it away, so that the sum over pairs is a sum over rows by place,
/// `sum tau_i (rows below i - rows above i)`. Undefined where all true effects are equal. Source: the paper, equation 5,
/// whose total ranking error over its largest value is 1 minus this.
pub(super) fn accuracy(prepared: &RankedRows) -> Value {
    let tau = effect(prepared)?;
    let rows = tau.len() as f64;
    // Effects measured from their middle: a common offset is no difference.
    let mut ascending = tau.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    let (Some(least), Some(most)) = (ascending.first(), ascending.last()) else {
        return Err(Undefined::new(ALL_EQUAL));
    };
    let middle = least + (most - least) / 2.0;
    let places = ascending.iter().enumerate();
    let total: f64 = places.map(|(place, tau)| (tau - middle) * (2.0 * place as f64 + 1.0 - rows)).sum();
    if least == most || total <= 0.0 {
        return Err(Undefined::new(ALL_EQUAL));
    }
    let blocks = prepared.ranking.blocks();
    let net: f64 = blocks
        .map(|block| {
            let (above, below) = (block.start as f64, rows - block.end as f64);
            tau[block].iter().map(|tau| tau - middle).sum::<f64>() * (below - above)
        })
        .sum();
    Ok((0.5 + 0.5 * net / total).clamp(0.0, 1.0))
}

/// Value-weighted logistic ranking loss against the true effect.
///
/// ```text
/// sum over pairs w_ij log(1 + exp(-(tau_hat_i - tau_hat_j) / sd(tau))) / sum over pairs w_ij        tau_i > tau_j,  w_ij = tau_i - tau_j
/// ```
///
/// No unit, from 0; log 2 for constant predictions. Its quotient by log 2 is at least the share of value in wrong order, in
/// whatever unit the predictions are measured: that of the spread of the true effects, so that the currency does not matter.
/// Undefined where the model predicts no uplift in outcome units, and where all true effects are equal. Source: the paper,
/// equation 6, with the weight of its equation 5.
pub(super) fn loss_true(prepared: &RankedRows) -> Value {
    let (predicted, tau) = (predicted(prepared)?, effect(prepared)?);
    let unit = sd(tau);
    if unit == 0.0 {
        return Err(Undefined::new(ALL_EQUAL));
    }
    pairs(tau, predicted).loss(unit, |gap| gap)
}

/// Value-weighted logistic ranking loss on what was observed: the term `ranking`, with its uplift score, on test rows.
///
/// ```text
/// sum over pairs w_ij log(1 + exp(-(tau_hat_i - tau_hat_j) / s)) / sum over pairs w_ij      z_i > z_j,  w_ij = log(1 + (z_i - z_j) / s)
/// z = y (t - e) / (e (1 - e))       s = sd(y)       e: the propensity, else the share treated
/// ```
///
/// No unit, from 0; log 2 for constant predictions. Undefined where the model predicts no uplift in outcome units, and where
/// all transformed outcomes are equal. Source: the paper, section 4.2; its sum is divided by the sum of its weights, and
/// amounts by the standard deviation of the outcomes, as in training.
pub(super) fn loss(prepared: &RankedRows) -> Value {
    let predicted = predicted(prepared)?;
    let unit = sd(&prepared.outcome);
    let treated = prepared.treatment.iter().filter(|&&treated| treated).count();
    let share = treated as f64 / prepared.treatment.len() as f64;
    let label = |rank: usize| {
        let e = prepared.propensity.as_ref().map_or(share, |propensity| propensity[rank]);
        let factor = if prepared.treatment[rank] { 1.0 / e } else { -1.0 / (1.0 - e) };
        prepared.outcome[rank] * factor
    };
    let labels: Vec<f64> = (0..predicted.len()).map(label).collect();
    if unit == 0.0 {
        return Err(Undefined::new("all outcomes are equal"));
    }
    pairs(&labels, predicted).loss(unit, |gap| (gap / unit).ln_1p())
}

fn predicted(prepared: &RankedRows) -> Result<&[f64], Undefined> {
    let predicted = prepared.predicted_uplift.as_deref();
    predicted.ok_or_else(|| Undefined::new("the model predicts no uplift in outcome units"))
}

/// Less their mean, so that squares keep their digits.
fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value - mean).collect()
}

/// Population standard deviation; exactly 0 where all values are equal.
fn sd(values: &[f64]) -> f64 {
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return 0.0;
    }
    // In ascending order, so that the order of the ranking changes no bit.
    let mut ascending = values.to_vec();
    ascending.sort_unstable_by(f64::total_cmp);
    (centred(&ascending).iter().map(|value| value * value).sum::<f64>() / values.len() as f64).sqrt()
}

/// Rows by descending label, then by descending prediction.
struct Pairs {
    rows: Vec<(f64, f64)>,
}

fn pairs(labels: &[f64], predicted: &[f64]) -> Pairs {
    let mut rows: Vec<(f64, f64)> =
        labels.iter().map(|label| label + 0.0).zip(predicted.iter().map(|value| value + 0.0)).collect();
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    Pairs { rows }
}

impl Pairs {
    /// The mean logistic loss of the pairs with different labels, predictions in units, weighted by their gap. Of many rows, pairs at
    /// evenly spaced distances in the order of the rows, around the end: each row has the same number of partners, and the choice
    /// depends neither on the order of the file nor, but among equal labels, on the model.
    fn loss(&self, unit: f64, weight: impl Fn(f64) -> f64) -> Value {
        let count = self.rows.len();
        let (mut sum, mut weights) = (0.0, 0.0);
        let mut add = |first: usize, second: usize| {
            let ((label, score), (other, other_score)) = (self.rows[first], self.rows[second]);
            if other < label {
                let weight = weight(label - other);
                sum += weight * logistic((score - other_score) / unit);
                weights += weight;
            }
        };
        if count <= MOST_ROWS {
            (0..count).for_each(|first| (first + 1..count).for_each(|second| add(first, second)));
        } else {
            let (half, offsets) = ((count - 1) / 2, (MOST_PAIRS / count).max(LEAST_OFFSETS));
            for offset in (0..offsets).map(|place| 1 + (2 * place + 1) * half / (2 * offsets)) {
                (0..count - offset).for_each(|first| add(first, first + offset));
                (0..offset).for_each(|first| add(first, first + count - offset));
            }
        }
        if weights > 0.0 {
            Ok(sum / weights)
        } else {
            Err(Undefined::new("no two rows differ in their label"))
        }
    }
}

/// `log(1 + exp(-d))`
fn logistic(d: f64) -> f64 {
    (-d.abs()).exp().ln_1p() + (-d).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::super::{ScoredRows, find};
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::LN_2;

    fn prepare(tau: &[f64], predicted: &[f64]) -> RankedRows {
        let treatment: Vec<bool> = (0..tau.len()).map(|row| row % 2 == 0).collect();
        let outcome: Vec<f64> = (0..tau.len()).map(|row| (row % 3) as f64).collect();
        let judged = ScoredRows {
            effect: Some(tau),
            predicted_uplift: Some(predicted),
            ..ScoredRows::new(predicted, &treatment, &outcome)
        };
        RankedRows::new(&judged).unwrap()
    }

    fn value(name: &str, tau: &[f64], predicted: &[f64]) -> f64 {
        find(name).unwrap().compute(&prepare(tau, predicted)).unwrap()
    }

    fn brute(tau: &[f64], score: &[f64]) -> f64 {
        let (mut right, mut all) = (0.0, 0.0);
        for i in 0..tau.len() {
            for j in 0..i {
                let (gap, order) = (tau[i] - tau[j], score[i] - score[j]);
                let share =
                    if order == 0.0 { 0.5 } else { f64::from(u8::from((order > 0.0) == (gap > 0.0))) };
                right += share * gap.abs();
                all += gap.abs();
            }
        }
        right / all
    }

    proptest! {
        #[test]
        fn the_accuracy_is_the_count_of_all_pairs(rows in prop::collection::vec((-20..20i32, 0..9i32), 2..60)) {
            let (tau, score): (Vec<f64>, Vec<f64>) = rows.iter().map(|&(a, b)| (f64::from(a), f64::from(b))).unzip();
            match find("accuracy.value").unwrap().compute(&prepare(&tau, &score)) {
                Ok(found) => prop_assert!((found - brute(&tau, &score)).abs() < 1e-12),
                Err(_) => prop_assert!(tau.iter().all(|one| *one == tau[0])),
            }
        }

        #[test]
        fn the_loss_over_log_two_bounds_the_share_of_value_in_wrong_order(rows in prop::collection::vec((-5.0..9.0f64, -5.0..9.0f64), 3..60)) {
            let (tau, score): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let wrong = 1.0 - value("accuracy.value", &tau, &score);
            prop_assert!(wrong <= value("ranking.loss.true", &tau, &score) / LN_2 + 1e-12);
        }

        #[test]
        fn the_currency_does_not_matter(rows in prop::collection::vec((-5.0..9.0f64, -5.0..9.0f64), 3..40)) {
            let (tau, score): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
            let cents = |values: &[f64]| values.iter().map(|value| 128.0 * value).collect::<Vec<f64>>();
            for name in ["sd.ratio", "accuracy.value", "ranking.loss.true"] {
                let (found, other) = (value(name, &tau, &score), value(name, &cents(&tau), &cents(&score)));
                prop_assert!((found - other).abs() < 1e-9, "{name}: {found} {other}");
            }
        }
    }

    #[test]
    fn constant_predictions_have_known_values() {
        let (tau, flat) = ([3.0, -1.0, 0.0, 7.0], [2.0; 4]);
        assert_eq!((value("accuracy.value", &tau, &flat), value("sd.ratio", &tau, &flat)), (0.5, 0.0));
        for name in ["ranking.loss", "ranking.loss.true"] {
            assert!((value(name, &tau, &flat) - LN_2).abs() < 1e-15, "{name}");
        }
        assert_eq!((value("accuracy.value", &tau, &tau), value("sd.ratio", &tau, &tau)), (1.0, 1.0));
        for name in ["accuracy.value", "sd.ratio", "ranking.loss.true"] {
            for rows in 2..4 {
                assert!(
                    find(name).unwrap().compute(&prepare(&vec![0.1; rows], &tau[..rows])).is_err(),
                    "{name}"
                );
            }
        }
    }

    /// docs/methods/ranking.md, Where Proposition 1 holds.
    #[test]
    fn the_value_weighted_accuracy_is_the_area_up_to_the_best() {
        let tau = [4.0, 0.0, 0.5, -1.0, 0.0, 9.0, 2.0];
        let score = [1.0, 0.5, 3.0, 0.0, 1.0, 2.0, -1.0];
        let rows = tau.len() as f64;
        let net = |score: &[f64]| {
            let value = |name| value(name, &tau, score);
            2.0 * rows * value("auuc.area.true") - value("ate.true")
        };
        let expected = 0.5 + 0.5 * net(&score) / net(&tau);
        assert!((value("accuracy.value", &tau, &score) - expected).abs() < 1e-14);
    }

    /// docs/methods/ranking.md, Where Proposition 1 fails: with the paper's weight the better loss has the worse accuracy.
    #[test]
    fn the_logarithmic_weight_is_not_the_value() {
        let tau = [101.0, 9.0, 0.0];
        // One swaps the great account with the middle one, the other the middle one with the small one.
        let (middle_first, small_second) = ([2.0, 3.0, 1.0], [3.0, 1.0, 2.0]);
        let lost = |score: &[f64], weight: &dyn Fn(f64) -> f64| -> f64 {
            let pairs = [(0, 1), (0, 2), (1, 2)];
            let wrong = pairs.into_iter().filter(|(a, b)| score[*a] < score[*b]);
            wrong.map(|(a, b)| weight(tau[a] - tau[b])).sum()
        };
        let (log, value): (&dyn Fn(f64) -> f64, &dyn Fn(f64) -> f64) = (&|gap| gap.ln_1p(), &|gap| gap);
        assert_eq!((lost(&middle_first, value), lost(&small_second, value)), (92.0, 9.0));
        let ratio = |weight| lost(&middle_first, weight) / lost(&small_second, weight);
        assert!((ratio(value) - 10.22).abs() < 0.01 && (ratio(log) - 1.97).abs() < 0.01);
        // Three wrong orders of small accounts, worth 27, cost more than one that is worth 92.
        assert!(3.0 * lost(&small_second, log) > lost(&middle_first, log));
        assert!(3.0 * lost(&small_second, value) < lost(&middle_first, value));
    }

    /// docs/methods/ranking.md, Where Proposition 1 fails: a pair in wrong order by little costs less than 1.
    #[test]
    fn the_logistic_lies_below_the_error_that_it_is_said_to_bound() {
        assert!((logistic(-0.1) - 0.744).abs() < 1e-3 && logistic(-0.1) < 1.0);
        assert!(logistic(-0.1) / LN_2 > 1.0 && logistic(-0.0) == LN_2);
        let (tau, predicted) = ([1.0, 0.0], [0.0, 0.01]);
        assert_eq!(value("accuracy.value", &tau, &predicted), 0.0);
        assert!(value("ranking.loss.true", &tau, &predicted) < 1.0);
    }

    #[test]
    fn of_many_rows_pairs_at_even_distances_are_taken() {
        let count = 2 * MOST_ROWS + 17;
        let tau: Vec<f64> = (0..count).map(|row| ((row * 7_919) % count) as f64).collect();
        let noise = |tau: f64| ((tau * 12.9898).sin() * 43_758.5).fract() * 3e3;
        let noisy: Vec<f64> = tau.iter().map(|&tau| tau + noise(tau)).collect();
        let found = value("ranking.loss.true", &tau, &noisy);
        let (unit, mut sum, mut weights) = (sd(&tau), 0.0, 0.0);
        for i in 0..count {
            for j in 0..i {
                let gap = tau[i] - tau[j];
                sum += gap.abs() * logistic(gap.signum() * (noisy[i] - noisy[j]) / unit);
                weights += gap.abs();
            }
        }
        assert!((found - sum / weights).abs() < 1e-4, "{found} {}", sum / weights);
        let reversed = |values: &[f64]| values.iter().rev().copied().collect::<Vec<f64>>();
        assert_eq!(found, value("ranking.loss.true", &reversed(&tau), &reversed(&noisy)));
    }
}
