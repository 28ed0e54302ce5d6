//! Buckets of outcomes: where the training rows part them, and what is known of the rows in each.

use super::partition::least_squares;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use valor_base::input_error;
use valor_stats::metrics::quantile;

/// Outcomes of no more than this count as zero, in the network's unit (training standard deviations).
pub const ZERO: f64 = 1e-6;
/// Most buckets.
const MOST: usize = 64;

/// How outcomes are parted.
///
/// ```text
/// bucket 1        y <= 1e-6                            zeros
/// bucket k        tau_{k-1} < y <= tau_k               tau_k: the quantile of the training outcomes above zero
/// the last        y > tau_{K-1}                        open
/// ```
///
/// `K` is two more than there are quantiles, learned thresholds or amounts. Rows are those that are learned from, or the latest of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BucketSpec {
    /// Quantiles of the training outcomes above zero; increasing, each inside (0, 1). May be none: zeros and all others.
    pub quantiles: Vec<f64>,
    /// Share of the training rows, the latest by time, whose quantiles these are; inside (0, 1). Absent: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<f64>,
    /// Where outcomes above zero are parted in the place of quantiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
}

/// Thresholds that are no quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a list of amounts, or \"learned\"")]
pub enum Thresholds {
    /// Amounts in outcome units as they stand; they increase, each above 0.
    Fixed(Vec<f64>),
    /// Found in the training rows.
    Found(Rule),
}

/// How thresholds are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// As many as there are quantiles, where the logs of the outcomes above zero fall apart best: the parts have the least sum of
    /// squares around their means.
    Learned,
}

impl Default for BucketSpec {
    fn default() -> Self {
        Self { quantiles: vec![0.5, 0.75], window: None, thresholds: None }
    }
}

/// Training rows as buckets are fitted to them: outcomes in the network's unit.
#[derive(Clone, Copy, Debug)]
pub struct BucketRows<'a> {
    /// Outcomes.
    pub outcome: &'a [f64],
    /// Times of the same rows, where they have any.
    pub time: Option<&'a [f64]>,
    /// Outcome units in one unit of these.
    pub scale: f64,
}

impl BucketSpec {
    /// Refuses quantiles out of range, naming the head's key.
    pub fn validate(&self, head: &str) -> anyhow::Result<()> {
        let key = format!("{head}.buckets.quantiles");
        if self.quantiles.len() > MOST - 2 {
            return Err(input_error!(
                "{key}: found {}; allowed are at most {}",
                self.quantiles.len(),
                MOST - 2
            ));
        }
        if let Some(found) = self.quantiles.iter().find(|share| !(**share > 0.0 && **share < 1.0)) {
            return Err(input_error!("{key}: found {found}; must be inside (0, 1)"));
        }
        if !self.quantiles.is_sorted_by(|a, b| a < b) {
            return Err(input_error!("{key}: found {:?}; must increase", self.quantiles));
        }
        self.validate_others(head)
    }

    fn validate_others(&self, head: &str) -> anyhow::Result<()> {
        if let Some(window) = self.window.filter(|window| !(*window > 0.0 && *window < 1.0)) {
            return Err(input_error!("{head}.buckets.window: found {window}; must be inside (0, 1)"));
        }
        let Some(Thresholds::Fixed(amounts)) = &self.thresholds else { return Ok(()) };
        let key = format!("{head}.buckets.thresholds");
        if self.window.is_some() {
            return Err(input_error!(
                "{key} beside {head}.buckets.window: amounts are of no rows; allowed is one of the two"
            ));
        }
        if amounts.len() > MOST - 2 {
            return Err(input_error!("{key}: found {}; allowed are at most {}", amounts.len(), MOST - 2));
        }
        if let Some(found) = amounts.iter().find(|amount| !(**amount > 0.0 && amount.is_finite())) {
            return Err(input_error!("{key}: found {found}; allowed are amounts above 0, in outcome units"));
        }
        match amounts.is_sorted_by(|a, b| a < b) {
            true => Ok(()),
            false => Err(input_error!("{key}: found {amounts:?}; must increase")),
        }
    }

    /// Most buckets that it gives.
    pub fn most(&self) -> usize {
        2 + match &self.thresholds {
            Some(Thresholds::Fixed(amounts)) => amounts.len(),
            Some(Thresholds::Found(Rule::Learned)) | None => self.quantiles.len(),
        }
    }

