//! A mean with its standard error: what a t-test, an interval, a test of equivalence and a power calculation share.

use super::interval::student_t;
use super::law::{distance_found, power_at, t_below};
use crate::metrics::Undefined;
use serde::Serialize;

/// Share of repetitions in which a detectable difference is found.
pub const POWER: f64 = 0.8;

/// A mean, its standard error, and the degrees of freedom of that error.
///
/// What is known of a mean may reach farther to one side than to the other: `down` and `up` are the standard errors
/// of normal laws with the tail on that side, and `error` is between them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Studentised {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// That of the tail below the mean.
    pub down: f64,
    /// That of the tail above it.
    pub up: f64,
    /// Degrees of freedom.
    pub freedom: f64,
}

impl Studentised {
    /// With tails alike.
    pub fn new(mean: f64, error: f64, freedom: f64) -> Self {
        Self { mean, error, down: error, up: error, freedom }
    }

    /// Of independent values.
    ///
    /// # Errors
    ///
    /// As for `of_pairs`.
    pub fn of(values: &[f64]) -> Result<Self, Undefined> {
        let estimate = super::Estimate::of(values);
        let (mean, sd) = estimate.map_or((0.0, None), |estimate| (estimate.mean, estimate.sd));
        Self::of_pairs(mean, sd.unwrap_or(0.0), values.len())
    }

    /// Of `n` independent values with this mean and standard deviation: differences of pairs, or values that are compared
    /// with a fixed number.
    ///
    /// # Errors
    ///
    /// Why there is none: fewer than two values, or a standard deviation that is not a number of 0 or more.
    pub fn of_pairs(mean: f64, sd: f64, n: usize) -> Result<Self, Undefined> {
        if n < 2 {
            return Err(Undefined(format!("an interval needs at least 2 pairs, found {n}")));
        }
        if !(sd.is_finite() && sd >= 0.0) {
            return Err(Undefined(format!("{sd} is no standard deviation")));
        }
        Ok(Self::new(mean, sd / (n as f64).sqrt(), (n - 1) as f64))
    }

    /// The sum of independent parts, each times its factor (0 or more), with Satterthwaite's degrees of freedom.
    ///
    /// ```text
    /// V = sum of (c_i e_i)^2,   freedom = V^2 / sum of (c_i e_i)^4 / freedom_i;   each tail likewise
    /// ```
    ///
    /// # Errors
    ///
    /// Why there is none: no parts.
    pub fn sum(parts: &[(f64, Self)]) -> Result<Self, Undefined> {
        let first = parts.first().ok_or_else(|| Undefined("there is nothing to add".to_string()))?;
        let mean = parts.iter().map(|(factor, part)| factor * part.mean).sum();
        let variance = |error: fn(&Self) -> f64| -> f64 {
            parts.iter().map(|(factor, part)| (factor * error(part)).powi(2)).sum()
        };
        let whole = variance(|part| part.error);
        let spread: f64 =
            parts.iter().map(|(factor, part)| (factor * part.error).powi(4) / part.freedom).sum();
        let freedom = if whole > 0.0 { whole.powi(2) / spread } else { first.1.freedom };
        let [down, up] = [variance(|part| part.down), variance(|part| part.up)].map(f64::sqrt);
        Ok(Self { mean, error: whole.sqrt(), down, up, freedom })
    }

    /// Its negative.
    #[must_use]
    pub fn negative(&self) -> Self {
        Self { mean: -self.mean, down: self.up, up: self.down, ..*self }
    }

    /// So much less.
    #[must_use]
    pub fn less(&self, by: f64) -> Self {
        Self { mean: self.mean - by, ..*self }
    }

    /// The standard error of the tail towards `null`.
    fn towards(&self, null: f64) -> f64 {
        let tail = if null < self.mean { self.down } else { self.up };
        if tail > 0.0 { tail } else { self.error }
    }

    /// The two-sided interval; both ends are the mean where there is no variance.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn interval(&self, level: f64) -> Result<(f64, f64), Undefined> {
        if self.error == 0.0 {
            return Ok((self.mean, self.mean));
        }
        let (low, _) = student_t(self.mean, self.towards(f64::NEG_INFINITY), self.freedom, level)?;
        let (_, high) = student_t(self.mean, self.towards(f64::INFINITY), self.freedom, level)?;
        Ok((low, high))
    }

    /// The two-sided p-value of a mean of `null`.
    ///
    /// # Errors
    ///
    /// Why there is none: a difference without any variance, which chance neither explains nor excludes.
    pub fn p_value(&self, null: f64) -> Result<f64, Undefined> {
        let distance = (self.mean - null).abs();
        match (self.error == 0.0, distance == 0.0) {
            (true, true) => Ok(1.0),
            (true, false) => Err(Undefined("no variance to test against".to_string())),
            (false, _) => Ok(2.0 * t_below(-distance / self.towards(null), self.freedom)?),
        }
    }

    /// The p-value of two one-sided tests: how far the data are from excluding a true mean outside `-margin..margin`.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn equivalence(&self, margin: f64) -> Result<f64, Undefined> {
        if self.error == 0.0 {
            return Ok(if self.mean.abs() < margin { 0.0 } else { 1.0 });
        }
        let low = t_below(-(self.mean + margin) / self.towards(-margin), self.freedom)?;
        let high = t_below((self.mean - margin) / self.towards(margin), self.freedom)?;
        Ok(low.max(high))
    }

    /// The probability that the true mean is above `null`, under a flat prior: of a difference, that of being better.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn probability_above(&self, null: f64) -> Result<f64, Undefined> {
        let distance = self.mean - null;
        if self.error == 0.0 {
            return Ok(if distance == 0.0 { 0.5 } else { f64::from(u8::from(distance > 0.0)) });
        }
        t_below(distance / self.towards(null), self.freedom)
    }

    /// The smallest true mean that a test at `level` tells from 0 with probability `power`.
    ///
    /// ```text
    /// d e,   d solves P(|T'(f, d)| > t(f; 1/2 + level/2)) = power,   e standard error, T' noncentral t with f degrees
    /// ```
    ///
    /// Of five pairs, in units of the seeds' standard deviation: 1.68 sqrt(2 - 2 correlation).
    ///
    /// # Errors
    ///
    /// Why there is none: a level or power that no test has.
    pub fn detectable(&self, level: f64, power: f64) -> Result<f64, Undefined> {
        if self.error == 0.0 {
            return Ok(0.0);
        }
        Ok(distance_found(self.freedom, level, power)? * self.error)
    }

    /// The chance that a test at `level` tells a true mean of `difference` from 0.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn power(&self, difference: f64, level: f64) -> Result<f64, Undefined> {
        match (self.error == 0.0, difference == 0.0) {
            (true, true) => Ok(1.0 - level),
            (true, false) => Ok(1.0),
            (false, _) => power_at(difference.abs() / self.error, self.freedom, level),
        }
    }
}
