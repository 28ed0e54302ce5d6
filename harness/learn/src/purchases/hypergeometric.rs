//! Gauss' hypergeometric function.

/// Terms at most.
const TERMS: usize = 1_000_000;
/// Sums beyond this are scaled down.
const LARGE: f64 = 1e200;

/// Sign and log of `2F1(a, b; c; z) = sum over n of (a)_n (b)_n / (c)_n z^n / n!`, for a and b above 0, z in [0, 1) and c that is no whole
/// number below 1.
pub(super) fn log_hypergeometric(a: f64, b: f64, c: f64, z: f64) -> (f64, f64) {
    let (mut term, mut sum, mut scale) = (1.0_f64, 1.0_f64, 0.0_f64);
    for n in 0..TERMS {
        let n = n as f64;
        let ratio = (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z;
        term *= ratio;
        sum += term;
        if sum.abs() > LARGE {
            (term, sum, scale) = (term / LARGE, sum / LARGE, scale + LARGE.ln());
        }
        // Once terms fall, the rest is near a geometric series of a ratio that tends to z.
        if ratio.abs() < 1.0 && term.abs() <= 0.1 * f64::EPSILON * sum.abs() * (1.0 - ratio.abs().max(z)) {
            break;
        }
    }
    (sum.signum(), sum.abs().ln() + scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_forms() {
        for z in [0.0, 0.1, 0.5, 0.9, 0.99] {
            let close = |(sign, log): (f64, f64), known: f64| {
                assert!((sign * log.exp() / known - 1.0).abs() < 1e-11, "{z}: {log} {known}");
            };
            close(log_hypergeometric(1.5, 2.0, 2.0, z), (1.0_f64 - z).powf(-1.5));
            if z > 0.0 {
                close(log_hypergeometric(1.0, 1.0, 2.0, z), -(1.0_f64 - z).ln() / z);
            }
            // (1 - z)^-a with c = b, far beyond what 64 bits hold.
            let (_, log) = log_hypergeometric(900.0, 3.0, 3.0, z);
            assert!((log + 900.0 * (-z).ln_1p()).abs() < 1e-9 * log.max(1.0), "{z}: {log}");
        }
    }
}
