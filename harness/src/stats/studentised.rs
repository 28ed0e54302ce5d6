//! A mean with its standard error: what a t-test, an interval, a test of equivalence and a power calculation share.

use super::interval::student_t;
use super::law::{distance_found, power_at, t_below};
use crate::metrics::Undefined;
use serde::Serialize;

/// A mean, its standard error, and the degrees of freedom of that error.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Studentised {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom.
    pub freedom: f64,
}

impl Studentised {
    /// Of independent values.
    ///
    /// # Errors
    ///
    /// Why there is none: fewer than two values.
    pub fn of(values: &[f64]) -> Result<Self, Undefined> {
        let estimate = super::Estimate::of(values);
        let found = estimate.and_then(|estimate| Some((estimate, estimate.standard_error()?)));
        let too_few = || Undefined(format!("an interval needs at least 2 pairs, found {}", values.len()));
        let (estimate, error) = found.ok_or_else(too_few)?;
        Ok(Self { mean: estimate.mean, error, freedom: (estimate.n - 1) as f64 })
    }

    /// The sum of independent parts, each times its factor, with Satterthwaite's degrees of freedom.
    ///
    /// ```text
    /// V = sum of (c_i e_i)^2,   freedom = V^2 / sum of (c_i e_i)^4 / freedom_i
    /// ```
    ///
    /// # Errors
    ///
    /// Why there is none: no parts.
    pub fn sum(parts: &[(f64, Self)]) -> Result<Self, Undefined> {
        let first = parts.first().ok_or_else(|| Undefined("there is nothing to add".to_string()))?;
        let mean = parts.iter().map(|(factor, part)| factor * part.mean).sum();
        let square = |(factor, part): &(f64, Self)| (factor * part.error).powi(2);
        let variance: f64 = parts.iter().map(square).sum();
        let spread: f64 = parts.iter().map(|part| square(part).powi(2) / part.1.freedom).sum();
        let freedom = if variance > 0.0 { variance.powi(2) / spread } else { first.1.freedom };
        Ok(Self { mean, error: variance.sqrt(), freedom })
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
        student_t(self.mean, self.error, self.freedom, level)
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
            (false, _) => Ok(2.0 * t_below(-distance / self.error, self.freedom)?),
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
        t_below((self.mean.abs() - margin) / self.error, self.freedom)
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
        t_below(distance / self.error, self.freedom)
    }

    /// The smallest true mean that a test at `level` tells from 0 with probability `power`.
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
