//! What a design can find: the smallest detectable difference, and the power and the pairs that a difference needs.

use super::studentised::Studentised;
use crate::metrics::Undefined;

/// Most pairs that are worth asking for.
const MOST_PAIRS: usize = 10_000;

/// Share of repetitions in which a detectable difference is found, unless another is asked.
pub const POWER: f64 = 0.8;

/// The smallest true difference that a paired t-test over `n` pairs finds with probability `power`.
///
/// ```text
/// d sd / sqrt(n),   d solves P(|T'(n - 1, d)| > t(n - 1; 1/2 + level/2)) = power,   T' noncentral t
/// ```
///
/// `sd` is the standard deviation of the differences of pairs, or of the values themselves where one mean is
/// compared with a fixed number. In the unit of `sd`; `level` and `power` in (0, 1). In units of the seeds'
/// standard deviation at five pairs: 1.68 sqrt(2 - 2 correlation).
///
/// # Errors
///
/// Why there is none: fewer than two pairs, or a standard deviation that is not a number of 0 or more.
pub fn smallest_detectable_difference(sd: f64, n: usize, level: f64, power: f64) -> Result<f64, Undefined> {
    of_pairs(sd, n)?.detectable(level, power)
}

/// The chance that a paired t-test over `n` pairs finds a true difference.
///
/// # Errors
///
/// As for `smallest_detectable_difference`.
pub fn power_of(difference: f64, sd: f64, n: usize, level: f64) -> Result<f64, Undefined> {
    of_pairs(sd, n)?.power(difference, level)
}

/// The fewest pairs with which a paired t-test finds a true difference with probability `power`; nothing if 10,000
/// are not enough.
pub fn pairs_needed(difference: f64, sd: f64, level: f64, power: f64) -> Option<usize> {
    let enough = |n: usize| power_of(difference, sd, n, level).is_ok_and(|found| found >= power);
    if !enough(MOST_PAIRS) {
        return None;
    }
    let (mut low, mut high) = (1, MOST_PAIRS);
    while high - low > 1 {
        let middle = usize::midpoint(low, high);
        if enough(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The mean of so many pairs with this standard deviation.
fn of_pairs(sd: f64, n: usize) -> Result<Studentised, Undefined> {
    if n < 2 {
        return Err(Undefined(format!("what could be found needs at least 2 pairs, there is {n}")));
    }
    if !(sd.is_finite() && sd >= 0.0) {
        return Err(Undefined(format!("{sd} is no standard deviation")));
    }
    Ok(Studentised::new(0.0, sd / (n as f64).sqrt(), (n - 1) as f64))
}
