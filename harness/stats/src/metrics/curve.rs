//! Curves and groups for the report: what a reader sees of the sums behind the metrics.

use super::scored::RankedRows;
use super::sweep::{CONTROL, CONTROL_OUTCOME, Step, TREATED, TREATED_OUTCOME, difference};
use serde::{Deserialize, Serialize};

/// A point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Share of rows called, best first; in [0, 1].
    pub share: f64,
    /// Gain so far per row of the whole list, in outcome units; the last is the average effect.
    pub gain: f64,
    /// `gain` over the absolute last gain; absent when that is zero.
    pub normalised: Option<f64>,
}

/// The uplift curve of `auuc`: `V(k) / n` at `points + 1` even shares from 0 to 1.
pub fn uplift_curve(prepared: &RankedRows, points: usize) -> Vec<CurvePoint> {
    let rows = prepared.rows() as f64;
    curve(prepared, points, |k, sums, _| difference(sums) * k / rows)
}

/// The Qini curve of `qini`: `Q(k) / N_T(n)` at `points + 1` even shares from 0 to 1.
pub fn qini_curve(prepared: &RankedRows, points: usize) -> Vec<CurvePoint> {
    curve(prepared, points, |_, sums, all| {
        sums[TREATED_OUTCOME] / all[TREATED] - sums[CONTROL_OUTCOME] / all[CONTROL]
    })
}

/// The gain curve of `gini`, a Lorenz curve from the top: the share of all outcome in the top k, at `points + 1` even shares from 0
/// to 1. No point where the total outcome is not above 0.
pub fn gain_curve(prepared: &RankedRows, points: usize) -> Vec<CurvePoint> {
    let outcomes: Vec<[f64; 1]> = prepared.outcomes().map(|outcome| [outcome]).collect();
    let at = even(prepared.rows(), points);
    let sums = prepared.ranking.sums_at(&outcomes, &at);
    let total = sums.last().map_or(0.0, |[total]| *total);
    if total <= 0.0 {
        return Vec::new();
    }
    let point = |(&k, [sum]): (&usize, &[f64; 1])| {
        let gain = sum / total;
        CurvePoint { share: k as f64 / prepared.rows() as f64, gain, normalised: Some(gain) }
    };
    at.iter().zip(&sums).map(point).collect()
}

/// Gains of the uplift curve and of the Qini curve from the sums over the top k for each k of `at`, the last over all
/// rows.
pub(super) fn gains(at: &[usize], sums: &[Step]) -> [Vec<f64>; 2] {
    let rows = at.last().copied().unwrap_or(0) as f64;
    let all = sums.last().copied().unwrap_or_default();
    let uplift = at.iter().zip(sums).map(|(&k, sums)| difference(sums) * k as f64 / rows);
    let qini =
        sums.iter().map(|sums| sums[TREATED_OUTCOME] / all[TREATED] - sums[CONTROL_OUTCOME] / all[CONTROL]);
    [uplift.collect(), qini.collect()]
}

fn curve(prepared: &RankedRows, points: usize, gain: impl Fn(f64, &Step, &Step) -> f64) -> Vec<CurvePoint> {
    let at = even(prepared.rows(), points);
    let sums = prepared.ranking.sums_at(&prepared.observed, &at);
    let all = &sums[sums.len() - 1];
    let last = gain(prepared.rows() as f64, all, all);
    let point = |(&k, sums): (&usize, &Step)| {
        let gain = gain(k as f64, sums, all);
        CurvePoint {
            share: k as f64 / prepared.rows() as f64,
            gain,
            normalised: (last != 0.0).then(|| gain / last.abs()),
        }
    };
    at.iter().zip(&sums).map(point).collect()
}

/// A group of neighbours in the ranking. Outcome units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Rows.
    pub rows: usize,
    /// Mean predicted uplift or value, else mean score.
    pub predicted: f64,
    /// Observed difference in means, absent when an arm is empty; where there is no treatment the mean outcome.
    pub observed: Option<f64>,
    /// Standard error of `observed`; absent when an arm has fewer than two rows.
    pub standard_error: Option<f64>,
    /// Mean true effect, or mean of what rows are truly worth, where known.
    pub effect: Option<f64>,
}

