//! How sure we are of a standard deviation, and variance from several sources.

use super::interval::Estimate;
use super::law::chi_squared_quantile;
use super::rows::Resampled;
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

/// A mean over seeds with the variance of the test rows beside that of the seeds.
///
/// ```text
/// V = V_seeds + V_rows,   freedom = V^2 / (V_seeds^2 / freedom_seeds + V_rows^2 / (rows - 1));   each tail likewise
/// ```
///
/// `V_rows` is from the resamples of the seed-averaged value, each tail from its own side. What a seed and a row do
/// together is in both parts, so that the sum errs to the wide side by that part over the number of seeds.
///
/// # Errors
///
/// Why there is none: the metric is undefined in more than one resample in twenty.
pub fn seeds_and_rows(seeds: &Studentised, rows: &Resampled) -> Result<Studentised, Undefined> {
    let (down, up) = rows.tails()?;
    let freedom = (rows.rows.max(2) - 1) as f64;
    let rows = Studentised { mean: 0.0, error: (down + up) / 2.0, down, up, freedom };
    Studentised::sum(&[(1.0, *seeds), (1.0, rows)])
}
