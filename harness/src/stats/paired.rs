//! Differences between two methods on the same seeds, and on the same worlds.

use super::interval::{Estimate, Interval, student_t};
use crate::metrics::Undefined;
use serde::{Deserialize, Serialize};

/// How far one method is from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contrast {
    /// Mean, SD and number of paired differences.
    pub difference: Estimate,
    /// Student t interval of the mean difference.
    pub interval: Interval,
}

/// `a - b`, pair by pair (the same seed, or the same seed and world).
///
/// # Errors
///
/// Why there is none: unequal numbers, or fewer than two pairs.
pub fn paired_difference(a: &[f64], b: &[f64], level: f64) -> Result<Contrast, Undefined> {
    let differences = differences(a, b)?;
    let (difference, error) = described(&differences)?;
    let bounds = student_t(difference.mean, error, (difference.n - 1) as f64, level)?;
    Ok(Contrast {
        interval: interval(bounds, level, &difference, "Student t of paired differences"),
        difference,
    })
}

/// The mean over blocks (worlds, backbones) of the mean of `a - b`: one pair of slices per block.
///
/// ```text
/// mean of block means -+ t sqrt(sum over blocks of sd_b^2 / n_b) / blocks
/// ```
///
/// The blocks are these and no others: what varies is the pairs within them. Degrees of freedom after
/// Satterthwaite.
///
/// # Errors
///
/// Why there is none: no blocks, or a block with unequal numbers or fewer than two pairs.
pub fn paired_difference_in_blocks(blocks: &[(&[f64], &[f64])], level: f64) -> Result<Contrast, Undefined> {
    let pooled = blocks.iter().map(|(a, b)| differences(a, b)).collect::<Result<Vec<_>, _>>()?;
    let parts = pooled.iter().map(|block| described(block)).collect::<Result<Vec<_>, _>>()?;
    let count = parts.len() as f64;
    let whole = Estimate::of(&pooled.concat()).ok_or_else(|| Undefined("there are no blocks".to_string()))?;
    let mean = parts.iter().map(|(block, _)| block.mean).sum::<f64>() / count;
    let variance: f64 = parts.iter().map(|(_, error)| error.powi(2)).sum();
    let spread: f64 = parts.iter().map(|(block, error)| error.powi(4) / (block.n - 1) as f64).sum();
    let difference = Estimate { mean, ..whole };
    let bounds = if variance > 0.0 {
        student_t(mean, variance.sqrt() / count, variance.powi(2) / spread, level)?
    } else {
        (mean, mean)
    };
    let method = format!("Student t (Satterthwaite) of paired differences within {} blocks", parts.len());
    Ok(Contrast { interval: interval(bounds, level, &difference, &method), difference })
}

fn differences(a: &[f64], b: &[f64]) -> Result<Vec<f64>, Undefined> {
    if a.len() != b.len() {
        return Err(Undefined(format!("{} values cannot be paired with {}", a.len(), b.len())));
    }
    Ok(a.iter().zip(b).map(|(a, b)| a - b).collect())
}

fn described(differences: &[f64]) -> Result<(Estimate, f64), Undefined> {
    let described =
        Estimate::of(differences).and_then(|estimate| Some((estimate, estimate.standard_error()?)));
    described
        .ok_or_else(|| Undefined(format!("an interval needs at least 2 pairs, found {}", differences.len())))
}

fn interval((low, high): (f64, f64), level: f64, difference: &Estimate, method: &str) -> Interval {
    let note = (low == high).then(|| "no variance between pairs".to_string());
    let (method, over) = (method.to_string(), "pairs".to_string());
    Interval { low, high, level, method, over, n: difference.n, resamples: None, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 5] = [0.41, 0.44, 0.40, 0.43, 0.42];
    const B: [f64; 5] = [0.38, 0.40, 0.39, 0.40, 0.37];

    #[test]
    fn a_paired_interval_is_that_of_scipy() {
        // scipy 1.17.1: stats.ttest_rel(a, b).confidence_interval(.95)
        let found = paired_difference(&A, &B, 0.95).unwrap();
        assert!((found.difference.mean - 0.032).abs() < 1e-12);
        assert!((found.interval.low - 0.01358314667008018).abs() < 1e-9, "{}", found.interval.low);
        assert!((found.interval.high - 0.0504168533299198).abs() < 1e-9, "{}", found.interval.high);
    }

    #[test]
    fn one_block_is_the_plain_interval_and_equal_blocks_narrow_it() {
        let plain = paired_difference(&A, &B, 0.95).unwrap().interval;
        let one = paired_difference_in_blocks(&[(&A[..], &B[..])], 0.95).unwrap().interval;
        assert!((one.low - plain.low).abs() < 1e-12 && (one.high - plain.high).abs() < 1e-12);
        let three = paired_difference_in_blocks(&[(&A[..], &B[..]); 3], 0.95).unwrap().interval;
        assert!(three.low > plain.low && three.high < plain.high);
        assert_eq!(three.n, 15);
    }

    #[test]
    fn what_cannot_be_paired_says_why() {
        assert_eq!(paired_difference(&A, &B[1..], 0.95).unwrap_err().0, "5 values cannot be paired with 4");
        assert_eq!(
            paired_difference(&A[..1], &B[..1], 0.95).unwrap_err().0,
            "an interval needs at least 2 pairs, found 1"
        );
        assert!(paired_difference_in_blocks(&[], 0.95).is_err());
        let same = paired_difference(&A, &A, 0.95).unwrap().interval;
        assert_eq!(
            (same.low, same.high, same.note.as_deref()),
            (0.0, 0.0, Some("no variance between pairs"))
        );
    }
}
