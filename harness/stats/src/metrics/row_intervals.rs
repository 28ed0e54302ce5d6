//! Prediction intervals beside the rows that they speak of.

use super::ranking::Ranking;

/// Prediction intervals of rows, and the mean and standard deviation of their laws. Outcome units; one entry per row.
#[derive(Clone, Copy, Debug)]
pub struct RowIntervals<'a> {
    /// Probability that the law gives an interval, in (0, 1).
    pub level: f64,
    /// Lower ends.
    pub low: &'a [f64],
    /// Upper ends.
    pub high: &'a [f64],
    /// Means.
    pub mean: &'a [f64],
    /// Standard deviations.
    pub sd: &'a [f64],
}

/// The same by rank.
#[derive(Clone, Debug)]
pub(super) struct RankedIntervals {
    pub(super) level: f64,
    pub(super) low: Vec<f64>,
    pub(super) high: Vec<f64>,
    pub(super) mean: Vec<f64>,
    pub(super) sd: Vec<f64>,
}

impl RankedIntervals {
    /// The rows in the order of a ranking.
    pub(super) fn new(found: &RowIntervals, ranking: &Ranking) -> Self {
        Self {
            level: found.level,
            low: ranking.gather(found.low),
            high: ranking.gather(found.high),
            mean: ranking.gather(found.mean),
            sd: ranking.gather(found.sd),
        }
    }
}
