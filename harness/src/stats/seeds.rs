//! Intervals of a mean over seeds.

use super::interval::{Estimate, Interval, percentiles, student_t};
use crate::metrics::Undefined;
use crate::seed::Seeds;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Resamples of the two bootstraps.
const RESAMPLES: usize = 10_000;

/// How an interval over seeds is made. With five seeds a percentile bootstrap covers .83 where .95 is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedInterval {
    /// Mean -+ t SD / sqrt(n).
    #[default]
    StudentT,
    /// Quantiles of the means of resampled seeds.
    Percentile,
    /// Quantiles of the studentised means of resampled seeds.
    BootstrapT,
}

impl SeedInterval {
    fn name(self) -> &'static str {
        match self {
            Self::StudentT => "Student t",
            Self::Percentile => "percentile bootstrap",
            Self::BootstrapT => "bootstrap-t",
        }
    }
}

/// The interval of the mean over seeds, one value per seed; `seeds` draws the resamples.
///
/// Equal values give an interval of width zero that says so.
///
/// # Errors
///
/// Why there is none: fewer than two seeds.
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
    let (low, high) = match method {
        _ if error == 0.0 => (estimate.mean, estimate.mean),
        SeedInterval::StudentT => student_t(estimate.mean, error, (n - 1) as f64, level)?,
        SeedInterval::Percentile => {
            let mut means: Vec<f64> = resampled(values, seeds).map(|resample| resample.mean).collect();
            percentiles(&mut means, level)
        }
        SeedInterval::BootstrapT => bootstrap_t(values, &estimate, level, seeds)?,
    };
    Ok(Interval {
        low,
        high,
        level,
        method: method.name().to_string(),
        over: "seeds".to_string(),
        n,
        resamples: (method != SeedInterval::StudentT).then_some(RESAMPLES),
        note: (error == 0.0).then(|| "no seed variance".to_string()),
    })
}

/// Resamples without any spread say nothing about the studentised mean and are left out.
fn bootstrap_t(
    values: &[f64],
    estimate: &Estimate,
    level: f64,
    seeds: &Seeds,
) -> Result<(f64, f64), Undefined> {
    let studentised = resampled(values, seeds).filter_map(|resample| {
        let error = resample.standard_error().filter(|&error| error > 0.0)?;
        Some((resample.mean - estimate.mean) / error)
    });
    let mut studentised: Vec<f64> = studentised.collect();
    let error = estimate.standard_error().filter(|_| !studentised.is_empty());
    let error = error.ok_or_else(|| Undefined("no resample has any spread".to_string()))?;
    let (low, high) = percentiles(&mut studentised, level);
    Ok((estimate.mean - high * error, estimate.mean - low * error))
}

fn resampled<'a>(values: &'a [f64], seeds: &Seeds) -> impl Iterator<Item = Estimate> + 'a {
    let mut stream = seeds.stream();
    let mut drawn = vec![0.0; values.len()];
    (0..RESAMPLES).filter_map(move |_| {
        drawn.fill_with(|| values[stream.random_range(0..values.len())]);
        Estimate::of(&drawn)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, StandardNormal};
    use rayon::prelude::*;

    const VALUES: [f64; 5] = [0.40, 0.42, 0.37, 0.41, 0.45];

    fn interval(values: &[f64], method: SeedInterval) -> Result<Interval, Undefined> {
        seed_interval(values, method, 0.95, &Seeds::new(7))
    }

    /// The coverages of METHODS.md, 7.1: 2,000 sets of five normal values.
    #[test]
    fn five_seeds_are_covered_by_student_t_and_not_by_percentiles() {
        let coverage = |method| {
            let covers = |set: u64| {
                let normal = StandardNormal.sample_iter(Seeds::new(set).child("coverage").stream());
                let values: Vec<f64> = normal.take(5).collect();
                let found = seed_interval(&values, method, 0.95, &Seeds::new(set)).unwrap();
                (found.low <= 0.0 && 0.0 <= found.high) as usize
            };
            (0..2000u64).into_par_iter().map(covers).sum::<usize>() as f64 / 2000.0
        };
        let found =
            [SeedInterval::StudentT, SeedInterval::BootstrapT, SeedInterval::Percentile].map(coverage);
        for (found, expected) in found.iter().zip([0.95, 0.95, 0.84]) {
            assert!((found - expected).abs() < 0.015, "{found} instead of {expected}");
        }
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
        let width = |method| {
            let found = interval(&VALUES, method).unwrap();
            assert!(found.low < 0.41 && 0.41 < found.high, "{found:?}");
            found.high - found.low
        };
        let [percentile, student, studentised] =
            [SeedInterval::Percentile, SeedInterval::StudentT, SeedInterval::BootstrapT].map(width);
        assert!(percentile < student && percentile < studentised, "{percentile}, {student}, {studentised}");
        assert_eq!(interval(&VALUES, SeedInterval::Percentile), interval(&VALUES, SeedInterval::Percentile));
    }

    #[test]
    fn one_seed_has_none_and_equal_seeds_say_so() {
        let reason = interval(&[0.4], SeedInterval::StudentT).unwrap_err();
        assert_eq!(reason.0, "an interval over seeds needs at least 2 of them, found 1");
        assert!(interval(&[], SeedInterval::Percentile).is_err());
        for method in [SeedInterval::StudentT, SeedInterval::Percentile, SeedInterval::BootstrapT] {
            let found = interval(&[0.1; 3], method).unwrap();
            assert_eq!((found.low, found.high, found.note.as_deref()), (0.1, 0.1, Some("no seed variance")));
        }
    }
}
