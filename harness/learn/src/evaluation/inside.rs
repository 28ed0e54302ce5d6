//! How outcomes lie within a bucket of which the ends and the mean are known.

/// The law of largest entropy with the bucket's ends and its mean: what is known and nothing more.
///
/// ```text
/// between l and u    density ~ exp(s (y - l) / (u - l))         s such that the mean is m;  m in the middle: uniform
/// above l            exponential, mean m
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Inside {
    /// All outcomes are 0.
    Zeros,
    /// Between two ends.
    Between { lower: f64, width: f64, slope: f64 },
    /// Above the lower end.
    Above { lower: f64, excess: f64 },
}

/// A mean is taken to be no nearer to an end than this share of the bucket.
const NEAREST: f64 = 1e-4;
/// Below this size of a slope its series is exact to 1e-10.
const FLAT: f64 = 1e-2;

impl Inside {
    /// Of a bucket from `lower` to `upper`, else open, with this mean; a mean outside is moved in.
    pub(super) fn new(lower: f64, upper: Option<f64>, mean: f64) -> Self {
        match upper {
            Some(upper) => {
                let width = upper - lower;
                let place = ((mean - lower) / width).clamp(NEAREST, 1.0 - NEAREST);
                Inside::Between { lower, width, slope: slope(place) }
            }
            None => Inside::Above { lower, excess: (mean - lower).max(0.0) },
        }
    }

    /// `share` in [0, 1).
    pub(super) fn quantile(self, share: f64) -> f64 {
        match self {
            Inside::Zeros => 0.0,
            Inside::Between { lower, width, slope } => {
                let place = if slope.abs() < FLAT {
                    share + 0.5 * slope * share * (share - 1.0)
                } else if slope > 0.0 {
                    // Not by exp(slope), which may be too large for a number.
                    1.0 + (share + (1.0 - share) * (-slope).exp()).ln() / slope
                } else {
                    (share * slope.exp_m1()).ln_1p() / slope
                };
                lower + width * place.clamp(0.0, 1.0)
            }
            Inside::Above { lower, excess } => lower - excess * (-share).ln_1p(),
        }
    }

    /// Mean and variance.
    pub(super) fn moments(self) -> (f64, f64) {
        match self {
            Inside::Zeros => (0.0, 0.0),
            Inside::Between { lower, width, slope } => {
                let (mean, variance) = tilted(slope);
                (lower + width * mean, width * width * variance)
            }
            Inside::Above { lower, excess } => (lower + excess, excess * excess),
        }
    }
}

/// Mean and variance of the law on [0, 1] with density `~ exp(s x)`.
///
/// ```text
/// mean = 1 / (1 - exp(-s)) - 1 / s            variance = 1 / s^2 - exp(-s) / (1 - exp(-s))^2
/// ```
fn tilted(slope: f64) -> (f64, f64) {
    if slope.abs() < FLAT {
        return (0.5 + slope / 12.0, 1.0 / 12.0 - slope * slope / 240.0);
    }
    // Of the absolute value, so that no exponential is too large.
    let size = slope.abs();
    let (less, below) = (-(-size).exp_m1(), (-size).exp());
    let mean = 1.0 / less - 1.0 / size;
    (if slope > 0.0 { mean } else { 1.0 - mean }, 1.0 / (size * size) - below / (less * less))
}

/// The slope whose mean is `place`, in (0, 1): Newton's steps from an approximation of the inverse Langevin function.
fn slope(place: f64) -> f64 {
    let distance = 2.0 * place - 1.0;
    let mut slope = 2.0 * distance * (3.0 - distance * distance) / (1.0 - distance * distance);
    for _ in 0..6 {
        let (mean, variance) = tilted(slope);
        slope -= (mean - place) / variance;
    }
    slope
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_has_the_mean_that_it_was_given() {
        for place in [1e-4, 0.01, 0.2, 0.499, 0.5, 0.501, 0.7, 0.95, 0.999, 1.0 - 1e-4] {
            let (mean, variance) = tilted(slope(place));
            assert!((mean - place).abs() < 1e-9, "{place}: {mean}");
            assert!(variance > 0.0 && variance <= 1.0 / 12.0 + 1e-12, "{place}: {variance}");
        }
        for (upper, mean) in [(Some(6.0), 3.0), (Some(6.0), 2.2), (Some(6.0), 5.8), (None, 9.0)] {
            let inside = Inside::new(2.0, upper, mean);
            assert!((inside.moments().0 - mean).abs() < 1e-8);
            let draws: Vec<f64> =
                (0..20_000).map(|draw| inside.quantile((f64::from(draw) + 0.5) / 20_000.0)).collect();
            assert!(draws.is_sorted() && draws[0] >= 2.0 && upper.is_none_or(|upper| draws[19_999] <= upper));
            let average = draws.iter().sum::<f64>() / 20_000.0;
            assert!((average / mean - 1.0).abs() < 1e-3, "{mean}: {average}");
            let spread = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / 20_000.0;
            assert!((spread / inside.moments().1 - 1.0).abs() < 1e-2, "{mean}: {spread}");
        }
    }

    #[test]
    fn a_mean_outside_of_its_bucket_is_moved_in() {
        for mean in [f64::NEG_INFINITY, 0.0, 2.0, 6.0, 1e9] {
            let inside = Inside::new(2.0, Some(6.0), mean);
            let (found, variance) = inside.moments();
            assert!((2.0..=6.0).contains(&found) && variance.is_finite(), "{mean}: {found}");
        }
        assert_eq!(Inside::new(2.0, None, 1.0).quantile(0.9), 2.0);
        assert_eq!(Inside::Zeros.quantile(0.3), 0.0);
    }
}
