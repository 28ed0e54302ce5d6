//! Means of weighted rows, and how sure differences of such means are.

/// What came of the rows of one arm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Arm {
    /// How many.
    pub rows: u32,
    /// Share of them with an outcome above 0, weighted.
    pub conversion: f64,
    /// Mean outcome, weighted.
    pub mean: f64,
    /// Standard error of the mean; NaN for fewer than two rows.
    pub error: f64,
    /// Rows that as many equal weights would stand for.
    pub effective: f64,
}

/// A row's outcome, and how many rows it stands for.
#[derive(Clone, Copy)]
pub(super) struct WeightedOutcome {
    pub(super) outcome: f64,
    pub(super) weight: f64,
}

/// Of weighted rows of one arm.
///
/// ```text
/// mean  = sum w y / sum w,   n = (sum w)^2 / sum w^2
/// error = sqrt(n / (n - 1) sum w^2 (y - mean)^2) / sum w           s / sqrt(n) where weights are equal
/// ```
///
/// Source: Hajek 1971; the error by linearisation.
pub(super) fn summary(rows: &[WeightedOutcome]) -> Arm {
    let (mut weights, mut squares, mut sum, mut buyers) = (0.0, 0.0, 0.0, 0.0);
    for WeightedOutcome { outcome, weight } in rows {
        weights += weight;
        squares += weight * weight;
        sum += weight * outcome;
        buyers += if *outcome > 0.0 { *weight } else { 0.0 };
    }
    if rows.is_empty() {
        return Arm { error: f64::NAN, ..Arm::default() };
    }
    let (mean, effective) = (sum / weights, weights * weights / squares);
    let spread: f64 = rows.iter().map(|row| (row.weight * (row.outcome - mean)).powi(2)).sum();
    let error = match rows.len() {
        1 => f64::NAN,
        _ => (effective / (effective - 1.0) * spread).sqrt() / weights,
    };
    Arm { rows: rows.len() as u32, conversion: buyers / weights, mean, error, effective }
}

/// Standard error and degrees of freedom of a sum or difference of independent means; nothing where one of them has no error.
///
/// ```text
/// error^2 = sum error_i^2,   nu = error^4 / sum (error_i^4 / (n_i - 1))
/// ```
///
/// Source: Welch 1947; Satterthwaite 1946.
pub(super) fn contrast(arms: &[Arm]) -> Option<(f64, f64)> {
    if arms.iter().any(|arm| !arm.error.is_finite()) {
        return None;
    }
    let variance: f64 = arms.iter().map(|arm| arm.error * arm.error).sum();
    let parts: f64 = arms.iter().map(|arm| arm.error.powi(4) / (arm.effective - 1.0)).sum();
    Some((variance.sqrt(), variance * variance / parts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use valor_stats::stats;

    fn arm(outcomes: &[f64], weight: f64) -> Arm {
        summary(&outcomes.iter().map(|&outcome| WeightedOutcome { outcome, weight }).collect::<Vec<_>>())
    }

    /// scipy 1.17.1: stats.ttest_ind(b, a, equal_var=False).confidence_interval(.95)
    #[test]
    fn equal_weights_give_welchs_interval() {
        let (a, b) = ([0.0, 3.0, 1.0, 0.0, 7.0], [4.0, 9.0, 2.5, 0.0, 12.0, 1.0, 8.0]);
        for weight in [1.0, 2.5] {
            let arms = [arm(&a, weight), arm(&b, weight)];
            let (error, freedom) = contrast(&arms).unwrap();
            let (low, high) = stats::student_t(arms[1].mean - arms[0].mean, error, freedom, 0.95).unwrap();
            assert!(
                (low + 1.788_584_250_5).abs() < 1e-9 && (high - 7.817_155_679_1).abs() < 1e-9,
                "{low}, {high}"
            );
        }
        assert_eq!(arm(&a, 1.0).conversion, 0.6);
    }

    #[test]
    fn few_rows_have_no_error() {
        assert!(summary(&[]).error.is_nan() && arm(&[3.0], 1.0).error.is_nan());
        assert_eq!(contrast(&[arm(&[3.0], 1.0), arm(&[1.0, 2.0], 1.0)]), None);
        assert_eq!(arm(&[2.0, 2.0], 1.0).error, 0.0);
    }

    #[test]
    fn weights_stand_for_rows() {
        let found =
            summary(&[(1.0, 3.0), (5.0, 1.0)].map(|(outcome, weight)| WeightedOutcome { outcome, weight }));
        assert_eq!((found.mean, found.effective), (2.0, 1.6));
    }
}
