//! How many test rows would show a difference.

use super::distributions::normal_quantile;
use super::studentised::POWER;
use crate::metrics::Undefined;

/// Level of the test that it is to be shown by.
const LEVEL: f64 = 0.95;

/// Test rows with which a two-sided test at .05 over rows alone finds a true difference with probability .8, when at `rows` test rows its
/// estimate has this variance.
///
/// ```text
/// n (z(.975) + z(.8))^2 variance / difference^2        rounded up, at least 1
/// ```
///
/// # Errors
///
/// Why there is no such number: there is no difference, or it has no variance.
pub fn rows_to_find(difference: f64, variance: f64, rows: usize) -> Result<u64, Undefined> {
    if difference == 0.0 {
        return Err(Undefined::new("none: there is no difference"));
    }
    let needed =
        rows as f64 * (normal_quantile(0.5 + LEVEL / 2.0) + normal_quantile(POWER)).powi(2) * variance
            / difference.powi(2);
    match needed.is_finite() {
        true => Ok(needed.ceil().max(1.0) as u64),
        false => Err(Undefined::new("the variance over test rows is not known")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_grow_with_the_square_of_the_noise_over_the_difference() {
        // (1.959964 + .841621)^2 = 7.848880
        assert_eq!(rows_to_find(0.1, 0.01, 1_000), Ok(7_849));
        assert_eq!(rows_to_find(-0.2, 0.01, 1_000), Ok(1_963));
        assert_eq!(rows_to_find(0.1, 0.0, 1_000), Ok(1));
        assert_eq!(rows_to_find(0.0, 0.01, 1_000).unwrap_err().0, "none: there is no difference");
        assert!(rows_to_find(0.1, f64::NAN, 1_000).is_err());
    }
}
