//! A mean with its standard error: what a t-test, an interval, a test of equivalence and a power calculation share.

use super::anytime::{self, Looks};
use super::distributions::{
    Mixed, distance_found, power_at, rows_quantile, rows_reach, rows_tail, t_below, t_quantile,
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
/// ends at the tested value. Where it is looked at after every seed, t is the quantile of the always-valid t, and z that of .8 of
/// the same tail: test rows are the same at every look, but the mean wanders about them.
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
    /// How often it is looked at.
    #[serde(skip)]
    pub looks: Looks,
}

impl Studentised {
    /// From one source alone, with tails alike.
    pub fn new(mean: f64, error: f64, freedom: f64) -> Self {
        Self { mean, error, freedom, rows: Tails::default(), looks: Looks::Once }
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

    /// The same looked at after every seed. `freedom` must be that of one sample: one less than its values.
    #[must_use]
    pub fn at_every_look(&self) -> Self {
        Self { looks: Looks::Every, ..*self }
    }

    /// As if there were `factor` times as many seeds that vary as much.
    #[must_use]
    pub fn of_more_seeds(&self, factor: f64) -> Self {
        let freedom = match self.looks {
            Looks::Once => self.freedom * factor,
            Looks::Every => (self.freedom + 1.0) * factor - 1.0,
        };
        Self { error: self.error / factor.sqrt(), freedom, ..*self }
    }

    /// As if seeds were without number: what test rows alone leave.
    #[must_use]
    pub fn of_all_seeds(&self) -> Self {
        Self { error: 0.0, freedom: f64::MAX, ..*self }
    }

    /// The sum of independent parts, each times its factor (0 or more), with Satterthwaite's degrees of freedom; for one look.
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
        Ok(Self { mean, error: whole.sqrt(), freedom, rows: Tails { down, up }, looks: Looks::Once })
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
        let seeds = if self.error > 0.0 { self.quantile(level)? * self.error } else { 0.0 };
        Ok(seeds.hypot(rows_reach(self.looks, level) * self.towards(null)))
    }

    /// Standard errors of seeds that the interval at a level reaches.
    fn quantile(&self, level: f64) -> Result<f64, Undefined> {
        match self.looks {
            Looks::Once => t_quantile(0.5 + level / 2.0, self.freedom),
            Looks::Every => anytime::quantile(1.0 - level, self.freedom + 1.0).ok_or_else(|| {
                let n = self.freedom + 1.0;
                Undefined(format!("{n} seeds are too few for an always-valid interval: it has no ends"))
            }),
        }
    }

    /// Half of one minus the level that reaches so many standard errors of seeds.
    fn tail(&self, quantile: f64) -> Result<f64, Undefined> {
        match self.looks {
            Looks::Once => t_below(-quantile, self.freedom),
            Looks::Every => Ok(anytime::p_value(quantile, self.freedom + 1.0) / 2.0),
        }
    }

    /// The probability of one tail at which the interval ends at `null`: half of one minus its level.
    fn beyond(&self, null: f64) -> Result<f64, Undefined> {
        let (distance, tail) = ((self.mean - null).abs(), self.towards(null));
        if tail == 0.0 {
            return self.tail(distance / self.error);
        }
        if self.error == 0.0 {
            return Ok(rows_tail(self.looks, distance / tail));
        }
        let (mut low, mut high) = (0.0, (distance / self.error).min(f64::MAX));
        for _ in 0..HALVINGS {
            let quantile = f64::midpoint(low, high);
            let probability = self.tail(quantile)?.max(f64::MIN_POSITIVE);
            let reach = (quantile * self.error).hypot(rows_quantile(self.looks, probability) * tail);
            if reach < distance { low = quantile } else { high = quantile }
        }
        self.tail(high)
    }

    /// The two-sided interval; both ends are the mean where there is no variance.
    ///
    /// # Errors
    ///
    /// Why there is none: too few seeds for one that is looked at after each; internal: no degrees of freedom.
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

