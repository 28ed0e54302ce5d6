//! Exact tests of paired differences by the signs that chance could have given them.

use crate::metrics::Undefined;
use rand::Rng;
use serde::{Deserialize, Serialize};
use valor_base::seed::Seeds;

/// Pairs whose signs are all listed; beyond, so many draws.
const LISTED: usize = 14;
const DRAWN: u64 = 20_000;

/// A test that flips the signs of paired differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignTest {
    /// Of the mean difference.
    SignFlip,
    /// Of the sum of signed ranks (Wilcoxon); ties share their ranks.
    Wilcoxon,
}

/// The smallest p-value that a two-sided test of this many pairs can give: `2 / 2^pairs`.
pub fn smallest_sign_p(pairs: usize) -> f64 {
    (2.0 * 0.5_f64.powi(pairs.min(1000) as i32)).min(1.0)
}

/// The fewest pairs with which such a test can reject at `alpha` in a family of so many comparisons.
pub fn pairs_for_signs(alpha: f64, family: usize) -> usize {
    (1..).find(|pairs| smallest_sign_p(*pairs) <= alpha / family.max(1) as f64).unwrap_or(usize::MAX)
}

/// The two-sided p-value of differences in blocks, each block counted once.
///
/// All `2^n` signs are listed for up to 14 pairs; of more 20,000 are drawn, always the same ones.
///
/// # Errors
///
/// Why there is none: no pairs.
pub fn sign_test(test: SignTest, blocks: &[Vec<f64>]) -> Result<f64, Undefined> {
    let weighted = |block: &Vec<f64>| {
        let count = block.len() as f64;
        block.iter().map(|difference| difference / count).collect::<Vec<_>>()
    };
    let weights: Vec<f64> = match test {
        SignTest::SignFlip => blocks.iter().flat_map(weighted).collect(),
        SignTest::Wilcoxon => signed_ranks(&blocks.concat()),
    };
    let n = weights.len();
    if n == 0 {
        return Err(Undefined("there are no pairs".to_string()));
    }
    let observed = weights.iter().sum::<f64>().abs();
    let bound = observed - 1e-12 * weights.iter().map(|weight| weight.abs()).sum::<f64>();
    let extreme = |negative: &dyn Fn(usize) -> bool| {
        let sum: f64 =
            weights.iter().enumerate().map(|(i, weight)| if negative(i) { -weight } else { *weight }).sum();
        sum.abs() >= bound
    };
    if n <= LISTED {
        let count = (0..1_u64 << n).filter(|signs| extreme(&|index| signs >> index & 1 == 1)).count();
        return Ok(count as f64 / (1_u64 << n) as f64);
    }
    let mut stream = Seeds::new(0).child("sign-test").stream();
    let mut drawn = 0_u64;
    for _ in 0..DRAWN {
        let signs: Vec<bool> = (0..n).map(|_| stream.random()).collect();
        drawn += u64::from(extreme(&|index| signs[index]));
    }
    Ok((drawn + 1) as f64 / (DRAWN + 1) as f64)
}

/// Ranks of absolute differences with the signs of the differences; zeros are left out.
fn signed_ranks(differences: &[f64]) -> Vec<f64> {
    let sizes: Vec<f64> = differences.iter().filter(|d| **d != 0.0).map(|d| d.abs()).collect();
    let rank = |size: f64| {
        let below = sizes.iter().filter(|other| **other < size).count() as f64;
        let same = sizes.iter().filter(|other| **other == size).count() as f64;
        below + (same + 1.0) / 2.0
    };
    differences.iter().filter(|d| **d != 0.0).map(|d| rank(d.abs()).copysign(*d)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_pairs_cannot_reach_the_level_and_six_can() {
        assert_eq!((smallest_sign_p(5), pairs_for_signs(0.05, 1)), (0.0625, 6));
        assert_eq!(pairs_for_signs(0.05, 20), 10);
        for test in [SignTest::SignFlip, SignTest::Wilcoxon] {
            assert_eq!(sign_test(test, &[vec![0.1, 0.2, 0.3, 0.4, 0.5]]), Ok(0.0625));
            assert_eq!(sign_test(test, &[vec![0.1, 0.2, 0.3], vec![0.4, 0.5, 0.6]]), Ok(0.03125));
            assert!(sign_test(test, &[]).is_err());
        }
        assert_eq!(sign_test(SignTest::SignFlip, &[vec![0.0; 4]]), Ok(1.0));
        assert!(sign_test(SignTest::Wilcoxon, &[vec![0.0; 4]]).is_err(), "zeros have no sign");
    }

    #[test]
    fn many_pairs_are_drawn_and_agree_with_the_listed_ones() {
        let differences: Vec<f64> = (0..14).map(|i| f64::from(i) - 4.5).collect();
        let listed = sign_test(SignTest::SignFlip, std::slice::from_ref(&differences)).unwrap();
        let mut longer = differences;
        longer.push(0.0);
        let drawn = sign_test(SignTest::SignFlip, &[longer]).unwrap();
        assert!((listed - drawn).abs() < 0.01, "{listed} {drawn}");
    }
}
