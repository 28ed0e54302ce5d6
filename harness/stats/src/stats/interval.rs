//! A mean with its spread, and an interval with its provenance.

use super::distributions::t_quantile;
use crate::metrics::{Undefined, quantile};
use serde::{Deserialize, Serialize};

/// Mean and standard deviation of independent values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (over n - 1); absent for one value.
    pub sd: Option<f64>,
    /// Number of values.
    pub n: usize,
}

impl Estimate {
    /// Of these values; nothing when there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let first = *values.first()?;
        let n = values.len();
        // Deviations from the first value, so that equal values have a standard deviation of exactly zero.
        let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { mean, sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()), n })
    }

    /// Standard error of the mean.
    pub fn standard_error(&self) -> Option<f64> {
        self.sd.map(|sd| sd / (self.n as f64).sqrt())
    }
}

/// A two-sided interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Asked coverage, e.g. 0.95.
    pub level: f64,
    /// `Student t`, `percentile bootstrap`, `BCa bootstrap`, `bootstrap-t`, ...
    pub method: String,
    /// What varies: `seeds`, `test rows`, `pairs`.
    pub over: String,
    /// How many of them.
    pub n: usize,
    /// Number of resamples, where there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resamples: Option<usize>,
    /// What a reader should know, e.g. that all seeds gave the same value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Mean -+ t quantile x standard error.
///
/// # Errors
///
/// Why there is none: degrees of freedom that are not above 0.
pub fn student_t(mean: f64, standard_error: f64, freedom: f64, level: f64) -> Result<(f64, f64), Undefined> {
    let reach = t_quantile(0.5 + level / 2.0, freedom)? * standard_error;
    Ok((mean - reach, mean + reach))
}

/// The ends of the central `level` of values, by linear interpolation between order statistics.
pub(super) fn percentiles(values: &mut [f64], level: f64) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    (quantile(values, 0.5 - level / 2.0), quantile(values, 0.5 + level / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_by_hand() {
        let estimate = Estimate::of(&[1.0, 2.0, 6.0]).unwrap();
        assert_eq!((estimate.mean, estimate.sd, estimate.n), (3.0, Some(7f64.sqrt()), 3));
        assert_eq!(Estimate::of(&[0.1; 7]).unwrap(), Estimate { mean: 0.1, sd: Some(0.0), n: 7 });
        assert_eq!(Estimate::of(&[5.0]).unwrap().sd, None);
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn t_quantiles_are_those_of_scipy() {
        // scipy 1.17.1: stats.t.ppf(0.975, df), and df = 2.7 as Satterthwaite gives it
        let quantiles = [
            (1.0, 12.706204736174694),
            (4.0, 2.7764451051977934),
            (2.7, 3.3921483831737507),
            (29.0, 2.045229642132703),
        ];
        for (freedom, expected) in quantiles {
            let (_, high) = student_t(0.0, 1.0, freedom, 0.95).unwrap();
            assert!((high - expected).abs() < 1e-9, "{freedom}: {high}");
        }
    }

    #[test]
    fn percentiles_are_those_of_numpy() {
        let mut values = [4.0, 0.0, 1.0, 3.0, 2.0];
        let (low, high) = percentiles(&mut values, 0.95);
        assert!((low - 0.1).abs() < 1e-12 && (high - 3.9).abs() < 1e-12, "{low}, {high}");
    }
}
