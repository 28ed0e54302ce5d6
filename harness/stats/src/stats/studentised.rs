//! A mean with its standard error: what a t-test, an interval, a test of equivalence and a power calculation share.

use super::distributions::{
    Mixed, distance_found, normal_below, normal_quantile, power_at, t_below, t_quantile,
};
use crate::metrics::Undefined;
use serde::Serialize;

/// Share of repetitions in which a detectable difference is found.
pub const POWER: f64 = 0.8;

/// Halvings of an interval in which a p-value is looked for.
const HALVINGS: usize = 80;

/// How far test rows reach from a mean on either side: the standard errors of normal laws whose 95 % half-width on that
/// side is that of the rows' own interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Tails {
    /// Below the mean.
    pub down: f64,
    /// Above it.
    pub up: f64,
}

impl Tails {
    /// Between the two.
    fn middle(self) -> f64 {
        (self.down + self.up) / 2.0
    }
}

/// A mean and what is known of it from seeds and from test rows.
///
/// ```text
/// reach(L, side) = sqrt( (t(freedom; L) error)^2 + (z(L) rows(side))^2 )       half-width at level L
/// ```
///
/// Half-widths, not variances, are added in quadrature, each from the mean (MOVER: Zou and Donner 2008). So the interval
/// reaches at least as far as that of either source, on either side; its p-value is one minus the level at which it
/// ends at the tested value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Studentised {
    /// The mean.
    pub mean: f64,
    /// Standard error from seeds.
    pub error: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
    /// What test rows add; nothing where they are not known.
    pub rows: Tails,
}

impl Studentised {
    /// From one source alone, with tails alike.
    pub fn new(mean: f64, error: f64, freedom: f64) -> Self {
        Self { mean, error, freedom, rows: Tails::default() }
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
    /// V = sum of (c_i e_i)^2,   freedom = V^2 / sum of (c_i e_i)^4 / freedom_i;   tails of rows: sqrt(sum of (c_i tail_i)^2)
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
        let [down, up] = [variance(|part| part.rows.down), variance(|part| part.rows.up)].map(f64::sqrt);
        Ok(Self { mean, error: whole.sqrt(), freedom, rows: Tails { down, up } })
    }

    /// Its negative.
    #[must_use]
    pub fn negative(&self) -> Self {
        let Tails { down, up } = self.rows;
        Self { mean: -self.mean, rows: Tails { down: up, up: down }, ..*self }
    }

    /// So much less.
    #[must_use]
    pub fn less(&self, by: f64) -> Self {
        Self { mean: self.mean - by, ..*self }
    }

    /// From seeds and test rows together, both sides alike.
    pub fn standard_error(&self) -> f64 {
        self.error.hypot(self.rows.middle())
    }

    /// The rows' tail towards `null`. A mean at or beyond the end of the rows' interval has none there; without an error from
    /// seeds half the width of that interval stands in.
    fn towards(&self, null: f64) -> f64 {
        let tail = if null < self.mean { self.rows.down } else { self.rows.up };
        if tail == 0.0 && self.error == 0.0 { self.rows.middle() } else { tail }
    }

    /// Half-width of the interval towards `null`.
    fn reach(&self, level: f64, null: f64) -> Result<f64, Undefined> {
        let probability = 0.5 + level / 2.0;
        let seeds = if self.error > 0.0 { t_quantile(probability, self.freedom)? * self.error } else { 0.0 };
        Ok(seeds.hypot(normal_quantile(probability) * self.towards(null)))
    }

    /// The probability of one tail at which the interval ends at `null`: half of one minus its level.
    fn beyond(&self, null: f64) -> Result<f64, Undefined> {
        let (distance, tail) = ((self.mean - null).abs(), self.towards(null));
        if tail == 0.0 {
            return t_below(-distance / self.error, self.freedom);
        }
        if self.error == 0.0 {
            return Ok(normal_below(-distance / tail));
        }
        let (mut low, mut high) = (0.0, (distance / self.error).min(f64::MAX));
        for _ in 0..HALVINGS {
            let quantile = f64::midpoint(low, high);
            let probability = t_below(-quantile, self.freedom)?.max(f64::MIN_POSITIVE);
            let reach = (quantile * self.error).hypot(normal_quantile(probability) * tail);
            if reach < distance { low = quantile } else { high = quantile }
        }
        t_below(-high, self.freedom)
    }

