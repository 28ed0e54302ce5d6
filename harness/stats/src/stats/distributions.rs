//! Distributions behind tests and intervals: normal, Student t, chi-squared, and the chance that a t-test finds a difference.

use super::anytime::{self, Looks};
use crate::metrics::{self, Undefined};
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal, StudentsT};
use statrs::function::gamma::ln_gamma;

/// Above so many degrees of freedom a t is taken as normal: the quantiles differ by less than one in a million.
const NORMAL_FROM: f64 = 1e6;
/// Points of the integral over the estimated standard error, more where its law has a long tail.
const POINTS: f64 = 300.0;
/// Largest difference that is looked for, in standard errors.
const FARTHEST: f64 = 1e4;

/// What a two-sided 95 % interval of a normal estimate reaches to either side, in standard errors.
pub const NORMAL_95: f64 = 1.959_963_984_540_054;

/// Quantile of Student's t.
pub(super) fn t_quantile(probability: f64, freedom: f64) -> Result<f64, Undefined> {
    if freedom > NORMAL_FROM {
        return Ok(normal_quantile(probability));
    }
    let law = StudentsT::new(0.0, 1.0, freedom).map_err(|error| Undefined(error.to_string()))?;
    Ok(law.inverse_cdf(probability))
}

/// `P(T <= t)`.
pub(super) fn t_below(t: f64, freedom: f64) -> Result<f64, Undefined> {
    if freedom > NORMAL_FROM {
        return Ok(normal_below(t));
    }
    let law = StudentsT::new(0.0, 1.0, freedom).map_err(|error| Undefined(error.to_string()))?;
    Ok(law.cdf(t))
}

/// Quantile of the standard normal law.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    metrics::normal_quantile(probability)
}

/// Standard errors of test rows that an interval at a level reaches.
pub(super) fn rows_reach(looks: Looks, level: f64) -> f64 {
    match looks {
        Looks::Once => normal_quantile(0.5 + level / 2.0),
        Looks::Every => -rows_quantile(looks, 0.5 - level / 2.0),
    }
}

/// Quantile of what test rows do, at the probability of one tail.
pub(super) fn rows_quantile(looks: Looks, tail: f64) -> f64 {
    match looks {
        Looks::Once => normal_quantile(tail),
        Looks::Every => normal_quantile(anytime::ROWS * tail),
    }
}

/// The tail whose quantile lies so many standard errors of test rows below zero.
pub(super) fn rows_tail(looks: Looks, distance: f64) -> f64 {
    match looks {
        Looks::Once => normal_below(-distance),
        Looks::Every => (normal_below(-distance) / anytime::ROWS).min(0.5),
    }
}

/// `P(Z <= z)`.
pub(super) fn normal_below(z: f64) -> f64 {
    Normal::standard().cdf(z)
}

/// Quantile of chi-squared.
pub(super) fn chi_squared_quantile(probability: f64, freedom: f64) -> Result<f64, Undefined> {
    let law = ChiSquared::new(freedom).map_err(|error| Undefined(error.to_string()))?;
    Ok(law.inverse_cdf(probability))
}

/// What the standard error of a test is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixed {
    /// Degrees of freedom of the part that is estimated.
    pub(super) freedom: f64,
    /// Share of the variance that is estimated; the rest counts as known.
    pub(super) estimated: f64,
    /// How often the test is made.
    pub(super) looks: Looks,
}

impl Mixed {
    /// Standard errors of the estimated part that the test at a level asks for; without bounds where no number is enough.
    fn critical(&self, level: f64) -> Result<f64, Undefined> {
        match self.looks {
            Looks::Once => t_quantile(0.5 + level / 2.0, self.freedom),
            Looks::Every => Ok(anytime::quantile(1.0 - level, self.freedom + 1.0).unwrap_or(f64::INFINITY)),
        }
    }
}