/// Treated, control, their outcomes, their squared outcomes, prediction, true effect.
type Parts = [f64; 8];

/// The ranking in `groups` groups of equal size (10 for deciles), best first; tie blocks are shared out.
pub fn uplift_by_group(prepared: &RankedRows, groups: usize) -> Vec<Group> {
    let predicted = prepared.predicted_uplift.as_ref().unwrap_or(&prepared.score);
    let parts = |(rank, step): (usize, &Step)| -> Parts {
        let outcome = prepared.outcome[rank];
        let [treated, control, treated_outcome, control_outcome, effect] = *step;
        [
            treated,
            control,
            treated_outcome,
            control_outcome,
            treated_outcome * outcome,
            control_outcome * outcome,
            predicted[rank],
            effect,
        ]
    };
    let parts: Vec<Parts> = prepared.observed.iter().enumerate().map(parts).collect();
    let at = even(prepared.rows(), groups);
    let sums = prepared.ranking.sums_at(&parts, &at);
    let group = |(k, sums): (&[usize], &[Parts])| {
        let inside: Parts = std::array::from_fn(|i| sums[1][i] - sums[0][i]);
        describe(k[1] - k[0], &inside, prepared.effect.is_some())
    };
    at.windows(2).zip(sums.windows(2)).map(group).filter(|group| group.rows > 0).collect()
}

/// Rows without a treatment by what they are said to be worth, in `groups` groups of equal size, best first; tie blocks are shared out.
pub fn value_by_group(prepared: &RankedRows, groups: usize) -> Vec<Group> {
    let predicted = prepared.predicted_value.as_ref().unwrap_or(&prepared.score);
    let truth = prepared.expected.as_deref();
    let parts = |(rank, outcome): (usize, f64)| {
        [predicted[rank], outcome, outcome * outcome, truth.map_or(0.0, |truth| truth[rank])]
    };
    let parts: Vec<[f64; 4]> = prepared.outcomes().enumerate().map(parts).collect();
    let at = even(prepared.rows(), groups);
    let sums = prepared.ranking.sums_at(&parts, &at);
    let group = |(k, sums): (&[usize], &[[f64; 4]])| {
        let [predicted, outcome, square, expected] =
            std::array::from_fn(|part| sums[1][part] - sums[0][part]);
        let (rows, count) = (k[1] - k[0], (k[1] - k[0]) as f64);
        Group {
            rows,
            predicted: predicted / count,
            observed: (rows > 0).then(|| outcome / count),
            standard_error: (rows > 1).then(|| variance(count, outcome, square).sqrt()),
            effect: truth.map(|_| expected / count),
        }
    };
    at.windows(2).zip(sums.windows(2)).map(group).filter(|group| group.rows > 0).collect()
}

/// Of the mean of n values with this sum and this sum of squares.
fn variance(n: f64, sum: f64, square: f64) -> f64 {
    ((square - sum * sum / n) / (n - 1.0)).max(0.0) / n
}

fn describe(rows: usize, sums: &Parts, truth: bool) -> Group {
    let [
        treated,
        control,
        treated_outcome,
        control_outcome,
        treated_square,
        control_square,
        predicted,
        effect,
    ] = *sums;
    let count = rows as f64;
    let both = treated > 0.0 && control > 0.0;
    let squared = |_| {
        variance(treated, treated_outcome, treated_square)
            + variance(control, control_outcome, control_square)
    };
    Group {
        rows,
        predicted: predicted / count,
        observed: both.then(|| treated_outcome / treated - control_outcome / control),
        standard_error: (treated > 1.0 && control > 1.0).then_some(()).map(squared).map(f64::sqrt),
        effect: truth.then(|| effect / count),
    }
}