    /// Upper ends of the buckets above the zeros, in the network's unit.
    ///
    /// # Errors
    ///
    /// Input errors: a window of rows without times, or without an outcome above 0.
    fn wanted(&self, rows: BucketRows) -> anyhow::Result<Vec<f64>> {
        if let Some(Thresholds::Fixed(amounts)) = &self.thresholds {
            return Ok(amounts.iter().map(|amount| amount / rows.scale).collect());
        }
        let mut positive: Vec<f64> = match self.window {
            None => rows.outcome.to_vec(),
            Some(window) => latest(rows, window)?,
        };
        positive.retain(|outcome| single(*outcome) > ZERO);
        positive.iter_mut().for_each(|outcome| *outcome = single(*outcome));
        positive.sort_by(f64::total_cmp);
        if let (true, Some(window)) = (positive.is_empty(), self.window) {
            return Err(input_error!(
                "buckets.window = {window}: among the latest training rows no outcome is above 0"
            ));
        }
        Ok(match self.thresholds {
            Some(Thresholds::Found(Rule::Learned)) => {
                // The log keeps the order, and no currency moves a threshold.
                let logs: Vec<f64> = positive.iter().map(|outcome| outcome.ln()).collect();
                let ends = least_squares(&logs, self.quantiles.len() + 1);
                ends.iter().map(|end| positive[logs.partition_point(|log| log <= end) - 1]).collect()
            }
            Some(Thresholds::Fixed(_)) | None => {
                self.quantiles.iter().map(|&share| quantile(&positive, share)).collect()
            }
        })
    }

    /// Buckets of these training rows. A threshold that parts off no row is left out: those that coincide, or that are the largest
    /// outcome or above it, or the zeros where there are none. Means and shares are those of all training rows, whatever the window.
    ///
    /// # Errors
    ///
    /// Input errors where all outcomes are in one bucket, and of a window.
    pub fn fit(&self, rows: BucketRows) -> anyhow::Result<Buckets> {
        // As networks see them, so that a row is in the same bucket for both.
        let mut sorted: Vec<f64> = rows.outcome.iter().copied().map(single).collect();
        sorted.sort_by(f64::total_cmp);
        let above = sorted.partition_point(|outcome| *outcome <= ZERO);
        let positive = &sorted[above..];
        if positive.is_empty() {
            return Err(input_error!("buckets need outcomes above 0; among the training rows there is none"));
        }
        let wanted = self.wanted(rows)?;
        let mut thresholds: Vec<f64> = Vec::new();
        for threshold in std::iter::once(ZERO).chain(wanted).map(single) {
            let up_to = |threshold: f64| sorted.partition_point(|outcome| *outcome <= threshold);
            let before = thresholds.last().map_or(0, |&last| up_to(last));
            if (before + 1..sorted.len()).contains(&up_to(threshold)) {
                thresholds.push(threshold);
            }
        }
        if thresholds.is_empty() {
            return Err(input_error!(
                "buckets need outcomes that differ; all training rows are in one bucket, at {} training standard deviations",
                sorted[0]
            ));
        }
        Ok(Buckets::of(thresholds, &sorted, quantile(positive, 0.5)))
    }

    /// Buckets of outcomes 0, 1, 2 and so on: where no rows are known yet.
    pub(crate) fn stand_in(&self) -> Buckets {
        let last = self.most() - 1;
        let thresholds = (0..last).map(|threshold| if threshold == 0 { ZERO } else { threshold as f64 });
        let outcomes: Vec<f64> = (0..=last).map(|outcome| outcome as f64).collect();
        Buckets::of(thresholds.map(|threshold| f64::from(threshold as f32)).collect(), &outcomes, 1.0)
    }
}

/// As networks see it.
fn single(outcome: f64) -> f64 {
    f64::from(outcome as f32)
}

/// Outcomes of the latest rows, a share of all; with the last of them all of the same time.
fn latest(rows: BucketRows, window: f64) -> anyhow::Result<Vec<f64>> {
    let Some(times) = rows.time else {
        return Err(input_error!(
            "buckets.window = {window}: the rows have no times; allowed where the data have 'time'"
        ));
    };
    let mut ascending = times.to_vec();
    ascending.sort_by(f64::total_cmp);
    let count = (window * ascending.len() as f64).ceil() as usize;
    let first = ascending[ascending.len() - count.clamp(1, ascending.len())];
    let late = rows.outcome.iter().zip(times).filter(|(_, time)| **time >= first);
    Ok(late.map(|(outcome, _)| *outcome).collect())
}

