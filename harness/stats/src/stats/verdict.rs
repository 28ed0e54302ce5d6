//! From a tested difference to a word.

use super::anytime::Looks;
use super::studentised::Studentised;
use serde::Serialize;

/// What a difference is called. Positive differences are gains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Above zero, after Holm.
    Better,
    /// Below zero, after Holm.
    Worse,
    /// Inside the region of practical equivalence, by a design that would have found its edge.
    Equivalent,
    /// None of them.
    Inconclusive,
}

impl Verdict {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What a verdict is held to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Coverage of intervals; tests reject at one minus it.
    pub level: f64,
    /// Share of repetitions in which a difference that matters must be found.
    pub power: f64,
    /// Comparisons in the family.
    pub family: usize,
    /// Half width of the region of practical equivalence; 0: nothing is called equivalent.
    pub margin: f64,
}

impl Rule {
    /// The level of a single comparison in a family: that of Holm's first step.
    pub fn single_level(&self) -> f64 {
        1.0 - (1.0 - self.level) / self.family.max(1) as f64
    }

    /// The word for a difference with this p-value after Holm. Equivalence stands before better and worse: a
    /// difference that is certain and certainly too small to matter is called equivalent.
    pub fn verdict(&self, tested: &Studentised, adjusted: Option<f64>) -> Verdict {
        let alpha = 1.0 - self.level;
        if self.is_equivalent(tested, alpha) {
            return Verdict::Equivalent;
        }
        match adjusted {
            Some(p) if p < alpha && tested.mean > 0.0 => Verdict::Better,
            Some(p) if p < alpha && tested.mean < 0.0 => Verdict::Worse,
            Some(_) | None => Verdict::Inconclusive,
        }
    }

    /// Whether a design would call its mean, were it the true one, too small to matter with the asked power.
    pub fn finds_equivalent(&self, design: &Studentised) -> bool {
        let alpha = 1.0 - self.level;
        let gap = self.margin - design.mean.abs();
        let level = match design.looks {
            Looks::Once => 1.0 - 2.0 * alpha,
            Looks::Every => self.level,
        };
        // Either side may fail.
        let power = f64::midpoint(1.0, self.power);
        gap > 0.0
            && design.power(gap, level).is_ok_and(|found| found >= power)
            && design.power(self.margin, self.single_level()).is_ok_and(|found| found >= self.power)
    }

    pub(super) fn is_equivalent(&self, tested: &Studentised, alpha: f64) -> bool {
        let small = || tested.equivalence(self.margin).is_ok_and(|p| p < alpha);
        let found = || tested.power(self.margin, self.single_level()).is_ok_and(|power| power >= self.power);
        self.margin > 0.0 && small() && found()
    }
}
