//! A row of the table: one method on one dataset.

use super::estimate::MetricEstimate;
use super::importance::ImportanceView;
use super::times::Times;
use serde::Serialize;
use std::collections::BTreeMap;
use valor_runs::record::{LastFinite, Measured};

/// How much of a cell was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellStatus {
    /// Every asked seed finished.
    Complete,
    /// Some did.
    Partial,
    /// None did, and at least one failed.
    Failed,
    /// Nothing is known of any.
    Missing,
}

/// Seeds of a cell. What is neither found nor failed is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedCounts {
    /// Finished: these and no others enter a mean.
    pub found: usize,
    /// Diverged or crashed.
    pub failed: usize,
    /// Of those, the ones that diverged.
    pub diverged: usize,
    /// Asked.
    pub asked: usize,
}

impl SeedCounts {
    /// The cell's status.
    pub fn status(self) -> CellStatus {
        match self {
            Self { found, asked, .. } if found == asked => CellStatus::Complete,
            Self { found: 0, failed: 0, .. } => CellStatus::Missing,
            Self { found: 0, .. } => CellStatus::Failed,
            Self { .. } => CellStatus::Partial,
        }
    }

    /// Of which nothing is known.
    pub fn missing(self) -> usize {
        self.asked.saturating_sub(self.found + self.failed)
    }

    /// `failed to converge`, with how many of how many unless it is all of them; nothing where none diverged.
    pub fn unconverged(self) -> Option<String> {
        match self.diverged {
            0 => None,
            all if all == self.asked => Some("failed to converge".to_string()),
            some => Some(format!("failed to converge: {some} of {}", self.asked)),
        }
    }
}

/// One method on one dataset.
#[derive(Clone, Debug)]
pub struct CellView {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// Method, as the experiment names it.
    pub method: String,
    /// `tarnet`, `t-learner`, ...
    pub backbone: String,
    /// Out of `ziln focal gti wr`.
    pub components: Vec<String>,
    /// How much was found.
    pub seeds: SeedCounts,
    /// Metric by name.
    pub metrics: BTreeMap<String, MetricEstimate>,
    /// Facts of the machine, by seed, of recorded runs.
    pub measured: BTreeMap<u64, Measured>,
    /// What features are worth to its trees, where that is recorded.
    pub importance: Option<ImportanceView>,
    /// What the method cost, if any run is recorded.
    pub times: Option<Times>,
}

/// A ranking that no method made, judged on the same rows.
#[derive(Clone, Debug)]
pub struct ReferenceView {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// `random`, `prognostic`, `log-ratio`, `oracle`, `prognostic (fitted)`.
    pub ranker: String,
    /// Metric by name.
    pub metrics: BTreeMap<String, MetricEstimate>,
}

/// A run without a result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailureView {
    /// Dataset, as the experiment names it.
    pub dataset: String,
    /// Method, as the experiment names it.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Its id.
    pub id: String,
    /// `diverged`, or the class of the crash.
    pub class: String,
    /// What happened.
    pub message: String,
    /// Epoch of a divergence, from 1.
    pub epoch: Option<usize>,
    /// Step of a divergence, from 1; 0 for a prediction after training.
    pub step: Option<usize>,
    /// What was not finite, where it is recorded.
    pub term: Option<String>,
    /// Losses of the last finite step, where there was one and it is recorded.
    pub last: Option<LastFinite>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_tells_partial_failed_and_missing_apart() {
        let status = |found, failed| SeedCounts { found, failed, diverged: 0, asked: 5 }.status();
        assert_eq!(status(5, 0), CellStatus::Complete);
        assert_eq!(status(4, 1), CellStatus::Partial);
        assert_eq!(status(4, 0), CellStatus::Partial);
        assert_eq!(status(0, 1), CellStatus::Failed);
        assert_eq!(status(0, 0), CellStatus::Missing);
    }

    #[test]
    fn crashes_and_missing_runs_are_no_failures_to_converge() {
        let text = |diverged| SeedCounts { found: 0, failed: 5, diverged, asked: 5 }.unconverged();
        assert_eq!(text(0), None);
        assert_eq!(text(2).as_deref(), Some("failed to converge: 2 of 5"));
        assert_eq!(text(5).as_deref(), Some("failed to converge"));
    }
}
