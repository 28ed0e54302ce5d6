//! A number with how sure we are of it.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// Two bounds and how they were found. The level is 95 %.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// What was resampled or assumed.
    pub method: String,
    /// Number of resamples, for a bootstrap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resamples: Option<usize>,
}

/// A bound pair, or why there is none.
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
    /// Value by seed, for seeds that have one.
    pub per_seed: BTreeMap<u64, f64>,
    /// Why there is no mean.
    pub reason: Option<String>,
}

impl Estimate {
    /// Mean, standard deviation and Student t interval of the seeds that have a value.
    pub fn over_seeds(values: impl Iterator<Item = (u64, Result<f64, String>)>, ci_rows: Bounds) -> Self {
        let mut per_seed = BTreeMap::new();
        let mut reason = None;
        for (seed, value) in values {
            match value {
                Ok(value) => drop(per_seed.insert(seed, value)),
                Err(why) => drop(reason.get_or_insert(why)),
            }
        }
        let found: Vec<f64> = per_seed.values().copied().collect();
        if found.is_empty() {
            return Self::absent(reason.unwrap_or_else(|| "no seed has a value".to_string()));
        }
        let (mean, sd) = moments(&found);
        Self { mean: Some(mean), sd, ci: student_t(mean, sd, found.len()), ci_rows, per_seed, reason: None }
    }

    /// No value, and why.
    pub fn absent(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            mean: None,
            sd: None,
            ci: Err(reason.clone()),
            ci_rows: Err(reason.clone()),
            per_seed: BTreeMap::new(),
            reason: Some(reason),
        }
    }
}

fn moments(values: &[f64]) -> (f64, Option<f64>) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt()))
}

fn student_t(mean: f64, sd: Option<f64>, count: usize) -> Bounds {
    let sd = sd.ok_or("one seed has no interval over seeds")?;
    let student = StudentsT::new(0.0, 1.0, count as f64 - 1.0).map_err(|error| error.to_string())?;
    let half = student.inverse_cdf(0.975) * sd / (count as f64).sqrt();
    Ok(Interval { low: mean - half, high: mean + half, method: "Student t".to_string(), resamples: None })
}
