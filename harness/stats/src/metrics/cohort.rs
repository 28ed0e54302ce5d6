//! What a group of independent rows adds up to.

use statrs::distribution::{ContinuousCDF, Normal};

/// Quantile of the standard normal law.
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// The central interval of the total of independent rows of 0 or more, from the sums of their means and variances (outcome units).
///
/// ```text
/// log-normal with mean M and variance V:    s^2 = log(1 + V / M^2),  exp(log M - s^2 / 2 -+ z s),  z the normal quantile at (1 + level) / 2
/// ```
///
/// Sums of heavy tails lean to the right long after a normal law would fit them; where V / M^2 is small the two are the same. Where
/// nothing is expected both ends are 0. Source: Fenton 1960.
pub fn total_interval(mean: f64, variance: f64, level: f64) -> [f64; 2] {
    if mean.is_nan() || mean <= 0.0 {
        return [0.0, 0.0];
    }
    let square = (variance.max(0.0) / (mean * mean)).ln_1p();
    let reach = normal_quantile(0.5 + 0.5 * level) * square.sqrt();
    let middle = mean.ln() - 0.5 * square;
    [(middle - reach).exp(), (middle + reach).exp()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_that_hardly_varies_has_a_normal_interval() {
        let [low, high] = total_interval(1e6, 1e6, 0.95);
        assert!(
            (low - (1e6 - 1959.964)).abs() < 3.0 && (high - (1e6 + 1959.964)).abs() < 3.0,
            "{low} {high}"
        );
        assert_eq!(total_interval(0.0, 0.0, 0.9), [0.0, 0.0]);
        assert_eq!(total_interval(5.0, 0.0, 0.9).map(f64::round), [5.0, 5.0]);
    }

    #[test]
    fn of_one_log_normal_row_it_is_exact() {
        let (mu, sigma) = (1.3_f64, 0.8_f64);
        let mean = (mu + 0.5 * sigma * sigma).exp();
        let found = total_interval(mean, mean * mean * (sigma * sigma).exp_m1(), 0.8);
        let exact = [-1.0, 1.0].map(|side: f64| (mu + side * 1.281_551_565_544_6 * sigma).exp());
        assert!(
            found.iter().zip(exact).all(|(found, exact)| (found / exact - 1.0).abs() < 1e-9),
            "{found:?}"
        );
    }
}