/// 0, ..., `rows` in `parts` even steps.
pub(super) fn even(rows: usize, parts: usize) -> Vec<usize> {
    (0..=parts).map(|part| part * rows / parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{LANES, Lanes, Resampler, ScoredRows};

    const TREATMENT: [bool; 4] = [true, false, true, false];
    const OUTCOME: [f64; 4] = [6.0, 2.0, 4.0, 4.0];

    #[test]
    fn curves_of_weighted_rows_are_those_of_repeated_rows() {
        let score = [4.0, 3.0, 2.0, 1.0];
        let once = [RankedRows::new(&ScoredRows::new(&score, &TREATMENT, &OUTCOME)).unwrap()];
        let gains = |curve: Vec<CurvePoint>| curve.iter().map(|point| point.gain).collect::<Vec<_>>();
        let repeated = |rows: &[usize]| -> [Vec<f64>; 2] {
            let treatment: Vec<bool> = rows.iter().map(|&row| TREATMENT[row]).collect();
            let outcome: Vec<f64> = rows.iter().map(|&row| OUTCOME[row]).collect();
            let score: Vec<f64> = rows.iter().map(|&row| score[row]).collect();
            let found = RankedRows::new(&ScoredRows::new(&score, &treatment, &outcome)).unwrap();
            [gains(uplift_curve(&found, 4)), gains(qini_curve(&found, 4))]
        };
        let curves = |weights: &[u8]| {
            let lanes: Vec<Lanes> = weights.iter().map(|&weight| [weight; LANES]).collect();
            Resampler::all(&once, &[])[0].weighted(&lanes, 4, &mut Vec::new()).unwrap()[LANES - 1]
                .curves
                .clone()
        };
        for (weights, rows) in
            [([1; 4], [0, 1, 2, 3]), ([2, 1, 0, 1], [0, 0, 1, 3]), ([0, 0, 3, 1], [2, 2, 2, 3])]
        {
            for (found, expected) in curves(&weights).iter().zip(repeated(&rows)) {
                assert!(
                    found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12),
                    "{found:?} {expected:?}"
                );
            }
        }
    }

    #[test]
    fn curves_by_hand() {
        let judged = ScoredRows::new(&[4.0, 3.0, 2.0, 1.0], &TREATMENT, &OUTCOME);
        let prepared = RankedRows::new(&judged).unwrap();
        let gains = |curve: Vec<CurvePoint>| curve.iter().map(|point| point.gain).collect::<Vec<_>>();
        assert_eq!(gains(uplift_curve(&prepared, 2)), [0.0, 2.0, 2.0]);
        assert_eq!(gains(qini_curve(&prepared, 2)), [0.0, 2.0, 2.0]);
        assert_eq!(uplift_curve(&prepared, 2)[1].normalised, Some(1.0));
    }

    #[test]
    fn groups_by_hand() {
        let score = [4.0, 4.0, 2.0, 1.0];
        let groups =
            uplift_by_group(&RankedRows::new(&ScoredRows::new(&score, &TREATMENT, &OUTCOME)).unwrap(), 1);
        let expected = Group {
            rows: 4,
            predicted: 2.75,
            observed: Some(2.0),
            standard_error: Some(2f64.sqrt()),
            effect: None,
        };
        assert_eq!(groups, [expected]);
        let groups =
            uplift_by_group(&RankedRows::new(&ScoredRows::new(&score, &TREATMENT, &OUTCOME)).unwrap(), 2);
        assert_eq!((groups[0].observed, groups[1].observed), (Some(4.0), Some(0.0)));
        assert_eq!(groups[0].standard_error, None);
    }

    #[test]
    fn the_gain_and_the_deciles_of_values_by_hand() {
        let rows = ScoredRows {
            expected: Some(&[5.0, 3.0, 2.0, 2.0]),
            ..ScoredRows::of_values(&[4.0, 3.0, 2.0, 1.0], &[6.0, 2.0, 0.0, 2.0], None)
        };
        let prepared = RankedRows::new(&rows).unwrap();
        let gains: Vec<f64> = gain_curve(&prepared, 2).iter().map(|point| point.gain).collect();
        assert_eq!(gains, [0.0, 0.8, 1.0]);
        let group = |predicted, observed, error, effect| Group {
            rows: 2,
            predicted,
            observed: Some(observed),
            standard_error: Some(error),
            effect: Some(effect),
        };
        assert_eq!(value_by_group(&prepared, 2), [group(3.5, 4.0, 2.0, 4.0), group(1.5, 1.0, 1.0, 2.0)]);
        let nothing = ScoredRows::of_values(&[1.0, 2.0], &[0.0, 0.0], None);
        assert!(gain_curve(&RankedRows::new(&nothing).unwrap(), 2).is_empty());
    }
}
