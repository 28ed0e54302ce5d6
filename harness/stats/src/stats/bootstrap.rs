//! Bootstrap intervals of a mean of a few values: percentile, BCa, bootstrap-t.

use super::distributions::{normal_below, normal_quantile};
use super::interval::Estimate;
use super::resamples::{Atom, Resample, Resamples, weighted_quantile};
use crate::metrics::Undefined;

/// Fewest values of a bootstrap-t: with fewer the resamples without spread decide its ends.
pub(super) const FEWEST_STUDENTISED: usize = 5;
/// Means that differ by less than this share of the range of the values are the same mean.
const SAME: f64 = 1e-12;

/// Quantiles of the means of resamples.
pub(super) fn percentile(values: &[f64], resamples: &Resamples, level: f64) -> Result<(f64, f64), Undefined> {
    ends(&law(resamples, |counts| mean(values, counts)), 0.5 - level / 2.0, 0.5 + level / 2.0)
}

/// Efron's bias-corrected and accelerated quantiles of the means of resamples.
///
/// ```text
/// z0 = Phi^-1(P(m* < m) + P(m* = m) / 2),   a = sum d_i^3 / (6 (sum d_i^2)^(3/2)),   d_i = m - mean without i
/// end at Phi(z0 + (z0 + z) / (1 - a (z0 + z))),   z = Phi^-1(1/2 -+ level/2)
/// ```
pub(super) fn bca(
    values: &[f64],
    estimate: &Estimate,
    resamples: &Resamples,
    level: f64,
) -> Result<(f64, f64), Undefined> {
    let law = law(resamples, |counts| mean(values, counts));
    let range = values.iter().fold(0.0_f64, |range, value| range.max((value - estimate.mean).abs()));
    let near = |value: f64| (value - estimate.mean).abs() <= SAME * range;
    let share = |inside: &dyn Fn(f64) -> bool| -> f64 {
        law.iter().filter(|atom| inside(atom.value)).map(|atom| atom.probability).sum()
    };
    let below = share(&|value| value < estimate.mean && !near(value)) + share(&near) / 2.0;
    // Leaving one out moves the mean by that value's distance over n - 1: the factor cancels in the acceleration.
    let power = |exponent| values.iter().map(|value| (value - estimate.mean).powi(exponent)).sum::<f64>();
    let acceleration = power(3) / (6.0 * power(2).powf(1.5));
    let bias = normal_quantile(below);
    let end = |probability: f64| {
        let moved = bias + normal_quantile(probability);
        normal_below(bias + moved / (1.0 - acceleration * moved))
    };
    ends(&law, end(0.5 - level / 2.0), end(0.5 + level / 2.0))
}

/// Quantiles of studentised means. A resample without spread counts as infinitely far on its side of the mean.
pub(super) fn studentised(
    values: &[f64],
    estimate: &Estimate,
    error: f64,
    resamples: &Resamples,
    level: f64,
) -> Result<(f64, f64), Undefined> {
    let n = values.len();
    if n < FEWEST_STUDENTISED {
        return Err(Undefined(format!("a bootstrap-t needs at least {FEWEST_STUDENTISED} seeds, found {n}")));
    }
    let distance = |counts: &[usize]| {
        let mean = mean(values, counts);
        let squares: f64 =
            values.iter().zip(counts).map(|(value, &count)| count as f64 * (value - mean).powi(2)).sum();
        let spread = (squares / (n - 1) as f64 / n as f64).sqrt();
        let alike =
            values.iter().zip(counts).filter(|(_, count)| **count > 0).all(|(value, _)| *value == mean);
        let far = mean - estimate.mean;
        match (alike || spread == 0.0, far == 0.0) {
            (true, true) => 0.0,
            (true, false) => f64::INFINITY.copysign(far),
            (false, _) => far / spread,
        }
    };
    let (low, high) = ends(&law(resamples, distance), 0.5 - level / 2.0, 0.5 + level / 2.0)?;
    if !(low.is_finite() && high.is_finite()) {
        return Err(Undefined("too many resamples have no spread for a bootstrap-t".to_string()));
    }
    Ok((estimate.mean - high * error, estimate.mean - low * error))
}

/// The mean of a resample, relative to its first value so that equal values have exactly that mean.
fn mean(values: &[f64], counts: &[usize]) -> f64 {
    let inside = || values.iter().zip(counts).filter(|(_, count)| **count > 0);
    let Some((&first, _)) = inside().next() else { return f64::NAN };
    first + inside().map(|(value, &count)| count as f64 * (value - first)).sum::<f64>() / values.len() as f64
}

/// A statistic under every resample, sorted.
fn law(resamples: &Resamples, statistic: impl Fn(&[usize]) -> f64) -> Vec<Atom> {
    let atom = |one: &Resample| Atom { value: statistic(&one.counts), probability: one.probability };
    let mut law: Vec<Atom> = resamples.list.iter().map(atom).collect();
    law.sort_by(|a, b| a.value.total_cmp(&b.value));
    law
}

fn ends(law: &[Atom], low: f64, high: f64) -> Result<(f64, f64), Undefined> {
    let ends = weighted_quantile(law, low).zip(weighted_quantile(law, high));
    ends.ok_or_else(|| Undefined("there are no resamples".to_string()))
}
