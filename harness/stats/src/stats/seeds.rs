//! Intervals of a mean over seeds.

use super::bootstrap::{bca, percentile, studentised};
use super::interval::{Estimate, Interval, student_t};
use super::resamples::Resamples;
use crate::metrics::Undefined;
use serde::{Deserialize, Serialize};
use valor_base::seed::Seeds;

/// How an interval over seeds is made. With five seeds a percentile bootstrap covers .83 where .95 is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedInterval {
    /// Mean -+ t SD / sqrt(n).
    #[default]
    StudentT,
    /// Quantiles of the means of resampled seeds.
    Percentile,
    /// The same quantiles, corrected for bias and skewness.
    Bca,
    /// Quantiles of the studentised means of resampled seeds; from five seeds.
    BootstrapT,
}

impl SeedInterval {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::StudentT, Self::Percentile, Self::Bca, Self::BootstrapT];

    /// As it stands beside an interval.
    pub fn name(self) -> &'static str {
        match self {
            Self::StudentT => "Student t",
            Self::Percentile => "percentile bootstrap",
            Self::Bca => "BCa bootstrap",
            Self::BootstrapT => "bootstrap-t",
        }
    }
}

/// The interval of the mean over seeds, one value per seed.
///
/// Bootstraps list every resample of up to eight seeds with its probability; of more, `seeds` draws 10,000.
/// Equal values give an interval of width zero that says so.
///
/// # Errors
///
/// Why there is none: fewer than two seeds; for a bootstrap-t fewer than five, or too many that are equal.
pub fn seed_interval(
    values: &[f64],
    method: SeedInterval,
    level: f64,
    seeds: &Seeds,
) -> Result<Interval, Undefined> {
    let n = values.len();
    let estimate = Estimate::of(values).filter(|_| n > 1);
    let Some((estimate, error)) = estimate.and_then(|e| Some((e, e.standard_error()?))) else {
        return Err(Undefined(format!("an interval over seeds needs at least 2 of them, found {n}")));
    };
    let drawn = (method != SeedInterval::StudentT && error > 0.0).then(|| Resamples::of(n, seeds));
    let (low, high) = match (method, &drawn) {
        (_, None) if error == 0.0 => (estimate.mean, estimate.mean),
        (SeedInterval::StudentT, _) | (_, None) => student_t(estimate.mean, error, (n - 1) as f64, level)?,
        (SeedInterval::Percentile, Some(drawn)) => percentile(values, drawn, level)?,
        (SeedInterval::Bca, Some(drawn)) => bca(values, &estimate, drawn, level)?,
        (SeedInterval::BootstrapT, Some(drawn)) => studentised(values, &estimate, error, drawn, level)?,
    };
    let all = drawn.as_ref().is_some_and(|drawn| drawn.all).then(|| "every resample listed".to_string());
    Ok(Interval {
        low,
        high,
        level,
        method: method.name().to_string(),
        over: "seeds".to_string(),
        n,
        resamples: drawn.map(|drawn| drawn.number),
        note: if error == 0.0 { Some("no seed variance".to_string()) } else { all },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 5] = [0.40, 0.42, 0.37, 0.41, 0.45];

    fn interval(values: &[f64], method: SeedInterval) -> Result<Interval, Undefined> {
        seed_interval(values, method, 0.95, &Seeds::new(7))
    }

    #[test]
    fn student_t_is_that_of_scipy() {
        // scipy 1.17.1: stats.t.interval(.95, 4, np.mean(v), stats.sem(v))
        let found = interval(&VALUES, SeedInterval::StudentT).unwrap();
        assert!((found.low - 0.3737995847845628).abs() < 1e-12, "{}", found.low);
        assert!((found.high - 0.44620041521543713).abs() < 1e-12, "{}", found.high);
        assert_eq!((found.method.as_str(), found.n, found.resamples), ("Student t", 5, None));
    }

    #[test]
    fn all_bracket_the_mean_and_the_percentile_bootstrap_is_too_narrow() {
        let [student, percentile, bca, studentised] = SeedInterval::ALL.map(|method| {
            let found = interval(&VALUES, method).unwrap();
            assert!(found.low < 0.41 && 0.41 < found.high, "{found:?}");
            if method != SeedInterval::StudentT {
                assert_eq!(
                    (found.resamples, found.note.as_deref()),
                    (Some(3_125), Some("every resample listed"))
                );
            }
            found.high - found.low
        });
        assert!(percentile < student && bca < student && percentile < studentised);
        let many: Vec<f64> = (0..9).map(f64::from).collect();
        let drawn = interval(&many, SeedInterval::Percentile).unwrap();
        assert_eq!((drawn.resamples, &drawn.note), (Some(10_000), &None));
        assert_eq!(Ok(drawn), interval(&many, SeedInterval::Percentile));
    }

    #[test]
    fn one_seed_has_none_and_equal_seeds_say_so() {
        let reason = interval(&[0.4], SeedInterval::StudentT).unwrap_err();
        assert_eq!(reason.0, "an interval over seeds needs at least 2 of them, found 1");
        assert!(interval(&[], SeedInterval::Percentile).is_err());
        for method in SeedInterval::ALL {
            let found = interval(&[0.1; 3], method).unwrap();
            assert_eq!((found.low, found.high, found.note.as_deref()), (0.1, 0.1, Some("no seed variance")));
            assert_eq!(found.resamples, None);
        }
    }

    #[test]
    fn a_bootstrap_t_needs_five_seeds_that_differ() {
        let reason = interval(&VALUES[..4], SeedInterval::BootstrapT).unwrap_err();
        assert_eq!(reason.0, "a bootstrap-t needs at least 5 seeds, found 4");
        // four equal values of five: a third of the resamples are without spread, on one side of the mean
        let reason = interval(&[1.0, 1.0, 1.0, 1.0, 2.0], SeedInterval::BootstrapT).unwrap_err();
        assert_eq!(reason.0, "too many resamples have no spread for a bootstrap-t");
    }
}
