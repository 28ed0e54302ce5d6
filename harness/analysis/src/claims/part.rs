//! One comparison of a claim.

use super::needed::Needed;
use crate::linear_contrast::Tested;
use serde::Serialize;
use valor_stats::stats::Answer;

/// What a claim rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// What is compared.
    pub what: String,
    /// What the evidence says of this part alone.
    pub verdict: Answer,
    /// The difference in units of the metric, the sign as the metric has it; or the standard deviation.
    pub value: Option<f64>,
    /// The 95 % interval of that.
    pub interval: Option<[f64; 2]>,
    /// What varies in it: `seeds and test rows`, or `seeds`.
    pub over: &'static str,
    /// Two-sided p-value of what the part tests; nothing where an interval decides.
    pub p: Option<f64>,
    /// The same after Holm over its family: what the answer rests on.
    pub p_adjusted: Option<f64>,
    /// Which family, and how many comparisons it has.
    pub family: Option<(String, usize)>,
    /// The difference relative to the mean of what is compared with.
    pub relative: Option<f64>,
    /// Pairs of seeds, or seeds.
    pub pairs: usize,
    /// The smallest true difference that such a design finds with probability .8.
    pub detectable: Option<f64>,
    /// Why there is no test.
    pub reason: Option<String>,
    /// What would decide it.
    #[serde(skip)]
    pub needed: Option<Needed>,
    /// How far what was found is from what is claimed.
    #[serde(skip)]
    pub(super) distance: Option<f64>,
    /// What test rows do to it.
    #[serde(skip)]
    pub(super) rows: Option<PartRows>,
}

/// The part of test rows in a part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PartRows {
    /// Variance that they add.
    pub variance: f64,
    /// Rows of a dataset, on average.
    pub of_a_dataset: usize,
}

impl PartRows {
    /// Nothing where rows have no part in it.
    pub(super) fn of(tested: &Tested) -> Option<Self> {
        let variance = tested.rows.as_ref().ok().copied()?;
        Some(Self { variance, of_a_dataset: tested.rows_of_a_dataset()? })
    }
}

impl Part {
    /// Without a test, and why.
    pub fn untested(what: String, reason: String) -> Self {
        Self {
            what,
            verdict: Answer::Inconclusive,
            value: None,
            interval: None,
            over: "seeds",
            p: None,
            p_adjusted: None,
            family: None,
            relative: None,
            pairs: 0,
            detectable: None,
            reason: Some(reason),
            needed: None,
            distance: None,
            rows: None,
        }
    }
}
