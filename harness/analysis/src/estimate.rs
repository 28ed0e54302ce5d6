//! A number with how sure we are of it.

use std::collections::BTreeMap;
use valor_base::seed::Seeds;
use valor_stats::stats::{self, Interval, Resampled, SeedInterval, joint_interval, seed_interval};

pub use valor_stats::stats::POWER;

/// Coverage of every interval.
pub const LEVEL: f64 = 0.95;

/// An interval, or why there is none.
pub type Bounds = Result<Interval, String>;

/// A metric of a cell or a reference row.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricEstimate {
    /// Mean over the seeds that have a value.
    pub mean: Option<f64>,
    /// Standard deviation over seeds (divisor n - 1); for `random` over permutations.
    pub sd: Option<f64>,
    /// Over seeds.
    pub ci: Bounds,
    /// Over test rows, of the seed-averaged metric.
    pub ci_rows: Bounds,
    /// Over seeds and test rows together.
    pub ci_both: Bounds,
    /// Standard deviation of the seed-averaged metric over resamples of the test rows.
    pub sd_rows: Option<f64>,
    /// Value by seed, for seeds that have one.
    pub per_seed: BTreeMap<u64, f64>,
    /// Why there is no mean.
    pub reason: Option<String>,
}

impl MetricEstimate {
    /// Mean, standard deviation and interval of the seeds that have a value.
    pub fn over_seeds(
        values: impl Iterator<Item = (u64, Result<f64, String>)>,
        method: SeedInterval,
        rows: (&Result<Resampled, String>, Bounds),
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
            return Self::absent(reason.unwrap_or_else(|| "no seed has a value".to_string()));
        };
        let seeds = Seeds::new(0).child("seed-interval");
        let ci = seed_interval(&found, method, LEVEL, &seeds).map_err(|undefined| undefined.to_string());
        Self {
            mean: Some(estimate.mean),
            sd: estimate.sd,
            ci_both: over_both(estimate.mean, &ci, &rows.1),
            ci,
            sd_rows: rows.0.as_ref().ok().and_then(|rows| rows.variance().ok()).map(f64::sqrt),
            ci_rows: rows.1,
            per_seed,
            reason: None,
        }
    }

    /// No value, and why.
    pub fn absent(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            mean: None,
            sd: None,
            ci: Err(reason.clone()),
            ci_rows: Err(reason.clone()),
            ci_both: Err(reason.clone()),
            sd_rows: None,
            per_seed: BTreeMap::new(),
            reason: Some(reason),
        }
    }
}

/// Over seeds and test rows: from the interval of each as it stands.
fn over_both(mean: f64, ci: &Bounds, ci_rows: &Bounds) -> Bounds {
    let (seeds, rows) = (ci.as_ref().map_err(Clone::clone)?, ci_rows.as_ref().map_err(Clone::clone)?);
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

/// Mean in order; nothing of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(values: &[Result<f64, String>]) -> MetricEstimate {
        MetricEstimate::over_seeds(
            (1..).zip(values.iter().cloned()),
            SeedInterval::StudentT,
            (&Err("not asked".to_string()), Err("not asked".to_string())),
        )
    }

    #[test]
    fn seeds_without_a_value_are_left_out_of_the_mean() {
        let estimate = over(&[Ok(-1.0), Err("no arm".to_string()), Ok(2.0)]);
        assert_eq!((estimate.mean, estimate.per_seed.len()), (Some(0.5), 2));
        assert_eq!(estimate.ci.unwrap().n, 2);
        assert_eq!(estimate.reason, None);
    }

    #[test]
    fn one_seed_has_no_spread_and_no_interval() {
        let estimate = over(&[Ok(0.4)]);
        assert_eq!((estimate.mean, estimate.sd), (Some(0.4), None));
        assert!(estimate.ci.is_err());
    }

    #[test]
    fn no_value_says_why() {
        let estimate = over(&[Err("the true effect is not known".to_string())]);
        assert_eq!((estimate.mean, estimate.reason.as_deref()), (None, Some("the true effect is not known")));
    }
}
