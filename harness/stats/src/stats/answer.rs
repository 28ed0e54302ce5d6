//! From verdicts to the answer to a claim.

use super::studentised::Studentised;
use super::verdict::{Rule, Verdict};
use crate::metrics::Undefined;
use serde::Serialize;

/// What the evidence says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Answer {
    /// It holds.
    #[serde(rename = "supported")]
    Supported,
    /// The contrary holds.
    #[serde(rename = "refuted")]
    Refuted,
    /// Whatever the difference is, it lies inside the region of practical equivalence.
    #[serde(rename = "too small to matter")]
    TooSmall,
    /// None of them.
    #[serde(rename = "inconclusive")]
    Inconclusive,
}

impl From<Verdict> for Answer {
    /// To the claim that something is better.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Better => Self::Supported,
            Verdict::Worse => Self::Refuted,
            Verdict::Equivalent => Self::TooSmall,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }
}

impl Answer {
    /// All of them, the more decisive first.
    pub const ALL: [Self; 4] = [Self::Supported, Self::Refuted, Self::TooSmall, Self::Inconclusive];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::Refuted => "refuted",
            Self::TooSmall => "too small to matter",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Of a claim with several parts, all of which must hold: one that does not decides, what refutes before what is too small.
    pub fn of_all(parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        let decisive = [Self::Refuted, Self::TooSmall, Self::Inconclusive];
        let found = decisive.into_iter().find(|answer| parts.contains(answer));
        found.unwrap_or(if parts.is_empty() { Self::Inconclusive } else { Self::Supported })
    }
}

impl Rule {
    /// The answer to a claim of a gain of at least `by`: `over` is the gain less that, `adjusted` its p-value after Holm. With
    /// nothing claimed but a gain it is the verdict of the gain, in other words.
    pub fn answer(&self, gain: &Studentised, over: &Studentised, adjusted: Option<f64>) -> Answer {
        if gain == over {
            return Answer::from(self.verdict(gain, adjusted));
        }
        let alpha = 1.0 - self.level;
        match adjusted {
            Some(p) if p < alpha && over.mean > 0.0 => Answer::Supported,
            Some(p) if p < alpha && over.mean < 0.0 => Answer::Refuted,
            _ if self.is_equivalent(gain, alpha) => Answer::TooSmall,
            Some(_) | None => Answer::Inconclusive,
        }
    }

    /// Does a value lie at or above `least` and at or below `most`? By its interval; refuted at a level that allows for the `family`
    /// of parts.
    ///
    /// # Errors
    ///
    /// Why there is no answer: no interval.
    pub fn between(
        &self,
        found: &Studentised,
        least: Option<f64>,
        most: Option<f64>,
    ) -> Result<Answer, Undefined> {
        let (low, high) = found.interval(self.level)?;
        let (strict_low, strict_high) = found.interval(self.single_level())?;
        let inside = least.is_none_or(|least| low >= least) && most.is_none_or(|most| high <= most);
        let outside =
            least.is_some_and(|least| strict_high < least) || most.is_some_and(|most| strict_low > most);
        Ok(match (inside, outside) {
            (true, _) => Answer::Supported,
            (false, true) => Answer::Refuted,
            (false, false) => Answer::Inconclusive,
        })
    }

    /// Is a standard deviation at most `limit`? By its interval; refuted at a level that allows for the `family` of parts.
    ///
    /// # Errors
    ///
    /// Why there is no answer: fewer than two values.
    pub fn spread_at_most(&self, values: &[f64], limit: f64) -> Result<Answer, Undefined> {
        let (_, high) = super::spread_interval(values, self.level)?;
        let (low, _) = super::spread_interval(values, self.single_level())?;
        Ok(match (high <= limit, low > limit) {
            (true, _) => Answer::Supported,
            (false, true) => Answer::Refuted,
            (false, false) => Answer::Inconclusive,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Studentised;
    use super::*;

    const RULE: Rule = Rule { level: 0.95, power: 0.8, family: 1, margin: 0.0 };

    fn tested(mean: f64) -> Studentised {
        Studentised::new(mean, 1.0, 4.0)
    }

    fn answer(rule: &Rule, mean: f64, by: f64) -> Answer {
        let over = tested(mean - by);
        rule.answer(&tested(mean), &over, over.p_value(0.0).ok())
    }

    #[test]
    fn a_gain_supports_a_loss_refutes_and_noise_does_neither() {
        let found = [3.0, -3.0, 2.0, -2.0].map(|mean| answer(&RULE, mean, 0.0));
        let open = Answer::Inconclusive;
        assert_eq!(found, [Answer::Supported, Answer::Refuted, open, open]);
    }

    #[test]
    fn only_evidence_for_the_contrary_refutes() {
        // with four degrees of freedom 3.76 standard errors are found with probability .8
        let region = |margin| Rule { margin, ..RULE };
        assert_eq!(answer(&region(3.7), 0.1, 0.0), Answer::Inconclusive);
        assert_eq!(
            answer(&region(3.8), 0.1, 0.0),
            Answer::TooSmall,
            "not refuted: nothing says that it is a loss"
        );
        assert_eq!(answer(&region(3.8), 3.0, 0.0), Answer::Supported, "not certainly inside the region");
        assert_eq!(answer(&RULE, 1.0, 5.0), Answer::Refuted);
        assert_eq!(answer(&RULE, 8.0, 5.0), Answer::Supported);
        assert_eq!(answer(&RULE, 4.0, 5.0), Answer::Inconclusive);
    }

    #[test]
    fn values_are_judged_by_their_intervals() {
        // Four degrees of freedom: 2.78 standard errors to either side.
        let between = |mean, least, most| RULE.between(&tested(mean), least, most).unwrap();
        assert_eq!(between(5.0, Some(2.2), None), Answer::Supported);
        assert_eq!(between(5.0, Some(2.3), None), Answer::Inconclusive);
        assert_eq!(between(5.0, Some(7.8), None), Answer::Refuted);
        assert_eq!(between(5.0, Some(2.0), Some(8.0)), Answer::Supported);
        assert_eq!(between(5.0, Some(2.0), Some(7.0)), Answer::Inconclusive);
        assert_eq!(between(5.0, None, Some(2.0)), Answer::Refuted);
        let many = Rule { family: 10, ..RULE };
        assert_eq!(many.between(&tested(5.0), None, Some(2.0)), Ok(Answer::Inconclusive));
    }

    #[test]
    fn spreads_are_judged_by_their_intervals() {
        let values = [0.40, 0.42, 0.37, 0.41, 0.45]; // SD .029, interval .017 to .084
        let answer = |limit| RULE.spread_at_most(&values, limit).unwrap();
        assert_eq!(
            [0.09, 0.02, 0.01].map(answer),
            [Answer::Supported, Answer::Inconclusive, Answer::Refuted]
        );
        assert_eq!(RULE.spread_at_most(&[0.3; 5], 0.02), Ok(Answer::Supported));
        assert!(RULE.spread_at_most(&[0.3], 0.02).is_err());
    }

    #[test]
    fn all_parts_must_hold_and_one_refutes() {
        use Answer::{Inconclusive, Refuted, Supported, TooSmall};
        assert_eq!(Answer::of_all([Supported, Supported]), Supported);
        assert_eq!(Answer::of_all([Supported, Inconclusive, Supported]), Inconclusive);
        assert_eq!(Answer::of_all([Supported, TooSmall, Inconclusive]), TooSmall);
        assert_eq!(Answer::of_all([Inconclusive, Refuted, TooSmall]), Refuted);
        assert_eq!(Answer::of_all([]), Inconclusive);
    }
}
