//! How sure we are of a standard deviation, and a mean that several sources move.

use super::distributions::chi_squared_quantile;
use super::interval::Estimate;
use super::row_bootstrap::Resampled;
use super::studentised::Studentised;
use crate::metrics::Undefined;

/// The interval of a standard deviation of normal values.
///
/// ```text
/// sqrt((n - 1) s^2 / chi^2(n - 1; 1/2 +- level/2))
/// ```
///
/// # Errors
///
/// Why there is none: fewer than two values.
pub fn spread_interval(values: &[f64], level: f64) -> Result<(f64, f64), Undefined> {
    let estimate = Estimate::of(values).and_then(|estimate| Some((estimate.sd?, estimate.n)));
    let too_few = || Undefined(format!("a spread needs at least 2 seeds, found {}", values.len()));
    let (sd, n) = estimate.ok_or_else(too_few)?;
    let freedom = (n - 1) as f64;
    let end = |probability: f64| Ok(sd * (freedom / chi_squared_quantile(probability, freedom)?).sqrt());
    Ok((end(0.5 + level / 2.0)?, end(0.5 - level / 2.0)?))
}

/// A mean over seeds with what test rows do to it beside what seeds do.
///
/// The rows' tails are those of the percentile interval of the resampled, seed-averaged value, measured from the mean
/// itself. What a seed and a row do together is in both parts, so that the whole errs to the wide side.
///
/// # Errors
///
/// Why there is none: the metric is undefined in more than one resample in twenty.
pub fn seeds_and_rows(seeds: &Studentised, rows: &Resampled) -> Result<Studentised, Undefined> {
    Ok(Studentised { rows: rows.tails(seeds.mean)?, ..*seeds })
}

/// The interval of a mean from the intervals of its sources: half-widths from the mean, added in quadrature, each side for
/// itself (MOVER: Zou and Donner 2008).
///
/// ```text
/// low = mean - sqrt(sum over sources of max(mean - low_i, 0)^2),   high likewise
/// ```
///
/// It reaches at least as far as every source.
pub fn joint_interval(mean: f64, sources: &[(f64, f64)]) -> (f64, f64) {
    let root = |reach: &dyn Fn(&(f64, f64)) -> f64| -> f64 {
        sources.iter().map(|source| reach(source).max(0.0)).fold(0.0, f64::hypot)
    };
    let (low, high) = (mean - root(&|(low, _)| mean - low), mean + root(&|(_, high)| high - mean));
    // Subtracting and adding the mean may lose the last digit.
    sources.iter().fold((low, high), |(low, high), source| (low.min(source.0), high.max(source.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_widths_of_sources_are_added_in_quadrature_on_each_side() {
        assert_eq!(joint_interval(10.0, &[(7.0, 14.0), (6.0, 13.0)]), (5.0, 15.0));
        assert_eq!(joint_interval(10.0, &[(7.0, 14.0), (11.0, 13.0)]), (7.0, 15.0));
        assert_eq!(joint_interval(0.3, &[(0.1, 0.3)]), (0.1, 0.3));
    }
}
