//! Differences between two methods on the same seeds, and on the same worlds.

use super::interval::{Estimate, Interval};
use super::studentised::Studentised;
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

/// The mean of the differences of pairs (the same seed).
///
/// # Errors
///
/// Why there is none: fewer than two pairs.
pub fn paired_interval(differences: &[f64], level: f64) -> Result<Contrast, Undefined> {
    let tested = Studentised::of(differences)?;
    contrast(&tested, differences, level, "Student t of paired differences")
}

/// The mean over blocks (worlds, backbones) of the mean of the differences of pairs: one slice per block.
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
/// Why there is none: no blocks, or a block with fewer than two pairs.
pub fn paired_difference_in_blocks(blocks: &[&[f64]], level: f64) -> Result<Contrast, Undefined> {
    let share = 1.0 / blocks.len() as f64;
    let parts =
        blocks.iter().map(|block| Ok((share, Studentised::of(block)?))).collect::<Result<Vec<_>, _>>()?;
    let tested = Studentised::sum(&parts)?;
    let method = format!("Student t (Satterthwaite) of paired differences within {} blocks", parts.len());
    contrast(&tested, &blocks.concat(), level, &method)
}

fn contrast(tested: &Studentised, pairs: &[f64], level: f64, method: &str) -> Result<Contrast, Undefined> {
    let whole = Estimate::of(pairs).ok_or_else(|| Undefined("there are no pairs".to_string()))?;
    let (low, high) = tested.interval(level)?;
    let note = (low == high).then(|| "no variance between pairs".to_string());
    let (method, over) = (method.to_string(), "pairs".to_string());
    let interval = Interval { low, high, level, method, over, n: whole.n, resamples: None, note };
    Ok(Contrast { difference: Estimate { mean: tested.mean, ..whole }, interval })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The differences of .41 .44 .40 .43 .42 and .38 .40 .39 .40 .37.
    const PAIRS: [f64; 5] = [0.03, 0.04, 0.01, 0.03, 0.05];

    #[test]
    fn a_paired_interval_is_that_of_scipy() {
        // scipy 1.17.1: stats.ttest_rel(a, b).confidence_interval(.95)
        let found = paired_interval(&PAIRS, 0.95).unwrap();
        assert!((found.difference.mean - 0.032).abs() < 1e-12);
        assert!((found.interval.low - 0.01358314667008018).abs() < 1e-9, "{}", found.interval.low);
        assert!((found.interval.high - 0.0504168533299198).abs() < 1e-9, "{}", found.interval.high);
    }

    #[test]
    fn one_block_is_the_plain_interval_and_equal_blocks_narrow_it() {
        let plain = paired_interval(&PAIRS, 0.95).unwrap().interval;
        let one = paired_difference_in_blocks(&[&PAIRS], 0.95).unwrap().interval;
        assert!((one.low - plain.low).abs() < 1e-12 && (one.high - plain.high).abs() < 1e-12);
        let three = paired_difference_in_blocks(&[&PAIRS[..]; 3], 0.95).unwrap().interval;
        assert!(three.low > plain.low && three.high < plain.high);
        assert_eq!(three.n, 15);
    }

    #[test]
    fn what_cannot_be_paired_says_why() {
        assert_eq!(
            paired_interval(&PAIRS[..1], 0.95).unwrap_err().0,
            "an interval needs at least 2 pairs, found 1"
        );
        assert!(paired_difference_in_blocks(&[], 0.95).is_err());
        assert!(paired_difference_in_blocks(&[&PAIRS, &PAIRS[..1]], 0.95).is_err());
        let same = paired_interval(&[0.0; 5], 0.95).unwrap().interval;
        assert_eq!(
            (same.low, same.high, same.note.as_deref()),
            (0.0, 0.0, Some("no variance between pairs"))
        );
    }
}
