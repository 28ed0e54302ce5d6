//! Buckets of outcomes: zeros, and positive outcomes parted at thresholds that belong to the rows that a model learned from.

use super::defined::{Defined, Undefined};
use super::quantile::quantile;
use serde::{Deserialize, Serialize};
use valor_base::input_error;

/// Amounts up to this are zeros, whatever their sign.
pub const ZERO: f64 = 1e-6;

/// Which quantiles of the positive outcomes part them, where nothing else is asked for.
const QUANTILES: [f64; 2] = [0.5, 0.75];

/// Where outcomes are parted, and where their middle lies. Outcome units.
///
/// ```text
/// bucket(v) = 1 + number of edges below v         edges: 1e-6 < t_2 < t_3 < ...
/// ```
///
/// So bucket 1 holds the zeros and the last one, the top bucket, has no upper limit. All come from the same rows, those that were
/// learned from: a metric that took them from the rows that it judges would judge different buckets in every resample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buckets {
    /// Where one bucket ends and the next begins, ascending; the first is [`ZERO`].
    pub edges: Vec<f64>,
    /// Median of the positive outcomes: where "low" ends, whatever the edges are.
    pub median: f64,
    /// Mean of all outcomes, zeros included.
    pub mean: f64,
}

/// A bucket of positive outcomes, by its number from 1, or the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Not the last one.
    Inner(usize),
    /// The last one: whales.
    Top,
}

/// Zero, up to the median of positive outcomes, above it.
pub(super) const STRATA: usize = 3;

impl Buckets {
    /// Of zeros, then up to the median of the positive outcomes, up to their third quartile, above it.
    ///
    /// # Errors
    ///
    /// Why there are none: no outcome is positive.
    pub fn of(outcomes: &[f64]) -> Defined<Self> {
        Self::at_quantiles(outcomes, &QUANTILES)
    }

    /// Of zeros, then parted at these quantiles of the positive outcomes (interpolated linearly, as numpy does), ascending and
    /// inside (0, 1). Quantiles that coincide, in a point mass, are one edge: there are fewer buckets.
    ///
    /// # Errors
    ///
    /// Why there are none: no outcome is positive.
    pub fn at_quantiles(outcomes: &[f64], quantiles: &[f64]) -> Defined<Self> {
        let positive = positive(outcomes);
        Self::parted(outcomes, quantiles.iter().map(|share| quantile(&positive, *share)).collect())
    }

    /// Of zeros, then parted at these amounts. Median and mean are those of `outcomes`.
    ///
    /// # Errors
    ///
    /// Input errors: an amount that is not above [`ZERO`] or not above the one before it, or no positive outcome.
    pub fn at(thresholds: &[f64], outcomes: &[f64]) -> anyhow::Result<Self> {
        let mut before = ZERO;
        for &threshold in thresholds {
            if !(threshold > before && threshold.is_finite()) {
                return Err(input_error!(
                    "threshold {threshold} is not above {before}: allowed are amounts above {ZERO:e}, each above the one before it"
                ));
            }
            before = threshold;
        }
        Self::parted(outcomes, thresholds.to_vec()).map_err(|reason| input_error!("{reason}"))
    }

    fn parted(outcomes: &[f64], thresholds: Vec<f64>) -> Defined<Self> {
        let positive = positive(outcomes);
        if positive.is_empty() {
            return Err(Undefined::new("no outcome is above zero: there is no bucket but that of zeros"));
        }
        let mut edges = vec![ZERO];
        edges.extend(thresholds);
        edges.dedup();
        // In ascending order, so that the order of the rows changes no bit.
        let mut all = outcomes.to_vec();
        all.sort_unstable_by(f64::total_cmp);
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        Ok(Self { edges, median: quantile(&positive, 0.5), mean })
    }

    /// How many there are, zeros included: at least 2 with any positive outcome, unless there are no thresholds.
    pub fn count(&self) -> usize {
        self.edges.len() + 1
    }

    /// The bucket that holds an amount, from 1.
    pub fn of_amount(&self, amount: f64) -> usize {
        1 + self.edges.partition_point(|edge| *edge < amount)
    }

    /// 0 for zeros, 1 up to the median of positive outcomes, 2 above it.
    pub fn stratum(&self, amount: f64) -> usize {
        usize::from(amount > ZERO) + usize::from(amount > self.median)
    }

    /// The number of a bucket.
    ///
    /// # Errors
    ///
    /// Why there is none: so many are not there, or it is the last one, which has a name of its own.
    pub fn number(&self, bucket: Bucket) -> Defined<usize> {
        match bucket {
            Bucket::Top => Ok(self.count()),
            Bucket::Inner(number) if number < self.count() => Ok(number),
            Bucket::Inner(number) => {
                let count = self.count();
                Err(Undefined(format!(
                    "there are {count} buckets: number {number} is the top one or not there"
                )))
            }
        }
    }