/// The chance that a two-sided test at `level` finds a difference of `distance` standard errors; of one that is made after every
/// seed, the chance that it does so with these.
///
/// ```text
/// 1 - E[ Phi(c(S) - distance) - Phi(-c(S) - distance) ],   c(S)^2 = w t^2 S^2 + (1 - w) z^2,   S^2 ~ chi-squared / freedom
/// ```
///
/// w is the share that is estimated: at 1 this is the noncentral t. The expectation is taken over log S by the trapezoidal
/// rule, which is smooth for every number of degrees of freedom.
pub(super) fn power_at(distance: f64, mixed: &Mixed, level: f64) -> Result<f64, Undefined> {
    let Mixed { freedom, estimated, .. } = *mixed;
    let of_rows = rows_reach(mixed.looks, level);
    let known = of_rows * (1.0 - estimated).max(0.0).sqrt();
    let found =
        |critical: f64| 1.0 - (normal_below(critical - distance) - normal_below(-critical - distance));
    if estimated == 0.0 || (mixed.looks == Looks::Once && freedom > NORMAL_FROM) {
        return Ok(found(of_rows));
    }
    let critical = mixed.critical(level)? * estimated.sqrt();
    if critical.is_infinite() || freedom > NORMAL_FROM {
        return Ok(if critical.is_infinite() { 0.0 } else { found(critical.hypot(known)) });
    }
    let missed = |scale: f64| {
        let end = (critical * scale).hypot(known);
        normal_below(end - distance) - normal_below(-end - distance)
    };
    let half = freedom / 2.0;
    let constant = std::f64::consts::LN_2 + half * half.ln() - ln_gamma(half);
    let width = 10.0 / (2.0 * freedom).sqrt();
    let (low, high) = (-24.0 / freedom - width, 0.5 * (60.0 / freedom).ln_1p() + width);
    let points = (POINTS * (1.0 + 6.0 / freedom)).ceil();
    let step = (high - low) / points;
    let part = |index: usize| {
        let at = low + step * index as f64;
        (constant + freedom * at - half * (2.0 * at).exp()).exp() * missed(at.exp())
    };
    let sum: f64 = (0..=points as usize).map(part).sum();
    Ok((1.0 - sum * step).clamp(0.0, 1.0))
}

/// The difference, in standard errors, that a two-sided test at `level` finds with probability `power`.
pub(super) fn distance_found(mixed: &Mixed, level: f64, power: f64) -> Result<f64, Undefined> {
    let inside = |share: f64| share > 0.0 && share < 1.0;
    if !inside(level) || !inside(power) || power <= 1.0 - level {
        return Err(Undefined(format!("no difference is found at level {level} with probability {power}")));
    }
    // By normal quantiles the power is nearly a straight line in the distance.
    let wanted = normal_quantile(power);
    let short = |distance: f64| -> Result<f64, Undefined> {
        let found = power_at(distance, mixed, level)?.clamp(1e-15, 1.0 - 1e-15);
        Ok(normal_quantile(found) - wanted)
    };
    let point = |at: f64| Ok(Point { at, value: short(at)? });
    let (mut low, mut high) = (point(0.0)?, point(4.0)?);
    while high.value < 0.0 {
        (low, high) = (high, point(2.0 * high.at)?);
        if high.at > FARTHEST {
            return Err(Undefined(format!(
                "with {} degrees of freedom no difference is found at this level",
                mixed.freedom
            )));
        }
    }
    root(low, high, short)
}

/// A point of a curve.
#[derive(Clone, Copy)]
struct Point {
    at: f64,
    value: f64,
}

/// Where an increasing function crosses zero, by false position with Illinois' halving. The value at `low` is below zero, that at
/// `high` is not.
fn root(
    mut low: Point,
    mut high: Point,
    function: impl Fn(f64) -> Result<f64, Undefined>,
) -> Result<f64, Undefined> {
    let mut side = 0;
    for _ in 0..100 {
        let at = (low.at * high.value - high.at * low.value) / (high.value - low.value);
        let value = function(at)?;
        if value.abs() < 1e-10 || high.at - low.at < 1e-10 * high.at {
            return Ok(at);
        }
        if value < 0.0 {
            low = Point { at, value };
            high.value *= if side < 0 { 0.5 } else { 1.0 };
            side = -1;
        } else {
            high = Point { at, value };
            low.value *= if side > 0 { 0.5 } else { 1.0 };
            side = 1;
        }
    }
    Ok(0.5 * (low.at + high.at))
}
