//! The verdict of one comparison with what it rests on.

use valor_stats::stats::Verdict;

/// A verdict and what it rests on. Numbers are of the gain: positive is better.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The word.
    pub verdict: Verdict,
    /// Why nothing else could be said; nothing where a test was made.
    pub reason: Option<String>,
    /// What the interval holds: `seeds and test rows`, or `seeds`.
    pub over: &'static str,
    /// Two-sided p-value of no difference.
    pub p: Option<f64>,
    /// The same after Holm over the family.
    pub p_adjusted: Option<f64>,
    /// Whether the experiment declared this comparison as primary.
    pub declared: bool,
    /// Comparisons in its family.
    pub family: usize,
    /// Which family: `declared`, or what its comparisons have in common.
    pub family_name: String,
    /// Half width of the region of practical equivalence.
    pub margin: f64,
    /// p-value of two one-sided tests against that region.
    pub p_equivalence: Option<f64>,
    /// Probability that the method is better, under a flat prior.
    pub probability_better: Option<f64>,
    /// The smallest true difference that would be called better or worse in this family with probability .8.
    pub detectable: Option<f64>,
}

impl Decided {
    /// Of the same comparison, the other way round.
    pub fn reversed(&self) -> Self {
        let verdict = match self.verdict {
            Verdict::Better => Verdict::Worse,
            Verdict::Worse => Verdict::Better,
            Verdict::Equivalent => Verdict::Equivalent,
            Verdict::Inconclusive => Verdict::Inconclusive,
        };
        let probability_better = self.probability_better.map(|share| 1.0 - share);
        Self { verdict, probability_better, ..self.clone() }
    }
}
