//! From tested differences to the answer to a claim.

use super::studentised::Studentised;
use crate::metrics::Undefined;
use serde::Serialize;

/// What the evidence says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It holds.
    Supported,
    /// It does not: the contrary holds, or a design that would have seen the claimed difference did not.
    Refuted,
    /// Neither.
    Inconclusive,
}

impl Answer {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Of a claim with several parts, all of which must hold. Parts are refuted at a level that allows for their number.
    pub fn of_all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = None;
        for part in parts {
            whole = match (whole, part) {
                (Some(Self::Refuted), _) | (_, Self::Refuted) => Some(Self::Refuted),
                (None | Some(Self::Supported), Self::Supported) => Some(Self::Supported),
                (_, Self::Supported | Self::Inconclusive) => Some(Self::Inconclusive),
            };
        }
        whole.unwrap_or(Self::Inconclusive)
    }
}

/// What an answer is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standard {
    /// Coverage of intervals; tests reject at one minus it.
    pub level: f64,
    /// Share of repetitions in which a claimed difference must be found before its absence says anything.
    pub power: f64,
    /// Parts of the claim, any of which refutes it.
    pub parts: usize,
}

/// A difference less what is claimed of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shortfall {
    /// The gain itself.
    pub gain: Studentised,
    /// The gain less the least claimed one.
    pub over_least: Studentised,
    /// The gain less the difference whose absence refutes: the least claimed one, or the edge of practical equivalence.
    pub over_target: Studentised,
    /// That difference, in units of the metric; 0: absence refutes nothing.
    pub target: f64,
}

impl Standard {
    fn alpha(&self) -> f64 {
        1.0 - self.level
    }

    fn alpha_of_a_part(&self) -> f64 {
        self.alpha() / self.parts.max(1) as f64
    }

    /// Whether a mean is certainly below zero: one part of several that would refute a claim.
    fn below(&self, tested: &Studentised) -> bool {
        tested.mean < 0.0 && tested.p_value(0.0).is_ok_and(|p| p < self.alpha_of_a_part())
    }

    /// Whether a mean is certainly above zero.
    fn above(&self, tested: &Studentised) -> bool {
        tested.mean > 0.0 && tested.p_value(0.0).is_ok_and(|p| p < self.alpha())
    }

    /// Is the gain at least what is claimed? Refuted if it is certainly a loss, or certainly short of the target by a
    /// design that finds the target with the asked power.
    pub fn at_least(&self, found: &Shortfall) -> Answer {
        if self.above(&found.over_least) {
            return Answer::Supported;
        }
        let seen = found.gain.detectable(1.0 - self.alpha_of_a_part(), self.power);
        let powered = found.target > 0.0 && seen.is_ok_and(|detectable| detectable <= found.target);
        let absent = powered && self.below(&found.over_target);
        if self.below(&found.gain) || absent { Answer::Refuted } else { Answer::Inconclusive }
    }

    /// Is the gain between two bounds? Supported by two one-sided tests, refuted if certainly outside.
    pub fn between(&self, over_least: &Studentised, over_most: &Studentised) -> Answer {
        let one_sided = |tested: &Studentised, sign: f64| {
            let turned = if sign < 0.0 { tested.negative() } else { *tested };
            turned.probability_above(0.0).is_ok_and(|probability| 1.0 - probability < self.alpha())
        };
        if one_sided(over_least, 1.0) && one_sided(over_most, -1.0) {
            return Answer::Supported;
        }
        if self.below(over_least) || self.below(&over_most.negative()) {
            Answer::Refuted
        } else {
            Answer::Inconclusive
        }
    }

    /// Is the mean above zero? Refuted if it is certainly below; `tries` differences were looked at to find this one.
    pub fn positive(&self, tested: &Studentised, tries: usize) -> Answer {
        let stricter = Self { level: 1.0 - self.alpha() / tries.max(1) as f64, ..*self };
        match (stricter.above(tested), stricter.below(tested)) {
            (true, _) => Answer::Supported,
            (false, true) => Answer::Refuted,
            (false, false) => Answer::Inconclusive,
        }
    }