    /// The p-value of two one-sided tests: how far the data are from excluding a true mean outside `-margin..margin`. Looked at
    /// after every seed the tests are two-sided: of an always-valid p half is not always valid for one side.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn equivalence(&self, margin: f64) -> Result<f64, Undefined> {
        if self.standard_error() == 0.0 {
            return Ok(if self.mean.abs() < margin { 0.0 } else { 1.0 });
        }
        match self.looks {
            Looks::Once => {
                let low = self.negative().probability_above(margin)?;
                Ok(low.max(self.probability_above(margin)?))
            }
            Looks::Every if self.mean.abs() >= margin => Ok(1.0),
            Looks::Every => Ok(self.p_value(margin)?.max(self.p_value(-margin)?)),
        }
    }

    /// The probability that the true mean is above `null`, under a flat prior: of a difference, that of being better. However often
    /// one looks, it is the same.
    ///
    /// # Errors
    ///
    /// Internal: no degrees of freedom.
    pub fn probability_above(&self, null: f64) -> Result<f64, Undefined> {
        let distance = self.mean - null;
        if self.standard_error() == 0.0 || distance == 0.0 {
            return Ok(if distance == 0.0 { 0.5 } else { f64::from(u8::from(distance > 0.0)) });
        }
        let beyond = Self { looks: Looks::Once, ..*self }.beyond(null)?;
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
        let estimated = (self.error / self.standard_error()).powi(2);
        Mixed { freedom: self.freedom, estimated, looks: self.looks }
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
    fn looked_at_after_every_seed_it_reaches_further_and_its_p_belongs_to_its_interval() {
        for tested in [both(0.3, 0.0, 0.0), both(0.3, 0.5, 3.0), both(0.01, 0.4, 0.1)] {
            let always = tested.at_every_look();
            let (low, high) = always.interval(LEVEL).unwrap();
            let (once_low, once_high) = tested.interval(LEVEL).unwrap();
            assert!(low < once_low && high > once_high, "{tested:?}");
            for (end, out) in [(low, -1.0), (high, 1.0)] {
                let p = [1e-6, -1e-6].map(|step| always.p_value(end + out * step).unwrap());
                assert!(p[0] < 0.05 && p[1] > 0.05, "{tested:?}: {p:?}");
            }
            assert_eq!(always.probability_above(0.3), tested.probability_above(0.3));
            let margin = 1.0 + high.abs().max(low.abs());
            let inside = always.less(1.0);
            assert!(inside.equivalence(margin).unwrap() < 0.05 && inside.equivalence(0.1).unwrap() > 0.05);
        }
        let two = Studentised::of(&[0.1, 0.2]).unwrap().at_every_look();
        let reason = two.interval(LEVEL).unwrap_err().0;
        assert_eq!(reason, "2 seeds are too few for an always-valid interval: it has no ends");
        assert!(two.p_value(0.0).unwrap() > 0.05, "but it has a p-value");
        assert_eq!(two.power(1e9, LEVEL), Ok(0.0));
    }

    #[test]
    fn the_interval_of_every_look_is_less_than_twice_as_wide_as_that_of_one() {
        for n in 5..=20_i32 {
            let once = Studentised::new(0.0, 1.0, f64::from(n - 1));
            let [once, every] = [once, once.at_every_look()].map(|tested| tested.interval(LEVEL).unwrap().1);
            assert!((1.75..1.95).contains(&(every / once)), "{n}: {}", every / once);
        }
    }

    #[test]
    fn more_seeds_narrow_and_all_of_them_leave_the_rows() {
        let five = both(0.3, 0.2, 0.2).at_every_look();
        let ten = five.of_more_seeds(2.0);
        assert_eq!((ten.freedom, five.of_more_seeds(1.0)), (9.0, five));
        assert!(ten.power(1.0, LEVEL).unwrap() > five.power(1.0, LEVEL).unwrap());
        // With all seeds there is one sample left, of rows; the allowance for looks stays.
        let (rows, all) = (both(0.0, 0.2, 0.2).interval(0.96).unwrap(), five.of_all_seeds());
        let (low, high) = all.interval(LEVEL).unwrap();
        assert!((low - rows.0).abs() < 1e-9 && (high - rows.1).abs() < 1e-9, "{low} {high} {rows:?}");
        assert!((all.p_value(low).unwrap() - 0.05).abs() < 1e-9);
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
        let designs = [both(0.3, 0.0, 0.0), both(0.3, 0.3, 0.3), both(0.0, 0.3, 0.5)];
        for tested in designs.into_iter().chain(designs.map(|design| design.at_every_look())) {
            let detectable = tested.detectable(LEVEL, POWER).unwrap();
            assert!((tested.power(detectable, LEVEL).unwrap() - POWER).abs() < 1e-6, "{tested:?}");
        }
    }
}