    /// For a reader: where each begins and ends, to a millionth.
    pub fn ranges(&self) -> Vec<String> {
        let positive = &self.edges[1..];
        let shown = |edge: f64| {
            let digits = format!("{edge:.6}");
            digits.trim_end_matches('0').trim_end_matches('.').to_string()
        };
        let inner = positive.windows(2).map(|ends| format!("{} to {}", shown(ends[0]), shown(ends[1])));
        let first = positive.first().map(|edge| format!("up to {}", shown(*edge)));
        let last = format!("above {}", shown(positive.last().copied().unwrap_or(0.0)));
        std::iter::once("0".to_string()).chain(first).chain(inner).chain([last]).collect()
    }
}

/// Ascending.
fn positive(outcomes: &[f64]) -> Vec<f64> {
    let mut positive: Vec<f64> = outcomes.iter().copied().filter(|outcome| *outcome > ZERO).collect();
    positive.sort_unstable_by(f64::total_cmp);
    positive
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_positive_outcomes_part_them_and_zeros_stand_apart() {
        let buckets = Buckets::of(&[0.0, 4.0, 1.0, -0.0, 2.0, 3.0, 1e-7, 5.0, -1e-7]).unwrap();
        assert_eq!(buckets, Buckets { edges: vec![ZERO, 3.0, 4.0], median: 3.0, mean: 15.0 / 9.0 });
        assert_eq!(buckets.count(), 4);
        let found = [-2.0, 0.0, 1e-6, 1e-5, 3.0, 3.5, 4.0, 4.1, 1e9].map(|amount| buckets.of_amount(amount));
        assert_eq!(found, [1, 1, 1, 2, 2, 3, 3, 4, 4]);
        let strata = [0.0, 1e-5, 3.0, 3.1, 1e9].map(|amount| buckets.stratum(amount));
        assert_eq!(strata, [0, 1, 1, 2, 2]);
        assert_eq!(buckets.ranges(), ["0", "up to 3", "3 to 4", "above 4"]);
        assert_eq!(
            [Bucket::Inner(2), Bucket::Inner(3), Bucket::Top].map(|one| buckets.number(one).unwrap()),
            [2, 3, 4]
        );
        assert!(buckets.number(Bucket::Inner(4)).unwrap_err().0.contains("there are 4 buckets"));
    }

    #[test]
    fn any_number_of_buckets_and_point_masses_are_possible() {
        let draws: Vec<f64> = (0..=100).map(f64::from).collect();
        let many = Buckets::at_quantiles(&draws, &[0.25, 0.5, 0.75, 0.9, 0.99]).unwrap();
        assert_eq!((many.count(), many.median), (7, 50.5));
        // A subscription at one price is one bucket, not three.
        let mass = Buckets::of(&[0.0, 9.0, 9.0, 9.0, 20.0, 0.0]).unwrap();
        assert_eq!((mass.edges.as_slice(), mass.count()), ([ZERO, 9.0, 11.75].as_slice(), 4));
        assert_eq!(Buckets::of(&[9.0; 5]).unwrap().edges, [ZERO, 9.0]);
        assert!(Buckets::of(&[0.0, -1.0]).unwrap_err().0.contains("no outcome is above zero"));
        assert_eq!(Buckets::at_quantiles(&[0.0, 1.0], &[]).unwrap().ranges(), ["0", "above 0"]);
    }

    #[test]
    fn given_thresholds_ascend_above_zero() {
        let given = Buckets::at(&[10.0, 50.0], &[0.0, 5.0, 60.0]).unwrap();
        assert_eq!((given.edges.as_slice(), given.median), ([ZERO, 10.0, 50.0].as_slice(), 32.5));
        for wrong in [&[10.0, 10.0][..], &[0.0], &[-1.0], &[50.0, 10.0], &[f64::NAN], &[f64::INFINITY]] {
            let error = Buckets::at(wrong, &[1.0]).unwrap_err();
            assert!(
                valor_base::error::is_input(&error) && error.to_string().contains("is not above"),
                "{error}"
            );
        }
        assert!(Buckets::at(&[1.0], &[0.0]).unwrap_err().to_string().contains("no outcome is above zero"));
    }

    proptest! {
        #[test]
        fn buckets_are_ordered_as_amounts_are_and_rows_in_any_order_give_the_same(
            mut outcomes in proptest::collection::vec(prop_oneof![Just(0.0), 0.01..1e6], 1..60),
            amounts in proptest::collection::vec(-10.0..1e6, 2),
        ) {
            let found = Buckets::of(&outcomes);
            outcomes.reverse();
            prop_assert_eq!(&Buckets::of(&outcomes), &found);
            let Ok(buckets) = found else { return Ok(()) };
            let (low, high) = (f64::min(amounts[0], amounts[1]), f64::max(amounts[0], amounts[1]));
            prop_assert!(buckets.of_amount(low) <= buckets.of_amount(high));
            prop_assert!((1..=buckets.count()).contains(&buckets.of_amount(high)));
            prop_assert!(buckets.edges.is_sorted_by(|a, b| a < b));
        }
    }
}