    /// The two-sided interval; both ends are the mean where there is no variance.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn interval(&self, level: f64) -> Result<(f64, f64), Undefined> {
        let low = self.mean - self.reach(level, f64::NEG_INFINITY)?;
        Ok((low, self.mean + self.reach(level, f64::INFINITY)?))
    }

    /// The two-sided p-value of a mean of `null`: below `1 - level` exactly where the interval at `level` leaves it out.
    ///
    /// # Errors
    ///
    /// Why there is none: a difference without any variance, which chance neither explains nor excludes.
    pub fn p_value(&self, null: f64) -> Result<f64, Undefined> {
        let distance = (self.mean - null).abs();
        match (self.standard_error() == 0.0, distance == 0.0) {
            (_, true) => Ok(1.0),
            (true, false) => Err(Undefined("no variance to test against".to_string())),
            (false, false) => Ok(2.0 * self.beyond(null)?),
        }
    }

    /// The p-value of two one-sided tests: how far the data are from excluding a true mean outside `-margin..margin`.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn equivalence(&self, margin: f64) -> Result<f64, Undefined> {
        if self.standard_error() == 0.0 {
            return Ok(if self.mean.abs() < margin { 0.0 } else { 1.0 });
        }
        let low = self.negative().probability_above(margin)?;
        Ok(low.max(self.probability_above(margin)?))
    }

    /// The probability that the true mean is above `null`, under a flat prior: of a difference, that of being better.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn probability_above(&self, null: f64) -> Result<f64, Undefined> {
        let distance = self.mean - null;
        if self.standard_error() == 0.0 || distance == 0.0 {
            return Ok(if distance == 0.0 { 0.5 } else { f64::from(u8::from(distance > 0.0)) });
        }
        let beyond = self.beyond(null)?;
        Ok(if distance > 0.0 { 1.0 - beyond } else { beyond })
    }

    /// The smallest true mean that a test at `level` tells from 0 with probability `power`.
    ///
    /// ```text
    /// d e,   d solves P(|D'| > reach(level) with the seeds' variance as estimated) = power,   e the whole standard error
    /// ```
    ///
    /// Of five pairs over seeds alone, in units of the seeds' standard deviation: 1.68 sqrt(2 - 2 correlation).
    ///
    /// # Errors
    ///
    /// Why there is none: a level or power that no test has.
    pub fn detectable(&self, level: f64, power: f64) -> Result<f64, Undefined> {
        let error = self.standard_error();
        if error == 0.0 {
            return Ok(0.0);
        }
        Ok(distance_found(&self.mixed(), level, power)? * error)
    }

    /// The chance that a test at `level` tells a true mean of `difference` from 0.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn power(&self, difference: f64, level: f64) -> Result<f64, Undefined> {
        let error = self.standard_error();
        match (error == 0.0, difference == 0.0) {
            (true, true) => Ok(1.0 - level),
            (true, false) => Ok(1.0),
            (false, _) => power_at(difference.abs() / error, &self.mixed(), level),
        }
    }

    fn mixed(&self) -> Mixed {
        Mixed { freedom: self.freedom, estimated: (self.error / self.standard_error()).powi(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: f64 = 0.95;

    fn both(error: f64, down: f64, up: f64) -> Studentised {
        Studentised { rows: Tails { down, up }, ..Studentised::new(1.0, error, 4.0) }
    }

    #[test]
    fn a_joint_interval_reaches_as_far_as_each_of_its_sources_on_either_side() {
        for error in [0.0, 0.01, 0.3, 1.0, 40.0] {
            for (down, up) in [(0.0, 0.0), (0.02, 0.02), (0.5, 3.0), (3.0, 0.5), (0.0, 2.0), (1.0, 1.0)] {
                let (low, high) = both(error, down, up).interval(LEVEL).unwrap();
                for (source_low, source_high) in
                    [both(error, 0.0, 0.0), both(0.0, down, up)].map(|source| source.interval(LEVEL).unwrap())
                {
                    let slack = 1e-12 * (1.0 + low.abs() + high.abs());
                    let held = low <= source_low.max(1.0 - 1e9) + slack && high >= source_high - slack;
                    // Without seeds an empty tail is filled in; beside seeds it is as empty as the rows say.
                    assert!(held || down == 0.0, "{error} {down} {up}: [{low}, {high}]");
                }
            }
        }
    }

    #[test]
    fn a_p_value_is_below_five_per_cent_exactly_where_the_interval_leaves_the_value_out() {
        for tested in [both(0.3, 0.5, 3.0), both(0.01, 0.4, 0.1), both(1.0, 0.0, 0.2), both(0.0, 0.5, 0.7)] {
            let (low, high) = tested.interval(LEVEL).unwrap();
            for (end, out) in [(low, -1.0), (high, 1.0)] {
                for step in [1e-6, 1e-3, 0.1, 2.0] {
                    let outside = tested.p_value(end + out * step).unwrap();
                    let inside = tested.p_value(end - out * step.min(0.5 * (end - 1.0).abs())).unwrap();
                    assert!(outside < 0.05 && inside > 0.05, "{tested:?} {end}: {outside} {inside}");
                }
            }
            let shares = [-3.0, 0.0, 0.9, 1.1, 4.0].map(|null| tested.probability_above(null).unwrap());
            assert!(shares.windows(2).all(|pair| pair[0] >= pair[1]), "{shares:?}");
        }
    }

    #[test]
    fn one_source_alone_is_its_own_test() {
        // scipy 1.17.1: 2 * stats.t.sf(2, 4) and 2 * stats.norm.sf(2)
        assert!((both(0.5, 0.0, 0.0).p_value(0.0).unwrap() - 0.11611652351681559).abs() < 1e-9);
        assert!((both(0.0, 0.5, 9.0).p_value(0.0).unwrap() - 0.04550026389635842).abs() < 1e-9);
        assert!(Studentised::new(1.0, 0.0, 4.0).p_value(0.0).is_err());
        assert_eq!(Studentised::new(1.0, 0.0, 4.0).interval(LEVEL), Ok((1.0, 1.0)));
    }

    #[test]
    fn what_is_detectable_is_found_with_the_asked_power() {
        for tested in [both(0.3, 0.0, 0.0), both(0.3, 0.3, 0.3), both(0.0, 0.3, 0.5)] {
            let detectable = tested.detectable(LEVEL, POWER).unwrap();
            assert!((tested.power(detectable, LEVEL).unwrap() - POWER).abs() < 1e-6, "{tested:?}");
        }
    }
}