/// Buckets of outcomes in the network's unit: what a head is fitted to before it is trained, and a model keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Buckets {
    /// `tau_1` to `tau_{K-1}`: the upper ends of all buckets but the last. They increase; each is a number of 32 bits.
    pub thresholds: Vec<f64>,
    /// The largest training outcome.
    pub largest: f64,
    /// Mean of the training outcomes in each bucket, `K`.
    pub means: Vec<f64>,
    /// Share of the training rows in each bucket, `K`; each above 0.
    pub shares: Vec<f64>,
    /// Median of the training outcomes above zero: the amount of which logs are taken.
    pub median: f64,
}

impl Buckets {
    /// `sorted` has an outcome in every bucket.
    fn of(thresholds: Vec<f64>, sorted: &[f64], median: f64) -> Self {
        let end = |threshold: &f64| sorted.partition_point(|outcome| outcome <= threshold);
        let ends: Vec<usize> = thresholds.iter().map(end).chain([sorted.len()]).collect();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let parts: Vec<&[f64]> = starts.zip(&ends).map(|(start, &end)| &sorted[start..end]).collect();
        let mean = |part: &&[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        Self {
            means: parts.iter().map(mean).collect(),
            shares: parts.iter().map(|part| part.len() as f64 / sorted.len() as f64).collect(),
            largest: sorted.last().copied().unwrap_or(0.0),
            median,
            thresholds,
        }
    }

    /// `K`
    pub fn count(&self) -> usize {
        self.means.len()
    }

    /// Whether the first bucket holds the zeros and nothing else.
    pub fn starts_with_zeros(&self) -> bool {
        self.thresholds[0] <= f64::from(ZERO as f32)
    }

    /// Lower and upper end of each bucket; 0 and the largest training outcome at the ends.
    pub fn ends(&self) -> Vec<(f64, f64)> {
        let lower = std::iter::once(0.0).chain(self.thresholds.iter().copied());
        let upper = self.thresholds.iter().copied().chain([self.largest]);
        lower.zip(upper).collect()
    }

    /// `P(y > tau_k)` among the training rows, `K - 1`.
    pub fn survival(&self) -> Vec<f64> {
        let mut above = 1.0;
        let survival = self.shares.iter().map(|share| {
            above -= share;
            above
        });
        survival.take(self.thresholds.len()).collect()
    }

    /// `1[y > tau_k]` of outcomes `[S, B]`, as numbers `[S, B, K - 1]`.
    pub fn exceeded(&self, outcomes: &Tensor) -> Tensor {
        let thresholds = self.row(outcomes, &self.thresholds);
        outcomes.unsqueeze(-1).gt_tensor(&thresholds).to_kind(outcomes.kind())
    }

    /// The bucket of each outcome `[S, B]`, from 0, as whole numbers.
    pub fn places(&self, outcomes: &Tensor) -> Tensor {
        let thresholds = self.row(outcomes, &self.thresholds);
        outcomes.unsqueeze(-1).gt_tensor(&thresholds).to_kind(Kind::Int64).sum_dim_intlist(-1i64, false, None)
    }

    /// 1 at the bucket of each outcome `[S, B]`, else 0, `[S, B, K]`.
    pub fn members(&self, outcomes: &Tensor) -> Tensor {
        self.at(&self.places(outcomes), outcomes.kind())
    }

    /// 1 at each place `[S, B]`, else 0, `[S, B, K]`.
    pub(crate) fn at(&self, places: &Tensor, kind: Kind) -> Tensor {
        let all = Tensor::arange(self.count() as i64, (Kind::Int64, places.device()));
        places.unsqueeze(-1).eq_tensor(&all).to_kind(kind)
    }

    /// Shares of the training rows as a tensor beside `like`.
    pub(crate) fn of_training(&self, like: &Tensor) -> Tensor {
        self.row(like, &self.shares)
    }

    /// A number per bucket as a tensor beside `like`.
    pub(crate) fn row(&self, like: &Tensor, values: &[f64]) -> Tensor {
        Tensor::from_slice(values).to_kind(like.kind()).to_device(like.device())
    }

    /// Refuses what no training rows give.
    ///
    /// # Errors
    ///
    /// Where a number is none or the parts do not fit each other.
    pub fn check(&self) -> anyhow::Result<()> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite() && *value >= 0.0);
        let count = self.thresholds.len() + 1;
        let parts = finite(&self.thresholds) && finite(&self.means) && finite(&self.shares);
        let fits = (2..=MOST).contains(&count) && self.means.len() == count && self.shares.len() == count;
        let order = self.thresholds.is_sorted_by(|a, b| a < b);
        let top = self.largest.is_finite() && self.thresholds.last().is_some_and(|last| *last < self.largest);
        let median = self.median.is_finite() && self.median > 0.0;
        anyhow::ensure!(
            parts && fits && order && top && median,
            "the buckets are not those of training rows"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tch::Device;

    fn fit(quantiles: &[f64], outcomes: &[f64]) -> anyhow::Result<Buckets> {
        BucketSpec { quantiles: quantiles.to_vec(), ..BucketSpec::default() }.fit(rows(outcomes, None))
    }

    fn rows<'a>(outcome: &'a [f64], time: Option<&'a [f64]>) -> BucketRows<'a> {
        BucketRows { outcome, time, scale: 2.0 }
    }

    #[test]
    fn a_window_takes_quantiles_of_the_latest_rows_and_shares_of_all() {
        let outcomes = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 0.0, 30.0];
        let times = [0.0, 1.0, 2.0, 3.0, 7.0, 6.0, 5.0, 4.0];
        let spec = BucketSpec { quantiles: vec![0.5], window: Some(0.5), ..BucketSpec::default() };
        let found = spec.fit(rows(&outcomes, Some(&times))).unwrap();
        assert_eq!(found.thresholds, [single(1e-6), 20.0]);
        assert_eq!(found.shares, [1.0 / 8.0, 6.0 / 8.0, 1.0 / 8.0]);
        // All rows of the first time that is in are in.
        let found = spec.fit(rows(&outcomes, Some(&[0.0; 8]))).unwrap();
        assert_eq!(found, fit(&[0.5], &outcomes).unwrap());
        let error = spec.fit(rows(&outcomes, None)).unwrap_err().to_string();
        assert!(error.contains("the rows have no times"), "{error}");
        let late_zeros = [5.0, 6.0, 7.0, 8.0, 0.0, 0.0, 0.0, 0.0];
        let error = spec.fit(rows(&late_zeros, Some(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]))).unwrap_err();
        assert!(
            error.to_string().contains("among the latest training rows no outcome is above 0"),
            "{error}"
        );
    }

    #[test]
    fn amounts_are_in_outcome_units_and_part_off_rows_or_are_left_out() {
        let with = |amounts: &[f64]| BucketSpec {
            thresholds: Some(Thresholds::Fixed(amounts.to_vec())),
            ..BucketSpec::default()
        };
        let found = with(&[4.0, 8.0, 1e6]).fit(rows(&[0.0, 1.0, 3.0, 5.0], None)).unwrap();
        assert_eq!(found.thresholds, [single(1e-6), 2.0, 4.0]);
        assert_eq!(with(&[4.0]).most(), 3);
        assert_eq!(
            serde_json::to_value(BucketSpec::default()).unwrap(),
            serde_json::json!({ "quantiles": [0.5, 0.75] })
        );
        let wrong =
            serde_json::from_str::<BucketSpec>("{\"thresholds\": \"guessed\"}").unwrap_err().to_string();
        assert!(wrong.contains("expected a list of amounts, or \"learned\""), "{wrong}");
        for (spec, words) in [
            (with(&[0.0]), "cc-or.buckets.thresholds: found 0; allowed are amounts above 0"),
            (with(&[5.0, 5.0]), "must increase"),
            (with(&[1.0; 63]), "at most 62"),
            (
                BucketSpec { window: Some(1.0), ..BucketSpec::default() },
                "cc-or.buckets.window: found 1; must be inside (0, 1)",
            ),
            (BucketSpec { window: Some(0.5), ..with(&[1.0]) }, "allowed is one of the two"),
        ] {
            let error = spec.validate("cc-or").unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn learned_thresholds_lie_in_gaps_of_the_logs_whatever_the_currency() {
        let learned = |json: &str| serde_json::from_str::<BucketSpec>(json).unwrap();
        let spec = learned("{\"thresholds\": \"learned\"}");
        assert_eq!((spec.most(), spec.validate("cc-or").is_ok()), (4, true));
        // Three price points with noise, most customers at the lowest: quantiles part it, gaps do not.
        let outcomes = [0.0, 0.0, 1.0, 1.1, 1.2, 1.05, 1.15, 1.25, 10.0, 12.0, 90.0, 100.0];
        let found = spec.fit(rows(&outcomes, None)).unwrap();
        assert_eq!(found.thresholds, [single(1e-6), single(1.25), 12.0]);
        let dearer: Vec<f64> = outcomes.iter().map(|outcome| 64.0 * outcome).collect();
        assert_eq!(spec.fit(rows(&dearer, None)).unwrap().thresholds[1..], [80.0, 768.0]);
        assert_eq!(
            fit(&[0.5, 0.75], &outcomes).unwrap().thresholds[1..],
            [1.225, 11.5].map(single),
            "quantiles"
        );
        // One price is one bucket; of the latest rows with a window.
        assert_eq!(spec.fit(rows(&[0.0, 5.0, 5.0, 5.0], None)).unwrap().thresholds, [single(1e-6)]);
        let late = learned("{\"thresholds\": \"learned\", \"quantiles\": [0.5], \"window\": 0.5}");
        let times: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!(late.fit(rows(&outcomes, Some(&times))).unwrap().thresholds, [single(1e-6), 1.25]);
    }

    #[test]
    fn zeros_and_quantiles_of_the_rest_part_outcomes() {
        let buckets = fit(&[0.5, 0.75], &[0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(buckets.thresholds, [f64::from(1e-6f32), 3.0, 4.0]);
        assert_eq!(buckets.means, [0.0, 2.0, 4.0, 5.0]);
        assert_eq!((buckets.largest, buckets.median), (5.0, 3.0));
        let share = |rows: f64| rows / 7.0;
        assert_eq!(buckets.shares, [2.0, 3.0, 1.0, 1.0].map(share));
        assert_eq!(buckets.ends()[3], (4.0, 5.0));
        let outcomes = Tensor::from_slice(&[0.0f32, 1e-7, 1.0, 3.0, 3.5, 9.0]).unsqueeze(0);
        let places: Vec<i64> = Vec::try_from(buckets.places(&outcomes).view(-1)).unwrap();
        assert_eq!(places, [0, 0, 1, 1, 2, 3]);
        assert_eq!(buckets.exceeded(&outcomes).double_value(&[0, 3, 1]), 0.0);
        assert_eq!(buckets.members(&outcomes).sum(Kind::Float).double_value(&[]), 6.0);
    }

    #[test]
    fn thresholds_that_part_off_no_row_are_left_out() {
        let zero = f64::from(1e-6f32);
        // Fixed price points: both quantiles are the same amount, or the largest.
        assert_eq!(fit(&[0.5, 0.75], &[0.0, 5.0, 5.0, 5.0, 9.0]).unwrap().thresholds, [zero, 5.0]);
        assert_eq!(fit(&[0.5, 0.75], &[0.0, 5.0, 5.0, 5.0]).unwrap().thresholds, [zero]);
        // No zeros: the first bucket starts at 0 and ends at the first quantile.
        let without = fit(&[0.5], &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!((without.thresholds.clone(), without.starts_with_zeros()), (vec![2.0], false));
        assert_eq!(fit(&[], &[0.0, 1.0]).unwrap().thresholds, [zero]);
        for (outcomes, words) in [
            (&[0.0, 0.0][..], "there is none"),
            (&[], "there is none"),
            (&[4.0, 4.0], "all training rows are in one bucket, at 4"),
        ] {
            let error = fit(&[0.5, 0.75], outcomes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn quantiles_out_of_range_are_refused() {
        for (quantiles, words) in [
            (vec![0.0], "found 0; must be inside (0, 1)"),
            (vec![0.5, f64::NAN], "found NaN"),
            (vec![0.75, 0.5], "must increase"),
            (vec![0.5, 0.5], "must increase"),
            (vec![0.5; 63], "at most 62"),
        ] {
            let error =
                BucketSpec { quantiles, ..BucketSpec::default() }.validate("cc-or").unwrap_err().to_string();
            assert!(error.starts_with("cc-or.buckets.quantiles: ") && error.contains(words), "{error}");
        }
    }

    proptest! {
        #[test]
        fn every_bucket_has_a_row_and_a_row_has_one_bucket(
            outcomes in prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.0..1e4f64], 2..60),
            quantiles in prop::collection::btree_set(1u32..99, 0..6),
        ) {
            let quantiles: Vec<f64> = quantiles.into_iter().map(|share| f64::from(share) / 100.0).collect();
            let Ok(buckets) = fit(&quantiles, &outcomes) else { return Ok(()) };
            buckets.check().unwrap();
            prop_assert!(buckets.shares.iter().all(|share| *share > 0.0));
            prop_assert!((buckets.shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(buckets.means.is_sorted());
            let outcomes: Vec<f32> = outcomes.iter().map(|outcome| *outcome as f32).collect();
            let tensor = Tensor::from_slice(&outcomes).to_device(Device::Cpu).unsqueeze(0);
            let places: Vec<i64> = Vec::try_from(buckets.places(&tensor).view(-1)).unwrap();
            for (outcome, place) in outcomes.iter().zip(places) {
                let (lower, upper) = buckets.ends()[place as usize];
                let inside = f64::from(*outcome) <= upper && (place == 0 || f64::from(*outcome) > lower);
                prop_assert!(inside, "{outcome} in {lower} to {upper}");
            }
        }
    }
}
