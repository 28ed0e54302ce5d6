//! A number with how sure we are of it.

use std::collections::BTreeMap;
use valor_base::seed::Seeds;
use valor_stats::metrics::{Defined, Undefined};
use valor_stats::stats::{self, Interval, Resampled, SeedInterval, joint_interval, seed_interval};

pub use valor_stats::stats::POWER;

/// Coverage of every interval.
pub const LEVEL: f64 = 0.95;

/// A metric of a cell or a reference row.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricEstimate {
    /// Mean over the seeds that have a value, or why none has.
    pub mean: Defined<f64>,
    /// Standard deviation over seeds (divisor n - 1); for `random` over permutations.
    pub sd: Option<f64>,
    /// Over seeds.
    pub ci: Defined<Interval>,
    /// Over test rows, of the seed-averaged metric.
    pub ci_rows: Defined<Interval>,
    /// Over seeds and test rows together.
    pub ci_both: Defined<Interval>,
    /// Standard deviation of the seed-averaged metric over resamples of the test rows.
    pub sd_rows: Option<f64>,
    /// Value by seed, for seeds that have one.
    pub per_seed: BTreeMap<u64, f64>,
}

impl MetricEstimate {
    /// Mean, standard deviation and interval of the seeds that have a value.
    pub fn over_seeds(
        values: impl Iterator<Item = (u64, Defined<f64>)>,
        method: SeedInterval,
        resampled: &Defined<Resampled>,
        ci_rows: Defined<Interval>,
    ) -> Self {
        let mut per_seed = BTreeMap::new();
        let mut reason = None;
        for (seed, value) in values {
            match value {
                Ok(value) => drop(per_seed.insert(seed, value)),
                Err(why) => drop(reason.get_or_insert(why)),
            }
        }
        let found: Vec<f64> = per_seed.values().copied().collect();
        let Some(estimate) = stats::Estimate::of(&found) else {
            return Self::absent(reason.unwrap_or_else(|| Undefined::new("no seed has a value")));
        };
        let seeds = Seeds::new(0).child("seed-interval");
        let ci = seed_interval(&found, method, LEVEL, &seeds);
        Self {
            mean: Ok(estimate.mean),
            sd: estimate.sd,
            ci_both: over_both(estimate.mean, &ci, &ci_rows),
            ci,
            sd_rows: resampled.as_ref().ok().and_then(|rows| rows.variance().ok()).map(f64::sqrt),
            ci_rows,
            per_seed,
        }
    }

    /// No value, and why.
    pub fn absent(reason: Undefined) -> Self {
        Self {
            mean: Err(reason.clone()),
            sd: None,
            ci: Err(reason.clone()),
            ci_rows: Err(reason.clone()),
            ci_both: Err(reason),
            sd_rows: None,
            per_seed: BTreeMap::new(),
        }
    }

    /// The mean, where there is one.
    pub fn value(&self) -> Option<f64> {
        self.mean.as_ref().ok().copied()
    }
}

/// Over seeds and test rows: from the interval of each as it stands.
fn over_both(mean: f64, ci: &Defined<Interval>, ci_rows: &Defined<Interval>) -> Defined<Interval> {
    let (seeds, rows) = (ci.as_ref().map_err(Undefined::clone)?, ci_rows.as_ref().map_err(Undefined::clone)?);
    let (low, high) = joint_interval(mean, &[(seeds.low, seeds.high), (rows.low, rows.high)]);
    Ok(Interval {
        low,
        high,
        level: LEVEL,
        method: format!("half-widths in quadrature: {} of seeds, {} of test rows", seeds.method, rows.method),
        over: "seeds and test rows".to_string(),
        n: seeds.n,
        resamples: None,
        note: seeds.note.clone(),
    })
}

/// Why there is no value; nothing where there is one.
pub fn reason<T>(found: &Defined<T>) -> Option<&str> {
    found.as_ref().err().map(|undefined| undefined.0.as_str())
}

/// Mean in order; nothing of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(values: &[Defined<f64>]) -> MetricEstimate {
        MetricEstimate::over_seeds(
            (1..).zip(values.iter().cloned()),
            SeedInterval::StudentT,
            &Err(Undefined::new("not asked")),
            Err(Undefined::new("not asked")),
        )
    }

    #[test]
    fn seeds_without_a_value_are_left_out_of_the_mean() {
        let estimate = over(&[Ok(-1.0), Err(Undefined::new("no arm")), Ok(2.0)]);
        assert_eq!((estimate.mean, estimate.per_seed.len()), (Ok(0.5), 2));
        assert_eq!(estimate.ci.unwrap().n, 2);
    }

    #[test]
    fn one_seed_has_no_spread_and_no_interval() {
        let estimate = over(&[Ok(0.4)]);
        assert_eq!((estimate.mean, estimate.sd), (Ok(0.4), None));
        assert!(estimate.ci.is_err());
    }

    #[test]
    fn no_value_says_why() {
        let estimate = over(&[Err(Undefined::new("the true effect is not known"))]);
        assert_eq!(estimate.mean, Err(Undefined::new("the true effect is not known")));
    }
}