    /// Is a standard deviation at most `limit`? By its interval.
    ///
    /// # Errors
    ///
    /// Why there is no answer: fewer than two values.
    pub fn spread_at_most(&self, values: &[f64], limit: f64) -> Result<Answer, Undefined> {
        let (_, high) = super::spread_interval(values, self.level)?;
        let (low, _) = super::spread_interval(values, 1.0 - self.alpha_of_a_part())?;
        Ok(match (high <= limit, low > limit) {
            (true, _) => Answer::Supported,
            (false, true) => Answer::Refuted,
            (false, false) => Answer::Inconclusive,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANDARD: Standard = Standard { level: 0.95, power: 0.8, parts: 1 };

    fn tested(mean: f64) -> Studentised {
        Studentised::new(mean, 1.0, 4.0)
    }

    fn answer(mean: f64, least: f64, target: f64) -> Answer {
        let (over_least, over_target) = (tested(mean - least), tested(mean - target));
        STANDARD.at_least(&Shortfall { gain: tested(mean), over_least, over_target, target })
    }

    #[test]
    fn a_gain_supports_a_loss_refutes_and_noise_does_neither() {
        assert_eq!(answer(3.0, 0.0, 0.0), Answer::Supported);
        assert_eq!(answer(-3.0, 0.0, 0.0), Answer::Refuted);
        assert_eq!(answer(2.0, 0.0, 0.0), Answer::Inconclusive);
        assert_eq!(answer(-2.0, 0.0, 0.0), Answer::Inconclusive);
    }

    #[test]
    fn absence_refutes_only_where_the_difference_would_have_been_found() {
        // with four degrees of freedom 3.76 standard errors are found with probability .8
        assert_eq!(answer(0.0, 0.0, 3.7), Answer::Inconclusive);
        assert_eq!(answer(0.0, 0.0, 3.8), Answer::Refuted);
        assert_eq!(answer(1.5, 0.0, 3.8), Answer::Inconclusive, "not certainly short of it");
        assert_eq!(answer(1.0, 5.0, 5.0), Answer::Refuted);
        assert_eq!(answer(8.0, 5.0, 5.0), Answer::Supported);
        let several = Standard { parts: 6, ..STANDARD };
        let found =
            Shortfall { gain: tested(0.0), over_least: tested(0.0), over_target: tested(-3.8), target: 3.8 };
        assert_eq!(several.at_least(&found), Answer::Inconclusive, "one of six parts needs more");
    }

    #[test]
    fn a_range_needs_both_ends() {
        assert_eq!(STANDARD.between(&tested(2.5), &tested(-2.5)), Answer::Supported);
        assert_eq!(STANDARD.between(&tested(2.5), &tested(-1.0)), Answer::Inconclusive);
        assert_eq!(STANDARD.between(&tested(-3.0), &tested(-9.0)), Answer::Refuted);
        assert_eq!(STANDARD.between(&tested(9.0), &tested(3.0)), Answer::Refuted);
    }

    #[test]
    fn the_best_of_many_is_held_to_more() {
        assert_eq!(STANDARD.positive(&tested(3.0), 1), Answer::Supported);
        assert_eq!(STANDARD.positive(&tested(3.0), 6), Answer::Inconclusive);
        assert_eq!(STANDARD.positive(&tested(-3.0), 1), Answer::Refuted);
        assert_eq!(STANDARD.positive(&Studentised::new(1.0, 0.0, 4.0), 1), Answer::Inconclusive);
    }

    #[test]
    fn spreads_are_judged_by_their_intervals() {
        let values = [0.40, 0.42, 0.37, 0.41, 0.45]; // SD .029, interval .017 to .084
        let answer = |limit| STANDARD.spread_at_most(&values, limit).unwrap();
        assert_eq!(
            [0.09, 0.02, 0.01].map(answer),
            [Answer::Supported, Answer::Inconclusive, Answer::Refuted]
        );
        assert_eq!(STANDARD.spread_at_most(&[0.3; 5], 0.02), Ok(Answer::Supported));
        assert!(STANDARD.spread_at_most(&[0.3], 0.02).is_err());
    }

    #[test]
    fn all_parts_must_hold_and_one_refutes() {
        use Answer::{Inconclusive, Refuted, Supported};
        assert_eq!(Answer::of_all([Supported, Supported]), Supported);
        assert_eq!(Answer::of_all([Supported, Inconclusive, Supported]), Inconclusive);
        assert_eq!(Answer::of_all([Inconclusive, Refuted, Supported]), Refuted);
        assert_eq!(Answer::of_all([]), Inconclusive);
    }
}
