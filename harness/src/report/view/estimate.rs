//! A number with how sure we are of it.

use crate::seed::Seeds;
use crate::stats::{self, Interval, Resampled, SeedInterval, Studentised, seed_interval, seeds_and_rows};
use std::collections::BTreeMap;

/// Coverage of every interval.
pub const LEVEL: f64 = 0.95;

/// An interval, or why there is none.
pub type Bounds = Result<Interval, String>;

/// A metric of a cell or a reference row.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
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

impl Estimate {
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
        let ci = seed_interval(&found, method, LEVEL, &seeds);
        Self {
            mean: Some(estimate.mean),
            sd: estimate.sd,
            ci: ci.map_err(|undefined| undefined.to_string()),
            ci_both: over_both(&found, rows.0),
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

/// Over seeds and test rows by variance components.
fn over_both(values: &[f64], rows: &Result<Resampled, String>) -> Bounds {
    let text = |undefined: crate::metrics::Undefined| undefined.to_string();
    let seeds = Studentised::of(values)
        .map_err(|_| format!("an interval over seeds needs at least 2 of them, found {}", values.len()))?;
    let whole = seeds_and_rows(&seeds, rows.as_ref().map_err(Clone::clone)?).map_err(text)?;
    let (low, high) = whole.interval(LEVEL).map_err(text)?;
    Ok(Interval {
        low,
        high,
        level: LEVEL,
        method: "Student t (Satterthwaite), variance of seeds plus variance of test rows".to_string(),
        over: "seeds and test rows".to_string(),
        n: values.len(),
        resamples: None,
        note: (seeds.error == 0.0).then(|| "no seed variance".to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(values: &[Result<f64, String>]) -> Estimate {
        Estimate::over_seeds(
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
